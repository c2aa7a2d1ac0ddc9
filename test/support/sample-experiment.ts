import { type Arm, type Experiment, learningApart } from '../../src/core/experiments/experiment.ts';
import type { ExposedAttempt, ExposedRequest } from '../../src/core/experiments/exposed.ts';
import { ExposureTally } from '../../src/core/experiments/exposure-tally.ts';
import { experimentReport } from '../../src/core/experiments/results.ts';
import type { ExperimentResults } from '../../src/gateway/experiment-watch.ts';

/** Wall clock at which sample exposures begin, a day before {@link SAMPLE_NOW}. */
export const EXPOSED_AT = Date.UTC(2026, 10, 27);
export const SAMPLE_NOW = Date.UTC(2026, 10, 28);

/** An arm that tries providers in an order. */
export function sampleArm(name: string, order: readonly string[] = ['a']): Arm {
  const change = { kind: 'own', strategy: { kind: 'priority', order }, fallback: false, tuning: {} } as const;
  return { name, change, learning: learningApart(`checkout/${name}`) };
}

/** Two arms, half of the payments each; overridden where a test cares. */
export function sampleExperiment(over: Partial<Experiment> = {}): Experiment {
  return {
    id: 'checkout',
    status: 'running',
    unit: 'payment',
    mode: 'split',
    seed: 'checkout-1',
    matches: () => true,
    rules: new Set(['fallback']),
    arms: [sampleArm('control', ['a', 'b']), sampleArm('treatment', ['b', 'a'])],
    baseline: 'control',
    metric: 'approval_rate',
    maturityMs: 3_600_000,
    expectedSample: 5_000,
    expectedRate: 0.85,
    plannedLooks: null,
    guardrails: [],
    namespace: null,
    plan: { coverage: 1, shares: [0.5, 0.5] },
    ramp: [],
    explorationShare: 0.1,
    ...over,
  };
}

/** An authorization that met an arm, with attempts of these outcomes. */
export function exposed(
  unit: string,
  arm: string,
  outcomes: readonly (ExposedAttempt['outcome'] | Partial<ExposedAttempt>)[] = ['approved'],
  over: Partial<ExposedRequest> = {},
): ExposedRequest {
  return {
    unit,
    payment: unit,
    arm,
    phase: 1,
    propensity: 0.5,
    redirected: false,
    atMs: EXPOSED_AT,
    amount: 10_000,
    currency: 'EUR',
    reportedBy: null,
    attempts: outcomes.map((outcome) => ({
      outcome: 'approved',
      atMs: EXPOSED_AT + 100,
      durationMs: 100,
      costBasisPoints: null,
      ...(typeof outcome === 'object' && outcome !== null ? outcome : { outcome }),
    })),
    ...over,
  };
}

/** Results of an experiment that nobody has met. */
export function emptyResults(experiment: Experiment): ExperimentResults {
  const tally = new ExposureTally(experiment, SAMPLE_NOW).end();
  const report = experimentReport({ experiment, tally, phases: [], looks: [], stopped: new Map() });
  return { experiment, report, looks: [], stoppedFor: new Map() };
}
