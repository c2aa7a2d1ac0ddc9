import { describe, expect, it } from 'vitest';
import { breakerSignal, learnerReward } from '../../src/core/attempt.ts';
import { judgeOutcome, moreAttemptsAllowed } from '../../src/core/failover.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

/** The table of outcomes as data: outcome, may fail over, what the breaker hears, what the learner takes. */
const TABLE: readonly (readonly [SampleOutcome, boolean, string, 0 | 1 | null])[] = [
  ['approved', false, 'success', 1],
  ['partial', false, 'success', 0],
  ['partialReversed', true, 'success', 0],
  ['partialNotReversed', false, 'success', 0],
  ['declinedSoft', true, 'success', 0],
  ['declinedHard', false, 'success', 0],
  ['declinedFunds', false, 'success', 0],
  ['declinedHidingApproval', false, 'success', 0],
  ['issuerDown', true, 'excluded', 0],
  ['networkDown', true, 'excluded', 0],
  ['authenticationRequired', false, 'success', null],
  ['pending', false, 'success', null],
  ['rejectedTransient', true, 'failure', null],
  ['rejectedLimited', true, 'excluded', null],
  ['rejectedConfiguration', true, 'failure', null],
  ['notSent', true, 'failure', null],
  ['notSentDeadline', true, 'excluded', null],
  ['unknown', false, 'unknown', null],
];

describe('what an outcome means', () => {
  it('covers every sample', () => {
    expect(TABLE.map(([name]) => name).toSorted()).toEqual(Object.keys(SAMPLE_OUTCOMES).toSorted());
  });

  it.each(TABLE)('%s: failover %s, breaker %s, learner %s', (name, mayFailOver, signal, reward) => {
    const outcome = SAMPLE_OUTCOMES[name];
    expect(judgeOutcome(outcome, false).mayFailOver).toBe(mayFailOver);
    expect(breakerSignal(outcome)).toBe(signal);
    expect(learnerReward(outcome)).toBe(reward);
  });

  it('a partial approval that the caller takes is the end', () => {
    expect(judgeOutcome(SAMPLE_OUTCOMES.partial, true)).toEqual({
      mayFailOver: false,
      reason: 'partial_accepted',
    });
  });
});

describe('room for another attempt', () => {
  it.each([
    [{ made: 1, attemptsMax: 2, declines: 0, remainingMs: 100 }, null],
    [{ made: 2, attemptsMax: 2, declines: 0, remainingMs: 100 }, 'attempts_max'],
    [{ made: 1, attemptsMax: 3, declines: 1, remainingMs: 100 }, null],
    [{ made: 2, attemptsMax: 3, declines: 2, remainingMs: 100 }, 'declined_twice'],
    [{ made: 1, attemptsMax: 3, declines: 0, remainingMs: 0 }, 'deadline'],
    [{ made: 1, attemptsMax: 3, declines: 0, remainingMs: -5 }, 'deadline'],
  ] as const)('%o -> %s', (input, expected) => {
    expect(moreAttemptsAllowed(input)).toBe(expected);
  });
});
