import type { Statements } from './statements.ts';

// Of the newest rows the numbers would be given again: they stay until newer ones come.
const IS_OVER = `
    a.purged_before_ms IS NULL AND a.created_at_ms < ?1 AND a.open = 0
      AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.authorization = a.sequence AND e.at_ms >= ?1)
      AND a.sequence < (SELECT max(sequence) FROM authorizations)
      AND NOT EXISTS (SELECT 1 FROM events AS e
        WHERE e.authorization = a.sequence AND e.sequence = (SELECT max(sequence) FROM events))
      AND NOT EXISTS (SELECT 1 FROM work AS w WHERE w.authorization = a.sequence)
      AND NOT EXISTS (SELECT 1 FROM operations AS o WHERE o.authorization = a.sequence AND o.status = 'pending')
    ORDER BY a.created_at_ms LIMIT ?2`;

const SQL = {
  findOld: `
    SELECT a.sequence, a.holds_payment FROM authorizations AS a INDEXED BY authorizations_purgeable
    WHERE (a.holds_payment = 0 OR a.status = 'refunded') AND ${IS_OVER}`,
  findRefundable: `
    SELECT a.sequence, a.holds_payment FROM authorizations AS a INDEXED BY authorizations_refundable
    WHERE (a.status = 'captured' OR a.status = 'partially_refunded') AND ${IS_OVER}`,
  mark: `
    UPDATE authorizations SET version = version + 1, purged_before_ms = ?2, provider_reference = NULL,
      network_transaction = NULL, decline = NULL, last_hash = NULL
    WHERE sequence = ?1`,
  parts: [
    'DELETE FROM claims WHERE authorization = ?',
    'DELETE FROM exposures WHERE authorization = ?',
    'DELETE FROM deliveries WHERE authorization = ?',
    'DELETE FROM operations WHERE authorization = ?',
    'DELETE FROM attempts WHERE authorization = ?',
    'DELETE FROM events WHERE authorization = ?',
  ],
  whole: 'DELETE FROM authorizations WHERE sequence = ?',
  notices: `
    DELETE FROM notices WHERE sequence IN (SELECT sequence FROM notices INDEXED BY notices_settled
      WHERE result IS NOT NULL AND received_at_ms < ?1 ORDER BY received_at_ms LIMIT ?2)`,
} as const;

/** Lets go of what is no longer kept; the schema says of what that may be. */
export class SqlitePurge {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /**
   * Purges the oldest first. Notices that were dealt with go by the same clock; they are not counted.
   * @param refundableBeforeMs the same for what may still be refunded; null: that stays
   * @returns how many authorizations were purged
   */
  purge(beforeMs: number, limit: number, refundableBeforeMs: number | null): number {
    let purged = this.#purgeFound(SQL.findOld, beforeMs, limit);
    if (refundableBeforeMs !== null && purged < limit) {
      purged += this.#purgeFound(SQL.findRefundable, refundableBeforeMs, limit - purged);
    }
    this.#statements.run(SQL.notices, beforeMs, limit);
    return purged;
  }

  #purgeFound(sql: string, beforeMs: number, limit: number): number {
    interface Row {
      readonly sequence: number;
      readonly holds_payment: number;
    }
    const old = this.#statements.all<Row>(sql, beforeMs, limit);
    for (const { sequence, holds_payment: holdsPayment } of old) {
      this.#statements.run(SQL.mark, sequence, beforeMs);
      for (const sql of SQL.parts) this.#statements.run(sql, sequence);
      if (holdsPayment === 0) this.#statements.run(SQL.whole, sequence);
    }
    return old.length;
  }
}
