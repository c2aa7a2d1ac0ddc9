import { type AttemptOutcome, codeOf, providerReferenceOf, type RejectionReason } from '../core/attempt.ts';
import type { AuthorizeCall } from '../gateway/ports.ts';

/** The provider says that it did not process the request. `retryAfterMs`: of a 429. */
export function rejected(
  reason: RejectionReason,
  code: string,
  retryAfterMs: number | null,
  providerReference: string | null = null,
): AttemptOutcome {
  return { kind: 'rejected', reason, code, retryAfterMs, providerReference };
}

/** No trustworthy answer: money may have moved. */
export function unknown(code: string, providerReference: string | null = null): AttemptOutcome {
  return { kind: 'unknown', code, providerReference };
}

/**
 * What an answer says that is none of the attempt's own: a request that was found wanting, credentials, a limit, a state in
 * which it cannot be carried out. To a repeat, the first request may have been carried out all the same, and have brought
 * that state about.
 */
export function unlessRepeat(
  outcome: AttemptOutcome,
  { isRepeat }: Pick<AuthorizeCall, 'isRepeat'>,
): AttemptOutcome {
  if (!isRepeat) return outcome;
  return unknown(codeOf(outcome) ?? outcome.kind, providerReferenceOf(outcome));
}
