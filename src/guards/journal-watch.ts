import type { Clock, Observer } from '../gateway/ports.ts';
import { RollingWindow } from './rolling-window.ts';

const WINDOW_MS = 10_000;
/** How long writes that failed count against a process that takes no more payments, milliseconds since the last one. */
const HOLD_MS = 30_000;
/** Writes in a row that have to succeed for all to be well again. */
const SUCCESSES = 2;
/** Time between two writes of our own, milliseconds. */
const PROBE_MS = 3_000;
/** How long one of them is waited for, milliseconds. */
const PROBE_WAIT_MS = 3_000;

/** What the road and its callers write. Others work also where these do not: they change small rows, or nothing at all. */
const WRITES: ReadonlySet<string> = new Set([
  'open',
  'advance',
  'open_decision',
  'report_outcome',
  'keep_notice',
]);

/**
 * Whether the journal can be written in practice: by what became of the latest real writes, and by a small one of our own
 * every few seconds, in the background, however often anybody asks. The small one alone would not do: it may succeed on a
 * full disk, where space is used again. Real ones alone would not do either: there are none while nobody asks.
 */
export class JournalWatch {
  readonly #clock: Clock;
  readonly #toleratedMs: number;
  readonly #writes: RollingWindow;
  readonly #failures: RollingWindow;
  #successesInARow = SUCCESSES;
  #lastFailureMs = Number.NEGATIVE_INFINITY;
  /** Since when real writes fail, and since when our own do. */
  #writesSinceMs: number | null = null;
  #probesSinceMs: number | null = null;
  #isOut = false;
  #isEnded = false;
  #cancel: () => void = () => {};

  /**
   * @param toleratedMs how long it may fail before that is told. Where several processes share a journal all of them see a
   *   stall at once: taken out together for a short one, they would turn answers that say what to do into refused
   *   connections. What is longer than {@link WINDOW_MS} is no longer the trace of one moment.
   */
  constructor(clock: Clock, toleratedMs: number) {
    this.#clock = clock;
    this.#toleratedMs = toleratedMs;
    this.#writes = new RollingWindow(clock, WINDOW_MS);
    this.#failures = new RollingWindow(clock, WINDOW_MS);
  }

  /** The observer, told everything as before, with this watch beside it. */
  observing(observer: Observer): Observer {
    return {
      ...observer,
      journalTook: (event) => {
        observer.journalTook(event);
        if (WRITES.has(event.operation)) this.#written(!event.failed);
      },
    };
  }

  /**
   * Writes every few seconds until {@link end}, one at a time.
   * @param write rejects when the journal cannot be written
   */
  begin(write: () => Promise<void>): void {
    const startedMs = this.#clock.monotonicMs();
    const fail = () => {
      this.#probesSinceMs ??= startedMs;
    };
    const next = () => {
      cancelWait();
      if (this.#isEnded) return;
      this.#cancel = this.#clock.after(PROBE_MS, () => this.begin(write));
    };
    const cancelWait = this.#clock.after(PROBE_WAIT_MS, fail);
    this.#cancel = cancelWait;
    write()
      .then(() => {
        this.#probesSinceMs = null;
      }, fail)
      .finally(next);
  }

  end(): void {
    this.#isEnded = true;
    this.#cancel();
  }

  /** What to tell while the journal cannot be written, longer than is tolerated; null otherwise. */
  failing(): string | null {
    const found = this.#look();
    return this.#isOut ? found : null;
  }

  /** What to tell while the journal cannot be written, and it is not yet time to take this process out; null otherwise. */
  tolerated(): string | null {
    const found = this.#look();
    if (found === null || this.#isOut) return null;
    return `${found}; not ready from ${Math.round(this.#toleratedMs / 1000)} s on`;
  }

  #look(): string | null {
    const nowMs = this.#clock.monotonicMs();
    this.#judgeWrites(nowMs);
    const isFailing = this.#writesSinceMs !== null || this.#probesSinceMs !== null;
    const sinceMs = Math.min(this.#writesSinceMs ?? nowMs, this.#probesSinceMs ?? nowMs);
    this.#isOut = isFailing && nowMs - sinceMs >= this.#toleratedMs;
    if (!isFailing) return null;
    const forS = Math.round((nowMs - sinceMs) / 1000);
    const failures = this.#failures.sum();
    if (this.#probesSinceMs !== null) return `not writable for ${forS} s: nothing is sent until it is`;
    return failures === 0
      ? `failing for ${forS} s: the last writes failed`
      : `failing for ${forS} s: ${failures} of ${this.#writes.sum()} writes of the last ten seconds`;
  }

  #written(isWritten: boolean): void {
    const nowMs = this.#clock.monotonicMs();
    this.#writes.add();
    if (isWritten) this.#successesInARow += 1;
    else {
      this.#failures.add();
      this.#successesInARow = 0;
      this.#lastFailureMs = nowMs;
    }
    this.#judgeWrites(nowMs);
  }

  #judgeWrites(nowMs: number): void {
    const failures = this.#failures.sum();
    const isHalf = failures > 0 && failures * 2 >= this.#writes.sum();
    // Without payments nothing is written: what failed last is held against it for a while.
    const isHeld = this.#isOut && nowMs - this.#lastFailureMs < HOLD_MS;
    const isBad = this.#successesInARow < SUCCESSES && (isHalf || isHeld);
    this.#writesSinceMs = isBad ? (this.#writesSinceMs ?? nowMs) : null;
  }
}
