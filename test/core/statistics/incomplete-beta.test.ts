import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  betaCdf,
  betaQuantile,
  betaSurvival,
  logBetaCdf,
  logBetaSurvival,
} from '../../../src/core/statistics/incomplete-beta.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 400 };
/** From strongly skewed cells to heavy ones. */
const parameter = fc.double({ min: -2, max: 5, noNaN: true }).map((power) => 10 ** power);

describe('the Beta distribution', () => {
  // Computed with 50 digits.
  it.each([
    [0.11, 0.3, 7, 0.881905581489704, 0.118094418510296],
    [0.001, 0.5, 0.5, 0.020135041633377492, 0.9798649583666225],
    [0.999, 0.01, 0.01, 0.5332926139123089, 0.46670738608769113],
    [0.5, 901, 101, 3.7222497998249735e-162, 1],
    [0.85, 901, 101, 0.000001922173698396651, 0.9999980778263016],
    [1e-30, 2, 1000, 5.0050000000000005e-55, 1],
    [0.0003, 2, 5000, 0.44230012132725555, 0.5576998786727445],
    // 1 - (1-x)^beta (1 + beta x).
    [0.0000029943023668824306, 2, 1e6, 0.7999999999947924, 0.20000000000520754],
  ])('up to %d of Beta(%d, %d) holds %d, above %d', (x, alpha, beta, lower, upper) => {
    expectClose(betaCdf(x, alpha, beta), lower);
    expectClose(betaSurvival(x, alpha, beta), upper);
    expectClose(Math.exp(logBetaCdf(x, alpha, beta)), lower);
    expectClose(Math.exp(logBetaSurvival(x, alpha, beta)), upper);
  });

  // Check values 6.3.
  it.each([
    [0.9, 50, 5, 0.3614471397],
    [0.9, 2, 3, 0.9963],
  ])('I_%d(%d, %d) = %d', (x, alpha, beta, expected) => {
    expectDecimals(betaCdf(x, alpha, beta), expected, 10);
  });

  // Check values 6.3.
  it.each([
    [2, 3, 0.0675859865, 0.3857275681, 0.8058795503],
    [50, 5, 0.8210665708, 0.914036916, 0.9692472147],
    [901, 101, 0.8798308701, 0.8994671948, 0.9170636015],
  ])('quantiles .025, .5, .975 of Beta(%d, %d) are %d, %d, %d', (alpha, beta, low, middle, high) => {
    expectDecimals(betaQuantile(0.025, alpha, beta), low, 10);
    expectDecimals(betaQuantile(0.5, alpha, beta), middle, 10);
    expectDecimals(betaQuantile(0.975, alpha, beta), high, 10);
  });

  it('has quantiles that invert the tails', () => {
    fc.assert(
      fc.property(parameter, parameter, fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), (a, b, p) => {
        const x = betaQuantile(p, a, b);
        // Where x is too near 0 or 1 for a number to hold the distance.
        if (x < 1e-290 || x > 1 - 1e-6) return;
        if (p < 0.5) expectClose(betaCdf(x, a, b), p, 1e-11 * Math.max(1, a / 1e3, b / 1e3));
        else expectClose(betaSurvival(x, a, b), 1 - p, 1e-9 * Math.max(1, a / 1e3, b / 1e3));
      }),
      SEEDED,
    );
  });

  it('mirrors: I_x(a, b) + I_1-x(b, a) = 1', () => {
    fc.assert(
      fc.property(parameter, parameter, fc.integer({ min: 1, max: 1023 }), (a, b, part) => {
        const x = part / 1024;
        expectClose(betaSurvival(x, a, b), betaCdf(1 - x, b, a), 1e-13);
        expectClose(betaCdf(x, a, b) + betaSurvival(x, a, b), 1, 1e-13);
      }),
      SEEDED,
    );
  });

  it('grows with x', () => {
    const x = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(parameter, parameter, x, x, (a, b, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(betaCdf(low, a, b)).toBeLessThanOrEqual(betaCdf(high, a, b) * (1 + 1e-12));
      }),
      SEEDED,
    );
  });

  it('obeys the recurrence I_x(a, b) - I_x(a+1, b) = x^a (1-x)^b / (a B(a, b))', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (a, b, x) => {
          // 1 / (a B(a, b)) is the binomial coefficient of a + b - 1 over a.
          let coefficient = 1;
          for (let step = 1; step <= a; step += 1) coefficient *= (b - 1 + step) / step;
          const step = coefficient * x ** a * (1 - x) ** b;
          expectClose(betaCdf(x, a, b) - betaCdf(x, a + 1, b) + 1, step + 1, 1e-13);
        },
      ),
      SEEDED,
    );
  });

  it('ends at 0 and 1, and knows no other parameters than those above 0', () => {
    expect([betaCdf(0, 2, 3), betaCdf(1, 2, 3), betaSurvival(0, 2, 3), betaSurvival(1, 2, 3)]).toEqual([
      0, 1, 1, 0,
    ]);
    expect([betaQuantile(0, 2, 3), betaQuantile(1, 2, 3)]).toEqual([0, 1]);
    expect(() => betaCdf(0.5, 0, 1)).toThrow('above 0, got 0 and 1');
    expect(() => betaQuantile(-0.1, 1, 1)).toThrow('0 to 1, got -0.1');
  });
});
