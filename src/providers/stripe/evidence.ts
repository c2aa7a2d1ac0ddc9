import type { AttemptOutcome } from '../../core/attempt.ts';
import { unreachable } from '../../core/invariant.ts';
import type { DisputeStage, Notice, NoticeEvidence, NoticeSubject } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { answersWhatWasAsked, linkIn, outcomeOfIntent, outcomeOfRefusal, validityOf } from './codes.ts';
import {
  chargeNotice,
  disputeNotice,
  fraudNotice,
  intentNotice,
  refundNotice,
  subjectOfType,
} from './notices.ts';
import { captureInquiry, isRefundAsked, refundInquiry } from './operations.ts';
import type { StripeSettings } from './setup.ts';
import {
  ATTEMPT_KEY,
  captureKey,
  OPERATION_KEY,
  type WireCharge,
  type WireDispute,
  type WireIntent,
  type WireRefund,
} from './transformers.ts';
import { fromWireAmount, isWireAmount } from './wire-amount.ts';

const NOTHING: NoticeEvidence = { kind: 'nothing' };
const MISMATCHED: NoticeEvidence = { kind: 'mismatch' };

/** From which account an event may be. */
type Origin = Pick<StripeSettings, 'account' | 'livemode'>;

/** What an event says about one of our attempts. */
export function stripeEvidence(
  notice: Pick<Notice, 'type' | 'data'>,
  asked: NoticeSubject,
  origin: Origin,
  deps: AdapterDeps,
): NoticeEvidence {
  const { type, data } = notice;
  switch (subjectOfType(type)) {
    case null:
      return NOTHING;
    case 'intent': {
      const told = intentNotice.safeParse(data);
      if (!told.success) return NOTHING;
      return isFrom(told.data, origin) ? evidenceOfIntent(type, told.data.about, asked, deps) : MISMATCHED;
    }
    case 'charge': {
      const told = chargeNotice.safeParse(data);
      if (!told.success) return NOTHING;
      return isFrom(told.data, origin) ? evidenceOfCharge(type, told.data.about, asked, deps) : MISMATCHED;
    }
    case 'refund': {
      const told = refundNotice.safeParse(data);
      if (!told.success) return NOTHING;
      return isFrom(told.data, origin) ? evidenceOfRefund(told.data.about, asked) : MISMATCHED;
    }
    case 'dispute': {
      const told = disputeNotice.safeParse(data);
      if (!told.success) return NOTHING;
      return isFrom(told.data, origin) ? evidenceOfDispute(type, told.data.about, asked) : MISMATCHED;
    }
    case 'fraud': {
      const told = fraudNotice.safeParse(data);
      if (!told.success) return NOTHING;
      const { id: disputeId, fraud_type: fraudType, payment_intent: intent } = told.data.about;
      if (!isFrom(told.data, origin) || !isItsIntent(intent, asked)) return MISMATCHED;
      const dispute = { disputeId, stage: 'fraud_notice', reason: fraudType ?? null } as const;
      return { kind: 'dispute', dispute: { ...dispute, amount: null, respondByMs: null } };
    }
  }
}

/** Whether an event is of the account, and of the kind of money, that the key is of. */
function isFrom(
  told: { readonly livemode: boolean; readonly account?: string | null | undefined },
  { account, livemode }: Origin,
): boolean {
  return (told.account ?? null) === account && (livemode === null || told.livemode === livemode);
}

function isItsIntent(intent: string | null | undefined, { providerReference }: NoticeSubject): boolean {
  return intent != null && intent === providerReference;
}

/** What the type of an event about an intent says of its status; other types tell nothing that counts. */
const STATUS_OF_TYPE: ReadonlyMap<string, WireIntent['status']> = new Map([
  ['payment_intent.amount_capturable_updated', 'requires_capture'],
  ['payment_intent.succeeded', 'succeeded'],
  ['payment_intent.canceled', 'canceled'],
  ['payment_intent.payment_failed', 'requires_payment_method'],
  ['payment_intent.requires_action', 'requires_action'],
  ['payment_intent.processing', 'processing'],
]);

function evidenceOfIntent(
  type: string,
  told: WireIntent,
  asked: NoticeSubject,
  deps: AdapterDeps,
): NoticeEvidence {
  const status = STATUS_OF_TYPE.get(type);
  if (status === undefined) return NOTHING;
  const named = told.metadata[ATTEMPT_KEY];
  // Somebody may have taken our name away there: then the id has to be the very one.
  const isOurs = named === undefined ? isItsIntent(told.id, asked) : named === asked.attemptId;
  const isAnother = asked.providerReference !== null && told.id !== asked.providerReference;
  if (!isOurs || isAnother || told.status !== status) return MISMATCHED;
  const intent = { ...told, metadata: { ...told.metadata, [ATTEMPT_KEY]: asked.attemptId } };
  if (!answersWhatWasAsked(intent, asked)) return MISMATCHED;
  return evidenceOfOperation(intent, asked) ?? evidenceOfAttempt(intent, asked, deps);
}

/** The operation of ours that an intent tells the end of: its newest capture, or the void by which it was cancelled. */
function evidenceOfOperation(intent: WireIntent, { operations }: NoticeSubject): NoticeEvidence | null {
  if (intent.status === 'canceled') {
    const undoing = operations.findLast(({ operation }) => operation === 'void');
    if (undoing === undefined) return null;
    const { operationId } = undoing;
    return { kind: 'operation', operationId, inquiry: { kind: 'confirmed', providerReference: null } };
  }
  const captured = operations.findLast(
    ({ operation, operationId }) => operation === 'capture' && captureKey(operationId) in intent.metadata,
  );
  if (captured === undefined) return null;
  const inquiry = captureInquiry(intent, { ...captured, providerReference: intent.id });
  if (inquiry.kind === 'no_answer') return MISMATCHED;
  return { kind: 'operation', operationId: captured.operationId, inquiry };
}

function evidenceOfAttempt(intent: WireIntent, asked: NoticeSubject, deps: AdapterDeps): NoticeEvidence {
  // An event shows the charge by its id alone. Whether the network had approved what was refused tells the event about
  // the charge, or an inquiry.
  if (intent.last_payment_error != null && typeof intent.latest_charge === 'string') return NOTHING;
  const outcome = outcomeOfIntent(intent, asked, deps);
  if (outcome === 'unconfirmed') return NOTHING;
  return attemptEvidence(outcome);
}

function attemptEvidence(outcome: AttemptOutcome): NoticeEvidence {
  return outcome.kind === 'unknown' ? MISMATCHED : { kind: 'attempt', outcome };
}

function evidenceOfCharge(
  type: string,
  charge: WireCharge,
  asked: NoticeSubject,
  deps: AdapterDeps,
): NoticeEvidence {
  const what = type.slice('charge.'.length);
  if (what !== 'succeeded' && what !== 'failed' && what !== 'captured') return NOTHING;
  const { payment_intent: intent = null } = charge;
  const named = charge.metadata[ATTEMPT_KEY];
  const isOurs = named === undefined ? isItsIntent(intent, asked) : named === asked.attemptId;
  const isAnother = asked.providerReference !== null && intent !== asked.providerReference;
  if (!isOurs || isAnother || intent === null) return MISMATCHED;
  if (!isWireAmount(charge.amount, charge.currency, asked.request.amount)) return MISMATCHED;
  switch (what) {
    case 'succeeded': {
      if (charge.status !== 'succeeded' || charge.outcome?.network_status === 'reversed_after_approval')
        return MISMATCHED;
      const networkTransaction = linkIn(charge, asked.request.card.bin);
      const validity = validityOf(charge);
      return attemptEvidence({
        kind: 'approved',
        providerReference: intent,
        networkTransaction,
        ...validity,
      });
    }
    case 'failed': {
      if (charge.status !== 'failed') return MISMATCHED;
      const refusal = { error: null, charge, isChargeUnseen: false };
      return attemptEvidence(outcomeOfRefusal(refusal, asked, { providerReference: intent, deps }));
    }
    case 'captured':
      return evidenceOfCaptured(charge, asked);
    default:
      return unreachable(what);
  }
}

/** A capture is not named by its charge: it is known where there is one only, of that amount. */
function evidenceOfCaptured(charge: WireCharge, { operations }: NoticeSubject): NoticeEvidence {
  const [capture, ...others] = operations.filter(({ operation }) => operation === 'capture');
  if (capture === undefined || others.length > 0) return NOTHING;
  if (!isWireAmount(charge.amount_captured, charge.currency, capture.amount)) return MISMATCHED;
  const inquiry = { kind: 'confirmed', providerReference: null } as const;
  return { kind: 'operation', operationId: capture.operationId, inquiry };
}

function evidenceOfRefund(refund: WireRefund, asked: NoticeSubject): NoticeEvidence {
  const operationId = refund.metadata[OPERATION_KEY];
  if (operationId === undefined) return isItsIntent(refund.payment_intent, asked) ? NOTHING : MISMATCHED;
  const operation = asked.operations.find(
    (candidate) => candidate.operation === 'refund' && candidate.operationId === operationId,
  );
  if (operation === undefined || !isRefundAsked(refund, operation)) return MISMATCHED;
  return { kind: 'operation', operationId, inquiry: refundInquiry(refund) };
}

function evidenceOfDispute(type: string, dispute: WireDispute, asked: NoticeSubject): NoticeEvidence {
  if (!isItsIntent(dispute.payment_intent, asked)) return MISMATCHED;
  const dueBy = dispute.evidence_details?.due_by ?? null;
  return {
    kind: 'dispute',
    dispute: {
      disputeId: dispute.id,
      stage: stageOf(dispute.status ?? null, type === 'charge.dispute.created'),
      reason: dispute.reason ?? null,
      amount: fromWireAmount(dispute.amount, dispute.currency),
      respondByMs: dueBy === null ? null : dueBy * 1000,
    },
  };
}

/** `warning_…` is a request for information: no money is taken back while it lasts, and closed it is over. */
function stageOf(status: string | null, isNew: boolean): DisputeStage {
  switch (status) {
    case 'won':
    case 'lost':
      return status;
    case 'warning_needs_response':
      return isNew ? 'inquiry' : 'updated';
    case 'warning_closed':
      return 'won';
    case 'needs_response':
    case 'under_review':
      return isNew ? 'opened' : 'updated';
    default:
      return 'updated';
  }
}
