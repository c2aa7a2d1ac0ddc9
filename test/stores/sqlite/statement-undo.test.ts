import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/stores/sqlite/sqlite-database.ts';
import { temporaryFolder } from './temporary-folder.ts';

const COUNTS = '/proc/thread-self/io';

/** Bytes that this thread has handed to the system's writes so far. */
function bytesWritten(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync(COUNTS, 'utf8'))?.[1]);
}

describe.runIf(existsSync(COUNTS))('what undoes a statement', () => {
  it('is written to no file, not even after a statement that changed many pages', () => {
    const folder = temporaryFolder();
    const database = openDatabase({ path: join(folder.path, 'journal.sqlite') });
    database.exec(`CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT NOT NULL CHECK (text <> 'never'));
      WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 500)
      INSERT INTO filler SELECT id, printf('%.*c', 1000, 'x') FROM n`);
    const bytes = () => {
      const before = bytesWritten();
      database.exec("UPDATE filler SET text = 'few' WHERE id IN (1, 100, 200)");
      return bytesWritten() - before;
    };
    database.exec('BEGIN IMMEDIATE');
    database.exec("UPDATE filler SET text = text || 'y'");
    const untilCommit = bytes();
    const before = bytesWritten();
    database.exec('COMMIT');
    // The count sees what SQLite writes: the log, once it commits.
    expect(bytesWritten() - before).toBeGreaterThan(100 * 1_000);
    expect(untilCommit).toBe(0);
    database.close();
    folder.remove();
  });
});
