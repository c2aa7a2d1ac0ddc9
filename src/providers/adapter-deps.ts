import type { DeclineTables } from '../core/declines/decline-tables.ts';
import type { Clock } from '../gateway/ports.ts';

/** What every adapter is built with beside its contract. */
export interface AdapterDeps {
  readonly clock: Clock;
  /** The code tables in force now; asked anew for each code. */
  readonly declineTables: () => DeclineTables;
}
