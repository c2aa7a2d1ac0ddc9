import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chiSquareSurvival, logChiSquareSurvival } from '../../../src/core/statistics/chi-square.ts';
import { normalSurvival } from '../../../src/core/statistics/normal.ts';
import { expectClose } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };
const value = fc.double({ min: 0, max: 800, noNaN: true });

describe('chi-square', () => {
  // Computed with 50 digits.
  it.each([
    [0.00001, 1, 0.9974768716831944],
    [0.5, 3, 0.9188914116546758],
    [10, 4, 0.040427681994512805],
    [18.1818, 1, 0.000020078847814129204],
    [50, 10, 2.6690834249044957e-7],
    [300, 500, 0.9999999999999424],
    [1000, 3, 1.7994208765314476e-216],
    [3, 0.5, 0.03341644415897903],
  ])('above %d with %d degrees of freedom holds %d', (x, degrees, tail) => {
    expectClose(chiSquareSurvival(x, degrees), tail);
    expectClose(Math.exp(logChiSquareSurvival(x, degrees)), tail);
  });

  // Check values 6.3.
  it.each([
    [10.827566, 1, 0.001],
    [13.815511, 2, 0.001],
    [16.266236, 3, 0.001],
    [12.115665, 1, 0.0005],
    [15.201805, 2, 0.0005],
    [17.729996, 3, 0.0005],
  ])('%d with %d degrees of freedom is the critical value of %d', (critical, degrees, tail) => {
    expect(chiSquareSurvival(critical - 5e-7, degrees)).toBeGreaterThanOrEqual(tail);
    expect(chiSquareSurvival(critical + 5e-7, degrees)).toBeLessThanOrEqual(tail);
  });

  it('with one degree of freedom is a squared normal, with two an exponential', () => {
    fc.assert(
      fc.property(value, (x) => {
        expectClose(chiSquareSurvival(x, 1), 2 * normalSurvival(Math.sqrt(x)));
        expectClose(chiSquareSurvival(x, 2), Math.exp(-x / 2));
      }),
      SEEDED,
    );
  });

  it('never rises as the value grows', () => {
    fc.assert(
      fc.property(value, value, fc.double({ min: 0.1, max: 100, noNaN: true }), (one, other, degrees) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(chiSquareSurvival(high, degrees)).toBeLessThanOrEqual(
          chiSquareSurvival(low, degrees) * (1 + 1e-12),
        );
      }),
      SEEDED,
    );
    expect([chiSquareSurvival(0, 3), chiSquareSurvival(Number.POSITIVE_INFINITY, 3)]).toEqual([1, 0]);
  });
});
