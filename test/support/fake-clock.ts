import { setImmediate } from 'node:timers';
import type { Clock } from '../../src/gateway/ports.ts';

interface Timer {
  readonly at: number;
  /** Null: cancelled, or fired. Nothing that it would have done is held on to. */
  action: (() => void) | null;
}

/** A clock that moves only when told. Timers fire in order of their time. */
export class FakeClock implements Clock {
  #now = 0;
  #wallOffset: number;
  /** By time, those set first before others of the same time; cancelled ones stay until their time. */
  readonly #timers: Timer[] = [];
  #pending = 0;

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
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), action };
    this.#timers.splice(this.#placeAfter(timer.at), 0, timer);
    this.#pending += 1;
    return () => {
      if (timer.action === null) return;
      timer.action = null;
      this.#pending -= 1;
    };
  }

  get pendingTimers(): number {
    return this.#pending;
  }

  /** Moves to the next timer and fires it; false when there is none. */
  fireNext(): boolean {
    const timer = this.#first();
    if (timer === undefined) return false;
    this.#timers.shift();
    const { action } = timer;
    timer.action = null;
    this.#pending -= 1;
    this.#now = Math.max(this.#now, timer.at);
    action?.();
    return true;
  }

  /** Moves by `ms`, firing what comes due, and lets promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let next = this.#first(); next !== undefined && next.at <= end; next = this.#first()) {
      this.fireNext();
      await settled();
    }
    this.#now = end;
    await settled();
  }

  #first(): Timer | undefined {
    while (this.#timers[0]?.action === null) this.#timers.shift();
    return this.#timers[0];
  }

  /** Behind all timers that are not later. */
  #placeAfter(at: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timers[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Lets all promise reactions that are ready run, and what they make ready. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
