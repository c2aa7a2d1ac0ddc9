import type { AttemptOutcome } from './attempt.ts';
import type { Authorization } from './authorization.ts';
import type { DeclineCategory } from './declines/decline.ts';

/** What an ended payment says about card testing. */
export type TestingSign = 'declined' | 'other';

/** Time over which ended payments are counted, milliseconds. */
export const TESTING_WINDOW_MS = 60_000;
/** How long payments are refused once it looks like card testing, milliseconds. */
export const TESTING_REFUSAL_MS = 60_000;
/** Ended payments in the window below which nothing is concluded. */
const ENDED_MIN = 100;
/** Share of them that must be exceeded by declines. An honest merchant's worst hour stays far below. */
const DECLINED_SHARE_MAX = 0.9;

/**
 * Whether the payments of one merchant with one BIN look like somebody trying out card numbers: many, and nearly all
 * declined (fault T46 of the payments reference). The figures are ours.
 */
export function looksLikeCardTesting(counts: { readonly ended: number; readonly declined: number }): boolean {
  return counts.ended >= ENDED_MIN && counts.declined > counts.ended * DECLINED_SHARE_MAX;
}

/** Declines that say something about the card. The others tell of an outage, of our account, or of our own refusal. */
const ABOUT_THE_CARD: Readonly<Record<DeclineCategory, boolean>> = {
  soft_decline_issuer: true,
  hard_decline_issuer: true,
  fraud_issuer: true,
  fraud_psp: true,
  invalid_data: true,
  duplicate_suspected: true,
  unmapped: true,
  config: false,
  provider_technical: false,
  issuer_unavailable: false,
  cancelled_by_customer: false,
  scheme_blocked: false,
};

/** What an authorization whose road is over says; null when it says nothing about whether the card is good. */
export function testingSign(authorization: Pick<Authorization, 'status' | 'decline'>): TestingSign | null {
  switch (authorization.status) {
    case 'pending':
    case 'reversing':
    case 'failed':
    case 'expired':
      return null;
    case 'declined':
      return authorization.decline !== null && ABOUT_THE_CARD[authorization.decline.category]
        ? 'declined'
        : null;
    default:
      return 'other';
  }
}

/** The same of the outcome with which a payment ended that its caller has sent itself. */
export function testingSignOf(outcome: AttemptOutcome): TestingSign | null {
  switch (outcome.kind) {
    case 'approved':
    case 'partially_approved':
    case 'authentication_required':
      return 'other';
    case 'declined':
      return ABOUT_THE_CARD[outcome.decline.category] ? 'declined' : null;
    case 'pending':
    case 'rejected':
    case 'not_sent':
    case 'unknown':
      return null;
  }
}
