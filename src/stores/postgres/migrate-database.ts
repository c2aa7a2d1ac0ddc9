import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { JournalError } from '../../gateway/ports.ts';
import { LOCK_CLASS, LOCKS } from './advisory-locks.ts';
import { messageOf, type PostgresConnection } from './postgres-connection.ts';
import { PostgresFailure } from './postgres-failure.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
const ROLES = new URL('./roles.sql', import.meta.url);

/** How long a migration waits for a table that others use, before it gives up and lets them pass: milliseconds. */
const TABLE_WAIT_MS = 5_000;

/** One step of the schema. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of `sql`, hex. */
  readonly hash: string;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly hash: string;
}

const SQL = {
  exists: "SELECT to_regclass('schema_migrations') IS NOT NULL AS found",
  create: `
    CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name text NOT NULL, hash text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now())`,
  applied: 'SELECT number, name, hash FROM schema_migrations ORDER BY number',
  record: 'INSERT INTO schema_migrations (number, name, hash) VALUES ($1, $2, $3)',
  lock: 'SELECT pg_advisory_lock($1::integer, $2::integer)',
  unlock: 'SELECT pg_advisory_unlock($1::integer, $2::integer)',
  mayGrant: `
    SELECT current_user AS login, COALESCE((SELECT pg_has_role(oid, 'USAGE') FROM pg_roles
      WHERE rolname = 'pointsman_migrate'), true) AS granting`,
  mayOwn: `
    SELECT EXISTS (SELECT 1 FROM pg_roles
      WHERE rolname = 'pointsman_migrate' AND pg_has_role(current_user, oid, 'MEMBER')
        AND has_schema_privilege(oid, current_schema(), 'CREATE')) AS found`,
} as const;

/**
 * The numbered files of `migrations/`, in order.
 * @throws JournalError for a name without a number of its own
 */
export function readMigrations(): readonly Migration[] {
  const taken = new Set<number>();
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));
  return names.sort().map((name) => {
    const number = Number(name.slice(0, 4));
    if (!/^\d{4}-/.test(name) || taken.has(number)) {
      throw new JournalError(`migration ${name}: expected a number of its own, four digits and a dash`);
    }
    taken.add(number);
    const sql = readFileSync(new URL(name, FOLDER), 'utf8');
    return { number, name, sql, hash: hash('sha256', sql, 'hex') };
  });
}

/**
 * Brings the database to the newest schema, each step in a transaction of its own. Of several that start at once, one does
 * it and the others wait.
 * @param connection that may wait long
 * @param mode `off`: only looks whether it is there already
 * @returns how many steps were made
 * @throws JournalError when the schema is too new or too old for this version, was changed since, or may not be made
 */
export async function migrateDatabase(
  connection: PostgresConnection,
  mode: 'auto' | 'off',
  migrations: readonly Migration[] = readMigrations(),
): Promise<number> {
  const missing = await missingFrom(connection, migrations);
  if (missing.length === 0) return 0;
  if (mode === 'off') {
    throw new JournalError(
      `the database lacks ${missing.map(({ name }) => name).join(', ')} and DATABASE_MIGRATE is off: ` +
        'run npm run migrate as a role that may make tables there (a member of pointsman_migrate), then start again',
    );
  }
  const key = [LOCK_CLASS, LOCKS.migrations];
  await connection.query(null, SQL.lock, key);
  try {
    return await makeAll(connection, migrations);
  } finally {
    if (!connection.isLost) await connection.query(null, SQL.unlock, key);
  }
}

/**
 * Makes the group roles and gives them what each needs of the tables; may be run again.
 * @throws PostgresFailure when this role may not make roles
 * @throws JournalError when it may not grant what is another's: Postgres passes over that with a warning
 */
export async function makeRoles(connection: PostgresConnection): Promise<void> {
  const { rows } = await connection.query(null, SQL.mayGrant);
  const { login, granting } = rows[0] as { readonly login: string; readonly granting: boolean };
  if (!granting) {
    throw new JournalError(
      `the roles were not given what they need, since ${login} may not grant it: run npm run migrate -- --roles as a login ` +
        'that is a member of pointsman_migrate, or as an administrator',
    );
  }
  await connection.query(null, `BEGIN; ${readFileSync(ROLES, 'utf8')}; COMMIT`).catch(async (error) => {
    if (!connection.isLost) await connection.query(null, 'ROLLBACK');
    throw error;
  });
}

async function makeAll(connection: PostgresConnection, migrations: readonly Migration[]): Promise<number> {
  // Once more, now that nobody else makes them.
  const missing = await missingFrom(connection, migrations);
  const mayOwn = await isFound(connection, SQL.mayOwn);
  for (const migration of missing) {
    try {
      await make(connection, migration, mayOwn);
    } catch (error) {
      if (!connection.isLost) await connection.query(null, 'ROLLBACK');
      throw migrationError(migration, error);
    }
  }
  return missing.length;
}

async function make(connection: PostgresConnection, migration: Migration, mayOwn: boolean): Promise<void> {
  await connection.query(null, 'BEGIN');
  await connection.query(null, `SET LOCAL lock_timeout = ${TABLE_WAIT_MS}`);
  if (mayOwn) await connection.query(null, 'SET LOCAL ROLE pointsman_migrate');
  await connection.query(null, SQL.create);
  await connection.query(null, migration.sql);
  await connection.query(null, SQL.record, [migration.number, migration.name, migration.hash]);
  await connection.query(null, 'COMMIT');
}

const LACKING = `
  SELECT string_agg(lacking, ', ') AS lacking FROM (
    SELECT c.relname || ' (' || p.privilege || ')' AS lacking
    FROM pg_class AS c CROSS JOIN (VALUES ('SELECT'), ('INSERT')) AS p (privilege)
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname = ANY ($1)
      AND (p.privilege = 'SELECT' OR c.relname <> ALL ($2))
      AND NOT has_table_privilege(c.oid, p.privilege)
    ORDER BY 1 LIMIT 5) AS found`;

/** What the gateway writes to, a row at a time; of the others it only reads. */
const WRITTEN = [
  ...['authorizations', 'attempts', 'operations', 'work', 'claims', 'notices', 'secrets', 'events', 'seals'],
  ...[
    'purged_events',
    'event_cursors',
    'deliveries',
    'rulesets',
    'ruleset_activations',
    'overrides',
    'duties',
  ],
  ...['experiment_phases', 'exposures', 'arm_states', 'experiment_looks', 'bandit_shares', 'decisions'],
  ...['decision_attempts', 'decision_exposures'],
];
const READ = ['schema_migrations', 'status_transitions', 'hash_chain', 'pings'];

/**
 * Sees that the gateway's role may read and write what it has to: else it would start, and refuse every payment.
 * @throws JournalError naming what it may not
 */
export async function checkRights(connection: PostgresConnection): Promise<void> {
  const { rows } = await connection.query(null, LACKING, [[...WRITTEN, ...READ], READ]);
  const { lacking } = rows[0] as { readonly lacking: string | null };
  if (lacking === null) return;
  throw new JournalError(
    `this role lacks rights on ${lacking}: make it a member of pointsman_run, and run npm run migrate -- --roles again ` +
      'after each migration',
  );
}

function migrationError(migration: Migration, error: unknown): JournalError {
  const isForbidden = error instanceof PostgresFailure && error.code === '42501';
  const remedy = isForbidden
    ? ': it takes a role that may make tables there, such as a member of pointsman_migrate once npm run migrate -- --roles ' +
      'has been run by an administrator; gateways then start with DATABASE_MIGRATE=off'
    : '';
  return new JournalError(`migration ${migration.name}: ${messageOf(error)}${remedy}`, { cause: error });
}

async function missingFrom(
  connection: PostgresConnection,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  if (!(await isFound(connection, SQL.exists))) return migrations;
  const applied = (await connection.query(null, SQL.applied)).rows as readonly Applied[];
  const newest = migrations.at(-1)?.number ?? 0;
  const found = applied.at(-1)?.number ?? 0;
  // One step more is what the next version makes while this one still runs.
  if (found > newest + 1) {
    throw new JournalError(
      `the database has schema ${found}, this version knows ${newest}: start the version that wrote it, or a newer one`,
    );
  }
  const byNumber = new Map(applied.map((each) => [each.number, each]));
  for (const { number, name, hash: expected } of migrations) {
    const made = byNumber.get(number);
    if (made !== undefined && made.hash !== expected) {
      throw new JournalError(
        `migration ${name} is not the one that made the database (${made.name}): start a released version`,
      );
    }
  }
  return migrations.filter(({ number }) => !byNumber.has(number));
}

async function isFound(connection: PostgresConnection, sql: string): Promise<boolean> {
  const { rows } = await connection.query(null, sql);
  return (rows[0] as { readonly found: boolean }).found;
}
