import { z } from 'zod';
import type { AuthorizationRequest, NetworkTransaction, ThreeDs } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import { findCardNumber } from '../../core/cards/card-number.ts';
import type { Amount } from '../../core/money.ts';
import type { AuthorizeCall, OperationCall } from '../../gateway/ports.ts';
import { readJson } from '../read-json.ts';

export const wireAmount = z.object({ value: z.int().min(0), currency: z.string() });

const minorUnits = z.int().min(0);

/**
 * Codes go into logs, metrics and answers: only what looks like a code may pass, never text in which a provider
 * repeats what we sent.
 */
const wireCode = z.string().regex(/^[a-z]{1,24}(?:_[a-z]{1,24}){0,4}(?:_[0-9A-Za-z]{1,3})?$/);

/** An id that the sandbox made of an operation or an event: kept as it is, and so never a card's number. */
export const wireId = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .refine((id) => findCardNumber(id) === null, 'an id that is no card number');

export const wireAuthorization = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  reference: z.string(),
  status: z.enum([
    'authorized',
    'partially_authorized',
    'declined',
    'authentication_required',
    'pending',
    'voided',
    'expired',
  ]),
  amount: wireAmount,
  authorized_amount: minorUnits,
  decline: z
    .object({
      code: wireCode,
      network_code: z
        .string()
        .regex(/^[0-9A-Za-z]{1,4}$/)
        .nullable(),
      advice: z
        .string()
        .regex(/^[0-9A-Za-z]{1,4}$/)
        .nullable(),
      after_approval: z.boolean(),
    })
    .nullable(),
  operations: z
    .array(
      z.object({
        id: wireId,
        operation: z.enum(['capture', 'void', 'refund']),
        reference: z.string().nullable(),
        status: z.enum(['pending', 'confirmed', 'failed']),
        amount: wireAmount,
      }),
    )
    .default([]),
  network_transaction: z
    .object({
      id: z.string().min(1).max(64),
      network: z.string().min(1).max(32),
      date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
    })
    .nullable(),
});

const wireOperation = z.discriminatedUnion('status', [
  z.object({
    status: z.enum(['confirmed', 'received']),
    id: wireId,
    authorization_id: z.string(),
    authorization_reference: z.string(),
    reference: z.string().nullable(),
    amount: wireAmount,
  }),
  z.object({ status: z.literal('nothing_found'), reference: z.string() }),
]);

const wireError = z.object({ error: z.object({ code: wireCode }) });

/** An authorization as the sandbox tells it. Fields of no use to us are left out. */
export type WireAuthorization = z.infer<typeof wireAuthorization>;
export type WireDecline = NonNullable<WireAuthorization['decline']>;
export type WireOperation = z.infer<typeof wireOperation>;

/** The body of `POST /v1/authorizations`. Pure: the same call gives the same bytes. */
export function authorizationBody(call: AuthorizeCall): string {
  const { request } = call;
  const { card } = request;
  return JSON.stringify({
    reference: call.attemptId,
    merchant: request.merchant,
    merchant_reference: request.reference,
    amount: amountOnWire(request.amount),
    token: call.token,
    brand: call.brand,
    bin: card.bin,
    initiator: request.initiator,
    // Captures are ours, once the authorization is durable.
    capture: 'manual',
    three_ds: request.threeDs === null ? null : threeDsOnWire(request.threeDs),
    stored_credential: request.storedCredential,
    network_transaction: linkOf(request, call.brand),
    expiry_month: card.expiryMonth,
    expiry_year: card.expiryYear,
  });
}

/** The body of captures and refunds. */
export function amountBody(call: OperationCall): string {
  return JSON.stringify({ amount: amountOnWire(call.amount), reference: call.operationId });
}

/** The body of a void: by the authorization's id in the path, or by our own reference. */
export function voidBody(call: OperationCall): string {
  return call.providerReference === null
    ? JSON.stringify({ reference: call.attemptId, operation_reference: call.operationId })
    : JSON.stringify({ reference: call.operationId });
}

function amountOnWire(amount: Amount): Amount {
  return { value: amount.value, currency: amount.currency };
}

function threeDsOnWire(threeDs: ThreeDs): Record<string, string | null> {
  return {
    eci: threeDs.eci,
    cavv: threeDs.cavv,
    ds_transaction_id: threeDs.dsTransactionId,
    version: threeDs.version,
    exemption: threeDs.exemption,
  };
}

/** The identifier of the first payment, only to the network that gave it: another one could not know it. */
function linkOf(request: AuthorizationRequest, brand: CardBrand): NetworkTransaction | null {
  const link = request.networkTransaction;
  return link !== null && link.network.toLowerCase() === brand ? link : null;
}

/** An authorization, or null when the text is none. */
export function readAuthorization(text: string): WireAuthorization | null {
  return readJson(text, wireAuthorization);
}

/** A void, capture or refund that is done, or null when the text is none. */
export function readOperation(text: string): WireOperation | null {
  return readJson(text, wireOperation);
}

/** The code of an error answer, or null when the text is none. Its message is not read. */
export function readErrorCode(text: string): string | null {
  return readJson(text, wireError)?.error.code ?? null;
}
