import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRedisUrl } from '../../../src/config/redis-url.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { RedisSharedState } from '../../../src/stores/redis/redis-shared-state.ts';
import { sharedStateContract } from '../../contracts/shared-state-contract.ts';
import { selfSignedCertificate } from '../../providers/self-signed-certificate.ts';
import { isMissing } from '../../support/debian-programs.ts';
import { eventually } from '../../support/eventually.ts';
import { RedisServer, startCluster, targetOf, testIdentity, whyNoRedis } from '../../support/redis-server.ts';
import { stageOn } from './redis-stage.ts';

const NO_REDIS = isMissing('everything on Redis servers', whyNoRedis());

describe.skipIf(NO_REDIS)('on real servers, one and a cluster', () => {
  let single: RedisServer;
  let cluster: readonly RedisServer[];
  beforeAll(async () => {
    single = await RedisServer.start();
    cluster = await startCluster();
  });
  afterAll(async () => {
    for (const server of [single, ...cluster]) await server.stop();
  });
  it('with TLS and a password, as REDIS_URL and REDIS_CA_FILE say; not with another authority or password', async () => {
    const { cert, key } = selfSignedCertificate();
    const server = await RedisServer.start((port, folder) => {
      writeFileSync(join(folder, 'cert.pem'), cert);
      writeFileSync(join(folder, 'key.pem'), key);
      return [
        ...['--tls-port', String(port + 1), '--tls-auth-clients', 'no', '--requirepass', 'pass@word'],
        ...['--tls-cert-file', join(folder, 'cert.pem'), '--tls-key-file', join(folder, 'key.pem')],
        ...['--tls-ca-cert-file', join(folder, 'cert.pem')],
      ];
    });
    const live = async (url: string, certificateAuthority: string | null) => {
      const reading = readRedisUrl(url);
      if (reading.kind === 'refused') throw new Error(reading.expected);
      const target = { ...reading.address, certificateAuthority, sentinelLogin: null };
      const state = new RedisSharedState({
        target,
        identity: testIdentity(),
        pod: 'a',
        clock: systemClock,
        timeoutMs: 1_000,
      });
      try {
        return await eventually('it answers', () => state.beat().catch(() => null), { withinMs: 1_500 });
      } catch {
        return null;
      } finally {
        await state.close();
      }
    };
    const url = (password: string) => `rediss://:${password}@127.0.0.1:${server.port + 1}/0`;
    expect(await live(url('pass%40word'), cert)).toMatchObject({ live: 1 });
    expect(await live(url('pass%40word'), null)).toBe(null);
    expect(await live(url('pass%40word'), selfSignedCertificate().cert)).toBe(null);
    expect(await live(url('wrong'), cert)).toBe(null);
    await server.stop();
  });

  it('takes batches away that no process writes, one at a time, and reads those between and after them', async () => {
    await single.ask('FLUSHALL');
    const refused: string[] = [];
    const state = new RedisSharedState({
      ...{ target: single.target, identity: testIdentity(), pod: 'a', clock: systemClock, timeoutMs: 1_000 },
      onRefused: (key, reason) => refused.push(`${key} ${reason}`),
    });
    const anybody = new Redis(single.port, '127.0.0.1');
    try {
      await eventually('it answers', () => state.beat().catch(() => null));
      const stream = `${testIdentity().prefix}:{learning}:outcomes`;
      const large = 'x'.repeat(600 * 1024);
      await state.appendOutcomes(1, '["first"]');
      for (let time = 0; time < 3; time += 1)
        await anybody.xadd(stream, '*', 'pod', 'ghost', 'outcomes', large);
      await state.appendOutcomes(2, '["second"]');
      await anybody.xadd(stream, '*', 'pod', 'ghost', 'outcomes', large);
      const read: string[] = [];
      let position = '0-0';
      for (let time = 1; time <= 5; time += 1) {
        const { batches } = await state.readOutcomes(position, 10);
        for (const batch of batches) {
          read.push(batch.outcomes);
          position = batch.position;
        }
        expect(await anybody.xlen(stream)).toBe(Math.max(2, 6 - time));
      }
      expect(read).toEqual(['["first"]', '["second"]']);
      expect(refused).toEqual(Array.from({ length: 4 }, () => 'outcomes too_long'));
    } finally {
      anybody.disconnect();
      await state.close();
    }
  });

  sharedStateContract('a cluster of three', () =>
    stageOn(
      targetOf(
        'cluster',
        cluster.map(({ port }) => port),
      ),
      () => Promise.all(cluster.map((server) => server.ask('FLUSHALL'))),
    ),
  );
});
