import { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../../gateway/ports.ts';
import { RESTORE, type Report } from '../verify/finding.ts';
import { migrate } from './migrate.ts';

/** Tables whose rows are rules: what may follow what, and what it means. */
const RULE_TABLES = ['schema_migrations', 'authorization_statuses', 'status_transitions', 'outcome_kinds'];
/** Tables that have exactly one row. */
const SINGLE_ROWS = ['hash_chain', 'pings'];

/**
 * Compares tables, indexes and triggers with those that this version makes, and the rows that are rules.
 * @throws JournalError for a journal of another version, which this one cannot judge
 */
export function verifySchema(database: DatabaseSync, report: Report): void {
  const pattern = new DatabaseSync(':memory:');
  try {
    migrate(pattern);
    checkVersion(versionOf(database), versionOf(pattern));
    compareParts(partsOf(pattern), partsOf(database), report);
    for (const { name, sql } of tablesOf(pattern)) checkRows(String(name), String(sql), database, report);
    for (const table of RULE_TABLES) compareRows(table, pattern, database, report);
    for (const table of SINGLE_ROWS) {
      const count = rowsOf(database, table)?.length ?? 1;
      if (count === 1) continue;
      report({ where: table, what: `has ${count} rows; expected 1`, remedy: RESTORE });
    }
  } finally {
    pattern.close();
  }
}

function versionOf(database: DatabaseSync): number {
  const rows = rowsOf(database, 'schema_migrations');
  if (rows === null) throw new JournalError('is a SQLite database, but no journal');
  return rows.reduce((newest, row) => Math.max(newest, Number((JSON.parse(row) as unknown[])[0])), 0);
}

function checkVersion(found: number, known: number): void {
  if (found === known) return;
  throw new JournalError(
    `has schema ${found}, this version knows ${known}: verify it with the version that wrote it` +
      (found < known ? ', or start this version on a copy once, which brings it up to date' : ''),
  );
}

/** SQL by kind and name. What SQLite makes by itself has none. */
function partsOf(database: DatabaseSync): ReadonlyMap<string, string> {
  const rows = database
    .prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")
    .all();
  return new Map(
    rows.map(({ type, name, tbl_name: table, sql }) => [
      `${type} ${name}`,
      // Versions of SQLite differ in how they quote the name of a table that was renamed.
      `${table}: ${String(sql ?? '')
        .replaceAll(/\s+/g, ' ')
        .replaceAll('"', '')}`,
    ]),
  );
}

function compareParts(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
  report: Report,
): void {
  const remedy = `nothing kept this rule meanwhile: look at the other findings, and ${RESTORE}`;
  for (const [name, sql] of expected) {
    const other = found.get(name);
    if (other === undefined) report({ where: name, what: 'was removed', remedy });
    else if (other !== sql) report({ where: name, what: 'was changed', remedy });
  }
  for (const name of found.keys()) {
    if (expected.has(name)) continue;
    report({
      where: name,
      what: 'is no part of a journal',
      remedy: `find out who made it; stop the gateway and drop it, or ${RESTORE}`,
    });
  }
}

function compareRows(table: string, pattern: DatabaseSync, database: DatabaseSync, report: Report): void {
  const found = rowsOf(database, table);
  // That the table is gone is told already.
  if (found === null) return;
  const expected = rowsOf(pattern, table) ?? [];
  for (const row of expected) {
    if (!found.includes(row)) report({ where: table, what: `its row ${row} is gone`, remedy: RESTORE });
  }
  for (const row of found) {
    if (!expected.includes(row))
      report({ where: table, what: `has a row ${row} of its own`, remedy: RESTORE });
  }
}

function tablesOf(database: DatabaseSync) {
  return database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL")
    .all();
}

/** What SQLite checks when it writes can be switched off; and it does not find all of it afterwards. */
function checkRows(table: string, sql: string, database: DatabaseSync, report: Report): void {
  const checks = checksIn(sql);
  if (checks.length === 0 || !hasTable(database, table)) return;
  const columns = checks.map((check, index) => `count(*) FILTER (WHERE NOT (${check})) AS c${index}`);
  const broken = database.prepare(`SELECT ${columns.join()} FROM ${table}`).get() ?? {};
  for (const [index, check] of checks.entries()) {
    const count = Number(broken[`c${index}`]);
    if (count === 0) continue;
    const where = `${table}, ${count} row${count === 1 ? '' : 's'}`;
    report({ where, what: `break its rule ${check}`, remedy: RESTORE });
  }
}

function hasTable(database: DatabaseSync, table: string): boolean {
  const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table);
  return found !== undefined;
}

/** The conditions of `CHECK (…)` in the SQL of a table. */
function checksIn(sql: string): readonly string[] {
  const plain = sql.replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ');
  return [...plain.matchAll(/CHECK \(/g)].map((match) => {
    const from = match.index + match[0].length;
    let to = from;
    for (let depth = 1; depth > 0 && to < plain.length; to += 1) {
      if (plain[to] === '(') depth += 1;
      else if (plain[to] === ')') depth -= 1;
    }
    return plain.slice(from, to - 1);
  });
}

/** Every row as JSON; null when there is no such table. */
function rowsOf(database: DatabaseSync, table: string): readonly string[] | null {
  if (!hasTable(database, table)) return null;
  const rows = database.prepare(`SELECT * FROM ${table}`).all();
  return rows.map((row) => JSON.stringify(Object.values(row)));
}
