import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval, quantileOfSorted } from '../../../src/core/statistics/bootstrap.ts';
import {
  doublyRobustEstimate,
  evaluatePolicy,
  importanceWeight,
  selfNormalisedEstimate,
} from '../../../src/core/statistics/off-policy.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { expectClose } from './close-to.ts';

const SEEDED = { seed: 20_261_128, numRuns: 200 };
const propensity = fc.double({ min: 0.01, max: 1, noNaN: true });
const payment = fc.record({
  weight: fc.tuple(propensity, propensity).map(([logged, target]) => importanceWeight([{ logged, target }])),
  reward: fc.integer({ min: 0, max: 1 }),
  expectedOfChosen: fc.double({ min: 0, max: 1, noNaN: true }),
  expectedOfTarget: fc.double({ min: 0, max: 1, noNaN: true }),
});
const payments = fc.array(payment, { minLength: 1, maxLength: 60 });

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('the importance weight', () => {
  it('is the product over the attempts', () => {
    expect(importanceWeight([])).toBe(1);
    expectClose(
      importanceWeight([
        { logged: 0.5, target: 1 },
        { logged: 0.8, target: 0.2 },
      ]),
      0.5,
    );
    expect(importanceWeight([{ logged: 0.5, target: 0 }])).toBe(0);
    expect(() => importanceWeight([{ logged: 0, target: 0.5 }])).toThrow('above 0 and at most 1, got 0');
  });
});

// Check values 6.5.
describe('off-policy estimates', () => {
  it('of the logging policy itself are the mean reward', () => {
    fc.assert(
      fc.property(payments, (list) => {
        const same = list.map((one) => ({
          ...one,
          weight: importanceWeight([{ logged: 0.3, target: 0.3 }]),
        }));
        const estimate = evaluatePolicy(same);
        const mean = meanOf(same.map(({ reward }) => reward));
        expectClose(estimate.inversePropensity, mean);
        expectClose(estimate.selfNormalised ?? -1, mean);
        expectClose(estimate.clipped, mean);
        expectClose(estimate.effectiveSampleSize, list.length);
        expectClose(estimate.largestShare, 1 / list.length);
      }),
      SEEDED,
    );
  });

  it('self-normalised are 1 for rewards of 1, and within the rewards', () => {
    fc.assert(
      fc.property(payments, (list) => {
        expectClose(selfNormalisedEstimate(list.map((one) => ({ ...one, reward: 1 }))) ?? 0, 1);
        const { selfNormalised, inversePropensity, clipped, effectiveSampleSize } = evaluatePolicy(list, 2);
        expect(selfNormalised).toBeGreaterThanOrEqual(0);
        expect(selfNormalised).toBeLessThanOrEqual(1 + 1e-12);
        expect(selfNormalised).toBe(selfNormalisedEstimate(list));
        expect(clipped).toBeLessThanOrEqual(inversePropensity);
        expect(effectiveSampleSize).toBeLessThanOrEqual(list.length * (1 + 1e-12));
      }),
      SEEDED,
    );
  });

  it('doubly robust are plain weights with a model of 0, and the model where it is right', () => {
    fc.assert(
      fc.property(payments, (list) => {
        const blind = list.map((one) => ({ ...one, expectedOfChosen: 0, expectedOfTarget: 0 }));
        const plain = evaluatePolicy(list);
        expectClose(1 + (doublyRobustEstimate(blind) ?? 0), 1 + plain.inversePropensity);
        expectClose(
          1 + (doublyRobustEstimate(blind, { selfNormalised: true }) ?? 0),
          1 + (plain.selfNormalised ?? 0),
        );
        const right = list.map((one) => ({ ...one, reward: one.expectedOfChosen }));
        const model = meanOf(list.map(({ expectedOfTarget }) => expectedOfTarget));
        expectClose(doublyRobustEstimate(right) ?? 0, model);
        // Zero weights leave the model alone, and so does a switch that all weights exceed.
        expectClose(doublyRobustEstimate(list.map((one) => ({ ...one, weight: 0 }))) ?? 0, model);
        expectClose(doublyRobustEstimate(list, { switchAbove: 0 }) ?? 0, model);
      }),
      SEEDED,
    );
    expect(doublyRobustEstimate([])).toBeNull();
  });

  it('are told to be without support when few payments carry them', () => {
    const many = Array.from({ length: 200 }, () => ({ weight: 1, reward: 1 }));
    expect(evaluatePolicy(many).supported).toBe(true);
    expect(evaluatePolicy(many.slice(0, 50)).supported).toBe(false);
    expect(evaluatePolicy([...many, { weight: 11, reward: 1 }]).supported).toBe(false);
    expect(evaluatePolicy([])).toMatchObject({ selfNormalised: null, payments: 0, supported: false });
    expect(evaluatePolicy([{ weight: 0, reward: 1 }]).selfNormalised).toBeNull();
  });

  it('find the value of a policy that was not played, and their interval holds it', () => {
    const random = new SeededRandom(11);
    const rates = [0.9, 0.8] as const;
    const logged = [0.7, 0.3] as const;
    const target = [0.2, 0.8] as const;
    const truth = target[0] * rates[0] + target[1] * rates[1];
    const list = Array.from({ length: 4000 }, () => {
      const arm = random.chance(logged[1]) ? 1 : 0;
      return {
        weight: importanceWeight([{ logged: logged[arm], target: target[arm] }]),
        reward: random.chance(rates[arm]) ? 1 : 0,
      };
    });
    const bootstrap = (seed: number) => {
      const draws = new SeededRandom(seed);
      return bootstrapInterval(list, selfNormalisedEstimate, () => draws.unit(), {
        alpha: 0.01,
        resamples: 400,
      });
    };
    const interval = bootstrap(1);
    expect(interval?.low).toBeLessThan(truth);
    expect(interval?.high).toBeGreaterThan(truth);
    expect((interval?.high ?? 1) - (interval?.low ?? 0)).toBeLessThan(0.06);
    expect(bootstrap(1)).toEqual(interval);
    expect(bootstrap(2)).not.toEqual(interval);
  });
});

describe('the bootstrap', () => {
  it('has about the width of the normal interval of a mean', () => {
    const random = new SeededRandom(2);
    const values = Array.from({ length: 1000 }, () => random.unit());
    const interval = bootstrapInterval(values, meanOf, () => random.unit());
    const width = (interval?.high ?? 0) - (interval?.low ?? 0);
    expect(Math.abs(width / (2 * 1.96 * Math.sqrt(1 / 12 / 1000)) - 1)).toBeLessThan(0.1);
  });

  it('leaves out resamples without an estimate, and has no interval of none', () => {
    expect(
      bootstrapInterval(
        [1, 2],
        () => null,
        () => 0,
      ),
    ).toBeNull();
    expect(bootstrapInterval([], selfNormalisedEstimate, () => 0)).toBeNull();
  });

  it('interpolates between ranks', () => {
    expect(quantileOfSorted([1, 2, 4], 0.25)).toBe(1.5);
    expect(quantileOfSorted([1, 2, 4], 1)).toBe(4);
    expect(() => quantileOfSorted([], 0.5)).toThrow('no quantile');
  });
});
