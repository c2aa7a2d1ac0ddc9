import { RESTORE, type Report } from './finding.ts';
import { BEFORE_ALL, type JournalView } from './journal-view.ts';
import { authorizationFindings, type StoredAuthorization } from './verify-authorization.ts';
import { verifyDecisions } from './verify-decisions.ts';
import { type EventCounts, firstHashedEvent, verifyEvents } from './verify-events.ts';

export interface JournalCounts extends EventCounts {
  readonly authorizations: number;
}

const NOTHING: EventCounts = { events: 0, purged: 0, seals: 0, newestSeal: null, unsealed: 0 };
/** Authorizations, or texts, that are read at a time. */
const PAGE = 100;

/** Of the authorizations from one sequence to another. */
const under = (columns: string, table: string, order: string) =>
  `SELECT ${columns} FROM ${table} WHERE "authorization" >= ?1 AND "authorization" <= ?2 ORDER BY ${order}`;
const SQL = {
  authorizations: 'SELECT * FROM authorizations WHERE sequence > ?1 ORDER BY sequence LIMIT ?2',
  events: under('*', 'events', '"authorization", number'),
  attempts: under('*', 'attempts', '"authorization", number'),
  operations: under('*', 'operations', '"authorization", number'),
  claims: under('"authorization", account, merchant, operation_number', 'claims', '"authorization"'),
  work: under('"authorization"', 'work', '"authorization"'),
  cardKeys: 'SELECT 1 AS found FROM attempts WHERE card_key IS NOT NULL LIMIT 1',
  secret: "SELECT 1 AS found FROM secrets WHERE name = 'keyed_hashes'",
} as const;

/** Columns of JSON beside the authorizations. */
const TEXTS = [
  { table: 'notices', key: 'sequence', column: 'data' },
  { table: 'rulesets', key: 'number', column: 'files' },
] as const;
/** Tables to which rows are only added, numbered without gaps; the last one by every engine. */
const NUMBERED = [
  { table: 'rulesets', key: 'number' },
  { table: 'overrides', key: 'sequence' },
  { table: 'ruleset_activations', key: 'sequence' },
] as const;

/**
 * Looks through a whole journal, within one view of it: what its engine can tell, events and seals, and each authorization
 * against its events. Needs little memory, whatever the size.
 * @throws JournalError when it is no journal of this version; errors of the engine when it is in use or cannot be reached
 */
export async function verifyJournal(view: JournalView, report: Report): Promise<JournalCounts> {
  /** What cannot be read further is a finding as well. */
  const guarded = async <Result extends object | number | null>(
    where: string,
    check: () => Promise<Result>,
  ): Promise<Result | null> => {
    const done = await view.guarded(check);
    if (done === null || typeof done !== 'object' || !('unreadable' in done)) return done as Result;
    report({ where, what: `cannot be read to the end: ${done.unreadable}`, remedy: RESTORE });
    return null;
  };
  for (const { where, check } of view.checks) {
    await guarded(where, async () => {
      await check(report);
      return null;
    });
  }
  const events = (await guarded('the events', () => verifyEvents(view, report))) ?? NOTHING;
  const authorizations = (await guarded('the authorizations', () => checkAuthorizations(view, report))) ?? 0;
  await guarded('the decisions', async () => {
    await verifyDecisions(view, report);
    return null;
  });
  await guarded('what is kept beside them', async () => {
    await checkOthers(view, report);
    return null;
  });
  return { ...events, authorizations };
}

/** A row that stands under an authorization. */
interface Under {
  readonly authorization: number;
}

async function checkAuthorizations(view: JournalView, report: Report): Promise<number> {
  const firstEvent = await firstHashedEvent(view);
  let count = 0;
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await view.all<StoredAuthorization['row']>(SQL.authorizations, after, PAGE);
    const [first, last] = [rows.at(0), rows.at(-1)];
    if (first === undefined || last === undefined) return count;
    const read = async <Row>(sql: string): Promise<ReadonlyMap<number, readonly Row[]>> => {
      const found = await view.all<Row & Under>(sql, first.sequence, last.sequence);
      return Map.groupBy(found, ({ authorization }) => authorization);
    };
    const events = await read<StoredAuthorization['events'][number]>(SQL.events);
    const attempts = await read<StoredAuthorization['attempts'][number]>(SQL.attempts);
    const operations = await read<StoredAuthorization['operations'][number]>(SQL.operations);
    const claims = await read<StoredAuthorization['claims'][number]>(SQL.claims);
    const work = await read<Under>(SQL.work);
    for (const row of rows) {
      count += 1;
      const stored: StoredAuthorization = {
        row,
        events: events.get(row.sequence) ?? [],
        attempts: attempts.get(row.sequence) ?? [],
        operations: operations.get(row.sequence) ?? [],
        claims: claims.get(row.sequence) ?? [],
        hasWork: work.has(row.sequence),
      };
      for (const finding of authorizationFindings(stored, firstEvent)) report(finding);
    }
    if (rows.length < PAGE) return count;
    after = last.sequence;
  }
}

async function checkOthers(view: JournalView, report: Report): Promise<void> {
  for (const { table, key, column } of TEXTS) {
    const sql = `SELECT ${key} AS row_key, ${column} AS text FROM ${table} WHERE ${key} > ?1 ORDER BY ${key} LIMIT ?2`;
    for (let after: number = BEFORE_ALL; ; ) {
      const rows = await view.all<{ readonly row_key: number; readonly text: string }>(sql, after, PAGE);
      for (const { row_key: row, text } of rows) {
        if (!isJson(text)) report({ where: `${table}, row ${row}`, what: 'cannot be read', remedy: RESTORE });
        after = row;
      }
      if (rows.length < PAGE) break;
    }
  }
  for (const { table, key } of view.isGapless ? NUMBERED : NUMBERED.slice(-1)) {
    const gaps = await view.all<{ readonly row_key: number }>(
      `SELECT ${key} AS row_key FROM ${table} AS t
       WHERE ${key} > 1 AND NOT EXISTS (SELECT 1 FROM ${table} WHERE ${key} = t.${key} - 1)`,
    );
    for (const { row_key: row } of gaps) {
      report({ where: `${table}, row ${row - 1}`, what: 'is missing', remedy: RESTORE });
    }
  }
  const [cardKeys, secret] = [await view.all(SQL.cardKeys), await view.all(SQL.secret)];
  if (cardKeys.length > 0 && secret.length === 0) {
    const what = 'the secret of the keyed hashes is gone: attempts are no longer counted per card';
    report({ where: 'secrets', what, remedy: RESTORE });
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
