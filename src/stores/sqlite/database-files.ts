import { accessSync, constants, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { JournalError } from '../../gateway/ports.ts';

/** How long to wait for a process that is just closing the same database. */
export const LOCK_WAIT_MS = 1_000;
/** Up to this size a database is looked through before it is used: 0.05 s. Larger ones would hold a start up. */
const QUICK_CHECK_BYTES = 64 * 1_048_576;

/** Primary result codes of SQLite. */
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

const RESTORE =
  'Put DATA_DIR back from a backup, or take the file out of it to begin anew; keep it all the same: what is unsettled, and ' +
  'which payments were taken, is known nowhere else';

/** What SQLite, or anything else, had to say. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Primary result code of SQLite; null when the error is not from it. */
function sqliteCode(error: unknown): number | null {
  const code = (error as { readonly errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : null;
}

/** Whether SQLite says that a page of the file is damaged. */
export function isDamage(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_CORRUPT;
}

/** Whether SQLite does not understand what it is asked, because the schema is not as it was. */
export function isOtherSchema(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_ERROR;
}

/** Whether somebody else has the database. */
export function isInUse(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_BUSY;
}

/** Why a database does not open: what, where, and how to mend it. */
export function openingError(error: unknown, path: string): JournalError {
  if (error instanceof JournalError) return new JournalError(`${path}: ${error.message}`, { cause: error });
  return new JournalError(`${path}: ${reasonOf(error, path)}`, { cause: error });
}

function reasonOf(error: unknown, path: string): string {
  switch (sqliteCode(error)) {
    case SQLITE_BUSY:
      return (
        'in use by another gateway. One gateway per DATA_DIR: stop the other one, ' +
        `or give this one a folder of its own with DATA_DIR (now ${dirname(path)})`
      );
    case SQLITE_NOTADB:
      return `is no SQLite database (${messageOf(error)}): it was overwritten, or is something else. ${RESTORE}`;
    case SQLITE_CORRUPT:
      return damaged(messageOf(error), path);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return (
        `cannot be opened for writing (${messageOf(error)}): ` +
        'let the user of this process write DATA_DIR and the files in it'
      );
    case SQLITE_FULL:
      return 'the disk is full: make room on it';
    default:
      return `cannot be opened: ${messageOf(error)}`;
  }
}

function damaged(how: string, path: string): string {
  return (
    `is damaged (${how}). It was left as it is. ` +
    `npm run journal -- verify ${dirname(path)} says what can still be read. ${RESTORE}`
  );
}

/**
 * Makes sure, before anything is written, that the files of a database are all there and sound, or not there at all.
 * @throws JournalError, or an error of SQLite, when they are not; the files are as they were
 */
export function prepareFiles(path: string): void {
  prepareFolder(dirname(path));
  const bytes = sizeOf(path);
  const logBytes = sizeOf(`${path}-wal`) ?? 0;
  if (bytes === null) {
    if (logBytes === 0) return;
    throw new JournalError(
      `is not there, but ${path}-wal is, with what was written last. Put both back into the folder, ` +
        'of the same backup; if there is no such database any more, move the -wal file away',
    );
  }
  if (statSync(path).isDirectory()) {
    throw new JournalError('is a folder: move it, or name another folder with DATA_DIR');
  }
  if (bytes === 0) {
    throw new JournalError(
      `is empty, which a journal never is: what was in it is lost. ${RESTORE}. ` +
        'If it never held anything, because the very first start was cut off, delete it',
    );
  }
  mayWrite(path, `the file cannot be written`);
  const readOnly = openReadOnly(path);
  try {
    checkSound(readOnly.database, path, bytes, logBytes);
  } finally {
    readOnly.close();
  }
}

/**
 * Makes sure that there is a folder that can be written.
 * @throws JournalError saying what is wrong with it
 */
export function prepareFolder(folder: string): void {
  try {
    makeFolders(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'EEXIST' || code === 'ENOTDIR'
        ? `a file stands where the folder ${folder} should be: move it, or name another folder with DATA_DIR`
        : `the folder ${folder} cannot be made (${code}): make it, for the user of this process to write, ` +
          'or name another one with DATA_DIR';
    throw new JournalError(why, { cause: error });
  }
  mayWrite(folder, `the folder ${folder} cannot be written`);
}

/**
 * Makes a folder and those above it that are missing, one by one: `mkdirSync` with `recursive` tries for ever where the
 * file system answers that it knows no such name although the folder above is there, as /proc does.
 */
function makeFolders(folder: string): void {
  const wanted: string[] = [];
  for (let at = resolve(folder); !isFolder(at) && at !== dirname(at); at = dirname(at)) wanted.unshift(at);
  for (const each of wanted) {
    try {
      mkdirSync(each, { mode: 0o700 });
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!isFolder(each)) throw error;
    }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function mayWrite(path: string, what: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new JournalError(
      `${what} (${code}): let the user of this process write it, or name another folder with DATA_DIR`,
      { cause: error },
    );
  }
}

function checkSound(database: DatabaseSync, path: string, bytes: number, logBytes: number): void {
  const names = database.prepare('SELECT name FROM sqlite_schema').all();
  // One that was cut off at its very first start has nothing in it yet.
  if (names.length > 0 && !names.some(({ name }) => name === 'schema_migrations')) {
    throw new JournalError('is a SQLite database, but no journal: name another folder with DATA_DIR');
  }
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
  // Pages that the log holds may not be in the file yet.
  if (logBytes === 0 && bytes % pageBytes !== 0) {
    throw new JournalError(damaged('its last page is cut off', path));
  }
  if (bytes > QUICK_CHECK_BYTES) return;
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw new JournalError(damaged(String(found).replaceAll(/\s+/g, ' '), path));
}

/** Bytes of a file; null when there is none. */
function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

export interface ReadOnlyDatabase {
  readonly database: DatabaseSync;
  /** Closes it, and leaves the folder as it was. */
  close(): void;
}

/**
 * Opens a database of which nothing is changed, not even what a process that was killed has left beside it.
 * @throws an error of SQLite when a gateway has it, or it is none
 */
export function openReadOnly(path: string): ReadOnlyDatabase {
  const database = new DatabaseSync(readingName(path), { readOnly: true, timeout: LOCK_WAIT_MS });
  // SQLite makes both to read, and does not take them away again when it may not write the database.
  const hadLog = sizeOf(`${path}-wal`) !== null;
  const hadIndex = sizeOf(`${path}-shm`) !== null;
  return {
    database,
    close() {
      database.close();
      if (!hadLog && sizeOf(`${path}-wal`) === 0) rmSync(`${path}-wal`, { force: true });
      if (!hadIndex) rmSync(`${path}-shm`, { force: true });
    },
  };
}

/** In a folder that cannot be written SQLite has no place for its index; without a log it needs none. */
function readingName(path: string): string | URL {
  try {
    accessSync(dirname(path), constants.W_OK);
    return path;
  } catch {
    if ((sizeOf(`${path}-wal`) ?? 0) > 0) return path;
    const url = pathToFileURL(path);
    url.searchParams.set('immutable', '1');
    return url;
  }
}
