import type { Authorization } from '../core/authorization.ts';
import type { Decline } from '../core/declines/decline.ts';
import type { BudgetStop, FailOverReason, StopReason } from '../core/failover.ts';
import { limitsInForce } from '../core/scheme/scheme-rules.ts';
import { settled } from '../core/settlement.ts';
import { lookedAgainBy, openedBy, recordedBy } from './answer-time.ts';
import type { Admitted, AttemptResult } from './attempt.ts';
import { claimScope } from './claim-scope.ts';
import { applyFindings } from './findings.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal, type JournalCall } from './journal-calls.ts';
import { NO_INTENT, planFor, type StepDetails, stepOf } from './journal-step.ts';
import { planToAskAgain, withDoubts } from './plan-to-ask-again.ts';
import type {
  FrozenAnswer,
  Intent,
  Opening,
  OpeningResult,
  RenderAnswer,
  SchemeCheck,
  SchemeStop,
  Step,
} from './ports.ts';
import { tellRemarks } from './remarks.ts';
import { type Finding, type Road, routingOf } from './road.ts';
import type { Answered, AuthorizeResult } from './road-results.ts';
import { watchCardTesting } from './watch-card-testing.ts';

/** Least time between the end of what a road does and the end of its lease. */
const MARGIN_AFTER_DEADLINE_MS = 1_000;
/** Times that a road tries to end against what others write meanwhile. */
const TRIES_MAX = 8;

/** Why the road ended where it did, for the log and the history. */
export type EndReason =
  | StopReason
  | BudgetStop
  | 'retry_budget'
  | 'no_candidate_left'
  | 'scheme_limit'
  | 'journal_failed'
  /** Somebody else had moved the authorization on; what came back was recorded all the same. */
  | 'overtaken';

export type OpenedRoad =
  | { readonly kind: 'opened'; readonly intent: Intent }
  | Exclude<OpeningResult, { readonly kind: 'opened' }>
  | { readonly kind: 'journal_failed' };

/** Claim, authorization, decision and first intent in one transaction, before anything is sent. */
export async function openRoad(road: Road, admitted: Admitted, deps: GatewayDeps): Promise<OpenedRoad> {
  const intent = intentFor(road, admitted, deps);
  const authorization: Authorization = {
    ...road.current,
    version: 1,
    routing: routingOf(road, admitted.propensity),
    attempts: [attemptOf(intent)],
  };
  const scheme = schemeCheck(road, deps);
  const leaseUntilMs = leaseFor(road, deps);
  const opened = await open(road, { authorization, intent, scheme, leaseUntilMs, frozen: null }, deps);
  if (!opened.ok) {
    // It may be written after all, now or later. Only this process knows for certain that nothing was sent.
    const findings = [neverSent(intent.number)];
    deps.unrecorded.add(
      { authorizationId: authorization.id, findings, isUnsent: opened.isUnsent },
      opened.ended,
    );
    return { kind: 'journal_failed' };
  }
  if (opened.value.kind !== 'opened') return opened.value;
  road.recorded = authorization;
  road.current = authorization;
  return { kind: 'opened', intent };
}

/** A scheme forbids the first attempt: the refusal is durable and final, and nothing is sent. */
export async function refuseByScheme(
  road: Road,
  stop: SchemeStop,
  deps: GatewayDeps,
): Promise<Answered | Exclude<OpenedRoad, { readonly kind: 'opened' | 'scheme_stop' }>> {
  const authorization: Authorization = {
    ...road.current,
    version: 1,
    open: false,
    status: 'declined',
    routing: routingOf(road, 0),
    answered: true,
    decline: schemeDecline(stop),
  };
  const frozen = deps.renderAnswer(authorization);
  const opening = { authorization, intent: null, scheme: null, leaseUntilMs: 0, frozen };
  const opened = await open(road, opening, deps);
  if (!opened.ok) return { kind: 'journal_failed' };
  if (opened.value.kind === 'opened') {
    observeEnd(road, authorization, 'scheme_limit', deps);
    return answered(road, frozen);
  }
  // Nothing was checked, so that nothing can have stopped it again.
  return opened.value.kind === 'scheme_stop' ? { kind: 'journal_failed' } : opened.value;
}

/** The claim on the caller's key goes with what it opens, and so do the exposures of its experiments. */
function open(
  road: Road,
  opening: Omit<Opening, 'claim' | 'bodyFingerprint' | 'exposures'>,
  deps: GatewayDeps,
): Promise<JournalCall<OpeningResult>> {
  const { command, assignment } = road;
  const { bodyFingerprint } = command;
  const claim = claimScope(command);
  return callJournal(
    'open',
    deps,
    () => deps.journal.open({ claim, bodyFingerprint, exposures: assignment.exposures, ...opening }),
    command.span,
    openedBy(road),
  );
}

/** A scheme's stop as a decline: final, until the moment that it names. */
export function schemeDecline(stop: SchemeStop): Decline {
  return {
    category: 'scheme_blocked',
    code: stop.reason,
    networkCode: null,
    advice: null,
    retryNotBefore: new Date(stop.retryAtMs).toISOString(),
    otherProvider: 'never',
    mayHideApproval: false,
  };
}

/** Takes a finding into what the road knows; it becomes durable with the next step. */
export function find(road: Road, finding: Finding, deps: Pick<GatewayDeps, 'clock' | 'observer'>): void {
  const change = applyFindings(road.current, [finding], deps.clock.wallMs());
  road.current = change.authorization;
  road.findings = [...road.findings, finding];
  tellRemarks(change.remarks, road.current, deps);
}

export type Recorded = 'written' | 'overtaken' | 'failed' | 'scheme_stop';

/** Makes durable what the road knows, before it does something that rests on it. */
export async function recordRoad(
  road: Road,
  kind: string,
  data: Readonly<Record<string, unknown>>,
  deps: GatewayDeps,
): Promise<Recorded> {
  return write(
    road,
    road.current,
    {
      ...NO_INTENT,
      leaseUntilMs: leaseFor(road, deps),
      work: 'unchanged',
      event: { kind, actor: 'gateway', atMs: deps.clock.wallMs(), data },
    },
    deps,
  );
}

/**
 * Makes durable under which id a provider with two steps has an attempt, before the step by which money can move.
 * @returns false: it may not be durable, or somebody else has moved the authorization on; nothing more may be sent then
 */
export async function recordPrepared(
  road: Road,
  attemptNumber: number,
  providerReference: string,
  deps: GatewayDeps,
): Promise<boolean> {
  const attempts = road.current.attempts.map((attempt) =>
    attempt.number === attemptNumber ? { ...attempt, preparedReference: providerReference } : attempt,
  );
  const result = await write(
    road,
    { ...road.current, attempts },
    {
      ...NO_INTENT,
      leaseUntilMs: leaseFor(road, deps),
      work: 'unchanged',
      event: {
        kind: 'prepared',
        actor: 'gateway',
        atMs: deps.clock.wallMs(),
        data: { attempt: attempts.at(-1)?.id, provider_reference: providerReference },
      },
    },
    deps,
    // What is confirmed later would not be sent any more.
    road.deadlineMs,
  );
  return result === 'written';
}

export type FailedOver =
  | { readonly kind: 'written'; readonly intent: Intent }
  | { readonly kind: Exclude<Recorded, 'written'> };

/** What an attempt is to be followed by. */
interface Next {
  readonly admitted: Admitted;
  readonly reason: FailOverReason;
}

/**
 * Records a definite negative together with the intent of the next attempt. Where somebody else was first with exactly
 * what was found here (a webhook that overtook the answer), that is as good; with anything else the road is over.
 */
export async function failOverRoad(road: Road, next: Next, deps: GatewayDeps): Promise<FailedOver> {
  const judged = road.current;
  const first = await tryFailOver(road, next, deps);
  if (first.kind !== 'overtaken' || !(await catchUp(road, deps))) return first;
  if (!isSameStory(road.recorded, judged)) return first;
  return tryFailOver(road, next, deps);
}

/** Whether the record says of attempts and operations what a road has judged, no more and no less. */
function isSameStory(recorded: Authorization, judged: Authorization): boolean {
  const storyOf = ({ open, attempts, operations }: Authorization) =>
    JSON.stringify([open, attempts.map(({ outcome }) => outcome), operations.map(({ status }) => status)]);
  return storyOf(recorded) === storyOf(judged);
}

async function tryFailOver(road: Road, next: Next, deps: GatewayDeps): Promise<FailedOver> {
  const intent = intentFor(road, next.admitted, deps);
  const after = settled({ ...road.current, attempts: [...road.current.attempts, attemptOf(intent)] });
  const result = await write(
    road,
    after,
    {
      intent,
      scheme: schemeCheck(road, deps),
      leaseUntilMs: leaseFor(road, deps),
      claim: null,
      work: 'unchanged',
      event: {
        kind: 'failed_over',
        actor: 'gateway',
        atMs: deps.clock.wallMs(),
        data: { reason: next.reason, provider: intent.provider, candidates: road.decision.explain() },
      },
    },
    deps,
  );
  if (result === 'written') return { kind: 'written', intent };
  // Perhaps all of it was written; in both cases the next attempt was never sent.
  if (result === 'failed') road.findings = [...road.findings, neverSent(intent.number)];
  return { kind: result };
}

/** @param untilMs monotonic clock until which it is waited for */
async function write(
  road: Road,
  after: Authorization,
  details: StepDetails,
  deps: GatewayDeps,
  untilMs = recordedBy(road, deps),
): Promise<Recorded> {
  const step: Step = stepOf(road.recorded, after, details, deps);
  const written = await callJournal(
    'advance',
    deps,
    () => deps.journal.advance(step),
    road.command.span,
    untilMs,
  );
  if (!written.ok) return 'failed';
  switch (written.value.kind) {
    case 'written':
      road.recorded = { ...step.after, version: written.value.version };
      road.current = road.recorded;
      road.findings = [];
      road.frozen ??= step.frozen;
      return 'written';
    case 'scheme_stop':
      return 'scheme_stop';
    default:
      return 'overtaken';
  }
}

/**
 * Records the last findings and the state that everything adds up to, and answers. When somebody else has moved the
 * authorization on (a webhook, a void, a resolver after the lease), their state is read and what came back here is
 * added to it: nothing that was found out is lost, and nothing definite is replaced.
 */
export async function concludeRoad(
  road: Road,
  reason: EndReason,
  deps: GatewayDeps,
): Promise<AuthorizeResult> {
  let why = reason;
  for (let turn = 0; turn < TRIES_MAX; turn += 1) {
    const after = settled({ ...road.current, open: false });
    const isAsRecorded = !road.recorded.open && road.current === road.recorded && road.doubts.length === 0;
    if (isAsRecorded) break;
    const result = await write(road, after, await endOf(road, after, why, deps), deps);
    if (result === 'written') break;
    if (result === 'failed') return answerUnrecorded(road, deps);
    why = 'overtaken';
    if (!(await catchUp(road, deps))) return answerUnrecorded(road, deps);
  }
  const answer = await finalAnswer(road, recordedBy(road, deps), deps);
  if (answer === null) return answerUnrecorded(road, deps);
  observeEnd(road, road.recorded, why, deps);
  watchCardTesting(road.recorded, road.card, deps);
  return answered(road, answer);
}

/**
 * The answer as it was frozen, whoever froze it; the current state while it is open.
 * @param untilMs monotonic clock until which it is looked for
 * @returns null: it is frozen, and cannot be read. Rendered anew it might be another, since more has happened
 */
async function finalAnswer(road: Road, untilMs: number, deps: GatewayDeps): Promise<FrozenAnswer | null> {
  if (road.frozen !== null) return road.frozen;
  if (!road.recorded.answered) return deps.renderAnswer(road.recorded);
  const scope = claimScope(road.command);
  const find = () => deps.journal.findClaim(scope);
  const claim = await callJournal('find_claim', deps, find, null, untilMs);
  return claim.ok ? (claim.value?.frozen ?? null) : null;
}

async function endOf(
  road: Road,
  after: Authorization,
  reason: EndReason,
  deps: GatewayDeps,
): Promise<StepDetails> {
  const nowMs = deps.clock.wallMs();
  const data = { status: after.status, reason, provider: after.provider };
  const event = withDoubts({ kind: 'concluded', actor: 'gateway', atMs: nowMs, data }, road.doubts, after);
  const plan = planFor(after, nowMs, deps.resolverSchedule);
  // A road that nobody overtook has no work to end, and nothing of it was closed by others.
  if (plan !== null || !road.overtaken) return { ...NO_INTENT, work: plan ?? 'unchanged', event };
  return { ...NO_INTENT, work: await planToAskAgain(after, event, deps, recordedBy(road, deps)), event };
}

/** Reads what others made of the authorization, and adds what was found out here. */
export async function catchUp(road: Road, deps: GatewayDeps): Promise<boolean> {
  const found = await callJournal(
    'find',
    deps,
    () => deps.journal.findAuthorization(road.authorizationId),
    null,
    recordedBy(road, deps),
  );
  if (!found.ok || found.value === null) return false;
  const change = applyFindings(found.value, road.findings, deps.clock.wallMs());
  tellRemarks(change.remarks, change.authorization, deps);
  road.recorded = found.value;
  road.current = change.authorization;
  road.doubts = change.remarks.filter(({ remark }) => remark === 'sent_after_closed');
  road.overtaken = true;
  return true;
}

function answered(road: Road, answer: ReturnType<RenderAnswer>): Answered {
  return { kind: 'answered', ...answer, replayed: false, authorizationId: road.authorizationId };
}

function neverSent(number: number): Finding {
  const outcome = { kind: 'not_sent', code: 'journal_failed' } as const;
  return { about: 'attempt', number, outcome, durationMs: 0, validityMs: 0 };
}

/**
 * The journal could not record what came back. Others may have ended the authorization meanwhile and told so under its key,
 * or its end may be written and only the confirmation lost: then that is the answer. Otherwise, and where the journal
 * cannot be read either, the caller is told `pending`, never more and never less: the attempt stands as sent in the
 * journal, and is recorded by a later try or found out.
 */
async function answerUnrecorded(road: Road, deps: GatewayDeps): Promise<AuthorizeResult> {
  const { authorizationId, findings } = road;
  const last = road.recorded.attempts.at(-1);
  const standing = await readStanding(road, deps);
  deps.unrecorded.add({ authorizationId, findings, ...(standing === null && { toldPending: true }) });
  if (!isRecorded(standing?.authorization ?? road.recorded, findings, deps)) {
    deps.observer.alert({
      kind: 'outcome_not_recorded',
      detail: `attempt ${last?.number} at ${last?.provider ?? 'no provider'} came back, but could not be recorded`,
      authorizationId,
    });
  }
  if (standing !== null) {
    observeEnd(road, standing.authorization, 'journal_failed', deps);
    return answered(road, standing.answer);
  }
  const attempts = road.recorded.attempts.map((attempt) =>
    attempt.number === last?.number
      ? { ...attempt, outcome: { kind: 'unknown' as const, code: 'not_recorded', providerReference: null } }
      : attempt,
  );
  const authorization = settled({ ...road.recorded, open: false, attempts, operations: [] });
  observeEnd(road, authorization, 'journal_failed', deps);
  return answered(road, deps.renderAnswer(authorization));
}

/** What is final in the journal by now; null: nothing is, or it cannot be read in time. */
async function readStanding(
  road: Road,
  deps: GatewayDeps,
): Promise<{ readonly authorization: Authorization; readonly answer: FrozenAnswer } | null> {
  const untilMs = lookedAgainBy(road, deps);
  const find = () => deps.journal.findAuthorization(road.authorizationId);
  const found = await callJournal('find', deps, find, null, untilMs);
  if (!found.ok || found.value === null || !found.value.answered) return null;
  const answer = await finalAnswer({ ...road, recorded: found.value }, untilMs, deps);
  return answer === null ? null : { authorization: found.value, answer };
}

/** Whether an authorization tells all that was found out. */
function isRecorded(
  authorization: Authorization,
  findings: readonly Finding[],
  deps: Pick<GatewayDeps, 'clock'>,
): boolean {
  return !applyFindings(authorization, findings, deps.clock.wallMs()).changed;
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

/** The ceilings that the next attempt must keep: checked and reserved where its intent is written. */
export function schemeCheck(road: Road, deps: Pick<GatewayDeps, 'clock' | 'schemeGuard'>): SchemeCheck {
  const { merchant, card } = road.command.request;
  const nowMs = deps.clock.wallMs();
  return {
    cardKey: deps.schemeGuard.cardKey(merchant, card),
    limits: limitsInForce(deps.schemeGuard.rules(), road.facts.cardBrand, nowMs),
    nowMs,
  };
}

/**
 * Until when the road holds its authorization. A lease that ended before the road does would let others declare its
 * attempt unknown while it is sent.
 */
function leaseFor(road: Road, deps: GatewayDeps): number {
  const remainingMs = Math.max(0, road.deadlineMs - deps.clock.monotonicMs());
  return deps.clock.wallMs() + Math.max(deps.leaseMs, Math.ceil(remainingMs) + MARGIN_AFTER_DEADLINE_MS);
}

/**
 * The intent of the next attempt. Its id is the authorization's with the attempt's number, and is the idempotency
 * key and the reference at the provider too: a pure function of authorization and number, at most 30 characters.
 */
function intentFor(road: Road, admitted: Admitted, deps: GatewayDeps): Intent {
  const number = road.current.attempts.length + 1;
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
  };
}

function attemptOf(intent: Intent) {
  return {
    id: intent.attemptId,
    number: intent.number,
    provider: intent.provider,
    providerKey: intent.providerKey,
    preparedReference: null,
    outcome: null,
    propensity: intent.propensity,
    durationMs: null,
    startedAtMs: intent.startedAtMs,
    deadlineAtMs: intent.deadlineAtMs,
  };
}

/** What the road knows of an attempt that came back. */
export function findingOf(result: AttemptResult, number: number, validityMs: number): Finding {
  return { about: 'attempt', number, outcome: result.outcome, durationMs: result.durationMs, validityMs };
}

/** The attempt that is under way or came back last. */
export function lastAttempt(road: Road) {
  return road.current.attempts.at(-1) ?? null;
}
