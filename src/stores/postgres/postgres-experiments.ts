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
import { LOCKS, takeTurns } from './advisory-locks.ts';
import type { TransactionalQueries } from './queries.ts';

const SQL = {
  authorizations: `
    SELECT 'authorization' AS source, x."authorization" AS sequence, x.unit, x.arm, x.phase, x.propensity,
      x.redirected_from, x.at_ms, NULL AS account, a.merchant, a.reference, a.amount, a.currency, t.number AS attempt,
      t.outcome_kind, t.outcome_at_ms, t.started_at_ms, t.duration_ms,
      CASE t.outcome_kind WHEN 'approved' THEN (
        SELECT (c.value ->> 'costBasisPoints')::double precision
        FROM events AS e, jsonb_array_elements(journal_json(e.data) #> '{routing,candidates}') AS c (value)
        WHERE e."authorization" = x."authorization" AND e.number = 1 AND c.value ->> 'provider' = t.provider
        LIMIT 1) END AS cost
    FROM (SELECT * FROM exposures
        WHERE experiment = $1 AND (unit COLLATE "C", "authorization") > ($2 COLLATE "C", $3::bigint)
        ORDER BY unit COLLATE "C", "authorization" LIMIT $4) AS x
      JOIN authorizations AS a ON a.sequence = x."authorization"
      LEFT JOIN attempts AS t ON t."authorization" = x."authorization"
    ORDER BY x.unit COLLATE "C", x."authorization", t.number`,
  decisions: `
    SELECT 'decision' AS source, x.decision AS sequence, x.unit, x.arm, x.phase, x.propensity, x.redirected_from,
      x.at_ms, d.account, d.merchant, d.reference, d.amount, d.currency, t.number AS attempt, t.outcome_kind,
      t.outcome_at_ms, t.offered_at_ms AS started_at_ms, t.duration_ms, t.cost_bps AS cost
    FROM (SELECT * FROM decision_exposures
        WHERE experiment = $1 AND (unit COLLATE "C", decision) > ($2 COLLATE "C", $3::bigint)
        ORDER BY unit COLLATE "C", decision LIMIT $4) AS x
      JOIN decisions AS d ON d.sequence = x.decision
      LEFT JOIN decision_attempts AS t ON t.decision = x.decision
    ORDER BY x.unit COLLATE "C", x.decision, t.number`,
  firstOfUnit: `
    SELECT arm FROM (
      (SELECT arm, at_ms, 0 AS kind FROM exposures
        WHERE experiment = $1 AND unit = $2 AND redirected_from IS NULL ORDER BY "authorization" LIMIT 1)
      UNION ALL
      (SELECT arm, at_ms, 1 AS kind FROM decision_exposures
        WHERE experiment = $1 AND unit = $2 AND redirected_from IS NULL ORDER BY decision LIMIT 1)) AS firsts
    ORDER BY at_ms, kind LIMIT 1`,
  phases: 'SELECT number, plan, first_at_ms FROM experiment_phases WHERE experiment = $1 ORDER BY number',
  insertState: `
    INSERT INTO arm_states (experiment, arm, state, reason, author, created_at_ms, account)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`,
  newestStates: `
    SELECT experiment, arm, state, reason, author, "createdAtMs", account FROM (
      SELECT DISTINCT ON (experiment, arm, account)
        experiment, arm, state, reason, author, created_at_ms AS "createdAtMs", account
      FROM arm_states ORDER BY experiment, arm, account, sequence DESC) AS newest
    ORDER BY experiment COLLATE "C", arm COLLATE "C", account COLLATE "C" NULLS FIRST`,
  insertLook: `
    INSERT INTO experiment_looks (experiment, number, at_ms, planned, data)
    SELECT $1::text, 1 + coalesce(max(number), 0), $2::bigint, $3::integer, $4::text
    FROM experiment_looks WHERE experiment = $1::text
    HAVING $3::integer IS NULL
      OR NOT EXISTS (SELECT 1 FROM experiment_looks WHERE experiment = $1::text AND planned = $3::integer)`,
  saveShares: `
    INSERT INTO bandit_shares (experiment, arms, shares, at_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (experiment) DO UPDATE SET arms = excluded.arms, shares = excluded.shares, at_ms = excluded.at_ms`,
  shares: 'SELECT experiment, arms, shares, at_ms FROM bandit_shares ORDER BY experiment COLLATE "C"',
  looks: 'SELECT at_ms AS "atMs", planned, data FROM experiment_looks WHERE experiment = $1 ORDER BY number',
} as const;

/** What the journal keeps of experiments beside the exposures, which are written with their authorizations. */
export class PostgresExperiments {
  readonly #queries: TransactionalQueries;

  constructor(queries: TransactionalQueries) {
    this.#queries = queries;
  }

  async page(experiment: string, after: ExposureCursor | null, limit: number): Promise<ExposureReply> {
    const { unit, authorization, decision } = exposureStart(after);
    const read = (name: string, sql: string, sequence: number) =>
      this.#queries.all<ExposureRow>(name, sql, [experiment, unit, sequence, limit]);
    const authorized = await read('exposed_authorizations', SQL.authorizations, authorization);
    const decided = await read('exposed_decisions', SQL.decisions, decision);
    return exposureReply(authorized, decided, limit);
  }

  async armOfUnit(experiment: string, unit: string): Promise<string | null> {
    const values = [experiment, unit];
    const found = await this.#queries.one<{ readonly arm: string }>('arm_of_unit', SQL.firstOfUnit, values);
    return found?.arm ?? null;
  }

  phases(experiment: string): Promise<readonly PhaseRow[]> {
    return this.#queries.all<PhaseRow>('experiment_phases', SQL.phases, [experiment]);
  }

  async saveState({ experiment, arm, state, reason, author, createdAtMs, account }: ArmState): Promise<void> {
    const values = [experiment, arm, state, reason, author, Math.floor(createdAtMs), account ?? null];
    await this.#queries.run('insert_arm_state', SQL.insertState, values);
  }

  async states(): Promise<readonly ArmState[]> {
    const rows = await this.#queries.all<ArmStateRow>('newest_arm_states', SQL.newestStates, []);
    return rows.map(armStateFrom);
  }

  /** Two that look at once take turns: each look has a number of its own. */
  async saveLook(experiment: string, { atMs, planned, data }: ExperimentLook): Promise<void> {
    await this.#queries.transaction(async (queries) => {
      await takeTurns(queries, LOCKS.looks);
      const values = [experiment, Math.floor(atMs), planned, data];
      await queries.run('insert_experiment_look', SQL.insertLook, values);
    });
  }

  async saveShares({ experiment, arms, shares, atMs }: BanditShares): Promise<void> {
    const values = [experiment, arms, JSON.stringify(shares), Math.floor(atMs)];
    await this.#queries.run('save_bandit_shares', SQL.saveShares, values);
  }

  async shares(): Promise<readonly BanditShares[]> {
    const rows = await this.#queries.all<ShareRow>('bandit_shares', SQL.shares, []);
    return rows.map(sharesFrom);
  }

  looks(experiment: string): Promise<readonly ExperimentLook[]> {
    return this.#queries.all<ExperimentLook>('experiment_looks', SQL.looks, [experiment]);
  }
}
