import { type Attempt, isUnsettled, mayHoldMoney } from './attempt.ts';
import type { Authorization } from './authorization.ts';
import { withOperation } from './lifecycle.ts';
import { NOTHING_TO_VOID, newOperation, type Operation, type OperationKind, sumOf } from './operation.ts';
import { isUndone, pendingVoid, settle, settled } from './settlement.ts';

/** What a caller asks to be done with an authorization. */
export interface FollowOn {
  readonly kind: OperationKind;
  /** Minor units; null: all that is left. Not used by voids. */
  readonly amount: number | null;
  /** Of a capture: nothing more will be captured. */
  readonly final: boolean;
}

/** Why it cannot be done as things stand. Told to callers: keep the list closed. */
export const FOLLOW_ON_REFUSALS = [
  'outcome_not_known',
  'nothing_authorized',
  'being_voided',
  'already_voided',
  'expired',
  'capture_pending',
  'already_captured',
  'capture_closed',
  'not_captured',
  'nothing_left',
  'amount_too_large',
  'partial_capture_not_supported',
] as const;
export type FollowOnRefusal = (typeof FOLLOW_ON_REFUSALS)[number];

export type FollowOnVerdict =
  | { readonly allowed: true; readonly authorization: Authorization; readonly operation: Operation }
  | { readonly allowed: false; readonly refusal: FollowOnRefusal; readonly leftAmount: number };

/**
 * Whether an operation may be begun, and the authorization with it, pending. Pending operations count as if they had
 * succeeded where that is the careful side: the sum of captures never exceeds what was authorized, nor that of refunds
 * what was captured, however the pending ones end.
 * @param supportsPartialCapture whether the provider captures less than all, or several times
 */
export function beginFollowOn(
  authorization: Authorization,
  followOn: FollowOn,
  supportsPartialCapture: boolean,
  nowMs: number,
): FollowOnVerdict {
  switch (followOn.kind) {
    case 'capture':
      return beginCapture(authorization, followOn, supportsPartialCapture, nowMs);
    case 'void':
      return beginVoid(authorization, followOn, nowMs);
    case 'refund':
      return beginRefund(authorization, followOn, nowMs);
  }
}

function refused(refusal: FollowOnRefusal, leftAmount = 0): FollowOnVerdict {
  return { allowed: false, refusal, leftAmount };
}

function begun(
  authorization: Authorization,
  followOn: FollowOn,
  amount: number,
  attemptNumber: number,
  nowMs: number,
): FollowOnVerdict {
  const attempt = authorization.attempts.find(({ number }) => number === attemptNumber);
  if (attempt === undefined) return refused('nothing_authorized');
  const operation = newOperation(authorization, attempt, {
    kind: followOn.kind,
    purpose: 'requested',
    target: null,
    amount,
    final: followOn.final,
    createdAtMs: nowMs,
  });
  const operations = [...authorization.operations, operation];
  return { allowed: true, authorization: settled({ ...authorization, operations }), operation };
}

/** Why nothing can be done with an authorization that stands for no money, or is about to. */
function refusalOfStatus(authorization: Authorization): FollowOnRefusal | null {
  switch (authorization.status) {
    case 'pending':
      return 'outcome_not_known';
    case 'declined':
    case 'authentication_required':
    case 'failed':
      return 'nothing_authorized';
    case 'reversing':
      return 'being_voided';
    case 'voided':
      return 'already_voided';
    case 'expired':
      return 'expired';
    default:
      return null;
  }
}

function beginCapture(
  authorization: Authorization,
  followOn: FollowOn,
  supportsPartialCapture: boolean,
  nowMs: number,
): FollowOnVerdict {
  const refusal = refusalOfStatus(authorization);
  if (refusal !== null) return refused(refusal);
  const { operations, authorizedAmount, expiresAtMs } = authorization;
  // The hold may be gone at the issuer although nobody has taken it back yet.
  if (expiresAtMs !== null && expiresAtMs <= nowMs) return refused('expired');
  const taken = sumOf(operations, 'capture', ['succeeded', 'pending']);
  const left = authorizedAmount - taken;
  const isRefunded = operations.some(({ kind, status }) => kind === 'refund' && status !== 'failed');
  const isFinal = operations.some(
    ({ kind, status, final }) => kind === 'capture' && status !== 'failed' && final,
  );
  if (authorization.captureClosed || isRefunded || isFinal) return refused('capture_closed');
  if (left === 0) return refused(authorization.status === 'captured' ? 'already_captured' : 'nothing_left');
  const amount = followOn.amount ?? left;
  if (amount > left) return refused('amount_too_large', left);
  if (amount < authorizedAmount && !supportsPartialCapture) {
    return refused('partial_capture_not_supported', left);
  }
  const { restsOn } = settle(authorization);
  return begun(authorization, followOn, amount, restsOn ?? 0, nowMs);
}

function beginVoid(authorization: Authorization, followOn: FollowOn, nowMs: number): FollowOnVerdict {
  const { status, operations, open } = authorization;
  // While its road is open, whatever is recorded is about to change.
  if (status === 'pending' || open) return beginVoidOfPending(authorization, followOn, nowMs);
  const refusal = refusalOfStatus(authorization);
  if (refusal !== null) return refused(refusal);
  if (operations.some(({ kind, status: of }) => kind === 'capture' && of === 'pending')) {
    return refused('capture_pending');
  }
  if (authorization.capturedAmount > 0) return refused('already_captured');
  const { restsOn } = settle(authorization);
  return begun(authorization, followOn, authorization.authorizedAmount, restsOn ?? 0, nowMs);
}

/**
 * Whatever the attempt comes to will be undone. While its road is open, no other provider is tried either: a void of an
 * attempt that is a negative already has nothing to undo, and ends at once. So does one that meets a reversal of ours,
 * which is carried on until the attempt holds nothing: what it stops is the road, since it is recorded.
 */
function beginVoidOfPending(
  authorization: Authorization,
  followOn: FollowOn,
  nowMs: number,
): FollowOnVerdict {
  const last = authorization.attempts.at(-1);
  if (last === undefined) return refused('outcome_not_known');
  const pending = pendingVoid(authorization, last.number);
  if (pending !== null && !isToBeJoined(authorization, pending)) return refused('being_voided');
  // Undone already, and the road is about to go on: what comes next can be voided.
  if (wasUndone(authorization, last)) return refused('outcome_not_known');
  if (authorization.operations.some(({ kind, status }) => kind === 'capture' && status === 'pending')) {
    return refused('capture_pending');
  }
  if (sumOf(authorization.operations, 'capture', ['succeeded']) > 0) return refused('already_captured');
  const verdict = begun(authorization, followOn, authorization.request.amount.value, last.number, nowMs);
  const isOpen = isUnsettled(last.outcome) || mayHoldMoney(last.outcome);
  if (!verdict.allowed || (isOpen && pending === null)) return verdict;
  const operation: Operation = {
    ...verdict.operation,
    status: 'succeeded',
    code: NOTHING_TO_VOID,
    settledAtMs: nowMs,
  };
  return { ...verdict, authorization: withOperation(verdict.authorization, operation), operation };
}

/** Whether a pending void is ours, so that its end would let the road go on, and no caller has stopped that yet. */
function isToBeJoined({ open, operations }: Authorization, pending: Operation): boolean {
  const isStopped = operations.some(
    ({ kind, purpose, status, attemptNumber }) =>
      kind === 'void' &&
      purpose === 'requested' &&
      status !== 'failed' &&
      attemptNumber === pending.attemptNumber,
  );
  return open && !isStopped;
}

/** Whether an attempt held money that is undone by now. */
function wasUndone(authorization: Authorization, attempt: Attempt): boolean {
  const { outcome } = attempt;
  return !isUnsettled(outcome) && mayHoldMoney(outcome) && isUndone(authorization, attempt);
}

function beginRefund(authorization: Authorization, followOn: FollowOn, nowMs: number): FollowOnVerdict {
  const { operations, capturedAmount } = authorization;
  const refusal = refusalOfStatus(authorization);
  if (refusal !== null) return refused(refusal);
  if (capturedAmount === 0) return refused('not_captured');
  const left = capturedAmount - sumOf(operations, 'refund', ['succeeded', 'pending']);
  if (left === 0) return refused('nothing_left');
  const amount = followOn.amount ?? left;
  if (amount > left) return refused('amount_too_large', left);
  const { restsOn } = settle(authorization);
  return begun(authorization, followOn, amount, restsOn ?? 0, nowMs);
}
