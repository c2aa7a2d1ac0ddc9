import { type Attempt, type AttemptOutcome, referenceOf } from './attempt.ts';
import { ANSWER_MISMATCH } from './lifecycle.ts';

/**
 * What a provider promises about requests whose answer was lost. Facts of its interface, stated by its adapter; a
 * contract may differ where accounts differ (a longer key lifetime, another validity).
 */
export interface ProviderSemantics {
  /** By which reference an attempt can be inquired. `provider_reference`: only by the provider's own id. */
  readonly inquiry: 'our_reference' | 'provider_reference' | 'none';
  /**
   * Time past an attempt's deadline after which "not found" is evidence that it was never processed; milliseconds.
   * Null: never (a search index that may lag behind).
   */
  readonly notFoundAfterMs: number | null;
  /**
   * The same of a capture, void or refund, which is mostly looked for elsewhere (with its authorization, by that one's id),
   * counted from the end of its request's time; milliseconds, null: never.
   */
  readonly operationNotFoundAfterMs: number | null;
  /**
   * What a repeat under the same idempotency key gives. `same_answer`: the first answer, failures included.
   * `success_only`: failures are not kept, so that a repeat after one executes again: inquire first. `none`: there
   * are no keys.
   */
  readonly replay: 'same_answer' | 'success_only' | 'none';
  /** How long a key is kept; after it, a repeat executes again. Milliseconds; null: for ever. */
  readonly keyLifetimeMs: number | null;
  /**
   * Whether an authorization takes two steps: an object that moves no money, whose id is made durable, then the step by
   * which money can move. An attempt without an id in its record was then never authorized, and an inquiry by the id has
   * no consistency window.
   */
  readonly twoSteps: boolean;
  /** Whether an attempt can be cancelled by our own reference alone. */
  readonly cancelByReference: boolean;
  /** Whether captures, voids and refunds can be inquired. */
  readonly operationInquiry: boolean;
  /** How long an authorization that is not captured is good for; milliseconds. */
  readonly validityMs: number;
}

/** What the clocks of the machine that sent and of the one that repeats may differ by, both ways; milliseconds. */
export const CLOCKS_APART_MS = 20 * 60_000;

/**
 * How long a request may be under way, milliseconds: what a proxy or a queue on the way held back may still be
 * delivered after it was given up.
 */
const LONGEST_UNDER_WAY_MS = 60 * 60_000;

/**
 * Time before a key's end from which it is not used any more by whoever did not send the request itself, milliseconds.
 * A repeat that arrives after the end is a new authorization, however early it was sent.
 */
export const KEY_MARGIN_MS = CLOCKS_APART_MS + LONGEST_UNDER_WAY_MS;

/**
 * Whether the key of a request is certain to be known to the provider still, if it ever was. Beyond it a replay would
 * be a new authorization (payments reference, invariant 13).
 * @param ageMs time since the request was first sent, by which the repeat is over; the longer of what both clocks say
 * @param marginMs what the age may be too small by: 0 by the monotonic clock of the sender, else {@link KEY_MARGIN_MS}
 */
export function isKeyUsable(semantics: ProviderSemantics, ageMs: number, marginMs: number): boolean {
  if (semantics.replay === 'none') return false;
  const lifetimeMs = semantics.keyLifetimeMs;
  return lifetimeMs === null || (ageMs >= 0 && ageMs + marginMs < lifetimeMs);
}

/** Time that the clocks of two machines may differ by, beyond what is waited for anyway; milliseconds. */
export interface Waited {
  /** By the wall clock, past the attempt's deadline. */
  readonly pastDeadlineMs: number;
  /** By this process's own monotonic clock, since it first saw the attempt unsettled. */
  readonly seenForMs: number;
}

/**
 * Whether "not found" is evidence: by the wall clock, and by the monotonic clock of whoever inquires, so that a jump of
 * a clock cannot make it so too early (payments reference, invariant 7).
 * @param windowMs of what is asked about, an attempt's or an operation's; null: never
 */
export function isNotFoundEvidence(windowMs: number | null, waited: Waited): boolean {
  return windowMs !== null && waited.pastDeadlineMs > windowMs && waited.seenForMs >= windowMs;
}

/**
 * Wall clock at which {@link isNotFoundEvidence} will hold for whoever inquires, as far as can be told now; null: never.
 */
export function notFoundEvidenceAt(
  windowMs: number | null,
  { pastDeadlineMs, seenForMs }: Waited,
  nowMs: number,
): number | null {
  if (windowMs === null) return null;
  return nowMs + Math.max(windowMs - pastDeadlineMs + 1, windowMs - seenForMs);
}

/**
 * When an attempt that was closed as not found is asked about once more, from then on; milliseconds. Its sender may have stood
 * still, with both of its clocks, and have sent it about now: what that comes to shows within the provider's window. Longer by
 * what clocks may differ, since whoever comes first by its own clock asks.
 */
export function askAgainAfterMs({ notFoundAfterMs }: Pick<ProviderSemantics, 'notFoundAfterMs'>): number {
  return (notFoundAfterMs ?? LONGEST_UNDER_WAY_MS) + CLOCKS_APART_MS;
}

/** Whether a provider can be asked about an attempt, by what is recorded of it. */
export function canAskAbout({ inquiry }: Pick<ProviderSemantics, 'inquiry'>, attempt: Attempt): boolean {
  return inquiry === 'our_reference' || (inquiry === 'provider_reference' && referenceOf(attempt) !== null);
}

/** The outcome of an attempt that the provider does not know, once that is evidence. */
export function notFoundOutcome(attempt: Attempt): AttemptOutcome {
  return {
    kind: 'rejected',
    reason: 'not_found',
    code: 'not_found',
    retryAfterMs: null,
    providerReference: referenceOf(attempt),
  };
}

/**
 * The outcome of an attempt at a provider with two steps whose road was left before the provider's id was durable: the
 * step by which money can move is never taken without it.
 */
export const NEVER_CONFIRMED: AttemptOutcome = {
  kind: 'rejected',
  reason: 'transient',
  code: 'never_confirmed',
  retryAfterMs: null,
  providerReference: null,
};

/** Whether what is recorded of an attempt shows that it was never authorized, provided that its road is over. */
export function wasNeverConfirmed(semantics: ProviderSemantics, attempt: Attempt): boolean {
  return semantics.twoSteps && referenceOf(attempt) === null;
}

/** How an unknown outcome may be found out at once, while the caller waits. */
export type QuickResolution = 'inquire' | 'replay' | 'none';

/** Failures of the connection that end a request at once: a repeat under the same key is told the same answer. */
const CONNECTION_LOST: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'connection_failed',
  'truncated_answer',
  'UND_ERR_SOCKET',
]);

/**
 * The one way that is safe and likely to give a definite answer within the request. A lost connection: a replay, whose
 * answer is definite whether or not the first request arrived, unless it is about the repeat alone. Everything else (a time-out, an error that may be kept for
 * ever, an answer that cannot be read): an inquiry, which cannot move money. After a failure that the provider does not
 * keep under the key, never a replay (payments reference, invariant 14).
 * @param ageMs time since the request was sent, by which a repeat would be over; by the sender's monotonic clock
 */
export function quickResolution(
  outcome: Extract<AttemptOutcome, { kind: 'unknown' }>,
  semantics: ProviderSemantics,
  ageMs: number,
): QuickResolution {
  if (outcome.code === ANSWER_MISMATCH || outcome.code === 'aborted') return 'none';
  const isReplaySafe = semantics.replay === 'same_answer' && isKeyUsable(semantics, ageMs, 0);
  if (CONNECTION_LOST.has(outcome.code) && isReplaySafe) return 'replay';
  if (semantics.inquiry === 'our_reference') return 'inquire';
  return semantics.inquiry === 'provider_reference' && outcome.providerReference !== null
    ? 'inquire'
    : 'none';
}

/** Where a piece of unsettled work stands in its schedule. */
export interface WorkProgress {
  /** Inquiries that were answered; index of the delay before the next. */
  readonly step: number;
  /** Inquiries in a row that failed themselves. */
  readonly failures: number;
}

export const DAY_MS = 24 * 60 * 60_000;
/** Delays before the first, second … inquiry; afterwards daily. */
export const DEFAULT_SCHEDULE_MS: readonly number[] = [
  5_000,
  30_000,
  2 * 60_000,
  5 * 60_000,
  60 * 60_000,
  DAY_MS,
];
/** Longest wait after inquiries that failed, milliseconds. */
const FAILURE_DELAY_MAX_MS = 60 * 60_000;

/**
 * When to ask next. An inquiry that failed itself (the provider was down) does not use the schedule up: it is repeated
 * after the first delay, doubling up to an hour. After the schedule daily, until `giveUpAtMs`; then never (null): a
 * person has to close it.
 * @param evidenceAtMs wall clock at which what was just answered ("not found") will be evidence when it is answered
 *   again to the same process: one look is then, without using the schedule up. So processes that take turns come to an
 *   end after as many looks as there are processes, however long the schedule's delays are. Null: it never will be
 */
export function nextWork(
  schedule: readonly number[],
  progress: WorkProgress,
  answered: boolean,
  nowMs: number,
  giveUpAtMs: number,
  evidenceAtMs: number | null = null,
): WorkProgress & { readonly dueAtMs: number | null } {
  const step = answered ? progress.step + 1 : progress.step;
  const failures = answered ? 0 : progress.failures + 1;
  const first = schedule[0] ?? DAY_MS;
  const delayMs = answered
    ? (schedule[step] ?? DAY_MS)
    : Math.min(FAILURE_DELAY_MAX_MS, first * 2 ** Math.min(failures, 20));
  const dueAtMs = nowMs + delayMs;
  if (answered && evidenceAtMs !== null && evidenceAtMs < Math.min(dueAtMs, giveUpAtMs)) {
    return { step: progress.step, failures, dueAtMs: Math.max(nowMs, evidenceAtMs) };
  }
  // One last look at the end of the validity.
  return { step, failures, dueAtMs: nowMs < giveUpAtMs ? Math.min(dueAtMs, giveUpAtMs) : null };
}
