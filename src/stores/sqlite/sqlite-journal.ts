import { type Authorization, type AuthorizationStatus, HOLDS_PAYMENT } from '../../core/authorization.ts';
import { invariant } from '../../core/invariant.ts';
import type {
  AuthorizationFilter,
  AuthorizationPage,
  ClaimRecord,
  ClaimScope,
  Conclusion,
  FailOverStep,
  HistoryEvent,
  Intent,
  Journal,
  Lapsed,
  Opening,
  OpeningResult,
  OutcomeRecord,
  ProviderOverride,
  RegisteredRuleset,
  StepResult,
} from '../../gateway/ports.ts';
import { cursorOf, sequenceOf } from '../list-cursor.ts';
import { authorizationFrom, type OpenedData } from '../stored-authorization.ts';
import { storedOutcome } from '../stored-outcome.ts';
import type { CommandRunner } from './command-runner.ts';
import type { ClaimRow, FoundAuthorization, SqlValues } from './sqlite-commands.ts';
import type { ListQuery } from './sqlite-listing.ts';

/** The journal over SQLite: turns what the road says into commands of plain values, and rows back again. */
export class SqliteJournal implements Journal {
  readonly #runner: CommandRunner;

  constructor(runner: CommandRunner) {
    this.#runner = runner;
  }

  async open(opening: Opening): Promise<OpeningResult> {
    const { request, routing, intent } = opening;
    invariant((request.threeDs?.cavv ?? null) === null, 'a CAVV is never stored');
    invariant(intent.number === 1, 'an authorization is opened with its first attempt');
    const opened: OpenedData = { attempt: intent.attemptId, provider: intent.provider, request, routing };
    const reply = await this.#runner.run('open', [
      [
        opening.authorizationId,
        opening.claim.account,
        request.merchant,
        request.reference,
        opening.live ? 1 : 0,
        request.amount.value,
        request.amount.currency,
        opening.traceId,
        Math.floor(opening.createdAtMs),
      ],
      scopeValues(opening.claim),
      opening.bodyFingerprint,
      intentValues(intent),
      JSON.stringify(opened),
    ]);
    if (reply === null) return { kind: 'opened' };
    return 'claim' in reply
      ? { kind: 'claimed', claim: claimFrom(reply.claim) }
      : { kind: 'payment_live', authorizationId: reply.paymentLive };
  }

  async failOver(step: FailOverStep): Promise<StepResult> {
    const { outcome, intent, reason, candidates } = step;
    const data = {
      attempt: outcome.attemptId,
      outcome: outcome.outcome,
      reason,
      next: { attempt: intent.attemptId, provider: intent.provider, candidates },
    };
    const version = await this.#runner.run('failOver', [
      outcomeValues(outcome),
      [step.authorizationId, step.expectedVersion, outcome.attemptId],
      intentValues(intent),
      Math.floor(outcome.atMs),
      JSON.stringify(data),
    ]);
    return stepResult(version);
  }

  async conclude(conclusion: Conclusion): Promise<StepResult> {
    const { outcome, status, reason, frozen, authorizedAmount, provider } = conclusion;
    invariant(
      frozen === null || !isUnsettled(status),
      'an answer is frozen only when nothing is still being found out',
    );
    const data = {
      attempt: outcome?.attemptId ?? null,
      outcome: outcome?.outcome ?? null,
      status,
      reason,
      authorizedAmount,
      provider,
    };
    const version = await this.#runner.run('conclude', [
      outcome === null ? null : outcomeValues(outcome),
      [conclusion.authorizationId, conclusion.expectedVersion, outcome?.attemptId ?? null],
      HOLDS_PAYMENT[status],
      [
        status,
        isUnsettled(status) ? 1 : 0,
        authorizedAmount,
        provider,
        conclusion.providerReference,
        jsonOrNull(conclusion.networkTransaction),
        jsonOrNull(conclusion.decline),
      ],
      [
        Math.floor(conclusion.atMs),
        conclusion.actor,
        'concluded',
        JSON.stringify(data),
        frozen?.httpStatus ?? null,
        frozen?.body ?? null,
      ],
    ]);
    return stepResult(version);
  }

  async findClaim(scope: ClaimScope): Promise<ClaimRecord | null> {
    const row = await this.#runner.run('findClaim', [scopeValues(scope)]);
    return row === null ? null : claimFrom(row);
  }

  async findAuthorization(id: string): Promise<Authorization | null> {
    const found = await this.#runner.run('findAuthorization', [id]);
    return found === null ? null : authorizationOf(found);
  }

  async listAuthorizations(filter: AuthorizationFilter): Promise<AuthorizationPage> {
    invariant(filter.limit >= 1 && filter.limit <= 200, 'a page has 1 to 200 authorizations');
    const before = filter.cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(filter.cursor);
    // A cursor that we never gave has nothing after it.
    if (before === null) return { data: [], nextCursor: null };
    const query: ListQuery = {
      account: filter.account,
      merchants: filter.merchants === 'all' ? null : JSON.stringify(filter.merchants),
      merchant: filter.merchant ?? null,
      reference: filter.reference ?? null,
      status: filter.status ?? null,
      olderThanMs: filter.olderThanMs ?? null,
      before,
      limit: filter.limit,
    };
    const page = await this.#runner.run('listAuthorizations', [query]);
    return {
      data: page.found.map(authorizationOf),
      nextCursor: page.next === null ? null : cursorOf(page.next),
    };
  }

  async history(authorizationId: string): Promise<readonly HistoryEvent[]> {
    const rows = await this.#runner.run('history', [authorizationId]);
    return rows.map((row) => ({
      sequence: row.number,
      atMs: row.at_ms,
      actor: row.actor,
      kind: row.kind,
      data: JSON.parse(row.data) as unknown,
    }));
  }

  async lapse(nowMs: number, limit: number): Promise<Lapsed> {
    const { lapsed, unconcluded } = await this.#runner.run('lapse', [Math.floor(nowMs), limit]);
    return { lapsed, unconcluded: unconcluded.map(authorizationOf) };
  }

  async newestRuleset(): Promise<RegisteredRuleset | null> {
    const row = await this.#runner.run('newestRuleset', []);
    if (row === null) return null;
    const files = JSON.parse(row.files) as Readonly<Record<string, string>>;
    return { number: row.number, contentHash: row.content_hash, files };
  }

  registerRuleset(
    contentHash: string,
    files: Readonly<Record<string, string>>,
    atMs: number,
  ): Promise<number> {
    return this.#runner.run('registerRuleset', [contentHash, JSON.stringify(files), Math.floor(atMs)]);
  }

  async saveOverride(override: ProviderOverride): Promise<void> {
    const { provider, brand, merchant, mode, reason, author, createdAtMs, expiresAtMs } = override;
    const expires = expiresAtMs === null ? null : Math.ceil(expiresAtMs);
    const values = [provider, brand, merchant, mode, reason, author, Math.floor(createdAtMs), expires];
    await this.#runner.run('saveOverride', [values]);
  }

  async listOverrides(): Promise<readonly ProviderOverride[]> {
    const rows = await this.#runner.run('listOverrides', []);
    return rows.map((row) => ({
      provider: row.provider,
      brand: row.brand,
      merchant: row.merchant,
      mode: row.mode,
      reason: row.reason,
      author: row.author,
      createdAtMs: row.created_at_ms,
      expiresAtMs: row.expires_at_ms,
    }));
  }

  hasOpenMoney(provider: string): Promise<boolean> {
    return this.#runner.run('hasOpenMoney', [provider]);
  }

  countUnsettled(): Promise<number> {
    return this.#runner.run('countUnsettled', []);
  }

  ping(): Promise<void> {
    return this.#runner.run('ping', []);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}

/** Whether something about it is still being found out or undone. */
function isUnsettled(status: AuthorizationStatus): boolean {
  return status === 'pending' || status === 'reversing';
}

function scopeValues(scope: ClaimScope): SqlValues {
  return [scope.account, scope.merchant, scope.operation, scope.key];
}

/** Wall clocks are stored in whole milliseconds; a lease and a deadline never end earlier by that. */
function intentValues(intent: Intent): SqlValues {
  return [
    intent.number,
    intent.attemptId,
    intent.provider,
    intent.providerKey,
    intent.fingerprint,
    intent.propensity,
    Math.floor(intent.startedAtMs),
    Math.ceil(intent.deadlineAtMs),
    intent.owner,
    Math.ceil(intent.leaseUntilMs),
  ];
}

function outcomeValues(record: OutcomeRecord): SqlValues {
  const { kind, json, negative, providerReference } = storedOutcome(record.outcome);
  return [kind, json, negative ? 1 : 0, providerReference, record.durationMs];
}

function claimFrom(row: ClaimRow): ClaimRecord {
  const { answer_status: httpStatus, answer_body: body } = row;
  return {
    authorizationId: row.authorization_id,
    bodyFingerprint: row.body_fingerprint,
    open: row.open === 1,
    frozen: httpStatus === null || body === null ? null : { httpStatus, body },
  };
}

function authorizationOf(found: FoundAuthorization): Authorization {
  return authorizationFrom(found.row, found.attempts);
}

function stepResult(version: number | null): StepResult {
  return version === null ? { kind: 'stale' } : { kind: 'written', version };
}

function jsonOrNull(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}
