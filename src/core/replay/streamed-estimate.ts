import type { UniformSource } from '../statistics/beta-sampling.ts';
import { quantileOfSorted } from '../statistics/bootstrap.ts';
import type { Interval } from '../statistics/intervals.ts';
import { type OffPolicyEstimate, OffPolicySums, type WeightedReward } from '../statistics/off-policy.ts';

/** How another policy would have done on recorded payments, with what can be said for certain. */
export interface StreamedEstimate extends OffPolicyEstimate {
  /** 95 % interval of the self-normalised estimate; null when nothing can be said. */
  readonly interval: Interval | null;
  /** Mean reward of the payments as they were recorded; null for none. */
  readonly recorded: number | null;
  /** Self-normalised estimate less what was recorded, on the same payments. */
  readonly difference: number | null;
  readonly differenceInterval: Interval | null;
}

/** Resamples of the bootstrap. */
const RESAMPLES = 400;
const ALPHA = 0.05;

/**
 * Off-policy estimates over a stream of payments, in memory that does not grow with it. Intervals are by the Poisson
 * bootstrap: in each resample a payment counts as often as a Poisson variable of mean 1 says, which for many payments is
 * what drawing with replacement comes to, and needs no second pass (Chamandy et al., Estimating uncertainty for massive
 * data streams, 2012). Payments have to be independent of each other; the same random numbers give the same interval.
 */
export class StreamedPolicyEstimate {
  readonly #random: UniformSource;
  readonly #weights: Float64Array;
  readonly #weighted: Float64Array;
  readonly #payments: Float64Array;
  readonly #rewards: Float64Array;
  readonly #sums = new OffPolicySums();
  #recordedRewards = 0;

  constructor(random: UniformSource, resamples = RESAMPLES) {
    this.#random = random;
    this.#weights = new Float64Array(resamples);
    this.#weighted = new Float64Array(resamples);
    this.#payments = new Float64Array(resamples);
    this.#rewards = new Float64Array(resamples);
  }

  add({ weight, reward }: WeightedReward): void {
    this.#sums.add({ weight, reward });
    this.#recordedRewards += reward;
    for (let index = 0; index < this.#weights.length; index += 1) {
      const times = poisson(this.#random());
      if (times === 0) continue;
      (this.#weights[index] as number) += times * weight;
      (this.#weighted[index] as number) += times * weight * reward;
      (this.#payments[index] as number) += times;
      (this.#rewards[index] as number) += times * reward;
    }
  }

  estimate(): StreamedEstimate {
    const estimate = this.#sums.estimate();
    const { payments, selfNormalised } = estimate;
    const recorded = payments > 0 ? this.#recordedRewards / payments : null;
    return {
      ...estimate,
      interval: this.#interval((index) => ratio(this.#weighted[index], this.#weights[index])),
      recorded,
      difference: selfNormalised === null || recorded === null ? null : selfNormalised - recorded,
      differenceInterval: this.#interval((index) => {
        const target = ratio(this.#weighted[index], this.#weights[index]);
        const logged = ratio(this.#rewards[index], this.#payments[index]);
        return target === null || logged === null ? null : target - logged;
      }),
    };
  }

  #interval(of: (resample: number) => number | null): Interval | null {
    const values: number[] = [];
    for (let index = 0; index < this.#weights.length; index += 1) {
      const value = of(index);
      if (value !== null) values.push(value);
    }
    if (values.length < this.#weights.length / 2) return null;
    values.sort((one, other) => one - other);
    return { low: quantileOfSorted(values, ALPHA / 2), high: quantileOfSorted(values, 1 - ALPHA / 2) };
  }
}

function ratio(over: number | undefined, under: number | undefined): number | null {
  return over === undefined || under === undefined || under <= 0 ? null : over / under;
}

/** A Poisson variable of mean 1, by inversion. */
function poisson(uniform: number): number {
  let times = 0;
  let chance = Math.exp(-1);
  let below = chance;
  while (uniform >= below && times < 16) {
    times += 1;
    chance /= times;
    below += chance;
  }
  return times;
}
