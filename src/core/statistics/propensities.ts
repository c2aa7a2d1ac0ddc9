import { invariant } from '../invariant.ts';
import type { UniformSource } from './beta-sampling.ts';

/**
 * Propensities of probability matching with an exploration floor: floor/K + (1 - floor) P(best) for each of K arms.
 * @param best sums to 1
 * @param floor share of choices that are spread evenly, 0 to 1
 */
export function withExploration(best: readonly number[], floor: number): number[] {
  invariant(floor >= 0 && floor <= 1, `an exploration floor is 0 to 1, got ${floor}`);
  return best.map((probability) => floor / best.length + (1 - floor) * probability);
}

/**
 * The same propensities among those arms that may be chosen now; others get 0. Evenly when those that may be chosen
 * had none.
 */
export function renormalised(propensities: readonly number[], eligible: readonly boolean[]): number[] {
  const kept = propensities.map((propensity, arm) => (eligible[arm] === true ? propensity : 0));
  const total = kept.reduce((sum, propensity) => sum + propensity, 0);
  if (total > 0) return kept.map((propensity) => propensity / total);
  const left = propensities.filter((_, arm) => eligible[arm] === true).length;
  return propensities.map((_, arm) => (eligible[arm] === true ? 1 / left : 0));
}

/** An index drawn by propensities that sum to 1; never one of propensity 0. -1 when all are. */
export function drawIndex(propensities: readonly number[], random: UniformSource): number {
  let left = random();
  let last = -1;
  for (let arm = 0; arm < propensities.length; arm += 1) {
    const propensity = propensities[arm] as number;
    if (propensity <= 0) continue;
    last = arm;
    left -= propensity;
    if (left < 0) return arm;
  }
  // The sum was below 1 by rounding.
  return last;
}
