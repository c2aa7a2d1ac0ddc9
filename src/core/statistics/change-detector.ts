import { invariant } from '../invariant.ts';

export interface CusumSettings {
  /** Success probability as it was, above 0, below 1. */
  readonly before: number;
  /** Success probability to be noticed, above 0, below 1, lower or higher. */
  readonly after: number;
  /** Alarm when the evidence reaches this: at ln(T) false alarms are T outcomes apart or more, on average. */
  readonly threshold: number;
}

/** False alarms are 2000 outcomes apart or more, on average. */
export const CUSUM_THRESHOLD = Math.log(2000);

/** What one outcome says for a change of the success probability: ln of its probability after over before. */
export function logLikelihoodRatio(success: boolean, before: number, after: number): number {
  return success ? Math.log(after / before) : Math.log((1 - after) / (1 - before));
}

/**
 * Page's CUSUM for outcomes of yes and no: after each outcome y, the evidence becomes
 * max(0, evidence + y ln(p1/p0) + (1-y) ln((1-p1)/(1-p0))), and reaching the threshold is an alarm. One addition per
 * outcome, no memory of them. Watches for one change; for a fall and a rise take two.
 */
export class BernoulliCusum {
  readonly #onSuccess: number;
  readonly #onFailure: number;
  readonly #threshold: number;
  #evidence = 0;

  constructor({ before, after, threshold }: CusumSettings) {
    for (const probability of [before, after]) {
      invariant(
        probability > 0 && probability < 1,
        `a probability between 0 and 1 is needed, got ${probability}`,
      );
    }
    invariant(before !== after && threshold > 0, `no change can be noticed: ${before} to ${after}`);
    this.#onSuccess = logLikelihoodRatio(true, before, after);
    this.#onFailure = logLikelihoodRatio(false, before, after);
    this.#threshold = threshold;
  }

  /** Log-likelihood ratio of the change since when it is likeliest, 0 or more. */
  get evidence(): number {
    return this.#evidence;
  }

  /** Takes an outcome in. @returns whether that is an alarm; the evidence then begins anew */
  observe(success: boolean): boolean {
    this.#evidence = Math.max(0, this.#evidence + (success ? this.#onSuccess : this.#onFailure));
    if (this.#evidence < this.#threshold) return false;
    this.#evidence = 0;
    return true;
  }
}
