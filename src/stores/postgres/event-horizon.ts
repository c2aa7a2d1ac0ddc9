import { type Clock, type HeldBack, JournalError, type OpenTransaction } from '../../gateway/ports.ts';
import type { Queries } from './queries.ts';

/** How long rows that are being written are waited for, milliseconds. */
const WAIT_MS = 1_000;
/** Time between two looks, milliseconds. */
const LOOK_MS = 10;

/** Tables whose rows are read in the order of their numbers while others write them. */
type Table = 'events' | 'authorizations';

const LAST: Readonly<Record<Table, string>> = {
  events: "SELECT coalesce(pg_sequence_last_value('events_sequence_seq'::regclass), 0)::bigint AS last",
  authorizations: 'SELECT coalesce(max(sequence), 0)::bigint AS last FROM authorizations',
};

// A transaction that writes rows has this lock from before it draws their numbers until it is committed or gone.
const writing = (table: Table) => `
  SELECT DISTINCT virtualtransaction AS writer FROM pg_locks
  WHERE locktype = 'relation' AND relation = '${table}'::regclass AND mode = 'RowExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

// Of other roles' sessions a role may read little more than the number, unless it has pg_read_all_stats.
const holding = (table: Table) => `
  SELECT l.pid, a.usename AS "user", a.application_name AS application, a.state,
    (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint AS "openForMs"
  FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
  WHERE l.locktype = 'relation' AND l.relation = '${table}'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ORDER BY a.xact_start NULLS LAST, l.pid LIMIT 1`;

/**
 * Up to which row nothing is missing: several write at once, and a lower number may be committed after a higher one. What
 * reads the rows in their order must not pass by one that is still being written.
 */
export class EventHorizon {
  readonly #table: Table;
  readonly #queries: Queries;
  readonly #clock: Clock;
  readonly #onHeldBack: (held: HeldBack | null) => void;
  #settled: number | null = null;
  /** Who was waited for in vain, and since when. */
  #held: { readonly writers: ReadonlySet<string>; readonly sinceMs: number } | null = null;

  /** @param onHeldBack told again and again while rows are held back, and null once they are not. Must not throw */
  constructor(
    table: Table,
    queries: Queries,
    clock: Clock,
    onHeldBack: (held: HeldBack | null) => void = () => {},
  ) {
    this.#table = table;
    this.#queries = queries;
    this.#clock = clock;
    this.#onHeldBack = onHeldBack;
  }

  /**
   * @returns number of the last row of which this is known: each one up to it is committed, or will never be. An earlier
   * one when rows are being written for long; null when nothing is known of any yet
   * @throws JournalError when the database cannot be asked
   */
  async settledThrough(): Promise<number | null> {
    const row = await this.#queries.one<{ readonly last: number }>(
      `last_of_${this.#table}`,
      LAST[this.#table],
      [],
    );
    const last = row?.last ?? 0;
    if (this.#settled !== null && last <= this.#settled) return this.#go(last);
    const begunMs = this.#clock.monotonicMs();
    let writers = await this.#writers();
    while (writers.size > 0) {
      // Whoever was waited for in vain once is looked for each time, but not waited for again.
      const isHeld = [...writers].some((writer) => this.#held?.writers.has(writer));
      if (isHeld || this.#clock.monotonicMs() - begunMs >= WAIT_MS) return this.#hold(writers, begunMs);
      await this.#pause();
      const still = await this.#writers();
      writers = new Set([...writers].filter((writer) => still.has(writer)));
    }
    return this.#go(last);
  }

  /**
   * Waits until nothing up to a row is missing, for about a second.
   * @throws JournalError naming who holds it up
   */
  async settle(through: number): Promise<void> {
    if (this.#settled !== null && through <= this.#settled) return;
    const settled = await this.settledThrough();
    if (settled !== null && through <= settled) return;
    const by = await this.#holder();
    throw new JournalError(
      `${this.#table} are being written by a transaction that stays open${by === null ? '' : ` (${describe(by)})`}: ` +
        'what it writes must not be left out. Commit it or end it, and repeat',
    );
  }

  async #writers(): Promise<ReadonlySet<string>> {
    const name = `writers_of_${this.#table}`;
    const rows = await this.#queries.all<{ readonly writer: string }>(name, writing(this.#table), []);
    return new Set(rows.map(({ writer }) => writer));
  }

  #holder(): Promise<OpenTransaction | null> {
    return this.#queries.one<OpenTransaction>(`holder_of_${this.#table}`, holding(this.#table), []);
  }

  #go(last: number): number {
    this.#settled = Math.max(this.#settled ?? 0, last);
    if (this.#held !== null) {
      this.#held = null;
      this.#onHeldBack(null);
    }
    return this.#settled;
  }

  async #hold(writers: ReadonlySet<string>, sinceMs: number): Promise<number | null> {
    this.#held = { writers, sinceMs: this.#held?.sinceMs ?? sinceMs };
    const by = await this.#holder();
    this.#onHeldBack({ forMs: this.#clock.monotonicMs() - this.#held.sinceMs, by });
    return this.#settled;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(LOOK_MS, resolve);
    });
  }
}

/** A transaction in words. */
function describe({ pid, user, application, state, openForMs }: OpenTransaction): string {
  const words = [
    pid === null ? 'a prepared transaction' : `backend ${pid}`,
    ...(user === null ? [] : [`of ${user}`]),
    ...(application === null || application === '' ? [] : [`"${application}"`]),
    ...(state === null ? [] : [state]),
    ...(openForMs === null ? [] : [`open for ${Math.round(openForMs / 1000)} s`]),
  ];
  return words.join(' ');
}
