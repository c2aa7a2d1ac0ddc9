import type { ExposureValues } from '../exposure-values.ts';
import type { Statements } from './statements.ts';

const INSERT_PHASE = `
  INSERT INTO experiment_phases (experiment, plan, first_at_ms) VALUES (?, ?, ?)
  ON CONFLICT (experiment, plan) DO NOTHING`;
const INSERT = {
  authorization: `
    INSERT INTO exposures (authorization, experiment, arm, unit, phase, propensity, redirected_from, at_ms)
    SELECT ?1, ?2, ?4, ?5, number, ?6, ?7, ?8 FROM experiment_phases WHERE experiment = ?2 AND plan = ?3`,
  decision: `
    INSERT INTO decision_exposures (decision, experiment, arm, unit, phase, propensity, redirected_from, at_ms)
    SELECT ?1, ?2, ?4, ?5, number, ?6, ?7, ?8 FROM experiment_phases WHERE experiment = ?2 AND plan = ?3`,
} as const;

/**
 * Writes which arms an authorization or a decision met, in the transaction that opens it.
 * @param sequence its number
 * @param atMs wall clock
 */
export function recordExposures(
  statements: Statements,
  whose: keyof typeof INSERT,
  sequence: number,
  exposures: readonly ExposureValues[],
  atMs: number,
): void {
  for (const [experiment, plan, ...exposure] of exposures) {
    statements.prepare(INSERT_PHASE).run(experiment, plan, atMs);
    statements.prepare(INSERT[whose]).run(sequence, experiment, plan, ...exposure, atMs);
  }
}
