import { DatabaseSync } from 'node:sqlite';
import { LOCK_WAIT_MS, openingError, prepareFiles } from './database-files.ts';
import { migrate } from './migrate.ts';

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
 * file: nothing else in this process may open it, SQLite apart.
 * @throws JournalError when another process has it, when it is newer than this version, damaged, or cannot be opened;
 * a file that is refused is left as it is
 */
export function openDatabase(options: DatabaseOptions): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (options.path !== ':memory:') prepareFiles(options.path);
    database = new DatabaseSync(options.path, { timeout: LOCK_WAIT_MS, enableForeignKeyConstraints: true });
    // Before WAL: an exclusive connection keeps the index of the WAL in its own memory.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // A commit returns when the log is on the disk itself, on macOS too.
    database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON');
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA recursive_triggers = ON');
    database.exec('PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000');
    migrate(database);
    // What undoes a single statement is kept in memory: once a large one has put it into a temporary file, SQLite leaves it
    // there for ever, and writes several pages to that file for each one that it writes to the log. After a crash nobody
    // reads it. Not before the migrations, whose sorting may need more room than there is memory.
    database.exec('PRAGMA temp_store = MEMORY');
    for (const pragma of options.pragmas ?? []) database.exec(`PRAGMA ${pragma}`);
    return database;
  } catch (error) {
    database?.close();
    throw openingError(error, options.path);
  }
}
