import { describe, expect, it } from 'vitest';
import { callsAbove } from './calls-above.ts';
import { SeededRandom } from './seeded-random.ts';

/** So many calls at once, each second. */
const every = (seconds: number, calls: number): number[] =>
  Array.from({ length: seconds * calls }, (_, index) => Math.floor(index / calls) * 1_000);

describe('calls above a rate', () => {
  it.each([
    { what: 'none', atMs: [], perSecond: 10, leastMs: 0, above: Number.NEGATIVE_INFINITY },
    { what: 'a burst', atMs: [5, 5, 5], perSecond: 10, leastMs: 0, above: 3 },
    { what: 'the rate', atMs: every(60, 10), perSecond: 10, leastMs: 0, above: 10 },
    { what: 'a tenth more, for a minute', atMs: every(61, 11), perSecond: 10, leastMs: 0, above: 71 },
    { what: 'the same, over ten seconds', atMs: every(11, 11), perSecond: 10, leastMs: 10_000, above: 21 },
    { what: 'a burst, over ten seconds', atMs: every(1, 50), perSecond: 10, leastMs: 10_000, above: -50 },
  ])('$what', ({ atMs, perSecond, leastMs, above }) => {
    expect(callsAbove(atMs, perSecond, leastMs).calls).toBeCloseTo(above, 9);
  });

  it('are those of the worst stretch, however they came', () => {
    const random = new SeededRandom(3);
    for (let run = 0; run < 200; run += 1) {
      const leastMs = random.integer(0, 500);
      const atMs: number[] = [];
      for (let call = 0, now = 0; call < 60; call += 1) {
        now += random.integer(0, 60);
        atMs.push(now);
      }
      let worst = Number.NEGATIVE_INFINITY;
      for (const [from, beginMs] of atMs.entries()) {
        for (let to = from; to < atMs.length; to += 1) {
          const ms = Math.max(leastMs, (atMs[to] ?? 0) - beginMs);
          worst = Math.max(worst, to - from + 1 - (20 * ms) / 1_000);
        }
      }
      const { calls, fromMs, untilMs } = callsAbove(atMs, 20, leastMs);
      expect(calls).toBeCloseTo(worst, 9);
      const within = atMs.filter((each) => each >= fromMs && each <= untilMs).length;
      expect(within - (20 * (untilMs - fromMs)) / 1_000).toBeCloseTo(worst, 9);
    }
  });
});
