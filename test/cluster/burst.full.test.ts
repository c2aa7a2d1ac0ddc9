import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SandboxChild, startSandboxChild } from '../../src/providers/sandbox/sandbox-child.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { isMissing } from '../support/debian-programs.ts';
import { eventually, pause } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { RedisServer, whyNoRedis } from '../support/redis-server.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Three gateways that share the limits of three providers, as they are where nothing is written of them. */
const PODS = 3;
const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'];
/** A third of half the places of each provider is at hand at each. */
const AT_ONCE = 24;
const IDLE_MS = 3_000;
const ROUNDS = 3;

const NO_REDIS = isMissing('bursts at three gateways', whyNoRedis());

describe.skipIf(NO_REDIS)('a burst', () => {
  let postgres: PostgresServer;
  let redis: RedisServer;
  let sandbox: SandboxChild;
  const pods: TestGateway[] = [];

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), RedisServer.start()]);
    sandbox = await startSandboxChild(PROVIDERS, 0, () => {});
    const providers = PROVIDERS.map((id) => ({
      id,
      timeoutMs: 6_000,
      perSecond: 100,
      concurrent: 50,
      baseUrl: sandbox.providers.get(id) ?? '',
    }));
    const env = {
      DATABASE_URL: await postgres.database(),
      REDIS_URL: `redis://127.0.0.1:${redis.port}/0`,
    };
    const options = { providers: providersYaml(providers), rules: priorityRules(PROVIDERS), env };
    for (let pod = 0; pod < PODS; pod += 1) pods.push(await startGateway(options));
    for (const pod of pods) {
      await eventually('it knows of the others', async () =>
        (await pod.metric('pointsman_shared_state_pods', '')) === PODS ? true : null,
      );
    }
  }, 60_000);

  afterAll(async () => {
    for (const pod of pods) await pod[Symbol.asyncDispose]();
    sandbox?.close();
    await redis?.stop();
    await postgres?.stop();
  });

  it('at a process that was idle is taken by what it has at hand', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await pause(IDLE_MS);
      const pod = pods[round % PODS] as TestGateway;
      const names = Array.from({ length: AT_ONCE }, (_, index) => `burst-${round}-${index}`);
      const answers = await Promise.all(names.map((name) => pod.authorize(paymentBody(name), name)));
      expect(answers.map(({ status }) => status)).toEqual(names.map(() => 201));
    }
  });
});
