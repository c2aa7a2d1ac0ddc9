import type { BreakerState, CandidateExplanation } from '../decision.ts';
import type { RoutingFacts } from '../facts.ts';
import { invariant } from '../invariant.ts';
import type { ProviderContract, RuleAction } from '../rules/ruleset.ts';
import { type Approval, estimateOf } from './approval-model.ts';
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
  /** Place of the next choice among the input's candidates; null without candidates. */
  readonly first: number | null;
  /**
   * Probability of each to be the first choice, by place among the input's candidates; they add up to 1. What is sticky by
   * payment counts as if it were drawn anew.
   */
  readonly chances: readonly number[];
  /**
   * Places among the input's candidates: usable ones first, in the order to try them, then those that are passed over
   * now. Behind the first choice it is drawn when it is first asked for.
   */
  readonly order: readonly number[];
  /** As {@link RankedCandidate.propensity}, of each in that order. */
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
  return new ScoredCandidates(input);
}

/** A candidate with all that is computed of it: one object, because this is made for every attempt (measured). */
interface Scored {
  /** In the input. */
  readonly place: number;
  readonly candidate: RankCandidate;
  readonly costBasisPoints: number;
  /** Value as a share of the margin: of this attempt alone at first, then with the next candidate behind it. */
  score: number;
  /** Why it is passed over now, or stands further behind than its score says. */
  reason: string | null;
}

/** Candidates that stand behind those of the groups before, at least one. */
interface Group {
  /** In the order to try them, unless it is drawn. */
  readonly members: readonly Scored[];
  /** How often each is to be the next, in any unit; null: the order alone decides. */
  readonly weights: readonly number[] | null;
  /** Whether the next one is drawn by the weights, or the order is already. */
  readonly isDrawn: boolean;
}

class ScoredCandidates implements Ranking {
  readonly input: RankInput;
  readonly all: readonly Scored[];
  readonly panic: boolean;
  readonly notes: string[] = [];
  readonly #groups: readonly Group[];
  /** The first choice alone until the order is asked for; and with which probability each was the next. */
  readonly #ranked: Scored[] = [];
  readonly #propensities: number[] = [];
  #firstAt = 0;
  #explained: readonly RankedCandidate[] | null = null;

  constructor(input: RankInput) {
    this.input = input;
    const all: Scored[] = [];
    for (const candidate of input.candidates) all.push(this.#scoredAlone(candidate, all.length));
    this.all = all;
    addNext(all, input.attemptsLeft);
    this.panic = tooManyUnhealthy(input.candidates);
    if (this.panic)
      this.notes.push('more than half of the candidates look unhealthy: health does not exclude');
    this.#groups = groupsOf(all, input, this.panic);
    const [group] = this.#groups;
    if (group !== undefined) this.#firstAt = this.#take(group);
  }

  get first(): number | null {
    return this.#ranked[0]?.place ?? null;
  }

  get chances(): readonly number[] {
    const chances = this.all.map(() => 0);
    const [group] = this.#groups;
    if (group === undefined) return chances;
    const { members, weights } = group;
    const sum = sumOf(weights ?? []);
    for (const [at, { place }] of members.entries()) {
      chances[place] = sum > 0 ? (weights?.[at] ?? 0) / sum : Number(at === 0);
    }
    return chances;
  }

  get order(): readonly number[] {
    return this.#inOrder().map(({ place }) => place);
  }

  get propensities(): readonly number[] {
    this.#inOrder();
    return this.#propensities;
  }

  get candidates(): readonly RankedCandidate[] {
    this.#explained ??= [
      ...this.#inOrder().map((scored, at) => explainRanked(scored, at + 1, this.#propensities[at] as number)),
      ...this.input.ineligible.map(explainIneligible),
    ];
    return this.#explained;
  }

  #inOrder(): readonly Scored[] {
    if (this.#ranked.length === this.all.length) return this.#ranked;
    for (const [index, group] of this.#groups.entries()) {
      let left = index === 0 ? without(group, this.#firstAt) : group;
      while (left.members.length > 0) left = without(left, this.#take(left));
    }
    return this.#ranked;
  }

  /** Appends the next one of a group. @returns its place there */
  #take(group: Group): number {
    const { members, weights, isDrawn } = group;
    const sum = weights === null ? 0 : sumOf(weights);
    const at =
      weights !== null && isDrawn && members.length > 1 ? drawnAt(weights, sum, this.input.draw()) : 0;
    this.#ranked.push(members[at] as Scored);
    this.#propensities.push(propensityAt(group, sum, at));
    return at;
  }

  #scoredAlone(candidate: RankCandidate, place: number): Scored {
    const { facts, exchangeRates, action } = this.input;
    const { provider, fees, approval, health, lane } = candidate;
    const { basisPoints, note } = expectedCost(fees, facts, exchangeRates);
    if (note !== null) this.notes.push(`${provider}: ${note}`);
    const cost = basisPoints + health.unknown * action.unknownCostBasisPoints;
    const score = chanceOf(candidate) - cost / action.marginBasisPoints;
    // Told here, where it is a bug of ours: further on the journal would refuse it, and be blamed.
    if (!Number.isFinite(score + approval.deviation))
      invariant(false, `the estimates of ${provider} are numbers`);
    const exhausted = lane.limitHeadroom <= 0 && action.queueMs === 0 ? 'limit_exhausted' : null;
    return {
      place,
      candidate,
      costBasisPoints: basisPoints,
      score,
      reason: lane.closedBecause ?? exhausted,
    };
  }
}

/** P(approve) x P(processed). */
function chanceOf({ approval, health }: RankCandidate): number {
  return approval.mean * health.processed;
}

/** Adds to each the best of the others behind it, among those that could be tried now. */
function addNext(all: readonly Scored[], attemptsLeft: number): void {
  if (attemptsLeft <= 1) return;
  let best: Scored | null = null;
  let behindBest = 0;
  let behindOthers = 0;
  for (const scored of all) {
    if (scored.reason !== null) continue;
    if (best === null || scored.score > behindOthers) {
      behindBest = best === null ? 0 : Math.max(0, behindOthers);
      best = scored;
      behindOthers = scored.score;
    } else behindBest = Math.max(behindBest, scored.score);
  }
  behindOthers = Math.max(0, behindOthers);
  for (const scored of all) {
    const { processed, unknown, pending } = scored.candidate.health;
    const failed = Math.max(0, 1 - processed - unknown - pending);
    scored.score += failed * (scored === best ? behindBest : behindOthers);
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

/**
 * Those that can be used first, then those that look unhealthy, then those that are passed over; whoever borrows its token
 * stands behind all others.
 */
function groupsOf(all: readonly Scored[], input: RankInput, panic: boolean): Group[] {
  const groups: Group[] = [];
  let grouped = 0;
  for (const borrowing of [false, true]) {
    if (grouped === all.length) break;
    const usable: Scored[] = [];
    const unhealthy: Scored[] = [];
    const passedOver: Scored[] = [];
    for (const scored of all) {
      const { borrowsToken, health } = scored.candidate;
      if (borrowsToken !== borrowing) continue;
      grouped += 1;
      if (scored.reason !== null) passedOver.push(scored);
      else if (!panic && isUnhealthy(health)) {
        scored.reason = 'unhealthy';
        unhealthy.push(scored);
      } else usable.push(scored);
    }
    addGroups(groups, usable, input, true);
    addGroups(groups, unhealthy, input, false);
    addGroups(groups, passedOver, input, false);
  }
  return groups;
}

/** @param mayDraw whether the strategy `score` draws */
function addGroups(groups: Group[], among: readonly Scored[], input: RankInput, mayDraw: boolean): void {
  if (among.length === 0) return;
  const { strategy, costTolerancePp } = input.action;
  const inOrder = (members: readonly Scored[]): void => {
    if (members.length > 0) groups.push({ members, weights: null, isDrawn: false });
  };
  switch (strategy.kind) {
    case 'score': {
      if (!mayDraw || isNothingKnown(among)) {
        inOrder(byScore(among, costTolerancePp));
        return;
      }
      const isTooMany = among.length > MOST_COMPARED;
      const sorted = isTooMany ? byScore(among, null) : among;
      const members = isTooMany ? sorted.slice(0, MOST_COMPARED) : among;
      groups.push({ members, weights: weighByChance(members, input.action), isDrawn: true });
      inOrder(sorted.slice(members.length));
      return;
    }
    case 'priority': {
      const rank = new Map(strategy.order.map((provider, index) => [provider, index]));
      const rankOf = ({ candidate }: Scored): number =>
        rank.get(candidate.provider) ?? Number.POSITIVE_INFINITY;
      const listed = among.filter(({ candidate }) => rank.has(candidate.provider));
      const others = among.filter(({ candidate }) => !rank.has(candidate.provider));
      inOrder(listed.sort((left, right) => rankOf(left) - rankOf(right)));
      inOrder(byScore(others, costTolerancePp));
      return;
    }
    case 'split': {
      const { weights } = strategy;
      const listed = among.filter(({ candidate }) => weights.has(candidate.provider));
      const others = among.filter(({ candidate }) => !weights.has(candidate.provider));
      if (listed.length > 0) groups.push(drawnByWeight(listed, weights, input));
      inOrder(byScore(others, costTolerancePp));
    }
  }
}

function sumOf(weights: readonly number[]): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}

/**
 * @param sum of the weights; 0: all alike
 * @param drawn uniform in [0, 1)
 */
function drawnAt(weights: readonly number[], sum: number, drawn: number): number {
  if (sum <= 0) return Math.floor(drawn * weights.length);
  let above = drawn * sum;
  for (let at = 0; at < weights.length; at += 1) {
    const weight = weights[at] as number;
    if (above < weight) return at;
    above -= weight;
  }
  // Rounding: the last one that can be drawn at all.
  return weights.findLastIndex((weight) => weight > 0);
}

function propensityAt({ members, weights }: Group, sum: number, at: number): number {
  if (weights === null || members.length === 1) return 1;
  return sum > 0 ? (weights[at] as number) / sum : 1 / members.length;
}

function without({ members, weights, isDrawn }: Group, at: number): Group {
  return { members: members.toSpliced(at, 1), weights: weights?.toSpliced(at, 1) ?? null, isDrawn };
}

/** Before the first outcome: nothing can be told apart but what is in the file. */
function isNothingKnown(group: readonly Scored[]): boolean {
  return group.every(({ candidate }) => candidate.approval.level === 'prior');
}

/** Room for one decision at a time. */
const values = new Float64Array(MOST_COMPARED);
const deviations = new Float64Array(MOST_COMPARED);
const chances = new Float64Array(MOST_COMPARED);
/** Smallest deviation, as a share of the margin: of a value that is known for certain. */
const LEAST_DEVIATION = 1e-6;

/**
 * Probability matching: each is to be chosen with the probability that it is the best by what is known, mixed with the floor
 * of exploration. A cheaper one that gives up more approval than the rule tolerates is weighed as if it cost as much as the
 * one most likely to be approved.
 */
function weighByChance(members: readonly Scored[], action: RuleAction): number[] {
  compareValues(members, action);
  const share = action.explorationShare;
  const floor = share / members.length;
  const weights: number[] = [];
  for (let at = 0; at < members.length; at += 1) {
    weights.push(floor + (1 - share) * (chances[at] as number));
  }
  return weights;
}

/** Leaves in `chances` the probability of each to be of most value. */
function compareValues(
  group: readonly Scored[],
  { costTolerancePp, marginBasisPoints: margin }: RuleAction,
): void {
  const count = group.length;
  for (let index = 0; index < count; index += 1) {
    const { candidate, score } = group[index] as Scored;
    values[index] = score;
    deviations[index] = Math.max(LEAST_DEVIATION, candidate.approval.deviation * candidate.health.processed);
  }
  if (costTolerancePp !== null) {
    const likeliest = likeliestOf(group);
    for (const [index, scored] of group.entries()) {
      if (isTolerable(scored, likeliest, costTolerancePp)) continue;
      if (scored.score > likeliest.score) scored.reason ??= 'cost_tolerance_exceeded';
      values[index] = scored.score - (likeliest.costBasisPoints - scored.costBasisPoints) / margin;
    }
  }
  bestOfNormals(values, deviations, count, chances);
}

/** A total order: no two candidates have the same place in the file. */
function compare(left: Scored, right: Scored): number {
  return right.score - left.score || left.costBasisPoints - right.costBasisPoints || left.place - right.place;
}

/**
 * By score. With a tolerance, a candidate may stand before the one most likely to be approved for being cheaper only
 * if that gives up no more approval than the tolerance, judged by the upper bound of the loss: while little is known,
 * approval decides.
 * @param tolerancePp percentage points; null: the score alone decides
 */
function byScore(group: readonly Scored[], tolerancePp: number | null): Scored[] {
  const sorted = [...group].sort(compare);
  if (tolerancePp === null) return sorted;
  const order: Scored[] = [];
  while (sorted.length > 0) {
    const likeliest = likeliestOf(sorted);
    const index = sorted.findIndex((scored) => isTolerable(scored, likeliest, tolerancePp));
    for (const cheaper of sorted.slice(0, index)) cheaper.reason ??= 'cost_tolerance_exceeded';
    order.push(...sorted.splice(index, 1));
  }
  return order;
}

/** The one most likely to be approved, of at least one. */
function likeliestOf(group: readonly Scored[]): Scored {
  return group.reduce((best, scored) => (isLikelier(scored, best) ? scored : best));
}

function isLikelier(left: Scored, right: Scored): boolean {
  const difference = chanceOf(left.candidate) - chanceOf(right.candidate);
  return difference > 0 || (difference === 0 && compare(left, right) < 0);
}

/** Bounds of two independent 95 % intervals add as squares. */
function isTolerable(scored: Scored, likeliest: Scored, tolerancePp: number): boolean {
  if (scored === likeliest || scored.costBasisPoints >= likeliest.costBasisPoints) return true;
  const best = likeliest.candidate;
  const other = scored.candidate;
  const above = (estimateOf(best.approval).high - best.approval.mean) * best.health.processed;
  const below = (other.approval.mean - estimateOf(other.approval).low) * other.health.processed;
  const loss = chanceOf(best) - chanceOf(other) + Math.hypot(above, below);
  return loss * 100 <= tolerancePp;
}

/**
 * A split in an order drawn by weight, without replacement, sticky by payment. Every provider draws its own waiting time,
 * exponential with its weight as rate, and the shortest wins (Efraimidis and Spirakis 2006): the first is drawn by the
 * weights, each next by the weights of the rest. When a provider cannot be used, or was tried, only its own payments go
 * elsewhere, by the weights of the others, and they come back with it.
 */
function drawnByWeight(
  group: readonly Scored[],
  weights: ReadonlyMap<string, number>,
  { facts, rule }: RankInput,
): Group {
  const payment = `${facts.merchant}/${facts.reference}`;
  const entries = group.map((scored) => {
    const { provider } = scored.candidate;
    const weight = weights.get(provider) ?? 0;
    // Middle of the fraction's step: never 0, whose logarithm is infinite.
    const fraction = stickyFraction(`${rule}/${provider}/`, payment) + 0.000_05;
    return { scored, weight, waits: -Math.log(fraction) / weight };
  });
  entries.sort((left, right) => left.waits - right.waits || left.scored.place - right.scored.place);
  return {
    members: entries.map(({ scored }) => scored),
    weights: entries.map(({ weight }) => weight),
    isDrawn: false,
  };
}

function explainRanked(scored: Scored, rank: number, propensity: number): RankedCandidate {
  const { provider, approval, health, lane } = scored.candidate;
  return {
    provider,
    eligible: true,
    rank,
    score: scored.score,
    approval: estimateOf(approval),
    health: health.processed,
    breaker: lane.breaker,
    limitHeadroom: lane.limitHeadroom,
    costBasisPoints: scored.costBasisPoints,
    reason: scored.reason,
    propensity,
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
