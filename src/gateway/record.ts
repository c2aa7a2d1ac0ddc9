import type { Attempt } from '../core/attempt.ts';
import { type Authorization, storableRequest } from '../core/authorization.ts';
import type { RoutingDecision } from '../core/decision.ts';
import type { BudgetStop, FailOverReason, StopReason } from '../core/failover.ts';
import { invariant } from '../core/invariant.ts';
import type { Admitted, AttemptResult } from './attempt.ts';
import { claimScope } from './claim-scope.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { Conclusion, Intent, OpeningResult, OutcomeRecord, RenderAnswer } from './ports.ts';
import { authorizationOf, type Road, routingOf } from './road.ts';
import type { AuthorizeResult } from './road-results.ts';

/** Least time between an attempt's deadline and the end of its lease. */
const MARGIN_AFTER_DEADLINE_MS = 1_000;

/** Why the road ended where it did, for the log and the history. */
export type EndReason =
  | StopReason
  | BudgetStop
  | 'retry_budget'
  | 'no_candidate_left'
  | 'journal_failed'
  /** Its lease was declared over; what came back was recorded all the same. */
  | 'road_overtaken'
  /** The authorization was moved on by somebody else, and the journal's state is the answer. */
  | 'overtaken';

export type OpenedRoad =
  | { readonly kind: 'opened'; readonly intent: Intent }
  | Exclude<OpeningResult, { readonly kind: 'opened' }>
  | { readonly kind: 'journal_failed' };

/** Claim, authorization, decision and first intent in one transaction, before anything is sent. */
export async function openRoad(road: Road, admitted: Admitted, deps: GatewayDeps): Promise<OpenedRoad> {
  const { command } = road;
  const routing = routingOf(road, admitted.propensity);
  const intent = intentFor(road, admitted, deps);
  const opened = await callJournal('open', deps, () =>
    deps.journal.open({
      claim: claimScope(command),
      bodyFingerprint: command.bodyFingerprint,
      authorizationId: road.authorizationId,
      request: storableRequest(command.request),
      live: road.ruleset.live,
      routing,
      traceId: command.traceId,
      createdAtMs: road.createdAtMs,
      intent,
    }),
  );
  if (!opened.ok) {
    // It may have been written after all. Only this process knows for certain that nothing was sent.
    const unsent = { ...road, routing, version: 1, attempts: [attemptOf(intent)] };
    deps.unrecorded.add([conclusionFor(unsent, routing, intent, NEVER_SENT, 'journal_failed', deps)]);
    return { kind: 'journal_failed' };
  }
  if (opened.value.kind !== 'opened') return opened.value;
  road.routing = routing;
  road.version = 1;
  road.attempts = [attemptOf(intent)];
  return { kind: 'opened', intent };
}

export type FailedOver =
  | { readonly kind: 'written'; readonly intent: Intent }
  /** Not written, or not known to be: nothing more may be sent. */
  | { readonly kind: 'stopped'; readonly answer: AuthorizeResult };

/** Records a definite negative together with the intent of the next attempt. */
export async function failOverRoad(
  road: Road,
  intent: Intent,
  result: AttemptResult,
  next: { readonly admitted: Admitted; readonly reason: FailOverReason },
  deps: GatewayDeps,
): Promise<FailedOver> {
  invariant(road.routing !== null, 'a road is opened before it fails over');
  const nextIntent = intentFor(road, next.admitted, deps);
  const attempts = [...withOutcome(road.attempts, intent, result), attemptOf(nextIntent)];
  const written = await callJournal('fail_over', deps, () =>
    deps.journal.failOver({
      authorizationId: road.authorizationId,
      expectedVersion: road.version,
      outcome: outcomeRecord(intent, result, deps),
      reason: next.reason,
      candidates: road.decision.explain(),
      intent: nextIntent,
    }),
  );
  if (!written.ok) {
    // Either nothing was written, or all of it; in both cases the next attempt was never sent.
    const ahead = { ...road, version: road.version + 1, attempts };
    deps.unrecorded.add([
      conclusionFor(road, road.routing, intent, result, 'journal_failed', deps),
      conclusionFor(ahead, road.routing, nextIntent, NEVER_SENT, 'journal_failed', deps),
    ]);
    return { kind: 'stopped', answer: answerUnrecorded(road, deps) };
  }
  if (written.value.kind === 'stale') {
    // Its lease was declared over meanwhile (the wall clock jumped): no more attempts, but what came back is known.
    const answer = await concludeRoad(road, intent, result, 'road_overtaken', deps);
    return { kind: 'stopped', answer };
  }
  road.version = written.value.version;
  road.attempts = attempts;
  return { kind: 'written', intent: nextIntent };
}

/** Records the last outcome and the state that all attempts add up to, and answers. */
export async function concludeRoad(
  road: Road,
  intent: Intent,
  result: AttemptResult,
  reason: EndReason,
  deps: GatewayDeps,
): Promise<AuthorizeResult> {
  invariant(road.routing !== null, 'a road is opened before it is concluded');
  const conclusion = conclusionFor(road, road.routing, intent, result, reason, deps);
  const written = await callJournal('conclude', deps, () => deps.journal.conclude(conclusion));
  if (!written.ok) {
    deps.unrecorded.add([conclusion]);
    return answerUnrecorded(road, deps);
  }
  if (written.value.kind === 'stale') return answerFromJournal(road, deps);
  road.attempts = withOutcome(road.attempts, intent, result);
  const authorization = authorizationOf(road, road.routing);
  observeEnd(road, authorization, reason, deps);
  return answered(road, conclusion.frozen ?? deps.renderAnswer(authorization));
}

function answered(road: Road, answer: ReturnType<RenderAnswer>): AuthorizeResult {
  return { kind: 'answered', ...answer, replayed: false, authorizationId: road.authorizationId };
}

const NEVER_SENT: AttemptResult = { outcome: { kind: 'not_sent', code: 'journal_failed' }, durationMs: 0 };

/** The last outcome, the state that all attempts add up to, and the answer to freeze when nothing is left open. */
function conclusionFor(
  road: Road,
  routing: RoutingDecision,
  intent: Intent,
  result: AttemptResult,
  reason: EndReason,
  deps: GatewayDeps,
): Conclusion {
  const authorization = authorizationOf(
    { ...road, attempts: withOutcome(road.attempts, intent, result) },
    routing,
  );
  return {
    authorizationId: road.authorizationId,
    expectedVersion: road.version,
    outcome: outcomeRecord(intent, result, deps),
    ...conclusionOf(authorization, deps),
    reason,
    actor: 'gateway',
    atMs: deps.clock.wallMs(),
  };
}

/** What of a conclusion follows from the authorization's state; the answer is frozen once nothing is left open. */
export function conclusionOf(authorization: Authorization, deps: Pick<GatewayDeps, 'renderAnswer'>) {
  const { status, authorizedAmount, provider, providerReference, networkTransaction, decline } =
    authorization;
  const isOpen = status === 'pending' || status === 'reversing';
  const frozen = isOpen ? null : deps.renderAnswer(authorization);
  return { status, authorizedAmount, provider, providerReference, networkTransaction, decline, frozen };
}

/**
 * The journal could not record what came back. The caller is told `pending`, never more and never less: the attempt
 * stands as sent in the journal and will be found out.
 */
function answerUnrecorded(road: Road, deps: GatewayDeps): AuthorizeResult {
  invariant(road.routing !== null, 'a road is opened before an outcome can fail to be recorded');
  const last = road.attempts.length;
  const attempts = road.attempts.map((attempt) =>
    attempt.number === last
      ? { ...attempt, outcome: { kind: 'unknown' as const, code: 'not_recorded', providerReference: null } }
      : attempt,
  );
  const authorization = authorizationOf({ ...road, attempts }, road.routing);
  deps.observer.alert({
    kind: 'outcome_not_recorded',
    detail: `attempt ${last} at ${attempts.at(-1)?.provider ?? 'no provider'} came back, but could not be recorded`,
    authorizationId: road.authorizationId,
  });
  observeEnd(road, authorization, 'journal_failed', deps);
  return answered(road, deps.renderAnswer(authorization));
}

/** Somebody else moved the authorization on (its lease was over): the journal's state is the answer. */
async function answerFromJournal(road: Road, deps: GatewayDeps): Promise<AuthorizeResult> {
  const found = await callJournal('find', deps, () => deps.journal.findAuthorization(road.authorizationId));
  deps.observer.alert({
    kind: 'road_overtaken',
    detail: 'the authorization was no longer as its road had left it; nothing more was sent',
    authorizationId: road.authorizationId,
  });
  if (!found.ok || found.value === null) return answerUnrecorded(road, deps);
  observeEnd(road, found.value, 'overtaken', deps);
  return answered(road, deps.renderAnswer(found.value));
}

function observeEnd(road: Road, authorization: Authorization, stopped: EndReason, deps: GatewayDeps): void {
  const { command } = road;
  deps.observer.authorizationEnded({
    authorizationId: authorization.id,
    account: command.account,
    merchant: command.request.merchant,
    reference: command.request.reference,
    status: authorization.status,
    provider: authorization.provider,
    rule: road.rule.name,
    ruleset: road.ruleset.version,
    stopped,
    attempts: authorization.attempts,
    amount: command.request.amount,
    brand: road.facts.cardBrand,
    durationMs: deps.clock.monotonicMs() - command.receivedAtMs,
    traceId: command.traceId,
  });
}

/**
 * The intent of the next attempt. Its id is the authorization's with the attempt's number, and is the idempotency
 * key and the reference at the provider too: a pure function of authorization and number, at most 30 characters.
 */
function intentFor(road: Road, admitted: Admitted, deps: GatewayDeps): Intent {
  const number = road.attempts.length + 1;
  const attemptId = `att_${road.authorizationId.slice('auth_'.length)}_${number}`;
  const startedAtMs = deps.clock.wallMs();
  const deadlineAtMs = startedAtMs + Math.max(0, Math.ceil(admitted.deadlineMs - deps.clock.monotonicMs()));
  return {
    attemptId,
    number,
    provider: admitted.contract.id,
    providerKey: attemptId,
    fingerprint: road.command.bodyFingerprint,
    propensity: admitted.propensity,
    startedAtMs,
    deadlineAtMs,
    owner: deps.owner,
    // A lease that ended before its attempt is given up would let others declare it unknown while it is sent.
    leaseUntilMs: Math.max(startedAtMs + deps.leaseMs, deadlineAtMs + MARGIN_AFTER_DEADLINE_MS),
  };
}

function attemptOf(intent: Intent): Attempt {
  return {
    id: intent.attemptId,
    number: intent.number,
    provider: intent.provider,
    outcome: null,
    propensity: intent.propensity,
    durationMs: null,
    startedAtMs: intent.startedAtMs,
  };
}

function withOutcome(
  attempts: readonly Attempt[],
  intent: Intent,
  result: AttemptResult,
): readonly Attempt[] {
  return attempts.map((attempt) =>
    attempt.number === intent.number
      ? { ...attempt, outcome: result.outcome, durationMs: result.durationMs }
      : attempt,
  );
}

function outcomeRecord(intent: Intent, result: AttemptResult, deps: GatewayDeps): OutcomeRecord {
  return {
    attemptId: intent.attemptId,
    outcome: result.outcome,
    durationMs: result.durationMs,
    atMs: deps.clock.wallMs(),
  };
}
