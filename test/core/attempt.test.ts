import { describe, expect, it } from 'vitest';
import {
  type AttemptOutcome,
  breakerSignal,
  codeOf,
  holdsMoney,
  isDefiniteNegative,
  isHeldBack,
  isUnsettled,
  learnerReward,
  mayHoldMoney,
  NOT_SUPPORTED,
  OUTCOME_KINDS,
  providerReferenceOf,
  referenceOf,
} from '../../src/core/attempt.ts';
import type { DeclineCategory } from '../../src/core/declines/decline.ts';
import { sampleAttempt } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome, sampleDecline } from '../support/sample-outcomes.ts';

const paid = { providerReference: 'p1', networkTransaction: null } as const;
const rejected = { kind: 'rejected', reason: 'transient', retryAfterMs: null } as const;

/** Outcome, the code that answers show, the reference by which it can be inquired. */
const TABLE: readonly (readonly [AttemptOutcome, string | null, string | null])[] = [
  [{ kind: 'approved', ...paid }, null, 'p1'],
  [{ kind: 'partially_approved', authorizedAmount: 1, reversal: 'none', ...paid }, null, 'p1'],
  [{ kind: 'declined', decline: sampleDecline(), providerReference: 'p2' }, 'issuer_05', 'p2'],
  [{ kind: 'authentication_required', code: 'issuer_1A', providerReference: 'p3' }, 'issuer_1A', 'p3'],
  [{ kind: 'pending', code: null, providerReference: 'p4' }, null, 'p4'],
  [{ kind: 'pending', code: 'issuer_09', providerReference: null }, 'issuer_09', null],
  [{ ...rejected, code: 'http_503', providerReference: 'p5' }, 'http_503', 'p5'],
  [{ kind: 'not_sent', code: 'ECONNREFUSED' }, 'ECONNREFUSED', null],
  [{ kind: 'unknown', code: 'ECONNRESET', providerReference: 'p6' }, 'ECONNRESET', 'p6'],
];

type Standing = 'to be found out' | 'money' | 'maybe money' | 'no money' | 'no money, yet not negative';
/** What may stand at the provider after an outcome. */
const STANDING: Readonly<Record<SampleOutcome, Standing>> = {
  approved: 'money',
  partial: 'money',
  partialReversed: 'no money',
  declinedSoft: 'no money',
  declinedHard: 'no money',
  declinedFunds: 'no money',
  declinedHidingApproval: 'maybe money',
  issuerDown: 'no money',
  networkDown: 'no money',
  authenticationRequired: 'no money, yet not negative',
  pending: 'to be found out',
  rejectedTransient: 'no money',
  rejectedLimited: 'no money',
  rejectedConfiguration: 'no money',
  rejectedNotFound: 'no money',
  notSent: 'no money',
  notSentDeadline: 'no money',
  notSupported: 'no money',
  unknown: 'to be found out',
  unknownMismatch: 'to be found out',
};

describe('what may stand at the provider', () => {
  it.each(Object.entries(STANDING))('after %s: %s', (name, standing) => {
    const outcome = SAMPLE_OUTCOMES[name as SampleOutcome];
    expect(isUnsettled(outcome)).toBe(standing === 'to be found out');
    expect(mayHoldMoney(outcome)).toBe(standing === 'money' || standing === 'maybe money');
    expect(holdsMoney(outcome)).toBe(standing === 'money');
    expect(isDefiniteNegative(outcome)).toBe(standing === 'no money');
  });

  it('is to be found out while there is no outcome', () => {
    expect(isUnsettled(null)).toBe(true);
  });
});

describe('an outcome', () => {
  it('is of one of these kinds', () => {
    expect(new Set(TABLE.map(([{ kind }]) => kind))).toEqual(new Set(OUTCOME_KINDS));
  });

  it.each(TABLE)('%o shows code %s and reference %s', (outcome, code, reference) => {
    expect(codeOf(outcome)).toBe(code);
    expect(providerReferenceOf(outcome)).toBe(reference);
  });

  it.each([
    ['nothing is known', null, null, null],
    ['something was prepared', null, 'pi_1', 'pi_1'],
    ['its outcome names one', SAMPLE_OUTCOMES.approved, null, 'p1'],
    ['its outcome names another', SAMPLE_OUTCOMES.approved, 'pi_1', 'p1'],
    ['its outcome names none', SAMPLE_OUTCOMES.notSent, 'pi_1', 'pi_1'],
  ] as const)('where %s, its attempt has this reference', (_, outcome, preparedReference, reference) => {
    expect(referenceOf({ ...sampleAttempt(1, outcome), preparedReference })).toBe(reference);
  });

  it('of a request that we held back ourselves says nothing about the provider', () => {
    const told = (code: string) => {
      const outcome = { kind: 'not_sent', code } as const;
      return [isHeldBack(outcome), breakerSignal(outcome)];
    };
    const ours = ['deadline_passed', 'draining', NOT_SUPPORTED];
    expect(ours.map(told)).toEqual(ours.map(() => [true, 'excluded']));
    const others = ['ECONNREFUSED', 'connect_timeout', ''];
    expect(others.map(told)).toEqual(others.map(() => [false, 'failure']));
  });

  it.each<[DeclineCategory, string]>([
    ['issuer_unavailable', 'excluded'],
    ['provider_technical', 'excluded'],
    ['config', 'success'],
    ['fraud_psp', 'success'],
    ['unmapped', 'success'],
  ])('that is a decline for %s is heard by the breaker as %s, by the learner as 0', (category, signal) => {
    const outcome = {
      kind: 'declined',
      decline: sampleDecline({ category }),
      providerReference: null,
    } as const;
    expect(breakerSignal(outcome)).toBe(signal);
    expect(learnerReward(outcome)).toBe(0);
  });
});
