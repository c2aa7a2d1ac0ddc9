import type { IncomingHttpHeaders } from 'node:http';
import type { AttemptOutcome } from '../../core/attempt.ts';
import type { AuthorizationRequest } from '../../core/authorization.ts';
import type { CardBrand } from '../../core/card.ts';
import { classifyDecline, type DeclineReading } from '../../core/declines/classify-decline.ts';
import type { OperationKind } from '../../core/operation.ts';
import type { OperationOutcome, ProviderCode } from '../../gateway/ports.ts';
import type { AdapterDeps } from '../adapter-deps.ts';
import { outcomeOfReading } from '../decline-outcome.ts';
import { rejected, unknown } from '../outcomes.ts';
import { readRetryAfter } from '../retry-after.ts';

/** What an answer is read against. */
export interface Asked {
  readonly attemptId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
}

/** Why a payment was declined, as far as Checkout.com says it in codes. */
export interface DeclineCodes extends Pick<ProviderCode, 'code' | 'networkCode' | 'advice'> {
  /** Mastercard's merchant advice code, raw, beside Checkout.com's own advice. */
  readonly merchantAdviceCode: string | null;
  /** The issuer had approved, and money may be held. */
  readonly afterApproval: boolean;
}

/** Reads a code of Checkout.com's. One that no table knows is `unmapped` and never fails over. */
export function readCheckoutDecline(
  code: ProviderCode & Partial<DeclineCodes>,
  deps: AdapterDeps,
): DeclineReading {
  return classifyDecline(deps.declineTables(), { ...code, provider: 'checkout', nowMs: deps.clock.wallMs() });
}

/** What the codes of a decline stand for. */
export function readDeclineCodes(codes: DeclineCodes, asked: Asked, deps: AdapterDeps): DeclineReading {
  const { brand, scaRegion } = asked;
  return readCheckoutDecline({ ...codes, brand, scaRegion, threeDsPresent: isAuthenticated(asked) }, deps);
}

/** A request for an exemption is no authentication. The CAVV is not asked for: whoever asks later no longer has it. */
function isAuthenticated({ request: { threeDs } }: Asked): boolean {
  return threeDs !== null && (threeDs.eci !== null || threeDs.dsTransactionId !== null);
}

/** An answer with another status than was hoped for. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** `error_type`; null when the body is no error of Checkout.com's. */
  readonly type: string | null;
  /** `error_codes`, without what is no code. */
  readonly codes: readonly string[];
}

/** `error_type` of a request that was found wanting before anything was done with it. */
const REQUEST_INVALID = 'request_invalid';

/**
 * The outcome that an HTTP status stands for (the transport table of the payments reference, section 1.8): definite only
 * where Checkout.com says itself that it did not process. It marks no failure of its own as unprocessed, and keeps none
 * under the key: after a 5xx the payment may stand, and a repeat would be another one.
 */
export function outcomeOfError(answer: ErrorAnswer, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const { status, headers } = answer;
  const code = codeOfError(answer);
  if (!isOwn(answer)) return unknown(code);
  switch (status) {
    case 401:
    case 403:
    // There is no such call under the base URL.
    case 404:
      return rejected('configuration', code, null);
    case 422:
      return answer.type === REQUEST_INVALID ? outcomeOfRefusal(answer, asked, deps) : unknown(code);
    case 429:
      return saysDuplicate(answer)
        ? unknown(code)
        : rejected('rate_limited', code, readRetryAfter(headers['retry-after'], deps.clock.wallMs()));
    default:
      return unknown(code);
  }
}

/** A request that was validated out. Of several reasons one that speaks against another provider decides. */
function outcomeOfRefusal(answer: ErrorAnswer, asked: Asked, deps: AdapterDeps): AttemptOutcome {
  const codes = answer.codes.length === 0 ? [codeOfError(answer)] : answer.codes;
  const readings = codes.map((code) =>
    readDeclineCodes(
      { code, networkCode: null, advice: null, merchantAdviceCode: null, afterApproval: false },
      asked,
      deps,
    ),
  );
  const [first] = readings;
  const decisive = readings.find(
    (reading) => !(reading.kind === 'declined' && reading.decline.otherProvider === 'yes_once'),
  );
  const reading = decisive ?? first;
  return reading === undefined ? unknown(codeOfError(answer)) : outcomeOfReading(reading, null);
}

/**
 * "Too many requests or duplicate request detected": a 429 also tells that a request with the same key is being worked on,
 * and then says nothing about that one. The gateway sends a request to authorize once, so that there is none; where the
 * answer says so nevertheless, it is believed.
 */
function saysDuplicate({ type, codes }: ErrorAnswer): boolean {
  return [type ?? '', ...codes].some((code) => /duplicate|concurrent|idempoten/.test(code));
}

function codeOfError({ status, type, codes }: ErrorAnswer): string {
  return codes[0] ?? type ?? `http_${status}`;
}

/**
 * Whether Checkout.com itself has answered: its errors may have no body, but its answers bear the request's id. A bare
 * status may be that of somebody on the way, also on the way back.
 */
function isOwn({ headers, type }: ErrorAnswer): boolean {
  return type !== null || headers['cko-request-id'] !== undefined;
}

/** What an HTTP status other than 202 means for a void, capture or refund. */
export function operationOutcomeOfError(
  answer: ErrorAnswer,
  operation: OperationKind,
  deps: AdapterDeps,
): OperationOutcome {
  const { status, headers, type } = answer;
  const code = codeOfError(answer);
  if (!isOwn(answer)) return { kind: 'unknown', code };
  switch (status) {
    case 401:
      return { kind: 'rejected', code, retryAfterMs: null };
    case 403:
      // "Capture not allowed", as things stand.
      return { kind: 'refused', code };
    case 404:
      // What is to be voided may still be on its way there.
      return operation === 'void' ? { kind: 'not_found' } : { kind: 'refused', code };
    case 422:
      return type === REQUEST_INVALID ? { kind: 'refused', code } : { kind: 'unknown', code };
    case 429:
      // What was turned away is only the repeat, while the first request under the key is being worked on.
      if (saysDuplicate(answer)) return { kind: 'unknown', code };
      return {
        kind: 'rejected',
        code,
        retryAfterMs: readRetryAfter(headers['retry-after'], deps.clock.wallMs()),
      };
    default:
      return { kind: 'unknown', code };
  }
}
