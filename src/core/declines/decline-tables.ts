import type { CardBrand } from '../card.ts';
import type { DeclineCategory, OtherProvider } from './decline.ts';

/** What a code stands for. Not everything that a provider calls a decline is one. */
export type CodeMeaning =
  /** A definite "no". */
  | {
      readonly kind: 'declined';
      readonly category: DeclineCategory;
      readonly otherProvider: OtherProvider;
      /** The provider declines with this code what the issuer may have approved: a hold may stand. */
      readonly hidesApproval: boolean;
    }
  /** The customer must authenticate first. */
  | { readonly kind: 'authentication_required' }
  /** Still being worked on. */
  | { readonly kind: 'pending' }
  /** May or may not have been authorized: the outcome is unknown. */
  | { readonly kind: 'ambiguous' }
  /** The provider says that it did not process the request. */
  | { readonly kind: 'not_processed'; readonly reason: 'configuration' | 'transient' }
  /** The issuer approved. In a provider's decline: a hidden approval. */
  | { readonly kind: 'approved' }
  /** Says only that the issuer declined: the network's code decides, and without one nothing is known. */
  | { readonly kind: 'see_network' };

/** A row of the network's table: a DE39 value means what it means for a brand, and under a condition. */
export interface NetworkRow {
  readonly code: string;
  /** Null: all brands but the unknown one. */
  readonly brands: ReadonlySet<CardBrand> | null;
  /** Only for issuers inside (true) or outside (false) of the region of strong customer authentication. */
  readonly scaRegion: boolean | null;
  /** Only with (true) or without (false) 3DS data in the request. */
  readonly threeDs: boolean | null;
  readonly meaning: CodeMeaning;
}

export const VISA_CATEGORIES = [1, 2, 3, 4] as const;
/** Visa's decline categories: 1 never again, 2 not now, 3 data quality, 4 generic. */
export type VisaCategory = (typeof VISA_CATEGORIES)[number];

/** What a Mastercard merchant advice code demands. */
export interface AdviceRow {
  readonly code: string;
  /** Null: informational, it may come with an approval too. */
  readonly demands: {
    readonly category: DeclineCategory;
    readonly otherProvider: 'no' | 'never';
    /** No attempt for this long, at any provider; milliseconds. */
    readonly retryAfterMs: number | null;
  } | null;
}

/** Codes of one provider. */
export interface ProviderTable {
  /** Exact codes. */
  readonly codes: ReadonlyMap<string, CodeMeaning>;
  /** Beginnings of codes, the longest first. */
  readonly prefixes: readonly (readonly [string, CodeMeaning])[];
  /** The provider's own advice. */
  readonly advice: ReadonlyMap<string, CodeMeaning>;
  /** The advice that it reports is the network's raw merchant advice code. */
  readonly adviceIsNetworks: boolean;
}

/** All code tables, checked and frozen; replaced as a whole. */
export interface DeclineTables {
  /** DE39 to its rows, those with conditions first. */
  readonly network: ReadonlyMap<string, readonly NetworkRow[]>;
  /** DE39 to Visa's category; what is not listed is category 4. */
  readonly visaCategories: ReadonlyMap<string, VisaCategory>;
  readonly merchantAdvice: ReadonlyMap<string, AdviceRow>;
  /** By adapter. */
  readonly providers: ReadonlyMap<string, ProviderTable>;
}

/** Visa's category of a DE39 value, or null for other brands. */
export function visaCategoryOf(
  tables: DeclineTables,
  networkCode: string,
  brand: CardBrand,
): VisaCategory | null {
  return brand === 'visa' ? (tables.visaCategories.get(networkCode) ?? 4) : null;
}

/** The row of a DE39 value for this card, or null. A brand that nobody knows has none: codes differ by brand. */
export function networkMeaning(
  tables: DeclineTables,
  networkCode: string,
  card: { readonly brand: CardBrand; readonly scaRegion: boolean; readonly threeDsPresent: boolean },
): CodeMeaning | null {
  if (card.brand === 'unknown') return null;
  const row = tables.network
    .get(networkCode)
    ?.find(
      ({ brands, scaRegion, threeDs }) =>
        (brands === null || brands.has(card.brand)) &&
        (scaRegion === null || scaRegion === card.scaRegion) &&
        (threeDs === null || threeDs === card.threeDsPresent),
    );
  return row?.meaning ?? null;
}

/** What a provider's own code stands for, or null. */
export function providerMeaning(table: ProviderTable, code: string): CodeMeaning | null {
  return (
    table.codes.get(code) ?? table.prefixes.find(([beginning]) => code.startsWith(beginning))?.[1] ?? null
  );
}
