/**
 * Until when an approval is good, by the provider's own word, as its outcome has it: nothing for what is no time. Whether it
 * can be believed is judged where it is used.
 * @param moment milliseconds since 1970, or a date and time with its offset
 */
export function validUntil(moment: number | string | null | undefined): { readonly expiresAtMs?: number } {
  if (moment === null || moment === undefined) return {};
  const expiresAtMs = typeof moment === 'number' ? moment : Date.parse(moment);
  return Number.isSafeInteger(expiresAtMs) ? { expiresAtMs } : {};
}
