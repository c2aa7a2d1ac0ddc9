import type { IncomingHttpHeaders } from 'node:http';
import type { AttemptOutcome } from '../../core/attempt.ts';
import type { AuthorizationRequest, NetworkTransaction } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import { classifyDecline, type DeclineReading } from '../../core/declines/classify-decline.ts';
import type { Amount } from '../../core/money.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { OperationOutcome, ProviderCode } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { outcomeOfReading } from '../decline-outcome.ts';
import { rejected, unknown } from '../outcomes.ts';
import { repeatsCard } from '../repeats-card.ts';
import { readRetryAfter } from '../retry-after.ts';
import { amountFromAdyen } from './amounts.ts';
import type { WirePayment } from './transformers.ts';

/** What an answer is read against. */
export interface Asked {
  readonly attemptId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
}

/** Why a payment was refused, as far as Adyen says it in codes. */
export interface Refusal {
  /** `refusalReasonCode`, or a word of ours where there is none. */
  readonly code: string;
  /** Raw DE39 of the network; only told where the account has raw responses enabled. */
  readonly networkCode: string | null;
  /** Mastercard's merchant advice code, raw. */
  readonly advice: string | null;
  /** The issuer had approved, and Adyen refused it afterwards. */
  readonly afterApproval: boolean;
}

/** Reads a code of Adyen's. One that no table knows is `unmapped` and never fails over. */
export function readAdyenDecline(
  code: ProviderCode,
  afterApproval: boolean,
  deps: AdapterDeps,
): DeclineReading {
  return classifyDecline(deps.declineTables(), {
    ...code,
    provider: 'adyen',
    afterApproval,
    nowMs: deps.clock.wallMs(),
  });
}

/** The outcome that a refusal stands for. */
export function outcomeOfRefusal(
  { code, networkCode, advice, afterApproval }: Refusal,
  providerReference: string | null,
  asked: Asked,
  deps: AdapterDeps,
): AttemptOutcome {
  const { brand, scaRegion } = asked;
  const threeDsPresent = isAuthenticated(asked);
  const full = { code, networkCode, advice, brand, scaRegion, threeDsPresent };
  return outcomeOfReading(readAdyenDecline(full, afterApproval, deps), providerReference);
}

/** A request for an exemption is no authentication. The CAVV is not asked for: whoever asks later no longer has it. */
function isAuthenticated({ request: { threeDs } }: Asked): boolean {
  return threeDs !== null && (threeDs.eci !== null || threeDs.dsTransactionId !== null);
}

/** `05 : Do not honor`: the forms that raw responses of the card networks have; any other is text, and says no code. */
const RAW_RESPONSE = /^([0-9A-Z]{2,3}) ?:/;
/** `03 : Do not try again`, or the code alone. */
const ADVICE = /^([0-9]{2})(?: ?:|$)/;

/** Advice that Adyen gives and that cannot be read: no table knows it, so that it forbids what it might forbid. */
const UNREADABLE = 'unreadable';

/** The codes in what Adyen says about a refusal, in an answer or an event. */
export function refusalIn(
  code: string,
  told: { readonly refusalReasonRaw?: string | undefined; readonly merchantAdviceCode?: string | undefined },
): Refusal {
  const raw = told.refusalReasonRaw?.trim() ?? '';
  const advice = told.merchantAdviceCode?.trim() ?? '';
  return {
    code,
    networkCode: RAW_RESPONSE.exec(raw)?.[1] ?? null,
    advice: advice === '' ? null : (ADVICE.exec(advice)?.[1] ?? UNREADABLE),
    afterApproval: /^(?:authori[sz]ed|approved)\b/i.test(raw),
  };
}

/** An answer to `POST /payments` with what tells that it is about our request. */
export interface PaymentAnswer {
  readonly wire: WirePayment;
  /** Whether the answer repeats our idempotency key. */
  readonly repeatsKey: boolean;
  /** Whether it answers a repeat: a refusal counts only as the one answer under the key then. */
  readonly isRepeat: boolean;
}

/**
 * The outcome that an answer with status 200 stands for. Whatever does not add up is `unknown`.
 *
 * An approval must name our reference and the whole amount. A refusal need not name an amount, and its reference only
 * where the answer does not repeat our idempotency key; what it does name must be ours.
 */
export function outcomeOfPayment(
  { wire, repeatsKey, isRepeat }: PaymentAnswer,
  asked: Asked,
  deps: AdapterDeps,
): AttemptOutcome {
  const { merchantReference, pspReference = null, resultCode } = wire;
  if (merchantReference === undefined ? !repeatsKey : merchantReference !== asked.attemptId) {
    return unknown('answer_mismatch', null);
  }
  if (pspReference !== null && repeatsCard(pspReference, asked.request.card.bin)) {
    return unknown('answer_malformed', null);
  }
  switch (resultCode) {
    case 'Authorised':
    case 'PartiallyAuthorised':
      return approvalIn(wire, asked, deps);
    case 'Refused':
    case 'Error':
    case 'Cancelled': {
      if (isAmountOfAnother(wire, asked) || (isRepeat && !repeatsKey)) {
        return unknown('answer_mismatch', pspReference);
      }
      const code = wire.refusalReasonCode ?? resultCode.toLowerCase();
      return outcomeOfRefusal(refusalIn(code, wire.additionalData ?? {}), pspReference, asked, deps);
    }
    case 'RedirectShopper':
    case 'IdentifyShopper':
    case 'ChallengeShopper':
      // Nothing has been authorized, and will not be unless the shopper does what nobody tells them.
      return {
        kind: 'authentication_required',
        code: codeOfResult(resultCode),
        providerReference: pspReference,
      };
    case 'Pending':
    case 'Received':
      return { kind: 'pending', code: codeOfResult(resultCode), providerReference: pspReference };
    default:
      // Results of other flows than ours, and those that are not known yet.
      return unknown('unexpected_result', pspReference);
  }
}

function codeOfResult(resultCode: string): string {
  return resultCode.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}

/** A refusal may name what was asked or nothing at all, never something else. */
function isAmountOfAnother({ amount }: WirePayment, { request }: Asked): boolean {
  if (amount === undefined) return false;
  const { value, currency } = request.amount;
  const told = amountFromAdyen(amount);
  return told === null || told.currency !== currency || (told.value !== value && told.value !== 0);
}

function approvalIn(wire: WirePayment, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { pspReference = null, resultCode, merchantReference, refusalReasonCode = '0' } = wire;
  if (pspReference === null || merchantReference === undefined) return unknown('answer_malformed', null);
  const authorized = authorizedIn(wire);
  // Not told, as by accounts that leave it out: the event about it will.
  if (authorized === 'not_told') return unknown('amount_not_told', pspReference);
  const isPartial = resultCode === 'PartiallyAuthorised';
  if (
    authorized === null ||
    !isAuthorizedOf(authorized, asked, isPartial) ||
    (wire.amount !== undefined && !isAmountOfPart(wire.amount, authorized, asked)) ||
    refusalReasonCode !== '0'
  ) {
    return unknown('answer_mismatch', pspReference);
  }
  const networkTransaction = linkIn(
    {
      id: wire.additionalData?.networkTxReference ?? null,
      brand: wire.paymentMethod?.brand ?? null,
      date: new Date(deps.clock.wallMs()).toISOString().slice(0, 10),
    },
    asked,
  );
  return approvalOf(authorized.value, pspReference, networkTransaction, asked);
}

/** An approval of what was asked, or of a part of it. */
export function approvalOf(
  authorizedAmount: number,
  providerReference: string,
  networkTransaction: NetworkTransaction | null,
  { request }: Asked,
): AttemptOutcome {
  return authorizedAmount === request.amount.value
    ? { kind: 'approved', providerReference, networkTransaction }
    : {
        kind: 'partially_approved',
        providerReference,
        authorizedAmount,
        networkTransaction,
        reversal: 'none',
      };
}

/**
 * The amount that is authorized, in our minor units: of a part only the additional data tell it for certain. Null: what is
 * told is none of ours.
 */
function authorizedIn({ amount, additionalData, resultCode }: WirePayment): Amount | 'not_told' | null {
  const { authorisedAmountValue: value, authorisedAmountCurrency: currency } = additionalData ?? {};
  let told = resultCode === 'Authorised' ? amount : undefined;
  if (value !== undefined) told = { value: Number(value), currency: currency ?? amount?.currency ?? '' };
  if (told === undefined) return 'not_told';
  return amountFromAdyen(told);
}

/** Whether an authorized amount is the whole that was asked, or a part of it. */
export function isAuthorizedOf(authorized: Amount, { request }: Asked, isPartial: boolean): boolean {
  const { value, currency } = request.amount;
  if (authorized.currency !== currency) return false;
  return isPartial ? authorized.value >= 1 && authorized.value < value : authorized.value === value;
}

/** Whether the amount of an answer beside the authorized one is that again, or the one that was asked. */
function isAmountOfPart(amount: Amount, authorized: Amount, { request }: Asked): boolean {
  const told = amountFromAdyen(amount);
  return (
    told !== null &&
    told.currency === authorized.currency &&
    (told.value === authorized.value || told.value === request.amount.value)
  );
}

/** Adyen's names of card brands, `paymentMethod.brand` (docs.adyen.com/development-resources/paymentmethodvariant). */
const BRANDS: ReadonlyMap<string, CardBrand> = new Map([
  ['visa', 'visa'],
  ['mc', 'mastercard'],
  ['amex', 'amex'],
  ['discover', 'discover'],
  ['diners', 'diners'],
  ['jcb', 'jcb'],
  ['cup', 'unionpay'],
  ['maestro', 'maestro'],
  ['dankort', 'dankort'],
  ['elo', 'elo'],
  ['hiper', 'hiper'],
  ['hipercard', 'hipercard'],
  ['troy', 'troy'],
]);

/** What a caller can repeat to us in a later payment. */
const LINK_ID = /^[\x21-\x7e]{1,64}$/;

/**
 * The network's identifier, unless it is none or repeats the card: an approval counts without it too. Adyen does not tell
 * the day: it is the one of the answer or the event. The network is the one that was used, where Adyen says so.
 */
export function linkIn(
  told: { readonly id: string | null; readonly brand: string | null; readonly date: string },
  { brand, request }: Asked,
): NetworkTransaction | null {
  const { id, date } = told;
  const network = told.brand === null ? brand : BRANDS.get(told.brand);
  if (id === null || network === undefined || network === 'unknown') return null;
  return LINK_ID.test(id) && !repeatsCard(id, request.card.bin) ? { id, network, date } : null;
}

/** An answer with another status than was hoped for. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Null when the body is no error of Adyen's. */
  readonly errorCode: string | null;
  /** Adyen speaks of a failure inside, whatever the status says. */
  readonly isInternal: boolean;
}

/** The request is being processed, or was already: what comes of it is not told. */
const IN_FLIGHT = '704';

/**
 * Whether Adyen itself has answered, by its error or by its name for the request: a bare status may be that of somebody on
 * the way, also on the way back.
 */
function isOwn({ headers, errorCode }: ErrorAnswer): boolean {
  return errorCode !== null || headers['pspreference'] !== undefined;
}

/**
 * The outcome that an HTTP status stands for (the transport table of the payments reference, section 1.8): definite only
 * where Adyen says itself that it did not process.
 */
export function outcomeOfError(answer: ErrorAnswer, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { status, headers, errorCode } = answer;
  const code = codeOfError(answer);
  if (errorCode === IN_FLIGHT) return unknown(code, null);
  if (isTransient(answer)) return rejected('transient', code, null);
  if (!isOwn(answer)) return unknown(code, null);
  switch (status) {
    case 401:
    case 403:
      return rejected('configuration', code, null);
    case 429:
      return rejected('rate_limited', code, readRetryAfter(headers['retry-after'], deps.clock.wallMs()));
    case 400:
    case 422: {
      // Only Adyen's own word is evidence that it refused before any processing.
      if (errorCode === null || answer.isInternal) return unknown(code, null);
      const refusal = { code, networkCode: null, advice: null, afterApproval: false };
      return outcomeOfRefusal(refusal, null, asked, deps);
    }
    case 404:
      // There is no such call under the base URL.
      return errorCode === null ? unknown(code, null) : rejected('configuration', code, null);
    default:
      return unknown(code, null);
  }
}

/** Codes of errors are kept apart from those of refusals, which are numbers too. */
function codeOfError({ status, errorCode }: ErrorAnswer): string {
  return errorCode === null ? `http_${status}` : `error_${errorCode}`;
}

/**
 * Adyen's mark that no issuer was messaged, so that a repeat is processed as if it was the first. Without it, an error is
 * kept as the final answer under the key, and the issuer may have acted.
 */
function isTransient({ status, headers }: ErrorAnswer): boolean {
  return status >= 500 && status <= 599 && headers['transient-error'] === 'true';
}

/** There is no such payment (yet), as far as Adyen can tell. */
const NO_SUCH_PAYMENT = '167';

/** What an HTTP status other than 201 means for a void, capture or refund. */
export function operationOutcomeOfError(
  answer: ErrorAnswer,
  operation: OperationKind,
  deps: AdapterDeps,
): OperationOutcome {
  const { status, headers, errorCode } = answer;
  const code = codeOfError(answer);
  if (errorCode === IN_FLIGHT) return { kind: 'unknown', code };
  if (status === 400 || status === 422) {
    if (errorCode === null || answer.isInternal) return { kind: 'unknown', code };
    // What is to be voided may still be on its way there.
    const isAwaited = operation === 'void' && errorCode === NO_SUCH_PAYMENT;
    return isAwaited ? { kind: 'not_found' } : { kind: 'refused', code };
  }
  const isTurnedAway = isOwn(answer) && (status === 401 || status === 403 || status === 429);
  if (isTurnedAway || isTransient(answer)) {
    const retryAfterMs = status === 429 ? readRetryAfter(headers['retry-after'], deps.clock.wallMs()) : null;
    return { kind: 'rejected', code, retryAfterMs };
  }
  // Adyen's own error body: a bare status may be a proxy's that has given up waiting.
  const isFailure = (status === 500 || status === 503) && errorCode !== null;
  return isFailure ? { kind: 'unknown', code, answered: 'failure' } : { kind: 'unknown', code };
}
