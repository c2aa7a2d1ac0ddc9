import type { ExposedAttempt, ExposedAuthorization } from '../../core/experiments/exposed.ts';
import type { ArmState, ExperimentLook, ExposureCursor } from '../../gateway/ports.ts';
import type { Statements } from './statements.ts';

export interface ExposureReply {
  readonly found: readonly ExposedAuthorization[];
  /** Null on the last page. */
  readonly next: ExposureCursor | null;
}

export interface PhaseRow {
  readonly number: number;
  readonly plan: string;
  readonly first_at_ms: number;
}

interface Row {
  readonly authorization: number;
  readonly unit: string;
  readonly arm: string;
  readonly phase: number;
  readonly propensity: number;
  readonly redirected_from: string | null;
  readonly at_ms: number;
  readonly merchant: string;
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
  /** Null where there is no attempt. */
  readonly attempt: number | null;
  readonly outcome_kind: ExposedAttempt['outcome'];
  readonly outcome_at_ms: number | null;
  readonly started_at_ms: number;
  readonly duration_ms: number | null;
  readonly cost: number | null;
}

const SQL = {
  // Bounded by its limit: pages of it stand between the commits of payments.
  page: `
    SELECT x.authorization, x.unit, x.arm, x.phase, x.propensity, x.redirected_from, x.at_ms, a.merchant, a.reference,
      a.amount, a.currency, t.number AS attempt, t.outcome_kind, t.outcome_at_ms, t.started_at_ms, t.duration_ms,
      CASE t.outcome_kind WHEN 'approved' THEN (
        SELECT json_extract(c.value, '$.costBasisPoints')
        FROM events AS e, json_each(e.data, '$.routing.candidates') AS c
        WHERE e.authorization = x.authorization AND e.number = 1
          AND json_extract(c.value, '$.provider') = t.provider) END AS cost
    FROM (SELECT * FROM exposures INDEXED BY exposures_by_unit
        WHERE experiment = ?1 AND (unit, authorization) > (?2, ?3) ORDER BY unit, authorization LIMIT ?4) AS x
      JOIN authorizations AS a ON a.sequence = x.authorization
      LEFT JOIN attempts AS t ON t.authorization = x.authorization
    ORDER BY x.unit, x.authorization, t.number`,
  firstOfUnit: `
    SELECT arm FROM exposures INDEXED BY exposures_by_unit
    WHERE experiment = ?1 AND unit = ?2 AND redirected_from IS NULL ORDER BY authorization LIMIT 1`,
  phases: 'SELECT number, plan, first_at_ms FROM experiment_phases WHERE experiment = ? ORDER BY number',
  insertState: `
    INSERT INTO arm_states (experiment, arm, state, reason, author, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)`,
  // SQLite takes the other columns from the row that has the maximum.
  newestStates: `
    SELECT max(sequence), experiment, arm, state, reason, author, created_at_ms AS createdAtMs
    FROM arm_states GROUP BY experiment, arm ORDER BY experiment, arm`,
  insertLook: `
    INSERT INTO experiment_looks (experiment, number, at_ms, planned, data)
    SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4 FROM experiment_looks WHERE experiment = ?1`,
  looks: `
    SELECT at_ms AS atMs, planned, data FROM experiment_looks WHERE experiment = ?1 ORDER BY number`,
} as const;

/** What the journal keeps of experiments beside the exposures, which are written with their authorizations. */
export class SqliteExperiments {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  page(experiment: string, after: ExposureCursor | null, limit: number): ExposureReply {
    const [unit, authorization] = after ?? ['', 0];
    const rows = this.#statements.all<Row>(SQL.page, experiment, unit, authorization, limit);
    const found: (ExposedAuthorization & { readonly attempts: ExposedAttempt[] })[] = [];
    let last: ExposureCursor | null = null;
    for (const row of rows) {
      if (last?.[1] !== row.authorization || last[0] !== row.unit) {
        found.push(exposedFrom(row));
        last = [row.unit, row.authorization];
      }
      if (row.attempt !== null) found.at(-1)?.attempts.push(attemptFrom(row));
    }
    return { found, next: found.length < limit ? null : last };
  }

  armOfUnit(experiment: string, unit: string): string | null {
    return this.#statements.one<{ readonly arm: string }>(SQL.firstOfUnit, experiment, unit)?.arm ?? null;
  }

  phases(experiment: string): readonly PhaseRow[] {
    return this.#statements.all<PhaseRow>(SQL.phases, experiment);
  }

  saveState({ experiment, arm, state, reason, author, createdAtMs }: ArmState): void {
    this.#statements.run(SQL.insertState, experiment, arm, state, reason, author, Math.floor(createdAtMs));
  }

  states(): readonly ArmState[] {
    return this.#statements
      .all<ArmState>(SQL.newestStates)
      .map(({ experiment, arm, state, reason, author, createdAtMs }) => ({
        experiment,
        arm,
        state,
        reason,
        author,
        createdAtMs,
      }));
  }

  saveLook(experiment: string, { atMs, planned, data }: ExperimentLook): void {
    this.#statements.run(SQL.insertLook, experiment, Math.floor(atMs), planned, data);
  }

  looks(experiment: string): readonly ExperimentLook[] {
    return this.#statements.all<ExperimentLook>(SQL.looks, experiment).map((look) => ({ ...look }));
  }
}

function exposedFrom(row: Row): ExposedAuthorization & { readonly attempts: ExposedAttempt[] } {
  return {
    unit: row.unit,
    payment: `${row.merchant} ${row.reference}`,
    arm: row.arm,
    phase: row.phase,
    propensity: row.propensity,
    redirected: row.redirected_from !== null,
    atMs: row.at_ms,
    amount: row.amount,
    currency: row.currency,
    attempts: [],
  };
}

function attemptFrom(row: Row): ExposedAttempt {
  return {
    outcome: row.outcome_kind,
    atMs: row.outcome_at_ms ?? row.started_at_ms + (row.duration_ms ?? 0),
    durationMs: row.duration_ms,
    costBasisPoints: row.cost,
  };
}
