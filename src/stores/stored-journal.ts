import type { Authorization } from '../core/authorization.ts';
import type { CallerDecision } from '../core/caller-decision.ts';
import { invariant } from '../core/invariant.ts';
import type {
  ActivationResult,
  ActiveRuleset,
  ArmState,
  AttemptName,
  AuthorizationFilter,
  AuthorizationPage,
  BanditShares,
  ClaimRecord,
  ClaimScope,
  DecisionClaim,
  DecisionFilter,
  DecisionOpening,
  DecisionOpeningResult,
  DecisionPage,
  DecisionStep,
  DecisionStepResult,
  Delivery,
  DeliveryCounts,
  DeliveryFilter,
  DeliveryPage,
  DeliveryPlan,
  EventSubscription,
  ExperimentLook,
  ExperimentPhase,
  ExposureCursor,
  ExposurePage,
  HeldWork,
  HistoryEvent,
  HistoryPage,
  Journal,
  KeptDecision,
  KeptNotice,
  Lapsed,
  ListedRuleset,
  NewActivation,
  Notice,
  Opening,
  OpeningResult,
  Page,
  ProviderOverride,
  RecordedPage,
  RecordedRange,
  RegisteredRuleset,
  RulesetActivation,
  RulesetPageQuery,
  Seal,
  Step,
  StepResult,
  TakenDelivery,
  WorkCounts,
  WorkItem,
  WorkPlan,
} from '../gateway/ports.ts';
import type { CommandRunner } from './command-runner.ts';
import { advanceDecisionCommand, openDecisionCommand } from './decision-commands.ts';
import type {
  ActivationRow,
  ActiveReply,
  ClaimRow,
  DecisionClaimRow,
  DeliveryQuery,
  DeliveryRow,
  KeptDecisionReply,
  ListedRulesetRow,
  ListQuery,
  SettleValues,
} from './journal-rows.ts';
import { cursorOf, sequenceOf } from './list-cursor.ts';
import { pastEvents } from './past-events.ts';
import { authorizationFrom } from './stored-authorization.ts';
import type { Changes } from './stored-changes.ts';
import { decisionFrom } from './stored-decision.ts';
import { partTold, toldByHistory } from './told-event.ts';
import { advanceCommand, openCommand, planValues, scopeValues } from './write-commands.ts';

/** The journal over a database: turns what the road says into commands of plain values, and rows back again. */
export class StoredJournal implements Journal {
  readonly #runner: CommandRunner;

  constructor(runner: CommandRunner) {
    this.#runner = runner;
  }

  async open(opening: Opening): Promise<OpeningResult> {
    const reply = await this.#runner.run('open', [openCommand(opening)]);
    if (reply === null) return { kind: 'opened' };
    if ('claim' in reply) return { kind: 'claimed', claim: claimFrom(reply.claim) };
    if ('stop' in reply) return { kind: 'scheme_stop', stop: reply.stop };
    return reply.paymentLive === null
      ? { kind: 'payment_held' }
      : { kind: 'payment_live', authorizationId: reply.paymentLive };
  }

  async advance(step: Step): Promise<StepResult> {
    const reply = await this.#runner.run('advance', [advanceCommand(step)]);
    if (reply === null) return { kind: 'stale' };
    if (typeof reply === 'number') return { kind: 'written', version: reply };
    if ('claim' in reply) return { kind: 'claimed', claim: claimFrom(reply.claim) };
    if ('taken' in reply) return { kind: 'reference_taken' };
    return { kind: 'scheme_stop', stop: reply.stop };
  }

  async findClaim(scope: ClaimScope): Promise<ClaimRecord | null> {
    const row = await this.#runner.run('findClaim', [scopeValues(scope)]);
    return row === null ? null : claimFrom(row);
  }

  async findAuthorization(id: string): Promise<Authorization | null> {
    const found = await this.#runner.run('findAuthorization', [id]);
    return found === null ? null : authorizationFrom(found);
  }

  async listAuthorizations(filter: AuthorizationFilter): Promise<AuthorizationPage> {
    invariant(filter.limit >= 1 && filter.limit <= 200, 'a page has 1 to 200 authorizations');
    const before = filter.cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(filter.cursor);
    // A cursor that we never gave has nothing after it.
    if (before === null) return { data: [], nextCursor: null };
    const query: ListQuery = {
      account: filter.account,
      merchants: listOrNull(filter.merchants),
      merchant: filter.merchant ?? null,
      reference: filter.reference ?? null,
      status: filter.status ?? null,
      olderThanMs: filter.olderThanMs ?? null,
      before,
      limit: filter.limit,
    };
    const page = await this.#runner.run('listAuthorizations', [query]);
    return {
      data: page.found.map(authorizationFrom),
      nextCursor: page.next === null ? null : cursorOf(page.next),
    };
  }

  async history(authorizationId: string): Promise<readonly HistoryEvent[]> {
    const rows = await this.#runner.run('history', [authorizationId]);
    let known = 0;
    return rows.map((row) => {
      const data = JSON.parse(row.data) as { readonly changes?: Changes };
      const begun = (data.changes?.operations ?? []).map(({ number }) => number).filter((it) => it > known);
      known = Math.max(known, ...begun);
      return { sequence: row.number, atMs: row.at_ms, actor: row.actor, kind: row.kind, data, begun };
    });
  }

  async historyPage(authorizationId: string, after: number, limit: number): Promise<HistoryPage> {
    invariant(Number.isSafeInteger(after) && after >= 0, 'a page of a history begins after 0 or an event');
    invariant(limit >= 1 && limit <= 200, 'a page has 1 to 200 events');
    const { rows, statusBefore, more } = await this.#runner.run('historyPage', [
      authorizationId,
      after,
      limit,
    ]);
    return { data: pastEvents(rows, statusBefore), nextAfter: more ? (rows.at(-1)?.number ?? null) : null };
  }

  async listLapsed(nowMs: number, limit: number): Promise<readonly Lapsed[]> {
    const lapsed = await this.#runner.run('listLapsed', [Math.floor(nowMs), limit]);
    return lapsed.map(({ found, owner, leaseMs }) => ({
      authorization: authorizationFrom(found),
      owner,
      leaseMs,
    }));
  }

  async listExpired(nowMs: number, limit: number): Promise<readonly Authorization[]> {
    const found = await this.#runner.run('listExpired', [Math.floor(nowMs), limit]);
    return found.map(authorizationFrom);
  }

  freeWork(owner: string): Promise<number> {
    return this.#runner.run('freeWork', [owner]);
  }

  async takeWork(nowMs: number, limit: number, lease: WorkItem['lease']): Promise<readonly WorkItem[]> {
    const { owner, untilMs } = lease;
    const taken = await this.#runner.run('takeWork', [Math.floor(nowMs), limit, owner, Math.ceil(untilMs)]);
    return taken.map(({ found, step, failures, sinceMs, leftBy }) => ({
      authorization: authorizationFrom(found),
      step,
      failures,
      sinceMs,
      lease,
      leftBy,
    }));
  }

  postponeWork(authorizationId: string, owner: string, plan: WorkPlan): Promise<boolean> {
    return this.#runner.run('postponeWork', [authorizationId, owner, planValues(plan)]);
  }

  holdWork(authorizationId: string, endedByMs: number, lease: WorkItem['lease']): Promise<boolean> {
    const values = [Math.floor(endedByMs), lease.owner, Math.ceil(lease.untilMs)] as const;
    return this.#runner.run('holdWork', [authorizationId, ...values]);
  }

  async listHeldWork(nowMs: number, limit: number): Promise<readonly HeldWork[]> {
    const held = await this.#runner.run('listHeldWork', [Math.floor(nowMs), limit]);
    return held.map(({ id, owner, until_ms: untilMs }) => ({
      authorizationId: id,
      lease: { owner, untilMs },
    }));
  }

  takeOverWork({ authorizationId, lease: from }: HeldWork, to: WorkItem['lease']): Promise<boolean> {
    const held = [from.owner, Math.ceil(from.untilMs)] as const;
    return this.#runner.run('takeOverWork', [authorizationId, ...held, to.owner, Math.ceil(to.untilMs)]);
  }

  takeDuty(duty: string, nowMs: number, { owner, untilMs }: WorkItem['lease']): Promise<boolean> {
    return this.#runner.run('takeDuty', [duty, Math.floor(nowMs), owner, Math.ceil(untilMs)]);
  }

  countWork(nowMs: number): Promise<WorkCounts> {
    return this.#runner.run('countWork', [Math.floor(nowMs)]);
  }

  async keepNotice(provider: string, notice: Notice, atMs: number): Promise<'kept' | 'known'> {
    const { eventId, type, attemptId, operationId = null, providerReference = null, data } = notice;
    const subject = [attemptId, operationId, providerReference];
    const values = [provider, eventId, type, ...subject, JSON.stringify(data ?? null), Math.floor(atMs)];
    return (await this.#runner.run('keepNotice', [values])) ? 'kept' : 'known';
  }

  async openNotices(limit: number): Promise<readonly KeptNotice[]> {
    const rows = await this.#runner.run('openNotices', [limit]);
    return rows.map((row) => ({
      sequence: row.sequence,
      provider: row.provider,
      eventId: row.event_id,
      type: row.type,
      attemptId: row.attempt_id,
      operationId: row.operation_id,
      providerReference: row.provider_reference,
      data: JSON.parse(row.data) as unknown,
      receivedAtMs: row.received_at_ms,
    }));
  }

  settleNotice(sequence: number, result: string): Promise<void> {
    return this.#runner.run('settleNotice', [sequence, result]);
  }

  registerRuleset(
    contentHash: string,
    files: Readonly<Record<string, string>>,
    atMs: number,
  ): Promise<number> {
    return this.#runner.run('registerRuleset', [contentHash, JSON.stringify(files), Math.floor(atMs)]);
  }

  async findRuleset(version: number): Promise<RegisteredRuleset | null> {
    const row = await this.#runner.run('findRuleset', [version]);
    if (row === null) return null;
    return { ...listedFrom(row), files: JSON.parse(row.files) as RegisteredRuleset['files'] };
  }

  async activeRuleset(): Promise<ActiveRuleset | null> {
    return activeFrom(await this.#runner.run('activeRuleset', []));
  }

  async activateRuleset(activation: NewActivation): Promise<ActivationResult> {
    const { version, cause, author, reason, atMs, expected } = activation;
    const command = { version, cause, author, reason, atMs: Math.floor(atMs), expected };
    const reply = await this.#runner.run('activateRuleset', [command]);
    const active = activeFrom(reply.active);
    return reply.done && active !== null ? { kind: 'activated', active } : { kind: 'stale', active };
  }

  async listRulesets({ cursor, limit }: RulesetPageQuery): Promise<Page<ListedRuleset>> {
    invariant(limit >= 1 && limit <= 200, 'a page has 1 to 200 rulesets');
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(cursor);
    if (before === null) return { data: [], nextCursor: null };
    const { rows, next } = await this.#runner.run('listRulesets', [before, limit]);
    return { data: rows.map(listedFrom), nextCursor: next === null ? null : cursorOf(next) };
  }

  async listRulesetActivations({ cursor, limit }: RulesetPageQuery): Promise<Page<RulesetActivation>> {
    invariant(limit >= 1 && limit <= 200, 'a page has 1 to 200 activations');
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(cursor);
    if (before === null) return { data: [], nextCursor: null };
    const { rows, next } = await this.#runner.run('listRulesetActivations', [before, limit]);
    return { data: rows.map(activationFrom), nextCursor: next === null ? null : cursorOf(next) };
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

  recordedPage(range: RecordedRange, after: number | null, limit: number): Promise<RecordedPage> {
    invariant(limit >= 1 && limit <= 1000, 'a page has 1 to 1000 authorizations');
    return this.#runner.run('recordedPage', [range, after ?? 0, limit]);
  }

  async exposurePage(experiment: string, after: ExposureCursor | null, limit: number): Promise<ExposurePage> {
    invariant(limit >= 1 && limit <= 1000, 'a page has 1 to 1000 exposures');
    const { found, next } = await this.#runner.run('exposurePage', [experiment, after, limit]);
    return { data: found, next };
  }

  armOfUnit(experiment: string, unit: string): Promise<string | null> {
    return this.#runner.run('armOfUnit', [experiment, unit]);
  }

  async experimentPhases(experiment: string): Promise<readonly ExperimentPhase[]> {
    const rows = await this.#runner.run('experimentPhases', [experiment]);
    return rows.map(({ number, plan, first_at_ms: firstAtMs }) => ({ number, plan, firstAtMs }));
  }

  saveArmState(state: ArmState): Promise<void> {
    return this.#runner.run('saveArmState', [state]);
  }

  listArmStates(): Promise<readonly ArmState[]> {
    return this.#runner.run('listArmStates', []);
  }

  saveExperimentLook(experiment: string, look: ExperimentLook): Promise<void> {
    return this.#runner.run('saveExperimentLook', [experiment, look]);
  }

  listExperimentLooks(experiment: string): Promise<readonly ExperimentLook[]> {
    return this.#runner.run('listExperimentLooks', [experiment]);
  }

  saveBanditShares(shares: BanditShares): Promise<void> {
    return this.#runner.run('saveBanditShares', [shares]);
  }

  listBanditShares(): Promise<readonly BanditShares[]> {
    return this.#runner.run('listBanditShares', []);
  }

  hasOpenMoney(provider: string): Promise<boolean> {
    return this.#runner.run('hasOpenMoney', [provider]);
  }

  findAttemptByReference(provider: string, reference: string): Promise<AttemptName | null> {
    return this.#runner.run('findAttemptByReference', [provider, reference]);
  }

  isReferenceElsewhere(provider: string, reference: string, attemptId: string): Promise<boolean> {
    return this.#runner.run('isReferenceElsewhere', [provider, reference, attemptId]);
  }

  countUnsettled(): Promise<number> {
    return this.#runner.run('countUnsettled', []);
  }

  makeDeliveries(subscription: EventSubscription, nowMs: number, limit: number): Promise<number> {
    return this.#runner.run('makeDeliveries', [subscription, Math.floor(nowMs), limit]);
  }

  async takeDeliveries(
    { endpoint, account }: Pick<EventSubscription, 'endpoint' | 'account'>,
    nowMs: number,
    limit: number,
    { owner, untilMs }: WorkItem['lease'],
  ): Promise<readonly TakenDelivery[]> {
    const lease = [owner, Math.ceil(untilMs)] as const;
    const taken = await this.#runner.run('takeDeliveries', [
      endpoint,
      account,
      Math.floor(nowMs),
      limit,
      ...lease,
    ]);
    return taken.map(({ row, events }) => ({
      delivery: deliveryFrom(row),
      told: partTold(toldByHistory(row.authorization_id, row.account, events), row.part),
    }));
  }

  settleDelivery(id: string, owner: string, plan: DeliveryPlan): Promise<boolean> {
    return this.#runner.run('settleDelivery', [id, owner, settleValues(plan)]);
  }

  async listDeliveries(filter: DeliveryFilter): Promise<DeliveryPage> {
    invariant(filter.limit >= 1 && filter.limit <= 200, 'a page has 1 to 200 deliveries');
    const before = filter.cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(filter.cursor);
    if (before === null) return { data: [], nextCursor: null };
    const query: DeliveryQuery = {
      account: filter.account,
      merchants: listOrNull(filter.merchants),
      endpoint: filter.endpoint ?? null,
      state: filter.state ?? null,
      before,
      limit: filter.limit,
    };
    const { rows, next } = await this.#runner.run('listDeliveries', [query]);
    return { data: rows.map(deliveryFrom), nextCursor: next === null ? null : cursorOf(next) };
  }

  async replayDelivery(
    id: string,
    whose: Pick<DeliveryFilter, 'account' | 'merchants'>,
    nowMs: number,
  ): Promise<Delivery | null> {
    const merchants = listOrNull(whose.merchants);
    const row = await this.#runner.run('replayDelivery', [id, whose.account, merchants, Math.floor(nowMs)]);
    return row === null ? null : deliveryFrom(row);
  }

  async countDeliveries(): Promise<readonly DeliveryCounts[]> {
    const counts = await this.#runner.run('countDeliveries', []);
    return counts.map((count) => ({ ...count }));
  }

  purgeDeliveries(beforeMs: number, limit: number): Promise<number> {
    return this.#runner.run('purgeDeliveries', [Math.floor(beforeMs), limit]);
  }

  async openDecision(opening: DecisionOpening): Promise<DecisionOpeningResult> {
    const reply = await this.#runner.run('openDecision', [openDecisionCommand(opening)]);
    if (reply === null) return { kind: 'opened' };
    return 'claim' in reply
      ? { kind: 'claimed', claim: decisionClaimFrom(reply.claim) }
      : { kind: 'scheme_stop', stop: reply.stop };
  }

  async findDecision(id: string): Promise<CallerDecision | null> {
    const found = await this.#runner.run('findDecision', [id]);
    return found === null ? null : decisionFrom(found);
  }

  async readDecision(id: string): Promise<KeptDecision | null> {
    const kept = await this.#runner.run('readDecision', [id]);
    return kept === null ? null : keptDecisionFrom(kept);
  }

  async listDecisions(filter: DecisionFilter): Promise<DecisionPage> {
    const { account, merchant, reference, limit, cursor } = filter;
    invariant(limit >= 1 && limit <= 200, 'a page has 1 to 200 decisions');
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(cursor);
    if (before === null) return { data: [], nextCursor: null };
    const payment = [account, merchant, reference];
    const { found, next } = await this.#runner.run('listDecisions', [payment, before, limit]);
    return { data: found.map(keptDecisionFrom), nextCursor: next === null ? null : cursorOf(next) };
  }

  async findDecisionClaim({ account, merchant, key }: ClaimScope): Promise<DecisionClaim | null> {
    const row = await this.#runner.run('findDecisionClaim', [[account, merchant, key]]);
    return row === null ? null : decisionClaimFrom(row);
  }

  async advanceDecision(step: DecisionStep): Promise<DecisionStepResult> {
    const reply = await this.#runner.run('advanceDecision', [advanceDecisionCommand(step)]);
    return typeof reply === 'string' ? { kind: reply } : { kind: 'scheme_stop', stop: reply.stop };
  }

  countUnreported(expiredBeforeMs: number, limit: number): Promise<number> {
    return this.#runner.run('countUnreported', [Math.floor(expiredBeforeMs), limit]);
  }

  purgeDecisions(beforeMs: number, limit: number): Promise<number> {
    return this.#runner.run('purgeDecisions', [Math.floor(beforeMs), limit]);
  }

  seal(nowMs: number, limit: number): Promise<Seal | null> {
    return this.#runner.run('seal', [Math.floor(nowMs), limit]);
  }

  oldestUnsealed(): Promise<number | null> {
    return this.#runner.run('oldestUnsealed', []);
  }

  purge(beforeMs: number, limit: number, refundableBeforeMs: number | null = null): Promise<number> {
    const refundable = refundableBeforeMs === null ? null : Math.floor(refundableBeforeMs);
    return this.#runner.run('purge', [Math.floor(beforeMs), limit, refundable]);
  }

  secret(): Promise<Uint8Array> {
    return this.#runner.run('secret', []);
  }

  ping(): Promise<void> {
    return this.#runner.run('ping', []);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }
}

function claimFrom(row: ClaimRow): ClaimRecord {
  const { answer_status: httpStatus, answer_body: body, operation_number: operationNumber } = row;
  return {
    authorizationId: row.authorization_id,
    operationNumber: operationNumber === 0 ? null : operationNumber,
    bodyFingerprint: row.body_fingerprint,
    open: row.open === 1,
    frozen: httpStatus === null || body === null ? null : { httpStatus, body },
  };
}

function keptDecisionFrom({ found, answerStatus, answerBody }: KeptDecisionReply): KeptDecision {
  return { decision: decisionFrom(found), answer: { httpStatus: answerStatus, body: answerBody } };
}

function decisionClaimFrom(row: DecisionClaimRow): DecisionClaim {
  const { id, body_fingerprint: bodyFingerprint, answer_status: httpStatus, answer_body: body } = row;
  return { decisionId: id, bodyFingerprint, answer: { httpStatus, body } };
}

function activationFrom(row: ActivationRow): RulesetActivation {
  const { sequence, version, cause, author, reason } = row;
  return {
    sequence,
    version,
    contentHash: row.content_hash,
    cause,
    author,
    reason,
    atMs: row.at_ms,
    untilMs: row.until_ms,
  };
}

function activeFrom(reply: ActiveReply | null): ActiveRuleset | null {
  if (reply === null) return null;
  const { row, previous, replaced, left } = reply;
  const leftByPersons = left.map(({ version, content_hash: contentHash, sequence }) => ({
    version,
    contentHash,
    sequence,
  }));
  return { ...activationFrom(row), previous, replaced, leftByPersons };
}

function listedFrom(row: ListedRulesetRow): ListedRuleset {
  const { number: version, content_hash: contentHash, registered_at_ms: registeredAtMs } = row;
  const { sequence, cause, author, reason, at_ms: atMs, until_ms: untilMs } = row;
  const wasActive =
    sequence !== null && cause !== null && author !== null && reason !== null && atMs !== null;
  return {
    version,
    contentHash,
    registeredAtMs,
    active: row.active === 1,
    last: wasActive ? { sequence, version, contentHash, cause, author, reason, atMs, untilMs } : null,
  };
}

function listOrNull(merchants: 'all' | readonly string[]): string | null {
  return merchants === 'all' ? null : JSON.stringify(merchants);
}

function deliveryFrom(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    endpoint: row.endpoint,
    type: row.type,
    authorizationId: row.authorization_id,
    number: row.number,
    atMs: row.at_ms,
    state: row.state,
    dueAtMs: row.due_at_ms,
    failures: row.failures,
    lastResult: row.last_result,
    lastSentAtMs: row.last_sent_at_ms,
  };
}

function settleValues(plan: DeliveryPlan): SettleValues {
  if (plan.kind === 'put_back') return ['waiting', null, 0, null, null];
  const sentAtMs = Math.floor(plan.atMs);
  if (plan.kind === 'failed') return ['waiting', Math.ceil(plan.dueAtMs), 1, plan.result, sentAtMs];
  return [plan.kind, null, plan.kind === 'dead' ? 1 : 0, plan.result, sentAtMs];
}
