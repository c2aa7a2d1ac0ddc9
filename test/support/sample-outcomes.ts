import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Decline } from '../../src/core/declines/decline.ts';

/** A decline that may be tried elsewhere once; overridden where a test cares. */
export function sampleDecline(over: Partial<Decline> = {}): Decline {
  return {
    category: 'soft_decline_issuer',
    code: 'issuer_05',
    networkCode: '05',
    advice: null,
    retryNotBefore: null,
    otherProvider: 'yes_once',
    mayHideApproval: false,
    ...over,
  };
}

const partial = {
  kind: 'partially_approved',
  providerReference: 'p1',
  authorizedAmount: 2_000,
  networkTransaction: null,
} as const;

/** One outcome of every kind and of every variant that the road treats differently. */
export const SAMPLE_OUTCOMES = {
  approved: { kind: 'approved', providerReference: 'p1', networkTransaction: null },
  partial: { ...partial, reversal: 'none' },
  partialReversed: { ...partial, reversal: 'confirmed' },
  declinedSoft: { kind: 'declined', decline: sampleDecline(), providerReference: 'p1' },
  declinedHard: {
    kind: 'declined',
    decline: sampleDecline({ category: 'hard_decline_issuer', otherProvider: 'never' }),
    providerReference: 'p1',
  },
  declinedFunds: {
    kind: 'declined',
    decline: sampleDecline({ otherProvider: 'no' }),
    providerReference: 'p1',
  },
  declinedHidingApproval: {
    kind: 'declined',
    decline: sampleDecline({ mayHideApproval: true }),
    providerReference: 'p1',
  },
  issuerDown: {
    kind: 'declined',
    decline: sampleDecline({ category: 'issuer_unavailable' }),
    providerReference: 'p1',
  },
  networkDown: {
    kind: 'declined',
    decline: sampleDecline({ category: 'provider_technical', networkCode: '96' }),
    providerReference: 'p1',
  },
  authenticationRequired: { kind: 'authentication_required', code: 'issuer_1A', providerReference: 'p1' },
  pending: { kind: 'pending', code: null, providerReference: 'p1' },
  rejectedTransient: {
    kind: 'rejected',
    reason: 'transient',
    code: 'http_503',
    retryAfterMs: null,
    providerReference: null,
  },
  rejectedLimited: {
    kind: 'rejected',
    reason: 'rate_limited',
    code: 'http_429',
    retryAfterMs: 1_000,
    providerReference: null,
  },
  rejectedConfiguration: {
    kind: 'rejected',
    reason: 'configuration',
    code: 'http_401',
    retryAfterMs: null,
    providerReference: null,
  },
  rejectedNotFound: {
    kind: 'rejected',
    reason: 'not_found',
    code: 'not_found',
    retryAfterMs: null,
    providerReference: null,
  },
  notSent: { kind: 'not_sent', code: 'ECONNREFUSED' },
  notSentDeadline: { kind: 'not_sent', code: 'deadline_passed' },
  notSupported: { kind: 'not_sent', code: 'not_supported', missing: 'card.token' },
  unknown: { kind: 'unknown', code: 'ECONNRESET', providerReference: null },
  unknownMismatch: { kind: 'unknown', code: 'answer_mismatch', providerReference: 'p1' },
} as const satisfies Record<string, AttemptOutcome>;

export type SampleOutcome = keyof typeof SAMPLE_OUTCOMES;
