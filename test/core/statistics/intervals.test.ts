import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { betaCdf } from '../../../src/core/statistics/incomplete-beta.ts';
import {
  clopperPearsonInterval,
  jeffreysInterval,
  wilsonInterval,
} from '../../../src/core/statistics/intervals.ts';
import { normalQuantile } from '../../../src/core/statistics/normal.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };
const counts = fc
  .integer({ min: 1, max: 5000 })
  .chain((count) => fc.tuple(fc.integer({ min: 0, max: count }), fc.constant(count)));

describe('intervals of a proportion', () => {
  // Check values 6.3.
  it.each([
    ['Wilson', wilsonInterval, 81, 263, 0.25529, 0.36621, 5],
    ['Wilson', wilsonInterval, 18, 20, 0.69897, 0.97213, 5],
    ['Clopper-Pearson', clopperPearsonInterval, 81, 263, 0.25274, 0.36762, 5],
    ['Clopper-Pearson', clopperPearsonInterval, 0, 20, 0, 0.16843, 5],
    ['Jeffreys', jeffreysInterval, 18, 20, 0.716147, 0.978628, 6],
  ] as const)('%s of %s %d/%d', (_name, interval, successes, count, low, high, decimals) => {
    expectDecimals(interval(successes, count).low, low, decimals);
    expectDecimals(interval(successes, count).high, high, decimals);
  });

  it.each([wilsonInterval, clopperPearsonInterval, jeffreysInterval])(
    'of $name stay within 0 and 1, hold the share and mirror',
    (interval) => {
      fc.assert(
        fc.property(counts, fc.double({ min: 0.001, max: 0.5, noNaN: true }), ([successes, count], alpha) => {
          const { low, high } = interval(successes, count, alpha);
          const share = successes / count;
          expect(low).toBeGreaterThanOrEqual(0);
          expect(low).toBeLessThanOrEqual(share + 1e-12);
          expect(high).toBeGreaterThanOrEqual(share - 1e-12);
          expect(high).toBeLessThanOrEqual(1);
          const mirrored = interval(count - successes, count, alpha);
          expectClose(1 + mirrored.low, 2 - high, 1e-12);
        }),
        SEEDED,
      );
    },
  );

  it('of Wilson end where the score test just rejects', () => {
    fc.assert(
      fc.property(counts, ([successes, count]) => {
        const { low, high } = wilsonInterval(successes, count);
        for (const end of [low, high]) {
          if (end === 0 || end === 1) continue;
          const score = (successes / count - end) / Math.sqrt((end * (1 - end)) / count);
          expectClose(Math.abs(score), normalQuantile(0.975), 1e-8);
        }
      }),
      SEEDED,
    );
  });

  it('of Clopper and Pearson leave alpha/2 beyond each end', () => {
    const { low, high } = clopperPearsonInterval(7, 50, 0.1);
    expectClose(betaCdf(low, 7, 44), 0.05, 1e-12);
    expectClose(betaCdf(high, 8, 43), 0.95, 1e-12);
  });

  it('of no units are everything', () => {
    expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 });
    expect(clopperPearsonInterval(0, 0)).toEqual({ low: 0, high: 1 });
    expect(jeffreysInterval(0, 0)).toEqual({ low: 0, high: 1 });
    expect(() => wilsonInterval(2, 1)).toThrow('2 successes of 1 units');
  });
});
