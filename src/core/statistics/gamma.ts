import { invariant } from '../invariant.ts';
import { polynomial } from './polynomial.ts';

const HALF_LOG_TWO_PI = 0.9189385332046728;

/** From here on the asymptotic series below are exact to the last bits. */
const ASYMPTOTIC_FROM = 10;

/** zeta(k) - 1 for k = 2, 3, …: the series of log-gamma about 2 converges with them like (z/2)^k. */
const ZETA_MINUS_ONE = [
  0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993, 0.01734306198444914,
  0.008349277381922827, 0.00407735619794434, 0.0020083928260822143, 0.0009945751278180853,
  0.0004941886041194645, 0.0002460865533080483, 0.00012271334757848915, 0.00006124813505870483,
  0.00003058823630702049, 0.00001528225940865187, 0.000007637197637899763, 0.00000381729326499984,
  0.000001908212716553939, 9.539620338727962e-7, 4.769329867878064e-7, 2.38450502727733e-7,
  1.1921992596531106e-7, 5.960818905125948e-8, 2.980350351465228e-8, 1.490155482836504e-8,
  7.45071178983543e-9, 3.725334024788457e-9, 1.862659723513049e-9,
] as const;
const ONE_MINUS_EULER = 0.42278433509846713;
const LOG_GAMMA_ABOUT_TWO = [0, ONE_MINUS_EULER].concat(
  ZETA_MINUS_ONE.map((value, index) => (index % 2 === 0 ? value : -value) / (index + 2)),
);

/** Of 1/x^2, times 1/x: what Stirling's formula leaves out (Abramowitz and Stegun 6.1.41). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156, -3617 / 122_400];

/**
 * Natural logarithm of the gamma function. Relative error below 1e-14; next to its zeros at 1 and 2 too.
 * @param x above 0
 */
export function logGamma(x: number): number {
  invariant(x > 0, `log-gamma needs a value above 0, got ${x}`);
  if (x >= ASYMPTOTIC_FROM) {
    return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI + stirlingError(x);
  }
  if (x < 1.5) {
    // Gamma(x) = Gamma(x + 1) / x, twice where x is nearer to 0 than to 1.
    return x < 0.5
      ? polynomial(LOG_GAMMA_ABOUT_TWO, x) - Math.log1p(x) - Math.log(x)
      : polynomial(LOG_GAMMA_ABOUT_TWO, x - 1) - Math.log(x);
  }
  let factor = 1;
  let shifted = x;
  while (shifted >= 2.5) {
    shifted -= 1;
    factor *= shifted;
  }
  return Math.log(factor) + polynomial(LOG_GAMMA_ABOUT_TWO, shifted - 2);
}

/**
 * What Stirling's formula lacks: ln Gamma(x) - ((x - 1/2) ln x - x + ln(2 pi)/2). Densities built of it and of
 * {@link deviance} keep their accuracy where differences of log-gammas lose it (C. Loader, Fast and Accurate
 * Computation of Binomial Probabilities, 2000).
 * @param x above 0
 */
export function stirlingError(x: number): number {
  if (x < ASYMPTOTIC_FROM) return logGamma(x) - ((x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI);
  return polynomial(STIRLING, 1 / (x * x)) / x;
}

/** x ln(x/mean) + mean - x without cancellation: both above 0. 0 when equal, else above 0. */
export function deviance(x: number, mean: number): number {
  const ratio = (x - mean) / (x + mean);
  if (Math.abs(ratio) > 0.3) return x * Math.log(x / mean) + mean - x;
  // ln(x/mean) = 2 artanh(ratio).
  const square = ratio * ratio;
  let term = 2 * x * ratio;
  let sum = (x - mean) * ratio;
  for (let odd = 3; ; odd += 2) {
    term *= square;
    const next = sum + term / odd;
    if (next === sum) return next;
    sum = next;
  }
}

/**
 * Natural logarithm of the beta function. Absolute error below 1e-13 also where the log-gammas are huge.
 * @param alpha above 0
 * @param beta above 0
 */
export function logBeta(alpha: number, beta: number): number {
  invariant(alpha > 0 && beta > 0, `log-beta needs values above 0, got ${alpha} and ${beta}`);
  const total = alpha + beta;
  return (
    HALF_LOG_TWO_PI +
    0.5 * Math.log(total / alpha / beta) -
    alpha * Math.log1p(beta / alpha) -
    beta * Math.log1p(alpha / beta) +
    (stirlingError(alpha) + stirlingError(beta) - stirlingError(total))
  );
}

/** Of 1/x^2, from x^-2 on: the asymptotic series of digamma(x) - ln x + 1/(2x) (Abramowitz and Stegun 6.3.18). */
const DIGAMMA = [0, -1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32_760, -1 / 12];
/** Of 1/x^2, times 1/x: the asymptotic series of trigamma(x) - 1/(2x^2) (6.4.12). */
const TRIGAMMA = [1, 1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6];

/** Derivative of {@link logGamma}; absolute error below 1e-13 for x of 0.1 or more. @param x above 0 */
export function digamma(x: number): number {
  let shifted = x;
  let value = 0;
  for (; shifted < ASYMPTOTIC_FROM; shifted += 1) value -= 1 / shifted;
  return value + Math.log(shifted) - 1 / (2 * shifted) + polynomial(DIGAMMA, 1 / (shifted * shifted));
}

/** Derivative of {@link digamma}; relative error below 1e-13. @param x above 0 */
export function trigamma(x: number): number {
  let shifted = x;
  let value = 0;
  for (; shifted < ASYMPTOTIC_FROM; shifted += 1) value += 1 / (shifted * shifted);
  const inverse = 1 / shifted;
  return value + inverse * (inverse / 2 + polynomial(TRIGAMMA, inverse * inverse));
}
