import type { Clock } from '../../src/gateway/ports.ts';

/** A clock that moves only when told. Timers fire in order of their time. */
export class FakeClock implements Clock {
  #now = 0;
  #wallOffset: number;
  #next = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly action: () => void }>();

  constructor(wallStartMs = Date.UTC(2026, 10, 23, 10)) {
    this.#wallOffset = wallStartMs;
  }

  monotonicMs(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#wallOffset + this.#now;
  }

  /** Lets the wall clock jump; the monotonic clock and timers do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffset += byMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + Math.max(0, delayMs), action });
    return () => this.#timers.delete(id);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves to the next timer and fires it; false when there is none. */
  fireNext(): boolean {
    let first: number | undefined;
    for (const [id, timer] of this.#timers) {
      const best = first === undefined ? undefined : this.#timers.get(first);
      if (best === undefined || timer.at < best.at) first = id;
    }
    if (first === undefined) return false;
    const timer = this.#timers.get(first);
    this.#timers.delete(first);
    if (timer === undefined) return false;
    this.#now = Math.max(this.#now, timer.at);
    timer.action();
    return true;
  }

  /** Moves by `ms`, firing what comes due, and lets promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers.values()].some((timer) => timer.at <= end);
      if (!due) break;
      this.fireNext();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** Lets all promise reactions that are ready run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
