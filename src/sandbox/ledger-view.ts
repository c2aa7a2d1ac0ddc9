import {
  isLive,
  type LedgerOperation,
  type LedgerRow,
  type ProviderTotals,
  type WireAmount,
  type WireStatus,
} from './ledger.ts';
import type { WireDecline } from './verdict.ts';

/** A void, capture or refund within its authorization. */
interface OperationView {
  readonly id: string;
  readonly operation: LedgerOperation['operation'];
  readonly reference: string | null;
  readonly status: LedgerOperation['status'];
  readonly amount: WireAmount;
}

/** An authorization as the provider port answers it. */
export interface AuthorizationView {
  readonly id: string;
  readonly reference: string;
  readonly status: WireStatus;
  readonly amount: WireAmount;
  readonly authorized_amount: number;
  readonly captured_amount: number;
  readonly refunded_amount: number;
  readonly decline: WireDecline | null;
  /** Merchant advice code that came with an approval; left out when none did. */
  readonly advice?: string;
  readonly network_transaction: {
    readonly id: string;
    readonly network: string;
    readonly date: string;
  } | null;
  readonly created_at: string;
  /** Oldest first. */
  readonly operations: readonly OperationView[];
}

/**
 * The authorization as it is now, or as an inquiry shows it that is behind.
 * @param seenUpToMs wall clock; operations and their effects that are younger are not seen
 */
export function authorizationView(
  row: LedgerRow,
  seenUpToMs: number = Number.POSITIVE_INFINITY,
): AuthorizationView {
  const reachedIssuer = row.authorizedAmount > 0;
  const createdAt = new Date(row.createdAtMs).toISOString();
  return {
    id: row.id,
    reference: row.reference,
    status: statusSeen(row, seenUpToMs),
    amount: row.amount,
    authorized_amount: row.authorizedAmount,
    captured_amount: row.capturedAmount - unseenAmount(row, 'capture', seenUpToMs),
    refunded_amount: row.refundedAmount - unseenAmount(row, 'refund', seenUpToMs),
    // One that was overturned keeps it for replays.
    decline: row.status === 'declined' ? row.decline : null,
    ...(row.advice === null ? {} : { advice: row.advice }),
    network_transaction: reachedIssuer
      ? // Letters only: a Visa id is 15 digits, which a careful caller would take for a card number.
        { id: `nti${row.id.slice('sbx_'.length)}`, network: row.brand, date: createdAt.slice(0, 10) }
      : null,
    created_at: createdAt,
    operations: row.operations
      .filter((operation) => operation.createdAtMs <= seenUpToMs)
      .map((operation) => operationView(row, operation, seenUpToMs)),
  };
}

function operationView(row: LedgerRow, operation: LedgerOperation, seenUpToMs: number): OperationView {
  const isSettled = operation.settledAtMs !== null && operation.settledAtMs <= seenUpToMs;
  return {
    id: operation.id,
    operation: operation.operation,
    reference: operation.reference,
    status: isSettled ? operation.status : 'pending',
    amount: { value: operation.amount, currency: row.amount.currency },
  };
}

/** Operations that took effect, which whoever is behind does not know yet. */
function unseen(
  row: LedgerRow,
  kind: LedgerOperation['operation'],
  seenUpToMs: number,
): readonly LedgerOperation[] {
  return row.operations.filter(
    ({ operation, status, settledAtMs }) =>
      operation === kind && status === 'confirmed' && (settledAtMs ?? 0) > seenUpToMs,
  );
}

/** Minor units. */
function unseenAmount(row: LedgerRow, kind: 'capture' | 'refund', seenUpToMs: number): number {
  return unseen(row, kind, seenUpToMs).reduce((sum, { amount }) => sum + amount, 0);
}

function statusSeen(row: LedgerRow, seenUpToMs: number): WireStatus {
  if (row.status !== 'voided' || unseen(row, 'void', seenUpToMs).length === 0) return row.status;
  // As it was before the void.
  if (row.authorizedAmount === 0) return 'pending';
  return row.authorizedAmount < row.amount.value ? 'partially_authorized' : 'authorized';
}

/** The authorization as its first answer showed it: what a replay repeats, whatever happened since. */
export function firstAuthorizationView(row: LedgerRow): AuthorizationView {
  const now = authorizationView(row);
  const status = row.firstStatus ?? row.status;
  const first = { ...now, status, captured_amount: 0, refunded_amount: 0, operations: [] };
  if (status !== 'pending' && status !== 'declined') return first;
  const decline = status === 'declined' ? row.decline : null;
  return { ...first, authorized_amount: 0, decline, network_transaction: null };
}

/** An authorization as the ledger shows it. */
export interface LedgerEntry extends Omit<AuthorizationView, 'operations'> {
  readonly provider: string;
  readonly merchant: string;
  readonly merchant_reference: string | null;
  readonly token: string;
  readonly brand: string;
  /** Money is held or was taken. */
  readonly live: boolean;
  /** Idempotency key of the authorization. */
  readonly key: string;
  /** That key and those of its operations. */
  readonly keys: readonly string[];
  /** How often the authorization was asked for under its key. */
  readonly asked: number;
  readonly operations: readonly {
    readonly id: string;
    readonly operation: string;
    readonly reference: string | null;
    readonly status: string;
    readonly key: string;
    /** Minor units. */
    readonly amount: number;
    readonly asked: number;
  }[];
}

export function ledgerEntry(row: LedgerRow): LedgerEntry {
  return {
    provider: row.provider,
    ...authorizationView(row),
    merchant: row.merchant,
    merchant_reference: row.merchantReference,
    token: row.token,
    brand: row.brand,
    live: isLive(row),
    key: row.key,
    keys: [row.key, ...row.operations.map((operation) => operation.key)],
    asked: row.asked,
    operations: row.operations.map(({ id, operation, reference, status, key, amount, asked: times }) => {
      return { id, operation, reference, status, key, amount, asked: times };
    }),
  };
}

/** Answer of `GET /ledger`. */
export interface LedgerReport {
  /** Oldest first. */
  readonly authorizations: readonly LedgerEntry[];
  /** Whether more rows match than the limit let through. */
  readonly truncated: boolean;
  readonly totals: Readonly<Record<string, ProviderTotals>>;
  /** Every POST that reached a provider port. */
  readonly requests: number;
  /** Rows that had to go to stay within the bound. */
  readonly dropped: number;
}
