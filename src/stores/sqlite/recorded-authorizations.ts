import type { DatabaseSync } from 'node:sqlite';
import type { Authorization } from '../../core/authorization.ts';
import { authorizationFrom } from '../stored-authorization.ts';
import { SqliteReads } from './sqlite-reads.ts';
import { Statements } from './statements.ts';

/** Authorizations read at a time. */
const PAGE = 500;

const IN_RANGE = 'created_at_ms >= ? AND created_at_ms < ? AND purged_before_ms IS NULL';
const COUNT = `SELECT count(*) AS count FROM authorizations WHERE ${IN_RANGE}`;
const SEQUENCES = `
  SELECT sequence FROM authorizations WHERE ${IN_RANGE} AND sequence > ? ORDER BY sequence LIMIT ?`;

/** Wall clock, milliseconds since 1970: the first is in it, the last is not. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** @throws errors of SQLite */
export function countRecorded(database: DatabaseSync, { fromMs, toMs }: TimeRange): number {
  return new Statements(database).one<{ readonly count: number }>(COUNT, fromMs, toMs)?.count ?? 0;
}

/**
 * Authorizations in the order in which they were begun, a page at a time; what cannot be read, or was purged, is left
 * out.
 * @throws errors of SQLite
 */
export function* recordedAuthorizations(
  database: DatabaseSync,
  { fromMs, toMs }: TimeRange,
): Generator<Authorization, void, undefined> {
  const reads = new SqliteReads(new Statements(database));
  let after = 0;
  for (;;) {
    const page = reads.readable<{ readonly sequence: number }>(SEQUENCES, PAGE, fromMs, toMs, after);
    for (const { row, found } of page) {
      after = row.sequence;
      yield authorizationFrom(found);
    }
    if (page.length < PAGE) return;
  }
}
