/** The stretch in which most calls are above a rate. */
export interface CallsAbove {
  /** So many calls more than the rate grants in it: of a contract no more than its burst, and what was at hand. */
  readonly calls: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Finds the worst stretch of all.
 * @param atMs when calls were made, in their order
 * @param leastMs shorter stretches are left out; 0 when left out: none is
 * @returns -Infinity calls where there were none
 */
export function callsAbove(atMs: readonly number[], perSecond: number, leastMs = 0): CallsAbove {
  let worst: CallsAbove = { calls: Number.NEGATIVE_INFINITY, fromMs: 0, untilMs: 0 };
  const take = (calls: number, fromMs: number, untilMs: number): void => {
    if (calls > worst.calls) worst = { calls, fromMs, untilMs };
  };
  // Calls so far without those that the rate grants: the smallest before any stretch that is long enough.
  let lowest = { calls: Number.POSITIVE_INFINITY, fromMs: 0 };
  let from = 0;
  for (const [index, endMs] of atMs.entries()) {
    for (; from <= index; from += 1) {
      const fromMs = atMs[from] ?? endMs;
      if (fromMs > endMs - leastMs) break;
      const calls = from - (perSecond * fromMs) / 1_000;
      if (calls < lowest.calls) lowest = { calls, fromMs };
    }
    take(index + 1 - (perSecond * endMs) / 1_000 - lowest.calls, lowest.fromMs, endMs);
    take(index + 1 - from - (perSecond * leastMs) / 1_000, endMs - leastMs, endMs);
  }
  return worst;
}
