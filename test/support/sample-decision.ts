import type { AttemptOutcome } from '../../src/core/attempt.ts';
import {
  type CallerDecision,
  type NextStep,
  type OfferedAttempt,
  type OutcomeReport,
  type TakenReport,
  withReport,
} from '../../src/core/caller-decision.ts';
import type { DecisionOpening, DecisionStep, SchemeCheck } from '../../src/gateway/ports.ts';
import { sampleRequest } from './sample-request.ts';

const T0 = Date.UTC(2026, 10, 23, 10);
export const NO_CEILING: SchemeCheck = { cardKey: 'card-key-one', limits: [], nowMs: T0 };

export function sampleOffer(number: number, over: Partial<OfferedAttempt> = {}): OfferedAttempt {
  return {
    number,
    provider: `sandbox-${'abc'.charAt(number - 1)}`,
    propensity: 0.94,
    offeredAtMs: T0,
    costBasisPoints: 32,
    routing: null,
    reports: [],
    outcome: null,
    ...over,
  };
}

/** A decision that offers `sandbox-a`, good for eight seconds; overridden where a test cares. */
export function sampleDecision(over: Partial<CallerDecision> = {}): CallerDecision {
  return {
    id: 'dec_one',
    account: 'acme',
    version: 1,
    request: sampleRequest(),
    carriesCavv: false,
    brand: 'visa',
    scaRegion: true,
    ruleset: 12,
    rule: 'eu-debit',
    experiment: null,
    attemptsMax: 3,
    threeDsReuse: 'not_sent',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    createdAtMs: T0,
    expiresAtMs: T0 + 8_000,
    attempts: [sampleOffer(1)],
    ...over,
  };
}

export function sampleReport(over: Partial<OutcomeReport> = {}): OutcomeReport {
  return {
    provider: 'sandbox-a',
    attempt: 1,
    outcome: 'rejected',
    code: '503',
    networkCode: null,
    advice: null,
    latencyMs: 212,
    ...over,
  };
}

/** An approval as it was reported and answered. */
export const TAKEN_APPROVAL: TakenReport = {
  outcome: 'approved',
  code: null,
  networkCode: null,
  advice: null,
  latencyMs: 212,
  atMs: T0 + 300,
  answer: { next: 'stop', reason: 'approved' },
};

export function sampleDecisionOpening(
  over: Partial<CallerDecision> = {},
  more: Partial<DecisionOpening> = {},
): DecisionOpening {
  const decision = sampleDecision(over);
  return {
    claim: null,
    bodyFingerprint: 'cd'.repeat(32),
    decision,
    scheme: decision.attempts.length === 0 ? null : NO_CEILING,
    answer: { httpStatus: 201, body: `{"id":"${decision.id}","é":"✓"}` },
    exposures: [],
    ...more,
  };
}

/** A report on the last attempt of a decision, and whom it offers next. */
export function sampleDecisionStep(
  before: CallerDecision,
  outcome: AttemptOutcome,
  next: OfferedAttempt | null = null,
  more: Partial<DecisionStep> = {},
): DecisionStep {
  const attempt = before.attempts.length;
  const report = sampleReport({ attempt, outcome: outcome.kind });
  const answer: NextStep =
    next === null ? { next: 'stop', reason: 'approved' } : { next: next.provider, reason: 'rejected' };
  const told = withReport(before, report, outcome, answer, T0 + 300);
  return {
    before,
    after: next === null ? told : { ...told, attempts: [...told.attempts, next] },
    scheme: next === null ? null : NO_CEILING,
    outcomeScheme: { counts: false, blockedUntilMs: null, reason: null },
    ...more,
  };
}
