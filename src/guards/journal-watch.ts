import type { Clock, Observer } from '../gateway/ports.ts';
import { RollingWindow } from './rolling-window.ts';

const WINDOW_MS = 10_000;
/** Operations that only read, or nearly always do: they work on a disk that is full. */
const READS: ReadonlySet<string> = new Set(['find', 'find_claim', 'list_lapsed', 'list_expired']);

/**
 * Whether the journal's writes fail in practice. A small write may succeed on a full disk, where SQLite reuses space
 * that it has, so that a probe alone would say that all is well.
 */
export class JournalWatch {
  readonly #writes: RollingWindow;
  readonly #failures: RollingWindow;

  constructor(clock: Clock) {
    this.#writes = new RollingWindow(clock, WINDOW_MS);
    this.#failures = new RollingWindow(clock, WINDOW_MS);
  }

  /** The observer, told everything as before, with this watch beside it. */
  observing(observer: Observer): Observer {
    return {
      ...observer,
      journalTook: (event) => {
        observer.journalTook(event);
        if (READS.has(event.operation)) return;
        this.#writes.add();
        if (event.failed) this.#failures.add();
      },
    };
  }

  /** What to tell when at least half of the last ten seconds' writes failed; null otherwise. */
  failing(): string | null {
    const failures = this.#failures.sum();
    const writes = this.#writes.sum();
    if (failures === 0 || failures * 2 < writes) return null;
    return `failing: ${failures} of ${writes} writes of the last ten seconds`;
  }
}
