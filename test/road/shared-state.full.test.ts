import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { isMissing } from '../support/debian-programs.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { RedisServer, whyNoRedis } from '../support/redis-server.ts';
import { Relay } from '../support/relay.ts';
import {
  authorizationIn,
  type GatewayOptions,
  launchGateway,
  startGateway,
  type TestGateway,
} from '../support/start-gateway.ts';

const NO_REDIS = isMissing('two gateways and one Redis', whyNoRedis());

const PROVIDERS = ['sandbox-a', 'sandbox-b'];

/** Two gateways of one journal that share a Redis. The tests go through one story, in order. */
describe.skipIf(NO_REDIS)('two gateways and one Redis', () => {
  let redis: RedisServer;
  let postgres: PostgresServer;
  let gateways: TestGateway[] = [];
  let options: { readonly env: Readonly<Record<string, string>> } & GatewayOptions;
  let sequence = 0;

  beforeAll(async () => {
    redis = await RedisServer.start();
    postgres = await startPostgres();
    options = {
      providers: providersYaml(PROVIDERS.map((id) => ({ id }))),
      rules: priorityRules(PROVIDERS),
      env: {
        REDIS_URL: `redis://127.0.0.1:${redis.port}/0`,
        DATABASE_URL: await postgres.emptyDatabase(),
      },
    };
    gateways = [await startGateway(options), await startGateway(options)];
  }, 60_000);
  afterAll(async () => {
    for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
    await redis?.stop();
    await postgres?.stop();
  });

  const metric = async (gateway: TestGateway | undefined, name: string) => {
    const text = (await gateway?.get('/metrics', { key: null }))?.text ?? '';
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length) ?? Number.NaN,
    );
  };
  const pay = async (gateway: TestGateway | undefined, times: number) => {
    for (let time = 0; time < times; time += 1) {
      sequence += 1;
      const answer = await gateway?.authorize(paymentBody(`order-${sequence}`), `key-${sequence}`);
      expect(answer?.status).toBe(201);
      if (answer !== undefined) expect(authorizationIn(answer).provider).toBe('sandbox-a');
    }
  };
  const lost = () =>
    gateways.map(
      ({ output }) => output.events('shared_state').filter(({ state }) => state === 'lost').length,
    );

  /** A machine that is too busy to give a process its turn may have lost it for a while. */
  const areUp = () =>
    eventually('both say that they share', () => {
      const last = gateways.map(({ output }) => output.events('shared_state').at(-1)?.['state']);
      return last.every((state) => state === 'up') || null;
    });

  it('name the Redis they were given', async () => {
    const { json } = await (gateways[0] as TestGateway).get('/readyz', { key: null });
    const shared_state = `redis 127.0.0.1:${redis.port}/0 tls=off`;
    expect(json).toMatchObject({
      stores: {
        journal: expect.stringMatching(/^postgres 127\.0\.0\.1:\d+\/\w+ sslmode=disable$/),
        shared_state,
      },
    });
    expect(gateways[0]?.output.events('listening')).toEqual([expect.objectContaining({ shared_state })]);
  });

  it('see each other, with all functions up', async () => {
    for (const gateway of gateways) {
      await eventually('two are seen', async () =>
        (await metric(gateway, 'pointsman_shared_state_pods')) === 2 ? true : null,
      );
      for (const what of ['limits', 'learning', 'breakers', 'notices']) {
        await eventually(`${what} is up`, async () =>
          (await metric(gateway, `pointsman_shared_state_up{function="${what}"}`)) === 1 ? true : null,
        );
      }
    }
  });

  it('begin with nothing refused and no warning, and name the keys that are theirs', async () => {
    for (const gateway of gateways) {
      const text = (await gateway.get('/metrics', { key: null })).text;
      expect(text).toContain('pointsman_shared_state_up{function="card_testing"} 1');
      expect(text).not.toMatch(/^pointsman_shared_state_refused_total\{/m);
      expect(gateway.output.events('environment')).toEqual([]);
    }
    await areUp();
    const keys = gateways.map(
      ({ output }) => output.events('shared_state').find(({ state }) => state === 'up')?.['keys'],
    );
    expect(keys[0]).toMatch(/^pointsman:[a-z]{16}:\*$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('share nothing with a gateway of another journal, or of a copy that is set apart', async () => {
    const others = [
      { ...options.env, DATABASE_URL: await postgres.emptyDatabase() },
      { ...options.env, REDIS_KEY_PREFIX: 'staging' },
    ];
    for (const env of others) {
      const other = await startGateway({ ...options, env });
      await eventually('it is up', async () =>
        (await metric(other, 'pointsman_shared_state_up{function="limits"}')) === 1 ? true : null,
      );
      expect(await metric(other, 'pointsman_shared_state_pods')).toBe(1);
      await other[Symbol.asyncDispose]();
    }
    for (const gateway of gateways) expect(await metric(gateway, 'pointsman_shared_state_pods')).toBe(2);
  }, 60_000);

  it.each([
    ['/99', {}, /REDIS_URL: Redis at 127\.0\.0\.1:\d+: it has no database of that number/],
    [
      '',
      { REDIS_CA_FILE: 'package.json' },
      /REDIS_CA_FILE="package.json": .*holds no -----BEGIN CERTIFICATE/,
    ],
  ])('refuse to start with what can never be right: %s %o', async (path, more, expected) => {
    const scheme = path === '' ? 'rediss' : 'redis';
    const env = { ...options.env, REDIS_URL: `${scheme}://127.0.0.1:${redis.port}${path}`, ...more };
    const gateway = launchGateway({ ...options, env });
    expect((await gateway.ended()).code).not.toBe(0);
    expect(gateway.output.text()).toMatch(expected);
    await gateway[Symbol.asyncDispose]();
  });

  it('lease their calls, and learn from each other', async () => {
    await pay(gateways[0], 20);
    expect(
      await metric(gateways[0], 'pointsman_shared_state_leased_calls_total{provider="sandbox-a"}'),
    ).toBeGreaterThan(10);
    // What the first saw: the second has made no payment yet.
    const n = await eventually('the second knows of the payments', async () => {
      sequence += 1;
      const [, second] = gateways as [TestGateway, TestGateway];
      const answer = await second.authorize(paymentBody(`order-${sequence}`), `key-${sequence}`);
      const { routing } = authorizationIn(answer) as ReturnType<typeof authorizationIn> & {
        readonly routing: { readonly candidates: readonly { readonly approval: { readonly n: number } }[] };
      };
      const known = routing.candidates[0]?.approval.n ?? 0;
      return known >= 15 ? known : null;
    });
    expect(n).toBeGreaterThanOrEqual(15);
  });

  it('go on when Redis is killed, say so once, and join again', async () => {
    await areUp();
    const before = lost();
    const isTold = () => lost().every((times, index) => times === (before[index] ?? 0) + 1);
    await redis.kill();
    for (const gateway of gateways) {
      await eventually('the loss is told', async () =>
        (await metric(gateway, 'pointsman_shared_state_up{function="limits"}')) === 0 ? true : null,
      );
      await pay(gateway, 5);
    }
    await eventually('the loss is in the log', () => isTold() || null);
    for (const { output } of gateways) {
      const line = output.events('shared_state').findLast(({ state }) => state === 'lost');
      expect(line?.['problem']).toBe(
        `Redis at 127.0.0.1:${redis.port}: nothing listens there (ECONNREFUSED)`,
      );
      expect(line?.['goes_on']).toMatch(/limits: by its share .*card testing.*every second/);
    }
    await redis.restart();
    for (const gateway of gateways) {
      await eventually('it is up again', async () =>
        (await metric(gateway, 'pointsman_shared_state_up{function="limits"}')) === 1 &&
        (await metric(gateway, 'pointsman_shared_state_up{function="notices"}')) === 1
          ? true
          : null,
      );
      await pay(gateway, 5);
    }
    expect(isTold()).toBe(true);
  });

  it('leave each other in order', async () => {
    const [first, second] = gateways;
    first?.signal('SIGTERM');
    expect((await first?.ended())?.code).toBe(0);
    await eventually('one is left', async () =>
      (await metric(second, 'pointsman_shared_state_pods')) === 1 ? true : null,
    );
    await pay(second, 5);
  });
});

/** Payments of each gateway in a trial, one after the other. */
const PAYMENTS = 50;
/** What the relay adds to each answer of Redis. */
const REDIS_LATE_MS = 300;
/**
 * By how much longer payments may take on a busy machine: less than the tenth of a second after which a question to Redis is
 * given up, which is what each would take longer that asked one.
 */
const SLOWER_MS = 80;

/** A gateway behind a Redis of its own, which stands still or answers late, and one beside it that has none: what each takes. */
describe.skipIf(NO_REDIS)('a gateway whose Redis is slow', () => {
  let redis: RedisServer;
  let relay: Relay;
  let postgres: PostgresServer;
  let slow: TestGateway;
  let alone: TestGateway;
  let sequence = 0;

  beforeAll(async () => {
    [redis, postgres] = await Promise.all([RedisServer.start(), startPostgres()]);
    relay = await Relay.start(redis.port);
    const start = (env: Readonly<Record<string, string>>) =>
      startGateway({
        providers: providersYaml(PROVIDERS.map((id) => ({ id }))),
        rules: priorityRules(PROVIDERS),
        env,
      });
    alone = await start({ DATABASE_URL: await postgres.emptyDatabase() });
    slow = await start({
      DATABASE_URL: await postgres.emptyDatabase(),
      REDIS_URL: `redis://127.0.0.1:${relay.port}/0`,
    });
    await shares(1);
  }, 60_000);
  afterAll(async () => {
    await slow?.[Symbol.asyncDispose]();
    await alone?.[Symbol.asyncDispose]();
    await relay?.stop();
    await redis?.stop();
    await postgres?.stop();
  });

  /** Waits until the gateway says of what is asked for again and again that it shares it, or not. */
  async function shares(isUp: 0 | 1): Promise<void> {
    for (const what of ['limits', 'breakers', 'card_testing', 'learning']) {
      await eventually(`${what}: ${isUp}`, async () =>
        (await slow.metric('pointsman_shared_state_up', `{function="${what}"}`)) === isUp ? true : null,
      );
    }
  }

  /** What one payment takes, milliseconds. */
  async function paid(gateway: TestGateway): Promise<number> {
    sequence += 1;
    const beganMs = performance.now();
    const answer = await gateway.authorize(paymentBody(`order-${sequence}`), `key-${sequence}`);
    const tookMs = performance.now() - beganMs;
    expect([answer.status, authorizationIn(answer).status]).toEqual([201, 'approved']);
    return tookMs;
  }

  /** Pays at both in turns, so that what else the machine does takes both the same; none may wait for Redis. */
  async function payAsSoon(what: string): Promise<void> {
    const took: { slow: number[]; alone: number[] } = { slow: [], alone: [] };
    for (let payment = 0; payment < PAYMENTS; payment += 1) {
      took.slow.push(await paid(slow));
      took.alone.push(await paid(alone));
    }
    for (const share of [0.5, 0.9]) {
      const [ms, aloneMs] = [quantile(took.slow, share), quantile(took.alone, share)];
      console.log(
        `it ${what}: ${share * 100} % within ${Math.round(ms)} ms, without Redis ${Math.round(aloneMs)} ms`,
      );
      expect(ms).toBeLessThan(aloneMs + SLOWER_MS);
    }
  }

  it.each([
    { what: 'stands still', begin: () => redis.freeze(), end: () => redis.thaw() },
    {
      what: 'answers late',
      begin: () => {
        relay.delayMs = REDIS_LATE_MS;
      },
      end: () => {
        relay.delayMs = 0;
      },
    },
  ])(
    'pays as soon while it $what, says so, and joins again',
    async ({ what, begin, end }) => {
      begin();
      await shares(0);
      await payAsSoon(what);
      await shares(0);
      end();
      await shares(1);
      await paid(slow);
    },
    60_000,
  );
});

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * share)] ?? Number.NaN;
}
