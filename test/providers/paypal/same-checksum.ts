import { crc32 } from 'node:zlib';

/** Letters that are free to be one or the other: more than the 32 bits of the checksum, so that there is a choice. */
const FREE = 40;

/** `prefix`, some letters and `suffix`, with this CRC-32: the checksum is linear, so that the letters can be solved for. */
export function withChecksum(prefix: string, suffix: string, wanted: number): string {
  const textOf = (mask: bigint) =>
    prefix +
    Array.from({ length: FREE }, (_, bit) => ((mask >> BigInt(bit)) & 1n ? 'Q' : 'A')).join('') +
    suffix;
  const base = crc32(textOf(0n));
  const basis: { readonly change: number; readonly mask: bigint; readonly top: number }[] = [];
  const reduced = (change: number, mask: bigint) => {
    for (const each of basis) {
      if ((change >>> each.top) & 1) {
        change = (change ^ each.change) >>> 0;
        mask ^= each.mask;
      }
    }
    return { change, mask };
  };
  for (let bit = 0; bit < FREE; bit += 1) {
    const letter = 1n << BigInt(bit);
    const row = reduced((crc32(textOf(letter)) ^ base) >>> 0, letter);
    if (row.change === 0) continue;
    const top = 31 - Math.clz32(row.change);
    for (const [index, each] of basis.entries()) {
      if ((each.change >>> top) & 1) {
        basis[index] = { ...each, change: (each.change ^ row.change) >>> 0, mask: each.mask ^ row.mask };
      }
    }
    basis.push({ ...row, top });
  }
  const { change, mask } = reduced((wanted ^ base) >>> 0, 0n);
  if (change !== 0) throw new Error('no such text');
  return textOf(mask);
}
