import type { Sample } from './sample.ts';

/** How an arm differs from the baseline, with what every read-out of it needs. */
export interface Effect {
  readonly estimate: number;
  readonly standardError: number;
  /** By Welch and Satterthwaite. */
  readonly degreesOfFreedom: number;
  /** Units in both arms together. */
  readonly count: number;
}

/** An effect with an interval and how surprising it would be without a difference. */
export interface Readout {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  readonly pValue: number;
}

/**
 * Mean of the arm less that of the baseline, in the metric's unit.
 * @returns null while nothing can be said: an arm with fewer than two units, or no variance at all
 */
export function difference(baseline: Sample, arm: Sample): Effect | null {
  const variance = baseline.variance / baseline.count + arm.variance / arm.count;
  return effectOf(baseline, arm, arm.mean - baseline.mean, variance);
}

/**
 * The same over the size of the baseline's mean, with variance by the delta method:
 * vB/nB / mA^2 + vA/nA mB^2 / mA^4. The degrees of freedom are those of the plain difference, as in GrowthBook.
 * @returns null also when the baseline's mean is 0
 */
export function relativeDifference(baseline: Sample, arm: Sample): Effect | null {
  const scale = Math.abs(baseline.mean);
  if (scale === 0) return null;
  const ratio = arm.mean / scale;
  const variance =
    (arm.variance / arm.count + (baseline.variance / baseline.count) * ratio * ratio) / (scale * scale);
  return effectOf(baseline, arm, (arm.mean - baseline.mean) / scale, variance);
}

function effectOf(baseline: Sample, arm: Sample, estimate: number, variance: number): Effect | null {
  if (baseline.count < 2 || arm.count < 2 || !(variance > 0)) return null;
  const ofBaseline = baseline.variance / baseline.count;
  const ofArm = arm.variance / arm.count;
  return {
    estimate,
    standardError: Math.sqrt(variance),
    degreesOfFreedom:
      (ofBaseline + ofArm) ** 2 / (ofBaseline ** 2 / (baseline.count - 1) + ofArm ** 2 / (arm.count - 1)),
    count: baseline.count + arm.count,
  };
}
