import { invariant } from '../invariant.ts';
import type { BetaPosterior } from './beta-posterior.ts';
import { digamma, trigamma } from './gamma.ts';

/** Outcomes of one cell; counts may be discounted, so need not be whole. */
export interface CellCounts {
  readonly successes: number;
  readonly trials: number;
}

/** How the success probabilities of cells spread: Beta(mean x weight, (1 - mean) x weight). */
export interface CellPrior {
  readonly mean: number;
  /** M: trials that the prior counts for. */
  readonly weight: number;
}

/** Bounds of the correlation within a cell, 1/(M+1): M is 1 to 9999. */
const CORRELATION_LEAST = 1e-4;
const CORRELATION_MOST = 0.5;
const WEIGHT_LEAST = 1 / CORRELATION_MOST - 1;
const WEIGHT_MOST = 1 / CORRELATION_LEAST - 1;

/** A level of the back-off chain: what was counted there, and the weight of its prior. */
export interface BackOffLevel extends CellCounts {
  /** M of this level: how many trials the level above counts for. */
  readonly weight: number;
}

/**
 * Posterior of the finest cell of a chain: each level's prior has the mean of the level above and its own weight, so
 * that with w = n/(n+M) its mean is w s/n + (1-w) m.
 * @param levels from coarse to fine; the counts of each hold those of the finer ones
 * @param mean of the prior of the first level, above 0, below 1
 * @param apart takes what a finer level counts out of the coarser one first, so that no outcome counts twice. Worth
 *   it where one child is most of its parent
 */
export function backOffPosterior(
  levels: readonly BackOffLevel[],
  mean: number,
  apart = false,
): BetaPosterior {
  invariant(levels.length > 0, 'a chain has a level at least');
  invariant(mean > 0 && mean < 1, `a prior's mean lies between 0 and 1, got ${mean}`);
  let posterior: BetaPosterior = { alpha: mean, beta: 1 - mean };
  levels.forEach(({ successes, trials, weight }, index) => {
    const child = apart ? levels[index + 1] : undefined;
    const own = successes - (child?.successes ?? 0);
    const failures = trials - successes - (child === undefined ? 0 : child.trials - child.successes);
    const share = posterior.alpha / (posterior.alpha + posterior.beta);
    posterior = {
      alpha: share * weight + Math.max(0, own),
      beta: (1 - share) * weight + Math.max(0, failures),
    };
  });
  return posterior;
}

/**
 * The prior of cells by the method of moments for unequal sizes: with p = sum s / sum n, S = sum n_i (x_i - p)^2 and
 * k cells, the correlation is (S - p(1-p)(k-1)) / (p(1-p)(N - sum n_i^2/N - (k-1))), and M = 1/correlation - 1.
 * @returns null for fewer than two cells with trials, or when all succeeded or none
 */
export function priorByMoments(cells: readonly CellCounts[]): CellPrior | null {
  const known = cells.filter(({ trials }) => trials > 0);
  const trials = known.reduce((sum, cell) => sum + cell.trials, 0);
  const mean = known.reduce((sum, cell) => sum + cell.successes, 0) / trials;
  const unit = mean * (1 - mean);
  if (known.length < 2 || !(unit > 0)) return null;
  const scatter = known.reduce(
    (sum, cell) => sum + cell.trials * (cell.successes / cell.trials - mean) ** 2,
    0,
  );
  const squares = known.reduce((sum, cell) => sum + cell.trials ** 2, 0);
  const between = known.length - 1;
  const room = unit * (trials - squares / trials - between);
  // Cells of one trial each tell nothing of how they spread.
  const correlation = room > 0 ? (scatter - unit * between) / room : 0;
  const held = Math.min(CORRELATION_MOST, Math.max(CORRELATION_LEAST, correlation));
  return { mean, weight: 1 / held - 1 };
}

/**
 * The prior of cells by maximum likelihood of the beta-binomial: for each weight the likeliest mean, and of the
 * weights from 1 to 9999 the one where the likelihood stops growing.
 * @returns null as {@link priorByMoments}
 */
export function priorByLikelihood(cells: readonly CellCounts[]): CellPrior | null {
  const known = cells.filter(({ trials }) => trials > 0);
  const start = priorByMoments(known);
  if (start === null) return null;
  let low = Math.log(WEIGHT_LEAST);
  let high = Math.log(WEIGHT_MOST);
  let mean = start.mean;
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    mean = likeliestMean(known, Math.exp(middle), mean);
    if (slopeByWeight(known, mean, Math.exp(middle)) > 0) low = middle;
    else high = middle;
  }
  return { mean, weight: Math.exp((low + high) / 2) };
}

/** Newton's method on the mean, held within 0..1: the likelihood is concave in it. */
function likeliestMean(cells: readonly CellCounts[], weight: number, from: number): number {
  let low = 0;
  let high = 1;
  let mean = from;
  for (let step = 0; step < 100; step += 1) {
    const alpha = mean * weight;
    const beta = weight - alpha;
    let slope = cells.length * (digamma(beta) - digamma(alpha));
    let curvature = -cells.length * (trigamma(alpha) + trigamma(beta));
    for (const { successes, trials } of cells) {
      slope += digamma(alpha + successes) - digamma(beta + trials - successes);
      curvature += trigamma(alpha + successes) + trigamma(beta + trials - successes);
    }
    if (slope > 0) low = mean;
    else high = mean;
    let next = mean - slope / (curvature * weight);
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - mean) < 1e-14) return next;
    mean = next;
  }
  return mean;
}

/** Derivative of the log-likelihood by the weight. */
function slopeByWeight(cells: readonly CellCounts[], mean: number, weight: number): number {
  const alpha = mean * weight;
  const beta = weight - alpha;
  let slope = cells.length * (digamma(weight) - mean * digamma(alpha) - (1 - mean) * digamma(beta));
  for (const { successes, trials } of cells) {
    slope +=
      mean * digamma(alpha + successes) +
      (1 - mean) * digamma(beta + trials - successes) -
      digamma(weight + trials);
  }
  return slope;
}
