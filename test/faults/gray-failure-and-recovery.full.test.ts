import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Admission } from '../../src/gateway/ports.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { problemIn } from '../road/problem-in.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { paymentBody } from '../support/gateway-files.ts';
import { sampleContract } from '../support/sample-ruleset.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Providers that fail in part, breakers that are open, and the way back. */

const TIMEOUT_MS = 400;
const RESET_MS = 1_000;
/** Longer than the test: no probe comes in between. */
const NO_RESET_MS = 120_000;

interface Story {
  readonly merchant: string;
  readonly providers: readonly string[];
  readonly resetMs: number;
  readonly perSecond?: number;
  readonly queueMs?: number;
}

const STORIES: readonly Story[] = [
  { merchant: 'gray', providers: ['gray-a', 'gray-b'], resetMs: NO_RESET_MS },
  { merchant: 'opened', providers: ['opened-a', 'opened-b'], resetMs: NO_RESET_MS },
  { merchant: 'forced', providers: ['forced-a', 'forced-b'], resetMs: NO_RESET_MS },
  { merchant: 'all-down', providers: ['down-a', 'down-b'], resetMs: RESET_MS },
  { merchant: 'back', providers: ['back-a'], resetMs: RESET_MS, perSecond: 50, queueMs: 5_000 },
];

let gateway: TestGateway;

beforeAll(async () => {
  const providers = STORIES.flatMap(({ merchant, providers: ids, resetMs, perSecond = 1_000 }) =>
    ids.map((id) => ({
      id,
      adapter: 'sandbox',
      merchants: [merchant],
      timeout_ms: merchant === 'back' ? 1_000 : TIMEOUT_MS,
      limits: { per_second: perSecond, concurrent: 20 },
      capabilities: { features: ['partial_capture'] },
      breaker: { volume: 5, failure_ratio: 0.5, window_ms: 60_000, reset_ms: resetMs },
    })),
  );
  const rules = STORIES.map(({ merchant, providers: priority, queueMs = 0 }) => ({
    name: merchant,
    when: { field: 'merchant', is: merchant },
    // biome-ignore lint/suspicious/noThenProperty: the word of the file
    then: { priority, attempts_max: 2, queue_ms: queueMs },
  }));
  gateway = await startGateway({
    providers: JSON.stringify({ providers }),
    rules: JSON.stringify({ rules }),
    env: { RESOLVER_SCHEDULE_MS: '200,400,800,1600,3200' },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

let sequence = 0;

async function pay(merchant: string) {
  sequence += 1;
  const body = paymentBody(`${merchant}-${sequence}`, { merchant });
  const key = `key-${sequence}`;
  return { body, key, answer: await gateway.authorize(body, key) };
}

const payMany = (merchant: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => pay(merchant)));

async function breakerOf(provider: string): Promise<string | undefined> {
  const { json } = await gateway.get(`/v1/providers/${provider}`);
  const { lanes } = json as { readonly lanes: readonly { brand: string; breaker: string }[] };
  return lanes.find(({ brand }) => brand === 'visa')?.breaker;
}

const requestsAt = async (provider: string) => (await gateway.sandbox.requests())[provider] ?? 0;

function operate(id: string, what: 'captures' | 'voids' | 'refunds', body: unknown = {}): Promise<Answer> {
  sequence += 1;
  return gateway.call('POST', `/v1/authorizations/${id}/${what}`, {
    headers: { 'idempotency-key': `operation-${sequence}` },
    body,
  });
}

test('T41: a fifth of the calls takes 30 s: the breaker opens on them, and traffic shifts', async () => {
  const [provider, other] = ['gray-a', 'gray-b'];
  await gateway.sandbox.addFault({ provider, kind: 'late', delay_ms: 30_000, probability: 0.2, times: null });
  const { providers } = (await (await fetch(`${gateway.sandbox.url}/providers`)).json()) as {
    readonly providers: readonly { readonly id: string; readonly url: string }[];
  };
  const url = providers.find(({ id }) => id === provider)?.url;
  const before: Awaited<ReturnType<typeof pay>>[] = [];
  while ((await breakerOf(provider)) !== 'open' && before.length < 300) {
    before.push(...(await payMany('gray', 5)));
    expect((await fetch(`${url}/healthz`)).status, 'pings stay healthy').toBe(200);
  }
  expect(await breakerOf(provider)).toBe('open');
  expect(before.length).toBeLessThan(300);
  const slow = await gateway.metric(
    'pointsman_resolutions_total',
    `{provider="${provider}",subject="attempt",by="inquiry",result="approved"}`,
  );
  expect(slow, 'calls that took too long').toBeGreaterThan(0);
  // Most of them were answered well: it is the slow share that opened it.
  expect(slow).toBeLessThan(before.length / 2);

  const already = await requestsAt(provider);
  const after = await payMany('gray', 20);
  expect(after.map(({ answer }) => authorizationIn(answer).provider)).toEqual(after.map(() => other));
  expect(await requestsAt(provider)).toBe(already);
  for (const { body } of [...before, ...after]) {
    const entries = await gateway.sandbox.entriesOf(body.reference);
    expect(entries.filter(({ live }) => live)).toHaveLength(1);
    expect(entries).toHaveLength(1);
  }
});

/** What is done at a provider whose breaker lets no new authorization through. */
async function workAtClosedProvider(merchant: string, provider: string, shut: () => Promise<void>) {
  const [forVoid, forCapture, forRefund] = await payMany(merchant, 3);
  const idOf = (paid: typeof forVoid) => {
    const authorization = authorizationIn(paid?.answer ?? fail('no payment'));
    expect(authorization).toMatchObject({ status: 'approved', provider });
    return authorization.id;
  };
  const ids = { void: idOf(forVoid), capture: idOf(forCapture), refund: idOf(forRefund) };
  expect((await operate(ids.refund, 'captures')).status).toBe(201);
  // Approved, and nobody can say so: neither answers nor inquiries come.
  const faults = await Promise.all([
    gateway.sandbox.addFault({ provider, kind: 'hang', processed: true, times: null }),
    gateway.sandbox.addFault({ provider, kind: 'hang', operation: 'inquire', times: null }),
  ]);
  const unknown = await payMany(merchant, 6);
  for (const { answer } of unknown) expect(authorizationIn(answer).status).toBe('pending');
  await shut();
  const states = new Set([await breakerOf(provider)]);
  for (const fault of faults) await gateway.sandbox.removeFault(fault);

  const found = await eventually('all of them are found out', async () => {
    const now = await Promise.all(unknown.map(({ body }) => gateway.find(merchant, body.reference)));
    return now.every((each) => each?.status === 'approved') ? now : null;
  });
  expect(found.map((each) => each?.provider)).toEqual(found.map(() => provider));
  const done = [
    await operate(ids.void, 'voids'),
    await operate(ids.capture, 'captures', { amount: { value: 1000, currency: 'EUR' } }),
    await operate(ids.refund, 'refunds'),
    // One that was unknown when the breaker opened.
    await operate(found[0]?.id ?? '', 'voids'),
  ];
  expect(done.map(({ status, json }) => [status, (json as { readonly status: string }).status])).toEqual(
    done.map(() => [201, 'succeeded']),
  );
  states.add(await breakerOf(provider));
  // New ones go elsewhere.
  const [next] = await payMany(merchant, 1);
  expect(authorizationIn(next?.answer ?? fail('no payment')).provider).not.toBe(provider);
  const entries = await Promise.all(
    [forVoid, forCapture, forRefund].map((paid) => gateway.sandbox.entriesOf(paid?.body.reference ?? '')),
  );
  expect(entries).toMatchObject([
    [{ provider, status: 'voided', live: false }],
    [{ provider, captured_amount: 1000 }],
    [{ provider, captured_amount: 4999, refunded_amount: 4999 }],
  ]);
  return [...states];
}

function fail(why: string): never {
  throw new Error(why);
}

describe('T42: a breaker that opens while outcomes are not known: what was begun there goes on there', () => {
  test('opened by itself', async () => {
    const states = await workAtClosedProvider('opened', 'opened-a', async () => {
      await eventually('the breaker opens', async () =>
        (await breakerOf('opened-a')) === 'open' ? true : null,
      );
    });
    expect(states).toEqual(['open']);
  });

  test('opened by force', async () => {
    const states = await workAtClosedProvider('forced', 'forced-a', async () => {
      const answer = await gateway.call('PUT', '/v1/providers/forced-a/override', {
        body: { mode: 'force_open', reason: 'incident' },
      });
      expect(answer.status).toBe(200);
    });
    expect(states).toEqual(['forced_open']);
  });
});

test('T43: both providers down: no-route, nothing in doubt, and the key is good afterwards', async () => {
  const faults = await Promise.all(
    ['down-a', 'down-b'].map((provider) => gateway.sandbox.addFault({ provider, kind: 'refuse' })),
  );
  for (let count = 0; count < 5; count += 1) {
    const { answer } = await pay('all-down');
    expect(authorizationIn(answer).attempts.map(({ outcome }) => outcome)).toEqual(['not_sent', 'not_sent']);
  }
  expect(await Promise.all(['down-a', 'down-b'].map(breakerOf))).toEqual(['open', 'open']);
  const refused = await payMany('all-down', 10);
  for (const { answer } of refused) {
    const problem = problemIn(answer, 503, 'no-route') as ReturnType<typeof problemIn> & {
      readonly candidates: readonly { readonly reason: string }[];
    };
    expect(problem.sent).toBe(false);
    const mayTake = problem.candidates.filter(({ reason }) => reason !== 'not_in_rule');
    expect(mayTake.map(({ reason }) => reason)).toEqual(['breaker_open', 'breaker_open']);
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  expect(await gateway.metric('pointsman_unsettled_authorizations')).toBe(0);
  for (const provider of ['down-a', 'down-b']) {
    const labels = `{provider="${provider}",brand="visa",outcome="unknown"}`;
    expect(await gateway.metric('pointsman_attempts_total', labels)).toBe(null);
    expect(await requestsAt(provider)).toBe(0);
  }
  for (const fault of faults) await gateway.sandbox.removeFault(fault);
  await eventually('the same key gets its payment', async () => {
    const [first] = refused;
    if (first === undefined) return null;
    const answer = await gateway.authorize(first.body, first.key);
    return answer.status === 201 ? authorizationIn(answer).status === 'approved' || null : null;
  });
});

/** In any stretch of t seconds at most burst + rate x t. Times in milliseconds, sorted. */
function mostOver(times: readonly number[], perSecond: number): number {
  let worst = Number.NEGATIVE_INFINITY;
  for (let from = 0; from < times.length; from += 1) {
    for (let to = from; to < times.length; to += 1) {
      const passedMs = (times[to] ?? 0) - (times[from] ?? 0);
      worst = Math.max(worst, to - from + 1 - (perSecond + (perSecond * passedMs) / 1000));
    }
  }
  return worst;
}

const LANE = { provider: 'sandbox-a', brand: 'visa', merchant: 'acme-eu' } as const;
const LIMITS = { perSecond: 100, concurrent: 50 };
const CONTRACT = sampleContract('sandbox-a', { limits: LIMITS });

/** The guards of one provider, until the test ends. */
function guardsWithFakeTimers() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const clock = new FakeClock();
  const states: string[] = [];
  const lanes = new Lanes(new Map([['sandbox-a', CONTRACT]]), {
    clock,
    onTransition: ({ to }) => states.push(to),
    queueLength: 20_000,
  });
  // The time until a probe is a timer of opossum's own, and the queue's turns are timers of bottleneck's.
  const pass = async (ms: number) => {
    await clock.advance(ms);
    for (let round = 0; round < 3; round += 1) {
      vi.advanceTimersByTime(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, lanes, states, pass };
}

describe('T44: recovery with many callers', () => {
  test('100 at the half-open probe: one goes out; 100 after it: all, at the rate of the limit', async () => {
    const provider = 'back-a';
    const refusal = await gateway.sandbox.addFault({ provider, kind: 'refuse' });
    await payMany('back', 10);
    expect(await breakerOf(provider)).toBe('open');
    await gateway.sandbox.removeFault(refusal);
    expect(await requestsAt(provider)).toBe(0);
    await gateway.sandbox.addFault({ provider, kind: 'late', delay_ms: 600 });
    await eventually('a probe may go out', async () =>
      (await breakerOf(provider)) === 'half_open' ? true : null,
    );
    const atProbe = await payMany('back', 100);
    const approved = atProbe.filter(({ answer }) => answer.status === 201);
    expect(approved).toHaveLength(1);
    for (const { answer } of atProbe) if (answer.status !== 201) problemIn(answer, 503, 'no-route');
    expect(await requestsAt(provider)).toBe(1);

    expect(await breakerOf(provider)).toBe('closed');
    const after = await payMany('back', 100);
    expect(after.map(({ answer }) => authorizationIn(answer).status)).toEqual(after.map(() => 'approved'));
    expect(await requestsAt(provider)).toBe(101);
    const entries = await Promise.all(after.map(({ body }) => gateway.sandbox.entriesOf(body.reference)));
    const times = entries.flat().map((entry) => Date.parse(entry.created_at));
    expect(times).toHaveLength(100);
    times.sort((one, two) => one - two);
    // The way to the provider takes some milliseconds more or less: that much later calls may seem nearer.
    expect(mostOver(times, 50)).toBeLessThanOrEqual(10);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0), 'the last half waited').toBeGreaterThan(800);
  });

  test('10,000 at the guards, with a queue for all of them', async () => {
    const { clock, lanes, states, pass } = guardsWithFakeTimers();
    const admitNow = (): Admission => {
      const admission = lanes.admit(LANE, 0);
      if (admission instanceof Promise) throw new Error('nobody waits here');
      return admission;
    };
    for (let call = 0; call < CONTRACT.breaker.volume; call += 1) {
      const admission = admitNow();
      if (admission.kind === 'admitted') admission.permit.report('failure');
    }
    vi.advanceTimersByTime(CONTRACT.breaker.resetMs);
    await pass(CONTRACT.breaker.resetMs);
    expect(states).toEqual(['open', 'half_open']);

    // All come while the probe is out: one place, and nobody waits for a breaker.
    const probes = await Promise.all(Array.from({ length: 10_000 }, () => lanes.admit(LANE, 5_000)));
    const admitted = probes.filter((each) => each.kind === 'admitted');
    expect(admitted).toHaveLength(1);
    expect(probes.filter((each) => each.kind === 'refused')).toHaveLength(9_999);
    for (const each of admitted) if (each.kind === 'admitted') each.permit.report('success');
    await pass(0);
    expect(states).toEqual(['open', 'half_open', 'closed']);

    // And again, once it is closed: each holds its place for 100 ms.
    const startedMs = clock.monotonicMs();
    const times: number[] = [];
    let inUse = 0;
    let inUseMax = 0;
    const waiting = Array.from({ length: 10_000 }, async () => {
      const admission = await lanes.admit(LANE, 200_000);
      if (admission.kind === 'refused') throw new Error(`refused: ${admission.reason}`);
      times.push(clock.monotonicMs() - startedMs);
      inUse += 1;
      inUseMax = Math.max(inUseMax, inUse);
      clock.after(100, () => {
        inUse -= 1;
        admission.permit.report('success');
      });
    });
    for (let step = 0; step < 20_000 && times.length < 10_000; step += 1) await pass(10);
    expect(times).toHaveLength(10_000);
    await Promise.all(waiting);
    const tooEarly = times.filter(
      (timeMs, index) => index + 1 > LIMITS.perSecond + (LIMITS.perSecond * timeMs) / 1000,
    );
    expect(tooEarly).toEqual([]);
    expect(inUseMax).toBeGreaterThan(1);
    expect(inUseMax).toBeLessThanOrEqual(LIMITS.concurrent);
    lanes.close();
  });
});
