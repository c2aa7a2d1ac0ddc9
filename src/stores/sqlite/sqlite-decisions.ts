import type { AdvanceDecisionCommand, OpenDecisionCommand } from '../decision-commands.ts';
import type {
  AdvanceDecisionReply,
  DecisionClaimRow,
  DecisionListReply,
  KeptDecisionReply,
  OpenDecisionReply,
} from '../journal-rows.ts';
import type { SqlValues } from '../sql-values.ts';
import type { DecisionAttemptRow, DecisionRow, FoundDecision } from '../stored-decision.ts';
import { recordExposures } from './record-exposures.ts';
import { schemeStop } from './scheme-ceilings.ts';
import type { Statements } from './statements.ts';

interface AnsweredRow extends DecisionRow {
  readonly answer_status: number;
  readonly answer_body: string;
}

const SQL = {
  findClaim: `
    SELECT id, body_fingerprint, answer_status, answer_body FROM decisions
    WHERE account = ? AND merchant = ? AND key = ?`,
  insert: `
    INSERT INTO decisions (id, account, merchant, reference, key, body_fingerprint, amount, currency, created_at_ms,
      expires_at_ms, data, answer_status, answer_body, awaits_report)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  insertAttempt: `
    INSERT INTO decision_attempts (decision, number, provider, propensity, offered_at_ms, card_key, scheme_counts, cost_bps,
      routing)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  find: 'SELECT sequence, id, account, version, created_at_ms, expires_at_ms, data FROM decisions WHERE id = ?',
  read: `
    SELECT sequence, id, account, version, created_at_ms, expires_at_ms, data, answer_status, answer_body
    FROM decisions WHERE id = ?`,
  list: `
    SELECT sequence, id, account, version, created_at_ms, expires_at_ms, data, answer_status, answer_body
    FROM decisions INDEXED BY decisions_by_payment
    WHERE account = ? AND merchant = ? AND reference = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?`,
  attempts: `
    SELECT number, provider, propensity, offered_at_ms, cost_bps, routing, outcome, reports FROM decision_attempts
    WHERE decision = ? ORDER BY number`,
  findVersion: 'SELECT sequence FROM decisions WHERE id = ? AND version = ?',
  report: `
    UPDATE decision_attempts SET outcome_kind = ?3, outcome = ?4, reports = ?5,
      scheme_counts = ?6 AND card_key IS NOT NULL, blocked_until_ms = ?7, block_reason = ?8, outcome_at_ms = ?9,
      duration_ms = ?10
    WHERE decision = ?1 AND number = ?2`,
  advance: 'UPDATE decisions SET version = version + 1, awaits_report = 0 WHERE sequence = ?',
  countUnreported: `
    UPDATE decisions SET counted_unreported = 1 WHERE sequence IN (
      SELECT sequence FROM decisions INDEXED BY decisions_unreported
      WHERE awaits_report = 1 AND counted_unreported = 0 AND expires_at_ms < ? ORDER BY expires_at_ms LIMIT ?)`,
  old: 'SELECT sequence FROM decisions INDEXED BY decisions_by_age WHERE created_at_ms < ? ORDER BY created_at_ms LIMIT ?',
  // Exposures go with their decision.
  purge: ['DELETE FROM decision_attempts WHERE decision = ?', 'DELETE FROM decisions WHERE sequence = ?'],
} as const;

/**
 * Decisions for callers that send themselves. Without transactions of their own: whoever calls brackets them. One that
 * refuses has written nothing; one that throws may have.
 */
export class SqliteDecisions {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  open({ claim, decision, attempt, scheme, exposures, atMs }: OpenDecisionCommand): OpenDecisionReply {
    const found = claim === null ? null : this.findClaim(claim);
    if (found !== null) return { claim: found };
    const stop = scheme === null ? null : schemeStop(this.#statements, scheme, 0);
    if (stop !== null) return { stop };
    const { lastRow } = this.#statements.run(SQL.insert, ...decision);
    if (attempt !== null) this.#statements.run(SQL.insertAttempt, lastRow, ...attempt);
    recordExposures(this.#statements, 'decision', lastRow, exposures, atMs);
    return null;
  }

  findClaim(claim: SqlValues): DecisionClaimRow | null {
    return this.#statements.one<DecisionClaimRow>(SQL.findClaim, ...claim);
  }

  find(id: string): FoundDecision | null {
    const row = this.#statements.one<DecisionRow>(SQL.find, id);
    if (row === null) return null;
    return this.#whole(row);
  }

  /** The same with its answer. */
  read(id: string): KeptDecisionReply | null {
    const row = this.#statements.one<AnsweredRow>(SQL.read, id);
    return row === null ? null : this.#answered(row);
  }

  /** @param payment account, merchant, reference */
  list(payment: SqlValues, before: number, limit: number): DecisionListReply {
    const rows = this.#statements.all<AnsweredRow>(SQL.list, ...payment, before, limit + 1);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.sequence ?? null) : null;
    return { found: page.map((row) => this.#answered(row)), next };
  }

  #answered(row: AnsweredRow): KeptDecisionReply {
    return { found: this.#whole(row), answerStatus: row.answer_status, answerBody: row.answer_body };
  }

  #whole(row: DecisionRow): FoundDecision {
    return { row, attempts: this.#statements.all<DecisionAttemptRow>(SQL.attempts, row.sequence) };
  }

  advance({ id, version, reported, attempt, scheme }: AdvanceDecisionCommand): AdvanceDecisionReply {
    const found = this.#statements.one<{ readonly sequence: number }>(SQL.findVersion, id, version);
    if (found === null) return 'stale';
    const { sequence } = found;
    const stop = scheme === null ? null : schemeStop(this.#statements, scheme, 0, sequence);
    if (stop !== null) return { stop };
    this.#statements.run(SQL.report, sequence, ...reported);
    if (attempt !== null) this.#statements.run(SQL.insertAttempt, sequence, ...attempt);
    this.#statements.run(SQL.advance, sequence);
    return 'written';
  }

  countUnreported(expiredBeforeMs: number, limit: number): number {
    return this.#statements.run(SQL.countUnreported, expiredBeforeMs, limit).changes;
  }

  purge(beforeMs: number, limit: number): number {
    const old = this.#statements.all<{ readonly sequence: number }>(SQL.old, beforeMs, limit);
    for (const { sequence } of old) for (const sql of SQL.purge) this.#statements.run(sql, sequence);
    return old.length;
  }
}
