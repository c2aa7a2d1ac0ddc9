import type { AttemptOutcome, RejectionReason } from '../core/attempt.ts';

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
