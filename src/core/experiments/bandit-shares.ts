import { bestProbabilities } from '../statistics/best-probabilities.ts';
import { withExploration } from '../statistics/propensities.ts';
import { pooledArms } from './compare.ts';
import type { Experiment } from './experiment.ts';
import type { ExperimentTally } from './exposure-tally.ts';

/** Mature units of each arm from which a bandit moves its shares. */
const UNITS_MIN = 100;

/**
 * How a bandit is to divide its units from now on, in the order of its arms: each arm's share is the chance that it is the
 * best, mixed with the floor. Only what is mature counts: an arm whose payments stay open must not look like one that
 * approves them. Where accounts report payments that they send themselves, an arm's share leaves that of the
 * file only as far as it does without any one of them: none can draw the payments of others to an arm by what it says.
 * @returns null while there are too few units
 */
export function banditShares(experiment: Experiment, tally: ExperimentTally): readonly number[] | null {
  const { without } = tally;
  if (without.length === 0) return sharesBy(experiment, tally);
  const planned = experiment.plan.shares;
  const all = without.map((units) => sharesBy(experiment, units) ?? planned);
  const agreed = planned.map((share, arm) =>
    nearest(
      share,
      all.map((shares) => shares[arm] ?? share),
    ),
  );
  const sum = agreed.reduce((total, share) => total + share, 0);
  return agreed.map((share) => share / sum);
}

function sharesBy(experiment: Experiment, units: Pick<ExperimentTally, 'phases'>): readonly number[] | null {
  const pooled = pooledArms(units);
  const posteriors = experiment.arms.flatMap(({ name }) => {
    const found = pooled.find(({ arm }) => arm === name);
    if (found === undefined || found.sums.approval_rate.count < UNITS_MIN) return [];
    const failures = found.payments - found.maturing - found.approved;
    return [{ alpha: 1 + found.approved, beta: 1 + failures }];
  });
  if (posteriors.length < experiment.arms.length) return null;
  return withExploration(bestProbabilities(posteriors), experiment.explorationShare);
}

/** The one of them that is nearest; where they lie on both sides, the value itself. */
function nearest(value: number, others: readonly number[]): number {
  return Math.min(Math.max(value, Math.min(...others)), Math.max(...others));
}
