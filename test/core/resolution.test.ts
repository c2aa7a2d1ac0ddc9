import { describe, expect, it } from 'vitest';
import { isDefiniteNegative } from '../../src/core/attempt.ts';
import {
  DAY_MS,
  DEFAULT_SCHEDULE_MS,
  isKeyUsable,
  isNotFoundEvidence,
  KEY_MARGIN_MS,
  NEVER_CONFIRMED,
  nextWork,
  notFoundEvidenceAt,
  notFoundOutcome,
  type ProviderSemantics,
  quickResolution,
  wasNeverConfirmed,
} from '../../src/core/resolution.ts';
import { sampleAttempt } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

function semantics(over: Partial<ProviderSemantics> = {}): ProviderSemantics {
  return {
    inquiry: 'our_reference',
    notFoundAfterMs: 60_000,
    operationNotFoundAfterMs: 60_000,
    replay: 'same_answer',
    keyLifetimeMs: 24 * HOUR_MS,
    twoSteps: false,
    cancelByReference: false,
    operationInquiry: true,
    validityMs: 7 * DAY_MS,
    ...over,
  };
}

describe('keys', () => {
  it.each([
    ['young', {}, 0, true],
    ['just before the margin', {}, 24 * HOUR_MS - 80 * MINUTE_MS - 1, true],
    ['in the margin', {}, 24 * HOUR_MS - 80 * MINUTE_MS, false],
    ['over', {}, 25 * HOUR_MS, false],
    ['a clock that went back', {}, -1, false],
    ['for ever', { keyLifetimeMs: null }, 400 * DAY_MS, true],
    ['a life not longer than the margin', { keyLifetimeMs: 80 * MINUTE_MS }, 0, false],
    ['failures not kept', { replay: 'success_only' }, 0, true],
    ['no keys', { replay: 'none' }, 0, false],
  ] as const)('%s', (_, over, ageMs, usable) => {
    expect(isKeyUsable(semantics(over), ageMs, KEY_MARGIN_MS)).toBe(usable);
  });

  it('the sender itself knows their age exactly', () => {
    expect(isKeyUsable(semantics({ keyLifetimeMs: 4_000 }), 3_999, 0)).toBe(true);
    expect(isKeyUsable(semantics({ keyLifetimeMs: 4_000 }), 4_000, 0)).toBe(false);
  });
});

describe('not found is evidence', () => {
  it.each([
    ['inside the window', 60_000, 60_000, 60_000, false],
    ['past it', 60_000, 60_001, 60_000, true],
    ['past it only by a wall clock that jumped', 60_000, 600_000, 59_999, false],
    ['past it only by our own clock', 60_000, -600_000, 600_000, false],
    ['at once, once the deadline is over', 0, 1, 0, true],
    ['not at the deadline itself', 0, 0, 0, false],
    ['never', null, 1e12, 1e12, false],
  ] as const)('%s', (_, windowMs, pastDeadlineMs, seenForMs, expected) => {
    expect(isNotFoundEvidence(windowMs, { pastDeadlineMs, seenForMs })).toBe(expected);
  });

  it.each([
    ['the wall clock comes last', 10_000, 55_000, 50_001],
    ['our own clock comes last', 55_000, 10_000, 50_000],
    ['both say so', 70_000, 70_000, -9_999],
  ] as const)('and when it will be is told: %s', (_, pastDeadlineMs, seenForMs, expected) => {
    const waited = { pastDeadlineMs, seenForMs };
    expect(notFoundEvidenceAt(60_000, waited, 1_000)).toBe(1_000 + expected);
    expect(notFoundEvidenceAt(null, waited, 1_000)).toBeNull();
  });

  it('and says what it was', () => {
    const rejected = { kind: 'rejected', reason: 'not_found', code: 'not_found', retryAfterMs: null };
    for (const [outcome, providerReference] of [
      [SAMPLE_OUTCOMES.unknown, null],
      [SAMPLE_OUTCOMES.unknownMismatch, 'p1'],
      [SAMPLE_OUTCOMES.pending, 'p1'],
      [null, null],
    ] as const) {
      expect(notFoundOutcome(sampleAttempt(1, outcome))).toEqual({ ...rejected, providerReference });
    }
    const prepared = { ...sampleAttempt(1, SAMPLE_OUTCOMES.unknown), preparedReference: 'pi_1' };
    expect(notFoundOutcome(prepared)).toEqual({ ...rejected, providerReference: 'pi_1' });
  });
});

describe('an attempt at a provider with two steps', () => {
  it.each([
    ['was never confirmed where no id of it is recorded', true, null, null, true],
    ['may have been where one was prepared', true, 'pi_1', null, false],
    ['may have been where its outcome names one', true, null, SAMPLE_OUTCOMES.unknownMismatch, false],
    ['may have been where there is one step', false, null, null, false],
  ] as const)('%s', (_, twoSteps, preparedReference, outcome, expected) => {
    const attempt = { ...sampleAttempt(1, outcome), preparedReference };
    expect(wasNeverConfirmed(semantics({ twoSteps }), attempt)).toBe(expected);
  });

  it('that was never confirmed may fail over', () => {
    expect(isDefiniteNegative(NEVER_CONFIRMED)).toBe(true);
    expect(NEVER_CONFIRMED).toMatchObject({ reason: 'transient', code: 'never_confirmed' });
  });
});

describe('what is done at once about an unknown', () => {
  const unknown = (code: string, providerReference: string | null = null) =>
    ({ kind: 'unknown', code, providerReference }) as const;
  it.each([
    ['ECONNRESET', {}, null, 'replay'],
    ['EPIPE', {}, null, 'replay'],
    ['connection_failed', {}, null, 'replay'],
    ['truncated_answer', {}, null, 'replay'],
    ['UND_ERR_SOCKET', {}, null, 'replay'],
    ['ECONNRESET', { replay: 'success_only' }, null, 'inquire'],
    ['ECONNRESET', { replay: 'none', inquiry: 'none' }, null, 'none'],
    ['ECONNRESET', { keyLifetimeMs: 1_000 }, null, 'replay'],
    ['ECONNRESET', { keyLifetimeMs: 999 }, null, 'inquire'],
    ['ECONNRESET', { keyLifetimeMs: 999, inquiry: 'none' }, null, 'none'],
    ['timeout', {}, null, 'inquire'],
    ['http_500', {}, null, 'inquire'],
    ['answer_malformed', {}, null, 'inquire'],
    ['timeout', { inquiry: 'provider_reference' }, null, 'none'],
    ['timeout', { inquiry: 'provider_reference' }, 'p1', 'inquire'],
    ['timeout', { inquiry: 'none' }, 'p1', 'none'],
    ['answer_mismatch', {}, 'p1', 'none'],
    ['aborted', {}, null, 'none'],
  ] as const)('%s %j %s: %s', (code, over, reference, expected) => {
    expect(quickResolution(unknown(code, reference), semantics(over), 999)).toBe(expected);
  });
});

describe('the schedule', () => {
  const FAR = 365 * DAY_MS;
  const start = { step: 0, failures: 0 };

  it('5 s, 30 s, 2 min, 5 min, 1 h, 1 d, then daily', () => {
    const waits: number[] = [];
    let progress: { step: number; failures: number } = { step: -1, failures: 0 };
    let nowMs = 0;
    for (let look = 0; look < 8; look += 1) {
      const next = nextWork(DEFAULT_SCHEDULE_MS, progress, true, nowMs, FAR);
      waits.push((next.dueAtMs ?? 0) - nowMs);
      nowMs = next.dueAtMs ?? 0;
      progress = next;
    }
    expect(waits).toEqual([5_000, 30_000, 120_000, 300_000, HOUR_MS, DAY_MS, DAY_MS, DAY_MS]);
  });

  it('inquiries that fail do not use it up, and come less often', () => {
    const waits: number[] = [];
    let progress: { step: number; failures: number } = start;
    for (let look = 0; look < 12; look += 1) {
      const next = nextWork(DEFAULT_SCHEDULE_MS, progress, false, 0, FAR);
      waits.push(next.dueAtMs ?? 0);
      progress = next;
    }
    expect(progress.step).toBe(0);
    expect(waits.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000]);
    expect(waits.at(-1)).toBe(HOUR_MS);
    expect(nextWork(DEFAULT_SCHEDULE_MS, progress, true, 0, FAR)).toEqual({
      step: 1,
      failures: 0,
      dueAtMs: 30_000,
    });
  });

  it('ends with a last look at the end of the validity, and then never', () => {
    const late = { step: 9, failures: 0 };
    expect(nextWork(DEFAULT_SCHEDULE_MS, late, true, 0, DAY_MS)).toMatchObject({ dueAtMs: DAY_MS });
    expect(nextWork(DEFAULT_SCHEDULE_MS, late, true, 0, DAY_MS - 1)).toMatchObject({ dueAtMs: DAY_MS - 1 });
    expect(nextWork(DEFAULT_SCHEDULE_MS, late, true, DAY_MS, DAY_MS)).toMatchObject({ dueAtMs: null });
    expect(nextWork(DEFAULT_SCHEDULE_MS, late, false, DAY_MS, DAY_MS)).toMatchObject({ dueAtMs: null });
  });

  it('looks once more when "not found" will be evidence, without using the schedule up', () => {
    const next = (evidenceAtMs: number | null, answered = true, giveUpAtMs = FAR) =>
      nextWork([1_000, 5_000], start, answered, 100, giveUpAtMs, evidenceAtMs);
    expect(next(3_000)).toEqual({ step: 0, failures: 0, dueAtMs: 3_000 });
    expect(next(90)).toEqual({ step: 0, failures: 0, dueAtMs: 100 });
    for (const evidenceAtMs of [null, 5_100, 6_000]) {
      expect(next(evidenceAtMs)).toEqual({ step: 1, failures: 0, dueAtMs: 5_100 });
    }
    expect(next(3_000, false)).toEqual({ step: 0, failures: 1, dueAtMs: 2_100 });
    expect(next(3_000, true, 2_000)).toMatchObject({ dueAtMs: 2_000 });
  });

  it('follows the delays that it is given', () => {
    expect(nextWork([200], start, true, 1_000, FAR)).toEqual({
      step: 1,
      failures: 0,
      dueAtMs: 1_000 + DAY_MS,
    });
    expect(nextWork([], start, false, 0, 2 * DAY_MS)).toEqual({ step: 0, failures: 1, dueAtMs: HOUR_MS });
  });
});
