/** Taken when a 429 says nothing readable, milliseconds. */
const DEFAULT_MS = 1_000;

/** No provider may close its own limit for longer than this, milliseconds. */
const LONGEST_MS = 3_600_000;

/** `Sun, 06 Nov 1994 08:49:37 GMT`: the form that RFC 9110, section 5.6.7 has senders use. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Milliseconds to wait as `Retry-After` says: whole seconds or an HTTP date (RFC 9110, section 10.2.3). A date that
 * is past is 0; anything else, or nothing, is one second; at most an hour.
 * @param wallMs wall clock, against which a date is read
 */
export function readRetryAfter(header: string | undefined, wallMs: number): number {
  const text = header?.trim() ?? '';
  let waitMs = DEFAULT_MS;
  if (/^\d{1,9}$/.test(text)) waitMs = Number(text) * 1_000;
  else if (HTTP_DATE.test(text)) {
    const atMs = Date.parse(text);
    if (!Number.isNaN(atMs)) waitMs = atMs - wallMs;
  }
  return Math.min(LONGEST_MS, Math.max(0, waitMs));
}
