import { isUnsettled } from '../core/attempt.ts';
import type { OperationEnd } from '../core/lifecycle.ts';
import { memberOf } from '../core/member-of.ts';
import type { Operation } from '../core/operation.ts';
import {
  CLOCKS_APART_MS,
  isKeyUsable,
  isNotFoundEvidence,
  KEY_MARGIN_MS,
  notFoundEvidenceAt,
  type ProviderSemantics,
} from '../core/resolution.ts';
import type { Connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { LEASE_ENDED } from './lease-watch.ts';
import type { OperationTarget } from './operation-calls.ts';
import type { EventRecord, HistoryEvent, OperationOutcome } from './ports.ts';
import { operationSighting } from './sightings.ts';

/** Kind of the event that records that an operation is sent which whoever began it has not sent. */
export const SENT = 'operation_sent';
/** Kind of the event that records a repeat which no key protects. */
export const SENT_AGAIN = 'operation_sent_again';
/** Kind of the event that records that one sending of an operation surely was not processed. */
const NOT_PROCESSED = 'operation_not_processed';
/** Kind of the event after which an operation is not sent any more: its key gives nothing but a failure. */
export const KEY_SPENT_EVENT = 'operation_key_spent';

/** Code of an operation whose key gives nothing but a failure that the provider keeps. */
export const KEY_SPENT = 'key_spent';

/** Kinds of events whose authors never send what they begin: it is left to the resolver. */
const BEGUN_FOR_OTHERS: ReadonlySet<string> = new Set([
  'noticed',
  'resolved_by_person',
  'lapsed',
  'expired',
  'concluded',
]);

/** The number of the sending by whoever began an operation: that is the beginning, and no event of its own. */
export const FIRST_SENDING = 0;

/**
 * Whether and how an operation may be sent that may have been sent before. What is recorded first has the number of its
 * sending, by which it is told afterwards what became of that one.
 */
export type Sending =
  /** It cannot be done twice: nobody has sent it, a void undoes once, or its key sees to it. */
  | { readonly kind: 'free' }
  /** Nobody has sent it so far; that it is sent is recorded first. */
  | { readonly kind: 'first'; readonly number: number }
  /** What was sent so far surely was not processed. That it is sent again is recorded first. */
  | { readonly kind: 'again'; readonly number: number }
  /** "Not found" is evidence that no request so far was carried out. Every repeat is recorded first. */
  | { readonly kind: 'evidence'; readonly number: number }
  | { readonly kind: 'none'; readonly evidenceAtMs: number | null };

/**
 * Whether an operation that may have been sent may be sent again. A void always: undoing twice undoes once. A capture or
 * a refund only where it cannot be done twice: under a key that is certain to be known and under which the first answer
 * is kept; where the last sending surely was not processed, and every earlier one is accounted for; or once "not found" is
 * evidence about every request so far, the last repeat included. What was begun by somebody who does not send (a webhook
 * told of the approval that is to be captured) is sent for the first time. What has a spent key is not sent any more: "not
 * found" ends it, once that is evidence.
 * @param wasNotFound whether the provider has just said that it does not know the operation
 */
export async function judgeRepeat(
  { authorization, attempt, operation }: OperationTarget,
  { provider, contract }: Connected,
  wasNotFound: boolean,
  deps: GatewayDeps,
): Promise<Sending> {
  const { semantics } = provider;
  const isKeyed = semantics.replay === 'same_answer';
  const isSpent = isKeyed && operation.code === KEY_SPENT;
  if (operation.kind === 'void' && !isSpent) return { kind: 'free' };
  const history = await callJournal('history', deps, () => deps.journal.history(authorization.id));
  if (!history.ok) return { kind: 'none', evidenceAtMs: null };
  const ours = history.value.filter(({ data }) => memberOf(data, 'operation') === operation.id);
  const sendings = ours.filter(
    ({ kind }) => kind === SENT || kind === SENT_AGAIN || kind === KEY_SPENT_EVENT,
  );
  const beginning = history.value.find(({ begun }) => begun.includes(operation.number));
  const isLeftToUs = beginning !== undefined && BEGUN_FOR_OTHERS.has(beginning.kind);
  const number = sendings.length + 1;
  if (isLeftToUs && sendings.length === 0) return { kind: 'first', number };
  const unprocessed = unprocessedIn(ours);
  // Each repeat was recorded only once those before it were accounted for, so that the last one decides.
  const isUnprocessed = operation.code === null && unprocessed.has(sendings.length);
  const nowMs = deps.clock.wallMs();
  const wallAgeMs = nowMs - operation.createdAtMs;
  const sighting = operationSighting(attempt.id, operation.id);
  // A clock that is behind by no more than clocks may differ sees what is yet to come: the margin stands for that.
  const ageMs =
    wallAgeMs < -CLOCKS_APART_MS ? -1 : Math.max(0, wallAgeMs, deps.sightings.seenForMs(sighting));
  if (isKeyed && !isSpent && isKeyUsable(semantics, ageMs, KEY_MARGIN_MS)) {
    // Else what is recorded would tell of another sending than the last, if the account's keys are judged otherwise later.
    return isUnprocessed ? { kind: 'again', number } : { kind: 'free' };
  }
  if (!isKeyed && isUnprocessed) {
    const first = isLeftToUs ? FIRST_SENDING + 1 : FIRST_SENDING;
    const isCertain = sendings.every((_, index) => index < first || unprocessed.has(index));
    return { kind: isCertain ? 'again' : 'evidence', number };
  }
  if (!wasNotFound) return { kind: 'none', evidenceAtMs: null };
  // As long as its key was good it may have been sent under it at any time; not since the key is known to be spent.
  const goodForMs = isKeyed && !isSpent ? (semantics.keyLifetimeMs ?? 0) : 0;
  const keyEndMs = operation.createdAtMs + goodForMs;
  const lastSentAtMs = Math.max(
    keyEndMs,
    ...sendings.map(({ atMs }) => atMs),
    // Where nobody else can have the journal, whoever had it before is dead, and does not stand still.
    ...(isKeyed || deps.soleOwner
      ? []
      : mayBeHeldUntil([...sendings, ...history.value.filter(({ kind }) => LEFT.has(kind))])),
  );
  const waited = {
    pastDeadlineMs: nowMs - lastSentAtMs - contract.timeoutMs,
    // Since this process has seen that there was no repeat after the last.
    seenForMs: deps.sightings.seenForMs(`${sighting} ${sendings.length}`) - contract.timeoutMs,
  };
  const windowMs = semantics.operationNotFoundAfterMs;
  return isNotFoundEvidence(windowMs, waited)
    ? { kind: 'evidence', number }
    : { kind: 'none', evidenceAtMs: notFoundEvidenceAt(windowMs, waited, nowMs) };
}

/**
 * For how long a machine may have stood still with both of its clocks before it sends: nobody has heard of it since. Where no key
 * sees to it that two requests are carried out once, a repeat waits for that; milliseconds.
 */
const STOOD_STILL_MS = 30 * 60_000;

/** Kinds of events that take something out of the hands of whoever may be about to send. */
const LEFT: ReadonlySet<string> = new Set([LEASE_ENDED, 'lapsed']);

/** Wall clocks until which senders may stand still of whom nothing was heard since these events. */
function mayBeHeldUntil(events: readonly HistoryEvent[]): readonly number[] {
  return events.map(({ atMs }) => atMs + STOOD_STILL_MS);
}

/**
 * Until when somebody may stand still who is about to send an operation, as far as the history tells: whoever was to repeat
 * it, or had the work of its authorization in hand and was not heard of since.
 * @returns wall clock, milliseconds; 0 when it tells of nobody
 */
export function mayBeSentUntil(history: readonly HistoryEvent[], operation: Operation): number {
  const events = history.filter(
    ({ kind, data }) =>
      LEFT.has(kind) ||
      ((kind === SENT || kind === SENT_AGAIN) && memberOf(data, 'operation') === operation.id),
  );
  return Math.max(0, ...mayBeHeldUntil(events));
}

/** Numbers of the sendings that are recorded as surely not processed. */
function unprocessedIn(history: readonly HistoryEvent[]): ReadonlySet<unknown> {
  const told = history.filter(({ kind }) => kind === NOT_PROCESSED);
  return new Set(told.map(({ data }) => memberOf(data, 'sending')));
}

/**
 * What is recorded of a sending that surely was not processed: no byte of it was handed over, or the provider said so. Null
 * where that is not certain, where the sending itself was not recorded, and where it is of no use: a void, and what a key
 * sees to, is repeated anyway.
 * @param number of the sending; null: it was not recorded
 */
export function notProcessed(
  outcome: OperationOutcome,
  operation: Operation,
  semantics: ProviderSemantics,
  number: number | null,
): Pick<EventRecord, 'kind' | 'data'> | null {
  if (outcome.kind !== 'not_sent' && outcome.kind !== 'rejected') return null;
  if (number === null || operation.kind === 'void' || semantics.replay === 'same_answer') return null;
  const { kind: because, code } = outcome;
  return { kind: NOT_PROCESSED, data: { operation: operation.id, sending: number, because, code } };
}

/**
 * A reversal that the provider does not know for certain, and whose repeat fails again: it keeps the failure under the
 * key, which so will never undo anything. It has failed, and is begun anew under another key; undoing twice undoes once.
 */
export function endOfSpentVoid(
  outcome: OperationOutcome,
  target: OperationTarget,
  to: Connected,
  deps: GatewayDeps,
): OperationEnd | null {
  if (!isReversal(target.operation) || isUnsettled(target.attempt.outcome)) return null;
  if (outcome.kind !== 'unknown' || !isUnknownThere(target, to, deps)) return null;
  return { status: 'failed', code: KEY_SPENT, providerReference: null };
}

/** A void of ours. */
function isReversal({ kind, purpose }: Operation): boolean {
  return kind === 'void' && purpose !== 'requested';
}

/**
 * What a caller may ask for anew, and the provider does not know for certain: its repeat was answered with a failure, so
 * that one is kept under the key, which will never carry anything out. It is not sent any more; it has failed once "not
 * found" is evidence about this repeat too, since an answer of somebody between may have come before the provider's own.
 */
export function isKeySpent(
  outcome: OperationOutcome,
  target: OperationTarget,
  to: Connected,
  deps: GatewayDeps,
): boolean {
  if (isReversal(target.operation) || isUnsettled(target.attempt.outcome)) return false;
  if (outcome.kind !== 'unknown' || outcome.answered !== 'failure') return false;
  return to.provider.semantics.replay === 'same_answer' && isUnknownThere(target, to, deps);
}

/** Whether "not found" is evidence that the first request of an operation was not carried out. */
function isUnknownThere(
  { attempt, operation }: OperationTarget,
  { provider, contract }: Connected,
  deps: GatewayDeps,
): boolean {
  const seenForMs = deps.sightings.seenForMs(operationSighting(attempt.id, operation.id));
  const pastDeadlineMs = deps.clock.wallMs() - operation.createdAtMs - contract.timeoutMs;
  return isNotFoundEvidence(provider.semantics.operationNotFoundAfterMs, { pastDeadlineMs, seenForMs });
}
