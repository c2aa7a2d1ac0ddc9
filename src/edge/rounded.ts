/** Six decimals: enough to replay a decision, without the noise of floating point. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** The same of what may not be known. */
export function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value);
}
