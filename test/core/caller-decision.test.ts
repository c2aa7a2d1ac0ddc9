import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { judgeReport, stepAfter, stepNow, withReport } from '../../src/core/caller-decision.ts';
import { judgeOutcome } from '../../src/core/failover.ts';
import { sampleDecision, sampleOffer, sampleReport } from '../support/sample-decision.ts';
import { SAMPLE_OUTCOMES, sampleDecline } from '../support/sample-outcomes.ts';
import { sampleRequest } from '../support/sample-request.ts';

const DECISION = sampleDecision();
const NOW = DECISION.createdAtMs + 1_000;
/** No report says that what was authorized is undone. */
const outcomes: readonly (readonly [string, AttemptOutcome])[] = Object.entries(SAMPLE_OUTCOMES).filter(
  ([name]) => name !== 'partialReversed',
);
const rejected: AttemptOutcome = SAMPLE_OUTCOMES.rejectedTransient;

describe('what follows from a reported outcome', () => {
  it.each(outcomes)('%s: as after an attempt of our own', (_, outcome) => {
    const verdict = judgeOutcome(outcome, { acceptPartial: false, undone: false });
    const step = stepAfter(DECISION, outcome, NOW);
    if (verdict.mayFailOver) {
      expect(step).toEqual({ kind: 'fail_over', reason: verdict.reason, technical: verdict.technical });
      return;
    }
    const next = outcome.kind === 'unknown' || outcome.kind === 'pending' ? 'wait' : 'stop';
    expect(step).toEqual({ kind: 'over', step: { next, reason: verdict.reason } });
  });

  it.each(outcomes)('%s: nobody else once the decision has expired', (_, outcome) => {
    const step = stepAfter(DECISION, outcome, DECISION.expiresAtMs);
    expect(step).toMatchObject({ kind: 'over', step: { next: 'stop' } });
  });

  it('stops at the rule’s number of attempts', () => {
    const decision = sampleDecision({ attemptsMax: 2, attempts: [sampleOffer(1), sampleOffer(2)] });
    expect(stepAfter(decision, rejected, NOW)).toMatchObject({
      step: { next: 'stop', reason: 'attempts_max' },
    });
  });

  it('tries a decline elsewhere once', () => {
    const declined: AttemptOutcome = { kind: 'declined', decline: sampleDecline(), providerReference: null };
    const first = sampleOffer(1, { outcome: declined });
    const decision = sampleDecision({ attempts: [first, sampleOffer(2)] });
    expect(stepAfter(DECISION, declined, NOW)).toMatchObject({ kind: 'fail_over' });
    expect(stepAfter(decision, declined, NOW)).toMatchObject({ step: { reason: 'declined_twice' } });
    expect(stepAfter(decision, rejected, NOW)).toMatchObject({ kind: 'fail_over' });
  });

  it('hands authentication data on only where the rule lets it', () => {
    const decision = sampleDecision({ carriesCavv: true });
    const notSent: AttemptOutcome = { kind: 'not_sent', code: 'ECONNREFUSED' };
    expect(stepAfter(decision, notSent, NOW)).toMatchObject({ kind: 'fail_over' });
    expect(stepAfter(decision, rejected, NOW)).toMatchObject({ step: { reason: 'authentication_spent' } });
    expect(stepAfter({ ...decision, threeDsReuse: 'rejected' }, rejected, NOW)).toMatchObject({
      kind: 'fail_over',
    });
  });

  it('a partial approval stops, whether or not the caller takes it', () => {
    const partial = SAMPLE_OUTCOMES.partial as AttemptOutcome;
    const taking = sampleDecision({ request: sampleRequest({ acceptPartial: true }) });
    expect(stepAfter(DECISION, partial, NOW)).toMatchObject({ step: { reason: 'partial_not_reversed' } });
    expect(stepAfter(taking, partial, NOW)).toMatchObject({ step: { reason: 'partial_accepted' } });
  });
});

describe('what a report is to what is recorded', () => {
  const wait = { next: 'wait', reason: 'unknown' } as const;
  const stop = { next: 'stop', reason: 'approved' } as const;
  const unknown: AttemptOutcome = { kind: 'unknown', code: 'timeout', providerReference: null };
  const open = withReport(DECISION, sampleReport({ outcome: 'unknown' }), unknown, wait, NOW);
  const settled = withReport(
    open,
    sampleReport({ outcome: 'approved' }),
    { kind: 'approved', providerReference: 'r', networkTransaction: null },
    stop,
    NOW,
  );
  const judged = (decision = DECISION, over: Parameters<typeof sampleReport>[0] = {}) =>
    judgeReport(decision, sampleReport(over));

  it('the first one is new', () => {
    expect(judged()).toEqual({ kind: 'new', attempt: DECISION.attempts[0], settles: false });
  });

  it.each([
    ['another provider', { provider: 'sandbox-b' }],
    ['an attempt that was not offered', { attempt: 2 }],
  ])('%s: nobody was told to try that', (_, over) => {
    expect(judged(DECISION, over)).toEqual({ kind: 'not_offered' });
  });

  it('the same again is a repeat, before and after it was settled, whatever it labels', () => {
    expect(judged(open, { outcome: 'unknown', code: 'other', latencyMs: 1 })).toEqual({ kind: 'repeat' });
    expect(judged(settled, { outcome: 'unknown' })).toEqual({ kind: 'repeat' });
    expect(judged(settled, { outcome: 'approved' })).toEqual({ kind: 'repeat' });
  });

  it.each(['unknown', 'pending'] as const)(
    'what was %s has left: that it never did contradicts it',
    (outcome) => {
      const under = withReport(DECISION, sampleReport({ outcome }), unknown, wait, NOW);
      expect(judged(under, { outcome: 'not_sent' })).toMatchObject({
        kind: 'contradiction',
        recorded: { outcome },
      });
      expect(judged(under, { outcome: 'rejected' })).toMatchObject({ kind: 'new', settles: true });
    },
  );

  it('what is still open says nothing new, what is definite settles it', () => {
    expect(judged(open, { outcome: 'pending' })).toEqual({ kind: 'repeat' });
    expect(judged(open, { outcome: 'declined', code: 'x' })).toMatchObject({ kind: 'new', settles: true });
  });

  it('what is definite is never replaced', () => {
    for (const outcome of ['declined', 'rejected', 'not_sent', 'pending', 'partially_approved'] as const) {
      expect(judged(settled, { outcome })).toMatchObject({
        kind: 'contradiction',
        recorded: { outcome: 'approved', answer: stop },
      });
    }
  });

  it('of two declines the codes decide whether they are one', () => {
    const report = sampleReport({ outcome: 'declined', code: 'do_not_honor', networkCode: '05' });
    const declined: AttemptOutcome = { kind: 'declined', decline: sampleDecline(), providerReference: null };
    const answer = { next: 'stop', reason: 'decline_is_final' } as const;
    const decision = withReport(DECISION, report, declined, answer, NOW);
    expect(judgeReport(decision, { ...report, latencyMs: null })).toMatchObject({ kind: 'repeat' });
    for (const over of [{ code: 'fraud' }, { networkCode: '51' }, { advice: '03' }]) {
      expect(judgeReport(decision, { ...report, ...over })).toMatchObject({ kind: 'contradiction' });
    }
  });
});

describe('what a repeat is answered', () => {
  const offer = { next: 'sandbox-b', reason: 'rejected' } as const;
  const first = withReport(DECISION, sampleReport({ outcome: 'rejected' }), rejected, offer, NOW);
  const offered = { ...first, attempts: [...first.attempts, sampleOffer(2, { provider: 'sandbox-b' })] };
  const second = (outcome: 'approved' | 'unknown' | 'pending', next: 'stop' | 'wait') =>
    withReport(
      offered,
      sampleReport({ provider: 'sandbox-b', attempt: 2, outcome }),
      rejected,
      { next, reason: outcome },
      NOW,
    );
  const late = DECISION.expiresAtMs;

  it.each([
    ['who is offered, while nothing is reported of it', offered, NOW, { ...offer, attempt: 2 }],
    [
      'nobody once the decision has expired',
      offered,
      late,
      { next: 'stop', reason: 'expired', attempt: null },
    ],
    [
      'nobody once who was offered has approved it',
      second('approved', 'stop'),
      NOW,
      { next: 'stop', reason: 'approved', attempt: null },
    ],
    [
      'the same for ever',
      second('approved', 'stop'),
      late,
      { next: 'stop', reason: 'approved', attempt: null },
    ],
    [
      'to wait while it is not known of who was offered',
      second('unknown', 'wait'),
      NOW,
      { next: 'wait', reason: 'unknown', attempt: null },
    ],
    [
      'nobody then, once it has expired',
      second('pending', 'wait'),
      late,
      { next: 'stop', reason: 'expired', attempt: null },
    ],
  ] as const)('%s', (_, decision, nowMs, step) => {
    expect(stepNow(decision, nowMs)).toEqual(step);
  });
});
