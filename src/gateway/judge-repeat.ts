import { isUnsettled } from '../core/attempt.ts';
import type { OperationEnd } from '../core/lifecycle.ts';
import type { Operation } from '../core/operation.ts';
import { isKeyUsable, isNotFoundEvidence, KEY_MARGIN_MS, notFoundEvidenceAt } from '../core/resolution.ts';
import type { Connected } from './connected.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { OperationTarget } from './operation-calls.ts';
import type { OperationOutcome } from './ports.ts';
import { operationSighting } from './sightings.ts';

/** Kind of the event that records that an operation is sent which whoever began it has not sent. */
export const SENT = 'operation_sent';
/** Kind of the event that records a repeat which no key protects. */
export const SENT_AGAIN = 'operation_sent_again';
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

/** Whether and how an operation may be sent that may have been sent before. */
export type Sending =
  /** It cannot be done twice: nobody has sent it, a void undoes once, or its key sees to it. */
  | { readonly kind: 'free' }
  /** Nobody has sent it so far; that it is sent is recorded first. */
  | { readonly kind: 'first' }
  /** "Not found" is evidence that no request so far was carried out. Every repeat is recorded first. */
  | { readonly kind: 'evidence' }
  | { readonly kind: 'none'; readonly evidenceAtMs: number | null };

/**
 * Whether an operation that may have been sent may be sent again. A void always: undoing twice undoes once. A capture or
 * a refund only where it cannot be done twice: under a key that is certain to be known and under which the first answer
 * is kept, or once "not found" is evidence about every request so far, the last repeat included. What was begun by
 * somebody who does not send (a webhook told of the approval that is to be captured) is sent for the first time. What
 * has a spent key is not sent any more: "not found" ends it, once that is evidence.
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
  const sendings = history.value.filter(
    ({ kind, data }) =>
      (kind === SENT || kind === SENT_AGAIN || kind === KEY_SPENT_EVENT) &&
      (data as { readonly operation?: unknown }).operation === operation.id,
  );
  const beginning = history.value.find(({ begun }) => begun.includes(operation.number));
  const isLeftToUs = beginning !== undefined && BEGUN_FOR_OTHERS.has(beginning.kind);
  if (isLeftToUs && sendings.length === 0) return { kind: 'first' };
  const nowMs = deps.clock.wallMs();
  const wallAgeMs = nowMs - operation.createdAtMs;
  const sighting = operationSighting(attempt.id, operation.id);
  const ageMs = wallAgeMs < 0 ? -1 : Math.max(wallAgeMs, deps.sightings.seenForMs(sighting));
  if (isKeyed && !isSpent && isKeyUsable(semantics, ageMs, KEY_MARGIN_MS)) return { kind: 'free' };
  if (!wasNotFound) return { kind: 'none', evidenceAtMs: null };
  // As long as its key was good it may have been sent under it at any time; not since the key is known to be spent.
  const goodForMs = isKeyed && !isSpent ? (semantics.keyLifetimeMs ?? 0) : 0;
  const keyEndMs = operation.createdAtMs + goodForMs;
  const lastSentAtMs = Math.max(keyEndMs, ...sendings.map(({ atMs }) => atMs));
  const waited = {
    pastDeadlineMs: nowMs - lastSentAtMs - contract.timeoutMs,
    // Since this process has seen that there was no repeat after the last.
    seenForMs: deps.sightings.seenForMs(`${sighting} ${sendings.length}`) - contract.timeoutMs,
  };
  const windowMs = semantics.operationNotFoundAfterMs;
  return isNotFoundEvidence(windowMs, waited)
    ? { kind: 'evidence' }
    : { kind: 'none', evidenceAtMs: notFoundEvidenceAt(windowMs, waited, nowMs) };
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
