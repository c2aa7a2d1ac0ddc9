import type { Queries } from './queries.ts';

/**
 * What several processes must do one after the other where no row of its own can be locked. Two-part keys, which Postgres
 * keeps apart from those of one part.
 */
export const LOCKS = { rulesets: 1, looks: 2, seals: 3, migrations: 4 } as const;

/** The first part: ours among those of other programs on the same database. */
export const LOCK_CLASS = 7_781;

const LOCK = 'SELECT pg_advisory_xact_lock($1::integer, $2::integer)';

/** Waits for its turn, until the transaction ends. */
export async function takeTurns(queries: Queries, lock: number): Promise<void> {
  await queries.run('take_turns', LOCK, [LOCK_CLASS, lock]);
}
