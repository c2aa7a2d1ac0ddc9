import { invariant } from '../invariant.ts';
import { type SequenceSettings, sequentialMultiplier } from './confidence-sequence.ts';
import { relativeDifference } from './effect.ts';
import { normalCdf, normalQuantile, normalSurvival } from './normal.ts';

/** What is assumed under "no difference": the textbooks differ in the variance there. */
export type NullVariance = 'baseline' | 'pooled' | 'unpooled';

export interface SampleSizeSettings {
  /** Two-sided, above 0, below 1. */
  readonly alpha: number;
  /** Probability of finding the difference when it is there. */
  readonly power: number;
  /** `baseline` is Evan Miller's calculator, `pooled` is Fleiss. */
  readonly nullVariance: NullVariance;
}

export const SAMPLE_SIZE_DEFAULTS: SampleSizeSettings = { alpha: 0.05, power: 0.8, nullVariance: 'baseline' };

/**
 * Units per arm to find a difference of two proportions, not rounded:
 * (z_(1-alpha/2) sqrt(null variance) + z_power sqrt(p(1-p) + q(1-q)))^2 / (q-p)^2.
 * @param rate of the baseline, above 0, below 1
 * @param change of the arm's rate, in points of probability, either sign, not 0
 */
export function sampleSizePerArm(
  rate: number,
  change: number,
  { alpha, power, nullVariance }: SampleSizeSettings = SAMPLE_SIZE_DEFAULTS,
): number {
  const other = rate + change;
  invariant(rate > 0 && rate < 1 && other >= 0 && other <= 1, `no rates: ${rate} and ${other}`);
  invariant(change !== 0, 'no sample is large enough for no change');
  const both = rate * (1 - rate) + other * (1 - other);
  const middle = rate + change / 2;
  const underNull = {
    baseline: 2 * rate * (1 - rate),
    pooled: 2 * middle * (1 - middle),
    unpooled: both,
  }[nullVariance];
  const needed = -normalQuantile(alpha / 2) * Math.sqrt(underNull) + normalQuantile(power) * Math.sqrt(both);
  return (needed / change) ** 2;
}

/**
 * The smallest rise of a proportion that so many units per arm would find; the fall when `downwards`.
 * @returns null when not even the whole way to 1, or to 0, would be found
 */
export function minimalDetectableChange(
  rate: number,
  perArm: number,
  settings: SampleSizeSettings = SAMPLE_SIZE_DEFAULTS,
  downwards = false,
): number | null {
  const sign = downwards ? -1 : 1;
  let found = downwards ? rate : 1 - rate;
  if (sampleSizePerArm(rate, sign * found, settings) > perArm) return null;
  let missed = 0;
  while (found - missed > 1e-12 * found) {
    const middle = (found + missed) / 2;
    if (sampleSizePerArm(rate, sign * middle, settings) > perArm) missed = middle;
    else found = middle;
  }
  return sign * found;
}

/** A metric as known before an experiment. */
export interface ExpectedMetric {
  readonly mean: number;
  /** Of one unit; p(1-p) for a proportion. */
  readonly variance: number;
}

export interface RelativePowerSettings {
  /** Two-sided, above 0, below 1. */
  readonly alpha: number;
  /** Set when the result is read as a confidence sequence: units of two arms at which it is tightest. */
  readonly expectedSample?: number;
}

/**
 * Probability that a two-sided test of the relative difference finds it, as GrowthBook computes it: both arms with the
 * same variance per unit, the estimate normal.
 * @param change relative to the baseline's mean
 */
export function relativePower(
  metric: ExpectedMetric,
  change: number,
  perArm: number,
  settings: RelativePowerSettings,
): number {
  const baseline = { count: perArm, mean: metric.mean, variance: metric.variance };
  const effect = relativeDifference(baseline, { ...baseline, mean: metric.mean * (1 + change) });
  invariant(effect !== null, 'a metric without mean or variance has no power');
  const z = -normalQuantile(settings.alpha / 2);
  const standardized = change / (effect.standardError * inflation(perArm, settings));
  return normalSurvival(z - standardized) + normalCdf(-z - standardized);
}

/**
 * The smallest relative rise that is found with a probability: with z = z_(1-alpha/2) + z_power and s^2 the variance
 * of an arm's mean m, the larger solution x of (x - m)^2 = z^2 s^2 (1 + x^2/m^2), as x/m - 1.
 * @param power above alpha, below 1
 * @returns null when so few units find no rise of any size
 */
export function relativeMinimalDetectableChange(
  metric: ExpectedMetric,
  power: number,
  perArm: number,
  settings: RelativePowerSettings,
): number | null {
  invariant(power > settings.alpha, `a power of ${power} is not above alpha ${settings.alpha}`);
  const z = normalQuantile(power) - normalQuantile(settings.alpha / 2);
  const varianceOfMean = (metric.variance / perArm) * inflation(perArm, settings) ** 2;
  // In units of m: (1 - w) y^2 - 2y + (1 - w) = 0, w = z^2 s^2 / m^2; the larger solution, less 1.
  const w = (z * z * varianceOfMean) / metric.mean ** 2;
  if (w >= 1) return null;
  return (w + Math.sqrt(w * (2 - w))) / (1 - w);
}

/** How many times wider than at a single look the confidence sequence of two arms is; 1 for a single look. */
function inflation(perArm: number, { alpha, expectedSample }: RelativePowerSettings): number {
  if (expectedSample === undefined) return 1;
  const sequence: SequenceSettings = { alpha, expectedSample };
  return sequentialMultiplier(2 * perArm, sequence) / -normalQuantile(alpha / 2);
}
