import type { CardBrand } from '../card.ts';
import { narrowestPrefix } from './scheme-prefixes.ts';

/** Brands whose cards all have 16 digits or more. */
const LONG_BRANDS: ReadonlySet<CardBrand> = new Set([
  'visa',
  'mastercard',
  'discover',
  'jcb',
  'unionpay',
  'mir',
  'troy',
  'elo',
  'hiper',
  'hipercard',
  'dankort',
]);

/**
 * The BIN as it may be kept beside the last four digits: eight digits for cards of 16 digits or more, else six
 * (PCI SSC FAQ on acceptable formats of truncation: a 15-digit number keeps at most its first six and last four).
 * Where the number may be shorter, or nothing is known, it is six. The prefix is asked even when the brand is given:
 * a wrong brand must not keep eight digits of an American Express card.
 * @param brand null or `unknown` when nobody says; then the prefix decides alone
 */
export function truncateBin(bin: string, brand: CardBrand | null): string {
  if (bin.length <= 6) return bin;
  const six = bin.slice(0, 6);
  const prefix = narrowestPrefix(Number(six));
  const named = brand !== null && brand !== 'unknown';
  if (named && !LONG_BRANDS.has(brand)) return six;
  if (prefix !== null && !prefix.longOnly && !(named && prefix.brand === 'maestro')) return six;
  return prefix === null && !named ? six : bin.slice(0, 8);
}
