import type { Dispute, DisputeStage } from '../../gateway/ports.ts';
import { amountOf } from './amounts.ts';
import type { ToldDispute } from './told-event.ts';

/** What an event about a dispute tells (developer.paypal.com/docs/disputes/webhooks). */
export function disputeOf(type: string, told: ToldDispute): Dispute {
  const { dispute_id: disputeId, reason, dispute_amount: amount, seller_response_due_date: due } = told;
  const dueMs = due == null ? Number.NaN : Date.parse(due);
  return {
    disputeId,
    stage: stageOf(type, told),
    reason: reason ?? null,
    amount: amount == null ? null : amountOf(amount),
    respondByMs: Number.isNaN(dueMs) ? null : dueMs,
  };
}

function stageOf(type: string, told: ToldDispute): DisputeStage {
  switch (type) {
    case 'CUSTOMER.DISPUTE.CREATED':
      // An issuer's early word on fraud, before anything is taken back.
      if (told.dispute_channel === 'ALERT') return 'fraud_notice';
      return told.dispute_life_cycle_stage === 'INQUIRY' ? 'inquiry' : 'opened';
    case 'CUSTOMER.DISPUTE.RESOLVED':
      return endOf(told.dispute_outcome?.outcome_code ?? null);
    default:
      return 'updated';
  }
}

/** An outcome that says nothing certain about who keeps the money is told as news. */
function endOf(outcome: string | null): DisputeStage {
  switch (outcome) {
    case 'RESOLVED_SELLER_FAVOUR':
    case 'CANCELED_BY_BUYER':
    case 'DENIED':
      return 'won';
    case 'RESOLVED_BUYER_FAVOUR':
    case 'ACCEPTED':
      return 'lost';
    default:
      return 'updated';
  }
}
