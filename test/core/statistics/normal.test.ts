import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  erf,
  erfc,
  logNormalSurvival,
  normalCdf,
  normalDensity,
  normalQuantile,
  normalSurvival,
} from '../../../src/core/statistics/normal.ts';
import { expectClose } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };

describe('the normal distribution', () => {
  // Upper tails, computed with 50 digits.
  it.each([
    [0.1, 0.460172162722971],
    [0.67, 0.2514288950953101],
    [0.68, 0.2482522304535705],
    [1, 0.15865525393145705],
    [3, 0.0013498980316300946],
    [5.65, 8.022391850663497e-9],
    [5.66, 7.568649751997714e-9],
    [8, 6.220960574271784e-16],
    [20, 2.7536241186062337e-89],
    [37, 5.725571222524577e-300],
  ])('above %d holds %d', (x, tail) => {
    expectClose(normalSurvival(x), tail, 1e-14);
    expectClose(normalCdf(-x), tail, 1e-14);
    expectClose(normalCdf(x), 1 - tail, 1e-15);
    expectClose(logNormalSurvival(x), Math.log(tail), 1e-14);
  });

  it('has tails beyond what a number holds as logarithms', () => {
    expectClose(logNormalSurvival(100), -5005.524208694205, 1e-14);
    expect(normalSurvival(40)).toBe(0);
    expect(normalCdf(40)).toBe(1);
    expect(normalCdf(Number.NEGATIVE_INFINITY)).toBe(0);
  });

  // Check values 6.3.
  it('has z(.975) = 1.959963984540054', () => {
    expectClose(normalQuantile(0.975), 1.959963984540054, 1e-15);
    expectClose(-normalQuantile(0.025), 1.959963984540054, 1e-15);
  });

  it('has quantiles that invert the tails, far out too', () => {
    fc.assert(
      fc.property(fc.double({ min: -37, max: 37, noNaN: true }), (x) => {
        const tail = normalSurvival(Math.abs(x));
        // A tail tells x the better, the farther out it is.
        expectClose(normalQuantile(tail) - 1, -Math.abs(x) - 1, 1e-14);
        expectClose(normalCdf(x) + normalSurvival(x), 1, 1e-15);
      }),
      SEEDED,
    );
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
    expect(normalQuantile(0.5)).toBe(0);
    expect(() => normalQuantile(1.1)).toThrow('0 to 1, got 1.1');
  });

  it('never falls as x grows', () => {
    const x = fc.double({ min: -40, max: 40, noNaN: true });
    fc.assert(
      fc.property(x, x, (a, b) => {
        expect(normalCdf(Math.min(a, b))).toBeLessThanOrEqual(normalCdf(Math.max(a, b)));
      }),
      SEEDED,
    );
  });

  it('has the density as slope', () => {
    fc.assert(
      fc.property(fc.double({ min: -6, max: 6, noNaN: true }), (x) => {
        const slope = (normalCdf(x + 1e-4) - normalCdf(x - 1e-4)) / 2e-4;
        expectClose(slope + 1, normalDensity(x) + 1, 1e-8);
      }),
      SEEDED,
    );
  });
});

describe('the error function', () => {
  it.each([
    [0.1, 0.1124629160182849, 0.887537083981715],
    [0.5, 0.5204998778130465, 0.4795001221869535],
    [2, 0.9953222650189527, 0.004677734981047266],
    [5, 0.9999999999984626, 1.537459794428035e-12],
  ])('of %d is %d, 1 less it %d', (x, expected, complement) => {
    expectClose(erf(x), expected, 1e-15);
    expectClose(erf(-x), -expected, 1e-15);
    expectClose(erfc(x), complement, 1e-13);
    expectClose(erfc(-x), 2 - complement, 1e-13);
  });
});
