import { invariant } from '../invariant.ts';
import { deviance, logBeta, stirlingError } from './gamma.ts';
import { normalQuantile } from './normal.ts';

/**
 * The Beta distribution's tails: regularised incomplete beta functions, from the continued fraction of DiDonato and
 * Morris (Algorithm 708, 1992) on the side where it converges fast, times a prefactor in Loader's form. Relative error of the
 * smaller tail below 1e-12 for parameters up to 1e6; the steps grow with the square root of the parameters.
 */

/** Smallest normal number: replaces a zero denominator in Lentz's method. */
const TINY = 1e-300;
const STEPS_MAX = 1_000_000;

/** P(X <= x) of Beta(alpha, beta). @param x clipped to 0..1 */
export function betaCdf(x: number, alpha: number, beta: number): number {
  return Math.exp(logBetaCdf(x, alpha, beta));
}

/** P(X > x) of Beta(alpha, beta), exact also where it is tiny. @param x clipped to 0..1 */
export function betaSurvival(x: number, alpha: number, beta: number): number {
  return Math.exp(logBetaSurvival(x, alpha, beta));
}

/** ln P(X <= x), for tails below what a number holds. @param x clipped to 0..1 */
export function logBetaCdf(x: number, alpha: number, beta: number): number {
  invariant(alpha > 0 && beta > 0, `a Beta distribution needs parameters above 0, got ${alpha} and ${beta}`);
  if (x <= 0) return Number.NEGATIVE_INFINITY;
  return x >= 1 ? 0 : logLowerTail(alpha, beta, x, 1 - x);
}

/** ln P(X > x), for tails below what a number holds. @param x clipped to 0..1 */
export function logBetaSurvival(x: number, alpha: number, beta: number): number {
  invariant(alpha > 0 && beta > 0, `a Beta distribution needs parameters above 0, got ${alpha} and ${beta}`);
  if (x <= 0) return 0;
  return x >= 1 ? Number.NEGATIVE_INFINITY : logLowerTail(beta, alpha, 1 - x, x);
}

/**
 * ln I_x(alpha, beta) where the caller knows x and 1 - x both exactly, as the t distribution does.
 * @param complement 1 - x
 */
export function logLowerTail(alpha: number, beta: number, x: number, complement: number): number {
  const prefactor = logPrefactor(alpha, beta, x, complement);
  if (x < (alpha + 1) / (alpha + beta + 2)) {
    return Math.min(0, prefactor - Math.log(fraction(alpha, beta, x, complement)));
  }
  const upper = Math.exp(prefactor) / fraction(beta, alpha, complement, x);
  return Math.log1p(-Math.min(1, upper));
}

/** ln of x^alpha (1-x)^beta / B(alpha, beta). */
function logPrefactor(alpha: number, beta: number, x: number, complement: number): number {
  const total = alpha + beta;
  return (
    0.5 * Math.log(((alpha / total) * beta) / (2 * Math.PI)) +
    (stirlingError(total) - stirlingError(alpha) - stirlingError(beta)) -
    (deviance(alpha, total * x) + deviance(beta, total * complement))
  );
}

/**
 * The value by which the prefactor is divided to give I_x(alpha, beta), by Lentz's method. Every second step of the
 * fraction is contracted away: its terms are then positive up to step beta, and nothing cancels where x is near 1.
 */
function fraction(alpha: number, beta: number, x: number, complement: number): number {
  const total = alpha + beta;
  const fromMean = alpha * complement - beta * x + 1;
  let value = notZero((alpha * fromMean) / (alpha + 1));
  let numerator = value;
  let denominator = 0;
  for (let step = 1; step <= STEPS_MAX; step += 1) {
    const odd = alpha + 2 * step - 1;
    const ahead = (step * (beta - step) * x) / odd;
    const partial = (((alpha + step - 1) * (total + step - 1)) / odd) * ahead * x;
    const base = step + ahead + ((alpha + step) * (fromMean + step * (1 + complement))) / (odd + 2);
    denominator = 1 / notZero(base + partial * denominator);
    numerator = notZero(base + partial / numerator);
    const change = denominator * numerator;
    value *= change;
    if (Math.abs(change - 1) < 3e-16) return value;
  }
  return value;
}

function notZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/**
 * The value that a Beta(alpha, beta) variable stays at or below with a probability. Relative error near 1e-13, of the
 * distance to 1 too where the value is near it.
 * @param probability 0 to 1
 */
export function betaQuantile(probability: number, alpha: number, beta: number): number {
  invariant(alpha > 0 && beta > 0, `a Beta distribution needs parameters above 0, got ${alpha} and ${beta}`);
  invariant(probability >= 0 && probability <= 1, `a probability is 0 to 1, got ${probability}`);
  return 1 / (1 + Math.exp(-betaLogOdds(probability, 1 - probability, alpha, beta)));
}

/**
 * ln(x / (1 - x)) of the quantile x: tells a distance to 0 or to 1 that x itself cannot hold.
 * @param lower probability of staying at or below
 * @param upper 1 - lower, as exactly as the caller has it
 */
export function betaLogOdds(lower: number, upper: number, alpha: number, beta: number): number {
  if (lower <= 0) return Number.NEGATIVE_INFINITY;
  if (upper <= 0) return Number.POSITIVE_INFINITY;
  const total = alpha + beta;
  return Math.log(lower) <= logLowerTail(alpha, beta, alpha / total, beta / total)
    ? lowerTailLogOdds(Math.log(lower), alpha, beta)
    : -lowerTailLogOdds(Math.log(upper), beta, alpha);
}

/** Of the x up to the mean with ln I_x = logTarget: Newton's method on the log-odds, held in a bracket. */
function lowerTailLogOdds(logTarget: number, alpha: number, beta: number): number {
  let low = Number.NEGATIVE_INFINITY;
  let high = Math.log(alpha / beta);
  let logOdds = Math.min(high, startingLogOdds(logTarget, alpha, beta));
  let before = Number.POSITIVE_INFINITY;
  for (let step = 0; step < 200; step += 1) {
    const x = 1 / (1 + Math.exp(-logOdds));
    const complement = 1 / (1 + Math.exp(logOdds));
    // Below the smallest number; there the starting point is exact.
    if (x < 1e-300) return logOdds;
    const logTail = logLowerTail(alpha, beta, x, complement);
    if (logTail < logTarget) low = logOdds;
    else high = logOdds;
    const slope = Math.exp(logPrefactor(alpha, beta, x, complement) - logTail);
    let next = logOdds + (logTarget - logTail) / slope;
    if (!(next > low && next < high)) {
      next = low === Number.NEGATIVE_INFINITY ? high - 2 ** step : (low + high) / 2;
    }
    const change = Math.abs(next - logOdds);
    // The last bits of the tail are noise: stop when steps are tiny and shrink no more.
    if (change < 1e-15 || (change < 1e-11 && change >= before)) return next;
    before = change;
    logOdds = next;
  }
  return logOdds;
}

/** Log-odds are nearly normal where both parameters are large; far out I_x is about x^alpha / (alpha B). */
function startingLogOdds(logTarget: number, alpha: number, beta: number): number {
  const power = (logTarget + Math.log(alpha) + logBeta(alpha, beta)) / alpha;
  const byPower = power < 0 ? power - Math.log(-Math.expm1(power)) : Number.POSITIVE_INFINITY;
  if (alpha < 2 || beta < 2 || logTarget < -20) return byPower;
  const standard = normalQuantile(Math.exp(logTarget)) * Math.sqrt(1 / alpha + 1 / beta);
  return Math.max(Math.log(alpha / beta) + standard, byPower);
}
