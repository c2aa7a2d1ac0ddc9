import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

/** Of a new form of what is written, so that no version reads what it does not know. */
const FORM = 1;
const NAME_LETTERS = 16;

/** Whose keys in a Redis are, and what tells their writing from that of anybody else. */
export interface RedisIdentity {
  /** Every key and channel begins with it. */
  readonly prefix: string;
  /** @returns what only who has the journal's secret can make of a text of that kind */
  seal(kind: string, text: string): string;
  /** Whether a seal was made of this text, by a process of the same journal. */
  isSealed(kind: string, text: string, seal: string): boolean;
}

/**
 * Derives it from the journal's own secret: processes of one journal find each other without being told how, and those of
 * two journals never share anything, on whatever Redis and database of it they are. A copy of a journal has its secret.
 * @param secret of the journal, 32 bytes; nothing of it can be found from what is derived
 * @param given sets a copy of a journal apart; null: nothing
 */
export function redisIdentity(secret: Uint8Array, given: string | null): RedisIdentity {
  const derived = (purpose: string) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([FORM, purpose, given]))
      .digest();
  const name = Array.from(derived('redis keys').subarray(0, NAME_LETTERS), (byte) =>
    String.fromCharCode(97 + (byte % 26)),
  ).join('');
  const key = createSecretKey(derived('redis seals'));
  const seal = (kind: string, text: string) =>
    createHmac('sha256', key).update(`${kind}\n${text}`).digest('base64url').slice(0, 22);
  return {
    prefix: `pointsman:${given === null ? '' : `${given}:`}${name}`,
    seal,
    isSealed(kind, text, given) {
      const [expected, found] = [Buffer.from(seal(kind, text)), Buffer.from(given)];
      return expected.length === found.length && timingSafeEqual(expected, found);
    },
  };
}
