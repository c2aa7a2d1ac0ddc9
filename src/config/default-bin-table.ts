import { createRequire } from 'node:module';
import creditCardType from 'credit-card-type';
import { z } from 'zod';
import type { CardBrand } from '../core/card.ts';
import type { BinImportResult } from '../core/cards/bin-import.ts';
import { type BinRange, type BinRecord, BinTable, binBounds } from '../core/cards/bin-table.ts';
import { isCountry } from '../core/cards/regions.ts';
import { importBinFile } from './bin-import.ts';
import { BIN_OVERLAY } from './bin-overlay.ts';

const NOTHING: BinRecord = {
  brand: null,
  funding: null,
  product: null,
  prepaid: null,
  issuer: null,
  country: null,
};

/**
 * Our names for the schemes of credit-card-type. Verve has none and is therefore `unknown`, not the Maestro that
 * encloses it; Naranja's cards run under Visa, Mastercard and Maestro prefixes and are left to those.
 */
const SCHEMES: Readonly<Record<string, CardBrand | null>> = {
  visa: 'visa',
  mastercard: 'mastercard',
  'american-express': 'amex',
  'diners-club': 'diners',
  discover: 'discover',
  troy: 'troy',
  jcb: 'jcb',
  unionpay: 'unionpay',
  maestro: 'maestro',
  elo: 'elo',
  mir: 'mir',
  hiper: 'hiper',
  hipercard: 'hipercard',
  verve: 'unknown',
  naranja: null,
};

/** Prefixes of the schemes, from Braintree's credit-card-type (MIT). */
function schemeRanges(): BinRange[] {
  return Object.values(creditCardType.types).flatMap((type) => {
    const brand = SCHEMES[type] ?? null;
    if (brand === null) return [];
    return creditCardType.getTypeInfo(type).patterns.map((pattern) => {
      const [from, to] = Array.isArray(pattern) ? pattern : [pattern, pattern];
      return { ...NOTHING, brand, ...binBounds(String(from), String(to)) };
    });
  });
}

const require = createRequire(import.meta.url);

/** What we read of banks-db, which ships no types. */
const banksSchema = z.array(
  z.array(
    z.object({
      country: z.string(),
      localTitle: z.string().optional(),
      engTitle: z.string().optional(),
      prefixes: z.union([z.int(), z.array(z.int())]),
    }),
  ),
);

/**
 * Issuers and their countries by prefixes of five and six digits: banks-db by Linda Rian and contributors
 * (github.com/ramoona/banks-db), licensed under CC BY 4.0 (creativecommons.org/licenses/by/4.0). Changed: read into
 * ranges; URLs and colours are not used.
 */
function bankRanges(): BinRange[] {
  // Its list of banks alone: the main file would index every prefix a second time.
  const banks = banksSchema.parse(require('banks-db/banks/index.js')).flat();
  return banks.flatMap((bank) => {
    const country = bank.country.toUpperCase();
    const record = {
      ...NOTHING,
      issuer: bank.engTitle || bank.localTitle || null,
      country: isCountry(country) ? country : null,
    };
    return [bank.prefixes].flat().map((prefix) => ({ ...record, ...binBounds(String(prefix)) }));
  });
}

/** What the product knows by itself: schemes, some 17,000 prefixes of banks, and a small overlay. */
function defaultBinRanges(): readonly BinRange[] {
  return [...schemeRanges(), ...bankRanges(), ...BIN_OVERLAY];
}

/**
 * The BIN table of a start: the default one, and over it the files of `BIN_TABLES`, of which a later one wins.
 * @param onImported told about each file, with the rows that it refused
 * @throws BinFileError for a file that cannot be used at all
 */
export async function loadBinTable(
  paths: readonly string[],
  onImported: (path: string, result: BinImportResult) => void = () => {},
): Promise<BinTable> {
  const parts: (readonly BinRange[])[] = [defaultBinRanges()];
  for (const path of paths) {
    const result = await importBinFile(path);
    onImported(path, result);
    parts.push(result.ranges);
  }
  return new BinTable(parts.flat());
}
