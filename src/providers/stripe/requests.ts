import type { AuthorizationRequest, StoredCredential, ThreeDs } from '../../core/authorization.ts';
import { isAcquirersExemption } from '../../core/failover.ts';
import type { AuthorizeCall, OperationCall } from '../../gateway/ports.ts';
import type { StripeSettings } from './setup.ts';
import { ATTEMPT_KEY, captureKey, captureMark, OPERATION_KEY } from './transformers.ts';
import { toWireAmount } from './wire-amount.ts';

/** A form's fields in order. */
type Fields = readonly (readonly [name: string, value: string])[];

/** The bodies of an authorization's two steps. Pure: the same call gives the same bytes. */
export interface AuthorizationBodies {
  /** Of `POST /v1/payment_intents`: moves no money. */
  readonly create: string;
  /** Of `POST /v1/payment_intents/{id}/confirm`: authorizes. */
  readonly confirm: string;
}

/** Stripe's v1 interface takes forms, not JSON; names of members stand in brackets. */
function form(fields: Fields): string {
  return new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString();
}

/**
 * A stored payment method: `pm_…` or `card_…`, and before it, with a slash, the customer that it is attached to (Stripe
 * refuses an attached payment method without its customer).
 */
const TOKEN = /^(?:(?<customer>cus_[A-Za-z0-9_]{1,64})\/)?(?<method>(?:pm|card)_[A-Za-z0-9_]{1,64})$/;

/**
 * The two bodies of an authorization.
 * @returns null when the request asks for something that Stripe, or this account, cannot be told
 */
export function authorizationBodies(
  call: AuthorizeCall,
  settings: StripeSettings,
): AuthorizationBodies | null {
  const token = TOKEN.exec(call.token)?.groups;
  const amount = toWireAmount(call.request.amount);
  const threeDs = threeDsFields(call.request.threeDs);
  const link = linkFields(call, settings);
  if (token === undefined || amount === null || threeDs === null || link === null) return null;
  const { customer, method = '' } = token;
  const { storedCredential } = call.request;
  const create: Fields = [
    ['amount', String(amount)],
    ['currency', call.request.amount.currency.toLowerCase()],
    ['payment_method', method],
    ...(customer === undefined ? [] : [['customer', customer] as const]),
    ['payment_method_types[]', 'card'],
    // Captures are ours, once the authorization is durable.
    ['capture_method', 'manual'],
    ['confirm', 'false'],
    ...(storedCredential?.usage === 'first' ? [['setup_future_usage', 'off_session'] as const] : []),
    [`metadata[${ATTEMPT_KEY}]`, call.attemptId],
  ];
  const confirm: Fields = [
    ...(call.request.initiator === 'merchant'
      ? [['off_session', offSession(storedCredential)] as const]
      : []),
    // Stripe has no word for "never": what would need the customer ends as a decline instead of a step-up of its own.
    ['error_on_requires_action', 'true'],
    ['payment_method_options[card][request_three_d_secure]', 'automatic'],
    ...(settings.multicapture
      ? [['payment_method_options[card][request_multicapture]', 'if_available'] as const]
      : []),
    ...threeDs,
    ...link,
    ['expand[]', 'latest_charge'],
  ];
  return { create: form(create), confirm: form(confirm) };
}

/** What {@link authorizationBodies} could not say, by the first member that stood in its way. */
export function missingOf(call: AuthorizeCall): string {
  const { amount, threeDs } = call.request;
  if (toWireAmount(amount) === null) return 'amount in a currency and decimals that Stripe takes';
  if (!TOKEN.test(call.token))
    return 'card token that is a payment method of Stripe (pm_…, card_… or cus_…/pm_…)';
  return threeDsFields(threeDs) === null
    ? 'three_ds that is whole (cavv, ds_transaction_id, a version that Stripe takes), an exemption only with it'
    : 'network_transaction only of what a merchant initiates, and settings: { network_transaction_id: on }';
}

/**
 * Why the customer is not there. Stripe knows two series of payments: installments are one that recurs, as agreed, and
 * an unscheduled one stands for itself.
 */
function offSession(stored: StoredCredential | null): string {
  if (stored === null) return 'true';
  return stored.reason === 'unscheduled' ? 'one_off' : 'recurring';
}

/** Electronic commerce indicators that Stripe takes. */
const ECIS: ReadonlySet<string> = new Set(['01', '02', '05', '06', '07']);
/** Versions of 3-D Secure that Stripe takes. */
const VERSIONS: ReadonlySet<string> = new Set(['1.0.2', '2.1.0', '2.2.0', '2.3.0', '2.3.1']);

/**
 * The result of an authentication made elsewhere. Stripe takes one only whole, with its cryptogram, and an exemption only
 * as part of it.
 * @returns null when it cannot be told
 */
function threeDsFields(threeDs: ThreeDs | null): Fields | null {
  if (threeDs === null) return [];
  const { eci, cavv, dsTransactionId, version, exemption } = threeDs;
  if ([eci, cavv, dsTransactionId, version, exemption].every((field) => field === null)) return [];
  if (cavv === null || dsTransactionId === null || version === null || !VERSIONS.has(version)) return null;
  if (eci !== null && !ECIS.has(eci)) return null;
  if (exemption !== null && !isAcquirersExemption(exemption)) return null;
  const told: Fields = [
    ['cryptogram', cavv],
    ['transaction_id', dsTransactionId],
    ['version', version],
    ...(eci === null ? [] : [['electronic_commerce_indicator', eci] as const]),
    ...(exemption === null ? [] : [['exemption_indicator', 'low_risk'] as const]),
  ];
  return told.map(([name, value]) => [`payment_method_options[card][three_d_secure][${name}]`, value]);
}

/**
 * The network's identifier of the first payment, for a merchant's own payment, where the account may send one.
 * @returns null when it cannot be told
 */
function linkFields(
  { request, brand }: Pick<AuthorizeCall, 'request' | 'brand'>,
  settings: StripeSettings,
): Fields | null {
  const link = linkOf(request, brand);
  if (link === null) return [];
  if (!settings.networkTransactionId || request.initiator !== 'merchant') return null;
  return [['payment_method_options[card][mit_exemption][network_transaction_id]', link]];
}

/** Only for the network that gave it: another one could not know it. */
function linkOf({ networkTransaction: link }: AuthorizationRequest, brand: string): string | null {
  return link !== null && link.network.toLowerCase() === brand ? link.id : null;
}

/** The body of a capture; null when Stripe cannot express the amount. */
export function captureBody(call: OperationCall, settings: StripeSettings): string | null {
  const amount = toWireAmount(call.amount);
  const mark = captureMark(call.operationId, call.amount);
  if (amount === null || mark === null) return null;
  return form([
    ['amount_to_capture', String(amount)],
    ...(settings.multicapture && !call.final ? [['final_capture', 'false'] as const] : []),
    [`metadata[${captureKey(call.operationId)}]`, mark],
  ]);
}

/** The body of a cancellation: it takes no metadata. */
export function cancelBody(): string {
  return form([['cancellation_reason', 'abandoned']]);
}

/** The body of a refund; null when Stripe cannot express the amount. */
export function refundBody(call: OperationCall, paymentIntent: string): string | null {
  const amount = toWireAmount(call.amount);
  if (amount === null) return null;
  return form([
    ['payment_intent', paymentIntent],
    ['amount', String(amount)],
    [`metadata[${ATTEMPT_KEY}]`, call.attemptId],
    [`metadata[${OPERATION_KEY}]`, call.operationId],
  ]);
}
