import { type Attempt, isIssuerSide, isUnsettled, learnerReward } from '../attempt.ts';
import type { Authorization } from '../authorization.ts';
import { type ArmBook, type Assignment, assignArm } from '../experiments/assign.ts';
import { armScope, SHARED_LEARNING } from '../experiments/experiment.ts';
import type { RoutingFacts } from '../facts.ts';
import { judgeOutcome } from '../failover.ts';
import { eligibilityReason, sharedTokenFor, tokenFor } from '../rules/eligibility.ts';
import { matchRule, type RuleAction, type Ruleset } from '../rules/ruleset.ts';
import {
  APPROVAL_MODEL_DEFAULTS,
  ApprovalModel,
  type ApprovalModelSettings,
} from '../scoring/approval-model.ts';
import { expectedCost } from '../scoring/cost.ts';
import type { RankCandidate } from '../scoring/rank-candidates.ts';
import { isUndone } from '../settlement.ts';
import type { UniformSource } from '../statistics/beta-sampling.ts';
import { choiceProbabilities } from './choice-probabilities.ts';
import {
  RecordedFavourites,
  recordedHealth,
  recordedLane,
  recordedStratum,
  seenOf,
  unsupportedChoices,
} from './recorded-choice.ts';
import { type SeenPayment, type SegmentKind, type SegmentResult, SegmentTally } from './segment-tally.ts';
import { PoissonResamples, type SeenReward } from './streamed-estimate.ts';

/** A payment as it was made, with the facts that rules ask about. */
export interface RecordedPayment {
  readonly authorization: Authorization;
  readonly facts: RoutingFacts;
}

/** How the replayed rules learn and explore. */
export interface LearnerSettings {
  readonly model: ApprovalModelSettings;
  /** In the place of that of every rule and arm; null: as the rules say. */
  readonly explorationShare: number | null;
}

export const LEARNER_DEFAULTS: LearnerSettings = { model: APPROVAL_MODEL_DEFAULTS, explorationShare: null };

export interface ReplaySettings {
  readonly ruleset: Ruleset;
  /** What intervals are drawn with. */
  readonly random: UniformSource;
  readonly learner?: LearnerSettings;
}

/** A provider that the replayed rules choose where the record cannot have chosen it. */
export interface UnsupportedProvider {
  readonly provider: string;
  /** Its part of `all.approval.unsupportedShare`, above 0 to 1: over the same payments, without those left out. */
  readonly share: number;
  /** No recorded decision knew it at all. */
  readonly isNew: boolean;
}

export interface ReplayResult {
  readonly all: SegmentResult;
  /** By brand and issuer region, the largest first. */
  readonly segments: readonly SegmentResult[];
  /** By the replayed rule that matches, the largest first. */
  readonly rules: readonly SegmentResult[];
  /** The largest first; their shares add up to `all.approval.unsupportedShare`. */
  readonly unsupported: readonly UnsupportedProvider[];
  /** Providers that were tried in the record and that the replayed rules do not have, or have disabled. */
  readonly gone: readonly string[];
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
const NONE: ReadonlyMap<string, number> = new Map();

/** As when experiments begin: no arm is stopped, and bandits have their first shares. */
const FRESH_ARMS: ArmBook = { isStopped: () => false, shares: () => null };

/**
 * What other rules would have come to on recorded traffic: each payment counts by how much likelier (or less likely) the
 * replayed rules are to make the choices that were made, attempt by attempt. The replayed rules learn as they would have,
 * from the recorded outcomes before each payment, and see lanes and health as the decision saw them. Payments come in the
 * order of time, one after the other: memory does not grow with them.
 *
 * Running experiments of the replayed rules draw each payment into the arm that its reference or customer has by them:
 * that arm routes it and learns apart, as it would have. What was recorded in an arm of an experiment counts by the
 * probability that the arm chose with.
 */
export class RulesetReplay {
  readonly #ruleset: Ruleset;
  readonly #learner: LearnerSettings;
  readonly #model: ApprovalModel;
  readonly #resamples: PoissonResamples;
  readonly #all: SegmentTally;
  readonly #segments = new Map<string, SegmentTally>();
  readonly #rules = new Map<string, SegmentTally>();
  readonly #favourites = new RecordedFavourites();
  readonly #known = new Set<string>();
  readonly #tried = new Set<string>();
  #unresolved = 0;
  #unrouted = 0;
  #withoutPropensity = 0;
  #cutShort = 0;

  constructor({ ruleset, random, learner = LEARNER_DEFAULTS }: ReplaySettings) {
    this.#ruleset = ruleset;
    this.#learner = learner;
    this.#model = new ApprovalModel(learner.model);
    this.#resamples = new PoissonResamples(random);
    this.#all = new SegmentTally('all', 'all', this.#resamples);
  }

  add(payment: RecordedPayment): void {
    const { authorization, facts } = payment;
    if (authorization.attempts.length === 0) return;
    for (const { provider } of authorization.routing.candidates) this.#known.add(provider);
    for (const { provider } of authorization.attempts) {
      this.#known.add(provider);
      this.#tried.add(provider);
    }
    const rule = matchRule(this.#ruleset, facts);
    const assignment =
      rule === null
        ? null
        : assignArm(
            this.#ruleset.experiments,
            { facts, customer: authorization.request.shopper.id, rule, nowMs: authorization.createdAtMs },
            FRESH_ARMS,
          );
    if (authorization.attempts.some(({ propensity }) => propensity <= 0)) this.#withoutPropensity += 1;
    else this.#weigh(payment, assignment);
    this.#learn(payment, assignment?.learning ?? SHARED_LEARNING);
  }

  result(): ReplayResult {
    const { providers } = this.#ruleset;
    const largestFirst = (tallies: ReadonlyMap<string, SegmentTally>) =>
      [...tallies.values()]
        .map((tally) => tally.result())
        .toSorted((left, right) => right.approval.payments - left.approval.payments);
    const all = this.#all.result();
    return {
      all,
      segments: largestFirst(this.#segments),
      rules: largestFirst(this.#rules),
      unsupported: [...all.approval.unsupportedBy]
        .map(([provider, share]) => ({ provider, share, isNew: !this.#known.has(provider) }))
        .toSorted((one, other) => other.share - one.share),
      gone: [...this.#tried].filter((provider) => providers.get(provider)?.enabled !== true).toSorted(),
      unresolved: this.#unresolved,
      unrouted: this.#unrouted,
      withoutPropensity: this.#withoutPropensity,
      cutShort: this.#cutShort,
    };
  }

  #weigh({ authorization, facts }: RecordedPayment, assignment: Assignment | null): void {
    const { attempts } = authorization;
    if (attempts.some(({ outcome }) => isUnsettled(outcome))) this.#unresolved += 1;
    const chosen = attempts[0]?.provider ?? '';
    const from = this.#favourites.next(authorization) ?? chosen;
    const arm = assignment?.shown ?? null;
    const recordedCost = this.#costOf(attempts.find(isApproval)?.provider ?? null, facts);
    const stratum = recordedStratum(authorization, arm === null ? null : armScope(arm));
    const first = assignment === null ? null : this.#choices(authorization, facts, assignment, []);
    if (assignment === null || first === null || first.size === 0) {
      this.#unrouted += 1;
      const recorded = isApproved(authorization) ? 1 : 0;
      const seen = { weight: 1, reward: 0, recorded, unsupported: NONE, open: 0 } as const;
      const nowhere = {
        from,
        to: null,
        chosen,
        choices: new Map(),
        cost: { recorded: recordedCost, replayed: null },
      };
      this.#tell(facts, assignment?.rule.name ?? null, { seen, stratum, ...nowhere });
      return;
    }
    const { seen, approvedBy } = this.#seen({ authorization, facts }, assignment, first);
    this.#tell(facts, assignment.rule.name, {
      seen,
      stratum,
      chosen,
      choices: first,
      from,
      to: favouriteOf(first, from),
      cost: { recorded: recordedCost, replayed: this.#costOf(approvedBy, facts) },
    });
  }

  /** Attempt by attempt: how likely the replayed rules are to do the same. */
  #seen(
    { authorization, facts }: RecordedPayment,
    assignment: Assignment,
    first: ReadonlyMap<string, number>,
  ) {
    const made = authorization.attempts.slice(0, assignment.rule.action.attemptsMax);
    const tried: string[] = [];
    let weight = 1;
    const unsupported = new Map<string, number>();
    for (const attempt of made) {
      const choices = tried.length === 0 ? first : this.#choices(authorization, facts, assignment, tried);
      for (const [provider, chance] of unsupportedChoices(authorization, attempt, choices)) {
        unsupported.set(provider, (unsupported.get(provider) ?? 0) + weight * chance);
      }
      weight *= (choices.get(attempt.provider) ?? 0) / attempt.propensity;
      if (weight === 0) break;
      tried.push(attempt.provider);
    }
    const approvedBy = made.find(isApproval);
    const isCut =
      approvedBy === undefined &&
      weight > 0 &&
      mayTryOn(authorization, assignment.rule.action) &&
      this.#choices(authorization, facts, assignment, tried).size > 0;
    if (isCut) this.#cutShort += 1;
    const seen: SeenReward = {
      weight,
      reward: approvedBy === undefined ? 0 : 1,
      recorded: isApproved(authorization) ? 1 : 0,
      unsupported,
      open: isCut ? weight : 0,
    };
    return { seen, approvedBy: approvedBy?.provider ?? null };
  }

  #costOf(provider: string | null, facts: RoutingFacts): number | null {
    const contract = provider === null ? undefined : this.#ruleset.providers.get(provider);
    if (contract === undefined) return null;
    return expectedCost(contract.fees, facts, this.#ruleset.exchangeRates).basisPoints;
  }

  #tell(facts: RoutingFacts, rule: string | null, payment: SeenPayment): void {
    this.#resamples.next();
    this.#all.add(payment);
    const { cardBrand, cardIssuerRegion } = facts;
    this.#of('card', this.#segments, `${cardBrand} ${cardIssuerRegion ?? 'unknown'}`).add(payment);
    this.#of('rule', this.#rules, rule ?? 'no rule').add(payment);
  }

  #of(kind: SegmentKind, tallies: Map<string, SegmentTally>, name: string): SegmentTally {
    const known = tallies.get(name);
    if (known !== undefined) return known;
    const key = tallies.size < SEGMENTS_MAX ? name : 'other';
    const tally = tallies.get(key) ?? new SegmentTally(kind, key, this.#resamples);
    tallies.set(key, tally);
    return tally;
  }

  /** With which probability the replayed rules choose each provider next. */
  #choices(
    authorization: Authorization,
    facts: RoutingFacts,
    { rule: { action }, learning, salt }: Assignment,
    tried: readonly string[],
  ): ReadonlyMap<string, number> {
    const { request } = authorization;
    const scope = tried.length === 0 ? learning.first : learning.later;
    const candidates: RankCandidate[] = [];
    for (const contract of this.#ruleset.providers.values()) {
      if (tried.includes(contract.id)) continue;
      if (eligibilityReason(contract, facts, request, action) !== null) continue;
      const ownToken = tokenFor(contract, request.card);
      if (ownToken === null && sharedTokenFor(contract, request.card) === null) continue;
      const seen = seenOf(authorization, contract.id);
      candidates.push({
        provider: contract.id,
        fees: contract.fees,
        borrowsToken: ownToken === null,
        approval: this.#model.approval(contract.id, facts, scope),
        health: recordedHealth(seen),
        lane: recordedLane(seen),
      });
    }
    const { explorationShare } = this.#learner;
    return choiceProbabilities({
      facts,
      exchangeRates: this.#ruleset.exchangeRates,
      rule: salt,
      action: explorationShare === null ? action : { ...action, explorationShare },
      attemptsLeft: Math.max(1, action.attemptsMax - tried.length),
      candidates,
      ineligible: [],
    });
  }

  #learn({ authorization, facts }: RecordedPayment, { first, later }: Assignment['learning']): void {
    for (const [index, { provider, outcome }] of authorization.attempts.entries()) {
      const reward = outcome === null ? null : learnerReward(outcome);
      if (outcome === null || reward === null) continue;
      const scope = index === 0 ? first : later;
      this.#model.observe(provider, facts, scope, reward === 1, isIssuerSide(outcome));
    }
  }
}

function isApproval({ outcome }: Attempt): boolean {
  return outcome !== null && learnerReward(outcome) === 1;
}

function isApproved({ attempts }: Authorization): boolean {
  return attempts.some(isApproval);
}

/** The likeliest choice; `from` where it is as likely as the likeliest. */
function favouriteOf(choices: ReadonlyMap<string, number>, from: string): string | null {
  let favourite: string | null = choices.has(from) ? from : null;
  for (const [provider, chance] of choices) {
    if (favourite === null || chance > (choices.get(favourite) ?? 0) + 1e-9) favourite = provider;
  }
  return favourite;
}

/** Whether rules that allow more attempts than were made may go on where the record ends. */
function mayTryOn(authorization: Authorization, { attemptsMax }: Pick<RuleAction, 'attemptsMax'>): boolean {
  const { attempts, request } = authorization;
  const last = attempts.at(-1);
  if (last === undefined || last.outcome === null || attempts.length >= attemptsMax) return false;
  const undone = isUndone(authorization, last);
  return judgeOutcome(last.outcome, { acceptPartial: request.acceptPartial, undone }).mayFailOver;
}
