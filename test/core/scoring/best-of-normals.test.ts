import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestOfNormals } from '../../../src/core/scoring/best-of-normals.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SEED = 20_261_128;

function best(means: readonly number[], deviations: readonly number[]): number[] {
  const out = new Float64Array(means.length);
  bestOfNormals(Float64Array.from(means), Float64Array.from(deviations), means.length, out);
  return [...out];
}

/** By drawing, as an independent way to the same figures. */
function drawn(means: readonly number[], deviations: readonly number[], draws: number): number[] {
  const random = new SeededRandom(SEED);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  const wins = means.map(() => 0);
  for (let draw = 0; draw < draws; draw += 1) {
    const values = means.map((mean, index) => mean + (deviations[index] ?? 0) * normal());
    const winner = values.indexOf(Math.max(...values));
    wins[winner] = (wins[winner] ?? 0) + 1;
  }
  return wins.map((count) => count / draws);
}

describe('the probability to be the best', () => {
  it('of two is the normal distribution of their difference', () => {
    // (0.9 - 0.88) / sqrt(2 * 0.02^2) = 0.7071; Phi = 0.76025.
    const [first = 0, second = 0] = best([0.9, 0.88], [0.02, 0.02]);
    expect(Math.abs(first - 0.760_25)).toBeLessThan(0.005);
    expect(first + second).toBeCloseTo(1, 12);
    // One known for certain against one that is not: Phi(1) = 0.84134.
    expect(Math.abs((best([0.9, 0.95], [1e-6, 0.05])[1] ?? 0) - 0.841_34)).toBeLessThan(0.03);
  });

  it.each([
    ['equal ones', Array(5).fill(0.9), Array(5).fill(0.02)],
    ['close ones', [0.92, 0.91, 0.9, 0.89], [0.01, 0.02, 0.01, 0.03]],
    ['one known badly', [0.92, 0.9, 0.8], [0.004, 0.004, 0.08]],
    ['one far ahead', [0.95, 0.6, 0.5], [0.01, 0.02, 0.02]],
    ['many', Array.from({ length: 50 }, (_, at) => 0.9 - at * 0.001), Array(50).fill(0.02)],
  ] as const)('of %s is what drawing gives', (_, means, deviations) => {
    const expected = drawn(means, deviations, 200_000);
    for (const [index, probability] of best(means, deviations).entries()) {
      expect(Math.abs(probability - (expected[index] ?? 0))).toBeLessThan(0.03);
    }
  });

  it('is 1 of a single one, and for certain where the ranges do not meet', () => {
    expect(best([0.3], [0.1])).toEqual([1]);
    expect(best([0.9, 0.2], [0.001, 0.001])).toEqual([1, 0]);
  });

  it('adds up to 1, and a higher value of the same certainty is never less likely', () => {
    const values = fc.array(
      fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 1e-6, max: 0.3, noNaN: true })),
      {
        minLength: 1,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(values, (pairs) => {
        const result = best(
          pairs.map(([mean]) => mean),
          pairs.map(([, deviation]) => deviation),
        );
        expect(result.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 9);
        const level = best(
          pairs.map(([mean]) => mean),
          pairs.map(() => 0.05),
        );
        const order = pairs
          .map(([mean], index) => ({ mean, chance: level[index] ?? 0 }))
          .sort((a, b) => a.mean - b.mean);
        for (const [index, { chance }] of order.entries()) {
          if (index > 0) expect(chance).toBeGreaterThanOrEqual((order[index - 1]?.chance ?? 0) - 1e-3);
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
