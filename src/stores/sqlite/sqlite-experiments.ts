import type { ExposedAttempt, ExposedRequest } from '../../core/experiments/exposed.ts';
import type { ArmState, BanditShares, ExperimentLook, ExposureCursor } from '../../gateway/ports.ts';
import type { SqlValues, Statements } from './statements.ts';

export interface ExposureReply {
  readonly found: readonly ExposedRequest[];
  /** Null on the last page. */
  readonly next: ExposureCursor | null;
}

export interface PhaseRow {
  readonly number: number;
  readonly plan: string;
  readonly first_at_ms: number;
}

interface Row {
  readonly source: ExposureCursor[1];
  readonly sequence: number;
  readonly unit: string;
  readonly arm: string;
  readonly phase: number;
  readonly propensity: number;
  readonly redirected_from: string | null;
  readonly at_ms: number;
  /** Whose word a decision's attempts are; null for an authorization. */
  readonly account: string | null;
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

interface Found {
  readonly exposed: ExposedRequest & { readonly attempts: ExposedAttempt[] };
  readonly cursor: ExposureCursor;
}

interface ShareRow {
  readonly experiment: string;
  readonly arms: string;
  readonly shares: string;
  readonly at_ms: number;
}

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
    SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4 FROM experiment_looks WHERE experiment = ?1`,
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
    const [unit, source, sequence] = after ?? ['', 'authorization', 0];
    // Of a unit, its authorizations come before its decisions.
    const [authorization, decision] =
      source === 'authorization' ? [sequence, Number.MIN_SAFE_INTEGER] : [Number.MAX_SAFE_INTEGER, sequence];
    const authorized = this.#read(SQL.authorizations, [experiment, unit, authorization, limit]);
    const decided = this.#read(SQL.decisions, [experiment, unit, decision, limit]);
    const page = merged(authorized, decided).slice(0, limit);
    const isLast = page.length < limit;
    return { found: page.map(({ exposed }) => exposed), next: isLast ? null : (page.at(-1)?.cursor ?? null) };
  }

  #read(sql: string, values: SqlValues): readonly Found[] {
    const found: Found[] = [];
    for (const row of this.#statements.all<Row>(sql, ...values)) {
      const last = found.at(-1)?.cursor;
      if (last?.[2] !== row.sequence || last[0] !== row.unit) {
        found.push({ exposed: exposedFrom(row), cursor: [row.unit, row.source, row.sequence] });
      }
      if (row.attempt !== null) found.at(-1)?.exposed.attempts.push(attemptFrom(row));
    }
    return found;
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
    return this.#statements
      .all<ArmState & { readonly account: string | null }>(SQL.newestStates)
      .map(({ experiment, arm, state, reason, author, createdAtMs, account }) => ({
        experiment,
        arm,
        state,
        reason,
        author,
        createdAtMs,
        ...(account !== null && { account }),
      }));
  }

  saveLook(experiment: string, { atMs, planned, data }: ExperimentLook): void {
    this.#statements.run(SQL.insertLook, experiment, Math.floor(atMs), planned, data);
  }

  saveShares({ experiment, arms, shares, atMs }: BanditShares): void {
    this.#statements.run(SQL.saveShares, experiment, arms, JSON.stringify(shares), Math.floor(atMs));
  }

  shares(): readonly BanditShares[] {
    return this.#statements.all<ShareRow>(SQL.shares).map(({ experiment, arms, shares, at_ms: atMs }) => ({
      experiment,
      arms,
      shares: JSON.parse(shares) as readonly number[],
      atMs,
    }));
  }

  looks(experiment: string): readonly ExperimentLook[] {
    return this.#statements.all<ExperimentLook>(SQL.looks, experiment).map((look) => ({ ...look }));
  }
}

/** Both as one, in the order of units; of a unit its authorizations first. */
function merged(authorized: readonly Found[], decided: readonly Found[]): readonly Found[] {
  if (authorized.length === 0 || decided.length === 0) return authorized.length === 0 ? decided : authorized;
  // As SQLite compares texts.
  const bytes = (found: Found) => Buffer.from(found.cursor[0]);
  const keyed = [...authorized, ...decided].map((found) => ({ found, unit: bytes(found) }));
  return keyed.sort((one, other) => Buffer.compare(one.unit, other.unit)).map(({ found }) => found);
}

function exposedFrom(row: Row): ExposedRequest & { readonly attempts: ExposedAttempt[] } {
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
    reportedBy: row.account,
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
