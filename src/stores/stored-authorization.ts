import { type Attempt, type AttemptOutcome, OUTCOME_KINDS } from '../core/attempt.ts';
import type {
  Authorization,
  AuthorizationRequest,
  AuthorizationStatus,
  LatePolicy,
  NetworkTransaction,
} from '../core/authorization.ts';
import type { CardBrand } from '../core/card.ts';
import type { RoutingDecision } from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';
import type { Operation } from '../core/operation.ts';
import { settle } from '../core/settlement.ts';
import type { Changes } from './stored-changes.ts';

/** An authorization as the store's columns hold it. */
export interface AuthorizationRow {
  readonly sequence: number;
  readonly id: string;
  readonly account: string;
  readonly status: AuthorizationStatus;
  readonly version: number;
  readonly open: number;
  readonly live: number;
  readonly authorized_amount: number;
  readonly captured_amount: number;
  readonly refunded_amount: number;
  readonly provider: string | null;
  readonly provider_reference: string | null;
  readonly network_transaction: string | null;
  readonly decline: string | null;
  readonly capture_closed: number;
  readonly expires_at_ms: number | null;
  readonly answered: number;
  readonly trace_id: string;
  readonly created_at_ms: number;
  /** Data of the event that opened it: request, routing and what else never changes. */
  readonly opened: string;
}

export interface AttemptRow {
  readonly id: string;
  readonly number: number;
  readonly provider: string;
  readonly provider_key: string;
  readonly prepared_reference: string | null;
  readonly outcome: string | null;
  readonly propensity: number;
  readonly duration_ms: number | null;
  readonly started_at_ms: number;
  readonly deadline_at_ms: number;
}

export interface OperationRow {
  readonly id: string;
  readonly number: number;
  readonly kind: Operation['kind'];
  readonly purpose: Operation['purpose'];
  readonly attempt_number: number;
  readonly target: string | null;
  readonly amount: number;
  readonly final: number;
  readonly status: Operation['status'];
  readonly code: string | null;
  readonly provider_key: string;
  readonly provider_reference: string | null;
  readonly created_at_ms: number;
  readonly settled_at_ms: number | null;
}

/** Rows of an authorization; attempts and operations in the order of their numbers. */
export interface FoundAuthorization {
  readonly row: AuthorizationRow;
  readonly attempts: readonly AttemptRow[];
  readonly operations: readonly OperationRow[];
}

/** What the event `opened` keeps: with the rows that change, the whole of an authorization. */
export interface OpenedData {
  readonly account: string;
  readonly live: boolean;
  readonly traceId: string;
  readonly request: AuthorizationRequest;
  readonly brand: CardBrand;
  readonly scaRegion: boolean;
  readonly latePolicy: LatePolicy;
  readonly routing: RoutingDecision;
  readonly changes: Changes;
}

/** What was opened before these were kept. */
const EARLIER = { brand: 'unknown', scaRegion: false, latePolicy: { reverseAfterMs: null } } as const;

/** Puts an authorization together again. */
export function authorizationFrom({ row, attempts, operations }: FoundAuthorization): Authorization {
  const opened: Pick<OpenedData, 'request' | 'routing'> & Partial<OpenedData> = JSON.parse(row.opened);
  return {
    id: row.id,
    account: row.account,
    status: row.status,
    version: row.version,
    open: row.open === 1,
    live: row.live === 1,
    request: opened.request,
    brand: opened.brand ?? EARLIER.brand,
    scaRegion: opened.scaRegion ?? EARLIER.scaRegion,
    latePolicy: opened.latePolicy ?? EARLIER.latePolicy,
    authorizedAmount: row.authorized_amount,
    capturedAmount: row.captured_amount,
    refundedAmount: row.refunded_amount,
    provider: row.provider,
    providerReference: row.provider_reference,
    networkTransaction: parsed<NetworkTransaction>(row.network_transaction),
    decline: parsed<Decline>(row.decline),
    attempts: attempts.map(attemptFrom),
    operations: operations.map(operationFrom),
    captureClosed: row.capture_closed === 1,
    expiresAtMs: row.expires_at_ms,
    answered: row.answered === 1,
    routing: opened.routing,
    traceId: row.trace_id,
    createdAtMs: row.created_at_ms,
  };
}

/**
 * Whether these rows make an authorization that can be worked on: what a disk or a person has damaged is left out where
 * many are read, so that the others get their turn.
 */
export function isReadable(found: FoundAuthorization): boolean {
  try {
    const authorization = authorizationFrom(found);
    const { request, routing, attempts } = authorization;
    settle(authorization);
    return (
      typeof request.amount.value === 'number' &&
      typeof request.card === 'object' &&
      typeof routing === 'object' &&
      attempts.every(({ outcome }) => outcome === null || OUTCOME_KINDS.includes(outcome.kind))
    );
  } catch {
    return false;
  }
}

function attemptFrom(row: AttemptRow): Attempt {
  return {
    id: row.id,
    number: row.number,
    provider: row.provider,
    providerKey: row.provider_key,
    preparedReference: row.prepared_reference,
    outcome: parsed<AttemptOutcome>(row.outcome),
    propensity: row.propensity,
    durationMs: row.duration_ms,
    startedAtMs: row.started_at_ms,
    deadlineAtMs: row.deadline_at_ms,
  };
}

function operationFrom(row: OperationRow): Operation {
  return {
    id: row.id,
    number: row.number,
    kind: row.kind,
    purpose: row.purpose,
    attemptNumber: row.attempt_number,
    target: row.target,
    amount: row.amount,
    final: row.final === 1,
    status: row.status,
    code: row.code,
    providerKey: row.provider_key,
    providerReference: row.provider_reference,
    createdAtMs: row.created_at_ms,
    settledAtMs: row.settled_at_ms,
  };
}

function parsed<T>(json: string | null): T | null {
  return json === null ? null : (JSON.parse(json) as T);
}
