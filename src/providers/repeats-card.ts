import { findCardNumber } from '../core/cards/card-number.ts';

/**
 * Whether an id that a provider made repeats the card's number, so that it may not be kept. Ids are opaque: a number
 * in them counts only when it begins with the card's BIN.
 * @param bin null: not known, so that nothing can be said
 */
export function repeatsCard(id: string, bin: string | null): boolean {
  return findCardNumber(id, { bin, opaque: true }) !== null;
}
