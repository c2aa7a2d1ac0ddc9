import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { problemIn } from '../road/problem-in.ts';
import { CrashJournal, type CrashPoint } from '../support/crash-journal.ts';
import { isMissing, whyNot } from '../support/debian-programs.ts';
import { eventually } from '../support/eventually.ts';
import { GatewayWorld, type WorldProcess } from '../support/gateway-world.ts';
import { authorizationIn } from '../support/start-gateway.ts';
import { type FaultStage, type Paid, startStage } from './fault-stage.ts';
import { bookOf, isMoney, looks, ROADS, type SampleRoad, sentOf } from './sample-roads.ts';

/**
 * Deaths of the process at every point of the road (T14): before and after each of its journal calls on a fake clock, and
 * kill -9 through real processes. Whatever stands at the providers afterwards is known, and never stands twice.
 */

/** One road whose process dies at a point, and the process that comes after it. */
async function live(road: SampleRoad, point: CrashPoint | null) {
  const world = new GatewayWorld({
    script: road.script,
    ...(road.action === undefined ? {} : { action: road.action }),
    provider: { semantics: { notFoundAfterMs: 10_000 } },
  });
  const first = crashing(world, point);
  void world.begin(first.process, road.request);
  // Longer than the road and its lease.
  for (let second = 0; second < 20; second += 1) await turn(world, first.process);
  const sentBefore = sentOf(world);
  const next = world.process();
  await looks(world, 160_000, next);
  return { world, first: first.journal, next, sentBefore };
}

/** A process whose journal calls are counted, and that dies at one of them. */
function crashing(world: GatewayWorld, point: CrashPoint | null) {
  const { deps } = world.process();
  const journal = new CrashJournal(world.journal, point);
  // Nor does a timer go off in a process that is dead: what waits for the journal there is not given up.
  const clock: Clock = {
    monotonicMs: () => deps.clock.monotonicMs(),
    wallMs: () => deps.clock.wallMs(),
    after: (delayMs, action) =>
      deps.clock.after(delayMs, () => {
        if (!journal.dead) action();
      }),
  };
  const own = { ...deps, clock, journal: journal.journal };
  return { journal, process: { deps: own, resolver: new Resolver(own) } };
}

async function turn(world: GatewayWorld, { deps }: WorldProcess): Promise<void> {
  for (let step = 0; step < 10; step += 1) {
    await world.clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(deps.unrecorded.size).toBe(0);
}

describe('T14: the process dies around each of its journal calls', () => {
  test.each(ROADS)('T14: $title', async (road) => {
    const undisturbed = await live(road, null);
    const { calls } = undisturbed.first;
    expect(calls[0]).toBe('open');
    const points = calls.flatMap((_, call) =>
      (['before', 'after'] as const).map((when): CrashPoint => ({ call, when })),
    );
    let deaths = 0;
    for (const point of points) {
      const at = `${point.when} call ${point.call} (${calls[point.call]})`;
      const { world, first, next, sentBefore } = await live(road, point);
      expect(first.dead, at).toBe(true);
      deaths += 1;
      // Nobody but a caller sends a new attempt.
      expect(sentOf(world), at).toBe(sentBefore);
      const [left] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 2 }))
        .data;
      if (point.call === 0 && point.when === 'before') {
        expect([left, sentBefore], at).toEqual([undefined, 0]);
      } else {
        expect(['pending', 'reversing'], at).not.toContain(left?.status);
        expect(world.live().length, at).toBe(isMoney(left?.status) ? 1 : 0);
      }
      // The caller comes back with its key: it is told what became of it, or begins anew when nothing had begun.
      const again = await world.authorize(next, road.request);
      if (again.kind !== 'answered') throw new Error(`${at}: ${again.kind}`);
      expect(again.replayed, at).toBe(left !== undefined);
      await looks(world, 80_000, next);
      const end = await world.get(again.authorizationId);
      if (left !== undefined) expect(end.status, at).toBe(left.status);
      else expect(end.status, at).toBe(road.status);
      expect(world.live().length, at).toBe(isMoney(end.status) ? 1 : 0);
      expect(bookOf(world), at).toEqual({ sentTwice: [], takenTwice: [] });
    }
    expect(deaths).toBe(2 * calls.length);
    const [whole] = (
      await undisturbed.world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 2 })
    ).data;
    expect(whole?.status).toBe(road.status);
  });
});

/** Of util-linux: changes the limits of a process that runs. */
const PRLIMIT = 'prlimit';
const NO_PRLIMIT = isMissing('an answer that cannot be recorded', whyNot(PRLIMIT));

const KILLED = [
  { name: 'not-arrived', title: 'before the provider reads it', status: 'failed', books: [] },
  { name: 'working', title: 'while the provider works on it', status: 'approved', books: ['first live x1'] },
  { name: 'answered', title: 'with the answer on its way', status: 'approved', books: ['first live x1'] },
  { name: 'declined', title: 'with a decline on its way', status: 'declined', books: ['first declined x1'] },
  {
    name: 'elsewhere',
    title: 'with the second attempt at its provider',
    status: 'approved',
    books: ['first declined x1', 'second live x1'],
  },
] as const;

describe('T14: kill -9, and the providers live on', () => {
  let stage: FaultStage;
  beforeAll(async () => {
    stage = await startStage(
      [
        ...KILLED.map(({ name }) => ({ name, proxied: true, timeoutMs: 2_000 })),
        { name: 'unrecorded', timeoutMs: 2_000 },
      ],
      // The lease of what is under way is a second longer.
      { rules: { deadline_ms: 2_000 } },
    );
  }, 60_000);
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  test('T14: at five moments of five payments: found out by whoever comes next, and never sent again', async () => {
    stage.proxy('not-arrived').cut({ kind: 'swallow' });
    await stage.strike('working', { kind: 'slow', delay_ms: 1_000 });
    await stage.strike('answered', { kind: 'late', delay_ms: 60_000 });
    await stage.strike('declined', { kind: 'late', delay_ms: 60_000 });
    await stage.sandbox.addFault({ provider: 'elsewhere-b', kind: 'late', delay_ms: 60_000 });
    const tokens: Readonly<Record<string, string>> = {
      declined: 'tok_decline_51',
      elsewhere: 'tok_decline_05',
    };
    const bodies = KILLED.map(({ name }) => stage.bodyOf(name, { token: tokens[name] ?? 'tok_visa' }));
    const lost = bodies.map((body, index) =>
      stage.gateway.authorize(body, `killed-${index}`).then(
        ({ status }) => status,
        () => 'connection lost',
      ),
    );
    await eventually('all are where they are to be', () => {
      const arrived = KILLED.every(({ name }) => name === 'not-arrived' || stage.requests(name).first === 1);
      const isElsewhere = stage.requests('elsewhere').second === 1;
      return arrived && isElsewhere && stage.proxy('not-arrived').cuts.length === 1 ? true : null;
    });
    await stage.gateway.kill9();
    expect(await Promise.all(lost)).toEqual(KILLED.map(() => 'connection lost'));
    await stage.gateway.restart();
    for (const [index, { name, status, books }] of KILLED.entries()) {
      const body = bodies[index] as (typeof bodies)[number];
      const paid = { story: name, reference: body.reference };
      const end = await stage.end(paid);
      expect([end.status, end.books], name).toEqual([status, books]);
      const again = await stage.gateway.authorize(body, `killed-${index}`);
      expect([again.status, authorizationIn(again).status], name).toEqual([201, status]);
      const sent = stage.requests(name);
      expect(sent.first, name).toBe(name === 'not-arrived' ? 0 : 1);
      expect(sent.second, name).toBe(name === 'elsewhere' ? 1 : 0);
    }
  });

  test.skipIf(NO_PRLIMIT)(
    'T14: the answer has come and cannot be recorded, then it dies (needs prlimit of util-linux)',
    async () => {
      const limitFiles = (bytes: string) =>
        expect(spawnSync(PRLIMIT, ['--pid', String(stage.gateway.pid), `--fsize=${bytes}:`]).status).toBe(0);
      await stage.strike('unrecorded', { kind: 'late', delay_ms: 500, times: 2 });
      const payments: Promise<Paid>[] = [
        stage.pay('unrecorded'),
        stage.pay('unrecorded', { token: 'tok_decline_05' }),
      ];
      await eventually('both are at the provider', () =>
        stage.requests('unrecorded').first === 2 ? true : null,
      );
      limitFiles('0');
      const [approved, declined] = (await Promise.all(payments)) as [Paid, Paid];
      for (const { answer } of [approved, declined]) {
        expect([answer.status, authorizationIn(answer).status]).toEqual([202, 'pending']);
      }
      problemIn(
        await stage.gateway.authorize(stage.bodyOf('unrecorded'), 'full'),
        503,
        'journal-unavailable',
      );
      await stage.gateway.kill9();
      await stage.gateway.restart();
      expect(await stage.end(approved)).toEqual({
        status: 'approved',
        attempts: ['first approved'],
        books: ['first live x1'],
      });
      // The road is not resumed: a decline that is found out later lets nobody else try.
      expect(await stage.end(declined)).toEqual({
        status: 'declined',
        attempts: ['first declined'],
        books: ['first declined x1'],
      });
      expect(stage.requests('unrecorded')).toEqual({ first: 2, second: 0 });
    },
  );
});
