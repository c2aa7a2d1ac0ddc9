import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';

const text = z.string().nullish().catch(undefined);

/** Ids of Checkout.com: kept as they are, and so never a card's number. */
const idOf = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9A-Za-z_]{1,60}$`))
    .refine((id) => findCardNumber(id) === null, 'an id that is no card number');

export const wirePaymentId = idOf('pay');
export const wireActionId = idOf('act');
export const wireEventId = idOf('evt');
export const wireDisputeId = idOf('dsp');

const minorUnits = z.int().min(0);

/** `20005`, `2005C`, `200P1`. Codes go into logs, metrics and answers: only what looks like a code may pass. */
const responseCode = z.string().regex(/^\d{2}[0-9A-Z]{3}$/);

/** Said, but no code: no table knows it, so that it forbids what it might forbid. */
const UNREADABLE = 'unreadable';

/** A code of a network or an advice; null where there is none. */
const code = z
  .unknown()
  .transform((said) => {
    if (said === undefined || said === null || said === '') return null;
    return typeof said === 'string' && /^[0-9A-Za-z]{1,4}$/.test(said) ? said : UNREADABLE;
  })
  .optional();

/** `status` of a payment (checkout-sdk-java, PaymentStatus). */
export const PAYMENT_STATUSES = [
  'Active',
  'Requested',
  'Pending',
  'Authentication Requested',
  'Retry Scheduled',
  'Authorized',
  'Card Verified',
  'Partially Captured',
  'Captured',
  'Partially Refunded',
  'Refunded',
  'Paid',
  'Declined',
  'Voided',
  'Canceled',
  'Expired',
] as const;

const moment = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/)
  .nullish()
  .catch(undefined);

/** What an answer, an inquiry and an event about a payment have in common. Fields of no use to us are left out. */
export const wirePaymentFacts = z.object({
  id: wirePaymentId,
  reference: text,
  amount: minorUnits.nullish(),
  /** What was asked, where less was authorized. */
  amount_requested: minorUnits.nullish(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .nullish(),
  approved: z.boolean().nullish(),
  response_code: responseCode.nullish(),
  processing_channel_id: z.string().nullish(),
  scheme_id: text,
  processed_on: text,
  requested_on: text,
  /** Until when it can be captured. */
  expires_on: moment,
  source: z.object({ scheme: text }).nullish().catch(undefined),
  balances: z
    .object({
      total_authorized: minorUnits,
      total_voided: minorUnits.nullish(),
      total_captured: minorUnits.nullish(),
    })
    .nullish(),
  processing: z
    .object({
      partner_response_code: code,
      partner_merchant_advice_code: code,
      recommendation_code: code,
      fallback_source_used: z.boolean().nullish().catch(true),
    })
    .nullish(),
  /** Another attempt of Checkout.com's own is to come. */
  retry: z.object({ next_attempt_on: z.unknown().optional() }).nullish(),
});

/** An answer to `POST /payments` and to `GET /payments/{id}`. */
export const wirePayment = wirePaymentFacts.extend({
  status: z.enum(PAYMENT_STATUSES),
  _links: z
    .object({ redirect: z.object({}).nullish() })
    .nullish()
    .catch(undefined),
});

export type WirePayment = z.infer<typeof wirePayment>;

/** An answer to `GET /payments?reference=`. What is in it is only used to find the payment by its id. */
export const wirePayments = z.object({
  total_count: z.int().min(0),
  data: z.array(z.object({ id: wirePaymentId, reference: z.string() })),
});

const wireNames = z.object({ attempt_id: text, operation_id: text }).nullish().catch(undefined);

/** An answer to `GET /payments/{id}/actions`. */
export const wireActions = z.array(
  z.object({
    id: wireActionId,
    type: z.string(),
    amount: minorUnits,
    approved: z.boolean().nullish(),
    response_code: responseCode.nullish(),
    reference: text,
    metadata: wireNames,
  }),
);

export type WireAction = z.infer<typeof wireActions>[number];

/** A capture, void or refund that was taken: nothing is said of what will come of it. */
export const wireAccepted = z.object({ action_id: wireActionId, reference: z.string() });

/** `amount_invalid`, `3ds_malfunction`: never free text. */
const errorCode = z.string().regex(/^(?:\d[a-z]{1,12}|[a-z]{1,24})(?:_[a-z]{1,24}){0,9}$/);

/** An error of Checkout.com's. */
export const wireError = z.object({
  error_type: errorCode,
  error_codes: z.array(z.string()).max(50).nullish().catch(undefined).transform(codesIn),
});

/** Those that look like codes. */
function codesIn(codes: readonly string[] | null | undefined): readonly string[] {
  return (codes ?? []).filter((each) => errorCode.safeParse(each).success);
}

const wireMoney = z.object({ currency: z.string(), value: z.string() });

/** What an event has around its data. */
export const wireEvent = z.object({
  id: wireEventId,
  type: z.string().regex(/^[a-z][a-z0-9_]{1,62}$/),
  /** Some events that are none of ours have it elsewhere. */
  data: z.unknown().optional(),
});

/** Data of an event about a payment or one of its actions. */
export const wirePaymentEvent = wirePaymentFacts.extend({
  action_id: wireActionId.nullish().catch(undefined),
  metadata: wireNames,
});

/** Data of an event about a dispute. */
export const wireDisputeEvent = z.object({
  id: wireDisputeId,
  payment_id: wirePaymentId,
  payment_reference: text,
  amount: minorUnits.nullish().catch(undefined),
  currency: text,
  reason_code: text,
  evidence_required_by: text,
});

/** Data of `fraud_reported`. */
export const wireFraudEvent = z.object({
  reference: text,
  processing_channel_id: z.string().nullish(),
  payment: z.object({ id: wirePaymentId }),
  fraud: z.object({ type: text, amount: wireMoney.nullish().catch(undefined) }),
});
