import type { CardBrand, CardFunding } from '../card.ts';
import { BIN_DIGITS_MAX, BIN_DIGITS_MIN, type BinRange, binBounds } from './bin-table.ts';
import { brandNamed } from './brand-names.ts';
import { CsvReader } from './csv-reader.ts';
import { isCountry } from './regions.ts';

/** A row that was not taken. */
export interface RefusedRow {
  /** In the file, from 1. */
  readonly line: number;
  /** Field within the row, from 1. */
  readonly column: number;
  /** Never with the digits themselves: they may be a card number. */
  readonly what: string;
  readonly remedy: string;
}

export interface BinImportResult {
  /** Why the file as a whole cannot be read; null when it can. */
  readonly unreadable: RefusedRow | null;
  readonly ranges: readonly BinRange[];
  /** Rows below the header. */
  readonly rows: number;
  readonly refused: number;
  /** The first refused rows, at most 20. */
  readonly refusedFirst: readonly RefusedRow[];
  /** How many rows each complaint is about. */
  readonly reasons: ReadonlyMap<string, number>;
  /** Values that we have no name for, such as `country UK`, and how often: the row counts, the value is not known. */
  readonly notUnderstood: ReadonlyMap<string, number>;
  readonly brands: ReadonlyMap<string, number>;
  readonly countries: ReadonlyMap<string, number>;
  /** Names of the columns that nothing is read from, as the file spells them. */
  readonly passedOver: readonly string[];
}

const REFUSED_SHOWN = 20;
const NOT_UNDERSTOOD_MAX = 200;

/** Names of columns, in lower case, by what they hold. The first form that has its `start` column is taken. */
const FORMS = [
  {
    // binlist: what it calls brand is the product.
    needs: 'scheme',
    start: ['iin_start', 'bin_start', 'bin', 'iin'],
    end: ['iin_end', 'bin_end'],
    brand: ['scheme'],
    funding: ['type', 'funding'],
    product: ['brand', 'category'],
    prepaid: ['prepaid'],
    issuer: ['bank_name', 'issuer', 'bank'],
    country: ['country', 'isocode2', 'alpha_2', 'country_alpha2'],
  },
  {
    needs: null,
    start: ['bin', 'iin', 'bin_start', 'iin_start', 'prefix'],
    end: ['bin_end', 'iin_end'],
    brand: ['brand'],
    funding: ['type', 'funding'],
    product: ['category', 'level', 'product'],
    prepaid: ['prepaid'],
    issuer: ['issuer', 'bank_name', 'bank'],
    country: ['isocode2', 'alpha_2', 'country_alpha2', 'country'],
  },
] as const;

/** What a first line may look like, for people. */
export const HEADERS_SHOWN = [
  'BIN,Brand,Type,Category,Issuer,isoCode2',
  'iin_start,iin_end,scheme,brand,type,prepaid,country,bank_name',
] as const;

type Columns = Readonly<
  Record<'start' | 'end' | 'brand' | 'funding' | 'product' | 'prepaid' | 'issuer' | 'country', number>
>;

const NAME_THE_COLUMNS = `name the columns in the first line: ${HEADERS_SHOWN.join(' or ')}`;

const FUNDINGS: ReadonlyMap<string, CardFunding> = new Map([
  ['credit', 'credit'],
  ['debit', 'debit'],
  ['prepaid', 'prepaid'],
  ['charge', 'charge'],
  ['charge card', 'charge'],
]);
const YES: ReadonlySet<string> = new Set(['y', 'yes', 'true', '1']);
const NO: ReadonlySet<string> = new Set(['n', 'no', 'false', '0']);

/**
 * Reads a CSV file of BINs, piece by piece, in the forms that are about: binlist's (`iin_start,iin_end,…,scheme,…`)
 * and `BIN,Brand,Type,Category,Issuer,…,isoCode2,…`. Names of columns in any case and order, further columns are
 * passed over. A row that makes no sense is refused with its place and counted; a value that we have no name for
 * leaves that one fact unknown and is counted.
 */
export class BinImport {
  readonly #reader: CsvReader;
  readonly #ranges: BinRange[] = [];
  readonly #refusedFirst: RefusedRow[] = [];
  readonly #reasons = new Map<string, number>();
  readonly #notUnderstood = new Map<string, number>();
  readonly #brands = new Map<string, number>();
  readonly #countries = new Map<string, number>();
  readonly #words = new Map<string, string>();
  #columns: Columns | null = null;
  #header: readonly string[] = [];
  #unreadable: RefusedRow | null = null;
  #rows = 0;
  #refused = 0;

  constructor() {
    this.#reader = new CsvReader({
      row: (fields, line) => this.#row(fields, line),
      unclosed: (line) => {
        this.#rows += 1;
        this.#refuse({ line, column: 1, what: 'a quote that is never closed', remedy: 'close or remove it' });
      },
    });
  }

  push(chunk: string): void {
    this.#reader.push(chunk);
  }

  finish(): BinImportResult {
    this.#reader.end();
    if (this.#columns === null && this.#unreadable === null) {
      this.#unreadable = {
        line: 1,
        column: 1,
        what: 'no header',
        remedy: NAME_THE_COLUMNS,
      };
    }
    return {
      unreadable: this.#unreadable,
      ranges: this.#ranges,
      rows: this.#rows,
      refused: this.#refused,
      refusedFirst: this.#refusedFirst,
      reasons: this.#reasons,
      notUnderstood: this.#notUnderstood,
      brands: this.#brands,
      countries: this.#countries,
      passedOver: this.#passedOver(),
    };
  }

  #passedOver(): readonly string[] {
    const read = new Set<number>(this.#columns === null ? [] : Object.values(this.#columns));
    return this.#header.map((name) => name.trim()).filter((name, index) => name !== '' && !read.has(index));
  }

  #row(fields: readonly string[], line: number): void {
    if (this.#unreadable !== null) return;
    if (this.#columns === null) {
      this.#header = fields;
      this.#columns = columnsOf(fields);
      if (this.#columns !== null) return;
      const what = 'no column named BIN or iin_start';
      this.#unreadable = { line, column: 1, what, remedy: NAME_THE_COLUMNS };
      return;
    }
    this.#rows += 1;
    const bounds = this.#bounds(fields, this.#columns);
    if ('what' in bounds) this.#refuse({ line, ...bounds });
    else this.#accept(fields, this.#columns, bounds);
  }

  #bounds(
    fields: readonly string[],
    columns: Columns,
  ): { readonly start: number; readonly end: number } | Omit<RefusedRow, 'line'> {
    if (fields.length > this.#header.length) {
      const what = `more fields than the ${this.#header.length} columns`;
      return { column: this.#header.length + 1, what, remedy: 'put fields that hold a separator in quotes' };
    }
    const from = field(fields, columns.start);
    const complaint = digitsComplaint(from);
    if (complaint !== null) return { column: columns.start + 1, ...complaint };
    const to = field(fields, columns.end);
    if (to === '') return binBounds(from);
    const atEnd = digitsComplaint(to) ?? endComplaint(from, to);
    return atEnd === null ? binBounds(from, to) : { column: columns.end + 1, ...atEnd };
  }

  #accept(
    fields: readonly string[],
    columns: Columns,
    bounds: { readonly start: number; readonly end: number },
  ): void {
    const funding = this.#funding(field(fields, columns.funding));
    const product = this.#word(field(fields, columns.product));
    const brand = this.#brand(field(fields, columns.brand));
    const country = this.#country(field(fields, columns.country));
    const isPrepaid = funding === 'prepaid' || (product !== null && /\bprepaid\b/i.test(product));
    const prepaid = isPrepaid ? true : this.#prepaid(field(fields, columns.prepaid));
    const issuer = this.#word(field(fields, columns.issuer));
    this.#ranges.push({ ...bounds, brand, funding, product, prepaid, issuer, country });
    count(this.#brands, brand ?? 'not said');
    count(this.#countries, country ?? 'not said');
  }

  #refuse(row: RefusedRow): void {
    this.#refused += 1;
    count(this.#reasons, row.what);
    if (this.#refusedFirst.length < REFUSED_SHOWN) this.#refusedFirst.push(row);
  }

  #brand(text: string): CardBrand | null {
    if (text === '') return null;
    const brand = brandNamed(text);
    if (brand === null) this.#puzzled('brand', text);
    return brand ?? 'unknown';
  }

  #funding(text: string): CardFunding | null {
    if (text === '') return null;
    const funding = FUNDINGS.get(text.toLowerCase()) ?? null;
    if (funding === null) this.#puzzled('funding', text);
    return funding;
  }

  #prepaid(text: string): boolean | null {
    if (text === '') return null;
    const word = text.toLowerCase();
    if (YES.has(word)) return true;
    if (NO.has(word)) return false;
    this.#puzzled('prepaid', text);
    return null;
  }

  #country(text: string): string | null {
    if (text === '') return null;
    const country = text.toUpperCase();
    if (isCountry(country)) return this.#word(country);
    this.#puzzled('country', text);
    return null;
  }

  #puzzled(column: string, text: string): void {
    const shown = `${column} ${text.slice(0, 40).replaceAll(/\d{6,}/g, '…')}`;
    const known = this.#notUnderstood.size < NOT_UNDERSTOOD_MAX || this.#notUnderstood.has(shown);
    count(this.#notUnderstood, known ? shown : `other values of ${column}`);
  }

  /** Equal texts once in memory: a slice would keep its whole piece of the file alive. */
  #word(text: string): string | null {
    if (text === '') return null;
    const known = this.#words.get(text);
    if (known !== undefined) return known;
    this.#words.set(text, text);
    return text;
  }
}

function field(fields: readonly string[], column: number): string {
  return column === -1 ? '' : (fields[column] ?? '').trim();
}

function columnsOf(header: readonly string[]): Columns | null {
  const names = header.map((name) => name.trim().toLowerCase());
  const find = (candidates: readonly string[]) =>
    candidates.map((name) => names.indexOf(name)).find((column) => column !== -1) ?? -1;
  for (const form of FORMS) {
    const start = find(form.start);
    if (start === -1 || (form.needs !== null && !names.includes(form.needs))) continue;
    return {
      start,
      end: find(form.end),
      brand: find(form.brand),
      funding: find(form.funding),
      product: find(form.product),
      prepaid: find(form.prepaid),
      issuer: find(form.issuer),
      country: find(form.country),
    };
  }
  return null;
}

function digitsComplaint(text: string): { readonly what: string; readonly remedy: string } | null {
  if (text === '') return { what: 'no BIN', remedy: 'add it or remove the row' };
  if (!/^\d+$/.test(text)) {
    return { what: 'a BIN that is not digits alone', remedy: 'export the column as text, not as a number' };
  }
  if (text.length > BIN_DIGITS_MAX) {
    const what = `a BIN of more than ${BIN_DIGITS_MAX} digits`;
    return { what, remedy: 'cut it: a card number must not be in this file' };
  }
  if (text.length >= BIN_DIGITS_MIN) return null;
  const what = `a BIN of fewer than ${BIN_DIGITS_MIN} digits`;
  return { what, remedy: 'restore leading zeros, or give the range in full' };
}

function endComplaint(from: string, to: string): { readonly what: string; readonly remedy: string } | null {
  if (to.length !== from.length) {
    return {
      what: 'an end with another number of digits than its start',
      remedy: 'give both in equal length',
    };
  }
  if (Number(to) >= Number(from)) return null;
  return { what: 'an end before its start', remedy: 'swap the two' };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
