import { afterEach, describe, expect, it } from 'vitest';
import type { ChangeKind, LimitAsk, SharedState } from '../../src/gateway/shared-state.ts';
import { eventually } from '../support/eventually.ts';

/** What the contract needs of an implementation. */
export interface SharedStateStage {
  /** One process's part of the same store. */
  pod(name: string): SharedState;
  /** Lets time pass, as the store sees it. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

const ASK: LimitAsk = {
  provider: 'psp-a',
  perSecond: 100,
  burst: 100,
  calls: 0,
  callsShare: 50,
  owed: 0,
  closeForMs: 0,
  concurrent: 10,
  places: 0,
  placesInUse: 0,
  placesShare: 5,
};
const LANE = { provider: 'psp-a', brand: 'visa' } as const;

/** What every implementation of {@link SharedState} keeps. */
export function sharedStateContract(name: string, open: () => Promise<SharedStateStage>): void {
  describe(`shared state: ${name}`, () => {
    let stage: SharedStateStage | null = null;
    /** Two processes that the store answers. */
    const scene = async () => {
      stage = await open();
      const [a, b] = [stage.pod('a'), stage.pod('b')];
      for (const pod of [a, b]) {
        await eventually('the store answers', () =>
          pod.beat().then(
            () => true,
            () => null,
          ),
        );
      }
      return { stage, a, b };
    };
    afterEach(async () => {
      await stage?.close();
      stage = null;
    });

    it('counts who lives, gives each a place, and lets go who leaves', async () => {
      const { a, b } = await scene();
      expect(await b.beat()).toEqual({ live: 2, known: 2, rank: 1 });
      expect(await a.beat()).toEqual({ live: 2, known: 2, rank: 0 });
      await a.leave();
      expect(await b.beat()).toEqual({ live: 1, known: 1, rank: 0 });
    });

    it('takes who is silent for no longer live, but knows it still', async () => {
      const {
        stage: { pass },
        b,
      } = await scene();
      await pass(2_200);
      expect(await b.beat()).toEqual({ live: 1, known: 2, rank: 0 });
    });

    it('begins with an empty bucket, fills it by time, and leases no call twice', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      const first = await a.exchangeLimit({ ...ASK, calls: 50 });
      expect(first.calls).toBe(0);
      expect(first.nextCallInMs).toBeGreaterThan(0);
      expect(first.nextCallInMs).toBeLessThanOrEqual(10);
      await pass(500);
      const [one, other] = await Promise.all([
        a.exchangeLimit({ ...ASK, calls: 1_000 }),
        b.exchangeLimit({ ...ASK, calls: 1_000 }),
      ]);
      expect(one.calls + other.calls).toBeGreaterThanOrEqual(48);
      expect(one.calls + other.calls).toBeLessThanOrEqual(75);
    });

    it('leases to each its share, also to one that always asks a moment later, or half as often', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      const got = { a: 0, b: 0 };
      for (let turn = 0; turn < 100; turn += 1) {
        got.a += (await a.exchangeLimit({ ...ASK, calls: 20 })).calls;
        if (turn % 2 === 0) got.b += (await b.exchangeLimit({ ...ASK, calls: 20 })).calls;
        await pass(20);
      }
      expect(got.a + got.b).toBeGreaterThanOrEqual(180);
      expect(got.a / (got.a + got.b)).toBeGreaterThan(0.4);
      expect(got.a / (got.a + got.b)).toBeLessThan(0.6);
    });

    it('leases a slow contract whole to the two of ten that ask, and to each its half', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      const ask = { ...ASK, perSecond: 5, burst: 1, calls: 1, callsShare: 0.5 };
      const got = { a: 0, b: 0 };
      for (let turn = 0; turn < 40; turn += 1) {
        got.a += (await a.exchangeLimit(ask)).calls;
        got.b += (await b.exchangeLimit(ask)).calls;
        await pass(100);
      }
      expect(got.a + got.b).toBeGreaterThanOrEqual(15);
      expect(got.a + got.b).toBeLessThanOrEqual(21);
      expect(Math.abs(got.a - got.b)).toBeLessThanOrEqual(2);
    });

    it('leases all to the one that asks, once nobody else does', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      await a.exchangeLimit({ ...ASK, calls: 20 });
      await b.exchangeLimit({ ...ASK, calls: 20 });
      await pass(350);
      expect((await a.exchangeLimit({ ...ASK, calls: 100 })).calls).toBeGreaterThanOrEqual(30);
    });

    it('holds no more than the burst, takes back, and charges what is owed', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      for (let time = 0; time < 4; time += 1) {
        await a.exchangeLimit({ ...ASK, burst: 20 });
        await pass(400);
      }
      expect((await a.exchangeLimit({ ...ASK, burst: 20, calls: 100 })).calls).toBe(20);
      await a.exchangeLimit({ ...ASK, perSecond: 5, burst: 20, calls: -20 });
      expect((await b.exchangeLimit({ ...ASK, perSecond: 5, burst: 20, calls: 15 })).calls).toBe(15);
      expect(
        (await b.exchangeLimit({ ...ASK, perSecond: 5, burst: 20, owed: 4.5, calls: 5 })).calls,
      ).toBeLessThanOrEqual(2);
    });

    it('begins anew when nobody asked for a while: all were on their own then', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      await a.exchangeLimit(ASK);
      await pass(400);
      expect((await b.exchangeLimit(ASK)).left).toBeGreaterThanOrEqual(38);
      await pass(700);
      expect((await b.exchangeLimit(ASK)).left).toBeLessThanOrEqual(1);
    });

    it('is shut by a pause for everybody, and empty after it', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      await a.exchangeLimit(ASK);
      await pass(300);
      await a.exchangeLimit({ ...ASK, closeForMs: 400 });
      const shut = await b.exchangeLimit({ ...ASK, calls: 5 });
      expect(shut.calls).toBe(0);
      expect(shut.closedForMs).toBeGreaterThan(200);
      expect(shut.closedForMs).toBeLessThanOrEqual(400);
      await pass(420);
      const after = await b.exchangeLimit({ ...ASK, calls: 100 });
      expect(after.closedForMs).toBe(0);
      expect(after.calls).toBeLessThan(40);
    });

    it('gives at first a share of the places, later what is free, and what is in use in any case', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      expect((await a.exchangeLimit({ ...ASK, places: 10 })).places).toBe(5);
      expect((await b.exchangeLimit({ ...ASK, places: 8, placesInUse: 8 })).places).toBe(5);
      await pass(1_600);
      // Eight are in use at the other.
      expect((await a.exchangeLimit({ ...ASK, places: 10 })).places).toBe(2);
      expect((await b.exchangeLimit({ ...ASK, places: 0 })).places).toBe(0);
      expect((await a.exchangeLimit({ ...ASK, places: 10 })).places).toBe(10);
    });

    it('says how many places nobody holds', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      expect((await a.exchangeLimit({ ...ASK, places: 2 })).freePlaces).toBe(8);
      await pass(1_600);
      expect((await b.exchangeLimit({ ...ASK, places: 3 })).freePlaces).toBe(5);
      expect((await a.exchangeLimit({ ...ASK, places: 7 })).freePlaces).toBe(0);
      // More are in use than there are: their number was lowered.
      expect((await a.exchangeLimit({ ...ASK, places: 9, placesInUse: 9 })).freePlaces).toBe(0);
      expect((await a.exchangeLimit({ ...ASK, places: 0 })).freePlaces).toBe(7);
    });

    it('frees the places of a process that ended without a word', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      await a.exchangeLimit({ ...ASK, places: 5 });
      await b.exchangeLimit({ ...ASK, places: 1 });
      await pass(1_600);
      expect((await b.exchangeLimit({ ...ASK, places: 10 })).places).toBe(5);
      await pass(1_600);
      expect((await b.exchangeLimit({ ...ASK, places: 10 })).places).toBe(10);
    });

    it('keeps votes until they are void or taken back', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      await a.exchangeVotes([{ ...LANE, opening: 1, forMs: 200 }]);
      await b.exchangeVotes([
        { ...LANE, opening: 4, forMs: 5_000 },
        { ...LANE, brand: 'amex', opening: 1, forMs: 5_000 },
      ]);
      const seen = await a.exchangeVotes([{ ...LANE, opening: 1, forMs: 200 }]);
      expect([...seen].sort((x, y) => x.pod.localeCompare(y.pod) || x.opening - y.opening)).toEqual([
        { ...LANE, pod: 'a', opening: 1 },
        { ...LANE, brand: 'amex', pod: 'b', opening: 1 },
        { ...LANE, pod: 'b', opening: 4 },
      ]);
      await pass(220);
      expect(await b.exchangeVotes([{ ...LANE, opening: 4, forMs: 5_000 }])).toEqual([
        { ...LANE, pod: 'b', opening: 4 },
      ]);
    });

    it('gives the probe of a lane to one, until it is given back or over', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      const taken = await Promise.all([a.takeProbe(LANE, 300), b.takeProbe(LANE, 300)]);
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await b.takeProbe({ ...LANE, brand: 'amex' }, 300)).toBe(true);
      const [holder, other] = taken[0] ? [a, b] : [b, a];
      await other.endProbe(LANE);
      expect(await other.takeProbe(LANE, 300)).toBe(false);
      await holder.endProbe(LANE);
      expect(await other.takeProbe(LANE, 300)).toBe(true);
      await pass(320);
      expect(await holder.takeProbe(LANE, 300)).toBe(true);
    });

    it('hands on what was observed, in order, from where one stands', async () => {
      const { a, b } = await scene();
      expect(await b.readOutcomes(null, 10)).toEqual({ batches: [], end: null });
      await a.appendOutcomes(1, '[1]');
      const { end: from, batches } = await b.readOutcomes(null, 10);
      expect(batches).toEqual([]);
      await a.appendOutcomes(2, '[2]');
      await b.appendOutcomes(1, '[3]');
      await a.appendOutcomes(3, '[4]');
      const page = await b.readOutcomes(from, 2);
      expect(page.batches.map(({ pod, number, outcomes }) => [pod, number, outcomes])).toEqual([
        ['a', 2, '[2]'],
        ['b', 1, '[3]'],
      ]);
      const rest = await b.readOutcomes(page.batches[1]?.position ?? '', 10);
      expect(rest.batches.map(({ outcomes }) => outcomes)).toEqual(['[4]']);
      expect(rest.end).toBe(rest.batches[0]?.position);
    });

    it('hands each what the others counted of card testing, until it is over', async () => {
      const { a, b } = await scene();
      const counts = [{ name: 'x'.repeat(22), ended: 7, declined: 5, refusedForMs: 900 }];
      expect(await a.exchangeTesting(counts)).toEqual([]);
      expect(await b.exchangeTesting([])).toEqual([{ pod: 'a', counts }]);
      expect(await a.exchangeTesting([])).toEqual([]);
      expect(await b.exchangeTesting(counts)).toEqual([]);
      expect(await a.exchangeTesting([])).toEqual([{ pod: 'b', counts }]);
      await b.leave();
      expect(await a.exchangeTesting([])).toEqual([]);
    });

    it('keeps the last copy of what was learned, and gives the turn to one', async () => {
      const {
        stage: { pass },
        a,
        b,
      } = await scene();
      expect(await b.loadSnapshot()).toBe(null);
      const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
      await a.saveSnapshot({ about: 'first', bytes: Uint8Array.of(1) });
      await a.saveSnapshot({ about: 'second', bytes });
      const copy = await b.loadSnapshot();
      expect(copy?.about).toBe('second');
      expect(Buffer.compare(Buffer.from(copy?.bytes ?? []), Buffer.from(bytes))).toBe(0);
      const turns = await Promise.all([a.takeSnapshotTurn(300), b.takeSnapshotTurn(300)]);
      expect(turns.filter(Boolean)).toHaveLength(1);
      await pass(320);
      expect(await b.takeSnapshotTurn(300)).toBe(true);
    });

    it('tells every other process of a change', async () => {
      const { stage: own, a, b } = await scene();
      const c = own.pod('c');
      const heard: string[] = [];
      for (const pod of [a, b, c]) {
        await eventually('it hears', () => pod.hears() || null);
      }
      // What comes with a new connection is over by now.
      const listen = (pod: SharedState) =>
        pod.onChange((kind: ChangeKind) => heard.push(`${pod.pod} ${kind}`));
      const ends = [a, b, c].map(listen);
      heard.length = 0;
      await a.announce('overrides');
      await eventually('both others heard', () => (heard.length >= 2 ? true : null));
      ends[1]?.();
      await c.announce('rulesets');
      await eventually('the first heard', () => (heard.length >= 3 ? true : null));
      expect(heard.sort()).toEqual(['a rulesets', 'b overrides', 'c overrides']);
    });
  });
}
