import {
  looksLikeCardTesting,
  TESTING_REFUSAL_MS,
  TESTING_WINDOW_MS,
  type TestingSign,
} from '../core/card-testing.ts';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { CardTestingWatch, Clock, WatchedCard } from '../gateway/ports.ts';
import { RollingWindow } from './rolling-window.ts';

/** Merchants and BINs watched at a time; whose payments are longest ago is forgotten first. */
const WATCHED_MAX = 10_000;

interface Watched {
  readonly ended: RollingWindow;
  readonly declined: RollingWindow;
  /** Monotonic clock. */
  refusedUntilMs: number;
}

/** Watches for card testing in this process. */
export class CardTestingGuard implements CardTestingWatch {
  readonly #clock: Clock;
  readonly #watched = new LeastRecentMap<string, Watched>(WATCHED_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  refusedForMs(card: WatchedCard): number {
    const watched = this.#watched.peek(keyOf(card));
    return watched === undefined ? 0 : Math.max(0, watched.refusedUntilMs - this.#clock.monotonicMs());
  }

  ended(card: WatchedCard, sign: TestingSign): 'tripped' | 'counted' {
    const watched = this.#watched.touch(keyOf(card), () => ({
      ended: new RollingWindow(this.#clock, TESTING_WINDOW_MS),
      declined: new RollingWindow(this.#clock, TESTING_WINDOW_MS),
      refusedUntilMs: Number.NEGATIVE_INFINITY,
    }));
    const nowMs = this.#clock.monotonicMs();
    // What was under way when it tripped is part of the same storm: it neither trips again nor counts for the next.
    if (nowMs < watched.refusedUntilMs) return 'counted';
    watched.ended.add();
    if (sign === 'declined') watched.declined.add();
    const counts = { ended: watched.ended.sum(), declined: watched.declined.sum() };
    if (!looksLikeCardTesting(counts)) return 'counted';
    watched.ended.clear();
    watched.declined.clear();
    watched.refusedUntilMs = nowMs + TESTING_REFUSAL_MS;
    return 'tripped';
  }
}

/** Names of merchants are visible ASCII: nothing of them can reach over a line end. */
function keyOf({ account, merchant, bin }: WatchedCard): string {
  return `${account}\n${merchant}\n${bin}`;
}
