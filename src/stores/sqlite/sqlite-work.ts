import type { FoundWork, HeldRow } from '../journal-rows.ts';
import type { WorkValues } from '../write-commands.ts';
import type { SqliteReads } from './sqlite-reads.ts';
import type { Statements } from './statements.ts';

const SQL = {
  findDue: `
    SELECT authorization AS sequence, step, failures, since_ms, owner FROM work INDEXED BY work_due
    WHERE due_at_ms IS NOT NULL AND due_at_ms <= ?1 AND (lease_until_ms IS NULL OR lease_until_ms <= ?1)
    ORDER BY due_at_ms, authorization LIMIT ?2`,
  lease: 'UPDATE work SET owner = ?2, lease_until_ms = ?3 WHERE authorization = ?1',
  free: 'UPDATE work SET owner = NULL, lease_until_ms = NULL WHERE owner IS NOT NULL AND owner <> ?',
  postpone: `
    UPDATE work SET due_at_ms = ?3, step = ?4, failures = ?5,
      owner = CASE ?8 WHEN 1 THEN owner ELSE ?6 END,
      lease_until_ms = CASE ?8 WHEN 1 THEN lease_until_ms ELSE ?7 END
    WHERE authorization = (SELECT sequence FROM authorizations WHERE id = ?1) AND owner = ?2`,
  isHeld: `
    SELECT 1 AS held FROM work
    WHERE authorization = (SELECT sequence FROM authorizations WHERE id = ?1)
      AND lease_until_ms > ?2 AND owner <> ?3`,
  hold: `
    UPDATE work SET owner = ?2, lease_until_ms = ?3
    WHERE authorization = (SELECT sequence FROM authorizations WHERE id = ?1)`,
  listHeld: `
    SELECT a.id, w.owner, w.lease_until_ms AS until_ms FROM work AS w JOIN authorizations AS a ON a.sequence = w.authorization
    WHERE w.lease_until_ms > ?1 ORDER BY w.lease_until_ms DESC, a.sequence LIMIT ?2`,
  takeOver: `
    UPDATE work SET owner = ?4, lease_until_ms = ?5
    WHERE authorization = (SELECT sequence FROM authorizations WHERE id = ?1) AND owner = ?2 AND lease_until_ms = ?3`,
  takeDuty: `
    INSERT INTO duties (name, owner, until_ms) VALUES (?1, ?3, ?4)
    ON CONFLICT (name) DO UPDATE SET owner = ?3, until_ms = ?4 WHERE owner = ?3 OR until_ms <= ?2`,
} as const;

/** The queue of what somebody must look at again. */
export class SqliteWork {
  readonly #statements: Statements;
  readonly #reads: SqliteReads;

  constructor(statements: Statements, reads: SqliteReads) {
    this.#statements = statements;
    this.#reads = reads;
  }

  take(nowMs: number, limit: number, owner: string, untilMs: number): readonly FoundWork[] {
    interface Row {
      readonly sequence: number;
      readonly step: number;
      readonly failures: number;
      readonly since_ms: number;
      readonly owner: string | null;
    }
    const due = this.#reads.readable<Row>(SQL.findDue, limit, nowMs);
    return due.map(({ row, found }) => {
      this.#statements.run(SQL.lease, row.sequence, owner, untilMs);
      const { step, failures, since_ms: sinceMs, owner: leftBy } = row;
      return { found, step, failures, sinceMs, leftBy };
    });
  }

  free(owner: string): number {
    return Number(this.#statements.run(SQL.free, owner).changes);
  }

  /** @returns whether the owner still had it */
  postpone(authorizationId: string, owner: string, plan: WorkValues): boolean {
    return this.#statements.run(SQL.postpone, authorizationId, owner, ...plan).changes > 0;
  }

  /** @returns false when it is under the lease of somebody else */
  hold(authorizationId: string, endedByMs: number, owner: string, untilMs: number): boolean {
    const held = this.#statements.one<unknown>(SQL.isHeld, authorizationId, endedByMs, owner);
    if (held !== null) return false;
    this.#statements.run(SQL.hold, authorizationId, owner, untilMs);
    return true;
  }

  listHeld(nowMs: number, limit: number): readonly HeldRow[] {
    return this.#statements.all<HeldRow>(SQL.listHeld, nowMs, limit);
  }

  /** @returns whether it was still under that lease */
  takeOver(
    authorizationId: string,
    from: string,
    fromUntilMs: number,
    owner: string,
    untilMs: number,
  ): boolean {
    return this.#statements.run(SQL.takeOver, authorizationId, from, fromUntilMs, owner, untilMs).changes > 0;
  }

  /** @returns whether it is the owner's until then */
  takeDuty(duty: string, nowMs: number, owner: string, untilMs: number): boolean {
    return this.#statements.run(SQL.takeDuty, duty, nowMs, owner, untilMs).changes > 0;
  }
}
