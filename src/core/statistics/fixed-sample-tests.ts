import type { Effect, Readout } from './effect.ts';
import { normalSurvival } from './normal.ts';
import type { Sample } from './sample.ts';
import { studentTQuantile, studentTSurvival } from './student-t.ts';

/**
 * Welch's two-sided t test and its interval. Right only when read once, at the sample size that was planned.
 * @param alpha share of intervals that may miss the truth, above 0, below 1
 */
export function welchTest(effect: Effect, alpha = 0.05): Readout {
  const { estimate, standardError, degreesOfFreedom } = effect;
  const half = -studentTQuantile(alpha / 2, degreesOfFreedom) * standardError;
  const statistic = Math.abs(estimate) / standardError;
  const pValue = 2 * studentTSurvival(statistic, degreesOfFreedom);
  return { estimate, low: estimate - half, high: estimate + half, pValue };
}

/**
 * The two-sided z test of two proportions with their pooled variance, the textbook's test of equality.
 * @returns null while both are 0 or both are 1, or an arm is empty
 */
export function pooledProportionTest(
  baseline: Sample,
  arm: Sample,
): { readonly z: number; readonly pValue: number } | null {
  const count = baseline.count + arm.count;
  const pooled = (baseline.mean * baseline.count + arm.mean * arm.count) / count;
  const variance = pooled * (1 - pooled) * (1 / baseline.count + 1 / arm.count);
  if (!(variance > 0) || !Number.isFinite(variance)) return null;
  const z = (arm.mean - baseline.mean) / Math.sqrt(variance);
  return { z, pValue: 2 * normalSurvival(Math.abs(z)) };
}
