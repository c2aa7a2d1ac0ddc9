import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ProviderContract } from '../core/rules/ruleset.ts';

/**
 * Secrets that are valid now: several while one is being replaced, separated by commas or line ends. Empty when none is
 * configured.
 */
export function webhookSecretsOf({ credentials }: Pick<ProviderContract, 'credentials'>): readonly string[] {
  return (credentials['webhook_secret'] ?? '').split(/[\s,]+/).filter((secret) => secret !== '');
}

/**
 * Whether one of these keys has signed a text by HMAC-SHA256, compared in constant time.
 * @param keys as bytes, or as texts that are the key in UTF-8
 * @param presented the signature's bytes
 */
export function isSignedByOne(
  keys: readonly (string | Uint8Array)[],
  text: string,
  presented: Uint8Array,
): boolean {
  return keys.some((key) => {
    const expected = createHmac('sha256', key).update(text, 'utf8').digest();
    return presented.length === expected.length && timingSafeEqual(presented, expected);
  });
}
