import { invariant } from '../invariant.ts';
import { betaQuantile } from './incomplete-beta.ts';
import { normalQuantile } from './normal.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson's score interval of a proportion: stays within 0..1 and close to its promise also for few units.
 * @param alpha share of intervals that may miss, above 0, below 1
 * @returns 0..1 for no units
 */
export function wilsonInterval(successes: number, count: number, alpha = 0.05): Interval {
  checkCounts(successes, count);
  if (count === 0) return { low: 0, high: 1 };
  const z = -normalQuantile(alpha / 2);
  const square = z * z;
  const middle = (successes + square / 2) / (count + square);
  const half = (z / (count + square)) * Math.sqrt((successes * (count - successes)) / count + square / 4);
  // At the ends the exact bound is 0 or 1; rounding would miss it.
  return {
    low: successes === 0 ? 0 : Math.max(0, middle - half),
    high: successes === count ? 1 : Math.min(1, middle + half),
  };
}

/** Clopper and Pearson's interval, which never misses more often than alpha; wider than need be. */
export function clopperPearsonInterval(successes: number, count: number, alpha = 0.05): Interval {
  checkCounts(successes, count);
  const failures = count - successes;
  return {
    low: successes === 0 ? 0 : betaQuantile(alpha / 2, successes, failures + 1),
    high: failures === 0 ? 1 : 1 - betaQuantile(alpha / 2, failures, successes + 1),
  };
}

/**
 * The equal-tailed credible interval with Jeffreys' prior Beta(1/2, 1/2); its open end is 0 or 1 when nothing or
 * everything succeeded (Brown, Cai and DasGupta, 2001).
 */
export function jeffreysInterval(successes: number, count: number, alpha = 0.05): Interval {
  checkCounts(successes, count);
  const failures = count - successes;
  return {
    low: successes === 0 ? 0 : betaQuantile(alpha / 2, successes + 0.5, failures + 0.5),
    high: failures === 0 ? 1 : 1 - betaQuantile(alpha / 2, failures + 0.5, successes + 0.5),
  };
}

function checkCounts(successes: number, count: number): void {
  invariant(successes >= 0 && successes <= count, `${successes} successes of ${count} units`);
}
