import Bottleneck from 'bottleneck';
import { InvariantError } from '../core/invariant.ts';
import type { Clock } from '../gateway/ports.ts';

/** What a waiter's turn brought: what it waited for, or how long to wait before looking again. */
export type Turn<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** Null: until {@link WaitQueue.wake}. */
  | { readonly kind: 'not_yet'; readonly retryInMs: number | null };

export type WaitResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'queue_full' | 'queue_timeout' | 'closed' };

interface Waiter {
  over: boolean;
  /** Lets a head that sleeps look again. */
  resume: () => void;
}

/**
 * A bounded queue in front of a provider's limit, on bottleneck: the head looks again and again until its turn
 * brings something, the others follow in order. Off the fast path: bottleneck costs milliseconds a job.
 *
 * bottleneck's `expiration` would not cancel a job (it fails the promise and lets the function run on), so time-outs
 * are our own: a waiter that gave up is passed over when its job comes, and takes nothing.
 */
export class WaitQueue {
  readonly #clock: Clock;
  readonly #length: number;
  readonly #limiter: Bottleneck;
  readonly #waiters = new Map<Waiter, (result: { readonly kind: 'closed' }) => void>();
  #head: Waiter | null = null;
  #closed = false;

  /** @param length waiters at most, the head included */
  constructor(length: number, clock: Clock) {
    this.#clock = clock;
    this.#length = length;
    this.#limiter = new Bottleneck({
      maxConcurrent: 1,
      highWater: length,
      strategy: Bottleneck.strategy.OVERFLOW,
    });
  }

  /** Those that still wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Waits in line for at most `timeoutMs`.
   * @param turn asked when it is at the head; what it takes belongs to the caller. Not asked once the wait is over
   */
  wait<T>(timeoutMs: number, turn: () => Turn<T>): Promise<WaitResult<T>> {
    if (this.#closed) return Promise.resolve({ kind: 'closed' });
    if (this.#waiters.size >= this.#length) return Promise.resolve({ kind: 'queue_full' });
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { over: false, resume: () => {} };
      const leave = (): boolean => {
        if (waiter.over) return false;
        waiter.over = true;
        cancelTimeout();
        this.#waiters.delete(waiter);
        waiter.resume();
        return true;
      };
      const end = (result: WaitResult<T>): void => {
        if (leave()) resolve(result);
      };
      const cancelTimeout = this.#clock.after(timeoutMs, () => end({ kind: 'queue_timeout' }));
      this.#waiters.set(waiter, end);
      this.#limiter
        .schedule(() => this.#serve(waiter, turn, end))
        .catch((fault: unknown) => {
          // Jobs of waiters that gave up fill bottleneck's queue until their turn comes.
          if (fault instanceof Bottleneck.BottleneckError) end({ kind: 'queue_full' });
          else if (leave()) reject(fault);
        });
    });
  }

  /** Something may have become free: the head looks at once. */
  wake(): void {
    this.#head?.resume();
  }

  /** Ends all waiting as `closed`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of [...this.#waiters.values()]) end({ kind: 'closed' });
    this.#limiter.stop({ dropWaitingJobs: true }).catch((fault: unknown) => {
      throw new InvariantError(`bottleneck did not stop: ${String(fault)}`);
    });
  }

  async #serve<T>(waiter: Waiter, turn: () => Turn<T>, end: (result: WaitResult<T>) => void): Promise<void> {
    this.#head = waiter;
    try {
      while (!waiter.over) {
        const result = turn();
        if (result.kind === 'done') end(result);
        else await this.#sleep(waiter, result.retryInMs);
      }
    } finally {
      this.#head = null;
    }
  }

  #sleep(waiter: Waiter, ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms === null ? () => {} : this.#clock.after(ms, () => waiter.resume());
      waiter.resume = () => {
        waiter.resume = () => {};
        cancel();
        resolve();
      };
    });
  }
}
