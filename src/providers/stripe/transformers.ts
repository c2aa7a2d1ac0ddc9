import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import type { Amount } from '../../core/money.ts';
import { toWireAmount } from './wire-amount.ts';

/** Stands for a code that does not look like one. No table knows it, so that it never fails over. */
const UNREADABLE = 'unreadable_code';

/** Codes go into logs, metrics and answers: never text in which Stripe repeats what we sent, never digits in a row. */
const wireCode = z
  .string()
  .regex(/^[a-z]{1,32}(?:_[a-z]{1,32}){0,9}$/)
  .nullish()
  .catch(UNREADABLE);

/** A code of a card network: DE39, or Mastercard's merchant advice. */
const networkCode = z
  .string()
  .regex(/^[0-9A-Za-z]{1,4}$/)
  .nullish()
  .catch('????');

/** A card network, as Stripe names it; what is no name is not kept. */
const networkName = z
  .string()
  .regex(/^[a-z](?:[a-z_]{0,30}[a-z])?$/)
  .nullish()
  .catch(null);
/** A network's id of a transaction, such as a caller can repeat to us in a later payment. */
const linkId = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/)
  .nullish()
  .catch(null);

const idOf = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^(?:${prefix})_[A-Za-z0-9_]{1,64}$`))
    .refine((id) => findCardNumber(id) === null, 'an id that is no card number');

const minorUnits = z.int().min(0);
const currency = z.string().regex(/^[a-z]{3}$/);
const seconds = z.int().min(0).max(99_999_999_999);

/** Names of ours among the metadata: what others put there is not kept. */
const OUR_METADATA = /^pointsman_\w{1,30}$/;

const ourMetadata = z.record(z.string(), z.string()).nullish().transform(keepOurs);

function keepOurs(metadata: Readonly<Record<string, string>> | null | undefined): Record<string, string> {
  const ours = Object.entries(metadata ?? {}).filter(
    ([name, value]) =>
      OUR_METADATA.test(name) && /^[\w:-]{1,120}$/.test(value) && findCardNumber(value) === null,
  );
  return Object.fromEntries(ours);
}

const intentId = idOf('pi');
/** An object by its id, or itself where the answer was expanded. */
const intentReference = z.union([intentId, z.object({ id: intentId }).transform(({ id }) => id)]);

const chargeOutcome = z.object({
  type: wireCode,
  reason: wireCode,
  network_status: wireCode,
  advice_code: wireCode,
  network_decline_code: networkCode,
  network_advice_code: networkCode,
});

export const wireCharge = z.object({
  object: z.literal('charge'),
  id: idOf('ch|py'),
  status: z.enum(['succeeded', 'pending', 'failed']),
  amount: minorUnits,
  amount_captured: minorUnits,
  currency,
  created: seconds,
  payment_intent: intentReference.nullish(),
  failure_code: wireCode,
  outcome: chargeOutcome.nullish(),
  payment_method_details: z
    .object({
      card: z
        .object({
          network: networkName,
          network_transaction_id: linkId,
          /** Until when it can be captured. */
          capture_before: seconds.nullish().catch(null),
        })
        .nullish(),
    })
    .nullish(),
  metadata: ourMetadata,
});

const paymentError = z.object({
  type: wireCode,
  code: wireCode,
  decline_code: wireCode,
  advice_code: wireCode,
  network_decline_code: networkCode,
  network_advice_code: networkCode,
});

export const wireIntent = z.object({
  object: z.literal('payment_intent'),
  id: intentId,
  status: z.enum([
    'requires_payment_method',
    'requires_confirmation',
    'requires_action',
    'processing',
    'requires_capture',
    'succeeded',
    'canceled',
  ]),
  amount: minorUnits,
  amount_capturable: minorUnits,
  amount_received: minorUnits,
  currency,
  /** By its id alone unless the answer was expanded: then what the issuer said stays unseen. */
  latest_charge: z.union([idOf('ch|py'), wireCharge]).nullish(),
  last_payment_error: paymentError.nullish(),
  metadata: ourMetadata,
});

export const wireRefund = z.object({
  object: z.literal('refund'),
  id: idOf('re|pyr'),
  status: z.enum(['pending', 'requires_action', 'succeeded', 'failed', 'canceled']),
  amount: minorUnits,
  currency,
  payment_intent: intentReference.nullish(),
  failure_reason: wireCode,
  metadata: ourMetadata,
});

export const wireRefundList = z.object({
  object: z.literal('list'),
  has_more: z.boolean(),
  data: z.array(wireRefund),
});

export const wireDispute = z.object({
  object: z.literal('dispute'),
  id: idOf('dp|du|pdp'),
  status: wireCode,
  amount: minorUnits,
  currency,
  reason: wireCode,
  payment_intent: intentReference.nullish(),
  evidence_details: z.object({ due_by: seconds.nullish() }).nullish(),
});

export const wireFraudWarning = z.object({
  object: z.literal('radar.early_fraud_warning'),
  id: idOf('issfr'),
  fraud_type: wireCode,
  payment_intent: intentReference.nullish(),
});

export const wireError = z.object({
  error: paymentError.extend({
    /** The intent as the refusal left it; left out where it cannot be read. */
    payment_intent: wireIntent.nullish().catch(null),
  }),
});

export type WireCharge = z.output<typeof wireCharge>;
export type WireIntent = z.output<typeof wireIntent>;
export type WireRefund = z.output<typeof wireRefund>;
export type WireDispute = z.output<typeof wireDispute>;
export type WireError = z.output<typeof wireError>['error'];
export type WirePaymentError = z.output<typeof paymentError>;

/** Whether an error says of which type it is, in a word that looks like Stripe's. */
export function isTyped({ type }: WireError): boolean {
  return type !== null && type !== undefined && type !== UNREADABLE;
}

/** The charge that an intent shows; null when there is none, or only its id is told. */
export function shownCharge({ latest_charge: charge }: Pick<WireIntent, 'latest_charge'>): WireCharge | null {
  return charge === null || charge === undefined || typeof charge === 'string' ? null : charge;
}

/** Name under which an intent or a refund carries our attempt's id. */
export const ATTEMPT_KEY = 'pointsman_attempt';
/** Name under which a refund carries our operation's id. */
export const OPERATION_KEY = 'pointsman_operation';

/** Longest name of a metadata entry is 40 characters (docs.stripe.com/api/metadata). */
const CAPTURE_KEY_CHARACTERS = 40 - 'pointsman_'.length;

/**
 * Name under which an intent carries a capture of ours: captures have no object of their own at Stripe, and the metadata
 * that are sent with one are added to the intent's. Operations of one attempt differ at the end of their ids.
 */
export function captureKey(operationId: string): string {
  return `pointsman_${operationId.slice(-CAPTURE_KEY_CHARACTERS)}`;
}

/** What stands under {@link captureKey}: which capture, and how much; null when Stripe cannot express the amount. */
export function captureMark(operationId: string, amount: Amount): string | null {
  const wire = toWireAmount(amount);
  return wire === null ? null : `${operationId}:${wire}`;
}
