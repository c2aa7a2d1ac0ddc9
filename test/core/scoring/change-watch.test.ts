import { describe, expect, it } from 'vitest';
import { ChangeWatch } from '../../../src/core/scoring/change-watch.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const SETTINGS = { steps: [0.05, 0.15], threshold: 10 };

/** Outcomes until an alarm, at most `limit`; the rate that is believed stays. */
function untilAlarm(seed: number, believed: number, rate: number, limit: number) {
  const random = new SeededRandom(seed);
  const watches = new ChangeWatch(SETTINGS);
  const watch = watches.take();
  for (let count = 1; count <= limit; count += 1) {
    const since = watches.observe(watch, believed, random.chance(rate));
    if (since !== null) return { count, since };
  }
  return null;
}

describe('a watch for changes', () => {
  it('sums the log-likelihood ratio by hand, and begins anew where it was last 0', () => {
    const watches = new ChangeWatch({ steps: [0.1], threshold: 3.5 });
    const watch = watches.take();
    const declined = Math.log(0.2 / 0.1);
    const approved = Math.log(0.8 / 0.9);
    let sum = 0;
    // The first approvals leave it at 0: the change is estimated to begin after them.
    for (const isApproved of [true, true, false, false, true, false, false, false]) {
      sum = Math.max(0, sum + (isApproved ? approved : declined));
      expect(watches.observe(watch, 0.9, isApproved)).toBe(null);
    }
    expect(sum).toBeCloseTo(5 * declined + approved, 12);
    expect(sum).toBeLessThan(3.5);
    expect(watches.observe(watch, 0.9, false)).toEqual({ approved: 1, total: 7 });
    // It begins anew.
    expect(watches.observe(watch, 0.9, false)).toBe(null);
  });

  it.each([
    ['a drop of 22 points', 0.92, 0.7, 150],
    ['an outage', 0.9, 0.1, 20],
    ['a recovery', 0.7, 0.92, 200],
    ['a small drop', 0.9, 0.85, 2500],
  ])('notices %s within so many outcomes', (_, believed, rate, within) => {
    const counts = Array.from({ length: 40 }, (__, seed) => untilAlarm(seed, believed, rate, within * 3));
    expect(counts.filter((one) => one !== null)).toHaveLength(40);
    const median = counts.map((one) => one?.count ?? 0).sort((a, b) => a - b)[20] ?? 0;
    expect(median).toBeLessThan(within);
    for (const one of counts) expect(one?.since.total).toBeLessThanOrEqual(one?.count ?? 0);
  });

  it('raises hardly a false alarm in 20,000 outcomes', () => {
    const alarms = Array.from({ length: 30 }, (_, seed) => untilAlarm(seed, 0.9, 0.9, 20_000));
    expect(alarms.filter((one) => one !== null).length).toBeLessThanOrEqual(6);
  });

  it('keeps watches apart, and uses released ones again, empty', () => {
    const watches = new ChangeWatch({ steps: [0.1], threshold: 1 });
    const [one, other] = [watches.take(), watches.take()];
    expect(watches.observe(one, 0.9, false)).toBe(null);
    expect(watches.observe(other, 0.9, true)).toBe(null);
    watches.release(one);
    expect(watches.size).toBe(1);
    expect(watches.take()).toBe(one);
    expect(watches.observe(one, 0.9, false)).toBe(null);
    expect(watches.observe(one, 0.9, false)).toEqual({ approved: 0, total: 2 });
    for (let count = 0; count < 200; count += 1) watches.take();
    expect(watches.observe(other, 0.9, false)).toBe(null);
    expect(watches.size).toBe(202);
    expect(watches.bytes).toBeGreaterThan(0);
  });
});
