import type { Clock } from '../gateway/ports.ts';

/** Slices of a rolling window. opossum uses the same number, so that both forget at the same moments. */
export const WINDOW_SLICES = 10;

/**
 * Counts events over the last `windowMs`, in ten slices. Old slices are dropped on every read and write, by time:
 * a window that nobody writes to empties all the same, without a timer. The span that is covered lies between nine
 * and ten tenths of the window.
 */
export class RollingWindow {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  readonly #counts = new Array<number>(WINDOW_SLICES).fill(0);
  #slice: number;
  #sum = 0;

  /** @param windowMs length, milliseconds, above 0 */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#sliceMs = windowMs / WINDOW_SLICES;
    this.#slice = Math.floor(clock.monotonicMs() / this.#sliceMs);
  }

  add(count = 1): void {
    this.expire();
    const index = this.#slice % WINDOW_SLICES;
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#sum += count;
  }

  sum(): number {
    this.expire();
    return this.#sum;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }

  /** Drops what is too old. Returns how many slices passed since the last call, at most all of them. */
  expire(): number {
    const now = Math.floor(this.#clock.monotonicMs() / this.#sliceMs);
    const passed = Math.min(now - this.#slice, WINDOW_SLICES);
    for (let step = 1; step <= passed; step += 1) {
      const index = (this.#slice + step) % WINDOW_SLICES;
      this.#sum -= this.#counts[index] ?? 0;
      this.#counts[index] = 0;
    }
    this.#slice = now;
    return passed;
  }
}
