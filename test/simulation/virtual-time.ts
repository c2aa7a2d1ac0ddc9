import type { Clock } from '../../src/gateway/ports.ts';
import { settled } from '../support/fake-clock.ts';

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly action: () => void;
  cancelled: boolean;
}

/** The true time of a simulated world, milliseconds from its beginning: it moves from one timer to the next. */
export class VirtualTime {
  nowMs = 0;
  #sequence = 0;
  /** A binary heap: thousands of timers wait at once. */
  readonly #heap: Timer[] = [];

  after(delayMs: number, action: () => void): () => void {
    const timer = {
      atMs: this.nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      action,
      cancelled: false,
    };
    this.#push(timer);
    return () => {
      timer.cancelled = true;
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Fires everything up to then, in order, and lets promises settle before and after each, while `goOn` says so. */
  async runUntil(endMs: number, goOn: () => boolean): Promise<void> {
    // What was begun just now takes no time by itself, and may set timers of its own.
    await settled();
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs || !goOn()) break;
      this.#pop();
      if (next.cancelled) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.action();
      await settled();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!isBefore(timer, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (!isBefore(heap[child] as Timer, last)) break;
      heap[index] = heap[child] as Timer;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}

const WALL_START_MS = Date.UTC(2026, 0, 5, 10);

/**
 * After a machine has stood still, its wall clock is set right again after this, by a server of time: milliseconds. What it
 * had in hand it does by the old time. The gateway counts on clocks that differ by no more than they may once that is over.
 */
const SET_RIGHT_MS = 60_000;

/**
 * The clocks of one process: its monotonic clock began anywhere, its wall clock is wrong and may jump, and both may stand still
 * with their machine while the world goes on.
 */
export class ProcessClock implements Clock {
  /** How far the wall clock is ahead of the truth, milliseconds. */
  skewMs = 0;
  readonly #time: VirtualTime;
  readonly #monotonicStartMs: number;
  #stoppedAtMs: number | null = null;
  /** For how long it stood still before. */
  #lostMs = 0;
  /** The same as far as the wall clock was not set right since. */
  #wallLostMs = 0;
  #wentOnAtMs = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];

  constructor(time: VirtualTime, monotonicStartMs: number) {
    this.#time = time;
    this.#monotonicStartMs = monotonicStartMs;
  }

  get isStopped(): boolean {
    return this.#stoppedAtMs !== null;
  }

  stop(): void {
    this.#stoppedAtMs ??= this.#time.nowMs;
  }

  /** Goes on where it stood. */
  go(): void {
    this.#wallLostMs += this.#stillForMs();
    this.#lostMs = this.#lostNowMs();
    this.#stoppedAtMs = null;
    this.#wentOnAtMs = this.#time.nowMs;
    this.#time.after(SET_RIGHT_MS, () => {
      if (!this.isStopped && !this.hasGoneOnWithin(SET_RIGHT_MS - 1)) this.#wallLostMs = 0;
    });
    for (const action of this.#waiting.splice(0)) action();
  }

  /** Whether it has gone on within this time, so that what it is about may be from before. */
  hasGoneOnWithin(ms: number): boolean {
    return this.#time.nowMs - this.#wentOnAtMs <= ms;
  }

  /** Resolves when it does not stand still. */
  running(): Promise<void> | null {
    if (!this.isStopped) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #lostNowMs(): number {
    return this.#lostMs + this.#stillForMs();
  }

  #stillForMs(): number {
    return this.#stoppedAtMs === null ? 0 : this.#time.nowMs - this.#stoppedAtMs;
  }

  monotonicMs(): number {
    return this.#time.nowMs - this.#lostNowMs() + this.#monotonicStartMs;
  }

  wallMs(): number {
    return WALL_START_MS + Math.floor(this.#time.nowMs - this.#wallLostMs - this.#stillForMs()) + this.skewMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const dueMs = this.monotonicMs() + delayMs;
    let cancelled = false;
    const fire = () => {
      if (cancelled) return;
      const leftMs = dueMs - this.monotonicMs();
      if (this.isStopped) this.#waiting.push(fire);
      else if (leftMs > 0) this.#time.after(leftMs, fire);
      else action();
    };
    this.#time.after(delayMs, fire);
    return () => {
      cancelled = true;
    };
  }

  /** A moment of the monotonic clock that is to come, in true time, if it goes on as it does now. */
  toTrueMs(monotonicMs: number): number {
    return monotonicMs - this.#monotonicStartMs + this.#lostNowMs();
  }
}

/** The true time of a world as a wall clock without error would show it. */
export function trueWallMs(time: VirtualTime): number {
  return WALL_START_MS + time.nowMs;
}
