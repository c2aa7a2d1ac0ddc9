import type { IncomingHttpHeaders } from 'node:http';
import type { AttemptOutcome } from '../../core/attempt.ts';
import type { AuthorizationRequest, NetworkTransaction, ThreeDs } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import { classifyDecline, type DeclineReading } from '../../core/declines/classify-decline.ts';
import { unreachable } from '../../core/invariant.ts';
import type { Amount } from '../../core/money.ts';
import type { AskedOperation, OperationOutcome, ProviderCode } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { outcomeOfReading } from '../decline-outcome.ts';
import { rejected, unknown } from '../outcomes.ts';
import { repeatsCard } from '../repeats-card.ts';
import { readRetryAfter } from '../retry-after.ts';
import type { WireAuthorization, WireDecline } from './transformers.ts';

/** What an answer is read against. */
export interface Asked {
  readonly attemptId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
}

/** Reads a decline code of the sandbox. One that no table knows is `unmapped` and never fails over. */
export function readSandboxDecline(
  code: ProviderCode,
  afterApproval: boolean,
  deps: AdapterDeps,
): DeclineReading {
  return classifyDecline(deps.declineTables(), {
    ...code,
    provider: 'sandbox',
    afterApproval,
    nowMs: deps.clock.wallMs(),
  });
}

/** Whether an answer is about what was asked: an answer about anything else proves nothing. */
export function answersWhatWasAsked(answer: WireAuthorization, asked: Asked): boolean {
  const { amount } = asked.request;
  return (
    answer.reference === asked.attemptId &&
    answer.amount.value === amount.value &&
    answer.amount.currency === amount.currency
  );
}

/** An operation as the sandbox tells it, wherever it does: in an answer, an inquiry or an event. */
interface ToldOperation {
  readonly kind: string;
  /** Our name for it; null when it is not ours. */
  readonly reference: string | null;
  readonly authorizationId: string;
  readonly authorizationReference: string;
  readonly amount: Amount;
}

/** Whether an operation that is told is the one that was asked for: one that differs in anything proves nothing. */
export function isOperationAsked(told: ToldOperation, asked: AskedOperation): boolean {
  const { amount, providerReference } = asked;
  return (
    told.kind === asked.operation &&
    told.reference === asked.operationId &&
    told.authorizationReference === asked.attemptId &&
    (providerReference === null || told.authorizationId === providerReference) &&
    told.amount.currency === amount.currency &&
    isAmountAsked(told, amount.value)
  );
}

/** A void sets free all that is held: of how much that is, 0 says that nobody knows. */
function isAmountAsked({ kind, amount }: ToldOperation, expected: number): boolean {
  return amount.value === expected || (kind === 'void' && expected === 0);
}

/** The outcome that an authorization of the sandbox stands for. Whatever does not add up is `unknown`. */
export function outcomeOfAuthorization(
  answer: WireAuthorization,
  asked: Asked,
  deps: AdapterDeps,
): AttemptOutcome {
  if (!answersWhatWasAsked(answer, asked)) {
    // The id is worth keeping only when it is that of our own attempt.
    const ours = answer.reference === asked.attemptId;
    return unknown('answer_mismatch', ours ? answer.id : null);
  }
  const { bin } = asked.request.card;
  if (repeatsCard(answer.id, bin)) return unknown('answer_malformed', null);
  const providerReference = answer.id;
  const asTold = answer.authorized_amount;
  const inFull = asTold === asked.request.amount.value;
  const networkTransaction = linkIn(answer, bin);
  switch (answer.status) {
    case 'authorized':
      if (!inFull || answer.decline !== null) return unknown('answer_mismatch', providerReference);
      return { kind: 'approved', providerReference, networkTransaction };
    case 'partially_authorized':
      if (inFull || asTold < 1 || asTold > asked.request.amount.value) {
        return unknown('answer_mismatch', providerReference);
      }
      return {
        kind: 'partially_approved',
        providerReference,
        authorizedAmount: asTold,
        networkTransaction,
        reversal: 'none',
      };
    case 'voided':
    case 'expired':
      return undone(answer, networkTransaction);
    case 'declined':
      if (answer.decline === null) return unknown('answer_malformed', providerReference);
      // Money behind a "no" is an approval that the provider overrode, whether or not it says so.
      return outcomeOfDecline(
        { ...answer.decline, after_approval: hidesApproval(answer, answer.decline) },
        providerReference,
        asked,
        deps,
      );
    case 'authentication_required':
      if (asTold > 0) return unknown('answer_mismatch', providerReference);
      return { kind: 'authentication_required', code: 'authentication_required', providerReference };
    case 'pending':
      return { kind: 'pending', code: null, providerReference };
    default:
      return unreachable(answer.status);
  }
}

/** Whether a hold may stand behind a "no": not once a void has set it free. */
function hidesApproval(
  { authorized_amount: held, operations }: WireAuthorization,
  decline: WireDecline,
): boolean {
  const isVoided = operations.some(({ operation, status }) => operation === 'void' && status === 'confirmed');
  return !isVoided && (decline.after_approval || held > 0);
}

const NETWORK_NAME = /^[A-Za-z](?:[A-Za-z _-]{0,30}[A-Za-z])?$/;
/** What a caller can repeat to us in a later payment. */
const LINK_ID = /^[\x21-\x7e]{1,64}$/;

/** The network's identifier, unless it is none or repeats the card: an approval counts without it too. */
function linkIn(answer: WireAuthorization, bin: string | null): NetworkTransaction | null {
  const link = answer.network_transaction;
  const usable = link !== null && LINK_ID.test(link.id) && NETWORK_NAME.test(link.network);
  return usable && !repeatsCard(link.id, bin) ? link : null;
}

/**
 * An authorization that the provider says is undone. The closed union has one shape for that: authorized, with a
 * confirmed reversal. One that was cancelled before the issuer was asked has no authorized amount and stands for
 * "not processed".
 */
function undone(answer: WireAuthorization, networkTransaction: NetworkTransaction | null): AttemptOutcome {
  if (answer.authorized_amount === 0) {
    return {
      kind: 'rejected',
      reason: 'cancelled',
      code: 'cancelled',
      retryAfterMs: null,
      providerReference: answer.id,
    };
  }
  return {
    kind: 'partially_approved',
    providerReference: answer.id,
    authorizedAmount: answer.authorized_amount,
    networkTransaction,
    reversal: 'confirmed',
  };
}

function outcomeOfDecline(
  wire: WireDecline,
  providerReference: string,
  asked: Asked,
  deps: AdapterDeps,
): AttemptOutcome {
  const { code: ownCode, network_code: networkCode, advice } = wire;
  const code = { ...networkSilent(asked), code: ownCode, networkCode, advice };
  return outcomeOfReading(readSandboxDecline(code, wire.after_approval, deps), providerReference);
}

/** A request for an exemption is no authentication. The CAVV is not asked for: an inquiry no longer has it. */
function isAuthenticated(threeDs: ThreeDs | null): boolean {
  return threeDs !== null && (threeDs.eci !== null || threeDs.dsTransactionId !== null);
}

/** An answer other than 200 to an authorization. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Null when the body is no error of the sandbox. */
  readonly errorCode: string | null;
}

/**
 * The outcome that an HTTP status stands for (the transport table of the payments reference, section 1.8): definite
 * only where the sandbox itself says that it did not process. A status without its own error may be that of somebody on
 * the way, also on the way back.
 */
export function outcomeOfError(answer: ErrorAnswer, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { status, headers, errorCode } = answer;
  const code = errorCode ?? `http_${status}`;
  if (notProcessed(answer)) return rejected('transient', code, null);
  if (errorCode === null) return unknown(code, null);
  switch (status) {
    case 401:
    case 403:
      return rejected('configuration', code, null);
    case 429:
      return rejected('rate_limited', code, readRetryAfter(headers['retry-after'], deps.clock.wallMs()));
    case 400:
    case 404:
    case 422:
      return outcomeOfRefusal(code, asked, deps);
    default:
      return unknown(code, null);
  }
}

/** The sandbox's mark that an error came before any processing. */
function notProcessed({ status, headers }: ErrorAnswer): boolean {
  return status >= 500 && status <= 599 && headers['x-not-processed'] === 'true';
}

/** A request that was validated out. */
function outcomeOfRefusal(code: string, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  switch (code) {
    case 'not_found':
      // There is no such call under the base URL.
      return rejected('configuration', code, null);
    case 'invalid_request':
    case 'not_supported': {
      // Told before any processing, yet about this payment: another one on the same lane may go through.
      const reading = readSandboxDecline({ ...networkSilent(asked), code }, false, deps);
      return outcomeOfReading(reading, null);
    }
    default:
      // `idempotency_mismatch` among them: what the first request under the key came to is not known here.
      return unknown(code, null);
  }
}

function networkSilent(asked: Asked): Omit<ProviderCode, 'code'> {
  const { brand, scaRegion } = asked;
  const threeDsPresent = isAuthenticated(asked.request.threeDs);
  return { networkCode: null, advice: null, brand, scaRegion, threeDsPresent };
}

/** What an HTTP status other than 200 means for a void, capture or refund. */
export function operationOutcomeOfError(
  answer: ErrorAnswer,
  operation: 'captures' | 'voids' | 'refunds',
  deps: AdapterDeps,
): OperationOutcome {
  const { status, headers, errorCode } = answer;
  const code = errorCode ?? `http_${status}`;
  // What is to be voided may still be on its way there.
  if (operation === 'voids' && errorCode === 'not_found') return { kind: 'not_found' };
  if (errorCode !== null && REFUSALS.has(errorCode)) return { kind: 'refused', code };
  const isTurnedAway = errorCode !== null && (status === 401 || status === 403 || status === 429);
  if (isTurnedAway || notProcessed(answer)) {
    const retryAfterMs = status === 429 ? readRetryAfter(headers['retry-after'], deps.clock.wallMs()) : null;
    return { kind: 'rejected', code, retryAfterMs };
  }
  // The sandbox's own error body: a bare status may be a proxy's that has given up waiting.
  const isFailure = SELF_TOLD.has(status) && errorCode !== null;
  return isFailure ? { kind: 'unknown', code, answered: 'failure' } : { kind: 'unknown', code };
}

/** Statuses of a failure, without those by which a proxy says that it has given up waiting (502, 504). */
const SELF_TOLD: ReadonlySet<number> = new Set([500, 503]);

/** Errors with which the sandbox says that an operation did not take place. */
const REFUSALS: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_state',
  'capture_refused',
  'not_found',
  'not_supported',
]);
