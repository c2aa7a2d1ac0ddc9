import type { ExposedAttempt } from '../../../src/core/experiments/exposed.ts';
import { ExposureTally } from '../../../src/core/experiments/exposure-tally.ts';
import { readGuardrails } from '../../../src/core/experiments/guardrails.ts';
import { lookedAt } from '../../../src/core/experiments/results.ts';
import { stickyFraction } from '../../../src/core/scoring/sticky-fraction.ts';
import { sampleRatioMismatch } from '../../../src/core/statistics/sample-ratio.ts';
import { EXPOSED_AT, exposed, SAMPLE_NOW, sampleExperiment } from '../../support/sample-experiment.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

/** A simulated experiment: payments of one hour after the other, and a look after each. */
export interface SimulatedExperiment {
  readonly seed: number;
  readonly control: number;
  readonly treatment: number;
  readonly hours: number;
  readonly perHour: number;
}

export interface Seen {
  /** Whether any look's interval left out 0. */
  readonly everSignificant: boolean;
  /** Whether every look's interval held the true difference. */
  readonly alwaysCovered: boolean;
  /** Hour of the first look at which a guardrail was breached; null: none. */
  readonly stoppedAtHour: number | null;
}

/** Units go through assignment, tally and comparison as those of a gateway do; only the attempts are made up. */
export function simulate(run: SimulatedExperiment): Seen {
  const random = new SeededRandom(run.seed);
  const experiment = sampleExperiment({
    seed: `s-${run.seed}`,
    expectedSample: run.hours * run.perHour,
    guardrails: [
      { metric: 'approval_rate', margin: 0.03 },
      { metric: 'technical_error_rate', margin: 0.02 },
    ],
  });
  const tally = new ExposureTally(experiment, SAMPLE_NOW);
  const truth = run.treatment - run.control;
  let [everSignificant, alwaysCovered] = [false, true];
  let stoppedAtHour: number | null = null;
  for (let hour = 0; hour < run.hours; hour += 1) {
    for (let index = 0; index < run.perHour; index += 1) {
      const unit = `acme-eu order-${hour}-${index}`;
      const arm = stickyFraction(experiment.seed, unit) < 0.5 ? 'control' : 'treatment';
      const rate = arm === 'control' ? run.control : run.treatment;
      const outcome: ExposedAttempt['outcome'] = random.unit() < rate ? 'approved' : 'declined';
      tally.add(exposed(unit, arm, [outcome]));
    }
    const seen = tally.end();
    const [look] = lookedAt(experiment, seen);
    if (look !== undefined) {
      if (look.low > 0 || look.high < 0) everSignificant = true;
      if (look.low > truth || look.high < truth) alwaysCovered = false;
    }
    if (
      stoppedAtHour === null &&
      readGuardrails(experiment, seen).some(({ state }) => state === 'breached')
    ) {
      stoppedAtHour = hour;
    }
  }
  return { everSignificant, alwaysCovered, stoppedAtHour };
}

/** An experiment whose treatment is told of its declines late: how late is even between nothing and this. */
export interface SlowExperiment extends SimulatedExperiment {
  readonly declinesLateMs: number;
  /** Between two looks. */
  readonly lookMs: number;
}

const HOUR_MS = 3_600_000;

/** As {@link simulate}, with payments that come over time, are open at first, and are counted anew at each look. */
export function simulateSlow(run: SlowExperiment): Seen {
  const random = new SeededRandom(run.seed);
  const experiment = sampleExperiment({
    seed: `s-${run.seed}`,
    expectedSample: run.hours * run.perHour,
    guardrails: [{ metric: 'approval_rate', margin: 0.03 }],
  });
  const payments = Array.from({ length: run.hours * run.perHour }, (_, index) => {
    const unit = `acme-eu order-${index}`;
    const arm = stickyFraction(experiment.seed, unit) < 0.5 ? 'control' : 'treatment';
    const isApproved = random.unit() < (arm === 'control' ? run.control : run.treatment);
    const isLate = arm === 'treatment' && !isApproved;
    const toldAfterMs = 500 + (isLate ? random.unit() * run.declinesLateMs : 0);
    const atMs = EXPOSED_AT + (index / run.perHour) * HOUR_MS;
    return {
      unit,
      arm,
      atMs,
      toldAtMs: atMs + toldAfterMs,
      outcome: isApproved ? 'approved' : 'declined',
    } as const;
  });
  const truth = run.treatment - run.control;
  const seen = { everSignificant: false, alwaysCovered: true, stoppedAtHour: null as number | null };
  const endMs = EXPOSED_AT + run.hours * HOUR_MS;
  for (let nowMs = EXPOSED_AT + run.lookMs; nowMs <= endMs; nowMs += run.lookMs) {
    const tally = new ExposureTally(experiment, nowMs);
    for (const { unit, arm, atMs, toldAtMs, outcome } of payments) {
      if (atMs > nowMs) break;
      const attempt =
        toldAtMs > nowMs ? ({ outcome: 'pending', atMs } as const) : { outcome, atMs: toldAtMs };
      tally.add(exposed(unit, arm, [attempt], { atMs }));
    }
    const found = tally.end();
    const [look] = lookedAt(experiment, found);
    if (look !== undefined && (look.low > 0 || look.high < 0)) seen.everSignificant = true;
    if (look !== undefined && (look.low > truth || look.high < truth)) seen.alwaysCovered = false;
    const isBreached = readGuardrails(experiment, found).some(({ state }) => state === 'breached');
    if (isBreached) seen.stoppedAtHour ??= (nowMs - EXPOSED_AT) / HOUR_MS;
  }
  return seen;
}

/** Share of slow experiments of which something is so. */
export function slowShareOf(
  count: number,
  run: Omit<SlowExperiment, 'seed'>,
  is: (seen: Seen) => boolean,
): number {
  let found = 0;
  for (let seed = 1; seed <= count; seed += 1) if (is(simulateSlow({ ...run, seed }))) found += 1;
  return found / count;
}

/** Share of experiments of which something is so. */
export function shareOf(
  count: number,
  run: Omit<SimulatedExperiment, 'seed'>,
  is: (seen: Seen) => boolean,
): number {
  let found = 0;
  for (let seed = 1; seed <= count; seed += 1) if (is(simulate({ ...run, seed }))) found += 1;
  return found / count;
}

/** Share of experiments whose sample ratio is told to be broken, with units lost from the treatment. */
export function mismatchShare(count: number, units: number, lost: number): number {
  let found = 0;
  for (let seed = 1; seed <= count; seed += 1) {
    const random = new SeededRandom(seed);
    const counts = [0, 0];
    for (let index = 0; index < units; index += 1) {
      const arm = stickyFraction(`srm-${seed}`, `acme-eu order-${index}`) < 0.5 ? 0 : 1;
      if (arm === 1 && random.unit() < lost) continue;
      counts[arm] = (counts[arm] ?? 0) + 1;
    }
    if (sampleRatioMismatch([{ counts, weights: [0.5, 0.5] }]).mismatch) found += 1;
  }
  return found / count;
}
