import { describe, expect, it } from 'vitest';
import { DiscountedTallies, WindowTallies } from '../../../src/core/statistics/arm-tallies.ts';
import {
  discountedUcbIndex,
  klUcbIndex,
  slidingWindowUcbIndex,
} from '../../../src/core/statistics/ucb-index.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { highest, meanRegret, PAYMENTS, type Policy, PROBLEM_1, regret, thompson } from './bandit-worlds.ts';

// Check values 6.6 and 1.4.
describe('regret on a published problem', () => {
  it('of SW-klUCB with a window of 206 is 170 to 190', () => {
    const mean = meanRegret(200, (random) => {
      const tallies = new WindowTallies(3, 206);
      const choose: Policy = (step) =>
        highest((arm) => klUcbIndex(tallies.tally(arm), Math.min(step + 1, 206)));
      return regret(PROBLEM_1, tallies, choose, random);
    });
    expect(mean).toBeGreaterThan(170);
    expect(mean).toBeLessThan(190);
  });

  it('of kl-UCB, which forgets nothing, is 255 to 310', () => {
    const mean = meanRegret(200, (random) => {
      const tallies = new DiscountedTallies(3, 1);
      return regret(
        PROBLEM_1,
        tallies,
        (step) => highest((arm) => klUcbIndex(tallies.tally(arm), step + 1)),
        random,
      );
    });
    expect(mean).toBeGreaterThan(255);
    expect(mean).toBeLessThan(310);
  });

  it('of Thompson sampling is 420 to 530, discounted at .95 it is 415 to 437, at .995 about 158', () => {
    const sampling = (gamma: number) =>
      meanRegret(200, (random) => {
        const tallies = new DiscountedTallies(3, gamma);
        return regret(PROBLEM_1, tallies, thompson(tallies, random), random);
      });
    const plain = sampling(1);
    expect(plain).toBeGreaterThan(420);
    expect(plain).toBeLessThan(530);
    const forgetful = sampling(0.95);
    expect(forgetful).toBeGreaterThan(415);
    expect(forgetful).toBeLessThan(437);
    expect(Math.abs(sampling(0.995) - 158)).toBeLessThan(12);
  });

  it('of SW-UCB with a window of 185 is about 246, of sampling over that window 138', () => {
    const index = meanRegret(100, (random) => {
      const tallies = new WindowTallies(3, 185);
      const choose: Policy = (step) =>
        highest((arm) => slidingWindowUcbIndex(tallies.tally(arm), step + 1, 185));
      return regret(PROBLEM_1, tallies, choose, random);
    });
    expect(Math.abs(index - 246)).toBeLessThan(12);
    const drawn = meanRegret(100, (random) => {
      const tallies = new WindowTallies(3, 185);
      return regret(PROBLEM_1, tallies, thompson(tallies, random), random);
    });
    expect(Math.abs(drawn - 138)).toBeLessThan(12);
  });
});

// Check values 6.6 and 1.5.
describe('regret on payments', () => {
  const STATIC_BEST = 1200;

  it('of discounted sampling at .9995 beats the best fixed choice by 500 and more', () => {
    const mean = meanRegret(20, (random) => {
      const tallies = new DiscountedTallies(3, 0.9995);
      return regret(PAYMENTS, tallies, thompson(tallies, random), random);
    });
    expect(mean).toBeLessThan(STATIC_BEST - 500);
    expect(mean).toBeGreaterThan(400);
  });

  it('of D-UCB at .6 is that of taking turns', () => {
    const mean = meanRegret(5, (random) => {
      const tallies = new DiscountedTallies(3, 0.6);
      const choose: Policy = () => {
        const all = [0, 1, 2].reduce((sum, arm) => sum + tallies.tally(arm).trials, 0);
        return highest((arm) => discountedUcbIndex(tallies.tally(arm), all, 0.5));
      };
      return regret(PAYMENTS, tallies, choose, random);
    });
    expect(mean).toBeGreaterThan(2500);
    expect(mean).toBeLessThan(2800);
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
