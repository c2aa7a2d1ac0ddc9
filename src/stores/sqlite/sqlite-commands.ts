import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Lapsed } from '../../gateway/ports.ts';
import type { AttemptRow, AuthorizationRow } from '../stored-authorization.ts';
import { LAPSED_OUTCOME } from '../stored-outcome.ts';
import { LIST_BOUND, type ListQuery, listSql, listValues, needsBound } from './sqlite-listing.ts';

export type SqlValue = string | number | null;
export type SqlValues = readonly SqlValue[];

/** Rows of an authorization and its attempts. */
export interface FoundAuthorization {
  readonly row: AuthorizationRow;
  readonly attempts: readonly AttemptRow[];
}

/** What a lapse did, and what it leaves to be concluded. */
export interface FoundLapsed {
  readonly lapsed: Lapsed['lapsed'];
  readonly unconcluded: readonly FoundAuthorization[];
}

export interface RulesetRow {
  readonly number: number;
  readonly content_hash: string;
  /** JSON: content by file name. */
  readonly files: string;
}

export interface ClaimRow {
  readonly authorization_id: string;
  readonly body_fingerprint: string;
  readonly open: number;
  readonly answer_status: number | null;
  readonly answer_body: string | null;
}

export interface EventRow {
  readonly number: number;
  readonly at_ms: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: string;
}

export interface OverrideRow {
  readonly provider: string;
  readonly brand: string | null;
  readonly merchant: string | null;
  readonly mode: 'force_open' | 'force_closed' | 'drain' | 'auto';
  readonly reason: string;
  readonly author: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
}

/** Where a step writes: authorization, attempt, and the authorization's version before it. */
type Step = readonly [sequence: number, attemptNumber: number, version: number];

export type OpenReply = null | { readonly claim: ClaimRow } | { readonly paymentLive: string };

export interface ListReply {
  readonly found: readonly FoundAuthorization[];
  /** Sequence number from which the listing goes on; null at its end. */
  readonly next: number | null;
}

const SQL = {
  // Writes nothing when the claim exists or the payment is held: the reasons are looked up afterwards.
  insertAuthorization: `
    INSERT INTO authorizations (id, account, merchant, reference, live, amount, currency, trace_id,
      created_at_ms)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
    WHERE NOT EXISTS (SELECT 1 FROM claims
      WHERE account = ?10 AND merchant = ?11 AND operation = ?12 AND key = ?13)
    ON CONFLICT (reference, merchant) WHERE holds_payment = 1 DO NOTHING`,
  insertClaim: `
    INSERT INTO claims (authorization, account, merchant, operation, key, body_fingerprint)
    VALUES (?, ?, ?, ?, ?, ?)`,
  insertAttempt: `
    INSERT INTO attempts (authorization, number, id, provider, provider_key, fingerprint, propensity,
      started_at_ms, deadline_at_ms, owner, lease_until_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  insertEvent: `
    INSERT INTO events (authorization, number, at_ms, actor, kind, data, answer_status, answer_body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  // Everything that a step needs to hold. What follows it in the same transaction needs no condition.
  findStep: `
    SELECT a.sequence, t.number, a.version FROM authorizations AS a
      JOIN attempts AS t ON t.authorization = a.sequence
    WHERE a.id = ? AND a.version = ? AND a.open = 1 AND t.id = ? AND t.outcome_kind IS NULL`,
  // The owner came late: only the declaration of the lapse lies between the version it knew and the one there
  // is.
  findLapsedStep: `
    SELECT a.sequence, t.number, a.version FROM authorizations AS a
      JOIN attempts AS t ON t.authorization = a.sequence
    WHERE a.id = ? AND a.version = ? + 1 AND a.open = 0 AND a.status = 'pending' AND t.id = ?
      AND t.lapsed = 1`,
  findSettledStep: `
    SELECT a.sequence, 0, a.version FROM authorizations AS a WHERE a.id = ? AND a.version = ? AND a.open = 1
      AND NOT EXISTS (SELECT 1 FROM attempts WHERE authorization = a.sequence AND outcome_kind IS NULL)`,
  settleAttempt: `
    UPDATE attempts SET outcome_kind = ?3, outcome = ?4, negative = ?5, provider_reference = ?6,
      duration_ms = ?7, lapsed = 0
    WHERE authorization = ?1 AND number = ?2`,
  raiseVersion: 'UPDATE authorizations SET version = ?2 WHERE sequence = ?1',
  // A column that an UPDATE names makes SQLite rewrite its indexes: the payment's is left alone while it is
  // held.
  concludeHolding: `
    UPDATE authorizations SET open = 0, version = ?2, status = ?3, unsettled = ?4, authorized_amount = ?5,
      provider = ?6, provider_reference = ?7, network_transaction = ?8, decline = ?9
    WHERE sequence = ?1`,
  concludeReleasing: `
    UPDATE authorizations SET open = 0, version = ?2, status = ?3, unsettled = ?4, authorized_amount = ?5,
      provider = ?6, provider_reference = ?7, network_transaction = ?8, decline = ?9, holds_payment = 0
    WHERE sequence = ?1`,
  findClaim: `
    SELECT a.id AS authorization_id, c.body_fingerprint, a.open, e.answer_status, e.answer_body
    FROM claims AS c JOIN authorizations AS a ON a.sequence = c.authorization
      LEFT JOIN events AS e ON e.authorization = a.sequence AND e.answer_status IS NOT NULL
    WHERE c.account = ? AND c.merchant = ? AND c.operation = ? AND c.key = ?
    ORDER BY e.number LIMIT 1`,
  findHolder: `
    SELECT id FROM authorizations WHERE reference = ? AND merchant = ? AND holds_payment = 1`,
  findAuthorization: `
    SELECT a.*, e.data AS opened FROM authorizations AS a
      JOIN events AS e ON e.authorization = a.sequence AND e.number = 1 WHERE a.id = ?`,
  findAttempts: `
    SELECT id, number, provider, outcome, propensity, duration_ms, started_at_ms FROM attempts
    WHERE authorization = ? ORDER BY number`,
  history: `
    SELECT e.number, e.at_ms, e.actor, e.kind, e.data FROM events AS e
      JOIN authorizations AS a ON a.sequence = e.authorization WHERE a.id = ? ORDER BY e.number`,
  findLapsing: `
    SELECT a.sequence, a.id AS authorization_id, a.version, t.number, t.id, t.provider
    FROM authorizations AS a INDEXED BY authorizations_unsettled
      CROSS JOIN attempts AS t ON t.authorization = a.sequence
    WHERE a.unsettled = 1 AND a.open = 1 AND t.outcome_kind IS NULL AND t.lease_until_ms <= ? LIMIT ?`,
  lapseAttempt: `
    UPDATE attempts SET outcome_kind = 'unknown', outcome = ?1, lapsed = 1
    WHERE authorization = ?2 AND number = ?3 AND outcome_kind IS NULL`,
  lapseAuthorization: `
    UPDATE authorizations SET open = 0, version = version + 1, provider = ?1 WHERE sequence = ?2`,
  findUnconcluded: `
    SELECT a.*, e.data AS opened FROM authorizations AS a
      JOIN events AS e ON e.authorization = a.sequence AND e.number = 1
    WHERE a.unsettled = 1 AND a.open = 1 AND NOT EXISTS (SELECT 1 FROM attempts AS t
      WHERE t.authorization = a.sequence AND (t.outcome_kind IS NULL OR t.lease_until_ms > ?)) LIMIT ?`,
  countUnsettled: `
    SELECT count(*) AS count FROM authorizations INDEXED BY authorizations_unsettled
    WHERE unsettled = 1 AND open = 0`,
  newestRuleset: 'SELECT number, content_hash, files FROM rulesets ORDER BY number DESC LIMIT 1',
  insertRuleset: `
    INSERT INTO rulesets (content_hash, files, registered_at_ms) VALUES (?, ?, ?) RETURNING number`,
  insertOverride: `
    INSERT INTO overrides (provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  // SQLite takes the other columns from the row that has the maximum.
  newestOverrides: `
    SELECT max(sequence), provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms
    FROM overrides GROUP BY provider, brand, merchant ORDER BY provider, brand, merchant`,
  hasOpenMoney: `
    SELECT EXISTS (SELECT 1 FROM authorizations
        WHERE provider = ?1 AND holds_payment = 1 AND status <> 'refunded')
      OR EXISTS (SELECT 1 FROM authorizations AS a INDEXED BY authorizations_unsettled
          CROSS JOIN attempts AS t ON t.authorization = a.sequence
        WHERE a.unsettled = 1 AND t.provider = ?1
          AND t.negative = 0 AND t.outcome_kind IS NOT 'authentication_required') AS found`,
  ping: 'UPDATE pings SET count = count + 1 WHERE id = 1',
} as const;

/**
 * The journal's commands on an open database, one method each, synchronous, without transactions of their
 * own: whoever calls brackets them. A method that refuses has written nothing; one that throws may have.
 */
export class SqliteCommands {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * @param authorization id, account, merchant, reference, live, amount, currency, trace id, created at
   * @param claim account, merchant, operation, key
   * @param attempt as in {@link SqliteCommands.failOver}
   * @param openedData JSON of the first event
   */
  open(
    authorization: SqlValues,
    claim: SqlValues,
    bodyFingerprint: string,
    attempt: SqlValues,
    openedData: string,
  ): OpenReply {
    const inserted = this.#prepare(SQL.insertAuthorization).run(...authorization, ...claim);
    if (inserted.changes === 0) return this.#whyNotOpened(authorization, claim);
    const sequence = inserted.lastInsertRowid;
    this.#prepare(SQL.insertClaim).run(sequence, ...claim, bodyFingerprint);
    this.#prepare(SQL.insertAttempt).run(sequence, ...attempt);
    const createdAtMs = authorization[8] as number;
    this.#prepare(SQL.insertEvent).run(sequence, 1, createdAtMs, 'gateway', 'opened', openedData, null, null);
    return null;
  }

  #whyNotOpened(authorization: SqlValues, claim: SqlValues): OpenReply {
    const found = this.#prepare(SQL.findClaim).get(...claim);
    if (found !== undefined) return { claim: found as unknown as ClaimRow };
    const [, , merchant, reference] = authorization;
    const holder = this.#prepare(SQL.findHolder).get(reference ?? null, merchant ?? null);
    return { paymentLive: holder?.['id'] as string };
  }

  /**
   * @param outcome kind, JSON, negative, provider reference, duration
   * @param step authorization id, expected version, attempt id
   * @param attempt number, id, provider, provider key, fingerprint, propensity, started at, deadline at,
   * owner, lease until
   * @returns the new version, or null when the authorization is no longer as expected
   */
  failOver(
    outcome: SqlValues,
    step: readonly [id: string, version: number, attemptId: string],
    attempt: SqlValues,
    atMs: number,
    data: string,
  ): number | null {
    const [id, version, attemptId] = step;
    const [, , negative] = outcome;
    const [number] = attempt;
    if (negative !== 1) return null;
    const found = this.#find(SQL.findStep, id, version, attemptId);
    if (found === null || found[1] + 1 !== number) return null;
    const [sequence, earlier] = found;
    this.#prepare(SQL.settleAttempt).run(sequence, earlier, ...outcome);
    this.#prepare(SQL.raiseVersion).run(sequence, version + 1);
    this.#prepare(SQL.insertAttempt).run(sequence, ...attempt);
    const event = [version + 1, atMs, 'gateway', 'failed_over', data, null, null];
    this.#prepare(SQL.insertEvent).run(sequence, ...event);
    return version + 1;
  }

  /**
   * @param outcome as in {@link SqliteCommands.failOver}; null when all outcomes are recorded
   * @param state status, unsettled, authorized amount, provider, provider reference, network transaction,
   * decline
   * @param event at, actor, kind, data, answer status, answer body
   * @returns the new version, or null when the authorization is no longer as expected
   */
  conclude(
    outcome: SqlValues | null,
    step: readonly [id: string, version: number, attemptId: string | null],
    holdsPayment: boolean,
    state: SqlValues,
    event: SqlValues,
  ): number | null {
    const [id, version] = step;
    const found =
      outcome === null
        ? this.#find(SQL.findSettledStep, id, version)
        : (this.#find(SQL.findStep, ...step) ?? this.#find(SQL.findLapsedStep, ...step));
    if (found === null) return null;
    const [sequence, number, versionBefore] = found;
    if (outcome !== null) this.#prepare(SQL.settleAttempt).run(sequence, number, ...outcome);
    const newVersion = versionBefore + 1;
    const update = holdsPayment ? SQL.concludeHolding : SQL.concludeReleasing;
    this.#prepare(update).run(sequence, newVersion, ...state);
    this.#prepare(SQL.insertEvent).run(sequence, newVersion, ...event);
    return newVersion;
  }

  #find(sql: string, ...values: SqlValues): Step | null {
    return (this.#prepare(sql, true).get(...values) as unknown as Step | undefined) ?? null;
  }

  findClaim(scope: SqlValues): ClaimRow | null {
    return (this.#prepare(SQL.findClaim).get(...scope) as unknown as ClaimRow | undefined) ?? null;
  }

  findAuthorization(id: string): FoundAuthorization | null {
    const row = this.#prepare(SQL.findAuthorization).get(id);
    return row === undefined ? null : this.#withAttempts(row as unknown as AuthorizationRow);
  }

  #withAttempts(row: AuthorizationRow): FoundAuthorization {
    const attempts = this.#prepare(SQL.findAttempts).all(row.sequence);
    return { row, attempts: attempts as unknown as AttemptRow[] };
  }

  listAuthorizations(query: ListQuery): ListReply {
    const bound = needsBound(query)
      ? this.#prepare(LIST_BOUND).get(query.account, query.before)?.['sequence']
      : undefined;
    const after = typeof bound === 'number' ? bound : 0;
    const scanned = this.#prepare(listSql(query)).all(...listValues(query, after));
    const rows = scanned as unknown as AuthorizationRow[];
    const page = rows.slice(0, query.limit);
    const found = page.map((row) => this.#withAttempts(row));
    const last = page.at(-1);
    if (rows.length > query.limit && last !== undefined) return { found, next: last.sequence };
    return { found, next: after === 0 ? null : after + 1 };
  }

  history(authorizationId: string): readonly EventRow[] {
    return this.#prepare(SQL.history).all(authorizationId) as unknown as EventRow[];
  }

  lapse(nowMs: number, limit: number): FoundLapsed {
    const json = JSON.stringify(LAPSED_OUTCOME);
    const lapsed: { authorizationId: string; provider: string }[] = [];
    for (const row of this.#prepare(SQL.findLapsing).all(nowMs, limit)) {
      const sequence = row['sequence'] as number;
      const provider = row['provider'] as string;
      this.#prepare(SQL.lapseAttempt).run(json, sequence, row['number'] as number);
      this.#prepare(SQL.lapseAuthorization).run(provider, sequence);
      const data = JSON.stringify({
        attempt: row['id'],
        provider,
        outcome: LAPSED_OUTCOME,
        status: 'pending',
      });
      const version = (row['version'] as number) + 1;
      this.#prepare(SQL.insertEvent).run(sequence, version, nowMs, 'recovery', 'lapsed', data, null, null);
      lapsed.push({ authorizationId: row['authorization_id'] as string, provider });
    }
    const open = this.#prepare(SQL.findUnconcluded).all(nowMs, limit) as unknown as AuthorizationRow[];
    return { lapsed, unconcluded: open.map((row) => this.#withAttempts(row)) };
  }

  newestRuleset(): RulesetRow | null {
    return (this.#prepare(SQL.newestRuleset).get() as unknown as RulesetRow | undefined) ?? null;
  }

  registerRuleset(contentHash: string, files: string, atMs: number): number {
    const newest = this.newestRuleset();
    if (newest?.content_hash === contentHash) return newest.number;
    return this.#prepare(SQL.insertRuleset).get(contentHash, files, atMs)?.['number'] as number;
  }

  saveOverride(override: SqlValues): void {
    this.#prepare(SQL.insertOverride).run(...override);
  }

  listOverrides(): readonly OverrideRow[] {
    return this.#prepare(SQL.newestOverrides).all() as unknown as OverrideRow[];
  }

  hasOpenMoney(provider: string): boolean {
    return this.#prepare(SQL.hasOpenMoney).get(provider)?.['found'] === 1;
  }

  countUnsettled(): number {
    return this.#prepare(SQL.countUnsettled).get()?.['count'] as number;
  }

  ping(): void {
    this.#prepare(SQL.ping).run();
  }

  /** @param arrays whether rows come as arrays, which is cheaper; always the same for one text */
  #prepare(sql: string, arrays = false): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.setReturnArrays(arrays);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
