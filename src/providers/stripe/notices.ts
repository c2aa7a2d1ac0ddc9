import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import type { Notice, NoticeMessage, NoticeReading } from '../../gateway/ports.ts';
import { malformedNotice } from '../malformed-notice.ts';
import { readJson } from '../read-json.ts';
import { isSignedByOne } from '../webhook-secrets.ts';
import {
  ATTEMPT_KEY,
  OPERATION_KEY,
  wireCharge,
  wireDispute,
  wireFraudWarning,
  wireIntent,
  wireRefund,
} from './transformers.ts';

/** How far the time of a signature may lie from ours, milliseconds, either way (docs.stripe.com/webhooks). */
const TOLERANCE_MS = 300_000;
/** Signatures of one message that are looked at. */
const SIGNATURES_MAX = 8;
/** Parts of a signature's header that are looked at. */
const PARTS_MAX = 32;

/** Where an event is from: said by every event, kept with what it tells. */
const origin = {
  livemode: z.boolean(),
  /** The connected account; left out for the key's own. */
  account: z
    .string()
    .regex(/^acct_[A-Za-z0-9]{1,64}$/)
    .nullish(),
};

const envelope = z.object({
  ...origin,
  object: z.literal('event'),
  id: z
    .string()
    .regex(/^evt_[A-Za-z0-9_]{1,64}$/)
    .refine((id) => findCardNumber(id) === null, 'an id that is no card number'),
  type: z.string().regex(/^[a-z_]{1,40}(?:\.[a-z_]{1,40}){1,4}$/),
  data: z.object({ object: z.unknown() }),
});

const heard = <Schema extends z.ZodType>(about: Schema) => z.object({ ...origin, about });

/** What is kept of an event, by what it is about. */
export const intentNotice = heard(wireIntent);
export const chargeNotice = heard(wireCharge);
export const refundNotice = heard(wireRefund);
export const disputeNotice = heard(wireDispute);
export const fraudNotice = heard(wireFraudWarning);

/** What an event is about, by its type. */
export type Subject = 'intent' | 'charge' | 'refund' | 'dispute' | 'fraud';

/** Null for events that are of no use here. */
export function subjectOfType(type: string): Subject | null {
  if (type.startsWith('payment_intent.')) return 'intent';
  if (type.startsWith('charge.dispute.')) return 'dispute';
  if (type.startsWith('charge.refund.') || type.startsWith('refund.')) return 'refund';
  if (type.startsWith('charge.')) return 'charge';
  return type.startsWith('radar.early_fraud_warning.') ? 'fraud' : null;
}

/**
 * Verifies `Stripe-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">[,v1=…]` over the raw body, in constant
 * time, and takes the event apart. Other schemes than v1 are passed over, an event without a valid signature of these five
 * minutes is refused, and one of a type that is of no use here is taken as none.
 */
export function readStripeNotices(
  message: NoticeMessage,
  secrets: readonly string[],
  nowMs: number,
): NoticeReading {
  if (secrets.length === 0) return { kind: 'refused', reason: 'not_configured' };
  const parts = (message.headers['stripe-signature'] ?? '').split(',', PARTS_MAX).map((part) => part.trim());
  const times = parts.filter((part) => part.startsWith('t=')).map((part) => part.slice(2));
  const [seconds = ''] = times;
  // Which of two times was signed would be the sender's choice.
  if (times.length !== 1 || !/^\d{1,12}$/.test(seconds)) return { kind: 'refused', reason: 'signature' };
  const signatures = parts.filter((part) => /^v1=[0-9a-f]{64}$/i.test(part)).map((part) => part.slice(3));
  const isOurs = signatures
    .slice(0, SIGNATURES_MAX)
    .some((signature) => isSignedByOne(secrets, `${seconds}.${message.body}`, Buffer.from(signature, 'hex')));
  if (!isOurs) return { kind: 'refused', reason: 'signature' };
  if (Math.abs(nowMs - Number(seconds) * 1000) > TOLERANCE_MS) return { kind: 'refused', reason: 'stale' };
  const event = readJson(message.body, envelope);
  if (event === null) return malformedNotice(message.body, envelope);
  const subject = subjectOfType(event.type);
  if (subject === null) return { kind: 'read', notices: [] };
  const notice = noticeOf(event, subject);
  return notice === null ? { kind: 'refused', reason: 'malformed' } : { kind: 'read', notices: [notice] };
}

/** Keeps of an event what evidence needs, and nothing else. */
function noticeOf(event: z.output<typeof envelope>, subject: Subject): Notice | null {
  const { id: eventId, type, livemode, account } = event;
  const said = { livemode, ...(account == null ? {} : { account }), about: event.data.object };
  const named = { eventId, type };
  switch (subject) {
    case 'intent': {
      const told = intentNotice.safeParse(said);
      if (!told.success) return null;
      const { id: providerReference, metadata } = told.data.about;
      return { ...named, attemptId: metadata[ATTEMPT_KEY] ?? null, providerReference, data: told.data };
    }
    case 'charge': {
      const told = chargeNotice.safeParse(said);
      if (!told.success) return null;
      const { payment_intent: providerReference = null, metadata } = told.data.about;
      return { ...named, attemptId: metadata[ATTEMPT_KEY] ?? null, providerReference, data: told.data };
    }
    case 'refund': {
      const told = refundNotice.safeParse(said);
      if (!told.success) return null;
      const { payment_intent: providerReference = null, metadata } = told.data.about;
      const operationId = metadata[OPERATION_KEY] ?? null;
      const attemptId = metadata[ATTEMPT_KEY] ?? null;
      return { ...named, attemptId, operationId, providerReference, data: told.data };
    }
    case 'dispute':
    case 'fraud': {
      const told = (subject === 'dispute' ? disputeNotice : fraudNotice).safeParse(said);
      if (!told.success) return null;
      const { payment_intent: providerReference = null } = told.data.about;
      return { ...named, attemptId: null, providerReference, data: told.data };
    }
  }
}
