import type { DecisionClaimRow, DecisionListReply, KeptDecisionReply } from '../journal-rows.ts';
import type { SqlValues } from '../sql-values.ts';
import type { DecisionAttemptRow, DecisionRow, FoundDecision } from '../stored-decision.ts';
import type { Queries, TransactionalQueries } from './queries.ts';

interface WholeRow extends DecisionRow {
  /** JSON; null when nobody was offered. */
  readonly attempts: string | null;
}

interface AnsweredRow extends WholeRow {
  readonly answer_status: number;
  readonly answer_body: string;
}

// Each column is named, so that one that a later version adds does not spoil statements that are prepared already; and all
// of a decision is one statement: so it is seen at one moment, also while others write.
const COLUMNS = `d.sequence, d.id, d.account, d.version, d.created_at_ms, d.expires_at_ms, d.data,
  (SELECT json_agg(json_build_object('number', t.number, 'provider', t.provider, 'propensity', t.propensity,
      'offered_at_ms', t.offered_at_ms, 'cost_bps', t.cost_bps, 'routing', t.routing, 'outcome', t.outcome,
      'reports', t.reports) ORDER BY t.number)::text
    FROM decision_attempts AS t WHERE t.decision = d.sequence) AS attempts`;

const SQL = {
  findClaim: `
    SELECT id, body_fingerprint, answer_status, answer_body FROM decisions
    WHERE account = $1 AND merchant = $2 AND key = $3`,
  find: `SELECT ${COLUMNS} FROM decisions AS d WHERE d.id = $1`,
  read: `SELECT ${COLUMNS}, d.answer_status, d.answer_body FROM decisions AS d WHERE d.id = $1`,
  list: `
    SELECT ${COLUMNS}, d.answer_status, d.answer_body FROM decisions AS d
    WHERE d.account = $1 AND d.merchant = $2 AND d.reference = $3 AND d.sequence < $4
    ORDER BY d.sequence DESC LIMIT $5`,
  // What another process counts at this moment is counted there.
  countUnreported: `
    UPDATE decisions SET counted_unreported = 1 WHERE sequence IN (
      SELECT sequence FROM decisions
      WHERE awaits_report = 1 AND counted_unreported = 0 AND expires_at_ms < $1
      ORDER BY expires_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)`,
  old: `
    SELECT sequence FROM decisions WHERE created_at_ms < $1 ORDER BY created_at_ms LIMIT $2
    FOR UPDATE SKIP LOCKED`,
  purgeAttempts: 'DELETE FROM decision_attempts WHERE decision = ANY ($1::bigint[])',
  // Exposures go with their decision.
  purge: 'DELETE FROM decisions WHERE sequence = ANY ($1::bigint[])',
} as const;

/** What is read, counted and let go of decisions for callers that send themselves. */
export class PostgresDecisions {
  readonly #queries: TransactionalQueries;

  constructor(queries: TransactionalQueries) {
    this.#queries = queries;
  }

  findClaim(claim: SqlValues): Promise<DecisionClaimRow | null> {
    return this.#queries.one<DecisionClaimRow>('find_decision_claim', SQL.findClaim, claim);
  }

  async find(id: string): Promise<FoundDecision | null> {
    const row = await this.#queries.one<WholeRow>('find_decision', SQL.find, [id]);
    return row === null ? null : wholeFrom(row);
  }

  /** The same with its answer. */
  async read(id: string): Promise<KeptDecisionReply | null> {
    const row = await this.#queries.one<AnsweredRow>('read_decision', SQL.read, [id]);
    return row === null ? null : answeredFrom(row);
  }

  /** @param payment account, merchant, reference */
  async list(payment: SqlValues, before: number, limit: number): Promise<DecisionListReply> {
    const values = [...payment, before, limit + 1];
    const rows = await this.#queries.all<AnsweredRow>('list_decisions', SQL.list, values);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.sequence ?? null) : null;
    return { found: page.map(answeredFrom), next };
  }

  /** @returns how many were counted now, each once, whoever counts */
  countUnreported(expiredBeforeMs: number, limit: number): Promise<number> {
    return this.#queries.run('count_unreported', SQL.countUnreported, [expiredBeforeMs, limit]);
  }

  /** @returns how many went */
  purge(beforeMs: number, limit: number): Promise<number> {
    return this.#queries.transaction(async (queries: Queries) => {
      const old = await queries.all<{ readonly sequence: number }>('old_decisions', SQL.old, [
        beforeMs,
        limit,
      ]);
      if (old.length === 0) return 0;
      const sequences = old.map(({ sequence }) => sequence);
      await queries.run('purge_decision_attempts', SQL.purgeAttempts, [sequences]);
      return queries.run('purge_decisions', SQL.purge, [sequences]);
    });
  }
}

function wholeFrom({ attempts, ...row }: WholeRow): FoundDecision {
  return {
    row,
    attempts: attempts === null ? [] : (JSON.parse(attempts) as readonly DecisionAttemptRow[]),
  };
}

function answeredFrom({ answer_status, answer_body, ...row }: AnsweredRow): KeptDecisionReply {
  return { found: wholeFrom(row), answerStatus: answer_status, answerBody: answer_body };
}
