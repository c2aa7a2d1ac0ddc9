import type { Clock, RetryBudget } from '../gateway/ports.ts';
import { RollingWindow } from './rolling-window.ts';

/** Bounds of technical failovers. */
export interface RetryBudgetSettings {
  /** Failovers as a share of payments in the window, 0 to 1. */
  readonly ratio: number;
  /** Failovers that are always allowed in a window, by all processes together, so that little traffic can fail over at all. */
  readonly floor: number;
  readonly windowMs: number;
}

const DEFAULTS: RetryBudgetSettings = { ratio: 0.2, floor: 10, windowMs: 10_000 };

/**
 * Budget of technical failovers over a sliding window: at most `ratio` of the payments, at least `floor`. Keeps an
 * outage from multiplying the load on the providers that still stand.
 */
export class SlidingRetryBudget implements RetryBudget {
  readonly #settings: RetryBudgetSettings;
  readonly #payments: RollingWindow;
  readonly #failovers: RollingWindow;

  readonly #pods: () => number;

  /** @param pods how many processes the floor is for, at least 1: each allows its part of it, and one at the least */
  constructor(clock: Clock, settings: Partial<RetryBudgetSettings> = {}, pods: () => number = () => 1) {
    this.#pods = pods;
    this.#settings = { ...DEFAULTS, ...settings };
    this.#payments = new RollingWindow(clock, this.#settings.windowMs);
    this.#failovers = new RollingWindow(clock, this.#settings.windowMs);
  }

  deposit(): void {
    this.#payments.add();
  }

  withdraw(): boolean {
    const { ratio, floor } = this.#settings;
    const allowed = Math.max(Math.ceil(floor / this.#pods()), Math.floor(this.#payments.sum() * ratio));
    if (this.#failovers.sum() >= allowed) return false;
    this.#failovers.add();
    return true;
  }
}
