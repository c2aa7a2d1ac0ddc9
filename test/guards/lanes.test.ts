import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BreakerSignal } from '../../src/core/attempt.ts';
import type { CardBrand } from '../../src/core/card.ts';
import type { ProviderContract } from '../../src/core/rules/ruleset.ts';
import type { Admission, Permit } from '../../src/gateway/ports.ts';
import { Lanes, type LaneTransition } from '../../src/guards/lanes.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { WaitQueue } from '../../src/guards/wait-queue.ts';
import { sampleOverride } from '../support/sample-override.ts';
import { sampleContract } from '../support/sample-ruleset.ts';

let lanes: Lanes;
let transitions: LaneTransition[] = [];

function contracts(...list: readonly ProviderContract[]): ReadonlyMap<string, ProviderContract> {
  return new Map(list.map((contract) => [contract.id, contract]));
}

function start(...list: readonly ProviderContract[]): void {
  lanes = new Lanes(contracts(...list), {
    clock: systemClock,
    onTransition: (transition) => transitions.push(transition),
    queueLength: 3,
  });
}

const lane = (provider: string, brand: CardBrand = 'visa', merchant = 'acme') => ({
  provider,
  brand,
  merchant,
});

function now(result: Promise<Admission> | Admission): Admission {
  if (result instanceof Promise) throw new Error('expected an answer at once');
  return result;
}

function permit(provider: string, brand: CardBrand = 'visa'): Permit {
  const admission = now(lanes.admit(lane(provider, brand), 0));
  if (admission.kind !== 'admitted') throw new Error(`expected to be admitted, was ${admission.reason}`);
  return admission.permit;
}

function refusal(provider: string, brand: CardBrand = 'visa', merchant = 'acme'): string | null {
  const admission = now(lanes.admit(lane(provider, brand, merchant), 0));
  if (admission.kind === 'refused') return admission.reason;
  admission.permit.release();
  return null;
}

async function calls(
  provider: string,
  brand: CardBrand,
  signal: BreakerSignal,
  times: number,
): Promise<void> {
  for (let call = 0; call < times; call += 1) permit(provider, brand).report(signal);
  await vi.advanceTimersByTimeAsync(0);
}

function inUse(provider: string): number | undefined {
  return lanes.snapshot().find((one) => one.provider === provider)?.limit.inUse;
}

beforeEach(() => {
  vi.useFakeTimers();
  transitions = [];
});
afterEach(async () => {
  lanes.close();
  await vi.advanceTimersByTimeAsync(20);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('lanes', () => {
  it('stand alone: all of Discover unknown at A leaves Visa and Mastercard at A, and Discover at B', async () => {
    start(sampleContract('a'), sampleContract('b'));
    for (let round = 0; round < 10; round += 1) {
      await calls('a', 'visa', 'success', 1);
      await calls('a', 'mastercard', 'success', 1);
      await calls('b', 'discover', 'success', 1);
      await calls('a', 'discover', 'unknown', 1);
    }
    expect(refusal('a', 'discover')).toBe('breaker_open');
    expect(lanes.view(lane('a', 'discover'))).toMatchObject({
      breaker: 'open',
      closedBecause: 'breaker_open',
    });
    expect(refusal('a', 'visa')).toBe(null);
    expect(refusal('a', 'mastercard')).toBe(null);
    expect(refusal('b', 'discover')).toBe(null);
    expect(transitions).toEqual([{ provider: 'a', brand: 'discover', from: 'closed', to: 'open' }]);
  });

  it('let one probe through when half open, and take no token for those refused', async () => {
    start(sampleContract('a', { limits: { perSecond: 100, concurrent: 100 } }));
    await calls('a', 'visa', 'failure', 10);
    const refused = now(lanes.admit(lane('a'), 0));
    expect(refused).toEqual({ kind: 'refused', reason: 'breaker_open', retryAfterMs: 5000 });
    await vi.advanceTimersByTimeAsync(5000);
    const probe = permit('a');
    for (let call = 0; call < 200; call += 1) expect(refusal('a')).toBe('probe_in_flight');
    expect(inUse('a')).toBe(1);
    expect(lanes.view(lane('a')).limitHeadroom).toBe(0.99);
    probe.release();
    expect(lanes.view(lane('a')).limitHeadroom).toBe(1);
    permit('a').report('success');
    await vi.advanceTimersByTimeAsync(0);
    expect(lanes.view(lane('a')).breaker).toBe('closed');
  });

  it('are bounded by providers and brands, and are not made by looking', () => {
    start(sampleContract('a'));
    lanes.view(lane('a', 'jcb'));
    expect(lanes.snapshot()[0]?.lanes).toEqual([]);
    expect(refusal('unheard-of')).toBe('draining');
    expect(lanes.view(lane('unheard-of')).closedBecause).toBe('draining');
    expect(lanes.snapshot()).toHaveLength(1);
  });

  it('that only measure never block, and still show what they would do', async () => {
    const { breaker } = sampleContract('a');
    start(sampleContract('a', { breaker: { ...breaker, metricsOnly: true } }));
    await calls('a', 'visa', 'failure', 50);
    expect(refusal('a')).toBe(null);
    expect(lanes.view(lane('a'))).toMatchObject({ breaker: 'metrics_only', closedBecause: null });
    expect(lanes.snapshot()[0]?.lanes[0]).toMatchObject({ breaker: 'metrics_only', circuit: 'open' });
    await vi.advanceTimersByTimeAsync(5000);
    const both = [permit('a'), permit('a')];
    for (const one of both) one.report('success');
    await vi.advanceTimersByTimeAsync(0);
    expect(lanes.snapshot()[0]?.lanes[0]?.circuit).toBe('closed');
  });

  it('end a permit once', () => {
    start(sampleContract('a'));
    const ended = permit('a');
    ended.report('success');
    expect(() => ended.release()).toThrow('ended once');
    expect(() => ended.report('success')).toThrow('ended once');
    expect(inUse('a')).toBe(0);
  });
});

describe('limits', () => {
  it('refuse with what is missing and when to come back', () => {
    start(
      sampleContract('a', { limits: { perSecond: 2, concurrent: 10 } }),
      sampleContract('b', { limits: { perSecond: 10, concurrent: 1 } }),
    );
    permit('a').report('success');
    permit('a').report('success');
    expect(now(lanes.admit(lane('a'), 0))).toEqual({
      kind: 'refused',
      reason: 'limit_per_second',
      retryAfterMs: 500,
    });
    permit('b');
    expect(now(lanes.admit(lane('b'), 0))).toEqual({
      kind: 'refused',
      reason: 'limit_concurrent',
      retryAfterMs: null,
    });
    expect(lanes.view(lane('b')).limitHeadroom).toBe(0);
  });

  it('give back the token of a call that was not made, not of one that was', () => {
    start(sampleContract('a', { limits: { perSecond: 1, concurrent: 10 } }));
    permit('a').release();
    permit('a').report('excluded');
    expect(refusal('a')).toBe('limit_per_second');
  });

  it('close at a 429 until Retry-After, and the breaker does not move', async () => {
    start(sampleContract('a'));
    permit('a').report('excluded', 2000);
    expect(now(lanes.admit(lane('a'), 0))).toEqual({
      kind: 'refused',
      reason: 'limit_per_second',
      retryAfterMs: 2010,
    });
    expect(lanes.snapshot()[0]?.limit.closedForMs).toBe(2000);
    expect(lanes.view(lane('a')).breaker).toBe('closed');
    await vi.advanceTimersByTimeAsync(2010);
    expect(refusal('a')).toBe(null);
  });
});

describe('overrides', () => {
  it.each([
    { mode: 'force_open', reason: 'forced_open', breaker: 'forced_open' },
    { mode: 'drain', reason: 'draining', breaker: 'draining' },
    { mode: 'force_closed', reason: null, breaker: 'forced_closed' },
    { mode: 'auto', reason: null, breaker: 'closed' },
  ] as const)('$mode: $breaker', ({ mode, reason, breaker }) => {
    start(sampleContract('a'));
    lanes.setOverrides([sampleOverride({ mode })]);
    expect(refusal('a')).toBe(reason);
    expect(lanes.view(lane('a'))).toMatchObject({ breaker, closedBecause: reason });
  });

  it('say since when they hold, and afterwards since when the breaker is what it is', async () => {
    start(sampleContract('a'));
    await calls('a', 'visa', 'success', 1);
    const bornMs = lanes.snapshot()[0]?.lanes[0]?.sinceMs;
    await vi.advanceTimersByTimeAsync(70_000);
    lanes.setOverrides([sampleOverride({ mode: 'drain', createdAtMs: systemClock.wallMs() - 10_000 })]);
    expect(lanes.snapshot()[0]?.lanes[0]).toMatchObject({
      breaker: 'draining',
      sinceMs: systemClock.wallMs() - 10_000,
    });
    lanes.setOverrides([sampleOverride({ mode: 'auto' })]);
    expect(lanes.snapshot()[0]?.lanes[0]).toMatchObject({ breaker: 'closed', sinceMs: bornMs });
  });

  it('wake whoever waits only where they are others', () => {
    start(sampleContract('a'));
    const wake = vi.spyOn(WaitQueue.prototype, 'wake');
    for (const mode of ['drain', 'drain', 'auto'] as const) lanes.setOverrides([sampleOverride({ mode })]);
    expect(wake).toHaveBeenCalledTimes(2);
    wake.mockRestore();
  });

  it('hold for one brand or one merchant', () => {
    start(sampleContract('a'));
    lanes.setOverrides([
      sampleOverride({ brand: 'amex' }),
      sampleOverride({ merchant: 'other', mode: 'drain' }),
    ]);
    expect(refusal('a', 'visa')).toBe(null);
    expect(refusal('a', 'amex')).toBe('forced_open');
    expect(refusal('a', 'visa', 'other')).toBe('draining');
    expect(lanes.snapshot()[0]?.overrides).toHaveLength(2);
  });

  it('end by the wall clock', async () => {
    start(sampleContract('a'));
    lanes.setOverrides([sampleOverride({ expiresAtMs: systemClock.wallMs() + 60_000 })]);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(refusal('a')).toBe('forced_open');
    await vi.advanceTimersByTimeAsync(1);
    expect(refusal('a')).toBe(null);
    expect(lanes.snapshot()[0]?.overrides).toEqual([]);
  });

  it('force a broken lane in, whose breaker then recovers by what comes back', async () => {
    start(sampleContract('a'));
    await calls('a', 'visa', 'failure', 10);
    lanes.setOverrides([sampleOverride({ mode: 'force_closed' })]);
    await calls('a', 'visa', 'success', 5);
    expect(lanes.snapshot()[0]?.lanes[0]).toMatchObject({ breaker: 'forced_closed', circuit: 'open' });
    await vi.advanceTimersByTimeAsync(5000);
    await calls('a', 'visa', 'success', 1);
    lanes.setOverrides([]);
    expect(lanes.view(lane('a')).breaker).toBe('closed');
  });
});

describe('waiting', () => {
  const slow = sampleContract('a', { limits: { perSecond: 1, concurrent: 10 } });

  it('waits for a token in order, and nobody overtakes', async () => {
    start(slow);
    permit('a').report('success');
    const order: string[] = [];
    const waits = ['first', 'second'].map(async (name) => {
      const admission = await lanes.admit(lane('a'), 5000);
      order.push(name);
      return admission;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(order).toEqual([]);
    await vi.advanceTimersByTimeAsync(11);
    expect(order).toEqual(['first']);
    await vi.advanceTimersByTimeAsync(980);
    expect(refusal('a')).toBe('limit_per_second');
    await vi.advanceTimersByTimeAsync(50);
    expect(order).toEqual(['first', 'second']);
    for (const admission of await Promise.all(waits)) {
      expect(admission).toMatchObject({ kind: 'admitted' });
      if (admission.kind === 'admitted') expect(admission.waitedMs).toBeGreaterThanOrEqual(1000);
    }
    expect(inUse('a')).toBe(2);
  });

  it('waits for a place that becomes free', async () => {
    start(sampleContract('a', { limits: { perSecond: 100, concurrent: 1 } }));
    const held = permit('a');
    const waiting = lanes.admit(lane('a'), 5000);
    await vi.advanceTimersByTimeAsync(700);
    held.report('success');
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toMatchObject({ kind: 'admitted', waitedMs: 700 });
  });

  it('keeps a place that becomes free for those who wait', async () => {
    start(sampleContract('a', { limits: { perSecond: 100, concurrent: 1 } }));
    const held = permit('a');
    const waiting = lanes.admit(lane('a'), 5000);
    held.report('success');
    expect(refusal('a')).toBe('limit_per_second');
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toMatchObject({ kind: 'admitted' });
  });

  it('gives up after queue_ms and takes nothing then', async () => {
    start(slow);
    permit('a').report('success');
    const waiting = lanes.admit(lane('a'), 300);
    await vi.advanceTimersByTimeAsync(300);
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'queue_timeout', retryAfterMs: 700 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(inUse('a')).toBe(0);
    expect(refusal('a')).toBe(null);
  });

  it('is bounded', async () => {
    start(slow);
    permit('a').report('success');
    const waits = [1, 2, 3].map(() => lanes.admit(lane('a'), 100));
    expect(await lanes.admit(lane('a'), 100)).toMatchObject({ kind: 'refused', reason: 'queue_full' });
    expect(lanes.snapshot()[0]?.limit.waiting).toBe(3);
    await vi.advanceTimersByTimeAsync(100);
    for (const one of waits) expect(await one).toMatchObject({ reason: 'queue_timeout' });
  });

  it('never waits for a breaker, also when it opens meanwhile', async () => {
    start(slow);
    permit('a').report('success');
    const waiting = lanes.admit(lane('a'), 5000);
    lanes.setOverrides([sampleOverride({ mode: 'drain' })]);
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'draining' });
    expect(now(lanes.admit(lane('a'), 5000))).toMatchObject({ kind: 'refused', reason: 'draining' });
    expect(inUse('a')).toBe(0);
  });
});

describe('a new ruleset', () => {
  it('keeps calls under way, tokens and breakers of providers that stay', async () => {
    start(sampleContract('a', { limits: { perSecond: 10, concurrent: 20 } }));
    const under = permit('a', 'amex');
    await calls('a', 'visa', 'failure', 9);
    const { breaker } = sampleContract('a');
    lanes.update(
      contracts(
        sampleContract('a', {
          limits: { perSecond: 100, concurrent: 1 },
          breaker: { ...breaker, volume: 9 },
        }),
      ),
    );
    expect(inUse('a')).toBe(1);
    expect(lanes.snapshot()[0]?.lanes.find(({ brand }) => brand === 'visa')?.counts.failures).toBe(9);
    expect(lanes.snapshot()[0]?.limit).toMatchObject({ perSecond: 100, concurrent: 1 });
    under.report('success');
    expect(inUse('a')).toBe(0);
    expect(refusal('a', 'amex')).toBe('limit_per_second');
  });

  it('ends the guards of a provider that is gone; its permits still end', async () => {
    start(sampleContract('a'), sampleContract('b', { limits: { perSecond: 1, concurrent: 1 } }));
    const under = permit('b');
    const waiting = lanes.admit(lane('b'), 5000);
    lanes.update(contracts(sampleContract('a')));
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'draining' });
    expect(refusal('b')).toBe('draining');
    under.report('failure');
    expect(transitions).toEqual([]);
  });

  it('wakes those who wait when a limit grows', async () => {
    start(sampleContract('a', { limits: { perSecond: 10, concurrent: 1 } }));
    permit('a');
    const waiting = lanes.admit(lane('a'), 5000);
    await vi.advanceTimersByTimeAsync(10);
    lanes.update(contracts(sampleContract('a', { limits: { perSecond: 10, concurrent: 2 } })));
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toMatchObject({ kind: 'admitted' });
  });
});
