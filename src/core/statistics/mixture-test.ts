/** Both arms of a test of proportions that looks after every pair of units. */
export interface PairedProportions {
  /** Units in each arm, above 0. */
  readonly pairs: number;
  readonly baseline: number;
  readonly arm: number;
}

/**
 * Mixture sequential probability ratio test of two proportions (Johari, Koomen, Pekelis and Walsh, 2017), with a
 * normal mixture: with V the sum of both p(1-p), d the difference and n pairs, the likelihood ratio is
 * sqrt(V / (V + n tau^2)) exp(n^2 tau^2 d^2 / (2 V (V + n tau^2))).
 * @param mixingVariance tau^2, about the square of the difference one expects
 * @param pValueBefore what the look before gave: an always-valid p-value never rises
 * @returns null while there is no variance
 */
export function mixtureSequentialTest(
  { pairs, baseline, arm }: PairedProportions,
  mixingVariance: number,
  pValueBefore = 1,
): { readonly likelihoodRatio: number; readonly pValue: number } | null {
  const variance = baseline * (1 - baseline) + arm * (1 - arm);
  if (!(variance > 0)) return null;
  const mixed = pairs * mixingVariance;
  const logRatio =
    0.5 * Math.log(variance / (variance + mixed)) +
    (pairs * mixed * (arm - baseline) ** 2) / (2 * variance * (variance + mixed));
  return { likelihoodRatio: Math.exp(logRatio), pValue: Math.min(pValueBefore, Math.exp(-logRatio)) };
}
