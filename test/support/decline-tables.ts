import { loadDeclineTables } from '../../src/config/decline-tables.ts';
import type { DeclineTables } from '../../src/core/declines/decline-tables.ts';

/** The tables that the product ships. */
export async function shippedDeclineTables(): Promise<DeclineTables> {
  const reading = await loadDeclineTables(null);
  if (reading.kind === 'refused') throw new Error(JSON.stringify(reading.errors, null, 2));
  return reading.tables;
}
