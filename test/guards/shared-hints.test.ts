import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LaneVote, LimitLease, PodCount, SharedState } from '../../src/gateway/shared-state.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { Sharing } from '../../src/guards/sharing.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { MemorySharedStore } from '../support/memory-shared-state.ts';
import { sampleContract } from '../support/sample-ruleset.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const PROVIDERS = ['psp-a', 'psp-b', 'psp-c'] as const;
const RESET_MS = 5_000;
const contracts = (perSecond = 100) =>
  new Map(
    PROVIDERS.map((id) => [
      id,
      sampleContract(id, {
        limits: { perSecond, concurrent: 20 },
        breaker: {
          ...{ failureRatio: 0.5, unknownRatio: 0.1, volume: 4, windowMs: 10_000, resetMs: RESET_MS },
          metricsOnly: false,
        },
      }),
    ]),
  );

/** What stands in the store beside what is true; undefined: nothing. */
interface Forged {
  lease?: (lease: LimitLease, provider: string) => LimitLease;
  votes?: () => readonly LaneVote[];
  probe?: boolean;
  pods?: PodCount;
}

async function startPod(store: MemorySharedStore, name: string, forged: Forged = {}) {
  const honest = store.pod(name);
  const state: SharedState = {
    ...honest,
    exchangeLimit: async (ask) => {
      const lease = await honest.exchangeLimit(ask);
      return forged.lease?.(lease, ask.provider) ?? lease;
    },
    exchangeVotes: async (own) => [...(await honest.exchangeVotes(own)), ...(forged.votes?.() ?? [])],
    takeProbe: async (lane, forMs) => forged.probe ?? honest.takeProbe(lane, forMs),
    beat: async () => {
      const count = await honest.beat();
      return forged.pods ?? count;
    },
  };
  const refused: string[] = [];
  const sharing = new Sharing(state, systemClock, {
    function: () => {},
    changed: () => {},
    leased: () => {},
    lag: () => {},
    dropped: () => {},
    pods: () => {},
    refused: (key, reason) => refused.push(`${key} ${reason}`),
  });
  void sharing.begin();
  const lanes = new Lanes(contracts(), { clock: systemClock, onTransition: () => {}, shared: sharing });
  const admit = (provider: string) => {
    const admission = lanes.admit({ provider, brand: 'visa', merchant: 'acme' }, 0);
    if (admission instanceof Promise) throw new Error('expected an answer at once');
    return admission;
  };
  const call = (provider: string, signal: 'success' | 'failure' = 'success', retryAfterMs?: number) => {
    const admission = admit(provider);
    if (admission.kind === 'admitted') admission.permit.report(signal, retryAfterMs);
    return admission.kind === 'admitted';
  };
  const close = async () => {
    lanes.close();
    await sharing.close();
  };
  return { lanes, sharing, refused, admit, call, forged, close };
}
type Pod = Awaited<ReturnType<typeof startPod>>;

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Calls of each provider that got through in that time, twenty a second being tried of each. */
async function through(pod: Pod, ms: number): Promise<number[]> {
  const calls = PROVIDERS.map(() => 0);
  for (let passed = 0; passed < ms; passed += 50) {
    for (const [place, provider] of PROVIDERS.entries()) {
      if (pod.call(provider)) calls[place] = (calls[place] ?? 0) + 1;
    }
    await pass(50);
  }
  return calls;
}

let opened: Pod[] = [];
let store: MemorySharedStore;
const start = async (name: string, forged?: Forged) => {
  const pod = await startPod(store, name, forged);
  opened.push(pod);
  await pass(1_200);
  return pod;
};

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemorySharedStore(systemClock);
});
afterEach(async () => {
  for (const pod of opened) void pod.close();
  await pass(500);
  opened = [];
  vi.useRealTimers();
});

describe('a limit by what the store says', () => {
  it('is paused by others for half a minute, never all at once, and not again once a call went well', async () => {
    const pod = await start('a');
    pod.forged.lease = (lease) => ({ ...lease, calls: 0, closedForMs: 540_000 });
    await pass(300);
    const first = await through(pod, 10_000);
    expect(first.filter((calls) => calls === 0)).toHaveLength(2);
    expect(Math.max(...first)).toBeGreaterThan(100);
    await through(pod, 22_000);
    expect(Math.min(...(await through(pod, 10_000)))).toBeGreaterThan(100);
    expect(pod.refused.filter((one) => one === 'limit contradicted')).toHaveLength(3);
  });

  it('is paused for as long as the provider asks this process itself', async () => {
    const pod = await start('a');
    pod.forged.lease = (lease, provider) =>
      provider === 'psp-a' ? { ...lease, calls: 0, closedForMs: 300_000 } : lease;
    await pass(30_500);
    // The one call that finds out is told to wait.
    expect(pod.call('psp-a', 'failure', 120_000)).toBe(true);
    expect((await through(pod, 119_000))[0]).toBe(0);
  });

  it('holds a pause of one provider for all processes within a third of a second', async () => {
    const pods = [await start('a'), await start('b'), await start('c')];
    expect(pods[0]?.call('psp-a', 'failure', 60_000)).toBe(true);
    await pass(300);
    const calls = pods.map(() => 0);
    for (let passed = 0; passed < 29_000; passed += 100) {
      for (const [index, pod] of pods.entries())
        if (pod.call('psp-a')) calls[index] = (calls[index] ?? 0) + 1;
      await pass(100);
    }
    expect(calls).toEqual([0, 0, 0]);
  });

  it.each([
    ['gives nothing', (lease: LimitLease) => ({ ...lease, calls: 0, left: 0, nextCallInMs: 1e9 })],
    ['gives a trickle', (lease: LimitLease) => ({ ...lease, calls: Math.random() < 0.1 ? 1 : 0 })],
    ['gives what is no number', (lease: LimitLease) => ({ ...lease, calls: Number.NaN })],
    ['gives no places', (lease: LimitLease) => ({ ...lease, places: 0 })],
  ])('goes by its share when the store %s', async (_how, lease) => {
    const pod = await start('a');
    await through(pod, 2_000);
    pod.forged.lease = lease;
    await through(pod, 12_000);
    // For a minute, in which it is tried again.
    expect(Math.min(...(await through(pod, 60_000)))).toBeGreaterThan(0.9 * 20 * 60);
    expect(pod.refused).toContain('limit bound');
  });

  it('is doubted also when the store that gives nothing is away now and then', async () => {
    const one = await start('one', { lease: (lease) => ({ ...lease, calls: 0, nextCallInMs: 600_000 }) });
    let calls = 0;
    for (let passed = 0; passed < 30_000; passed += 10) {
      store.state = passed % 4_000 < 3_800 ? 'up' : 'away';
      if (one.call('psp-a')) calls += 1;
      await pass(10);
    }
    expect(one.refused).toContain('limit bound');
    // 3,000 were tried, as many as the contract gives: but for the time until it is doubted, they go through.
    expect(calls).toBeGreaterThan(2_000);
  });

  it('is doubted by no process that gets its share of a busy contract', async () => {
    const pods = [await start('a'), await start('b'), await start('c')];
    const random = new SeededRandom(20_261_129);
    for (let passed = 0; passed < 30_000; passed += 5) {
      // Three hundred a second are tried, a hundred are to be had.
      for (const pod of pods) if (random.chance(0.5)) pod.call('psp-a');
      await pass(5);
    }
    expect(pods.map(({ refused }) => refused)).toEqual([[], [], []]);
  });

  it('is doubted by no process that was busy and asks for nothing any more', async () => {
    const pods = [await start('a'), await start('b'), await start('c')];
    for (let passed = 0; passed < 2_500; passed += 5) {
      for (const pod of pods) pod.call('psp-a');
      await pass(5);
    }
    await pass(60_000);
    expect(pods.map(({ refused }) => refused)).toEqual([[], [], []]);
  });

  it('gives back what it holds when it ends while it asks', async () => {
    const [one, other] = [await start('a'), await start('b')];
    const held = Array.from({ length: 9 }, () => one.admit('psp-a'));
    expect(held.filter(({ kind }) => kind === 'admitted').length).toBeGreaterThan(0);
    for (const admission of held) if (admission.kind === 'admitted') admission.permit.report('success');
    await pass(250);
    one.call('psp-a');
    void one.close();
    opened = [other];
    await pass(20);
    const places = await store.pod('probe').exchangeLimit({
      ...{ provider: 'psp-a', perSecond: 100, burst: 100, calls: 0, owed: 0, closeForMs: 0 },
      ...{ callsShare: 100, concurrent: 20, places: 20, placesInUse: 0, placesShare: 20 },
    });
    // The other holds five at hand.
    expect(places.places).toBeGreaterThanOrEqual(15);
  });
});

describe('processes by what the store says', () => {
  it.each([
    { live: 1e9, known: 1e9, rank: 5 },
    { live: Number.NaN, known: Number.NaN, rank: Number.NaN },
    { live: 1, known: 1e9, rank: 0 },
    { live: -3, known: 0, rank: -1 },
  ])('leave a share that is worth something: %o', async (pods) => {
    const pod = await start('a', { pods });
    expect(pod.sharing.pods).toBeGreaterThanOrEqual(1);
    expect(pod.sharing.pods).toBeLessThanOrEqual(100);
    expect(Math.min(...(await through(pod, 10_000)))).toBeGreaterThan(100);
  });
});

describe('a lane by what the store says', () => {
  let opening = 0;
  const ghosts = (providers: readonly string[]) => () => {
    opening += 1;
    return providers.flatMap((provider) =>
      ['ghost-1', 'ghost-2', 'ghost-3'].map((pod) => ({ pod, provider, brand: 'visa' as const, opening })),
    );
  };
  const closed = ({ lanes }: Pod) =>
    PROVIDERS.filter(
      (provider) => lanes.view({ provider, brand: 'visa', merchant: 'acme' }).breaker === 'closed',
    );

  it('stays closed while its latest calls went well, and opens with the first that fails', async () => {
    const pod = await start('a');
    for (let time = 0; time < 3; time += 1) for (const provider of PROVIDERS) pod.call(provider);
    pod.forged.votes = ghosts(PROVIDERS);
    for (let time = 0; time < 60; time += 1) {
      for (const provider of PROVIDERS) expect(pod.call(provider)).toBe(true);
      await pass(1_000);
    }
    expect(pod.refused.filter((one) => one === 'votes contradicted')).toHaveLength(3);
    pod.call('psp-b', 'failure');
    await pass(300);
    expect(closed(pod)).toEqual(['psp-a', 'psp-c']);
  });

  it('of nobody who knows better is never the last to open, and works again after its probe', async () => {
    const pod = await start('a', { votes: ghosts(PROVIDERS) });
    expect(closed(pod)).toHaveLength(1);
    expect(pod.refused).toContain('votes bound');
    // Each lane that opened lets a probe through; then nobody is believed for two minutes.
    await pass(RESET_MS);
    for (let time = 0; time < 70; time += 1) {
      for (const provider of PROVIDERS) pod.call(provider);
      await pass(100);
      expect(closed(pod).length).toBeGreaterThanOrEqual(1);
    }
    expect(closed(pod)).toHaveLength(3);
    await pass(110_000);
    expect(closed(pod)).toHaveLength(3);
  });

  it('is probed after twice its reset when nobody gives the probe back', async () => {
    const pod = await start('a', { probe: false });
    for (let time = 0; time < 4; time += 1) pod.call('psp-a', 'failure');
    expect(closed(pod)).toEqual(['psp-b', 'psp-c']);
    await pass(RESET_MS);
    expect(pod.call('psp-a')).toBe(false);
    let deniedMs = 0;
    for (; deniedMs < 60_000 && !pod.call('psp-a'); deniedMs += 250) await pass(250);
    expect(deniedMs).toBeLessThanOrEqual(2 * RESET_MS + 250);
    expect(pod.refused).toContain('probe bound');
    await pass(10);
    expect(closed(pod)).toHaveLength(3);
  });
});

describe('what each process does of its own', () => {
  it('counts processes for its share of floors', async () => {
    const pods = [await start('a'), await start('b'), await start('c')];
    await pass(1_000);
    expect(pods.map(({ sharing }) => sharing.pods)).toEqual([3, 3, 3]);
  });

  it('counts card testing over all of them', async () => {
    const pods = [await start('a'), await start('b'), await start('c'), await start('d')];
    const card = { account: 'acme', merchant: 'acme-eu', bin: '45717360' };
    const tripped: number[] = [];
    let declined = 0;
    while (tripped.length === 0 && declined < 400) {
      for (const { sharing } of pods) {
        declined += 1;
        if (sharing.cardTesting.ended(card, 'declined') === 'tripped') tripped.push(declined);
      }
      await pass(400);
    }
    // A hundred, and what ended within the second before.
    expect(declined).toBeLessThanOrEqual(112);
    await pass(1_000);
    for (const { sharing } of pods) expect(sharing.cardTesting.refusedForMs(card)).toBeGreaterThan(57_000);
    await pass(60_000);
    for (const { sharing } of pods) expect(sharing.cardTesting.refusedForMs(card)).toBe(0);
  });
});
