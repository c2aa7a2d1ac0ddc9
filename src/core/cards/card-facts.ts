import type { CardDetails } from '../authorization.ts';
import type { CardFacts } from '../card.ts';
import type { BinTable } from './bin-table.ts';
import { brandNamed } from './brand-names.ts';
import { regionOf } from './regions.ts';
import { truncateBin } from './truncate-bin.ts';

/**
 * What is known about a card. The BIN table's word on the brand wins over the caller's, which is taken when the table
 * has none; a caller's brand that we have no name for is none.
 */
export function cardFacts(table: BinTable, card: CardDetails): CardFacts {
  const match = card.bin === null ? null : table.find(card.bin);
  const told = card.brand === null ? null : brandNamed(card.brand);
  const fromTable = match !== null && match.brand !== 'unknown';
  const fromCaller = told !== null && told !== 'unknown';
  const brand = fromTable ? match.brand : fromCaller ? told : 'unknown';
  const issuerCountry = match?.country ?? null;
  return {
    bin: card.bin === null ? null : truncateBin(card.bin, brand),
    brand,
    brandSource: fromTable ? 'bin_table' : fromCaller ? 'caller' : 'none',
    funding: match?.funding ?? null,
    product: match?.product ?? null,
    prepaid: match?.prepaid ?? null,
    issuer: match?.issuer ?? null,
    issuerCountry,
    issuerRegion: regionOf(issuerCountry),
    matchLength: match?.matchLength ?? 0,
  };
}

/** Card facts from one table, as the road asks for them. */
export class TableCardFacts {
  readonly #table: BinTable;

  constructor(table: BinTable) {
    this.#table = table;
  }

  factsOf(card: CardDetails): CardFacts {
    return cardFacts(this.#table, card);
  }
}
