import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiscountedTallies, WindowTallies } from '../../../src/core/statistics/arm-tallies.ts';
import { BernoulliCusum, CUSUM_THRESHOLD } from '../../../src/core/statistics/change-detector.ts';
import {
  bernoulliDivergence,
  discountedUcbIndex,
  discountForChanges,
  klUcbIndex,
  klUpperBound,
  slidingWindowUcbIndex,
  windowForChanges,
} from '../../../src/core/statistics/ucb-index.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };

describe('the kl-UCB index', () => {
  // Check values 6.3.
  it.each([
    [0.5, 0.1, 0.7128786315],
    [0.9, 0.02, 0.9493708461],
    [0.9, Math.log(1000) / 100, 0.9757913975],
    [0, 0.3, 0.2591817793],
  ])('of a mean %d and a divergence %d is %d', (mean, divergence, expected) => {
    expectDecimals(klUpperBound(mean, divergence), expected, 10);
  });

  it('is where the divergence is reached', () => {
    const mean = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(mean, fc.double({ min: 1e-6, max: 3, noNaN: true }), (at, divergence) => {
        const bound = klUpperBound(at, divergence);
        expect(bound).toBeGreaterThanOrEqual(at);
        if (bound < 1 - 1e-9) expectClose(bernoulliDivergence(at, bound), divergence, 1e-7);
      }),
      SEEDED,
    );
    expect([klUpperBound(1, 0.1), klUpperBound(0.4, 0), klUpperBound(0.4, 1e9)]).toEqual([1, 0.4, 1]);
    expect(klUcbIndex({ successes: 0, trials: 0 }, 10)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the other indices', () => {
  it('are mean and bonus', () => {
    const tally = { successes: 30, trials: 40 };
    expectClose(slidingWindowUcbIndex(tally, 1000, 200, 0.6), 0.75 + Math.sqrt((0.6 * Math.log(200)) / 40));
    expectClose(slidingWindowUcbIndex(tally, 50, 200, 2), 0.75 + Math.sqrt((2 * Math.log(50)) / 40));
    expectClose(discountedUcbIndex(tally, 90, 0.5), 0.75 + 2 * Math.sqrt((0.5 * Math.log(90)) / 40));
  });

  // The methods, section 1.4: five thousand steps with four changes, ten thousand with two.
  it('have the discount and the window of their papers', () => {
    expectDecimals(discountForChanges(4, 5000), 0.99293, 5);
    expectDecimals(discountForChanges(2, 10_000), 0.99646, 5);
    expect(windowForChanges(4, 5000)).toBe(206);
    // SMPyBandits divides by one change more.
    expect(windowForChanges(5, 5000)).toBe(185);
  });
});

describe('tallies', () => {
  const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 1 })), {
    maxLength: 200,
  });

  it('discounted are the sums of gamma to the age in events of any arm', () => {
    fc.assert(
      fc.property(events, fc.double({ min: 0.8, max: 1, noNaN: true }), (list, gamma) => {
        const tallies = new DiscountedTallies(3, gamma);
        for (const [arm, reward] of list) tallies.observe(arm, reward);
        for (const arm of [0, 1, 2]) {
          let [successes, trials] = [0, 0];
          list.forEach(([pulled, reward], at) => {
            const weight = pulled === arm ? gamma ** (list.length - 1 - at) : 0;
            successes += weight * reward;
            trials += weight;
          });
          expectClose(1 + tallies.tally(arm).successes, 1 + successes, 1e-10);
          expectClose(1 + tallies.tally(arm).trials, 1 + trials, 1e-10);
        }
      }),
      SEEDED,
    );
  });

  it('of a window are the sums of its last events', () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 50 }), (list, window) => {
        const tallies = new WindowTallies(3, window);
        for (const [arm, reward] of list) tallies.observe(arm, reward);
        const last = list.slice(-window);
        for (const arm of [0, 1, 2]) {
          const own = last.filter(([pulled]) => pulled === arm);
          const successes = own.reduce((sum, [, reward]) => sum + reward, 0);
          expect(tallies.tally(arm)).toEqual({ successes, trials: own.length });
        }
      }),
      SEEDED,
    );
  });

  it('refuse a memory that is none', () => {
    expect(() => new DiscountedTallies(2, 0)).toThrow('got 0');
    expect(() => new WindowTallies(2, 0)).toThrow('got 0');
  });
});

describe('the change detector', () => {
  const FALL = { before: 0.9, after: 0.85, threshold: CUSUM_THRESHOLD };

  it('adds up log-likelihood ratios and never falls below 0', () => {
    const cusum = new BernoulliCusum(FALL);
    cusum.observe(true);
    expect(cusum.evidence).toBe(0);
    cusum.observe(false);
    expectClose(cusum.evidence, Math.log(0.15 / 0.1));
    cusum.observe(true);
    expectClose(cusum.evidence, Math.log(0.15 / 0.1) + Math.log(0.85 / 0.9));
  });

  it('alarms after so many failures in a row, and begins anew', () => {
    const cusum = new BernoulliCusum(FALL);
    const needed = Math.ceil(Math.log(2000) / Math.log(1.5));
    const alarms = Array.from({ length: needed }, () => cusum.observe(false));
    expect(alarms.indexOf(true)).toBe(needed - 1);
    expect(cusum.evidence).toBe(0);
  });

  it('sounds false seldom, and true soon', () => {
    const random = new SeededRandom(21);
    let falseAlarms = 0;
    const still = new BernoulliCusum(FALL);
    for (let outcome = 0; outcome < 400_000; outcome += 1)
      falseAlarms += still.observe(random.chance(0.9)) ? 1 : 0;
    expect(falseAlarms).toBeLessThanOrEqual(400_000 / 2000);
    let outcomes = 0;
    for (let run = 0; run < 200; run += 1) {
      const cusum = new BernoulliCusum(FALL);
      do outcomes += 1;
      while (!cusum.observe(random.chance(0.7)));
    }
    expect(outcomes / 200).toBeLessThan(120);
  });

  it('refuses what is no change', () => {
    expect(() => new BernoulliCusum({ ...FALL, after: 0.9 })).toThrow('no change');
    expect(() => new BernoulliCusum({ ...FALL, before: 1 })).toThrow('got 1');
  });
});
