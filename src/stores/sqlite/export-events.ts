import type { DatabaseSync } from 'node:sqlite';
import { withoutSecrets } from '../without-secrets.ts';

/** Characters that are handed over at a time; an event has some 5,000. */
const CHUNK = 65_536;

const EVENTS = `
  SELECT e.sequence, a.id AS authorization_id, e.number, e.at_ms, e.actor, e.kind, e.data, e.answer_status,
    e.answer_body, e.hash
  FROM events AS e JOIN authorizations AS a ON a.sequence = e.authorization
  ORDER BY e.sequence`;

interface EventRow {
  readonly sequence: number;
  readonly authorization_id: string;
  readonly number: number;
  readonly at_ms: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: string;
  readonly answer_status: number | null;
  readonly answer_body: string | null;
  readonly hash: string | null;
}

/**
 * Every event as a line of JSON, oldest first, some at a time, within one view of the journal. Tokens, keys and card
 * numbers are left out, so that `hash`, which is over all of it, tells which event it is, and cannot be made again.
 * @throws errors of SQLite
 */
export function* exportEvents(database: DatabaseSync): Generator<string, void, undefined> {
  let lines = '';
  for (const row of database.prepare(EVENTS).iterate()) {
    lines += `${lineOf(row as unknown as EventRow)}\n`;
    if (lines.length < CHUNK) continue;
    yield lines;
    lines = '';
  }
  if (lines !== '') yield lines;
}

function lineOf(row: EventRow): string {
  const { answer_status: status, answer_body: body } = row;
  return JSON.stringify({
    sequence: row.sequence,
    authorization: row.authorization_id,
    number: row.number,
    at: new Date(row.at_ms).toISOString(),
    actor: withoutSecrets(row.actor),
    kind: row.kind,
    data: readable(row.data),
    answer: status === null || body === null ? null : { status, body: readable(body) },
    hash: row.hash,
  });
}

/** What is no JSON is told as such, and does not end the export. */
function readable(json: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { unreadable: true };
  }
  return withoutSecrets(value);
}
