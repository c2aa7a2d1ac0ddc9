import { describe, expect, it } from 'vitest';
import { createApp } from '../../src/edge/app.ts';
import type { EdgeDeps } from '../../src/edge/edge-deps.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { DELIVERY, edgeFixture } from './edge-fixture.ts';

/** What is asked of a journal that hangs, and of which no road has a deadline: answered in time, and told when it comes. */

type Fixture = ReturnType<typeof edgeFixture>;

interface Case {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly withinMs: number;
  /** What hangs, until it is let go. */
  readonly hanging: (hang: <T>(end: () => T) => Promise<T>, plain: EdgeDeps) => Partial<EdgeDeps>;
  /** What the answer says of it. */
  readonly says: RegExp;
  /** What is told of it beside the answer, once it has come back. */
  readonly told: (fixture: Fixture) => readonly unknown[];
}

const RELEASE = { expected_active: 1, reason: 'ticket 1' };
const release = (path: string): Case => ({
  method: 'POST',
  path,
  body: RELEASE,
  withinMs: 10_000,
  hanging: (hang, plain) => ({
    rulesets: {
      ...plain.rulesets,
      release: async (command) => await hang(() => plain.rulesets.release(command)),
    },
  }),
  says: /may be, now or from later on.*Repeat it as it was/,
  told: ({ releases }) => releases,
});

const CASES: readonly Case[] = [
  {
    method: 'PUT',
    path: '/v1/providers/sandbox-a/override',
    body: { mode: 'force_open', reason: 'ticket 1' },
    withinMs: 5_000,
    hanging: (hang, plain) => ({
      setOverride: async (override) => await hang(() => plain.setOverride(override)),
    }),
    says: /may hold, now or from later on.*Repeat it as it was/,
    told: ({ overrides }) => overrides,
  },
  {
    method: 'PUT',
    path: '/v1/experiments/checkout/arms/treatment',
    body: { state: 'stopped', reason: 'ticket 1' },
    withinMs: 5_000,
    hanging: (hang, { experiments }) => ({
      experiments: {
        ...experiments,
        setArm: async (command) => await hang(() => experiments.setArm(command)),
      },
    }),
    says: /may hold, now or from later on.*Repeat it with the same reason/,
    told: () => [null],
  },
  release('/v1/rulesets/2/activate'),
  release('/v1/rulesets/rollback'),
  {
    method: 'POST',
    path: `/v1/events/deliveries/${DELIVERY.id}/replay`,
    withinMs: 5_000,
    hanging: (hang, { deliveries }) => ({
      deliveries: {
        ...deliveries,
        replayDelivery: async (...asked) => await hang(() => deliveries.replayDelivery(...asked)),
      },
    }),
    says: /may be sent, now or later.*Repeat it/,
    told: ({ replays }) => replays,
  },
  {
    method: 'GET',
    path: '/v1/rulesets/1',
    withinMs: 5_000,
    hanging: (hang, { rulesets }) => ({
      rulesets: { ...rulesets, find: async (version) => await hang(() => rulesets.find(version)) },
    }),
    says: /can be read later/,
    told: () => [null],
  },
];

function stageOf({ method, path, body, hanging }: Case) {
  const clock = new FakeClock();
  const { promise: gone, resolve, reject } = Promise.withResolvers<void>();
  const plain = edgeFixture({}, clock);
  const over = hanging(async (end) => {
    await gone;
    return end();
  }, plain.deps);
  const app = createApp({ ...plain.deps, ...over });
  let tookMs = Number.NaN;
  const asking = async () => {
    const response = await app.request(path, {
      method,
      headers: { authorization: 'Bearer key-all', 'content-type': 'application/json' },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
    });
    tookMs = clock.monotonicMs();
    return response;
  };
  return { clock, fixture: plain, asking, letGo: resolve, fail: reject, tookMs: () => tookMs };
}

describe.each(CASES)('$method $path', (asked) => {
  const ask = async () => {
    const here = stageOf(asked);
    const answering = here.asking();
    // The body is read, and nothing is done but what waits for the clock.
    for (let turn = 0; turn < 20; turn += 1) await settled();
    await here.clock.advance(60_000);
    const response = await answering;
    return { ...here, response };
  };

  it('is answered in time, with what may have become of it and what to do', async () => {
    const { response, tookMs, fixture } = await ask();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({
      type: '/problems/journal-unavailable',
      detail: expect.stringMatching(asked.says),
    });
    expect(tookMs()).toBe(asked.withinMs);
    expect(fixture.faults).toEqual([]);
  });

  it('is told whenever it comes back', async () => {
    const { fixture, clock, letGo } = await ask();
    letGo();
    await clock.advance(0);
    expect(asked.told(fixture)).toHaveLength(1);
    expect(fixture.faults).toEqual([]);
  });

  it('whose bug shows after the answer is reported as one before it', async () => {
    const { fixture, clock, fail } = await ask();
    const error = new TypeError('a bug of the store');
    fail(error);
    await clock.advance(0);
    expect(fixture.faults).toMatchObject([{ error }]);
    expect(fixture.faults[0]?.route).toMatch(/^\/v1\//);
  });
});
