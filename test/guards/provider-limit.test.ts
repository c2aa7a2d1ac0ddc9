import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProviderLimit } from '../../src/guards/provider-limit.ts';
import { FakeClock } from '../support/fake-clock.ts';

const SEED = 20_261_123;

function drain(limit: ProviderLimit): number {
  let taken = 0;
  while (limit.tryTake() === null) taken += 1;
  return taken;
}

describe('the bucket', () => {
  it.each([
    { perSecond: 100, burst: 100 },
    { perSecond: 1, burst: 1 },
    { perSecond: 0.5, burst: 1 },
    { perSecond: 7, burst: 7 },
  ])('$perSecond a second: a burst of $burst, then by time', async ({ perSecond, burst }) => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond, concurrent: 100_000 }, clock);
    expect(drain(limit)).toBe(burst);
    expect(limit.tryTake()).toBe('limit_per_second');
    let later = 0;
    for (let ms = 0; ms < 10_000; ms += 100) {
      await clock.advance(100);
      later += drain(limit);
    }
    expect(later).toBeGreaterThanOrEqual(Math.floor(perSecond * 10) - 1);
    expect(later).toBeLessThanOrEqual(perSecond * 10);
  });

  it('never grants more than burst + rate x t in any stretch, whatever is given back', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
      fc.record({ kind: fc.constant('take' as const), times: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant('refund' as const), times: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('429' as const), ms: fc.integer({ min: 1, max: 5000 }) }),
    );
    const perSecond = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0.1, max: 5, noNaN: true }));
    fc.assert(
      fc.property(perSecond, fc.array(step, { maxLength: 60 }), (rate, steps) => {
        let now = 0;
        const clock = { monotonicMs: () => now, wallMs: () => now, after: () => () => {} };
        const limit = new ProviderLimit({ perSecond: rate, concurrent: 1_000_000 }, clock);
        const grants: number[] = [];
        for (const one of steps) {
          if (one.kind === 'pass') now += one.ms;
          if (one.kind === '429') limit.closeFor(one.ms);
          if (one.kind === 'take') {
            for (let time = 0; time < one.times; time += 1) if (limit.tryTake() === null) grants.push(now);
          }
          if (one.kind === 'refund') {
            for (let time = 0; time < one.times && grants.length > 0; time += 1) {
              limit.refund();
              grants.pop();
            }
          }
        }
        for (let from = 0; from < grants.length; from += 1) {
          for (let to = from; to < grants.length; to += 1) {
            const seconds = ((grants[to] ?? 0) - (grants[from] ?? 0)) / 1000;
            expect(to - from + 1).toBeLessThanOrEqual(Math.max(1, rate) + rate * seconds + 1e-6);
          }
        }
        expect(limit.inUse).toBe(grants.length);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('tells when the next token comes, to the millisecond', async () => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 3, concurrent: 1000 }, clock);
    expect(limit.nextTokenInMs()).toBe(null);
    drain(limit);
    expect(limit.nextTokenInMs()).toBe(334);
    await clock.advance(333);
    expect(limit.tryTake()).toBe('limit_per_second');
    await clock.advance(1);
    expect(limit.tryTake()).toBe(null);
  });

  it('gives a refunded token back, and no more than the burst', () => {
    const limit = new ProviderLimit({ perSecond: 2, concurrent: 10 }, new FakeClock());
    drain(limit);
    limit.refund();
    expect(drain(limit)).toBe(1);
    limit.refund();
    limit.refund();
    expect(limit.inUse).toBe(0);
    expect(drain(limit)).toBe(2);
  });
});

describe('calls under way', () => {
  it('are bounded, and end one by one', () => {
    const limit = new ProviderLimit({ perSecond: 100, concurrent: 2 }, new FakeClock());
    expect(drain(limit)).toBe(2);
    expect(limit.tryTake()).toBe('limit_concurrent');
    limit.release();
    expect(limit.tryTake()).toBe(null);
    expect(limit.inUse).toBe(2);
  });

  it('a refused call costs no token', () => {
    const limit = new ProviderLimit({ perSecond: 3, concurrent: 1 }, new FakeClock());
    limit.tryTake();
    for (let time = 0; time < 10; time += 1) expect(limit.tryTake()).toBe('limit_concurrent');
    limit.release();
    expect(limit.tryTake()).toBe(null);
    limit.release();
    expect(limit.tryTake()).toBe(null);
    limit.release();
    expect(limit.tryTake()).toBe('limit_per_second');
  });
});

describe('a 429', () => {
  it('closes until Retry-After, then fills from empty', async () => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 1000 }, clock);
    limit.closeFor(3000);
    expect(limit.headroom()).toBe(0);
    expect(limit.nextTokenInMs()).toBe(3100);
    await clock.advance(3099);
    expect(limit.tryTake()).toBe('limit_per_second');
    await clock.advance(1);
    expect(drain(limit)).toBe(1);
  });

  it('is not shortened by a later, shorter one, nor opened by a refund', async () => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 1000 }, clock);
    limit.tryTake();
    limit.closeFor(3000);
    limit.closeFor(10);
    limit.refund();
    await clock.advance(2999);
    expect(limit.tryTake()).toBe('limit_per_second');
  });

  it('closes for as long as a provider asks for, within ten minutes', async () => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 1000 }, clock);
    limit.closeFor(120_000);
    await clock.advance(119_900);
    expect(limit.tryTake()).toBe('limit_per_second');
    await clock.advance(200);
    expect(limit.tryTake()).toBe(null);
  });

  it('closes for ten minutes at most', async () => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 1000 }, clock);
    limit.closeFor(86_400_000);
    expect(limit.closedForMs).toBe(600_000);
    await clock.advance(600_100);
    expect(limit.tryTake()).toBe(null);
  });
});

describe('head-room', () => {
  it('is the scarcer share', () => {
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 4 }, new FakeClock());
    expect(limit.headroom()).toBe(1);
    limit.tryTake();
    expect(limit.headroom()).toBe(0.75);
    limit.release();
    expect(limit.headroom()).toBe(0.9);
  });
});

describe('changed limits', () => {
  it('keep calls under way and spent tokens', async () => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 5 }, clock);
    drain(limit);
    expect(limit.inUse).toBe(5);
    limit.configure({ perSecond: 100, concurrent: 20 });
    expect(limit.inUse).toBe(5);
    expect(drain(limit)).toBe(5);
    limit.configure({ perSecond: 1, concurrent: 3 });
    expect(limit.refusal()).toBe('limit_per_second');
    await clock.advance(5000);
    expect(limit.refusal()).toBe('limit_concurrent');
  });
});
