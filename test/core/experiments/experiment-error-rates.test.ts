import { describe, expect, it } from 'vitest';
import { mismatchShare, shareOf, slowShareOf } from './experiment-error-rates.ts';

// The short form of the long runs in experiment-error-rates.full.test.ts, with seeds that always give the same.

describe('experiments that are looked at every hour', () => {
  const day = { hours: 24, perHour: 100 };

  it('rarely show a difference that is not there', () => {
    expect(
      shareOf(100, { ...day, control: 0.9, treatment: 0.9 }, (seen) => seen.everSignificant),
    ).toBeLessThanOrEqual(0.05);
  }, 60_000);

  it('stop a bad arm, and leave a good one alone', () => {
    const isStopped = (seen: { readonly stoppedAtHour: number | null }) => seen.stoppedAtHour !== null;
    expect(shareOf(20, { ...day, control: 0.9, treatment: 0.75 }, isStopped)).toBe(1);
    expect(shareOf(20, { ...day, control: 0.9, treatment: 0.9 }, isStopped)).toBe(0);
    expect(shareOf(20, { ...day, control: 0.9, treatment: 0.93 }, isStopped)).toBe(0);
  }, 60_000);

  it('stop an arm that approves nothing, beside a baseline that approves everything', () => {
    const seen = (stoppedAtHour: number | null) => stoppedAtHour;
    const first = shareOf(5, { hours: 6, perHour: 100, control: 1, treatment: 0 }, ({ stoppedAtHour }) => {
      const at = seen(stoppedAtHour);
      return at !== null && at <= 3;
    });
    expect(first).toBe(1);
  });

  describe('whose treatment is told of its declines late', () => {
    const slow = { hours: 3, perHour: 400, lookMs: 900_000, declinesLateMs: 3_000_000 };

    it('rarely show a difference that is not there, and never stop an arm at its margin', () => {
      const even = { ...slow, control: 0.85, treatment: 0.85 };
      expect(slowShareOf(40, even, (seen) => seen.everSignificant)).toBeLessThanOrEqual(0.05);
      const atMargin = { ...slow, control: 0.9, treatment: 0.87 };
      expect(slowShareOf(25, atMargin, (seen) => seen.stoppedAtHour !== null)).toBeLessThanOrEqual(0.05);
    });

    it('stop one that declines all and hides it for most of an hour, once that is known of enough', () => {
      const bad = { ...slow, control: 0.9, treatment: 0.1 };
      expect(slowShareOf(5, bad, ({ stoppedAtHour }) => stoppedAtHour !== null && stoppedAtHour < 2)).toBe(1);
      // What tells at once is stopped long before anything is mature.
      const quick = { ...bad, declinesLateMs: 0 };
      expect(slowShareOf(5, quick, ({ stoppedAtHour }) => stoppedAtHour !== null && stoppedAtHour < 1)).toBe(
        1,
      );
    });
  });

  it('tell of a split that loses one unit in seven, and not of one that loses none', () => {
    expect(mismatchShare(20, 6_000, 1 / 7)).toBe(1);
    expect(mismatchShare(50, 6_000, 0)).toBeLessThanOrEqual(0.02);
  });
});
