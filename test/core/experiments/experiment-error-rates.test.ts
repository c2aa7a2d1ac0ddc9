import { describe, expect, it } from 'vitest';
import { mismatchShare, shareOf } from './experiment-error-rates.ts';

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

  it('tell of a split that loses one unit in seven, and not of one that loses none', () => {
    expect(mismatchShare(20, 6_000, 1 / 7)).toBe(1);
    expect(mismatchShare(50, 6_000, 0)).toBeLessThanOrEqual(0.02);
  });
});
