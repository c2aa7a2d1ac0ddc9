/** Where a listing goes on: everything that was written before this sequence number. Opaque to callers. */
export function cursorOf(sequence: number): string {
  return `before_${sequence.toString(36)}`;
}

/** The sequence number of a cursor; null for a text that {@link cursorOf} never makes. */
export function sequenceOf(cursor: string): number | null {
  const match = /^before_([0-9a-z]{1,11})$/.exec(cursor);
  const sequence = match === null ? Number.NaN : Number.parseInt(match[1] as string, 36);
  return Number.isSafeInteger(sequence) ? sequence : null;
}
