import type { AuthorizationStatus } from '../core/authorization.ts';
import type { ExposedRequest } from '../core/experiments/exposed.ts';
import type { EventType } from '../core/outgoing-event.ts';
import type {
  ActivationCause,
  DeliveryState,
  ExposureCursor,
  ProviderOverride,
  SchemeStop,
} from '../gateway/ports.ts';
import type { FoundAuthorization } from './stored-authorization.ts';
import type { FoundDecision } from './stored-decision.ts';
import type { StoredEvent } from './told-event.ts';

// What comes back from a database, whatever its engine.

export interface ClaimRow {
  readonly authorization_id: string;
  /** 0: the authorization itself. */
  readonly operation_number: number;
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

export interface ToldEventRow extends EventRow {
  readonly hash: string | null;
}

/** All that is stored of an event, and at which place of the journal. */
export interface WholeEventRow extends ToldEventRow {
  readonly sequence: number;
  readonly answer_status: number | null;
  readonly answer_body: string | null;
}

export interface HistoryReply {
  readonly rows: readonly ToldEventRow[];
  /** The status that the events before these rows left; null when they told none. */
  readonly statusBefore: AuthorizationStatus | null;
  /** Whether there are events after these rows. */
  readonly more: boolean;
}

/** An authorization whose road was left. */
export interface FoundLapsed {
  readonly found: FoundAuthorization;
  readonly owner: string;
  readonly leaseMs: number;
}

export interface ListReply {
  readonly found: readonly FoundAuthorization[];
  /** Sequence number from which the listing goes on; null at its end. */
  readonly next: number | null;
}

/** Conditions of a listing. Null: no condition. */
export interface ListQuery {
  readonly account: string;
  /** JSON array; null for all. */
  readonly merchants: string | null;
  readonly merchant: string | null;
  readonly reference: string | null;
  readonly status: AuthorizationStatus | null;
  readonly olderThanMs: number | null;
  /** Only rows before this sequence number. */
  readonly before: number;
  readonly limit: number;
}

/** Work that was taken up. */
export interface FoundWork {
  readonly found: FoundAuthorization;
  readonly step: number;
  readonly failures: number;
  readonly sinceMs: number;
  /** Whose lease on it ran out; null: it was under none. */
  readonly leftBy: string | null;
}

/** Work under a lease. */
export interface HeldRow {
  readonly id: string;
  readonly owner: string;
  readonly until_ms: number;
}

export type OpenReply =
  | null
  | { readonly claim: ClaimRow }
  | { readonly paymentLive: string | null }
  | { readonly stop: SchemeStop };

/** The new version, null when the authorization is no longer as expected, or what forbids the change. */
export type AdvanceReply =
  | number
  | null
  | { readonly claim: ClaimRow }
  | { readonly stop: SchemeStop }
  | { readonly taken: true };

export interface DecisionClaimRow {
  readonly id: string;
  readonly body_fingerprint: string;
  readonly answer_status: number;
  readonly answer_body: string;
}

export interface KeptDecisionReply {
  readonly found: FoundDecision;
  readonly answerStatus: number;
  readonly answerBody: string;
}

export interface DecisionListReply {
  readonly found: readonly KeptDecisionReply[];
  /** The last sequence number of the page; null on the last one. */
  readonly next: number | null;
}

/** Null: it was opened. */
export type OpenDecisionReply = null | { readonly claim: DecisionClaimRow } | { readonly stop: SchemeStop };

export type AdvanceDecisionReply = 'written' | 'stale' | { readonly stop: SchemeStop };

/** A delivery as its columns hold it. */
export interface DeliveryRow {
  readonly sequence: number;
  readonly id: string;
  readonly endpoint: string;
  readonly account: string;
  readonly authorization_id: string;
  readonly authorization: number;
  readonly number: number;
  readonly part: number;
  readonly type: EventType;
  readonly at_ms: number;
  readonly state: DeliveryState;
  readonly due_at_ms: number | null;
  readonly failures: number;
  readonly last_result: string | null;
  readonly last_sent_at_ms: number | null;
}

/** A delivery with the history that it is told from. */
export interface FoundDelivery {
  readonly row: DeliveryRow;
  readonly events: readonly StoredEvent[];
}

/** Conditions of a listing. Null: no condition. */
export interface DeliveryQuery {
  readonly account: string;
  /** JSON array; null for all. */
  readonly merchants: string | null;
  readonly endpoint: string | null;
  readonly state: DeliveryState | null;
  readonly before: number;
  readonly limit: number;
}

export interface DeliveryListReply {
  readonly rows: readonly DeliveryRow[];
  /** Sequence number from which the listing goes on; null at its end. */
  readonly next: number | null;
}

/** What became of a try: state, due at (null: as it was), failures to add, result and sent at (null: as they were). */
export type SettleValues = readonly [
  state: DeliveryState,
  dueAtMs: number | null,
  failures: 0 | 1,
  result: string | null,
  sentAtMs: number | null,
];

export interface ExposureReply {
  readonly found: readonly ExposedRequest[];
  /** Null on the last page. */
  readonly next: ExposureCursor | null;
}

export interface PhaseRow {
  readonly number: number;
  readonly plan: string;
  readonly first_at_ms: number;
}

export interface ActivationRow {
  readonly sequence: number;
  readonly version: number;
  readonly content_hash: string;
  readonly cause: ActivationCause;
  readonly author: string;
  readonly reason: string;
  readonly at_ms: number;
  /** When the next one came; null for the newest. */
  readonly until_ms: number | null;
}

/** A ruleset without its files, and how it came to be in force last. */
export interface ListedRulesetRow {
  readonly number: number;
  readonly content_hash: string;
  readonly registered_at_ms: number;
  readonly sequence: number | null;
  readonly cause: ActivationCause | null;
  readonly author: string | null;
  readonly reason: string | null;
  readonly at_ms: number | null;
  readonly until_ms: number | null;
  readonly active: 0 | 1;
}

export interface RulesetRow extends ListedRulesetRow {
  /** JSON: content by file name. */
  readonly files: string;
}

export interface LeftRow {
  readonly version: number;
  readonly content_hash: string;
  /** Sequence of the activation by which it was left last. */
  readonly sequence: number;
}

export interface ActiveReply {
  readonly row: ActivationRow;
  /** The version to which a rollback goes; null: there is none. */
  readonly previous: number | null;
  /** The version of the activation before; null for the first. */
  readonly replaced: number | null;
  /** What persons have left since the folder was followed last. */
  readonly left: readonly LeftRow[];
}

export interface ActivateReply {
  /** False when another activation is the newest, or a way back does not lead to this version. */
  readonly done: boolean;
  /** Afterwards. */
  readonly active: ActiveReply | null;
}

export interface RulesetListReply<Row> {
  readonly rows: readonly Row[];
  /** Number of the last row when there are more after it. */
  readonly next: number | null;
}

/** What is to be in force, and what the caller takes to be so. */
export interface ActivateCommand {
  readonly version: number;
  readonly cause: ActivationCause;
  readonly author: string;
  readonly reason: string;
  readonly atMs: number;
  /** Sequence of the newest activation; null: there is none. */
  readonly expected: number | null;
}

export interface OverrideRow {
  readonly provider: string;
  readonly brand: string | null;
  readonly merchant: string | null;
  readonly mode: ProviderOverride['mode'];
  readonly reason: string;
  readonly author: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
}

export interface NoticeRow {
  readonly sequence: number;
  readonly provider: string;
  readonly event_id: string;
  readonly type: string;
  readonly attempt_id: string | null;
  readonly operation_id: string | null;
  readonly provider_reference: string | null;
  readonly data: string;
  readonly received_at_ms: number;
}
