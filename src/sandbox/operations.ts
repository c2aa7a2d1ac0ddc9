import { type Answer, errorAnswer } from './answer.ts';
import { isLive, type Ledger, type LedgerOperation, type LedgerRow, type WireAmount } from './ledger.ts';
import { failsCaptures } from './verdict.ts';

/** A void, capture or refund of an authorization, under an idempotency key. */
export interface OperationCall {
  readonly operation: LedgerOperation['operation'];
  readonly key: string;
  readonly row: LedgerRow;
  /** Null: all that is left. */
  readonly amount: WireAmount | null;
  /** The caller's own name for the operation. */
  readonly reference: string | null;
}

/** An operation on an authorization that is not known: it does nothing, under whatever key. */
export interface StrayCall {
  readonly operation: LedgerOperation['operation'];
  readonly key: string;
  readonly row: null;
  /** Reference that was asked for; null when it was an id. */
  readonly named: string | null;
  readonly answer: Answer;
}

/** Operations of one authorization, at most, so that a row and its view stay bounded. */
const OPERATIONS_MAX = 100;

/** Minor units that an operation moves; an answer says why it cannot be carried out. */
export function operationAmount(call: OperationCall): number | Answer {
  const { row, operation, amount } = call;
  const moved = operation === 'void' ? voidedAmount(row) : movedAmount(row, operation, amount);
  if (typeof moved === 'string') return errorAnswer(409, 'invalid_state', moved);
  if (row.operations.length >= OPERATIONS_MAX) {
    const message = `an authorization has at most ${OPERATIONS_MAX} operations`;
    return errorAnswer(409, 'invalid_state', message);
  }
  if (operation !== 'capture' || !failsCaptures(row.token)) return moved;
  return errorAnswer(409, 'capture_refused', 'this authorization cannot be captured; it can be voided');
}

/**
 * Carries out an operation that was taken on. False when that is no longer possible, because another one came
 * first.
 */
export function applyOperation(ledger: Ledger, row: LedgerRow, operation: LedgerOperation): boolean {
  const kind = operation.operation;
  if (kind === 'void') {
    const held = voidedAmount(row);
    if (typeof held === 'string') return false;
    operation.amount = held;
    // A decline stays one: only the hold behind it goes.
    if (row.status !== 'declined') ledger.move(row, 'voided');
    return true;
  }
  const amount = { value: operation.amount, currency: row.amount.currency };
  if (typeof movedAmount(row, kind, amount) === 'string') return false;
  if (kind === 'capture') {
    row.capturedAmount += operation.amount;
    row.totals.captures += 1;
  } else {
    row.refundedAmount += operation.amount;
    row.totals.refunds += 1;
  }
  return true;
}

/** Minor units that a void sets free; a text says why it cannot be. */
function voidedAmount(row: LedgerRow): number | string {
  if (row.capturedAmount > 0) return 'captured money cannot be voided: refund it';
  if (isLive(row) || row.status === 'pending' || holdsBehindDecline(row)) return row.authorizedAmount;
  return `an authorization that is ${row.status} cannot be voided`;
}

/** @param amount null: all that is left */
function movedAmount(
  row: LedgerRow,
  operation: 'capture' | 'refund',
  amount: WireAmount | null,
): number | string {
  if (!isLive(row)) return `an authorization that is ${row.status} has nothing to ${operation}`;
  if (amount !== null && amount.currency !== row.amount.currency) {
    return `the authorization is in ${row.amount.currency}, not in ${amount.currency}`;
  }
  const captures = operation === 'capture';
  const left = captures ? row.authorizedAmount - row.capturedAmount : row.capturedAmount - row.refundedAmount;
  if (left === 0) return `nothing is left to ${operation}`;
  if (amount !== null && amount.value > left) {
    return `only ${left} minor units are left to ${operation}, not ${amount.value}`;
  }
  return amount?.value ?? left;
}

/** Declined after the issuer had approved, and the issuer's hold was not taken back yet. */
function holdsBehindDecline(row: LedgerRow): boolean {
  const isVoided = row.operations.some(
    ({ operation, status }) => operation === 'void' && status === 'confirmed',
  );
  return row.decline?.after_approval === true && !isVoided;
}
