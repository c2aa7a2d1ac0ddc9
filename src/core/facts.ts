import type { CardBrand, CardFunding, CrossBorder, Region } from './card.ts';
import type { Amount } from './money.ts';

/** What rules, eligibility and scoring may ask about an authorization. Null: not known. */
export interface RoutingFacts {
  readonly merchant: string;
  readonly reference: string;
  readonly amount: Amount;
  readonly cardBin: string | null;
  readonly cardBrand: CardBrand;
  readonly cardFunding: CardFunding | null;
  readonly cardProduct: string | null;
  readonly cardPrepaid: boolean | null;
  readonly cardIssuer: string | null;
  /** ISO 3166-1 alpha-2 of the issuer. */
  readonly cardCountry: string | null;
  readonly cardIssuerRegion: Region | null;
  readonly shopperCountry: string | null;
  readonly shopperRegion: Region | null;
  /** Issuer's country against the shopper's. */
  readonly crossBorder: CrossBorder | null;
  readonly initiator: 'customer' | 'merchant';
  readonly threeDsPresent: boolean;
  readonly networkToken: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** Wall clock of the request, milliseconds since 1970, for weekday and hour conditions. */
  readonly atMs: number;
}

/** What of the facts an outcome teaches by. */
export type LearnedFacts = Pick<
  RoutingFacts,
  'merchant' | 'cardBin' | 'cardBrand' | 'cardCountry' | 'cardIssuer' | 'cardIssuerRegion' | 'initiator'
>;
