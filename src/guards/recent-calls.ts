import type { Clock } from '../gateway/ports.ts';

/**
 * The last calls of a lane, at most `size` of them and none older than `windowMs`: a window by number beside the one by
 * time. At a hundred calls a second a window of ten seconds needs five seconds of failures to tip; these few calls
 * tip within a fraction of one.
 */
export class RecentCalls {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #endedAtMs: number[];
  readonly #failed: boolean[];
  /** Place of the next call; the oldest one stands there once the ring is full. */
  #next = 0;

  /** @param size calls kept, 1 or more */
  constructor(clock: Clock, size: number, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#endedAtMs = new Array<number>(size).fill(Number.NEGATIVE_INFINITY);
    this.#failed = new Array<boolean>(size).fill(false);
  }

  add(failed: boolean): void {
    this.#endedAtMs[this.#next] = this.#clock.monotonicMs();
    this.#failed[this.#next] = failed;
    this.#next = (this.#next + 1) % this.#failed.length;
  }

  /** Whether there are `volume` calls at least, and more than `ratio` of them failed. */
  tooManyFailed(ratio: number, volume: number): boolean {
    const sinceMs = this.#clock.monotonicMs() - this.#windowMs;
    let calls = 0;
    let failures = 0;
    for (const [place, endedAtMs] of this.#endedAtMs.entries()) {
      if (endedAtMs <= sinceMs) continue;
      calls += 1;
      if (this.#failed[place] === true) failures += 1;
    }
    return calls >= volume && failures > ratio * calls;
  }

  /**
   * What the latest calls say, of those in the window.
   * @param enough calls in a row that went well say that all is well
   */
  latest(enough: number): 'well' | 'ill' | 'none' {
    const sinceMs = this.#clock.monotonicMs() - this.#windowMs;
    const { length } = this.#failed;
    for (let back = 1; back <= Math.min(enough, length); back += 1) {
      const place = (this.#next - back + length) % length;
      if ((this.#endedAtMs[place] ?? Number.NEGATIVE_INFINITY) <= sinceMs) return 'none';
      if (this.#failed[place] === true) return back === 1 ? 'ill' : 'none';
    }
    return 'well';
  }

  clear(): void {
    this.#endedAtMs.fill(Number.NEGATIVE_INFINITY);
  }
}
