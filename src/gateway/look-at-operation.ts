import { type Attempt, isUnsettled } from '../core/attempt.ts';
import { applyOperationEnd, type OperationEnd, withOperation } from '../core/lifecycle.ts';
import type { Operation } from '../core/operation.ts';
import { budgetFor } from './attempt.ts';
import { type ChangeResult, changeAuthorization, eventAlone } from './change.ts';
import { type Connected, connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import {
  endOfSpentVoid,
  FIRST_SENDING,
  isKeySpent,
  judgeRepeat,
  KEY_SPENT,
  KEY_SPENT_EVENT,
  notProcessed,
  SENT,
  SENT_AGAIN,
  type Sending,
} from './judge-repeat.ts';
import { type Look, NO_WAY_TO_ASK, tellLook } from './look.ts';
import {
  endOfAcceptedVoid,
  endOfInquiry,
  endOfOutcome,
  endOfRefusedVoid,
  inquireOperation,
  labelOf,
  type OperationTarget,
  sendOperation,
  targetOf,
} from './operation-calls.ts';
import type { EventRecord, Provider, WorkItem } from './ports.ts';
import { operationSighting } from './sightings.ts';

/** Whether a void may be sent although what became of its attempt is not known. */
export function mayCancel(attempt: Attempt, operation: Operation, deps: GatewayDeps): boolean {
  if (operation.kind !== 'void') return false;
  const semantics = deps.provider(attempt.provider)?.semantics;
  return semantics?.cancelByReference === true || targetOf({ attempt, operation }) !== null;
}

/**
 * Finds out how an operation ended, or carries it out where that is safe.
 * @param isNew the operation was begun by what this look found: it cannot have been sent before
 */
export async function lookAtOperation(
  target: OperationTarget,
  isNew: boolean,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const { authorization, attempt, operation } = target;
  const to = connected(attempt.provider, deps);
  if (to === null) {
    tellLook(item, { ...aboutOf(target), by: 'inquiry', result: 'provider_not_connected' }, deps);
    return { authorization, answered: false };
  }
  if (targetOf(target) === null && !(operation.kind === 'void' && to.provider.semantics.cancelByReference)) {
    tellLook(item, { ...aboutOf(target), by: 'inquiry', result: NO_WAY_TO_ASK }, deps);
    return { authorization, answered: true };
  }
  const asked = await ask(target, isNew, to, deps);
  return asked.kind === 'told'
    ? conclude(target, asked, to, item, deps)
    : send(target, asked, to, item, deps);
}

function aboutOf({ attempt, operation }: OperationTarget) {
  return { provider: attempt.provider, subject: operation.kind };
}

/** What the provider told of an operation. */
interface Told {
  readonly kind: 'told';
  readonly by: 'inquiry' | 'answer';
  /** How it ended; null while it has not, as far as this tells. */
  readonly end: OperationEnd | null;
  /** For logs. */
  readonly result: string;
  /** As {@link Look.evidenceAtMs}. */
  readonly evidenceAtMs: number | null;
}

/** An operation that is to be sent, for the first time or again. */
interface ToSend {
  readonly kind: 'to_send';
  readonly how: Exclude<Sending['kind'], 'none'>;
  /** Which sending it is; null: it is not recorded. */
  readonly number: number | null;
  /** Whether the provider has just said that it does not know the operation. */
  readonly wasNotFound: boolean;
  /** Whether an earlier request may have been carried out. */
  readonly isRepeat: boolean;
}

/** Asks about an operation that may have been sent, where that can be; what nobody knows there may have to be sent. */
async function ask(
  target: OperationTarget,
  isNew: boolean,
  to: Connected,
  deps: GatewayDeps,
): Promise<Told | ToSend> {
  if (isNew) {
    return { kind: 'to_send', how: 'free', number: FIRST_SENDING, wasNotFound: false, isRepeat: false };
  }
  const { provider, contract } = to;
  const inquiry = canInquire(target, provider)
    ? await inquireOperation(provider, target, budgetFor(contract, deps), deps)
    : null;
  const result = inquiry === null ? NO_WAY_TO_ASK : labelOf(inquiry);
  const told = { kind: 'told', by: 'inquiry', result, evidenceAtMs: null } as const;
  if (inquiry !== null && inquiry.kind !== 'not_found') return { ...told, end: endOfInquiry(inquiry) };
  const wasNotFound = inquiry !== null;
  const sending = await judgeRepeat(target, to, wasNotFound, deps);
  if (sending.kind === 'none') return { ...told, end: null, evidenceAtMs: sending.evidenceAtMs };
  const { code } = target.operation;
  if (sending.kind === 'evidence' && code !== null) {
    // It was sent again before and refused, and neither that nor the first request is known there.
    return { ...told, end: { status: 'failed', code, providerReference: null } };
  }
  const number = sending.kind === 'free' ? null : sending.number;
  return { kind: 'to_send', how: sending.kind, number, wasNotFound, isRepeat: sending.kind === 'free' };
}

function canInquire(target: OperationTarget, { semantics }: Provider): boolean {
  return semantics.operationInquiry && targetOf(target) !== null;
}

/** Sends an operation, after what must be durable before is, and takes the answer for what it says. */
async function send(
  target: OperationTarget,
  { how, number, wasNotFound, isRepeat }: ToSend,
  to: Connected,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const { provider, contract } = to;
  const { operation } = target;
  if (how !== 'free') {
    const { authorization } = target;
    const recorded = await recordSending(target, how === 'first' ? SENT : SENT_AGAIN, deps);
    if (recorded.kind !== 'written') return { authorization, answered: recorded.kind === 'unchanged' };
    target = { ...target, authorization: recorded.authorization };
  }
  const outcome = await sendOperation(provider, target, budgetFor(contract, deps), deps, isRepeat);
  const unprocessed = notProcessed(outcome, operation, provider.semantics, number);
  if (unprocessed !== null) {
    const recorded = await recordUnprocessed(target, unprocessed, deps);
    if (recorded.kind === 'written') target = { ...target, authorization: recorded.authorization };
    const told = { kind: 'told', by: 'answer', end: null, evidenceAtMs: null } as const;
    const look = await conclude(target, { ...told, result: labelOf(outcome) }, to, item, deps);
    const sent = how === 'free' ? 0 : 1;
    return { ...look, bookings: recorded.kind === 'written' ? sent + 1 : sent };
  }
  let end = endOfOutcome(outcome) ?? (wasNotFound ? endOfSpentVoid(outcome, target, to, deps) : null);
  if (outcome.kind === 'accepted' && operation.kind === 'void' && !canInquire(target, provider)) {
    // No inquiry tells of the void, and its notice may be lost: the authorization itself is asked about.
    end = await endOfAcceptedVoid(provider, target, budgetFor(contract, deps), deps);
  }
  if (how === 'evidence' && end?.status === 'failed') return endRefusedRepeat(target, end, to, item, deps);
  if (wasNotFound && isKeySpent(outcome, target, to, deps)) {
    tellLook(item, { ...aboutOf(target), by: 'answer', result: KEY_SPENT }, deps);
    return keepCode(target, KEY_SPENT, KEY_SPENT_EVENT, deps);
  }
  const told: Told = { kind: 'told', by: 'answer', end, result: labelOf(outcome), evidenceAtMs: null };
  return conclude(target, told, to, item, deps);
}

/** Writes how an operation ended, if it has. */
async function conclude(
  target: OperationTarget,
  { by, end: toldEnd, result, evidenceAtMs }: Told,
  { provider, contract }: Connected,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  let end = toldEnd;
  if (target.operation.kind === 'void' && end?.status === 'failed') {
    // While nothing is known of the attempt, a refusal to cancel it says nothing about what it may become.
    end = isUnsettled(target.attempt.outcome)
      ? null
      : await endOfRefusedVoid(provider, target, end, budgetFor(contract, deps), deps);
  }
  tellLook(item, { ...aboutOf(target), by, result: end?.status ?? result }, deps);
  if (end !== null) return endOperation(target, end, by, deps);
  const answered = !/^(no_answer|not_sent|unknown|rejected)/.test(result);
  return { authorization: target.authorization, answered, evidenceAtMs };
}

/** Makes durable that an operation is about to be sent, unless anybody else has changed something meanwhile. */
function recordSending(
  { authorization, operation }: OperationTarget,
  kind: typeof SENT | typeof SENT_AGAIN,
  deps: GatewayDeps,
): Promise<ChangeResult> {
  return changeAuthorization(
    authorization,
    (current) => ({
      authorization: current,
      remarks: [],
      changed: current.version === authorization.version,
    }),
    { event: { kind, actor: 'resolver', data: { operation: operation.id } } },
    deps,
  );
}

/** Makes durable that a sending surely was not processed. Where that fails, it counts as one that may have been. */
function recordUnprocessed(
  { authorization }: OperationTarget,
  event: Pick<EventRecord, 'kind' | 'data'>,
  deps: GatewayDeps,
): Promise<ChangeResult> {
  return changeAuthorization(
    authorization,
    eventAlone,
    { event: { ...event, actor: 'resolver' }, work: 'unchanged' },
    deps,
  );
}

/**
 * A repeat without a key is refused, perhaps because an earlier request has come through after all: only what the
 * provider knows of the operation says how it ended. While it cannot tell, it stays pending, with the refusal kept.
 */
async function endRefusedRepeat(
  target: OperationTarget,
  refusal: OperationEnd,
  { provider, contract }: Connected,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const inquiry = await inquireOperation(provider, target, budgetFor(contract, deps), deps);
  const end = endOfInquiry(inquiry);
  tellLook(item, { ...aboutOf(target), by: 'inquiry', result: end?.status ?? labelOf(inquiry) }, deps);
  if (end !== null) return endOperation(target, end, 'inquiry', deps);
  const kept = await keepCode(target, refusal.code, 'operation_refused', deps);
  return { ...kept, answered: kept.answered && inquiry.kind !== 'no_answer' };
}

/** Records with an operation that stays pending what its last sending came to. */
async function keepCode(
  { authorization, operation }: OperationTarget,
  code: string | null,
  kind: string,
  deps: GatewayDeps,
): Promise<Look> {
  const result = await changeAuthorization(
    authorization,
    (current) => {
      const known = current.operations[operation.number - 1];
      if (known?.status !== 'pending') return { authorization: current, remarks: [], changed: false };
      return { authorization: withOperation(current, { ...known, code }), remarks: [], changed: true };
    },
    { event: { kind, actor: 'resolver', data: { operation: operation.id, code } } },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  return { authorization: result.authorization, answered: true };
}

/** Writes how an operation ended. A reversal of ours that failed is begun anew by it, and pages. */
async function endOperation(
  target: OperationTarget,
  end: OperationEnd,
  by: Told['by'],
  deps: GatewayDeps,
): Promise<Look> {
  const { authorization, attempt, operation } = target;
  const result = await changeAuthorization(
    authorization,
    (current) => applyOperationEnd(current, operation.number, end, { nowMs: deps.clock.wallMs() }),
    {
      event: {
        kind: 'operation_ended',
        actor: 'resolver',
        data: { operation: operation.id, purpose: operation.purpose, by, ...end },
      },
    },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  deps.sightings.forget(operationSighting(attempt.id, operation.id));
  return { authorization: result.authorization, answered: true };
}
