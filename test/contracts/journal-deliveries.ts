import { describe, expect, test } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import type { Delivery, DeliveryPlan, EventSubscription, Journal } from '../../src/gateway/ports.ts';
import {
  concluded,
  type OpeningOver,
  OUTCOMES,
  opened,
  refusedOpening,
  sampleBegin,
  sampleEnd,
  sampleFinding,
  sampleStep,
  T0,
  written,
} from './journal-fixtures.ts';

const ORDERS: EventSubscription = {
  endpoint: 'orders',
  account: 'acme',
  types: 'all',
  includesAnswered: false,
};
const LEASE = { owner: 'pod-1', untilMs: T0 + 60_000 };
const DELIVERED = { kind: 'delivered', result: '204', atMs: T0 + 1_000 } as const;
const NOW = T0 + 1_000;

/** What endpoints are told, and what became of it. */
export function deliveryContract(journal: () => Journal): void {
  /** Pending, and then known: one event. */
  const resolved = async (id: string, over: OpeningOver = {}): Promise<Authorization> => {
    const pending = await concluded(journal(), id, OUTCOMES.unknown, over);
    return written(journal(), sampleFinding(pending, 1, OUTCOMES.approved));
  };
  /** One more event of the same authorization: a capture that was found out. */
  const captured = async (before: Authorization): Promise<Authorization> => {
    const begun = await written(journal(), sampleBegin(before));
    const actor = { event: { actor: 'resolver' } };
    return written(journal(), sampleEnd(begun, begun.operations.length, {}, actor));
  };
  const make = (subscription = ORDERS, limit = 100) => journal().makeDeliveries(subscription, NOW, limit);
  const begin = async (...subscriptions: readonly EventSubscription[]) => {
    for (const subscription of subscriptions) expect(await make(subscription)).toBe(0);
  };
  const take = (subscription = ORDERS, nowMs = NOW, limit = 100, lease = LEASE) =>
    journal().takeDeliveries(subscription, nowMs, limit, lease);
  const list = async (over: Partial<Parameters<Journal['listDeliveries']>[0]> = {}) =>
    (await journal().listDeliveries({ account: 'acme', merchants: 'all', limit: 200, ...over })).data;
  const typesOf = (deliveries: readonly Delivery[]) => deliveries.map(({ type }) => type);

  describe('deliveries', () => {
    test('begin at the present, and are made once', async () => {
      await resolved('auth_before');
      await begin(ORDERS);
      expect(await make()).toBe(0);
      await resolved('auth_one');
      expect(await make(), 'opened, concluded, resolved').toBe(3);
      expect(await make()).toBe(0);
      expect(await list()).toEqual([
        {
          id: 'evt_orders_one_3_1',
          endpoint: 'orders',
          type: 'authorization.resolved',
          authorizationId: 'auth_one',
          number: 3,
          atMs: T0 + 200,
          state: 'waiting',
          dueAtMs: NOW,
          failures: 0,
          lastResult: null,
          lastSentAtMs: null,
        },
      ]);
    });

    test('tell the authorization as the change left it, however it is by now', async () => {
      await begin(ORDERS);
      const approved = await resolved('auth_one');
      const after = await captured(approved);
      await make();
      const first = await take();
      expect(
        first.map(({ delivery }) => delivery.type),
        'the second waits',
      ).toEqual(['authorization.resolved']);
      expect(first[0]?.told).toMatchObject({
        authorization: { ...approved, attempts: expect.any(Array) },
        event: { type: 'authorization.resolved', operation: null, answered: false },
        entry: { kind: 'resolved', actor: 'resolver' },
      });
      await journal().settleDelivery('evt_orders_one_3_1', 'pod-1', DELIVERED);
      const second = await take();
      expect(second[0]?.told?.authorization).toEqual(after);
      expect(second[0]?.told?.event.operation).toMatchObject({ kind: 'capture', status: 'succeeded' });
    });

    test('are those that the endpoint wants, of its own account', async () => {
      const every = { ...ORDERS, endpoint: 'every', includesAnswered: true };
      const captures = { ...ORDERS, endpoint: 'captures', types: new Set(['capture.settled'] as const) };
      const others = { ...ORDERS, endpoint: 'others', account: 'other' };
      await begin(ORDERS, every, captures, others);
      await concluded(journal(), 'auth_answered');
      await journal().open(refusedOpening('auth_refused'));
      await captured(await resolved('auth_one'));
      for (const each of [ORDERS, every, captures, others]) await make(each);
      const of = async (endpoint: string) => typesOf(await list({ endpoint })).toReversed();
      expect(await of('orders')).toEqual(['authorization.resolved', 'capture.settled']);
      expect(await of('every')).toEqual([
        'authorization.resolved',
        'authorization.resolved',
        'authorization.resolved',
        'capture.settled',
      ]);
      expect(await of('captures')).toEqual(['capture.settled']);
      expect(await list({ account: 'other' })).toEqual([]);
      expect(await take(others)).toEqual([]);
    });

    test('are made in pieces, in the order of the history', async () => {
      await begin(ORDERS);
      for (const id of ['auth_one', 'auth_two', 'auth_three']) await resolved(id);
      expect(await make(ORDERS, 2), 'up to the second that tells something').toBe(6);
      expect((await list()).map(({ authorizationId }) => authorizationId)).toEqual(['auth_two', 'auth_one']);
      expect(await make(ORDERS, 2)).toBe(3);
      expect(await list()).toHaveLength(3);
    });

    test('of two that make them at once, one makes each', async () => {
      await begin(ORDERS);
      await resolved('auth_one');
      expect((await Promise.all([make(), make()])).sort()).toEqual([0, 3]);
      expect(await list()).toHaveLength(1);
    });

    test('what dispute a provider tells of', async () => {
      await begin(ORDERS);
      const approved = await concluded(journal(), 'auth_one');
      const data = { dispute: { disputeId: 'd1', stage: 'opened' } };
      await written(journal(), sampleStep(approved, approved, { event: { kind: 'disputed', data } }));
      await make();
      const [taken] = await take();
      expect(taken?.delivery.type).toBe('dispute.opened');
      expect(taken?.told?.entry.data).toMatchObject(data);
    });

    test('are taken up by one, until the lease ends', async () => {
      await begin(ORDERS);
      await resolved('auth_one');
      await make();
      const both = await Promise.all([take(), take(ORDERS, NOW, 100, { ...LEASE, owner: 'pod-2' })]);
      expect(both.map((taken) => taken.length).sort()).toEqual([0, 1]);
      expect(await take(ORDERS, LEASE.untilMs - 1)).toEqual([]);
      expect(await take(ORDERS, LEASE.untilMs, 100, { owner: 'pod-3', untilMs: NOW + 120_000 })).toHaveLength(
        1,
      );
      const id = 'evt_orders_one_3_1';
      expect(await journal().settleDelivery(id, 'pod-1', DELIVERED), 'it is no longer theirs').toBe(false);
      expect(await journal().settleDelivery(id, 'pod-3', DELIVERED)).toBe(true);
      expect(await journal().settleDelivery(id, 'pod-3', DELIVERED)).toBe(false);
    });

    test('are freed of the leases of the dead', async () => {
      await begin(ORDERS);
      await resolved('auth_one');
      await make();
      await take();
      expect(await journal().freeWork('pod-1'), 'one lives').toBe(0);
      expect(await journal().freeWork('pod-2')).toBe(1);
      expect(await take()).toHaveLength(1);
    });

    test('a try that failed is made again when it is due, and those of others go on', async () => {
      await begin(ORDERS);
      const one = await resolved('auth_one');
      await captured(one);
      await resolved('auth_two');
      await make();
      expect((await take()).map(({ delivery }) => delivery.authorizationId)).toEqual([
        'auth_one',
        'auth_two',
      ]);
      const id = 'evt_orders_one_3_1';
      const failed: DeliveryPlan = { kind: 'failed', result: '503', atMs: NOW, dueAtMs: NOW + 5_000 };
      await journal().settleDelivery(id, 'pod-1', failed);
      await journal().settleDelivery('evt_orders_two_3_1', 'pod-1', DELIVERED);
      expect(await take(), 'the capture waits for what came before').toEqual([]);
      expect((await take(ORDERS, NOW + 5_000)).map(({ delivery }) => delivery)).toEqual([
        expect.objectContaining({ id, failures: 1, lastResult: '503', lastSentAtMs: NOW }),
      ]);
      await journal().settleDelivery(id, 'pod-1', { ...failed, dueAtMs: NOW + 300_000 });
      const [overtaking, ...none] = await take(ORDERS, NOW + 5_001);
      expect([overtaking?.delivery.type, none]).toEqual(['capture.settled', []]);
    });

    test('what was not tried is put back as it was', async () => {
      await begin(ORDERS);
      await resolved('auth_one');
      await make();
      const [before] = await list();
      await take();
      await journal().settleDelivery('evt_orders_one_3_1', 'pod-1', { kind: 'put_back' });
      expect(await list()).toEqual([before]);
      expect(await take()).toHaveLength(1);
    });

    test('what is dead is sent again only when a person says so', async () => {
      await begin(ORDERS);
      await resolved('auth_one');
      await make();
      await take();
      const id = 'evt_orders_one_3_1';
      await journal().settleDelivery(id, 'pod-1', { kind: 'dead', result: 'timeout', atMs: NOW });
      const dead = { id, state: 'dead', failures: 1, lastResult: 'timeout', dueAtMs: null };
      expect(await list({ state: 'dead' })).toEqual([expect.objectContaining(dead)]);
      expect(await take(ORDERS, NOW + 999_999)).toEqual([]);
      const whose = { account: 'acme', merchants: 'all' } as const;
      expect(await journal().replayDelivery(id, { ...whose, account: 'other' }, NOW)).toBeNull();
      expect(await journal().replayDelivery(id, { ...whose, merchants: ['another'] }, NOW)).toBeNull();
      expect(await journal().replayDelivery('evt_orders_one_3_9', whose, NOW)).toBeNull();
      expect(await list({ state: 'dead' }), 'unchanged').toHaveLength(1);
      const replayed = await journal().replayDelivery(id, { ...whose, merchants: ['acme-eu'] }, NOW + 5);
      expect(replayed).toMatchObject({ id, state: 'waiting', failures: 0, dueAtMs: NOW + 5 });
      expect((await take(ORDERS, NOW + 5)).map(({ delivery }) => delivery.id)).toEqual([id]);
    });

    test('are listed newest first, by state, endpoint and merchant, in pages', async () => {
      const other = { ...ORDERS, endpoint: 'books' };
      await begin(ORDERS, other);
      for (const id of ['auth_one', 'auth_two', 'auth_three']) await resolved(id);
      await make();
      await make(other);
      await take(ORDERS, NOW, 1);
      await journal().settleDelivery('evt_orders_one_3_1', 'pod-1', DELIVERED);
      const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ id }) => id);
      expect(ids(await list({ endpoint: 'orders' }))).toEqual([
        'evt_orders_three_3_1',
        'evt_orders_two_3_1',
        'evt_orders_one_3_1',
      ]);
      expect(ids(await list({ state: 'delivered' }))).toEqual(['evt_orders_one_3_1']);
      expect(await list({ state: 'waiting' })).toHaveLength(5);
      expect(await list({ merchants: ['another'] })).toEqual([]);
      const filter = { account: 'acme', merchants: ['acme-eu'], state: 'waiting', limit: 3 } as const;
      const first = await journal().listDeliveries(filter);
      expect(first.data).toHaveLength(3);
      const next = await journal().listDeliveries({ ...filter, cursor: first.nextCursor ?? '' });
      expect([next.data.length, next.nextCursor]).toEqual([2, null]);
      expect(await journal().listDeliveries({ ...filter, cursor: 'x' })).toEqual({
        data: [],
        nextCursor: null,
      });
    });

    test('are counted by endpoint, but for those that are delivered', async () => {
      expect(await journal().countDeliveries()).toEqual([]);
      await begin(ORDERS);
      for (const id of ['auth_one', 'auth_two', 'auth_three']) await resolved(id);
      await make();
      await take();
      await journal().settleDelivery('evt_orders_one_3_1', 'pod-1', DELIVERED);
      await journal().settleDelivery('evt_orders_two_3_1', 'pod-1', { ...DELIVERED, kind: 'dead' });
      expect(await journal().countDeliveries()).toEqual([
        { endpoint: 'orders', waiting: 1, dead: 1, oldestWaitingAtMs: T0 + 200 },
      ]);
    });

    test('go when they were delivered long ago, others stay', async () => {
      await begin(ORDERS);
      for (const id of ['auth_one', 'auth_two', 'auth_three']) await resolved(id);
      await make();
      await take();
      await journal().settleDelivery('evt_orders_one_3_1', 'pod-1', DELIVERED);
      await journal().settleDelivery('evt_orders_two_3_1', 'pod-1', { ...DELIVERED, kind: 'dead' });
      expect(await journal().purgeDeliveries(DELIVERED.atMs, 10)).toBe(0);
      expect(await journal().purgeDeliveries(DELIVERED.atMs + 1, 10)).toBe(1);
      expect((await list()).map(({ state }) => state)).toEqual(['waiting', 'dead']);
    });

    test('go with their authorization, and nothing is made of what is gone', async () => {
      await begin(ORDERS);
      const pending = await concluded(journal(), 'auth_one', OUTCOMES.unknown);
      await written(journal(), sampleFinding(pending, 1, OUTCOMES.declined));
      await make();
      await opened(journal(), 'auth_newest', { atMs: T0 + 99_000 });
      expect(await list()).toHaveLength(1);
      const late = { ...ORDERS, endpoint: 'late' };
      expect(await journal().purge(T0 + 1_000, 100)).toBe(1);
      expect(await list()).toEqual([]);
      await begin(late);
      expect(await make()).toBe(1);
      expect(await list()).toEqual([]);
    });
  });
}
