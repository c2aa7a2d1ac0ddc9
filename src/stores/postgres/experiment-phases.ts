import type { ExposureValues } from '../exposure-values.ts';
import type { Queries } from './queries.ts';

/** Phases that are remembered; beyond that, all are asked for again. */
const KNOWN_MAX = 10_000;

const INSERT = `
  INSERT INTO experiment_phases (experiment, plan, first_at_ms) SELECT $1::text, $2::text, $3::bigint
  WHERE NOT EXISTS (SELECT 1 FROM experiment_phases WHERE experiment = $1::text AND plan = $2::text)
  ON CONFLICT (experiment, plan) DO NOTHING`;

/**
 * Sees to it that the phases of exposures are there before the exposures: a phase is new rarely, and two transactions that
 * make new ones together would wait for each other.
 */
export class ExperimentPhases {
  readonly #queries: Queries;
  readonly #known = new Set<string>();

  constructor(queries: Queries) {
    this.#queries = queries;
  }

  /**
   * @param atMs wall clock, whole milliseconds
   * @returns null when nothing has to be waited for
   */
  ensure(exposures: readonly ExposureValues[], atMs: number): Promise<void> | null {
    const unknown = exposures.filter(([experiment, plan]) => !this.#known.has(keyOf(experiment, plan)));
    return unknown.length === 0 ? null : this.#insert(unknown, atMs);
  }

  async #insert(exposures: readonly ExposureValues[], atMs: number): Promise<void> {
    for (const [experiment, plan] of exposures) {
      await this.#queries.run('insert_phase', INSERT, [experiment, plan, atMs]);
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.add(keyOf(experiment, plan));
    }
  }
}

function keyOf(experiment: string, plan: string): string {
  return JSON.stringify([experiment, plan]);
}
