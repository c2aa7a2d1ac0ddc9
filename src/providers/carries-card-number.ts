import { findCardNumber } from '../core/cards/card-number.ts';

/** Whether a text anywhere within a value of JSON holds a card number: such an event is not kept, whoever signed it. */
export function carriesCardNumber(value: unknown): boolean {
  if (typeof value === 'string') return findCardNumber(value) !== null;
  return typeof value === 'object' && value !== null && Object.values(value).some(carriesCardNumber);
}
