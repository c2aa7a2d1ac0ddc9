import type { AttemptOutcome } from '../core/attempt.ts';
import { isUnsettled } from '../core/attempt.ts';
import { type Authorization, isAnswerable } from '../core/authorization.ts';
import { DAY_MS } from '../core/resolution.ts';
import { cardBlock, countsAsReattempt } from '../core/scheme/scheme-rules.ts';
import { failedVoids, hasWork } from '../core/settlement.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { EventRecord, FrozenAnswer, OutcomeScheme, Step, WorkPlan } from './ports.ts';

/** Longest wait for an operation that was begun beside a caller's request and can be done at once, milliseconds. */
const SOON_MS = 1_000;

/** What a change needs to become a step of the journal; the rest follows from what differs. */
export interface StepDetails extends Pick<Step, 'intent' | 'scheme' | 'leaseUntilMs' | 'claim'> {
  readonly work: Step['work'];
  readonly event: EventRecord;
}

/** For steps that neither open an attempt nor begin a caller's operation. */
export const NO_INTENT = { intent: null, scheme: null, leaseUntilMs: null, claim: null } as const;

/**
 * A change as the journal writes it. Answers are frozen in the transaction that settles what they are about: the
 * authorization's once, when its road is over and nothing is left open; an operation's when it ends.
 */
export function stepOf(
  before: Authorization,
  after: Authorization,
  details: StepDetails,
  deps: Pick<GatewayDeps, 'renderAnswer' | 'renderOperation' | 'schemeGuard'>,
): Step {
  const settles = !before.answered && !after.open && isAnswerable(after.status);
  const answered = settles ? { ...after, answered: true } : after;
  return {
    before,
    after: answered,
    ...details,
    frozen: settles ? deps.renderAnswer(answered) : null,
    operationAnswers: operationAnswers(before, answered, deps),
    outcomeScheme: outcomeScheme(before, answered, details.event.atMs, deps),
  };
}

function operationAnswers(
  before: Authorization,
  after: Authorization,
  deps: Pick<GatewayDeps, 'renderOperation'>,
): ReadonlyMap<number, FrozenAnswer> {
  const answers = new Map<number, FrozenAnswer>();
  for (const operation of after.operations) {
    const known = before.operations[operation.number - 1];
    const ends = operation.status !== 'pending' && known?.status !== operation.status;
    if (ends && operation.purpose === 'requested') {
      answers.set(operation.number, deps.renderOperation(after, operation));
    }
  }
  return answers;
}

function outcomeScheme(
  before: Authorization,
  after: Authorization,
  nowMs: number,
  deps: Pick<GatewayDeps, 'schemeGuard'>,
): ReadonlyMap<number, OutcomeScheme> {
  const meanings = new Map<number, OutcomeScheme>();
  for (const attempt of after.attempts) {
    const { outcome, number } = attempt;
    if (outcome === null || before.attempts[number - 1]?.outcome === outcome) continue;
    meanings.set(number, schemeMeaning(outcome, nowMs, deps));
  }
  return meanings;
}

/** What an outcome means for further attempts with its card at its merchant. */
export function schemeMeaning(
  outcome: AttemptOutcome,
  nowMs: number,
  deps: Pick<GatewayDeps, 'schemeGuard'>,
): OutcomeScheme {
  const block = cardBlock(outcome, deps.schemeGuard.rules(), nowMs);
  return {
    counts: countsAsReattempt(outcome),
    blockedUntilMs: block?.untilMs ?? null,
    reason: block?.reason ?? null,
  };
}

/**
 * When somebody must look at an authorization again whose road is over: after the first delay of the schedule while an
 * outcome is to be found out, soon when only an operation is to be done, and ever later the more often a void of it has
 * failed. Null when nothing is left.
 */
export function planFor(
  authorization: Authorization,
  nowMs: number,
  schedule: readonly number[],
): WorkPlan | null {
  if (!hasWork(authorization)) return null;
  const first = schedule[0] ?? SOON_MS;
  const isOutcomeOpen = authorization.attempts.some(({ outcome }) => isUnsettled(outcome));
  const failed = failedVoids(authorization);
  if (failed > 0 && !isOutcomeOpen) {
    const delayMs = schedule[failed - 1] ?? DAY_MS;
    return { step: 0, failures: 0, dueAtMs: nowMs + delayMs, lease: 'keep' };
  }
  const delayMs = isOutcomeOpen ? first : Math.min(first, SOON_MS);
  return { step: 0, failures: 0, dueAtMs: nowMs + delayMs, lease: 'keep' };
}
