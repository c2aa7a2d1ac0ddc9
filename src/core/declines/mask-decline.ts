import type { Decline, DeclineCategory } from './decline.ts';

/** What nobody outside may tell apart: a suspicion of fraud, a lost card, a closed account, a number that never was. */
const SENSITIVE: ReadonlySet<DeclineCategory> = new Set(['fraud_issuer', 'fraud_psp', 'hard_decline_issuer']);

/** Code of a masked decline. */
const MASKED_CODE = 'declined';

/**
 * A decline as it may be shown outside. Fraud, lost, stolen and pick-up look like every other hard decline: masking
 * those alone would tell them by the mask. What a caller needs stays: that the card is not to be tried again, and the
 * moment before which it must not be. The journal keeps the original.
 */
export function maskDecline(decline: Decline): Decline {
  if (!SENSITIVE.has(decline.category)) return decline;
  return {
    ...decline,
    category: 'hard_decline_issuer',
    code: MASKED_CODE,
    networkCode: null,
    advice: null,
    otherProvider: 'never',
  };
}
