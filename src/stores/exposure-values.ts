import type { Exposure } from '../core/experiments/assign.ts';

/** Experiment and phase; then arm, unit, propensity, redirected from. */
export type ExposureValues = readonly [string, string, string, string, number, string | null];

/** Exposures as they travel to the database. */
export function exposureValues(exposures: readonly Exposure[]): readonly ExposureValues[] {
  return exposures.map(({ experiment, phase, arm, unit, propensity, redirectedFrom }) => [
    experiment,
    phase,
    arm,
    unit,
    propensity,
    redirectedFrom,
  ]);
}
