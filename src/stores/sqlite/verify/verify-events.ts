import { type SealedEvent, SealHash } from '../../event-hash.ts';
import type { Statements } from '../statements.ts';
import { COMPARE, RESTORE, type Report } from './finding.ts';

interface EventRow {
  readonly sequence: number;
  readonly hash: string | null;
  readonly purged: number;
}

interface SealRow {
  readonly number: number;
  readonly through_event: number;
  readonly digest: string;
  readonly at_ms: number;
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

const SQL = {
  events: `
    SELECT sequence, hash, 0 AS purged FROM events
    UNION ALL SELECT sequence, hash, 1 FROM purged_events ORDER BY sequence`,
  seals: 'SELECT number, through_event, digest, at_ms FROM seals ORDER BY number',
  first: 'SELECT first_event FROM hash_chain WHERE id = 1',
} as const;

/** Looks whether every event that was ever written is there, or its hash, once, and as the seals saw it. */
export function verifyEvents(statements: Statements, report: Report): EventCounts {
  const firstEvent = statements.one<{ readonly first_event: number }>(SQL.first)?.first_event ?? 1;
  const seals = new SealCheck(statements, report);
  let [events, purged, last] = [0, 0, firstEvent - 1];
  for (const row of statements.prepare(SQL.events).iterate()) {
    const { sequence, hash, purged: isPurged } = row as unknown as EventRow;
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
    if (sequence > last + 1) {
      const gone =
        sequence === last + 2 ? `event row ${last + 1}` : `event rows ${last + 1} to ${sequence - 1}`;
      report({ where: gone, what: 'missing: neither there nor purged', remedy: RESTORE });
    }
    last = sequence;
    // That it has none is told with its authorization.
    seals.add({ sequence, hash: hash ?? '' });
  }
  return { events, purged, ...seals.end(last) };
}

/** Makes every seal again, one after the other, while the events go by. */
class SealCheck {
  readonly #report: Report;
  readonly #seals: Iterator<unknown>;
  #seal: SealRow | null;
  #previous: SealRow | null = null;
  #hash: SealHash;
  #covered = 0;
  #count = 0;

  constructor(statements: Statements, report: Report) {
    this.#report = report;
    this.#seals = statements.prepare(SQL.seals).iterate();
    this.#seal = this.#next();
    this.#hash = new SealHash(null);
  }

  #next(): SealRow | null {
    const next = this.#seals.next();
    return next.done === true ? null : (next.value as SealRow);
  }

  add(event: SealedEvent): void {
    while (this.#seal !== null && event.sequence > this.#seal.through_event) this.#close(this.#seal);
    this.#hash.add(event);
    this.#covered += 1;
  }

  end(last: number): Pick<EventCounts, 'seals' | 'newestSeal' | 'unsealed'> {
    while (this.#seal !== null) {
      const seal = this.#seal;
      if (seal.through_event > last) {
        this.#report({
          where: `seal ${seal.number}`,
          what: `covers events up to row ${seal.through_event}, the newest is ${last}: the end was cut off`,
          remedy: RESTORE,
        });
      }
      this.#close(seal);
    }
    const seal = this.#previous;
    return {
      seals: this.#count,
      newestSeal:
        seal === null ? null : { number: seal.number, throughEvent: seal.through_event, digest: seal.digest },
      unsealed: this.#covered,
    };
  }

  #close(seal: SealRow): void {
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
    this.#seal = this.#next();
    this.#hash = new SealHash(seal.digest);
    this.#covered = 0;
    this.#count += 1;
  }
}

/** A seal as the log of the gateway told it. */
export interface LoggedSeal {
  readonly number: number;
  readonly throughEvent: number;
  readonly digest: string;
}

/** Compares a seal that was kept elsewhere: what it covers was not changed since, nor taken away. */
export function verifyLoggedSeal(statements: Statements, logged: LoggedSeal, report: Report): void {
  const found = statements.one<SealRow>(
    'SELECT number, through_event, digest, at_ms FROM seals WHERE number = ?',
    logged.number,
  );
  const isSame = found?.digest === logged.digest && found.through_event === logged.throughEvent;
  if (isSame) return;
  report({
    where: `seal ${logged.number}`,
    what: found === null ? 'is in the log, and not in the journal' : 'is another one in the log',
    remedy: `this is not the journal that wrote the log, or it was written anew: ${RESTORE}`,
  });
}
