import { createReadStream } from 'node:fs';
import { BinImport, type BinImportResult, type RefusedRow } from '../core/cards/bin-import.ts';

/** A file of BINs that cannot be used at all. The message says which, why and what to do. */
export class BinFileError extends Error {
  override readonly name = 'BinFileError';
}

/**
 * Reads a CSV file of BINs (forms: see {@link BinImport}), as a stream.
 * @throws BinFileError when the file cannot be read, has no known header, or not one row that makes sense
 */
export async function importBinFile(path: string): Promise<BinImportResult> {
  const bins = new BinImport();
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
      bins.push(String(chunk));
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BinFileError(`${path}: not readable (${why}); expected a CSV file; check path and permissions`);
  }
  const result = bins.finish();
  const fault = result.unreadable ?? (result.ranges.length === 0 ? (result.refusedFirst[0] ?? EMPTY) : null);
  if (fault !== null) throw new BinFileError(refusedRowText(path, fault));
  return result;
}

const EMPTY: RefusedRow = { line: 1, column: 1, what: 'no rows below the header', remedy: 'add rows' };

/** One line about a refused row: `file:line:column  what; remedy`. */
export function refusedRowText(path: string, row: RefusedRow): string {
  return `${path}:${row.line}:${row.column}  ${row.what}; ${row.remedy}`;
}
