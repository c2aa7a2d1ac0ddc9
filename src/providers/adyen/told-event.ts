import { z } from 'zod';
import { findCardNumber } from '../../core/cards/card-number.ts';
import { wireAmount, wireKey, wireReference } from './transformers.ts';

/** A code of a network or of Adyen: never free text. */
const code = z
  .string()
  .regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,23}$/)
  .refine((text) => findCardNumber(text) === null, 'a code that is no card number');

/**
 * What is kept of an event of Adyen's, whose `eventCode` is the notice's type: what evidence needs, and nothing else. Not
 * its reason, which holds the card's last digits and expiry where a payment was authorized.
 */
export const toldEvent = z.object({
  merchantAccount: z.string(),
  success: z.boolean(),
  /** Of the payment itself, or of the modification or dispute that it tells of. */
  pspReference: wireReference,
  /** Of the payment that a modification or dispute is about. */
  originalReference: wireReference.nullable(),
  /** Our name of the attempt or the operation; null when it is none of ours. */
  reference: z.string().nullable(),
  /** In Adyen's minor units. */
  amount: wireAmount.nullable(),
  /** Of an authorization: for how much, where that is said beside the amount. */
  authorised: wireAmount.nullable(),
  /** Of a refused authorization. */
  refusal: z
    .object({
      code,
      networkCode: code.nullable(),
      advice: code.nullable(),
      afterApproval: z.boolean(),
    })
    .nullable(),
  /** Of an authorization: the network's identifier. */
  link: z.object({ id: z.string(), brand: z.string().nullable(), date: z.iso.date() }).nullable(),
  dispute: z
    .object({
      reason: code.nullable(),
      /** Wall clock, milliseconds. */
      respondByMs: z.int().nullable(),
      status: z.enum(['won', 'lost']).nullable(),
    })
    .nullable(),
});

export type ToldEvent = z.infer<typeof toldEvent>;

/** Ids of Adyen's may be 16 digits, and one of them a card number by chance: then a text that is the same each time. */
export function keepable(reference: string): string {
  return findCardNumber(reference) === null ? reference : wireKey(reference);
}
