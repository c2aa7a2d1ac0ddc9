import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestProbabilities } from '../../../src/core/statistics/best-probabilities.ts';
import type { BetaPosterior } from '../../../src/core/statistics/beta-posterior.ts';
import { sampleBeta, thompsonChoice } from '../../../src/core/statistics/beta-sampling.ts';
import { logBeta } from '../../../src/core/statistics/gamma.ts';
import { betaCdf } from '../../../src/core/statistics/incomplete-beta.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 200 };
const beta = (alpha: number, other: number): BetaPosterior => ({ alpha, beta: other });
const parameter = fc.double({ min: -1.5, max: 4.5, noNaN: true }).map((power) => 10 ** power);
const arm = fc.tuple(parameter, parameter).map(([alpha, other]) => beta(alpha, other));
const whole = fc.integer({ min: 1, max: 200 });

/** P(B > A) as a finite sum, for a whole alpha of B. */
function chanceAbove(a: BetaPosterior, b: BetaPosterior): number {
  let sum = 0;
  for (let index = 0; index < b.alpha; index += 1) {
    sum += Math.exp(
      logBeta(a.alpha + index, a.beta + b.beta) -
        Math.log(b.beta + index) -
        logBeta(1 + index, b.beta) -
        logBeta(a.alpha, a.beta),
    );
  }
  return sum;
}

describe('the probability of being best', () => {
  // Check values 6.3.
  it.each([
    [beta(50, 52), beta(52, 50), 0.6107705],
    [beta(11, 3), beta(9, 2), 0.5962733],
  ])('of the second of %j and %j is %d', (one, other, expected) => {
    expectDecimals(bestProbabilities([one, other])[1] ?? 0, expected, 7);
    expectDecimals(chanceAbove(one, other), expected, 7);
  });

  it('of two arms is the finite sum', () => {
    fc.assert(
      fc.property(arm, whole, parameter, (one, alpha, other) => {
        const second = beta(alpha, other);
        expectClose(1 + (bestProbabilities([one, second])[1] ?? 0), 1 + chanceAbove(one, second), 1e-9);
      }),
      SEEDED,
    );
  });

  it('against even arms is an integral known in closed form', () => {
    // Beta(a, 1) is the largest of a uniform ones: shares go by a.
    const shares = bestProbabilities([beta(3, 1), beta(1, 1), beta(5, 1), beta(1, 1)]);
    [0.3, 0.1, 0.5, 0.1].forEach((share, index) => {
      expectClose(shares[index] ?? 0, share, 1e-10);
    });
  });

  it('sums to 1, is equal for equal arms, and follows the order of the arms', () => {
    fc.assert(
      fc.property(fc.array(arm, { minLength: 2, maxLength: 6 }), (arms) => {
        const best = bestProbabilities(arms);
        expectClose(
          best.reduce((sum, probability) => sum + probability, 0),
          1,
          1e-12,
        );
        expect(best.every((probability) => probability >= 0 && probability <= 1)).toBe(true);
        const turned = bestProbabilities(arms.toReversed()).toReversed();
        best.forEach((probability, index) => {
          expectClose(1 + probability, 1 + (turned[index] ?? 0), 1e-12);
        });
        const twins = bestProbabilities([...arms, ...arms]);
        best.forEach((probability, index) => {
          expectClose(twins[index] ?? 0, twins[index + arms.length] ?? 0, 1e-12);
          expect(twins[index]).toBeLessThanOrEqual(probability + 1e-9);
        });
      }),
      SEEDED,
    );
  });

  // By integration with 600,000 points of the density times the others' distribution functions.
  it.each([
    [
      [
        beta(0.4599297084650216, 0.1811445479095345),
        beta(8140.003863202181, 0.032742309682134985),
        beta(3.2519166862906896, 0.06627099221450679),
      ],
      [0.014608855326930745, 0.7925116978923369, 0.1928794467897534],
    ],
    [
      [beta(27957.776009849225, 2580.266843256086), beta(2677.3580913571527, 284.73847248800524)],
      [0.98267574389807, 0.01732425619440711],
    ],
  ])('of skewed arms %j', (arms, expected) => {
    const best = bestProbabilities(arms);
    expected.forEach((probability, index) => {
      expectClose(best[index] ?? 0, probability, 1e-8);
    });
  });

  it('is decided for far arms, and for one or none', () => {
    const [low, high] = bestProbabilities([beta(1e6, 2e6), beta(2e6, 1e6)]);
    expect(low).toBeLessThan(1e-12);
    expectClose(high ?? 0, 1);
    expect(bestProbabilities([beta(1, 1)])).toEqual([1]);
    expect(bestProbabilities([])).toEqual([]);
    expect(() => bestProbabilities([beta(1, 1), beta(0, 1)])).toThrow('above 0, got 0 and 1');
  });
});

describe('Beta draws', () => {
  it.each([
    [920, 80],
    [2, 3],
    [0.3, 7],
    [0.05, 0.05],
    [1, 1],
  ])('of Beta(%d, %d) follow its distribution', (alpha, other) => {
    const random = new SeededRandom(17);
    const draws = Array.from({ length: 20_000 }, () => sampleBeta(beta(alpha, other), () => random.unit()));
    // Kolmogorov and Smirnov: 1.95 / sqrt(n) at p = 0.001.
    const distance = draws
      .toSorted((one, two) => one - two)
      .reduce((most, draw, rank) => {
        const at = betaCdf(draw, alpha, other);
        return Math.max(most, Math.abs(at - rank / draws.length), Math.abs(at - (rank + 1) / draws.length));
      }, 0);
    // Of many draws so near to 1 that they round to it, a step is seen.
    expect(distance).toBeLessThan(alpha === 0.05 ? 0.1 : 1.95 / Math.sqrt(draws.length));
  });

  it('choose each arm as often as it is best', () => {
    const arms = [beta(92, 8), beta(90, 10), beta(45, 5), beta(8, 2)];
    const random = new SeededRandom(5);
    const counts = [0, 0, 0, 0];
    const draws = 40_000;
    for (let draw = 0; draw < draws; draw += 1) {
      const chosen = thompsonChoice(arms, () => random.unit());
      counts[chosen] = (counts[chosen] ?? 0) + 1;
    }
    bestProbabilities(arms).forEach((probability, index) => {
      const deviation = Math.sqrt((probability * (1 - probability)) / draws);
      expect(Math.abs((counts[index] ?? 0) / draws - probability)).toBeLessThan(4 * deviation);
    });
  });

  it('follow from the seed', () => {
    const run = () => {
      const random = new SeededRandom(9);
      return Array.from({ length: 50 }, () => thompsonChoice([beta(3, 2), beta(2, 2)], () => random.unit()));
    };
    expect(run()).toEqual(run());
    expect(thompsonChoice([], () => 0)).toBe(-1);
  });
});
