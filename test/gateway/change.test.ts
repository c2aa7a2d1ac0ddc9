import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Change, RemarkOn } from '../../src/core/lifecycle.ts';
import { settled } from '../../src/core/settlement.ts';
import { type ChangeRecord, changeAuthorization } from '../../src/gateway/change.ts';
import type { StepResult, WorkPlan } from '../../src/gateway/ports.ts';
import { oneRowJournal, stage } from '../support/gateway-stubs.ts';
import { sampleAuthorization, sampleOperation } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

const CONFLICT: RemarkOn = { remark: 'evidence_conflict', attemptNumber: 1 };
const STALE: StepResult = { kind: 'stale' };
const EXCLUSIVE = { provider: 'sandbox-a', reference: 'p9', attemptId: 'att_a_1' };
const EVENT = { kind: 'lapsed', actor: 'recovery', data: { reason: 'test' } };
const READ = sampleAuthorization([SAMPLE_OUTCOMES.approved]);
/** The same, as somebody else left it meanwhile. */
const NEWER: Authorization = { ...READ, version: 7, captureClosed: true };

/** Begins a capture, and says so with a remark. */
function beginCapture(current: Authorization): Change {
  const operations = [...current.operations, sampleOperation(current.operations.length + 1)];
  return { authorization: settled({ ...current, operations }), remarks: [CONFLICT], changed: true };
}

function scene(
  stored: Authorization | null = NEWER,
  results: readonly (StepResult | 'fails')[] = [],
  record: Partial<ChangeRecord> = {},
) {
  const journal = oneRowJournal(stored, results);
  const { deps, clock, told, journalCalls } = stage({ journal });
  const change = (apply = beginCapture, from = READ) =>
    changeAuthorization(from, apply, { event: EVENT, ...record }, deps);
  return { change, clock, journalCalls, told: () => told.map(({ what }) => what), steps: journal.steps };
}

describe('a change', () => {
  it('is written with its event and the work that it leaves, and told once it is', async () => {
    const { change, clock, steps, told } = scene();
    await clock.advance(500);
    const { authorization: after } = beginCapture(READ);
    expect(await change()).toEqual({
      kind: 'written',
      authorization: { ...after, answered: true, version: 3 },
      before: READ,
    });
    const nowMs = clock.wallMs();
    expect(steps).toMatchObject([
      {
        before: READ,
        after: { operations: after.operations },
        intent: null,
        scheme: null,
        leaseUntilMs: null,
        claim: null,
        event: { ...EVENT, atMs: nowMs },
        work: { step: 0, failures: 0, dueAtMs: nowMs + 1_000, lease: 'keep' },
      },
    ]);
    expect(told()).toEqual(['remarked', 'alert']);
  });

  it('that says nothing new is not written, and what there is to say is told', async () => {
    const { change, steps, told } = scene();
    const nothing = (authorization: Authorization): Change => ({
      authorization,
      remarks: [CONFLICT],
      changed: false,
    });
    expect(await change(nothing)).toEqual({ kind: 'unchanged', authorization: READ });
    expect(steps).toEqual([]);
    expect(told()).toEqual(['remarked', 'alert']);
  });

  it('is judged anew on what somebody else has written meanwhile', async () => {
    const { change, steps, told, journalCalls } = scene(NEWER, [STALE]);
    expect(await change()).toMatchObject({
      kind: 'written',
      authorization: { version: 8, captureClosed: true },
      before: NEWER,
    });
    expect(steps.map(({ before }) => before.version)).toEqual([READ.version, 7]);
    expect(journalCalls).toEqual(['advance', 'find', 'advance']);
    expect(told()).toEqual(['remarked', 'alert']);
  });

  it('that somebody else has made already is none', async () => {
    const { change, steps } = scene(NEWER, [STALE]);
    const once = (current: Authorization): Change =>
      current === READ ? beginCapture(current) : { authorization: current, remarks: [], changed: false };
    expect(await change(once)).toEqual({ kind: 'unchanged', authorization: NEWER });
    expect(steps).toHaveLength(1);
  });

  it('is given up when others are first eight times', async () => {
    const seven = scene(NEWER, Array<StepResult>(7).fill(STALE));
    expect(await seven.change()).toMatchObject({ kind: 'written' });
    const eight = scene(NEWER, Array<StepResult>(8).fill(STALE));
    expect(await eight.change()).toEqual({ kind: 'failed', ended: null });
    expect(eight.steps).toHaveLength(8);
  });

  it.each([
    // Perhaps it was written all the same: better told twice than never.
    ['cannot be written', NEWER, ['fails'], ['journal_failed', undefined, 'evidence_conflict']],
    ['has nothing to be judged on any more', null, [STALE], []],
  ] as const)('that %s has failed', async (_, stored, results, alerts) => {
    const journal = oneRowJournal(stored, results);
    const { deps, told } = stage({ journal });
    expect(await changeAuthorization(READ, beginCapture, { event: EVENT }, deps)).toEqual({
      kind: 'failed',
      ended: null,
    });
    expect(told.map(({ kind }) => kind)).toEqual(alerts);
    expect(journal.steps).toHaveLength(1);
  });

  it('is none where the reference that it alone may name is taken, and nobody is told of it', async () => {
    const { change, steps, told } = scene(NEWER, [{ kind: 'reference_taken' }], {
      exclusive: EXCLUSIVE,
    });
    expect(await change()).toEqual({ kind: 'unchanged', authorization: READ, isReferenceTaken: true });
    expect(steps).toMatchObject([{ exclusive: EXCLUSIVE }]);
    expect(told()).toEqual([]);
  });

  it('has failed when what others wrote cannot be read', async () => {
    const { advance } = oneRowJournal(null, [STALE]);
    const { deps } = stage({ journal: { advance } });
    expect(await changeAuthorization(READ, beginCapture, { event: EVENT }, deps)).toEqual({
      kind: 'failed',
      ended: null,
    });
  });
});

describe('the work that a change leaves', () => {
  it('is planned by the road while that is open', async () => {
    const { change, steps } = scene(null, [], { work: () => null });
    await change(beginCapture, { ...READ, open: true });
    expect(steps).toMatchObject([{ work: 'unchanged' }]);
  });

  it('is left as it is where its author says so', async () => {
    const { change, steps } = scene(null, [], { work: 'unchanged' });
    await change();
    expect(steps).toMatchObject([{ work: 'unchanged' }]);
  });

  it('is what its author says, of what is left', async () => {
    const plan = { step: 3, failures: 1, dueAtMs: 9, lease: null };
    const seen: (WorkPlan | null)[] = [];
    const work = (left: WorkPlan | null) => {
      seen.push(left);
      return plan;
    };
    const { change, clock, steps } = scene(null, [], { work });
    await change();
    expect(steps).toMatchObject([{ work: plan }]);
    expect(seen).toEqual([{ step: 0, failures: 0, dueAtMs: clock.wallMs() + 1_000, lease: 'keep' }]);
  });

  it.each([
    ['none where its history tells of no question', true, null],
    ['to ask about it where its history cannot be read', false, { step: 0, failures: 0, lease: null }],
  ])('is, of what was closed as not found, %s', async (_, isRead, work) => {
    const closed = sampleAuthorization([SAMPLE_OUTCOMES.rejectedNotFound]);
    const { advance, historyPage, steps } = oneRowJournal(null);
    const { deps } = stage({ journal: isRead ? { advance, historyPage } : { advance } });
    const touch = (current: Authorization) => ({ authorization: current, remarks: [], changed: true });
    await changeAuthorization(closed, touch, { event: EVENT }, deps);
    expect(steps).toMatchObject([{ work }]);
  });
});
