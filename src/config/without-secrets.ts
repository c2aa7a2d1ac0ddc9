import { scrub } from '../core/cards/card-number.ts';

/** Shorter ones are words of the file as well. */
const SECRET_LENGTH_MIN = 6;

/** What secrets look like that people paste: keys of providers, secrets of webhooks, private keys. */
const SECRET_FORMS =
  /\b(?:sk|rk)_(?:live|test)_\w{8,}|\bwhsec_[\w+/=-]{8,}|\bAQE[\w+/=-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*-----|$)/g;

/**
 * The text of a file as it may be shown. Secrets stand in variables and files, and rulesets only refer to them; but
 * somebody may have written one into a comment. Nor are card numbers shown.
 * @param secrets that are known
 */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  let shown = text;
  for (const secret of secrets) {
    if (secret.length >= SECRET_LENGTH_MIN) shown = shown.replaceAll(secret, '[secret]');
  }
  return scrub(shown.replaceAll(SECRET_FORMS, '[secret]'));
}
