import { type Attempt, type AttemptOutcome, codeOf, referenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import type { CandidateExplanation, RoutingDecision } from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import { maskDecline } from '../core/declines/mask-decline.ts';
import { rounded, roundedOrNull } from './rounded.ts';
import { shownAmounts } from './shown-amounts.ts';
import { shownOperation } from './shown-operation.ts';

/**
 * The answer about an authorization: the body that is frozen, replayed, read and listed, from what the journal holds
 * and nothing else. 202 while its outcome is open, else 201.
 */
export function renderAuthorization(authorization: Authorization): {
  readonly httpStatus: 201 | 202;
  readonly body: string;
} {
  const { status } = authorization;
  return {
    httpStatus: status === 'pending' || status === 'reversing' ? 202 : 201,
    body: JSON.stringify(authorizationAnswer(authorization)),
  };
}

/** An authorization as answers show it. */
export function authorizationAnswer(authorization: Authorization) {
  const { request, expiresAtMs } = authorization;
  const { value, currency } = request.amount;
  return {
    id: authorization.id,
    status: authorization.status,
    live: authorization.live,
    amounts: shownAmounts(authorization),
    reference: request.reference,
    merchant: request.merchant,
    amount: { value, currency },
    provider: authorization.provider,
    provider_reference: authorization.providerReference,
    network_transaction: networkTransactionAnswer(authorization.networkTransaction),
    decline: declineAnswer(authorization.decline),
    attempts: authorization.attempts.map(attemptAnswer),
    operations: authorization.operations.map((operation) => shownOperation(authorization, operation)),
    routing: routingAnswer(authorization.routing, authorization.attempts),
    created_at: new Date(authorization.createdAtMs).toISOString(),
    expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
  };
}

function networkTransactionAnswer(found: Authorization['networkTransaction']) {
  return found === null ? null : { id: found.id, network: found.network, date: found.date };
}

/** Fraud, lost and stolen are told to nobody outside: codes that say so are masked, here and in the attempts. */
export function declineAnswer(decline: Decline | null) {
  if (decline === null) return null;
  const masked = maskDecline(decline);
  return {
    category: masked.category,
    code: masked.code,
    network_code: masked.networkCode,
    advice: masked.advice,
    retry_not_before: masked.retryNotBefore,
  };
}

/** An attempt as answers show it. */
export function attemptAnswer(attempt: Attempt) {
  const { outcome } = attempt;
  return {
    id: attempt.id,
    number: attempt.number,
    provider: attempt.provider,
    outcome: outcome === null ? null : outcome.kind,
    code: outcome === null ? null : publicCode(outcome),
    provider_reference: referenceOf(attempt),
    propensity: rounded(attempt.propensity),
    duration_ms: attempt.durationMs === null ? null : Math.round(attempt.durationMs),
  };
}

/** The code of an outcome as it may be shown outside. */
export function publicCode(outcome: AttemptOutcome): string | null {
  return outcome.kind === 'declined' ? maskDecline(outcome.decline).code : codeOf(outcome);
}

/** What a provider would have needed that was not asked, because it cannot be told what the request says. */
function missingNote({ provider, outcome }: Attempt): readonly string[] {
  return outcome?.kind === 'not_sent' && outcome.missing !== undefined
    ? [`${provider} was not asked; it needs ${outcome.missing}`]
    : [];
}

/** The explanation of a decision as answers show it, with what attempts have shown since. */
export function routingAnswer(routing: RoutingDecision, attempts: readonly Attempt[]) {
  return {
    ruleset: routing.ruleset,
    rule: routing.rule,
    strategy: routing.strategy,
    experiment: experimentAnswer(routing.experiment),
    propensity: rounded(routing.propensity),
    candidates: routing.candidates.map(candidateAnswer),
    notes: [...routing.notes, ...attempts.flatMap(missingNote)],
  };
}

/** The arm of an experiment as answers show it. */
export function experimentAnswer(experiment: RoutingDecision['experiment']) {
  if (experiment === null) return null;
  const { id, arm, unit, holdout, propensity, redirectedFrom } = experiment;
  return { id, arm, unit, holdout, propensity: rounded(propensity), redirected_from: redirectedFrom };
}

/** A candidate as answers and problems show it. */
export function candidateAnswer(candidate: CandidateExplanation) {
  const { approval } = candidate;
  return {
    provider: candidate.provider,
    eligible: candidate.eligible,
    rank: candidate.rank,
    score: roundedOrNull(candidate.score),
    approval:
      approval === null
        ? null
        : {
            mean: rounded(approval.mean),
            low: rounded(approval.low),
            high: rounded(approval.high),
            level: approval.level,
            n: Math.round(approval.n * 10) / 10,
          },
    health: roundedOrNull(candidate.health),
    breaker: candidate.breaker,
    limit_headroom: roundedOrNull(candidate.limitHeadroom),
    cost_bps: candidate.costBasisPoints === null ? null : Math.round(candidate.costBasisPoints * 100) / 100,
    reason: candidate.reason,
  };
}
