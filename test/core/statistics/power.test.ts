import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  minimalDetectableChange,
  relativeMinimalDetectableChange,
  relativePower,
  SAMPLE_SIZE_DEFAULTS,
  sampleSizePerArm,
} from '../../../src/core/statistics/power.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 100 };

describe('the sample size per arm', () => {
  // Check values 6.3, of Evan Miller’s calculator; the last four from the methods, section 2.4.
  it.each([
    [0.2, 0.05, 1030.2, 973.4, 1],
    [0.05, 0.01, 7663.0, 7238.1, 1],
    [0.1, 0.02, 3622.6, 3433.7, 1],
    [0.9, 0.01, 13935.5, 14312.9, 1],
    [0.5, 0.05, 1567.4, 1567.4, 1],
    [0.85, 0.01, 19847, 20177, 0],
    [0.9, 0.005, 56131, 56886, 0],
    [0.92, 0.0092, 13431, 13862, 0],
  ])('of %d +- %d is %d and %d', (rate, change, up, down, decimals) => {
    expectDecimals(sampleSizePerArm(rate, change), up, decimals);
    expectDecimals(sampleSizePerArm(rate, -change), down, decimals);
  });

  // Check values 6.3.
  it('with other variances under no difference', () => {
    const settings = (nullVariance: 'pooled' | 'unpooled') => ({ ...SAMPLE_SIZE_DEFAULTS, nullVariance });
    expectDecimals(sampleSizePerArm(0.2, 0.05, settings('pooled')), 1093.74, 2);
    expectDecimals(sampleSizePerArm(0.2, 0.05, settings('unpooled')), 1090.99, 2);
  });

  it('refuses what is no rate and no change', () => {
    expect(() => sampleSizePerArm(0.9, 0.2)).toThrow('no rates: 0.9');
    expect(() => sampleSizePerArm(0.9, 0)).toThrow('no change');
  });
});

describe('the minimal detectable change', () => {
  it('is the change that needs just so many units', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.integer({ min: 500, max: 1e6 }),
        fc.boolean(),
        (rate, perArm, downwards) => {
          const change = minimalDetectableChange(rate, perArm, SAMPLE_SIZE_DEFAULTS, downwards);
          if (change === null) return;
          expect(Math.sign(change)).toBe(downwards ? -1 : 1);
          expectClose(sampleSizePerArm(rate, change), perArm, 1e-9);
        },
      ),
      SEEDED,
    );
  });

  it('is none for too few units', () => {
    expect(minimalDetectableChange(0.9, 20)).toBeNull();
  });
});

describe('power of a relative difference', () => {
  const approval = { mean: 0.1, variance: 0.09 };

  // Check values 6.1, number 8: three arms share 4500 units a week.
  it.each([
    [1, 0.073, 3, 0.36767],
    [2, 0.0965, 4, 0.24505],
    [3, 0.1204, 4, 0.19525],
    [4, 0.14458, 5, 0.16673],
    [5, 0.16895, 5, 0.14774],
    [6, 0.19342, 5, 0.13394],
    [7, 0.21791, 5, 0.12336],
    [8, 0.24235, 5, 0.11491],
    [9, 0.26666, 5, 0.10796],
  ])('after %d weeks is %d', (weeks, power, decimals, smallest) => {
    expectDecimals(relativePower(approval, 0.05, 1500 * weeks, { alpha: 0.05 }), power, decimals);
    const found = relativeMinimalDetectableChange(approval, 0.8, 1500 * weeks, { alpha: 0.05 });
    expectDecimals(found ?? 0, smallest, 5);
  });

  it('at the minimal detectable change is the power asked for, but for the wrong side', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2000, max: 100_000 }), fc.boolean(), (perArm, sequential) => {
        const settings = { alpha: 0.05, ...(sequential ? { expectedSample: 2 * perArm } : {}) };
        const change = relativeMinimalDetectableChange(approval, 0.8, perArm, settings);
        if (change === null) return;
        expectClose(relativePower(approval, change, perArm, settings), 0.8, 1e-4);
      }),
      SEEDED,
    );
  });

  it('is less when read as a confidence sequence', () => {
    const single = relativePower(approval, 0.1, 5000, { alpha: 0.05 });
    expect(relativePower(approval, 0.1, 5000, { alpha: 0.05, expectedSample: 10_000 })).toBeLessThan(single);
  });

  it('is alpha without a change, and no rise is found by too few', () => {
    expectClose(relativePower(approval, 0, 1000, { alpha: 0.05 }), 0.05);
    expect(relativeMinimalDetectableChange(approval, 0.8, 50, { alpha: 0.05 })).toBeNull();
  });
});
