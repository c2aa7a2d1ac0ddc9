import type { OperationKind } from '../../core/operation.ts';
import type { AskedOperation, Notice, NoticeEvidence, NoticeSubject } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { ACTION_EVENTS, disputeStage, FRAUD_EVENT, PAYMENT_EVENTS } from './event-types.ts';
import { isApprovalCode, outcomeOfPayment } from './payment-outcome.ts';
import { type ToldPayment, toldDispute, toldPayment } from './told-event.ts';
import type { WirePayment } from './wire.ts';

const MISMATCH: NoticeEvidence = { kind: 'mismatch' };
const NOTHING: NoticeEvidence = { kind: 'nothing' };

/**
 * What an event says about one of our attempts.
 * @param channel ours: what went through another one is none of ours, whoever signed it
 */
export function checkoutEvidence(
  notice: Pick<Notice, 'type' | 'data'>,
  asked: NoticeSubject,
  channel: string,
  deps: AdapterDeps,
): NoticeEvidence {
  const about = PAYMENT_EVENTS.get(notice.type) ?? ACTION_EVENTS.get(notice.type);
  if (about === undefined) return evidenceOfDispute(notice, asked, channel);
  const read = toldPayment.safeParse(notice.data);
  if (!read.success) return NOTHING;
  const told = read.data;
  const isOfChannel = (told.payment.processing_channel_id ?? channel) === channel;
  const isOfAttempt = told.attemptId === null || told.attemptId === asked.attemptId;
  if (!isOfChannel || !isOfAttempt) return MISMATCH;
  return typeof about === 'string'
    ? evidenceOfPayment(about, told, asked, channel, deps)
    : evidenceOfAction(about.kind, about.state, told, asked);
}

function evidenceOfPayment(
  status: WirePayment['status'],
  { attemptId, payment }: ToldPayment,
  asked: NoticeSubject,
  channel: string,
  deps: AdapterDeps,
): NoticeEvidence {
  // It was found by the payment's id alone: it does not say that it is ours.
  if (attemptId === null) return MISMATCH;
  // Whether it was authorized before it expired is not said: an inquiry tells.
  if (status === 'Expired' && payment.balances == null) return NOTHING;
  const wire: WirePayment = {
    ...payment,
    status,
    reference: attemptId,
    // The name of the event says so.
    ...(status === 'Authorized' ? { approved: payment.approved ?? true } : {}),
  };
  const outcome = outcomeOfPayment(wire, 'answer', asked, channel, deps);
  // A decline that says nothing for certain is no mismatch.
  if (outcome.kind === 'unknown') return outcome.code === payment.response_code ? NOTHING : MISMATCH;
  // What became of another payment is not what became of this one; only that it stands is told.
  const stands =
    outcome.kind === 'approved' || (outcome.kind === 'partially_approved' && outcome.reversal === 'none');
  const isOfAnother = asked.providerReference !== null && payment.id !== asked.providerReference;
  return isOfAnother && !stands ? MISMATCH : { kind: 'attempt', outcome };
}

function evidenceOfAction(
  kind: OperationKind,
  state: 'confirmed' | 'failed' | 'pending',
  told: ToldPayment,
  asked: NoticeSubject,
): NoticeEvidence {
  const { operationId, payment, actionId } = told;
  const code = payment.response_code ?? null;
  if (asked.providerReference !== null && payment.id !== asked.providerReference) return MISMATCH;
  if (operationId === null) {
    // Not ours, but somebody's at Checkout.com itself: only that nothing stands there any more concerns our attempt.
    return kind === 'void' && state === 'confirmed' ? evidenceOfUndoing(told, asked) : NOTHING;
  }
  const operation = asked.operations.find((each) => each.operationId === operationId);
  if (operation === undefined || operation.operation !== kind) return MISMATCH;
  if (!isAmountAsked(payment, operation, state)) return MISMATCH;
  if (state === 'confirmed') {
    if (code !== null && !isApprovalCode(code)) return MISMATCH;
    // A void is done when nothing is held any more.
    if (kind === 'void' && payment.balances != null && !isAllVoided(payment)) return MISMATCH;
    return { kind: 'operation', operationId, inquiry: { kind: 'confirmed', providerReference: actionId } };
  }
  if (state === 'pending') return { kind: 'operation', operationId, inquiry: { kind: 'pending' } };
  if (code !== null && isApprovalCode(code)) return MISMATCH;
  return { kind: 'operation', operationId, inquiry: { kind: 'failed', code: code ?? 'action_failed' } };
}

/** A void sets free all that is held: of how much that is, 0 says that nobody knows. */
function isAmountAsked(
  { amount, currency }: ToldPayment['payment'],
  operation: AskedOperation,
  state: 'confirmed' | 'failed' | 'pending',
): boolean {
  const expected = operation.amount;
  if (operation.operation === 'void' && state !== 'confirmed') return true;
  if (amount == null || currency !== expected.currency) return false;
  return amount === expected.value || (operation.operation === 'void' && expected.value === 0);
}

/** Whether everything that was authorized is given back, and nothing captured. */
function isAllVoided({ balances }: ToldPayment['payment']): boolean {
  if (balances == null) return false;
  const { total_authorized: authorized, total_voided: voided, total_captured: captured } = balances;
  return authorized > 0 && (voided ?? 0) >= authorized && (captured ?? 0) === 0;
}

/**
 * The authorization of our attempt is undone, by a void that bears no name of ours. Checkout.com also tells of a void when
 * it gives back what a final capture left: only the balances say that all of it is.
 */
function evidenceOfUndoing({ payment }: ToldPayment, asked: NoticeSubject): NoticeEvidence {
  const { providerReference, request, operations } = asked;
  const authorized = payment.balances?.total_authorized ?? 0;
  if (payment.id !== providerReference || !isAllVoided(payment)) return NOTHING;
  if (operations.some(({ operation }) => operation === 'capture')) return NOTHING;
  if (payment.currency !== request.amount.currency || authorized > request.amount.value) return MISMATCH;
  const outcome = {
    kind: 'partially_approved',
    providerReference,
    authorizedAmount: authorized,
    networkTransaction: null,
    reversal: 'confirmed',
  } as const;
  return { kind: 'attempt', outcome };
}

function evidenceOfDispute(
  { type, data }: Pick<Notice, 'type' | 'data'>,
  asked: NoticeSubject,
  ours: string,
): NoticeEvidence {
  const stage = type === FRAUD_EVENT ? 'fraud_notice' : disputeStage(type);
  const read = toldDispute.safeParse(data);
  if (stage === null || !read.success) return NOTHING;
  const { attemptId, paymentId, channel, disputeId, reason, amount, respondByMs } = read.data;
  const isOfAnother =
    (channel ?? ours) !== ours ||
    (attemptId ?? asked.attemptId) !== asked.attemptId ||
    paymentId !== (asked.providerReference ?? paymentId);
  if (isOfAnother) return MISMATCH;
  return { kind: 'dispute', dispute: { disputeId, stage, reason, amount, respondByMs } };
}
