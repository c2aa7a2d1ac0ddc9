import type { Effect, Readout } from './effect.ts';

export interface SequenceSettings {
  /** Share of experiments whose intervals may ever miss the truth, above 0, below 1. Usually 0.05. */
  readonly alpha: number;
  /** Units in both arms together at which the sequence is tightest: when one expects to decide. */
  readonly expectedSample: number;
}

/**
 * Asymptotic confidence sequence: intervals that hold at all looks together, however often one looks and whenever one
 * stops (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, eq. 9; the p-value by eq. 155), with n
 * all units and s^2 = n se^2 as GrowthBook reads it.
 */
export function confidenceSequence(effect: Effect, settings: SequenceSettings): Readout {
  const { estimate, standardError, count } = effect;
  const half = standardError * sequentialMultiplier(count, settings);
  const mixing = count * mixingSquared(settings.alpha, settings.expectedSample);
  const square = (estimate / standardError) ** 2;
  // ln of the e-value: rho^2 n (estimate/se)^2 / (2 (n rho^2 + 1)) - ln(n rho^2 + 1)/2.
  const logEvidence = (mixing * square) / (2 * (mixing + 1)) - 0.5 * Math.log1p(mixing);
  const pValue = Math.min(1, Math.exp(-logEvidence));
  return { estimate, low: estimate - half, high: estimate + half, pValue };
}

/**
 * The two one-sided confidence sequences (eq. 134): each bound alone holds at all looks with alpha. For guardrails,
 * which ask about one side only.
 */
export function confidenceSequenceBounds(
  effect: Effect,
  { alpha, expectedSample }: SequenceSettings,
): { readonly low: number; readonly high: number } {
  const { estimate, standardError, count } = effect;
  const mixing = count * mixingSquared(2 * alpha, expectedSample);
  const half =
    standardError * Math.sqrt((2 * (mixing + 1) * Math.log1p(Math.sqrt(mixing + 1) / (2 * alpha))) / mixing);
  return { low: estimate - half, high: estimate + half };
}

/** Half-width of the two-sided sequence in standard errors, where a single look would have 1.96. */
export function sequentialMultiplier(count: number, { alpha, expectedSample }: SequenceSettings): number {
  const mixing = count * mixingSquared(alpha, expectedSample);
  return Math.sqrt((2 * (mixing + 1) * Math.log(Math.sqrt(mixing + 1) / alpha)) / mixing);
}

/** rho^2, which makes the sequence tightest at the expected sample. */
function mixingSquared(alpha: number, expectedSample: number): number {
  const twice = -2 * Math.log(alpha);
  return (twice + Math.log(twice + 1)) / expectedSample;
}
