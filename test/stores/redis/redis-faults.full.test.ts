import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import type { RedisTarget } from '../../../src/stores/redis/redis-client.ts';
import { RedisSharedState } from '../../../src/stores/redis/redis-shared-state.ts';
import { callsAbove } from '../../support/calls-above.ts';
import { isMissing } from '../../support/debian-programs.ts';
import { eventually, pause } from '../../support/eventually.ts';
import { RedisServer, startCluster, targetOf, testIdentity, whyNoRedis } from '../../support/redis-server.ts';
import { routingFacts } from '../../support/routing-facts.ts';
import { SAMPLE_OUTCOMES } from '../../support/sample-outcomes.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { startSharingProcess } from './sharing-process.ts';

const NO_REDIS = isMissing('shared state while Redis fails', whyNoRedis());

const PER_SECOND = 200;
/** What a process holds at most: a tenth of a second's worth. */
const BLOCK = 20;
const PROVIDERS = ['psp-a', 'psp-b', 'psp-c'];
const CONTRACTS = new Map(
  PROVIDERS.map((id) => [id, sampleContract(id, { limits: { perSecond: PER_SECOND, concurrent: 1_000 } })]),
);
const FACTS = routingFacts();

async function startPod(target: RedisTarget, pod: string) {
  const changes: boolean[] = [];
  const seen = { failed: 0, reconnecting: 0, pods: 0 };
  const state = new RedisSharedState({
    target,
    identity: testIdentity(),
    pod,
    clock: systemClock,
    onFailed: () => {
      seen.failed += 1;
    },
    onReconnecting: () => {
      seen.reconnecting += 1;
    },
  });
  const process = await startSharingProcess(state, CONTRACTS, {
    changed: (isUp) => changes.push(isUp),
    pods: (count) => {
      seen.pods = count;
    },
    refused: (key, reason) => {
      throw new Error(`refused: ${key}, ${reason}`);
    },
  });
  return { ...process, state, changes, seen };
}
type Pod = Awaited<ReturnType<typeof startPod>>;

/** More calls than the contract allows, at every process, to every provider. */
class Load {
  readonly admitted = new Map<string, number[]>(PROVIDERS.map((id) => [id, []]));
  readonly #pods: readonly Pod[];
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout;

  constructor(pods: readonly Pod[]) {
    this.#pods = pods;
    this.#timer = setInterval(() => this.#turn(), 5);
  }

  #turn(): void {
    for (const pod of this.#pods) {
      for (const [provider, times] of this.admitted) {
        for (let call = 0; call < 3; call += 1) if (pod.call(provider)) times.push(performance.now());
      }
    }
  }

  /** @returns how full the contract was, and by how many calls any stretch was above it, of the worst provider */
  end(): { readonly fullness: number; readonly excess: number } {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const all = [...this.admitted.values()];
    return {
      fullness: Math.min(...all.map((times) => times.length / (PER_SECOND * seconds))),
      excess: Math.max(...all.map((times) => callsAbove(times, PER_SECOND * 1.05).calls)) - PER_SECOND,
    };
  }
}

/** Each key, and for how many milliseconds it is kept; -1: without an end. */
const KEPT = `local kept = {}
for _, key in ipairs(redis.call('KEYS', '*')) do kept[#kept + 1] = redis.call('PTTL', key) .. ' ' .. key end
return table.concat(kept, '\\n')`;

/** Every sort of key that processes share, as it is named behind the prefix, and for how long it is kept at the most. */
const SORTS = [
  { sort: 'who lives', name: /^\{pods\}:live$/, keptMs: 60_000 },
  { sort: 'calls of a limit', name: /^\{limit:psp-[abc]\}:bucket$/, keptMs: 60_000 },
  { sort: 'calls of a limit that is paused', name: /^\{limit:psp-d\}:bucket$/, keptMs: 120_000 },
  { sort: 'places of a limit', name: /^\{limit:psp-[abcd]\}:places$/, keptMs: 60_000 },
  { sort: 'who waits for a limit', name: /^\{limit:psp-[abcd]\}:waits$/, keptMs: 3_000 },
  { sort: 'votes against lanes', name: /^\{breakers\}:votes$/, keptMs: 600_000 },
  { sort: 'the probe of a lane', name: /^\{probe:psp-a:visa\}:permit$/, keptMs: 60_000 },
  { sort: 'outcomes to learn from', name: /^\{learning\}:outcomes$/, keptMs: 3_600_000 },
  { sort: 'whose turn a copy is', name: /^\{learning\}:snapshot-turn$/, keptMs: 60_000 },
  { sort: 'a copy', name: /^\{learning\}:snapshot$/, keptMs: 86_400_000 },
  { sort: 'parts of a copy', name: /^\{learning\}:snapshot:[a-d]:\d+:\d+$/, keptMs: 86_400_000 },
  { sort: 'parts of the copy before', name: /^\{learning\}:snapshot:d:1:\d+$/, keptMs: 60_000 },
  { sort: 'counts of card testing', name: /^\{testing\}:counts$/, keptMs: 20_000 },
];

/** Keys of every sort are there, and no others; each has an end, in time. @param kept as {@link KEPT} returns it */
function expectEnds(kept: string): void {
  const prefix = `${testIdentity().prefix}:`;
  const keys = kept.split('\n').flatMap((line) => {
    const [, keptMs, key = ''] = /^(-?\d+) (\S+)\s*$/.exec(line) ?? [];
    if (keptMs === undefined) return [];
    return [{ name: key.startsWith(prefix) ? key.slice(prefix.length) : key, keptMs: Number(keptMs) }];
  });
  for (const { sort, name, keptMs } of SORTS) {
    const ofSort = keys.filter((key) => name.test(key.name));
    expect.soft(ofSort.length, sort).toBeGreaterThan(0);
    for (const key of ofSort) {
      expect.soft(key.keptMs, key.name).toBeGreaterThan(0);
      expect.soft(key.keptMs, key.name).toBeLessThanOrEqual(keptMs);
    }
  }
  expect(keys.filter((key) => !SORTS.some(({ name }) => name.test(key.name)))).toEqual([]);
}

describe.skipIf(NO_REDIS)('three processes while Redis fails', () => {
  let servers: RedisServer[] = [];
  let pods: Pod[] = [];
  const open = async (target: RedisTarget) => {
    pods = await Promise.all(['a', 'b', 'c'].map((name) => startPod(target, name)));
    await eventually('all functions are up', () => (everywhere(true) ? true : null), {
      describe: () => JSON.stringify(pods.map(({ up }) => [...up])),
    });
    // Each has heard of the others.
    await eventually('three are seen', () => (pods.every(({ seen }) => seen.pods === 3) ? true : null));
  };
  const everywhere = (isUp: boolean, what = ['limits', 'learning', 'breakers', 'notices']) =>
    pods.every(({ up }) => what.every((name) => up.get(name) === isUp));
  /** The contract was used, and never exceeded by more than what was at hand. */
  const judge = (what: string, { fullness, excess }: ReturnType<Load['end']>, least = 0.6) => {
    console.log(
      `${what}: ${(fullness * 100).toFixed(1)} % of the contract, ${excess.toFixed(1)} calls above a burst`,
    );
    expect(fullness).toBeGreaterThan(least);
    expect(excess).toBeLessThanOrEqual(3 * BLOCK);
  };

  beforeEach(() => {
    servers = [];
    pods = [];
  });
  afterEach(async () => {
    for (const pod of pods) await pod.close();
    for (const server of servers) await server.stop();
  });

  it('one server: killed, back without anything, frozen, back', async () => {
    const server = await RedisServer.start();
    servers = [server];
    await open(server.target);
    const load = new Load(pods);
    await pause(2_000);
    await server.kill();
    await eventually('its loss is told', () => (everywhere(false) ? true : null));
    await pause(2_000);
    await server.restart();
    await eventually('its return is told', () => (everywhere(true) ? true : null));
    await pause(2_000);
    server.freeze();
    await eventually('that it stands still is told', () =>
      everywhere(false, ['limits', 'breakers']) ? true : null,
    );
    await pause(2_000);
    server.thaw();
    await eventually('that it goes on is told', () => (everywhere(true) ? true : null));
    await pause(2_000);
    judge('one server', load.end());
    // What is lost again before it was back for long is told once.
    await eventually('all is told', () => (pods.every(({ changes }) => changes.length === 3) ? true : null));
    for (const { changes, seen } of pods) {
      expect(changes).toEqual([true, false, true]);
      expect(seen.failed).toBeGreaterThan(0);
      expect(seen.reconnecting).toBeGreaterThan(0);
    }
  });

  it('away at the start: everybody goes on by itself, and joins later', async () => {
    const server = await RedisServer.start();
    servers = [server];
    await server.kill();
    const startedMs = performance.now();
    pods = [await startPod(server.target, 'a')];
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    await pause(300);
    expect(pods[0]?.call('psp-a')).toBe(true);
    await server.restart();
    await eventually('it joins', () => (everywhere(true) ? true : null));
  });

  it('a cluster of which one server is killed and comes back', async () => {
    servers = [...(await startCluster())];
    await open(
      targetOf(
        'cluster',
        servers.map(({ port }) => port),
      ),
    );
    const load = new Load(pods);
    await pause(2_000);
    await servers[1]?.kill();
    await pause(3_000);
    await servers[1]?.restart();
    await pause(4_000);
    judge('a cluster', load.end());
  });

  it('sentinels that make a replica the master', async () => {
    const master = await RedisServer.start();
    const replica = await RedisServer.start(() => ['--replicaof', '127.0.0.1', String(master.port)]);
    servers = [master, replica];
    const sentinels: RedisServer[] = [];
    for (let index = 0; index < 3; index += 1) {
      sentinels.push(
        await RedisServer.start((_port, folder) => {
          const path = join(folder, 'sentinel.conf');
          const about = [
            `monitor main 127.0.0.1 ${master.port} 2`,
            'down-after-milliseconds main 500',
            'failover-timeout main 3000',
          ];
          writeFileSync(path, about.map((line) => `sentinel ${line}\n`).join(''));
          return [path, '--sentinel'];
        }),
      );
    }
    servers.push(...sentinels);
    await eventually('the sentinels know each other', async () => {
      const told = await Promise.all(sentinels.map((one) => one.ask('SENTINEL', 'CKQUORUM', 'main')));
      return told.every((text) => text?.startsWith('+OK 3')) ? true : null;
    });
    await eventually('the replica follows', async () =>
      (await replica.ask('INFO', 'replication'))?.includes('master_link_status:up') ? true : null,
    );
    await open(
      targetOf(
        'sentinel',
        sentinels.map(({ port }) => port),
        'main',
      ),
    );
    const load = new Load(pods);
    await pause(2_000);
    await master.kill();
    await eventually(
      'the replica is the master',
      async () => ((await replica.ask('INFO', 'replication'))?.includes('role:master') ? true : null),
      { withinMs: 30_000 },
    );
    await eventually('all functions are up again', () => (everywhere(true) ? true : null), {
      withinMs: 30_000,
    });
    await pause(2_000);
    judge('sentinels', load.end());
  });

  it('teaches the others within two seconds, and begins from a copy', async () => {
    const server = await RedisServer.start();
    servers = [server];
    await open(server.target);
    const scope = { name: '', later: false };
    const n = ({ learner }: Pod) => learner.approval('psp-a', FACTS, scope).n;
    const observe = (pod: Pod | undefined, times: number) => {
      for (let time = 0; time < times; time += 1) {
        pod?.learning.learner.observe({
          provider: 'psp-a',
          facts: FACTS,
          attemptNumber: 1,
          outcome: SAMPLE_OUTCOMES.approved,
          durationMs: 80,
          resolvedLater: false,
        });
      }
    };
    const startedMs = performance.now();
    observe(pods[0], 300);
    await eventually('the others know', () => (pods.every((pod) => n(pod) > 280) ? true : null), {
      withinMs: 2_000,
    });
    console.log(`known to all after ${Math.round(performance.now() - startedMs)} ms`);
    await pause(11_000);
    observe(pods[1], 100);
    await pause(1_000);
    const late = await startPod(server.target, 'd');
    pods = [...pods, late];
    await eventually('it knows as much', () =>
      Math.abs(n(late) - n(pods[0] as Pod)) < 1 && n(late) > 350 ? true : null,
    );
  });

  it('leaves keys of every sort, and none without an end', async () => {
    const server = await RedisServer.start();
    servers = [server];
    await open(server.target);
    const [a] = pods as [Pod, Pod, Pod];
    const load = new Load(pods);
    a.learning.learner.observe({
      provider: 'psp-a',
      facts: FACTS,
      attemptNumber: 1,
      outcome: SAMPLE_OUTCOMES.approved,
      durationMs: 80,
      resolvedLater: false,
    });
    // What a process has nothing of it takes away again: this one does only what is said here.
    const connection = { target: server.target, identity: testIdentity(), clock: systemClock };
    const state = new RedisSharedState({ ...connection, pod: 'd' });
    onTestFinished(() => state.close());
    // On a busy machine an answer may be late.
    const done = (ask: () => Promise<unknown>) =>
      eventually('it is answered', () =>
        ask().then(
          () => true,
          () => null,
        ),
      );
    await done(() => state.exchangeVotes([{ provider: 'psp-a', brand: 'visa', opening: 1, forMs: 60_000 }]));
    await done(() => state.takeProbe({ provider: 'psp-a', brand: 'visa' }, 60_000));
    await done(() =>
      state.exchangeLimit({
        ...{ provider: 'psp-d', perSecond: 1, burst: 1, calls: 1, owed: 0, closeForMs: 60_000 },
        ...{ callsShare: 1, concurrent: 1, places: 1, placesInUse: 1, placesShare: 1 },
      }),
    );
    await done(() => state.takeSnapshotTurn(60_000));
    for (const size of [300_000, 10]) {
      await done(() => state.saveSnapshot({ about: 'x', bytes: new Uint8Array(size) }));
    }
    await done(() => state.exchangeTesting([{ name: 'x', ended: 120, declined: 110, refusedForMs: 0 }]));
    await done(() => state.announce('arms'));
    await pause(1_000);
    const told = await server.ask('EVAL', KEPT, '0');
    load.end();
    expectEnds(told ?? '');
  });
});
