import type { AuthorizationStatus } from '../../core/authorization.ts';
import type { AttemptName, WorkCounts } from '../../gateway/ports.ts';
import type {
  ClaimRow,
  EventRow,
  FoundLapsed,
  HistoryReply,
  ListQuery,
  ListReply,
  ToldEventRow,
} from '../journal-rows.ts';
import { listPage, listValues, needsBound } from '../listing.ts';
import { historyReply, onlyAttempt, UNREADABLE_MAX, type WorkRow, workCounts } from '../read-replies.ts';
import type { SqlValues } from '../sql-values.ts';
import {
  type AttemptRow,
  type AuthorizationRow,
  type FoundAuthorization,
  isReadable,
  type OperationRow,
} from '../stored-authorization.ts';
import { LIST_BOUND, listSql } from './sqlite-listing.ts';
import type { Statements } from './statements.ts';

/** What a key was used for, with the answer that was frozen for it: the authorization's, or its operation's. */
export const FIND_CLAIM = `
  SELECT a.id AS authorization_id, c.operation_number, c.body_fingerprint,
    c.operation_number = 0 AND a.open AS open,
    coalesce(o.answer_status, e.answer_status) AS answer_status,
    coalesce(o.answer_body, e.answer_body) AS answer_body
  FROM claims AS c JOIN authorizations AS a ON a.sequence = c.authorization
    LEFT JOIN operations AS o ON o.authorization = c.authorization AND o.number = c.operation_number
    LEFT JOIN events AS e ON c.operation_number = 0 AND a.answered = 1 AND e.authorization = a.sequence
      AND e.answer_status IS NOT NULL
  WHERE c.account = ? AND c.merchant = ? AND c.operation = ? AND c.key = ?
  ORDER BY e.number LIMIT 1`;

/** Events of an authorization by its id, after one of them. */
export const HISTORY_PAGE = `
  SELECT e.number, e.at_ms, e.actor, e.kind, e.data, e.hash FROM authorizations AS a
    JOIN events AS e ON e.authorization = a.sequence
  WHERE a.id = ? AND e.number > ? ORDER BY e.number LIMIT ?`;

/** The newest status that was told up to an event, that one included. */
export const STATUS_BEFORE = `
  SELECT json_extract(e.data, '$.changes.status') AS status FROM authorizations AS a
    JOIN events AS e ON e.authorization = a.sequence
  WHERE a.id = ? AND e.number <= ? AND json_extract(e.data, '$.changes.status') IS NOT NULL
  ORDER BY e.number DESC LIMIT 1`;

const WITH_OPENED = `
  SELECT a.*, e.data AS opened FROM authorizations AS a
    JOIN events AS e ON e.authorization = a.sequence AND e.number = 1`;

const SQL = {
  findAuthorization: `${WITH_OPENED} WHERE a.id = ?`,
  findBySequence: `${WITH_OPENED} WHERE a.sequence = ?`,
  findAttempts: `
    SELECT id, number, provider, provider_key, prepared_reference, outcome, propensity, duration_ms, started_at_ms, deadline_at_ms
    FROM attempts WHERE authorization = ? ORDER BY number`,
  findOperations: `
    SELECT id, number, kind, purpose, attempt_number, target, amount, final, status, code, provider_key,
      provider_reference, created_at_ms, settled_at_ms
    FROM operations WHERE authorization = ? ORDER BY number`,
  history: `
    SELECT e.number, e.at_ms, e.actor, e.kind, e.data FROM events AS e
      JOIN authorizations AS a ON a.sequence = e.authorization WHERE a.id = ? ORDER BY e.number`,
  findLapsed: `
    SELECT a.sequence, t.owner, max(0, a.lease_until_ms - t.started_at_ms) AS lease_ms
    FROM authorizations AS a INDEXED BY authorizations_unsettled
      JOIN attempts AS t ON t.authorization = a.sequence
        AND t.number = (SELECT max(number) FROM attempts WHERE authorization = a.sequence)
    WHERE a.unsettled = 1 AND a.open = 1 AND a.lease_until_ms <= ?
    ORDER BY a.sequence LIMIT ?`,
  findExpired: `
    SELECT a.sequence FROM authorizations AS a INDEXED BY authorizations_expiring
    WHERE a.expires_at_ms IS NOT NULL AND a.expires_at_ms <= ? AND a.open = 0
      AND a.status IN ('approved', 'partially_approved', 'partially_captured')
      AND NOT EXISTS (SELECT 1 FROM operations AS o WHERE o.authorization = a.sequence AND o.status = 'pending')
    ORDER BY a.expires_at_ms LIMIT ?`,
  // An authorization may be over by its state, and something of it still be undone.
  countUnsettled: `
    SELECT (SELECT count(*) FROM authorizations INDEXED BY authorizations_unsettled
        WHERE unsettled = 1 AND open = 0)
      + (SELECT count(DISTINCT o.authorization) FROM operations AS o INDEXED BY operations_pending
          JOIN authorizations AS a ON a.sequence = o.authorization
        WHERE o.status = 'pending' AND o.kind = 'void' AND a.unsettled = 0) AS count`,
  // What is settled and only asked about once more is not among it.
  countWork: `
    SELECT count(*) AS total,
      count(*) FILTER (WHERE due_at_ms <= ?1 AND (lease_until_ms IS NULL OR lease_until_ms <= ?1)) AS overdue,
      count(*) FILTER (WHERE due_at_ms IS NULL AND (lease_until_ms IS NULL OR lease_until_ms <= ?1)) AS parked,
      min(since_ms) AS oldestSinceMs
    FROM work AS w
    WHERE EXISTS (SELECT 1 FROM authorizations WHERE sequence = w.authorization AND unsettled = 1)
      OR EXISTS (SELECT 1 FROM operations WHERE authorization = w.authorization AND status = 'pending')`,
  hasOpenMoney: `
    SELECT EXISTS (SELECT 1 FROM authorizations
        WHERE provider = ?1 AND holds_payment = 1 AND status <> 'refunded' AND purged_before_ms IS NULL)
      OR EXISTS (SELECT 1 FROM authorizations AS a INDEXED BY authorizations_unsettled
          CROSS JOIN attempts AS t ON t.authorization = a.sequence
        WHERE a.unsettled = 1 AND t.provider = ?1
          AND t.negative = 0 AND t.outcome_kind IS NOT 'authentication_required')
      OR EXISTS (SELECT 1 FROM operations AS o INDEXED BY operations_pending
          JOIN attempts AS t ON t.authorization = o.authorization AND t.number = o.attempt_number
        WHERE o.status = 'pending' AND t.provider = ?1) AS found`,
  isReferenceElsewhere: `
    SELECT EXISTS (SELECT 1 FROM attempts INDEXED BY attempts_by_reference
        WHERE provider_reference = ?2 AND provider = ?1 AND id <> ?3)
      OR EXISTS (SELECT 1 FROM attempts INDEXED BY attempts_by_prepared
        WHERE prepared_reference = ?2 AND provider = ?1 AND id <> ?3)
      OR EXISTS (SELECT 1 FROM operations AS o INDEXED BY operations_by_target
          CROSS JOIN attempts AS t ON t.authorization = o.authorization AND t.number = o.attempt_number
        WHERE o.target = ?2 AND t.provider = ?1 AND t.id <> ?3) AS found`,
  // Two rows are enough to see that it is not unique.
  findAttemptByReference: `
    SELECT DISTINCT a.id AS authorizationId, found.number AS number FROM (
      SELECT authorization, number FROM attempts INDEXED BY attempts_by_reference
        WHERE provider_reference = ?2 AND provider = ?1
      UNION SELECT authorization, number FROM attempts INDEXED BY attempts_by_prepared
        WHERE prepared_reference = ?2 AND provider = ?1
      UNION SELECT t.authorization, t.number FROM operations AS o INDEXED BY operations_by_target
        CROSS JOIN attempts AS t ON t.authorization = o.authorization AND t.number = o.attempt_number
        WHERE o.target = ?2 AND t.provider = ?1
      UNION SELECT t.authorization, t.number FROM operations AS o INDEXED BY operations_by_reference
        CROSS JOIN attempts AS t ON t.authorization = o.authorization AND t.number = o.attempt_number
        WHERE o.provider_reference = ?2 AND t.provider = ?1
    ) AS found JOIN authorizations AS a ON a.sequence = found.authorization LIMIT 2`,
} as const;

/** What is read of authorizations. */
export class SqliteReads {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  findClaim(scope: SqlValues): ClaimRow | null {
    return this.#statements.one<ClaimRow>(FIND_CLAIM, ...scope);
  }

  findAuthorization(id: string): FoundAuthorization | null {
    const row = this.#statements.one<AuthorizationRow>(SQL.findAuthorization, id);
    return row === null ? null : this.#whole(row);
  }

  /**
   * The authorizations that rows are about, at most `limit`. What cannot be read is left out, so that it does not hold up
   * what is behind it; a look through the whole journal tells of it.
   * @param sql its last parameter is the number of rows
   */
  readable<Row extends { readonly sequence: number }>(
    sql: string,
    limit: number,
    ...values: SqlValues
  ): readonly { readonly row: Row; readonly found: FoundAuthorization }[] {
    const readable: { readonly row: Row; readonly found: FoundAuthorization }[] = [];
    for (const each of this.#statements.prepare(sql).iterate(...values, limit + UNREADABLE_MAX)) {
      const row = each as unknown as Row;
      const opened = this.#statements.one<AuthorizationRow>(SQL.findBySequence, row.sequence);
      if (opened === null) continue;
      const found = this.#whole(opened);
      if (!isReadable(found)) continue;
      readable.push({ row, found });
      if (readable.length === limit) break;
    }
    return readable;
  }

  #whole(row: AuthorizationRow): FoundAuthorization {
    return {
      row,
      attempts: this.#statements.all<AttemptRow>(SQL.findAttempts, row.sequence),
      operations: this.#statements.all<OperationRow>(SQL.findOperations, row.sequence),
    };
  }

  listAuthorizations(query: ListQuery): ListReply {
    const bound = needsBound(query)
      ? this.#statements.one<{ readonly sequence: number }>(LIST_BOUND, query.account, query.before)
      : null;
    const after = bound?.sequence ?? 0;
    const rows = this.#statements.all<AuthorizationRow>(listSql(query), ...listValues(query, after));
    return listPage(rows, query.limit, after, (row) => this.#whole(row));
  }

  history(authorizationId: string): readonly EventRow[] {
    return this.#statements.all<EventRow>(SQL.history, authorizationId);
  }

  historyPage(authorizationId: string, after: number, limit: number): HistoryReply {
    const rows = this.#statements.all<ToldEventRow>(HISTORY_PAGE, authorizationId, after, limit + 1);
    const before = this.#statements.one<{ readonly status: AuthorizationStatus }>(
      STATUS_BEFORE,
      authorizationId,
      after,
    );
    return historyReply(rows, limit, before);
  }

  listLapsed(nowMs: number, limit: number): readonly FoundLapsed[] {
    interface Row {
      readonly sequence: number;
      readonly owner: string;
      readonly lease_ms: number;
    }
    return this.readable<Row>(SQL.findLapsed, limit, nowMs).map(({ row, found }) => ({
      found,
      owner: row.owner,
      leaseMs: row.lease_ms,
    }));
  }

  listExpired(nowMs: number, limit: number): readonly FoundAuthorization[] {
    return this.readable(SQL.findExpired, limit, nowMs).map(({ found }) => found);
  }

  countUnsettled(): number {
    return this.#statements.one<{ readonly count: number }>(SQL.countUnsettled)?.count ?? 0;
  }

  countWork(nowMs: number): WorkCounts {
    return workCounts(this.#statements.one<WorkRow>(SQL.countWork, nowMs));
  }

  hasOpenMoney(provider: string): boolean {
    return this.#statements.one<{ readonly found: number }>(SQL.hasOpenMoney, provider)?.found === 1;
  }

  findAttemptByReference(provider: string, reference: string): AttemptName | null {
    const rows = this.#statements.all<AttemptName>(SQL.findAttemptByReference, provider, reference);
    return onlyAttempt(rows);
  }

  isReferenceElsewhere(...values: [provider: string, reference: string, attemptId: string]): boolean {
    return isReferenceElsewhere(this.#statements, ...values);
  }
}

/** Whether an authorization's id at a provider is recorded about any other attempt than this one. */
export function isReferenceElsewhere(
  statements: Statements,
  ...values: [provider: string, reference: string, attemptId: string]
): boolean {
  const row = statements.one<{ readonly found: number }>(SQL.isReferenceElsewhere, ...values);
  return row?.found === 1;
}
