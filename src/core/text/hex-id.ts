/**
 * An id of `words` times 8 lower-case hex digits. The last digit of each word is a letter, so that no run of 12 decimal
 * digits can occur, and the id is never all zero.
 * @param unit gives numbers from 0 to below 1, at random
 */
export function hexId(words: number, unit: () => number): string {
  let id = '';
  for (let word = 0; word < words; word += 1) {
    const digits = Math.floor(unit() * 0x10000000)
      .toString(16)
      .padStart(7, '0');
    id += digits + 'abcdef'.charAt(Math.floor(unit() * 6));
  }
  return id;
}
