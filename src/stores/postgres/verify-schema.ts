import { JournalError } from '../../gateway/ports.ts';
import { RESTORE, type Report } from '../verify/finding.ts';
import type { Migration } from './migrate-database.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { PostgresFailure } from './postgres-failure.ts';

/** Tables whose rows are rules: what may follow what. */
const RULE_TABLES = ['status_transitions'];
/** Tables that have exactly one row. */
const SINGLE_ROWS = ['hash_chain', 'pings'];

/** Everything in a schema that keeps a rule, by kind and name, as the server spells it. */
const PARTS = `
  SELECT format('table %s', c.relname) AS name,
    format('row security: %s, ', c.relrowsecurity) || string_agg(format('%s %s%s%s default %s', a.attname, format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, a.attidentity,
      pg_get_expr(d.adbin, d.adrelid, true)), ', ' ORDER BY a.attname) AS definition
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.oid, c.relname, c.relrowsecurity
  UNION ALL
  SELECT format('constraint %s on %s', o.conname, c.relname),
    pg_get_constraintdef(o.oid, true) || CASE WHEN o.convalidated THEN '' ELSE ' NOT VALIDATED' END
  FROM pg_constraint AS o JOIN pg_class AS c ON c.oid = o.conrelid
  WHERE o.connamespace = $1::regnamespace AND o.contype <> 'n'
  UNION ALL
  SELECT format('index %s', c.relname),
    pg_get_indexdef(i.indexrelid, 0, true) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = $1::regnamespace
  UNION ALL
  SELECT format('trigger %s on %s', t.tgname, c.relname),
    pg_get_triggerdef(t.oid, true) || CASE WHEN t.tgenabled = 'O' THEN '' ELSE ' enabled: ' || t.tgenabled::text END
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  WHERE c.relnamespace = $1::regnamespace AND NOT t.tgisinternal
  UNION ALL
  SELECT format('rule %s on %s', r.rulename, c.relname), pg_get_ruledef(r.oid, true)
  FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
  WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p')
  UNION ALL
  -- The triggers by which the server itself keeps references; they have no name of their own.
  SELECT format('references of %s', c.relname),
    string_agg(t.tgenabled::text, '' ORDER BY t.tgenabled)
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  WHERE c.relnamespace = $1::regnamespace AND t.tgisinternal GROUP BY c.relname
  UNION ALL
  SELECT format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
    format('%s %s %s %s %s %s %s', pg_get_function_result(p.oid), (SELECT lanname FROM pg_language WHERE oid = p.prolang), p.provolatile, p.prosecdef,
      p.proisstrict, p.proconfig, p.prosrc)
  FROM pg_proc AS p WHERE p.pronamespace = $1::regnamespace`;

/**
 * Compares tables, constraints, indexes, triggers and functions with those that the migrations make, and the rows that are
 * rules. The migrations run in the session's own temporary schema, in a transaction that is rolled back: nothing of it is
 * seen by anybody else, and nothing stays.
 * @param connection of a role that may make temporary tables in the database; its search path names the journal's schema first
 * @param migrations what makes the schema, in order
 * @throws JournalError for a journal of another version, which this one cannot judge; PostgresFailure
 */
export async function verifySchema(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  report: Report,
): Promise<void> {
  await verifyVersion(connection, migrations, report);
  const [current] = (await connection.query(null, 'SELECT current_schema() AS schema')).rows as {
    schema: string;
  }[];
  const found = await schemaOf(connection, current?.schema ?? 'public');
  await connection.query(null, 'BEGIN');
  let expected: Schema;
  try {
    expected = await patternOf(connection, migrations);
  } finally {
    if (!connection.isLost) await connection.query(null, 'ROLLBACK');
  }
  compareParts(expected.parts, found.parts, report);
  for (const table of RULE_TABLES) {
    compareRows(table, expected.rows.get(table) ?? [], found.rows.get(table) ?? null, report);
  }
  for (const table of SINGLE_ROWS) {
    const count = found.rows.get(table)?.length ?? 1;
    if (count !== 1) report({ where: table, what: `has ${count} rows; expected 1`, remedy: RESTORE });
  }
}

/** Our functions, by their names: among those of a temporary schema none is found that is not named with it. */
const OWN_FUNCTION = /\bjournal_\w+(?=\s*\()/g;
/** The temporary schema, where a definition names it. */
const TEMPORARY = /\bpg_temp(?:_\d+)?\./g;

async function patternOf(connection: PostgresConnection, migrations: readonly Migration[]): Promise<Schema> {
  await connection.query(null, 'SET LOCAL search_path TO pg_temp');
  for (const { sql } of migrations) {
    await connection.query(null, sql.replaceAll(OWN_FUNCTION, 'pg_temp.$&')).catch(explain);
  }
  const { rows } = await connection.query(null, 'SELECT pg_my_temp_schema()::regnamespace::text AS schema');
  const made = await schemaOf(connection, (rows[0] as { readonly schema: string }).schema);
  const named = ([name, definition]: [string, string]): [string, string] => [
    name.replaceAll(TEMPORARY, ''),
    definition.replaceAll(TEMPORARY, ''),
  ];
  return { ...made, parts: new Map([...made.parts].map(named)) };
}

function explain(error: unknown): never {
  if (!(error instanceof PostgresFailure) || error.code !== '42501') throw error;
  throw new JournalError(
    `this role may not make the temporary tables that it compares with (${error.message}): grant it TEMPORARY on the ` +
      'database, which npm run migrate -- --roles gives to pointsman_read; nothing of it stays',
    { cause: error },
  );
}

async function verifyVersion(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  report: Report,
): Promise<void> {
  const exists = await connection.query(null, "SELECT to_regclass('schema_migrations') IS NOT NULL AS found");
  if (!(exists.rows as { found: boolean }[])[0]?.found)
    throw new JournalError('the database holds no journal');
  const { rows } = await connection.query(null, 'SELECT number, hash FROM schema_migrations ORDER BY number');
  const applied = rows as readonly Pick<Migration, 'number' | 'hash'>[];
  const [found = 0, known = 0] = [applied.at(-1)?.number, migrations.at(-1)?.number];
  if (found !== known) {
    throw new JournalError(
      `the database has schema ${found}, this version knows ${known}: verify it with the version that wrote it` +
        (found < known ? ', or run npm run migrate on a copy, which brings it up to date' : ''),
    );
  }
  for (const { number, name, hash } of migrations) {
    if (applied.some((each) => each.number === number && each.hash === hash)) continue;
    const what = 'is not recorded as the one that made this schema';
    report({ where: `migration ${name}`, what, remedy: RESTORE });
  }
}

interface Schema {
  readonly parts: ReadonlyMap<string, string>;
  /** Of the tables whose rows are rules, or are one: each row as JSON. A table that is not there is left out. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

async function schemaOf(connection: PostgresConnection, schema: string): Promise<Schema> {
  const { rows } = await connection.query(null, PARTS, [schema]);
  const parts = new Map(
    (rows as { name: string; definition: string }[]).map((row) => [row.name, row.definition]),
  );
  const all = new Map<string, readonly string[]>();
  for (const table of [...RULE_TABLES, ...SINGLE_ROWS]) {
    if (!parts.has(`table ${table}`)) continue;
    const read = await connection.query(null, `SELECT row_to_json(t)::text AS row FROM ${table} AS t`);
    all.set(
      table,
      (read.rows as { row: string }[]).map(({ row }) => row),
    );
  }
  return { parts, rows: all };
}

/** Others may keep tables, indexes and functions of their own beside ours; not what changes how ours are written. */
const FOREIGN = /^(?:trigger|rule) /;

function compareParts(expected: Schema['parts'], found: Schema['parts'], report: Report): void {
  const remedy = `nothing kept this rule meanwhile: look at the other findings, and ${RESTORE}`;
  for (const [name, definition] of expected) {
    const other = found.get(name);
    if (other === undefined) report({ where: name, what: 'was removed', remedy });
    else if (other !== definition) report({ where: name, what: 'was changed', remedy });
  }
  for (const name of found.keys()) {
    if (expected.has(name) || !FOREIGN.test(name)) continue;
    report({
      where: name,
      what: 'is no part of a journal',
      remedy: `find out who made it; stop the gateways and drop it, or ${RESTORE}`,
    });
  }
}

function compareRows(
  table: string,
  expected: readonly string[],
  found: readonly string[] | null,
  report: Report,
): void {
  // That the table is gone is told already.
  if (found === null) return;
  for (const row of expected) {
    if (!found.includes(row)) report({ where: table, what: `its row ${row} is gone`, remedy: RESTORE });
  }
  for (const row of found) {
    if (!expected.includes(row)) {
      report({ where: table, what: `has a row ${row} of its own`, remedy: RESTORE });
    }
  }
}
