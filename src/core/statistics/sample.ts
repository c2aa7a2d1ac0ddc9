import { invariant } from '../invariant.ts';

/** What is known of one arm's metric: enough for every test, without its units. */
export interface Sample {
  /** Independent units, such as payments or customers. */
  readonly count: number;
  readonly mean: number;
  /** Of one unit; the mean's own variance is this over `count`. */
  readonly variance: number;
}

/** Sums over the units of an arm. */
export interface Sums {
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
}

/** Sums of two values per unit, with the sum of their products. */
export interface PairedSums {
  readonly count: number;
  readonly first: Omit<Sums, 'count'>;
  readonly second: Omit<Sums, 'count'>;
  readonly sumOfProducts: number;
}

/** Of a value per unit; variance with n - 1, 0 for fewer than two units. */
export function meanSample({ count, sum, sumOfSquares }: Sums): Sample {
  return {
    count,
    mean: count === 0 ? 0 : sum / count,
    variance: Math.max(0, scatter(count, sum, sum, sumOfSquares)),
  };
}

/** Of a yes or no per unit; variance p(1-p), without the n - 1 of other metrics, as GrowthBook has it. */
export function proportionSample(count: number, successes: number): Sample {
  invariant(successes >= 0 && successes <= count, `${successes} successes of ${count} units`);
  const mean = count === 0 ? 0 : successes / count;
  return { count, mean, variance: mean * (1 - mean) };
}

/**
 * Of a ratio of sums, such as approved payments over payments with customers as units: the first sum over the second.
 * Variance by the delta method: (Var F - 2 R Cov(F, S) + R^2 Var S) / mean(S)^2.
 * @returns null while the second sum is 0
 */
export function ratioSample({ count, first, second, sumOfProducts }: PairedSums): Sample | null {
  if (second.sum === 0) return null;
  const mean = first.sum / second.sum;
  const perUnit = second.sum / count;
  const variance =
    scatter(count, first.sum, first.sum, first.sumOfSquares) -
    2 * mean * scatter(count, first.sum, second.sum, sumOfProducts) +
    mean * mean * scatter(count, second.sum, second.sum, second.sumOfSquares);
  return { count, mean, variance: Math.max(0, variance) / (perUnit * perUnit) };
}

/**
 * CUPED: arms whose metric (first) is freed from what a covariate known before assignment (second) foretells. Theta
 * is covariance over variance of all arms' units together; each mean moves by theta times how far the arm's covariate
 * lies from that of all, so that differences are as in GrowthBook and means stay on their scale.
 */
export function adjustedSamples(arms: readonly PairedSums[]): readonly Sample[] {
  const all = arms.reduce(
    (total, arm) => ({
      count: total.count + arm.count,
      first: total.first + arm.first.sum,
      second: total.second + arm.second.sum,
      squares: total.squares + arm.second.sumOfSquares,
      products: total.products + arm.sumOfProducts,
    }),
    { count: 0, first: 0, second: 0, squares: 0, products: 0 },
  );
  const spread = scatter(all.count, all.second, all.second, all.squares);
  const theta = spread > 0 ? scatter(all.count, all.first, all.second, all.products) / spread : 0;
  return arms.map(({ count, first, second, sumOfProducts }) => {
    const variance =
      scatter(count, first.sum, first.sum, first.sumOfSquares) -
      2 * theta * scatter(count, first.sum, second.sum, sumOfProducts) +
      theta * theta * scatter(count, second.sum, second.sum, second.sumOfSquares);
    const shift = count === 0 ? 0 : theta * (second.sum / count - all.second / all.count);
    return { count, mean: count === 0 ? 0 : first.sum / count - shift, variance: Math.max(0, variance) };
  });
}

/** Sample covariance with n - 1, the variance when both sums are of the same value; 0 for fewer than two units. */
function scatter(count: number, first: number, second: number, products: number): number {
  return count < 2 ? 0 : (products - (first * second) / count) / (count - 1);
}
