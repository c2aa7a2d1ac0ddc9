import { type AttemptOutcome, isDefiniteNegative, providerReferenceOf } from '../core/attempt.ts';

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
