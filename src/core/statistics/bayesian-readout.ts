import type { Effect } from './effect.ts';
import { normalCdf, normalDensity, normalQuantile, normalSurvival } from './normal.ts';

/** A normal prior of the effect. Left out: the flat one, by which the data speak alone. */
export interface NormalPrior {
  readonly mean: number;
  /** Above 0. */
  readonly standardDeviation: number;
}

export interface BayesianReadout {
  /** Of the posterior. */
  readonly estimate: number;
  readonly standardDeviation: number;
  /** Credible interval of 1 - alpha. */
  readonly low: number;
  readonly high: number;
  /** Probability that the arm is above the baseline. */
  readonly chanceToWin: number;
  /** Expected loss, in units of the effect, when the baseline is kept. */
  readonly riskOfBaseline: number;
  /** Expected loss when the arm is taken. */
  readonly riskOfArm: number;
}

/** Posterior of an effect whose estimate is normal with a known standard error. */
export function bayesianReadout(effect: Effect, alpha = 0.05, prior?: NormalPrior): BayesianReadout {
  const { mean, standardDeviation } = posterior(effect, prior);
  const half = -normalQuantile(alpha / 2) * standardDeviation;
  return {
    estimate: mean,
    standardDeviation,
    low: mean - half,
    high: mean + half,
    chanceToWin: normalCdf(mean / standardDeviation),
    riskOfBaseline: expectedPositivePart(mean, standardDeviation),
    riskOfArm: expectedPositivePart(-mean, standardDeviation),
  };
}

/** E[max(X, 0)] of a normal X: sd (density(z) + z P(Z <= z)) with z = mean/sd. */
function expectedPositivePart(mean: number, standardDeviation: number): number {
  const z = mean / standardDeviation;
  const expected = z < 0 ? normalDensity(z) + z * normalSurvival(-z) : normalDensity(z) + z * normalCdf(z);
  // Far out the two terms are equal but for rounding.
  return Math.max(0, expected) * standardDeviation;
}

function posterior(effect: Effect, prior: NormalPrior | undefined): NormalPrior {
  if (prior === undefined) return { mean: effect.estimate, standardDeviation: effect.standardError };
  const ofPrior = prior.standardDeviation ** -2;
  const ofData = effect.standardError ** -2;
  return {
    mean: (prior.mean * ofPrior + effect.estimate * ofData) / (ofPrior + ofData),
    standardDeviation: 1 / Math.sqrt(ofPrior + ofData),
  };
}
