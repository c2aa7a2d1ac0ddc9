import type { Seal } from '../../gateway/ports.ts';
import { type SealedEvent, sealDigest } from '../event-hash.ts';
import type { Statements } from './statements.ts';

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
    SELECT sequence, hash FROM (
      SELECT sequence, hash FROM events WHERE sequence > ?1
      UNION ALL SELECT sequence, hash FROM purged_events WHERE sequence > ?1)
    ORDER BY sequence LIMIT ?2`,
  // Of what is gone only the hash is left: it had ended long ago.
  oldest: 'SELECT at_ms FROM events WHERE sequence > ? ORDER BY sequence LIMIT 1',
  insert: 'INSERT INTO seals (number, through_event, digest, at_ms) VALUES (?, ?, ?, ?)',
} as const;

/** Seals over the hashes of events, each over the one before. */
export class SqliteSeals {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** @returns the seal that was made; null when there is nothing new to seal */
  seal(nowMs: number, limit: number): Seal | null {
    const newest = this.#statements.one<SealRow>(SQL.newest);
    const events = this.#statements.all<SealedEvent>(SQL.unsealed, this.#sealedThrough(newest), limit);
    const last = events.at(-1);
    if (last === undefined) return null;
    const seal: Seal = {
      number: (newest?.number ?? 0) + 1,
      throughEvent: last.sequence,
      digest: sealDigest(newest?.digest ?? null, events),
      atMs: nowMs,
    };
    this.#statements.run(SQL.insert, seal.number, seal.throughEvent, seal.digest, nowMs);
    return seal;
  }

  /** @returns when the oldest event that is not sealed was written, wall clock; null: there is none */
  oldestUnsealed(): number | null {
    const after = this.#sealedThrough(this.#statements.one<SealRow>(SQL.newest));
    return this.#statements.one<{ readonly at_ms: number }>(SQL.oldest, after)?.at_ms ?? null;
  }

  /** Events before the first hash are never sealed. */
  #sealedThrough(newest: SealRow | null): number {
    if (newest !== null) return newest.through_event;
    const first = this.#statements.one<{ readonly first_event: number }>(SQL.first);
    return (first?.first_event ?? 1) - 1;
  }
}
