import type { IncomingHttpHeaders } from 'node:http';
import type { AttemptOutcome } from '../../core/attempt.ts';
import type { AuthorizationRequest } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import { classifyDecline, type DeclineReading } from '../../core/declines/classify-decline.ts';
import type { ProviderCode } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { outcomeOfReading } from '../decline-outcome.ts';
import { rejected } from '../outcomes.ts';
import { readJsonAnswer } from '../read-json.ts';
import { readRetryAfter } from '../retry-after.ts';
import { validUntil } from '../valid-until.ts';
import { amountOf } from './amounts.ts';
import { networkTransactionOf } from './network-transaction.ts';
import type { ApiAnswer, HttpAnswer } from './paypal-api.ts';
import { type WireAuthorization, type WireOrder, wireError } from './transformers.ts';

/** What an answer is read against. */
export interface Asked {
  readonly attemptId: string;
  /** The order's id, by which the attempt is known at PayPal. */
  readonly orderId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
  /** The payee's account; null: not compared. */
  readonly merchantId: string | null;
}

/**
 * Reads a code of PayPal: a processor's response code, else the issue of an error. One that no table knows is `unmapped`
 * and never fails over.
 */
export function readPaypalDecline(code: ProviderCode, deps: AdapterDeps): DeclineReading {
  return classifyDecline(deps.declineTables(), { ...code, provider: 'paypal', nowMs: deps.clock.wallMs() });
}

// ------------------------------------------------------------------------------------------------ orders

/** What an order says about its attempt. */
export type OrderReading =
  | { readonly kind: 'outcome'; readonly outcome: AttemptOutcome }
  /** Nothing was authorized for it so far. */
  | { readonly kind: 'unpaid' }
  /** It is not what was asked for, or contradicts itself: it proves nothing. */
  | { readonly kind: 'mismatch' };

const MISMATCH: OrderReading = { kind: 'mismatch' };

/** States of an authorization in which money is held or was taken. */
const HELD: ReadonlySet<string> = new Set(['CREATED', 'CAPTURED', 'PARTIALLY_CAPTURED']);

/** The one purchase unit of an order of ours, and the one authorization in it, when there is one. */
export function unitOf(order: WireOrder) {
  const [unit, ...others] = order.purchase_units;
  const authorizations = unit?.payments?.authorizations ?? [];
  if (unit === undefined || others.length > 0 || authorizations.length > 1) return null;
  const { captures = [], refunds = [] } = unit.payments ?? {};
  return { unit, authorization: authorizations[0] ?? null, captures, refunds };
}

/** Whether an order is that of our attempt: every name that it repeats is ours, and one is there. */
export function isOurs(
  order: WireOrder,
  { attemptId, orderId, merchantId }: Pick<Asked, 'attemptId' | 'orderId' | 'merchantId'>,
): boolean {
  const read = unitOf(order);
  if (read === null || order.id !== orderId) return false;
  const { unit, authorization } = read;
  const names = [unit.custom_id, authorization?.custom_id].filter((name) => name != null);
  const payees = [unit.payee?.merchant_id, authorization?.payee?.merchant_id].filter((id) => id != null);
  const isPayee = merchantId === null || payees.every((id) => id === merchantId);
  return isPayee && names.length > 0 && names.every((name) => name === attemptId);
}

/**
 * The outcome that an order of PayPal stands for, told in an answer, an inquiry or an event. The order's status only says
 * that it is done with: whether the card was charged or declined is the authorization's (the description of order_status).
 */
export function readOrder(order: WireOrder, asked: Asked, deps: AdapterDeps): OrderReading {
  const read = isOurs(order, asked) ? unitOf(order) : null;
  if (read === null) return MISMATCH;
  const { unit, authorization, captures } = read;
  const { amount } = asked.request;
  if (unit.amount != null) {
    const told = amountOf(unit.amount);
    if (told?.value !== amount.value || told.currency !== amount.currency) return MISMATCH;
  }
  const isCaptured = captures.some(({ status }) => status !== 'DECLINED' && status !== 'FAILED');
  if (authorization !== null) {
    // What may be captured is of an order that is done with.
    const isHeld = HELD.has(authorization.status);
    if (isHeld && order.status !== 'COMPLETED') return MISMATCH;
    return readAuthorization(authorization, { isPartial: unit.amount != null, isCaptured }, asked, deps);
  }
  if (isCaptured) return MISMATCH;
  const providerReference = order.id;
  switch (order.status) {
    case 'CREATED':
    case 'APPROVED':
    case 'SAVED':
      return { kind: 'unpaid' };
    case 'PAYER_ACTION_REQUIRED':
      return outcome({ kind: 'authentication_required', code: order.status, providerReference });
    case 'VOIDED':
      // Nothing was authorized, and "order is voided … and hence cannot be authorized" (ORDER_COMPLETED_OR_VOIDED).
      return outcome(rejected('cancelled', 'ORDER_VOIDED', null, providerReference));
    default:
      return MISMATCH;
  }
}

/**
 * The outcome that an authorization stands for.
 * @param known.isPartial whether less than was asked is a part of it: the amount that was asked for is told beside it
 * @param known.isCaptured whether something of it was captured: then a void has only let go the rest
 */
export function readAuthorization(
  authorization: WireAuthorization,
  known: { readonly isPartial: boolean; readonly isCaptured: boolean },
  asked: Asked,
  deps: AdapterDeps,
): OrderReading {
  const amount = amountOf(authorization.amount);
  const askedAmount = asked.request.amount;
  if (amount === null || amount.currency !== askedAmount.currency) return MISMATCH;
  const isLess = amount.value > 0 && amount.value < askedAmount.value;
  if (amount.value !== askedAmount.value && !(isLess && known.isPartial)) return MISMATCH;
  const providerReference = asked.orderId;
  const networkTransaction = networkTransactionOf(authorization, asked, deps.clock.wallMs());
  const validity = validUntil(authorization.expiration_time);
  const partial = (reversal: 'none' | 'confirmed'): OrderReading =>
    outcome({
      kind: 'partially_approved',
      providerReference,
      authorizedAmount: amount.value,
      networkTransaction,
      ...(reversal === 'none' && validity),
      reversal,
    });
  const approved = (): OrderReading =>
    isLess
      ? partial('none')
      : outcome({ kind: 'approved', providerReference, networkTransaction, ...validity });
  switch (authorization.status) {
    case 'CREATED':
    case 'CAPTURED':
    case 'PARTIALLY_CAPTURED':
      return approved();
    case 'VOIDED':
      // By us, by somebody in PayPal's own pages, or by the end of its validity.
      return known.isCaptured ? approved() : partial('confirmed');
    case 'PENDING':
      return outcome({
        kind: 'pending',
        code: authorization.status_details?.reason ?? null,
        providerReference,
      });
    case 'DENIED':
      return outcome(
        outcomeOfReading(readPaypalDecline(codeOfDenial(authorization, asked), deps), providerReference),
      );
    default:
      return MISMATCH;
  }
}

/** The most specific code of an authorization that was denied. */
function codeOfDenial(
  { processor_response, status_details }: WireAuthorization,
  asked: Pick<Asked, 'brand' | 'scaRegion'>,
): ProviderCode {
  return {
    code: processor_response?.response_code ?? status_details?.reason ?? 'DENIED',
    // PayPal does not pass the network's own code on.
    networkCode: null,
    advice: processor_response?.payment_advice_code ?? null,
    brand: asked.brand,
    scaRegion: asked.scaRegion,
    // What came of an authentication is never sent.
    threeDsPresent: false,
  };
}

/** Whether PayPal denied what the issuer may have approved: the table says of which codes that is so. */
export function isHiddenApproval(authorization: WireAuthorization, deps: AdapterDeps): boolean {
  if (authorization.status !== 'DENIED') return false;
  const anyCard = { brand: 'unknown', scaRegion: false } as const;
  const reading = readPaypalDecline(codeOfDenial(authorization, anyCard), deps);
  return reading.kind === 'declined' && reading.decline.mayHideApproval;
}

// ------------------------------------------------------------------------------------------------ errors

/** An answer that is no success. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /**
   * Name of the error; null when the body is no error of PayPal's own, but perhaps one that others word alike
   * (`{"error":"forbidden"}`).
   */
  readonly name: string | null;
  /** Its finest code. */
  readonly issue: string | null;
  /** The finest of these, or the status. */
  readonly code: string;
}

export function errorAnswerOf(answer: HttpAnswer): ErrorAnswer {
  const { status, headers } = answer;
  const error = readJsonAnswer(answer, wireError);
  if (error === null) return { status, headers, name: null, issue: null, code: `http_${status}` };
  if ('error' in error) return { status, headers, name: null, issue: null, code: error.error };
  const { name, details } = error;
  const issue = details?.find((detail) => detail.issue != null)?.issue ?? null;
  return { status, headers, name, issue, code: issue ?? name };
}

/** Statuses by which a request is turned away before anything is done. */
const TURNS_AWAY: ReadonlySet<number> = new Set([401, 403, 429]);

/**
 * The outcome of the first step that gave no order. It named no payment source, so that no money can have moved: whatever
 * went wrong, nothing was authorized.
 */
export function outcomeOfNoOrder(
  answer: Exclude<ApiAnswer, { readonly kind: 'not_sent' }>,
  asked: Pick<Asked, 'brand' | 'scaRegion'>,
  deps: AdapterDeps,
): AttemptOutcome {
  if (answer.kind === 'no_token') return rejected(answer.reason, answer.code, answer.retryAfterMs, null);
  if (answer.kind === 'unknown') return rejected('transient', answer.code, null, null);
  const error = errorAnswerOf(answer);
  // Whoever says so: nothing was to be processed by it.
  if (TURNS_AWAY.has(error.status)) return turnedAway(error, null, deps);
  const told = outcomeOfError(error, { ...asked, orderId: null }, deps);
  const isNegative = told.kind === 'rejected' || told.kind === 'declined';
  return isNegative ? told : rejected('transient', error.code, null, null);
}

/** Credentials, configuration or a limit. */
function turnedAway(
  { status, headers, code }: Pick<ErrorAnswer, 'status' | 'headers' | 'code'>,
  orderId: string | null,
  deps: AdapterDeps,
): AttemptOutcome {
  if (status !== 429) return rejected('configuration', code, null, orderId);
  const retryAfterMs = readRetryAfter(headers['retry-after'], deps.clock.wallMs());
  return rejected('rate_limited', code, retryAfterMs, orderId);
}

/** The outcome of the second step that gave no order: definite only where PayPal itself says that it did not process. */
export function outcomeOfError(
  { status, headers, name, issue, code }: ErrorAnswer,
  asked: Pick<Asked, 'brand' | 'scaRegion'> & { readonly orderId: string | null },
  deps: AdapterDeps,
): AttemptOutcome {
  const { orderId } = asked;
  const unknown: AttemptOutcome = { kind: 'unknown', code, providerReference: orderId };
  // A status without PayPal's own error may be that of somebody on the way, also on the way back.
  if (name === null) return unknown;
  if (TURNS_AWAY.has(status)) return turnedAway({ status, headers, code }, orderId, deps);
  switch (status) {
    case 404:
      // It does not know the order: nothing can have been authorized for it.
      return name === 'RESOURCE_NOT_FOUND' ? rejected('transient', code, null, orderId) : unknown;
    case 400:
    case 422: {
      if (issue === null) return unknown;
      const { brand, scaRegion } = asked;
      const plain = { code: issue, networkCode: null, advice: null, brand, scaRegion, threeDsPresent: false };
      const reading = readPaypalDecline(plain, deps);
      // Of an issue that no table knows it is not known whether it is about an earlier request for the same order.
      if (reading.kind === 'declined' && reading.decline.category === 'unmapped') return unknown;
      return outcomeOfReading(reading, orderId);
    }
    default:
      return unknown;
  }
}

function outcome(told: AttemptOutcome): OrderReading {
  return { kind: 'outcome', outcome: told };
}
