import { FAILURES_BEFORE_OVERTAKEN } from '../../core/outgoing-event.ts';
import type { DeliveryCounts, EventSubscription } from '../../gateway/ports.ts';
import type {
  DeliveryListReply,
  DeliveryQuery,
  DeliveryRow,
  FoundDelivery,
  SettleValues,
} from '../journal-rows.ts';
import { type NewDelivery, type TellingRow, toldDeliveries } from '../told-deliveries.ts';
import type { StoredEvent } from '../told-event.ts';
import type { Queries, TransactionalQueries } from './queries.ts';

/** Rows that a page looks at, at most, so that a filter that hardly matches is answered long before it times out. */
const SCAN_MAX = 20_000;
/** Events of the history that are passed over in one go, at most. */
const SPAN_MAX = 5_000;

const COLUMNS = `d.sequence, d.id, d.endpoint, d.account, a.id AS authorization_id, d."authorization", d.number, d.part,
  d.type, d.at_ms, d.state, d.due_at_ms, d.failures, d.last_result, d.last_sent_at_ms`;
const IS_MERCHANTS = 'a.merchant IN (SELECT json_array_elements_text($3::json))';

const SQL = {
  hasCursor: 'SELECT 1 AS found FROM event_cursors WHERE endpoint = $1 AND account = $2',
  begin: `
    INSERT INTO event_cursors (endpoint, account, through_event) VALUES ($1, $2, $3)
    ON CONFLICT (endpoint, account) DO NOTHING`,
  // Whoever else makes deliveries for the endpoint waits until these are made.
  cursor: 'SELECT through_event FROM event_cursors WHERE endpoint = $1 AND account = $2 FOR UPDATE',
  move: 'UPDATE event_cursors SET through_event = $3 WHERE endpoint = $1 AND account = $2',
  // Most events are a road's own and are told by its answer: they are passed over without being read, unless answers are
  // wanted too. Of the ends of roads those are looked at which nobody was told of, or which may end what a caller had
  // asked for meanwhile.
  tellingEvents: `
    SELECT e.sequence, e."authorization", e.number, e.at_ms, a.id, a.account
    FROM events AS e JOIN authorizations AS a ON a.sequence = e."authorization"
    WHERE e.sequence > $1 AND e.sequence <= $2 AND a.account = $3
      AND ($4::integer = 1 OR (
        e.kind NOT IN ('opened', 'prepared', 'failed_over', 'operation_begun', 'operation_sent', 'operation_sent_again',
          'operation_not_processed')
        AND (e.kind <> 'concluded' OR position('"journal_failed"' IN e.data) > 0
          OR EXISTS (SELECT 1 FROM operations AS o
            WHERE o."authorization" = e."authorization" AND o.purpose = 'requested'))))
    ORDER BY e.sequence LIMIT $5`,
  // Of several events at once: each by its place, with all that its authorization did up to it.
  histories: `
    SELECT wanted.place, e.at_ms, e.actor, e.kind, e.data,
      CASE WHEN e.answer_status IS NULL THEN 0 ELSE 1 END AS answers
    FROM unnest($1::bigint[], $2::integer[]) WITH ORDINALITY AS wanted (whose, number, place)
      JOIN events AS e ON e."authorization" = wanted.whose AND e.number <= wanted.number
    ORDER BY wanted.place, e.number`,
  insert: `
    INSERT INTO deliveries (id, endpoint, account, "authorization", number, part, type, at_ms, due_at_ms)
    SELECT n.id, $1, $2, n.whose, n.number, n.part, n.type, n.at_ms, $3::bigint
    FROM unnest($4::text[], $5::bigint[], $6::integer[], $7::integer[], $8::text[], $9::bigint[])
      WITH ORDINALITY AS n (id, whose, number, part, type, at_ms, place)
    ORDER BY n.place ON CONFLICT (id) DO NOTHING`,
  // What another process takes up at this moment is left to it.
  take: `
    WITH due AS (
      SELECT d.sequence FROM deliveries AS d
      WHERE d.state = 'waiting' AND d.endpoint = $1 AND d.account = $2 AND d.due_at_ms <= $3
        AND (d.lease_until_ms IS NULL OR d.lease_until_ms <= $3)
        AND NOT EXISTS (SELECT 1 FROM deliveries AS o
          WHERE o."authorization" = d."authorization" AND o.endpoint = d.endpoint AND o.sequence < d.sequence
            AND o.account = d.account AND o.state = 'waiting' AND o.failures < ${FAILURES_BEFORE_OVERTAKEN})
      ORDER BY d.due_at_ms, d.sequence LIMIT $4 FOR UPDATE OF d SKIP LOCKED),
    leased AS (
      UPDATE deliveries AS d SET owner = $5, lease_until_ms = $6 FROM due WHERE d.sequence = due.sequence
      RETURNING d.*)
    SELECT ${COLUMNS} FROM leased AS d JOIN authorizations AS a ON a.sequence = d."authorization"
    ORDER BY d.due_at_ms, d.sequence`,
  free: 'UPDATE deliveries SET owner = NULL, lease_until_ms = NULL WHERE owner IS NOT NULL AND owner <> $1',
  settle: `
    UPDATE deliveries SET owner = NULL, lease_until_ms = NULL, state = $3::text,
      due_at_ms = CASE $3::text WHEN 'waiting' THEN coalesce($4::bigint, due_at_ms) END,
      failures = failures + $5::integer, last_result = coalesce($6::text, last_result),
      last_sent_at_ms = coalesce($7::bigint, last_sent_at_ms)
    WHERE id = $1 AND owner = $2`,
  replay: `
    UPDATE deliveries AS d SET state = 'waiting', due_at_ms = $4, failures = 0
    FROM authorizations AS a
    WHERE a.sequence = d."authorization" AND d.id = $1 AND d.account = $2 AND ($3::text IS NULL OR ${IS_MERCHANTS})
    RETURNING ${COLUMNS}`,
  counts: `
    SELECT endpoint, count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead,
      min(at_ms) FILTER (WHERE state = 'waiting') AS "oldestWaitingAtMs"
    FROM deliveries WHERE state <> 'delivered' GROUP BY endpoint ORDER BY endpoint`,
  purge: `
    DELETE FROM deliveries WHERE sequence IN (SELECT sequence FROM deliveries
      WHERE state = 'delivered' AND last_sent_at_ms < $1 ORDER BY last_sent_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)`,
} as const;

/** One of two texts each. */
function listSql(name: string, state: string) {
  return {
    boundName: `delivery_bound_${name}`,
    bound: `SELECT d.sequence FROM deliveries AS d
      WHERE d.account = $1 AND ${state} AND d.sequence < $3 ORDER BY d.sequence DESC LIMIT 1 OFFSET ${SCAN_MAX}`,
    pageName: `delivery_page_${name}`,
    page: `SELECT ${COLUMNS} FROM deliveries AS d JOIN authorizations AS a ON a.sequence = d."authorization"
      WHERE d.account = $1 AND ${state} AND d.sequence < $3 AND d.sequence > $4
        AND ($5::text IS NULL OR d.endpoint = $5)
        AND ($6::text IS NULL OR a.merchant IN (SELECT json_array_elements_text($6::json)))
      ORDER BY d.sequence DESC LIMIT $7`,
  };
}
const LISTS = {
  all: listSql('all', '$2::text IS NULL'),
  byState: listSql('by_state', 'd.state = $2::text'),
} as const;

/** How far endpoints have been told, and what became of each event. */
export class PostgresDeliveries {
  readonly #queries: TransactionalQueries;
  readonly #settledThrough: () => Promise<number | null>;

  /**
   * @param settledThrough the last event up to which every one is committed or will never be: a lower one may be committed
   *   later than a higher, and must not be passed over; null: not known of any yet
   */
  constructor(queries: TransactionalQueries, settledThrough: () => Promise<number | null>) {
    this.#queries = queries;
    this.#settledThrough = settledThrough;
  }

  /**
   * Two that make for one endpoint at once take turns: nothing is made twice.
   * @returns by how many events of the history the cursor was moved
   */
  async make(subscription: EventSubscription, nowMs: number, limit: number): Promise<number> {
    const { endpoint, account } = subscription;
    // Outside of the transaction, which would wait for itself.
    const settled = await this.#settledThrough();
    if (settled === null) return 0;
    const known = await this.#queries.one('has_event_cursor', SQL.hasCursor, [endpoint, account]);
    if (known === null) {
      await this.#queries.run('begin_event_cursor', SQL.begin, [endpoint, account, settled]);
      return 0;
    }
    return this.#queries.transaction((queries) => makeUpTo(queries, subscription, settled, { nowMs, limit }));
  }

  async take(
    endpoint: string,
    account: string,
    nowMs: number,
    limit: number,
    owner: string,
    untilMs: number,
  ): Promise<readonly FoundDelivery[]> {
    const values = [endpoint, account, nowMs, limit, owner, untilMs];
    const rows = await this.#queries.all<DeliveryRow>('take_deliveries', SQL.take, values);
    const histories = await historiesOf(this.#queries, rows);
    return rows.map((row, index) => ({ row, events: histories[index] ?? [] }));
  }

  free(owner: string): Promise<number> {
    return this.#queries.run('free_deliveries', SQL.free, [owner]);
  }

  /** @returns whether the owner still had it */
  async settle(id: string, owner: string, values: SettleValues): Promise<boolean> {
    return (await this.#queries.run('settle_delivery', SQL.settle, [id, owner, ...values])) > 0;
  }

  async list(query: DeliveryQuery): Promise<DeliveryListReply> {
    const { account, merchants, endpoint, state, before, limit } = query;
    const { boundName, bound, pageName, page } = state === null ? LISTS.all : LISTS.byState;
    const scanned = await this.#queries.one<{ readonly sequence: number }>(boundName, bound, [
      account,
      state,
      before,
    ]);
    const after = scanned?.sequence ?? 0;
    const values = [account, state, before, after, endpoint, merchants, limit + 1];
    const found = await this.#queries.all<DeliveryRow>(pageName, page, values);
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    if (found.length > limit && last !== undefined) return { rows, next: last.sequence };
    return { rows, next: after === 0 ? null : after + 1 };
  }

  replay(id: string, account: string, merchants: string | null, nowMs: number): Promise<DeliveryRow | null> {
    const values = [id, account, merchants, nowMs];
    return this.#queries.one<DeliveryRow>('replay_delivery', SQL.replay, values);
  }

  counts(): Promise<readonly DeliveryCounts[]> {
    return this.#queries.all<DeliveryCounts>('count_deliveries', SQL.counts, []);
  }

  purge(beforeMs: number, limit: number): Promise<number> {
    return this.#queries.run('purge_deliveries', SQL.purge, [beforeMs, limit]);
  }
}

async function makeUpTo(
  queries: Queries,
  subscription: EventSubscription,
  settled: number,
  { nowMs, limit }: { readonly nowMs: number; readonly limit: number },
): Promise<number> {
  const { endpoint, account, includesAnswered } = subscription;
  const names = [endpoint, account];
  const cursor = await queries.one<{ readonly through_event: number }>('event_cursor', SQL.cursor, names);
  const from = cursor?.through_event ?? settled;
  const end = Math.min(settled, from + SPAN_MAX);
  if (end <= from) return 0;
  const wanted = includesAnswered ? 1 : 0;
  const values = [from, end, account, wanted, limit];
  const rows = await queries.all<TellingRow>('telling_events', SQL.tellingEvents, values);
  const histories = await historiesOf(queries, rows);
  const told = rows.flatMap((row, index) => toldDeliveries(subscription, row, histories[index] ?? []));
  await insert(queries, names, told, nowMs);
  const last = rows.at(-1);
  const through = rows.length === limit && last !== undefined ? last.sequence : end;
  await queries.run('move_event_cursor', SQL.move, [...names, through]);
  return through - from;
}

async function insert(
  queries: Queries,
  names: readonly string[],
  deliveries: readonly NewDelivery[],
  nowMs: number,
): Promise<void> {
  if (deliveries.length === 0) return;
  await queries.run('insert_deliveries', SQL.insert, [
    ...names,
    nowMs,
    deliveries.map(([id]) => id),
    deliveries.map(([, , , authorization]) => authorization),
    deliveries.map(([, , , , number]) => number),
    deliveries.map(([, , , , , part]) => part),
    deliveries.map(([, , , , , , type]) => type),
    deliveries.map(([, , , , , , , atMs]) => atMs),
  ]);
}

/** The history of each, up to the event that it is about. */
async function historiesOf(
  queries: Queries,
  rows: readonly { readonly authorization: number; readonly number: number }[],
): Promise<readonly StoredEvent[][]> {
  if (rows.length === 0) return [];
  const found = await queries.all<StoredEvent & { readonly place: number }>('histories', SQL.histories, [
    rows.map(({ authorization }) => authorization),
    rows.map(({ number }) => number),
  ]);
  const histories: StoredEvent[][] = rows.map(() => []);
  for (const { place, ...event } of found) histories[place - 1]?.push(event);
  return histories;
}
