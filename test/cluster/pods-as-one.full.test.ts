import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SandboxChild, startSandboxChild } from '../../src/providers/sandbox/sandbox-child.ts';
import { allAuthorizations } from '../road/agreement.ts';
import { problemIn } from '../road/problem-in.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { isMissing } from '../support/debian-programs.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { RedisServer, whyNoRedis } from '../support/redis-server.ts';
import { ReleaseDesk } from '../support/release-desk.ts';
import {
  type Answer,
  authorizationIn,
  SandboxControl,
  startGateway,
  type TestGateway,
} from '../support/start-gateway.ts';

/**
 * Three gateways over one Postgres and one Redis, and a sandbox beside them: whoever is asked, it is one gateway. The tests
 * share one world; in the last ones Redis is gone.
 */

const PODS = 3;
const PROVIDERS = ['sandbox-a', 'sandbox-b'];
/** A change at one pod holds at all of them after that time, whether or not there is a Redis. */
const SEEN_BY_ALL_MS = 2_000;
/** Changes of a sort that are measured, one pod after the other. */
const CHANGES = 6;
const KEYS = 20;
/** Of one key at each pod. */
const CALLS = 10;
/** Of every second payment, longer than it takes to send all calls. */
const LATE_MS = 1_500;
const LATE_MERCHANT = 'acme-late';

const NO_REDIS = isMissing('three gateways as one', whyNoRedis());

describe.skipIf(NO_REDIS)('three pods', () => {
  let postgres: PostgresServer;
  let redis: RedisServer;
  let sandbox: SandboxChild;
  let control: SandboxControl;
  let pods: readonly TestGateway[] = [];

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), RedisServer.start()]);
    sandbox = await startSandboxChild(PROVIDERS, 0, () => {});
    control = new SandboxControl(sandbox.controlUrl);
    // Long enough for a busy machine: a call that times out is repeated under its key, and so would be asked twice. And so
    // many places that each pod holds enough at hand for all calls that come at once.
    const providers = PROVIDERS.map((id) => ({
      id,
      timeoutMs: 6_000,
      concurrent: 10_000,
      baseUrl: sandbox.providers.get(id) ?? '',
    }));
    const env = {
      DATABASE_URL: await postgres.database(),
      REDIS_URL: `redis://127.0.0.1:${redis.port}/0`,
      RULES_ACTIVATION: 'manual',
    };
    const options = { providers: providersYaml(providers), rules: priorityRules(PROVIDERS), env };
    const opened: TestGateway[] = [];
    pods = opened;
    for (let pod = 0; pod < PODS; pod += 1) opened.push(await startGateway(options));
    await share(true);
  }, 60_000);

  afterAll(async () => {
    for (const pod of pods) await pod[Symbol.asyncDispose]();
    sandbox?.close();
    await redis?.stop();
    await postgres?.stop();
  });

  /** Waits until each pod says so. */
  async function share(isUp: boolean): Promise<void> {
    for (const pod of pods) {
      await eventually(`it says that messages of others ${isUp ? '' : 'do not '}arrive`, async () =>
        (await pod.metric('pointsman_shared_state_up', '{function="notices"}')) === Number(isUp)
          ? true
          : null,
      );
    }
  }

  /** Messages that were sent to all so far. */
  async function published(): Promise<number> {
    const told = await redis.ask('INFO', 'commandstats');
    return Number(/^cmdstat_publish:calls=(\d+)/m.exec(told ?? '')?.[1] ?? 0);
  }

  it(`take each of ${KEYS} keys once, each sent ${CALLS} times to every pod at once`, async () => {
    const match = { merchant: LATE_MERCHANT };
    await control.addFault({ provider: '*', kind: 'late', delay_ms: LATE_MS, times: null, match });
    const calls = Array.from({ length: KEYS * PODS * CALLS }, (_, index) => {
      const key = Math.floor(index / PODS) % KEYS;
      const body = paymentBody(`one-${key}`, { merchant: key % 2 === 0 ? LATE_MERCHANT : 'acme-eu' });
      const pod = index % PODS;
      return { key, pod, send: () => (pods[pod] as TestGateway).authorize(body, `one-${key}`) };
    });
    const first = await Promise.all(calls.map(({ send }) => send()));

    const inFlight = first.flatMap((answer, index) => (answer.status === 201 ? [] : [{ answer, index }]));
    for (const { answer } of inFlight) problemIn(answer, 409, 'in-flight');
    for (let pod = 0; pod < PODS; pod += 1) {
      const here = inFlight.filter(({ index }) => calls[index]?.pod === pod);
      expect(here.length, `calls that pod ${pod} told that one is under way`).toBeGreaterThan(0);
    }
    // All are answered, so that nothing is under way any more.
    const finals = await Promise.all(
      first.map((answer, index) => (answer.status === 201 ? answer : (calls[index]?.send() ?? answer))),
    );
    const payments = Array.from({ length: KEYS }, (_, key) =>
      finals.filter((_final, index) => calls[index]?.key === key),
    );
    for (const answers of payments) {
      expect(answers).toHaveLength(PODS * CALLS);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      const own = answers.filter(({ headers }) => headers.get('idempotent-replayed') === null);
      expect(own, 'the one that was not repeated').toHaveLength(1);
      expect(authorizationIn(answers[0] as Answer)).toMatchObject({
        status: 'approved',
        attempts: [{ outcome: 'approved' }],
      });
    }
    const took = payments.map(
      (answers) => authorizationIn(answers[0] as Answer).attempts[0]?.duration_ms ?? 0,
    );
    expect(took.filter((ms) => ms >= LATE_MS).length).toBeGreaterThanOrEqual(KEYS / 2);

    const { authorizations } = await control.ledger();
    const references = Array.from({ length: KEYS }, (_, key) => `one-${key}`).sort();
    expect(authorizations.map((entry) => entry.merchant_reference).sort()).toEqual(references);
    expect(authorizations.filter(({ asked, live }) => asked !== 1 || !live)).toEqual([]);
    const recorded = await allAuthorizations(pods[0] as TestGateway);
    expect(recorded.map(({ reference }) => reference).sort()).toEqual(references);
    console.log(`${inFlight.length} of ${calls.length} calls were told that one is under way`);
  });

  /**
   * Has one pod after the other make a change, and measures after which time, from its answer on, the last pod goes by it.
   * @returns milliseconds, of each change
   */
  async function timesUntilSeen(
    change: (pod: TestGateway, index: number) => Promise<Answer>,
    isSeen: (pod: TestGateway, index: number) => Promise<boolean>,
  ): Promise<readonly number[]> {
    const times: number[] = [];
    for (let index = 0; index < CHANGES; index += 1) {
      const changing = pods[index % PODS] as TestGateway;
      const answer = await change(changing, index);
      const fromMs = performance.now();
      expect(answer.status, answer.text).toBe(200);
      const others = pods.filter((pod) => pod !== changing);
      const seenMs = others.map(async (pod) => {
        await eventually('the change is seen', async () => (await isSeen(pod, index)) || null);
        return performance.now() - fromMs;
      });
      times.push(Math.max(...(await Promise.all(seenMs))));
    }
    return times;
  }

  let sequence = 0;

  /** The provider that a payment goes to which is sent to this pod, and the ruleset by which it does. */
  async function routed(pod: TestGateway) {
    sequence += 1;
    const answer = await pod.authorize(paymentBody(`routed-${sequence}`), `routed-${sequence}`);
    const { provider, routing } = authorizationIn(answer) as ReturnType<typeof authorizationIn> & {
      readonly routing: { readonly ruleset: number };
    };
    return { provider, ruleset: routing.ruleset };
  }

  /** The version in force, and one that waits to be activated, once there is one. */
  async function versions(): Promise<readonly [inForce: number, other: number]> {
    const [pod] = pods as [TestGateway];
    pod.writeRules('rules.yaml', priorityRules(PROVIDERS.toReversed()));
    const { version, waiting } = await new ReleaseDesk(pod).waiting('candidate');
    return [version, waiting?.version ?? Number.NaN];
  }

  /** Goes over from one version to the other and back, by all pods in turn. */
  function activations([inForce, other]: readonly [number, number]) {
    const wanted = (index: number) => (index % 2 === 0 ? other : inForce);
    return timesUntilSeen(
      (pod, index) => new ReleaseDesk(pod).release(`${wanted(index)}/activate`, wanted(index + 1)),
      async (pod, index) => (await routed(pod)).ruleset === wanted(index),
    );
  }

  /** Takes the first provider out and in again, by all pods in turn. */
  function overrides() {
    const isOut = (index: number) => index % 2 === 0;
    return timesUntilSeen(
      (pod, index) => {
        const mode = isOut(index) ? 'drain' : 'auto';
        const body = { mode, reason: `change ${index}`, expires_in_s: 600 };
        return pod.call('PUT', '/v1/providers/sandbox-a/override', { body });
      },
      async (pod, index) => (await routed(pod)).provider === (isOut(index) ? 'sandbox-b' : 'sandbox-a'),
    );
  }

  function expectSeen(what: string, times: readonly number[]): void {
    console.log(`${what}: gone by at all pods after ${times.map(Math.round).join(', ')} ms`);
    expect(times).toHaveLength(CHANGES);
    expect(Math.max(...times)).toBeLessThan(SEEN_BY_ALL_MS);
  }

  let both: readonly [number, number];

  it('go by what one of them activated within two seconds, and are told of it', async () => {
    both = await versions();
    const before = await published();
    expectSeen('activations', await activations(both));
    expect((await published()) - before).toBe(CHANGES);
  });

  it('go by an override of one of them within two seconds, and are told of it', async () => {
    const before = await published();
    expectSeen('overrides', await overrides());
    expect((await published()) - before).toBe(CHANGES);
  });

  it('do so as soon without Redis', async () => {
    await redis.kill();
    await share(false);
    expectSeen('activations without Redis', await activations(both));
    expectSeen('overrides without Redis', await overrides());
  });
});
