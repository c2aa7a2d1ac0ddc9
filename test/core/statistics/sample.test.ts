import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference } from '../../../src/core/statistics/effect.ts';
import {
  adjustedSamples,
  meanSample,
  type PairedSums,
  proportionSample,
  ratioSample,
} from '../../../src/core/statistics/sample.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 200 };
const units = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 9 })), {
  minLength: 2,
  maxLength: 40,
});

function sums(pairs: readonly (readonly [number, number])[]): PairedSums {
  const total = (of: (pair: readonly [number, number]) => number) =>
    pairs.reduce((sum, pair) => sum + of(pair), 0);
  return {
    count: pairs.length,
    first: { sum: total(([first]) => first), sumOfSquares: total(([first]) => first * first) },
    second: { sum: total(([, second]) => second), sumOfSquares: total(([, second]) => second * second) },
    sumOfProducts: total(([first, second]) => first * second),
  };
}

function variance(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

describe('a sample from sums', () => {
  it('has the mean and the variance of its units', () => {
    fc.assert(
      fc.property(units, (pairs) => {
        const values = pairs.map(([first]) => first);
        const { count, first } = sums(pairs);
        const sample = meanSample({ count, ...first });
        expectClose(sample.mean * count, first.sum, 1e-12);
        expectClose(sample.variance + 1, variance(values) + 1, 1e-10);
      }),
      SEEDED,
    );
  });

  it('of a proportion has p(1-p), and refuses more successes than units', () => {
    expect(proportionSample(4, 1)).toEqual({ count: 4, mean: 0.25, variance: 0.1875 });
    expect(proportionSample(0, 0)).toEqual({ count: 0, mean: 0, variance: 0 });
    expect(() => proportionSample(3, 4)).toThrow('4 successes of 3 units');
    expect(meanSample({ count: 1, sum: 5, sumOfSquares: 25 })).toEqual({ count: 1, mean: 5, variance: 0 });
  });
});

describe('a ratio of sums', () => {
  it('has the variance of its linearisation, (f - R s) / mean s', () => {
    fc.assert(
      fc.property(units, (pairs) => {
        const sample = ratioSample(sums(pairs));
        const [first, second] = [0, 1].map((at) => pairs.reduce((sum, pair) => sum + (pair[at] ?? 0), 0));
        const ratio = (first ?? 0) / (second ?? 1);
        const linear = pairs.map(([f, s]) => (f - ratio * s) / ((second ?? 1) / pairs.length));
        expectClose((sample?.mean ?? 0) + 1000, ratio + 1000);
        expectClose((sample?.variance ?? 0) + 1, variance(linear) + 1, 1e-9);
      }),
      SEEDED,
    );
  });

  it('is not told while there is nothing to divide by', () => {
    expect(ratioSample(sums([[1, 0]]))).toBeNull();
  });

  it('with one payment per customer is the mean', () => {
    const pairs = [3, 1, 4, 1, 5].map((value) => [value, 1] as const);
    const { count, first } = sums(pairs);
    const mean = meanSample({ count, ...first });
    const ratio = ratioSample(sums(pairs));
    expectClose(ratio?.mean ?? 0, mean.mean);
    expectClose(ratio?.variance ?? 0, mean.variance);
  });
});

describe('samples adjusted by a covariate', () => {
  it('keep the difference and lose the variance that the covariate explains', () => {
    const random = new SeededRandom(3);
    const arm = (lift: number) =>
      sums(
        Array.from({ length: 4000 }, () => {
          const before = random.unit();
          return [2 * before + lift + 0.1 * random.unit(), before] as const;
        }),
      );
    const arms = [arm(0), arm(0.05)] as const;
    const [baseline, treatment] = adjustedSamples(arms);
    if (baseline === undefined || treatment === undefined) throw new Error('two samples were expected');
    const effect = difference(baseline, treatment);
    expect(Math.abs((effect?.estimate ?? 0) - 0.05)).toBeLessThan(4 * (effect?.standardError ?? 0));
    const plain = meanSample({ count: arms[0].count, ...arms[0].first });
    expect(baseline.variance).toBeLessThan(plain.variance / 100);
    expect(Math.abs(baseline.mean - plain.mean)).toBeLessThan(0.05);
  });

  it('are the plain ones with a covariate that never varies', () => {
    const pairs = sums([
      [1, 5],
      [4, 5],
      [2, 5],
    ]);
    expect(adjustedSamples([pairs])).toEqual([meanSample({ count: 3, ...pairs.first })]);
  });
});
