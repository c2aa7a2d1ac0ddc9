/**
 * Whether a text that begins with a day names one of the calendar: `2026-02-30` would be read as a day of March.
 * @param text `YYYY-MM-DD`, whatever follows
 */
export function isCalendarDay(text: string): boolean {
  const day = text.slice(0, 10);
  const ms = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 10) === day;
}
