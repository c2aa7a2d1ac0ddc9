import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../../gateway/ports.ts';

const FOLDER = new URL('./migrations/', import.meta.url);

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/**
 * Brings the database to the newest schema: the numbered files of `migrations/` that it has not seen, in
 * order, in one transaction. One that was added below others that it has seen is not left out.
 * @throws JournalError when the database was written by a newer version than this one
 */
export function migrate(database: DatabaseSync): void {
  const migrations = readMigrations();
  const newest = migrations.at(-1)?.number ?? 0;
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(
      'CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT',
    );
    const rows = database.prepare('SELECT number FROM schema_migrations').all();
    const seen = new Set(rows.map(({ number }) => Number(number)));
    const found = Math.max(0, ...seen);
    if (found > newest) {
      throw new JournalError(
        `the journal has schema ${found}, this version knows ${newest}: ` +
          'start the version that wrote it, or a newer one',
      );
    }
    const record = database.prepare('INSERT INTO schema_migrations (number, name) VALUES (?, ?)');
    for (const migration of migrations) {
      if (seen.has(migration.number)) continue;
      database.exec(migration.sql);
      record.run(migration.number, migration.name);
    }
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function readMigrations(): readonly Migration[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));
  const taken = new Set<number>();
  return names.sort().map((name) => {
    const number = Number(name.slice(0, 4));
    if (!/^\d{4}-/.test(name) || taken.has(number)) {
      throw new JournalError(`migration ${name}: expected a number of its own, four digits and a dash`);
    }
    taken.add(number);
    return { number, name, sql: readFileSync(new URL(name, FOLDER), 'utf8') };
  });
}
