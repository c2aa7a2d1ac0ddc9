import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import { wireActionId, wireDisputeId, wireEventId, wirePaymentFacts, wirePaymentId } from './wire.ts';

const nullable = z.string().nullable();

/**
 * What is kept of an event about a payment or one of its actions: what evidence needs, and nothing else. Not the source,
 * which holds the card's last digits and expiry, but for the name of its network; nor the 3DS data.
 */
export const toldPayment = z.object({
  /** Our names in it; null where there are none of ours. */
  attemptId: nullable,
  operationId: nullable,
  actionId: wireActionId.nullable(),
  /** Without its reference, which is a name of ours or nobody's. */
  payment: wirePaymentFacts.omit({ reference: true }),
});

/** What is kept of an event about a dispute or a report of fraud. */
export const toldDispute = z.object({
  attemptId: nullable,
  paymentId: wirePaymentId,
  channel: nullable,
  disputeId: z.union([wireDisputeId, wireEventId]),
  reason: z
    .string()
    .regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,23}$/)
    .refine((code) => findCardNumber(code) === null, 'a code that is no card number')
    .nullable(),
  amount: z.object({ value: z.int().min(0), currency: z.string().regex(/^[A-Z]{3}$/) }).nullable(),
  /** Wall clock, milliseconds. */
  respondByMs: z.int().nullable(),
});

export type ToldPayment = z.infer<typeof toldPayment>;
