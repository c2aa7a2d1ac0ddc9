import { createHash } from 'node:crypto';

/**
 * How two widespread tools for feature flags divide the same units, as their clients do it: to show that an experiment of
 * theirs on the same customers says nothing about the arms here.
 */

/** Unleash: 1 to `normalizer`, by MurmurHash3 (x86, 32 bits, seed 0) of "group:unit". */
export function unleashBucket(unit: string, group: string, normalizer = 100): number {
  return (murmur3(Buffer.from(`${group}:${unit}`)) % normalizer) + 1;
}

/** LaunchDarkly: a fraction of the first 15 hexadecimal digits of a SHA-1, by a seed, or by a flag's key and salt. */
export function launchDarklyFraction(
  unit: string,
  by: number | { readonly key: string; readonly salt: string },
): number {
  const prefix = typeof by === 'number' ? String(by) : `${by.key}.${by.salt}`;
  const digits = createHash('sha1').update(`${prefix}.${unit}`).digest('hex').slice(0, 15);
  return Number.parseInt(digits, 16) / 2 ** 60;
}

function murmur3(bytes: Buffer): number {
  const mixed = (block: number): number => {
    const scrambled = Math.imul(block, 0xcc9e2d51);
    return Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  };
  let hash = 0;
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) {
    hash ^= mixed(bytes.readInt32LE(at));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= whole; at -= 1) rest = (rest << 8) | (bytes[at] ?? 0);
  hash ^= mixed(rest) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
