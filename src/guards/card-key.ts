import { createHmac } from 'node:crypto';
import type { CardIdentity } from '../core/scheme/card-identity.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** 52^32 is more than 2^182. */
const LENGTH = 32;

/**
 * Names a card at a merchant: HMAC-SHA-256 under the journal's own secret, so that neither a token nor a card can be
 * found from it, or guessed without the secret. Letters only, so that no run of digits can look like a card number.
 * @param secret 32 bytes
 */
export function createCardKey(secret: Uint8Array): (merchant: string, identity: CardIdentity) => string {
  return (merchant, { kind, value }) => {
    const digest = createHmac('sha256', secret)
      .update(JSON.stringify([merchant, kind, value]))
      .digest();
    let key = '';
    // Taken from the bytes in turn; the slight bias of a byte over 52 letters does not matter for a name.
    for (let index = 0; index < LENGTH; index += 1)
      key += LETTERS.charAt((digest[index] ?? 0) % LETTERS.length);
    return key;
  };
}
