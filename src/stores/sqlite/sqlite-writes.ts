import { eventHash } from '../event-hash.ts';
import type { AdvanceReply, ClaimRow, OpenReply } from '../journal-rows.ts';
import type { AdvanceCommand, EventValues, OpenCommand, WorkValues } from '../write-commands.ts';
import { recordExposures } from './record-exposures.ts';
import { schemeStop } from './scheme-ceilings.ts';
import { FIND_CLAIM, isReferenceElsewhere } from './sqlite-reads.ts';
import type { Statements } from './statements.ts';

const INSERT_AUTHORIZATION = `
  INSERT INTO authorizations (id, last_hash, merchant, reference, created_at_ms, holds_payment, status, unsettled, open,
    answered, account, live, amount, currency, provider, decline, lease_until_ms, trace_id)`;

const SQL = {
  hasClaim: 'SELECT 1 FROM claims WHERE account = ? AND merchant = ? AND operation = ? AND key = ?',
  // Each writes nothing when the payment is held: by whom is looked up afterwards. What holds it is most of them, and is
  // inserted from values, since for a SELECT SQLite makes a temporary table.
  insertHolding: `${INSERT_AUTHORIZATION} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (reference, merchant) WHERE holds_payment = 1 DO NOTHING`,
  insertReleased: `${INSERT_AUTHORIZATION}
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18 WHERE NOT EXISTS
      (SELECT 1 FROM authorizations WHERE reference = ?4 AND merchant = ?3 AND holds_payment = 1)`,
  insertClaim: `
    INSERT INTO claims (authorization, account, merchant, operation, key, body_fingerprint, operation_number)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  insertAttempt: `
    INSERT INTO attempts (authorization, number, id, provider, provider_key, fingerprint, propensity,
      started_at_ms, deadline_at_ms, owner, card_key, scheme_counts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  insertEvent: `
    INSERT INTO events (authorization, number, hash, at_ms, actor, kind, data, answer_status, answer_body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  // Everything that a change needs to hold. What follows it in the same transaction needs no condition.
  findVersion: 'SELECT sequence, last_hash FROM authorizations WHERE id = ? AND version = ?',
  prepareAttempt: 'UPDATE attempts SET prepared_reference = ?3 WHERE authorization = ?1 AND number = ?2',
  settleAttempt: `
    UPDATE attempts SET outcome_kind = ?3, outcome = ?4, negative = ?5, provider_reference = ?6, duration_ms = ?7,
      outcome_at_ms = ?8
    WHERE authorization = ?1 AND number = ?2`,
  settleCountedAttempt: `
    UPDATE attempts SET outcome_kind = ?3, outcome = ?4, negative = ?5, provider_reference = ?6, duration_ms = ?7,
      scheme_counts = ?8 AND card_key IS NOT NULL, blocked_until_ms = ?9, block_reason = ?10, outcome_at_ms = ?11
    WHERE authorization = ?1 AND number = ?2`,
  undoAttempt: 'UPDATE attempts SET negative = 1 WHERE authorization = ?1 AND number = ?2',
  settleOperation: `
    UPDATE operations SET status = ?3, code = ?4, provider_reference = ?5, settled_at_ms = ?6, answer_status = ?7,
      answer_body = ?8
    WHERE authorization = ?1 AND number = ?2`,
  insertOperation: `
    INSERT INTO operations (authorization, number, status, code, provider_reference, settled_at_ms, answer_status,
      answer_body, id, kind, purpose, attempt_number, target, amount, final, provider_key, created_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  findHolder: `
    SELECT iif(account = ?3, id, NULL) AS id FROM authorizations
    WHERE reference = ?1 AND merchant = ?2 AND holds_payment = 1`,
  endWork: 'DELETE FROM work WHERE authorization = ?',
  planWork: `
    INSERT INTO work (authorization, since_ms, due_at_ms, step, failures, owner, lease_until_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (authorization) DO UPDATE SET due_at_ms = ?3, step = ?4, failures = ?5,
      owner = CASE ?8 WHEN 1 THEN owner ELSE ?6 END,
      lease_until_ms = CASE ?8 WHEN 1 THEN lease_until_ms ELSE ?7 END`,
} as const;

/**
 * The two writes of an authorization's way. Without transactions of their own: whoever calls brackets them. One that
 * refuses has written nothing; one that throws may have.
 */
export class SqliteWrites {
  readonly #statements: Statements;
  /** Texts of updates by the columns that they name: few, and found again. */
  readonly #updates = new Map<string, string>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  open(command: OpenCommand): OpenReply {
    const { id, claim, merchant, reference, attempt, scheme, event } = command;
    const stop = scheme === null ? null : schemeStop(this.#statements, scheme, 0);
    if (stop !== null) return this.#whyNotOpened(command) ?? { stop };
    if (this.#statements.prepare(SQL.hasClaim, true).get(...claim) !== undefined)
      return this.#whyNotOpened(command);
    const hash = hashOf(null, id, 1, event);
    const insert = command.holdsPayment ? SQL.insertHolding : SQL.insertReleased;
    const { changes, lastInsertRowid: sequence } = this.#statements
      .prepare(insert)
      .run(id, hash, merchant, reference, event[0], command.holdsPayment ? 1 : 0, ...command.state);
    if (changes === 0) return this.#whyNotOpened(command);
    this.#statements.prepare(SQL.insertClaim).run(sequence, ...claim, command.bodyFingerprint, 0);
    if (attempt !== null) this.#statements.prepare(SQL.insertAttempt).run(sequence, ...attempt);
    recordExposures(this.#statements, 'authorization', Number(sequence), command.exposures, event[0]);
    this.#statements.prepare(SQL.insertEvent).run(sequence, 1, hash, ...event);
    return null;
  }

  #whyNotOpened({ claim, reference, merchant }: OpenCommand): OpenReply {
    const found = this.#statements.one<ClaimRow>(FIND_CLAIM, ...claim);
    if (found !== null) return { claim: found };
    const holder = this.#statements.one<{ readonly id: string | null }>(
      SQL.findHolder,
      reference,
      merchant,
      claim[0] ?? null,
    );
    return holder === null ? null : { paymentLive: holder.id };
  }

  advance(command: AdvanceCommand): AdvanceReply {
    const { id, version, claim, scheme, exclusive, event } = command;
    if (claim !== null) {
      const found = this.#statements.one<ClaimRow>(FIND_CLAIM, ...claim.scope);
      if (found !== null) return { claim: found };
    }
    const found = this.#statements.prepare(SQL.findVersion, true).get(id, version) as unknown as
      | readonly [sequence: number, lastHash: string | null]
      | undefined;
    if (found === undefined) return null;
    const [sequence, lastHash] = found;
    const stop = scheme === null ? null : schemeStop(this.#statements, scheme, sequence);
    if (stop !== null) return { stop };
    if (exclusive !== null && isReferenceElsewhere(this.#statements, ...exclusive)) return { taken: true };

    this.#writeParts(sequence, command);
    const hash = hashOf(lastHash, id, version + 1, event);
    this.#statements.prepare(SQL.insertEvent).run(sequence, version + 1, hash, ...event);
    const update = this.#updateOf(command.columns);
    this.#statements.prepare(update).run(sequence, version + 1, hash, ...command.values);
    if (claim !== null) {
      const { scope, bodyFingerprint, operationNumber } = claim;
      this.#statements.prepare(SQL.insertClaim).run(sequence, ...scope, bodyFingerprint, operationNumber);
    }
    if (command.work !== 'unchanged') this.#plan(sequence, event[0], command.work);
    return version + 1;
  }

  /** Outcomes before operations before the attempt that follows: the order in which each permits the next. */
  #writeParts(sequence: number, command: AdvanceCommand): void {
    const { prepared, outcomes, operated, begun, undone, attempt } = command;
    for (const each of prepared) this.#statements.prepare(SQL.prepareAttempt).run(sequence, ...each);
    for (const outcome of outcomes) {
      const sql = outcome.length > 6 ? SQL.settleCountedAttempt : SQL.settleAttempt;
      this.#statements.prepare(sql).run(sequence, ...outcome, command.event[0]);
    }
    for (const operation of operated)
      this.#statements.prepare(SQL.settleOperation).run(sequence, ...operation);
    for (const operation of begun) this.#statements.prepare(SQL.insertOperation).run(sequence, ...operation);
    for (const number of undone) this.#statements.prepare(SQL.undoAttempt).run(sequence, number);
    if (attempt !== null) this.#statements.prepare(SQL.insertAttempt).run(sequence, ...attempt);
  }

  /** A column that an UPDATE names makes SQLite rewrite its indexes: only those that change are named. */
  #updateOf(columns: readonly string[]): string {
    const key = columns.join();
    let sql = this.#updates.get(key);
    if (sql === undefined) {
      const named = columns.map((column, index) => `, ${column} = ?${index + 4}`).join('');
      sql = `UPDATE authorizations SET version = ?2, last_hash = ?3${named} WHERE sequence = ?1`;
      this.#updates.set(key, sql);
    }
    return sql;
  }

  #plan(sequence: number, atMs: number, work: WorkValues | null): void {
    if (work === null) this.#statements.prepare(SQL.endWork).run(sequence);
    else this.#statements.prepare(SQL.planWork).run(sequence, atMs, ...work);
  }
}

function hashOf(previous: string | null, id: string, number: number, event: EventValues): string {
  const [atMs, actor, kind, data, answerStatus, answerBody] = event;
  return eventHash(previous, id, { number, atMs, actor, kind, data, answerStatus, answerBody });
}
