import { describe, expect, it } from 'vitest';
import { DiscountedTallies, WindowTallies } from '../../../src/core/statistics/arm-tallies.ts';
import { klUcbIndex } from '../../../src/core/statistics/ucb-index.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { highest, meanRegret, PAYMENTS, type Policy, PROBLEM_1, regret, thompson } from './bandit-worlds.ts';

// The bands and the number of runs of check values 6.6 are in the longer file of this name.
describe('regret on a published problem', () => {
  it('of SW-klUCB with a window of 206 is 170 to 190', () => {
    const mean = meanRegret(25, (random) => {
      const tallies = new WindowTallies(3, 206);
      const choose: Policy = (step) =>
        highest((arm) => klUcbIndex(tallies.tally(arm), Math.min(step + 1, 206)));
      return regret(PROBLEM_1, tallies, choose, random);
    });
    expect(mean).toBeGreaterThan(170);
    expect(mean).toBeLessThan(190);
  });

  it('of Thompson sampling discounted at .95 is 415 to 437', () => {
    const mean = meanRegret(25, (random) => {
      const tallies = new DiscountedTallies(3, 0.95);
      return regret(PROBLEM_1, tallies, thompson(tallies, random), random);
    });
    expect(mean).toBeGreaterThan(415);
    expect(mean).toBeLessThan(437);
  });
});

// Check values 6.6 and 1.5.
describe('regret on payments', () => {
  it('of discounted sampling at .9995 beats the best fixed choice, 1200, by 500 and more', () => {
    const mean = meanRegret(6, (random) => {
      const tallies = new DiscountedTallies(3, 0.9995);
      return regret(PAYMENTS, tallies, thompson(tallies, random), random);
    });
    expect(mean).toBeLessThan(700);
    expect(mean).toBeGreaterThan(400);
  });

  it('follows from the seed', () => {
    const run = () => {
      const random = new SeededRandom(4);
      const tallies = new DiscountedTallies(3, 0.9995);
      return regret(PAYMENTS.slice(0, 1), tallies, thompson(tallies, random), random);
    };
    expect(run()).toBe(run());
  });
});
