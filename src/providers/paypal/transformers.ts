import { createHash } from 'node:crypto';
import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import type { AuthorizeCall, OperationCall } from '../../gateway/ports.ts';
import { moneyOf } from './amounts.ts';
import { cardSourceOf, missingOf as missingOfCard } from './card-source.ts';

/** Longest `PayPal-Request-Id` of Orders v2 (its OpenAPI description). */
const REQUEST_ID_MAX = 108;

/** The idempotency key of one step: a pure function of the call's key, in PayPal's length. */
export function requestIdOf(providerKey: string, step: 'order' | 'authorize' | 'operation'): string {
  // Creating the order is another request than authorizing it, and no document says that ids count by path.
  const id = step === 'order' ? `${providerKey}_o` : providerKey;
  return id.length <= REQUEST_ID_MAX ? id : createHash('sha256').update(id).digest('hex');
}

/** Bodies of the two steps. */
interface AuthorizationBodies {
  /** Names no payment source, so that it processes no payment. */
  readonly order: string;
  readonly authorize: string;
}

/** Both bodies; null when PayPal cannot be told what is asked. Pure: the same call gives the same bytes. */
export function authorizationBodies(call: AuthorizeCall): AuthorizationBodies | null {
  const money = moneyOf(call.request.amount);
  const card = cardSourceOf(call);
  if (money === null || card === null) return null;
  const { attemptId } = call;
  const unit = { reference_id: attemptId, custom_id: attemptId, invoice_id: attemptId, amount: money };
  return {
    order: JSON.stringify({ intent: 'AUTHORIZE', purchase_units: [unit] }),
    authorize: JSON.stringify({ payment_source: { card } }),
  };
}

/** What {@link authorizationBodies} could not say, by the first member that stood in its way. */
export function missingOf(call: AuthorizeCall): string {
  return moneyOf(call.request.amount) === null
    ? 'amount in a currency and decimals that PayPal takes'
    : missingOfCard(call);
}

/** The body of a capture; null when PayPal cannot be told the amount. */
export function captureBody({ amount, operationId, final }: OperationCall): string | null {
  const money = moneyOf(amount);
  if (money === null) return null;
  return JSON.stringify({ amount: money, invoice_id: operationId, final_capture: final });
}

/** The body of a refund; null when PayPal cannot be told the amount. */
export function refundBody({ amount, operationId, attemptId }: OperationCall): string | null {
  const money = moneyOf(amount);
  if (money === null) return null;
  return JSON.stringify({ amount: money, custom_id: attemptId, invoice_id: operationId });
}

// ------------------------------------------------------------------------------------------------ what PayPal tells

export const wireMoney = z.object({
  currency_code: z.string().regex(/^[A-Z]{3}$/),
  value: z.string().max(32),
});

/**
 * An id that PayPal made of an order, authorization, capture or refund. Of digits alone it may be no card number; a run of
 * digits within one is there by chance.
 */
export const wireId = z
  .string()
  .regex(/^[A-Z0-9]{1,36}$/)
  .refine((id) => !/^\d+$/.test(id) || findCardNumber(id) === null, 'an id that is no card number');

/** Codes go into logs, metrics and answers: only what looks like a code may pass, never text. */
export const wireCode = z.string().regex(/^(?!.*\d{5})[A-Z][A-Z0-9_]{1,63}$/);

/**
 * An id of ours that comes back. Others may write into the field too, and what they wrote is compared with ours: only a
 * card's number is not kept.
 */
const ourId = z
  .string()
  .max(127)
  .transform((id) => (findCardNumber(id) === null ? id : 'withheld'));

/** PayPal leaves out what it does not know; some of its APIs write null. */
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().catch(null);

const wireLinks = z.array(z.object({ rel: z.string(), href: z.string() }));

export const wireRelatedIds = z.object({
  related_ids: z.object({
    order_id: wireId.nullish(),
    authorization_id: wireId.nullish(),
    capture_id: wireId.nullish(),
  }),
});

export const wirePayee = z.object({ merchant_id: z.string().max(32).nullish() });

const dateTime = z.string().regex(/^\d{4}-\d{2}-\d{2}T[0-9:.]{8,18}(Z|[+-]\d{2}:\d{2})$/);

export const wireAuthorization = z.object({
  id: wireId,
  status: wireCode,
  status_details: optional(z.object({ reason: wireCode.nullish() })),
  amount: wireMoney,
  custom_id: ourId.nullish(),
  payee: wirePayee.nullish(),
  processor_response: optional(
    z.object({
      response_code: z
        .string()
        .regex(/^[0-9A-Z]{4}$/)
        .nullish(),
      payment_advice_code: z
        .string()
        .regex(/^[0-9A-Z]{1,4}$/)
        .nullish(),
    }),
  ),
  network_transaction_reference: optional(
    z.object({
      id: z.string().regex(/^[\x21-\x7e]{1,64}$/),
      date: z
        .string()
        .regex(/^(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/)
        .nullish(),
      network: z
        .string()
        .regex(/^[A-Z_]{1,32}$/)
        .nullish(),
    }),
  ),
  create_time: optional(dateTime),
  expiration_time: optional(dateTime),
});

export const wireCapture = z.object({
  id: wireId,
  status: wireCode,
  amount: wireMoney,
  invoice_id: ourId.nullish(),
  custom_id: ourId.nullish(),
  payee: wirePayee.nullish(),
});

export const wireRefund = z.object({
  id: wireId,
  status: wireCode,
  amount: wireMoney,
  invoice_id: ourId.nullish(),
  custom_id: ourId.nullish(),
  links: optional(wireLinks),
});

const wireUnit = z.object({
  reference_id: z.string().max(256).nullish(),
  custom_id: ourId.nullish(),
  amount: wireMoney.nullish(),
  payee: wirePayee.nullish(),
  payments: z
    .object({
      authorizations: z.array(wireAuthorization).max(50).default([]),
      captures: z.array(wireCapture).max(500).default([]),
      refunds: z.array(wireRefund).max(500).default([]),
    })
    .nullish(),
});

export const wireOrder = z.object({
  id: wireId,
  status: wireCode,
  purchase_units: z.array(wireUnit).min(1).max(10),
});

/**
 * An error of PayPal's own: its name, and its finest code. Texts are not read. Those of the token's call and of gateways
 * in front of the APIs have `error` instead.
 */
export const wireError = z.union([
  z.object({
    name: wireCode,
    details: z
      .array(z.object({ issue: wireCode.nullish().catch(null) }))
      .nullish()
      .catch(null),
  }),
  z.object({ error: z.string().regex(/^[a-z]{1,24}(?:_[a-z]{1,24}){0,4}$/) }),
]);

export type WireAuthorization = z.infer<typeof wireAuthorization>;
export type WireCapture = z.infer<typeof wireCapture>;
export type WireRefund = z.infer<typeof wireRefund>;
export type WireOrder = z.infer<typeof wireOrder>;
