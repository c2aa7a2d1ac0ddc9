import { type AttemptOutcome, providerReferenceOf } from '../core/attempt.ts';

/** An outcome as columns: what SQL must know about it, and the whole of it as JSON. */
export interface StoredOutcome {
  readonly kind: AttemptOutcome['kind'];
  readonly json: string;
  readonly negative: boolean;
  readonly providerReference: string | null;
}

export function storedOutcome(outcome: AttemptOutcome): StoredOutcome {
  return {
    kind: outcome.kind,
    json: JSON.stringify(outcome),
    negative: isDefiniteNegative(outcome),
    providerReference: providerReferenceOf(outcome),
  };
}

/**
 * Whether no money can have moved at the provider, or what moved is confirmed to be undone. A decline after
 * which the issuer's approval may stand is none. Narrower questions (a hard decline, the caller's wishes) are
 * the road's.
 */
export function isDefiniteNegative(outcome: AttemptOutcome): boolean {
  switch (outcome.kind) {
    case 'rejected':
    case 'not_sent':
      return true;
    case 'declined':
      return !outcome.decline.mayHideApproval;
    case 'partially_approved':
      return outcome.reversal === 'confirmed';
    case 'approved':
    case 'authentication_required':
    case 'pending':
    case 'unknown':
      return false;
  }
}

/** What is known of an attempt whose lease ended before anybody told its outcome. */
export const LAPSED_OUTCOME: AttemptOutcome = {
  kind: 'unknown',
  code: 'lease_expired',
  providerReference: null,
};
