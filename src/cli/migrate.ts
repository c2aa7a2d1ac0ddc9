import { parseArgs } from 'node:util';
import { JournalError } from '../gateway/ports.ts';
import { systemClock } from '../guards/system-clock.ts';
import { databasePlace } from '../stores/postgres/database-place.ts';
import { makeRoles, migrateDatabase } from '../stores/postgres/migrate-database.ts';
import { PostgresConnection } from '../stores/postgres/postgres-connection.ts';
import { patientSettings } from '../stores/postgres/postgres-journal.ts';
import { printable } from './printable.ts';

const USAGE = `Brings the database of DATABASE_URL to the schema of this version: before its gateways start, while those of the version
before still run. Migrations that were made are left alone; each is one transaction. Run by two at once, the second waits.

usage: DATABASE_URL=postgres://user:password@host:5432/database?sslmode=verify-full npm run migrate [-- --roles]

--roles  also makes the group roles pointsman_migrate (owns the tables), pointsman_run (the gateways) and pointsman_read (reports,
         verify), and gives them what each needs of the tables. The first time as a role that may make roles and owns the
         database; then, after each migration, as a member of pointsman_migrate. src/stores/postgres/roles.sql has the whole.
--help   prints this

exit code  0  the schema is that of this version
           1  it could not be made so: the line says why
           2  wrong arguments, or no DATABASE_URL`;

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    process.stderr.write(`migrate: not understood: ${printable(args.join(' '))}\n\n${USAGE}\n`);
    return 2;
  }
  if (asked.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const url = process.env['DATABASE_URL'];
  if (url === undefined || url === '') {
    process.stderr.write(`migrate: DATABASE_URL is not set\n\n${USAGE}\n`);
    return 2;
  }
  try {
    return await migrate(url, asked.roles);
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    process.stderr.write(`${printable(error.message)}\n`);
    return 1;
  }
}

/** What was asked for; null when it is nothing that can be done. */
function readArguments(args: readonly string[]): { readonly roles: boolean; readonly help: boolean } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { roles: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    });
    return values;
  } catch {
    return null;
  }
}

async function migrate(url: string, withRoles: boolean): Promise<number> {
  const connection = await PostgresConnection.open(patientSettings({ url, clock: systemClock }));
  try {
    const made = await migrateDatabase(connection, 'auto');
    process.stdout.write(
      `${printable(databasePlace(url))}: ${made === 0 ? 'the schema is up to date' : `migrations made: ${made}`}\n`,
    );
    if (withRoles) {
      await makeRoles(connection);
      process.stdout.write('the roles have what they need\n');
    }
    return 0;
  } finally {
    await connection.close();
  }
}

process.exitCode = await main(process.argv.slice(2));
