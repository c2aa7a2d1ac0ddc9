import type { Effect } from '../statistics/effect.ts';
import { difference } from '../statistics/effect.ts';
import {
  meanSample,
  type PairedSums,
  proportionSample,
  ratioSample,
  type Sample,
} from '../statistics/sample.ts';
import { type Experiment, type ExperimentMetric, isShare } from './experiment.ts';
import type { ArmTally, ExperimentTally } from './exposure-tally.ts';

type Read = Pick<Experiment, 'unit' | 'mode'>;

/**
 * What is known of an arm's metric. Of payments that were split by fixed shares, a plain share or mean; of customers a
 * ratio of sums, since their payments go together; of a bandit a mean weighted by the inverse of each propensity, which
 * is such a ratio too.
 * @returns null while there is no unit
 */
export function metricSample(
  { unit, mode }: Read,
  metric: ExperimentMetric,
  sums: PairedSums,
): Sample | null {
  const { count, first } = sums;
  if (count === 0) return null;
  if (unit === 'customer' || mode === 'bandit') return ratioSample(sums);
  return isShare(metric) ? proportionSample(count, first.sum) : meanSample({ count, ...first });
}

/**
 * How an arm differs from the baseline. Phases of other weights are compared each by itself, and the differences weighted
 * by their units: what changes with time must not pass for an effect. A bandit's phases are read together: propensities
 * take care of the shares.
 * @param adjust what is done to each sample before
 * @returns null while nothing can be said
 */
export function compareArms(
  experiment: Read,
  tally: ExperimentTally,
  metric: ExperimentMetric,
  { arm, baseline }: { readonly arm: string; readonly baseline: string },
  adjust: (sample: Sample) => Sample = (sample) => sample,
): Effect | null {
  const phases = experiment.mode === 'bandit' ? [pooledArms(tally)] : tally.phases.map(({ arms }) => arms);
  const effects = phases.flatMap((arms) => {
    const samples = [baseline, arm].map((name) => {
      const found = arms.find((each) => each.arm === name);
      return found === undefined ? null : metricSample(experiment, metric, found.sums[metric]);
    });
    const [ofBaseline, ofArm] = samples;
    if (!ofBaseline || !ofArm) return [];
    return difference(adjust(ofBaseline), adjust(ofArm)) ?? [];
  });
  return effects.length === 0 ? null : combined(effects);
}

function combined(effects: readonly Effect[]): Effect {
  const count = effects.reduce((sum, effect) => sum + effect.count, 0);
  let [estimate, variance, spread] = [0, 0, 0];
  for (const effect of effects) {
    const weight = effect.count / count;
    const own = (weight * effect.standardError) ** 2;
    estimate += weight * effect.estimate;
    variance += own;
    spread += (own * own) / effect.degreesOfFreedom;
  }
  return {
    estimate,
    standardError: Math.sqrt(variance),
    degreesOfFreedom: (variance * variance) / spread,
    count,
  };
}

/** The arms over all phases. */
export function pooledArms({ phases }: ExperimentTally): readonly ArmTally[] {
  const byArm = Map.groupBy(
    phases.flatMap(({ arms }) => arms),
    ({ arm }) => arm,
  );
  return [...byArm.values()].map((all) => all.reduce(merged));
}

function merged(one: ArmTally, other: ArmTally): ArmTally {
  const sums = Object.fromEntries(
    Object.entries(one.sums).map(([metric, own]) => [
      metric,
      addedSums(own, other.sums[metric as ExperimentMetric]),
    ]),
  ) as ArmTally['sums'];
  const isOneCurrency = one.cost.currency === other.cost.currency || other.cost.approvals === 0;
  return {
    arm: one.arm,
    assigned: one.assigned + other.assigned,
    payments: one.payments + other.payments,
    maturing: one.maturing + other.maturing,
    unresolved: one.unresolved + other.unresolved,
    approved: one.approved + other.approved,
    sums,
    cost: {
      approvals: one.cost.approvals + other.cost.approvals,
      total: one.cost.total + other.cost.total,
      basisPoints: one.cost.basisPoints + other.cost.basisPoints,
      currency: one.cost.approvals === 0 ? other.cost.currency : isOneCurrency ? one.cost.currency : null,
    },
    latency: one.latency.with(other.latency),
  };
}

function addedSums(one: PairedSums, other: PairedSums): PairedSums {
  const added = (key: 'first' | 'second') => ({
    sum: one[key].sum + other[key].sum,
    sumOfSquares: one[key].sumOfSquares + other[key].sumOfSquares,
  });
  return {
    count: one.count + other.count,
    first: added('first'),
    second: added('second'),
    sumOfProducts: one.sumOfProducts + other.sumOfProducts,
  };
}
