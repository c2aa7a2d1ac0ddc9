import type { ArmState, BanditShares, ExperimentLook, ExposureCursor } from '../../gateway/ports.ts';
import {
  type ArmStateRow,
  armStateFrom,
  type ExposureRow,
  exposureReply,
  exposureStart,
  type ShareRow,
  sharesFrom,
} from '../experiment-rows.ts';
import type { ExposureReply, PhaseRow } from '../journal-rows.ts';
import type { Statements } from './statements.ts';

const SQL = {
  // Both bounded by their limit: pages of them stand between the commits of payments.
  authorizations: `
    SELECT 'authorization' AS source, x.authorization AS sequence, x.unit, x.arm, x.phase, x.propensity,
      x.redirected_from, x.at_ms, NULL AS account, a.merchant, a.reference, a.amount, a.currency, t.number AS attempt,
      t.outcome_kind, t.outcome_at_ms, t.started_at_ms, t.duration_ms,
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
  decisions: `
    SELECT 'decision' AS source, x.decision AS sequence, x.unit, x.arm, x.phase, x.propensity, x.redirected_from,
      x.at_ms, d.account, d.merchant, d.reference, d.amount, d.currency, t.number AS attempt, t.outcome_kind,
      t.outcome_at_ms, t.offered_at_ms AS started_at_ms, t.duration_ms, t.cost_bps AS cost
    FROM (SELECT * FROM decision_exposures INDEXED BY decision_exposures_by_unit
        WHERE experiment = ?1 AND (unit, decision) > (?2, ?3) ORDER BY unit, decision LIMIT ?4) AS x
      JOIN decisions AS d ON d.sequence = x.decision
      LEFT JOIN decision_attempts AS t ON t.decision = x.decision
    ORDER BY x.unit, x.decision, t.number`,
  firstOfUnit: `
    SELECT arm FROM (
      SELECT * FROM (SELECT arm, at_ms FROM exposures INDEXED BY exposures_by_unit
        WHERE experiment = ?1 AND unit = ?2 AND redirected_from IS NULL ORDER BY authorization LIMIT 1)
        UNION ALL
      SELECT * FROM (SELECT arm, at_ms FROM decision_exposures INDEXED BY decision_exposures_by_unit
        WHERE experiment = ?1 AND unit = ?2 AND redirected_from IS NULL ORDER BY decision LIMIT 1))
    ORDER BY at_ms LIMIT 1`,
  phases: 'SELECT number, plan, first_at_ms FROM experiment_phases WHERE experiment = ? ORDER BY number',
  insertState: `
    INSERT INTO arm_states (experiment, arm, state, reason, author, created_at_ms, account) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  // SQLite takes the other columns from the row that has the maximum.
  newestStates: `
    SELECT max(sequence), experiment, arm, state, reason, author, created_at_ms AS createdAtMs, account
    FROM arm_states GROUP BY experiment, arm, account ORDER BY experiment, arm, account`,
  insertLook: `
    INSERT INTO experiment_looks (experiment, number, at_ms, planned, data)
    SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4 FROM experiment_looks WHERE experiment = ?1
    HAVING ?3 IS NULL OR NOT EXISTS (SELECT 1 FROM experiment_looks WHERE experiment = ?1 AND planned = ?3)`,
  saveShares: `
    INSERT INTO bandit_shares (experiment, arms, shares, at_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT (experiment) DO UPDATE SET arms = excluded.arms, shares = excluded.shares, at_ms = excluded.at_ms`,
  shares: 'SELECT experiment, arms, shares, at_ms FROM bandit_shares ORDER BY experiment',
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
    const { unit, authorization, decision } = exposureStart(after);
    const read = (sql: string, sequence: number) =>
      this.#statements.all<ExposureRow>(sql, experiment, unit, sequence, limit);
    return exposureReply(read(SQL.authorizations, authorization), read(SQL.decisions, decision), limit);
  }

  armOfUnit(experiment: string, unit: string): string | null {
    return this.#statements.one<{ readonly arm: string }>(SQL.firstOfUnit, experiment, unit)?.arm ?? null;
  }

  phases(experiment: string): readonly PhaseRow[] {
    return this.#statements.all<PhaseRow>(SQL.phases, experiment);
  }

  saveState({ experiment, arm, state, reason, author, createdAtMs, account }: ArmState): void {
    const values = [experiment, arm, state, reason, author, Math.floor(createdAtMs), account ?? null];
    this.#statements.run(SQL.insertState, ...values);
  }

  states(): readonly ArmState[] {
    return this.#statements.all<ArmStateRow>(SQL.newestStates).map(armStateFrom);
  }

  saveLook(experiment: string, { atMs, planned, data }: ExperimentLook): void {
    this.#statements.run(SQL.insertLook, experiment, Math.floor(atMs), planned, data);
  }

  saveShares({ experiment, arms, shares, atMs }: BanditShares): void {
    this.#statements.run(SQL.saveShares, experiment, arms, JSON.stringify(shares), Math.floor(atMs));
  }

  shares(): readonly BanditShares[] {
    return this.#statements.all<ShareRow>(SQL.shares).map(sharesFrom);
  }

  looks(experiment: string): readonly ExperimentLook[] {
    return this.#statements.all<ExperimentLook>(SQL.looks, experiment).map((look) => ({ ...look }));
  }
}
