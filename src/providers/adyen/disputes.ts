import type { DisputeStage } from '../../gateway/ports.ts';

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
