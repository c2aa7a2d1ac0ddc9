import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../../gateway/ports.ts';
import { migrate } from './migrate.ts';

/** How long to wait for a process that is just closing the same database. */
const LOCK_WAIT_MS = 1_000;
const SQLITE_BUSY = 5;

export interface DatabaseOptions {
  /** A file, created when missing, or `:memory:`. */
  readonly path: string;
  /** Pragmas set last, such as `max_page_count = 1000`: for tests that need a full or read-only store. */
  readonly pragmas?: readonly string[];
}

/**
 * Opens the journal's database, locks it for this process, and migrates it.
 *
 * The lock is SQLite's own exclusive mode: it ends with the process, however that ends, so that nothing stale
 * is left behind. It is a POSIX record lock, which a process loses when it closes *any* descriptor of the
 * file: nothing else in this process may open it.
 * @throws JournalError when another process has it, when it is newer than this version, or cannot be opened
 */
export function openDatabase(options: DatabaseOptions): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (options.path !== ':memory:') mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
    database = new DatabaseSync(options.path, { timeout: LOCK_WAIT_MS, enableForeignKeyConstraints: true });
    // Before WAL: an exclusive connection keeps the index of the WAL in its own memory.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // A commit returns when the log is on the disk itself, on macOS too.
    database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON');
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA recursive_triggers = ON');
    database.exec('PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000');
    migrate(database);
    for (const pragma of options.pragmas ?? []) database.exec(`PRAGMA ${pragma}`);
    return database;
  } catch (error) {
    database?.close();
    throw openingError(error, options.path);
  }
}

function openingError(error: unknown, path: string): JournalError {
  if (error instanceof JournalError) return new JournalError(`${path}: ${error.message}`);
  const busy = (error as { readonly errcode?: number }).errcode === SQLITE_BUSY;
  if (busy) {
    return new JournalError(
      `${path}: in use by another gateway. One gateway per DATA_DIR: stop the other one, ` +
        `or give this one a folder of its own with DATA_DIR (now ${dirname(path)})`,
      { cause: error },
    );
  }
  return new JournalError(`${path}: cannot be opened: ${messageOf(error)}`, { cause: error });
}

/** What SQLite, or anything else, had to say. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
