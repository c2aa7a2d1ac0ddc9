import type { DatabaseSync } from 'node:sqlite';
import { withoutSecrets } from '../without-secrets.ts';
import { Statements } from './statements.ts';

/** Events that are read at a time: with their answers some 5 kB each. */
const PAGE = 200;

const EVENTS = `
  SELECT e.sequence, a.id AS authorization_id, e.number, e.at_ms, e.actor, e.kind, e.data, e.answer_status,
    e.answer_body, e.hash
  FROM events AS e JOIN authorizations AS a ON a.sequence = e.authorization
  WHERE e.sequence > ? ORDER BY e.sequence LIMIT ${PAGE}`;

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
 * Every event as a line of JSON, oldest first, a page at a time, within one view of the journal. Tokens, keys and card
 * numbers are left out, so that `hash`, which is over all of it, tells which event it is, and cannot be made again.
 */
export function* exportEvents(database: DatabaseSync): Generator<string, void, undefined> {
  database.exec('BEGIN');
  const statements = new Statements(database);
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = statements.all<EventRow>(EVENTS, after);
    if (rows.length > 0) yield `${rows.map(lineOf).join('\n')}\n`;
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.sequence ?? after;
  }
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
