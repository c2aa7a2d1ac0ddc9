import { FAILURES_BEFORE_OVERTAKEN } from '../../core/outgoing-event.ts';
import type { DeliveryCounts, EventSubscription } from '../../gateway/ports.ts';
import type {
  DeliveryListReply,
  DeliveryQuery,
  DeliveryRow,
  FoundDelivery,
  SettleValues,
} from '../journal-rows.ts';
import type { SqlValue } from '../sql-values.ts';
import { type TellingRow, toldDeliveries } from '../told-deliveries.ts';
import type { StoredEvent } from '../told-event.ts';
import type { Statements } from './statements.ts';

/** Rows that a page looks at, at most, so that a filter that hardly matches does not hold payments up. */
const SCAN_MAX = 20_000;
/** Events of the history that are passed over in one go, at most. */
const SPAN_MAX = 5_000;

const COLUMNS = `d.sequence, d.id, d.endpoint, d.account, a.id AS authorization_id, d.authorization, d.number, d.part,
  d.type, d.at_ms, d.state, d.due_at_ms, d.failures, d.last_result, d.last_sent_at_ms`;
const FROM = 'deliveries AS d JOIN authorizations AS a ON a.sequence = d.authorization';

const SQL = {
  cursor: 'SELECT through_event FROM event_cursors WHERE endpoint = ? AND account = ?',
  begin: `
    INSERT INTO event_cursors (endpoint, account, through_event)
    SELECT ?, ?, coalesce(max(sequence), 0) FROM events`,
  move: 'UPDATE event_cursors SET through_event = ?3 WHERE endpoint = ?1 AND account = ?2',
  newest: 'SELECT coalesce(max(sequence), 0) AS newest FROM events',
  // Most events are a road's own and are told by its answer: they are passed over without being read, unless answers are
  // wanted too. Of the ends of roads those are looked at which nobody was told of, or which may end what a caller had
  // asked for meanwhile.
  tellingEvents: `
    SELECT e.sequence, e.authorization, e.number, e.at_ms, a.id, a.account
    FROM events AS e CROSS JOIN authorizations AS a ON a.sequence = e.authorization
    WHERE e.sequence > ?1 AND e.sequence <= ?2 AND a.account = ?3
      AND (?4 = 1 OR (
        e.kind NOT IN ('opened', 'prepared', 'failed_over', 'operation_begun', 'operation_sent', 'operation_sent_again',
          'operation_not_processed')
        AND (e.kind <> 'concluded' OR instr(e.data, '"journal_failed"') > 0
          OR EXISTS (SELECT 1 FROM operations AS o WHERE o.authorization = e.authorization AND o.purpose = 'requested'))))
    ORDER BY e.sequence LIMIT ?5`,
  history: `
    SELECT at_ms, actor, kind, data, answer_status IS NOT NULL AS answers FROM events
    WHERE authorization = ? AND number <= ? ORDER BY number`,
  insert: `
    INSERT INTO deliveries (id, endpoint, account, authorization, number, part, type, at_ms, due_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  due: `
    SELECT ${COLUMNS} FROM deliveries AS d INDEXED BY deliveries_due
      CROSS JOIN authorizations AS a ON a.sequence = d.authorization
    WHERE d.state = 'waiting' AND d.endpoint = ?1 AND d.account = ?2 AND d.due_at_ms <= ?3
      AND (d.lease_until_ms IS NULL OR d.lease_until_ms <= ?3)
      AND NOT EXISTS (SELECT 1 FROM deliveries AS o INDEXED BY deliveries_by_authorization
        WHERE o.authorization = d.authorization AND o.endpoint = d.endpoint AND o.sequence < d.sequence
          AND o.account = d.account AND o.state = 'waiting' AND o.failures < ${FAILURES_BEFORE_OVERTAKEN})
    ORDER BY d.due_at_ms, d.sequence LIMIT ?4`,
  lease: 'UPDATE deliveries SET owner = ?2, lease_until_ms = ?3 WHERE sequence = ?1',
  free: 'UPDATE deliveries SET owner = NULL, lease_until_ms = NULL WHERE owner IS NOT NULL AND owner <> ?',
  settle: `
    UPDATE deliveries SET owner = NULL, lease_until_ms = NULL, state = ?3,
      due_at_ms = CASE ?3 WHEN 'waiting' THEN coalesce(?4, due_at_ms) END, failures = failures + ?5,
      last_result = coalesce(?6, last_result), last_sent_at_ms = coalesce(?7, last_sent_at_ms)
    WHERE id = ?1 AND owner = ?2`,
  find: `SELECT ${COLUMNS} FROM ${FROM}
    WHERE d.id = ?1 AND d.account = ?2
      AND (?3 IS NULL OR a.merchant IN (SELECT value FROM json_each(?3)))`,
  replay: "UPDATE deliveries SET state = 'waiting', due_at_ms = ?2, failures = 0 WHERE sequence = ?1",
  counts: `
    SELECT endpoint, count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead,
      min(at_ms) FILTER (WHERE state = 'waiting') AS oldestWaitingAtMs
    FROM deliveries INDEXED BY deliveries_open WHERE state <> 'delivered' GROUP BY endpoint`,
  purge: `
    DELETE FROM deliveries WHERE sequence IN (SELECT sequence FROM deliveries INDEXED BY deliveries_done
      WHERE state = 'delivered' AND last_sent_at_ms < ? ORDER BY last_sent_at_ms LIMIT ?)`,
} as const;

/** One of two texts each, so that prepared statements are found again. */
function listSql(hasState: boolean): { readonly bound: string; readonly page: string } {
  const index = hasState ? 'deliveries_by_state' : 'deliveries_by_account';
  const state = hasState ? 'AND d.state = ?2' : 'AND ?2 IS NULL';
  return {
    bound: `SELECT d.sequence FROM deliveries AS d INDEXED BY ${index}
      WHERE d.account = ?1 ${state} AND d.sequence < ?3 ORDER BY d.sequence DESC LIMIT 1 OFFSET ${SCAN_MAX}`,
    page: `SELECT ${COLUMNS} FROM deliveries AS d INDEXED BY ${index}
        CROSS JOIN authorizations AS a ON a.sequence = d.authorization
      WHERE d.account = ?1 ${state} AND d.sequence < ?3 AND d.sequence > ?4
        AND (?5 IS NULL OR d.endpoint = ?5)
        AND (?6 IS NULL OR a.merchant IN (SELECT value FROM json_each(?6)))
      ORDER BY d.sequence DESC LIMIT ?7`,
  };
}
const LISTS = { all: listSql(false), byState: listSql(true) } as const;

/** How far endpoints have been told, and what became of each event. */
export class SqliteDeliveries {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** @returns by how many events of the history the cursor was moved */
  make(subscription: EventSubscription, nowMs: number, limit: number): number {
    const { endpoint, account, includesAnswered } = subscription;
    const cursor = this.#statements.one<{ readonly through_event: number }>(SQL.cursor, endpoint, account);
    if (cursor === null) {
      this.#statements.run(SQL.begin, endpoint, account);
      return 0;
    }
    const from = cursor.through_event;
    const newest = this.#statements.one<{ readonly newest: number }>(SQL.newest)?.newest ?? 0;
    const end = Math.min(newest, from + SPAN_MAX);
    if (end <= from) return 0;
    const wanted = includesAnswered ? 1 : 0;
    const rows = this.#statements.all<TellingRow>(SQL.tellingEvents, from, end, account, wanted, limit);
    for (const row of rows) {
      const history = this.#history(row.authorization, row.number);
      for (const delivery of toldDeliveries(subscription, row, history)) {
        this.#statements.run(SQL.insert, ...delivery, nowMs);
      }
    }
    const last = rows.at(-1);
    const through = rows.length === limit && last !== undefined ? last.sequence : end;
    this.#statements.run(SQL.move, endpoint, account, through);
    return through - from;
  }

  #history(authorization: number, number: number): readonly StoredEvent[] {
    return this.#statements.all<StoredEvent>(SQL.history, authorization, number);
  }

  take(
    endpoint: string,
    account: string,
    nowMs: number,
    limit: number,
    owner: string,
    untilMs: number,
  ): readonly FoundDelivery[] {
    const due = this.#statements.all<DeliveryRow>(SQL.due, endpoint, account, nowMs, limit);
    return due.map((row) => {
      this.#statements.run(SQL.lease, row.sequence, owner, untilMs);
      return { row, events: this.#history(row.authorization, row.number) };
    });
  }

  free(owner: string): number {
    return this.#statements.run(SQL.free, owner).changes;
  }

  /** @returns whether the owner still had it */
  settle(id: string, owner: string, values: SettleValues): boolean {
    return this.#statements.run(SQL.settle, id, owner, ...values).changes > 0;
  }

  list(query: DeliveryQuery): DeliveryListReply {
    const { account, merchants, endpoint, state, before, limit } = query;
    const { bound, page } = state === null ? LISTS.all : LISTS.byState;
    const scanned = this.#statements.one<{ readonly sequence: number }>(bound, account, state, before);
    const after = scanned?.sequence ?? 0;
    const values: readonly SqlValue[] = [account, state, before, after, endpoint, merchants, limit + 1];
    const found = this.#statements.all<DeliveryRow>(page, ...values);
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    if (found.length > limit && last !== undefined) return { rows, next: last.sequence };
    return { rows, next: after === 0 ? null : after + 1 };
  }

  replay(id: string, account: string, merchants: string | null, nowMs: number): DeliveryRow | null {
    const found = this.#statements.one<DeliveryRow>(SQL.find, id, account, merchants);
    if (found === null) return null;
    this.#statements.run(SQL.replay, found.sequence, nowMs);
    return this.#statements.one<DeliveryRow>(SQL.find, id, account, merchants);
  }

  counts(): readonly DeliveryCounts[] {
    return this.#statements.all<DeliveryCounts>(SQL.counts);
  }

  purge(beforeMs: number, limit: number): number {
    return this.#statements.run(SQL.purge, beforeMs, limit).changes;
  }
}
