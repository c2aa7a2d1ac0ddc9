import { describe, expect, it } from 'vitest';
import { banditShares } from '../../../src/core/experiments/bandit-shares.ts';
import { type ExperimentMetric, earlyAgeMs } from '../../../src/core/experiments/experiment.ts';
import type { ExposedAttempt } from '../../../src/core/experiments/exposed.ts';
import { ExposureTally } from '../../../src/core/experiments/exposure-tally.ts';
import { readGuardrails } from '../../../src/core/experiments/guardrails.ts';
import { EXPOSED_AT, exposed, sampleExperiment } from '../../support/sample-experiment.ts';

type Outcome = ExposedAttempt['outcome'];

const EARLY_MS = 300_000;
const HOUR_MS = 3_600_000;

/** So many payments with each outcome. */
type Mix = readonly (readonly [outcome: Outcome, count: number])[];

function readingOf(
  control: Mix,
  treatment: Mix,
  {
    ageMs = EARLY_MS,
    metric = 'approval_rate',
    maturityMs = HOUR_MS,
    durationMs = 100,
  }: {
    readonly ageMs?: number;
    readonly metric?: ExperimentMetric;
    readonly maturityMs?: number;
    readonly durationMs?: number;
  } = {},
) {
  const margin = metric === 'latency_ms' ? 50 : 0.03;
  const experiment = sampleExperiment({
    maturityMs,
    expectedSample: 500,
    guardrails: [{ metric, margin }],
  });
  const tally = new ExposureTally(experiment, EXPOSED_AT + ageMs);
  for (const [arm, mix] of [
    ['control', control],
    ['treatment', treatment],
  ] as const) {
    mix.forEach(([outcome, count], part) => {
      for (let index = 0; index < count; index += 1) {
        const took = arm === 'treatment' ? durationMs + (index % 7) : 100 + (index % 5);
        tally.add(exposed(`${arm} ${part} ${index}`, arm, [{ outcome, durationMs: took }]));
      }
    });
  }
  return readGuardrails(experiment, tally.end())[0];
}

const GOOD: Mix = [
  ['approved', 180],
  ['declined', 20],
];
const BAD: Mix = [
  ['approved', 60],
  ['declined', 140],
];

describe('a guardrail that reads payments early', () => {
  it('stops what is proven, from that age on and not before', () => {
    expect(readingOf(GOOD, BAD, { ageMs: EARLY_MS - 1 })).toMatchObject({ state: 'too_few', ageMs: HOUR_MS });
    expect(readingOf(GOOD, BAD)).toMatchObject({ state: 'breached', ageMs: EARLY_MS });
    expect(readingOf(GOOD, BAD, { ageMs: HOUR_MS })).toMatchObject({ state: 'breached', ageMs: HOUR_MS });
  });

  it.each(['pending', 'unknown', null, 'authentication_required'] as const)(
    'takes %s for approved in the arm, and for not approved in the baseline',
    (open) => {
      const slow: Mix = [
        ['approved', 60],
        [open, 140],
      ];
      expect(readingOf(GOOD, slow)).toMatchObject({ state: 'too_few', low: null });
      expect(readingOf(slow, BAD)).toMatchObject({ state: 'too_few', low: null });
      const mature = readingOf(GOOD, slow, { ageMs: HOUR_MS });
      expect(mature).toMatchObject({ state: 'breached', ageMs: HOUR_MS });
      // Even so, an arm is stopped when what is left of it cannot be good enough.
      const hopeless: Mix = [
        ['approved', 40],
        ['declined', 130],
        [open, 30],
      ];
      expect(readingOf(GOOD, hopeless)).toMatchObject({ state: 'breached', ageMs: EARLY_MS });
    },
  );

  it('says nothing is safe before it is mature', () => {
    const many: Mix = [
      ['approved', 5_000],
      ['declined', 500],
    ];
    expect(readingOf(many, [['approved', 5_500]])).toMatchObject({ state: 'too_few', low: null });
    expect(readingOf(many, [['approved', 5_500]], { ageMs: HOUR_MS })).toMatchObject({ state: 'safe' });
  });

  it('takes what is open in a mature payment for what it is then', () => {
    const experiment = sampleExperiment({
      expectedSample: 500,
      guardrails: [{ metric: 'approval_rate', margin: 0.03 }],
    });
    const tally = new ExposureTally(experiment, EXPOSED_AT + HOUR_MS);
    // Too few are mature to be read by themselves.
    for (let index = 0; index < 120; index += 1) {
      const young = index < 25 ? { atMs: EXPOSED_AT + HOUR_MS - EARLY_MS } : {};
      tally.add(exposed(`control ${index}`, 'control', ['approved'], young));
      tally.add(exposed(`treatment ${index}`, 'treatment', [index < 25 ? 'approved' : 'pending'], young));
    }
    expect(readGuardrails(experiment, tally.end())).toMatchObject([{ state: 'breached', ageMs: EARLY_MS }]);
  });

  it('reads first attempts by their own outcome', () => {
    const metric = 'first_attempt_approval_rate';
    const slow: Mix = [
      ['approved', 60],
      ['pending', 140],
    ];
    const steppedUp: Mix = [
      ['approved', 60],
      ['authentication_required', 140],
    ];
    expect(readingOf(GOOD, BAD, { metric })).toMatchObject({ state: 'breached', ageMs: EARLY_MS });
    expect(readingOf(GOOD, slow, { metric })).toMatchObject({ state: 'too_few' });
    expect(readingOf(GOOD, steppedUp, { metric })).toMatchObject({ state: 'breached', ageMs: EARLY_MS });
  });

  it('counts technical errors as they are at that age; those nobody has told of may be some of the baseline', () => {
    const metric = 'technical_error_rate';
    const failing = (outcome: Outcome): Mix => [
      ['approved', 120],
      [outcome, 80],
    ];
    for (const outcome of ['rejected', 'not_sent', 'unknown'] as const) {
      expect(readingOf(GOOD, failing(outcome), { metric })).toMatchObject({
        state: 'breached',
        ageMs: EARLY_MS,
      });
      expect(readingOf(failing(null), failing(outcome), { metric })).toMatchObject({ state: 'too_few' });
    }
    expect(readingOf(GOOD, failing('pending'), { metric })).toMatchObject({ state: 'too_few' });
  });

  it('knows the time that attempts took', () => {
    const slow = { metric: 'latency_ms', durationMs: 400 } as const;
    expect(readingOf(GOOD, GOOD, slow)).toMatchObject({ state: 'breached', ageMs: EARLY_MS });
    expect(readingOf(GOOD, GOOD, { metric: 'latency_ms' })).toMatchObject({ state: 'too_few' });
  });

  it('reads once where payments are mature by then, with all of the error', () => {
    expect([earlyAgeMs({ maturityMs: EARLY_MS }), earlyAgeMs({ maturityMs: EARLY_MS + 1 })]).toEqual([
      null,
      EARLY_MS,
    ]);
    const once = readingOf(GOOD, GOOD, { maturityMs: EARLY_MS });
    const twice = readingOf(GOOD, GOOD, { ageMs: HOUR_MS });
    expect(once).toMatchObject({ state: 'watching', ageMs: EARLY_MS });
    const width = (reading: typeof once) => (reading?.high ?? 0) - (reading?.low ?? 0);
    expect(width(once)).toBeGreaterThan(0);
    expect(width(twice)).toBeGreaterThan(width(once));
  });
});

describe('a bandit', () => {
  it('moves by mature units alone, once there are enough of them in each arm', () => {
    const experiment = sampleExperiment({ mode: 'bandit' });
    const sharesWith = (mature: number) => {
      const tally = new ExposureTally(experiment, EXPOSED_AT + HOUR_MS);
      for (let index = 0; index < 400; index += 1) {
        const young = index < mature ? {} : { atMs: EXPOSED_AT + 1 };
        const isGood = index % 10 < 9;
        tally.add(exposed(`control ${index}`, 'control', [isGood ? 'approved' : 'declined'], young));
        // What is known of the treatment is all approved, as long as it is young.
        const outcome = index >= mature ? 'approved' : isGood ? 'declined' : 'approved';
        tally.add(exposed(`treatment ${index}`, 'treatment', [outcome], young));
      }
      return banditShares(experiment, tally.end());
    };
    expect(sharesWith(99)).toBeNull();
    expect(sharesWith(100)?.[0]).toBeCloseTo(0.95, 2);
  });
});
