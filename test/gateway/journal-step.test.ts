import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Operation } from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import { NO_INTENT, planFor, type StepDetails, stepOf } from '../../src/gateway/journal-step.ts';
import { stage } from '../support/gateway-stubs.ts';
import { SAMPLE_T0, sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES, type SampleOutcome, sampleDecline } from '../support/sample-outcomes.ts';

const DAY_MS = 24 * 3_600_000;
const { deps } = stage();
const DETAILS: StepDetails = {
  ...NO_INTENT,
  leaseUntilMs: 77,
  work: { step: 1, failures: 2, dueAtMs: 3, lease: 'keep' },
  event: { kind: 'resolved', actor: 'resolver', atMs: SAMPLE_T0, data: { by: 'inquiry' } },
};

const outcomesOf = (names: readonly (SampleOutcome | null)[]): readonly (AttemptOutcome | null)[] =>
  names.map((name) => (name === null ? null : SAMPLE_OUTCOMES[name]));
const state = (
  names: readonly (SampleOutcome | null)[],
  over: Partial<Omit<Authorization, 'request'>> = {},
) => sampleAuthorization(outcomesOf(names), over);

describe('the answer of an authorization', () => {
  it.each([
    ['is frozen when it is settled', { open: true }, { open: false }, ['approved'], true],
    ['not while its road is open', { open: true }, { open: true }, ['approved'], false],
    ['not while its outcome is not known', { open: true }, { open: false }, ['unknown'], false],
    ['not while it is being undone', { open: true }, { open: false }, ['declinedHidingApproval'], false],
    ['not a second time', { answered: true }, { answered: true }, ['approved'], false],
    ['though its road is long over', { open: false }, { open: false }, ['approved'], true],
  ] as const)('%s', (_, beforeIs, afterIs, names, freezes) => {
    const before = state([null], beforeIs);
    const after = state(names, afterIs);
    const step = stepOf(before, after, DETAILS, deps);
    expect(step.before).toBe(before);
    expect(step).toMatchObject(DETAILS);
    const answered = { ...after, answered: true };
    expect(step.after).toEqual(freezes ? answered : after);
    expect(step.frozen).toEqual(freezes ? { httpStatus: 201, body: JSON.stringify(answered) } : null);
  });
});

describe('the answers of operations', () => {
  const pending: Partial<Operation> = {};
  const succeeded: Partial<Operation> = { status: 'succeeded' };
  const failed: Partial<Operation> = { status: 'failed', code: 'invalid_state' };
  const ours: Partial<Operation> = { kind: 'void', purpose: 'late_approval' };
  /** Before, after, numbers of those whose answer is frozen. */
  it.each<[string, readonly Partial<Operation>[], readonly Partial<Operation>[], readonly number[]]>([
    ['one that is begun has none', [], [pending], []],
    ['one that ends has', [pending], [succeeded], [1]],
    ['one that fails has', [pending], [failed], [1]],
    ['one that ends where it is begun has', [], [succeeded], [1]],
    ['one that ended before has it already', [succeeded, pending], [succeeded, succeeded], [2]],
    ['several may end at once', [pending, pending], [failed, succeeded], [1, 2]],
    ['nobody asked for a reversal of ours', [ours], [{ ...ours, status: 'succeeded' }], []],
  ])('%s', (_, before, after, numbers) => {
    const build = (operations: readonly Partial<Operation>[]) =>
      state(['approved'], { operations: operations.map((over, index) => sampleOperation(index + 1, over)) });
    const step = stepOf(build(before), build(after), DETAILS, deps);
    expect([...step.operationAnswers.keys()]).toEqual(numbers);
    for (const [number, answer] of step.operationAnswers) {
      expect(answer).toEqual(
        deps.renderOperation(step.after, step.after.operations[number - 1] as Operation),
      );
    }
  });

  it('are none where no operation changed', () => {
    const operations = [sampleOperation(1, succeeded)];
    const before = state(['approved'], { operations });
    const changed = { ...before, captureClosed: true };
    expect(stepOf(before, changed, DETAILS, deps).operationAnswers.size).toBe(0);
  });
});

describe('what outcomes mean for the card', () => {
  const never = {
    kind: 'declined',
    decline: sampleDecline({ otherProvider: 'never' }),
    providerReference: null,
  } as const;
  const meaning = (counts: boolean, blockedUntilMs: number | null = null, reason: string | null = null) => ({
    counts,
    blockedUntilMs,
    reason,
  });

  it.each<[string, readonly (AttemptOutcome | null)[], readonly (AttemptOutcome | null)[], object]>([
    ['one that is not known yet: nothing', [null], [null], {}],
    ['one that begins: nothing', [SAMPLE_OUTCOMES.notSent], [SAMPLE_OUTCOMES.notSent, null], {}],
    ['an approval does not count', [null], [SAMPLE_OUTCOMES.approved], { 1: meaning(false) }],
    ['a decline counts', [null], [SAMPLE_OUTCOMES.declinedSoft], { 1: meaning(true) }],
    [
      'a decline for ever blocks the card',
      [null],
      [never],
      { 1: meaning(true, SAMPLE_T0 + 30 * DAY_MS, 'hard_decline') },
    ],
    [
      'only of what was found out by this step',
      [SAMPLE_OUTCOMES.declinedSoft, SAMPLE_OUTCOMES.unknown],
      [SAMPLE_OUTCOMES.declinedSoft, SAMPLE_OUTCOMES.rejectedNotFound],
      { 2: meaning(false) },
    ],
    [
      'also of an attempt that begins with it',
      [SAMPLE_OUTCOMES.notSent],
      [SAMPLE_OUTCOMES.notSent, SAMPLE_OUTCOMES.unknown],
      { 2: meaning(true) },
    ],
  ])('%s', (_, before, after, expected) => {
    const step = stepOf(sampleAuthorization(before), sampleAuthorization(after), DETAILS, deps);
    expect(Object.fromEntries(step.outcomeScheme)).toEqual(expected);
  });

  it('is nothing where no attempt changed', () => {
    const before = sampleAuthorization([SAMPLE_OUTCOMES.declinedSoft]);
    expect(stepOf(before, { ...before, captureClosed: true }, DETAILS, deps).outcomeScheme.size).toBe(0);
  });
});

describe('when somebody must look again', () => {
  const SCHEDULE = [5_000, 30_000, 120_000];
  const waiting = (over: Partial<Operation> = {}): Partial<Operation> => ({ kind: 'void', ...over });
  const refused: Partial<Operation> = { kind: 'void', status: 'failed' };
  it.each<
    [
      string,
      readonly (SampleOutcome | null)[],
      readonly Partial<Operation>[],
      readonly number[],
      number | null,
    ]
  >([
    ['never when nothing is left', ['approved'], [], SCHEDULE, null],
    ['after the first delay while an outcome is not known', ['unknown'], [], SCHEDULE, 5_000],
    ['soon when only an operation is to be done', ['approved'], [waiting()], SCHEDULE, 1_000],
    ['as soon as the schedule says, if that is sooner', ['approved'], [waiting()], [200], 200],
    ['soon without a schedule', ['unknown'], [], [], 1_000],
    ['later when a void has failed', ['approved'], [refused, waiting()], SCHEDULE, 5_000],
    ['later still when it fails again', ['approved'], [refused, refused, waiting()], SCHEDULE, 30_000],
    ['daily in the end', ['approved'], [refused, refused, refused, refused, waiting()], SCHEDULE, DAY_MS],
    [
      'by the outcome where one is not known either',
      ['approved', 'unknown'],
      [refused, refused, waiting()],
      SCHEDULE,
      5_000,
    ],
    [
      'soon where a void failed that nobody repeats',
      ['approved'],
      [refused, { kind: 'capture' }],
      SCHEDULE,
      1_000,
    ],
  ])('%s', (_, names, over, schedule, delayMs) => {
    const operations = over.map((each, index) => sampleOperation(index + 1, each));
    const plan = planFor(settled(state(names, { operations })), SAMPLE_T0, schedule);
    const dueAtMs = SAMPLE_T0 + (delayMs ?? 0);
    expect(plan).toEqual(delayMs === null ? null : { step: 0, failures: 0, dueAtMs, lease: 'keep' });
  });
});
