import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AuthorizationRequest, ThreeDs } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import type { AuthorizeCall, OperationCall } from '../../gateway/ports.ts';
import { amountToAdyen } from './amounts.ts';

/** What requests to an account say besides the payment. */
export interface AdyenAccount {
  readonly merchantAccount: string;
  /** Required by the interface; nobody is ever sent there, since Adyen is told not to authenticate. */
  readonly returnUrl: string;
}

/**
 * The idempotency key on the wire: the SHA-256 of ours, written in 64 of the letters a to p. Adyen takes 64 characters at
 * most and does not tell letters of both cases apart, which are all that tells two of our keys apart: so one payment
 * could be answered with another's result. Letters, not hexadecimal digits: a run of digits may look like a card number.
 */
export function wireKey(providerKey: string): string {
  const digest = createHash('sha256').update(providerKey, 'utf8').digest();
  let letters = '';
  for (const byte of digest) letters += LETTERS.charAt(byte >> 4) + LETTERS.charAt(byte & 15);
  return letters;
}

const LETTERS = 'abcdefghijklmnop';

/** `storedPaymentMethodId`: at most 64 characters; Adyen's own are letters and digits. */
const TOKEN = /^[0-9A-Za-z]{1,64}$/;
/** Lengths of `shopperReference`. */
const SHOPPER_MIN = 3;
const SHOPPER_MAX = 256;

/**
 * The body of `POST /payments`. Pure: the same call gives the same bytes.
 * @returns null when Adyen cannot be told what the call asks for: then nothing may be sent
 */
export function paymentBody(call: AuthorizeCall, account: AdyenAccount): string | null {
  const { request } = call;
  const amount = amountToAdyen(request.amount);
  const shopper = request.shopper.id;
  const authentication = authenticationOf(request.threeDs);
  if (amount === null || shopper === null || authentication === null || !TOKEN.test(call.token)) return null;
  if (shopper.length < SHOPPER_MIN || shopper.length > SHOPPER_MAX) return null;
  const { mpiData, scaExemption } = authentication;
  const networkPaymentReference = linkOf(request, call.brand);
  return JSON.stringify({
    amount,
    merchantAccount: account.merchantAccount,
    reference: call.attemptId,
    merchantOrderReference: request.reference,
    returnUrl: account.returnUrl,
    paymentMethod: {
      type: request.card.networkToken ? 'networkToken' : 'scheme',
      storedPaymentMethodId: call.token,
      ...(networkPaymentReference === null ? {} : { networkPaymentReference }),
    },
    shopperReference: shopper,
    ...useOf(request),
    // Above all rules of the account: a step-up by Adyen would be an attempt that we know nothing of.
    authenticationData: {
      attemptAuthentication: 'never',
      threeDSRequestData: { nativeThreeDS: 'disabled' },
    },
    ...(mpiData === null ? {} : { mpiData }),
    additionalData: {
      // Captures are ours, once the authorization is durable, whatever the account's own delay is.
      manualCapture: 'true',
      allowPartialAuth: String(request.acceptPartial),
      ...(scaExemption === null ? {} : { scaExemption }),
    },
  });
}

/** What {@link paymentBody} could not say, by the first member that stood in its way. */
export function missingOf({ request, token }: AuthorizeCall): string {
  if (amountToAdyen(request.amount) === null) return 'amount without fractions that Adyen does not count';
  const length = request.shopper.id?.length ?? 0;
  if (length < SHOPPER_MIN || length > SHOPPER_MAX) {
    return `shopper.id of ${SHOPPER_MIN} to ${SHOPPER_MAX} characters, the shopperReference of the stored card`;
  }
  return TOKEN.test(token)
    ? 'three_ds of version 2, its cavv of 20 bytes in base64, and an exemption that Adyen knows'
    : 'card token that is the id of a card stored at Adyen';
}

/** How the stored card is used: who is there, and what agreement it rests on. */
function useOf({ initiator, storedCredential }: AuthorizationRequest): Readonly<Record<string, string>> {
  // The first payment of an agreement is made by a customer who is there.
  const isFirst = initiator === 'customer' && storedCredential?.usage === 'first';
  const isSeries = initiator === 'merchant' || isFirst;
  return {
    shopperInteraction: isFirst ? 'Ecommerce' : 'ContAuth',
    recurringProcessingModel: isSeries ? SERIES_OF[storedCredential?.reason ?? 'unscheduled'] : 'CardOnFile',
  };
}

/** Instalments are payments on a fixed schedule, which is what Adyen calls a subscription. */
const SERIES_OF = {
  recurring: 'Subscription',
  installment: 'Subscription',
  unscheduled: 'UnscheduledCardOnFile',
} as const;

interface Authentication {
  readonly mpiData: Readonly<Record<string, string>> | null;
  readonly scaExemption: string | null;
}

/** `additionalData.scaExemption` of our names. */
const EXEMPTIONS: ReadonlyMap<string, string> = new Map([
  ['low_value', 'lowValue'],
  ['secure_corporate', 'secureCorporate'],
  ['trusted_beneficiary', 'trustedBeneficiary'],
  ['transaction_risk_analysis', 'transactionRiskAnalysis'],
  ['tra', 'transactionRiskAnalysis'],
  ['low_risk', 'transactionRiskAnalysis'],
  ['acquirer_tra', 'transactionRiskAnalysis'],
]);

/** 20 bytes in base64, the form that `mpiData.cavv` has. */
const CAVV = /^[0-9A-Za-z+/]{27}=$/;

/** What was found out about the cardholder, in Adyen's words; null when it cannot be said in them. */
function authenticationOf(threeDs: ThreeDs | null): Authentication | null {
  if (threeDs === null) return { mpiData: null, scaExemption: null };
  const { eci, cavv, dsTransactionId, version, exemption } = threeDs;
  const scaExemption = exemption === null ? null : (EXEMPTIONS.get(exemption) ?? null);
  if (exemption !== null && scaExemption === null) return null;
  if (cavv !== null && !CAVV.test(cavv)) return null;
  // Of 3D Secure 1, Adyen wants the transaction's XID, which is no directory server's id.
  if (version?.startsWith('1') === true) return null;
  const told = {
    cavv,
    eci,
    dsTransID: dsTransactionId,
    threeDSVersion: version,
    directoryResponse: eci === null ? null : (DIRECTORY_RESPONSES.get(eci) ?? null),
  };
  const mpiData = Object.fromEntries(
    Object.entries(told).filter((member): member is [string, string] => member[1] !== null),
  );
  return { mpiData: Object.keys(mpiData).length === 0 ? null : mpiData, scaExemption };
}

/**
 * The status of the authentication that an ECI follows from: 05 (Mastercard 02) is given for Y, authenticated, and 06
 * (01) for A, attempted. Adyen asks for it beside the ECI; of others it is not told.
 */
const DIRECTORY_RESPONSES: ReadonlyMap<string, string> = new Map([
  ['05', 'Y'],
  ['02', 'Y'],
  ['06', 'A'],
  ['01', 'A'],
]);

/** The identifier of the first payment, only to the network that gave it: another one could not know it. */
function linkOf(request: AuthorizationRequest, brand: CardBrand): string | null {
  const link = request.networkTransaction;
  return link !== null && link.network.toLowerCase() === brand ? link.id : null;
}

/** The body of captures and refunds; null when the amount cannot be said in Adyen's minor units. */
export function amountBody(call: OperationCall, account: AdyenAccount): string | null {
  const amount = amountToAdyen(call.amount);
  const { merchantAccount } = account;
  return amount === null ? null : JSON.stringify({ merchantAccount, amount, reference: call.operationId });
}

/** The body of a void: of the payment in the path, or of the one that bears our reference. */
export function cancelBody(call: OperationCall, { merchantAccount }: AdyenAccount): string {
  const reference = call.operationId;
  return JSON.stringify(
    call.providerReference === null
      ? { merchantAccount, paymentReference: call.attemptId, reference }
      : { merchantAccount, reference },
  );
}

/** An id that Adyen made of a payment or a modification. */
export const wireReference = z.string().regex(/^[0-9A-Za-z]{1,64}$/);

export const wireAmount = z.object({
  value: z.int().min(0),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

const text = z.string().optional().catch(undefined);

/** An answer to `POST /payments`. Fields of no use to us are left out. */
export const wirePayment = z.object({
  resultCode: z.string().regex(/^[A-Za-z]{1,40}$/),
  pspReference: wireReference.optional(),
  merchantReference: z.string().optional(),
  amount: wireAmount.optional(),
  /** Codes go into logs, metrics and answers: only what looks like a code may pass. */
  refusalReasonCode: z
    .string()
    .regex(/^[0-9]{1,3}$/)
    .optional()
    .catch(undefined),
  paymentMethod: z.object({ brand: text }).optional().catch(undefined),
  additionalData: z
    .object({
      authorisedAmountValue: z
        .string()
        .regex(/^\d{1,15}$/)
        .optional(),
      authorisedAmountCurrency: z
        .string()
        .regex(/^[A-Z]{3}$/)
        .optional(),
      refusalReasonRaw: text,
      merchantAdviceCode: text,
      networkTxReference: text,
    })
    .optional(),
});

export type WirePayment = z.infer<typeof wirePayment>;

/** An answer to a capture, refund or cancellation: Adyen has taken it, and says nothing of what will come of it. */
export const wireModification = z.object({
  status: z.literal('received'),
  merchantAccount: z.string(),
  pspReference: wireReference,
  reference: z.string().optional(),
  paymentPspReference: z.string().optional(),
  paymentReference: z.string().optional(),
  amount: wireAmount.optional(),
});

export type WireModification = z.infer<typeof wireModification>;

/** An error of Adyen's. Its message is not read: it may repeat what was sent. */
export const wireError = z.object({
  errorCode: z.string().regex(/^[0-9A-Za-z]{1,8}(?:_[0-9A-Za-z]{1,8}){0,2}$/),
  errorType: text,
});
