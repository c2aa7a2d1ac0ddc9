import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BreakerSignal } from '../../src/core/attempt.ts';
import type { Permit } from '../../src/gateway/ports.ts';
import { Lanes } from '../../src/guards/lanes.ts';
import { PodWatch } from '../../src/guards/pod-watch.ts';
import { ProviderLimit } from '../../src/guards/provider-limit.ts';
import { SharedBreakers } from '../../src/guards/shared-breakers.ts';
import { SharedStatus } from '../../src/guards/shared-status.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { MemorySharedStore } from '../support/memory-shared-state.ts';
import { sampleContract } from '../support/sample-ruleset.ts';

const RESET_MS = 5_000;
const CONTRACT = sampleContract('psp-a', {
  breaker: {
    failureRatio: 0.5,
    unknownRatio: 0.1,
    volume: 4,
    windowMs: 10_000,
    resetMs: RESET_MS,
    metricsOnly: false,
  },
});
/** There is another provider for the brand: what others say never closes the last. */
const OTHER = { ...CONTRACT, id: 'psp-b' };
const LANE = { provider: 'psp-a', brand: 'visa', merchant: 'acme' } as const;

function startPod(store: MemorySharedStore, name: string) {
  const state = store.pod(name);
  const status = new SharedStatus(systemClock, { onFunction: () => {}, onChanged: () => {} });
  const pods = new PodWatch(state, systemClock, status);
  void pods.begin();
  const told: string[] = [];
  const lanes = new Lanes(new Map([CONTRACT, OTHER].map((contract) => [contract.id, contract])), {
    clock: systemClock,
    onTransition: ({ to }) => told.push(to),
    shared: {
      limit: (_provider, settings) => new ProviderLimit(settings, systemClock),
      breakers: new SharedBreakers({ clock: systemClock, state, pods, status }),
    },
  });
  const admit = (): Permit | string => {
    const admission = lanes.admit(LANE, 0);
    if (admission instanceof Promise) throw new Error('expected an answer at once');
    return admission.kind === 'admitted' ? admission.permit : admission.reason;
  };
  const call = (signal: BreakerSignal, times = 1) => {
    for (let count = 0; count < times; count += 1) {
      const permit = admit();
      if (typeof permit === 'string') throw new Error(`expected to be admitted, was ${permit}`);
      permit.report(signal);
    }
  };
  return { lanes, pods, told, admit, call, breaker: () => lanes.view(LANE).breaker };
}

type Pod = ReturnType<typeof startPod>;

let store: MemorySharedStore;
let pods: Pod[] = [];
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const states = () => pods.map(({ breaker }) => breaker());

async function start(count: number): Promise<void> {
  store = new MemorySharedStore(systemClock);
  pods = Array.from({ length: count }, (_, index) => startPod(store, `pod-${index}`));
  await pass(1_200);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  store.state = 'up';
  for (const { lanes, pods: watch } of pods) {
    lanes.close();
    await watch.close();
  }
  await pass(20);
  vi.useRealTimers();
});

describe('a lane over several processes', () => {
  it('stays open to the others when one alone says that it is closed', async () => {
    await start(3);
    pods[0]?.call('failure', 4);
    await pass(1_000);
    expect(states()).toEqual(['open', 'closed', 'closed']);
  });

  it('opens for all when two of three say so, and is found out about by each', async () => {
    await start(3);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(300);
    await pass(300);
    expect(states()).toEqual(['open', 'open', 'open']);
    expect(pods[2]?.admit()).toBe('breaker_open');
    expect(pods[2]?.told).toEqual(['open']);
  });

  it('takes two of four for half, and one of two for too few', async () => {
    await start(4);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(600);
    expect(states()).toEqual(['open', 'open', 'open', 'open']);
    for (const { lanes } of pods) lanes.close();
    await start(2);
    pods[0]?.call('failure', 4);
    await pass(1_000);
    expect(states()).toEqual(['open', 'closed']);
  });

  it('takes two of five for too few', async () => {
    await start(5);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(1_000);
    expect(states()).toEqual(['open', 'open', 'closed', 'closed', 'closed']);
  });

  it('does not live on the word of those who follow', async () => {
    await start(3);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(600);
    // The two that spoke are gone; what they said ends with the time that they gave it.
    pods[0]?.lanes.close();
    pods[1]?.lanes.close();
    await pass(RESET_MS);
    pods[2]?.admit();
    await pass(10);
    pods[2]?.call('success');
    await pass(2_000);
    expect(pods[2]?.breaker()).toBe('closed');
  });

  it('is probed by one call at a time, over all', async () => {
    await start(3);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(RESET_MS + 700);
    expect(states()).toEqual(['half_open', 'half_open', 'half_open']);
    // Each asks in the background; nobody is admitted meanwhile.
    expect(pods.map(({ admit }) => admit())).toEqual(Array(3).fill('probe_in_flight'));
    await pass(1);
    const asked = pods.map(({ admit }) => admit());
    const admitted = asked.filter((one) => typeof one !== 'string');
    expect(admitted).toHaveLength(1);
    await pass(1_000);
    expect(pods.map(({ admit }) => admit())).toEqual(Array(3).fill('probe_in_flight'));
    for (const permit of admitted) if (typeof permit !== 'string') permit.report('success');
    await pass(300);
    expect(states().filter((state) => state === 'closed')).toHaveLength(1);
    // Then another may.
    pods.map(({ admit, breaker }) => breaker() === 'half_open' && admit());
    await pass(300);
    const next = pods.filter(({ breaker }) => breaker() === 'half_open').map(({ admit }) => admit());
    expect(next.filter((one) => typeof one !== 'string')).toHaveLength(1);
  });

  it('is probed by another when the one that may is killed', async () => {
    await start(3);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(RESET_MS + 700);
    pods[0]?.admit();
    await pass(1);
    expect(typeof pods[0]?.admit()).toBe('object');
    // Its probe is under way for ever.
    for (let passed = 0; passed < RESET_MS - 500; passed += 500) {
      expect(pods[1]?.admit()).toBe('probe_in_flight');
      await pass(500);
    }
    await pass(1_000);
    pods[1]?.admit();
    await pass(250);
    expect(typeof pods[1]?.admit()).toBe('object');
  });

  it('is not opened again by the word that a probe has just refuted', async () => {
    await start(3);
    pods[0]?.call('failure', 4);
    await pass(RESET_MS - 1_000);
    pods[1]?.call('failure', 4);
    await pass(600);
    expect(pods[2]?.breaker()).toBe('open');
    // The first probes, and closes; what the second said stands for a while yet.
    await pass(600);
    pods[0]?.admit();
    await pass(1);
    pods[0]?.call('success');
    await pass(1_500);
    expect(pods[0]?.breaker()).toBe('closed');
  });

  it.each(['away', 'frozen'] as const)("is each process's own while the store is %s", async (how) => {
    await start(3);
    store.state = how;
    await pass(500);
    pods[0]?.call('failure', 4);
    pods[1]?.call('failure', 4);
    await pass(1_000);
    expect(states()).toEqual(['open', 'open', 'closed']);
    await pass(RESET_MS);
    expect(pods.slice(0, 2).map(({ admit }) => typeof admit())).toEqual(['object', 'object']);
  });
});
