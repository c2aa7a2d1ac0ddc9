import { invariant } from '../invariant.ts';
import { deviance, stirlingError } from './gamma.ts';

const STEPS_MAX = 1_000_000;

/**
 * P(X > value) of a chi-square variable. Relative error below 1e-12 also in the far tail.
 * @param value 0 or more
 * @param degreesOfFreedom above 0, need not be whole
 */
export function chiSquareSurvival(value: number, degreesOfFreedom: number): number {
  return Math.exp(logChiSquareSurvival(value, degreesOfFreedom));
}

/** ln P(X > value), for tails below what a number holds. Arguments as of {@link chiSquareSurvival}. */
export function logChiSquareSurvival(value: number, degreesOfFreedom: number): number {
  invariant(degreesOfFreedom > 0, `chi-square needs degrees of freedom above 0, got ${degreesOfFreedom}`);
  if (value <= 0) return 0;
  if (value === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  return logUpperGamma(degreesOfFreedom / 2, value / 2);
}

/**
 * ln Q(shape, x), the regularised upper incomplete gamma function: below shape + 1 by the series of the lower one
 * (Abramowitz and Stegun 6.5.29), above by the continued fraction (6.5.31).
 */
function logUpperGamma(shape: number, x: number): number {
  // ln of x^shape e^-x / Gamma(shape), in Loader's form.
  const prefactor = 0.5 * Math.log(shape / (2 * Math.PI)) - stirlingError(shape) - deviance(shape, x);
  if (x >= shape + 1) return prefactor + Math.log(upperFraction(shape, x));
  let term = 1 / shape;
  let sum = term;
  for (let step = 1; step <= STEPS_MAX && term > sum * 1e-17; step += 1) {
    term *= x / (shape + step);
    sum += term;
  }
  return Math.log1p(-Math.min(1, Math.exp(prefactor) * sum));
}

/** The continued fraction of Q by Lentz's method; no denominator is zero for x above shape + 1. */
function upperFraction(shape: number, x: number): number {
  let base = x + 1 - shape;
  let numerator = Number.POSITIVE_INFINITY;
  let denominator = 1 / base;
  let value = denominator;
  for (let step = 1; step <= STEPS_MAX; step += 1) {
    const partial = -step * (step - shape);
    base += 2;
    denominator = 1 / (partial * denominator + base);
    numerator = base + partial / numerator;
    const change = denominator * numerator;
    value *= change;
    if (Math.abs(change - 1) < 3e-16) return value;
  }
  return value;
}
