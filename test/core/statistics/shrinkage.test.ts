import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  betaFromMoments,
  posteriorMean,
  posteriorVariance,
} from '../../../src/core/statistics/beta-posterior.ts';
import { sampleBeta } from '../../../src/core/statistics/beta-sampling.ts';
import {
  backOffPosterior,
  type CellCounts,
  priorByLikelihood,
  priorByMoments,
} from '../../../src/core/statistics/shrinkage.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose, expectDecimals } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 200 };

/** Tumours in groups of rats: Tarone (1982), in Gelman and others, Bayesian Data Analysis, table 5.1; 70 groups. */
const TUMOURS = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 5, 2, 5,
  2, 7, 7, 3, 3, 2, 9, 10, 4, 4, 4, 4, 4, 4, 4, 10, 4, 4, 4, 5, 11, 12, 5, 5, 6, 5, 6, 6, 6, 6, 16, 15, 15, 9,
];
const RATS = [
  20, 20, 20, 20, 20, 20, 20, 19, 19, 19, 19, 18, 18, 17, 20, 20, 20, 20, 19, 19, 18, 18, 27, 25, 24, 23, 20,
  20, 20, 20, 20, 20, 10, 49, 19, 46, 17, 49, 47, 20, 20, 13, 48, 50, 20, 20, 20, 20, 20, 20, 20, 48, 19, 19,
  19, 22, 46, 49, 20, 20, 23, 19, 22, 20, 20, 20, 52, 46, 47, 24,
];
const GROUPS: readonly CellCounts[] = RATS.map((trials, group) => ({
  trials,
  successes: TUMOURS[group] ?? 0,
}));

function simulated(mean: number, weight: number, cells: number): CellCounts[] {
  const random = new SeededRandom(31);
  return Array.from({ length: cells }, () => {
    const share = sampleBeta({ alpha: mean * weight, beta: (1 - mean) * weight }, () => random.unit());
    const trials = random.integer(5, 400);
    let successes = 0;
    for (let trial = 0; trial < trials; trial += 1) successes += random.chance(share) ? 1 : 0;
    return { trials, successes };
  });
}

// Check values 6.4.
describe('the prior of the rat tumour groups', () => {
  it('is of 263 tumours in 1725 rats, 70 groups', () => {
    expect(GROUPS).toHaveLength(70);
    expect(GROUPS.reduce((sum, { successes }) => sum + successes, 0)).toBe(263);
    expect(GROUPS.reduce((sum, { trials }) => sum + trials, 0)).toBe(1725);
  });

  it('by maximum likelihood is Beta(2.3048, 14.080)', () => {
    const prior = priorByLikelihood(GROUPS);
    const alpha = (prior?.mean ?? 0) * (prior?.weight ?? 0);
    expectDecimals(alpha, 2.304783, 5);
    expectDecimals((prior?.weight ?? 0) - alpha, 14.079808, 5);
  });

  it('by moments for unequal sizes is Beta(3.29962, 18.34236)', () => {
    const prior = priorByMoments(GROUPS);
    expectDecimals(1 / ((prior?.weight ?? 0) + 1), 0.0441657, 7);
    expectDecimals((prior?.mean ?? 0) * (prior?.weight ?? 0), 3.29962, 5);
    expectDecimals((1 - (prior?.mean ?? 0)) * (prior?.weight ?? 0), 18.34236, 5);
  });

  it('by the moments of the shares is Beta(1.35615, 8.61506)', () => {
    const shares = GROUPS.map(({ successes, trials }) => successes / trials);
    const mean = shares.reduce((sum, share) => sum + share, 0) / 70;
    const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / 69);
    expectDecimals(mean, 0.136007, 6);
    expectDecimals(deviation, 0.103492, 6);
    const { alpha, beta } = betaFromMoments(mean, deviation ** 2);
    expectDecimals(alpha, 1.35615, 5);
    expectDecimals(beta, 8.61506, 5);
  });

  it.each([
    [0, 20, 0.063345],
    [9, 24, 0.2799281],
    [4, 14, 0.2074994],
  ])('draws %d of %d to %d', (successes, trials, expected) => {
    const prior = priorByLikelihood(GROUPS);
    const level = { successes, trials, weight: prior?.weight ?? 0 };
    expectDecimals(posteriorMean(backOffPosterior([level], prior?.mean ?? 0)), expected, 7);
  });

  it('rounded as Beta(1.4, 8.6) draws 4 of 14 to .225 +- .0835', () => {
    const posterior = backOffPosterior([{ successes: 4, trials: 14, weight: 10 }], 0.14);
    expectClose(posteriorMean(posterior), 0.225);
    expectDecimals(Math.sqrt(posteriorVariance(posterior)), 0.0835, 4);
  });
});

describe('fitted priors', () => {
  it('find the spread that cells were made with', () => {
    const cells = simulated(0.88, 40, 800);
    for (const prior of [priorByMoments(cells), priorByLikelihood(cells)]) {
      expect(Math.abs((prior?.mean ?? 0) - 0.88)).toBeLessThan(0.01);
      expect(Math.abs((prior?.weight ?? 0) / 40 - 1)).toBeLessThan(0.2);
    }
  });

  it('are as heavy as may be for cells that do not differ', () => {
    const cells = Array.from({ length: 20 }, () => ({ trials: 100, successes: 90 }));
    expectClose(priorByMoments(cells)?.weight ?? 0, 9999);
    expectClose(priorByLikelihood(cells)?.weight ?? 0, 9999, 1e-9);
    expectClose(priorByLikelihood(cells)?.mean ?? 0, 0.9, 1e-4);
    // Cells of one trial cannot tell.
    expectClose(priorByMoments([0, 1, 1].map((successes) => ({ successes, trials: 1 })))?.weight ?? 0, 9999);
  });

  it('are as light as may be for cells of all or nothing', () => {
    const cells = Array.from({ length: 20 }, (_, index) => ({ trials: 100, successes: (index % 2) * 100 }));
    expectClose(priorByMoments(cells)?.weight ?? 0, 1);
    expectClose(priorByLikelihood(cells)?.weight ?? 0, 1, 1e-9);
  });

  it('are not told where nothing differs, or of fewer than two cells', () => {
    const cell = { trials: 10, successes: 4 };
    expect(priorByMoments([cell, { trials: 0, successes: 0 }])).toBeNull();
    expect(priorByLikelihood([cell])).toBeNull();
    expect(
      priorByMoments([
        { trials: 5, successes: 5 },
        { trials: 3, successes: 3 },
      ]),
    ).toBeNull();
    expect(priorByMoments([])).toBeNull();
  });
});

describe('the back-off', () => {
  const level = fc
    .tuple(
      fc.integer({ min: 0, max: 500 }),
      fc.integer({ min: 0, max: 500 }),
      fc.integer({ min: 1, max: 1000 }),
    )
    .map(([successes, failures, weight]) => ({ successes, trials: successes + failures, weight }));
  const start = fc.double({ min: 0.01, max: 0.99, noNaN: true });

  it('is w s/n + (1-w) m at each level, w = n/(n+M)', () => {
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 6 }), start, (levels, mean) => {
        const expected = levels.reduce((above, { successes, trials, weight }) => {
          const share = trials / (trials + weight);
          return share * (trials === 0 ? 0 : successes / trials) + (1 - share) * above;
        }, mean);
        const posterior = backOffPosterior(levels, mean);
        expectClose(posteriorMean(posterior), expected, 1e-12);
        const last = levels.at(-1);
        expectClose(posterior.alpha + posterior.beta, (last?.weight ?? 0) + (last?.trials ?? 0));
      }),
      SEEDED,
    );
  });

  it('lies between the share of the cell and the mean of its parent', () => {
    fc.assert(
      fc.property(level, start, (cell, mean) => {
        const share = cell.trials === 0 ? mean : cell.successes / cell.trials;
        const drawn = posteriorMean(backOffPosterior([cell], mean));
        expect(drawn).toBeGreaterThanOrEqual(Math.min(share, mean) - 1e-12);
        expect(drawn).toBeLessThanOrEqual(Math.max(share, mean) + 1e-12);
      }),
      SEEDED,
    );
  });

  it('apart counts no outcome twice', () => {
    const child = { successes: 90, trials: 100, weight: 200 };
    // All that the parent knows came from its child: apart, the child is drawn to the parent's prior.
    const parent = { ...child, weight: 50 };
    const apart = posteriorMean(backOffPosterior([parent, child], 0.5, true));
    expectClose(apart, (90 + 0.5 * 200) / 300);
    expect(posteriorMean(backOffPosterior([parent, child], 0.5))).toBeGreaterThan(apart);
  });

  it('refuses a chain without levels and means that are none', () => {
    expect(() => backOffPosterior([], 0.5)).toThrow('a level at least');
    expect(() => backOffPosterior([{ successes: 1, trials: 2, weight: 3 }], 1)).toThrow('got 1');
    expect(() => betaFromMoments(0.5, 0.25)).toThrow('mean 0.5 and variance 0.25');
  });
});
