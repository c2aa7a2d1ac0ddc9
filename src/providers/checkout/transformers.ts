import type { AuthorizationRequest, ThreeDs } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import type { AuthorizeCall, OperationCall } from '../../gateway/ports.ts';
import { isAmountSayable } from './amounts.ts';

/** A stored card: `^(src)_(\w{26})$` in the interface's description. */
const TOKEN = /^src_\w{26}$/;
/** Longest `reference` of a payment; American Express passes on less. */
const REFERENCE_MAX = 50;
const REFERENCE_MAX_AMEX = 30;

/**
 * The body of `POST /payments`. Pure: the same call gives the same bytes. There is no `fallback_source`, no 3DS upgrade
 * and no retry in it: Checkout.com makes one attempt, and only the one that we know of.
 * @returns null when Checkout.com cannot be told what the call asks for: then nothing may be sent
 */
export function paymentBody(call: AuthorizeCall, channel: string): string | null {
  const { request, attemptId, brand } = call;
  const threeDs = threeDsOf(request.threeDs, brand);
  const referenceMax = brand === 'amex' ? REFERENCE_MAX_AMEX : REFERENCE_MAX;
  if (threeDs === null || !TOKEN.test(call.token) || !isAmountSayable(request.amount)) return null;
  // A network token needs a cryptogram of its own, which a stored card's id has no place for.
  if (request.card.networkToken || attemptId.length > referenceMax) return null;
  const isMerchant = request.initiator === 'merchant';
  const previous = isMerchant ? linkOf(request, brand) : null;
  return JSON.stringify({
    source: { type: 'id', id: call.token, ...storingOf(request) },
    amount: request.amount.value,
    currency: request.amount.currency,
    payment_type: paymentTypeOf(request),
    merchant_initiated: isMerchant,
    reference: attemptId,
    // Captures are ours, once the authorization is durable.
    capture: false,
    processing_channel_id: channel,
    '3ds': threeDs,
    ...(request.acceptPartial ? { partial_authorization: { enabled: true } } : {}),
    ...(previous === null ? {} : { previous_payment_id: previous }),
    // Accounts may have them on for what a merchant initiates.
    ...(isMerchant ? { retry: { dunning: { enabled: false }, downtime: { enabled: false } } } : {}),
    metadata: { attempt_id: attemptId, merchant_reference: request.reference },
  });
}

/** What {@link paymentBody} could not say, by the first member that stood in its way. */
export function missingOf({ request, token, brand }: AuthorizeCall): string {
  if (!isAmountSayable(request.amount))
    return 'amount in a currency, decimals and size that Checkout.com takes';
  if (!TOKEN.test(token)) return 'card token that is the id (src_…) of a card stored at Checkout.com';
  if (request.card.networkToken) return 'card.network_token false';
  return threeDsOf(request.threeDs, brand) === null
    ? 'three_ds that is whole (eci, cavv, version, ds_transaction_id), and an exemption that Checkout.com knows'
    : 'reference of ours that is shorter';
}

/**
 * What a payment is part of. Of what a merchant initiates it must not be `Regular`; what a cardholder initiates is
 * `Recurring` or `Installment` only where it begins the series (checkout.com/docs, "Recurring payments with stored card
 * details").
 */
function paymentTypeOf({ initiator, storedCredential }: AuthorizationRequest): string {
  const series = SERIES_OF[storedCredential?.reason ?? 'unscheduled'];
  if (initiator === 'merchant') return series;
  return storedCredential?.usage === 'first' && storedCredential.reason !== 'unscheduled'
    ? series
    : 'Regular';
}

const SERIES_OF = { recurring: 'Recurring', installment: 'Installment', unscheduled: 'Unscheduled' } as const;

/** How the card came to be kept: by this payment, or before. */
function storingOf({ initiator, storedCredential }: AuthorizationRequest): Readonly<Record<string, true>> {
  if (initiator === 'merchant' || storedCredential?.usage === 'subsequent') return { stored: true };
  return storedCredential?.usage === 'first' ? { store_for_future_use: true } : {};
}

/** The identifier of the first payment, only to the network that gave it: another one could not know it. */
function linkOf(request: AuthorizationRequest, brand: CardBrand): string | null {
  const link = request.networkTransaction;
  return link !== null && link.network.toLowerCase() === brand ? link.id : null;
}

/** `3ds.exemption` of our names; the interface's own names are taken too. */
const EXEMPTIONS: ReadonlyMap<string, string> = new Map([
  ['low_value', 'low_value'],
  ['secure_corporate', 'secure_corporate_payment'],
  ['secure_corporate_payment', 'secure_corporate_payment'],
  ['trusted_beneficiary', 'trusted_listing'],
  ['trusted_listing', 'trusted_listing'],
  ['transaction_risk_analysis', 'transaction_risk_assessment'],
  ['transaction_risk_assessment', 'transaction_risk_assessment'],
  ['tra', 'transaction_risk_assessment'],
  ['low_risk', 'transaction_risk_assessment'],
  ['acquirer_tra', 'transaction_risk_assessment'],
]);

/** Longest `3ds.cryptogram`. */
const CRYPTOGRAM_MAX = 50;

/**
 * What was found out about the cardholder; null when it cannot be said. An authentication by somebody else has `enabled:
 * true` with its ECI, cryptogram and version, without which Checkout.com would authenticate by itself or take another
 * version for granted; its transaction's id may only be left out for Visa's second version (checkout.com/docs, "3D Secure
 * payments with a third-party provider"). `allow_upgrade: false`: a 20154 is told, and not turned into a redirect.
 */
function threeDsOf(threeDs: ThreeDs | null, brand: CardBrand): Record<string, unknown> | null {
  const off = { enabled: false, allow_upgrade: false };
  if (threeDs === null) return off;
  const { eci, cavv, dsTransactionId: xid, version } = threeDs;
  const exemption = threeDs.exemption === null ? undefined : EXEMPTIONS.get(threeDs.exemption);
  if (threeDs.exemption !== null && exemption === undefined) return null;
  const exempted = exemption === undefined ? {} : { exemption };
  if (eci === null && cavv === null && xid === null && version === null) return { ...off, ...exempted };
  if (eci === null || cavv === null || version === null || cavv.length > CRYPTOGRAM_MAX) return null;
  const mayLackId = brand === 'visa' && !version.startsWith('1');
  if (xid === null && !mayLackId) return null;
  return {
    enabled: true,
    allow_upgrade: false,
    // An ECI of one digit is the network's without its leading zero.
    eci: eci.padStart(2, '0'),
    cryptogram: cavv,
    ...(xid === null ? {} : { xid }),
    version,
    ...exempted,
  };
}

/** The names by which an operation is told of, wherever it is. */
function namesOf({ operationId, attemptId }: OperationCall): Record<string, unknown> {
  return { reference: operationId, metadata: { attempt_id: attemptId, operation_id: operationId } };
}

/** The body of a capture; null when the amount cannot be said. `Final`: what is left is given back. */
export function captureBody(call: OperationCall): string | null {
  if (!isAmountSayable(call.amount)) return null;
  const type = call.final ? 'Final' : 'NonFinal';
  return JSON.stringify({ amount: call.amount.value, capture_type: type, ...namesOf(call) });
}

/** The body of a refund; null when the amount cannot be said. */
export function refundBody(call: OperationCall): string | null {
  return isAmountSayable(call.amount)
    ? JSON.stringify({ amount: call.amount.value, ...namesOf(call) })
    : null;
}

/** The body of a void, which undoes all that is held. */
export function voidBody(call: OperationCall): string {
  return JSON.stringify(namesOf(call));
}
