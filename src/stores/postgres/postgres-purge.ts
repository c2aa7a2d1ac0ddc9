import type { Queries, TransactionalQueries } from './queries.ts';

// What others work on at this moment stays until the next time; what changes under us is refused by the schema. The newest
// stays until newer ones come, as on SQLite: so the end of the history can be told from one that was cut off.
const IS_OVER = `
    a.purged_before_ms IS NULL AND a.created_at_ms < $1 AND a.open = 0
      AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e."authorization" = a.sequence AND e.at_ms >= $1)
      AND a.sequence < (SELECT max(sequence) FROM authorizations)
      AND NOT EXISTS (SELECT 1 FROM events AS e
        WHERE e."authorization" = a.sequence AND e.sequence = (SELECT max(sequence) FROM events))
      AND NOT EXISTS (SELECT 1 FROM work AS w WHERE w."authorization" = a.sequence)
      AND NOT EXISTS (SELECT 1 FROM operations AS o WHERE o."authorization" = a.sequence AND o.status = 'pending')
    ORDER BY a.created_at_ms LIMIT $2 FOR UPDATE OF a SKIP LOCKED`;

const SQL = {
  findOld: `
    SELECT a.sequence FROM authorizations AS a
    WHERE (a.holds_payment = 0 OR a.status = 'refunded') AND ${IS_OVER}`,
  findRefundable: `
    SELECT a.sequence FROM authorizations AS a
    WHERE (a.status = 'captured' OR a.status = 'partially_refunded') AND ${IS_OVER}`,
  mark: `
    UPDATE authorizations SET version = version + 1, purged_before_ms = $2, provider_reference = NULL,
      network_transaction = NULL, decline = NULL, last_hash = NULL
    WHERE sequence = ANY ($1::bigint[])`,
  whole: 'DELETE FROM authorizations WHERE sequence = ANY ($1::bigint[]) AND holds_payment = 0',
  notices: `
    DELETE FROM notices WHERE sequence IN (SELECT sequence FROM notices
      WHERE result IS NOT NULL AND received_at_ms < $1 ORDER BY received_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)`,
} as const;

/** In an order that foreign keys permit. */
const PARTS = ['claims', 'exposures', 'deliveries', 'operations', 'attempts', 'events'] as const;

/** Lets go of what is no longer kept; the schema says of what that may be. */
export class PostgresPurge {
  readonly #queries: TransactionalQueries;

  constructor(queries: TransactionalQueries) {
    this.#queries = queries;
  }

  /**
   * Purges the oldest first. Notices that were dealt with go by the same clock; they are not counted.
   * @param refundableBeforeMs the same for what may still be refunded; null: that stays
   * @returns how many authorizations were purged
   */
  async purge(beforeMs: number, limit: number, refundableBeforeMs: number | null): Promise<number> {
    let purged = await this.#purgeFound('find_old', SQL.findOld, beforeMs, limit);
    if (refundableBeforeMs !== null && purged < limit) {
      const left = limit - purged;
      purged += await this.#purgeFound('find_refundable', SQL.findRefundable, refundableBeforeMs, left);
    }
    await this.#queries.run('purge_notices', SQL.notices, [beforeMs, limit]);
    return purged;
  }

  #purgeFound(name: string, sql: string, beforeMs: number, limit: number): Promise<number> {
    return this.#queries.transaction(async (queries) => {
      const old = await queries.all<{ readonly sequence: number }>(name, sql, [beforeMs, limit]);
      if (old.length === 0) return 0;
      const sequences = old.map(({ sequence }) => sequence);
      await queries.run('mark_purged', SQL.mark, [sequences, beforeMs]);
      await deleteParts(queries, sequences);
      await queries.run('purge_whole', SQL.whole, [sequences]);
      return old.length;
    });
  }
}

async function deleteParts(queries: Queries, sequences: readonly number[]): Promise<void> {
  for (const table of PARTS) {
    const sql = `DELETE FROM ${table} WHERE "authorization" = ANY ($1::bigint[])`;
    await queries.run(`purge_${table}`, sql, [sequences]);
  }
}
