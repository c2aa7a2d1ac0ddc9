import type { ArmTallies } from '../../../src/core/statistics/arm-tallies.ts';
import { thompsonChoice } from '../../../src/core/statistics/beta-sampling.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

/** Worlds for bandits and the regret of policies in them. */

export type Policy = (step: number) => number;

/** Means of the arms until a step. */
export type World = readonly { readonly until: number; readonly means: readonly number[] }[];

/** Sum over the steps of the best mean less that of the arm chosen. */
export function regret(world: World, tallies: ArmTallies, choose: Policy, random: SeededRandom): number {
  let sum = 0;
  let step = 0;
  for (const { until, means } of world) {
    const best = Math.max(...means);
    for (; step < until; step += 1) {
      const arm = choose(step);
      const mean = means[arm] ?? 0;
      sum += best - mean;
      tallies.observe(arm, random.chance(mean) ? 1 : 0);
    }
  }
  return sum;
}

export function highest(indexOf: (arm: number) => number): number {
  return [0, 1, 2].reduce((best, arm) => (indexOf(arm) > indexOf(best) ? arm : best), 0);
}

export function thompson(tallies: ArmTallies, random: SeededRandom): Policy {
  return () =>
    thompsonChoice(
      [0, 1, 2].map((arm) => {
        const { successes, trials } = tallies.tally(arm);
        return { alpha: 1 + successes, beta: 1 + trials - successes };
      }),
      () => random.unit(),
    );
}

export function meanRegret(runs: number, once: (random: SeededRandom) => number): number {
  let sum = 0;
  for (let run = 0; run < runs; run += 1) sum += once(new SeededRandom(1000 + run));
  return sum / runs;
}

/** Problem 1 of SMPyBandits: three arms, five thousand steps, a change each thousand. */
export const PROBLEM_1: World = [
  { until: 1000, means: [0.3, 0.5, 0.9] },
  { until: 2000, means: [0.3, 0.2, 0.9] },
  { until: 3000, means: [0.3, 0.2, 0.1] },
  { until: 4000, means: [0.7, 0.2, 0.1] },
  { until: 5000, means: [0.7, 0.5, 0.1] },
];

/** Approval rates two points apart, two outages and a lasting change. */
export const PAYMENTS: World = [
  { until: 20_000, means: [0.92, 0.9, 0.88] },
  { until: 24_000, means: [0.7, 0.9, 0.88] },
  { until: 40_000, means: [0.92, 0.9, 0.88] },
  { until: 44_000, means: [0.92, 0.9, 0.1] },
  { until: 60_000, means: [0.92, 0.9, 0.88] },
  { until: 80_000, means: [0.91, 0.93, 0.88] },
];
