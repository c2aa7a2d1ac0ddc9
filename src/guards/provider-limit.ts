import type { Clock } from '../gateway/ports.ts';

/** Limits as in a provider's contract. */
export interface LimitSettings {
  /** Calls per second on average; the burst is one second's worth, at least 1. Above 0, may be a fraction. */
  readonly perSecond: number;
  readonly concurrent: number;
}

export type LimitRefusal = 'limit_per_second' | 'limit_concurrent';

/** A provider's limits, as lanes ask about them. All synchronous: nothing of it waits for anybody. */
export interface Limit {
  /** Calls under way. */
  readonly inUse: number;
  /** Milliseconds for which a 429 still closes it; 0 when none does. */
  readonly closedForMs: number;
  /** Share that is still free, of the scarcer of the two limits, 0 to 1. 0 exactly when a call would be refused. */
  headroom(): number;
  /** Why a call would be refused now; null when it would not. */
  refusal(): LimitRefusal | null;
  /** Takes a token and a place, or says which is missing. */
  tryTake(): LimitRefusal | null;
  /** A call that was made is over. */
  release(): void;
  /** A call was not made after all: token and place come back. */
  refund(): void;
  /** Empties the bucket and keeps it empty for that long, at most ten minutes: the provider answered 429. */
  closeFor(ms: number): void;
  /** Milliseconds until the bucket holds a token again, rounded up; null when it does. */
  nextTokenInMs(): number | null;
  /** Applies changed limits. Tokens and calls under way stay; tokens above the new burst are dropped. */
  configure(settings: LimitSettings): void;
  /** It is not asked any more. */
  close(): void;
}

/** A 429 closes a provider for ten minutes at most at a time: a wrong `Retry-After` must not close it for a day. */
export const LONGEST_CLOSURE_MS = 600_000;

/**
 * A provider's limits in this process: a token bucket and a count of calls under way. The bucket refills by the
 * monotonic clock when it is looked at; no timer runs. In any stretch of t seconds it grants at most
 * burst + perSecond x t calls.
 */
export class ProviderLimit implements Limit {
  readonly #clock: Clock;
  #settings: LimitSettings;
  #tokens: number;
  #refilledAtMs: number;
  #inUse = 0;
  #closedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(settings: LimitSettings, clock: Clock) {
    this.#clock = clock;
    this.#settings = settings;
    this.#tokens = this.#burst();
    this.#refilledAtMs = clock.monotonicMs();
  }

  get settings(): LimitSettings {
    return this.#settings;
  }

  /** Calls under way. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Milliseconds for which a 429 still closes it; 0 when none does. */
  get closedForMs(): number {
    return Math.max(0, Math.ceil(this.#closedUntilMs - this.#clock.monotonicMs()));
  }

  /** Whole and partial calls that the bucket would grant now. */
  get tokens(): number {
    this.#refill();
    return this.#clock.monotonicMs() < this.#closedUntilMs ? 0 : this.#tokens;
  }

  /** Share that is still free, of the scarcer of the two limits, 0 to 1. 0 exactly when a call would be refused. */
  headroom(): number {
    if (this.refusal() !== null) return 0;
    const { concurrent } = this.#settings;
    return Math.min(this.#tokens / this.#burst(), (concurrent - this.#inUse) / concurrent);
  }

  /** Why a call would be refused now; null when it would not. */
  refusal(): LimitRefusal | null {
    if (this.tokens < 1) return 'limit_per_second';
    return this.#inUse >= this.#settings.concurrent ? 'limit_concurrent' : null;
  }

  /** Takes a token and a place, or says which is missing. */
  tryTake(): LimitRefusal | null {
    const refusal = this.refusal();
    if (refusal !== null) return refusal;
    this.#tokens -= 1;
    this.#inUse += 1;
    return null;
  }

  /** A call that was made is over. */
  release(): void {
    this.#inUse -= 1;
  }

  /** A call was not made after all: token and place come back. */
  refund(): void {
    this.#refill();
    this.#tokens = Math.min(this.#burst(), this.#tokens + 1);
    this.#inUse -= 1;
  }

  /** Empties the bucket and keeps it empty for that long, at most ten minutes: the provider answered 429. */
  closeFor(ms: number): void {
    const now = this.#clock.monotonicMs();
    this.#closedUntilMs = Math.max(this.#closedUntilMs, now + Math.min(ms, LONGEST_CLOSURE_MS));
    this.#tokens = 0;
    this.#refilledAtMs = this.#closedUntilMs;
  }

  /** Milliseconds until the bucket holds a token again, rounded up; null when it does. */
  nextTokenInMs(): number | null {
    if (this.tokens >= 1) return null;
    const missing = Math.max(0, 1 - this.#tokens);
    return Math.max(1, this.closedForMs + Math.ceil((missing / this.#settings.perSecond) * 1000));
  }

  /** Applies changed limits. Tokens and calls under way stay; tokens above the new burst are dropped. */
  configure(settings: LimitSettings): void {
    this.#refill();
    this.#settings = settings;
    this.#tokens = Math.min(this.#tokens, this.#burst());
  }

  /** No timer runs. */
  close(): void {
    this.#closedUntilMs = Number.POSITIVE_INFINITY;
  }

  #burst(): number {
    return Math.max(1, this.#settings.perSecond);
  }

  #refill(): void {
    const now = this.#clock.monotonicMs();
    const elapsed = now - this.#refilledAtMs;
    if (elapsed <= 0) return;
    this.#tokens = Math.min(this.#burst(), this.#tokens + (elapsed / 1000) * this.#settings.perSecond);
    this.#refilledAtMs = now;
  }
}
