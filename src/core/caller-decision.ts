import type { AttemptOutcome, OutcomeKind } from './attempt.ts';
import type { AuthorizationRequest } from './authorization.ts';
import type { CardBrand } from './card.ts';
import type { ExperimentDecision, RoutingDecision } from './decision.ts';
import {
  type BudgetStop,
  type FailOverReason,
  judgeOutcome,
  mayReuseAuthentication,
  moreAttemptsAllowed,
  type StopReason,
  type ThreeDsReuse,
} from './failover.ts';
import { invariant } from './invariant.ts';

/** What a caller that sends itself says came of an attempt. */
export interface OutcomeReport {
  readonly provider: string;
  /** 1, 2, … within its decision. */
  readonly attempt: number;
  readonly outcome: OutcomeKind;
  /** The provider's most specific code. */
  readonly code: string | null;
  /** Raw ISO 8583 DE39 of the network. */
  readonly networkCode: string | null;
  readonly advice: string | null;
  /** From sending to answer, milliseconds; null: not told. */
  readonly latencyMs: number | null;
}

/** Why a caller is told to stop or to wait. Shown to callers: a closed list. */
export const STEP_REASONS = [
  'not_sent',
  'rejected',
  'declined',
  'approved',
  'partial_accepted',
  'partial_not_reversed',
  'decline_is_final',
  'authentication_required',
  'pending',
  'unknown',
  'authentication_spent',
  'attempts_max',
  'declined_twice',
  'retry_budget',
  'no_candidate_left',
  'scheme_limit',
  'expired',
] as const satisfies readonly (
  | FailOverReason
  | StopReason
  | BudgetStop
  | 'retry_budget'
  | 'no_candidate_left'
  | 'scheme_limit'
  | 'expired'
)[];
export type StepReason = (typeof STEP_REASONS)[number];

/** What a caller is to do next. */
export interface NextStep {
  /** A provider to try; `stop`: nobody; `wait`: nobody, and what became of the attempt is still to be found out. */
  readonly next: string;
  readonly reason: StepReason;
}

/** A report as it was taken, and what was answered to it. */
export interface TakenReport extends Omit<OutcomeReport, 'provider' | 'attempt'> {
  /** Wall clock; null for one from before that was kept. */
  readonly atMs: number | null;
  readonly answer: NextStep;
}

/** A provider that the caller was told to try. */
export interface OfferedAttempt {
  /** 1, 2, … within its decision. */
  readonly number: number;
  readonly provider: string;
  /** Probability with which it was chosen among the candidates that passed, 0 to 1. */
  readonly propensity: number;
  /** Wall clock. */
  readonly offeredAtMs: number;
  /** Fees of an approval as expected when it was offered, basis points of the amount; null: not known. */
  readonly costBasisPoints: number | null;
  /** Why it was offered; null for the first, which the decision's answer explains. */
  readonly routing: RoutingDecision | null;
  /** None, one, or two: one that left the outcome open, and the one that settled it. */
  readonly reports: readonly TakenReport[];
  /** The last report as the provider's own tables read it; null before the first. */
  readonly outcome: AttemptOutcome | null;
}

/** A decision for a caller that sends its payment itself: nothing is sent by us, and no money of ours is in it. */
export interface CallerDecision {
  readonly id: string;
  readonly account: string;
  /** Raised by one with every committed change. */
  readonly version: number;
  /** Without the CAVV, which is never stored. */
  readonly request: AuthorizationRequest;
  readonly carriesCavv: boolean;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
  readonly ruleset: number;
  readonly rule: string;
  /** The arm that decides how it is routed, first and later attempts; null for the rule itself. */
  readonly experiment: ExperimentDecision | null;
  /** Attempts at most, the first included. */
  readonly attemptsMax: number;
  readonly threeDsReuse: ThreeDsReuse;
  readonly traceId: string;
  /** Wall clock. */
  readonly createdAtMs: number;
  /** Wall clock from which nobody else is offered: its deadline. */
  readonly expiresAtMs: number;
  /** Empty where a scheme forbids the payment. */
  readonly attempts: readonly OfferedAttempt[];
}

export type ReportVerdict =
  /** Nobody was told to make this attempt, or at another provider. */
  | { readonly kind: 'not_offered' }
  /** It says nothing new. */
  | { readonly kind: 'repeat' }
  /** Something else is recorded that it cannot be true beside. */
  | { readonly kind: 'contradiction'; readonly recorded: TakenReport }
  /** `settles`: what was open before. */
  | { readonly kind: 'new'; readonly attempt: OfferedAttempt; readonly settles: boolean };

/** What a report is to what its decision holds already. A definite outcome is never replaced. */
export function judgeReport(decision: CallerDecision, report: OutcomeReport): ReportVerdict {
  const attempt = decision.attempts.find(({ number }) => number === report.attempt);
  if (attempt === undefined || attempt.provider !== report.provider) return { kind: 'not_offered' };
  if (attempt.reports.some((taken) => isSame(taken, report))) return { kind: 'repeat' };
  const last = attempt.reports.at(-1);
  if (last === undefined) return { kind: 'new', attempt, settles: false };
  // What was under way has left: that it never did is the word of somebody who does not know.
  if (!isOpen(last.outcome) || report.outcome === 'not_sent')
    return { kind: 'contradiction', recorded: last };
  return isOpen(report.outcome) ? { kind: 'repeat' } : { kind: 'new', attempt, settles: true };
}

/** What a caller is to do, and as which attempt; null where nobody is to be tried. */
export interface StepNow extends NextStep {
  readonly attempt: number | null;
}

/**
 * What stands now, for whoever reports again what is recorded: an answer of then might send the caller to a provider that
 * has been tried since. Who was offered last, while the decision is good and nothing is reported of it; else what followed
 * from the last report.
 * @param nowMs wall clock
 */
export function stepNow({ attempts, expiresAtMs }: CallerDecision, nowMs: number): StepNow {
  const isExpired = nowMs >= expiresAtMs;
  const last = attempts.at(-1);
  const answer = (last?.reports.at(-1) ?? attempts.at(-2)?.reports.at(-1))?.answer;
  invariant(last !== undefined && answer !== undefined, 'something was offered and reported');
  const isOver = last.reports.length > 0;
  if (isOver && answer.next === 'stop') return { ...answer, attempt: null };
  if (isExpired) return { next: 'stop', reason: 'expired', attempt: null };
  return { ...answer, attempt: isOver ? null : last.number };
}

/** Codes say what a decline is; beside other outcomes they only label. */
function isSame(taken: TakenReport, report: OutcomeReport): boolean {
  if (taken.outcome !== report.outcome) return false;
  if (report.outcome !== 'declined') return true;
  return (
    taken.code === report.code && taken.networkCode === report.networkCode && taken.advice === report.advice
  );
}

function isOpen(outcome: OutcomeKind): boolean {
  return outcome === 'unknown' || outcome === 'pending';
}

export type StepVerdict =
  /** Another provider may be offered, if there is one. */
  | {
      readonly kind: 'fail_over';
      readonly reason: Exclude<FailOverReason, 'partial_reversed'>;
      readonly technical: boolean;
    }
  | { readonly kind: 'over'; readonly step: NextStep };

/**
 * What follows from the outcome of the attempt that was offered last: the rules of failover that our own attempts keep.
 * Never another provider while it is not known what became of this one.
 * @param nowMs wall clock
 */
export function stepAfter(decision: CallerDecision, outcome: AttemptOutcome, nowMs: number): StepVerdict {
  const verdict = judgeOutcome(outcome, { acceptPartial: decision.request.acceptPartial, undone: false });
  const isExpired = nowMs >= decision.expiresAtMs;
  if (!verdict.mayFailOver) {
    const waits = verdict.reason === 'unknown' || verdict.reason === 'pending';
    if (!waits) {
      invariant(verdict.reason !== 'void_requested', 'what we did not send cannot be voided here');
      return over('stop', verdict.reason);
    }
    return isExpired ? over('stop', 'expired') : over('wait', verdict.reason);
  }
  if (isExpired) return over('stop', 'expired');
  if (decision.carriesCavv && !mayReuseAuthentication(outcome, decision.threeDsReuse)) {
    return over('stop', 'authentication_spent');
  }
  const earlier = decision.attempts.slice(0, -1);
  const declines = [...earlier.map((attempt) => attempt.outcome), outcome].filter(
    (each) => each?.kind === 'declined',
  );
  const stop = moreAttemptsAllowed({
    made: decision.attempts.length,
    attemptsMax: decision.attemptsMax,
    declines: declines.length,
    remainingMs: decision.expiresAtMs - nowMs,
  });
  if (stop !== null) return over('stop', stop === 'deadline' ? 'expired' : stop);
  invariant(verdict.reason !== 'partial_reversed', 'no report says that what was authorized is undone');
  return { kind: 'fail_over', reason: verdict.reason, technical: verdict.technical };
}

function over(next: 'stop' | 'wait', reason: StepReason): StepVerdict {
  return { kind: 'over', step: { next, reason } };
}

/** The decision with one more report taken. @param atMs wall clock */
export function withReport(
  decision: CallerDecision,
  report: OutcomeReport,
  outcome: AttemptOutcome,
  answer: NextStep,
  atMs: number,
): CallerDecision {
  const taken: TakenReport = {
    outcome: report.outcome,
    code: report.code,
    networkCode: report.networkCode,
    advice: report.advice,
    latencyMs: report.latencyMs,
    atMs,
    answer,
  };
  return {
    ...decision,
    attempts: decision.attempts.map((attempt) =>
      attempt.number === report.attempt
        ? { ...attempt, reports: [...attempt.reports, taken], outcome }
        : attempt,
    ),
  };
}

/**
 * How long an attempt of the caller's took, milliseconds: as it says; where it does not, from the offer to its first
 * report, and no longer than the decision was good for. Null before a report whose time is known.
 */
export function attemptDurationMs(
  { expiresAtMs }: Pick<CallerDecision, 'expiresAtMs'>,
  { offeredAtMs, reports }: Pick<OfferedAttempt, 'offeredAtMs' | 'reports'>,
): number | null {
  const told = reports.findLast(({ latencyMs }) => latencyMs !== null)?.latencyMs ?? null;
  if (told !== null) return told;
  const reportedAtMs = reports[0]?.atMs ?? null;
  if (reportedAtMs === null) return null;
  return Math.max(0, Math.min(reportedAtMs, expiresAtMs) - offeredAtMs);
}
