import { type AttemptOutcome, NOT_SUPPORTED } from './attempt.ts';
import { unreachable } from './invariant.ts';

/** Why another provider is tried. Label of a metric: keep the list short and closed. */
export type FailOverReason = 'not_sent' | 'rejected' | 'declined' | 'partial_reversed';

/** Why the road stops at an outcome. */
export type StopReason =
  | 'approved'
  | 'partial_accepted'
  | 'partial_not_reversed'
  | 'decline_is_final'
  | 'authentication_required'
  | 'pending'
  | 'unknown'
  /** The authentication data was handed to a provider, and may not be handed to another. */
  | 'authentication_spent'
  /** A caller asked for a void meanwhile. */
  | 'void_requested';

export type OutcomeVerdict =
  | { readonly mayFailOver: true; readonly reason: FailOverReason; readonly technical: boolean }
  | { readonly mayFailOver: false; readonly reason: StopReason };

/**
 * Whether an outcome, by itself, permits another provider: only a definite negative does. Attempts left, deadline
 * and retry budget are asked afterwards ({@link moreAttemptsAllowed}).
 * @param how.acceptPartial whether the caller takes less than the amount asked for
 * @param how.undone whether a void of ours has undone, confirmed, what the outcome stands for
 */
export function judgeOutcome(
  outcome: AttemptOutcome,
  how: { readonly acceptPartial: boolean; readonly undone: boolean },
): OutcomeVerdict {
  switch (outcome.kind) {
    case 'approved':
      return { mayFailOver: false, reason: 'approved' };
    case 'partially_approved':
      if (outcome.reversal === 'confirmed' || how.undone) {
        return { mayFailOver: true, reason: 'partial_reversed', technical: false };
      }
      return { mayFailOver: false, reason: how.acceptPartial ? 'partial_accepted' : 'partial_not_reversed' };
    case 'declined':
      return outcome.decline.otherProvider === 'yes_once' && !outcome.decline.mayHideApproval
        ? { mayFailOver: true, reason: 'declined', technical: false }
        : { mayFailOver: false, reason: 'decline_is_final' };
    case 'authentication_required':
      return { mayFailOver: false, reason: 'authentication_required' };
    case 'pending':
      return { mayFailOver: false, reason: 'pending' };
    case 'rejected':
      return { mayFailOver: true, reason: 'rejected', technical: true };
    case 'not_sent':
      // The budget keeps an outage from being multiplied. Whom a payment does not suit is not out, and was sent nothing.
      return { mayFailOver: true, reason: 'not_sent', technical: outcome.code !== NOT_SUPPORTED };
    case 'unknown':
      return { mayFailOver: false, reason: 'unknown' };
    default:
      return unreachable(outcome);
  }
}

/** Why no further attempt is made although the outcome would permit one; null when one may be made. */
export type BudgetStop = 'attempts_max' | 'deadline' | 'declined_twice';

/**
 * Whether count and time leave room for another attempt.
 * @param made attempts made so far
 * @param declines how many of them were declined by an issuer or provider: a decline is tried elsewhere once
 * @param remainingMs milliseconds to the deadline; whether they suffice for a certain provider is asked of it
 */
export function moreAttemptsAllowed(input: {
  readonly made: number;
  readonly attemptsMax: number;
  readonly declines: number;
  readonly remainingMs: number;
}): BudgetStop | null {
  if (input.made >= input.attemptsMax) return 'attempts_max';
  if (input.declines > 1) return 'declined_twice';
  if (input.remainingMs <= 0) return 'deadline';
  return null;
}

/**
 * After which outcomes the same authentication data (CAVV) may be handed to another provider: `not_sent` only, where
 * no provider has seen it; or also after `rejected`, where one has and says that it did not process it. Never after an
 * issuer may have seen it (payments reference, section 5 and invariant 22).
 */
export const THREE_DS_REUSES = ['not_sent', 'rejected'] as const;
export type ThreeDsReuse = (typeof THREE_DS_REUSES)[number];

/** Whether a request that carries authentication data may be sent to another provider after this outcome. */
export function mayReuseAuthentication(outcome: AttemptOutcome, reuse: ThreeDsReuse): boolean {
  return outcome.kind === 'not_sent' || (reuse === 'rejected' && outcome.kind === 'rejected');
}

/**
 * Exemptions that rest on the fraud rate of the acquirer that asks for them: another provider would have to work them
 * out anew, so that they are left out of further attempts (payments reference, section 5).
 */
const ACQUIRER_EXEMPTIONS: ReadonlySet<string | null> = new Set([
  'tra',
  'transaction_risk_analysis',
  'low_risk',
  'acquirer_tra',
]);

/** Whether an exemption is the first provider's own and may not be claimed by another. */
export function isAcquirersExemption(exemption: string | null): boolean {
  return ACQUIRER_EXEMPTIONS.has(exemption);
}
