import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/core/attempt.ts';
import { settle } from '../../src/core/settlement.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

/** Outcomes in order (null: none yet), whether less is accepted, the state, the amount, the attempt it rests on. */
const TABLE: readonly (readonly [
  readonly (SampleOutcome | null)[],
  boolean,
  string,
  number,
  number | null,
])[] = [
  [[], false, 'failed', 0, null],
  [['approved'], false, 'approved', 4999, 1],
  [['notSent', 'approved'], false, 'approved', 4999, 2],
  [['declinedSoft', 'approved'], false, 'approved', 4999, 2],
  [[null], false, 'pending', 0, 1],
  [['unknown'], false, 'pending', 0, 1],
  [['pending'], false, 'pending', 0, 1],
  [['declinedSoft', null], false, 'pending', 0, 2],
  [['rejectedTransient', 'unknown'], false, 'pending', 0, 2],
  [['partial'], true, 'partially_approved', 2000, 1],
  [['partialNotReversed'], false, 'reversing', 2000, 1],
  [['partialReversed'], false, 'voided', 0, 1],
  [['partialReversed', 'approved'], false, 'approved', 4999, 2],
  [['partialReversed', 'declinedHard'], false, 'declined', 0, 2],
  [['declinedHidingApproval'], false, 'reversing', 0, 1],
  [['declinedSoft'], false, 'declined', 0, 1],
  [['declinedSoft', 'notSent'], false, 'declined', 0, 1],
  [['notSent', 'declinedHard'], false, 'declined', 0, 2],
  [['declinedSoft', 'authenticationRequired'], false, 'authentication_required', 0, 2],
  [['notSent'], false, 'failed', 0, 1],
  [['notSent', 'rejectedLimited'], false, 'failed', 0, 2],
];

describe('what attempts add up to', () => {
  it.each(TABLE)('%j, accept_partial %s: %s', (names, acceptPartial, status, authorizedAmount, restsOn) => {
    const attempts = names.map(
      (name, index): Attempt => ({
        id: `att_a_${index + 1}`,
        number: index + 1,
        provider: 'sandbox-a',
        outcome: name === null ? null : SAMPLE_OUTCOMES[name],
        propensity: 1,
        durationMs: name === null ? null : 5,
        startedAtMs: 0,
      }),
    );
    expect(settle(attempts, { amount: { value: 4999 }, acceptPartial })).toEqual({
      status,
      authorizedAmount,
      restsOn,
    });
  });
});
