import { randomFillSync } from 'node:crypto';
import type { Randomness } from '../gateway/ports.ts';

/** Letters only, without those that look like digits or form words: no run of 12 digits can occur. */
const ALPHABET = 'abcdefghjkmnpqrstvwxyzBCDFGHJKLM';
const EPOCH_MS = Date.UTC(2026, 0, 1);
const TIME_LETTERS = 8;
const RANDOM_LETTERS = 13;

/**
 * Identifiers begin with the time, so that rows written together lie together on disk: 8 letters of 5 bits for the
 * milliseconds since 2026 (until 2060), then 13 letters, 65 bits, of cryptographic randomness.
 * @param wallMs wall clock
 */
export function systemRandomness(wallMs: () => number): Randomness {
  const pool = new Uint8Array(4096);
  let used = pool.length;
  const byte = (): number => {
    if (used >= pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++] as number;
  };
  return {
    unit: () => ((byte() * 2 ** 24 + byte() * 2 ** 16 + byte() * 2 ** 8 + byte()) >>> 0) / 2 ** 32,
    id(prefix) {
      let time = Math.max(0, wallMs() - EPOCH_MS);
      let letters = '';
      for (let index = 0; index < TIME_LETTERS; index += 1) {
        letters = ALPHABET.charAt(time % 32) + letters;
        time = Math.floor(time / 32);
      }
      for (let index = 0; index < RANDOM_LETTERS; index += 1) letters += ALPHABET.charAt(byte() & 31);
      return `${prefix}_${letters}`;
    },
  };
}
