import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Operation } from '../../src/core/operation.ts';
import {
  failedVoids,
  hasWork,
  isNegative,
  isUndone,
  pendingVoid,
  settle,
  settled,
} from '../../src/core/settlement.ts';
import { sampleAttempt, sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

const outcomesOf = (names: readonly (SampleOutcome | null)[]): readonly (AttemptOutcome | null)[] =>
  names.map((name) => (name === null ? null : SAMPLE_OUTCOMES[name]));

/** Outcomes in order (null: none yet), whether less is accepted, the state, the amount, the attempt it rests on. */
const ATTEMPTS: readonly (readonly [
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
  [['unknownMismatch'], false, 'pending', 0, 1],
  [['pending'], false, 'pending', 0, 1],
  [['declinedSoft', null], false, 'pending', 0, 2],
  [['rejectedTransient', 'unknown'], false, 'pending', 0, 2],
  [['partial'], true, 'partially_approved', 2000, 1],
  [['partial'], false, 'reversing', 2000, 1],
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
  [['rejectedNotFound'], false, 'failed', 0, 1],
  [['partial', 'declinedHidingApproval'], true, 'partially_approved', 2000, 1],
  [['declinedHidingApproval', 'authenticationRequired'], false, 'reversing', 0, 1],
  [['declinedHidingApproval', 'declinedHard'], true, 'reversing', 0, 1],
  [['authenticationRequired', 'declinedHard'], false, 'authentication_required', 0, 1],
  [['declinedHard', 'partialReversed'], false, 'declined', 0, 1],
  [['partialReversed', 'notSent'], false, 'voided', 0, 1],
];

describe('what attempts add up to', () => {
  it.each(ATTEMPTS)(
    '%j, accept_partial %s: %s',
    (names, acceptPartial, status, authorizedAmount, restsOn) => {
      const authorization = sampleAuthorization(outcomesOf(names), { request: { acceptPartial } });
      expect(settle(authorization)).toEqual({
        status,
        authorizedAmount,
        capturedAmount: 0,
        refundedAmount: 0,
        restsOn,
      });
    },
  );
});

type Over = Partial<Operation>;
const capture = (amount: number, over: Over = {}): Over => ({
  kind: 'capture',
  amount,
  status: 'succeeded',
  ...over,
});
const refund = (amount: number, over: Over = {}): Over => ({
  kind: 'refund',
  amount,
  status: 'succeeded',
  ...over,
});
const void_ = (over: Over = {}): Over => ({ kind: 'void', status: 'succeeded', ...over });
const pending: Over = { status: 'pending' };
const failed: Over = { status: 'failed' };

/** Outcomes, operations in order, capture closed by expiry, the state, captured and refunded. */
const OPERATIONS: readonly (readonly [
  readonly SampleOutcome[],
  readonly Over[],
  boolean,
  string,
  number,
  number,
])[] = [
  [['approved'], [capture(4999)], false, 'captured', 4999, 0],
  [['approved'], [capture(4999, pending)], false, 'approved', 0, 0],
  [['approved'], [capture(4999, failed)], false, 'approved', 0, 0],
  [['approved'], [capture(1000)], false, 'partially_captured', 1000, 0],
  [['approved'], [capture(1000)], true, 'captured', 1000, 0],
  [['approved'], [capture(1000, { final: true })], false, 'captured', 1000, 0],
  [
    ['approved'],
    [capture(1000), capture(500, { final: true, ...pending })],
    false,
    'partially_captured',
    1000,
    0,
  ],
  [['approved'], [capture(1000), capture(3999)], false, 'captured', 4999, 0],
  [['approved'], [capture(4999), refund(1)], false, 'partially_refunded', 4999, 1],
  [['approved'], [capture(4999), refund(4999)], false, 'refunded', 4999, 4999],
  [['approved'], [capture(4999), refund(4999, pending)], false, 'captured', 4999, 0],
  [['approved'], [capture(1000), refund(1000)], false, 'refunded', 1000, 1000],
  [['approved'], [void_(pending)], false, 'reversing', 0, 0],
  [['approved'], [void_()], false, 'voided', 0, 0],
  [['approved'], [void_(failed)], false, 'approved', 0, 0],
  [['approved'], [void_(failed), void_(pending)], false, 'reversing', 0, 0],
  [['approved'], [void_({ purpose: 'expiry' })], false, 'expired', 0, 0],
  [['approved'], [void_({ code: 'nothing_to_void' })], false, 'approved', 0, 0],
  [['notSent', 'approved'], [void_({ attemptNumber: 1 })], false, 'approved', 0, 0],
  [['notSent', 'approved'], [void_({ attemptNumber: 2 })], false, 'voided', 0, 0],
  [['unknown'], [void_(pending)], false, 'pending', 0, 0],
  [['partial'], [void_(pending)], false, 'reversing', 0, 0],
  [['partial'], [void_()], false, 'voided', 0, 0],
  [['partial', 'approved'], [void_()], false, 'approved', 0, 0],
  [['declinedHidingApproval'], [void_(pending)], false, 'reversing', 0, 0],
  [['declinedHidingApproval'], [void_()], false, 'declined', 0, 0],
  [['declinedHidingApproval'], [void_({ code: 'nothing_to_void' })], false, 'declined', 0, 0],
  [
    ['declinedHidingApproval'],
    [void_({ status: 'pending' }), void_({ code: 'nothing_to_void' })],
    false,
    'reversing',
    0,
    0,
  ],
  [
    ['approved', 'approved'],
    [void_({ purpose: 'expiry' }), void_({ attemptNumber: 2 })],
    false,
    'voided',
    0,
    0,
  ],
  [['rejectedTransient', 'approved'], [void_(pending)], false, 'approved', 0, 0],
  [['approved'], [capture(1000, { final: true }), capture(500, failed)], false, 'captured', 1000, 0],
  // Only captures close the capture, and only voids undo.
  [
    ['approved'],
    [capture(1000), void_({ attemptNumber: 2, final: true })],
    false,
    'partially_captured',
    1000,
    0,
  ],
  [['declinedHidingApproval'], [capture(1000)], false, 'reversing', 0, 0],
  [['notSent', 'declinedHidingApproval'], [void_()], false, 'reversing', 0, 0],
  [['approved', 'unknown'], [void_()], false, 'pending', 0, 0],
  [['approved', 'partial'], [void_()], false, 'reversing', 0, 0],
  [['approved', 'declinedSoft'], [void_()], false, 'voided', 0, 0],
];

describe('what operations add to that', () => {
  it.each(OPERATIONS)('%j %j, closed %s: %s', (names, over, captureClosed, status, captured, refunded) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    const authorization = sampleAuthorization(outcomesOf(names), { operations, captureClosed });
    expect(authorization).toMatchObject({ status, capturedAmount: captured, refundedAmount: refunded });
  });

  it('an end of the validity is kept only while something may still be given back', () => {
    for (const [names, over, captureClosed, status] of OPERATIONS) {
      const operations = over.map((each, index) => sampleOperation(index + 1, each));
      const authorization = sampleAuthorization(outcomesOf(names), {
        operations,
        captureClosed,
        expiresAtMs: 123,
      });
      const keeps = ['approved', 'partially_approved', 'partially_captured', 'reversing'].includes(status);
      expect(authorization.expiresAtMs, status).toBe(keeps ? 123 : null);
    }
  });
});

describe('negatives', () => {
  const operations = [sampleOperation(1, { kind: 'void', status: 'succeeded' })];
  const none: readonly Operation[] = [];
  it.each([
    ['approved', false, true],
    ['partial', false, true],
    ['partialReversed', true, true],
    ['declinedSoft', true, true],
    ['declinedHidingApproval', false, true],
    ['authenticationRequired', false, false],
    ['pending', false, false],
    ['unknown', false, false],
    ['rejectedTransient', true, true],
    ['notSent', true, true],
  ] as const)('%s: %s, and %s once a void has undone it', (name, alone, undone) => {
    const attempt = sampleAttempt(1, SAMPLE_OUTCOMES[name]);
    expect(isNegative({ operations: none }, attempt)).toBe(alone);
    expect(isNegative({ operations }, attempt)).toBe(undone);
    expect(isNegative({ operations }, sampleAttempt(2, SAMPLE_OUTCOMES[name])), 'a void of another').toBe(
      alone,
    );
  });

  it('an attempt without an outcome never is', () => {
    expect(isNegative({ operations }, sampleAttempt(1, null))).toBe(false);
  });

  it('nor is it undone, unless a void of it is confirmed', () => {
    expect(isUndone({ operations: none }, sampleAttempt(1, null))).toBe(false);
    expect(isUndone({ operations }, sampleAttempt(1, null))).toBe(true);
  });

  it('a void that failed, waits, or found nothing has undone nothing', () => {
    for (const over of [pending, failed, { status: 'succeeded', code: 'nothing_to_void' } as Over]) {
      const voids = [sampleOperation(1, { kind: 'void', ...over })];
      expect(isUndone({ operations: voids }, sampleAttempt(1, SAMPLE_OUTCOMES.approved))).toBe(false);
    }
  });
});

it('the void that waits is that of the attempt, and only one that waits', () => {
  const operations = [
    sampleOperation(1, { kind: 'void', status: 'failed' }),
    sampleOperation(2, { kind: 'capture' }),
    sampleOperation(3, { kind: 'void', attemptNumber: 2 }),
  ];
  expect(pendingVoid({ operations }, 1)).toBeNull();
  expect(pendingVoid({ operations }, 2)).toBe(operations[2]);
});

describe('how often the void that waits has failed', () => {
  const of = (attemptNumber: number, over: Over): Over => void_({ attemptNumber, ...over });
  it.each<[string, readonly Over[], number]>([
    ['nothing was begun', [], 0],
    ['never', [of(1, pending)], 0],
    ['none waits', [of(1, failed)], 0],
    ['once', [of(1, failed), of(1, pending)], 1],
    ['twice', [of(1, failed), of(1, failed), of(1, pending)], 2],
    ['that of another attempt', [of(1, failed), of(2, pending)], 0],
    [
      'most of all attempts',
      [of(1, failed), of(2, failed), of(2, failed), of(1, pending), of(2, pending)],
      2,
    ],
    ['a capture failed', [capture(1, failed), of(1, pending)], 0],
    ['a capture waits', [of(1, failed), capture(1, pending)], 0],
    ['one was confirmed', [of(1, {}), of(1, pending)], 0],
  ])('%s', (_, over, times) => {
    expect(failedVoids({ operations: over.map((each, index) => sampleOperation(index + 1, each)) })).toBe(
      times,
    );
  });
});

describe('work beside the road', () => {
  it.each([
    [['approved'], [], false],
    [['unknown'], [], true],
    [['pending'], [], true],
    [[null], [], true],
    [['declinedSoft', 'approved'], [], false],
    [['declinedSoft', 'unknown'], [], true],
    [['approved'], [capture(1, pending)], true],
    [['approved'], [capture(1, failed)], false],
    [['rejectedTransient'], [void_(pending)], true],
  ] as const)('%j %j: %s', (names, over, expected) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    expect(hasWork(sampleAuthorization(outcomesOf(names), { operations }))).toBe(expected);
  });
});

describe('the authorization that follows', () => {
  const link = { id: 'ntid1', network: 'visa', date: '2026-11-23' };
  const withLink = (outcome: AttemptOutcome | null): AttemptOutcome | null =>
    outcome?.kind === 'approved' || outcome?.kind === 'partially_approved'
      ? { ...outcome, networkTransaction: link }
      : outcome;
  const nothing = {
    authorizedAmount: 0,
    provider: null,
    providerReference: null,
    networkTransaction: null,
    decline: null,
  };
  const first = { ...nothing, provider: 'sandbox-a', providerReference: 'p1' };
  const second = { ...nothing, provider: 'sandbox-b', providerReference: 'p1' };
  const declined = (name: 'declinedSoft' | 'declinedHard') => SAMPLE_OUTCOMES[name].decline;

  it.each<[readonly (SampleOutcome | null)[], object]>([
    [[], { ...nothing, status: 'failed' }],
    [
      ['notSent', 'approved'],
      { ...second, status: 'approved', authorizedAmount: 4999, networkTransaction: link },
    ],
    [
      ['approved', 'notSent'],
      { ...first, status: 'approved', authorizedAmount: 4999, networkTransaction: link },
    ],
    [
      ['notSent', 'partial'],
      { ...second, status: 'reversing', authorizedAmount: 2000, networkTransaction: link },
    ],
    [['notSent', 'partialReversed'], { ...second, status: 'voided', networkTransaction: link }],
    [['notSent', 'declinedHard'], { ...second, status: 'declined', decline: declined('declinedHard') }],
    [['declinedSoft', 'notSent'], { ...first, status: 'declined', decline: declined('declinedSoft') }],
    // It is being undone: not yet a decline that may be told.
    [['notSent', 'declinedHidingApproval'], { ...second, status: 'reversing' }],
    [['declinedSoft', 'authenticationRequired'], { ...second, status: 'authentication_required' }],
    [['declinedSoft', 'pending'], { ...second, status: 'pending' }],
    [['declinedSoft', 'unknown'], { ...second, status: 'pending', providerReference: null }],
    [['declinedSoft', null], { ...second, status: 'pending', providerReference: null }],
    [['notSent', 'notSent'], { ...second, status: 'failed', providerReference: null }],
  ])('of %j', (names, expected) => {
    const authorization = sampleAuthorization(outcomesOf(names).map(withLink));
    expect(authorization).toMatchObject(expected);
    // What an earlier state said is taken back.
    const stale = {
      ...authorization,
      authorizedAmount: 4999,
      provider: 'sandbox-z',
      providerReference: 'old',
      networkTransaction: link,
      decline: declined('declinedHard'),
    };
    expect(settled(stale)).toEqual(authorization);
  });

  it('is pending or reversing while its road is open, whatever is known already', () => {
    for (const [names, acceptPartial, status] of ATTEMPTS) {
      const open = sampleAuthorization(outcomesOf(names), { open: true, request: { acceptPartial } });
      expect(open.status, names.join()).toBe(status === 'reversing' ? 'reversing' : 'pending');
    }
  });
});
