import fc from 'fast-check';
import { describe, it } from 'vitest';
import {
  deviance,
  digamma,
  logBeta,
  logGamma,
  stirlingError,
  trigamma,
} from '../../../src/core/statistics/gamma.ts';
import { expectClose } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };
const positive = fc.double({ min: 0.01, max: 1e6, noNaN: true });

describe('log-gamma', () => {
  // Computed with 50 digits.
  it.each([
    [1e-8, 18.42068073818021],
    [0.1, 2.252712651734206],
    [0.7, 0.2608672465316666],
    [1.0000001, -5.772155829918507e-8],
    [1.9999, -0.00004227520877215346],
    [2.00001, 0.00000422787559764836],
    [2.7, 0.4348205536551047],
    [9.9, 12.57717990421988],
    [10.1, 13.027526738633236],
    [1000, 5905.220423209181],
    [1e10, 220258509288.81058],
  ])('of %d is %d', (x, expected) => {
    expectClose(logGamma(x), expected, 1e-14);
  });

  it('grows by ln x with each step', () => {
    fc.assert(
      fc.property(positive, (x) => {
        expectClose(logGamma(x + 1) - logGamma(x) + 1e3, Math.log(x) + 1e3, 1e-11);
      }),
      SEEDED,
    );
  });

  it('is Stirling’s formula and its error', () => {
    fc.assert(
      fc.property(positive, (x) => {
        const stirling = (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2;
        expectClose(stirling + stirlingError(x) + 1, logGamma(x) + 1, 1e-13);
      }),
      SEEDED,
    );
  });
});

describe('log-beta', () => {
  it.each([
    [0.01, 0.01, 5.298155239985667],
    [0.3, 7, 0.5271566838059275],
    [901, 101, -328.8220422125798],
    [3, 100000, -33.84565921410074],
    [300000, 700000, -610869.5105474517],
  ])('of %d and %d is %d', (alpha, beta, expected) => {
    expectClose(logBeta(alpha, beta), expected, 1e-14);
    expectClose(logBeta(beta, alpha), expected, 1e-14);
  });
});

describe('digamma and trigamma', () => {
  it('are known at 1/2 and 1', () => {
    const euler = 0.5772156649015329;
    expectClose(digamma(1), -euler, 1e-14);
    expectClose(digamma(0.5), -euler - 2 * Math.LN2, 1e-14);
    expectClose(trigamma(1), Math.PI ** 2 / 6, 1e-14);
    expectClose(trigamma(0.5), Math.PI ** 2 / 2, 1e-14);
  });

  it('are the derivatives of log-gamma', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 1e4, noNaN: true }), (x) => {
        const step = x * 1e-4;
        expectClose((logGamma(x + step) - logGamma(x - step)) / (2 * step) + 10, digamma(x) + 10, 1e-6);
        expectClose((digamma(x + step) - digamma(x - step)) / (2 * step), trigamma(x), 1e-6);
      }),
      SEEDED,
    );
  });
});

describe('the deviance', () => {
  it('is 0 for equal values and x ln(x/mean) + mean - x for others', () => {
    expectClose(deviance(7, 7), 0);
    fc.assert(
      fc.property(positive, fc.double({ min: 0.2, max: 5, noNaN: true }), (x, ratio) => {
        const mean = x * ratio;
        expectClose(deviance(x, mean) / x + 1, 1 + Math.log(x / mean) + (mean - x) / x, 1e-14);
      }),
      SEEDED,
    );
  });

  it('keeps its digits next to equality', () => {
    // d^2/2 - d^3/6 + … for a mean of 1 and x = 1 + d.
    expectClose(deviance(1 + 2 ** -20, 1), 2 ** -41 - 2 ** -60 / 6 + 2 ** -80 / 12, 1e-15);
  });
});
