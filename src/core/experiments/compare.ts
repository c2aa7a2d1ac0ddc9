import type { Effect } from '../statistics/effect.ts';
import { difference } from '../statistics/effect.ts';
import {
  meanSample,
  type PairedSums,
  proportionSample,
  ratioSample,
  type Sample,
} from '../statistics/sample.ts';
import type { ArmTally } from './arm-tally.ts';
import { type Experiment, type ExperimentMetric, isShare } from './experiment.ts';
import { type ExperimentTally, mergedByArm } from './exposure-tally.ts';

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
 * @param sumsOf which sums of an arm are compared; left out: those of what is mature
 * @returns null while nothing can be said
 */
export function compareArms(
  experiment: Read,
  tally: Pick<ExperimentTally, 'phases'>,
  metric: ExperimentMetric,
  { arm, baseline }: { readonly arm: string; readonly baseline: string },
  adjust: (sample: Sample) => Sample = (sample) => sample,
  sumsOf: (tally: ArmTally) => ArmTally['sums'] = ({ sums }) => sums,
): Effect | null {
  const phases = experiment.mode === 'bandit' ? [pooledArms(tally)] : tally.phases.map(({ arms }) => arms);
  const effects = phases.flatMap((arms) => {
    const samples = [baseline, arm].map((name) => {
      const found = arms.find((each) => each.arm === name);
      return found === undefined ? null : metricSample(experiment, metric, sumsOf(found)[metric]);
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
export function pooledArms({ phases }: Pick<ExperimentTally, 'phases'>): readonly ArmTally[] {
  return mergedByArm(phases.flatMap(({ arms }) => arms));
}
