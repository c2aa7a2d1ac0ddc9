import { BinFileError, importBinFile, refusedRowText } from '../config/bin-import.ts';
import { BinTable } from '../core/cards/bin-table.ts';

const USAGE = `Checks a CSV file of BINs, as BIN_TABLES would read it.
usage: node src/cli/import-bins.ts <file.csv> …`;

/** Prints what an import of the file would take, and what it would not. */
async function check(path: string): Promise<boolean> {
  const result = await importBinFile(path);
  const table = new BinTable(result.ranges);
  console.log(`${path}: ${result.rows} rows, ${table.size} accepted, ${result.refused} refused`);
  console.log(`  brands: ${listed(result.brands, 15)}`);
  console.log(`  countries: ${listed(result.countries, 15)}`);
  if (result.notUnderstood.size > 0) console.log(`  not understood: ${listed(result.notUnderstood, 15)}`);
  if (result.refused > 0) {
    console.log(`  refused because of: ${listed(result.reasons, 15)}`);
    for (const row of result.refusedFirst) console.log(`  ${refusedRowText(path, row)}`);
  }
  return result.refused === 0;
}

function listed(counts: ReadonlyMap<string, number>, limit: number): string {
  const sorted = [...counts].sort(([, left], [, right]) => right - left);
  const shown = sorted.slice(0, limit).map(([name, count]) => `${name} ${count}`);
  return sorted.length > limit ? `${shown.join(', ')} and ${sorted.length - limit} more` : shown.join(', ');
}

const paths = process.argv.slice(2);
if (paths.length === 0 || paths.some((path) => path.startsWith('-'))) {
  console.error(USAGE);
  process.exitCode = 2;
}
for (const path of process.exitCode === 2 ? [] : paths) {
  try {
    if (!(await check(path))) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof BinFileError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
