import { invariant } from '../invariant.ts';
import type { UniformSource } from '../statistics/beta-sampling.ts';
import { quantileOfSorted } from '../statistics/bootstrap.ts';
import type { Interval } from '../statistics/intervals.ts';
import { type OffPolicyEstimate, OffPolicySums, type WeightedReward } from '../statistics/off-policy.ts';

/** How another policy would have done on recorded payments, with what can be said for certain. */
export interface StreamedEstimate extends OffPolicyEstimate {
  /** 95 % interval of the self-normalised estimate, wider by what is not known; null when nothing can be said. */
  readonly interval: Interval | null;
  /** Approval of the payments as they were recorded, by any attempt; null for none. */
  readonly recorded: number | null;
  /** Self-normalised estimate less what was recorded, on the same payments. */
  readonly difference: number | null;
  readonly differenceInterval: Interval | null;
  /**
   * Share of the other policy's choices that the recorded policy could not have made, 0 to 1: their end is not known. Over
   * the payments that the estimate is over: those that are left out are in no share, their like stand for them.
   */
  readonly unsupportedShare: number;
  /** The same by provider, only those with a share; they add up to `unsupportedShare`. */
  readonly unsupportedBy: ReadonlyMap<string, number>;
  /** Share of payments that the other policy would have tried on with where the record ends, 0 to 1. */
  readonly openShare: number;
  /** Whether the effective sample size and the largest share alone allow a conclusion. */
  readonly enough: boolean;
  /** Payments that tell nothing about the other policy and that their like stand for. */
  readonly leftOut: number;
}

/** A payment seen through another policy. */
export interface SeenReward extends WeightedReward {
  /** 1: approved by a choice that the other policy could have made too; else 0. */
  readonly reward: 0 | 1;
  /** 1: approved as it was recorded, by whichever attempt; else 0. */
  readonly recorded: 0 | 1;
  /** By provider: probability that the other policy makes a choice that the recorded one could not have made. */
  readonly unsupported: ReadonlyMap<string, number>;
  /** Weight of a payment that the other policy would have gone on with; 0 for all others. */
  readonly open: number;
}

/** Where a payment belongs, when payments were drawn at random into ways of routing. */
export interface Stratum {
  /** Payments that were drawn from together: those of one way of routing stand for all of them. */
  readonly group: string;
  /** The way of routing that it was drawn into. */
  readonly arm: string;
  /** The group is so small a part of all payments, drawn at random, that the others can stand for it. */
  readonly spare: boolean;
}

export const ONE_STRATUM: Stratum = { group: '', arm: '', spare: false };

/** Resamples of the bootstrap. */
const RESAMPLES = 400;
const ALPHA = 0.05;
/** Share of what is not known, of either kind, up to which anything is said. */
export const UNKNOWN_MAX = 0.05;
/** Groups and ways of routing that are told apart; what comes later counts as drawn into none. */
const STRATA_MAX = 48;
/** Standard errors by which the mean weight may miss what it should be. */
const WEIGHT_ERRORS = 4;

/**
 * How often each resample of a bootstrap counts a payment: by a Poisson variable of mean 1, which for many payments is
 * what drawing with replacement comes to, and needs no second pass (Chamandy et al., Estimating uncertainty for massive
 * data streams, 2012). Drawn once for a payment, whichever estimates it is in.
 */
export class PoissonResamples {
  /** Of the payment that was drawn for last. */
  readonly times: Uint8Array;
  readonly #random: UniformSource;

  /** @param random the same numbers give the same intervals */
  constructor(random: UniformSource, resamples = RESAMPLES) {
    this.#random = random;
    this.times = new Uint8Array(resamples);
  }

  /** Draws for the next payment. */
  next(): void {
    for (let index = 0; index < this.times.length; index += 1) this.times[index] = poisson(this.#random());
  }
}

/** Cumulative probabilities of a Poisson variable of mean 1, for inversion. */
const POISSON = Array.from({ length: 16 }).reduce<{ chance: number; sums: number[] }>(
  ({ chance, sums }, _, times) => {
    const next = times === 0 ? chance : chance / times;
    return { chance: next, sums: [...sums, (sums.at(-1) ?? 0) + next] };
  },
  { chance: Math.exp(-1), sums: [] },
).sums;

function poisson(uniform: number): number {
  let times = 0;
  while (times < POISSON.length && uniform >= (POISSON[times] as number)) times += 1;
  return times;
}

/** Sums of weights and of their squares in each resample; the last place is that of the payments themselves. */
class Moments {
  readonly weights: Float64Array;
  /** Of those that were approved. */
  readonly weighted: Float64Array;
  readonly squares: Float64Array;
  /** Of those that were approved. */
  readonly weightedSquares: Float64Array;
  /** Sums of weights of those that were approved as recorded. */
  readonly weightedRecorded: Float64Array;

  constructor(resamples: number) {
    this.weights = new Float64Array(resamples + 1);
    this.weighted = new Float64Array(resamples + 1);
    this.squares = new Float64Array(resamples + 1);
    this.weightedSquares = new Float64Array(resamples + 1);
    this.weightedRecorded = new Float64Array(resamples + 1);
  }

  add({ weight, reward, recorded }: SeenReward, times: Uint8Array): void {
    const square = weight * weight;
    for (let index = 0; index <= times.length; index += 1) {
      const counted = index === times.length ? 1 : (times[index] as number);
      (this.weights[index] as number) += counted * weight;
      (this.squares[index] as number) += counted * square;
      if (recorded === 0) continue;
      (this.weightedRecorded[index] as number) += counted * weight;
      if (reward === 0) continue;
      (this.weighted[index] as number) += counted * weight;
      (this.weightedSquares[index] as number) += counted * square;
    }
  }

  addScaled(other: Moments, factor: number): void {
    const squared = factor * factor;
    for (let index = 0; index < this.weights.length; index += 1) {
      (this.weights[index] as number) += factor * (other.weights[index] as number);
      (this.weighted[index] as number) += factor * (other.weighted[index] as number);
      (this.squares[index] as number) += squared * (other.squares[index] as number);
      (this.weightedSquares[index] as number) += squared * (other.weightedSquares[index] as number);
      (this.weightedRecorded[index] as number) += factor * (other.weightedRecorded[index] as number);
    }
  }
}

function addTo(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value);
}

/** Sums over the payments of one stratum, and over each resample of them. */
class StratumSums {
  readonly stratum: Stratum;
  readonly sums = new OffPolicySums();
  readonly moments: Moments;
  readonly unsupportedBy = new Map<string, number>();
  unsupported = 0;
  open = 0;

  constructor(stratum: Stratum, resamples: number) {
    this.stratum = stratum;
    this.moments = new Moments(resamples);
  }

  add(seen: SeenReward, times: Uint8Array): void {
    this.sums.add(seen);
    for (const [provider, chance] of seen.unsupported) {
      this.unsupported += chance;
      addTo(this.unsupportedBy, provider, chance);
    }
    this.open += seen.open;
    if (seen.weight > 0) this.moments.add(seen, times);
  }
}

/** What a self-normalised estimate is over. */
interface Whole {
  readonly sums: OffPolicySums;
  readonly moments: Moments;
  readonly unsupportedShare: number;
  readonly unsupportedBy: ReadonlyMap<string, number>;
  readonly openShare: number;
  readonly leftOut: number;
}

/**
 * Off-policy estimates over a stream of payments, in memory that does not grow with it. Intervals are by the Poisson
 * bootstrap ({@link PoissonResamples}). Payments have to be independent of each other.
 *
 * Payments that an experiment drew into an arm whose way of routing hardly ever chooses as the other policy would tell
 * nothing of it: their like in the arms that do stand for them, since chance alone told them apart. Where no arm does,
 * all count, and what is not supported says so. Of what is not known, the interval allows that it were all approved or
 * none of it.
 */
export class StreamedPolicyEstimate {
  readonly #resamples: PoissonResamples;
  readonly #strata = new Map<string, StratumSums>();
  readonly #payments: Float64Array;
  readonly #rewards: Float64Array;
  #count = 0;
  #recordedRewards = 0;

  /** @param resamples drawn anew by the caller before each payment */
  constructor(resamples: PoissonResamples) {
    this.#resamples = resamples;
    this.#payments = new Float64Array(resamples.times.length);
    this.#rewards = new Float64Array(resamples.times.length);
  }

  /** Payments so far. */
  get payments(): number {
    return this.#count;
  }

  add(seen: SeenReward, stratum: Stratum = ONE_STRATUM): void {
    const { times } = this.#resamples;
    this.#count += 1;
    invariant(seen.recorded >= seen.reward, 'what the other policy has approved was approved');
    this.#recordedRewards += seen.recorded;
    for (let index = 0; index < times.length; index += 1) {
      const counted = times[index] as number;
      (this.#payments[index] as number) += counted;
      (this.#rewards[index] as number) += counted * seen.recorded;
    }
    this.#of(stratum).add(seen, times);
  }

  #of(stratum: Stratum): StratumSums {
    const name = `${stratum.group}\n${stratum.arm}`;
    const known = this.#strata.get(name);
    if (known !== undefined) return known;
    if (this.#strata.size >= STRATA_MAX && stratum !== ONE_STRATUM) return this.#of(ONE_STRATUM);
    const made = new StratumSums(stratum, this.#resamples.times.length);
    this.#strata.set(name, made);
    return made;
  }

  estimate(): StreamedEstimate {
    const whole = this.#whole();
    const estimate = whole.sums.estimate();
    const { selfNormalised } = estimate;
    const recorded = this.#count > 0 ? this.#recordedRewards / this.#count : null;
    const { unsupportedShare, openShare } = whole;
    const [interval, differenceInterval] = this.#intervals(whole.moments, estimate.effectiveSampleSize);
    const unknown = { unsupportedShare, openShare, estimate: selfNormalised ?? 0 };
    return {
      ...estimate,
      payments: this.#count,
      interval: interval === null ? null : withinShares(widened(interval, unknown)),
      recorded,
      difference: selfNormalised === null || recorded === null ? null : exact(selfNormalised - recorded),
      differenceInterval: differenceInterval === null ? null : widened(differenceInterval, unknown),
      unsupportedShare,
      unsupportedBy: whole.unsupportedBy,
      openShare,
      enough: estimate.supported,
      leftOut: whole.leftOut,
      supported:
        estimate.supported && unsupportedShare + openShare <= UNKNOWN_MAX && fits(estimate, unsupportedShare),
    };
  }

  /** The strata together, those left out for that their like stand for them. */
  #whole(): Whole {
    const resamples = this.#resamples.times.length;
    const sums = new OffPolicySums();
    const moments = new Moments(resamples);
    let [unsupported, open, leftOut] = [0, 0, 0];
    const sumsBy = new Map<string, number>();
    const factors = factorsOf([...this.#strata.values()]);
    for (const [each, factor] of factors) {
      if (factor === 0) leftOut += each.sums.payments;
      sums.addScaled(each.sums, factor);
      unsupported += factor * each.unsupported;
      for (const [provider, sum] of each.unsupportedBy) addTo(sumsBy, provider, factor * sum);
      open += factor * each.open;
      moments.addScaled(each.moments, factor);
    }
    const count = Math.max(1, sums.payments);
    const unsupportedShare = Math.min(1, unsupported / count);
    // Weights of later attempts may add up to more than all payments: the parts shrink with the whole.
    const ofSum = unsupported > 0 ? unsupportedShare / unsupported : 0;
    return {
      sums,
      moments,
      unsupportedShare,
      unsupportedBy: new Map(
        [...sumsBy].filter(([, sum]) => sum > 0).map(([provider, sum]) => [provider, sum * ofSum]),
      ),
      openShare: Math.min(1, open / count),
      leftOut,
    };
  }

  /** Of the estimate and of its difference from what was recorded. */
  #intervals(moments: Moments, effective: number): readonly [Interval | null, Interval | null] {
    const whole = this.#at(moments, this.#resamples.times.length);
    if (whole === null) return [null, null];
    const { estimate, recorded, isSame } = whole;
    if (estimate === 0 || estimate === 1) {
      // Resamples of payments that are all alike are all alike: how far chance reaches is known without them.
      const reach = 1 - (ALPHA / 2) ** (1 / Math.max(1, effective));
      const low = estimate === 1 ? 1 - reach : 0;
      const high = estimate === 1 ? 1 : reach;
      const differences = isSame ? { low: 0, high: 0 } : { low: low - recorded, high: high - recorded };
      return [{ low, high }, differences];
    }
    const ofEstimate: number[] = [];
    const ofDifference: number[] = [];
    const difference = estimate - recorded;
    for (let index = 0; index < this.#resamples.times.length; index += 1) {
      const drawn = this.#at(moments, index);
      if (drawn === null) continue;
      ofEstimate.push((drawn.estimate - estimate) / drawn.error);
      const moved = drawn.estimate - drawn.recorded - difference;
      ofDifference.push(drawn.differenceError > 0 ? moved / drawn.differenceError : 0);
    }
    if (ofEstimate.length < this.#resamples.times.length / 2) return [null, null];
    return [
      studentised(estimate, whole.error, ofEstimate),
      studentised(difference, whole.differenceError, ofDifference),
    ];
  }

  /** Estimates and their standard errors in one resample; null without any weight. */
  #at(moments: Moments, index: number) {
    const isWhole = index === this.#resamples.times.length;
    const payments = isWhole ? this.#count : (this.#payments[index] as number);
    const rewards = isWhole ? this.#recordedRewards : (this.#rewards[index] as number);
    const weights = moments.weights[index] as number;
    if (weights <= 0 || payments === 0) return null;
    const weighted = moments.weighted[index] as number;
    const squares = moments.squares[index] as number;
    const weightedSquares = moments.weightedSquares[index] as number;
    const estimate = weighted / weights;
    const recorded = rewards / payments;
    // Sum of w^2 (r - v)^2, with r^2 = r, and one more payment of either kind, as Agresti and Coull add: a resample with
    // hardly any payment of one kind would else be far too sure of itself.
    const spread = weightedSquares * (1 - 2 * estimate) + squares * estimate * estimate;
    const smoothing = (squares / payments) * ((1 - estimate) ** 2 + estimate * estimate);
    const error = Math.sqrt(Math.max(0, spread) + smoothing) / weights;
    // Influence of a payment on the difference: w (r - v) / sum w - (q - mean q) / n, with q as recorded; this is the sum of
    // its squares.
    const weightedRecorded = moments.weightedRecorded[index] as number;
    const cross = weighted * (1 - recorded) + estimate * (recorded * weights - weightedRecorded);
    const influence =
      Math.max(0, spread) / (weights * weights) -
      (2 * cross) / (weights * payments) +
      (recorded * (1 - recorded)) / payments;
    const variation = Math.max(0, squares / (weights * weights) - 1 / payments);
    return {
      estimate,
      recorded,
      error,
      /** Both policies are the same on these payments. */
      isSame: variation < 1e-12 && estimate === recorded,
      differenceError: Math.sqrt(Math.max(0, influence) + variation * 2 * smoothingShare(estimate, payments)),
    };
  }
}

/** The same one more payment of either kind, in the difference: it counts as far as the weights differ from 1. */
function smoothingShare(estimate: number, payments: number): number {
  return ((1 - estimate) ** 2 + estimate * estimate) / payments;
}

/**
 * Interval by the bootstrap-t (Efron and Tibshirani, An introduction to the bootstrap, 1993, section 12.5): how far an
 * estimate lies from the truth, in standard errors, as resamples lie from the estimate. Approval is far from even, so that
 * what chance does is not symmetric: intervals by percentiles lie too high then, and miss the truth too often below.
 * @param errors of the resamples, in their own standard errors
 */
function studentised(estimate: number, error: number, errors: number[]): Interval {
  errors.sort((one, other) => one - other);
  return {
    low: exact(estimate - error * quantileOfSorted(errors, 1 - ALPHA / 2)),
    high: exact(estimate - error * quantileOfSorted(errors, ALPHA / 2)),
  };
}

/** Nothing, where rounding alone has made something of it: no difference must not become one. */
function exact(value: number): number {
  return Math.abs(value) < 1e-9 ? 0 : value;
}

/** For how many payments each one of a stratum stands; 0: it is left out. */
function factorsOf(strata: readonly StratumSums[]): ReadonlyMap<StratumSums, number> {
  const factors = new Map<StratumSums, number>(strata.map((each) => [each, 1]));
  const isTelling = ({ unsupported, sums }: StratumSums) => unsupported <= sums.payments * UNKNOWN_MAX;
  const count = (some: readonly StratumSums[]) => some.reduce((sum, each) => sum + each.sums.payments, 0);
  for (const group of Map.groupBy(strata, ({ stratum }) => stratum.group).values()) {
    const telling = group.filter(isTelling);
    if (telling.length === 0) {
      const others = count(strata.filter((each) => !group.includes(each)));
      // Without others there is nobody to stand for them.
      if (others > 0) for (const each of group) if (each.stratum.spare) factors.set(each, 0);
      continue;
    }
    const factor = count(group) / count(telling);
    for (const each of group) factors.set(each, telling.includes(each) ? factor : 0);
  }
  return factors;
}

/** Whether the weights add up to what the recorded propensities promise. */
function fits(
  { meanWeight, effectiveSampleSize, payments }: OffPolicyEstimate,
  unsupportedShare: number,
): boolean {
  if (effectiveSampleSize === 0) return false;
  // By the definition of the effective sample size: var w = mean^2 (n / ess - 1).
  const variance = meanWeight * meanWeight * Math.max(0, payments / effectiveSampleSize - 1);
  const slack = WEIGHT_ERRORS * Math.sqrt(variance / payments);
  return meanWeight + slack >= 1 - unsupportedShare - UNKNOWN_MAX;
}

/**
 * What is not supported may all have been approved, or none of it; what would have been tried on counts as not approved,
 * and may have been approved.
 */
function widened(
  { low, high }: Interval,
  {
    unsupportedShare,
    openShare,
    estimate,
  }: { readonly unsupportedShare: number; readonly openShare: number; readonly estimate: number },
): Interval {
  invariant(unsupportedShare >= 0 && openShare >= 0, 'shares of what is not known are not negative');
  return {
    low: low - unsupportedShare * estimate,
    high: high + unsupportedShare * (1 - estimate) + openShare,
  };
}

function withinShares({ low, high }: Interval): Interval {
  return { low: Math.max(0, low), high: Math.min(1, high) };
}
