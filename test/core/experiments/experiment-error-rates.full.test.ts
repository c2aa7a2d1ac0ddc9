import { describe, expect, it } from 'vitest';
import { mismatchShare, shareOf, slowShareOf } from './experiment-error-rates.ts';

const WEEK = { hours: 72, perHour: 100 };

describe('a thousand experiments, looked at every hour', () => {
  it('A/A: at most 5 % ever show a difference', () => {
    const share = shareOf(1000, { ...WEEK, control: 0.88, treatment: 0.88 }, (seen) => seen.everSignificant);
    expect(share).toBeLessThanOrEqual(0.05);
  }, 900_000);

  it('A/B: at least 95 % hold the true difference at every look', () => {
    const share = shareOf(1000, { ...WEEK, control: 0.88, treatment: 0.91 }, (seen) => seen.alwaysCovered);
    expect(share).toBeGreaterThanOrEqual(0.95);
  }, 900_000);

  it('guardrails: arms at the margin are stopped in at most 5 % of them', () => {
    const share = shareOf(
      400,
      { ...WEEK, control: 0.9, treatment: 0.87 },
      ({ stoppedAtHour }) => stoppedAtHour !== null,
    );
    expect(share).toBeLessThanOrEqual(0.05);
  }, 900_000);

  describe('whose treatment is told of its declines up to an hour late', () => {
    const day = { hours: 24, perHour: 60, lookMs: 3_600_000, declinesLateMs: 3_600_000 };

    it('A/A: at most 5 % ever show a difference', () => {
      const even = { ...day, control: 0.88, treatment: 0.88 };
      expect(slowShareOf(500, even, (seen) => seen.everSignificant)).toBeLessThanOrEqual(0.05);
    }, 900_000);

    it('A/B: at least 95 % hold the true difference at every look', () => {
      const apart = { ...day, control: 0.88, treatment: 0.91 };
      expect(slowShareOf(500, apart, (seen) => seen.alwaysCovered)).toBeGreaterThanOrEqual(0.95);
    }, 900_000);

    it('guardrails: arms at the margin are stopped in at most 5 % of them, and also when they are quick', () => {
      for (const declinesLateMs of [3_600_000, 0]) {
        const atMargin = { ...day, declinesLateMs, control: 0.9, treatment: 0.87 };
        const stopped = slowShareOf(300, atMargin, ({ stoppedAtHour }) => stoppedAtHour !== null);
        expect(stopped).toBeLessThanOrEqual(0.05);
      }
    }, 900_000);
  });

  it('sample ratio: a sound split is told to be broken in at most 0.5 %', () => {
    expect(mismatchShare(1000, 4_000, 0)).toBeLessThanOrEqual(0.005);
  }, 900_000);
});
