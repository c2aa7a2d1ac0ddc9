import type { Seal } from '../../gateway/ports.ts';
import { type SealedEvent, sealDigest } from '../event-hash.ts';
import { LOCKS, takeTurns } from './advisory-locks.ts';
import type { Queries, TransactionalQueries } from './queries.ts';

interface SealRow {
  readonly number: number;
  readonly through_event: number;
  readonly digest: string;
}

const SQL = {
  newest: 'SELECT number, through_event, digest FROM seals ORDER BY number DESC LIMIT 1',
  first: 'SELECT first_event FROM hash_chain',
  // An event that is gone has left its hash.
  unsealed: `
    SELECT u.sequence, u.hash FROM (
      (SELECT sequence, hash FROM events WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3)
      UNION ALL
      (SELECT sequence, hash FROM purged_events WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3)) AS u
    ORDER BY u.sequence LIMIT $3`,
  // Of what is gone only the hash is left: it had ended long ago.
  oldest: 'SELECT at_ms FROM events WHERE sequence > $1 ORDER BY sequence LIMIT 1',
  insert: 'INSERT INTO seals (number, through_event, digest, at_ms) VALUES ($1, $2, $3, $4)',
} as const;

/** Seals over the hashes of events, each over the one before. */
export class PostgresSeals {
  readonly #queries: TransactionalQueries;
  readonly #settledThrough: () => Promise<number | null>;

  /**
   * @param settledThrough the last event up to which every one is committed or will never be: what would be committed later
   *   below it could never be sealed; null: not known of any yet
   */
  constructor(queries: TransactionalQueries, settledThrough: () => Promise<number | null>) {
    this.#queries = queries;
    this.#settledThrough = settledThrough;
  }

  /**
   * Of two that seal at once, the second seals what came after.
   * @returns the seal that was made; null when there is nothing new to seal
   */
  async seal(nowMs: number, limit: number): Promise<Seal | null> {
    const settled = await this.#settledThrough();
    if (settled === null) return null;
    return this.#queries.transaction(async (queries) => {
      await takeTurns(queries, LOCKS.seals);
      const newest = await queries.one<SealRow>('newest_seal', SQL.newest, []);
      const after = await sealedThrough(queries, newest);
      const events = await queries.all<SealedEvent>('unsealed_events', SQL.unsealed, [after, settled, limit]);
      const last = events.at(-1);
      if (last === undefined) return null;
      const seal: Seal = {
        number: (newest?.number ?? 0) + 1,
        throughEvent: last.sequence,
        digest: sealDigest(newest?.digest ?? null, events),
        atMs: nowMs,
      };
      await queries.run('insert_seal', SQL.insert, [seal.number, seal.throughEvent, seal.digest, nowMs]);
      return seal;
    });
  }

  /** @returns when the oldest event that is not sealed was written, wall clock; null: there is none */
  async oldestUnsealed(): Promise<number | null> {
    const after = await sealedThrough(
      this.#queries,
      await this.#queries.one<SealRow>('newest_seal', SQL.newest, []),
    );
    const oldest = await this.#queries.one<{ readonly at_ms: number }>('oldest_unsealed', SQL.oldest, [
      after,
    ]);
    return oldest?.at_ms ?? null;
  }
}

/** Events before the first hash are never sealed. */
async function sealedThrough(queries: Queries, newest: SealRow | null): Promise<number> {
  if (newest !== null) return newest.through_event;
  const first = await queries.one<{ readonly first_event: number }>('first_hash', SQL.first, []);
  return (first?.first_event ?? 1) - 1;
}
