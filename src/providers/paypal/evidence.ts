import type { Notice, NoticeEvidence, NoticeSubject } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { amountOf } from './amounts.ts';
import { type Asked, type OrderReading, readAuthorization, readOrder } from './codes.ts';
import { disputeOf } from './disputes.ts';
import { isMovedAsked, movedIn } from './operations.ts';
import { type ToldEvent, toldEvent } from './told-event.ts';

type Told<About extends ToldEvent['about']> = Extract<ToldEvent, { readonly about: About }>['resource'];

const NOTHING: NoticeEvidence = { kind: 'nothing' };
const MISMATCH: NoticeEvidence = { kind: 'mismatch' };

/**
 * An event as what it is worth: PayPal's signature covers only the CRC-32 of its body, so that whoever has seen one message
 * can write others to it. What it says of money is a hint to ask; disputes, which no inquiry of ours tells, are told as
 * unproven.
 */
export function asHint(evidence: NoticeEvidence): NoticeEvidence {
  switch (evidence.kind) {
    case 'attempt':
      return { kind: 'hint', operationId: null };
    case 'operation':
      return { kind: 'hint', operationId: evidence.operationId };
    case 'dispute':
      return { kind: 'dispute', dispute: { ...evidence.dispute, unproven: true } };
    default:
      return evidence;
  }
}

/**
 * What an event says about one of our attempts, if it is PayPal's ({@link asHint}). An event is a picture of its moment and may come late or out of order; the
 * gateway takes it by the same rules as an inquiry.
 * @param merchantId the payee's account; null: not compared
 */
export function paypalEvidence(
  { type, data }: Pick<Notice, 'type' | 'data'>,
  subject: NoticeSubject,
  merchantId: string | null,
  deps: AdapterDeps,
): NoticeEvidence {
  const read = toldEvent.safeParse(data);
  if (!read.success) return NOTHING;
  const told = read.data;
  const state = type.slice(type.lastIndexOf('.') + 1);
  switch (told.about) {
    case 'order': {
      const orderId = subject.providerReference ?? told.resource.id;
      return evidenceOf(readOrder(told.resource, { ...subject, orderId, merchantId }, deps));
    }
    case 'authorization':
      return ofAuthorization(state, told.resource, subject, merchantId, deps);
    case 'capture':
    case 'refund':
      return ofMoved(told.about, state, told.resource, subject, merchantId);
    case 'reversal':
      return ofReversal(told.resource, subject);
    case 'dispute': {
      const isNamed = told.resource.disputed_transactions.some(
        ({ custom, invoice_number, seller_transaction_id: id }) =>
          custom === subject.attemptId ||
          subject.operations.some(({ operationId }) => operationId === invoice_number) ||
          // Without a name of ours, the capture's own id.
          (custom == null && invoice_number == null && isKnownAs(id, subject)),
      );
      return isNamed ? { kind: 'dispute', dispute: disputeOf(type, told.resource) } : MISMATCH;
    }
  }
}

function evidenceOf(reading: OrderReading): NoticeEvidence {
  switch (reading.kind) {
    case 'outcome':
      return reading.outcome.kind === 'unknown' ? MISMATCH : { kind: 'attempt', outcome: reading.outcome };
    case 'unpaid':
      return NOTHING;
    case 'mismatch':
      return MISMATCH;
  }
}

/** Statuses of an authorization that go with an event's name. */
const AUTHORIZATION_STATES: Readonly<Record<string, readonly string[]>> = {
  CREATED: ['CREATED', 'PENDING', 'CAPTURED', 'PARTIALLY_CAPTURED'],
  VOIDED: ['VOIDED'],
  DENIED: ['DENIED'],
};

function ofAuthorization(
  state: string,
  told: Told<'authorization'>,
  subject: NoticeSubject,
  merchantId: string | null,
  deps: AdapterDeps,
): NoticeEvidence {
  const statuses = AUTHORIZATION_STATES[state];
  if (statuses === undefined) return NOTHING;
  const orderId = orderOf(told, subject, merchantId);
  if (orderId === null || !statuses.includes(told.status)) return MISMATCH;
  // What was captured stands; the event only says that the rest was let go.
  const isCaptured = subject.operations.some(({ operation }) => operation === 'capture');
  if (told.status === 'VOIDED' && isCaptured) return NOTHING;
  const asked: Asked = { ...subject, orderId, merchantId };
  // Without the order's amount beside it, less than was asked is another amount; unless it is undone anyway.
  const isPartial = told.status === 'VOIDED';
  return evidenceOf(readAuthorization(told, { isPartial, isCaptured: false }, asked, deps));
}

/** Whether an event names another order, or another payee, than those of the attempt. */
function isOfAnother(
  told: Pick<Told<'authorization'>, 'payee' | 'supplementary_data'>,
  { providerReference }: NoticeSubject,
  merchantId: string | null,
): boolean {
  const payee = told.payee?.merchant_id ?? merchantId;
  const order = orderNamed(told) ?? providerReference;
  const isOtherPayee = merchantId !== null && payee !== merchantId;
  return isOtherPayee || (providerReference !== null && order !== providerReference);
}

function orderNamed({
  supplementary_data: supplementary,
}: Pick<Told<'authorization'>, 'supplementary_data'>): string | null {
  return supplementary?.related_ids.order_id ?? null;
}

/** The order that an event is about; null when it is not that of the attempt, or names neither. */
function orderOf(
  told: Told<'authorization'>,
  subject: NoticeSubject,
  merchantId: string | null,
): string | null {
  if (isOfAnother(told, subject, merchantId)) return null;
  const named = orderNamed(told);
  if (told.custom_id == null ? named === null : told.custom_id !== subject.attemptId) return null;
  return named ?? subject.providerReference;
}

/** Statuses of a capture or refund that go with an event's name. */
const MOVED_STATES: Readonly<Record<string, readonly string[]>> = {
  COMPLETED: ['COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED'],
  REFUNDED: ['COMPLETED', 'PENDING'],
  PENDING: ['PENDING'],
  DECLINED: ['DECLINED', 'FAILED'],
  DENIED: ['DECLINED', 'FAILED'],
  FAILED: ['FAILED', 'CANCELLED'],
};

/** How our names of captures and refunds begin. */
const OUR_NAMES = ['cap_', 'ref_'] as const;

function ofMoved(
  kind: 'capture' | 'refund',
  state: string,
  told: Told<'capture'> | Told<'refund'>,
  subject: NoticeSubject,
  merchantId: string | null,
): NoticeEvidence {
  const statuses = MOVED_STATES[state];
  if (statuses === undefined) return NOTHING;
  const { invoice_id: name } = told;
  const asked = subject.operations.find(
    ({ operation, operationId }) => operation === kind && operationId === name,
  );
  // Somebody's own, in PayPal's pages: an operation that is not ours changes none of ours.
  if (asked === undefined) return OUR_NAMES.some((ours) => name?.startsWith(ours)) ? MISMATCH : NOTHING;
  if (isOfAnother(told, subject, merchantId)) return MISMATCH;
  if (!isMovedAsked(told, asked) || !statuses.includes(told.status)) return MISMATCH;
  return { kind: 'operation', operationId: asked.operationId, inquiry: movedIn(told) };
}

/** Whether an id of PayPal's is that of a capture or refund of the attempt. */
function isKnownAs(id: string | null | undefined, { operationReferences }: NoticeSubject): boolean {
  return operationReferences.some((known) => known === id);
}

/** PayPal has taken captured money back: told like a dispute, since it is no refund of ours. */
function ofReversal(told: Told<'reversal'>, subject: NoticeSubject): NoticeEvidence {
  const { custom_id: custom, invoice_id: name, supplementary_data: supplementary } = told;
  const isNamed =
    custom === subject.attemptId ||
    subject.operations.some(({ operationId }) => operationId === name) ||
    (custom == null && name == null && isKnownAs(supplementary?.related_ids.capture_id, subject));
  if (!isNamed) return MISMATCH;
  const dispute = {
    disputeId: told.id,
    stage: 'opened',
    reason: 'CAPTURE_REVERSED',
    amount: amountOf(told.amount),
    respondByMs: null,
  } as const;
  return { kind: 'dispute', dispute };
}
