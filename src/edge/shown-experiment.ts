import { type Experiment, isShare } from '../core/experiments/experiment.ts';
import type { GuardrailReading } from '../core/experiments/guardrails.ts';
import type { ArmReport, Comparison, PhaseReport, SamplePlan } from '../core/experiments/results.ts';
import { currencyExponent } from '../core/money.ts';
import type { SampleRatio } from '../core/statistics/sample-ratio.ts';
import type { ExperimentResults } from '../gateway/experiment-watch.ts';
import type { ArmState } from '../gateway/ports.ts';
import type { EdgeExperiments } from './edge-deps.ts';
import { rounded, roundedOrNull } from './rounded.ts';

/** Who changed an arm last; null when nobody has. */
export type StateOf = (experiment: string, arm: string) => ArmState | null;

/** An experiment as it is set up and stands now. */
export function shownExperiment(
  experiment: Experiment,
  { stateOf, inForce }: Pick<EdgeExperiments, 'stateOf' | 'inForce'>,
) {
  const dividing = inForce(experiment);
  const { id, status, unit, mode, seed, baseline, metric, plan, namespace, ramp } = experiment;
  return {
    id,
    status,
    unit,
    mode,
    seed,
    baseline,
    metric,
    maturity_minutes: experiment.maturityMs / 60_000,
    expected_sample: experiment.expectedSample,
    planned_looks: experiment.plannedLooks,
    coverage: plan.coverage,
    coverage_in_force: dividing === null ? null : dividing.coverage,
    namespace: namespace === null ? null : { name: namespace.name, range: namespace.range },
    arms: experiment.arms.map(({ name }, index) => ({
      arm: name,
      share: rounded(plan.shares[index] ?? 0),
      share_in_force: roundedOrNull(dividing?.shares[index] ?? null),
      ...shownArmState(stateOf(id, name)),
    })),
    ramp: ramp.map(({ fromMs, plan: { coverage, shares } }) => ({
      at: new Date(fromMs).toISOString(),
      coverage,
      shares: Object.fromEntries(
        experiment.arms.map(({ name }, index) => [name, rounded(shares[index] ?? 0)]),
      ),
    })),
    guardrails: experiment.guardrails.map(({ metric: guarded, margin }) => ({
      metric: guarded,
      ...shownMargin(guarded, margin),
    })),
  };
}

/** Whether an arm runs, and who says so. */
export function shownArmState(state: ArmState | null) {
  return {
    state: state?.state ?? 'running',
    reason: state?.reason ?? null,
    author: state?.author ?? null,
    since: state === null ? null : new Date(state.createdAtMs).toISOString(),
  };
}

function shownMargin(metric: GuardrailReading['metric'], margin: number) {
  return isShare(metric) ? { worse_by_pp: rounded(margin * 100) } : { worse_by: margin };
}

/** The results of an experiment as answers show them. */
export function shownResults({ experiment, report, stoppedFor }: ExperimentResults, stateOf: StateOf) {
  const { id, status, unit, baseline, metric } = experiment;
  return {
    experiment: id,
    status,
    unit,
    baseline,
    metric,
    verdict: report.verdict,
    srm: shownRatio(report.srm),
    multiple_exposures: {
      units: report.multiple.units,
      share: rounded(report.multiple.share),
      ok: !report.multiple.tooMany,
    },
    units: report.units,
    redirected: report.redirected,
    maturing: { payments: report.maturing.payments, share: rounded(report.maturing.share) },
    reported: report.reported,
    arms: report.arms.map((arm) => ({
      ...shownArm(arm),
      ...shownArmState(stateOf(id, arm.arm)),
      stopped_for: stoppedFor.get(arm.arm) ?? [],
    })),
    comparisons: report.comparisons.map(shownComparison),
    guardrails: report.guardrails.map(({ arm, metric: guarded, margin, state, ageMs, low, high }) => ({
      arm,
      metric: guarded,
      ...shownMargin(guarded, margin),
      state,
      age_minutes: ageMs / 60_000,
      low: roundedOrNull(low),
      high: roundedOrNull(high),
    })),
    phases: report.phases.map(shownPhase),
    sample: shownPlan(report.plan),
  };
}

function shownArm(arm: ArmReport) {
  const { bounds } = arm;
  return {
    arm: arm.arm,
    assigned: arm.assigned,
    payments: arm.payments,
    reported: arm.reported,
    maturing: arm.maturing,
    unresolved: arm.unresolved,
    approved: arm.approved,
    approval_rate: roundedOrNull(arm.approvalRate),
    approval_rate_bounds: bounds === null ? null : { low: rounded(bounds.low), high: rounded(bounds.high) },
    first_attempt_approval_rate: roundedOrNull(arm.firstAttemptApprovalRate),
    attempts_per_payment: roundedOrNull(arm.attemptsPerPayment),
    cost_per_approval: costOf(arm),
    cost_currency: arm.costCurrency,
    cost_reason: arm.costReason,
    cost_per_approval_bps: roundedOrNull(arm.costPerApprovalBasisPoints),
    latency_p95_ms: arm.latencyP95Ms === null ? null : Math.round(arm.latencyP95Ms),
    technical_error_rate: roundedOrNull(arm.technicalErrorRate),
  };
}

/** Major units. */
function costOf({ costPerApproval, costCurrency }: ArmReport): number | null {
  if (costPerApproval === null || costCurrency === null) return null;
  return rounded(costPerApproval / 10 ** currencyExponent(costCurrency));
}

function shownComparison(comparison: Comparison) {
  const { arm, baseline, metric, method, difference, low, high, pValue } = comparison;
  const { chanceToWin, riskOfArm, riskOfBaseline, look, restsOn } = comparison;
  return {
    arm,
    baseline,
    metric,
    method,
    difference: rounded(difference),
    low: rounded(low),
    high: rounded(high),
    p_value: roundedOrNull(pValue),
    ...(restsOn !== undefined && { rests_on: restsOn }),
    ...(chanceToWin !== undefined && {
      chance_to_win: rounded(chanceToWin),
      risk_of_arm: rounded(riskOfArm ?? 0),
      risk_of_baseline: rounded(riskOfBaseline ?? 0),
    }),
    ...(look !== undefined && { look: look.number, looks: look.of, crossed: look.crossed }),
  };
}

function shownPhase({ phase, plan, firstAtMs, arms, srm }: PhaseReport) {
  return {
    phase,
    from: new Date(firstAtMs).toISOString(),
    seed: plan.seed,
    coverage: plan.coverage,
    arms: arms.map(({ arm, assigned, approvalRate }) => ({
      arm,
      share: rounded(plan.shares[arm] ?? 0),
      assigned,
      approval_rate: roundedOrNull(approvalRate),
    })),
    srm: shownRatio(srm),
  };
}

function shownRatio({ pValue, mismatch }: SampleRatio) {
  return { p_value: rounded(pValue), ok: !mismatch };
}

function shownPlan(plan: SamplePlan) {
  return {
    expected: plan.expectedSample,
    reached: plan.sample,
    baseline_rate: rounded(plan.baselineRate),
    baseline_rate_assumed: plan.assumed,
    detectable_pp: plan.detectableRise === null ? null : rounded(plan.detectableRise * 100),
    needed_for_one_pp: plan.sampleForOnePoint,
  };
}
