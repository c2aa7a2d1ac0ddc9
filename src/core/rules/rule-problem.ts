/** A place in a parsed file: keys and list positions from its root. */
export type FilePath = readonly (string | number)[];

/** Something wrong in the payments team's files, before the place is turned into line and column. */
export interface RuleProblem {
  readonly path: FilePath;
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean;
  /** What is wrong, with the offending word. Never a secret. */
  readonly what: string;
  readonly expected: string;
  /** How to mend it. */
  readonly remedy: string;
  /** Another place that `what` ends by speaking of; its line is put behind. */
  readonly other?: FilePath;
}

/**
 * A value from a file as errors show it: short, on one line, without control characters and without
 * digit runs as long as a card number.
 */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? String(value));
  const safe = text.replaceAll(/\d(?:[ -]?\d){11,}/g, '…').replaceAll(/[\s\p{C}]+/gu, ' ');
  return safe.length > 60 ? `${safe.slice(0, 57)}…` : safe;
}
