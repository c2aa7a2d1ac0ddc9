import type { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import { parseMajorUnits } from '../../core/money.ts';
import { authorizationIdIn } from '../../core/operation.ts';
import type { Notice, NoticeMessage, NoticeReading } from '../../gateway/ports.ts';
import { malformedNotice } from '../malformed-notice.ts';
import { readJson } from '../read-json.ts';
import { isSignedByOne } from '../webhook-secrets.ts';
import { ACTION_EVENTS, disputeStage, FRAUD_EVENT, PAYMENT_EVENTS } from './event-types.ts';
import { type ToldPayment, toldDispute, toldPayment } from './told-event.ts';
import { wireDisputeEvent, wireEvent, wireFraudEvent, wirePaymentEvent } from './wire.ts';

/** 32 bytes in hexadecimal, of either case: which one is not documented. */
const SIGNATURE = /^[0-9a-f]{64}$/i;

/**
 * Verifies `Cko-Signature`, the HMAC-SHA256 of the raw body in hexadecimal (checkout.com/docs, "Set up your webhook
 * receiver"), in constant time, and takes the event apart. There is no time in it, so none is checked: an event that is
 * sent again, by whomever, is known by its id, and is kept and worked out once.
 */
export function readCheckoutNotices(message: NoticeMessage, secrets: readonly string[]): NoticeReading {
  if (secrets.length === 0) return { kind: 'refused', reason: 'not_configured' };
  const signature = message.headers['cko-signature'] ?? '';
  const isOurs =
    SIGNATURE.test(signature) && isSignedByOne(secrets, message.body, Buffer.from(signature, 'hex'));
  if (!isOurs) return { kind: 'refused', reason: 'signature' };
  const event = readJson(message.body, wireEvent);
  if (event === null) return malformedNotice(message.body, wireEvent);
  const notice = noticeOf(event);
  // An event of ours is not lost because it has another form than is known: it is sent again, and the refusal counted.
  if (notice === 'unreadable') return { kind: 'refused', reason: 'malformed' };
  return { kind: 'read', notices: notice === null ? [] : [notice] };
}

type Event = z.output<typeof wireEvent>;

/** Null for what tells nothing of a payment, such as a card that was verified. */
function noticeOf(event: Event): Notice | 'unreadable' | null {
  const { type } = event;
  if (PAYMENT_EVENTS.has(type) || ACTION_EVENTS.has(type)) return paymentNotice(event);
  if (type === FRAUD_EVENT) return fraudNotice(event);
  return disputeStage(type) === null ? null : disputeNotice(event);
}

const ATTEMPT_ID = /^att_[A-Za-z]{1,64}_\d{1,2}$/;

const attemptIn = (name: string | null | undefined) => (ATTEMPT_ID.test(name ?? '') ? (name ?? null) : null);
const operationIn = (name: string | null | undefined) =>
  authorizationIdIn(name ?? '') === null ? null : (name ?? null);

/**
 * An event bears our names in the metadata of the request that it is about, and in its reference: that of the payment, or
 * of the capture, void or refund. It is not documented which: both are understood, and two that differ are told apart
 * where it is read against what was asked.
 */
function paymentNotice({ id, type, data }: Event): Notice | 'unreadable' {
  const read = wirePaymentEvent.safeParse(data);
  if (!read.success) return 'unreadable';
  const { action_id: actionId, metadata, reference, ...payment } = read.data;
  // A payment's event is about the attempt that its reference names, whatever the metadata say.
  const isAction = ACTION_EVENTS.has(type);
  const named = isAction
    ? [metadata?.attempt_id, reference].map(attemptIn)
    : [reference, metadata?.attempt_id].map(attemptIn);
  const attemptId = named[0] ?? named[1] ?? null;
  const operationId = isAction ? (operationIn(metadata?.operation_id) ?? operationIn(reference)) : null;
  const told: ToldPayment = {
    attemptId,
    operationId,
    actionId: actionId ?? null,
    payment: { ...payment, scheme_id: keepable(payment.scheme_id) },
  };
  const kept = toldPayment.safeParse(told);
  if (!kept.success) return 'unreadable';
  return { eventId: id, type, attemptId, operationId, providerReference: payment.id, data: kept.data };
}

/** A network's identifier may be a card number by chance: then it is not kept. */
function keepable(id: string | null | undefined): string | null {
  return id == null || findCardNumber(id) !== null ? null : id;
}

function disputeNotice({ id, type, data }: Event): Notice | 'unreadable' {
  const read = wireDisputeEvent.safeParse(data);
  if (!read.success) return 'unreadable';
  const { payment_id: paymentId, amount, currency } = read.data;
  const attemptId = attemptIn(read.data.payment_reference);
  const kept = toldDispute.safeParse({
    attemptId,
    paymentId,
    channel: null,
    disputeId: read.data.id,
    reason: codeOrNull(read.data.reason_code),
    amount: amount == null || !/^[A-Z]{3}$/.test(currency ?? '') ? null : { value: amount, currency },
    respondByMs: momentOf(read.data.evidence_required_by ?? ''),
  });
  if (!kept.success) return 'unreadable';
  return { eventId: id, type, attemptId, providerReference: paymentId, data: kept.data };
}

function fraudNotice({ id, type, data }: Event): Notice | 'unreadable' {
  const read = wireFraudEvent.safeParse(data);
  if (!read.success) return 'unreadable';
  const { payment, fraud, reference, processing_channel_id: channel = null } = read.data;
  const attemptId = attemptIn(reference);
  const kept = toldDispute.safeParse({
    attemptId,
    paymentId: payment.id,
    channel,
    // A report has no id of its own but that of its event.
    disputeId: id,
    reason: codeOrNull(fraud.type),
    amount: fraud.amount == null ? null : amountOf(fraud.amount),
    respondByMs: null,
  });
  if (!kept.success) return 'unreadable';
  return { eventId: id, type, attemptId, providerReference: payment.id, data: kept.data };
}

function codeOrNull(code: string | null | undefined): string | null {
  const isCode = code != null && /^[0-9A-Za-z][0-9A-Za-z._-]{0,23}$/.test(code);
  return isCode && findCardNumber(code) === null ? code : null;
}

/** `29.990000` EUR in minor units: zeros beyond the currency's decimals say nothing. */
function amountOf(money: { readonly value: string; readonly currency: string }) {
  const { currency } = money;
  if (!/^[A-Z]{3}$/.test(currency)) return null;
  const plain = money.value.includes('.') ? money.value.replace(/\.?0{1,12}$/, '') : money.value;
  const value = parseMajorUnits(plain, currency);
  return value === null ? null : { value, currency };
}

/** `2018-07-06T11:19:20Z` as milliseconds since 1970; null for anything else. */
function momentOf(moment: string): number | null {
  const isMoment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.test(moment);
  const ms = isMoment ? Date.parse(moment) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
