import { invariant } from '../invariant.ts';
import { betaLogOdds, logLowerTail } from './incomplete-beta.ts';

/**
 * P(T <= t) of Student's t distribution. Relative error below 1e-12 also in the far lower tail.
 * @param degreesOfFreedom above 0, need not be whole
 */
export function studentTCdf(t: number, degreesOfFreedom: number): number {
  return studentTSurvival(-t, degreesOfFreedom);
}

/** P(T > t); else as {@link studentTCdf}. */
export function studentTSurvival(t: number, degreesOfFreedom: number): number {
  return t > 0
    ? Math.exp(logStudentTSurvival(t, degreesOfFreedom))
    : 1 - Math.exp(logStudentTSurvival(-t, degreesOfFreedom));
}

/**
 * ln P(T > t), for tails below what a number holds: with x = nu/(nu + t^2), P(T > t) = I_x(nu/2, 1/2)/2.
 * @param degreesOfFreedom above 0, need not be whole
 */
export function logStudentTSurvival(t: number, degreesOfFreedom: number): number {
  invariant(degreesOfFreedom > 0, `Student's t needs degrees of freedom above 0, got ${degreesOfFreedom}`);
  if (t < 0) return Math.log1p(-Math.exp(logStudentTSurvival(-t, degreesOfFreedom)));
  if (t === 0) return -Math.LN2;
  if (t === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  // t^2 / nu, which does not overflow when divided first.
  const square = (t / degreesOfFreedom) * t;
  return logLowerTail(degreesOfFreedom / 2, 0.5, 1 / (1 + square), square / (1 + square)) - Math.LN2;
}

/**
 * The value that T stays at or below with a probability.
 * @param probability 0 to 1; the ends give the infinities
 * @param degreesOfFreedom above 0, need not be whole
 */
export function studentTQuantile(probability: number, degreesOfFreedom: number): number {
  invariant(probability >= 0 && probability <= 1, `a probability is 0 to 1, got ${probability}`);
  invariant(degreesOfFreedom > 0, `Student's t needs degrees of freedom above 0, got ${degreesOfFreedom}`);
  if (probability === 0.5) return 0;
  const tail = Math.min(probability, 1 - probability);
  const logOdds = betaLogOdds(2 * tail, 1 - 2 * tail, degreesOfFreedom / 2, 0.5);
  return Math.sign(probability - 0.5) * Math.sqrt(degreesOfFreedom) * Math.exp(-logOdds / 2);
}
