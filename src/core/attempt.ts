import type { NetworkTransaction } from './authorization.ts';
import type { Decline } from './declines/decline.ts';

/**
 * What is known about an attempt: a closed union. Which of these may fail over is told in `failover.ts`, what they
 * mean for breakers in `breakerSignal`, and for the learner in `learnerReward`.
 */
export type AttemptOutcome =
  /** Authorized in full. */
  | {
      readonly kind: 'approved';
      readonly providerReference: string;
      readonly networkTransaction: NetworkTransaction | null;
      /** Wall clock until which it is good, where the provider says so of this one. */
      readonly expiresAtMs?: number;
    }
  /** Authorized for less than asked. */
  | {
      readonly kind: 'partially_approved';
      readonly providerReference: string;
      readonly authorizedAmount: number;
      readonly networkTransaction: NetworkTransaction | null;
      /** As of one in full. */
      readonly expiresAtMs?: number;
      /** `confirmed`: the provider says that what it authorized is undone, all of it. */
      readonly reversal: 'none' | 'confirmed';
    }
  /** A definite "no". */
  | { readonly kind: 'declined'; readonly decline: Decline; readonly providerReference: string | null }
  /** SCA or 3DS step-up: the caller must authenticate the customer. */
  | {
      readonly kind: 'authentication_required';
      readonly code: string;
      readonly providerReference: string | null;
    }
  /** The provider is still working on it. */
  | { readonly kind: 'pending'; readonly code: string | null; readonly providerReference: string | null }
  /** The provider says that it did not process the request. */
  | {
      readonly kind: 'rejected';
      readonly reason: RejectionReason;
      readonly code: string;
      /** From `Retry-After` of a 429, milliseconds. */
      readonly retryAfterMs: number | null;
      readonly providerReference: string | null;
    }
  /** Certain that the provider never saw it. */
  | {
      readonly kind: 'not_sent';
      readonly code: string;
      /** Of `not_supported`: what the provider would have needed, the member of the request first; no value of it. */
      readonly missing?: string;
    }
  /** Sent, and no trustworthy answer: money may have moved. */
  | { readonly kind: 'unknown'; readonly code: string; readonly providerReference: string | null };

/**
 * Why nothing was processed. `not_found`: the provider does not know the attempt, and its consistency window is over.
 * `cancelled`: it was cancelled before an issuer was asked.
 */
export type RejectionReason = 'configuration' | 'rate_limited' | 'transient' | 'not_found' | 'cancelled';

export type OutcomeKind = AttemptOutcome['kind'];
export const OUTCOME_KINDS = [
  'approved',
  'partially_approved',
  'declined',
  'authentication_required',
  'pending',
  'rejected',
  'not_sent',
  'unknown',
] as const satisfies readonly OutcomeKind[];

/** One try of an authorization at one provider, begun by a durable intent. */
export interface Attempt {
  readonly id: string;
  /** 1, 2, … within its authorization. */
  readonly number: number;
  readonly provider: string;
  /** Idempotency key at the provider. */
  readonly providerKey: string;
  /**
   * The authorization's id at a provider with two steps, made durable before the step by which money can move; null where
   * there is none (yet).
   */
  readonly preparedReference: string | null;
  /** Null while the intent is committed and no outcome is: the request may be on its way. */
  readonly outcome: AttemptOutcome | null;
  /** Probability with which this provider was chosen among the candidates that passed, 0 to 1. */
  readonly propensity: number;
  /** From intent to outcome, milliseconds; null while there is none. */
  readonly durationMs: number | null;
  /** Wall clock, milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Wall clock by which the request was given up at the latest. */
  readonly deadlineAtMs: number;
}

/** What is known of an attempt while it is still to be found out what became of it; null: nothing yet. */
export type UnsettledOutcome = Extract<AttemptOutcome, { kind: 'unknown' | 'pending' }> | null;

/** Whether what became of an attempt is still to be found out. */
export function isUnsettled(outcome: AttemptOutcome | null): outcome is UnsettledOutcome {
  return outcome === null || outcome.kind === 'unknown' || outcome.kind === 'pending';
}

/** Whether an attempt was closed because its provider did not know it, by an inquiry or by a person's word. */
export function wasNotFound(outcome: AttemptOutcome | null): boolean {
  return outcome?.kind === 'rejected' && outcome.reason === 'not_found';
}

/** Code of what is known of an attempt whose lease ended before anybody told its outcome. */
export const LEASE_EXPIRED = 'lease_expired';

/** Whether an outcome says that the provider holds money of the cardholder, or may (behind a decline). */
export function mayHoldMoney(outcome: AttemptOutcome): boolean {
  return holdsMoney(outcome) || (outcome.kind === 'declined' && outcome.decline.mayHideApproval);
}

/**
 * Whether an outcome says outright that the provider holds money of the cardholder. A decline that may hide an approval
 * does not: it reads the same before and after what it may hide is undone.
 */
export function holdsMoney(outcome: AttemptOutcome): boolean {
  switch (outcome.kind) {
    case 'approved':
      return true;
    case 'partially_approved':
      return outcome.reversal === 'none';
    default:
      return false;
  }
}

/**
 * Whether no money can have moved at the provider, or what moved is confirmed to be undone: the only outcomes after
 * which another attempt may be made. Narrower questions (a hard decline, the caller's wishes) are the road's.
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

/** The reference at the provider by which an attempt can be inquired, when there is one. */
export function providerReferenceOf(outcome: AttemptOutcome): string | null {
  return outcome.kind === 'not_sent' ? null : outcome.providerReference;
}

/** The reference at the provider by which an attempt is known there, as far as it is recorded. */
export function referenceOf({ outcome, preparedReference }: Attempt): string | null {
  return (outcome === null ? null : providerReferenceOf(outcome)) ?? preparedReference;
}

/** The most specific code of an outcome, as answers show it. */
export function codeOf(outcome: AttemptOutcome): string | null {
  switch (outcome.kind) {
    case 'approved':
    case 'partially_approved':
      return null;
    case 'declined':
      return outcome.decline.code;
    default:
      return outcome.code;
  }
}

/** What an outcome tells a lane's breaker. `excluded`: says nothing about the provider's health. */
export type BreakerSignal = 'success' | 'failure' | 'unknown' | 'excluded';

/**
 * Only technical outcomes move a breaker. A 429 is the limiter's business; an issuer or a network that is down is no
 * fault of the provider.
 */
export function breakerSignal(outcome: AttemptOutcome): BreakerSignal {
  switch (outcome.kind) {
    case 'approved':
    case 'partially_approved':
    case 'authentication_required':
    case 'pending':
      return 'success';
    case 'declined':
      return ISSUER_SIDE_FAULTS.has(outcome.decline.category) ? 'excluded' : 'success';
    case 'rejected':
      return outcome.reason === 'rate_limited' ? 'excluded' : 'failure';
    case 'not_sent':
      return isHeldBack(outcome) ? 'excluded' : 'failure';
    case 'unknown':
      return 'unknown';
  }
}

/** Declines that tell of a fault behind the provider: no proof of its health, and no fault of its own. */
const ISSUER_SIDE_FAULTS: ReadonlySet<string> = new Set(['issuer_unavailable', 'provider_technical']);

/** Code of `not_sent` where the adapter or the account cannot say to the provider what the request asks for. */
export const NOT_SUPPORTED = 'not_supported';

/** Codes of `not_sent` that name a decision of ours rather than a fault of the provider or the way to it. */
const OUR_OWN_CODES: ReadonlySet<string> = new Set(['deadline_passed', 'draining', NOT_SUPPORTED]);

/** Whether we held the request back ourselves, which says nothing about the provider: neither breakers nor alerts blame it. */
export function isHeldBack(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'not_sent' && OUR_OWN_CODES.has(outcome.code);
}

/**
 * What the approval learner takes from an outcome: 1, 0, or null for "nothing (yet)". To be asked for authentication is no
 * approval of this attempt: a provider that asks every time would else keep for ever what is assumed of an unknown one.
 */
export function learnerReward(outcome: AttemptOutcome): 0 | 1 | null {
  switch (outcome.kind) {
    case 'approved':
      return 1;
    case 'partially_approved':
    case 'declined':
    case 'authentication_required':
      return 0;
    case 'pending':
    case 'rejected':
    case 'not_sent':
    case 'unknown':
      return null;
  }
}

/** Whether the issuer could not answer: that is learned about the issuer, and blames nobody else. */
export function isIssuerSide(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'declined' && outcome.decline.category === 'issuer_unavailable';
}
