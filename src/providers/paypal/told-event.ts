import { z } from 'zod';
import {
  wireAuthorization,
  wireCapture,
  wireCode,
  wireId,
  wireMoney,
  wireOrder,
  wireRefund,
  wireRelatedIds,
} from './transformers.ts';

const related = { supplementary_data: wireRelatedIds.nullish().catch(null) };

/** Identifies a case in PayPal's resolution center, such as PP-D-12345. */
const disputeId = z.string().regex(/^[A-Z0-9][A-Z0-9-]{2,39}$/);
const dateTime = z.string().max(40);
/** Our names, as the disputed payment carried them: only what looks like one of ours is kept. */
const ourName = z
  .string()
  .regex(/^(?:att|cap)_[A-Za-z0-9_]{1,96}$/)
  .nullish()
  .catch(null);

const toldDispute = z.object({
  dispute_id: disputeId,
  reason: wireCode.nullish().catch(null),
  dispute_amount: wireMoney.nullish().catch(null),
  dispute_channel: wireCode.nullish().catch(null),
  dispute_life_cycle_stage: wireCode.nullish().catch(null),
  dispute_outcome: z
    .object({ outcome_code: wireCode.nullish().catch(null) })
    .nullish()
    .catch(null),
  seller_response_due_date: dateTime.nullish().catch(null),
  disputed_transactions: z
    .array(
      z.object({
        seller_transaction_id: wireId.nullish().catch(null),
        custom: ourName,
        invoice_number: ourName,
      }),
    )
    .max(50),
});

/** What is kept of an event: what evidence needs, and nothing else. */
export const toldEvent = z.discriminatedUnion('about', [
  z.object({ about: z.literal('authorization'), resource: wireAuthorization.extend(related) }),
  z.object({ about: z.literal('capture'), resource: wireCapture.extend(related) }),
  z.object({ about: z.literal('refund'), resource: wireRefund.extend(related) }),
  z.object({ about: z.literal('reversal'), resource: wireRefund.extend(related) }),
  z.object({ about: z.literal('order'), resource: wireOrder }),
  z.object({ about: z.literal('dispute'), resource: toldDispute }),
]);

export type ToldEvent = z.infer<typeof toldEvent>;
export type ToldDispute = z.infer<typeof toldDispute>;

/** What an event is about, by its name (developer.paypal.com/api/rest/webhooks/event-names); null: none of ours. */
export function subjectOfEvent(type: string): ToldEvent['about'] | null {
  if (type.startsWith('PAYMENT.AUTHORIZATION.')) return 'authorization';
  // Its resource is the refund, although its name is the capture's.
  if (type === 'PAYMENT.CAPTURE.REFUNDED' || type.startsWith('PAYMENT.REFUND.')) return 'refund';
  if (type === 'PAYMENT.CAPTURE.REVERSED') return 'reversal';
  if (type.startsWith('PAYMENT.CAPTURE.')) return 'capture';
  if (type.startsWith('CHECKOUT.ORDER.')) return 'order';
  if (type.startsWith('CUSTOMER.DISPUTE.')) return 'dispute';
  return null;
}
