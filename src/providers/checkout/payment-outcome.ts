import type { AttemptOutcome } from '../../core/attempt.ts';
import type { NetworkTransaction } from '../../core/authorization.ts';
import { brandNamed } from '../../core/cards/brand-names.ts';
import { unreachable } from '../../core/invariant.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { outcomeOfReading } from '../decline-outcome.ts';
import { unknown } from '../outcomes.ts';
import { repeatsCard } from '../repeats-card.ts';
import { validUntil } from '../valid-until.ts';
import { type Asked, readDeclineCodes } from './codes.ts';
import type { WirePayment } from './wire.ts';

/** Where a payment is told of, and so what it must say. */
export type ToldBy =
  /** The answer to the request: it says by which code it was decided, and cannot be captured yet. */
  | 'answer'
  /** An inquiry: it says no code, and tells what has become of the payment since. */
  | 'inquiry';

/** Whether what is told is about our payment, through our channel. */
export function isOurs(wire: WirePayment, attemptId: string, channel: string): boolean {
  return wire.reference === attemptId && (wire.processing_channel_id ?? channel) === channel;
}

/** `10010`: less was authorized than was asked. */
const PARTIAL = '10010';

/**
 * The outcome that a payment stands for. Whatever does not add up is `unknown`: it must name our reference and channel,
 * and where it names an amount or a currency, what was asked. An approval must name them.
 */
export function outcomeOfPayment(
  wire: WirePayment,
  told: ToldBy,
  asked: Asked,
  channel: string,
  deps: AdapterDeps,
): AttemptOutcome {
  if (!isOurs(wire, asked.attemptId, channel)) return unknown('answer_mismatch', null);
  const { id, status } = wire;
  if (repeatsCard(id, asked.request.card.bin)) return unknown('answer_malformed', null);
  const { value, currency } = asked.request.amount;
  const requested = wire.amount_requested ?? wire.amount ?? value;
  // Another source was charged than ours, although none was offered.
  const isOfAnother = wire.processing?.fallback_source_used === true;
  if (requested !== value || (wire.currency ?? currency) !== currency || isOfAnother) {
    return unknown('answer_mismatch', id);
  }
  switch (status) {
    case 'Authorized':
      return approvalIn(wire, told, asked);
    case 'Captured':
    case 'Partially Captured':
    case 'Refunded':
    case 'Partially Refunded':
      // It was authorized, whatever was done with it since; as an answer it would be a capture that nobody asked for.
      return told === 'inquiry' ? approvalIn(wire, told, asked) : unknown('answer_mismatch', id);
    case 'Declined':
      return declineIn(wire, told, asked, deps);
    case 'Pending':
      // Nobody is told where to go: it is declined when the time for it is over.
      return { kind: 'pending', code: isRedirect(wire) ? 'redirect' : null, providerReference: id };
    case 'Active':
    case 'Requested':
    case 'Authentication Requested':
    case 'Retry Scheduled':
      return { kind: 'pending', code: codeOfStatus(status), providerReference: id };
    case 'Voided':
    case 'Expired':
    case 'Canceled':
      return undone(wire, asked);
    case 'Card Verified':
    case 'Paid':
      return unknown('answer_mismatch', id);
    default:
      return unreachable(status);
  }
}

function isRedirect({ _links: links }: WirePayment): boolean {
  return links?.redirect != null;
}

function codeOfStatus(status: string): string {
  return status.toLowerCase().replaceAll(' ', '_');
}

/** Whether the code is one by which something was approved. */
export function isApprovalCode(code: string): boolean {
  return code.startsWith('10');
}

/** An approval of what was asked, or of a part of it. */
function approvalIn(wire: WirePayment, told: ToldBy, asked: Asked): AttemptOutcome {
  const { id, amount, response_code: code, balances } = wire;
  const mismatch = unknown('answer_mismatch', id);
  if (amount == null || wire.currency == null || wire.approved !== true) return mismatch;
  if (code == null ? told === 'answer' : !isApprovalCode(code)) return mismatch;
  if ((balances?.total_authorized ?? amount) !== amount) return mismatch;
  const { value } = asked.request.amount;
  const networkTransaction = linkIn(wire, asked);
  if (amount === value && code !== PARTIAL) {
    return { kind: 'approved', providerReference: id, networkTransaction, ...validUntil(wire.expires_on) };
  }
  // What was asked is said beside, by which it was found to be ours.
  const isPart = amount >= 1 && amount < value && (code ?? PARTIAL) === PARTIAL;
  if (!isPart) return mismatch;
  return {
    kind: 'partially_approved',
    providerReference: id,
    authorizedAmount: amount,
    networkTransaction,
    ...validUntil(wire.expires_on),
    reversal: 'none',
  };
}

function declineIn(wire: WirePayment, told: ToldBy, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { id, response_code: code, processing } = wire;
  if (wire.approved === true || (code != null && isApprovalCode(code))) return unknown('answer_mismatch', id);
  // It is not over: Checkout.com will try by itself.
  if (wire.retry?.next_attempt_on != null) {
    return { kind: 'pending', code: codeOfStatus('Retry Scheduled'), providerReference: id };
  }
  if (code == null) return unknown(told === 'answer' ? 'answer_malformed' : 'code_not_told', id);
  const codes = {
    code,
    networkCode: processing?.partner_response_code ?? null,
    advice: processing?.recommendation_code ?? null,
    merchantAdviceCode: processing?.partner_merchant_advice_code ?? null,
    // Money behind a "no" is an approval that was overridden.
    afterApproval: (wire.balances?.total_authorized ?? 0) > 0,
  };
  return outcomeOfReading(readDeclineCodes(codes, asked, deps), id);
}

/**
 * A payment by which nothing is held any more. The closed union has one shape for that: authorized, with a confirmed
 * reversal. One that was never authorized stands for "not processed".
 */
function undone(wire: WirePayment, asked: Asked): AttemptOutcome {
  const { id, balances, amount, approved, status } = wire;
  if ((balances?.total_captured ?? 0) > 0) return unknown('answer_mismatch', id);
  // What is voided was authorized, whether or not it says so.
  const wasApproved = approved ?? status === 'Voided';
  const authorized = balances?.total_authorized ?? (wasApproved ? (amount ?? 0) : 0);
  if (authorized > asked.request.amount.value) return unknown('answer_mismatch', id);
  if (authorized === 0) {
    return {
      kind: 'rejected',
      reason: 'cancelled',
      code: codeOfStatus(status),
      retryAfterMs: null,
      providerReference: id,
    };
  }
  return {
    kind: 'partially_approved',
    providerReference: id,
    authorizedAmount: authorized,
    networkTransaction: linkIn(wire, asked),
    reversal: 'confirmed',
  };
}

/** What a caller can repeat to us in a later payment. */
const LINK_ID = /^[\x21-\x7e]{1,64}$/;
const DAY = /^(\d{4}-\d{2}-\d{2})T/;

/**
 * The network's identifier (`scheme_id`), unless it is none or repeats the card: an approval counts without it too. The
 * network is the one that was used, where Checkout.com says so in a word that we know.
 */
function linkIn(wire: WirePayment, { brand, request }: Asked): NetworkTransaction | null {
  const { scheme_id: id, source } = wire;
  const network = source?.scheme == null ? brand : brandNamed(source.scheme);
  const date = DAY.exec(wire.processed_on ?? wire.requested_on ?? '')?.[1];
  if (id == null || date === undefined || network === null || network === 'unknown') return null;
  return LINK_ID.test(id) && !repeatsCard(id, request.card.bin) ? { id, network, date } : null;
}
