import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BreakerSignal } from '../../src/core/attempt.ts';
import type { CardBrand } from '../../src/core/card.ts';
import { AccountLanes } from '../../src/guards/account-lanes.ts';
import { Lanes, type LaneTransition } from '../../src/guards/lanes.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { sampleOverride } from '../support/sample-override.ts';
import { sampleContract } from '../support/sample-ruleset.ts';

/** Opens after 10 calls of which more than half failed, or a tenth ended unknown; a probe after 5 s. */
const CONTRACT = sampleContract('a');
const VISA = { provider: 'a', brand: 'visa' as CardBrand, merchant: 'acme' };

let lanes: Lanes;
let told: string[] = [];
let offers = 0;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  lanes = new Lanes(new Map([['a', CONTRACT]]), {
    clock: systemClock,
    onTransition: ({ brand, from, to }: LaneTransition) => told.push(`${brand} ${from} ${to}`),
  });
});
afterEach(() => {
  lanes.close();
  vi.useRealTimers();
});

/** Takes decisions for an account, and reports what came of each. */
async function report(account: string, signal: BreakerSignal, times = 1, lane = VISA): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    offers += 1;
    lanes.offered(account, lane, `dec_${offers} 1`);
    lanes.reported(account, lane, `dec_${offers} 1`, signal);
  }
  await vi.advanceTimersByTimeAsync(0);
}

/** Calls of our own. */
async function call(signal: BreakerSignal, times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const admission = lanes.admit(VISA, 0);
    if (admission instanceof Promise || admission.kind !== 'admitted') throw new Error('not admitted');
    admission.permit.report(signal);
  }
  await vi.advanceTimersByTimeAsync(0);
}

const seenBy = (account: string | null, lane = VISA): string | null =>
  (account === null ? lanes.view(lane) : lanes.viewFor(account, lane)).closedBecause;

describe('lanes by account', () => {
  it('moves the lanes of the account that reports at once, and those of nobody else', async () => {
    await report('one', 'failure', 9);
    expect(seenBy('one')).toBeNull();
    await report('one', 'failure');
    expect(lanes.viewFor('one', VISA)).toEqual({
      breaker: 'open',
      closedBecause: 'breaker_open',
      limitHeadroom: 1,
    });
    expect(seenBy('two')).toBeNull();
    expect(seenBy(null)).toBeNull();
    expect(seenBy('one', { ...VISA, brand: 'mastercard' })).toBeNull();
    expect(told).toEqual([]);
    expect(lanes.snapshot()[0]?.lanes).toMatchObject([{ brand: 'visa', breaker: 'closed' }]);
  });

  it('one account opens nothing for others, however much it reports, of whatever kind and for how long', async () => {
    for (let minute = 0; minute < 30; minute += 1) {
      await report('one', 'failure', 200);
      await report('one', 'unknown', 200);
      expect([seenBy('two'), seenBy(null)]).toEqual([null, null]);
      await call('success');
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(told).toEqual([]);
  });

  it('two accounts that say the same open the lane for all, our own calls among them', async () => {
    await report('one', 'failure', 10);
    await report('two', 'unknown', 10);
    expect([seenBy('three'), seenBy(null)]).toEqual(['breaker_open', 'breaker_open']);
    expect(lanes.admit(VISA, 0)).toMatchObject({ kind: 'refused', reason: 'breaker_open' });
    expect(lanes.snapshot()[0]?.lanes).toMatchObject([{ brand: 'visa', breaker: 'open', circuit: 'closed' }]);
    expect(told).toEqual(['visa closed open']);
    expect(seenBy('three', { ...VISA, brand: 'mastercard' })).toBeNull();
  });

  it('one account and a few calls of our own that mostly fail open it too, fewer than the breaker asks for', async () => {
    await report('one', 'failure', 10);
    await call('failure', 2);
    expect(seenBy('two')).toBeNull();
    await call('failure');
    expect([seenBy('two'), seenBy(null)]).toEqual(['breaker_open', 'breaker_open']);
  });

  it('calls of our own that mostly succeed do not confirm it', async () => {
    await call('success', 4);
    await call('failure', 3);
    await report('one', 'failure', 10);
    expect([seenBy('two'), seenBy(null)]).toEqual([null, null]);
  });

  it('two accounts that lie open no lane in which our own calls mostly go well', async () => {
    await call('success', 4);
    await report('one', 'failure', 10);
    await report('two', 'failure', 10);
    expect([seenBy('one'), seenBy('three'), seenBy(null)]).toEqual(['breaker_open', null, null]);
    expect(told).toEqual([]);
    // Ours fail as well.
    await call('failure', 5);
    expect([seenBy('three'), seenBy(null)]).toEqual(['breaker_open', 'breaker_open']);
  });

  it('two accounts that go on lying keep no lane from us for long that works', async () => {
    await report('one', 'failure', 10);
    await report('two', 'failure', 10);
    let tried = 0;
    let refused = 0;
    for (let payment = 0; payment < 600; payment += 1) {
      if (seenBy(null) === null) {
        await call('success');
        tried += 1;
      } else refused += 1;
      if (payment % 10 === 0) {
        await report('one', 'failure');
        await report('two', 'failure');
      }
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(refused).toBeLessThan(15);
    expect(tried).toBeGreaterThan(585);
    expect(seenBy('three')).toBeNull();
    expect(told.slice(0, 2)).toEqual(['visa closed open', 'visa open closed']);
  });

  it('a probe of ours that fails refutes nobody, and only one goes there at a time', async () => {
    await report('one', 'failure', 10);
    await report('two', 'failure', 10);
    let probes = 0;
    for (let second = 0; second < 60; second += 1) {
      if (lanes.view(VISA).closedBecause === null) {
        expect(lanes.view(VISA).breaker).toBe('half_open');
        await call('failure');
        probes += 1;
        expect(lanes.admit(VISA, 0)).toMatchObject({ kind: 'refused', reason: 'breaker_open' });
      }
      await report('one', 'failure');
      await report('two', 'failure');
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(probes).toBeGreaterThan(8);
    expect(probes).toBeLessThan(13);
    expect(seenBy('three')).toBe('breaker_open');
  });

  it('what our own calls found holds for all accounts', async () => {
    await call('failure', 10);
    expect(lanes.viewFor('one', VISA).breaker).toBe('open');
    // Whatever an account says.
    await report('one', 'success', 50);
    expect(seenBy('one')).toBe('breaker_open');
  });

  it('an account finds out by one probe of its own when it is over, and others follow', async () => {
    await report('one', 'failure', 10);
    await report('two', 'failure', 10);
    await vi.advanceTimersByTimeAsync(5_000);
    // Others wait for those who know.
    expect([seenBy('one'), seenBy('two'), seenBy('three')]).toEqual([null, null, 'breaker_open']);
    lanes.offered('one', VISA, 'probe 1');
    expect(seenBy('one')).toBe('probe_in_flight');
    lanes.reported('one', VISA, 'probe 1', 'success');
    await vi.advanceTimersByTimeAsync(0);
    expect([seenBy('one'), seenBy('three'), seenBy(null)]).toEqual([null, null, null]);
    expect(lanes.viewFor('one', VISA).breaker).toBe('closed');
    expect(lanes.viewFor('two', VISA).breaker).toBe('half_open');
  });

  it('a probe that fails keeps it open, and one that is never reported is given up', async () => {
    await report('one', 'failure', 10);
    await vi.advanceTimersByTimeAsync(5_000);
    await report('one', 'failure');
    expect(seenBy('one')).toBe('breaker_open');
    // Each that fails has the next one wait twice as long.
    await vi.advanceTimersByTimeAsync(9_999);
    expect(seenBy('one')).toBe('breaker_open');
    await vi.advanceTimersByTimeAsync(1);
    lanes.offered('one', VISA, 'probe 2');
    expect(seenBy('one')).toBe('probe_in_flight');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(seenBy('one')).toBeNull();
    // It is still about the lane as it is.
    lanes.reported('one', VISA, 'probe 2', 'success');
    await vi.advanceTimersByTimeAsync(0);
    expect(lanes.viewFor('one', VISA).breaker).toBe('closed');
  });

  it('a lane that stays broken costs an account ever fewer probes, at least one a minute', async () => {
    await report('one', 'failure', 10);
    const probes: number[] = [];
    for (let second = 1; second <= 600; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      if (seenBy('one') !== null) continue;
      probes.push(second);
      await report('one', 'failure');
    }
    expect(probes.slice(0, 5)).toEqual([5, 15, 35, 75, 135]);
    expect(probes).toHaveLength(12);
  });

  it('few calls are enough where an account makes few, over two minutes', async () => {
    for (let time = 0; time < 9; time += 1) {
      await report('one', 'failure');
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(seenBy('one')).toBeNull();
    await report('one', 'failure');
    expect(seenBy('one')).toBe('breaker_open');
  });

  it('drops reports of what was offered before the lane last changed', async () => {
    await report('one', 'failure');
    for (let offer = 0; offer < 30; offer += 1) lanes.offered('one', VISA, `slow ${offer}`);
    await report('one', 'failure', 9);
    await vi.advanceTimersByTimeAsync(5_000);
    await report('one', 'success');
    for (let offer = 0; offer < 30; offer += 1) lanes.reported('one', VISA, `slow ${offer}`, 'unknown');
    await vi.advanceTimersByTimeAsync(0);
    expect(lanes.viewFor('one', VISA)).toMatchObject({ breaker: 'closed', closedBecause: null });
  });

  it('an account that falls silent keeps nobody away for long', async () => {
    await report('one', 'failure', 10);
    await report('two', 'failure', 10);
    await vi.advanceTimersByTimeAsync(14_999);
    expect(seenBy('three')).toBe('breaker_open');
    await vi.advanceTimersByTimeAsync(1);
    expect(seenBy('three')).toBeNull();
    lanes.snapshot();
    expect(told).toEqual(['visa closed open', 'visa open closed']);
  });

  it('people have the last word, and a lane that only measures is never closed by reports', async () => {
    await report('one', 'failure', 10);
    await report('two', 'failure', 10);
    lanes.setOverrides([sampleOverride({ provider: 'a', mode: 'force_closed' })]);
    expect([seenBy('one'), seenBy('three'), seenBy(null)]).toEqual([null, null, null]);
    lanes.setOverrides([sampleOverride({ provider: 'a', mode: 'drain' })]);
    expect([seenBy('one'), seenBy('three')]).toEqual(['draining', 'draining']);
    lanes.setOverrides([]);
    lanes.update(new Map([['a', { ...CONTRACT, breaker: { ...CONTRACT.breaker, metricsOnly: true } }]]));
    expect([seenBy('one'), seenBy('three')]).toEqual([null, null]);
  });

  it('forgets a provider that is gone, and knows nothing of one that never was', async () => {
    await report('one', 'failure', 10);
    lanes.update(new Map());
    expect(seenBy('one')).toBe('draining');
    await report('one', 'failure', 10);
    lanes.update(new Map([['a', CONTRACT]]));
    expect(seenBy('one')).toBeNull();
  });
});

describe('its memory', () => {
  const book = () => new AccountLanes(systemClock);
  const fail = (kept: AccountLanes, account: string, times: number) => {
    for (let time = 0; time < times; time += 1) {
      kept.report(account, 'a', 'visa', `${account} ${time}`, 'failure', CONTRACT.breaker);
    }
  };

  it('is bounded, and what was used longest ago goes first', () => {
    const kept = book();
    for (let account = 0; account < 2_100; account += 1) fail(kept, `account-${account}`, 10);
    expect(kept.size).toBe(2_000);
    expect(kept.gate('account-2099', 'a', 'visa')).not.toBeNull();
    expect(kept.gate('account-0', 'a', 'visa')).toBeNull();
    // What is forgotten has no voice any more.
    expect(kept.votes('a', 'visa')).toBe(2_000);
    kept.close();
    expect([kept.size, kept.votes('a', 'visa')]).toEqual([0, 0]);
  });

  it('lets go of what nobody used for ten minutes', async () => {
    const kept = book();
    fail(kept, 'one', 10);
    await vi.advanceTimersByTimeAsync(600_000);
    fail(kept, 'two', 1);
    expect(kept.size).toBe(1);
    expect(kept.gate('one', 'a', 'visa')).toBeNull();
    kept.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
