import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { DeclineCategory } from '../../../src/core/declines/decline.ts';
import { HealthBook, isUnhealthy } from '../../../src/core/scoring/health.ts';
import { routingFacts } from '../../support/routing-facts.ts';

const FACTS = routingFacts();
const approved: AttemptOutcome = { kind: 'approved', providerReference: 'r', networkTransaction: null };
const unknown: AttemptOutcome = { kind: 'unknown', code: 'timeout', providerReference: null };
const notSent: AttemptOutcome = { kind: 'not_sent', code: 'ECONNREFUSED' };
const limited: AttemptOutcome = {
  kind: 'rejected',
  reason: 'rate_limited',
  code: '429',
  retryAfterMs: null,
  providerReference: null,
};
const declined = (category: DeclineCategory): AttemptOutcome => ({
  kind: 'declined',
  providerReference: 'r',
  decline: {
    category,
    code: 'c',
    networkCode: null,
    advice: null,
    retryNotBefore: null,
    otherProvider: 'no',
    mayHideApproval: false,
  },
});

function fed(outcomes: readonly (readonly [AttemptOutcome, number])[], facts = FACTS, nowMs = 0): HealthBook {
  const book = new HealthBook();
  for (const [outcome, times] of outcomes) {
    for (let time = 0; time < times; time += 1) book.observe('a', facts, outcome, 100, nowMs);
  }
  return book;
}

describe('health', () => {
  it('of a provider without calls is whole', () => {
    expect(new HealthBook().health('a', FACTS, 0)).toEqual({
      processed: 1,
      unknown: 0,
      pending: 0,
      samples: 0,
    });
  });

  it('tells failed and unknown apart, drawn towards healthy by ten calls', () => {
    const health = fed([
      [approved, 800],
      [unknown, 100],
      [notSent, 100],
    ]).health('a', FACTS, 0);
    const provider = { processed: 810 / 1010, unknown: 100 / 1010 };
    expect(health.processed).toBeCloseTo((800 + 10 * provider.processed) / 1010, 12);
    expect(health.unknown).toBeCloseTo((100 + 10 * provider.unknown) / 1010, 12);
    expect(health.samples).toBe(1000);
  });

  it.each([
    ['soft_decline_issuer', 50],
    ['hard_decline_issuer', 50],
    ['issuer_unavailable', 0],
  ] as const)('is whole after declines of category %s', (category, samples) => {
    const health = fed([[declined(category), 50]]).health('a', FACTS, 0);
    expect(health).toEqual({ processed: 1, unknown: 0, pending: 0, samples });
  });

  it('keeps what is still worked on apart: nothing failed', () => {
    const pending: AttemptOutcome = { kind: 'pending', code: null, providerReference: 'r' };
    const health = fed([[pending, 90]]).health('a', FACTS, 0);
    expect(health.pending).toBeGreaterThan(0.9);
    expect(health.processed + health.pending).toBeCloseTo(1, 12);
    expect(isUnhealthy(health)).toBe(false);
    expect(
      isUnhealthy(
        fed([
          [pending, 40],
          [notSent, 60],
        ]).health('a', FACTS, 0),
      ),
    ).toBe(true);
  });

  it('does not count a 429', () => {
    expect(fed([[limited, 50]]).health('a', FACTS, 0).samples).toBe(0);
  });

  it('halves in a minute and is forgotten in an hour', () => {
    const book = fed([[notSent, 40]]);
    expect(book.health('a', FACTS, 60_000).samples).toBeCloseTo(20, 9);
    expect(isUnhealthy(book.health('a', FACTS, 60_000))).toBe(true);
    expect(isUnhealthy(book.health('a', FACTS, 180_000))).toBe(false);
    expect(book.health('a', FACTS, 3_600_000).processed).toBeCloseTo(1, 9);
  });

  it('is told by segment, and by provider where the segment is not known', () => {
    const book = fed([[approved, 960]]);
    const discover = routingFacts({ cardBrand: 'discover', cardIssuerRegion: 'north_america' });
    for (let time = 0; time < 40; time += 1) book.observe('a', discover, unknown, 100, 0);
    expect(isUnhealthy(book.health('a', discover, 0))).toBe(true);
    expect(book.health('a', discover, 0).unknown).toBeGreaterThan(0.75);
    expect(book.health('a', FACTS, 0).unknown).toBeLessThan(0.001);
    const amex = routingFacts({ cardBrand: 'amex' });
    expect(book.health('a', amex, 0)).toMatchObject({ samples: 1000 });
    expect(book.health('a', amex, 0).unknown).toBeCloseTo(40 / 1010, 12);
    expect(book.health('b', discover, 0).processed).toBe(1);
  });

  it.each([
    { failures: 9, unhealthy: false },
    { failures: 30, unhealthy: true },
  ])('after $failures failures alone is bad: $unhealthy', ({ failures, unhealthy }) => {
    expect(isUnhealthy(fed([[notSent, failures]]).health('a', FACTS, 0))).toBe(unhealthy);
  });
});

describe('latency', () => {
  it('is not told from few answers', () => {
    const book = fed([[approved, 49]]);
    expect(book.latencyP99Ms('a', 0)).toBe(null);
    book.observe('a', FACTS, approved, 100, 0);
    expect(book.latencyP99Ms('a', 0)).not.toBe(null);
    expect(book.latencyP99Ms('a', 300_000)).toBe(null);
    expect(book.latencyP99Ms('b', 0)).toBe(null);
  });

  it('is the 99th percentile, at most a bucket of 15 % above', () => {
    const book = new HealthBook();
    for (let answer = 1; answer <= 1000; answer += 1) book.observe('a', FACTS, approved, answer, 0);
    const p99 = book.latencyP99Ms('a', 0) ?? 0;
    expect(p99).toBeGreaterThanOrEqual(990);
    expect(p99).toBeLessThanOrEqual(990 * 1.15 + 1);
  });

  it.each([
    { durationMs: 0, p99: 1 },
    { durationMs: 1, p99: 1 },
    { durationMs: 10_000_000, p99: 69_000 },
  ])('takes $durationMs ms', ({ durationMs, p99 }) => {
    const book = new HealthBook();
    for (let answer = 0; answer < 100; answer += 1) book.observe('a', FACTS, approved, durationMs, 0);
    const told = book.latencyP99Ms('a', 0) ?? 0;
    expect(told).toBeGreaterThanOrEqual(Math.min(p99, 60_000));
    expect(told).toBeLessThanOrEqual(p99);
  });

  it('counts answers only', () => {
    const book = fed([
      [approved, 60],
      [unknown, 60],
      [notSent, 60],
    ]);
    for (let time = 0; time < 60; time += 1) book.observe('a', FACTS, unknown, 30_000, 0);
    expect(book.latencyP99Ms('a', 0)).toBeLessThan(120);
  });
});
