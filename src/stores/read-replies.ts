import type { AuthorizationStatus } from '../core/authorization.ts';
import type { AttemptName, WorkCounts } from '../gateway/ports.ts';
import type { HistoryReply, ToldEventRow } from './journal-rows.ts';

// What rows mean, whatever the engine that read them.

/** Rows that cannot be read, of which a list looks at no more. */
export const UNREADABLE_MAX = 1_000;

/**
 * A page of events of which one more was asked for.
 * @param before the newest event up to the page that told a status
 */
export function historyReply(
  rows: readonly ToldEventRow[],
  limit: number,
  before: { readonly status: AuthorizationStatus } | null,
): HistoryReply {
  return { rows: rows.slice(0, limit), statusBefore: before?.status ?? null, more: rows.length > limit };
}

/** Work as it is counted in one look. */
export interface WorkRow {
  readonly total: number;
  readonly overdue: number;
  readonly parked: number;
  readonly oldestSinceMs: number | null;
}

/** What is neither overdue nor parked waits for its time. */
export function workCounts(row: WorkRow | null): WorkCounts {
  const { total, overdue, parked, oldestSinceMs } = row ?? {
    total: 0,
    overdue: 0,
    parked: 0,
    oldestSinceMs: null,
  };
  return { waiting: total - overdue - parked, overdue, parked, oldestSinceMs };
}

/** The attempt that a reference names; null when it names none, or several: then it is evidence about neither. */
export function onlyAttempt(rows: readonly AttemptName[]): AttemptName | null {
  const [row] = rows;
  return row === undefined || rows.length > 1 ? null : { ...row };
}
