/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `91.3 %`; a dash when there is nothing to divide by. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** Whole milliseconds; a dash when there are none. */
export function milliseconds(value: number | null): string {
  return value === null ? '-' : count(Math.round(value));
}
