import type { DatabaseSync } from 'node:sqlite';
import type { SqlValues } from '../sql-values.ts';
import { RESTORE, type Report } from '../verify/finding.ts';
import type { EngineCheck, JournalView, UnreadablePart } from '../verify/journal-view.ts';
import { isDamage, isOtherSchema, messageOf } from './database-files.ts';
import { Statements } from './statements.ts';
import { verifySchema } from './verify-schema.ts';

/** A SQLite journal as one view of it shows it. */
export class SqliteView implements JournalView {
  readonly isGapless = true;
  readonly checks: readonly EngineCheck[];
  readonly #statements: Statements;

  /** @throws errors of SQLite when it is in use */
  constructor(database: DatabaseSync) {
    database.exec('BEGIN');
    this.#statements = new Statements(database);
    this.checks = [
      { where: 'the schema', check: async (report) => verifySchema(database, report) },
      { where: 'the file', check: async (report) => this.#checkFile(report) },
    ];
  }

  async all<Row>(sql: string, ...values: SqlValues): Promise<readonly Row[]> {
    return this.#statements.all<Row>(sql, ...values);
  }

  async guarded<Result>(work: () => Promise<Result>): Promise<Result | UnreadablePart> {
    try {
      return await work();
    } catch (error) {
      // A number that no JavaScript number can be was not written by us.
      const isForeign = (error as { readonly code?: unknown }).code === 'ERR_OUT_OF_RANGE';
      if (!isDamage(error) && !isOtherSchema(error) && !isForeign) throw error;
      const what = isDamage(error)
        ? 'a page is damaged'
        : isForeign
          ? 'a number is out of range'
          : 'a part of the schema is not as it was';
      return { unreadable: `${what} (${messageOf(error)})` };
    }
  }

  #checkFile(report: Report): void {
    for (const { integrity_check: found } of this.#statements.all<{ readonly integrity_check: string }>(
      'PRAGMA integrity_check(100)',
    )) {
      if (found === 'ok') continue;
      const what = found.replaceAll(/\s+/g, ' ');
      report({
        where: 'the file',
        what: `is damaged, or was written past its rules: ${what}`,
        remedy: RESTORE,
      });
    }
    interface Row {
      readonly table: string;
      readonly rowid: number | null;
      readonly parent: string;
    }
    for (const { table, rowid, parent } of this.#statements.all<Row>('PRAGMA foreign_key_check')) {
      const where = rowid === null ? table : `${table}, row ${rowid}`;
      report({ where, what: `refers to something in ${parent} that is not there`, remedy: RESTORE });
    }
  }
}
