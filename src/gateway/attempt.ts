import { type AttemptOutcome, breakerSignal, isUnsettled } from '../core/attempt.ts';
import type { Authorization, AuthorizationRequest } from '../core/authorization.ts';
import { isAcquirersExemption } from '../core/failover.ts';
import { quickResolution } from '../core/resolution.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import { ADAPTER_FAILED, askProvider } from './ask-provider.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { AuthorizeCall, CallBudget, InquiryAnswer, Intent, Permit, Provider } from './ports.ts';
import { recordPrepared } from './record.ts';
import { cameBack, type Road } from './road.ts';
import { tellUnmapped } from './unmapped.ts';

/** A provider that holds a place in its limit and breaker, ready to be tried. */
export interface Admitted {
  readonly contract: ProviderContract;
  readonly provider: Provider;
  readonly token: string;
  readonly permit: Permit;
  readonly propensity: number;
  /**
   * Monotonic clock by which the attempt is given up. Fixed before the intent is written: time that the journal
   * takes does not prolong the attempt beyond what the intent says.
   */
  readonly deadlineMs: number;
}

/** What an attempt came to. */
export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
}

/**
 * Sends one attempt whose intent is already durable, and reads its outcome; of an unknown one, tries once to find it
 * out while the caller waits. Tells breaker, limiter and learner how it went. Never throws for anything that a provider
 * or the network does.
 */
export async function sendAttempt(
  intent: Intent,
  admitted: Admitted,
  road: Road,
  deps: GatewayDeps,
): Promise<AttemptResult> {
  const { facts, rule } = road;
  deps.observer.decided({ rule: rule.name, strategy: rule.action.strategy.kind, provider: intent.provider });
  const startedMs = deps.clock.monotonicMs();
  const { provider: name, number } = intent;
  const span = road.command.span?.begin('attempt', {
    provider: name,
    brand: facts.cardBrand,
    attempt: number,
  });
  const call = callFor(intent, admitted, road, span?.traceparent ?? road.command.traceparent, deps);
  const first = await authorize(admitted.provider, call, deps);
  const retryAfterMs = first.kind === 'rejected' ? first.retryAfterMs : null;
  // The lane is told what the provider did at first, however well it can be found out afterwards.
  admitted.permit.report(breakerSignal(first), retryAfterMs);
  tellRefusedAccount(first, intent.provider, road, deps);
  // By this clock its key grows old, however the wall clock is set afterwards.
  if (isUnsettled(first)) deps.sightings.seenForMs(sentSighting(intent.attemptId));
  const outcome =
    first.kind === 'unknown' ? await findOutQuickly(first, call, startedMs, admitted, road, deps) : first;
  cameBack(road, startedMs, deps);
  const durationMs = deps.clock.monotonicMs() - startedMs;
  span?.end({ outcome: outcome.kind }, breakerSignal(outcome) === 'failure' || outcome.kind === 'unknown');
  deps.observer.attemptEnded({ provider: intent.provider, brand: facts.cardBrand, outcome, durationMs });
  tellUnmapped(outcome, { provider: intent.provider, authorizationId: road.authorizationId }, deps);
  deps.learner.observe({
    provider: intent.provider,
    facts,
    attemptNumber: intent.number,
    outcome,
    durationMs,
    resolvedLater: false,
    scope: road.assignment.learning.first.name,
  });
  return { outcome, durationMs };
}

/** Under which name a process remembers that it sent an attempt whose outcome is not known. */
export function sentSighting(attemptId: string): string {
  return `sent ${attemptId}`;
}

/** No breaker and no failover mends that: credentials or set-up have to be (payments reference, invariant 21). */
function tellRefusedAccount(
  outcome: AttemptOutcome,
  provider: string,
  road: Road,
  deps: Pick<GatewayDeps, 'observer'>,
): void {
  if (outcome.kind !== 'rejected' || outcome.reason !== 'configuration') return;
  deps.observer.alert({
    kind: 'provider_refuses_us',
    detail: `${provider} refuses our account: ${outcome.code}`,
    authorizationId: road.authorizationId,
  });
}

function callFor(
  intent: Intent,
  admitted: Admitted,
  road: Road,
  traceparent: string | null,
  deps: GatewayDeps,
): AuthorizeCall {
  const { command, current } = road;
  return {
    attemptId: intent.attemptId,
    providerKey: intent.providerKey,
    request: requestFor(command.request, intent.number),
    token: admitted.token,
    brand: current.brand,
    scaRegion: current.scaRegion,
    budget: {
      deadlineMs: admitted.deadlineMs,
      sendByMs: intent.deadlineAtMs,
      connectTimeoutMs: admitted.contract.connectTimeoutMs,
      signal: deps.stopSignal,
      traceparent,
    },
    isRepeat: false,
    preparedReference: null,
    prepared: (reference) => recordPrepared(road, intent.number, reference, deps),
  };
}

/** What a further attempt may claim: not the exemption that the first provider would have answered for. */
export function requestFor(request: AuthorizationRequest, attemptNumber: number): AuthorizationRequest {
  const { threeDs } = request;
  if (attemptNumber === 1 || threeDs === null || !isAcquirersExemption(threeDs.exemption)) return request;
  return { ...request, threeDs: { ...threeDs, exemption: null } };
}

/** Asks a provider to authorize. Never throws. */
function authorize(
  provider: Provider,
  call: AuthorizeCall,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<AttemptOutcome> {
  return askProvider<AttemptOutcome>(
    () => provider.authorize(call),
    { kind: 'unknown', code: ADAPTER_FAILED, providerReference: null },
    null,
    deps,
  );
}

/** Least time left for which it is worth to ask at once, milliseconds. */
const WORTH_ASKING_MS = 50;

/**
 * One inquiry, or one replay under the same key, where the provider's semantics make it safe and time remains. "Not
 * found" is no evidence here: the request may still arrive.
 */
async function findOutQuickly(
  first: Extract<AttemptOutcome, { kind: 'unknown' }>,
  call: AuthorizeCall,
  startedMs: number,
  admitted: Admitted,
  road: Road,
  deps: GatewayDeps,
): Promise<AttemptOutcome> {
  const { provider, contract } = admitted;
  const nowMs = deps.clock.monotonicMs();
  const deadlineMs = Math.min(road.deadlineMs, nowMs + contract.timeoutMs);
  const way = quickResolution(first, provider.semantics, deadlineMs - startedMs);
  const isWorthIt = road.deadlineMs - nowMs >= WORTH_ASKING_MS && !deps.stopSignal.aborted;
  if (way === 'none' || !isWorthIt || !deps.quickBudget.withdraw()) return first;
  if (way === 'replay' && !(await isStillOurs(road, deps))) return first;
  // Later by as much as the deadline is: by the wall clock of the intent, so that a machine that stood still repeats nothing.
  const sendByMs = (call.budget.sendByMs ?? 0) + deadlineMs - call.budget.deadlineMs;
  const budget: CallBudget = { ...call.budget, deadlineMs, sendByMs };
  const outcome =
    way === 'replay'
      ? await authorize(
          provider,
          { ...call, budget, isRepeat: true, preparedReference: first.providerReference },
          deps,
        )
      : outcomeOf(
          await inquire(provider, road.current, call.attemptId, first.providerReference, budget, deps),
        );
  if (outcome === null || outcome.kind === 'unknown' || (way === 'replay' && isAboutRepeat(outcome))) {
    return first;
  }
  deps.observer.resolved({
    authorizationId: road.authorizationId,
    provider: provider.id,
    subject: 'attempt',
    by: way === 'replay' ? 'replay' : 'inquiry',
    result: outcome.kind,
    ageMs: deps.clock.monotonicMs() - nowMs,
  });
  return outcome;
}

/**
 * Whether nobody has moved the authorization on since this road wrote it last: a machine that stood still with both of its clocks
 * notices by the journal alone that others have taken its road for left. Asked before anything is sent a second time, and only
 * for as long as that is worth it: the caller waits.
 */
async function isStillOurs(road: Road, deps: GatewayDeps): Promise<boolean> {
  const find = () => deps.journal.findAuthorization(road.authorizationId);
  const found = await callJournal('find', deps, find, null, road.deadlineMs - WORTH_ASKING_MS);
  return found.ok && found.value?.version === road.recorded.version;
}

/**
 * Whether an answer to a repeat is about the repeat alone: it never left, or the provider turned it away (limit, credentials,
 * "not processed"). What became of the first request, which was sent, is as unknown as before. What else is negative is
 * about the attempt: adapters see to that ({@link AuthorizeCall.isRepeat}).
 */
export function isAboutRepeat({ kind }: AttemptOutcome): boolean {
  return kind === 'not_sent' || kind === 'rejected' || kind === 'unknown';
}

function outcomeOf(answer: InquiryAnswer): AttemptOutcome | null {
  return answer.kind === 'found' ? answer.outcome : null;
}

/** What a call may take that no caller's deadline bounds, from now on; under a lease, no longer than that allows. */
export function budgetFor(
  contract: ProviderContract,
  { clock, stopSignal, sendLimit }: Pick<GatewayDeps, 'clock' | 'stopSignal' | 'sendLimit'>,
): CallBudget {
  return {
    deadlineMs: Math.min(
      clock.monotonicMs() + contract.timeoutMs,
      sendLimit?.monotonicMs ?? Number.POSITIVE_INFINITY,
    ),
    ...(sendLimit !== undefined && { sendByMs: sendLimit.wallMs }),
    connectTimeoutMs: contract.connectTimeoutMs,
    signal: stopSignal,
    traceparent: null,
  };
}

/** Asks a provider about an attempt. Never throws. */
export async function inquire(
  provider: Provider,
  authorization: Authorization,
  attemptId: string,
  providerReference: string | null,
  budget: CallBudget,
  deps: Pick<GatewayDeps, 'observer'>,
): Promise<InquiryAnswer> {
  const { request, brand, scaRegion } = authorization;
  const question = () =>
    provider.inquire({ attemptId, providerReference, request, brand, scaRegion, budget });
  const noAnswer: InquiryAnswer = { kind: 'no_answer', code: ADAPTER_FAILED };
  return askProvider(question, noAnswer, authorization.id, deps);
}
