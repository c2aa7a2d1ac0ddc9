/** What a parameter may be: lists go as arrays of one type, for `= ANY($1)` and `unnest($1)`. */
export type QueryValue = string | number | null | Uint8Array | readonly string[] | readonly number[];

/**
 * Statements on the database: on any connection of the pool, or on that of a transaction. Each has a name, of at most 63
 * characters and always the same for one text: a connection prepares it once, and finds it again by that.
 */
export interface Queries {
  /**
   * The first row, or null.
   * @throws JournalError when the database refuses, cannot be reached, or does not answer in time
   */
  one<Row>(name: string, sql: string, values: readonly QueryValue[]): Promise<Row | null>;
  /**
   * All rows.
   * @throws JournalError as `one` does
   */
  all<Row>(name: string, sql: string, values: readonly QueryValue[]): Promise<readonly Row[]>;
  /**
   * @returns how many rows were changed
   * @throws JournalError as `one` does
   */
  run(name: string, sql: string, values: readonly QueryValue[]): Promise<number>;
}

/** Queries that can be bracketed. */
export interface TransactionalQueries extends Queries {
  /**
   * Does the work in one transaction (READ COMMITTED), committed when it resolves and rolled back when it rejects. Outside
   * of it each statement is a transaction of its own.
   * @param work asks only by the queries that it is handed
   * @throws JournalError when it was not committed, or when that is not known; else what the work rejects with
   */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /**
   * The same in one view of the database, that of its beginning (REPEATABLE READ), which may not write.
   * @throws JournalError as `transaction` does
   */
  snapshot<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
}
