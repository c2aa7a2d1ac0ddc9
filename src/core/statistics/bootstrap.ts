import { invariant } from '../invariant.ts';
import type { UniformSource } from './beta-sampling.ts';
import type { Interval } from './intervals.ts';

export interface BootstrapSettings {
  /** Share of intervals that may miss, above 0, below 1. */
  readonly alpha: number;
  readonly resamples: number;
}

const DEFAULTS: BootstrapSettings = { alpha: 0.05, resamples: 1000 };

/**
 * Percentile interval of an estimate, by drawing as many items anew with replacement, again and again. Items have to
 * be independent: payments, not their attempts. The same random numbers give the same interval.
 * @param estimate of a resample, which is only lent; null when it has none
 * @returns null when no resample had an estimate
 */
export function bootstrapInterval<T>(
  items: readonly T[],
  estimate: (resample: readonly T[]) => number | null,
  random: UniformSource,
  { alpha, resamples }: BootstrapSettings = DEFAULTS,
): Interval | null {
  const drawn = [...items];
  const estimates: number[] = [];
  for (let round = 0; round < resamples; round += 1) {
    for (let at = 0; at < items.length; at += 1) drawn[at] = items[Math.floor(random() * items.length)] as T;
    const value = estimate(drawn);
    if (value !== null) estimates.push(value);
  }
  if (estimates.length === 0) return null;
  estimates.sort((one, other) => one - other);
  return { low: quantileOfSorted(estimates, alpha / 2), high: quantileOfSorted(estimates, 1 - alpha / 2) };
}

/** Linear between the two values next to it. @param sorted rising, not empty */
export function quantileOfSorted(sorted: readonly number[], probability: number): number {
  invariant(sorted.length > 0, 'nothing has no quantile');
  const at = probability * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  return low + (at - below) * ((sorted[Math.min(below + 1, sorted.length - 1)] as number) - low);
}
