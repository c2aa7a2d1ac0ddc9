import { bayesianReadout } from '../statistics/bayesian-readout.ts';
import { confidenceSequence } from '../statistics/confidence-sequence.ts';
import type { Effect } from '../statistics/effect.ts';
import { welchTest } from '../statistics/fixed-sample-tests.ts';
import { spendingBoundaries } from '../statistics/group-sequential.ts';
import { minimalDetectableChange, sampleSizePerArm } from '../statistics/power.ts';
import { multipleExposures, type SampleRatio, sampleRatioMismatch } from '../statistics/sample-ratio.ts';
import type { ArmTally, CostTally } from './arm-tally.ts';
import type { PhasePlan } from './assign.ts';
import { compareArms, metricSample, pooledArms } from './compare.ts';
import { EXPERIMENT_METRICS, type Experiment, type ExperimentMetric } from './experiment.ts';
import type { ExperimentTally, PhaseTally } from './exposure-tally.ts';
import { type GuardrailReading, readGuardrails } from './guardrails.ts';
import { verdictOf } from './verdict.ts';

const ALPHA = 0.05;
/** Mature units of the baseline from which its own rate says more than what was assumed. */
const RATE_UNITS_MIN = 100;

export const COMPARISON_METHODS = ['confidence_sequence', 'welch', 'bayesian', 'group_sequential'] as const;
export type ComparisonMethod = (typeof COMPARISON_METHODS)[number];

/** How an arm differs from the baseline, in the metric's unit, as one method reads it. */
export interface Comparison {
  readonly arm: string;
  readonly baseline: string;
  readonly metric: ExperimentMetric;
  readonly method: ComparisonMethod;
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Null where the method has none. */
  readonly pValue: number | null;
  /**
   * Of `confidence_sequence` in the experiment's own metric, where it shows a difference: the account without whose reports
   * none would be shown. Left out: there is no such account.
   */
  readonly restsOn?: string;
  /** Of `bayesian`: probability that the arm's metric is above the baseline's, and what either choice may cost. */
  readonly chanceToWin?: number;
  readonly riskOfArm?: number;
  readonly riskOfBaseline?: number;
  /** Of `group_sequential`: which planned look it is of. */
  readonly look?: { readonly number: number; readonly of: number; readonly crossed: boolean };
}

export interface ArmReport {
  readonly arm: string;
  readonly assigned: number;
  /** Units with a mature payment: those that the figures are of. */
  readonly counted: number;
  readonly payments: number;
  /** Payments that rest on what callers report that send them themselves: their word, not our knowledge. */
  readonly reported: number;
  readonly maturing: number;
  readonly unresolved: number;
  readonly approved: number;
  readonly approvalRate: number | null;
  /** The rate of mature payments as it is, and as it were if those that were open at that age had been approved. */
  readonly bounds: { readonly low: number; readonly high: number } | null;
  readonly firstAttemptApprovalRate: number | null;
  readonly attemptsPerPayment: number | null;
  /** Minor units of its currency; null: not known, as the reason says. */
  readonly costPerApproval: number | null;
  readonly costCurrency: string | null;
  readonly costReason: string | null;
  readonly costPerApprovalBasisPoints: number | null;
  readonly latencyP95Ms: number | null;
  readonly technicalErrorRate: number | null;
}

export interface PhaseReport {
  readonly phase: number;
  readonly plan: PhasePlan;
  readonly firstAtMs: number;
  readonly arms: readonly {
    readonly arm: string;
    readonly assigned: number;
    readonly approvalRate: number | null;
  }[];
  readonly srm: SampleRatio;
}

/** What the sample can show, and what it would take. */
export interface SamplePlan {
  readonly expectedSample: number;
  /** Units with a mature payment in the two arms with the fewest together. */
  readonly sample: number;
  readonly baselineRate: number;
  /** Whether that is what the file assumes, for want of units. */
  readonly assumed: boolean;
  /** Smallest rise of the approval rate that the expected sample finds with a chance of 80 %; null: none. */
  readonly detectableRise: number | null;
  /** Units of two arms together to find a rise of one percentage point with that chance. */
  readonly sampleForOnePoint: number;
}

/** What one planned or drawn look has kept of a comparison. */
export interface LookedAt {
  readonly arm: string;
  readonly difference: number;
  readonly standardError: number;
  readonly units: number;
  readonly low: number;
  readonly high: number;
}

export interface PastLook {
  readonly atMs: number;
  readonly planned: number | null;
  readonly comparisons: readonly LookedAt[];
}

export interface ExperimentReport {
  readonly verdict: string;
  readonly srm: SampleRatio;
  readonly multiple: { readonly units: number; readonly share: number; readonly tooMany: boolean };
  readonly redirected: number;
  /** Payments that rest on reports, and how many accounts report them; those that are not told apart are one. */
  readonly reported: { readonly payments: number; readonly accounts: number };
  readonly units: number;
  /** Payments that are younger than the maturity time, and their share of all: in no figure yet. */
  readonly maturing: { readonly payments: number; readonly share: number };
  readonly arms: readonly ArmReport[];
  readonly comparisons: readonly Comparison[];
  readonly guardrails: readonly GuardrailReading[];
  readonly phases: readonly PhaseReport[];
  readonly plan: SamplePlan;
}

/** What results are made of. */
export interface ResultsInput {
  readonly experiment: Experiment;
  readonly tally: ExperimentTally;
  readonly phases: readonly {
    readonly number: number;
    readonly plan: PhasePlan;
    readonly firstAtMs: number;
  }[];
  readonly looks: readonly PastLook[];
  /** Arms that are stopped, with why. */
  readonly stopped: ReadonlyMap<string, string>;
}

/** Reads an experiment: figures of the arms, comparisons with the baseline, what speaks against trusting them. */
export function experimentReport(input: ResultsInput): ExperimentReport {
  const { experiment, tally } = input;
  const pooled = new Map(pooledArms(tally).map((arm) => [arm.arm, arm]));
  const costs = costsOf(tally, [...pooled.values()]);
  const arms = experiment.arms.map(({ name }) => armReport(experiment, name, pooled.get(name), costs));
  const phases = input.phases.flatMap((phase) => {
    const found = tally.phases.find(({ phase: number }) => number === phase.number);
    return found === undefined ? [] : [phaseReport(experiment, phase, found)];
  });
  const srm = sampleRatioMismatch(phases.map(ratioOf));
  const report = {
    srm,
    multiple: { units: tally.multiple, ...multipleExposures(tally.multiple, tally.units) },
    redirected: tally.redirected,
    reported: {
      payments: arms.reduce((sum, { reported }) => sum + reported, 0),
      accounts: tally.accounts,
    },
    units: tally.units,
    maturing: maturingOf(arms),
    arms,
    comparisons: comparisonsOf(input),
    guardrails: readGuardrails(experiment, tally),
    phases,
    plan: samplePlan(experiment, arms),
  };
  return { ...report, verdict: verdictOf(input, report) };
}

function maturingOf(arms: readonly ArmReport[]): ExperimentReport['maturing'] {
  const all = arms.reduce((sum, { payments }) => sum + payments, 0);
  const payments = arms.reduce((sum, { maturing }) => sum + maturing, 0);
  return { payments, share: all === 0 ? 0 : payments / all };
}

function armReport(
  experiment: Experiment,
  arm: string,
  tally: ArmTally | undefined,
  costs: CostReader,
): ArmReport {
  const mean = (metric: ExperimentMetric) =>
    tally === undefined ? null : (metricSample(experiment, metric, tally.sums[metric])?.mean ?? null);
  const { payments = 0, reported = 0, maturing = 0, unresolved = 0, approved = 0 } = tally ?? {};
  const mature = payments - maturing;
  return {
    arm,
    assigned: tally?.assigned ?? 0,
    counted: tally?.sums.approval_rate.count ?? 0,
    payments,
    reported,
    maturing,
    unresolved,
    approved,
    approvalRate: mean('approval_rate'),
    bounds: mature === 0 ? null : { low: approved / mature, high: (approved + unresolved) / mature },
    firstAttemptApprovalRate: mean('first_attempt_approval_rate'),
    attemptsPerPayment: mean('attempts_per_payment'),
    ...costs(tally?.cost),
    latencyP95Ms: tally?.latency.quantile(0.95) ?? null,
    technicalErrorRate: mean('technical_error_rate'),
  };
}

type CostReport = Pick<
  ArmReport,
  'costPerApproval' | 'costCurrency' | 'costReason' | 'costPerApprovalBasisPoints'
>;
type CostReader = (cost: CostTally | undefined) => CostReport;

/**
 * Reads the fees of arms in one currency for all: the only one that there is, else the one that rates convert to. An arm
 * whose fees cannot all be converted is read in its own currency, when it has but one.
 */
function costsOf({ costCurrency }: ExperimentTally, arms: readonly ArmTally[]): CostReader {
  const currencies = new Set(arms.flatMap(({ cost }) => [...cost.byCurrency.keys()]));
  return (cost) => {
    if (cost === undefined || cost.approvals === 0) {
      const nothing = { costPerApproval: null, costCurrency: null, costPerApprovalBasisPoints: null };
      return { ...nothing, costReason: 'there is no approval yet whose fees are known' };
    }
    const { approvals, byCurrency, unconverted } = cost;
    const costPerApprovalBasisPoints = cost.basisPoints / approvals;
    const [[own, total] = ['', 0]] = byCurrency;
    if (currencies.size > 1 && costCurrency !== null && unconverted.size === 0) {
      const costPerApproval = cost.converted / approvals;
      return { costPerApproval, costCurrency, costReason: null, costPerApprovalBasisPoints };
    }
    if (byCurrency.size === 1) {
      const costPerApproval = total / approvals;
      return { costPerApproval, costCurrency: own, costReason: null, costPerApprovalBasisPoints };
    }
    const costReason =
      costCurrency === null
        ? `approvals are in ${listed(byCurrency.keys())}, and there are no exchange rates to add them up`
        : `there is no exchange rate for ${listed(unconverted)} to ${costCurrency}`;
    return { costPerApproval: null, costCurrency: null, costReason, costPerApprovalBasisPoints };
  };
}

function listed(names: Iterable<string>): string {
  return [...names].sort().join(', ');
}

function phaseReport(
  experiment: Experiment,
  phase: ResultsInput['phases'][number],
  { arms }: PhaseTally,
): PhaseReport {
  const shown = Object.keys(phase.plan.shares).map((arm) => {
    const tally = arms.find((each) => each.arm === arm);
    const sample =
      tally === undefined ? null : metricSample(experiment, 'approval_rate', tally.sums.approval_rate);
    return { arm, assigned: tally?.assigned ?? 0, approvalRate: sample?.mean ?? null };
  });
  const { number, plan, firstAtMs } = phase;
  const ratio = { counts: shown.map(({ assigned }) => assigned), weights: Object.values(plan.shares) };
  return { phase: number, plan, firstAtMs, arms: shown, srm: sampleRatioMismatch([ratio]) };
}

function ratioOf({ arms, plan }: PhaseReport) {
  return { counts: arms.map(({ assigned }) => assigned), weights: Object.values(plan.shares) };
}

function comparisonsOf({ experiment, tally, looks }: ResultsInput): readonly Comparison[] {
  const { baseline, metric, plannedLooks, expectedSample } = experiment;
  return experiment.arms
    .filter(({ name }) => name !== baseline)
    .flatMap(({ name: arm }) => {
      const named = { arm, baseline, metric };
      const primary = compareArms(experiment, tally, metric, named);
      const looked = plannedLooks === null ? [] : groupSequential(named, looks, plannedLooks, expectedSample);
      const others = EXPERIMENT_METRICS.filter((other) => other !== metric).flatMap((other) => {
        const effect = compareArms(experiment, tally, other, named);
        return effect === null ? [] : [anytime({ ...named, metric: other }, effect, expectedSample)];
      });
      const [shown, ...readings] = primary === null ? [] : readOuts(named, primary, expectedSample);
      const first = shown === undefined ? [] : [restingOn(experiment, tally, shown)];
      return [...first, ...readings, ...looked, ...others];
    });
}

/** Says of a difference whether it is shown only by what one account reports. */
function restingOn(experiment: Experiment, tally: ExperimentTally, shown: Comparison): Comparison {
  const direction = directionOf(shown);
  if (direction === 0) return shown;
  const needed = tally.without.find((units) => {
    const effect = compareArms(experiment, units, shown.metric, shown);
    return effect === null || directionOf(anytime(shown, effect, experiment.expectedSample)) !== direction;
  });
  return needed === undefined ? shown : { ...shown, restsOn: needed.account ?? 'several accounts together' };
}

/** 0 where no difference is shown. */
function directionOf({ low, high }: Pick<Comparison, 'low' | 'high'>): -1 | 0 | 1 {
  return low > 0 ? 1 : high < 0 ? -1 : 0;
}

type Named = Pick<Comparison, 'arm' | 'baseline' | 'metric'>;

function anytime(named: Named, effect: Effect, expectedSample: number): Comparison {
  const { estimate, low, high, pValue } = confidenceSequence(effect, { alpha: ALPHA, expectedSample });
  const { arm, baseline, metric } = named;
  return { arm, baseline, metric, method: 'confidence_sequence', difference: estimate, low, high, pValue };
}

function readOuts(named: Named, effect: Effect, expectedSample: number): readonly Comparison[] {
  const welch = welchTest(effect, ALPHA);
  const bayesian = bayesianReadout(effect, ALPHA);
  const { chanceToWin, riskOfArm, riskOfBaseline } = bayesian;
  return [
    anytime(named, effect, expectedSample),
    {
      ...named,
      method: 'welch',
      difference: welch.estimate,
      low: welch.low,
      high: welch.high,
      pValue: welch.pValue,
    },
    {
      ...named,
      method: 'bayesian',
      difference: bayesian.estimate,
      low: bayesian.low,
      high: bayesian.high,
      pValue: null,
      chanceToWin,
      riskOfArm,
      riskOfBaseline,
    },
  ];
}

/**
 * The newest planned look, by the boundaries that its share of the planned sample allows it (Lan and DeMets, like O'Brien
 * and Fleming). What came in since is not in it: reading it early would spend what later looks need.
 */
function groupSequential(
  named: Named,
  looks: readonly PastLook[],
  plannedLooks: number,
  expectedSample: number,
): readonly Comparison[] {
  const planned = looks.flatMap(({ planned: number, comparisons }) => {
    const found = comparisons.find(({ arm }) => arm === named.arm);
    return number === null || found === undefined ? [] : [{ ...found, number }];
  });
  const rising = planned.filter(
    ({ units }, index) =>
      units > 0 && planned.slice(0, index).every((before) => before.units < Math.min(units, expectedSample)),
  );
  const newest = rising.at(-1);
  if (newest === undefined) return [];
  const fractions = rising.map(({ units }) => Math.min(1, units / expectedSample));
  const boundaries = spendingBoundaries(fractions, 'o_brien_fleming', ALPHA);
  const boundary = boundaries.at(-1) ?? Number.POSITIVE_INFINITY;
  const crossed = rising.some(
    ({ difference: found, standardError }, index) =>
      Math.abs(found / standardError) >= (boundaries[index] ?? Number.POSITIVE_INFINITY),
  );
  // A boundary that cannot be crossed yet: the interval has no ends, and is shown as wide as a difference can be.
  const half = Math.min(boundary * newest.standardError, 1e9);
  return [
    {
      ...named,
      method: 'group_sequential',
      difference: newest.difference,
      low: newest.difference - half,
      high: newest.difference + half,
      pValue: null,
      look: { number: newest.number, of: plannedLooks, crossed },
    },
  ];
}

function samplePlan(experiment: Experiment, arms: readonly ArmReport[]): SamplePlan {
  const { expectedSample, expectedRate, baseline } = experiment;
  const own = arms.find(({ arm }) => arm === baseline);
  const ownRate = own?.approvalRate ?? null;
  const isKnown = own !== undefined && own.counted >= RATE_UNITS_MIN && ownRate !== null;
  const baselineRate = Math.min(0.999, Math.max(0.001, isKnown ? ownRate : expectedRate));
  const counts = arms.map(({ counted }) => counted).sort((left, right) => left - right);
  const step = baselineRate <= 0.98 ? 0.01 : -0.01;
  return {
    expectedSample,
    sample: (counts[0] ?? 0) + (counts[1] ?? 0),
    baselineRate,
    assumed: !isKnown,
    detectableRise: minimalDetectableChange(baselineRate, expectedSample / 2),
    sampleForOnePoint: Math.ceil(2 * sampleSizePerArm(baselineRate, step)),
  };
}

/** What a look keeps: enough for the chart and for the group-sequential plan. */
export function lookedAt(experiment: Experiment, tally: ExperimentTally): readonly LookedAt[] {
  const { baseline, metric, expectedSample } = experiment;
  return experiment.arms
    .filter(({ name }) => name !== baseline)
    .flatMap(({ name: arm }) => {
      const effect = compareArms(experiment, tally, metric, { arm, baseline });
      if (effect === null) return [];
      const { low, high } = confidenceSequence(effect, { alpha: ALPHA, expectedSample });
      const { estimate, standardError, count } = effect;
      return [{ arm, difference: estimate, standardError, units: count, low, high }];
    });
}
