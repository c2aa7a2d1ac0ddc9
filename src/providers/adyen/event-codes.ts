import type { OperationKind } from '../../core/operation.ts';
import type { DisputeStage } from '../../gateway/ports.ts';

/**
 * Events that end an operation. Where `failed`, the event itself says that it failed, later than it was taken, and its
 * `success` only that this is so.
 */
export const MODIFICATIONS: ReadonlyMap<string, { readonly kind: OperationKind; readonly failed: boolean }> =
  new Map([
    ['CAPTURE', { kind: 'capture', failed: false }],
    ['CAPTURE_FAILED', { kind: 'capture', failed: true }],
    ['CANCELLATION', { kind: 'void', failed: false }],
    ['TECHNICAL_CANCEL', { kind: 'void', failed: false }],
    ['REFUND', { kind: 'refund', failed: false }],
    ['REFUND_FAILED', { kind: 'refund', failed: true }],
    ['REFUNDED_REVERSED', { kind: 'refund', failed: true }],
  ]);

/** Events about a payment itself, or about what somebody at Adyen did with it. */
const PAYMENTS: ReadonlySet<string> = new Set(['AUTHORISATION', 'EXPIRE', 'CANCEL_OR_REFUND']);

/**
 * Whether evidence is found in such an event. The others are not kept: there may be in them what may not be, such as the
 * token that RECURRING_CONTRACT has in the place of a payment's id.
 */
export function isUnderstood(eventCode: string): boolean {
  return PAYMENTS.has(eventCode) || MODIFICATIONS.has(eventCode) || STAGES.has(eventCode);
}

/**
 * What events of disputes and fraud tell (docs.adyen.com/risk-management/disputes-api/dispute-notifications).
 * CHARGEBACK_REVERSED gives the money back and is not final: the issuer may charge back a second time, which is.
 */
const STAGES: ReadonlyMap<string, DisputeStage> = new Map([
  ['NOTIFICATION_OF_FRAUD', 'fraud_notice'],
  ['REQUEST_FOR_INFORMATION', 'inquiry'],
  ['NOTIFICATION_OF_CHARGEBACK', 'opened'],
  ['CHARGEBACK', 'opened'],
  ['INFORMATION_SUPPLIED', 'updated'],
  ['ISSUER_COMMENTS', 'updated'],
  ['CHARGEBACK_REVERSED', 'updated'],
  ['DISPUTE_DEFENSE_PERIOD_ENDED', 'updated'],
  ['ISSUER_RESPONSE_TIMEFRAME_EXPIRED', 'won'],
  ['SECOND_CHARGEBACK', 'lost'],
  ['PREARBITRATION_OPEN', 'updated'],
  ['PREARBITRATION_ACCEPTED', 'updated'],
  ['PREARBITRATION_DECLINED', 'updated'],
  ['PREARBITRATION_ISSUER_WITHDRAWN', 'won'],
  ['PREARBITRATION_WON', 'won'],
  ['PREARBITRATION_LOST', 'lost'],
  ['SCHEME_ARBITRATION', 'updated'],
  ['SCHEME_ARBITRATION_WON', 'won'],
  ['SCHEME_ARBITRATION_LOST', 'lost'],
]);

/**
 * Where a dispute stands by an event; null for an event of no dispute.
 * @param status how it ended, where the event says so beside: it decides what its code leaves open
 */
export function disputeStage(eventCode: string, status: 'won' | 'lost' | null): DisputeStage | null {
  const stage = STAGES.get(eventCode) ?? null;
  return stage === 'updated' ? (status ?? stage) : stage;
}
