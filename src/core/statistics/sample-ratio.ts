import { invariant } from '../invariant.ts';
import { chiSquareSurvival } from './chi-square.ts';

/** A time in which the weights of an experiment's arms did not change. */
export interface WeightPhase {
  /** Units assigned to each arm. */
  readonly counts: readonly number[];
  /** Planned shares, in the order of the arms, on any scale. */
  readonly weights: readonly number[];
}

export interface SampleRatio {
  readonly chiSquare: number;
  readonly degreesOfFreedom: number;
  /** How surprising the counts are when units are divided and recorded as planned; 1 while nothing can be said. */
  readonly pValue: number;
  /**
   * Whether the p-value is below the threshold: units of an arm are missing or too many, for whatever reason, and no
   * result can be trusted.
   */
  readonly mismatch: boolean;
}

/** Below this p-value GrowthBook warns; strict, because it is looked at often. */
const THRESHOLD = 0.001;
/** Expected units per arm below which chi-square is no approximation, and nothing is warned of. */
const EXPECTED_MINIMUM = 8;

/**
 * Sample ratio mismatch: Pearson's chi-square test of the assigned units against the weights. Phases of different
 * weights are tested each against its own, and their statistics and degrees of freedom added. An arm of weight 0
 * counts for neither; units in it are a mismatch by themselves.
 */
export function sampleRatioMismatch(phases: readonly WeightPhase[], threshold = THRESHOLD): SampleRatio {
  let chiSquare = 0;
  let degreesOfFreedom = 0;
  const expectedByArm: number[] = [];
  for (const { counts, weights } of phases) {
    invariant(counts.length === weights.length, `${counts.length} counts for ${weights.length} weights`);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) continue;
    const weightSum = weights.reduce((sum, weight) => sum + Math.max(0, weight), 0);
    let arms = 0;
    for (let arm = 0; arm < counts.length; arm += 1) {
      const [count, weight] = [counts[arm] ?? 0, weights[arm] ?? 0];
      if (weight <= 0) {
        if (count > 0) chiSquare = Number.POSITIVE_INFINITY;
        continue;
      }
      const expected = (weight / weightSum) * total;
      chiSquare += (count - expected) ** 2 / expected;
      expectedByArm[arm] = (expectedByArm[arm] ?? 0) + expected;
      arms += 1;
    }
    degreesOfFreedom += Math.max(0, arms - 1);
  }
  const enough = expectedByArm.every((expected) => expected >= EXPECTED_MINIMUM);
  const pValue =
    chiSquare === Number.POSITIVE_INFINITY
      ? 0
      : degreesOfFreedom === 0
        ? 1
        : chiSquareSurvival(chiSquare, degreesOfFreedom);
  return { chiSquare, degreesOfFreedom, pValue, mismatch: (enough || pValue === 0) && pValue < threshold };
}

/** GrowthBook's bounds for units that were seen in more than one arm. */
const MULTIPLE_SHARE = 0.01;
const MULTIPLE_UNITS = 10;

/**
 * Units that were exposed to more than one arm, which a sticky assignment should not allow.
 * @param multiple units seen in more than one arm
 * @param units all units of the experiment, those included
 */
export function multipleExposures(
  multiple: number,
  units: number,
): { readonly share: number; readonly tooMany: boolean } {
  const share = units === 0 ? 0 : multiple / units;
  return { share, tooMany: share > MULTIPLE_SHARE && multiple > MULTIPLE_UNITS };
}
