import { invariant } from '../invariant.ts';

/** A choice as it was drawn, and how a candidate policy would have drawn it. */
export interface LoggedChoice {
  /** Probability with which the logging policy chose what it chose, above 0. */
  readonly logged: number;
  /** Probability with which the candidate policy would have chosen the same. */
  readonly target: number;
}

/** A payment seen through a candidate policy. */
export interface WeightedReward {
  /** {@link importanceWeight} of all its choices. */
  readonly weight: number;
  readonly reward: number;
}

/** The same with what a model of the reward expects. */
export interface ModelledReward extends WeightedReward {
  /** Of what was chosen. */
  readonly expectedOfChosen: number;
  /** Of the candidate policy: the sum over the choices of its probability times what the model expects. */
  readonly expectedOfTarget: number;
}

/** How a candidate policy would have done on recorded payments. */
export interface OffPolicyEstimate {
  readonly payments: number;
  /** Inverse propensity score: mean of weight times reward. Unbiased; may leave 0..1. */
  readonly inversePropensity: number;
  /** Self-normalised: the weighted mean of the rewards. The one to go by. Null when no payment has a weight. */
  readonly selfNormalised: number | null;
  /** Inverse propensity score with weights cut off: less variance, biased downwards. */
  readonly clipped: number;
  /** (sum w)^2 / sum w^2: payments that the estimate rests on. */
  readonly effectiveSampleSize: number;
  /** Share of all weight that lies on a single payment. */
  readonly largestShare: number;
  /** Mean weight: 1 but for chance, where the logging policy could have chosen all that the candidate policy would. */
  readonly meanWeight: number;
  /** Whether the two above allow a conclusion at all. */
  readonly supported: boolean;
}

const EFFECTIVE_MINIMUM = 100;
const LARGEST_SHARE = 0.05;
const CLIP_AT = 10;

/**
 * Weight of a payment: the product over its attempts of target over logged probability. 1 for a payment without a
 * choice.
 */
export function importanceWeight(choices: readonly LoggedChoice[]): number {
  return choices.reduce((weight, { logged, target }) => {
    invariant(logged > 0 && logged <= 1, `a logged propensity is above 0 and at most 1, got ${logged}`);
    return (weight * target) / logged;
  }, 1);
}

/** The sums that the estimates are made of, over payments that come one after the other. */
export class OffPolicySums {
  readonly #clipAt: number;
  #payments = 0;
  #weights = 0;
  #squares = 0;
  #rewards = 0;
  #clipped = 0;
  #largest = 0;

  /** @param clipAt weights above this are cut to it in the clipped estimate */
  constructor(clipAt = CLIP_AT) {
    this.#clipAt = clipAt;
  }

  add({ weight, reward }: WeightedReward): void {
    this.#payments += 1;
    this.#weights += weight;
    this.#squares += weight * weight;
    this.#rewards += weight * reward;
    this.#clipped += Math.min(weight, this.#clipAt) * reward;
    this.#largest = Math.max(this.#largest, weight);
  }

  /**
   * Adds what other sums hold, as if each of their payments stood for `factor` payments.
   * @param factor 0 or above
   */
  addScaled(other: OffPolicySums, factor: number): void {
    this.#payments += factor * other.#payments;
    this.#weights += factor * other.#weights;
    this.#squares += factor * factor * other.#squares;
    this.#rewards += factor * other.#rewards;
    this.#clipped += factor * other.#clipped;
    this.#largest = Math.max(this.#largest, factor * other.#largest);
  }

  /** Payments so far. */
  get payments(): number {
    return this.#payments;
  }

  estimate(): OffPolicyEstimate {
    const count = Math.max(1, this.#payments);
    const effectiveSampleSize = this.#squares > 0 ? (this.#weights * this.#weights) / this.#squares : 0;
    const largestShare = this.#weights > 0 ? this.#largest / this.#weights : 0;
    return {
      payments: this.#payments,
      inversePropensity: this.#rewards / count,
      selfNormalised: this.#weights > 0 ? this.#rewards / this.#weights : null,
      clipped: this.#clipped / count,
      effectiveSampleSize,
      largestShare,
      meanWeight: this.#weights / count,
      supported: effectiveSampleSize >= EFFECTIVE_MINIMUM && largestShare <= LARGEST_SHARE,
    };
  }
}

/** All estimates at once, by payment, never by attempt. @param clipAt weights above this are cut to it */
export function evaluatePolicy(payments: readonly WeightedReward[], clipAt = CLIP_AT): OffPolicyEstimate {
  const sums = new OffPolicySums(clipAt);
  for (const payment of payments) sums.add(payment);
  return sums.estimate();
}

/** Weighted mean of the rewards; null when no payment has a weight. */
export function selfNormalisedEstimate(payments: readonly WeightedReward[]): number | null {
  let [weights, rewards] = [0, 0];
  for (const { weight, reward } of payments) {
    weights += weight;
    rewards += weight * reward;
  }
  return weights > 0 ? rewards / weights : null;
}

export interface DoublyRobustSettings {
  /** Divides the correction by the sum of the weights instead of the number of payments. */
  readonly selfNormalised?: boolean;
  /** Payments with a higher weight are left to the model alone (Switch-DR). */
  readonly switchAbove?: number;
}

/**
 * Doubly robust: what the model expects of the candidate policy, corrected by the weighted error of the model where
 * rewards are known. Reported, not to decide by: on payments it has done worse than self-normalised weights.
 * @returns null for no payments
 */
export function doublyRobustEstimate(
  payments: readonly ModelledReward[],
  { selfNormalised = false, switchAbove = Number.POSITIVE_INFINITY }: DoublyRobustSettings = {},
): number | null {
  if (payments.length === 0) return null;
  let [expected, correction, weights] = [0, 0, 0];
  for (const { weight, reward, expectedOfChosen, expectedOfTarget } of payments) {
    expected += expectedOfTarget;
    if (weight > switchAbove) continue;
    correction += weight * (reward - expectedOfChosen);
    weights += weight;
  }
  const divisor = selfNormalised ? weights : payments.length;
  return expected / payments.length + (divisor > 0 ? correction / divisor : 0);
}
