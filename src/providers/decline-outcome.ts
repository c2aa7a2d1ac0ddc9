import type { AttemptOutcome } from '../core/attempt.ts';
import type { DeclineReading } from '../core/declines/classify-decline.ts';
import type { Decline } from '../core/declines/decline.ts';
import { unreachable } from '../core/invariant.ts';
import type { ProviderCode } from '../gateway/ports.ts';

/** The outcome of an attempt that the provider answered with a "no", as the tables read it. */
export function outcomeOfReading(reading: DeclineReading, providerReference: string | null): AttemptOutcome {
  switch (reading.kind) {
    case 'declined':
      return { kind: 'declined', decline: reading.decline, providerReference };
    case 'authentication_required':
      return { kind: 'authentication_required', code: reading.code, providerReference };
    case 'pending':
      return { kind: 'pending', code: reading.code, providerReference };
    case 'ambiguous':
      return { kind: 'unknown', code: reading.code, providerReference };
    case 'not_processed': {
      const { reason, code } = reading;
      return { kind: 'rejected', reason, code, retryAfterMs: null, providerReference };
    }
    default:
      return unreachable(reading);
  }
}

/**
 * The decline that a code alone stands for, when somebody else met it. What the tables read as no decline at all has
 * no category of ours: it is `unmapped`, and where money may have moved, says so.
 */
export function declineOfReading(
  reading: DeclineReading,
  { code, networkCode, advice }: ProviderCode,
): Decline {
  const plain = { code, networkCode, advice, retryNotBefore: null, mayHideApproval: false };
  switch (reading.kind) {
    case 'declined':
      return reading.decline;
    case 'authentication_required':
      return { ...plain, category: 'unmapped', otherProvider: 'no' };
    case 'pending':
    case 'ambiguous':
      return { ...plain, category: 'unmapped', otherProvider: 'no', mayHideApproval: true };
    case 'not_processed': {
      const category = reading.reason === 'configuration' ? 'config' : 'provider_technical';
      return { ...plain, category, otherProvider: 'yes_once' };
    }
    default:
      return unreachable(reading);
  }
}
