/** Card schemes that we name; `unknown` when neither the BIN table nor the caller says. */
export const CARD_BRANDS = [
  'visa',
  'mastercard',
  'amex',
  'discover',
  'diners',
  'jcb',
  'unionpay',
  'maestro',
  'mir',
  'troy',
  'elo',
  'hiper',
  'hipercard',
  'dankort',
  'unknown',
] as const;
export type CardBrand = (typeof CARD_BRANDS)[number];

export const CARD_FUNDINGS = ['credit', 'debit', 'prepaid', 'charge'] as const;
export type CardFunding = (typeof CARD_FUNDINGS)[number];

/** Where a card was issued or a shopper is, for routing. */
export const REGIONS = [
  'eea',
  'uk',
  'europe_other',
  'north_america',
  'latin_america',
  'middle_east_africa',
  'asia_pacific',
] as const;
export type Region = (typeof REGIONS)[number];

/** Shopper's or merchant's country against the issuer's. */
export type CrossBorder = 'domestic' | 'intra_region' | 'cross_border';

/** What is known about a card from its BIN. Null means not known, never "no". */
export interface CardFacts {
  /** The BIN as kept: at most 8 digits, 6 for 15-digit cards; null when only a token is known. */
  readonly bin: string | null;
  readonly brand: CardBrand;
  /** Who said the brand. */
  readonly brandSource: 'bin_table' | 'caller' | 'none';
  readonly funding: CardFunding | null;
  readonly product: string | null;
  readonly prepaid: boolean | null;
  readonly issuer: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly issuerCountry: string | null;
  readonly issuerRegion: Region | null;
  /** Digits of the BIN table's entry that matched, 0 when none did. */
  readonly matchLength: number;
}
