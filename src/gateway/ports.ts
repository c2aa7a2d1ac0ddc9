import type { Attempt, AttemptOutcome, BreakerSignal } from '../core/attempt.ts';
import type {
  Authorization,
  AuthorizationRequest,
  AuthorizationStatus,
  NetworkTransaction,
} from '../core/authorization.ts';
import type { CardBrand, CardFacts } from '../core/card.ts';
import type {
  ApprovalEstimate,
  BreakerState,
  CandidateExplanation,
  RoutingDecision,
} from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import type { RoutingFacts } from '../core/facts.ts';
import type { FailOverReason } from '../core/failover.ts';
import type { Amount } from '../core/money.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';

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
  /** Operation and path id, such as `authorize`. */
  readonly operation: string;
  readonly key: string;
}

/** A durable intent: written before the first byte of its request is sent. */
export interface Intent {
  readonly attemptId: string;
  readonly number: number;
  readonly provider: string;
  /** Idempotency key at the provider: a pure function of authorization, attempt number and operation. */
  readonly providerKey: string;
  /** SHA-256 of the caller's body, hex: with provider and attempt id it determines the request that is sent. */
  readonly fingerprint: string;
  readonly propensity: number;
  readonly startedAtMs: number;
  /** Wall clock by which the attempt will have been given up. */
  readonly deadlineAtMs: number;
  /** The process that may send it. */
  readonly owner: string;
  /** Wall clock from which anybody may declare the attempt unknown; later than `deadlineAtMs`. */
  readonly leaseUntilMs: number;
}

/** Claim, authorization, decision and first intent: one transaction. */
export interface Opening {
  readonly claim: ClaimScope;
  /** SHA-256 of the canonical body without `deadline_ms`, hex. */
  readonly bodyFingerprint: string;
  readonly authorizationId: string;
  readonly request: AuthorizationRequest;
  readonly live: boolean;
  readonly routing: RoutingDecision;
  readonly traceId: string;
  readonly createdAtMs: number;
  readonly intent: Intent;
}

export type OpeningResult =
  | { readonly kind: 'opened' }
  | { readonly kind: 'claimed'; readonly claim: ClaimRecord }
  /** Another authorization holds the payment (merchant, reference). */
  | { readonly kind: 'payment_live'; readonly authorizationId: string };

/** What an idempotency key was used for before. */
export interface ClaimRecord {
  readonly authorizationId: string;
  readonly bodyFingerprint: string;
  /** Under way: no answer was given yet, as far as the journal knows. */
  readonly open: boolean;
  /** The answer as given, once it is final; null while open or pending. */
  readonly frozen: { readonly httpStatus: number; readonly body: string } | null;
}

export interface OutcomeRecord {
  readonly attemptId: string;
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
  readonly atMs: number;
}

/** Outcome of one attempt and intent of the next: one transaction. */
export interface FailOverStep {
  readonly authorizationId: string;
  /** The version that the road saw last. */
  readonly expectedVersion: number;
  readonly outcome: OutcomeRecord;
  readonly reason: FailOverReason;
  /** The order of candidates that this attempt was chosen from, for the history. */
  readonly candidates: readonly CandidateExplanation[];
  readonly intent: Intent;
}

/** Last outcome and state of the authorization: one transaction, after which the road is over. */
export interface Conclusion {
  readonly authorizationId: string;
  readonly expectedVersion: number;
  /** Null when recovery closes an authorization whose outcomes are all recorded. */
  readonly outcome: OutcomeRecord | null;
  readonly status: AuthorizationStatus;
  readonly authorizedAmount: number;
  readonly provider: string | null;
  readonly providerReference: string | null;
  readonly networkTransaction: NetworkTransaction | null;
  readonly decline: Decline | null;
  /** The answer to freeze; null while the status is `pending` or `reversing`. */
  readonly frozen: { readonly httpStatus: number; readonly body: string } | null;
  /** Why the road ended there, for the history. */
  readonly reason: string;
  readonly actor: string;
  readonly atMs: number;
}

/**
 * `stale`: the authorization is no longer as the caller believes (another version, an earlier attempt that is not
 * definitely negative, a lease taken over); nothing was written.
 */
export type StepResult = { readonly kind: 'written'; readonly version: number } | { readonly kind: 'stale' };

/** The journal could not write or read. Whether the write took effect is not known. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export interface ProviderOverride {
  readonly provider: string;
  readonly brand: string | null;
  readonly merchant: string | null;
  readonly mode: 'force_open' | 'force_closed' | 'drain' | 'auto';
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
}

/**
 * The durable record. Every method is one transaction; a resolved promise of a write means that it is on disk.
 * All methods reject with {@link JournalError} when the store fails.
 */
export interface Journal {
  open(opening: Opening): Promise<OpeningResult>;
  /**
   * Records a definite negative and the next intent. Writes only if the version is the expected one, the
   * authorization is open, the attempt has no outcome yet, and every earlier attempt is definitely negative.
   */
  failOver(step: FailOverStep): Promise<StepResult>;
  /**
   * Ends the road. When the attempt was declared `unknown` meanwhile (its lease expired while its owner was still
   * alive), its owner may still replace that declaration by what it saw, as long as only the declaration came
   * between.
   */
  conclude(conclusion: Conclusion): Promise<StepResult>;
  findClaim(scope: ClaimScope): Promise<ClaimRecord | null>;
  findAuthorization(id: string): Promise<Authorization | null>;
  /** Newest first. */
  listAuthorizations(filter: AuthorizationFilter): Promise<AuthorizationPage>;
  /** Append-only history of one authorization, oldest first. */
  history(authorizationId: string): Promise<readonly HistoryEvent[]>;
  /**
   * Declares attempts unknown whose lease ended by `nowMs`, and closes their authorizations as pending, at most
   * `limit`. Running it twice changes nothing more.
   */
  lapse(nowMs: number, limit: number): Promise<Lapsed>;
  /** The content that was registered last, with its number; null before the first. */
  newestRuleset(): Promise<RegisteredRuleset | null>;
  /** The number of this ruleset content: a new one when it is not the newest known. */
  registerRuleset(
    contentHash: string,
    files: Readonly<Record<string, string>>,
    atMs: number,
  ): Promise<number>;
  saveOverride(override: ProviderOverride): Promise<void>;
  /** Newest override of each (provider, brand, merchant); `auto` and expired ones included. */
  listOverrides(): Promise<readonly ProviderOverride[]>;
  /**
   * Whether money may stand at this provider: an attempt in flight, pending or unknown, or an authorization that
   * rests on it and is not wholly undone. Such a provider may be disabled, but not removed or pointed elsewhere.
   */
  hasOpenMoney(provider: string): Promise<boolean>;
  /** Authorizations whose road is over and whose money is still to be found out or undone. */
  countUnsettled(): Promise<number>;
  /** Resolves when the store can be written now: it writes a little. */
  ping(): Promise<void>;
  /** Finishes what was begun, then frees everything. Calls after it are refused. */
  close(): Promise<void>;
}

/** A ruleset as the journal keeps it. */
export interface RegisteredRuleset {
  readonly number: number;
  readonly contentHash: string;
  /** Content by file name. */
  readonly files: Readonly<Record<string, string>>;
}

/** What {@link Journal.lapse} found. */
export interface Lapsed {
  /** Authorizations that are now pending, with the attempt that became unknown. */
  readonly lapsed: readonly { readonly authorizationId: string; readonly provider: string }[];
  /** Open authorizations whose outcomes are all recorded and whose lease is over, for the caller to conclude. */
  readonly unconcluded: readonly Authorization[];
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
}

/** Time that a call may take. */
export interface CallBudget {
  /** Monotonic clock by which the last byte of the answer must have come. */
  readonly deadlineMs: number;
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
  /** The inquiry itself failed: no evidence either way. */
  | { readonly kind: 'no_answer'; readonly code: string };

/** A void, capture or refund. */
export type OperationOutcome =
  | { readonly kind: 'confirmed'; readonly providerReference: string | null }
  /** Acknowledged only: no evidence. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'not_sent'; readonly code: string }
  | { readonly kind: 'unknown'; readonly code: string };

export interface OperationCall {
  readonly attemptId: string;
  readonly providerReference: string;
  /** Idempotency key of the operation. */
  readonly providerKey: string;
  readonly amount: Amount;
  readonly budget: CallBudget;
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
  readonly facts: RoutingFacts;
  readonly attemptNumber: number;
  readonly outcome: AttemptOutcome;
  readonly durationMs: number;
}

/** What was learned from outcomes: approval, health, latency. Reads are synchronous and never throw. */
export interface Learner {
  approval(provider: string, facts: RoutingFacts, attemptNumber: number): ApprovalEstimate;
  /** Share of recent requests that the provider processed, and of those that ended unknown. */
  health(
    provider: string,
    facts: RoutingFacts,
  ): { readonly processed: number; readonly unknown: number; readonly samples: number };
  /** 99th percentile of recent answers, milliseconds; null while there are too few. */
  latencyP99Ms(provider: string): number | null;
  observe(learned: LearnedOutcome): void;
}

// ---------------------------------------------------------------------------------------------- the rest

export interface Rulesets {
  /** The active ruleset. */
  current(): Ruleset;
}

export interface CardTable {
  /** Facts about a card; an unknown BIN gives nulls and the caller's brand. */
  factsOf(card: AuthorizationRequest['card']): CardFacts;
}

/** What telemetry is told by the road. Must not throw and must not block. */
export interface Observer {
  attemptEnded(event: {
    readonly provider: string;
    readonly brand: CardBrand;
    readonly outcome: AttemptOutcome;
    readonly durationMs: number;
  }): void;
  failedOver(event: { readonly from: string; readonly to: string; readonly reason: FailOverReason }): void;
  passedOver(event: { readonly provider: string; readonly reason: string }): void;
  decided(event: {
    readonly rule: string;
    readonly strategy: string;
    readonly provider: string | null;
  }): void;
  /** One line and one count for each authorization that the road ended. */
  authorizationEnded(event: {
    readonly authorizationId: string | null;
    readonly account: string;
    readonly merchant: string;
    readonly reference: string;
    readonly status: AuthorizationStatus | 'no_route' | 'journal_unavailable';
    readonly provider: string | null;
    readonly rule: string | null;
    readonly ruleset: number;
    /** Why no further attempt was made, from a closed list; left out where none was begun. */
    readonly stopped?: string;
    readonly attempts: readonly Attempt[];
    readonly amount: Amount;
    readonly brand: CardBrand;
    readonly durationMs: number;
    readonly traceId: string;
  }): void;
  journalTook(event: {
    readonly operation: string;
    readonly durationMs: number;
    readonly failed: boolean;
  }): void;
  /** A fault that needs a person. */
  alert(event: {
    readonly kind: string;
    readonly detail: string;
    readonly authorizationId: string | null;
  }): void;
}

/** Builds the answer to freeze from what the journal will hold. */
export type RenderAnswer = (authorization: Authorization) => {
  readonly httpStatus: number;
  readonly body: string;
};
