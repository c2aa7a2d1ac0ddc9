import { type Attempt, isUnsettled, learnerReward } from '../attempt.ts';
import type { Authorization } from '../authorization.ts';
import type { CandidateExplanation } from '../decision.ts';
import type { RoutingFacts } from '../facts.ts';
import { judgeOutcome } from '../failover.ts';
import { eligibilityReason, sharedTokenFor, tokenFor } from '../rules/eligibility.ts';
import { matchRule, type Rule, type Ruleset } from '../rules/ruleset.ts';
import {
  APPROVAL_MODEL_DEFAULTS,
  ApprovalModel,
  type ApprovalModelSettings,
  type LearningScope,
} from '../scoring/approval-model.ts';
import { expectedCost } from '../scoring/cost.ts';
import type { RankCandidate } from '../scoring/rank-candidates.ts';
import { isUndone } from '../settlement.ts';
import type { UniformSource } from '../statistics/beta-sampling.ts';
import { type ChoiceInput, choiceProbabilities } from './choice-probabilities.ts';
import { type StreamedEstimate, StreamedPolicyEstimate } from './streamed-estimate.ts';

/** A payment as it was made, with the facts that rules ask about. */
export interface RecordedPayment {
  readonly authorization: Authorization;
  readonly facts: RoutingFacts;
}

export interface ReplaySettings {
  readonly ruleset: Ruleset;
  /** What intervals are drawn with. */
  readonly random: UniformSource;
  /** How the replayed rules learn. */
  readonly learner?: ApprovalModelSettings;
}

/** Share of first attempts by provider: as recorded, and as the replayed rules would have chosen. */
export interface ProviderShift {
  readonly provider: string;
  readonly recorded: number;
  readonly replayed: number;
}

/** The same for all payments, or for those of one kind. */
export interface SegmentResult {
  /** Brand and issuer region, such as `visa eea`; `all`, and `other` beyond the largest. */
  readonly segment: string;
  readonly approval: StreamedEstimate;
  readonly providers: readonly ProviderShift[];
  /** Cost of an approval, mean basis points of the amount; null without approvals. By the replayed rules' fees. */
  readonly costBasisPoints: { readonly recorded: number | null; readonly replayed: number | null };
}

export interface ReplayResult {
  readonly all: SegmentResult;
  readonly segments: readonly SegmentResult[];
  /** Payments whose outcome was not known yet: they count as not approved. */
  readonly unresolved: number;
  /** Payments that the replayed rules would have sent nowhere: they count as not approved. */
  readonly unrouted: number;
  /** Payments that were recorded without a probability of choice, and tell nothing. */
  readonly withoutPropensity: number;
  /** Payments that ended unapproved where the replayed rules would have tried on: what comes of it nobody knows. */
  readonly cutShort: number;
}

const SEGMENTS_MAX = 50;
const FIRST: LearningScope = { name: '', later: false };
const LATER: LearningScope = { name: '', later: true };

/**
 * What other rules would have come to on recorded traffic: each payment counts by how much likelier (or less likely) the
 * replayed rules are to make the choices that were made, attempt by attempt. The replayed rules learn as they would have,
 * from the recorded outcomes before each payment, and see lanes as the decision saw them; health counts as good. Payments
 * come in the order of time, one after the other: memory does not grow with them.
 */
export class RulesetReplay {
  readonly #ruleset: Ruleset;
  readonly #random: UniformSource;
  readonly #model: ApprovalModel;
  readonly #all: Segment;
  readonly #segments = new Map<string, Segment>();
  #unresolved = 0;
  #unrouted = 0;
  #withoutPropensity = 0;
  #cutShort = 0;

  constructor({ ruleset, random, learner = APPROVAL_MODEL_DEFAULTS }: ReplaySettings) {
    this.#ruleset = ruleset;
    this.#random = random;
    this.#model = new ApprovalModel(learner);
    this.#all = new Segment('all', random);
  }

  add(payment: RecordedPayment): void {
    const { authorization } = payment;
    if (authorization.attempts.length === 0) return;
    if (authorization.attempts.some(({ propensity }) => propensity <= 0)) this.#withoutPropensity += 1;
    else this.#weigh(payment);
    this.#learn(payment);
  }

  result(): ReplayResult {
    return {
      all: this.#all.result(),
      segments: [...this.#segments.values()]
        .map((segment) => segment.result())
        .toSorted((left, right) => right.approval.payments - left.approval.payments),
      unresolved: this.#unresolved,
      unrouted: this.#unrouted,
      withoutPropensity: this.#withoutPropensity,
      cutShort: this.#cutShort,
    };
  }

  #weigh({ authorization, facts }: RecordedPayment): void {
    const { attempts } = authorization;
    if (attempts.some(({ outcome }) => isUnsettled(outcome))) this.#unresolved += 1;
    const rule = matchRule(this.#ruleset, facts);
    const first = rule === null ? null : this.#choices(authorization, facts, rule, []);
    if (rule === null || first === null || first.size === 0) {
      this.#unrouted += 1;
      this.#tell(facts, {
        weight: 1,
        approvedBy: null,
        chosen: attempts[0]?.provider ?? '',
        choices: new Map(),
      });
      return;
    }
    const made = attempts.slice(0, rule.action.attemptsMax);
    let weight = 1;
    for (const [index, attempt] of made.entries()) {
      const tried = made.slice(0, index).map(({ provider }) => provider);
      const choices = index === 0 ? first : this.#choices(authorization, facts, rule, tried);
      weight *= (choices.get(attempt.provider) ?? 0) / attempt.propensity;
      if (weight === 0) break;
    }
    const approvedBy = made.find(({ outcome }) => outcome !== null && learnerReward(outcome) === 1);
    if (approvedBy === undefined && weight > 0 && wouldTryOn(authorization, made, rule)) this.#cutShort += 1;
    this.#tell(facts, {
      weight,
      approvedBy: approvedBy?.provider ?? null,
      chosen: made[0]?.provider ?? '',
      choices: first,
    });
  }

  #tell(facts: RoutingFacts, seen: Omit<Seen, 'costOf'>): void {
    const costOf = (provider: string): number | null => {
      const contract = this.#ruleset.providers.get(provider);
      if (contract === undefined) return null;
      return expectedCost(contract.fees, facts, this.#ruleset.exchangeRates).basisPoints;
    };
    this.#all.add({ ...seen, costOf });
    this.#segmentOf(facts).add({ ...seen, costOf });
  }

  #segmentOf({ cardBrand, cardIssuerRegion }: RoutingFacts): Segment {
    const name = `${cardBrand} ${cardIssuerRegion ?? 'unknown'}`;
    const known = this.#segments.get(name);
    if (known !== undefined) return known;
    const key = this.#segments.size < SEGMENTS_MAX ? name : 'other';
    const segment = this.#segments.get(key) ?? new Segment(key, this.#random);
    this.#segments.set(key, segment);
    return segment;
  }

  /** With which probability the replayed rules choose each provider next. */
  #choices(
    authorization: Authorization,
    facts: RoutingFacts,
    { name, action }: Rule,
    tried: readonly string[],
  ): ReadonlyMap<string, number> {
    const { request } = authorization;
    const scope = tried.length === 0 ? FIRST : LATER;
    const candidates: RankCandidate[] = [];
    for (const contract of this.#ruleset.providers.values()) {
      if (tried.includes(contract.id)) continue;
      if (eligibilityReason(contract, facts, request, action) !== null) continue;
      const ownToken = tokenFor(contract, request.card);
      if (ownToken === null && sharedTokenFor(contract, request.card) === null) continue;
      const seen = authorization.routing.candidates.find(({ provider }) => provider === contract.id);
      candidates.push({
        provider: contract.id,
        fees: contract.fees,
        borrowsToken: ownToken === null,
        approval: this.#model.approval(contract.id, facts, scope),
        health: { processed: 1, unknown: 0, samples: 0 },
        lane: laneOf(seen),
      });
    }
    const input: ChoiceInput = {
      facts,
      exchangeRates: this.#ruleset.exchangeRates,
      rule: name,
      action,
      attemptsLeft: Math.max(1, action.attemptsMax - tried.length),
      candidates,
      ineligible: [],
    };
    return choiceProbabilities(input);
  }

  #learn({ authorization, facts }: RecordedPayment): void {
    for (const [index, { provider, outcome }] of authorization.attempts.entries()) {
      const reward = outcome === null ? null : learnerReward(outcome);
      if (reward !== null) this.#model.observe(provider, facts, index === 0 ? FIRST : LATER, reward === 1);
    }
  }
}

/** Whether the replayed rules would have gone on where the record ends. */
function wouldTryOn(authorization: Authorization, made: readonly Attempt[], { action }: Rule): boolean {
  const last = made.at(-1);
  if (last === undefined || last.outcome === null || made.length >= action.attemptsMax) return false;
  if (made.length < authorization.attempts.length) return false;
  const undone = isUndone(authorization, last);
  return judgeOutcome(last.outcome, { acceptPartial: authorization.request.acceptPartial, undone })
    .mayFailOver;
}

/** The lane as the recorded decision saw it; open to all where it did not look. */
function laneOf(seen: CandidateExplanation | undefined): RankCandidate['lane'] {
  const reasons = ['breaker_open', 'forced_open', 'draining', 'probe_in_flight'] as const;
  return {
    breaker: seen?.breaker ?? 'closed',
    closedBecause: reasons.find((reason) => reason === seen?.reason) ?? null,
    limitHeadroom: seen?.reason === 'limit_exhausted' ? 0 : (seen?.limitHeadroom ?? 1),
  };
}

/** A payment through the replayed rules. */
interface Seen {
  readonly weight: number;
  /** Null when no attempt was approved. */
  readonly approvedBy: string | null;
  /** Provider of the recorded first attempt. */
  readonly chosen: string;
  /** Probability of each provider to be the first. */
  readonly choices: ReadonlyMap<string, number>;
  readonly costOf: (provider: string) => number | null;
}

/** Payments of one kind. */
class Segment {
  readonly #name: string;
  readonly #approval: StreamedPolicyEstimate;
  readonly #recorded = new Map<string, number>();
  readonly #replayed = new Map<string, number>();
  readonly #cost = { recorded: 0, approvals: 0, replayed: 0, weights: 0 };
  #payments = 0;

  constructor(name: string, random: UniformSource) {
    this.#name = name;
    this.#approval = new StreamedPolicyEstimate(random);
  }

  add({ weight, approvedBy, chosen, choices, costOf }: Seen): void {
    this.#payments += 1;
    this.#approval.add({ weight, reward: approvedBy === null ? 0 : 1 });
    this.#recorded.set(chosen, (this.#recorded.get(chosen) ?? 0) + 1);
    for (const [provider, chance] of choices) {
      this.#replayed.set(provider, (this.#replayed.get(provider) ?? 0) + chance);
    }
    const cost = approvedBy === null ? null : costOf(approvedBy);
    if (cost === null) return;
    this.#cost.recorded += cost;
    this.#cost.approvals += 1;
    this.#cost.replayed += weight * cost;
    this.#cost.weights += weight;
  }

  result(): SegmentResult {
    const { recorded, approvals, replayed, weights } = this.#cost;
    const providers = [...new Set([...this.#recorded.keys(), ...this.#replayed.keys()])].toSorted();
    const share = (counts: ReadonlyMap<string, number>, provider: string): number =>
      (counts.get(provider) ?? 0) / Math.max(1, this.#payments);
    return {
      segment: this.#name,
      approval: this.#approval.estimate(),
      providers: providers.map((provider) => ({
        provider,
        recorded: share(this.#recorded, provider),
        replayed: share(this.#replayed, provider),
      })),
      costBasisPoints: {
        recorded: approvals > 0 ? recorded / approvals : null,
        replayed: weights > 0 ? replayed / weights : null,
      },
    };
  }
}
