import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import type { RedisTarget } from '../../../src/stores/redis/redis-client.ts';
import { RedisSharedState } from '../../../src/stores/redis/redis-shared-state.ts';
import { selfSignedCertificate } from '../../providers/self-signed-certificate.ts';
import { isMissing } from '../../support/debian-programs.ts';
import { eventually, pause } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { RedisServer, targetOf, testIdentity, whyNoRedis } from '../../support/redis-server.ts';
import { Relay } from '../../support/relay.ts';

const NO_REDIS = isMissing('connections to Redis servers', whyNoRedis());

const SECRET = 'pass-word-77';
const JARGON = /writeable|offline ?queue|MaxRetries|ClusterAllFailed|Connection is closed|Stream/i;

describe.skipIf(NO_REDIS)('a connection to Redis', () => {
  let servers: RedisServer[] = [];
  const states: RedisSharedState[] = [];
  const relays: Relay[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  beforeAll(() => {
    process.on('unhandledRejection', onUnhandled);
  });
  afterAll(() => {
    process.off('unhandledRejection', onUnhandled);
  });
  afterEach(async () => {
    for (const state of states.splice(0)) await state.close();
    for (const relay of relays.splice(0)) await relay.stop();
    for (const server of servers.splice(0)) await server.stop();
  });
  const start = async (...args: Parameters<typeof RedisServer.start>) => {
    const server = await RedisServer.start(...args);
    servers = [...servers, server];
    return server;
  };
  const open = (target: RedisTarget, pod = 'a', timeoutMs = 300) => {
    const told: string[] = [];
    const state = new RedisSharedState({
      ...{ target, identity: testIdentity(), pod, clock: systemClock, timeoutMs },
      onFailed: (_what, { message }) => told.push(message),
    });
    states.push(state);
    return { state, told };
  };
  const startRelay = async () => {
    const relay = await Relay.start((await start()).port);
    relays.push(relay);
    return relay;
  };
  /** What is told once it has had the time to find out. */
  const problem = async (target: RedisTarget) => {
    const { state, told } = open(target);
    await pause(1_200);
    await state.appendOutcomes(1, '[]').then(
      () => told.push('it answered'),
      () => {},
    );
    return told.at(-1) ?? '';
  };

  it('that is made at once counts no failure', async () => {
    const { target } = await start();
    for (let time = 0; time < 10; time += 1) {
      const { state, told } = open(target, `pod-${time}`, 1_000);
      await Promise.all([state.beat(), state.readOutcomes(null, 1), state.exchangeVotes([])]);
      expect(told).toEqual([]);
    }
  });

  it('fails in words of operations: where, why, and nothing of the password', async () => {
    const closed = await start(() => ['--requirepass', SECRET]);
    const plain = await start();
    const full = await start(() => ['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
    const replica = await start(() => ['--replicaof', '127.0.0.1', String(plain.port)]);
    const nobody = await freePort();
    const cases: readonly (readonly [RedisTarget, RegExp])[] = [
      [targetOf('single', [nobody]), /nothing listens there \(ECONNREFUSED\)$/],
      [{ ...targetOf('single', [1]), hosts: [{ host: 'no-such-host.invalid', port: 6379 }] }, /its name/],
      [closed.target, /it wants a password: .*REDIS_URL \(NOAUTH\)$/],
      [{ ...closed.target, password: `${SECRET}-wrong` }, /refuses user or password: .*\(WRONGPASS\)$/],
      [{ ...plain.target, database: 99 }, /no database of that number/],
      [full.target, /its memory is full .*\(OOM\)$/],
      [replica.target, /it is a replica and takes no writes: .*\(READONLY\)$/],
      [targetOf('cluster', [plain.port]), /it is no cluster/],
      [targetOf('cluster', [nobody]), /no connection/],
      [targetOf('sentinel', [plain.port], 'main'), /it is no sentinel/],
      [targetOf('sentinel', [nobody], 'main'), /no connection|nothing listens/],
    ];
    for (const [target, expected] of cases) {
      const told = await problem(target);
      expect(told).toMatch(expected);
      for (const { host, port } of target.hosts) expect(told).toContain(`${host}:${port}`);
      expect(told).not.toMatch(JARGON);
      expect(told).not.toContain(SECRET);
    }
  });

  it('to a server that stands still says after how long', async () => {
    const server = await start();
    const { state, told } = open(server.target);
    await eventually('it answers', () => state.beat().catch(() => null));
    server.freeze();
    await state.beat().catch(() => {});
    server.thaw();
    expect(told.at(-1)).toBe(`Redis at 127.0.0.1:${server.port}: no answer within 300 ms`);
  });

  it.each([
    { what: 'after it was asked', isSent: true, stillMs: 900, delayMs: 0 },
    { what: 'before the question is sent', isSent: false, stillMs: 290, delayMs: 60 },
  ])(
    'counts no failure where this process stands still itself: $what',
    async ({ isSent, stillMs, delayMs }) => {
      const relay = await startRelay();
      const { state, told } = open(targetOf('single', [relay.port]));
      await eventually('it answers', () => state.beat().catch(() => null));
      told.length = 0;
      relay.delayMs = delayMs;
      const asked = state.beat();
      // What is asked in one turn is sent together, in the next.
      for (let turn = 0; isSent && turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const untilMs = performance.now() + stillMs;
      while (performance.now() < untilMs);
      expect(await asked).toMatchObject({ live: 1 });
      expect(told).toEqual([]);
    },
  );

  it('is made although its greetings take longer than an answer may', async () => {
    const relay = await startRelay();
    relay.delayMs = 250;
    const { state } = open(targetOf('single', [relay.port]), 'a', 100);
    await eventually('it listens', () => state.hears() || null);
    relay.delayMs = 0;
    await eventually('it answers', () => state.beat().catch(() => null));
  });

  it('that is cut off while it subscribes rejects nothing that nobody takes, and listens again', async () => {
    const relay = await startRelay();
    const { state } = open(targetOf('single', [relay.port]));
    await eventually('it listens', () => state.hears() || null);
    relay.cutAt = 'subscribe';
    relay.cutAll();
    await eventually('it was cut off more than once', () => relay.cuts >= 3 || null);
    expect(state.hears()).toBe(false);
    relay.cutAt = null;
    await eventually('it listens again', () => state.hears() || null);
    expect(unhandled).toEqual([]);
  });

  it('names a database that the server does not have, and never goes on with another', async () => {
    const server = await start();
    const { state } = open({ ...server.target, database: 99 });
    await eventually('it is known', async () => await state.fault());
    expect(await state.fault()).toMatch(/it has no database of that number: correct the number in REDIS_URL/);
    await expect(state.beat()).rejects.toThrow(/no database/);
    expect(await server.ask('DBSIZE')).toBe(':0\r\n');
    const right = open({ ...server.target, database: 15 }).state;
    await eventually('the one that there is answers', () => right.beat().catch(() => null));
    expect(await right.fault()).toBe(null);
  });

  it('by sentinels with a login of their own and TLS follows a failover', async () => {
    const { cert, key } = selfSignedCertificate();
    const tls = (port: number, folder: string) => {
      writeFileSync(join(folder, 'cert.pem'), cert);
      writeFileSync(join(folder, 'key.pem'), key);
      return [
        ...['--tls-port', String(port + 1), '--tls-auth-clients', 'no', '--tls-replication', 'yes'],
        ...['--tls-cert-file', join(folder, 'cert.pem'), '--tls-key-file', join(folder, 'key.pem')],
        ...['--tls-ca-cert-file', join(folder, 'cert.pem')],
      ];
    };
    const login = ['--requirepass', SECRET, '--masterauth', SECRET];
    const master = await start((port, folder) => [...tls(port, folder), ...login]);
    const replica = await start((port, folder) => [
      ...tls(port, folder),
      ...login,
      ...['--replicaof', '127.0.0.1', String(master.port + 1), '--replica-announce-port', String(port + 1)],
    ]);
    const sentinels: RedisServer[] = [];
    for (let index = 0; index < 3; index += 1) {
      sentinels.push(
        await start((port, folder) => {
          const path = join(folder, 'sentinel.conf');
          const about = [
            `monitor main 127.0.0.1 ${master.port + 1} 2`,
            `auth-pass main ${SECRET}`,
            'down-after-milliseconds main 500',
            'failover-timeout main 3000',
            `announce-port ${port + 1}`,
            'sentinel-pass sentinel-word',
          ];
          writeFileSync(path, about.map((line) => `sentinel ${line}\n`).join(''));
          return [path, '--sentinel', ...tls(port, folder), '--requirepass', 'sentinel-word'];
        }),
      );
    }
    const target: RedisTarget = {
      ...targetOf(
        'sentinel',
        sentinels.map(({ port }) => port + 1),
        'main',
      ),
      ...{ tls: true, certificateAuthority: cert, password: SECRET },
      sentinelLogin: { username: null, password: 'sentinel-word' },
    };
    const { state } = open(target, 'a', 1_000);
    await eventually('it answers', () => state.beat().catch(() => null), { withinMs: 20_000 });
    for (const sentinelLogin of [null, { username: null, password: SECRET }]) {
      const wrong = open({ ...target, sentinelLogin }, 'b', 1_000);
      await pause(1_500);
      await expect(wrong.state.beat()).rejects.toThrow(/password/);
      await wrong.state.close();
    }
    // The replica is known to the sentinels once its master has told of it.
    await pause(12_000);
    await master.kill();
    await eventually(
      'the new master takes writes',
      () =>
        state
          .exchangeVotes([{ provider: 'psp-a', brand: 'visa', opening: 1, forMs: 5_000 }])
          .catch(() => null),
      { withinMs: 40_000 },
    );
    expect(await replica.ask('INFO', 'replication')).toMatch(/NOAUTH|role:master/);
  }, 90_000);
});
