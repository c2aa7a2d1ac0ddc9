import type { IncomingHttpHeaders } from 'node:http';
import type { AttemptOutcome } from '../../core/attempt.ts';
import type { AuthorizationRequest, NetworkTransaction, ThreeDs } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import { classifyDecline, type DeclineReading } from '../../core/declines/classify-decline.ts';
import { unreachable } from '../../core/invariant.ts';
import type { ProviderCode } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { outcomeOfReading } from '../decline-outcome.ts';
import { rejected, unknown } from '../outcomes.ts';
import { repeatsCard } from '../repeats-card.ts';
import { readRetryAfter } from '../retry-after.ts';
import { validUntil } from '../valid-until.ts';
import {
  ATTEMPT_KEY,
  shownCharge,
  type WireCharge,
  type WireError,
  type WireIntent,
  type WirePaymentError,
} from './transformers.ts';
import { fromWireAmount, isWireAmount } from './wire-amount.ts';

/*
 * What an inquiry (`GET /v1/payment_intents/{id}`) about an attempt is. The id is durable before the confirmation, so
 * that there is always something to ask by; an answer about another id, attempt, amount or currency is none of these.
 *
 * | the intent                                              | evidence for | evidence against       | act    |
 * |---------------------------------------------------------|--------------|------------------------|--------|
 * | requires_capture, all of it held                        | approved     |                        |        |
 * | requires_capture, less held                             | partially    |                        |        |
 * | succeeded                                               | approved     |                        |        |
 * | canceled, after an approval                             |              | undone, confirmed      |        |
 * | canceled, never charged                                 |              | rejected, cancelled    |        |
 * | canceled or requires_payment_method, charge failed      |              | declined               |        |
 * | … and the network had approved it                       |              | declined, may hide one | void   |
 * | requires_payment_method or _confirmation, never charged |              |                        | cancel |
 * | requires_action                                         |              | authentication needed  |        |
 * | processing                                              |              |                        | wait   |
 * | 404                                                     |              | (never)                | wait   |
 * | no answer, or one that does not add up                  |              |                        | wait   |
 */

/** What an answer is read against. */
export interface Asked {
  readonly attemptId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
}

/** Reads a decline code. One that no table knows is `unmapped` and never fails over. */
export function readStripeDecline(
  code: ProviderCode & { readonly merchantAdviceCode: string | null },
  afterApproval: boolean,
  deps: AdapterDeps,
): DeclineReading {
  return classifyDecline(deps.declineTables(), {
    ...code,
    provider: 'stripe',
    afterApproval,
    nowMs: deps.clock.wallMs(),
  });
}

/** Whether an intent is that of the attempt, for what was asked: one about anything else proves nothing. */
export function answersWhatWasAsked(intent: WireIntent, asked: Asked): boolean {
  return (
    intent.metadata[ATTEMPT_KEY] === asked.attemptId &&
    isWireAmount(intent.amount, intent.currency, asked.request.amount)
  );
}

/** The outcome that an intent stands for; `unconfirmed`: nobody has asked the network yet, and somebody still may. */
export function outcomeOfIntent(
  intent: WireIntent,
  asked: Asked,
  deps: AdapterDeps,
): AttemptOutcome | 'unconfirmed' {
  if (repeatsCard(intent.id, asked.request.card.bin)) return unknown('answer_malformed', null);
  if (!answersWhatWasAsked(intent, asked)) {
    // The id is worth keeping only when it is that of our own attempt.
    return unknown('answer_mismatch', intent.metadata[ATTEMPT_KEY] === asked.attemptId ? intent.id : null);
  }
  const providerReference = intent.id;
  switch (intent.status) {
    case 'requires_capture':
    case 'succeeded':
      return approvalOf(intent, asked);
    case 'canceled':
      return cancelledOutcome(intent, asked, deps);
    case 'requires_action':
      return { kind: 'authentication_required', code: 'authentication_required', providerReference };
    case 'processing':
      return { kind: 'pending', code: null, providerReference };
    case 'requires_payment_method':
    case 'requires_confirmation':
      return refusedOutcome(intent, asked, deps) ?? 'unconfirmed';
    default:
      return unreachable(intent.status);
  }
}

function approvalOf(intent: WireIntent, asked: Asked): AttemptOutcome {
  const { id: providerReference, amount, amount_received: received } = intent;
  const charge = shownCharge(intent);
  const contradicts =
    charge !== null &&
    (charge.status !== 'succeeded' || charge.currency !== intent.currency || mayHide(charge));
  const held = intent.status === 'succeeded' ? amount : intent.amount_capturable + received;
  if (contradicts || held < 1 || held > amount || received > amount) {
    return unknown('answer_mismatch', providerReference);
  }
  // Captured without an amount would be an approval of nothing.
  if (intent.status === 'succeeded' && received < 1) return unknown('answer_mismatch', providerReference);
  const networkTransaction = charge === null ? null : linkIn(charge, asked.request.card.bin);
  const validity = charge === null ? {} : validityOf(charge);
  if (held === amount) return { kind: 'approved', providerReference, networkTransaction, ...validity };
  const authorized = fromWireAmount(held, intent.currency);
  if (authorized === null) return unknown('answer_mismatch', providerReference);
  return {
    kind: 'partially_approved',
    providerReference,
    authorizedAmount: authorized.value,
    networkTransaction,
    ...validity,
    reversal: 'none',
  };
}

/**
 * A cancelled intent: nothing stands there any more. What was held before says the charge; without a charge the network
 * was never asked. The closed union has one shape for "undone": authorized, with a confirmed reversal.
 */
function cancelledOutcome(intent: WireIntent, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { id: providerReference } = intent;
  const refused = refusedOutcome(intent, asked, deps);
  if (refused !== null) return refused;
  if (intent.latest_charge === null || intent.latest_charge === undefined) {
    return rejected('cancelled', 'cancelled', null, providerReference);
  }
  const charge = shownCharge(intent);
  if (charge === null) return undone(intent.amount, intent, null);
  if (charge.status !== 'succeeded' || charge.amount_captured > 0) {
    return unknown('answer_mismatch', providerReference);
  }
  return undone(charge.amount, intent, linkIn(charge, asked.request.card.bin));
}

function undone(
  wire: number,
  { id: providerReference, currency }: WireIntent,
  networkTransaction: NetworkTransaction | null,
): AttemptOutcome {
  const amount = fromWireAmount(wire, currency);
  if (amount === null || amount.value < 1) return unknown('answer_mismatch', providerReference);
  return {
    kind: 'partially_approved',
    providerReference,
    authorizedAmount: amount.value,
    networkTransaction,
    reversal: 'confirmed',
  };
}

/** The refusal that an intent tells of, by its error or its charge; null when it tells of none. */
function refusedOutcome(intent: WireIntent, asked: Asked, deps: AdapterDeps): AttemptOutcome | null {
  const error = intent.last_payment_error ?? null;
  const charge = shownCharge(intent);
  if (charge !== null && charge.status !== 'failed') {
    // An open or good charge of an intent that was refused: one of them is not true.
    return error === null && intent.status === 'canceled' ? null : unknown('answer_mismatch', intent.id);
  }
  if (error === null && charge === null) return null;
  return outcomeOfRefusal(
    { error, charge, isChargeUnseen: typeof intent.latest_charge === 'string' },
    asked,
    {
      providerReference: intent.id,
      deps,
    },
  );
}

/** All that is told of a refusal. */
interface Refusal {
  readonly error: WirePaymentError | null;
  readonly charge: WireCharge | null;
  /** There is a charge, and what the network said to it is not known: it may have been an approval. */
  readonly isChargeUnseen: boolean;
}

/** The outcome of a refusal. */
export function outcomeOfRefusal(
  { error, charge, isChargeUnseen }: Refusal,
  asked: Asked,
  { providerReference, deps }: { readonly providerReference: string | null; readonly deps: AdapterDeps },
): AttemptOutcome {
  const outcome = charge?.outcome ?? null;
  const { brand, scaRegion } = asked;
  const reading = readStripeDecline(
    {
      code: codeIn(error, charge),
      networkCode: error?.network_decline_code ?? outcome?.network_decline_code ?? null,
      advice: error?.advice_code ?? outcome?.advice_code ?? null,
      merchantAdviceCode: error?.network_advice_code ?? outcome?.network_advice_code ?? null,
      brand,
      scaRegion,
      threeDsPresent: isAuthenticated(asked.request.threeDs),
    },
    isChargeUnseen || (charge !== null && mayHide(charge)),
    deps,
  );
  return outcomeOfReading(reading, providerReference);
}

/** Stands for a refusal that says nothing at all. No table knows it, so that it never fails over. */
const NO_CODE = 'no_code';

/** The most specific code: Stripe's own reason where Stripe blocked it, else the issuer's, else what went wrong. */
function codeIn(error: WirePaymentError | null, charge: WireCharge | null): string {
  const { type, reason } = charge?.outcome ?? {};
  const blocked = type === 'blocked' ? reason : null;
  return (
    blocked ??
    error?.decline_code ??
    (error === null ? reason : null) ??
    error?.code ??
    charge?.failure_code ??
    error?.type ??
    NO_CODE
  );
}

/** What Stripe tells of the network where no approval can stand behind a refusal. */
const NEVER_APPROVED: ReadonlySet<string> = new Set(['declined_by_network', 'not_sent_to_network']);

/**
 * Whether the issuer may have approved what a failed charge stands for (`reversed_after_approval`, or nothing said):
 * the hold may stand for a while (payments reference, section 1.7).
 */
function mayHide({ status, outcome }: WireCharge): boolean {
  if (status === 'succeeded') return outcome?.network_status === 'reversed_after_approval';
  return !NEVER_APPROVED.has(outcome?.network_status ?? '');
}

/** The CAVV is not asked for: an inquiry no longer has it. */
function isAuthenticated(threeDs: ThreeDs | null): boolean {
  return threeDs !== null && (threeDs.eci !== null || threeDs.dsTransactionId !== null);
}

/** The network's identifier, unless it is none or repeats the card: an approval counts without it too. */
export function linkIn(charge: WireCharge, bin: string | null): NetworkTransaction | null {
  const { network, network_transaction_id: id } = charge.payment_method_details?.card ?? {};
  if (network == null || id == null || repeatsCard(id, bin)) return null;
  return { id, network, date: new Date(charge.created * 1000).toISOString().slice(0, 10) };
}

/** Until when what a charge holds can be captured, where it says so. */
export function validityOf(charge: WireCharge): { readonly expiresAtMs?: number } {
  const seconds = charge.payment_method_details?.card?.capture_before;
  return validUntil(seconds == null ? null : seconds * 1_000);
}

/** An answer other than 200. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Null when the body is no error of Stripe. */
  readonly error: WireError | null;
}

/** The most specific code of an error answer. */
export function codeOfError({ status, error }: ErrorAnswer): string {
  return error?.decline_code ?? error?.code ?? error?.type ?? `http_${status}`;
}

/**
 * The outcome where the first step was not answered with an intent. No money can move by it, so that whatever is not
 * clear is "not processed"; but for an answer that tells of an earlier request under the same key, which may have gone on.
 */
export function outcomeOfCreateError(answer: ErrorAnswer, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { status, headers, error } = answer;
  const code = codeOfError(answer);
  if (status === 409 || error?.type === 'idempotency_error') return unknown(code, null);
  switch (status) {
    case 401:
    case 403:
    case 404:
      return rejected('configuration', code, null, null);
    case 429:
      return rejected(
        'rate_limited',
        code,
        readRetryAfter(headers['retry-after'], deps.clock.wallMs()),
        null,
      );
    case 400:
    case 402:
      // About this payment: another one on the same lane may go through.
      if (error === null) break;
      return outcomeOfRefusal({ error, charge: null, isChargeUnseen: false }, asked, {
        providerReference: null,
        deps,
      });
  }
  return rejected('transient', code, null, null);
}

/**
 * The outcome where the confirmation was answered with an error that says by itself what it is; null: the intent has to be
 * read to know (it was refused, or may have been confirmed before). A status without Stripe's own error may be that of
 * somebody on the way back.
 */
export function outcomeOfConfirmError(
  answer: ErrorAnswer,
  providerReference: string,
  deps: AdapterDeps,
): AttemptOutcome | null {
  const { status, headers } = answer;
  const code = codeOfError(answer);
  if (answer.error === null) return unknown(code, providerReference);
  switch (status) {
    case 400:
    case 402:
    case 404:
      return null;
    case 401:
    case 403:
      return rejected('configuration', code, null, providerReference);
    case 429: {
      // Another request has the intent in hand: what it makes of it is not known.
      if (code === 'lock_timeout') return unknown(code, providerReference);
      const retryAfterMs = readRetryAfter(headers['retry-after'], deps.clock.wallMs());
      return rejected('rate_limited', code, retryAfterMs, providerReference);
    }
    default:
      return unknown(code, providerReference);
  }
}
