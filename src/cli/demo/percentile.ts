/**
 * Nearest-rank percentile: the smallest value that at least `share` of all values do not exceed.
 * @param sorted ascending
 * @param share over 0, up to 1
 * @returns null for no values
 */
export function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
