import type { DatabaseSync } from 'node:sqlite';
import type { RecordedPage, RecordedRange } from '../../gateway/ports.ts';
import { SqliteReads } from './sqlite-reads.ts';
import { Statements } from './statements.ts';

/**
 * Rows that a page looks at, at most, so that a range far from the beginning does not hold payments up: two milliseconds.
 */
const SCAN_MAX = 2_000;

const NEWEST = 'SELECT max(sequence) AS newest FROM authorizations';
const IN_RANGE = `
  SELECT sequence FROM authorizations
  WHERE sequence > ? AND sequence <= ? AND created_at_ms >= ? AND created_at_ms < ? AND purged_before_ms IS NULL
  ORDER BY sequence LIMIT ?`;

/** Authorizations as they were recorded, in the order in which they were begun. */
export class RecordedAuthorizations {
  readonly #statements: Statements;
  readonly #reads: SqliteReads;

  constructor(statements: Statements, reads: SqliteReads) {
    this.#statements = statements;
    this.#reads = reads;
  }

  /**
   * At most `limit` authorizations of the range; also fewer, or none, before its end. What cannot be read, or was purged,
   * is left out.
   * @param after where the page before ended; 0: from the beginning
   * @throws errors of SQLite
   */
  page({ fromMs, toMs }: RecordedRange, after: number, limit: number): RecordedPage {
    const newest = this.#statements.one<{ readonly newest: number | null }>(NEWEST)?.newest ?? 0;
    const until = after + SCAN_MAX;
    const found = this.#reads.readable(IN_RANGE, limit, after, until, fromMs, toMs);
    const end = found.length === limit ? (found.at(-1)?.row.sequence ?? until) : until;
    const isLast = end >= newest;
    return {
      text: JSON.stringify(found.map((each) => each.found)),
      next: isLast ? null : end,
      progress: isLast ? 1 : end / newest,
    };
  }
}

/** Reads pages of a range on an open database. */
export function recordedReader(
  database: DatabaseSync,
  range: RecordedRange,
): (after: number, limit: number) => RecordedPage {
  const statements = new Statements(database);
  const recorded = new RecordedAuthorizations(statements, new SqliteReads(statements));
  return (after, limit) => recorded.page(range, after, limit);
}
