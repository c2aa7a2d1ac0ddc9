import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type {
  ArmState,
  AttemptName,
  BanditShares,
  DeliveryCounts,
  EventSubscription,
  ExperimentLook,
  ExposureCursor,
  RecordedPage,
  RecordedRange,
  Seal,
  WorkCounts,
} from '../../gateway/ports.ts';
import type { AdvanceDecisionCommand, OpenDecisionCommand } from '../decision-commands.ts';
import type { JournalCommands } from '../journal-commands.ts';
import type {
  ActivateCommand,
  ActivateReply,
  ActivationRow,
  ActiveReply,
  AdvanceDecisionReply,
  AdvanceReply,
  ClaimRow,
  DecisionClaimRow,
  DecisionListReply,
  DeliveryListReply,
  DeliveryQuery,
  DeliveryRow,
  EventRow,
  ExposureReply,
  FoundDelivery,
  FoundLapsed,
  FoundWork,
  HeldRow,
  HistoryReply,
  KeptDecisionReply,
  ListedRulesetRow,
  ListQuery,
  ListReply,
  NoticeRow,
  OpenDecisionReply,
  OpenReply,
  OverrideRow,
  PhaseRow,
  RulesetListReply,
  RulesetRow,
  SettleValues,
} from '../journal-rows.ts';
import type { SqlValues } from '../sql-values.ts';
import type { FoundAuthorization } from '../stored-authorization.ts';
import type { FoundDecision } from '../stored-decision.ts';
import type { AdvanceCommand, OpenCommand, WorkValues } from '../write-commands.ts';
import { RecordedAuthorizations } from './recorded-authorizations.ts';
import { SqliteDecisions } from './sqlite-decisions.ts';
import { SqliteDeliveries } from './sqlite-deliveries.ts';
import { SqliteExperiments } from './sqlite-experiments.ts';
import { SqlitePurge } from './sqlite-purge.ts';
import { SqliteReads } from './sqlite-reads.ts';
import { SqliteRulesets } from './sqlite-rulesets.ts';
import { SqliteSeals } from './sqlite-seals.ts';
import { SqliteWork } from './sqlite-work.ts';
import { SqliteWrites } from './sqlite-writes.ts';
import { Statements } from './statements.ts';

const SQL = {
  insertNotice: `
    INSERT INTO notices (provider, event_id, type, attempt_id, operation_id, provider_reference, data, received_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, event_id) DO NOTHING`,
  openNotices: `
    SELECT sequence, provider, event_id, type, attempt_id, operation_id, provider_reference, data, received_at_ms
    FROM notices INDEXED BY notices_open WHERE result IS NULL AND json_valid(data) ORDER BY sequence LIMIT ?`,
  settleNotice: 'UPDATE notices SET result = ?2 WHERE sequence = ?1 AND result IS NULL',
  insertOverride: `
    INSERT INTO overrides (provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  // SQLite takes the other columns from the row that has the maximum.
  newestOverrides: `
    SELECT max(sequence), provider, brand, merchant, mode, reason, author, created_at_ms, expires_at_ms
    FROM overrides GROUP BY provider, brand, merchant ORDER BY provider, brand, merchant`,
  findSecret: 'SELECT value FROM secrets WHERE name = ?',
  insertSecret: 'INSERT INTO secrets (name, value) VALUES (?, ?)',
  ping: 'UPDATE pings SET count = count + 1 WHERE id = 1',
} as const;

const SECRET_BYTES = 32;
const SECRET_NAME = 'keyed_hashes';

/**
 * The journal's commands on an open database, one method each, synchronous, without transactions of their
 * own: whoever calls brackets them. A method that refuses has written nothing; one that throws may have.
 */
export class SqliteCommands implements JournalCommands {
  readonly #statements: Statements;
  readonly #reads: SqliteReads;
  readonly #writes: SqliteWrites;
  readonly #work: SqliteWork;
  readonly #deliveries: SqliteDeliveries;
  readonly #decisions: SqliteDecisions;
  readonly #seals: SqliteSeals;
  readonly #purge: SqlitePurge;
  readonly #experiments: SqliteExperiments;
  readonly #rulesets: SqliteRulesets;
  readonly #recorded: RecordedAuthorizations;

  constructor(database: DatabaseSync) {
    this.#statements = new Statements(database);
    this.#reads = new SqliteReads(this.#statements);
    this.#writes = new SqliteWrites(this.#statements);
    this.#work = new SqliteWork(this.#statements, this.#reads);
    this.#deliveries = new SqliteDeliveries(this.#statements);
    this.#decisions = new SqliteDecisions(this.#statements);
    this.#seals = new SqliteSeals(this.#statements);
    this.#purge = new SqlitePurge(this.#statements);
    this.#experiments = new SqliteExperiments(this.#statements);
    this.#rulesets = new SqliteRulesets(this.#statements);
    this.#recorded = new RecordedAuthorizations(this.#statements, this.#reads);
  }

  open(command: OpenCommand): OpenReply {
    return this.#writes.open(command);
  }

  advance(command: AdvanceCommand): AdvanceReply {
    return this.#writes.advance(command);
  }

  findClaim(scope: SqlValues): ClaimRow | null {
    return this.#reads.findClaim(scope);
  }

  findAuthorization(id: string): FoundAuthorization | null {
    return this.#reads.findAuthorization(id);
  }

  listAuthorizations(query: ListQuery): ListReply {
    return this.#reads.listAuthorizations(query);
  }

  history(authorizationId: string): readonly EventRow[] {
    return this.#reads.history(authorizationId);
  }

  historyPage(authorizationId: string, after: number, limit: number): HistoryReply {
    return this.#reads.historyPage(authorizationId, after, limit);
  }

  listLapsed(nowMs: number, limit: number): readonly FoundLapsed[] {
    return this.#reads.listLapsed(nowMs, limit);
  }

  listExpired(nowMs: number, limit: number): readonly FoundAuthorization[] {
    return this.#reads.listExpired(nowMs, limit);
  }

  freeWork(owner: string): number {
    return this.#work.free(owner) + this.#deliveries.free(owner);
  }

  takeWork(nowMs: number, limit: number, owner: string, untilMs: number): readonly FoundWork[] {
    return this.#work.take(nowMs, limit, owner, untilMs);
  }

  postponeWork(authorizationId: string, owner: string, plan: WorkValues): boolean {
    return this.#work.postpone(authorizationId, owner, plan);
  }

  holdWork(authorizationId: string, endedByMs: number, owner: string, untilMs: number): boolean {
    return this.#work.hold(authorizationId, endedByMs, owner, untilMs);
  }

  listHeldWork(nowMs: number, limit: number): readonly HeldRow[] {
    return this.#work.listHeld(nowMs, limit);
  }

  takeOverWork(
    authorizationId: string,
    fromOwner: string,
    fromUntilMs: number,
    owner: string,
    untilMs: number,
  ): boolean {
    return this.#work.takeOver(authorizationId, fromOwner, fromUntilMs, owner, untilMs);
  }

  takeDuty(duty: string, nowMs: number, owner: string, untilMs: number): boolean {
    return this.#work.takeDuty(duty, nowMs, owner, untilMs);
  }

  countWork(nowMs: number): WorkCounts {
    return this.#reads.countWork(nowMs);
  }

  countUnsettled(): number {
    return this.#reads.countUnsettled();
  }

  hasOpenMoney(provider: string): boolean {
    return this.#reads.hasOpenMoney(provider);
  }

  findAttemptByReference(provider: string, reference: string): AttemptName | null {
    return this.#reads.findAttemptByReference(provider, reference);
  }

  isReferenceElsewhere(provider: string, reference: string, attemptId: string): boolean {
    return this.#reads.isReferenceElsewhere(provider, reference, attemptId);
  }

  /** @returns whether it is new */
  keepNotice(notice: SqlValues): boolean {
    return this.#statements.run(SQL.insertNotice, ...notice).changes > 0;
  }

  openNotices(limit: number): readonly NoticeRow[] {
    return this.#statements.all<NoticeRow>(SQL.openNotices, limit);
  }

  settleNotice(sequence: number, result: string): void {
    this.#statements.run(SQL.settleNotice, sequence, result);
  }

  registerRuleset(contentHash: string, files: string, atMs: number): number {
    return this.#rulesets.register(contentHash, files, atMs);
  }

  findRuleset(version: number): RulesetRow | null {
    return this.#rulesets.find(version);
  }

  activeRuleset(): ActiveReply | null {
    return this.#rulesets.active();
  }

  activateRuleset(command: ActivateCommand): ActivateReply {
    return this.#rulesets.activate(command);
  }

  listRulesets(before: number, limit: number): RulesetListReply<ListedRulesetRow> {
    return this.#rulesets.list(before, limit);
  }

  listRulesetActivations(before: number, limit: number): RulesetListReply<ActivationRow> {
    return this.#rulesets.activations(before, limit);
  }

  saveOverride(override: SqlValues): void {
    this.#statements.run(SQL.insertOverride, ...override);
  }

  listOverrides(): readonly OverrideRow[] {
    return this.#statements.all<OverrideRow>(SQL.newestOverrides);
  }

  recordedPage(range: RecordedRange, after: number, limit: number): RecordedPage {
    return this.#recorded.page(range, after, limit);
  }

  exposurePage(experiment: string, after: ExposureCursor | null, limit: number): ExposureReply {
    return this.#experiments.page(experiment, after, limit);
  }

  armOfUnit(experiment: string, unit: string): string | null {
    return this.#experiments.armOfUnit(experiment, unit);
  }

  experimentPhases(experiment: string): readonly PhaseRow[] {
    return this.#experiments.phases(experiment);
  }

  saveArmState(state: ArmState): void {
    this.#experiments.saveState(state);
  }

  listArmStates(): readonly ArmState[] {
    return this.#experiments.states();
  }

  saveExperimentLook(experiment: string, look: ExperimentLook): void {
    this.#experiments.saveLook(experiment, look);
  }

  saveBanditShares(shares: BanditShares): void {
    this.#experiments.saveShares(shares);
  }

  listBanditShares(): readonly BanditShares[] {
    return this.#experiments.shares();
  }

  listExperimentLooks(experiment: string): readonly ExperimentLook[] {
    return this.#experiments.looks(experiment);
  }

  makeDeliveries(subscription: EventSubscription, nowMs: number, limit: number): number {
    return this.#deliveries.make(subscription, nowMs, limit);
  }

  takeDeliveries(
    ...values: [
      endpoint: string,
      account: string,
      nowMs: number,
      limit: number,
      owner: string,
      untilMs: number,
    ]
  ): readonly FoundDelivery[] {
    return this.#deliveries.take(...values);
  }

  settleDelivery(id: string, owner: string, values: SettleValues): boolean {
    return this.#deliveries.settle(id, owner, values);
  }

  listDeliveries(query: DeliveryQuery): DeliveryListReply {
    return this.#deliveries.list(query);
  }

  replayDelivery(id: string, account: string, merchants: string | null, nowMs: number): DeliveryRow | null {
    return this.#deliveries.replay(id, account, merchants, nowMs);
  }

  countDeliveries(): readonly DeliveryCounts[] {
    return this.#deliveries.counts();
  }

  purgeDeliveries(beforeMs: number, limit: number): number {
    return this.#deliveries.purge(beforeMs, limit);
  }

  openDecision(command: OpenDecisionCommand): OpenDecisionReply {
    return this.#decisions.open(command);
  }

  findDecision(id: string): FoundDecision | null {
    return this.#decisions.find(id);
  }

  readDecision(id: string): KeptDecisionReply | null {
    return this.#decisions.read(id);
  }

  listDecisions(payment: SqlValues, before: number, limit: number): DecisionListReply {
    return this.#decisions.list(payment, before, limit);
  }

  findDecisionClaim(claim: SqlValues): DecisionClaimRow | null {
    return this.#decisions.findClaim(claim);
  }

  advanceDecision(command: AdvanceDecisionCommand): AdvanceDecisionReply {
    return this.#decisions.advance(command);
  }

  countUnreported(expiredBeforeMs: number, limit: number): number {
    return this.#decisions.countUnreported(expiredBeforeMs, limit);
  }

  purgeDecisions(beforeMs: number, limit: number): number {
    return this.#decisions.purge(beforeMs, limit);
  }

  seal(nowMs: number, limit: number): Seal | null {
    return this.#seals.seal(nowMs, limit);
  }

  oldestUnsealed(): number | null {
    return this.#seals.oldestUnsealed();
  }

  purge(beforeMs: number, limit: number, refundableBeforeMs: number | null): number {
    return this.#purge.purge(beforeMs, limit, refundableBeforeMs);
  }

  secret(): Uint8Array {
    const found = this.#statements.one<{ readonly value: Uint8Array }>(SQL.findSecret, SECRET_NAME);
    if (found !== null) return found.value;
    const value = new Uint8Array(randomBytes(SECRET_BYTES));
    this.#statements.prepare(SQL.insertSecret).run(SECRET_NAME, value);
    return value;
  }

  ping(): void {
    this.#statements.run(SQL.ping);
  }
}
