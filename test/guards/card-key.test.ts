import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CardIdentity } from '../../src/core/scheme/card-identity.ts';
import { createCardKey } from '../../src/guards/card-key.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** As Node's own HMAC names it: the names that stand in journals must stay what they are. */
function nameByNode(secret: Uint8Array, merchant: string, { kind, value }: CardIdentity): string {
  const digest = createHmac('sha256', secret)
    .update(JSON.stringify([merchant, kind, value]))
    .digest();
  return [...digest].map((byte) => LETTERS.charAt(byte % LETTERS.length)).join('');
}

describe('the name of a card at a merchant', () => {
  it.each([
    ['short', 'card-77'],
    ['about as long as the room for it', 'x'.repeat(655)],
    ['longer than it', 'x'.repeat(5_000)],
    ['of characters of two, three and four bytes', '\u00e9\u20ac\u{1f4b3}'.repeat(40)],
    ['longer than it in bytes only', '\u20ac'.repeat(690)],
  ])('is the HMAC of merchant and card: %s', (_, value) => {
    const secret = randomBytes(32);
    const cardKey = createCardKey(secret);
    // The same again after another: nothing is left over of that.
    for (const each of [value, 'another', value]) {
      const identity: CardIdentity = { kind: 'card_id', value: each };
      expect(cardKey('acme-eu', identity)).toBe(nameByNode(secret, 'acme-eu', identity));
      expect(cardKey('acme-us', identity)).not.toBe(cardKey('acme-eu', identity));
    }
  });
});
