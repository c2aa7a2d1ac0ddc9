import type { Attempt } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { beginFollowOn, FOLLOW_ON_REFUSALS, type FollowOn, type FollowOnRefusal } from '../core/follow-on.ts';
import { applyOperationEnd, type OperationEnd } from '../core/lifecycle.ts';
import type { Operation } from '../core/operation.ts';
import { hasWork } from '../core/settlement.ts';
import { type CameBack, intendedBy, lookedAgainBy, operationDeadline, recordedBy } from './answer-time.ts';
import { type Asker, isTheirs } from './asker.ts';
import { budgetFor } from './attempt.ts';
import { changeAuthorization, eventAlone } from './change.ts';
import { type Connected, connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { planFor, stepOf } from './journal-step.ts';
import { FIRST_SENDING, notProcessed } from './judge-repeat.ts';
import { endOfOutcome, endOfRefusedVoid, labelOf, sendOperation, targetOf } from './operation-calls.ts';
import type { ClaimRecord, ClaimScope, Span, Step } from './ports.ts';
import type { Answered } from './road-results.ts';
import { operationSighting } from './sightings.ts';
import { putBack } from './unrecorded.ts';
import { callHolder, sendLimit } from './work-lease.ts';

/** A caller's capture, void or refund, validated. */
export interface OperateCommand extends FollowOn, Asker {
  readonly authorizationId: string;
  /** Of the amount, when one was given. */
  readonly currency: string | null;
  readonly idempotencyKey: string;
  /** SHA-256 of the canonical body, hex. */
  readonly bodyFingerprint: string;
  readonly traceparent: string | null;
  /** The request as a piece of that trace, where it is traced. */
  readonly span?: Span | null;
  /** Monotonic clock. */
  readonly receivedAtMs: number;
}

/** Why a capture, void or refund is not begun. Told to callers: keep the list closed. */
export const OPERATE_REFUSALS = [
  ...FOLLOW_ON_REFUSALS,
  /** Another call, the resolver or a person has an operation of the authorization in hand at this moment. */
  'being_carried_out',
] as const;
export type OperateRefusal = (typeof OPERATE_REFUSALS)[number];

export type OperateResult =
  | Answered
  /** No such authorization for this account. */
  | { readonly kind: 'not_found' }
  /** The key was used with another body; nothing was sent. */
  | { readonly kind: 'other_body'; readonly authorizationId: string }
  /** As things stand it cannot be done; nothing was sent and the key is not used up. */
  | {
      readonly kind: 'refused';
      readonly refusal: OperateRefusal | 'currency_differs';
      readonly leftAmount: number;
      readonly authorization: Authorization;
    }
  /** That the intent is written could not be confirmed in time; nothing was sent. */
  | { readonly kind: 'journal_unavailable'; readonly retryAfterMs: number };

/** When to try again after the journal failed. */
const UNAVAILABLE_RETRY_MS = 1_000;
/**
 * How long an operation belongs to the call that began it, beyond the call itself: longer than the clocks of two
 * machines may differ by, and freed when the call ends. So who could not write the intent can still end it as never
 * sent, and nobody whose clock is ahead sends it meanwhile. Of a process that is gone it is ended earlier, by those who
 * have watched it.
 */
const HELD_MS = 30 * 60_000;

/**
 * How long an operation belongs to the call that began it, at most: milliseconds from its beginning. Before, it may be
 * on its way by that call, whatever anybody else's clock says.
 * @param timeoutMs of a call of its provider
 */
export function operationLeaseMs(timeoutMs: number): number {
  return timeoutMs + HELD_MS;
}

/** When it is looked at after the end of the call, once the lease on it is free. */
const DUE_MARGIN_MS = 2_000;
/** Times that an operation is begun anew because the authorization changed meanwhile. */
const TRIES_MAX = 8;

/**
 * The road of a capture, void or refund: the key is looked up, the state asked, the intent written with the key in one
 * transaction, the provider that authorized asked (whatever its breaker says), and the answer recorded. What has no
 * clear answer stays pending and is found out beside the road. Never throws for a provider or a failing journal. A journal
 * that hangs is waited for within the time of an answer only: what it does not confirm before anything is sent is never
 * sent by this call, and what it does not confirm afterwards is pending.
 */
export async function operate(command: OperateCommand, deps: GatewayDeps): Promise<OperateResult> {
  // Each call has a lease of its own: another one, of the same process or the same key, is somebody else.
  const holder = callHolder(deps.owner, deps.randomness.id('call'));
  const untilMs = intendedBy(command);
  for (let turn = 0; turn < TRIES_MAX; turn += 1) {
    const read = () => deps.journal.findAuthorization(command.authorizationId);
    const found = await callJournal('find', deps, read, null, untilMs);
    if (!found.ok) return UNAVAILABLE;
    const authorization = found.value;
    if (authorization === null || !isTheirs(authorization, command)) return { kind: 'not_found' };
    const scope = claimScopeOf(authorization, command);
    const find = () => deps.journal.findClaim(scope);
    const claim = await callJournal('find_claim', deps, find, null, untilMs);
    if (!claim.ok) return UNAVAILABLE;
    if (claim.value !== null) {
      const answer = answerClaim(claim.value, authorization, command, deps);
      // The claim is newer than what was read: both are read anew.
      if (answer === null) continue;
      return answer;
    }

    const begun = begin(authorization, command, deps);
    if (begun.kind === 'refused') return begun;
    const limited = { ...deps, sendLimit: sendLimit(deps.clock) };
    const hold = await holdWork(authorization, begun, holder, untilMs, deps);
    if (hold === 'failed') return UNAVAILABLE;
    if (hold === 'others')
      return { kind: 'refused', refusal: 'being_carried_out', leftAmount: 0, authorization };
    const step = stepFor(authorization, begun, scope, command, holder, deps);
    const write = () => deps.journal.advance(step);
    const written = await callJournal('advance', deps, write, command.span, untilMs);
    if (!written.ok) {
      // It may be written after all, now or later. Only this call knows for certain that nothing was sent. What nobody
      // sends by itself (a void that waits for its attempt) stays as it was asked for.
      const neverSent = { scope, holder };
      const { isUnsent, ended } = written;
      const unsent = { authorizationId: authorization.id, findings: [], neverSent, isUnsent };
      if (begun.sender !== null) deps.unrecorded.add(unsent, ended);
      return UNAVAILABLE;
    }
    if (written.value.kind === 'written') {
      const after = { ...step.after, version: written.value.version };
      return carryOut(after, begun.operation, begun.sender, { command, scope, holder }, limited);
    }
    // Somebody else changed it, or used the key: it is read and judged anew. Not under a lease of which it is not known
    // whether it is given back: it could end while this call sends.
    const isFree =
      hold !== 'ours' ||
      (await release(authorization.id, holder, deps.resolverSchedule[0] ?? 0, untilMs, deps));
    if (!isFree) return UNAVAILABLE;
  }
  return UNAVAILABLE;
}

const UNAVAILABLE: OperateResult = { kind: 'journal_unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS };

function claimScopeOf(authorization: Authorization, command: OperateCommand): ClaimScope {
  return {
    account: command.account,
    merchant: authorization.request.merchant,
    operation: `${command.kind} ${authorization.id}`,
    key: command.idempotencyKey,
  };
}

/** Who carries an operation out, of what, and what it is told of time. */
interface Sender extends Connected {
  readonly attempt: Attempt;
}

type Begun =
  | {
      readonly kind: 'begun';
      readonly authorization: Authorization;
      readonly operation: Operation;
      /** Null when it waits for the outcome of its attempt, or its provider is not connected. */
      readonly sender: Sender | null;
    }
  | Extract<OperateResult, { readonly kind: 'refused' }>;

function begin(authorization: Authorization, command: OperateCommand, deps: GatewayDeps): Begun {
  const refused = (refusal: FollowOnRefusal | 'currency_differs', leftAmount: number): Begun => ({
    kind: 'refused',
    refusal,
    leftAmount,
    authorization,
  });
  if (command.currency !== null && command.currency !== authorization.request.amount.currency) {
    return refused('currency_differs', 0);
  }
  const { provider } = authorization;
  const contract = provider === null ? undefined : deps.rulesets.current().providers.get(provider);
  const supportsPartial = contract?.capabilities.features.has('partial_capture') ?? false;
  const verdict = beginFollowOn(authorization, command, supportsPartial, deps.clock.wallMs());
  if (!verdict.allowed) return refused(verdict.refusal, verdict.leftAmount);
  const { operation } = verdict;
  return {
    kind: 'begun',
    authorization: verdict.authorization,
    operation,
    // One that ends where it begins is not sent.
    sender: operation.status === 'pending' ? senderOf(verdict.authorization, operation, deps) : null,
  };
}

function senderOf(authorization: Authorization, operation: Operation, deps: GatewayDeps): Sender | null {
  const attempt = authorization.attempts[operation.attemptNumber - 1];
  // What became of the attempt is not known: the void waits for it.
  if (attempt === undefined || authorization.status === 'pending') return null;
  const to = connected(attempt.provider, deps);
  if (to === null) return null;
  return targetOf({ attempt, operation }) === null ? null : { attempt, ...to };
}

/**
 * What is left of an authorization may be on its way by whoever has its work in hand: another call, the resolver. Their
 * lease is the only sign of them while they stand still, so a call takes it from nobody. Where nothing is left, nobody
 * has anything of it in hand, and whoever begins something first changes the version that this call has read.
 */
async function holdWork(
  before: Authorization,
  { authorization: after, sender }: Extract<Begun, { readonly kind: 'begun' }>,
  holder: string,
  untilMs: number,
  deps: GatewayDeps,
): Promise<'not_needed' | 'ours' | 'others' | 'failed'> {
  if (sender === null || after.open || !hasWork(before)) return 'not_needed';
  const nowMs = deps.clock.wallMs();
  const lease = { owner: holder, untilMs: nowMs + operationLeaseMs(sender.contract.timeoutMs) };
  // By a clock that is ahead, a lease could seem to be over that is not.
  const hold = () => deps.journal.holdWork(before.id, nowMs - HELD_MS, lease);
  const held = await callJournal('hold_work', deps, hold, null, untilMs);
  if (!held.ok) {
    // It may be held after all, now or later, by a call that is over.
    const { isUnsent, ended } = held;
    const mayBe = { heldBy: holder, mayBeHeld: true, isUnsent } as const;
    deps.unrecorded.add({ authorizationId: before.id, findings: [], ...mayBe }, ended);
    return 'failed';
  }
  return held.value ? 'ours' : 'others';
}

/** Intent and key in one transaction; while we ask the provider ourselves, nobody else does. */
function stepFor(
  before: Authorization,
  begun: Extract<Begun, { readonly kind: 'begun' }>,
  scope: ClaimScope,
  command: OperateCommand,
  holder: string,
  deps: GatewayDeps,
): Step {
  const nowMs = deps.clock.wallMs();
  const { authorization: after, operation, sender } = begun;
  const timeoutMs = sender?.contract.timeoutMs ?? 0;
  const work =
    sender === null
      ? planFor(after, nowMs, deps.resolverSchedule)
      : {
          step: 0,
          failures: 0,
          dueAtMs: nowMs + timeoutMs + DUE_MARGIN_MS,
          lease: { owner: holder, untilMs: nowMs + operationLeaseMs(timeoutMs) },
        };
  return stepOf(
    before,
    after,
    {
      intent: null,
      scheme: null,
      leaseUntilMs: null,
      claim: { scope, bodyFingerprint: command.bodyFingerprint },
      // A road that is still open plans what is left when it ends.
      work: after.open ? 'unchanged' : work,
      event: {
        kind: 'operation_begun',
        actor: command.account,
        atMs: nowMs,
        data: {
          operation: operation.id,
          kind: operation.kind,
          amount: operation.amount,
          final: operation.final,
        },
      },
    },
    deps,
  );
}

/** A call that has begun an operation. */
interface Call {
  readonly command: OperateCommand;
  /** Its key. */
  readonly scope: ClaimScope;
  /** Whose the lease on the operation is. */
  readonly holder: string;
}

async function carryOut(
  authorization: Authorization,
  operation: Operation,
  sender: Sender | null,
  call: Call,
  deps: GatewayDeps,
): Promise<OperateResult> {
  if (sender === null) return answerOf(authorization, operation, false, deps);
  const { command } = call;
  const { attempt, provider, contract } = sender;
  const startedMs = deps.clock.monotonicMs();
  const span = command.span?.begin('operation', { provider: provider.id, operation: operation.kind });
  const budget = { ...budgetFor(contract, deps), traceparent: span?.traceparent ?? command.traceparent };
  const target = { authorization, attempt, operation };
  const outcome = await sendOperation(provider, target, budget, deps);
  let end = endOfOutcome(outcome);
  if (operation.kind === 'void' && end?.status === 'failed') {
    end = await endOfRefusedVoid(provider, target, end, budget, deps);
  }
  span?.end({ outcome: end?.status ?? outcome.kind }, end === null);
  deps.observer.resolved({
    authorizationId: authorization.id,
    provider: provider.id,
    subject: operation.kind,
    by: 'answer',
    result: end?.status ?? labelOf(outcome),
    ageMs: deps.clock.monotonicMs() - startedMs,
  });
  const deadlineMs = operationDeadline(command, contract.timeoutMs);
  const back = { ...call, deadlineMs, cameBackAtMs: deps.clock.monotonicMs() };
  if (end !== null) return recordEnd(authorization, operation, end, back, deps);
  // By this clock its key grows old, however the wall clock is set afterwards.
  deps.sightings.seenForMs(operationSighting(attempt.id, operation.id));
  const unprocessed = notProcessed(outcome, operation, provider.semantics, FIRST_SENDING);
  return leaveOpen(authorization, operation, unprocessed, back, deps);
}

/** A call that its provider has answered. */
type Answering = Call & CameBack;

/** What has no clear answer stays pending, and is left to others. */
async function leaveOpen(
  authorization: Authorization,
  operation: Operation,
  unprocessed: ReturnType<typeof notProcessed>,
  call: Answering,
  deps: GatewayDeps,
): Promise<OperateResult> {
  const untilMs = recordedBy(call, deps);
  // Where it cannot be recorded, it counts as one that may have been processed.
  if (unprocessed !== null) {
    await changeAuthorization(
      authorization,
      eventAlone,
      { event: { ...unprocessed, actor: 'gateway' }, work: 'unchanged', untilMs },
      deps,
    );
  }
  await release(authorization.id, call.holder, deps.resolverSchedule[0] ?? 0, untilMs, deps);
  const standing = await standingAnswer(authorization, call, deps);
  return standing ?? answerOf(authorization, operation, false, deps);
}

async function recordEnd(
  authorization: Authorization,
  operation: Operation,
  end: OperationEnd,
  call: Answering,
  deps: GatewayDeps,
): Promise<OperateResult> {
  const untilMs = recordedBy(call, deps);
  const data = { operation: operation.id, by: 'answer', ...end };
  const result = await changeAuthorization(
    authorization,
    (current) => applyOperationEnd(current, operation.number, end, { nowMs: deps.clock.wallMs() }),
    { event: { kind: 'operation_ended', actor: 'gateway', data }, untilMs },
    deps,
  );
  if (result.kind === 'failed') {
    const standing = await standingAnswer(authorization, call, deps);
    // It stays pending for the caller, and is recorded by a later try or found out when the lease on it ends.
    const { number } = operation;
    const finding = { about: 'operation', number, end } as const;
    const told = standing === null && { toldPendingOf: number };
    const known = { authorizationId: authorization.id, findings: [finding], heldBy: call.holder, ...told };
    deps.unrecorded.add(known, result.ended);
    return standing ?? answerOf(authorization, operation, false, deps);
  }
  if (hasWork(result.authorization)) await release(authorization.id, call.holder, 0, untilMs, deps);
  // Others were first, and more may have happened since: rendered anew it might be another text than they froze.
  if (result.kind === 'unchanged') {
    const standing = await standingAnswer(authorization, call, deps);
    return standing ?? answerOf(authorization, operation, false, deps);
  }
  const after = result.authorization.operations[operation.number - 1] ?? operation;
  return answerOf(result.authorization, after, false, deps);
}

/**
 * The call is over, and others may look at what is left.
 * @returns whether that is certain; otherwise it is tried again later
 */
async function release(
  authorizationId: string,
  holder: string,
  dueInMs: number,
  untilMs: number,
  deps: GatewayDeps,
): Promise<boolean> {
  const released = await putBack(authorizationId, holder, dueInMs, deps, untilMs);
  if (!released.ok) deps.unrecorded.add({ authorizationId, findings: [], heldBy: holder }, released.ended);
  return released.ok;
}

/**
 * What the call itself has recorded no end of is pending, unless somebody else has found out meanwhile (a notice) and told
 * so under its key, or the end is written and only the confirmation lost. Where the journal cannot be read either, it is
 * pending as far as this process knows.
 * @returns null: it is pending
 */
async function standingAnswer(
  authorization: Authorization,
  call: Answering,
  deps: GatewayDeps,
): Promise<OperateResult | null> {
  const find = () => deps.journal.findClaim(call.scope);
  const claim = await callJournal('find_claim', deps, find, null, lookedAgainBy(call, deps));
  const frozen = claim.ok ? (claim.value?.frozen ?? null) : null;
  if (frozen === null) return null;
  return { kind: 'answered', ...frozen, replayed: false, authorizationId: authorization.id };
}

function answerOf(
  authorization: Authorization,
  operation: Operation,
  replayed: boolean,
  deps: GatewayDeps,
): OperateResult {
  return {
    kind: 'answered',
    ...deps.renderOperation(authorization, operation),
    replayed,
    authorizationId: authorization.id,
  };
}

/**
 * The same key gives the same answer: as frozen when the operation has ended, its current state before. Null when what
 * was read of the authorization is older than the claim.
 */
function answerClaim(
  claim: ClaimRecord,
  authorization: Authorization,
  command: OperateCommand,
  deps: GatewayDeps,
): OperateResult | null {
  if (claim.bodyFingerprint !== command.bodyFingerprint) {
    return { kind: 'other_body', authorizationId: authorization.id };
  }
  if (claim.frozen !== null) {
    return { kind: 'answered', ...claim.frozen, replayed: true, authorizationId: authorization.id };
  }
  const operation = authorization.operations.find(({ number }) => number === claim.operationNumber);
  return operation === undefined ? null : answerOf(authorization, operation, true, deps);
}
