import { describe, expect, it } from 'vitest';
import { breakerSignal, learnerReward } from '../../src/core/attempt.ts';
import {
  type FailOverReason,
  isAcquirersExemption,
  judgeOutcome,
  mayReuseAuthentication,
  moreAttemptsAllowed,
  type OutcomeVerdict,
  type StopReason,
} from '../../src/core/failover.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

/** The table of outcomes as data: outcome, may fail over, what the breaker hears, what the learner takes. */
const TABLE: readonly (readonly [SampleOutcome, boolean, string, 0 | 1 | null])[] = [
  ['approved', false, 'success', 1],
  ['partial', false, 'success', 0],
  ['partialReversed', true, 'success', 0],
  ['declinedSoft', true, 'success', 0],
  ['declinedHard', false, 'success', 0],
  ['declinedFunds', false, 'success', 0],
  ['declinedHidingApproval', false, 'success', 0],
  ['issuerDown', true, 'excluded', 0],
  ['networkDown', true, 'excluded', 0],
  ['authenticationRequired', false, 'success', 0],
  ['pending', false, 'success', null],
  ['rejectedTransient', true, 'failure', null],
  ['rejectedLimited', true, 'excluded', null],
  ['rejectedConfiguration', true, 'failure', null],
  ['rejectedNotFound', true, 'failure', null],
  ['notSent', true, 'failure', null],
  ['notSentDeadline', true, 'excluded', null],
  ['notSupported', true, 'excluded', null],
  ['unknown', false, 'unknown', null],
  ['unknownMismatch', false, 'unknown', null],
];

describe('what an outcome means', () => {
  it('covers every sample', () => {
    expect(TABLE.map(([name]) => name).toSorted()).toEqual(Object.keys(SAMPLE_OUTCOMES).toSorted());
  });

  it.each(TABLE)('%s: failover %s, breaker %s, learner %s', (name, mayFailOver, signal, reward) => {
    const outcome = SAMPLE_OUTCOMES[name];
    expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(mayFailOver);
    expect(breakerSignal(outcome)).toBe(signal);
    expect(learnerReward(outcome)).toBe(reward);
  });

  it('a partial approval that the caller takes is the end', () => {
    expect(judgeOutcome(SAMPLE_OUTCOMES.partial, { acceptPartial: true, undone: false })).toEqual({
      mayFailOver: false,
      reason: 'partial_accepted',
    });
  });

  it('a void of ours makes a partial approval a negative, and nothing else', () => {
    for (const [name] of TABLE) {
      const outcome = SAMPLE_OUTCOMES[name];
      const before = judgeOutcome(outcome, { acceptPartial: false, undone: false });
      const after = judgeOutcome(outcome, { acceptPartial: false, undone: true });
      if (name === 'partial') {
        expect(after).toEqual({ mayFailOver: true, reason: 'partial_reversed', technical: false });
      } else expect(after, name).toEqual(before);
    }
  });
});

describe('the reason given', () => {
  const stop = (reason: StopReason): OutcomeVerdict => ({ mayFailOver: false, reason });
  const on = (reason: FailOverReason, technical: boolean): OutcomeVerdict => ({
    mayFailOver: true,
    reason,
    technical,
  });
  /** What is technical is paid for from the retry budget, and only that. */
  const VERDICTS: Readonly<Record<SampleOutcome, OutcomeVerdict>> = {
    approved: stop('approved'),
    partial: stop('partial_not_reversed'),
    partialReversed: on('partial_reversed', false),
    declinedSoft: on('declined', false),
    declinedHard: stop('decline_is_final'),
    declinedFunds: stop('decline_is_final'),
    declinedHidingApproval: stop('decline_is_final'),
    issuerDown: on('declined', false),
    networkDown: on('declined', false),
    authenticationRequired: stop('authentication_required'),
    pending: stop('pending'),
    rejectedTransient: on('rejected', true),
    rejectedLimited: on('rejected', true),
    rejectedConfiguration: on('rejected', true),
    rejectedNotFound: on('rejected', true),
    notSent: on('not_sent', true),
    notSentDeadline: on('not_sent', true),
    // Nothing is wrong with anybody: it would have gone to the next one, had it been known.
    notSupported: on('not_sent', false),
    unknown: stop('unknown'),
    unknownMismatch: stop('unknown'),
  };

  it.each(Object.entries(VERDICTS))('%s: %o', (name, verdict) => {
    const outcome = SAMPLE_OUTCOMES[name as SampleOutcome];
    expect(judgeOutcome(outcome, { acceptPartial: false, undone: false })).toEqual(verdict);
    if (outcome.kind !== 'partially_approved') {
      expect(judgeOutcome(outcome, { acceptPartial: true, undone: false })).toEqual(verdict);
    }
  });

  it('an outcome of a kind that there is not never fails over', () => {
    const how = { acceptPartial: false, undone: false };
    expect(() => judgeOutcome({ kind: 'settled' } as never, how)).toThrow('unreachable case');
  });
});

describe('authentication data at another provider', () => {
  const reusableAfter = (reuse: 'not_sent' | 'rejected') =>
    (Object.keys(SAMPLE_OUTCOMES) as SampleOutcome[]).filter((name) =>
      mayReuseAuthentication(SAMPLE_OUTCOMES[name], reuse),
    );

  it('by default only where nobody has seen it', () => {
    expect(reusableAfter('not_sent')).toEqual(['notSent', 'notSentDeadline', 'notSupported']);
  });

  it('by policy also where a provider says that it did not process it, never after an issuer may have seen it', () => {
    expect(reusableAfter('rejected')).toEqual([
      'rejectedTransient',
      'rejectedLimited',
      'rejectedConfiguration',
      'rejectedNotFound',
      'notSent',
      'notSentDeadline',
      'notSupported',
    ]);
  });

  it.each([
    ['tra', true],
    ['transaction_risk_analysis', true],
    ['low_risk', true],
    ['acquirer_tra', true],
    ['low_value', false],
    ['recurring', false],
    [null, false],
  ] as const)('exemption %s is the provider’s own: %s', (exemption, own) => {
    expect(isAcquirersExemption(exemption)).toBe(own);
  });
});

describe('room for another attempt', () => {
  it.each([
    [{ made: 1, attemptsMax: 2, declines: 0, remainingMs: 100 }, null],
    [{ made: 2, attemptsMax: 2, declines: 0, remainingMs: 100 }, 'attempts_max'],
    [{ made: 1, attemptsMax: 3, declines: 1, remainingMs: 100 }, null],
    [{ made: 2, attemptsMax: 3, declines: 2, remainingMs: 100 }, 'declined_twice'],
    [{ made: 3, attemptsMax: 2, declines: 0, remainingMs: 100 }, 'attempts_max'],
    [{ made: 1, attemptsMax: 3, declines: 0, remainingMs: 1 }, null],
    [{ made: 1, attemptsMax: 3, declines: 0, remainingMs: 0 }, 'deadline'],
    [{ made: 1, attemptsMax: 3, declines: 0, remainingMs: -5 }, 'deadline'],
  ] as const)('%o -> %s', (input, expected) => {
    expect(moreAttemptsAllowed(input)).toBe(expected);
  });
});
