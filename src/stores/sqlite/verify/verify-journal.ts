import type { DatabaseSync } from 'node:sqlite';
import { isDamage, isOtherSchema, messageOf } from '../database-files.ts';
import { Statements } from '../statements.ts';
import { type Finding, RESTORE, type Report } from './finding.ts';
import { authorizationFindings, type StoredAuthorization } from './verify-authorization.ts';
import { verifyDecisions } from './verify-decisions.ts';
import { type EventCounts, type LoggedSeal, verifyEvents, verifyLoggedSeal } from './verify-events.ts';
import { verifySchema } from './verify-schema.ts';

export interface JournalCounts extends EventCounts {
  readonly authorizations: number;
  /** Seals of the log that were compared. */
  readonly loggedSeals: number;
}

const NOTHING: EventCounts = { events: 0, purged: 0, seals: 0, newestSeal: null, unsealed: 0 };
/** Authorizations that are read at a time. */
const PAGE = 200;

const SQL = {
  authorizations: 'SELECT * FROM authorizations WHERE sequence > ? ORDER BY sequence LIMIT ?',
  events: 'SELECT * FROM events WHERE authorization = ? ORDER BY number',
  attempts: 'SELECT * FROM attempts WHERE authorization = ? ORDER BY number',
  operations: 'SELECT * FROM operations WHERE authorization = ? ORDER BY number',
  claims: 'SELECT account, merchant, operation_number FROM claims WHERE authorization = ?',
  work: 'SELECT 1 FROM work WHERE authorization = ?',
  first: 'SELECT first_event FROM hash_chain WHERE id = 1',
  cardKeys: 'SELECT 1 FROM attempts WHERE card_key IS NOT NULL LIMIT 1',
  secret: "SELECT 1 FROM secrets WHERE name = 'keyed_hashes'",
} as const;

/** Columns of JSON beside the authorizations. */
const TEXTS = [
  { table: 'notices', key: 'sequence', column: 'data' },
  { table: 'rulesets', key: 'number', column: 'files' },
] as const;
/** Tables to which rows are only added, numbered without gaps. */
const NUMBERED = [
  { table: 'rulesets', key: 'number' },
  { table: 'ruleset_activations', key: 'sequence' },
  { table: 'overrides', key: 'sequence' },
] as const;

/**
 * Looks through a whole journal, within one view of it: file, schema, events and seals, and each authorization against
 * its events. Needs little memory, whatever the size.
 * @param logged seals as the gateway's log told them
 * @throws JournalError when it is no journal of this version; errors of SQLite when it is in use
 */
export async function verifyJournal(
  database: DatabaseSync,
  report: Report,
  logged: AsyncIterable<LoggedSeal> | Iterable<LoggedSeal> = [],
): Promise<JournalCounts> {
  database.exec('BEGIN');
  const statements = new Statements(database);
  const guarded = guardedBy(report);
  guarded('the schema', () => verifySchema(database, report));
  guarded('the file', () => checkFile(statements, report));
  const events = guarded('the events', () => verifyEvents(statements, report)) ?? NOTHING;
  const authorizations = guarded('the authorizations', () => checkAuthorizations(statements, report)) ?? 0;
  guarded('the decisions', () => verifyDecisions(statements, report));
  guarded('what is kept beside them', () => checkOthers(statements, report));
  let loggedSeals = 0;
  for await (const seal of logged) {
    loggedSeals += 1;
    guarded('the seals', () => verifyLoggedSeal(statements, seal, report));
  }
  return { ...events, authorizations, loggedSeals };
}

/** What cannot be read further, because a page is damaged or a column is gone, is a finding as well. */
function guardedBy(report: Report) {
  return <Result>(where: string, check: () => Result): Result | null => {
    try {
      return check();
    } catch (error) {
      // A number that no JavaScript number can be was not written by us.
      const isForeign = (error as { readonly code?: unknown }).code === 'ERR_OUT_OF_RANGE';
      if (!isDamage(error) && !isOtherSchema(error) && !isForeign) throw error;
      const what = isDamage(error)
        ? 'a page is damaged'
        : isForeign
          ? 'a number is out of range'
          : 'a part of the schema is not as it was';
      report({ where, what: `cannot be read to the end: ${what} (${messageOf(error)})`, remedy: RESTORE });
      return null;
    }
  };
}

function checkFile(statements: Statements, report: Report): void {
  for (const { integrity_check: found } of statements.all<{ readonly integrity_check: string }>(
    'PRAGMA integrity_check(100)',
  )) {
    if (found === 'ok') continue;
    const what = found.replaceAll(/\s+/g, ' ');
    report({
      where: 'the file',
      what: `is damaged, or was written past its rules: ${what}`,
      remedy: RESTORE,
    });
  }
  interface Row {
    readonly table: string;
    readonly rowid: number | null;
    readonly parent: string;
  }
  for (const { table, rowid, parent } of statements.all<Row>('PRAGMA foreign_key_check')) {
    const where = rowid === null ? table : `${table}, row ${rowid}`;
    report({ where, what: `refers to something in ${parent} that is not there`, remedy: RESTORE });
  }
}

function checkAuthorizations(statements: Statements, report: Report): number {
  const firstEvent = statements.one<{ readonly first_event: number }>(SQL.first)?.first_event ?? 1;
  let count = 0;
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = statements.all<StoredAuthorization['row']>(SQL.authorizations, after, PAGE);
    for (const row of rows) {
      after = row.sequence;
      count += 1;
      for (const finding of findingsOf(statements, row, firstEvent)) report(finding);
    }
    if (rows.length < PAGE) return count;
  }
}

function findingsOf(
  statements: Statements,
  row: StoredAuthorization['row'],
  firstEvent: number,
): readonly Finding[] {
  const stored: StoredAuthorization = {
    row,
    events: statements.all(SQL.events, row.sequence),
    attempts: statements.all(SQL.attempts, row.sequence),
    operations: statements.all(SQL.operations, row.sequence),
    claims: statements.all(SQL.claims, row.sequence),
    hasWork: statements.one(SQL.work, row.sequence) !== null,
  };
  return authorizationFindings(stored, firstEvent);
}

function checkOthers(statements: Statements, report: Report): void {
  for (const { table, key, column } of TEXTS) {
    const bad = statements.prepare(`SELECT ${key} AS row FROM ${table} WHERE NOT json_valid(${column})`);
    for (const { row } of bad.iterate()) {
      report({ where: `${table}, row ${row}`, what: 'cannot be read', remedy: RESTORE });
    }
  }
  for (const { table, key } of NUMBERED) {
    const gaps = statements.prepare(
      `SELECT ${key} AS row FROM ${table} AS t
       WHERE ${key} > 1 AND NOT EXISTS (SELECT 1 FROM ${table} WHERE ${key} = t.${key} - 1)`,
    );
    for (const { row } of gaps.iterate()) {
      report({ where: `${table}, row ${Number(row) - 1}`, what: 'is missing', remedy: RESTORE });
    }
  }
  if (statements.one(SQL.cardKeys) !== null && statements.one(SQL.secret) === null) {
    const what = 'the secret of the keyed hashes is gone: attempts are no longer counted per card';
    report({ where: 'secrets', what, remedy: RESTORE });
  }
}
