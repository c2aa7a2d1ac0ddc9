import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { beginFollowOn, FOLLOW_ON_REFUSALS, type FollowOn } from '../../src/core/follow-on.ts';
import type { Operation, OperationKind } from '../../src/core/operation.ts';
import {
  SAMPLE_ID,
  SAMPLE_T0,
  sampleAuthorization,
  sampleOperation,
} from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome } from '../support/sample-outcomes.ts';

const NOW = SAMPLE_T0 + 60_000;

const ask = (kind: OperationKind, amount: number | null = null, final = false): FollowOn => ({
  kind,
  amount,
  final,
});
type Over = Partial<Operation>;
const taken = (amount: number, over: Over = {}): Over => ({ amount, status: 'succeeded', ...over });
const given = (amount: number, over: Over = {}): Over => ({
  kind: 'refund',
  amount,
  status: 'succeeded',
  ...over,
});
const undone = (over: Over = {}): Over => ({ kind: 'void', status: 'succeeded', ...over });

function state(
  names: readonly (SampleOutcome | null)[],
  over: readonly Over[],
  more: Partial<Authorization> = {},
) {
  return sampleAuthorization(
    names.map((name) => (name === null ? null : SAMPLE_OUTCOMES[name])),
    {
      operations: over.map((each, index) => sampleOperation(index + 1, each)),
      ...more,
      request: { acceptPartial: true },
    },
  );
}

describe('what may be begun', () => {
  /** Outcomes, operations so far, what is asked, its amount. */
  const ALLOWED: readonly (readonly [
    readonly (SampleOutcome | null)[],
    readonly Over[],
    FollowOn,
    number,
  ])[] = [
    [['approved'], [], ask('capture'), 4999],
    [['approved'], [], ask('capture', 1), 1],
    [['approved'], [taken(1000)], ask('capture'), 3999],
    [['approved'], [taken(1000, { status: 'pending' })], ask('capture', 3999), 3999],
    [['approved'], [taken(4999, { status: 'failed' })], ask('capture'), 4999],
    [['approved'], [taken(100, { status: 'failed', final: true })], ask('capture'), 4999],
    [['approved'], [undone({ status: 'failed' })], ask('capture'), 4999],
    [['approved'], [taken(100), given(1, { status: 'failed' })], ask('capture'), 4899],
    [['notSent', 'approved'], [undone({ final: true })], ask('capture'), 4999],
    [['partial'], [], ask('capture'), 2000],
    [['notSent', 'approved'], [], ask('capture'), 4999],
    [['approved'], [], ask('void'), 4999],
    [['partial'], [], ask('void'), 2000],
    [['approved'], [taken(10, { status: 'failed' })], ask('void'), 4999],
    [['unknown'], [], ask('void'), 4999],
    [['pending'], [], ask('void'), 4999],
    [['declinedSoft', null], [], ask('void'), 4999],
    [['approved'], [taken(4999)], ask('refund'), 4999],
    [['approved'], [taken(4999)], ask('refund', 1), 1],
    [['approved'], [taken(4999), given(999)], ask('refund'), 4000],
    [['approved'], [taken(4999), given(999, { status: 'pending' })], ask('refund', 4000), 4000],
    [['approved'], [taken(4999), given(4999, { status: 'failed' })], ask('refund'), 4999],
    [['approved'], [taken(1000)], ask('refund'), 1000],
  ];
  it.each(ALLOWED)('%j %j: %j takes %s', (names, over, followOn, amount) => {
    const before = state(names, over);
    const verdict = beginFollowOn(before, followOn, true, NOW);
    if (!verdict.allowed) throw new Error(`refused: ${verdict.refusal}`);
    const number = over.length + 1;
    const { operation } = verdict;
    expect(operation).toMatchObject({
      number,
      kind: followOn.kind,
      amount,
      purpose: 'requested',
      status: 'pending',
      createdAtMs: NOW,
      attemptNumber: names.length,
    });
    const suffix = SAMPLE_ID.slice('auth_'.length);
    const { capture, refund } = { capture: 'cap', refund: 'ref' };
    const prefix = { capture, refund, void: 'void' }[followOn.kind];
    expect(operation.id).toBe(`${prefix}_${suffix}_${number}`);
    expect(operation.providerKey).toBe(`att_${suffix}_${names.length}_${followOn.kind.charAt(0)}${number}`);
    expect(verdict.authorization.operations.at(-1)).toEqual(operation);
  });

  it.each([
    ['approved', 'pending', null],
    ['declinedHidingApproval', 'pending', null],
    ['declinedSoft', 'succeeded', 'nothing_to_void'],
    ['notSent', 'succeeded', 'nothing_to_void'],
  ] as const)('a void while the road is open, of an attempt that is %s: %s', (name, status, code) => {
    const open = state([name], [], { open: true, status: 'pending' });
    const verdict = beginFollowOn({ ...open, status: 'pending' }, ask('void'), true, NOW);
    if (!verdict.allowed) throw new Error(`refused: ${verdict.refusal}`);
    expect(verdict.operation).toMatchObject({ status, code, settledAtMs: status === 'pending' ? null : NOW });
    expect(verdict.authorization).toMatchObject({
      status: status === 'pending' ? 'reversing' : 'pending',
      operations: [verdict.operation],
    });
  });

  it.each([
    ['partial', 'partial_approval', 'reversing'],
    ['unknown', 'unknown_outcome', 'pending'],
    ['declinedHidingApproval', 'hidden_approval', 'reversing'],
  ] as const)('a void while the road undoes what is %s: it only stops the road', (name, purpose, status) => {
    const ours = sampleOperation(1, { kind: 'void', purpose, status: 'pending' });
    const open = sampleAuthorization([SAMPLE_OUTCOMES[name]], { open: true, status, operations: [ours] });
    const verdict = beginFollowOn(open, ask('void'), true, NOW);
    if (!verdict.allowed) throw new Error(`refused: ${verdict.refusal}`);
    const { operation, authorization } = verdict;
    expect(operation).toMatchObject({ status: 'succeeded', code: 'nothing_to_void', settledAtMs: NOW });
    expect(authorization).toMatchObject({ status, operations: [ours, operation] });
    const refusal = { allowed: false, refusal: 'being_voided' };
    // Once is enough, and without a road there is nothing to stop.
    expect(beginFollowOn(authorization, ask('void'), true, NOW)).toMatchObject(refusal);
    expect(beginFollowOn({ ...open, open: false }, ask('void'), true, NOW)).toMatchObject(refusal);
  });

  const OURS = { kind: 'void', purpose: 'partial_approval' } as const;
  it.each<[string, readonly SampleOutcome[], readonly Over[]]>([
    ['a void that a caller asked for before has failed', ['partial'], [undone({ status: 'failed' }), OURS]],
    ['only a refund was asked for', ['partial'], [given(1), OURS]],
    [
      'a caller has stopped an earlier attempt only',
      ['declinedSoft', 'partial'],
      [undone({ code: 'nothing_to_void' }), { ...OURS, attemptNumber: 2 }],
    ],
  ])('a void while the road undoes something, when %s: it stops the road', (_, names, over) => {
    const open: Authorization = { ...state(names, over, { open: true }), status: 'reversing' };
    const verdict = beginFollowOn(open, ask('void'), true, NOW);
    expect(verdict).toMatchObject({ allowed: true, operation: { code: 'nothing_to_void' } });
  });

  it('a void while the road is open, of an attempt whose cancellation is confirmed, stops the road', () => {
    const cancelled = [undone({ purpose: 'unknown_outcome' })];
    const open: Authorization = {
      ...state(['rejectedTransient'], cancelled, { open: true }),
      status: 'pending',
    };
    const verdict = beginFollowOn(open, ask('void'), true, NOW);
    expect(verdict).toMatchObject({ allowed: true, operation: { code: 'nothing_to_void' } });
  });

  it('a void shows at once, a capture and a refund once they have ended', () => {
    const status = (followOn: FollowOn, over: readonly Over[] = []) => {
      const verdict = beginFollowOn(state(['approved'], over), followOn, true, NOW);
      return verdict.allowed ? verdict.authorization.status : verdict.refusal;
    };
    expect(status(ask('void'))).toBe('reversing');
    expect(status(ask('capture'))).toBe('approved');
    expect(status(ask('refund'), [taken(4999)])).toBe('captured');
  });
});

describe('what may not', () => {
  const wrong: readonly (readonly [
    readonly (SampleOutcome | null)[],
    readonly Over[],
    FollowOn,
    string,
    number?,
  ])[] = [
    ...(['capture', 'refund'] as const).flatMap((kind) => [
      [['unknown'], [], ask(kind), 'outcome_not_known'] as const,
      [[null], [], ask(kind), 'outcome_not_known'] as const,
      [['pending'], [], ask(kind), 'outcome_not_known'] as const,
    ]),
    ...(['capture', 'void', 'refund'] as const).flatMap((kind) => [
      [['declinedSoft'], [], ask(kind), 'nothing_authorized'] as const,
      [['authenticationRequired'], [], ask(kind), 'nothing_authorized'] as const,
      [['notSent'], [], ask(kind), 'nothing_authorized'] as const,
      [['approved'], [undone({ status: 'pending' })], ask(kind), 'being_voided'] as const,
      [['approved'], [undone()], ask(kind), 'already_voided'] as const,
      [['partialReversed'], [], ask(kind), 'already_voided'] as const,
      [['approved'], [undone({ purpose: 'expiry' })], ask(kind), 'expired'] as const,
    ]),
    [['unknown'], [undone({ status: 'pending' })], ask('void'), 'being_voided'],
    [['approved'], [taken(1, { status: 'pending' })], ask('void'), 'capture_pending'],
    [['approved'], [taken(1)], ask('void'), 'already_captured'],
    [['approved'], [taken(4999)], ask('void'), 'already_captured'],
    [['approved'], [taken(4999), given(4999)], ask('void'), 'already_captured'],
    [['approved'], [taken(4999), given(1, { status: 'pending' })], ask('void'), 'already_captured'],
    [['approved'], [taken(4999)], ask('capture'), 'already_captured'],
    [['approved'], [taken(4999, { status: 'pending' })], ask('capture'), 'nothing_left'],
    [['approved'], [taken(1000)], ask('capture', 4000), 'amount_too_large', 3999],
    [['approved'], [taken(1000, { status: 'pending' })], ask('capture', 4000), 'amount_too_large', 3999],
    [['approved'], [], ask('capture', 5000), 'amount_too_large', 4999],
    [['partial'], [], ask('capture', 2001), 'amount_too_large', 2000],
    [['approved'], [taken(100, { final: true })], ask('capture'), 'capture_closed'],
    [['approved'], [taken(100, { final: true, status: 'pending' })], ask('capture'), 'capture_closed'],
    [['approved'], [taken(100), given(1)], ask('capture'), 'capture_closed'],
    [['approved'], [taken(100), given(1, { status: 'pending' })], ask('capture'), 'capture_closed'],
    [['approved'], [], ask('refund'), 'not_captured'],
    [['approved'], [taken(4999, { status: 'pending' })], ask('refund'), 'not_captured'],
    [['approved'], [taken(4999), given(4999)], ask('refund'), 'nothing_left'],
    [['approved'], [taken(4999), given(4999, { status: 'pending' })], ask('refund'), 'nothing_left'],
    [['approved'], [taken(4999), given(999)], ask('refund', 4001), 'amount_too_large', 4000],
  ];
  it.each(wrong.map((row) => ({ row })))(
    '$row',
    ({ row: [names, over, followOn, refusal, leftAmount = 0] }) => {
      expect(beginFollowOn(state(names, over), followOn, true, NOW)).toEqual({
        allowed: false,
        refusal,
        leftAmount,
      });
    },
  );

  it('a capture after the validity, though nobody has given it back yet', () => {
    const expired = state(['approved'], [], { expiresAtMs: NOW });
    expect(beginFollowOn(expired, ask('capture'), true, NOW)).toMatchObject({ refusal: 'expired' });
    expect(beginFollowOn(expired, ask('void'), true, NOW)).toMatchObject({ allowed: true });
    const nearly = state(['approved'], [], { expiresAtMs: NOW + 1 });
    expect(beginFollowOn(nearly, ask('capture'), true, NOW)).toMatchObject({ allowed: true });
  });

  /** Outcomes, operations so far; the road is still open. */
  it.each<[string, readonly SampleOutcome[], readonly Over[], string | null]>([
    ['before anything was attempted', [], [], 'outcome_not_known'],
    ['while a capture of ours waits', ['approved'], [taken(4999, { status: 'pending' })], 'capture_pending'],
    ['after a capture', ['approved'], [taken(4999)], 'already_captured'],
    ['of what is being voided', ['approved'], [undone({ status: 'pending' })], 'being_voided'],
    ['of what is undone, before the road goes on', ['partial'], [undone()], 'outcome_not_known'],
    ['after a capture that failed', ['approved'], [taken(4999, { status: 'failed' })], null],
    [
      'while an earlier attempt is undone',
      ['declinedSoft', 'approved'],
      [undone({ status: 'pending' })],
      null,
    ],
  ])('a void while the road is open, %s', (_, names, over, refusal) => {
    const open: Authorization = { ...state(names, over, { open: true }), status: 'pending' };
    const verdict = beginFollowOn(open, ask('void'), true, NOW);
    expect(verdict).toMatchObject(
      refusal === null ? { allowed: true } : { allowed: false, refusal, leftAmount: 0 },
    );
  });

  it('anything of an authorization whose record lacks its attempt', () => {
    const torn = { ...state(['approved'], []), attempts: [] };
    expect(beginFollowOn(torn, ask('capture'), true, NOW)).toMatchObject({ refusal: 'nothing_authorized' });
  });

  it('a capture in part where the provider cannot', () => {
    const approved = state(['approved'], []);
    expect(beginFollowOn(approved, ask('capture', 4998), false, NOW)).toEqual({
      allowed: false,
      refusal: 'partial_capture_not_supported',
      leftAmount: 4999,
    });
    expect(beginFollowOn(approved, ask('capture', 4999), false, NOW)).toMatchObject({ allowed: true });
    expect(beginFollowOn(approved, ask('capture'), false, NOW)).toMatchObject({ allowed: true });
  });

  it('every reason can be met', () => {
    const met = new Set(wrong.map(([, , , refusal]) => refusal));
    met.add('partial_capture_not_supported');
    expect([...met].toSorted()).toEqual(FOLLOW_ON_REFUSALS.toSorted());
  });
});
