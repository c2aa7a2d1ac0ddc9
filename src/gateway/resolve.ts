import { type Attempt, type AttemptOutcome, isUnsettled, providerReferenceOf } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOperationEnd, applyOutcome, type OperationEnd, withOperation } from '../core/lifecycle.ts';
import type { Operation } from '../core/operation.ts';
import {
  DAY_MS,
  isKeyUsable,
  isNotFoundEvidence,
  KEY_MARGIN_MS,
  nextWork,
  notFoundEvidenceAt,
  notFoundOutcome,
  type WorkProgress,
} from '../core/resolution.ts';
import { sharedTokenFor, tokenFor } from '../core/rules/eligibility.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import { failedVoids, hasWork, pendingVoid } from '../core/settlement.ts';
import { budgetFor, inquire, requestFor, sentSighting } from './attempt.ts';
import { type ChangeResult, changeAuthorization } from './change.ts';
import { describeError } from './describe-error.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { ADAPTER_FAILED, guardAdapter } from './guard-adapter.ts';
import { callJournal } from './journal-calls.ts';
import {
  endOfAcceptedVoid,
  endOfInquiry,
  endOfOutcome,
  endOfRefusedVoid,
  inquireOperation,
  labelOf,
  type OperationTarget,
  sendOperation,
  targetOf,
} from './operation-calls.ts';
import type { OperationOutcome, Provider, WorkItem } from './ports.ts';
import { routingFacts } from './routing-facts.ts';
import { tellUnmapped } from './unmapped.ts';

/** Items in hand at once, at most: those of a provider that hangs wait in its pace, and do not hold up the others'. */
const IN_HAND_MAX = 200;
/** How long work taken up belongs to its process. */
export const WORK_LEASE_MS = 180_000;
/** Of the lease, what the calls of one look may take at most; with less left, the item is not begun. */
const LOOK_MAX_MS = 125_000;

/**
 * The worker that finds out what is unknown, does what is intended and undoes what may not stand: one item for each
 * authorization, under a lease, paced per provider. Safe to run in every process, as often as wanted: whatever it finds
 * is written only if nobody else was first, and what it sends carries the keys that were used before.
 */
export class Resolver {
  readonly #deps: GatewayDeps;
  readonly #inHand = new Set<Promise<void>>();

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /**
   * Takes up what is due, and does not wait for it.
   * @returns how many items were taken up
   */
  async takeUp(): Promise<number> {
    const room = IN_HAND_MAX - this.#inHand.size;
    if (room <= 0) return 0;
    const deps = this.#deps;
    const nowMs = deps.clock.wallMs();
    const lease = { owner: deps.owner, untilMs: nowMs + WORK_LEASE_MS };
    const taken = await callJournal('take_work', deps, () => deps.journal.takeWork(nowMs, room, lease));
    if (!taken.ok) return 0;
    const takenAtMs = deps.clock.monotonicMs();
    for (const item of taken.value) {
      const work = resolvePaced(item, takenAtMs, deps).finally(() => this.#inHand.delete(work));
      this.#inHand.add(work);
    }
    return taken.value.length;
  }

  /** Resolves when nothing is in hand. */
  async idle(): Promise<void> {
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
  }
}

async function resolvePaced(item: WorkItem, takenAtMs: number, deps: GatewayDeps): Promise<void> {
  const provider = providerOf(item.authorization);
  try {
    await deps.pacer.run(provider, async () => {
      const heldForMs = deps.clock.monotonicMs() - takenAtMs;
      // It waited for its turn so long that the lease might end under it: whoever takes it up next does it.
      if (heldForMs > WORK_LEASE_MS - LOOK_MAX_MS || deps.stopSignal.aborted) return;
      await resolveItem(item, deps);
    });
  } catch (error) {
    // A bug of ours. The lease ends, and the item is taken up again.
    deps.observer.alert({
      kind: 'resolver_failed',
      detail: describeError(error),
      authorizationId: item.authorization.id,
    });
  }
}

/** The provider whose share of background work an item takes. */
function providerOf(authorization: Authorization): string {
  const open = authorization.operations.find(({ status }) => status === 'pending');
  const number = open?.attemptNumber ?? authorization.attempts.length;
  return authorization.attempts[number - 1]?.provider ?? 'none';
}

/** What one look at an item came to. */
interface Look {
  readonly authorization: Authorization;
  /** Whether the provider said anything at all. */
  readonly answered: boolean;
  /** Wall clock at which the "not found" that was answered will be evidence for this process; else null. */
  readonly evidenceAtMs?: number | null;
  /** The operations that this look itself has begun: nobody else can have sent them. */
  readonly begun?: ReadonlySet<number>;
}

/** Looks once at everything about an authorization that is unsettled, and plans the next look. */
export async function resolveItem(item: WorkItem, deps: GatewayDeps): Promise<void> {
  const before = item.authorization;
  let look: Look = { authorization: before, answered: true };
  const unsettled = before.attempts.find(({ outcome }) => isUnsettled(outcome));
  if (unsettled !== undefined) look = await lookAtAttempt(before, unsettled, item, deps);
  const begun = look.begun ?? new Set();
  // An operation waits for the outcome of its attempt, unless the attempt can be cancelled without knowing it.
  for (const { number } of look.authorization.operations) {
    const operation = look.authorization.operations[number - 1];
    if (operation?.status !== 'pending') continue;
    const attempt = look.authorization.attempts[operation.attemptNumber - 1];
    if (attempt === undefined) continue;
    if (isUnsettled(attempt.outcome) && !mayCancel(attempt, operation, deps)) continue;
    const target = { authorization: look.authorization, attempt, operation };
    const next = await lookAtOperation(target, begun.has(operation.number), item, deps);
    look = {
      authorization: next.authorization,
      answered: look.answered && next.answered,
      evidenceAtMs: earliest(look.evidenceAtMs, next.evidenceAtMs),
    };
  }
  await planNext(item, look, deps);
}

function earliest(one: number | null = null, other: number | null = null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

function contractOf(provider: string, deps: GatewayDeps): ProviderContract | undefined {
  return deps.rulesets.current().providers.get(provider);
}

// ------------------------------------------------------------------------------------------------ attempts

/** What a look at an attempt found: an outcome with the way it was found, or none. */
type Found =
  | { readonly kind: 'outcome'; readonly outcome: AttemptOutcome; readonly by: 'inquiry' | 'replay' }
  | {
      readonly kind: 'nothing';
      readonly answered: boolean;
      readonly result: string;
      readonly evidenceAtMs?: number | null;
    };

async function lookAtAttempt(
  authorization: Authorization,
  attempt: Attempt,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const provider = deps.provider(attempt.provider);
  const contract = contractOf(attempt.provider, deps);
  if (provider === undefined || contract === undefined) {
    tell(authorization, attempt.provider, 'attempt', 'inquiry', 'provider_not_connected', item, deps);
    return { authorization, answered: false };
  }
  const found = await findOut(authorization, attempt, provider, contract, deps);
  if (found.kind === 'nothing') {
    tell(authorization, attempt.provider, 'attempt', 'inquiry', found.result, item, deps);
    return { authorization, answered: found.answered, evidenceAtMs: found.evidenceAtMs ?? null };
  }
  const { outcome, by } = found;
  const { validityMs } = provider.semantics;
  const result = await changeAuthorization(
    authorization,
    (current) =>
      applyOutcome(current, attempt.number, outcome, {
        nowMs: deps.clock.wallMs(),
        validityMs,
        durationMs: null,
      }),
    { event: { kind: 'resolved', actor: 'resolver', data: { attempt: attempt.id, by, outcome } } },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  tell(authorization, attempt.provider, 'attempt', by, outcome.kind, item, deps);
  if (result.kind === 'written' && !isUnsettled(outcome)) {
    deps.sightings.forget(attempt.id);
    deps.sightings.forget(sentSighting(attempt.id));
    learn(authorization, attempt, outcome, deps);
    tellUnmapped(outcome, { provider: attempt.provider, authorizationId: authorization.id }, deps);
  }
  return { authorization: result.authorization, answered: true, begun: begunBy(result) };
}

/** What somebody else began meanwhile is not among it: it may be on its way. */
function begunBy(result: Exclude<ChangeResult, { readonly kind: 'failed' }>): ReadonlySet<number> {
  if (result.kind === 'unchanged') return new Set();
  const known = result.before.operations.length;
  return new Set(result.authorization.operations.slice(known).map(({ number }) => number));
}

/** Asks by inquiry where the provider has one, else by a replay under the same key while that is safe. */
async function findOut(
  authorization: Authorization,
  attempt: Attempt,
  provider: Provider,
  contract: ProviderContract,
  deps: GatewayDeps,
): Promise<Found> {
  const seenForMs = deps.sightings.seenForMs(attempt.id);
  const { semantics } = provider;
  const reference = attempt.outcome === null ? null : providerReferenceOf(attempt.outcome);
  const canInquire =
    semantics.inquiry === 'our_reference' ||
    (semantics.inquiry === 'provider_reference' && reference !== null);
  if (!canInquire) return replay(authorization, attempt, provider, contract, seenForMs, deps);
  const answer = await inquire(
    provider,
    authorization,
    attempt.id,
    reference,
    budgetFor(contract, deps),
    deps,
  );
  switch (answer.kind) {
    case 'found':
      return { kind: 'outcome', outcome: answer.outcome, by: 'inquiry' };
    case 'not_found': {
      const nowMs = deps.clock.wallMs();
      // Clocks that are ahead see an attempt before its deadline: its whole time counts, whatever is over of it.
      const lengthMs = attempt.deadlineAtMs - attempt.startedAtMs;
      const waited = { pastDeadlineMs: nowMs - attempt.deadlineAtMs, seenForMs: seenForMs - lengthMs };
      if (isNotFoundEvidence(semantics, waited)) {
        return { kind: 'outcome', outcome: notFoundOutcome(attempt), by: 'inquiry' };
      }
      const evidenceAtMs = notFoundEvidenceAt(semantics, waited, nowMs);
      return { kind: 'nothing', answered: true, result: 'not_found', evidenceAtMs };
    }
    case 'no_answer':
      return { kind: 'nothing', answered: false, result: `no_answer ${answer.code}` };
  }
}

/**
 * The same request under the same key, from stored fields: only where no inquiry can tell, the key is certain to be
 * known still, nothing of the request was left out of the store (authentication data is), and nobody wants it undone.
 */
async function replay(
  authorization: Authorization,
  attempt: Attempt,
  provider: Provider,
  contract: ProviderContract,
  seenForMs: number,
  deps: GatewayDeps,
): Promise<Found> {
  const sentForMs = deps.sightings.seenForMs(sentSighting(attempt.id));
  const ageMs = Math.max(deps.clock.wallMs() - attempt.startedAtMs, seenForMs, sentForMs);
  const isWhole = authorization.request.threeDs === null;
  const isWanted = pendingVoid(authorization, attempt.number) === null;
  const { card } = authorization.request;
  const token = tokenFor(contract, card) ?? sharedTokenFor(contract, card);
  const isSafe =
    provider.semantics.replay === 'same_answer' &&
    isKeyUsable(provider.semantics, deps.clock.wallMs() < attempt.startedAtMs ? -1 : ageMs, KEY_MARGIN_MS);
  if (!isSafe || !isWhole || !isWanted || token === null) {
    return { kind: 'nothing', answered: true, result: 'no_way_to_ask' };
  }
  const { request, brand, scaRegion } = authorization;
  const send = () =>
    provider.authorize({
      attemptId: attempt.id,
      providerKey: attempt.providerKey,
      request: requestFor(request, attempt.number),
      token,
      brand,
      scaRegion,
      budget: budgetFor(contract, deps),
    });
  const outcome = await guardAdapter<AttemptOutcome | null>(send, null, authorization.id, deps);
  if (outcome === null) return { kind: 'nothing', answered: false, result: `no_answer ${ADAPTER_FAILED}` };
  // What was turned away was the repeat: it says nothing about the first request.
  const isAboutRepeat =
    outcome.kind === 'not_sent' || outcome.kind === 'rejected' || outcome.kind === 'unknown';
  if (isAboutRepeat) return { kind: 'nothing', answered: false, result: `no_answer ${outcome.kind}` };
  return { kind: 'outcome', outcome, by: 'replay' };
}

/** Approval learned late: the model is told; health was told when it happened. */
function learn(
  authorization: Authorization,
  attempt: Attempt,
  outcome: AttemptOutcome,
  deps: GatewayDeps,
): void {
  const { request, createdAtMs } = authorization;
  deps.learner.observe({
    provider: attempt.provider,
    facts: routingFacts(request, deps.cards.factsOf(request.card), createdAtMs),
    attemptNumber: attempt.number,
    outcome,
    durationMs: attempt.durationMs ?? 0,
    resolvedLater: true,
  });
}

// ------------------------------------------------------------------------------------------------ operations

/** Whether a void may be sent although what became of its attempt is not known. */
function mayCancel(attempt: Attempt, operation: Operation, deps: GatewayDeps): boolean {
  if (operation.kind !== 'void') return false;
  const semantics = deps.provider(attempt.provider)?.semantics;
  return semantics?.cancelByReference === true || targetOf({ attempt, operation }) !== null;
}

/** @param isNew the operation was begun by what this look found: it cannot have been sent before */
async function lookAtOperation(
  target: OperationTarget,
  isNew: boolean,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const { authorization, attempt, operation } = target;
  const provider = deps.provider(attempt.provider);
  const contract = contractOf(attempt.provider, deps);
  if (provider === undefined || contract === undefined) {
    tell(authorization, attempt.provider, operation.kind, 'inquiry', 'provider_not_connected', item, deps);
    return { authorization, answered: false };
  }
  if (targetOf(target) === null && !(operation.kind === 'void' && provider.semantics.cancelByReference)) {
    tell(authorization, attempt.provider, operation.kind, 'inquiry', 'no_way_to_ask', item, deps);
    return { authorization, answered: true };
  }
  let by: 'inquiry' | 'answer' = 'inquiry';
  let end: OperationEnd | null = null;
  let result = 'no_way_to_ask';
  let wasNotFound = false;
  let sending: Sending = isNew ? { kind: 'free' } : { kind: 'none', evidenceAtMs: null };
  const canInquire = provider.semantics.operationInquiry && targetOf(target) !== null;
  if (!isNew) {
    const inquiry = canInquire
      ? await inquireOperation(provider, target, budgetFor(contract, deps), deps)
      : null;
    if (inquiry !== null) result = labelOf(inquiry);
    wasNotFound = inquiry?.kind === 'not_found';
    end = inquiry === null ? null : endOfInquiry(inquiry);
    if (inquiry === null || wasNotFound) {
      sending = await judgeRepeat(target, provider, contract, inquiry !== null, deps);
    }
  }
  if (sending.kind === 'evidence' && operation.code !== null) {
    // It was sent again before and refused, and neither that nor the first request is known there.
    end = { status: 'failed', code: operation.code, providerReference: null };
  }
  if (end === null && sending.kind !== 'none') {
    if (sending.kind !== 'free') {
      const recorded = await recordSending(target, sending.kind === 'first' ? SENT : SENT_AGAIN, deps);
      if (recorded.kind !== 'written') return { authorization, answered: recorded.kind === 'unchanged' };
      target = { ...target, authorization: recorded.authorization };
    }
    const outcome = await sendOperation(provider, target, budgetFor(contract, deps), deps);
    by = 'answer';
    result = labelOf(outcome);
    end =
      endOfOutcome(outcome) ??
      (wasNotFound ? endOfSpentVoid(outcome, target, provider, contract, deps) : null);
    if (outcome.kind === 'accepted' && operation.kind === 'void' && !canInquire) {
      // No inquiry tells of the void, and its notice may be lost: the authorization itself is asked about.
      end = await endOfAcceptedVoid(provider, target, budgetFor(contract, deps), deps);
    }
    if (sending.kind === 'evidence' && end?.status === 'failed') {
      return endRefusedRepeat(target, end, provider, contract, item, deps);
    }
    if (end === null && wasNotFound && isKeySpent(outcome, target, provider, contract, deps)) {
      tell(authorization, attempt.provider, operation.kind, by, KEY_SPENT, item, deps);
      return keepCode(target, KEY_SPENT, KEY_SPENT_EVENT, deps);
    }
  }
  if (operation.kind === 'void' && end?.status === 'failed') {
    // While nothing is known of the attempt, a refusal to cancel it says nothing about what it may become.
    end = isUnsettled(attempt.outcome)
      ? null
      : await endOfRefusedVoid(provider, target, end, budgetFor(contract, deps), deps);
  }
  tell(authorization, attempt.provider, operation.kind, by, end?.status ?? result, item, deps);
  if (end === null) {
    const answered = !/^(no_answer|not_sent|unknown|rejected)/.test(result);
    const evidenceAtMs = sending.kind === 'none' ? sending.evidenceAtMs : null;
    return { authorization: target.authorization, answered, evidenceAtMs };
  }
  return endOperation(target, end, by, deps);
}

/** Whether and how an operation may be sent that may have been sent before. */
type Sending =
  /** It cannot be done twice: nobody has sent it, a void undoes once, or its key sees to it. */
  | { readonly kind: 'free' }
  /** Nobody has sent it so far; that it is sent is recorded first. */
  | { readonly kind: 'first' }
  /** "Not found" is evidence that no request so far was carried out. Every repeat is recorded first. */
  | { readonly kind: 'evidence' }
  | { readonly kind: 'none'; readonly evidenceAtMs: number | null };

/** Kind of the event that records that an operation is sent which whoever began it has not sent. */
const SENT = 'operation_sent';
/** Kind of the event that records a repeat which no key protects. */
const SENT_AGAIN = 'operation_sent_again';
/** Kind of the event after which an operation is not sent any more: its key gives nothing but a failure. */
const KEY_SPENT_EVENT = 'operation_key_spent';

/** Code of an operation whose key gives nothing but a failure that the provider keeps. */
const KEY_SPENT = 'key_spent';

/** Kinds of events whose authors never send what they begin: it is left to the resolver. */
const BEGUN_FOR_OTHERS: ReadonlySet<string> = new Set([
  'noticed',
  'resolved_by_person',
  'lapsed',
  'expired',
  'concluded',
]);

/**
 * A reversal that the provider does not know for certain, and whose repeat fails again: it keeps the failure under the
 * key, which so will never undo anything. It has failed, and is begun anew under another key; undoing twice undoes once.
 */
function endOfSpentVoid(
  outcome: OperationOutcome,
  target: OperationTarget,
  provider: Provider,
  contract: ProviderContract,
  deps: GatewayDeps,
): OperationEnd | null {
  if (!isReversal(target.operation) || isUnsettled(target.attempt.outcome)) return null;
  if (outcome.kind !== 'unknown' || !isUnknownThere(target, provider, contract, deps)) return null;
  return { status: 'failed', code: KEY_SPENT, providerReference: null };
}

/** A void of ours. */
function isReversal({ kind, purpose }: Operation): boolean {
  return kind === 'void' && purpose !== 'requested';
}

/**
 * What a caller may ask for anew, and the provider does not know for certain: its repeat was answered with a failure, so
 * that one is kept under the key, which will never carry anything out. It is not sent any more; it has failed once "not
 * found" is evidence about this repeat too, since an answer of somebody between may have come before the provider's own.
 */
function isKeySpent(
  outcome: OperationOutcome,
  target: OperationTarget,
  provider: Provider,
  contract: ProviderContract,
  deps: GatewayDeps,
): boolean {
  if (isReversal(target.operation) || isUnsettled(target.attempt.outcome)) return false;
  if (outcome.kind !== 'unknown' || outcome.answered !== 'failure') return false;
  return provider.semantics.replay === 'same_answer' && isUnknownThere(target, provider, contract, deps);
}

/** Whether "not found" is evidence that the first request of an operation was not carried out. */
function isUnknownThere(
  { attempt, operation }: OperationTarget,
  provider: Provider,
  contract: ProviderContract,
  deps: GatewayDeps,
): boolean {
  const seenForMs = deps.sightings.seenForMs(`${attempt.id} ${operation.id}`);
  const pastDeadlineMs = deps.clock.wallMs() - operation.createdAtMs - contract.timeoutMs;
  return isNotFoundEvidence(provider.semantics, { pastDeadlineMs, seenForMs });
}

/**
 * Whether an operation that may have been sent may be sent again. A void always: undoing twice undoes once. A capture or
 * a refund only where it cannot be done twice: under a key that is certain to be known and under which the first answer
 * is kept, or once "not found" is evidence about every request so far, the last repeat included. What was begun by
 * somebody who does not send (a webhook told of the approval that is to be captured) is sent for the first time. What
 * has a spent key is not sent any more: "not found" ends it, once that is evidence.
 * @param wasNotFound whether the provider has just said that it does not know the operation
 */
async function judgeRepeat(
  { authorization, attempt, operation }: OperationTarget,
  provider: Provider,
  contract: ProviderContract,
  wasNotFound: boolean,
  deps: GatewayDeps,
): Promise<Sending> {
  const { semantics } = provider;
  const isKeyed = semantics.replay === 'same_answer';
  const isSpent = isKeyed && operation.code === KEY_SPENT;
  if (operation.kind === 'void' && !isSpent) return { kind: 'free' };
  const history = await callJournal('history', deps, () => deps.journal.history(authorization.id));
  if (!history.ok) return { kind: 'none', evidenceAtMs: null };
  const sendings = history.value.filter(
    ({ kind, data }) =>
      (kind === SENT || kind === SENT_AGAIN || kind === KEY_SPENT_EVENT) &&
      (data as { readonly operation?: unknown }).operation === operation.id,
  );
  const beginning = history.value.find(({ begun }) => begun.includes(operation.number));
  const isLeftToUs = beginning !== undefined && BEGUN_FOR_OTHERS.has(beginning.kind);
  if (isLeftToUs && sendings.length === 0) return { kind: 'first' };
  const nowMs = deps.clock.wallMs();
  const wallAgeMs = nowMs - operation.createdAtMs;
  const sighting = `${attempt.id} ${operation.id}`;
  const ageMs = wallAgeMs < 0 ? -1 : Math.max(wallAgeMs, deps.sightings.seenForMs(sighting));
  if (isKeyed && !isSpent && isKeyUsable(semantics, ageMs, KEY_MARGIN_MS)) return { kind: 'free' };
  if (!wasNotFound) return { kind: 'none', evidenceAtMs: null };
  // As long as its key was good it may have been sent under it at any time; not since the key is known to be spent.
  const goodForMs = isKeyed && !isSpent ? (semantics.keyLifetimeMs ?? 0) : 0;
  const keyEndMs = operation.createdAtMs + goodForMs;
  const lastSentAtMs = Math.max(keyEndMs, ...sendings.map(({ atMs }) => atMs));
  const waited = {
    pastDeadlineMs: nowMs - lastSentAtMs - contract.timeoutMs,
    // Since this process has seen that there was no repeat after the last.
    seenForMs: deps.sightings.seenForMs(`${sighting} ${sendings.length}`) - contract.timeoutMs,
  };
  return isNotFoundEvidence(semantics, waited)
    ? { kind: 'evidence' }
    : { kind: 'none', evidenceAtMs: notFoundEvidenceAt(semantics, waited, nowMs) };
}

/** Makes durable that an operation is about to be sent, unless anybody else has changed something meanwhile. */
function recordSending(
  { authorization, operation }: OperationTarget,
  kind: typeof SENT | typeof SENT_AGAIN,
  deps: GatewayDeps,
): Promise<ChangeResult> {
  return changeAuthorization(
    authorization,
    (current) => ({
      authorization: current,
      remarks: [],
      changed: current.version === authorization.version,
    }),
    { event: { kind, actor: 'resolver', data: { operation: operation.id } } },
    deps,
  );
}

/**
 * A repeat without a key is refused, perhaps because an earlier request has come through after all: only what the
 * provider knows of the operation says how it ended. While it cannot tell, it stays pending, with the refusal kept.
 */
async function endRefusedRepeat(
  target: OperationTarget,
  refusal: OperationEnd,
  provider: Provider,
  contract: ProviderContract,
  item: WorkItem,
  deps: GatewayDeps,
): Promise<Look> {
  const { authorization, attempt, operation } = target;
  const inquiry = await inquireOperation(provider, target, budgetFor(contract, deps), deps);
  const end = endOfInquiry(inquiry);
  tell(
    authorization,
    attempt.provider,
    operation.kind,
    'inquiry',
    end?.status ?? labelOf(inquiry),
    item,
    deps,
  );
  if (end !== null) return endOperation(target, end, 'inquiry', deps);
  const kept = await keepCode(target, refusal.code, 'operation_refused', deps);
  return { ...kept, answered: kept.answered && inquiry.kind !== 'no_answer' };
}

/** Records with an operation that stays pending what its last sending came to. */
async function keepCode(
  { authorization, operation }: OperationTarget,
  code: string | null,
  kind: string,
  deps: GatewayDeps,
): Promise<Look> {
  const result = await changeAuthorization(
    authorization,
    (current) => {
      const known = current.operations[operation.number - 1];
      if (known?.status !== 'pending') return { authorization: current, remarks: [], changed: false };
      return { authorization: withOperation(current, { ...known, code }), remarks: [], changed: true };
    },
    { event: { kind, actor: 'resolver', data: { operation: operation.id, code } } },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  return { authorization: result.authorization, answered: true };
}

/** Writes how an operation ended. A reversal of ours that failed is begun anew by it, and pages. */
async function endOperation(
  target: OperationTarget,
  end: OperationEnd,
  by: string,
  deps: GatewayDeps,
): Promise<Look> {
  const { authorization, attempt, operation } = target;
  const result = await changeAuthorization(
    authorization,
    (current) => applyOperationEnd(current, operation.number, end, { nowMs: deps.clock.wallMs() }),
    {
      event: {
        kind: 'operation_ended',
        actor: 'resolver',
        data: { operation: operation.id, purpose: operation.purpose, by, ...end },
      },
    },
    deps,
  );
  if (result.kind === 'failed') return { authorization, answered: false };
  deps.sightings.forget(`${attempt.id} ${operation.id}`);
  return { authorization: result.authorization, answered: true };
}

// ------------------------------------------------------------------------------------------------ schedule

/** Validity taken for a provider that is not connected (any more): the longest that a card scheme grants is 30 days. */
const VALIDITY_MAX_MS = 31 * DAY_MS;

/** The schedule from its beginning; further on for a void that has failed before. */
function afresh(authorization: Authorization): WorkProgress {
  return { step: Math.max(0, failedVoids(authorization) - 1) - 1, failures: 0 };
}

/** Puts the item back for its next look, or gives it up to a person and says so. */
async function planNext(item: WorkItem, look: Look, deps: GatewayDeps): Promise<void> {
  const { authorization } = look;
  if (!hasWork(authorization)) return;
  const nowMs = deps.clock.wallMs();
  const provider = providerOf(authorization);
  const validityMs = deps.provider(provider)?.semantics.validityMs ?? VALIDITY_MAX_MS;
  const giveUpAtMs = Math.max(item.sinceMs + validityMs, authorization.expiresAtMs ?? 0);
  // Something was found out: what is left begins its schedule anew.
  const progress = authorization.version > item.authorization.version ? afresh(authorization) : item;
  const plan = nextWork(deps.resolverSchedule, progress, look.answered, nowMs, giveUpAtMs, look.evidenceAtMs);
  // Told before it is written: a confirmation that is lost, or a death after it, must not give it up in silence.
  if (plan.dueAtMs === null) {
    deps.observer.alert({
      kind: 'unresolved',
      detail: `${provider} could not tell within the validity; close it with evidence: POST ${pathToClose(authorization)}`,
      authorizationId: authorization.id,
    });
  }
  await callJournal('postpone_work', deps, () =>
    deps.journal.postponeWork(authorization.id, item.lease.owner, { ...plan, lease: null }),
  );
}

/** Where a person closes what is left: an operation waits for its attempt, so that the attempt comes first. */
function pathToClose({ attempts, operations }: Authorization): string {
  const attempt = attempts.find(({ outcome }) => isUnsettled(outcome));
  if (attempt !== undefined) return `/v1/attempts/${attempt.id}/resolutions`;
  const operation = operations.find(({ status }) => status === 'pending');
  return `/v1/operations/${operation?.id}/resolutions`;
}

function tell(
  authorization: Authorization,
  provider: string,
  subject: 'attempt' | Operation['kind'],
  by: string,
  result: string,
  item: WorkItem,
  deps: GatewayDeps,
): void {
  const ageMs = Math.max(0, deps.clock.wallMs() - item.sinceMs);
  deps.observer.resolved({ authorizationId: authorization.id, provider, subject, by, result, ageMs });
}
