import { refusedRowText } from '../config/bin-import.ts';
import { loadDeclineTables } from '../config/decline-tables.ts';
import type { Settings } from '../config/environment.ts';
import { retentionProblem } from '../config/retention.ts';
import { loadSchemeRules } from '../config/scheme-limits.ts';
import type { BinImportResult } from '../core/cards/bin-import.ts';
import type { DeclineTables } from '../core/declines/decline-tables.ts';
import type { SchemeRules } from '../core/scheme/scheme-rules.ts';
import type { Log } from '../telemetry/log.ts';
import { rulesRefused, StartError } from './start-error.ts';

/** A table of the operator's that is read only in part is used, and the rest is told. */
export function tellImport(path: string, result: BinImportResult, log: Log): void {
  const { rows, refused, refusedFirst, notUnderstood } = result;
  log.info('bin_table', { path, rows, refused });
  for (const row of refusedFirst) log.warn('bin_row_refused', { row: refusedRowText(path, row) });
  for (const [value, count] of notUnderstood) log.warn('bin_value_not_understood', { path, value, count });
}

/**
 * Code tables are read at the start: a change of what a decline means takes a restart.
 * @throws StartError when they are refused
 */
export async function readDeclineTables(settings: Settings): Promise<DeclineTables> {
  const reading = await loadDeclineTables(settings.rulesDir);
  if (reading.kind === 'refused') throw rulesRefused(settings, reading.errors);
  return reading.tables;
}

/**
 * Attempt ceilings of the schemes, read at the start as the code tables are.
 * @throws StartError when they are refused, or count longer than payments are kept
 */
export async function readSchemeRules(settings: Settings): Promise<SchemeRules> {
  const reading = await loadSchemeRules(settings.rulesDir);
  if (reading.kind === 'refused') throw rulesRefused(settings, reading.errors);
  const problem = retentionProblem(settings.retentionDays, reading.rules);
  if (problem !== null) throw new StartError(problem);
  return reading.rules;
}
