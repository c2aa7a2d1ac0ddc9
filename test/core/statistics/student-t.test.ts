import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalQuantile } from '../../../src/core/statistics/normal.ts';
import {
  logStudentTSurvival,
  studentTCdf,
  studentTQuantile,
  studentTSurvival,
} from '../../../src/core/statistics/student-t.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 300 };
const freedom = fc.double({ min: -0.5, max: 7, noNaN: true }).map((power) => 10 ** power);

describe('Student’s t', () => {
  // Computed with 50 digits.
  it.each([
    [0.1, 1, 0.4682744825694464],
    [2, 5, 0.05096973941492918],
    [2, 1e7, 0.022750145445921476],
    [4, 55.9, 0.00009396656179961439],
    [10, 2.5, 0.0022207478836537126],
    [30, 1947.798, 3.517452512148827e-163],
    [1e-6, 30, 0.4999996043678151],
  ])('above %d with %d degrees of freedom holds %d', (t, degrees, tail) => {
    expectClose(studentTSurvival(t, degrees), tail);
    expectClose(studentTCdf(-t, degrees), tail);
    expectClose(studentTCdf(t, degrees), 1 - tail);
    expectClose(logStudentTSurvival(t, degrees), Math.log(tail));
  });

  // Check values 6.3.
  it('has the published values', () => {
    expectDecimals(studentTCdf(2, 5), 0.9490302606, 10);
    expectDecimals(studentTQuantile(0.975, 5), 2.5705818356, 10);
    expectDecimals(studentTQuantile(0.975, 55.9), 2.003319803, 10);
  });

  it('has quantiles that invert the tails', () => {
    fc.assert(
      fc.property(freedom, fc.double({ min: -30, max: -0.5, noNaN: true }), (degrees, power) => {
        const tail = 10 ** power;
        const t = studentTQuantile(tail, degrees);
        expectClose(studentTCdf(t, degrees), tail, 1e-11);
        expect(studentTQuantile(1 - 2 ** -8, degrees)).toBe(-studentTQuantile(2 ** -8, degrees));
      }),
      SEEDED,
    );
    expect(studentTQuantile(0.5, 3)).toBe(0);
    expect(studentTQuantile(0, 3)).toBe(Number.NEGATIVE_INFINITY);
  });

  it('is the Cauchy distribution at one degree of freedom and nearly normal at many', () => {
    expectClose(studentTQuantile(0.9, 1), Math.tan(Math.PI * 0.4));
    expectClose(studentTQuantile(0.025, 1e9), normalQuantile(0.025), 1e-8);
  });
});
