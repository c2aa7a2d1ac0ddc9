import type { OperationKind } from '../../core/operation.ts';
import type { AskedOperation, OperationInquiry, OperationOutcome } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { readRetryAfter } from '../retry-after.ts';
import { codeOfError, type ErrorAnswer } from './codes.ts';
import {
  ATTEMPT_KEY,
  captureKey,
  captureMark,
  OPERATION_KEY,
  type WireIntent,
  type WireRefund,
} from './transformers.ts';
import { isWireAmount, toWireAmount } from './wire-amount.ts';

/** Code of an answer that is not about what was asked. */
export const MISMATCH = 'answer_mismatch';

/** Whether an intent is the one whose money an operation is about. */
export function isIntentOf(intent: WireIntent, { attemptId, providerReference }: AskedOperation): boolean {
  return intent.metadata[ATTEMPT_KEY] === attemptId && intent.id === providerReference;
}

/** Whether an intent names a capture as done; `mismatch`: what it tells is not about what was asked. */
export function captureIn(intent: WireIntent, asked: AskedOperation): 'done' | 'absent' | 'mismatch' {
  if (!isIntentOf(intent, asked) || intent.currency !== asked.amount.currency.toLowerCase())
    return 'mismatch';
  const mark = intent.metadata[captureKey(asked.operationId)];
  if (mark === undefined) return 'absent';
  if (mark !== captureMark(asked.operationId, asked.amount)) return 'mismatch';
  // Whether a mark stays where its capture failed is not documented: all that are marked must have been received.
  return intent.amount_received >= sumOfMarks(intent) ? 'done' : 'mismatch';
}

/** Minor units of Stripe's that the captures of ours add up to. */
function sumOfMarks({ metadata }: WireIntent): number {
  let sum = 0;
  for (const [name, value] of Object.entries(metadata)) {
    const [operationId = '', amount = ''] = value.split(':');
    if (name === captureKey(operationId) && /^\d{1,15}$/.test(amount)) sum += Number(amount);
  }
  return sum;
}

/** What the answer to a capture says. */
export function outcomeOfCapture(intent: WireIntent, asked: AskedOperation): OperationOutcome {
  const isDone = captureIn(intent, asked) === 'done';
  if (!isDone) return { kind: 'unknown', code: MISMATCH };
  if (intent.status === 'processing') return { kind: 'accepted' };
  const isCaptured = intent.status === 'succeeded' || intent.status === 'requires_capture';
  return isCaptured ? { kind: 'confirmed', providerReference: null } : { kind: 'unknown', code: MISMATCH };
}

/** What an intent says about a capture of ours. */
export function captureInquiry(intent: WireIntent, asked: AskedOperation): OperationInquiry {
  switch (captureIn(intent, asked)) {
    case 'done':
      return intent.status === 'processing'
        ? { kind: 'pending' }
        : { kind: 'confirmed', providerReference: null };
    case 'absent':
      return { kind: 'not_found' };
    case 'mismatch':
      return { kind: 'no_answer', code: MISMATCH };
  }
}

/** What the answer to a cancellation says. What is expected to be undone is 0 where nobody knows. */
export function outcomeOfCancellation(intent: WireIntent, asked: AskedOperation): OperationOutcome {
  const { value } = asked.amount;
  const isAmountAsked =
    value === 0
      ? intent.currency === asked.amount.currency.toLowerCase()
      : isWireAmount(intent.amount, intent.currency, asked.amount) || isPartOf(intent, asked);
  const isUndone = intent.status === 'canceled' && isIntentOf(intent, asked) && isAmountAsked;
  return isUndone ? { kind: 'confirmed', providerReference: null } : { kind: 'unknown', code: MISMATCH };
}

/** Where less was authorized than asked for, less is expected to be undone. */
function isPartOf(intent: WireIntent, { amount }: AskedOperation): boolean {
  const wire = toWireAmount(amount);
  return intent.currency === amount.currency.toLowerCase() && wire !== null && wire < intent.amount;
}

/** What an intent says about a void: cancelled is cancelled, however it came about and whatever it was about. */
export function voidInquiry(intent: WireIntent, asked: AskedOperation): OperationInquiry {
  if (!isIntentOf(intent, asked)) return { kind: 'no_answer', code: MISMATCH };
  return intent.status === 'canceled'
    ? { kind: 'confirmed', providerReference: null }
    : { kind: 'not_found' };
}

/** Whether a refund is the one that was asked for. */
export function isRefundAsked(refund: WireRefund, asked: AskedOperation): boolean {
  return (
    refund.metadata[OPERATION_KEY] === asked.operationId &&
    refund.metadata[ATTEMPT_KEY] === asked.attemptId &&
    refund.payment_intent === asked.providerReference &&
    isWireAmount(refund.amount, refund.currency, asked.amount)
  );
}

/** What a refund of ours has come to, once it is known to be the one that was asked for. */
export function refundInquiry(refund: WireRefund): OperationInquiry {
  switch (refund.status) {
    case 'succeeded':
      return { kind: 'confirmed', providerReference: refund.id };
    case 'pending':
    case 'requires_action':
      return { kind: 'pending' };
    case 'failed':
    case 'canceled':
      return { kind: 'failed', code: refund.failure_reason ?? `refund_${refund.status}` };
  }
}

/** What the answer to a refund says. */
export function outcomeOfRefund(refund: WireRefund, asked: AskedOperation): OperationOutcome {
  if (!isRefundAsked(refund, asked)) return { kind: 'unknown', code: MISMATCH };
  const told = refundInquiry(refund);
  switch (told.kind) {
    case 'confirmed':
      return told;
    case 'failed':
      return { kind: 'refused', code: told.code };
    default:
      return { kind: 'accepted' };
  }
}

/** Statuses of a failure, without those by which a proxy says that it has given up waiting (502, 504). */
const SELF_TOLD: ReadonlySet<number> = new Set([500, 503]);

/**
 * What a status other than 200 means for a void, capture or refund. Stripe keeps a failure under the key, and answers its
 * repeats with it (docs.stripe.com/api/idempotent_requests).
 */
export function operationOutcomeOfError(
  answer: ErrorAnswer,
  operation: OperationKind,
  deps: AdapterDeps,
): OperationOutcome {
  const { status, headers, error } = answer;
  const code = codeOfError(answer);
  // What is to be voided may still be on its way there.
  if (operation === 'void' && status === 404 && error?.code === 'resource_missing')
    return { kind: 'not_found' };
  // A status without Stripe's own error may be that of somebody on the way back.
  if (error === null) return { kind: 'unknown', code };
  if (status === 401 || status === 403 || status === 429) {
    const retryAfterMs = status === 429 ? readRetryAfter(headers['retry-after'], deps.clock.wallMs()) : null;
    return { kind: 'rejected', code, retryAfterMs };
  }
  const isRefusal = status === 400 || status === 402 || status === 404;
  // The error of a key that was used for something else is about that.
  if (isRefusal && error.type !== 'idempotency_error') return { kind: 'refused', code };
  return SELF_TOLD.has(status) ? { kind: 'unknown', code, answered: 'failure' } : { kind: 'unknown', code };
}
