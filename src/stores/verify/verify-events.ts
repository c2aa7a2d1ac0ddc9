import { type SealedEvent, SealHash } from '../event-hash.ts';
import { COMPARE, RESTORE, type Report } from './finding.ts';
import { BEFORE_ALL, type JournalView } from './journal-view.ts';

interface EventRow {
  readonly sequence: number;
  readonly hash: string | null;
  readonly purged: number;
}

interface SealRow {
  readonly number: number;
  readonly through_event: number;
  readonly digest: string;
}

export interface EventCounts {
  readonly events: number;
  /** Events of which only the hash is left. */
  readonly purged: number;
  readonly seals: number;
  readonly newestSeal: {
    readonly number: number;
    readonly throughEvent: number;
    readonly digest: string;
  } | null;
  /** Events that no seal covers yet. */
  readonly unsealed: number;
}

/** Rows that are read at a time. */
const PAGE = 1_000;

const SQL = {
  events: `
    SELECT sequence, hash, purged FROM (
      SELECT * FROM (SELECT sequence, hash, 0 AS purged FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?3) AS kept
      UNION ALL SELECT * FROM (
        SELECT sequence, hash, 1 AS purged FROM purged_events WHERE sequence > ?2 ORDER BY sequence LIMIT ?3) AS gone
    ) AS written ORDER BY sequence, purged LIMIT ?3`,
  seals: 'SELECT number, through_event, digest FROM seals WHERE number > ?1 ORDER BY number LIMIT ?2',
  first: 'SELECT first_event FROM hash_chain WHERE id = 1',
} as const;

/** Row of the first event that has a hash. */
export async function firstHashedEvent(view: JournalView): Promise<number> {
  const [row] = await view.all<{ readonly first_event: number }>(SQL.first);
  return row?.first_event ?? 1;
}

/** Looks whether every event that was ever written is there, or its hash, once, and as the seals saw it. */
export async function verifyEvents(view: JournalView, report: Report): Promise<EventCounts> {
  const firstEvent = await firstHashedEvent(view);
  const seals = new SealCheck(view, report);
  await seals.begin();
  let [events, purged, last] = [0, 0, firstEvent - 1];
  for await (const { sequence, hash, purged: isPurged } of eventRows(view)) {
    if (isPurged === 1) purged += 1;
    else events += 1;
    const where = `event row ${sequence}`;
    if (sequence < firstEvent) {
      if (hash !== null) {
        report({ where, what: `has a hash, though hashes begin at ${firstEvent}`, remedy: RESTORE });
      }
      continue;
    }
    if (sequence === last) {
      report({ where, what: 'is there, and purged as well', remedy: RESTORE });
      continue;
    }
    if (view.isGapless && sequence > last + 1) {
      const gone =
        sequence === last + 2 ? `event row ${last + 1}` : `event rows ${last + 1} to ${sequence - 1}`;
      report({ where: gone, what: 'missing: neither there nor purged', remedy: RESTORE });
    }
    last = sequence;
    // That it has none is told with its authorization.
    if (seals.mustClose(sequence)) await seals.closeBefore(sequence);
    seals.add({ sequence, hash: hash ?? '' });
  }
  return { events, purged, ...(await seals.end(last)) };
}

/** All of them, in their order; one that is there and purged as well comes twice. */
async function* eventRows(view: JournalView): AsyncGenerator<EventRow, void, undefined> {
  let [kept, gone] = [Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  for (;;) {
    const rows = await view.all<EventRow>(SQL.events, kept, gone, PAGE);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    kept = last.sequence;
    gone = last.purged === 1 ? last.sequence : last.sequence - 1;
  }
}

/** Makes every seal again, one after the other, while the events go by. */
class SealCheck {
  readonly #view: JournalView;
  readonly #report: Report;
  #page: readonly SealRow[] = [];
  #place = 0;
  #previous: SealRow | null = null;
  #hash = new SealHash(null);
  #covered = 0;
  #count = 0;

  constructor(view: JournalView, report: Report) {
    this.#view = view;
    this.#report = report;
  }

  begin(): Promise<void> {
    return this.#readOn(BEFORE_ALL);
  }

  async #readOn(after: number): Promise<void> {
    this.#page = await this.#view.all<SealRow>(SQL.seals, after, PAGE);
    this.#place = 0;
  }

  get #seal(): SealRow | null {
    return this.#page[this.#place] ?? null;
  }

  /** Whether seals end before this event. */
  mustClose(sequence: number): boolean {
    return this.#seal !== null && sequence > this.#seal.through_event;
  }

  async closeBefore(sequence: number): Promise<void> {
    while (this.#seal !== null && this.mustClose(sequence)) await this.#close(this.#seal);
  }

  add(event: SealedEvent): void {
    this.#hash.add(event);
    this.#covered += 1;
  }

  async end(last: number): Promise<Pick<EventCounts, 'seals' | 'newestSeal' | 'unsealed'>> {
    for (let seal = this.#seal; seal !== null; seal = this.#seal) {
      if (seal.through_event > last) {
        this.#report({
          where: `seal ${seal.number}`,
          what: `covers events up to row ${seal.through_event}, the newest is ${last}: the end was cut off`,
          remedy: RESTORE,
        });
      }
      await this.#close(seal);
    }
    const seal = this.#previous;
    return {
      seals: this.#count,
      newestSeal:
        seal === null ? null : { number: seal.number, throughEvent: seal.through_event, digest: seal.digest },
      unsealed: this.#covered,
    };
  }

  async #close(seal: SealRow): Promise<void> {
    const previous = this.#previous;
    const where = `seal ${seal.number}`;
    const number = (previous?.number ?? 0) + 1;
    if (seal.number !== number) {
      const what = `follows seal ${previous?.number ?? 0}: what is between was taken away`;
      this.#report({ where, what, remedy: RESTORE });
    }
    if (this.#covered === 0) this.#report({ where, what: 'covers no event', remedy: RESTORE });
    else if (this.#hash.digest() !== seal.digest) {
      const from = previous === null ? 'the first' : `row ${previous.through_event + 1}`;
      const what =
        `does not fit the events from ${from} to row ${seal.through_event} and the seal before: ` +
        'something of it was changed, added or taken away';
      this.#report({ where, what, remedy: `${COMPARE}; compare the seals with those in the log` });
    }
    this.#previous = seal;
    this.#place += 1;
    if (this.#place === this.#page.length) await this.#readOn(seal.number);
    this.#hash = new SealHash(seal.digest);
    this.#covered = 0;
    this.#count += 1;
  }
}
