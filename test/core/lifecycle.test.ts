import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import {
  applyExpiry,
  applyOperationEnd,
  applyOutcome,
  type Change,
  type Remark,
} from '../../src/core/lifecycle.ts';
import type { Operation } from '../../src/core/operation.ts';
import { failedVoids } from '../../src/core/settlement.ts';
import { mayFollow } from '../../src/core/transitions.ts';
import { SAMPLE_T0, sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

const HOUR_MS = 3_600_000;
const CONTEXT = { nowMs: SAMPLE_T0 + 60_000, validityMs: 7 * 24 * HOUR_MS, durationMs: null };
const ALL = Object.keys(SAMPLE_OUTCOMES) as SampleOutcome[];
const APPROVED: AttemptOutcome = { ...SAMPLE_OUTCOMES.approved, providerReference: 'p9' };

const outcome = (name: SampleOutcome | null) => (name === null ? null : SAMPLE_OUTCOMES[name]);
/** What was remarked, all about the first attempt. */
const kinds = ({ remarks }: Change) => {
  expect(remarks.filter(({ attemptNumber }) => attemptNumber !== 1)).toEqual([]);
  return remarks.map(({ remark }) => remark);
};
const shown = (operations: readonly Operation[]) =>
  operations.map(({ kind, purpose, status, code }) => [kind, purpose, status, code]);

describe('what is found out about an unsettled attempt', () => {
  /** Known, found, state after, operations after, remarks. */
  const FIRST: readonly (readonly [
    SampleOutcome | null,
    SampleOutcome,
    string,
    readonly (readonly [string, string, string, string | null])[],
    readonly Remark[],
  ])[] = [
    [null, 'approved', 'approved', [], []],
    ['unknown', 'approved', 'approved', [], []],
    ['pending', 'approved', 'approved', [], []],
    ['unknown', 'declinedSoft', 'declined', [], []],
    ['unknown', 'declinedHard', 'declined', [], []],
    ['unknown', 'rejectedNotFound', 'failed', [], []],
    ['unknown', 'notSent', 'failed', [], []],
    ['unknown', 'authenticationRequired', 'authentication_required', [], []],
    ['unknown', 'pending', 'pending', [], []],
    [null, 'unknown', 'pending', [], []],
    ['unknown', 'partialReversed', 'voided', [], []],
    ['unknown', 'partial', 'reversing', [['void', 'partial_approval', 'pending', null]], []],
    ['unknown', 'declinedHidingApproval', 'reversing', [['void', 'hidden_approval', 'pending', null]], []],
    [null, 'unknownMismatch', 'pending', [['void', 'quarantine', 'pending', null]], ['quarantined']],
  ];
  it.each(FIRST)('%s, then %s: %s', (known, found, status, operations, remarks) => {
    const before = sampleAuthorization([outcome(known)]);
    const change = applyOutcome(before, 1, SAMPLE_OUTCOMES[found], CONTEXT);
    expect(change.changed).toBe(true);
    expect(kinds(change)).toEqual(remarks);
    const begins = found === 'approved' || found === 'partial';
    expect(change.authorization.expiresAtMs).toBe(begins ? CONTEXT.nowMs + CONTEXT.validityMs : null);
    expect(change.authorization).toMatchObject({ status, attempts: [{ outcome: SAMPLE_OUTCOMES[found] }] });
    expect(shown(change.authorization.operations)).toEqual(operations);
  });

  it.each([
    ['unknown', 'unknown'],
    ['unknown', 'unknownMismatch'],
    ['pending', 'unknown'],
    ['pending', 'pending'],
  ] as const)('%s, then %s says nothing more', (known, found) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES[known]]);
    const change = applyOutcome(before, 1, SAMPLE_OUTCOMES[found], CONTEXT);
    expect(change).toEqual({ authorization: before, remarks: [], changed: false });
  });

  it('an approval begins its validity, and the sender’s time is kept', () => {
    const before = sampleAuthorization([null]);
    const after = applyOutcome(before, 1, APPROVED, { ...CONTEXT, durationMs: 84 }).authorization;
    expect(after.expiresAtMs).toBe(CONTEXT.nowMs + CONTEXT.validityMs);
    expect(after.attempts[0]?.durationMs).toBe(84);
    expect(after).toMatchObject({ providerReference: 'p9', provider: 'sandbox-a', authorizedAmount: 4999 });
  });

  it('is about its own attempt alone', () => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.unknown, SAMPLE_OUTCOMES.unknown]);
    const { attempts } = applyOutcome(before, 2, APPROVED, CONTEXT).authorization;
    expect(attempts).toMatchObject([{ outcome: SAMPLE_OUTCOMES.unknown }, { outcome: APPROVED }]);
    expect(() => applyOutcome(before, 3, APPROVED, CONTEXT)).toThrow('an outcome is about an attempt');
  });

  it('less than was asked stands where the caller takes it', () => {
    const before = sampleAuthorization([null], { request: { acceptPartial: true } });
    const after = applyOutcome(before, 1, SAMPLE_OUTCOMES.partial, CONTEXT).authorization;
    expect(after).toMatchObject({ status: 'partially_approved', authorizedAmount: 2000, operations: [] });
  });
});

describe('capture: automatic', () => {
  const request = { capture: 'automatic' } as const;
  it.each([
    ['approved', false, 4999],
    ['partial', true, 2000],
  ] as const)('%s is captured, once and as much as there is', (name, acceptPartial, amount) => {
    const before = sampleAuthorization([null], { request: { ...request, acceptPartial } });
    const after = applyOutcome(before, 1, SAMPLE_OUTCOMES[name], CONTEXT).authorization;
    expect(after.operations).toMatchObject([
      { kind: 'capture', purpose: 'automatic_capture', status: 'pending', amount, final: true },
    ]);
  });

  it.each(ALL.filter((name) => name !== 'approved'))('%s is not', (name) => {
    for (const acceptPartial of [false, true]) {
      if (name === 'partial' && acceptPartial) continue;
      const before = sampleAuthorization([null], { request: { ...request, acceptPartial } });
      const after = applyOutcome(before, 1, SAMPLE_OUTCOMES[name], CONTEXT).authorization;
      expect(after.operations.filter(({ kind }) => kind === 'capture')).toEqual([]);
    }
  });

  it('nor is what a caller wants undone', () => {
    const operations = [sampleOperation(1, { kind: 'void' })];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.unknown], { request, operations });
    const after = applyOutcome(before, 1, SAMPLE_OUTCOMES.approved, CONTEXT).authorization;
    expect(shown(after.operations)).toEqual([['void', 'requested', 'pending', null]]);
    expect(after.status).toBe('reversing');
  });

  it('nor what the provider says is undone already', () => {
    const before = sampleAuthorization([null], { request: { ...request, acceptPartial: true } });
    const after = applyOutcome(before, 1, SAMPLE_OUTCOMES.partialReversed, CONTEXT).authorization;
    expect(after).toMatchObject({ status: 'voided', operations: [] });
  });
});

describe('a void that waits for the outcome of its attempt', () => {
  const operations = [sampleOperation(1, { kind: 'void' })];
  /** Found, the void's state and code, state of the authorization. */
  const WAITING: readonly (readonly [SampleOutcome, string, string | null, string])[] = [
    ['approved', 'pending', null, 'reversing'],
    ['partial', 'pending', null, 'reversing'],
    ['declinedHidingApproval', 'pending', null, 'reversing'],
    ['pending', 'pending', null, 'pending'],
    ['declinedSoft', 'succeeded', 'nothing_to_void', 'declined'],
    ['declinedHard', 'succeeded', 'nothing_to_void', 'declined'],
    ['rejectedNotFound', 'succeeded', 'nothing_to_void', 'failed'],
    ['notSent', 'succeeded', 'nothing_to_void', 'failed'],
    ['authenticationRequired', 'succeeded', 'nothing_to_void', 'authentication_required'],
    ['partialReversed', 'succeeded', null, 'voided'],
  ];
  it.each(WAITING)('%s: %s', (found, voidStatus, code, status) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.unknown], { operations });
    const { authorization } = applyOutcome(before, 1, SAMPLE_OUTCOMES[found], CONTEXT);
    expect(shown(authorization.operations)).toEqual([['void', 'requested', voidStatus, code]]);
    expect(authorization.status).toBe(status);
    const isSettled = voidStatus === 'succeeded';
    expect(authorization.operations[0]?.settledAtMs).toBe(isSettled ? CONTEXT.nowMs : null);
  });
});

describe('a late approval', () => {
  it.each([
    ['in time', HOUR_MS, HOUR_MS, 'approved', []],
    ['too late', HOUR_MS, HOUR_MS + 1, 'reversing', ['late_approval']],
    ['kept by policy', null, 1_000 * HOUR_MS, 'approved', []],
  ] as const)('%s', (_, reverseAfterMs, ageMs, status, remarks) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.unknown], { latePolicy: { reverseAfterMs } });
    const change = applyOutcome(before, 1, APPROVED, { ...CONTEXT, nowMs: SAMPLE_T0 + ageMs });
    expect(change.authorization.status).toBe(status);
    expect(kinds(change)).toEqual(remarks);
    expect(change.authorization.operations).toHaveLength(status === 'reversing' ? 1 : 0);
  });

  it.each([
    ['in time', HOUR_MS, 'partially_approved'],
    ['too late', HOUR_MS + 1, 'reversing'],
  ] as const)('for a part that the caller takes, %s', (_, ageMs, status) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.unknown], {
      latePolicy: { reverseAfterMs: HOUR_MS },
      request: { acceptPartial: true },
    });
    const change = applyOutcome(before, 1, SAMPLE_OUTCOMES.partial, {
      ...CONTEXT,
      nowMs: SAMPLE_T0 + ageMs,
    });
    expect(change.authorization.status).toBe(status);
    expect(kinds(change)).toEqual(status === 'reversing' ? ['late_approval'] : []);
  });

  it('is no question while the caller still waits', () => {
    const before = sampleAuthorization([null], { latePolicy: { reverseAfterMs: 1 }, open: true });
    const change = applyOutcome(before, 1, APPROVED, CONTEXT);
    expect(change.authorization.operations).toEqual([]);
  });

  const negatives = [
    'declinedSoft',
    'declinedHard',
    'rejectedTransient',
    'rejectedNotFound',
    'notSent',
  ] as const;
  it.each(negatives)(
    'of an attempt that was %s is reversed, once, wherever the authorization went',
    (name) => {
      const before = sampleAuthorization([SAMPLE_OUTCOMES[name], SAMPLE_OUTCOMES.approved]);
      const first = applyOutcome(before, 1, APPROVED, CONTEXT);
      expect(kinds(first)).toEqual(['late_approval']);
      expect(first.changed).toBe(true);
      expect(first.authorization).toMatchObject({
        status: 'approved',
        provider: 'sandbox-b',
        attempts: [{ outcome: SAMPLE_OUTCOMES[name] }, { outcome: SAMPLE_OUTCOMES.approved }],
        operations: [
          { kind: 'void', purpose: 'late_approval', attemptNumber: 1, target: 'p9', status: 'pending' },
        ],
      });
      const again = applyOutcome(first.authorization, 1, APPROVED, CONTEXT);
      expect(again.changed).toBe(false);
      const ended = applyOperationEnd(first.authorization, 1, SUCCEEDED, CONTEXT);
      expect(ended.authorization).toMatchObject({
        status: 'approved',
        operations: [{ status: 'succeeded' }],
      });
      expect(applyOutcome(ended.authorization, 1, APPROVED, CONTEXT).changed).toBe(false);
    },
  );

  it('of an attempt that was said to be cancelled is reversed once more, and only once', () => {
    const operations = [sampleOperation(1, { kind: 'void', purpose: 'unknown_outcome' })];
    const unknown = sampleAuthorization([SAMPLE_OUTCOMES.unknown], { operations });
    const cancelled = applyOperationEnd(unknown, 1, SUCCEEDED, CONTEXT).authorization;
    expect(cancelled).toMatchObject({ status: 'failed', attempts: [{ outcome: { reason: 'cancelled' } }] });
    const told = applyOutcome(cancelled, 1, APPROVED, CONTEXT);
    expect(kinds(told)).toEqual(['late_approval']);
    expect(told.authorization.operations).toMatchObject([
      {},
      { purpose: 'late_approval', status: 'pending' },
    ]);
    expect(applyOutcome(told.authorization, 1, APPROVED, CONTEXT).changed).toBe(false);
    const done = applyOperationEnd(told.authorization, 2, SUCCEEDED, CONTEXT).authorization;
    expect(applyOutcome(done, 1, APPROVED, CONTEXT).changed).toBe(false);
  });

  /** What was done about attempt 1, or 2, before attempt 1 is found approved; whether attempt 1 is reversed for it. */
  it.each<[string, SampleOutcome, Partial<Operation>, boolean]>([
    ['nothing of the kind', 'rejectedNotFound', { attemptNumber: 2 }, true],
    ['the other attempt is being undone', 'rejectedNotFound', { kind: 'void', attemptNumber: 2 }, true],
    ['a capture waits', 'rejectedNotFound', {}, true],
    ['it is being undone', 'rejectedNotFound', { kind: 'void' }, false],
    ['it was undone', 'rejectedNotFound', { kind: 'void', status: 'succeeded' }, false],
    [
      'it was undone, as the provider says too',
      'partialReversed',
      { kind: 'void', status: 'succeeded' },
      false,
    ],
    ['its void was refused', 'rejectedNotFound', { kind: 'void', status: 'failed' }, true],
  ])('is reversed if it is not already: %s', (_, name, over, isReversed) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES[name], SAMPLE_OUTCOMES.approved], {
      operations: [sampleOperation(1, over)],
    });
    const change = applyOutcome(before, 1, APPROVED, CONTEXT);
    expect(change.changed).toBe(isReversed);
    expect(kinds(change).includes('late_approval')).toBe(isReversed);
  });

  it('of a declined payment does not bring it back', () => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.declinedSoft]);
    const { authorization } = applyOutcome(before, 1, APPROVED, CONTEXT);
    expect(authorization).toMatchObject({ status: 'declined', operations: [{ purpose: 'late_approval' }] });
  });

  it('is reversed also where an earlier void had found nothing', () => {
    const operations = [sampleOperation(1, { kind: 'void', status: 'succeeded', code: 'nothing_to_void' })];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.rejectedNotFound], { operations });
    const { authorization, remarks } = applyOutcome(before, 1, APPROVED, CONTEXT);
    expect(remarks).toEqual([{ remark: 'late_approval', attemptNumber: 1 }]);
    expect(authorization.operations).toMatchObject([{ number: 1 }, { number: 2, purpose: 'late_approval' }]);
  });
});

/** The provider says that all of it is undone. */
const UNDONE_IN_FULL = { ...SAMPLE_OUTCOMES.partialReversed, authorizedAmount: 4999 };

describe('a second word about a definite outcome', () => {
  /** Known, told, remarks. None of these changes anything. */
  const SECOND: readonly (readonly [SampleOutcome, SampleOutcome, readonly Remark[]])[] = [
    ['approved', 'approved', []],
    ['approved', 'unknown', []],
    ['approved', 'pending', []],
    ['approved', 'partial', []],
    ['approved', 'declinedSoft', ['evidence_conflict']],
    ['approved', 'rejectedNotFound', ['evidence_conflict']],
    ['declinedSoft', 'declinedHard', []],
    ['declinedSoft', 'rejectedTransient', ['evidence_conflict']],
    ['declinedSoft', 'partialReversed', []],
    ['notSent', 'declinedSoft', ['evidence_conflict']],
    ['authenticationRequired', 'declinedSoft', ['evidence_conflict']],
    // Nothing came of it, whoever says so and why.
    ['rejectedNotFound', 'notSent', []],
    ['notSent', 'rejectedTransient', []],
    ['rejectedNotFound', 'unknown', []],
  ];
  it.each(SECOND)('%s, then %s', (known, told, remarks) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES[known]]);
    const change = applyOutcome(before, 1, SAMPLE_OUTCOMES[told], CONTEXT);
    expect(change).toMatchObject({ authorization: before, changed: false });
    expect(kinds(change)).toEqual(remarks);
  });

  /** Known, told, by its sender, whether it is doubted. */
  const DOUBTED: readonly (readonly [SampleOutcome, SampleOutcome, boolean, boolean])[] = [
    ['rejectedNotFound', 'unknown', true, true],
    ['rejectedNotFound', 'pending', true, true],
    // The provider knows it after all.
    ['rejectedNotFound', 'pending', false, true],
    ['rejectedNotFound', 'unknown', false, false],
    ['rejectedTransient', 'unknown', true, false],
    ['notSent', 'unknown', true, false],
    ['declinedSoft', 'unknown', true, false],
    ['approved', 'unknown', true, false],
    ['approved', 'pending', true, false],
  ];
  it.each(DOUBTED)(
    '%s, then %s, by its sender %s: is asked about once more %s, and stands',
    (known, told, bySender, isDoubted) => {
      for (const elsewhere of [null, 'approved', 'unknown'] as const) {
        const before = sampleAuthorization([
          outcome(known),
          ...(elsewhere === null ? [] : [outcome(elsewhere)]),
        ]);
        const context = { ...CONTEXT, durationMs: bySender ? 2_000 : null };
        const change = applyOutcome(before, 1, SAMPLE_OUTCOMES[told], context);
        expect(change).toMatchObject({ authorization: before, changed: isDoubted });
        expect(kinds(change)).toEqual(isDoubted ? ['sent_after_closed'] : []);
      }
    },
  );

  it.each([
    [true, null],
    [false, null],
    [true, 'approved'],
    [false, 'approved'],
  ] as const)(
    'something else than was asked, under an attempt closed as not found, goes back once (by its sender %s, elsewhere %s)',
    (bySender, elsewhere) => {
      const others = elsewhere === null ? [] : [outcome(elsewhere)];
      const before = sampleAuthorization([SAMPLE_OUTCOMES.rejectedNotFound, ...others]);
      const context = { ...CONTEXT, durationMs: bySender ? 2_000 : null };
      const mismatch = SAMPLE_OUTCOMES.unknownMismatch;
      const change = applyOutcome(before, 1, mismatch, context);
      expect(kinds(change)).toEqual(['late_approval']);
      const { status, attempts, operations } = change.authorization;
      expect([status, attempts]).toEqual([before.status, before.attempts]);
      expect(operations).toMatchObject([
        { kind: 'void', purpose: 'late_approval', attemptNumber: 1, target: mismatch.providerReference },
      ]);
      const undone = applyOperationEnd(change.authorization, 1, SUCCEEDED, CONTEXT).authorization;
      for (const later of [change.authorization, undone]) {
        expect(applyOutcome(later, 1, mismatch, { ...CONTEXT, durationMs: null })).toMatchObject({
          authorization: later,
          changed: false,
        });
      }
      // Where it is not named there is nothing that could be undone: the provider is asked once more.
      const unnamed = applyOutcome(before, 1, { ...mismatch, providerReference: null }, context);
      expect(unnamed).toMatchObject({ authorization: before, changed: bySender });
    },
  );

  it('an approval that is undone at the provider is voided, unless we hold it captured', () => {
    const undone = UNDONE_IN_FULL;
    const plain = applyOutcome(sampleAuthorization([SAMPLE_OUTCOMES.approved]), 1, undone, CONTEXT);
    expect(plain.changed).toBe(true);
    expect(plain.authorization).toMatchObject({
      status: 'voided',
      operations: [
        { kind: 'void', purpose: 'external', status: 'succeeded', final: false, settledAtMs: CONTEXT.nowMs },
      ],
    });
    const captured = sampleAuthorization([SAMPLE_OUTCOMES.approved], {
      operations: [sampleOperation(1, { status: 'succeeded' })],
    });
    expect(applyOutcome(captured, 1, undone, CONTEXT)).toEqual({
      authorization: captured,
      remarks: [{ remark: 'evidence_conflict', attemptNumber: 1 }],
      changed: false,
    });
  });

  it.each<[string, Partial<Operation>]>([
    ['a capture that failed', { status: 'failed' }],
    ['a void that failed', { kind: 'void', status: 'failed' }],
    ['a void of another attempt', { kind: 'void', status: 'succeeded', attemptNumber: 2 }],
  ])('%s does not stand in the way of that', (_, over) => {
    const operations = [sampleOperation(1, over)];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], { operations });
    const change = applyOutcome(before, 1, UNDONE_IN_FULL, CONTEXT);
    expect(change).toMatchObject({ changed: true, remarks: [], authorization: { status: 'voided' } });
  });

  it.each<[string, SampleOutcome, number, boolean]>([
    ['all', 'approved', 4999, true],
    ['a part', 'approved', 4998, false],
    ['a cent', 'approved', 1, false],
    ['more than all', 'approved', 5000, false],
    ['all of a part', 'partial', 2000, true],
    ['less of a part', 'partial', 1999, false],
  ])('of what stands, that %s of it is undone: %s', (_, name, authorizedAmount, isBelieved) => {
    const undone = { ...UNDONE_IN_FULL, authorizedAmount };
    for (const over of [[], [sampleOperation(1, { kind: 'void' })]]) {
      const before = sampleAuthorization([SAMPLE_OUTCOMES[name]], {
        request: { acceptPartial: true },
        operations: over,
      });
      const change = applyOutcome(before, 1, undone, CONTEXT);
      expect([change.changed, change.authorization.status]).toEqual([
        isBelieved,
        isBelieved ? 'voided' : before.status,
      ]);
      expect(kinds(change)).toEqual(isBelieved ? [] : ['evidence_conflict']);
      const said = applyOutcome(before, 1, undone, { ...CONTEXT, saidByPerson: true });
      expect(said.authorization.status, 'a person means all of it').toBe('voided');
    }
  });

  it('behind a decline nobody knows how much stands: any part is all of it', () => {
    const operations = [sampleOperation(1, { kind: 'void', purpose: 'hidden_approval' })];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.declinedHidingApproval], { operations });
    const change = applyOutcome(before, 1, { ...UNDONE_IN_FULL, authorizedAmount: 1 }, CONTEXT);
    expect(change).toMatchObject({ changed: true, authorization: { status: 'declined' } });
  });

  it('ends the void that waits for it, whoever asked for it', () => {
    const operations = [sampleOperation(1, { kind: 'void' })];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], { operations });
    const ended = applyOutcome(before, 1, UNDONE_IN_FULL, CONTEXT);
    const after = ended.authorization;
    expect(ended.changed).toBe(true);
    expect(after).toMatchObject({ status: 'voided', operations: [{ status: 'succeeded', code: null }] });
    expect(applyOutcome(after, 1, UNDONE_IN_FULL, CONTEXT).changed).toBe(false);
    // An event that comes late looks the same: it is no alarm.
    expect(applyOutcome(after, 1, SAMPLE_OUTCOMES.approved, CONTEXT)).toMatchObject({
      changed: false,
      remarks: [],
    });
  });
});

describe('a second authorization of one attempt, under another reference of the provider', () => {
  const PENDING_VOID = { kind: 'void', purpose: 'late_approval' } as const;
  const DONE_VOID = { ...PENDING_VOID, status: 'succeeded' } as const;
  const FAILED_VOID = { kind: 'void', status: 'failed', target: 'p9' } as const;

  /** Recorded, what was done about it, told of p9: what is remarked, and whether it is undone. */
  it.each<[string, SampleOutcome, readonly Partial<Operation>[], Remark, boolean]>([
    ['while the first stands', 'approved', [], 'evidence_conflict', false],
    ['while the first stands in part', 'partial', [], 'evidence_conflict', false],
    ['while the first is captured', 'approved', [{ status: 'succeeded' }], 'evidence_conflict', false],
    ['while the first is being voided', 'approved', [{ kind: 'void' }], 'evidence_conflict', false],
    ['while it is named by a void that failed', 'approved', [FAILED_VOID], 'evidence_conflict', false],
    ['while it is named by what is no void', 'approved', [{ target: 'p9' }], 'evidence_conflict', false],
    [
      'while it is named by a void of another attempt',
      'approved',
      [{ kind: 'void', attemptNumber: 2, target: 'p9' }],
      'evidence_conflict',
      false,
    ],
    [
      'once it is named by a void of another attempt that has undone it',
      'approved',
      [{ kind: 'void', status: 'succeeded', attemptNumber: 2, target: 'p9' }],
      'evidence_conflict',
      false,
    ],
    [
      'once the first is voided',
      'approved',
      [{ kind: 'void', status: 'succeeded' }],
      'evidence_conflict',
      false,
    ],
    [
      'behind a decline that is being undone',
      'declinedHidingApproval',
      [{ kind: 'void' }],
      'evidence_conflict',
      false,
    ],
    [
      'after another late one was undone',
      'declinedSoft',
      [{ ...DONE_VOID, target: 'p7' }],
      'evidence_conflict',
      false,
    ],
    [
      'while another late one is undone',
      'rejectedNotFound',
      [{ ...PENDING_VOID, target: 'p7' }],
      'evidence_conflict',
      false,
    ],
    [
      'of what was never processed, after another',
      'rejectedNotFound',
      [{ ...DONE_VOID, target: 'p7' }],
      'late_approval',
      true,
    ],
  ])('%s is told', (_, name, over, remark, isReversed) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    const before = sampleAuthorization([SAMPLE_OUTCOMES[name]], { operations });
    const told = applyOutcome(before, 1, APPROVED, CONTEXT);
    const names = remark === 'evidence_conflict' ? { standing: 'p9' } : {};
    expect(told.remarks).toEqual([{ remark, attemptNumber: 1, ...names }]);
    expect([told.changed, told.authorization.status]).toEqual([isReversed, before.status]);
    const begun = told.authorization.operations.slice(operations.length);
    expect(begun).toMatchObject(isReversed ? [{ ...PENDING_VOID, target: 'p9', status: 'pending' }] : []);
  });

  it.each<[string, SampleOutcome, readonly Partial<Operation>[], string]>([
    ['the recorded one', 'approved', [], 'p1'],
    ['the recorded one, voided', 'approved', [{ kind: 'void', status: 'succeeded' }], 'p1'],
    ['the late one that is undone', 'declinedSoft', [{ ...DONE_VOID, target: 'p9' }], 'p9'],
    ['the late one of what was never processed', 'rejectedNotFound', [{ ...DONE_VOID, target: 'p9' }], 'p9'],
  ])('is not taken for %s', (_, name, over, providerReference) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    const before = sampleAuthorization([SAMPLE_OUTCOMES[name]], { operations });
    const told = applyOutcome(before, 1, { ...APPROVED, providerReference }, CONTEXT);
    expect(told).toEqual({ authorization: before, remarks: [], changed: false });
  });

  it('is not taken for one that a person closed without naming it', () => {
    const before = sampleAuthorization([{ ...SAMPLE_OUTCOMES.approved, providerReference: '' }]);
    const told = applyOutcome(before, 1, APPROVED, CONTEXT);
    expect(told).toEqual({ authorization: before, remarks: [], changed: false });
  });

  it('is not read out of an answer that names none', () => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved]);
    const nameless = { ...SAMPLE_OUTCOMES.declinedHidingApproval, providerReference: null };
    const told = applyOutcome(before, 1, nameless, CONTEXT);
    expect(told).toEqual({ authorization: before, remarks: [], changed: false });
    const operations = [sampleOperation(1, { ...DONE_VOID, target: 'p7' })];
    const unprocessed = sampleAuthorization([SAMPLE_OUTCOMES.rejectedNotFound], { operations });
    expect(applyOutcome(unprocessed, 1, nameless, CONTEXT)).toMatchObject({ changed: false });
  });

  const undone = (providerReference: string): AttemptOutcome => ({
    ...UNDONE_IN_FULL,
    providerReference,
  });

  it.each<[string, readonly Partial<Operation>[]]>([
    ['stands', []],
    ['is being voided', [{ kind: 'void' }]],
  ])('that is undone there leaves the first as it was, which %s', (_, over) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], { operations });
    expect(applyOutcome(before, 1, undone('p9'), CONTEXT)).toEqual({
      authorization: before,
      remarks: [{ remark: 'evidence_conflict', attemptNumber: 1 }],
      changed: false,
    });
  });

  it.each<[string, AttemptOutcome]>([
    ['closed by a person without naming it', { ...SAMPLE_OUTCOMES.approved, providerReference: '' }],
    ['never processed as far as was known', SAMPLE_OUTCOMES.rejectedNotFound],
  ])('is not what is undone of an attempt that was %s: its void ends', (_, outcome) => {
    const before = sampleAuthorization([outcome], { operations: [sampleOperation(1, PENDING_VOID)] });
    const { authorization, changed } = applyOutcome(before, 1, undone('p9'), CONTEXT);
    expect([changed, authorization.operations[0]?.status]).toEqual([true, 'succeeded']);
  });

  it('has a void of its own, which ends by its own reference, or as a person says', () => {
    const operations = [
      sampleOperation(1, { ...DONE_VOID, target: 'p7' }),
      sampleOperation(2, { ...PENDING_VOID, target: 'p9' }),
    ];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.rejectedNotFound], { operations });
    expect(applyOutcome(before, 1, undone('p7'), CONTEXT)).toMatchObject({ changed: false, remarks: [] });
    for (const [reference, saidByPerson] of [
      ['p9', false],
      ['', true],
      ['p3', true],
    ] as const) {
      const context = { ...CONTEXT, saidByPerson };
      const { authorization } = applyOutcome(before, 1, undone(reference), context);
      expect(authorization.operations[1], reference).toMatchObject({ status: 'succeeded' });
    }
  });
});

describe('until when an approval is good', () => {
  const DAY_MS = 24 * HOUR_MS;
  const { approved, partial } = SAMPLE_OUTCOMES;
  /** From the beginning of the attempt, and whether that is believed. */
  const TOLD = [
    [4 * DAY_MS + 18 * HOUR_MS, true],
    [HOUR_MS, true],
    [HOUR_MS - 1, false],
    [31 * DAY_MS, true],
    [31 * DAY_MS + 1, false],
    [-SAMPLE_T0, false],
    [Number.NaN, false],
  ] as const;
  it.each(TOLD)('is as it says, within reason: %d milliseconds', (afterMs, isBelieved) => {
    const expiresAtMs = SAMPLE_T0 + afterMs;
    const request = { acceptPartial: true };
    for (const known of [approved, partial]) {
      const before = sampleAuthorization([null], { request });
      const after = applyOutcome(before, 1, { ...known, expiresAtMs }, CONTEXT).authorization;
      expect(after.expiresAtMs).toBe(isBelieved ? expiresAtMs : CONTEXT.nowMs + CONTEXT.validityMs);
      const later = applyOutcome(
        sampleAuthorization([known], { request, expiresAtMs: 7 }),
        1,
        { ...known, expiresAtMs },
        CONTEXT,
      ).authorization;
      expect(later.expiresAtMs, 'told later').toBe(isBelieved ? expiresAtMs : 7);
      expect(later.attempts).toMatchObject([{ outcome: { ...known, expiresAtMs } }]);
    }
  });

  it('is over at once where it was found out too late', () => {
    const expiresAtMs = SAMPLE_T0 + DAY_MS;
    const late = { ...CONTEXT, nowMs: SAMPLE_T0 + 2 * DAY_MS };
    const after = applyOutcome(sampleAuthorization([null]), 1, { ...approved, expiresAtMs }, late);
    expect(applyExpiry(after.authorization, late)).toMatchObject({
      changed: true,
      authorization: { status: 'reversing', operations: [{ purpose: 'expiry' }] },
    });
  });

  it('is not taken from what is told of another attempt, nor taken twice', () => {
    const expiresAtMs = SAMPLE_T0 + 3 * DAY_MS;
    const told = { ...approved, expiresAtMs };
    const both = sampleAuthorization([approved, { ...approved, providerReference: 'p2' }], {
      expiresAtMs: 7,
    });
    const first = applyOutcome(both, 1, told, CONTEXT);
    expect(first.authorization).toMatchObject({ expiresAtMs: 7, attempts: [{ outcome: told }, {}] });
    const known = sampleAuthorization([told], { expiresAtMs: 7 });
    const again = { ...approved, expiresAtMs: expiresAtMs + 1 };
    expect(applyOutcome(known, 1, again, CONTEXT)).toEqual({
      authorization: known,
      changed: false,
      remarks: [],
    });
  });

  it('does not matter once it is captured', () => {
    const operations = [sampleOperation(1, { status: 'succeeded' })];
    const captured = sampleAuthorization([approved], { operations });
    const told = { ...approved, expiresAtMs: SAMPLE_T0 + DAY_MS };
    expect(applyOutcome(captured, 1, told, CONTEXT).authorization.expiresAtMs).toBeNull();
  });
});

describe('what is told later of an approval that is known', () => {
  const link = { id: 'nti_1', network: 'visa', date: '2026-11-23' } as const;
  const { approved, partial } = SAMPLE_OUTCOMES;
  const PART = { acceptPartial: true } as const;

  it.each<[string, AttemptOutcome]>([
    ['all', approved],
    ['a part', partial],
  ])('completes what is recorded of an approval of %s, once', (_, known) => {
    const before = sampleAuthorization([known], { request: PART });
    const told = { ...known, networkTransaction: link } as AttemptOutcome;
    const { authorization, changed, remarks } = applyOutcome(before, 1, told, CONTEXT);
    expect([changed, remarks]).toEqual([true, []]);
    const [attempt] = before.attempts;
    expect(authorization).toStrictEqual({
      ...before,
      networkTransaction: link,
      attempts: [{ ...attempt, outcome: told }],
    });
    const again = applyOutcome(authorization, 1, told, CONTEXT);
    expect(again).toEqual({ authorization, changed: false, remarks: [] });
  });

  it('completes its own attempt only, and what is captured or being undone too', () => {
    const operations = [sampleOperation(1, { attemptNumber: 2, status: 'succeeded', settledAtMs: 0 })];
    const told = { ...approved, networkTransaction: link };
    const captured = sampleAuthorization([SAMPLE_OUTCOMES.notSent, approved], { operations });
    const after = applyOutcome(captured, 2, told, CONTEXT).authorization;
    expect(after.attempts.map((attempt) => attempt.outcome)).toEqual([SAMPLE_OUTCOMES.notSent, told]);
    expect(after).toMatchObject({ status: 'captured', networkTransaction: link });
    const voiding = sampleAuthorization([approved], { operations: [sampleOperation(1, { kind: 'void' })] });
    expect(applyOutcome(voiding, 1, told, CONTEXT)).toMatchObject({ changed: true, remarks: [] });
  });

  const other = { ...link, id: 'nti_2' };
  it.each<[string, AttemptOutcome, AttemptOutcome, readonly Partial<Operation>[]]>([
    ['none is told', approved, approved, []],
    [
      'a person has not named it',
      { ...approved, providerReference: '' },
      { ...approved, networkTransaction: link },
      [],
    ],
    [
      'another is recorded',
      { ...approved, networkTransaction: other },
      { ...approved, networkTransaction: link },
      [],
    ],
    [
      'it is undone',
      approved,
      { ...approved, networkTransaction: link },
      [{ kind: 'void', status: 'succeeded' }],
    ],
    ['it is of a part', approved, { ...partial, networkTransaction: link }, []],
    ['it is of all', partial, { ...approved, networkTransaction: link }, []],
    ['it is of another part', partial, { ...partial, authorizedAmount: 1, networkTransaction: link }, []],
    [
      'it was never an approval',
      SAMPLE_OUTCOMES.declinedHidingApproval,
      { ...SAMPLE_OUTCOMES.declinedHidingApproval, networkTransaction: link } as AttemptOutcome,
      [],
    ],
  ])('changes nothing where %s', (_, known, told, over) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    const before = sampleAuthorization([known], { request: PART, operations });
    expect(applyOutcome(before, 1, told, CONTEXT)).toMatchObject({ authorization: before, changed: false });
  });

  it('of another authorization completes nothing, and is told', () => {
    const before = sampleAuthorization([approved]);
    const told = { ...APPROVED, networkTransaction: link } as AttemptOutcome;
    expect(applyOutcome(before, 1, told, CONTEXT)).toEqual({
      authorization: before,
      remarks: [{ remark: 'evidence_conflict', attemptNumber: 1, standing: 'p9' }],
      changed: false,
    });
  });
});

const SUCCEEDED = { status: 'succeeded', code: null, providerReference: 'op_1' } as const;
const FAILED = { status: 'failed', code: 'invalid_state', providerReference: null } as const;

describe('how operations end', () => {
  /** Outcome, operation, end, state of the operation, state of the authorization. */
  const ENDS: readonly (readonly [
    SampleOutcome,
    Partial<Operation>,
    typeof SUCCEEDED | typeof FAILED,
    string,
    string,
  ])[] = [
    ['approved', {}, SUCCEEDED, 'succeeded', 'captured'],
    ['approved', { amount: 1000 }, SUCCEEDED, 'succeeded', 'partially_captured'],
    ['approved', {}, FAILED, 'failed', 'approved'],
    ['approved', { kind: 'void' }, SUCCEEDED, 'succeeded', 'voided'],
    ['approved', { kind: 'void' }, FAILED, 'failed', 'approved'],
    ['approved', { kind: 'void', purpose: 'expiry' }, SUCCEEDED, 'succeeded', 'expired'],
    ['approved', { kind: 'void', purpose: 'late_approval' }, FAILED, 'failed', 'reversing'],
    ['partial', { kind: 'void', purpose: 'partial_approval' }, SUCCEEDED, 'succeeded', 'voided'],
    ['partial', { kind: 'void', purpose: 'partial_approval' }, FAILED, 'failed', 'reversing'],
    [
      'declinedHidingApproval',
      { kind: 'void', purpose: 'hidden_approval' },
      SUCCEEDED,
      'succeeded',
      'declined',
    ],
    ['unknown', { kind: 'void', purpose: 'unknown_outcome' }, SUCCEEDED, 'succeeded', 'failed'],
    ['pending', { kind: 'void' }, SUCCEEDED, 'succeeded', 'failed'],
    // Nothing but a confirmed void says what became of its attempt.
    ['unknown', { kind: 'void' }, FAILED, 'failed', 'pending'],
    ['unknown', {}, SUCCEEDED, 'succeeded', 'pending'],
    ['unknown', {}, FAILED, 'failed', 'pending'],
  ];
  it.each(ENDS)('%s %j %j: %s, %s', (name, over, end, status, authorizationStatus) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES[name]], { operations: [sampleOperation(1, over)] });
    const change = applyOperationEnd(before, 1, end, CONTEXT);
    expect(change.changed).toBe(true);
    expect(change.authorization.status).toBe(authorizationStatus);
    const providerReference = status === 'succeeded' ? 'op_1' : null;
    expect(change.authorization.operations[0]).toMatchObject({
      status,
      code: end.code,
      settledAtMs: CONTEXT.nowMs,
      providerReference,
    });
  });

  it('a reversal that failed is begun anew under a key of its own, however often', () => {
    const operations = [sampleOperation(1, { kind: 'void', purpose: 'late_approval', target: 'p7' })];
    let current = sampleAuthorization([SAMPLE_OUTCOMES.approved], { operations });
    for (const number of [1, 2, 3]) {
      const change = applyOperationEnd(current, number, FAILED, CONTEXT);
      expect(kinds(change)).toEqual(['reversal_refused']);
      current = change.authorization;
      const { purpose, target, amount } = operations[0] as Operation;
      expect(current.operations.slice(number)).toMatchObject([
        { number: number + 1, kind: 'void', purpose, target, amount, status: 'pending' },
      ]);
      expect(failedVoids(current)).toBe(number);
    }
    expect(new Set(current.operations.map(({ providerKey }) => providerKey)).size).toBe(4);
    const done = applyOperationEnd(current, 4, SUCCEEDED, CONTEXT).authorization;
    expect([done.status, failedVoids(done)]).toEqual(['voided', 0]);
  });

  it.each<[SampleOutcome | null, boolean, string | null]>([
    ['declinedHidingApproval', false, 'hidden_approval'],
    ['partial', false, 'partial_approval'],
    ['partial', true, null],
    ['partialReversed', false, null],
    ['approved', false, null],
    ['declinedSoft', false, null],
    [null, false, null],
  ])(
    "a caller's void that failed, of %s (less is taken: %s), is ours now: %s",
    (name, acceptPartial, purpose) => {
      const operations = [sampleOperation(1, { kind: 'void' })];
      const before = sampleAuthorization([outcome(name)], { operations, request: { acceptPartial } });
      const change = applyOperationEnd(before, 1, FAILED, CONTEXT);
      expect(kinds(change)).toEqual(purpose === null ? [] : ['reversal_refused']);
      expect(change.authorization.operations.slice(1)).toMatchObject(
        purpose === null ? [] : [{ kind: 'void', purpose, status: 'pending' }],
      );
    },
  );

  it.each<[string, Partial<Operation>]>([
    ["a caller's void", { kind: 'void' }],
    ['an automatic capture', { purpose: 'automatic_capture' }],
  ])('%s that failed is not begun anew', (_, over) => {
    const operations = [sampleOperation(1, over)];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], { operations });
    const change = applyOperationEnd(before, 1, FAILED, CONTEXT);
    expect(kinds(change)).toEqual([]);
    expect(change.authorization.operations).toHaveLength(1);
  });

  it('a confirmed cancellation says what its attempt was', () => {
    const operations = [sampleOperation(1, { kind: 'void' })];
    for (const name of ['unknown', 'unknownMismatch', 'pending'] as const) {
      const before = sampleAuthorization([SAMPLE_OUTCOMES.notSent, SAMPLE_OUTCOMES[name]], {
        operations: operations.map((operation) => ({ ...operation, attemptNumber: 2 })),
      });
      const { attempts } = applyOperationEnd(before, 1, SUCCEEDED, CONTEXT).authorization;
      expect(attempts.map(({ outcome: each }) => each)).toEqual([
        SAMPLE_OUTCOMES.notSent,
        {
          kind: 'rejected',
          reason: 'cancelled',
          code: 'cancelled',
          retryAfterMs: null,
          providerReference: SAMPLE_OUTCOMES[name].providerReference,
        },
      ]);
    }
  });

  it('a confirmed cancellation says nothing of another attempt', () => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.unknown, SAMPLE_OUTCOMES.unknown], {
      operations: [sampleOperation(1, { kind: 'void', attemptNumber: 2 })],
    });
    const { attempts } = applyOperationEnd(before, 1, SUCCEEDED, CONTEXT).authorization;
    expect(attempts).toMatchObject([
      { outcome: SAMPLE_OUTCOMES.unknown },
      { outcome: { kind: 'rejected', reason: 'cancelled' } },
    ]);
  });

  it('a reversal that failed is begun anew for its own attempt', () => {
    const operations = [sampleOperation(1, { kind: 'void', purpose: 'late_approval', attemptNumber: 2 })];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.rejectedTransient, SAMPLE_OUTCOMES.approved], {
      operations,
    });
    const change = applyOperationEnd(before, 1, FAILED, CONTEXT);
    expect(change.authorization.operations[1]).toMatchObject({ attemptNumber: 2, status: 'pending' });
    expect(change.remarks).toEqual([{ remark: 'reversal_refused', attemptNumber: 2 }]);
  });

  it('is about an operation, and that about an attempt, that there is', () => {
    const approved = sampleAuthorization([SAMPLE_OUTCOMES.approved]);
    expect(() => applyOperationEnd(approved, 1, SUCCEEDED, CONTEXT)).toThrow('an end is about an operation');
    const operations = [sampleOperation(1, { kind: 'void', purpose: 'late_approval', attemptNumber: 9 })];
    const torn = { ...approved, operations };
    expect(() => applyOperationEnd(torn, 1, FAILED, CONTEXT)).toThrow('an operation is about an attempt');
  });

  it('one that has ended never changes; a contradiction is told', () => {
    for (const [status, end, remarks] of [
      ['succeeded', SUCCEEDED, []],
      ['succeeded', FAILED, ['failed_after_success']],
      ['failed', FAILED, []],
      ['failed', SUCCEEDED, ['done_after_failure']],
    ] as const) {
      const operations = [sampleOperation(1, { status })];
      const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], { operations });
      const change = applyOperationEnd(before, 1, end, CONTEXT);
      expect(change).toMatchObject({ authorization: before, changed: false });
      expect(kinds(change)).toEqual(remarks);
      const { kind, id } = operations[0] ?? {};
      expect(change.remarks.map(({ operation }) => operation)).toEqual(remarks.map(() => ({ kind, id })));
    }
  });
});

describe('expiry', () => {
  const due = { expiresAtMs: CONTEXT.nowMs };
  it.each([
    ['approved', false, 'approved'],
    ['partial', true, 'partially_approved'],
  ] as const)(
    '%s is given back, and is expired once the provider has confirmed it',
    (name, acceptPartial, status) => {
      const before = sampleAuthorization([SAMPLE_OUTCOMES[name]], { ...due, request: { acceptPartial } });
      expect(before.status).toBe(status);
      const { authorization, changed } = applyExpiry(before, CONTEXT);
      expect(changed).toBe(true);
      expect(authorization).toMatchObject({
        status: 'reversing',
        operations: [{ kind: 'void', purpose: 'expiry', status: 'pending', amount: before.authorizedAmount }],
      });
      const after = applyOperationEnd(authorization, 1, SUCCEEDED, CONTEXT).authorization;
      expect(after).toMatchObject({ status: 'expired', authorizedAmount: 0, expiresAtMs: null });
    },
  );

  it('is of the attempt that the state rests on, not of an earlier one that is undone', () => {
    const operations = [
      sampleOperation(1, { kind: 'void', purpose: 'partial_approval', status: 'succeeded' }),
    ];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.partial, SAMPLE_OUTCOMES.approved], {
      ...due,
      operations,
    });
    expect(before).toMatchObject({ status: 'approved', provider: 'sandbox-b' });
    const { authorization } = applyExpiry(before, CONTEXT);
    expect(authorization).toMatchObject({
      status: 'reversing',
      operations: [{ attemptNumber: 1 }, { attemptNumber: 2, purpose: 'expiry', status: 'pending' }],
    });
  });

  it('of what was captured in part, the rest is closed', () => {
    const operations = [sampleOperation(1, { status: 'succeeded', amount: 1000 })];
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], { ...due, operations });
    const { authorization, changed } = applyExpiry(before, CONTEXT);
    expect(authorization).toMatchObject({ status: 'captured', capturedAmount: 1000, captureClosed: true });
    expect(changed).toBe(true);
  });

  it.each([
    ['not yet', { expiresAtMs: CONTEXT.nowMs + 1 }],
    ['never', { expiresAtMs: null }],
    ['while its road is open', { ...due, open: true }],
    ['while a capture is pending', { ...due, operations: [sampleOperation(1)] }],
    ['while it is being voided', { ...due, operations: [sampleOperation(1, { kind: 'void' })] }],
  ] as const)('%s', (_, over) => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.approved], over as Partial<Authorization>);
    expect(applyExpiry(before, CONTEXT)).toEqual({ authorization: before, remarks: [], changed: false });
  });

  it.each([
    ['what may hide behind a decline', sampleAuthorization([SAMPLE_OUTCOMES.declinedHidingApproval], due)],
    ['what is not there', { ...sampleAuthorization([SAMPLE_OUTCOMES.approved], due), attempts: [] }],
  ])('is not of %s', (_, before) => {
    expect(before.expiresAtMs).not.toBeNull();
    expect(applyExpiry(before, CONTEXT).changed).toBe(false);
  });
});

describe('whoever meets on an attempt', () => {
  /** Everything that may be told about one attempt, in any order. */
  const told: readonly AttemptOutcome[] = ALL.map((name) => SAMPLE_OUTCOMES[name]);

  it('every step is a transition that the table knows', () => {
    for (const first of [null, ...told]) {
      for (const second of told) {
        for (const acceptPartial of [true, false]) {
          const before = sampleAuthorization([first], { request: { acceptPartial } });
          const after = applyOutcome(before, 1, second, CONTEXT).authorization;
          const words = `${before.status} -> ${after.status} (${first?.kind}, then ${second.kind})`;
          expect(mayFollow(before.status, after.status), words).toBe(true);
        }
      }
    }
  });

  it('two definite words never end with money that nobody undoes, in either order', () => {
    const holds = (authorization: Authorization) =>
      authorization.status === 'approved' ||
      authorization.operations.some(({ status }) => status === 'pending');
    for (const name of ['declinedSoft', 'rejectedNotFound', 'notSent'] as const) {
      const open = sampleAuthorization([SAMPLE_OUTCOMES.unknown]);
      const one = applyOutcome(open, 1, APPROVED, CONTEXT).authorization;
      const oneTwo = applyOutcome(one, 1, SAMPLE_OUTCOMES[name], CONTEXT).authorization;
      const two = applyOutcome(open, 1, SAMPLE_OUTCOMES[name], CONTEXT).authorization;
      const twoOne = applyOutcome(two, 1, APPROVED, CONTEXT).authorization;
      expect(holds(oneTwo) && holds(twoOne), name).toBe(true);
    }
  });
});
