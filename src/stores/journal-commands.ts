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
} from '../gateway/ports.ts';
import type { AdvanceDecisionCommand, OpenDecisionCommand } from './decision-commands.ts';
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
} from './journal-rows.ts';
import type { SqlValues } from './sql-values.ts';
import type { FoundAuthorization } from './stored-authorization.ts';
import type { FoundDecision } from './stored-decision.ts';
import type { AdvanceCommand, OpenCommand, WorkValues } from './write-commands.ts';

/**
 * What a database does for the journal, one method each, of plain values in and out: the same for every engine. Each is
 * one transaction. A method that refuses has written nothing.
 */
export interface JournalCommands {
  open(command: OpenCommand): OpenReply;
  advance(command: AdvanceCommand): AdvanceReply;
  findClaim(scope: SqlValues): ClaimRow | null;
  findAuthorization(id: string): FoundAuthorization | null;
  listAuthorizations(query: ListQuery): ListReply;
  history(authorizationId: string): readonly EventRow[];
  historyPage(authorizationId: string, after: number, limit: number): HistoryReply;
  listLapsed(nowMs: number, limit: number): readonly FoundLapsed[];
  listExpired(nowMs: number, limit: number): readonly FoundAuthorization[];
  freeWork(owner: string): number;
  takeWork(nowMs: number, limit: number, owner: string, untilMs: number): readonly FoundWork[];
  postponeWork(authorizationId: string, owner: string, plan: WorkValues): boolean;
  holdWork(authorizationId: string, endedByMs: number, owner: string, untilMs: number): boolean;
  listHeldWork(nowMs: number, limit: number): readonly HeldRow[];
  takeOverWork(
    authorizationId: string,
    fromOwner: string,
    fromUntilMs: number,
    owner: string,
    untilMs: number,
  ): boolean;
  /** @returns whether it is the owner's until then */
  takeDuty(duty: string, nowMs: number, owner: string, untilMs: number): boolean;
  countWork(nowMs: number): WorkCounts;
  countUnsettled(): number;
  hasOpenMoney(provider: string): boolean;
  findAttemptByReference(provider: string, reference: string): AttemptName | null;
  isReferenceElsewhere(provider: string, reference: string, attemptId: string): boolean;
  /** @returns whether it is new */
  keepNotice(notice: SqlValues): boolean;
  openNotices(limit: number): readonly NoticeRow[];
  settleNotice(sequence: number, result: string): void;
  registerRuleset(contentHash: string, files: string, atMs: number): number;
  findRuleset(version: number): RulesetRow | null;
  activeRuleset(): ActiveReply | null;
  activateRuleset(command: ActivateCommand): ActivateReply;
  listRulesets(before: number, limit: number): RulesetListReply<ListedRulesetRow>;
  listRulesetActivations(before: number, limit: number): RulesetListReply<ActivationRow>;
  saveOverride(override: SqlValues): void;
  listOverrides(): readonly OverrideRow[];
  recordedPage(range: RecordedRange, after: number, limit: number): RecordedPage;
  exposurePage(experiment: string, after: ExposureCursor | null, limit: number): ExposureReply;
  armOfUnit(experiment: string, unit: string): string | null;
  experimentPhases(experiment: string): readonly PhaseRow[];
  saveArmState(state: ArmState): void;
  listArmStates(): readonly ArmState[];
  saveExperimentLook(experiment: string, look: ExperimentLook): void;
  saveBanditShares(shares: BanditShares): void;
  listBanditShares(): readonly BanditShares[];
  listExperimentLooks(experiment: string): readonly ExperimentLook[];
  makeDeliveries(subscription: EventSubscription, nowMs: number, limit: number): number;
  takeDeliveries(
    endpoint: string,
    account: string,
    nowMs: number,
    limit: number,
    owner: string,
    untilMs: number,
  ): readonly FoundDelivery[];
  settleDelivery(id: string, owner: string, values: SettleValues): boolean;
  listDeliveries(query: DeliveryQuery): DeliveryListReply;
  replayDelivery(id: string, account: string, merchants: string | null, nowMs: number): DeliveryRow | null;
  countDeliveries(): readonly DeliveryCounts[];
  purgeDeliveries(beforeMs: number, limit: number): number;
  openDecision(command: OpenDecisionCommand): OpenDecisionReply;
  findDecision(id: string): FoundDecision | null;
  readDecision(id: string): KeptDecisionReply | null;
  listDecisions(payment: SqlValues, before: number, limit: number): DecisionListReply;
  findDecisionClaim(claim: SqlValues): DecisionClaimRow | null;
  advanceDecision(command: AdvanceDecisionCommand): AdvanceDecisionReply;
  countUnreported(expiredBeforeMs: number, limit: number): number;
  purgeDecisions(beforeMs: number, limit: number): number;
  seal(nowMs: number, limit: number): Seal | null;
  oldestUnsealed(): number | null;
  purge(beforeMs: number, limit: number, refundableBeforeMs: number | null): number;
  secret(): Uint8Array;
  ping(): void;
}

export type CommandName = keyof JournalCommands;
export type CommandArguments<K extends CommandName> = Parameters<JournalCommands[K]>;
export type CommandReply<K extends CommandName> = ReturnType<JournalCommands[K]>;

/** Whether a command only reads. */
export const READS_ONLY: Readonly<Record<CommandName, boolean>> = {
  open: false,
  advance: false,
  findClaim: true,
  findAuthorization: true,
  listAuthorizations: true,
  history: true,
  historyPage: true,
  listLapsed: true,
  listExpired: true,
  freeWork: false,
  takeWork: false,
  postponeWork: false,
  holdWork: false,
  listHeldWork: true,
  takeOverWork: false,
  takeDuty: false,
  countWork: true,
  countUnsettled: true,
  hasOpenMoney: true,
  findAttemptByReference: true,
  isReferenceElsewhere: true,
  keepNotice: false,
  openNotices: true,
  settleNotice: false,
  registerRuleset: false,
  findRuleset: true,
  activeRuleset: true,
  activateRuleset: false,
  listRulesets: true,
  listRulesetActivations: true,
  saveOverride: false,
  listOverrides: true,
  recordedPage: true,
  exposurePage: true,
  armOfUnit: true,
  experimentPhases: true,
  saveArmState: false,
  listArmStates: true,
  saveExperimentLook: false,
  listExperimentLooks: true,
  saveBanditShares: false,
  listBanditShares: true,
  makeDeliveries: false,
  takeDeliveries: false,
  settleDelivery: false,
  listDeliveries: true,
  replayDelivery: false,
  countDeliveries: true,
  purgeDeliveries: false,
  openDecision: false,
  findDecision: true,
  readDecision: true,
  listDecisions: true,
  findDecisionClaim: true,
  advanceDecision: false,
  countUnreported: false,
  purgeDecisions: false,
  seal: false,
  oldestUnsealed: true,
  purge: false,
  secret: false,
  ping: false,
};
