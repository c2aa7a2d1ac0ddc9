import type { BreakerState, CandidateExplanation } from '../decision.ts';
import type { RoutingFacts } from '../facts.ts';
import type { ProviderContract, RuleAction } from '../rules/ruleset.ts';
import type { Approval } from './approval-model.ts';
import { bestOfNormals, MOST_COMPARED } from './best-of-normals.ts';
import { expectedCost } from './cost.ts';
import type { ExchangeRates } from './exchange-rates.ts';
import { type Health, isUnhealthy } from './health.ts';
import { stickyFraction } from './sticky-fraction.ts';

/** An eligible provider, with what is known about it for this authorization. */
export interface RankCandidate {
  readonly provider: string;
  readonly fees: ProviderContract['fees'];
  /** The card has no token of this provider's own, but another's that it understands: it stands behind the others. */
  readonly borrowsToken: boolean;
  readonly approval: Approval;
  readonly health: Health;
  /** As `LaneView` of the guards. */
  readonly lane: {
    readonly breaker: BreakerState;
    readonly closedBecause: 'breaker_open' | 'forced_open' | 'draining' | 'probe_in_flight' | null;
    readonly limitHeadroom: number;
  };
}

export interface RankInput {
  readonly facts: RoutingFacts;
  /** To compare fees in other currencies than the amount's. */
  readonly exchangeRates: ExchangeRates;
  /** Name of the rule, or of the arm that changes it: salt of its split. */
  readonly rule: string;
  readonly action: RuleAction;
  /** Attempts that may still be made, this one included, 1 or more. */
  readonly attemptsLeft: number;
  /** Eligible providers that were not tried yet, in the order of the file. */
  readonly candidates: readonly RankCandidate[];
  /** The other providers and why not, in the order of the file. */
  readonly ineligible: readonly { readonly provider: string; readonly reason: string }[];
  /** Uniform in [0, 1): what a choice is drawn with. */
  readonly draw: () => number;
}

export interface RankedCandidate extends CandidateExplanation {
  /**
   * Probability of being the next choice once those before it are gone, 0 to 1. 1 where nothing is drawn, 0 for one
   * that is not eligible.
   */
  readonly propensity: number;
}

export interface Ranking {
  /**
   * Places among the input's candidates: usable ones first, in the order to try them, then those that are passed over
   * now.
   */
  readonly order: readonly number[];
  /** As {@link RankedCandidate.propensity}, by place among the input's candidates. */
  readonly propensities: readonly number[];
  /** All in order and explained, then the ineligible ones. Made when it is first asked for. */
  readonly candidates: readonly RankedCandidate[];
  /** More than half of the candidates look unhealthy: none is put behind the others for it. */
  readonly panic: boolean;
  readonly notes: readonly string[];
}

/**
 * Orders the candidates of an authorization, and explains the order.
 *
 * Value of a candidate, in basis points of the amount:
 * P(approve) x P(processed) x margin - cost - P(unknown) x unknown cost + P(definitely failed) x value of the next,
 * where the next is the best of the others, alone, if another attempt is left; the score is its share of the margin.
 *
 * Candidates whose lane is closed, or whose limit is exhausted and may not be waited for, are passed over: they stand
 * behind all others. So do unhealthy ones behind healthy ones, unless more than half look unhealthy (panic): then
 * health only weighs in the score. Nobody is removed, and nobody gets through an open breaker.
 *
 * Order of `score`: drawn, each with the probability that its value is the largest by what is known (probability
 * matching), mixed with the rule's floor of exploration; those passed over, and all while nothing is known of anybody,
 * by score. `priority`: the list, then the
 * others by score. `split`: drawn by weight, sticky by payment, then the others by score. By score: score, then lower
 * cost, then the file.
 */
export function rankCandidates(input: RankInput): Ranking {
  const scored = new ScoredCandidates(input);
  if (scored.panic) {
    scored.notes.push('more than half of the candidates look unhealthy: health does not exclude');
  }
  orderAll(scored, false);
  // Whoever borrows its token stands behind the others.
  if (scored.order.length < scored.all.length) orderAll(scored, true);
  return scored;
}

/**
 * The candidates with all that is computed of them, by their place in the file: arrays of numbers, because this is made
 * for every attempt.
 */
class ScoredCandidates implements Ranking {
  readonly input: RankInput;
  readonly all: readonly RankCandidate[];
  readonly panic: boolean;
  readonly notes: string[] = [];
  readonly order: number[] = [];
  readonly propensities: number[] = [];
  readonly costBasisPoints: number[] = [];
  /** P(approve) x P(processed). */
  readonly chance: number[] = [];
  /** Value of this attempt alone, basis points of the amount. */
  readonly alone: number[] = [];
  /** Value with the next candidate behind it, as a share of the margin. */
  readonly score: number[] = [];
  /** Why it is passed over now, or stands further behind than its score says. */
  readonly reason: (string | null)[] = [];
  #explained: readonly RankedCandidate[] | null = null;

  constructor(input: RankInput) {
    this.input = input;
    this.all = input.candidates;
    const { marginBasisPoints: margin, unknownCostBasisPoints: unknownCost, queueMs } = input.action;
    for (const { provider, fees, approval, health, lane } of input.candidates) {
      const cost = expectedCost(fees, input.facts, input.exchangeRates);
      if (cost.note !== null) this.notes.push(`${provider}: ${cost.note}`);
      const chance = approval.estimate.mean * health.processed;
      this.costBasisPoints.push(cost.basisPoints);
      this.chance.push(chance);
      this.alone.push(chance * margin - cost.basisPoints - health.unknown * unknownCost);
      const exhausted = lane.limitHeadroom <= 0 && queueMs === 0 ? 'limit_exhausted' : null;
      this.reason.push(lane.closedBecause ?? exhausted);
      this.propensities.push(1);
    }
    this.#addNext(margin);
    this.panic = tooManyUnhealthy(input.candidates);
  }

  get candidates(): readonly RankedCandidate[] {
    this.#explained ??= [
      ...this.order.map((place, index) => explainRanked(this, place, index + 1)),
      ...this.input.ineligible.map(explainIneligible),
    ];
    return this.#explained;
  }

  /** Scores: each with the best of the others behind it, among those that could be tried now. */
  #addNext(margin: number): void {
    let best = -1;
    let second = -1;
    for (let place = 0; place < this.all.length && this.input.attemptsLeft > 1; place += 1) {
      if (this.reason[place] !== null) continue;
      const value = this.alone[place] as number;
      if (best < 0 || value > (this.alone[best] as number)) {
        second = best;
        best = place;
      } else if (second < 0 || value > (this.alone[second] as number)) second = place;
    }
    for (let place = 0; place < this.all.length; place += 1) {
      const { processed, unknown } = (this.all[place] as RankCandidate).health;
      const next = place === best ? second : best;
      const failed = Math.max(0, 1 - processed - unknown);
      const behind = next < 0 ? 0 : Math.max(0, this.alone[next] as number);
      this.score.push(((this.alone[place] as number) + failed * behind) / margin);
    }
  }
}

/** Lanes that people closed say nothing about health and are not counted. */
function tooManyUnhealthy(candidates: readonly RankCandidate[]): boolean {
  let counted = 0;
  let unhealthy = 0;
  for (const { health, lane } of candidates) {
    if (lane.closedBecause === 'forced_open' || lane.closedBecause === 'draining') continue;
    counted += 1;
    if (lane.closedBecause !== null || isUnhealthy(health)) unhealthy += 1;
  }
  return unhealthy * 2 > counted;
}

/** Appends those that can be used first, then those that look unhealthy, then those that are passed over. */
function orderAll(scored: ScoredCandidates, borrowing: boolean): void {
  const usable: number[] = [];
  const unhealthy: number[] = [];
  const passedOver: number[] = [];
  for (let place = 0; place < scored.all.length; place += 1) {
    const { borrowsToken, health } = scored.all[place] as RankCandidate;
    if (borrowsToken !== borrowing) continue;
    if (scored.reason[place] !== null) passedOver.push(place);
    else if (!scored.panic && isUnhealthy(health)) {
      scored.reason[place] = 'unhealthy';
      unhealthy.push(place);
    } else usable.push(place);
  }
  orderGroup(scored, usable, scored.input.draw);
  orderGroup(scored, unhealthy, null);
  orderGroup(scored, passedOver, null);
}

/**
 * Appends a group in its order.
 * @param draw what the strategy `score` draws with; null: nothing is drawn
 */
function orderGroup(scored: ScoredCandidates, group: readonly number[], draw: (() => number) | null): void {
  if (group.length === 0) return;
  const { order, input } = scored;
  const { strategy, costTolerancePp } = input.action;
  const providerAt = (place: number): string => (scored.all[place] as RankCandidate).provider;
  switch (strategy.kind) {
    case 'score':
      if (draw === null || isNothingKnown(scored, group)) {
        order.push(...byScore(scored, group, costTolerancePp));
      } else matched(scored, group, draw);
      return;
    case 'priority': {
      const rank = new Map(strategy.order.map((provider, index) => [provider, index]));
      const rankAt = (place: number): number => rank.get(providerAt(place)) ?? Number.POSITIVE_INFINITY;
      const listed = group.filter((place) => rank.has(providerAt(place)));
      const others = group.filter((place) => !rank.has(providerAt(place)));
      order.push(...listed.sort((left, right) => rankAt(left) - rankAt(right)));
      order.push(...byScore(scored, others, costTolerancePp));
      return;
    }
    case 'split': {
      const listed = group.filter((place) => strategy.weights.has(providerAt(place)));
      const others = group.filter((place) => !strategy.weights.has(providerAt(place)));
      drawnByWeight(scored, listed, strategy.weights);
      order.push(...byScore(scored, others, costTolerancePp));
    }
  }
}

/** Before the first outcome: nothing can be told apart but what is in the file. */
function isNothingKnown({ all }: ScoredCandidates, group: readonly number[]): boolean {
  return group.every((place) => all[place]?.approval.estimate.level === 'prior');
}

/** Room for one decision at a time. */
const values = new Float64Array(MOST_COMPARED);
const deviations = new Float64Array(MOST_COMPARED);
const chances = new Float64Array(MOST_COMPARED);
const waits = new Float64Array(MOST_COMPARED);
const queue = new Uint16Array(MOST_COMPARED);
/** Smallest deviation, as a share of the margin: of a value that is known for certain. */
const LEAST_DEVIATION = 1e-6;

/**
 * Probability matching: an order drawn without replacement, each with the probability that it is the best by what is
 * known, mixed with the floor of exploration, renormalised over those that are left; by waiting times, as in
 * {@link drawnByWeight}. A cheaper one that gives up more
 * approval than the rule tolerates is weighed as if it cost as much as the one most likely to be approved.
 */
function matched(scored: ScoredCandidates, group: readonly number[], draw: () => number): void {
  const { order, propensities, input } = scored;
  const isTooMany = group.length > MOST_COMPARED;
  const compared = isTooMany ? byScore(scored, group, null).slice(0, MOST_COMPARED) : group;
  const count = compared.length;
  const share = input.action.explorationShare;
  weigh(scored, compared);
  let rest = 0;
  for (let index = 0; index < count; index += 1) {
    const chance = share / count + (1 - share) * (chances[index] as number);
    chances[index] = chance;
    rest += chance;
    // Draws may be 0, and so may chances without exploration.
    const wait = count === 1 ? 0 : -Math.log(1 - draw()) / Math.max(chance, Number.MIN_VALUE);
    let at = index;
    for (; at > 0 && (waits[at - 1] as number) > wait; at -= 1) {
      waits[at] = waits[at - 1] as number;
      queue[at] = queue[at - 1] as number;
    }
    waits[at] = wait;
    queue[at] = index;
  }
  for (let at = 0; at < count; at += 1) {
    const index = queue[at] as number;
    const place = compared[index] as number;
    const chance = chances[index] as number;
    propensities[place] = at === count - 1 ? 1 : Math.min(1, chance / rest);
    rest -= chance;
    order.push(place);
  }
  if (isTooMany) order.push(...byScore(scored, group, null).slice(MOST_COMPARED));
}

/** Leaves in `chances` the probability of each to be of most value. */
function weigh(scored: ScoredCandidates, group: readonly number[]): void {
  const { all, score, costBasisPoints, reason } = scored;
  const { costTolerancePp, marginBasisPoints: margin } = scored.input.action;
  for (let index = 0; index < group.length; index += 1) {
    const place = group[index] as number;
    const { approval, health } = all[place] as RankCandidate;
    values[index] = score[place] as number;
    deviations[index] = Math.max(LEAST_DEVIATION, approval.deviation * health.processed);
  }
  if (costTolerancePp !== null) {
    const likeliest = likeliestOf(scored, group);
    for (const [index, place] of group.entries()) {
      if (isTolerable(scored, place, likeliest, costTolerancePp)) continue;
      if ((score[place] as number) > (score[likeliest] as number))
        reason[place] ??= 'cost_tolerance_exceeded';
      const saved = (costBasisPoints[likeliest] as number) - (costBasisPoints[place] as number);
      values[index] = (score[place] as number) - saved / margin;
    }
  }
  bestOfNormals(values, deviations, group.length, chances);
}

/** A total order: no two candidates have the same place in the file. */
function compare({ score, costBasisPoints }: ScoredCandidates, left: number, right: number): number {
  return (
    (score[right] as number) - (score[left] as number) ||
    (costBasisPoints[left] as number) - (costBasisPoints[right] as number) ||
    left - right
  );
}

/**
 * By score. With a tolerance, a candidate may stand before the one most likely to be approved for being cheaper only
 * if that gives up no more approval than the tolerance, judged by the upper bound of the loss: while little is known,
 * approval decides.
 * @param tolerancePp percentage points; null: the score alone decides
 */
function byScore(scored: ScoredCandidates, group: readonly number[], tolerancePp: number | null): number[] {
  const sorted = [...group].sort((left, right) => compare(scored, left, right));
  if (tolerancePp === null) return sorted;
  const order: number[] = [];
  while (sorted.length > 0) {
    const likeliest = likeliestOf(scored, sorted);
    const index = sorted.findIndex((place) => isTolerable(scored, place, likeliest, tolerancePp));
    for (const cheaper of sorted.slice(0, index)) scored.reason[cheaper] ??= 'cost_tolerance_exceeded';
    order.push(...sorted.splice(index, 1));
  }
  return order;
}

/** The one most likely to be approved, of at least one. */
function likeliestOf(scored: ScoredCandidates, group: readonly number[]): number {
  return group.reduce((best, place) => (isLikelier(scored, place, best) ? place : best));
}

function isLikelier(scored: ScoredCandidates, left: number, right: number): boolean {
  const difference = (scored.chance[left] as number) - (scored.chance[right] as number);
  return difference > 0 || (difference === 0 && compare(scored, left, right) < 0);
}

/** Bounds of two independent 95 % intervals add as squares. */
function isTolerable(
  { all, chance, costBasisPoints }: ScoredCandidates,
  place: number,
  likeliest: number,
  tolerancePp: number,
): boolean {
  if (place === likeliest || (costBasisPoints[place] as number) >= (costBasisPoints[likeliest] as number)) {
    return true;
  }
  const best = all[likeliest] as RankCandidate;
  const other = all[place] as RankCandidate;
  const above = (best.approval.estimate.high - best.approval.estimate.mean) * best.health.processed;
  const below = (other.approval.estimate.mean - other.approval.estimate.low) * other.health.processed;
  const loss = (chance[likeliest] as number) - (chance[place] as number) + Math.hypot(above, below);
  return loss * 100 <= tolerancePp;
}

/**
 * Appends a split in an order drawn by weight, without replacement, sticky by payment. Every provider draws its own
 * waiting time, exponential with its weight as rate, and the shortest wins (Efraimidis and Spirakis 2006): the first is
 * drawn by the weights, each next by the weights of the rest. When a provider cannot be used, or was tried, only its own
 * payments go elsewhere, by the weights of the others, and they come back with it.
 */
function drawnByWeight(
  { all, order, propensities, input }: ScoredCandidates,
  group: readonly number[],
  weights: ReadonlyMap<string, number>,
): void {
  const payment = `${input.facts.merchant}/${input.facts.reference}`;
  const entries = group.map((place) => {
    const { provider } = all[place] as RankCandidate;
    const weight = weights.get(provider) ?? 0;
    // Middle of the fraction's step: never 0, whose logarithm is infinite.
    const fraction = stickyFraction(`${input.rule}/${provider}/`, payment) + 0.000_05;
    return { place, weight, waits: -Math.log(fraction) / weight };
  });
  entries.sort((left, right) => left.waits - right.waits || left.place - right.place);
  let rest = entries.reduce((sum, { weight }) => sum + weight, 0);
  for (const [index, { place, weight }] of entries.entries()) {
    propensities[place] = index === entries.length - 1 ? 1 : weight / rest;
    rest -= weight;
    order.push(place);
  }
}

function explainRanked(scored: ScoredCandidates, place: number, rank: number): RankedCandidate {
  const { provider, approval, health, lane } = scored.all[place] as RankCandidate;
  return {
    provider,
    eligible: true,
    rank,
    score: scored.score[place] as number,
    approval: approval.estimate,
    health: health.processed,
    breaker: lane.breaker,
    limitHeadroom: lane.limitHeadroom,
    costBasisPoints: scored.costBasisPoints[place] as number,
    reason: scored.reason[place] ?? null,
    propensity: scored.propensities[place] as number,
  };
}

function explainIneligible(entry: RankInput['ineligible'][number]): RankedCandidate {
  return {
    provider: entry.provider,
    eligible: false,
    rank: null,
    score: null,
    approval: null,
    health: null,
    breaker: null,
    limitHeadroom: null,
    costBasisPoints: null,
    reason: entry.reason,
    propensity: 0,
  };
}
