import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SqlValues } from '../sql-values.ts';

/** Prepared statements of one database, found again by their text. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @param arrays whether rows come as arrays, which is cheaper; always the same for one text */
  prepare(sql: string, arrays = false): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.setReturnArrays(arrays);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  /** The first row, or null. */
  one<Row>(sql: string, ...values: SqlValues): Row | null {
    return (this.prepare(sql).get(...values) as Row | undefined) ?? null;
  }

  /** All rows. */
  all<Row>(sql: string, ...values: SqlValues): readonly Row[] {
    return this.prepare(sql).all(...values) as unknown as readonly Row[];
  }

  /** @returns how many rows were changed, and the row number of the last one that was inserted */
  run(sql: string, ...values: SqlValues): { readonly changes: number; readonly lastRow: number } {
    const { changes, lastInsertRowid } = this.prepare(sql).run(...values);
    return { changes: Number(changes), lastRow: Number(lastInsertRowid) };
  }
}
