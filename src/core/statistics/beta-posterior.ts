import { invariant } from '../invariant.ts';

/** What is believed of a probability: Beta(alpha, beta), both above 0. */
export interface BetaPosterior {
  readonly alpha: number;
  readonly beta: number;
}

export function posteriorMean({ alpha, beta }: BetaPosterior): number {
  return alpha / (alpha + beta);
}

export function posteriorVariance({ alpha, beta }: BetaPosterior): number {
  const total = alpha + beta;
  return ((alpha / total) * (beta / total)) / (total + 1);
}

/**
 * The Beta distribution of a mean and a variance.
 * @param mean above 0, below 1
 * @param variance above 0, below mean (1 - mean), which no Beta distribution reaches
 */
export function betaFromMoments(mean: number, variance: number): BetaPosterior {
  const weight = (mean * (1 - mean)) / variance - 1;
  invariant(
    mean > 0 && mean < 1 && weight > 0 && Number.isFinite(weight),
    `no Beta distribution has mean ${mean} and variance ${variance}`,
  );
  return { alpha: mean * weight, beta: (1 - mean) * weight };
}
