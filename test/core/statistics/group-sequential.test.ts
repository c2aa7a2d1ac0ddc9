import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  crossingProbabilities,
  groupSequentialBoundaries,
  spendingBoundaries,
  spentAlpha,
} from '../../../src/core/statistics/group-sequential.ts';
import { normalQuantile } from '../../../src/core/statistics/normal.ts';
import { gaussLegendre } from '../../../src/core/statistics/quadrature.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 25 };
const fractions = fc
  .uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
  .map((steps) => steps.toSorted((a, b) => a - b))
  .map((steps) => steps.map((step) => step / (steps.at(-1) ?? 1)));

function total(looks: readonly number[], boundaries: readonly number[], drift = 0): number {
  return crossingProbabilities(looks, boundaries, drift).reduce(
    (sum, { upper, lower }) => sum + upper + lower,
    0,
  );
}

describe('group sequential boundaries', () => {
  // Check values 6.3, as in the textbooks.
  it.each([
    ['o_brien_fleming', 2, 1.9774],
    ['o_brien_fleming', 3, 2.004],
    ['o_brien_fleming', 5, 2.0401],
    ['pocock', 2, 2.1783],
    ['pocock', 3, 2.2895],
    ['pocock', 5, 2.4132],
  ] as const)('of shape %s with %d looks end at %d', (shape, looks, last) => {
    const boundaries = groupSequentialBoundaries(looks, shape);
    expectDecimals(boundaries.at(-1) ?? 0, last, 4);
    expectClose(
      boundaries[0] ?? 0,
      shape === 'pocock' ? (boundaries.at(-1) ?? 0) : (boundaries.at(-1) ?? 0) * Math.sqrt(looks),
    );
  });

  it('with one look are the single test’s', () => {
    expectClose(groupSequentialBoundaries(1, 'pocock', 0.01)[0] ?? 0, normalQuantile(0.995), 1e-9);
  });
});

describe('alpha spending', () => {
  // As DeMets and Lan’s own program gives them for five equal looks.
  it.each([
    ['o_brien_fleming', [4.8769, 3.357, 2.6803, 2.2898, 2.031]],
    ['pocock', [2.438, 2.4268, 2.4102, 2.3966, 2.386]],
  ] as const)('of shape %s gives %j', (shape, expected) => {
    const boundaries = spendingBoundaries([0.2, 0.4, 0.6, 0.8, 1], shape);
    expected.forEach((value, look) => {
      expectDecimals(boundaries[look] ?? 0, value, 4);
    });
  });

  it('spends just alpha, at whatever fractions one looks', () => {
    fc.assert(
      fc.property(fractions, fc.constantFrom('o_brien_fleming', 'pocock'), (looks, shape) => {
        const boundaries = spendingBoundaries(looks, shape, 0.05);
        expectClose(total(looks, boundaries), 0.05, 1e-7);
        // What was decided before does not depend on the looks to come.
        expectClose(spendingBoundaries(looks.slice(0, 1), shape)[0] ?? 0, boundaries[0] ?? 0);
      }),
      SEEDED,
    );
  });

  it('begins with nothing and ends with all', () => {
    expect([spentAlpha(0, 'pocock', 0.05), spentAlpha(1, 'pocock', 0.05)]).toEqual([0, 0.05]);
    expect(spentAlpha(0.5, 'o_brien_fleming', 0.05)).toBeLessThan(spentAlpha(0.5, 'pocock', 0.05));
  });
});

describe('crossing probabilities', () => {
  it('mirror with the drift', () => {
    const looks = [0.25, 0.5, 1];
    const boundaries = groupSequentialBoundaries(3, 'pocock');
    const up = crossingProbabilities(looks, boundaries, 2.5);
    const down = crossingProbabilities(looks, boundaries, -2.5);
    up.forEach((crossing, look) => {
      expectClose(crossing.upper, down[look]?.lower ?? 0, 1e-12);
      expectClose(crossing.lower, down[look]?.upper ?? 0, 1e-9);
    });
  });

  it('of a look without a boundary are nothing, and change nothing later', () => {
    const [first, second] = crossingProbabilities([0.3, 1], [Number.POSITIVE_INFINITY, 1.959963984540054], 1);
    expect(first).toEqual({ upper: 0, lower: 0 });
    const [single] = crossingProbabilities([1], [1.959963984540054], 1);
    expectClose(second?.upper ?? 0, single?.upper ?? 1, 1e-12);
  });

  it('give the power: 80 % for the drift of the single test, and a little less with early looks', () => {
    const drift = normalQuantile(0.975) + normalQuantile(0.8);
    expectClose(total([1], [normalQuantile(0.975)], drift), 0.8, 1e-5);
    const power = total([0.2, 0.4, 0.6, 0.8, 1], groupSequentialBoundaries(5, 'o_brien_fleming'), drift);
    expect(power).toBeGreaterThan(0.78);
    expect(power).toBeLessThan(0.8);
  });

  it('refuse information that does not grow', () => {
    expect(() => crossingProbabilities([0.5, 0.5], [2, 2])).toThrow('information must grow, got 0.5, 0.5');
  });
});

describe('Gauss-Legendre quadrature', () => {
  it('integrates polynomials exactly, up to each point too', () => {
    const { points, weights, upTo } = gaussLegendre(8);
    for (let degree = 0; degree <= 15; degree += 1) {
      const sum = points.reduce((all, point, index) => all + (weights[index] ?? 0) * point ** degree, 0);
      expectClose(sum, degree % 2 === 0 ? 2 / (degree + 1) : 0, 1e-13);
    }
    for (let degree = 0; degree <= 7; degree += 1) {
      upTo.forEach((row, at) => {
        const sum = points.reduce((all, point, index) => all + (row[index] ?? 0) * point ** degree, 0);
        const upper = points[at] ?? 0;
        expectClose(1 + sum, 1 + (upper ** (degree + 1) - (-1) ** (degree + 1)) / (degree + 1), 1e-13);
      });
    }
  });
});
