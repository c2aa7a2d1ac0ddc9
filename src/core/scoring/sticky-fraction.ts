/**
 * 32-bit FNV-1a over UTF-16 code units, as JavaScript experiment SDKs compute it: equal to the byte-wise hash for
 * ASCII only.
 */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * A fraction in [0, 1), in steps of 1/10000, that stays with the unit for as long as the salt stays. Another salt
 * gives an independent one. GrowthBook's hash version 2: hashed twice, which removes the bias of hashing once.
 * @param salt what the draw is for, such as a rule's name
 * @param unit what is drawn for, such as a payment
 */
export function stickyFraction(salt: string, unit: string): number {
  return (fnv1a32(String(fnv1a32(salt + unit))) % 10_000) / 10_000;
}
