import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttemptOutcome, type BreakerSignal, breakerSignal } from '../../src/core/attempt.ts';
import type { DeclineCategory } from '../../src/core/declines/decline.ts';
import { DECLINE_CATEGORIES } from '../../src/core/declines/decline.ts';
import type { BreakerSettings } from '../../src/core/rules/ruleset.ts';
import { LaneBreaker } from '../../src/guards/lane-breaker.ts';
import { systemClock } from '../../src/guards/system-clock.ts';

const SETTINGS: BreakerSettings = {
  failureRatio: 0.5,
  unknownRatio: 0.1,
  volume: 10,
  windowMs: 10_000,
  resetMs: 5000,
  metricsOnly: false,
};

let transitions: string[] = [];
let breaker: LaneBreaker;

function start(settings: Partial<BreakerSettings> = {}): LaneBreaker {
  breaker = new LaneBreaker({ ...SETTINGS, ...settings }, systemClock, (from, to) =>
    transitions.push(`${from}>${to}`),
  );
  return breaker;
}

/** Lets opossum count a success. */
const counted = async () => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

async function calls(signal: BreakerSignal, times: number): Promise<void> {
  for (let call = 0; call < times; call += 1) {
    breaker.report(breaker.enter(), signal);
    await counted();
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  transitions = [];
});
afterEach(() => {
  breaker.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('opening on a busy lane', () => {
  it.each([
    { name: 'fifteen failures after a thousand successes', failures: 15, state: 'closed' },
    { name: 'sixteen of the last thirty', failures: 16, state: 'open' },
  ])('$name: $state', async ({ failures, state }) => {
    start();
    await calls('success', 1_000);
    await calls('failure', failures);
    expect(breaker.state).toBe(state);
  });

  it('stays closed while two of five fail, mixed', async () => {
    start();
    for (let round = 0; round < 40; round += 1) {
      await calls('success', 3);
      await calls('failure', 2);
    }
    expect(breaker.state).toBe('closed');
  });

  it('judges no call that is older than the window', async () => {
    start();
    await calls('failure', 9);
    vi.advanceTimersByTime(10_001);
    await calls('failure', 9);
    expect(breaker.state).toBe('closed');
  });

  it('starts anew when it closes', async () => {
    start();
    await calls('success', 1_000);
    await calls('failure', 16);
    vi.advanceTimersByTime(5_000);
    await calls('success', 1);
    expect(breaker.state).toBe('closed');
    await calls('failure', 8);
    expect(breaker.state).toBe('closed');
  });
});

describe('opening', () => {
  it.each([
    { name: 'half of ten', failures: 5, successes: 5, state: 'closed' },
    { name: 'more than half', failures: 6, successes: 5, state: 'open' },
    { name: 'all of nine, below the volume', failures: 9, successes: 0, state: 'closed' },
    { name: 'all of ten', failures: 10, successes: 0, state: 'open' },
  ])('$name: $state', async ({ failures, successes, state }) => {
    start();
    await calls('success', successes);
    await calls('failure', failures);
    expect(breaker.state).toBe(state);
  });

  it.each([
    { name: 'one unknown of ten', unknown: 1, successes: 9, state: 'closed' },
    { name: 'two unknown of eleven', unknown: 2, successes: 9, state: 'open' },
    { name: 'all of nine, below the volume', unknown: 9, successes: 0, state: 'closed' },
    { name: 'eleven unknown of a hundred and one', unknown: 11, successes: 90, state: 'open' },
    { name: 'ten unknown of a hundred', unknown: 10, successes: 90, state: 'closed' },
  ])('$name: $state', async ({ unknown, successes, state }) => {
    start();
    await calls('success', successes);
    await calls('unknown', unknown);
    expect(breaker.state).toBe(state);
  });

  it('counts no calls under way and none that say nothing', async () => {
    start();
    const under = Array.from({ length: 100 }, () => breaker.enter());
    await calls('excluded', 100);
    expect(breaker.counts()).toEqual({ calls: 0, failures: 0, unknown: 0 });
    await calls('failure', 10);
    expect(breaker.state).toBe('open');
    expect(under).toHaveLength(100);
  });

  it('forgets by time, also while nobody calls', async () => {
    start();
    await calls('failure', 9);
    expect(breaker.counts()).toEqual({ calls: 9, failures: 9, unknown: 0 });
    vi.advanceTimersByTime(10_000);
    expect(breaker.counts()).toEqual({ calls: 0, failures: 0, unknown: 0 });
    await calls('failure', 9);
    expect(breaker.state).toBe('closed');
  });

  it('forgets unknown outcomes by time', async () => {
    start();
    await calls('success', 8);
    await calls('unknown', 1);
    vi.advanceTimersByTime(10_000);
    await calls('success', 9);
    await calls('unknown', 1);
    expect(breaker.state).toBe('closed');
  });
});

describe('issuers', () => {
  const declined = (category: DeclineCategory): AttemptOutcome => ({
    kind: 'declined',
    providerReference: 'ref',
    decline: {
      category,
      code: 'code',
      networkCode: null,
      advice: null,
      retryNotBefore: null,
      otherProvider: 'no',
      mayHideApproval: false,
    },
  });

  it.each(DECLINE_CATEGORIES)('a thousand declines of category %s leave it closed', (category) => {
    start();
    for (let call = 0; call < 1000; call += 1) {
      breaker.report(breaker.enter(), breakerSignal(declined(category)));
    }
    expect(breaker.state).toBe('closed');
    expect(breaker.counts().failures).toBe(0);
    expect(transitions).toEqual([]);
  });

  it('an issuer outage neither opens it nor hides failures of the provider', async () => {
    start();
    for (let call = 0; call < 1000; call += 1) {
      breaker.report(breaker.enter(), breakerSignal(declined('issuer_unavailable')));
    }
    expect(breaker.counts().calls).toBe(0);
    await calls('failure', 10);
    expect(breaker.state).toBe('open');
  });
});

describe('half open', () => {
  async function halfOpen(): Promise<void> {
    start();
    await calls('failure', 10);
    vi.advanceTimersByTime(4999);
    expect(breaker.state).toBe('open');
    expect(breaker.reopensInMs).toBe(1);
    vi.advanceTimersByTime(1);
    expect(breaker.state).toBe('half_open');
  }

  it('lets one probe through', async () => {
    await halfOpen();
    const probe = breaker.enter();
    expect(breaker.closedBecause).toBe('probe_in_flight');
    breaker.report(probe, 'success');
    // Between the report and its count nobody else may slip through.
    expect(breaker.closedBecause).not.toBe(null);
    await counted();
    expect(breaker.state).toBe('closed');
    expect(transitions).toEqual(['closed>open', 'open>half_open', 'half_open>closed']);
  });

  it.each(['failure', 'unknown'] as const)('opens again after a probe that ends as %s', async (signal) => {
    await halfOpen();
    breaker.report(breaker.enter(), signal);
    expect(breaker.state).toBe('open');
    expect(breaker.reopensInMs).toBe(5000);
  });

  it('gives the place back when the probe was not sent, or says nothing', async () => {
    await halfOpen();
    breaker.leave(breaker.enter());
    expect(breaker.closedBecause).toBe(null);
    breaker.report(breaker.enter(), 'excluded');
    expect(breaker.closedBecause).toBe(null);
    expect(breaker.state).toBe('half_open');
  });

  it('starts an empty window when it closes', async () => {
    await halfOpen();
    await calls('success', 1);
    expect(breaker.counts()).toEqual({ calls: 0, failures: 0, unknown: 0 });
    await calls('failure', 9);
    expect(breaker.state).toBe('closed');
  });

  it('is not moved by a place taken from it earlier', async () => {
    await halfOpen();
    const first = breaker.enter();
    breaker.report(first, 'failure');
    vi.advanceTimersByTime(5000);
    const second = breaker.enter();
    breaker.leave(first);
    expect(breaker.closedBecause).toBe('probe_in_flight');
    breaker.leave(second);
    expect(breaker.closedBecause).toBe(null);
  });
});

describe('results that come late', () => {
  it('a success from before it opened does not close it', async () => {
    start();
    const early = breaker.enter();
    await calls('failure', 10);
    vi.advanceTimersByTime(5000);
    breaker.report(early, 'success');
    await counted();
    expect(breaker.state).toBe('half_open');
  });

  it('a success from before does not close it while a probe is out', async () => {
    start();
    const early = breaker.enter();
    await calls('failure', 10);
    vi.advanceTimersByTime(5000);
    const probe = breaker.enter();
    breaker.report(early, 'success');
    await counted();
    expect(breaker.closedBecause).toBe('probe_in_flight');
    breaker.report(probe, 'failure');
    expect(breaker.state).toBe('open');
  });

  it('a failure from before does not keep it open, whether it comes before or after the probe', async () => {
    for (const first of ['late', 'probe'] as const) {
      start();
      const early = breaker.enter();
      await calls('failure', 10);
      vi.advanceTimersByTime(5000);
      const probe = breaker.enter();
      if (first === 'late') breaker.report(early, 'failure');
      breaker.report(probe, 'success');
      await counted();
      if (first === 'probe') breaker.report(early, 'failure');
      expect(breaker.state).toBe('closed');
      expect(breaker.counts().failures).toBe(0);
      breaker.close();
    }
  });

  it('a failure from before does not extend an open one', async () => {
    start();
    const early = breaker.enter();
    await calls('failure', 10);
    vi.advanceTimersByTime(4000);
    breaker.report(early, 'failure');
    expect(breaker.reopensInMs).toBe(1000);
    vi.advanceTimersByTime(1000);
    expect(breaker.state).toBe('half_open');
  });

  it('a call that passed an open breaker is not counted', async () => {
    start();
    await calls('failure', 10);
    const passed = breaker.enter();
    expect(passed.counted).toBe(false);
    vi.advanceTimersByTime(5000);
    breaker.report(passed, 'success');
    await counted();
    expect(breaker.state).toBe('half_open');
  });

  it('nothing moves one that was closed for good', async () => {
    start();
    const early = breaker.enter();
    breaker.close();
    breaker.report(early, 'failure');
    expect(transitions).toEqual([]);
  });
});

describe('changed settings', () => {
  it('keep the counts of the window', async () => {
    start();
    await calls('failure', 9);
    breaker.configure({ ...SETTINGS, volume: 9 });
    expect(breaker.counts()).toEqual({ calls: 9, failures: 9, unknown: 0 });
    await calls('failure', 1);
    expect(breaker.state).toBe('open');
  });

  it('keep it open, with the new time', async () => {
    start();
    await calls('failure', 10);
    breaker.configure({ ...SETTINGS, resetMs: 20_000 });
    expect(breaker.state).toBe('open');
    vi.advanceTimersByTime(19_999);
    expect(breaker.state).toBe('open');
    vi.advanceTimersByTime(1);
    expect(breaker.state).toBe('half_open');
    expect(transitions).toEqual(['closed>open', 'open>half_open']);
  });

  it('do not lose a call under way', async () => {
    start();
    const under = breaker.enter();
    breaker.configure({ ...SETTINGS, volume: 1 });
    breaker.report(under, 'failure');
    expect(breaker.state).toBe('open');
  });

  it('change nothing when they are the same', async () => {
    start();
    await calls('failure', 10);
    vi.advanceTimersByTime(3000);
    breaker.configure({ ...SETTINGS });
    expect(breaker.reopensInMs).toBe(2000);
  });
});
