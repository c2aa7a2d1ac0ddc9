import type { Attempt, AttemptOutcome } from '../core/attempt.ts';
import type {
  Authorization,
  AuthorizationRequest,
  AuthorizationStatus,
  NetworkTransaction,
} from '../core/authorization.ts';
import type { RoutingDecision } from '../core/decision.ts';
import type { Decline } from '../core/declines/decline.ts';

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
  readonly trace_id: string;
  readonly created_at_ms: number;
  /** Data of the event that opened it: request and routing. */
  readonly opened: string;
}

export interface AttemptRow {
  readonly id: string;
  readonly number: number;
  readonly provider: string;
  readonly outcome: string | null;
  readonly propensity: number;
  readonly duration_ms: number | null;
  readonly started_at_ms: number;
}

/** What the event `opened` keeps: with the rows that change, the whole of an authorization. */
export interface OpenedData {
  readonly attempt: string;
  readonly provider: string;
  readonly request: AuthorizationRequest;
  readonly routing: RoutingDecision;
}

/** Puts an authorization together again. `attempts` in the order of their numbers. */
export function authorizationFrom(row: AuthorizationRow, attempts: readonly AttemptRow[]): Authorization {
  const opened: OpenedData = JSON.parse(row.opened);
  return {
    id: row.id,
    account: row.account,
    status: row.status,
    version: row.version,
    open: row.open === 1,
    live: row.live === 1,
    request: opened.request,
    authorizedAmount: row.authorized_amount,
    capturedAmount: row.captured_amount,
    refundedAmount: row.refunded_amount,
    provider: row.provider,
    providerReference: row.provider_reference,
    networkTransaction: parsed<NetworkTransaction>(row.network_transaction),
    decline: parsed<Decline>(row.decline),
    attempts: attempts.map(attemptFrom),
    routing: opened.routing,
    traceId: row.trace_id,
    createdAtMs: row.created_at_ms,
  };
}

function attemptFrom(row: AttemptRow): Attempt {
  return {
    id: row.id,
    number: row.number,
    provider: row.provider,
    outcome: parsed<AttemptOutcome>(row.outcome),
    propensity: row.propensity,
    durationMs: row.duration_ms,
    startedAtMs: row.started_at_ms,
  };
}

function parsed<T>(json: string | null): T | null {
  return json === null ? null : (JSON.parse(json) as T);
}
