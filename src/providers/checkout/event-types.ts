import type { OperationKind } from '../../core/operation.ts';
import type { DisputeStage } from '../../gateway/ports.ts';
import type { WirePayment } from './wire.ts';

/** Events about a payment itself, with the status that it has by them. */
export const PAYMENT_EVENTS: ReadonlyMap<string, WirePayment['status']> = new Map([
  ['payment_approved', 'Authorized'],
  ['payment_declined', 'Declined'],
  ['payment_pending', 'Pending'],
  ['payment_retry_scheduled', 'Retry Scheduled'],
  ['payment_canceled', 'Canceled'],
  ['payment_expired', 'Expired'],
]);

/** Events about what is done with a payment afterwards. */
export const ACTION_EVENTS: ReadonlyMap<
  string,
  { readonly kind: OperationKind; readonly state: 'confirmed' | 'failed' | 'pending' }
> = new Map([
  ['payment_captured', { kind: 'capture', state: 'confirmed' }],
  ['payment_capture_declined', { kind: 'capture', state: 'failed' }],
  ['payment_capture_pending', { kind: 'capture', state: 'pending' }],
  ['payment_voided', { kind: 'void', state: 'confirmed' }],
  ['payment_void_declined', { kind: 'void', state: 'failed' }],
  ['payment_refunded', { kind: 'refund', state: 'confirmed' }],
  ['payment_refund_declined', { kind: 'refund', state: 'failed' }],
  ['payment_refund_pending', { kind: 'refund', state: 'pending' }],
]);

/** `fraud_reported`: the issuer told the scheme of fraud. */
export const FRAUD_EVENT = 'fraud_reported';

/**
 * What events of disputes tell (checkout.com/docs, "Event types"). `dispute_evidence_required` takes the money; after
 * `dispute_expired` nothing can be said against it any more; `dispute_resolved` tells that it had been refunded already.
 */
const STAGES: ReadonlyMap<string, DisputeStage> = new Map([
  ['dispute_evidence_required', 'opened'],
  ['dispute_won', 'won'],
  ['dispute_canceled', 'won'],
  ['dispute_lost', 'lost'],
  ['dispute_accepted', 'lost'],
  ['dispute_expired', 'lost'],
]);

/** Where a dispute stands by an event; null for an event of no dispute. What is not known of one is news of it. */
export function disputeStage(type: string): DisputeStage | null {
  return STAGES.get(type) ?? (type.startsWith('dispute_') ? 'updated' : null);
}
