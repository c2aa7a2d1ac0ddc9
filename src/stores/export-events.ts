import type { WholeEventRow } from './journal-rows.ts';
import type { JournalView } from './verify/journal-view.ts';
import { withoutSecrets } from './without-secrets.ts';

/** Characters that are handed over at a time; an event has some 5,000. */
const CHUNK = 65_536;

const EVENTS = `
  SELECT e.sequence, a.id AS authorization_id, e.number, e.at_ms, e.actor, e.kind, e.data, e.answer_status,
    e.answer_body, e.hash
  FROM events AS e JOIN authorizations AS a ON a.sequence = e."authorization"
  WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2`;
/** Events that are read at a time: few enough that the largest that a provider makes, 50 kB and more, take little memory. */
const PAGE = 50;

interface ExportedRow extends WholeEventRow {
  readonly authorization_id: string;
}

/**
 * Every event as a line of JSON, oldest first, some at a time, within one view of the journal. Tokens, keys and card
 * numbers are left out, so that `hash`, which is over all of it, tells which event it is, and cannot be made again.
 * @throws errors of the engine
 */
export async function* exportEvents(view: Pick<JournalView, 'all'>): AsyncGenerator<string, void, undefined> {
  let lines = '';
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await view.all<ExportedRow>(EVENTS, after, PAGE);
    for (const row of rows) {
      after = row.sequence;
      lines += `${lineOf(row)}\n`;
      if (lines.length < CHUNK) continue;
      yield lines;
      lines = '';
    }
    if (rows.length < PAGE) break;
  }
  if (lines !== '') yield lines;
}

function lineOf(row: ExportedRow): string {
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
