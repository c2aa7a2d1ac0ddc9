import { loadDeclineTables } from '../../src/config/decline-tables.ts';
import type { DeclineTables } from '../../src/core/declines/decline-tables.ts';

/** The code tables that come with the product: adapters are tested with what they will meet. */
export async function shippedDeclineTables(): Promise<DeclineTables> {
  const reading = await loadDeclineTables(null);
  if (reading.kind === 'refused') throw new Error(JSON.stringify(reading.errors));
  return reading.tables;
}
