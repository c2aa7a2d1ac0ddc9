import type { BreakerState, CandidateExplanation } from '../decision.ts';
import type { RoutingFacts } from '../facts.ts';
import { invariant } from '../invariant.ts';
import type { ProviderContract, RuleAction } from '../rules/ruleset.ts';
import type { Approval } from './approval-model.ts';
import { bestOfNormals, MOST_COMPARED } from './best-of-normals.ts';
import { expectedCost } from './cost.ts';
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
  /** Usable ones first, in the order to try them, then those that are passed over now, then the ineligible ones. */
  readonly candidates: readonly RankedCandidate[];
  /** More than half of the candidates look unhealthy: none is put behind the others for it. */
  readonly panic: boolean;
  readonly notes: readonly string[];
}

interface Scored {
  readonly provider: string;
  readonly borrowsToken: boolean;
  readonly approval: Approval;
  readonly health: Health;
  readonly lane: RankCandidate['lane'];
  /** Place in the file. */
  readonly place: number;
  readonly costBasisPoints: number;
  /** P(approve) x P(processed). */
  readonly chance: number;
  /** Value of this attempt alone, basis points of the amount. */
  readonly alone: number;
  /** Value with the next candidate behind it, as a share of the margin. */
  score: number;
  /** Why it is passed over now, or stands further behind than its score says. */
  reason: string | null;
}

interface Choice {
  readonly candidate: Scored;
  readonly propensity: number;
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
  const notes: string[] = [];
  const scored = scoreAll(input, notes);
  const panic = tooManyUnhealthy(scored);
  if (panic) notes.push('more than half of the candidates look unhealthy: health does not exclude');
  const own = scored.filter(({ borrowsToken }) => !borrowsToken);
  const order = orderAll(own, panic, input);
  if (own.length < scored.length) {
    order.push(
      ...orderAll(
        scored.filter(({ borrowsToken }) => borrowsToken),
        panic,
        input,
      ),
    );
  }
  return {
    candidates: [...order.map(explainRanked), ...input.ineligible.map(explainIneligible)],
    panic,
    notes,
  };
}

/** Those that can be used first, then those that look unhealthy, then those that are passed over. */
function orderAll(scored: readonly Scored[], panic: boolean, input: RankInput): Choice[] {
  const usable: Scored[] = [];
  const unhealthy: Scored[] = [];
  const passedOver: Scored[] = [];
  for (const candidate of scored) {
    if (candidate.reason !== null) passedOver.push(candidate);
    else if (!panic && isUnhealthy(candidate.health)) {
      candidate.reason = 'unhealthy';
      unhealthy.push(candidate);
    } else usable.push(candidate);
  }
  return [
    ...orderGroup(usable, input, input.draw),
    ...orderGroup(unhealthy, input, null),
    ...orderGroup(passedOver, input, null),
  ];
}

function scoreAll(input: RankInput, notes: string[]): Scored[] {
  const { marginBasisPoints: margin, unknownCostBasisPoints: unknownCost, queueMs } = input.action;
  const scored = input.candidates.map((candidate, place): Scored => {
    const { provider, borrowsToken, approval, health, lane } = candidate;
    const cost = expectedCost(candidate.fees, input.facts);
    if (cost.note !== null) notes.push(`${provider}: ${cost.note}`);
    const chance = approval.estimate.mean * health.processed;
    const alone = chance * margin - cost.basisPoints - health.unknown * unknownCost;
    const exhausted = lane.limitHeadroom <= 0 && queueMs === 0 ? 'limit_exhausted' : null;
    const reason = lane.closedBecause ?? exhausted;
    const costBasisPoints = cost.basisPoints;
    return {
      provider,
      borrowsToken,
      approval,
      health,
      lane,
      place,
      costBasisPoints,
      chance,
      alone,
      score: 0,
      reason,
    };
  });
  const [best, second] = input.attemptsLeft > 1 ? bestAlone(scored) : [null, null];
  for (const candidate of scored) {
    const next = candidate === best ? second : best;
    const failed = Math.max(0, 1 - candidate.health.processed - candidate.health.unknown);
    candidate.score = (candidate.alone + failed * Math.max(0, next?.alone ?? 0)) / margin;
  }
  return scored;
}

/** The two candidates of most value by themselves, among those that could be tried now. */
function bestAlone(scored: readonly Scored[]): readonly [Scored | null, Scored | null] {
  let best: Scored | null = null;
  let second: Scored | null = null;
  for (const candidate of scored) {
    if (candidate.reason !== null) continue;
    if (best === null || candidate.alone > best.alone) {
      second = best;
      best = candidate;
    } else if (second === null || candidate.alone > second.alone) second = candidate;
  }
  return [best, second];
}

/** Lanes that people closed say nothing about health and are not counted. */
function tooManyUnhealthy(scored: readonly Scored[]): boolean {
  let counted = 0;
  let unhealthy = 0;
  for (const { health, lane } of scored) {
    if (lane.closedBecause === 'forced_open' || lane.closedBecause === 'draining') continue;
    counted += 1;
    if (lane.closedBecause !== null || isUnhealthy(health)) unhealthy += 1;
  }
  return unhealthy * 2 > counted;
}

/** @param draw what the strategy `score` draws with; null: nothing is drawn */
function orderGroup(
  group: readonly Scored[],
  input: RankInput,
  draw: (() => number) | null,
): readonly Choice[] {
  if (group.length === 0) return [];
  const { strategy, costTolerancePp } = input.action;
  switch (strategy.kind) {
    case 'score':
      return draw === null || isNothingKnown(group)
        ? certain(byScore(group, costTolerancePp))
        : matched(group, input.action, draw);
    case 'priority': {
      const place = new Map(strategy.order.map((provider, index) => [provider, index]));
      const listed = group
        .filter(({ provider }) => place.has(provider))
        .sort((left, right) => (place.get(left.provider) ?? 0) - (place.get(right.provider) ?? 0));
      const others = group.filter(({ provider }) => !place.has(provider));
      return certain([...listed, ...byScore(others, costTolerancePp)]);
    }
    case 'split': {
      const listed = group.filter(({ provider }) => strategy.weights.has(provider));
      const others = group.filter(({ provider }) => !strategy.weights.has(provider));
      return [...drawn(listed, strategy.weights, input), ...certain(byScore(others, costTolerancePp))];
    }
  }
}

function certain(order: readonly Scored[]): readonly Choice[] {
  return order.map((candidate) => ({ candidate, propensity: 1 }));
}

/** Before the first outcome: nothing can be told apart but what is in the file. */
function isNothingKnown(group: readonly Scored[]): boolean {
  return group.every(({ approval }) => approval.estimate.level === 'prior');
}

/** Room for one decision at a time. */
const values = new Float64Array(MOST_COMPARED);
const deviations = new Float64Array(MOST_COMPARED);
const chances = new Float64Array(MOST_COMPARED);
/** Smallest deviation, as a share of the margin: of a value that is known for certain. */
const LEAST_DEVIATION = 1e-6;

/**
 * Probability matching: an order drawn without replacement, each with the probability that it is the best by what is
 * known, mixed with the floor of exploration, renormalised over those that are left. A cheaper one that gives up more
 * approval than the rule tolerates is weighed as if it cost as much as the one most likely to be approved.
 */
function matched(group: readonly Scored[], action: RuleAction, draw: () => number): readonly Choice[] {
  const compared = group.length > MOST_COMPARED ? byScore(group, null).slice(0, MOST_COMPARED) : group;
  const count = compared.length;
  weigh(compared, action);
  const floor = action.explorationShare / count;
  const left: number[] = [];
  let rest = 0;
  for (let index = 0; index < count; index += 1) {
    const chance = floor + (1 - action.explorationShare) * (chances[index] as number);
    chances[index] = chance;
    rest += chance;
    left.push(index);
  }
  const order: Choice[] = [];
  while (left.length > 1) {
    let aim = draw() * rest;
    let at = 0;
    for (; at < left.length - 1; at += 1) {
      aim -= chances[left[at] as number] as number;
      if (aim < 0) break;
    }
    const [chosen] = left.splice(at, 1);
    invariant(chosen !== undefined, 'one of those that are left is drawn');
    const chance = chances[chosen] as number;
    order.push({ candidate: compared[chosen] as Scored, propensity: Math.min(1, chance / rest) });
    rest -= chance;
  }
  for (const index of left) order.push({ candidate: compared[index] as Scored, propensity: 1 });
  if (count === group.length) return order;
  return [...order, ...certain(byScore(group, null).slice(MOST_COMPARED))];
}

/** Leaves in `chances` the probability of each to be of most value. */
function weigh(group: readonly Scored[], { costTolerancePp, marginBasisPoints: margin }: RuleAction): void {
  const likeliest = costTolerancePp === null ? null : likeliestOf(group);
  for (let index = 0; index < group.length; index += 1) {
    const candidate = group[index] as Scored;
    values[index] = candidate.score;
    deviations[index] = Math.max(LEAST_DEVIATION, candidate.approval.deviation * candidate.health.processed);
    if (likeliest === null || costTolerancePp === null || tolerable(candidate, likeliest, costTolerancePp))
      continue;
    if (candidate.score > likeliest.score) candidate.reason ??= 'cost_tolerance_exceeded';
    values[index] = candidate.score - (likeliest.costBasisPoints - candidate.costBasisPoints) / margin;
  }
  bestOfNormals(values, deviations, group.length, chances);
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
    const index = sorted.findIndex((candidate) => tolerable(candidate, likeliest, tolerancePp));
    for (const cheaper of sorted.slice(0, index)) cheaper.reason ??= 'cost_tolerance_exceeded';
    order.push(...sorted.splice(index, 1));
  }
  return order;
}

/** The one most likely to be approved, of at least one. */
function likeliestOf(group: readonly Scored[]): Scored {
  return group.reduce((best, candidate) => (likelier(candidate, best) ? candidate : best));
}

function likelier(left: Scored, right: Scored): boolean {
  return left.chance > right.chance || (left.chance === right.chance && compare(left, right) < 0);
}

/** Bounds of two independent 95 % intervals add as squares. */
function tolerable(candidate: Scored, likeliest: Scored, tolerancePp: number): boolean {
  if (candidate === likeliest || candidate.costBasisPoints >= likeliest.costBasisPoints) return true;
  const [best, other] = [likeliest.approval.estimate, candidate.approval.estimate];
  const above = (best.high - best.mean) * likeliest.health.processed;
  const below = (other.mean - other.low) * candidate.health.processed;
  const loss = likeliest.chance - candidate.chance + Math.hypot(above, below);
  return loss * 100 <= tolerancePp;
}

/**
 * Draws the order of a split by weight, without replacement, sticky by payment. Every provider draws its own waiting
 * time, exponential with its weight as rate, and the shortest wins (Efraimidis and Spirakis 2006): the first is drawn
 * by the weights, each next by the weights of the rest. When a provider cannot be used, or was tried, only its own
 * payments go elsewhere, by the weights of the others, and they come back with it.
 */
function drawn(
  group: readonly Scored[],
  weights: ReadonlyMap<string, number>,
  input: RankInput,
): readonly Choice[] {
  const payment = `${input.facts.merchant}/${input.facts.reference}`;
  const entries = group.map((candidate) => {
    const weight = weights.get(candidate.provider) ?? 0;
    // Middle of the fraction's step: never 0, whose logarithm is infinite.
    const fraction = stickyFraction(`${input.rule}/${candidate.provider}/`, payment) + 0.000_05;
    return { candidate, weight, waits: -Math.log(fraction) / weight };
  });
  entries.sort((left, right) => left.waits - right.waits || left.candidate.place - right.candidate.place);
  let rest = entries.reduce((sum, { weight }) => sum + weight, 0);
  return entries.map(({ candidate, weight }, index) => {
    const propensity = index === entries.length - 1 ? 1 : weight / rest;
    rest -= weight;
    return { candidate, propensity };
  });
}

function explainRanked({ candidate, propensity }: Choice, index: number): RankedCandidate {
  return {
    provider: candidate.provider,
    eligible: true,
    rank: index + 1,
    score: candidate.score,
    approval: candidate.approval.estimate,
    health: candidate.health.processed,
    breaker: candidate.lane.breaker,
    limitHeadroom: candidate.lane.limitHeadroom,
    costBasisPoints: candidate.costBasisPoints,
    reason: candidate.reason,
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
