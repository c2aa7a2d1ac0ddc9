import { hash } from 'node:crypto';
import { invariant } from '../core/invariant.ts';
import type { CardIdentity } from '../core/scheme/card-identity.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** 52^32 is more than 2^182. */
const LENGTH = 32;

/** Block of SHA-256, bytes. */
const BLOCK = 64;
/** Digest of SHA-256, bytes. */
const DIGEST = 32;
/** Longest text for which the room stands ready, bytes. */
const TEXT = 2_048;

/**
 * Names a card at a merchant: HMAC-SHA-256 under the journal's own secret, so that neither a token nor a card can be
 * found from it, or guessed without the secret. Letters only, so that no run of digits can look like a card number.
 * @param secret 32 bytes
 */
export function createCardKey(secret: Uint8Array): (merchant: string, identity: CardIdentity) => string {
  const hmac = createHmacSha256(secret);
  return (merchant, { kind, value }) => {
    const digest = hmac(JSON.stringify([merchant, kind, value]));
    let key = '';
    // Taken from the bytes in turn; the slight bias of a byte over 52 letters does not matter for a name.
    for (let index = 0; index < LENGTH; index += 1)
      key += LETTERS.charAt((digest[index] ?? 0) % LETTERS.length);
    return key;
  };
}

/**
 * HMAC (RFC 2104) of texts under one key, as two hashes at one go each: what `createHmac` makes is a stream with a
 * context of OpenSSL behind it, for the collector to find, which costs a busy process several times the hashes.
 * @param secret at most 64 bytes: a longer key would have to be hashed first
 */
function createHmacSha256(secret: Uint8Array): (text: string) => Uint8Array {
  invariant(secret.length <= BLOCK, 'the key of an HMAC is no longer than a block of its hash');
  const inner = Buffer.alloc(BLOCK + TEXT, 0x36);
  const outer = Buffer.alloc(BLOCK + DIGEST, 0x5c);
  for (const [index, byte] of secret.entries()) {
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  return (text) => {
    // A unit of a text takes three bytes at most.
    const message =
      text.length * 3 <= TEXT
        ? inner.subarray(0, BLOCK + inner.write(text, BLOCK))
        : Buffer.concat([inner.subarray(0, BLOCK), Buffer.from(text)]);
    hash('sha256', message, 'buffer').copy(outer, BLOCK);
    return hash('sha256', outer, 'buffer');
  };
}
