import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawIndex, renormalised, withExploration } from '../../../src/core/statistics/propensities.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose } from './close-to.ts';

describe('propensities', () => {
  it('are floor/K + (1 - floor) P(best)', () => {
    const propensities = withExploration([0.7, 0.3, 0, 0], 0.02);
    [0.691, 0.299, 0.005, 0.005].forEach((expected, index) => {
      expectClose(propensities[index] ?? 0, expected);
    });
    expect(() => withExploration([1], 1.5)).toThrow('0 to 1, got 1.5');
  });

  it('keep their ratio among those that may be chosen', () => {
    expect(renormalised([0.5, 0.25, 0.25], [true, false, true])).toEqual([0.5 / 0.75, 0, 0.25 / 0.75]);
    expect(renormalised([1, 0, 0], [false, true, true])).toEqual([0, 0.5, 0.5]);
    expect(renormalised([0.5, 0.5], [false, false])).toEqual([0, 0]);
  });

  it('sum to 1 whatever is left', () => {
    const weights = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()), {
      minLength: 1,
    });
    fc.assert(
      fc.property(weights, (arms) => {
        const eligible = arms.map(([, may]) => may);
        const sum = renormalised(
          arms.map(([weight]) => weight),
          eligible,
        ).reduce((total, propensity) => total + propensity, 0);
        expectClose(sum, eligible.includes(true) ? 1 : 0, 1e-12);
      }),
      { seed: 20_261_128, numRuns: 200 },
    );
  });

  it('are what is drawn by', () => {
    const random = new SeededRandom(3);
    const counts = [0, 0, 0];
    for (let draw = 0; draw < 20_000; draw += 1) {
      const index = drawIndex([0.2, 0, 0.8], () => random.unit());
      counts[index] = (counts[index] ?? 0) + 1;
    }
    expect(counts[1]).toBe(0);
    expect(Math.abs((counts[0] ?? 0) / 20_000 - 0.2)).toBeLessThan(0.012);
    expect(drawIndex([0.5, 0.4999, 0], () => 0.99999)).toBe(1);
    expect(drawIndex([0, 0], () => 0.5)).toBe(-1);
  });
});
