import type { ArmTally } from './arm-tallies.ts';

/**
 * Indices by which a bandit picks the highest. Of rewards in 0..1; an arm that is not remembered has an infinite one,
 * so that it is tried. Kept to compare with: where arms differ by two points their bonuses are wider than the gaps,
 * and Thompson sampling does better.
 */

/** Bernoulli divergence kl(p, q) = p ln(p/q) + (1-p) ln((1-p)/(1-q)). */
export function bernoulliDivergence(p: number, q: number): number {
  const success = p === 0 ? 0 : p * Math.log(p / q);
  const failure = p === 1 ? 0 : (1 - p) * Math.log((1 - p) / (1 - q));
  return success + failure;
}

/**
 * The largest q with kl(mean, q) <= divergence, by Newton's method from above: the divergence is convex there.
 * @param mean 0 to 1
 * @param divergence 0 or more, such as ln(t)/N
 */
export function klUpperBound(mean: number, divergence: number): number {
  if (mean >= 1 || divergence === Number.POSITIVE_INFINITY) return 1;
  if (divergence <= 0) return mean;
  const entropy = (mean === 0 ? 0 : -mean * Math.log(mean)) - (1 - mean) * Math.log1p(-mean);
  // Two bounds from above: Pinsker's inequality, and kl without its term for successes.
  let q = Math.min(mean + Math.sqrt(divergence / 2), -Math.expm1(-(divergence + entropy) / (1 - mean)));
  for (let step = 0; step < 100 && q < 1; step += 1) {
    const slope = (q - mean) / (q * (1 - q));
    const next = q - (bernoulliDivergence(mean, q) - divergence) / slope;
    if (!(next < q)) return q;
    q = next;
  }
  return q;
}

/**
 * kl-UCB: max{q: kl(mean, q) <= ln(events)/N} (Garivier and Cappé, 2011). With window tallies and the smaller of
 * events and window it is SW-klUCB, with discounted tallies and their sum of trials D-klUCB.
 */
export function klUcbIndex({ successes, trials }: ArmTally, events: number): number {
  return trials <= 0
    ? Number.POSITIVE_INFINITY
    : klUpperBound(Math.min(1, successes / trials), Math.log(events) / trials);
}

/**
 * SW-UCB: mean + sqrt(xi ln(min(t, window))/N), of the tallies of the last `window` events (Garivier and Moulines,
 * arXiv 0805.3415).
 */
export function slidingWindowUcbIndex(
  { successes, trials }: ArmTally,
  events: number,
  window: number,
  xi = 0.6,
): number {
  if (trials <= 0) return Number.POSITIVE_INFINITY;
  return successes / trials + Math.sqrt((xi * Math.log(Math.min(events, window))) / trials);
}

/**
 * D-UCB: mean + 2 sqrt(xi ln(n)/N), of discounted tallies with n their trials of all arms together (Garivier and
 * Moulines, arXiv 0805.3415).
 */
export function discountedUcbIndex({ successes, trials }: ArmTally, allTrials: number, xi = 0.6): number {
  if (trials <= 0) return Number.POSITIVE_INFINITY;
  return successes / trials + 2 * Math.sqrt((xi * Math.max(0, Math.log(allTrials))) / trials);
}

/** Discount of D-UCB for so many changes within a horizon: 1 - sqrt(changes/horizon)/4. */
export function discountForChanges(changes: number, horizon: number): number {
  return 1 - 0.25 * Math.sqrt(changes / horizon);
}

/** Window of SW-UCB for so many changes within a horizon: 2 sqrt(horizon ln(horizon)/changes), rounded. */
export function windowForChanges(changes: number, horizon: number): number {
  return Math.round(2 * Math.sqrt((horizon * Math.log(horizon)) / changes));
}
