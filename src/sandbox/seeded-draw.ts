/**
 * A uniform number in [0, 1) that depends on nothing but its arguments: the same seed and names give the same
 * number in any order and in any process. That makes a world replayable while requests come in any order.
 *
 * Two 32-bit lanes of multiply and xor over the characters, each finished by the avalanche step of
 * MurmurHash3, give the 53 bits of the number.
 */
export function seededDraw(seed: string, ...names: readonly string[]): number {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  const feed = (text: string): void => {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      high = Math.imul(high ^ code, 0x01000193);
      low = Math.imul(low ^ code, 0x5bd1e995);
      low ^= low >>> 15;
    }
    // Between texts, so that ("ab", "c") and ("a", "bc") differ.
    high = Math.imul(high ^ 0x1f123bb5, 0x01000193);
    low = Math.imul(low ^ 0x159a55e5, 0x5bd1e995);
  };
  feed(seed);
  for (const name of names) feed(name);
  const first = avalanche(high ^ (low >>> 7));
  const second = avalanche(low ^ first);
  return ((first >>> 5) * 2 ** 26 + (second >>> 6)) / 2 ** 53;
}

/** Final mix of MurmurHash3 (32 bits): every input bit changes every output bit about half of the time. */
function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** 32 letters: no digit, so that no identifier can look like a card number. */
const LETTERS = 'abcdefghjkmnpqrstvwxyzBCDFGHJKLM';

/** `value` written in letters, at least `length` of them. @param value a whole number from 0 to 2^53-1 */
export function inLetters(value: number, length: number): string {
  let text = '';
  for (let rest = value; rest > 0 || text.length < length; rest = Math.floor(rest / 32)) {
    text = LETTERS.charAt(rest % 32) + text;
  }
  return text;
}
