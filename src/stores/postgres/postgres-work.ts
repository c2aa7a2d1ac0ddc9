import type { JournalCommands } from '../journal-commands.ts';
import type { FoundWork, HeldRow } from '../journal-rows.ts';
import type { WorkValues } from '../write-commands.ts';
import { PostgresReads } from './postgres-reads.ts';
import type { Queries, TransactionalQueries } from './queries.ts';

/** Rows that cannot be read, of which a look at the queue passes by no more. */
const UNREADABLE_MAX = 1_000;

const WHOSE = '(SELECT sequence FROM authorizations WHERE id = $1)';

const SQL = {
  // What another process takes up at this moment is left to it.
  lockDue: `
    SELECT "authorization" AS sequence, due_at_ms FROM work
    WHERE due_at_ms IS NOT NULL AND due_at_ms <= $1 AND (lease_until_ms IS NULL OR lease_until_ms <= $1)
      AND (due_at_ms, "authorization") > ($2::bigint, $3::bigint)
    ORDER BY due_at_ms, "authorization" LIMIT $4 FOR UPDATE SKIP LOCKED`,
  locked: `
    SELECT "authorization" AS sequence, step, failures, since_ms, owner FROM work WHERE "authorization" = ANY ($1::bigint[])
    ORDER BY due_at_ms, "authorization" LIMIT $2`,
  lease: 'UPDATE work SET owner = $2, lease_until_ms = $3 WHERE "authorization" = ANY ($1::bigint[])',
  free: 'UPDATE work SET owner = NULL, lease_until_ms = NULL WHERE owner IS NOT NULL AND owner <> $1',
  postpone: `
    UPDATE work SET due_at_ms = $3::bigint, step = $4::integer, failures = $5::integer,
      owner = CASE WHEN $8::integer = 1 THEN owner ELSE $6::text END,
      lease_until_ms = CASE WHEN $8::integer = 1 THEN lease_until_ms ELSE $7::bigint END
    WHERE "authorization" = ${WHOSE} AND owner = $2`,
  hold: `
    UPDATE work SET owner = $2, lease_until_ms = $3
    WHERE "authorization" = ${WHOSE} AND (owner IS NULL OR owner = $2 OR lease_until_ms <= $4)`,
  isThere: `SELECT 1 AS there FROM work WHERE "authorization" = ${WHOSE}`,
  listHeld: `
    SELECT a.id, w.owner, w.lease_until_ms AS until_ms
    FROM work AS w JOIN authorizations AS a ON a.sequence = w."authorization"
    WHERE w.lease_until_ms > $1 ORDER BY w.lease_until_ms DESC, a.sequence LIMIT $2`,
  takeOver: `
    UPDATE work SET owner = $4, lease_until_ms = $5
    WHERE "authorization" = ${WHOSE} AND owner = $2 AND lease_until_ms = $3`,
  takeDuty: `
    INSERT INTO duties AS d (name, owner, until_ms) VALUES ($1, $3, $4)
    ON CONFLICT (name) DO UPDATE SET owner = $3, until_ms = $4 WHERE d.owner = $3 OR d.until_ms <= $2`,
} as const;

interface DueRow {
  readonly sequence: number;
  readonly due_at_ms: number;
}

interface LockedRow {
  readonly sequence: number;
  readonly step: number;
  readonly failures: number;
  readonly since_ms: number;
  readonly owner: string | null;
}

/** The queue of what somebody must look at again. */
export class PostgresWork {
  readonly #queries: TransactionalQueries;

  constructor(queries: TransactionalQueries) {
    this.#queries = queries;
  }

  /** Two that take at once take different work. */
  take(nowMs: number, limit: number, owner: string, untilMs: number): Promise<readonly FoundWork[]> {
    return this.#queries.transaction(async (queries) => {
      const taken = await lockReadable(queries, nowMs, limit);
      const sequences = taken.map(({ row }) => row.sequence);
      if (sequences.length > 0) await queries.run('lease_work', SQL.lease, [sequences, owner, untilMs]);
      return taken.map(({ row, found }) => ({
        found,
        step: row.step,
        failures: row.failures,
        sinceMs: row.since_ms,
        leftBy: row.owner,
      }));
    });
  }

  free(owner: string): Promise<number> {
    return this.#queries.run('free_work', SQL.free, [owner]);
  }

  /** @returns whether the owner still had it */
  async postpone(authorizationId: string, owner: string, plan: WorkValues): Promise<boolean> {
    const values = [authorizationId, owner, ...plan];
    return (await this.#queries.run('postpone_work', SQL.postpone, values)) > 0;
  }

  listHeld(nowMs: number, limit: number): Promise<readonly HeldRow[]> {
    return this.#queries.all<HeldRow>('list_held_work', SQL.listHeld, [nowMs, limit]);
  }

  /** @returns whether it was still under that lease */
  async takeOver(...values: Parameters<JournalCommands['takeOverWork']>): Promise<boolean> {
    return (await this.#queries.run('take_over_work', SQL.takeOver, values)) > 0;
  }

  /** @returns whether it is the owner's until then */
  async takeDuty(duty: string, nowMs: number, owner: string, untilMs: number): Promise<boolean> {
    return (await this.#queries.run('take_duty', SQL.takeDuty, [duty, nowMs, owner, untilMs])) > 0;
  }

  /** @returns false when it is under the lease of somebody else */
  async hold(authorizationId: string, endedByMs: number, owner: string, untilMs: number): Promise<boolean> {
    const values = [authorizationId, owner, untilMs, endedByMs];
    if ((await this.#queries.run('hold_work', SQL.hold, values)) > 0) return true;
    // Nobody holds what is not there.
    return (await this.#queries.one('is_work', SQL.isThere, [authorizationId])) === null;
  }
}

/** The rows are locked by the transaction; what cannot be read is left where it is, and what is behind it gets its turn. */
async function lockReadable(queries: Queries, nowMs: number, limit: number) {
  const reads = new PostgresReads(queries);
  const taken: Awaited<ReturnType<typeof reads.readable<LockedRow>>>[number][] = [];
  let after: DueRow = { due_at_ms: -1, sequence: 0 };
  for (let passed = 0; taken.length < limit && passed <= UNREADABLE_MAX; ) {
    const wanted = limit - taken.length;
    const values = [nowMs, after.due_at_ms, after.sequence, wanted];
    const due = await queries.all<DueRow>('lock_due_work', SQL.lockDue, values);
    const last = due.at(-1);
    if (last === undefined) break;
    after = last;
    const sequences = due.map(({ sequence }) => sequence);
    const found = await reads.readable<LockedRow>('locked_work', SQL.locked, wanted, [sequences]);
    taken.push(...found);
    passed += due.length - found.length;
    if (due.length < wanted) break;
  }
  return taken;
}
