import { DatabaseSync } from 'node:sqlite';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { writeSampleHistory } from '../../contracts/sample-history.ts';

/** A journal with something in every state, as a gateway leaves it, in a file. */
export async function writeSampleJournal(path: string): Promise<void> {
  const journal = openInProcessJournal(path);
  await writeSampleHistory(journal);
  await journal.close();
}

/**
 * Changes a closed journal behind its back, as somebody would who can write the file and knows it: without triggers,
 * foreign keys and checks, which are all there again afterwards.
 */
export function tamperWith(path: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  database.exec('PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF; BEGIN');
  const triggers = database
    .prepare("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all();
  for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
  for (const sql of statements) database.exec(sql);
  const table = database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?');
  for (const { sql, tbl_name: name } of triggers) {
    if (table.get(String(name)) !== undefined) database.exec(String(sql));
  }
  database.exec('COMMIT');
  database.close();
}
