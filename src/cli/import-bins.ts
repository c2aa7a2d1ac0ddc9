import { BinFileError, importBinFile, refusedRowText } from '../config/bin-import.ts';
import { HEADERS_SHOWN } from '../core/cards/bin-import.ts';
import { BinTable } from '../core/cards/bin-table.ts';
import { printable } from './printable.ts';

const USAGE = `Checks CSV files of BINs, as BIN_TABLES would read them.

usage: npm run check-bins -- <file.csv> …

The first line names the columns, in any case and order; commas, semicolons or tabs between them. Two forms:

  ${HEADERS_SHOWN[0]}
  ${HEADERS_SHOWN[1]}

  BIN, iin_start, iin_end   6 to 11 digits; an end makes a range. The one column that is required
  Brand, scheme             visa, mastercard, … (in the second form, brand is the product)
  Type                      credit, debit, prepaid or charge; funding is another name for it
  Category, brand           the product, as text
  prepaid                   y or n
  Issuer, bank_name         as text
  isoCode2, country         ISO 3166-1 alpha-2, such as DE

A row without a sound BIN is refused. Any other value that has no meaning here is left unknown and told.

exit code  0  every row is accepted
           1  rows are refused, or a file cannot be used
           2  wrong arguments`;

/** Prints what an import of the file would take, and what it would not. */
async function check(path: string): Promise<boolean> {
  const result = await importBinFile(path);
  const table = new BinTable(result.ranges);
  say(`${path}: ${result.rows} rows, ${table.size} accepted, ${result.refused} refused`);
  say(`  brands: ${listed(result.brands, 15)}`);
  say(`  countries: ${listed(result.countries, 15)}`);
  if (result.notUnderstood.size > 0) {
    say(`  not understood, left unknown: ${listed(result.notUnderstood, 15)}`);
  }
  if (result.passedOver.length > 0) say(`  columns not used: ${result.passedOver.join(', ')}`);
  if (result.refused > 0) {
    say(`  refused because of: ${listed(result.reasons, 15)}`);
    for (const row of result.refusedFirst) say(`  ${refusedRowText(path, row)}`);
  }
  return result.refused === 0;
}

function say(line: string): void {
  console.log(printable(line));
}

function listed(counts: ReadonlyMap<string, number>, limit: number): string {
  const sorted = [...counts].sort(([, left], [, right]) => right - left);
  const shown = sorted.slice(0, limit).map(([name, count]) => `${name} ${count}`);
  return sorted.length > limit ? `${shown.join(', ')} and ${sorted.length - limit} more` : shown.join(', ');
}

const paths = process.argv.slice(2);
const helpAsked = paths.includes('--help');
if (helpAsked) console.log(USAGE);
else if (paths.length === 0 || paths.some((path) => path.startsWith('-'))) {
  console.error(USAGE);
  process.exitCode = 2;
}
for (const path of helpAsked || process.exitCode === 2 ? [] : paths) {
  try {
    if (!(await check(path))) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof BinFileError)) throw error;
    console.error(printable(error.message));
    process.exitCode = 1;
  }
}
