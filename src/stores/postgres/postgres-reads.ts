import type { AuthorizationStatus } from '../../core/authorization.ts';
import type { AttemptName, RecordedPage, RecordedRange, WorkCounts } from '../../gateway/ports.ts';
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
import { LIST_BOUND, listName, listSql } from './postgres-listing.ts';
import type { Queries, QueryValue } from './queries.ts';

/** Rows that a page of recorded authorizations looks at, at most, so that it is answered long before it times out. */
const SCAN_MAX = 2_000;

/** Of `a`; each named, so that a column that a later version adds does not spoil statements that are prepared already. */
const AUTHORIZATION_COLUMNS = `a.sequence, a.id, a.account, a.status, a.version, a.open, a.live, a.authorized_amount,
  a.captured_amount, a.refunded_amount, a.provider, a.provider_reference, a.network_transaction, a.decline,
  a.capture_closed, a.expires_at_ms, a.answered, a.trace_id, a.created_at_ms`;

/**
 * An authorization with all that stands under it, in one statement: so it is seen at one moment, also while others write.
 * Of authorizations as `a` and their first events as `e`.
 */
export const WHOLE_COLUMNS = `${AUTHORIZATION_COLUMNS}, e.data AS opened,
  (SELECT json_agg(json_build_object('id', t.id, 'number', t.number, 'provider', t.provider,
      'provider_key', t.provider_key, 'prepared_reference', t.prepared_reference, 'outcome', t.outcome,
      'propensity', t.propensity, 'duration_ms', t.duration_ms, 'started_at_ms', t.started_at_ms,
      'deadline_at_ms', t.deadline_at_ms) ORDER BY t.number)::text
    FROM attempts AS t WHERE t."authorization" = a.sequence) AS attempts,
  (SELECT json_agg(json_build_object('id', o.id, 'number', o.number, 'kind', o.kind, 'purpose', o.purpose,
      'attempt_number', o.attempt_number, 'target', o.target, 'amount', o.amount, 'final', o.final, 'status', o.status,
      'code', o.code, 'provider_key', o.provider_key, 'provider_reference', o.provider_reference,
      'created_at_ms', o.created_at_ms, 'settled_at_ms', o.settled_at_ms) ORDER BY o.number)::text
    FROM operations AS o WHERE o."authorization" = a.sequence) AS operations`;

/** A row of {@link WHOLE_COLUMNS}. */
export interface WholeRow extends AuthorizationRow {
  /** JSON; null when there is none. */
  readonly attempts: string | null;
  readonly operations: string | null;
}

export function wholeFrom({ attempts, operations, ...row }: WholeRow): FoundAuthorization {
  return { row, attempts: rowsIn<AttemptRow>(attempts), operations: rowsIn<OperationRow>(operations) };
}

function rowsIn<Row>(json: string | null): readonly Row[] {
  return json === null ? [] : (JSON.parse(json) as readonly Row[]);
}

const WHOLE = `
  SELECT ${WHOLE_COLUMNS} FROM authorizations AS a
    JOIN events AS e ON e."authorization" = a.sequence AND e.number = 1`;

const SQL = {
  findClaim: `
    SELECT a.id AS authorization_id, c.operation_number, c.body_fingerprint,
      CASE WHEN c.operation_number = 0 THEN a.open ELSE 0 END AS open,
      coalesce(o.answer_status, e.answer_status) AS answer_status,
      coalesce(o.answer_body, e.answer_body) AS answer_body
    FROM claims AS c JOIN authorizations AS a ON a.sequence = c."authorization"
      LEFT JOIN operations AS o ON o."authorization" = c."authorization" AND o.number = c.operation_number
      LEFT JOIN events AS e ON c.operation_number = 0 AND a.answered = 1 AND e."authorization" = a.sequence
        AND e.answer_status IS NOT NULL
    WHERE c.account = $1 AND c.merchant = $2 AND c.operation = $3 AND c.key = $4
    ORDER BY e.number LIMIT 1`,
  findAuthorization: `${WHOLE} WHERE a.id = $1`,
  findBySequences: `${WHOLE} WHERE a.sequence = ANY ($1::bigint[])`,
  history: `
    SELECT e.number, e.at_ms, e.actor, e.kind, e.data FROM events AS e
      JOIN authorizations AS a ON a.sequence = e."authorization" WHERE a.id = $1 ORDER BY e.number`,
  historyPage: `
    SELECT e.number, e.at_ms, e.actor, e.kind, e.data, e.hash FROM authorizations AS a
      JOIN events AS e ON e."authorization" = a.sequence
    WHERE a.id = $1 AND e.number > $2::bigint ORDER BY e.number LIMIT $3`,
  // The newest status that was told up to an event, that one included.
  statusBefore: `
    SELECT journal_json(e.data) #>> '{changes,status}' AS status FROM authorizations AS a
      JOIN events AS e ON e."authorization" = a.sequence
    WHERE a.id = $1 AND e.number <= $2::bigint AND journal_json(e.data) #>> '{changes,status}' IS NOT NULL
    ORDER BY e.number DESC LIMIT 1`,
  findLapsed: `
    SELECT a.sequence, t.owner, greatest(0, a.lease_until_ms - t.started_at_ms) AS lease_ms
    FROM authorizations AS a
      JOIN attempts AS t ON t."authorization" = a.sequence
        AND t.number = (SELECT max(number) FROM attempts WHERE "authorization" = a.sequence)
    WHERE a.unsettled = 1 AND a.open = 1 AND a.lease_until_ms <= $1
    ORDER BY a.sequence LIMIT $2`,
  findExpired: `
    SELECT a.sequence FROM authorizations AS a
    WHERE a.expires_at_ms IS NOT NULL AND a.expires_at_ms <= $1 AND a.open = 0
      AND a.status IN ('approved', 'partially_approved', 'partially_captured')
      AND NOT EXISTS (SELECT 1 FROM operations AS o WHERE o."authorization" = a.sequence AND o.status = 'pending')
    ORDER BY a.expires_at_ms LIMIT $2`,
  // An authorization may be over by its state, and something of it still be undone.
  countUnsettled: `
    SELECT (SELECT count(*) FROM authorizations WHERE unsettled = 1 AND open = 0)
      + (SELECT count(DISTINCT o."authorization") FROM operations AS o
          JOIN authorizations AS a ON a.sequence = o."authorization"
        WHERE o.status = 'pending' AND o.kind = 'void' AND a.unsettled = 0) AS count`,
  // What is settled and only asked about once more is not among it.
  countWork: `
    SELECT count(*) AS total,
      count(*) FILTER (WHERE due_at_ms <= $1 AND (lease_until_ms IS NULL OR lease_until_ms <= $1)) AS overdue,
      count(*) FILTER (WHERE due_at_ms IS NULL AND (lease_until_ms IS NULL OR lease_until_ms <= $1)) AS parked,
      min(since_ms) AS "oldestSinceMs"
    FROM work AS w
    WHERE EXISTS (SELECT 1 FROM authorizations WHERE sequence = w."authorization" AND unsettled = 1)
      OR EXISTS (SELECT 1 FROM operations WHERE "authorization" = w."authorization" AND status = 'pending')`,
  hasOpenMoney: `
    SELECT (EXISTS (SELECT 1 FROM authorizations
        WHERE provider = $1 AND holds_payment = 1 AND status <> 'refunded' AND purged_before_ms IS NULL)
      OR EXISTS (SELECT 1 FROM authorizations AS a JOIN attempts AS t ON t."authorization" = a.sequence
        WHERE a.unsettled = 1 AND t.provider = $1
          AND t.negative = 0 AND t.outcome_kind IS DISTINCT FROM 'authentication_required')
      OR EXISTS (SELECT 1 FROM operations AS o
          JOIN attempts AS t ON t."authorization" = o."authorization" AND t.number = o.attempt_number
        WHERE o.status = 'pending' AND t.provider = $1)) AS found`,
  isReferenceElsewhere: `
    SELECT (EXISTS (SELECT 1 FROM attempts WHERE provider_reference = $2 AND provider = $1 AND id <> $3)
      OR EXISTS (SELECT 1 FROM attempts WHERE prepared_reference = $2 AND provider = $1 AND id <> $3)
      OR EXISTS (SELECT 1 FROM operations AS o
          JOIN attempts AS t ON t."authorization" = o."authorization" AND t.number = o.attempt_number
        WHERE o.target = $2 AND t.provider = $1 AND t.id <> $3)) AS found`,
  // Two rows are enough to see that it is not unique.
  findAttemptByReference: `
    SELECT DISTINCT a.id AS "authorizationId", found.number AS number FROM (
      SELECT "authorization", number FROM attempts WHERE provider_reference = $2 AND provider = $1
      UNION SELECT "authorization", number FROM attempts WHERE prepared_reference = $2 AND provider = $1
      UNION SELECT t."authorization", t.number FROM operations AS o
        JOIN attempts AS t ON t."authorization" = o."authorization" AND t.number = o.attempt_number
        WHERE o.target = $2 AND t.provider = $1
      UNION SELECT t."authorization", t.number FROM operations AS o
        JOIN attempts AS t ON t."authorization" = o."authorization" AND t.number = o.attempt_number
        WHERE o.provider_reference = $2 AND t.provider = $1
    ) AS found JOIN authorizations AS a ON a.sequence = found."authorization" LIMIT 2`,
  newest: 'SELECT coalesce(max(sequence), 0) AS newest FROM authorizations',
  recorded: `
    SELECT sequence FROM authorizations
    WHERE sequence > $1 AND sequence <= $2 AND created_at_ms >= $3 AND created_at_ms < $4 AND purged_before_ms IS NULL
    ORDER BY sequence LIMIT $5`,
} as const;

/** What is read of authorizations. */
export class PostgresReads {
  readonly #queries: Queries;

  readonly #settle: (through: number) => Promise<void>;

  /**
   * @param settle resolves once no authorization up to that number can be committed any more; left out: of one view of the
   *   database, which stays as it is
   */
  constructor(queries: Queries, settle: (through: number) => Promise<void> = async () => {}) {
    this.#queries = queries;
    this.#settle = settle;
  }

  findClaim(scope: SqlValues): Promise<ClaimRow | null> {
    return this.#queries.one<ClaimRow>('find_claim', SQL.findClaim, scope);
  }

  async findAuthorization(id: string): Promise<FoundAuthorization | null> {
    const row = await this.#queries.one<WholeRow>('find_authorization', SQL.findAuthorization, [id]);
    return row === null ? null : wholeFrom(row);
  }

  /**
   * The authorizations that rows are about, at most `limit`. What cannot be read is left out, so that it does not hold up
   * what is behind it; a look through the whole journal tells of it.
   * @param sql its last parameter is the number of rows
   */
  async readable<Row extends { readonly sequence: number }>(
    name: string,
    sql: string,
    limit: number,
    values: readonly QueryValue[],
  ): Promise<readonly { readonly row: Row; readonly found: FoundAuthorization }[]> {
    const rows = await this.#queries.all<Row>(name, sql, [...values, limit + UNREADABLE_MAX]);
    const readable: { readonly row: Row; readonly found: FoundAuthorization }[] = [];
    for (let next = 0; next < rows.length && readable.length < limit; next += limit) {
      const page = rows.slice(next, next + limit);
      const wholes = await this.#wholes(page.map(({ sequence }) => sequence));
      for (const row of page) {
        const found = wholes.get(row.sequence);
        if (found === undefined || readable.length === limit || !isReadable(found)) continue;
        readable.push({ row, found });
      }
    }
    return readable;
  }

  async #wholes(sequences: readonly number[]): Promise<ReadonlyMap<number, FoundAuthorization>> {
    const rows = await this.#queries.all<WholeRow>('find_by_sequences', SQL.findBySequences, [sequences]);
    return new Map(rows.map((row) => [row.sequence, wholeFrom(row)]));
  }

  async listAuthorizations(query: ListQuery): Promise<ListReply> {
    const bound = needsBound(query)
      ? await this.#queries.one<{ readonly sequence: number }>('list_bound', LIST_BOUND, [
          query.account,
          query.before,
        ])
      : null;
    const after = bound?.sequence ?? 0;
    const rows = await this.#queries.all<WholeRow>(
      listName(query),
      listSql(query, WHOLE_COLUMNS),
      listValues(query, after),
    );
    return listPage(rows, query.limit, after, wholeFrom);
  }

  history(authorizationId: string): Promise<readonly EventRow[]> {
    return this.#queries.all<EventRow>('history', SQL.history, [authorizationId]);
  }

  async historyPage(authorizationId: string, after: number, limit: number): Promise<HistoryReply> {
    const rows = await this.#queries.all<ToldEventRow>('history_page', SQL.historyPage, [
      authorizationId,
      after,
      limit + 1,
    ]);
    const before = await this.#queries.one<{ readonly status: AuthorizationStatus }>(
      'status_before',
      SQL.statusBefore,
      [authorizationId, after],
    );
    return historyReply(rows, limit, before);
  }

  async listLapsed(nowMs: number, limit: number): Promise<readonly FoundLapsed[]> {
    interface Row {
      readonly sequence: number;
      readonly owner: string;
      readonly lease_ms: number;
    }
    const lapsed = await this.readable<Row>('find_lapsed', SQL.findLapsed, limit, [nowMs]);
    return lapsed.map(({ row, found }) => ({ found, owner: row.owner, leaseMs: row.lease_ms }));
  }

  async listExpired(nowMs: number, limit: number): Promise<readonly FoundAuthorization[]> {
    const expired = await this.readable('find_expired', SQL.findExpired, limit, [nowMs]);
    return expired.map(({ found }) => found);
  }

  async countUnsettled(): Promise<number> {
    const row = await this.#queries.one<{ readonly count: number }>(
      'count_unsettled',
      SQL.countUnsettled,
      [],
    );
    return row?.count ?? 0;
  }

  async countWork(nowMs: number): Promise<WorkCounts> {
    return workCounts(await this.#queries.one<WorkRow>('count_work', SQL.countWork, [nowMs]));
  }

  hasOpenMoney(provider: string): Promise<boolean> {
    return this.#isFound('has_open_money', SQL.hasOpenMoney, [provider]);
  }

  isReferenceElsewhere(provider: string, reference: string, attemptId: string): Promise<boolean> {
    const values = [provider, reference, attemptId];
    return this.#isFound('is_reference_elsewhere', SQL.isReferenceElsewhere, values);
  }

  async #isFound(name: string, sql: string, values: readonly QueryValue[]): Promise<boolean> {
    return (await this.#queries.one<{ readonly found: boolean }>(name, sql, values))?.found === true;
  }

  async findAttemptByReference(provider: string, reference: string): Promise<AttemptName | null> {
    const rows = await this.#queries.all<AttemptName>(
      'find_attempt_by_reference',
      SQL.findAttemptByReference,
      [provider, reference],
    );
    return onlyAttempt(rows);
  }

  /**
   * At most `limit` authorizations of the range; also fewer, or none, before its end. What cannot be read, or was purged,
   * is left out. What others are opening at this moment is waited for where its number is below one that is looked at: a
   * reader that went on page by page would never come back to it.
   * @param after where the page before ended; 0: from the beginning
   * @throws JournalError also when a transaction that may still open one stays open
   */
  async recordedPage({ fromMs, toMs }: RecordedRange, after: number, limit: number): Promise<RecordedPage> {
    const newest =
      (await this.#queries.one<{ readonly newest: number }>('newest_authorization', SQL.newest, []))
        ?.newest ?? 0;
    const until = Math.min(after + SCAN_MAX, newest);
    if (until > after) await this.#settle(until);
    const values = [after, until, fromMs, toMs];
    const found = await this.readable('recorded', SQL.recorded, limit, values);
    const end = found.length === limit ? (found.at(-1)?.row.sequence ?? until) : until;
    const isLast = end >= newest;
    return {
      text: JSON.stringify(found.map((each) => each.found)),
      next: isLast ? null : end,
      progress: isLast ? 1 : end / newest,
    };
  }
}
