import type { Clock } from './ports.ts';

/** Under which name a process remembers since when it has known an operation to be pending. */
export function operationSighting(attemptId: string, operationId: string): string {
  return `${attemptId} ${operationId}`;
}

/**
 * Since when this process has seen something in a state, by its own monotonic clock: a bound that no jump of a wall
 * clock, and no other machine's clock, can shorten. Forgetting one (a restart, the bound) only makes the wait longer.
 */
export class Sightings {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #since = new Map<string, number>();

  /** @param capacity things remembered; beyond it the oldest are forgotten */
  constructor(clock: Clock, capacity = 100_000) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** Milliseconds since it was first asked about; 0 at the first time. */
  seenForMs(what: string): number {
    const nowMs = this.#clock.monotonicMs();
    const since = this.#since.get(what);
    if (since !== undefined) return nowMs - since;
    this.#since.set(what, nowMs);
    if (this.#since.size > this.#capacity) {
      for (const oldest of this.#since.keys()) {
        this.#since.delete(oldest);
        break;
      }
    }
    return 0;
  }

  /** It is no longer in that state. */
  forget(what: string): void {
    this.#since.delete(what);
  }
}
