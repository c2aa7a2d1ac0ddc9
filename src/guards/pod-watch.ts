import type { Clock } from '../gateway/ports.ts';
import type { PodCount, SharedState } from '../gateway/shared-state.ts';
import type { SharedStatus } from './shared-status.ts';

const BEAT_MS = 500;
const FIRST_BEAT_MS = 50;
/**
 * The most processes of so long count: a server that comes back without anything hears of them one by one, and a share by
 * the first of them would be the whole contract.
 */
const COUNTED_MS = 10_000;
/** No more are believed in: a share of the contract that others made up must not come to nothing. */
const PODS_MAX = 100;
/** At least this share of a contract is leased, however many are said to be silent. */
const LEASABLE_MIN = 0.25;

/**
 * How many processes share the state, by their heartbeats. While nobody answers, what was heard last holds: at least this
 * process itself.
 */
export class PodWatch {
  readonly #state: Pick<SharedState, 'beat' | 'leave'>;
  readonly #clock: Clock;
  readonly #status: SharedStatus;
  #last: PodCount = { live: 1, known: 1, rank: 0 };
  /** Counts of the last seconds, oldest first. */
  #counts: { readonly atMs: number; readonly live: number; readonly rank: number }[] = [];
  #cancel = () => {};
  #closed = false;

  constructor(state: Pick<SharedState, 'beat' | 'leave'>, clock: Clock, status: SharedStatus) {
    this.#state = state;
    this.#clock = clock;
    this.#status = status;
  }

  /** Processes that shares are made by: the most of the last ten seconds in which anybody was heard. At least 1. */
  get count(): number {
    return this.#counted().live;
  }

  /** Processes heard of lately, as it was told last. */
  get live(): number {
    return this.#last.live;
  }

  /**
   * Share of a contract that may be leased now, 0 to 1: processes that fell silent without leaving may be cut off, and go
   * on with their share of it for as long as they are known.
   */
  get leasable(): number {
    return Math.min(1, Math.max(LEASABLE_MIN, this.#last.live / Math.max(1, this.#last.known)));
  }

  /** This process's share of so many whole places: those of all add up to them. */
  shareOf(places: number): number {
    const { live, rank } = this.#counted();
    return Math.floor(places / live) + (rank < places % live ? 1 : 0);
  }

  /** Beats again and again, until {@link close}. @returns when the first beat was answered */
  begin(): Promise<void> {
    return new Promise((resolve) => {
      const again = async () => {
        const isAnswered = await this.#beat();
        if (isAnswered) resolve();
        if (this.#closed) return;
        // A connection takes a moment: until the first answer it is asked sooner.
        const isFirst = this.#counts.length === 0;
        this.#cancel = this.#clock.after(isFirst ? FIRST_BEAT_MS : BEAT_MS, () => void again());
      };
      void again();
    });
  }

  /** Leaves its share to the others. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#state.leave().catch((error: unknown) => this.#status.failed('limits', error));
  }

  #counted(): { readonly live: number; readonly rank: number } {
    let most: { readonly live: number; readonly rank: number } = { live: 1, rank: 0 };
    for (const one of this.#counts) if (one.live >= most.live) most = one;
    return most;
  }

  /** @returns whether it was answered */
  async #beat(): Promise<boolean> {
    try {
      this.#last = believed(await this.#state.beat());
    } catch (error) {
      // While the first connection is made nothing is lost yet: limits say so themselves.
      if (this.#counts.length > 0) this.#status.failed('limits', error);
      return false;
    }
    const atMs = this.#clock.monotonicMs();
    // Older ones go only when there is a newer one to go by.
    this.#counts = this.#counts.filter((one) => atMs - one.atMs < COUNTED_MS);
    this.#counts.push({ atMs, live: this.#last.live, rank: this.#last.rank });
    return true;
  }
}

/** Counts as they can be, whatever they are said to be. */
function believed({ live, known, rank }: PodCount): PodCount {
  const most = whole(live, 1, PODS_MAX);
  return { live: most, known: whole(known, most, Number.MAX_SAFE_INTEGER), rank: whole(rank, 0, most - 1) };
}

function whole(value: number, least: number, most: number): number {
  return Number.isFinite(value) ? Math.min(most, Math.max(least, Math.floor(value))) : least;
}
