import type { Attempt, AttemptOutcome, BreakerSignal, OutcomeKind } from '../core/attempt.ts';
import type {
  Authorization,
  AuthorizationRequest,
  AuthorizationStatus,
  CardDetails,
} from '../core/authorization.ts';
import type { CallerDecision, StepReason } from '../core/caller-decision.ts';
import type { CardBrand, CardFacts, Region } from '../core/card.ts';
import type { TestingSign } from '../core/card-testing.ts';
import type { BreakerState, CandidateExplanation, RoutingDecision } from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import type { Exposure } from '../core/experiments/assign.ts';
import type { ExposedRequest } from '../core/experiments/exposed.ts';
import type { LearnedFacts, RoutingFacts } from '../core/facts.ts';
import type { FailOverReason } from '../core/failover.ts';
import type { Remark } from '../core/lifecycle.ts';
import type { Amount } from '../core/money.ts';
import type { Operation, OperationKind } from '../core/operation.ts';
import type { EventChoice, EventType, HistoryEntry, OutgoingEvent } from '../core/outgoing-event.ts';
import type { ProviderSemantics, WorkProgress } from '../core/resolution.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import type { SchemeRules, WindowLimit } from '../core/scheme/scheme-rules.ts';
import type { DropBlame } from '../core/scoring/approval-drops.ts';
import type { Approval, LearningScope } from '../core/scoring/approval-model.ts';
import type { Health } from '../core/scoring/health.ts';

/** Two clocks: monotonic for durations and deadlines, wall for timestamps and leases. */
export interface Clock {
  /** Milliseconds, never goes back, no relation to the date. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. */
  wallMs(): number;
  /** Calls `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

export interface Randomness {
  /** Uniform in [0, 1). */
  unit(): number;
  /** A new identifier: `prefix` and an underscore, then letters only, so that no run of 12 digits can occur. */
  id(prefix: string): string;
}

// ---------------------------------------------------------------------------------------------- journal

/** Scope of an idempotency key. */
export interface ClaimScope {
  readonly account: string;
  readonly merchant: string;
  /** Operation and path id, such as `authorize` or `capture auth_…`. */
  readonly operation: string;
  readonly key: string;
}

/** A durable intent: written before the first byte of its request is sent. */
export interface Intent {
  readonly attemptId: string;
  readonly number: number;
  readonly provider: string;
  /** Idempotency key at the provider: a pure function of authorization and attempt number. */
  readonly providerKey: string;
  /** SHA-256 of the caller's body, hex: with provider and attempt id it determines the request that is sent. */
  readonly fingerprint: string;
  readonly propensity: number;
  readonly startedAtMs: number;
  /** Wall clock by which the attempt will have been given up. */
  readonly deadlineAtMs: number;
  /** The process that may send it. */
  readonly owner: string;
}

/** The ceilings that an attempt must keep, checked and reserved in the transaction of its intent. */
export interface SchemeCheck {
  /** The card at the merchant, as a keyed hash: never a token, never reversible. */
  readonly cardKey: string;
  readonly limits: readonly WindowLimit[];
  readonly nowMs: number;
}

/** Why an attempt may not be made with this card at this merchant now. */
export interface SchemeStop {
  /** Name of the ceiling, or why the card is blocked. */
  readonly reason: string;
  /** Wall clock from which an attempt may be made again. */
  readonly retryAtMs: number;
}

/** Claim, authorization, decision and first intent: one transaction. */
export interface Opening {
  readonly claim: ClaimScope;
  /** SHA-256 of the canonical body without `deadline_ms`, hex. */
  readonly bodyFingerprint: string;
  /** At version 1: open with its first attempt, or concluded without one (a scheme's stop). */
  readonly authorization: Authorization;
  /** Null when nothing is to be sent. */
  readonly intent: Intent | null;
  /** Null when nothing is to be sent, or the scheme guard does not apply. */
  readonly scheme: SchemeCheck | null;
  /** Until when the road holds the authorization, wall clock; not used without an intent. */
  readonly leaseUntilMs: number;
  /** The answer, when it is concluded at once. */
  readonly frozen: FrozenAnswer | null;
  /** Arms of experiments that the payment met. Left out: none. */
  readonly exposures?: readonly Exposure[];
}

export interface FrozenAnswer {
  readonly httpStatus: number;
  readonly body: string;
}

export type OpeningResult =
  | { readonly kind: 'opened' }
  | { readonly kind: 'claimed'; readonly claim: ClaimRecord }
  /** Another authorization holds the payment (merchant, reference). */
  | { readonly kind: 'payment_live'; readonly authorizationId: string }
  /** The same, and the other authorization is another account's. */
  | { readonly kind: 'payment_held' }
  /** A scheme forbids it; nothing was written. */
  | { readonly kind: 'scheme_stop'; readonly stop: SchemeStop };

/** Which attempt of which authorization. */
export interface AttemptName {
  readonly authorizationId: string;
  readonly number: number;
}

/** What an idempotency key was used for before. */
export interface ClaimRecord {
  readonly authorizationId: string;
  /** Number of the operation that it began; null for the authorization itself. */
  readonly operationNumber: number | null;
  readonly bodyFingerprint: string;
  /** Of an authorization: under way, no answer was given yet, as far as the journal knows. */
  readonly open: boolean;
  /** The answer as given, once it is final; null before. */
  readonly frozen: FrozenAnswer | null;
}

/** When somebody must look at an authorization again, and who does so now. */
export interface WorkPlan extends WorkProgress {
  /** Wall clock; null: never by itself, a person has to close it. */
  readonly dueAtMs: number | null;
  /** Set while this process works on it: nobody else takes it up before. `keep`: whoever has it goes on. */
  readonly lease: { readonly owner: string; readonly untilMs: number } | 'keep' | null;
}

/**
 * One change of an authorization: one transaction, written only if its version is still that of `before`. The journal
 * writes what differs between the two, and refuses (JournalError) what may never be: a definite outcome that changes,
 * a further attempt beside one that is not negative, a state that may not follow, sums that exceed.
 */
export interface Step {
  readonly before: Authorization;
  readonly after: Authorization;
  /** Of the attempt that `after` has more than `before`; null when it has none. */
  readonly intent: Intent | null;
  readonly scheme: SchemeCheck | null;
  /** While `after` is open: until when its road holds it, wall clock; null: unchanged. */
  readonly leaseUntilMs: number | null;
  /** What changed outcomes mean for the card's ceilings, by attempt number. */
  readonly outcomeScheme: ReadonlyMap<number, OutcomeScheme>;
  /**
   * An id of an authorization at a provider that may be recorded about no other attempt: checked in the same transaction.
   * Left out: nobody lays claim to one.
   */
  readonly exclusive?: ExclusiveReference | null;
  /** The key that began the operation which `after` has more than `before`. */
  readonly claim: { readonly scope: ClaimScope; readonly bodyFingerprint: string } | null;
  /** The answer of the authorization, when this change settles it for the first time. */
  readonly frozen: FrozenAnswer | null;
  /** Answers of operations that this change settles, by number. */
  readonly operationAnswers: ReadonlyMap<number, FrozenAnswer>;
  /** `unchanged`: no work is begun or ended by this; null: there is none any more. */
  readonly work: WorkPlan | 'unchanged' | null;
  readonly event: EventRecord;
}

/** What the outcome of an attempt means for further attempts with its card at its merchant. */
export interface OutcomeScheme {
  /** Whether it counts against the ceilings. */
  readonly counts: boolean;
  /** Wall clock until which the card may not be tried again there; null: it may. */
  readonly blockedUntilMs: number | null;
  readonly reason: string | null;
}

/** What the history keeps of a change: who, what, when, by what evidence. */
export interface EventRecord {
  readonly kind: string;
  /** The process's part, or the account of a person. */
  readonly actor: string;
  readonly atMs: number;
  /** Why, and the evidence; never card data. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** An authorization's id at a provider, and the attempt that it is to belong to. */
export interface ExclusiveReference {
  readonly provider: string;
  readonly reference: string;
  readonly attemptId: string;
}

export type StepResult =
  | { readonly kind: 'written'; readonly version: number }
  /** The id at the provider is recorded about another attempt; nothing was written. */
  | { readonly kind: 'reference_taken' }
  /** The authorization is no longer as the caller read it; nothing was written. */
  | { readonly kind: 'stale' }
  /** The key of the operation was used before; nothing was written. */
  | { readonly kind: 'claimed'; readonly claim: ClaimRecord }
  /** A scheme forbids the attempt; nothing was written. */
  | { readonly kind: 'scheme_stop'; readonly stop: SchemeStop };

/** An authorization with something to find out, do or undo, taken up under a lease. */
export interface WorkItem extends WorkProgress {
  readonly authorization: Authorization;
  /** Wall clock from which it is unsettled. */
  readonly sinceMs: number;
  readonly lease: { readonly owner: string; readonly untilMs: number };
  /** Whose lease on it ran out before they gave it back; null: nobody's. */
  readonly leftBy: string | null;
}

/** Work that somebody has in hand, or had when they died. */
export interface HeldWork {
  readonly authorizationId: string;
  /** As its holder wrote it, by the holder's own wall clock. */
  readonly lease: WorkItem['lease'];
}

/** A decision for a caller that sends itself, with its key and answer: one transaction. */
export interface DecisionOpening {
  /** Null: no key was given. */
  readonly claim: ClaimScope | null;
  /** SHA-256 of the canonical body without `deadline_ms`, hex. */
  readonly bodyFingerprint: string;
  /** At version 1, with the attempt that is offered first; without one where a scheme forbids it. */
  readonly decision: CallerDecision;
  /** Null when nothing is offered. */
  readonly scheme: SchemeCheck | null;
  readonly answer: FrozenAnswer;
  /** Arms of experiments that the payment met. */
  readonly exposures: readonly Exposure[];
}

/** A decision as the journal keeps it. */
export interface KeptDecision {
  readonly decision: CallerDecision;
  /** As it was given. */
  readonly answer: FrozenAnswer;
}

/** Which decisions about one payment. */
export interface DecisionFilter {
  readonly account: string;
  readonly merchant: string;
  readonly reference: string;
  /** 1 to 200. */
  readonly limit: number;
  readonly cursor?: string;
}

export interface DecisionPage {
  readonly data: readonly KeptDecision[];
  readonly nextCursor: string | null;
}

/** What an idempotency key of a decision was used for before. */
export interface DecisionClaim {
  readonly decisionId: string;
  readonly bodyFingerprint: string;
  readonly answer: FrozenAnswer;
}

export type DecisionOpeningResult =
  | { readonly kind: 'opened' }
  | { readonly kind: 'claimed'; readonly claim: DecisionClaim }
  /** A scheme forbids it; nothing was written. */
  | { readonly kind: 'scheme_stop'; readonly stop: SchemeStop };

/** One report taken into a decision: one transaction, written only if its version is still that of `before`. */
export interface DecisionStep {
  readonly before: CallerDecision;
  /** With one more report, and perhaps one more attempt offered. */
  readonly after: CallerDecision;
  /** Of the attempt that `after` has more; null when it has none. */
  readonly scheme: SchemeCheck | null;
  /** What the reported outcome means for the card's ceilings. */
  readonly outcomeScheme: OutcomeScheme;
}

export type DecisionStepResult =
  | { readonly kind: 'written' }
  /** The decision is no longer as the caller read it; nothing was written. */
  | { readonly kind: 'stale' }
  /** A scheme forbids the attempt; nothing was written. */
  | { readonly kind: 'scheme_stop'; readonly stop: SchemeStop };

/** The journal could not write or read. Whether the write took effect is not known. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  /** It never left this process: nothing of it is written, also not later. */
  readonly isUnsent: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isUnsent?: boolean } = {}) {
    super(message, options);
    this.isUnsent = options.isUnsent ?? false;
  }
}

/** A session of the database whose transaction is open; null: of a prepared transaction, or what may not be read. */
export interface OpenTransaction {
  readonly pid: number | null;
  readonly user: string | null;
  readonly application: string | null;
  readonly state: string | null;
  readonly openForMs: number | null;
}

/** Events of the history are not read on from somewhere, since a transaction that may still write before it is open. */
export interface HeldBack {
  /** Since it was noticed, milliseconds. */
  readonly forMs: number;
  /** The oldest such transaction; null when it has ended meanwhile, or cannot be asked for. */
  readonly by: OpenTransaction | null;
}

/** What an operator may do to a provider's traffic; `auto`: as measured. */
export const OVERRIDE_MODES = ['force_open', 'force_closed', 'drain', 'auto'] as const;

export interface ProviderOverride {
  readonly provider: string;
  readonly brand: string | null;
  readonly merchant: string | null;
  readonly mode: (typeof OVERRIDE_MODES)[number];
  readonly reason: string;
  readonly author: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
}

export interface HistoryEvent {
  readonly sequence: number;
  readonly atMs: number;
  readonly actor: string;
  readonly kind: string;
  readonly data: unknown;
  /** Numbers of the operations that it began. */
  readonly begun: readonly number[];
}

/** An event with what it made of its authorization: for whoever looks into what happened. */
export interface PastEvent {
  /** 1, 2, … within its authorization, without gaps. */
  readonly sequence: number;
  /** Wall clock. */
  readonly atMs: number;
  readonly actor: string;
  readonly kind: string;
  /** Why, and the evidence, as whoever wrote it gave it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** `from` is null for the first. Null where the status stayed; the first version of the journal never told it. */
  readonly status: { readonly from: AuthorizationStatus | null; readonly to: AuthorizationStatus } | null;
  /** New attempts, and those whose outcome is another; as the event left them. */
  readonly attempts: readonly Attempt[];
  /** New operations, and those that went on; as the event left them. */
  readonly operations: readonly Operation[];
  /** SHA-256, hex, over the event and the hash before; null for events from before the history was chained. */
  readonly hash: string | null;
}

export interface HistoryPage {
  readonly data: readonly PastEvent[];
  /** Where the next page begins; null when there is nothing after this one. */
  readonly nextAfter: number | null;
}

/**
 * The durable record. Every method is one transaction; a resolved promise of a write means that it is on disk.
 * All methods reject with {@link JournalError} when the store fails.
 */
export interface Journal {
  open(opening: Opening): Promise<OpeningResult>;
  advance(step: Step): Promise<StepResult>;
  findClaim(scope: ClaimScope): Promise<ClaimRecord | null>;
  findAuthorization(id: string): Promise<Authorization | null>;
  /**
   * The attempt that is known at this provider by this id: as what it obtained or prepared, as what an operation of it is
   * about, or as that of an operation itself. Null when there is none, or more than one.
   */
  findAttemptByReference(provider: string, reference: string): Promise<AttemptName | null>;
  /** Newest first. */
  listAuthorizations(filter: AuthorizationFilter): Promise<AuthorizationPage>;
  /** Append-only history of one authorization, oldest first. */
  history(authorizationId: string): Promise<readonly HistoryEvent[]>;
  /**
   * A page of that history, with what each event changed; empty for an authorization that is unknown or purged.
   * @param after sequence number of the last event that was read, 0 for none
   * @param limit 1 to 200
   */
  historyPage(authorizationId: string, after: number, limit: number): Promise<HistoryPage>;
  /** Authorizations whose road is open and whose lease ended by `nowMs`, oldest first, at most `limit`. */
  listLapsed(nowMs: number, limit: number): Promise<readonly Lapsed[]>;
  /** Authorizations that are not captured and whose validity ended by `nowMs`, at most `limit`. */
  listExpired(nowMs: number, limit: number): Promise<readonly Authorization[]>;
  /**
   * Takes up work that is due by `nowMs` and under nobody's lease, at most `limit`, the longest due first. Of two that
   * ask at once, one gets an item.
   */
  takeWork(nowMs: number, limit: number, lease: WorkItem['lease']): Promise<readonly WorkItem[]>;
  /**
   * Frees work and deliveries that are under the lease of anybody but this owner: for a process that knows that all others
   * are dead.
   * @returns how many items were freed
   */
  freeWork(owner: string): Promise<number>;
  /**
   * Puts work back for later. Changes nothing when the lease is no longer that of the caller.
   * @returns whether it still was the caller's: nobody else took it up meanwhile
   */
  postponeWork(authorizationId: string, owner: string, plan: WorkPlan): Promise<boolean>;
  /**
   * Takes the work of one authorization, due or not, unless it is under a lease of somebody else that did not end by
   * `endedByMs`. When it is due does not change.
   * @returns false when it is under such a lease; true also when there is no work
   */
  holdWork(authorizationId: string, endedByMs: number, lease: WorkItem['lease']): Promise<boolean>;
  /**
   * Work under a lease that has not ended by `nowMs`, due or not, at most `limit`: those first whose lease ends last, since
   * the others come to their end by themselves.
   */
  listHeldWork(nowMs: number, limit: number): Promise<readonly HeldWork[]>;
  /**
   * Takes the work of one authorization over from whoever holds it, if it is still under exactly this lease: whoever has put
   * it back, prolonged it or taken it up meanwhile keeps it. When it is due does not change.
   * @returns whether it was taken over
   */
  takeOverWork(held: HeldWork, lease: WorkItem['lease']): Promise<boolean>;
  /**
   * Takes up what one process does at a time for all that share the journal, or keeps at it: nobody else gets it before
   * `untilMs`, by the wall clock of whoever asks. Never for what must not be done twice.
   * @returns false when somebody else has it
   */
  takeDuty(duty: string, nowMs: number, lease: WorkItem['lease']): Promise<boolean>;
  /** Keeps a notice before it is acknowledged; `known`: it was kept before, and is not kept twice. */
  keepNotice(provider: string, notice: Notice, atMs: number): Promise<'kept' | 'known'>;
  /** Notices that nobody has dealt with yet, oldest first, at most `limit`. */
  openNotices(limit: number): Promise<readonly KeptNotice[]>;
  /** Says what became of a notice; it stays. */
  settleNotice(sequence: number, result: string): Promise<void>;
  /** How much is unsettled, for metrics. What is settled and only asked about once more is not counted. */
  countWork(nowMs: number): Promise<WorkCounts>;
  /**
   * The version of this ruleset content: a new one when it is not the newest known. It is not in force before it is
   * activated.
   */
  registerRuleset(
    contentHash: string,
    files: Readonly<Record<string, string>>,
    atMs: number,
  ): Promise<number>;
  /** A registered content with its files; null when no such version is registered. */
  findRuleset(version: number): Promise<RegisteredRuleset | null>;
  /** The pointer: the newest activation; null before the first. */
  activeRuleset(): Promise<ActiveRuleset | null>;
  /**
   * Moves the pointer to a registered version, if it still stands where the caller has read it. What it stood at before
   * stays known for ever. A `rollback` goes only to {@link ActiveRuleset.previous}, and `restored` only to what was
   * {@link ActiveRuleset.replaced}. Rejects for a version that is not registered.
   */
  activateRuleset(activation: NewActivation): Promise<ActivationResult>;
  /** Registered versions, newest first. */
  listRulesets(query: RulesetPageQuery): Promise<Page<ListedRuleset>>;
  /** Which version was in force when: every activation, newest first. */
  listRulesetActivations(query: RulesetPageQuery): Promise<Page<RulesetActivation>>;
  saveOverride(override: ProviderOverride): Promise<void>;
  /** Newest override of each (provider, brand, merchant); `auto` and expired ones included. */
  listOverrides(): Promise<readonly ProviderOverride[]>;
  /**
   * Authorizations as they were recorded, in the order in which they were begun: a page of at most `limit`, which may hold
   * fewer, or none, before the last one. What was purged is not among them.
   * @param after where the page before ended; null: from the beginning
   * @param limit 1 to 1000
   */
  recordedPage(range: RecordedRange, after: number | null, limit: number): Promise<RecordedPage>;
  /**
   * Authorizations and decisions that met an experiment's arms, all of a unit together: a page of at most `limit`.
   * What was purged is not among them.
   * @param after where the page before ended; null: from the beginning
   * @param limit 1 to 1000
   */
  exposurePage(experiment: string, after: ExposureCursor | null, limit: number): Promise<ExposurePage>;
  /** The arm of the experiment that the unit met first; null when it met none. */
  armOfUnit(experiment: string, unit: string): Promise<string | null>;
  /** How units of an experiment were divided, oldest first. */
  experimentPhases(experiment: string): Promise<readonly ExperimentPhase[]>;
  saveArmState(state: ArmState): Promise<void>;
  /** The newest state of each arm that was ever stopped or let run again. */
  listArmStates(): Promise<readonly ArmState[]>;
  /** Appends it; a planned look is kept once, the first of them, whoever takes it. */
  saveExperimentLook(experiment: string, look: ExperimentLook): Promise<void>;
  /** Oldest first. */
  listExperimentLooks(experiment: string): Promise<readonly ExperimentLook[]>;
  /** Takes the place of what was kept of the experiment before. */
  saveBanditShares(shares: BanditShares): Promise<void>;
  listBanditShares(): Promise<readonly BanditShares[]>;
  /**
   * Whether money may stand at this provider: an attempt in flight, pending or unknown, or an authorization that
   * rests on it and is not wholly undone. Such a provider may be disabled, but not removed or pointed elsewhere.
   */
  hasOpenMoney(provider: string): Promise<boolean>;
  /**
   * Whether an authorization's id at this provider is recorded about any other attempt than this one, of whatever
   * account: as what it obtained, or as what an operation of it is about. What was purged is not known any more.
   */
  isReferenceElsewhere(provider: string, reference: string, attemptId: string): Promise<boolean>;
  /** Authorizations whose road is over and whose money is still to be found out or undone. */
  countUnsettled(): Promise<number>;
  /**
   * Seals events that no seal covers yet, at most `limit`: a digest over their hashes and the seal before. Whoever keeps
   * a seal elsewhere (a log) can prove later that nothing before it was changed or taken away.
   * @returns the newest seal when one was made, else null
   */
  seal(nowMs: number, limit: number): Promise<Seal | null>;
  /** When the oldest event that no seal covers was written, wall clock; null: there is none. */
  oldestUnsealed(): Promise<number | null>;
  /**
   * Removes what is no longer kept of settled authorizations that were last changed before `beforeMs`, at most `limit`:
   * requests, events, answers and idempotency keys; of those that hold their payment a row stays, so that the payment
   * stays refused. Never touches one that is open, unsettled, has work, or may still be captured by its state.
   * @param refundableBeforeMs the same for those that may still be refunded: none can be afterwards; null: they stay
   * @returns how many authorizations were purged
   */
  purge(beforeMs: number, limit: number, refundableBeforeMs?: number | null): Promise<number>;
  /**
   * Makes deliveries to an endpoint of what the history tells since it was last asked, at most `limit` events of it, in
   * their order; cursor and deliveries in one transaction. The first call for an endpoint and account makes none: it puts
   * the cursor at the end of the history as it is then.
   * @returns how far the cursor was moved, in events of the history; 0: it stands at its end
   */
  makeDeliveries(subscription: EventSubscription, nowMs: number, limit: number): Promise<number>;
  /**
   * Takes up deliveries to an endpoint that are due by `nowMs` and under nobody's lease, at most `limit`, the longest due
   * first; not those of an authorization of which an earlier one waits and has failed less than
   * {@link FAILURES_BEFORE_OVERTAKEN} times. Of two that ask at once, one gets a delivery.
   */
  takeDeliveries(
    endpoint: Pick<EventSubscription, 'endpoint' | 'account'>,
    nowMs: number,
    limit: number,
    lease: WorkItem['lease'],
  ): Promise<readonly TakenDelivery[]>;
  /**
   * Says what became of a try, and ends its lease. Changes nothing when the lease is no longer that of the owner.
   * @returns whether it still was
   */
  settleDelivery(id: string, owner: string, plan: DeliveryPlan): Promise<boolean>;
  /** Newest first. */
  listDeliveries(filter: DeliveryFilter): Promise<DeliveryPage>;
  /**
   * Has a delivery sent anew, under its id, whatever became of it before: due by `nowMs`, without failures.
   * @returns null when this account and these merchants have none of that id
   */
  replayDelivery(
    id: string,
    whose: Pick<DeliveryFilter, 'account' | 'merchants'>,
    nowMs: number,
  ): Promise<Delivery | null>;
  /** What is not delivered, by endpoint. */
  countDeliveries(): Promise<readonly DeliveryCounts[]>;
  /** Lets go of deliveries that were delivered before `beforeMs`, at most `limit`. @returns how many */
  purgeDeliveries(beforeMs: number, limit: number): Promise<number>;
  openDecision(opening: DecisionOpening): Promise<DecisionOpeningResult>;
  findDecision(id: string): Promise<CallerDecision | null>;
  /** The same with what was answered; null when there is none. */
  readDecision(id: string): Promise<KeptDecision | null>;
  /** Newest first. */
  listDecisions(filter: DecisionFilter): Promise<DecisionPage>;
  findDecisionClaim(scope: ClaimScope): Promise<DecisionClaim | null>;
  advanceDecision(step: DecisionStep): Promise<DecisionStepResult>;
  /**
   * Counts decisions that expired before `expiredBeforeMs` without any report, at most `limit`, each once for ever.
   * @returns how many
   */
  countUnreported(expiredBeforeMs: number, limit: number): Promise<number>;
  /** Lets go of decisions that were made before `beforeMs`, at most `limit`, with their keys. @returns how many */
  purgeDecisions(beforeMs: number, limit: number): Promise<number>;
  /** A secret of this journal's own, made once, for keyed hashes that must outlive a restart; 32 bytes. */
  secret(): Promise<Uint8Array>;
  /** Resolves when the store can be written now: it writes a little. */
  ping(): Promise<void>;
  /** Finishes what was begun, then frees everything. Calls after it are refused. */
  close(): Promise<void>;
}

/** Where a page of exposures ended. */
export type ExposureCursor = readonly [unit: string, source: 'authorization' | 'decision', sequence: number];

export interface ExposurePage {
  readonly data: readonly ExposedRequest[];
  /** Null on the last page. */
  readonly next: ExposureCursor | null;
}

/** A time in which units were divided in one way. */
export interface ExperimentPhase {
  readonly number: number;
  /** JSON, as {@link Exposure.phase} has it. */
  readonly plan: string;
  /** Wall clock of its first exposure. */
  readonly firstAtMs: number;
}

export const ARM_STATES = ['running', 'stopped'] as const;

/** What somebody, or a guardrail, did to an arm. */
export interface ArmState {
  readonly experiment: string;
  readonly arm: string;
  /** `stopped`: it gets no new units, the baseline has them. */
  readonly state: (typeof ARM_STATES)[number];
  readonly reason: string;
  /** `guardrail`, or the account of a person. */
  readonly author: string;
  /** Wall clock. */
  readonly createdAtMs: number;
  /** Whose payments it is about, by what the account itself reports of them. Left out: everybody's. */
  readonly account?: string;
}

/** What a bandit divides its units by. */
export interface BanditShares {
  readonly experiment: string;
  /** Names of the arms that they are of, with the seed: of others they say nothing. */
  readonly arms: string;
  /** One an arm, in their order; they add up to 1. */
  readonly shares: readonly number[];
  /** Wall clock from which they hold. */
  readonly atMs: number;
}

/** What an experiment looked like at a moment. */
export interface ExperimentLook {
  readonly atMs: number;
  /** Which of the planned looks it is; null: none of them. */
  readonly planned: number | null;
  /** JSON of the comparisons. */
  readonly data: string;
}

/** By when authorizations were begun; wall clock. */
export interface RecordedRange {
  /** The first millisecond that is in it. */
  readonly fromMs: number;
  /** The first that is not. */
  readonly toMs: number;
}

export interface RecordedPage {
  /** The authorizations as the store writes them: whoever only hands them on need not take them apart. */
  readonly text: string;
  /** Where the page ended; null on the last one. */
  readonly next: number | null;
  /** Share of all authorizations that was looked at so far, 0 to 1. */
  readonly progress: number;
}

/**
 * `folder`: the rules folder held it. `activation`: a person chose it. `rollback`: a person went back to what was in force
 * before. `restored`: the gateway itself went back, because what was activated may not stay.
 */
export const ACTIVATION_CAUSES = ['folder', 'activation', 'rollback', 'restored'] as const;
export type ActivationCause = (typeof ACTIVATION_CAUSES)[number];

/** A move of the pointer to the ruleset in force. */
export interface RulesetActivation {
  /** 1, 2, … without gaps; of two, the higher one came later, whatever the clocks say. */
  readonly sequence: number;
  readonly version: number;
  readonly contentHash: string;
  readonly cause: ActivationCause;
  /** `folder`, `gateway`, or the account of a person. */
  readonly author: string;
  readonly reason: string;
  /** Wall clock from which it was in force. */
  readonly atMs: number;
  /** Wall clock of the next activation; null for the newest. */
  readonly untilMs: number | null;
}

/** The activation that is in force. */
export interface ActiveRuleset extends RulesetActivation {
  /**
   * The version to which a rollback goes: what was in force before this one, and not what was rolled back from; null when
   * there is none.
   */
  readonly previous: number | null;
  /** The version that was in force until this activation; null for the first. */
  readonly replaced: number | null;
  /**
   * What persons have gone away from since the folder was followed last, without the content in force, the one that was left
   * last at the end: a folder that holds one of them is not followed.
   */
  readonly leftByPersons: readonly LeftRuleset[];
}

/** A version that a person has gone away from. */
export interface LeftRuleset {
  readonly version: number;
  readonly contentHash: string;
  /** Sequence of the activation by which it was left last. */
  readonly sequence: number;
}

/** A move of the pointer that somebody asks for. */
export interface NewActivation
  extends Pick<RulesetActivation, 'version' | 'cause' | 'author' | 'reason' | 'atMs'> {
  /** Sequence of the activation that the caller takes to be in force; null: none. */
  readonly expected: number | null;
}

export type ActivationResult =
  | { readonly kind: 'activated'; readonly active: ActiveRuleset }
  /** The pointer stands elsewhere, or the way back leads elsewhere; nothing was written. */
  | { readonly kind: 'stale'; readonly active: ActiveRuleset | null };

/** A registered ruleset in a list. */
export interface ListedRuleset {
  readonly version: number;
  readonly contentHash: string;
  /** Wall clock. */
  readonly registeredAtMs: number;
  readonly active: boolean;
  /** When it was in force last, from the activation that began that time; null: never. */
  readonly last: RulesetActivation | null;
}

/** A ruleset as the journal keeps it. */
export interface RegisteredRuleset extends ListedRuleset {
  /** Content by file name. */
  readonly files: Readonly<Record<string, string>>;
}

export interface RulesetPageQuery {
  /** A `nextCursor` of the same list; left out: from its beginning. */
  readonly cursor?: string;
  /** 1 to 200. */
  readonly limit: number;
}

export interface Page<Item> {
  readonly data: readonly Item[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** An authorization whose road was left. */
export interface Lapsed {
  readonly authorization: Authorization;
  readonly owner: string;
  /**
   * From the beginning of its last attempt to the end of its lease, both by the clock of the process that held it;
   * milliseconds. What others wrote meanwhile, by clocks of their own, does not count.
   */
  readonly leaseMs: number;
}

/** A digest over all events up to one. */
export interface Seal {
  readonly number: number;
  /** Sequence number of the last event that it covers. */
  readonly throughEvent: number;
  /** SHA-256, hex. */
  readonly digest: string;
  readonly atMs: number;
}

export interface WorkCounts {
  /** Scheduled or under way. */
  readonly waiting: number;
  /** Due by now and not taken up. */
  readonly overdue: number;
  /** Given up by the schedule: a person has to close it. */
  readonly parked: number;
  /** Since when the oldest of them all has been unsettled, wall clock; null: there is none. */
  readonly oldestSinceMs: number | null;
}

export interface AuthorizationFilter {
  readonly account: string;
  /** The key's merchants; `all` for a key without a bound. */
  readonly merchants: 'all' | readonly string[];
  readonly merchant?: string;
  readonly reference?: string;
  readonly status?: AuthorizationStatus;
  /** Created before this wall clock. */
  readonly olderThanMs?: number;
  readonly cursor?: string;
  /** 1 to 200. */
  readonly limit: number;
}

export interface AuthorizationPage {
  readonly data: readonly Authorization[];
  readonly nextCursor: string | null;
}

// ---------------------------------------------------------------------------------------------- events

/** Whose history an endpoint is told of, and what of it. */
export interface EventSubscription extends EventChoice {
  readonly endpoint: string;
  readonly account: string;
}

/** Where an account is told of events. */
export interface EventEndpoint extends EventChoice {
  readonly id: string;
  readonly account: string;
  readonly url: URL;
  /** Keys of HMAC-SHA256: several while one is being replaced. Never shown. */
  readonly secrets: readonly Uint8Array[];
  /** False: nothing is sent, and nothing is lost; it goes on where it stood. */
  readonly enabled: boolean;
}

export const DELIVERY_STATES = ['waiting', 'delivered', 'dead'] as const;
/** `waiting`: to be sent, or sent again. `dead`: given up; a person may have it sent anew. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** An event on its way to an endpoint. */
export interface Delivery {
  /** Also the event's id to its receiver: {@link eventId}. */
  readonly id: string;
  readonly endpoint: string;
  readonly type: EventType;
  readonly authorizationId: string;
  /** Number of the change that it tells, within its authorization: of two, the higher one is the newer state. */
  readonly number: number;
  /** Wall clock of the change. */
  readonly atMs: number;
  readonly state: DeliveryState;
  /** Wall clock; null when it is not sent any more by itself. */
  readonly dueAtMs: number | null;
  /** Tries that failed. */
  readonly failures: number;
  /** What the last try came to; null before the first. */
  readonly lastResult: string | null;
  readonly lastSentAtMs: number | null;
}

/** What a delivery tells: the authorization as the change left it. */
export interface ToldEvent {
  readonly event: OutgoingEvent;
  readonly authorization: Authorization;
  readonly entry: HistoryEntry;
}

export interface TakenDelivery {
  readonly delivery: Delivery;
  /** Null when the history does not tell it (any more): it was damaged. */
  readonly told: ToldEvent | null;
}

/** What is to become of a delivery after a try. */
export type DeliveryPlan =
  | { readonly kind: 'delivered' | 'dead'; readonly result: string; readonly atMs: number }
  | { readonly kind: 'failed'; readonly result: string; readonly atMs: number; readonly dueAtMs: number }
  /** It was not tried: it is due at once, for whoever comes next. */
  | { readonly kind: 'put_back' };

export interface DeliveryFilter {
  readonly account: string;
  readonly merchants: 'all' | readonly string[];
  readonly endpoint?: string;
  readonly state?: DeliveryState;
  readonly cursor?: string;
  /** 1 to 200. */
  readonly limit: number;
}

export interface DeliveryPage {
  readonly data: readonly Delivery[];
  readonly nextCursor: string | null;
}

export interface DeliveryCounts {
  readonly endpoint: string;
  readonly waiting: number;
  readonly dead: number;
  /** Wall clock of the oldest change that waits to be told; null when none does. */
  readonly oldestWaitingAtMs: number | null;
}

/** What came of sending an event. */
export type EventSending =
  /** A complete answer. `retryAfterMs`: the receiver asks to be left alone for so long; null: it does not. */
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | null }
  /** None. */
  | { readonly kind: 'failed'; readonly code: string }
  /** The signal came: it is to be sent again, and has not failed. */
  | { readonly kind: 'interrupted' };

/** Sends events to endpoints, signed. */
export interface EventSender {
  /** One request, never repeated, redirects not followed. Never rejects. */
  send(
    endpoint: EventEndpoint,
    message: { readonly id: string; readonly body: string; readonly signal: AbortSignal },
  ): Promise<EventSending>;
}

/** Builds the body of an event. The same every time for the same delivery. */
export type RenderEvent = (delivery: Delivery, told: ToldEvent) => string;

// ---------------------------------------------------------------------------------------------- providers

/** What an adapter needs to authorize: no more. */
export interface AuthorizeCall {
  readonly attemptId: string;
  /** Idempotency key to send. */
  readonly providerKey: string;
  readonly request: AuthorizationRequest;
  /** The token to charge at this provider. */
  readonly token: string;
  readonly brand: CardBrand;
  /** Whether the issuer is in the European Economic Area or the UK, where DE39 65 of Mastercard asks for SCA. */
  readonly scaRegion: boolean;
  readonly budget: CallBudget;
  /**
   * An earlier call for this attempt may have been carried out. Then only what became of the attempt under its key counts,
   * the first answer or the state it is in: what the provider turns away before it looks there (a request that it finds
   * wanting, credentials, a limit) or because of that state is about the repeat, and is `unknown`.
   */
  readonly isRepeat: boolean;
  /**
   * Of a provider with two steps: the authorization's id there that an earlier call for this attempt has made; null: make
   * one. The others take no notice of it.
   */
  readonly preparedReference: string | null;
  /**
   * Of a provider with two steps: makes the authorization's id there durable. Called once, before the step by which money
   * can move.
   * @returns false: it is not durable, or somebody else has moved the authorization on; nothing more may be sent then
   */
  readonly prepared: (providerReference: string) => Promise<boolean>;
}

/** Time that a call may take. */
export interface CallBudget {
  /** Monotonic clock by which the last byte of the answer must have come. */
  readonly deadlineMs: number;
  /**
   * Wall clock after which nothing of it is sent any more, whatever the monotonic clock says: a machine that stood still may
   * have stopped that one, while others have taken the attempt for lapsed. Left out: there is no lease on it.
   */
  readonly sendByMs?: number;
  readonly connectTimeoutMs: number;
  /** Ends the call early (drain); what was handed over becomes unknown. */
  readonly signal: AbortSignal;
  readonly traceparent: string | null;
}

/** What an inquiry about one attempt found out. */
export type InquiryAnswer =
  /** The provider knows it: this is its outcome now. */
  | { readonly kind: 'found'; readonly outcome: AttemptOutcome }
  /** The provider does not know it. Evidence only after its consistency window. */
  | { readonly kind: 'not_found' }
  /**
   * Of a provider with two steps: the second has not been taken. No evidence, since it may be on its way; but cancelling
   * it forestalls that.
   */
  | { readonly kind: 'unconfirmed' }
  /** The inquiry itself failed: no evidence either way. */
  | { readonly kind: 'no_answer'; readonly code: string };

/** What became of a void, capture or refund that was asked for. */
export type OperationOutcome =
  | { readonly kind: 'confirmed'; readonly providerReference: string | null }
  /** Acknowledged only: no evidence. */
  | { readonly kind: 'accepted' }
  /** It definitely did not take place, and will not when it is repeated. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The provider says that it did not process it: it may be repeated. */
  | { readonly kind: 'rejected'; readonly code: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'not_sent'; readonly code: string }
  /**
   * No trustworthy answer. `answered: 'failure'`: the provider itself said, in a whole answer, that it failed, and so has
   * done with the request; not where a time-out, a lost connection or somebody between it and us may speak.
   */
  | { readonly kind: 'unknown'; readonly code: string; readonly answered?: 'failure' }
  /** The provider does not know what is to be voided. Evidence only after its consistency window. */
  | { readonly kind: 'not_found' };

export interface OperationCall {
  /** Our name for the operation, told to the provider. */
  readonly operationId: string;
  readonly attemptId: string;
  /** The authorization's id at the provider; null: cancel by our own reference, where the provider can. */
  readonly providerReference: string | null;
  /** Idempotency key of the operation. */
  readonly providerKey: string;
  /** Of a void: what it undoes; a value of 0 where that is not known. */
  readonly amount: Amount;
  /** Of a capture: nothing more will be captured, what is left is given back. */
  readonly final: boolean;
  readonly budget: CallBudget;
  /**
   * Set where an earlier call under this key may have been carried out: it must be the same request again, or none, and a
   * refusal may be about what the first has brought about. Left out: it is the first, or no earlier one was carried out.
   */
  readonly isRepeat?: boolean;
}

/** An operation as it was asked for: what is told about it is read against this. */
export interface AskedOperation extends Omit<OperationCall, 'providerKey' | 'budget' | 'isRepeat'> {
  readonly operation: OperationKind;
}

/** What a notice about an attempt is read against. */
export interface NoticeSubject {
  readonly attemptId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
  /** The authorization's id at the provider, as the attempt's outcome names it; null while it is not known. */
  readonly providerReference: string | null;
  /** All operations of ours on this attempt. */
  readonly operations: readonly AskedOperation[];
  /** Their own ids at the provider, as far as these are known. */
  readonly operationReferences: readonly string[];
}

/** What an inquiry about one operation found out. */
export type OperationInquiry =
  | { readonly kind: 'confirmed'; readonly providerReference: string | null }
  | { readonly kind: 'failed'; readonly code: string }
  /** The provider is still working on it. */
  | { readonly kind: 'pending' }
  /** The provider knows the authorization, and not the operation. */
  | { readonly kind: 'not_found' }
  | { readonly kind: 'no_answer'; readonly code: string };

/** A message that a provider sent by itself (a webhook), verified to be its own. */
export interface Notice {
  /** Its id at the provider: the same when it is sent again. */
  readonly eventId: string;
  /** The provider's word for it, for the history. */
  readonly type: string;
  /** Our attempt that it is about; null when it names none. */
  readonly attemptId: string | null;
  /** Our operation that it is about; left out when it names none. */
  readonly operationId?: string | null;
  /**
   * The id at the provider of the authorization, or of one of its captures or refunds, by which the attempt is found where
   * ours is not named; left out: not said.
   */
  readonly providerReference?: string | null;
  /** What it says, as the same adapter understands it: plain JSON without card data. */
  readonly data: unknown;
}

/** A message as it came in under a provider's name. */
export interface NoticeMessage {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Byte for byte. */
  readonly body: string;
}

export type NoticeReading =
  | { readonly kind: 'read'; readonly notices: readonly Notice[] }
  /** Not from the provider, too old, or nothing that it sends. */
  | {
      readonly kind: 'refused';
      readonly reason: 'signature' | 'stale' | 'malformed' | 'not_configured';
      /** Of a malformed one, what is missing or of another form, where it is known: a name of the provider's own. */
      readonly member?: string;
    }
  /** What verifies it could not be had now (a certificate of the provider): it is to be sent again. */
  | { readonly kind: 'unverifiable'; readonly code: string };

/** What a notice says about an attempt or one of its operations. */
export type NoticeEvidence =
  | { readonly kind: 'attempt'; readonly outcome: AttemptOutcome }
  | { readonly kind: 'operation'; readonly operationId: string; readonly inquiry: OperationInquiry }
  /** The cardholder disputes what was captured, or the issuer tells of fraud: kept and told, nothing is moved by it. */
  | { readonly kind: 'dispute'; readonly dispute: Dispute }
  /**
   * Something about the attempt, or this operation on it, has changed; what, the message does not prove, because its
   * signature does not cover all that it says. The provider is asked, and only its answer counts.
   */
  | { readonly kind: 'hint'; readonly operationId: string | null }
  /** It names our attempt, and is not about what was asked: amount, currency, merchant or operation differ. */
  | { readonly kind: 'mismatch' }
  /** Of no consequence. */
  | { readonly kind: 'nothing' };

/** What a provider tells about a dispute. */
export interface Dispute {
  /** Its id at the provider. */
  readonly disputeId: string;
  readonly stage: DisputeStage;
  /** The provider's or the network's code for why; null when it says none. */
  readonly reason: string | null;
  /** What is disputed; null when it is not said. */
  readonly amount: Amount | null;
  /** Wall clock by which evidence must be handed in; null when it is not said. */
  readonly respondByMs: number | null;
  /** Set where the message's signature does not cover what it says: somebody else may have written it. Left out: it does. */
  readonly unproven?: true;
}

/**
 * `fraud_notice`: the issuer tells of fraud, no money moves. `inquiry`: a request for information before a dispute.
 * `opened`: the money is (about to be) taken back.
 */
export const DISPUTE_STAGES = ['fraud_notice', 'inquiry', 'opened', 'updated', 'won', 'lost'] as const;
export type DisputeStage = (typeof DISPUTE_STAGES)[number];

/** A notice as the journal keeps it. */
export interface KeptNotice extends Notice {
  readonly sequence: number;
  readonly provider: string;
  readonly receivedAtMs: number;
}

/** A code of the provider, read by its table. */
export interface ProviderCode {
  readonly code: string;
  readonly networkCode: string | null;
  readonly advice: string | null;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
  readonly threeDsPresent: boolean;
}

/** One provider account. Methods never throw for anything a provider or the network does. */
export interface Provider {
  readonly id: string;
  readonly live: boolean;
  readonly semantics: ProviderSemantics;
  /** The same call under the same key is a replay: the same bytes, unless it carries what is never stored (a CAVV). */
  authorize(call: AuthorizeCall): Promise<AttemptOutcome>;
  inquire(query: {
    readonly attemptId: string;
    readonly providerReference: string | null;
    readonly request: AuthorizationRequest;
    readonly brand: CardBrand;
    readonly scaRegion: boolean;
    readonly budget: CallBudget;
  }): Promise<InquiryAnswer>;
  capture(call: OperationCall): Promise<OperationOutcome>;
  void(call: OperationCall): Promise<OperationOutcome>;
  refund(call: OperationCall): Promise<OperationOutcome>;
  inquireOperation(call: OperationCall & { readonly operation: OperationKind }): Promise<OperationInquiry>;
  /** Verifies what came in under the provider's name, by its raw bytes, and takes it apart. Never throws. */
  readNotices(message: NoticeMessage): Promise<NoticeReading>;
  /** What a notice of this provider says about an attempt. Never throws. */
  evidenceIn(notice: Pick<Notice, 'type' | 'data'>, asked: NoticeSubject): NoticeEvidence;
  /** Reads a decline code; an unknown one is `unmapped` and never fails over. */
  classify(code: ProviderCode): Decline;
  /** Frees sockets. */
  close(): void;
}

// ---------------------------------------------------------------------------------------------- guards

/** A lane as the decision sees it, without taking anything. */
export interface LaneView {
  readonly breaker: BreakerState;
  /** Null when a call may be made; else why not. */
  readonly closedBecause: 'breaker_open' | 'forced_open' | 'draining' | 'probe_in_flight' | null;
  /** 0 to 1. */
  readonly limitHeadroom: number;
}

/** A place in a provider's limit and breaker. Must be ended by exactly one of its methods. */
export interface Permit {
  /** The call was made: tells the breaker how it ended. `retryAfterMs` (of a 429) closes the limit until then. */
  report(signal: BreakerSignal, retryAfterMs?: number | null): void;
  /** No call was made: gives the place back. */
  release(): void;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly permit: Permit; readonly waitedMs: number }
  | {
      readonly kind: 'refused';
      readonly reason:
        | 'breaker_open'
        | 'forced_open'
        | 'draining'
        | 'probe_in_flight'
        | 'limit_per_second'
        | 'limit_concurrent'
        | 'queue_full'
        | 'queue_timeout';
      readonly retryAfterMs: number | null;
    };

export interface LaneKey {
  readonly provider: string;
  readonly brand: CardBrand;
  readonly merchant: string;
}

/** Limits and breakers. Order: limit, breaker, provider. */
export interface Guards {
  view(lane: LaneKey): LaneView;
  /** Takes a place now, or waits at most `queueMs` for the limit (never for a breaker). */
  admit(lane: LaneKey, queueMs: number): Promise<Admission> | Admission;
}

/** Budget of technical failovers over all payments. */
export interface RetryBudget {
  /** Counts a payment. */
  deposit(): void;
  /** Takes one failover, or says no. */
  withdraw(): boolean;
}

// ---------------------------------------------------------------------------------------------- learning

export interface LearnedOutcome {
  readonly provider: string;
  readonly facts: LearnedFacts;
  readonly attemptNumber: number;
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
  /** Found out later, of an attempt that was observed as unknown or pending before: says nothing about health. */
  readonly resolvedLater: boolean;
  /** Under which name it is learned apart, such as an arm of an experiment. Left out: with everything else. */
  readonly scope?: string;
}

/** What was learned from outcomes: approval, health, latency. Reads are synchronous and never throw. */
export interface Learner {
  approval(provider: string, facts: RoutingFacts, scope: LearningScope): Approval;
  /** Share of recent requests that the provider processed, and of those that ended unknown. */
  health(provider: string, facts: RoutingFacts): Health;
  /** 99th percentile of recent answers, milliseconds; null while there are too few. */
  latencyP99Ms(provider: string): number | null;
  observe(learned: LearnedOutcome): void;
}

// ---------------------------------------------------------------------------------------------- accounts' reports

/** A place at a provider that an account was told to try, and how its report is known. */
export interface Offer {
  readonly lane: LaneKey;
  /** Unique. */
  readonly name: string;
}

/**
 * What decisions for one account go by, that sends its payments itself and reports what came of them. Its reports move
 * what it sees itself, at once; what others see only where others say the same. Never throws.
 */
export interface AccountScope {
  /** Approval, health and latency: by everybody's attempts, and by the account's own reports. */
  readonly learner: Learner;
  /** Of the account's own payments: it cannot use up what others have. */
  readonly retryBudget: RetryBudget;
  view(lane: LaneKey): LaneView;
  /** The account is told to try it. */
  offered(offer: Offer): void;
  /** It reported what came of it. */
  reported(offer: Offer, signal: BreakerSignal): void;
}

export interface AccountScopes {
  of(account: string): AccountScope;
}

// ---------------------------------------------------------------------------------------------- the rest

/** Paces work beside the road: inquiries, replays, reversals, so that it never takes a provider from payments. */
export interface Pacer {
  /** Runs the task when the provider's share for such work allows; in order. Rejects only as the task does. */
  run<T>(provider: string, task: () => Promise<T>): Promise<T>;
}

/** The attempt ceilings of the card schemes, and how a card is named for them. */
export interface SchemeGuard {
  rules(): SchemeRules;
  /** The card at the merchant as a keyed hash; letters only. */
  cardKey(merchant: string, card: CardDetails): string;
}

/** Whose payments are watched together for card testing. */
export interface WatchedCard {
  readonly account: string;
  readonly merchant: string;
  readonly bin: string;
}

/** Watches for somebody who tries out card numbers at a merchant. Never throws. */
export interface CardTestingWatch {
  /** How long such payments are still refused, milliseconds; 0 when they are not. */
  refusedForMs(card: WatchedCard): number;
  /** Counts a payment that ended; `tripped`: from now on they are refused, told once. */
  ended(card: WatchedCard, sign: TestingSign): 'tripped' | 'counted';
}

export interface Rulesets {
  /** The active ruleset. */
  current(): Ruleset;
}

export interface CardTable {
  /** Facts about a card; an unknown BIN gives nulls and the caller's brand. */
  factsOf(card: AuthorizationRequest['card']): CardFacts;
}

/** A decision for a caller that sends itself, as the log tells it. */
export interface CallerDecided {
  /** Null where none was made. */
  readonly decisionId: string | null;
  readonly account: string;
  readonly merchant: string;
  readonly reference: string;
  /** `declined`: a ceiling of the scheme leaves nobody to try. */
  readonly result: 'offered' | 'declined' | 'no_route' | 'card_testing' | 'journal_unavailable';
  readonly provider: string | null;
  readonly rule: string | null;
  readonly ruleset: number;
  readonly experiment: { readonly id: string; readonly arm: string } | null;
  readonly amount: Amount;
  readonly durationMs: number;
  readonly traceId: string;
}

/** Where a caller's trace stands, from its `traceparent`. */
export interface TraceParent {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** 2 lower-case hex digits; bit 0: the caller records the trace. */
  readonly flags: string;
}

/**
 * What a span tells: names from closed lists and out of the rules' files, and numbers. Nothing that a caller chose (key,
 * reference, merchant, metadata) and nothing that a card is known by has a place here.
 */
export interface SpanFacts {
  readonly provider?: string;
  readonly brand?: CardBrand;
  /** 1, 2, … within its authorization. */
  readonly attempt?: number;
  /** Kind of an outcome, or state of an operation. */
  readonly outcome?: string;
  readonly operation?: OperationKind;
  /** Of the journal. */
  readonly command?: string;
  /** Of HTTP. */
  readonly status?: number;
  /** The trace in which the authorization began that is worked at. */
  readonly begunIn?: string;
}

/** A piece of a trace that is under way. Methods never throw and never block. */
export interface Span {
  readonly traceId: string;
  /** `traceparent` for what is asked of others within it. */
  readonly traceparent: string;
  /** Begins a piece of it: an attempt or an operation at a provider, or a command of the journal. */
  begin(name: 'attempt' | 'operation' | 'journal', facts: SpanFacts): Span;
  /**
   * Ends it. Once: what comes later is left aside.
   * @param failed whether it came to nothing for a fault; a decline is no fault
   */
  end(facts?: SpanFacts, failed?: boolean): void;
}

/** Begins traces. Methods never throw and never block. */
export interface Tracer {
  /** A request that came in. `route` is the pattern, never the path. */
  request(asked: { readonly method: string; readonly route: string }, parent: TraceParent | null): Span;
  /** A look of the resolver, in a trace of its own. */
  look(facts: SpanFacts): Span;
}

/** What telemetry is told by the road. Must not throw and must not block. */
export interface Observer {
  attemptEnded(event: {
    readonly provider: string;
    readonly brand: CardBrand;
    readonly outcome: AttemptOutcome;
    readonly durationMs: number;
  }): void;
  /** A decline that no table knows, and that was therefore taken as final. Codes are the provider's own words. */
  unmappedCode(event: {
    readonly provider: string;
    readonly authorizationId: string;
    readonly code: string;
    readonly networkCode: string | null;
    readonly advice: string | null;
  }): void;
  /** What became of something that a provider sent by itself, or somebody in its name. */
  noticeTaken(event: { readonly provider: string; readonly result: string; readonly member?: string }): void;
  failedOver(event: { readonly from: string; readonly to: string; readonly reason: FailOverReason }): void;
  passedOver(event: { readonly provider: string; readonly reason: string }): void;
  decided(event: {
    readonly rule: string;
    readonly strategy: string;
    readonly provider: string | null;
  }): void;
  /**
   * Decisions for callers that send themselves: made, reported for the first time, or expired without any report so long
   * ago that none is expected any more.
   */
  callerDecisions(event: { readonly what: 'made' | 'reported' | 'unreported'; readonly count: number }): void;
  /** One line for each such decision, or why there is none. */
  callerDecided(event: CallerDecided): void;
  /** What such a caller reported, and what it was told to do next. */
  outcomeReported(event: {
    readonly decisionId: string;
    readonly account: string;
    readonly merchant: string;
    readonly reference: string;
    /** 1, 2, … within its decision. */
    readonly attempt: number;
    readonly provider: string;
    readonly outcome: OutcomeKind;
    /** The provider's own word, as the caller tells it. */
    readonly code: string | null;
    readonly next: 'provider' | 'stop' | 'wait';
    /** Whom to try; null: nobody. */
    readonly nextProvider: string | null;
    readonly reason: StepReason;
    /** Since it was offered, milliseconds. */
    readonly ageMs: number;
    readonly traceId: string;
  }): void;
  /** One line and one count for each authorization that the road ended. */
  authorizationEnded(event: {
    readonly authorizationId: string | null;
    readonly account: string;
    readonly merchant: string;
    readonly reference: string;
    readonly status: AuthorizationStatus | 'no_route' | 'journal_unavailable' | 'card_testing';
    readonly provider: string | null;
    readonly rule: string | null;
    readonly ruleset: number;
    /** Why no further attempt was made, from a closed list; left out where none was begun. */
    readonly stopped?: string;
    readonly attempts: readonly Attempt[];
    /** Of `no_route`: why each was passed over. */
    readonly passedOver?: readonly Pick<CandidateExplanation, 'provider' | 'reason'>[];
    readonly amount: Amount;
    readonly brand: CardBrand;
    readonly durationMs: number;
    readonly traceId: string;
  }): void;
  /** An attempt or an operation was settled beside the road, or could not be yet. */
  resolved(event: {
    readonly authorizationId: string;
    readonly provider: string;
    readonly subject: 'attempt' | OperationKind;
    /** By what: `inquiry`, `replay`, `cancellation`, `webhook`, `person`, `answer`. */
    readonly by: string;
    /** What it is now: the kind of an outcome, the state of an operation, `no_answer`, `not_found`. */
    readonly result: string;
    /** Since it became unsettled, milliseconds. */
    readonly ageMs: number;
  }): void;
  /** The history was sealed up to an event: worth keeping elsewhere. */
  sealed(seal: Seal): void;
  /** Authorizations that are no longer kept. */
  purged(count: number): void;
  /** An event was sent to an endpoint, or could not be. */
  eventSent(event: {
    readonly endpoint: string;
    readonly delivery: string;
    readonly type: EventType;
    readonly authorizationId: string;
    /** `dead`: failed, and given up. */
    readonly result: 'delivered' | 'failed' | 'dead';
    /** A status of HTTP, or why there was none. */
    readonly detail: string;
    /** Since the change that it tells, milliseconds. */
    readonly ageMs: number;
  }): void;
  /** Something was found out that an operator must know. */
  remarked(event: {
    readonly remark: Remark;
    readonly provider: string;
    readonly authorizationId: string;
  }): void;
  journalTook(event: {
    readonly operation: string;
    readonly durationMs: number;
    readonly failed: boolean;
  }): void;
  /** A provider approves less than it long did for issuers of a region, or that is over. */
  approvalMoved(event: {
    /** `all`: the issuers approve less wherever they are asked. */
    readonly provider: string;
    readonly region: Region;
    readonly blame: DropBlame;
    /** Share of first attempts that is missing, 0 to 1; 0: over. */
    readonly drop: number;
  }): void;
  /** An arm of an experiment was stopped, or runs again. */
  armChanged(state: ArmState): void;
  /** A fault that needs a person. */
  alert(event: {
    readonly kind: string;
    readonly detail: string;
    readonly authorizationId: string | null;
  }): void;
}

/** What the answer to a decision shows beside it. */
export interface ShownDecision {
  readonly live: boolean;
  /** Providers that could be tried now, the one to try first. */
  readonly ranking: readonly string[];
  readonly routing: RoutingDecision;
  /** Why nobody is to be tried; null where somebody is. */
  readonly decline: Decline | null;
}

/** Builds the answer to a decision for a caller that sends itself. */
export type RenderDecision = (decision: CallerDecision, shown: ShownDecision) => FrozenAnswer;

/** Builds the answer about an operation. */
export type RenderOperation = (authorization: Authorization, operation: Operation) => FrozenAnswer;

/** Builds the answer to freeze from what the journal will hold. */
export type RenderAnswer = (authorization: Authorization) => {
  readonly httpStatus: number;
  readonly body: string;
};
