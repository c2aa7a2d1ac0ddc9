import type { CandidateExplanation } from '../core/decision.ts';
import { eligibilityReason, sharedTokenFor, tokenFor } from '../core/rules/eligibility.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import { type RankCandidate, type Ranking, rankCandidates } from '../core/scoring/rank-candidates.ts';
import type { Admitted } from './attempt.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { Provider } from './ports.ts';
import type { Road } from './road.ts';

/** A provider that may take the next attempt. */
export interface Candidate {
  readonly contract: ProviderContract;
  readonly provider: Provider;
  readonly token: string;
  /** Probability of this choice, once those before it were passed over. */
  readonly propensity: number;
}

/** The order of candidates for one attempt, and why the others are not in it or were passed over. */
export interface Decision {
  readonly order: readonly Candidate[];
  /** Remarks of the ranking. */
  readonly notes: readonly string[];
  passOver(provider: string, reason: string, retryAfterMs: number | null): void;
  /** One entry per provider that was not tried yet, in order. */
  explain(): readonly CandidateExplanation[];
  /** When it is worth to ask again, as far as those who refused know; null when they do not. */
  retryAfterMs(): number | null;
}

/** Before anything is decided. */
export const NOTHING_DECIDED: Decision = {
  order: [],
  notes: [],
  passOver: () => {},
  explain: () => [],
  retryAfterMs: () => null,
};

/** Ranks the eligible providers that were not tried yet for the attempt that comes next. Takes nothing. */
export function decide(road: Road, deps: GatewayDeps): Decision {
  const { request } = road.command;
  const { facts, rule, assignment } = road;
  // First and later attempts learn apart, since later ones see harder payments; and so do arms of experiments.
  const scope = road.current.attempts.length > 0 ? assignment.learning.later : assignment.learning.first;
  const eligible: RankCandidate[] = [];
  const ineligible: { readonly provider: string; readonly reason: string }[] = [];
  /** As `eligible`, place by place. */
  const usable: Omit<Candidate, 'propensity'>[] = [];
  for (const contract of road.ruleset.providers.values()) {
    const { id } = contract;
    if (road.current.attempts.some((attempt) => attempt.provider === id)) continue;
    const reason = eligibilityReason(contract, facts, request, rule.action);
    const provider = deps.provider(id);
    const ownToken = tokenFor(contract, request.card);
    const token = ownToken ?? sharedTokenFor(contract, request.card);
    if (reason !== null || provider === undefined || token === null) {
      ineligible.push({ provider: id, reason: reason ?? 'not_connected' });
      continue;
    }
    usable.push({ contract, provider, token });
    eligible.push({
      provider: id,
      fees: contract.fees,
      // A sandbox account charges a token that was given for another one.
      borrowsToken: ownToken === null,
      approval: deps.learner.approval(id, facts, scope),
      health: deps.learner.health(id, facts),
      lane: deps.guards.view({ provider: id, brand: facts.cardBrand, merchant: facts.merchant }),
    });
  }
  const ranking = rankCandidates({
    facts,
    exchangeRates: road.ruleset.exchangeRates,
    rule: assignment.salt,
    action: rule.action,
    attemptsLeft: Math.max(1, rule.action.attemptsMax - road.current.attempts.length),
    candidates: eligible,
    ineligible,
    draw: deps.randomness.unit,
  });
  const { propensities } = ranking;
  const order = ranking.order.map((place, rank): Candidate => {
    const { contract, provider, token } = usable[place] as Omit<Candidate, 'propensity'>;
    return { contract, provider, token, propensity: propensities[rank] as number };
  });
  return decisionOf(order, ranking);
}

function decisionOf(order: readonly Candidate[], ranking: Ranking): Decision {
  const passedOver = new Map<string, string>();
  let retryAfterMs: number | null = null;
  return {
    order,
    notes: ranking.notes,
    passOver(provider, reason, waitMs) {
      passedOver.set(provider, reason);
      if (waitMs !== null) retryAfterMs = retryAfterMs === null ? waitMs : Math.min(retryAfterMs, waitMs);
    },
    explain: () =>
      passedOver.size === 0
        ? ranking.candidates
        : ranking.candidates.map((entry) => ({
            ...entry,
            reason: passedOver.get(entry.provider) ?? entry.reason,
          })),
    retryAfterMs: () => retryAfterMs,
  };
}

/** Share of a provider's time limit that a further attempt needs at least, while its latency is not known. */
const NEEDED_SHARE = 0.25;

/** Time that the next attempt needs at least to be begun at this provider, milliseconds; none for a first one. */
export function neededMsFor(
  road: Road,
  { id, timeoutMs }: ProviderContract,
  deps: Pick<GatewayDeps, 'learner'>,
): number {
  if (road.current.attempts.length === 0) return 0;
  return deps.learner.latencyP99Ms(id) ?? timeoutMs * NEEDED_SHARE;
}

/**
 * Takes a place at the first candidate that has one, in order, and notes why those before it were passed over. A
 * further attempt is not begun at a provider that would hardly answer before the deadline.
 * @returns null when nobody has a place
 */
export async function admitNext(road: Road, deps: GatewayDeps): Promise<Admitted | null> {
  const { decision, facts } = road;
  for (const candidate of decision.order) {
    const { id, timeoutMs } = candidate.contract;
    const remainingMs = road.deadlineMs - deps.clock.monotonicMs();
    if (remainingMs <= neededMsFor(road, candidate.contract, deps)) {
      passOver(road, id, 'deadline_too_close', null, deps);
      continue;
    }
    const queueMs = Math.min(road.rule.action.queueMs, remainingMs);
    const lane = { provider: id, brand: facts.cardBrand, merchant: facts.merchant };
    const admitting = deps.guards.admit(lane, queueMs);
    const admission = admitting instanceof Promise ? await admitting : admitting;
    if (admission.kind === 'admitted') {
      const deadlineMs = Math.min(road.deadlineMs, deps.clock.monotonicMs() + timeoutMs);
      return { ...candidate, permit: admission.permit, deadlineMs };
    }
    passOver(road, id, admission.reason, admission.retryAfterMs, deps);
  }
  return null;
}

/** Notes, and tells, why a candidate is not the next one. */
export function passOver(
  road: Road,
  provider: string,
  reason: string,
  retryAfterMs: number | null,
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  road.decision.passOver(provider, reason, retryAfterMs);
  deps.observer.passedOver({ provider, reason });
}
