import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** What `lane-breaker.ts` relies on, or works around. When one of these fails after an upgrade, read that file again. */

const FAULT = new Error('fault');
const circuits: CircuitBreaker<[boolean | 'wait'], true>[] = [];

let finish: (failed: boolean) => void = () => {};

function circuit(options: Partial<CircuitBreaker.Options> = {}): CircuitBreaker<[boolean | 'wait'], true> {
  const made = new CircuitBreaker<[boolean | 'wait'], true>(
    (failed) => {
      if (failed === true) throw FAULT;
      if (failed === false) return Promise.resolve(true);
      return new Promise((resolve, reject) => {
        finish = (late) => (late ? reject(FAULT) : resolve(true));
      });
    },
    {
      timeout: false,
      errorThresholdPercentage: 50,
      volumeThreshold: 4,
      resetTimeout: 5000,
      rollingCountTimeout: 10_000,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      ...options,
    },
  );
  circuits.push(made);
  return made;
}

const ignore = () => {};
const fail = (breaker: ReturnType<typeof circuit>) => breaker.fire(true).catch(ignore);

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  for (const made of circuits.splice(0)) made.shutdown();
  vi.useRealTimers();
});

describe('opossum', () => {
  it('counts a throwing action synchronously, a success one microtask later', async () => {
    const breaker = circuit();
    for (let call = 0; call < 4; call += 1) void fail(breaker);
    expect(breaker.opened).toBe(true);
    const other = circuit();
    const succeeded = other.fire(false);
    expect(other.stats).toMatchObject({ fires: 1, successes: 0 });
    await succeeded;
    expect(other.stats).toMatchObject({ fires: 1, successes: 1 });
  });

  it('opens strictly above the threshold, and not below the volume', async () => {
    const breaker = circuit();
    await breaker.fire(false);
    await breaker.fire(false);
    await fail(breaker);
    await fail(breaker);
    expect(breaker.closed).toBe(true);
    await fail(breaker);
    expect(breaker.opened).toBe(true);
    const few = circuit();
    for (let call = 0; call < 3; call += 1) await fail(few);
    expect(few.closed).toBe(true);
  });

  it('rejects and counts a fire while open: reports must be held back', async () => {
    const breaker = circuit();
    breaker.open();
    await expect(breaker.fire(false)).rejects.toMatchObject({ code: 'EOPENBREAKER' });
    expect(breaker.stats).toMatchObject({ fires: 1, rejects: 1, successes: 0 });
  });

  it('lets a late success close it when half open: it knows no generations', async () => {
    const breaker = circuit();
    const late = breaker.fire('wait');
    breaker.open();
    vi.advanceTimersByTime(5000);
    expect(breaker.halfOpen).toBe(true);
    finish(false);
    await late;
    expect(breaker.closed).toBe(true);
  });

  it('keeps the window when it closes: one failure opens it again', async () => {
    const breaker = circuit();
    for (let call = 0; call < 4; call += 1) void fail(breaker);
    vi.advanceTimersByTime(5000);
    await breaker.fire(false);
    expect(breaker.closed).toBe(true);
    await fail(breaker);
    expect(breaker.opened).toBe(true);
  });

  it('counts what errorFilter lets pass as a success', async () => {
    const breaker = circuit({ errorFilter: () => true });
    await expect(breaker.fire(true)).rejects.toBe(FAULT);
    expect(breaker.stats).toMatchObject({ successes: 1, failures: 0 });
  });

  it('dilutes the ratio by calls under way', async () => {
    const breaker = circuit();
    for (let call = 0; call < 4; call += 1) void breaker.fire('wait').catch(ignore);
    for (let call = 0; call < 4; call += 1) await fail(breaker);
    expect(breaker.stats).toMatchObject({ fires: 8, failures: 4 });
    expect(breaker.closed).toBe(true);
  });

  it('rotates by the emitter it is given, starts no timer of its own, and can be primed', () => {
    const rotation = new EventEmitter();
    const stats = { ...circuit().stats, fires: 7, failures: 3 };
    const before = vi.getTimerCount();
    const options = {
      enableSnapshots: false,
      rollingPercentilesEnabled: false,
      rotateBucketController: rotation,
    };
    const breaker = circuit({ ...options, status: CircuitBreaker.newStatus({ ...options, stats }) });
    expect(vi.getTimerCount()).toBe(before);
    expect(breaker.stats).toMatchObject({ fires: 7, failures: 3 });
    for (let slice = 0; slice < 9; slice += 1) rotation.emit('rotate');
    expect(breaker.stats.fires).toBe(7);
    rotation.emit('rotate');
    expect(breaker.stats.fires).toBe(0);
    breaker.shutdown();
    expect(rotation.listenerCount('rotate')).toBe(0);
  });
});
