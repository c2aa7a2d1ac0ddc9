import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TallyTable } from '../../../src/core/scoring/tally-table.ts';

const SEED = 20_261_128;
const key = (number: number) => ({ low: Math.imul(number, 0x9e3779b1) >>> 0, high: number });

function table(limit = 1000, heavy = 100, forgotten: number[] = []) {
  return new TallyTable(limit, heavy, (watch) => forgotten.push(watch));
}

describe('a table of tallies', () => {
  it('keeps what was written, by cell and provider, also as it grows', () => {
    const kept = table(1_000_000);
    const count = 5000;
    for (let number = 0; number < count; number += 1) {
      for (const provider of [0, 1, 7]) {
        const slot = kept.touch(key(number), provider);
        kept.write(slot, number % 50, number, number + provider);
        kept.setFastUntil(slot, provider);
      }
    }
    expect(kept.size).toBe(3 * count);
    for (let number = 0; number < count; number += 1) {
      expect(kept.read(key(number), 7)).toMatchObject({
        approved: number % 50,
        total: number,
        at: number + 7,
        fastUntil: 7,
      });
      expect(kept.read(key(number), 2)).toBe(null);
    }
    expect(kept.read(key(count), 0)).toBe(null);
  });

  it('is like a map, as long as nothing is forgotten', () => {
    const steps = fc.array(fc.tuple(fc.nat(60), fc.nat(3), fc.nat(1000)), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (list) => {
        const kept = table(10_000);
        const map = new Map<string, number>();
        for (const [number, provider, total] of list) {
          const slot = kept.touch(key(number), provider);
          expect(kept.total(slot)).toBe(map.get(`${number}/${provider}`) ?? 0);
          kept.write(slot, 0, total, 1);
          map.set(`${number}/${provider}`, total);
        }
        expect(kept.size).toBe(map.size);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('never holds more than its limit; what was touched last is there, and what is old and light is gone', () => {
    const forgotten: number[] = [];
    const kept = table(1000, 100, forgotten);
    for (let number = 0; number < 10_000; number += 1) {
      const slot = kept.touch(key(number), 1);
      kept.write(slot, 1, number < 100 ? 500 : 1, 1);
      kept.setWatch(slot, number);
      expect(kept.size).toBeLessThanOrEqual(1000);
    }
    for (let number = 9_600; number < 10_000; number += 1) expect(kept.read(key(number), 1)).not.toBe(null);
    for (let number = 100; number < 8_900; number += 1) expect(kept.read(key(number), 1)).toBe(null);
    // A hundred heavy ones outlived many generations that nobody touched them in.
    for (let number = 0; number < 100; number += 1) {
      expect(kept.read(key(number), 1)).toMatchObject({ total: 500 });
    }
    const alive = new Set(Array.from({ length: 100 }, (_, number) => number));
    expect(forgotten.filter((watch) => alive.has(watch))).toEqual([]);
    expect(new Set(forgotten).size).toBe(forgotten.length);
    expect(forgotten.length).toBeGreaterThanOrEqual(8_800);
  });

  it('is bounded also where everything is heavy', () => {
    const kept = table(1000);
    for (let number = 0; number < 10_000; number += 1) kept.write(kept.touch(key(number), 1), 1, 1000, 1);
    expect(kept.size).toBeLessThanOrEqual(1000);
    expect(kept.read(key(9_999), 1)).not.toBe(null);
  });

  it('goes into another table as it is', () => {
    const kept = table();
    for (let number = 0; number < 900; number += 1)
      kept.write(kept.touch(key(number), number % 3), 2, number, 5);
    const other = table();
    for (const tally of kept.saved()) other.restore(tally);
    for (let number = 0; number < 900; number += 1) {
      expect(other.read(key(number), number % 3)).toEqual(kept.read(key(number), number % 3));
    }
  });

  it('takes 42 bytes a tally at most when it is full', () => {
    const kept = table(100_000);
    for (let number = 0; number < 150_000; number += 1) kept.touch(key(number), 1);
    expect(kept.size).toBe(100_000);
    expect(kept.bytes / kept.size).toBeLessThanOrEqual(43);
  });
});
