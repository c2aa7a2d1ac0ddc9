import { describe, expect, test } from 'vitest';
import type { Journal, WorkPlan } from '../../src/gateway/ports.ts';
import {
  concluded,
  LEASE_MS,
  OUTCOMES,
  opened,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleOpening,
  sampleStep,
  T0,
  VALIDITY_MS,
  withOutcome,
  written,
} from './journal-fixtures.ts';

/** What is taken up beside the road: what a dead process left, what expired, what is to be looked at again. */
export function workContract(journal: () => Journal): void {
  lapsedContract(journal);
  expiredContract(journal);
  queueContract(journal);
}

function lapsedContract(journal: () => Journal): void {
  const ids = async (nowMs: number, limit = 10) =>
    (await journal().listLapsed(nowMs, limit)).map(({ authorization }) => authorization.id);

  describe('listLapsed', () => {
    test('tells an open authorization once its lease has ended, with its owner and how long it was', async () => {
      const open = await opened(journal(), 'auth_one');
      expect(await ids(T0 + LEASE_MS - 1)).toEqual([]);
      expect(await journal().listLapsed(T0 + LEASE_MS, 10)).toEqual([
        { authorization: open, owner: 'pod-1', leaseMs: LEASE_MS },
      ]);
    });

    test('oldest first, at most as many as asked for, and never one whose road is over', async () => {
      for (const id of ['auth_one', 'auth_two', 'auth_three']) await opened(journal(), id);
      await concluded(journal(), 'auth_four', OUTCOMES.unknown);
      await opened(journal(), 'auth_five', { leaseUntilMs: T0 + 2 * LEASE_MS });
      expect(await ids(T0 + LEASE_MS, 2)).toEqual(['auth_one', 'auth_two']);
      expect(await ids(T0 + LEASE_MS)).toEqual(['auth_one', 'auth_two', 'auth_three']);
      expect(await ids(T0 + 2 * LEASE_MS)).toContain('auth_five');
    });

    test('a change of the road may prolong the lease, others leave it', async () => {
      const open = await opened(journal(), 'auth_one');
      const leaseUntilMs = T0 + 5 * LEASE_MS;
      const next = await written(journal(), sampleFailOver(open, OUTCOMES.notSent, { leaseUntilMs }));
      expect(await ids(leaseUntilMs - 1)).toEqual([]);
      const found = withOutcome(next, 2, OUTCOMES.unknown, T0 + 50, null);
      await written(journal(), sampleStep(next, found, { event: { atMs: T0 + 50 } }));
      expect(await journal().listLapsed(leaseUntilMs, 10)).toMatchObject([{ leaseMs: 5 * LEASE_MS }]);
    });
  });
}

function expiredContract(journal: () => Journal): void {
  const endMs = T0 + 100 + VALIDITY_MS;
  const ids = async (nowMs: number, limit = 10) =>
    (await journal().listExpired(nowMs, limit)).map(({ id }) => id);

  describe('listExpired', () => {
    test('tells what was not captured, once its validity has ended', async () => {
      const approved = await concluded(journal(), 'auth_one');
      expect(approved.expiresAtMs).toBe(endMs);
      expect(await ids(endMs - 1)).toEqual([]);
      expect(await journal().listExpired(endMs, 10)).toEqual([approved]);
    });

    test('not what was captured, is being worked on, was given back, or is open', async () => {
      const captured = await written(journal(), sampleBegin(await concluded(journal(), 'auth_captured')));
      expect(await ids(endMs)).toEqual([]);
      await written(journal(), sampleEnd(captured, 1));
      const voided = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_void'), { kind: 'void' }),
      );
      await written(journal(), sampleEnd(voided, 1));
      await concluded(journal(), 'auth_declined', OUTCOMES.declined);
      const open = await opened(journal(), 'auth_open');
      await written(journal(), sampleStep(open, withOutcome(open, 1, OUTCOMES.approved, T0, 1)));
      expect(await ids(endMs)).toEqual([]);
    });

    test('of one that was captured in part the rest', async () => {
      const begun = await written(
        journal(),
        sampleBegin(await concluded(journal(), 'auth_one'), { amount: 1 }),
      );
      await written(journal(), sampleEnd(begun, 1));
      expect(await ids(endMs)).toEqual(['auth_one']);
    });

    test('the earliest first, at most as many as asked for', async () => {
      for (const id of ['auth_one', 'auth_two', 'auth_three']) await concluded(journal(), id);
      expect(await ids(endMs, 2)).toHaveLength(2);
      expect(await ids(endMs)).toHaveLength(3);
    });
  });
}

const NOBODY = { step: 0, failures: 0, lease: null } as const;
const LEASE = { owner: 'pod-1', untilMs: T0 + 60_000 };
const plan = (over: Partial<WorkPlan> = {}): WorkPlan => ({ ...NOBODY, dueAtMs: T0 + 5_000, ...over });

function queueContract(journal: () => Journal): void {
  const unknown = (id: string, work: WorkPlan | null | 'unchanged', atMs = T0 + 100) =>
    concluded(journal(), id, OUTCOMES.unknown, { step: { work, event: { atMs } } });
  const take = async (nowMs: number, limit = 10, lease = LEASE) =>
    (await journal().takeWork(nowMs, limit, lease)).map(({ authorization }) => authorization.id);
  const counts = (nowMs: number) => journal().countWork(nowMs);

  describe('work', () => {
    test('is taken up when it is due, with all that is known, under a lease', async () => {
      const pending = await unknown('auth_one', plan({ step: 2, failures: 3 }));
      expect(await take(T0 + 4_999)).toEqual([]);
      expect(await counts(T0 + 4_999)).toEqual({
        waiting: 1,
        overdue: 0,
        parked: 0,
        oldestSinceMs: T0 + 100,
      });
      expect(await counts(T0 + 5_000)).toEqual({
        waiting: 0,
        overdue: 1,
        parked: 0,
        oldestSinceMs: T0 + 100,
      });
      expect(await journal().takeWork(T0 + 5_000, 10, LEASE)).toEqual([
        { authorization: pending, step: 2, failures: 3, sinceMs: T0 + 100, lease: LEASE, leftBy: null },
      ]);
      expect(await counts(T0 + 5_000)).toEqual({
        waiting: 1,
        overdue: 0,
        parked: 0,
        oldestSinceMs: T0 + 100,
      });
      expect(await take(T0 + 59_999)).toEqual([]);
    });

    test('is free for others when its lease has ended', async () => {
      await unknown('auth_one', plan());
      await take(T0 + 5_000);
      const other = { owner: 'pod-2', untilMs: T0 + 120_000 };
      expect(await counts(T0 + 60_000)).toEqual({
        waiting: 0,
        overdue: 1,
        parked: 0,
        oldestSinceMs: T0 + 100,
      });
      expect(await journal().takeWork(T0 + 60_000, 10, other)).toMatchObject([
        { lease: other, leftBy: 'pod-1' },
      ]);
      expect(await journal().postponeWork('auth_one', 'pod-1', plan({ dueAtMs: null }))).toBe(false);
      expect(await take(T0 + 120_000)).toEqual(['auth_one']);
    });

    test('what others had in hand is freed by who knows that they are dead, its own is not', async () => {
      await unknown('auth_one', plan());
      await take(T0 + 5_000);
      await unknown('auth_two', plan());
      const other = { owner: 'pod-2', untilMs: T0 + 60_000 };
      expect(await take(T0 + 5_000, 10, other)).toEqual(['auth_two']);
      expect(await journal().freeWork('pod-2')).toBe(1);
      expect(await journal().freeWork('pod-2')).toBe(0);
      expect(await take(T0 + 5_000, 10, other)).toEqual(['auth_one']);
    });

    test('of two that ask at once one gets an item', async () => {
      for (let index = 0; index < 6; index += 1) await unknown(`auth_${index}`, plan());
      const taken = await Promise.all([
        take(T0 + 5_000, 4),
        take(T0 + 5_000, 4, { owner: 'pod-2', untilMs: T0 + 60_000 }),
      ]);
      expect(taken.map((ids) => ids.length).sort()).toEqual([2, 4]);
      expect(new Set(taken.flat()).size).toBe(6);
    });

    test('the longest due comes first, parked work never', async () => {
      await unknown('auth_late', plan({ dueAtMs: T0 + 3 }));
      await unknown('auth_early', plan({ dueAtMs: T0 + 1 }));
      await unknown('auth_parked', plan({ dueAtMs: null }));
      await unknown('auth_middle', plan({ dueAtMs: T0 + 2 }));
      expect(await take(T0 + 5_000, 2)).toEqual(['auth_early', 'auth_middle']);
      expect(await take(T0 + 5_000)).toEqual(['auth_late']);
      expect(await counts(T0 + 5_000)).toEqual({
        waiting: 3,
        overdue: 0,
        parked: 1,
        oldestSinceMs: T0 + 100,
      });
    });

    test('is put back by whoever has it', async () => {
      await unknown('auth_one', plan());
      await take(T0 + 5_000);
      expect(await journal().postponeWork('auth_one', 'pod-2', plan({ dueAtMs: T0 + 6_000 }))).toBe(false);
      expect(await take(T0 + 6_000)).toEqual([]);
      const later = plan({ dueAtMs: T0 + 7_000, step: 5, failures: 1 });
      expect(await journal().postponeWork('auth_one', 'pod-1', later)).toBe(true);
      // It is nobody's now.
      expect(await journal().postponeWork('auth_one', 'pod-1', plan())).toBe(false);
      expect(await take(T0 + 6_999)).toEqual([]);
      expect(await journal().takeWork(T0 + 7_000, 10, LEASE)).toMatchObject([
        { step: 5, failures: 1, sinceMs: T0 + 100 },
      ]);
      expect(await journal().postponeWork('auth_nobody', 'pod-1', plan())).toBe(false);
    });

    test('is held by id, due or not, unless somebody has it', async () => {
      await unknown('auth_parked', plan({ dueAtMs: null }));
      await unknown('auth_due', plan());
      const other = { owner: 'pod-2', untilMs: T0 + 90_000 };
      expect(await journal().holdWork('auth_due', T0, LEASE)).toBe(true);
      expect(await take(T0 + 59_999)).toEqual([]);
      // Again, by whoever has it.
      expect(await journal().holdWork('auth_due', T0, LEASE)).toBe(true);
      expect(await journal().holdWork('auth_due', T0 + 59_999, other)).toBe(false);
      expect(await journal().holdWork('auth_due', T0 + 60_000, other)).toBe(true);
      expect(await take(T0 + 89_999)).toEqual([]);
      expect(await take(T0 + 90_000)).toEqual(['auth_due']);

      expect(await journal().holdWork('auth_parked', T0, other)).toBe(true);
      expect(await take(T0 + 1_000_000, 10, { owner: 'pod-3', untilMs: T0 + 2_000_000 })).toEqual([
        'auth_due',
      ]);
      expect(await counts(T0 + 1_000_000)).toMatchObject({ parked: 1 });
      expect(await journal().postponeWork('auth_parked', 'pod-2', plan())).toBe(true);
    });

    test('is told while somebody has it, due or not, those first whose lease ends last', async () => {
      const held = (nowMs: number, limit = 10) => journal().listHeldWork(nowMs, limit);
      for (const id of ['auth_one', 'auth_two', 'auth_parked', 'auth_free']) {
        await unknown(id, plan(id === 'auth_parked' ? { dueAtMs: null } : {}));
      }
      expect(await held(0)).toEqual([]);
      const longer = { owner: 'pod-2', untilMs: T0 + 90_000 };
      const longest = { owner: 'pod-3 call_x', untilMs: T0 + 1_800_000 };
      expect(await journal().holdWork('auth_one', T0, LEASE)).toBe(true);
      expect(await journal().holdWork('auth_two', T0, longest)).toBe(true);
      expect(await journal().holdWork('auth_parked', T0, longer)).toBe(true);
      const all = [
        { authorizationId: 'auth_two', lease: longest },
        { authorizationId: 'auth_parked', lease: longer },
        { authorizationId: 'auth_one', lease: LEASE },
      ];
      expect(await held(0)).toEqual(all);
      expect(await held(LEASE.untilMs - 1)).toEqual(all);
      expect(await held(LEASE.untilMs)).toEqual(all.slice(0, 2));
      expect(await held(0, 1)).toEqual(all.slice(0, 1));
      expect(await journal().postponeWork('auth_two', 'pod-3 call_x', plan())).toBe(true);
      expect(await held(0)).toEqual(all.slice(1));
    });

    test('is taken over from exactly the lease that was seen, with all else as it was', async () => {
      await unknown('auth_one', plan({ step: 2, failures: 3 }));
      await take(T0 + 5_000);
      const seen = { authorizationId: 'auth_one', lease: LEASE };
      const own = { owner: 'pod-2', untilMs: T0 + 90_000 };
      const others = [
        { ...seen, authorizationId: 'auth_nobody' },
        { ...seen, lease: { ...LEASE, owner: 'pod-3' } },
        { ...seen, lease: { ...LEASE, untilMs: LEASE.untilMs + 1 } },
      ];
      for (const other of others) expect(await journal().takeOverWork(other, own)).toBe(false);
      expect(await journal().listHeldWork(0, 10)).toEqual([seen]);
      // However long it still lasts by anybody's clock.
      expect(await journal().takeOverWork(seen, own)).toBe(true);
      expect(await journal().takeOverWork(seen, own)).toBe(false);
      expect(await journal().postponeWork('auth_one', 'pod-1', plan())).toBe(false);
      expect(await take(T0 + 89_999)).toEqual([]);
      const third = { owner: 'pod-3', untilMs: T0 + 900_000 };
      expect(await journal().takeWork(T0 + 90_000, 10, third)).toMatchObject([{ step: 2, failures: 3 }]);
    });

    test('of two that take it over at once one gets it', async () => {
      await unknown('auth_one', plan());
      await take(T0 + 5_000);
      const seen = { authorizationId: 'auth_one', lease: LEASE };
      const taken = await Promise.all(
        ['pod-2', 'pod-3', 'pod-4'].map((owner) =>
          journal().takeOverWork(seen, { owner, untilMs: T0 + 90_000 }),
        ),
      );
      expect(taken.filter((is) => is)).toHaveLength(1);
    });

    test('where there is none, nobody has it', async () => {
      await unknown('auth_one', null);
      expect(await journal().holdWork('auth_one', T0, LEASE)).toBe(true);
      expect(await journal().holdWork('auth_nobody', T0, LEASE)).toBe(true);
      expect(await take(T0 + 1_000_000)).toEqual([]);
    });

    test('whoever has it may keep it for longer, also after its lease has ended', async () => {
      await unknown('auth_one', plan());
      await take(T0 + 5_000);
      const longer = plan({ lease: { owner: 'pod-1', untilMs: T0 + 90_000 } });
      expect(await journal().postponeWork('auth_one', 'pod-1', longer)).toBe(true);
      expect(await take(T0 + 89_999)).toEqual([]);
      expect(await take(T0 + 90_000)).toEqual(['auth_one']);
    });

    test('a change plans it anew, keeps it, ends it, or leaves it as it is', async () => {
      const before = await unknown('auth_one', plan());
      const again = plan({ dueAtMs: T0 + 9_000, lease: LEASE });
      const pending = await written(
        journal(),
        sampleFinding(before, 1, OUTCOMES.pending, { work: again, event: { atMs: T0 + 900 } }),
      );
      expect(await take(T0 + 9_000)).toEqual([]);
      const kept = await written(
        journal(),
        sampleStep(pending, pending, { work: plan({ dueAtMs: T0 + 8_000, lease: 'keep' }) }),
      );
      expect(await take(T0 + 8_000)).toEqual([]);
      const untouched = await written(journal(), sampleStep(kept, kept));
      const until = { owner: 'pod-2', untilMs: T0 + 90_000 };
      expect(await journal().takeWork(T0 + 60_000, 10, until)).toMatchObject([
        // Since when it is unsettled does not change by being planned anew.
        { authorization: untouched, sinceMs: T0 + 100 },
      ]);
      const done = await written(journal(), sampleFinding(untouched, 1, OUTCOMES.declined, { work: null }));
      expect(done.status).toBe('declined');
      expect(await counts(T0)).toEqual({ waiting: 0, overdue: 0, parked: 0, oldestSinceMs: null });
      expect(await take(T0 + 900_000)).toEqual([]);
    });

    test('work without a lease that is to be kept has none', async () => {
      await unknown('auth_one', plan({ lease: 'keep' }));
      expect(await take(T0 + 5_000)).toEqual(['auth_one']);
    });

    test('what is settled and only to be asked about once more is taken up, and not counted as unsettled', async () => {
      const nothing = { waiting: 0, overdue: 0, parked: 0, oldestSinceMs: null };
      const closed = await concluded(journal(), 'auth_one', OUTCOMES.rejected, { step: { work: plan() } });
      await unknown('auth_two', plan({ dueAtMs: null }));
      const parked = { ...nothing, parked: 1, oldestSinceMs: T0 + 100 };
      expect(await counts(T0 + 4_999)).toEqual(parked);
      expect(await counts(T0 + 5_000)).toEqual(parked);
      expect(await journal().takeWork(T0 + 5_000, 10, LEASE)).toMatchObject([{ authorization: closed }]);
      expect(await counts(T0 + 5_000)).toEqual(parked);
      await written(journal(), sampleStep(closed, closed, { work: null }));
      expect(await take(T0 + 900_000)).toEqual([]);
    });

    test('a road that others have taken for left writes nothing any more, whatever its clocks say', async () => {
      const open = await opened(journal(), 'auth_one');
      const left = await written(journal(), sampleConclusion(open, OUTCOMES.unknown, { work: plan() }));
      const prepared = open.attempts.map((attempt) => ({ ...attempt, preparedReference: 'pi_1' }));
      const wanted = [
        sampleFailOver(open, OUTCOMES.notSent),
        sampleStep(open, { ...open, attempts: prepared }),
        sampleStep(open, withOutcome(open, 1, OUTCOMES.approved, T0, 1)),
        sampleConclusion(open, OUTCOMES.declined),
      ];
      for (const step of wanted) expect(await journal().advance(step)).toEqual({ kind: 'stale' });
      expect(await journal().findAuthorization('auth_one')).toEqual(left);
    });

    test('a change that is not written plans nothing', async () => {
      const before = await opened(journal(), 'auth_one');
      const stale = sampleConclusion({ ...before, version: 9 }, OUTCOMES.unknown, { work: plan() });
      expect(await journal().advance(stale)).toEqual({ kind: 'stale' });
      expect(await counts(T0)).toEqual({ waiting: 0, overdue: 0, parked: 0, oldestSinceMs: null });
    });
  });

  describe('countUnsettled', () => {
    test('counts what is to be found out or undone and whose road is over', async () => {
      await opened(journal(), 'auth_open');
      await concluded(journal(), 'auth_approved');
      await concluded(journal(), 'auth_declined', OUTCOMES.declined);
      expect(await journal().countUnsettled()).toBe(0);
      await unknown('auth_unknown', plan());
      await concluded(journal(), 'auth_reversing', OUTCOMES.partialStanding);
      expect(await journal().countUnsettled()).toBe(2);
    });

    test('an approval that turns up elsewhere is undone although the authorization is over', async () => {
      const failed = await concluded(journal(), 'auth_one', OUTCOMES.rejected);
      const found = await written(journal(), sampleFinding(failed, 1, OUTCOMES.approved));
      expect(found).toMatchObject({ status: 'failed', operations: [{ kind: 'void', status: 'pending' }] });
      expect(await journal().countUnsettled()).toBe(1);
      expect(await journal().hasOpenMoney('sandbox-a')).toBe(true);
      await written(journal(), sampleEnd(found, 1));
      expect(await journal().countUnsettled()).toBe(0);
      expect(await journal().hasOpenMoney('sandbox-a')).toBe(false);
    });
  });

  test('a payment stays refused while work on it is parked', async () => {
    await unknown('auth_one', plan({ dueAtMs: null }));
    const second = sampleOpening('auth_two', { request: { reference: 'order-auth_one' } });
    expect((await journal().open(second)).kind).toBe('payment_live');
  });
}
