import { createHash } from 'node:crypto';
import {
  looksLikeCardTesting,
  TESTING_REFUSAL_MS,
  TESTING_WINDOW_MS,
  type TestingSign,
} from '../core/card-testing.ts';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { CardTestingWatch, Clock, WatchedCard } from '../gateway/ports.ts';
import type { OnRefused, TestingCount, TestingRow } from '../gateway/shared-state.ts';
import { RollingWindow } from './rolling-window.ts';

/** Merchants and BINs watched at a time; whose payments are longest ago is forgotten first. */
const WATCHED_MAX = 10_000;
/** What others counted is void when nothing was heard for so long. */
const HEARD_KEPT_MS = 5_000;
/** Declines from which on others are told of a merchant and BIN, and of how many at most: those with most declines. */
const TOLD_DECLINED_MIN = 3;
const TOLD_MAX = 500;
/** What is left of a refusal of others and is not worth beginning with: it ends before it is heard of again. */
const ENDING_MS = 2_000;
/** Payments of our own that are enough to judge by what others refuse. */
const TELLING_ENDED = 10;

interface Watched {
  /** As others are told of it. */
  readonly name: string;
  readonly ended: RollingWindow;
  readonly declined: RollingWindow;
  /** By our own word. Monotonic clock. */
  refusedUntilMs: number;
}

/** A refusal by the word of another process. */
interface HeardRefusal {
  /** Monotonic clock. */
  untilMs: number;
  /** Whether no payment of ours was declined since it began: another one is not gone by until then. */
  isSpent: boolean;
}

interface Counts {
  readonly ended: number;
  readonly declined: number;
}

const NOTHING: Counts = { ended: 0, declined: 0 };

/**
 * Watches for card testing: by what this process counts, and by what the others counted where they say so. Who spreads
 * his tries over several processes trips it at the same number of payments, up to those that end within a second.
 *
 * What others say refuses payments for a minute at most; a next minute only after a payment of ours was declined too, and
 * never while our own mostly go well.
 */
export class CardTestingGuard implements CardTestingWatch {
  readonly #clock: Clock;
  readonly #onRefused: OnRefused;
  readonly #watched = new LeastRecentMap<string, Watched>(WATCHED_MAX);
  /** By name. */
  readonly #heardRefusals = new LeastRecentMap<string, HeardRefusal>(WATCHED_MAX);
  #heardCounts: ReadonlyMap<string, Counts> = new Map();
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #isAnyHeard = false;

  /** @param onRefused told when others are not believed. Must not throw */
  constructor(clock: Clock, onRefused: OnRefused = () => {}) {
    this.#clock = clock;
    this.#onRefused = onRefused;
  }

  refusedForMs(card: WatchedCard): number {
    const key = keyOf(card);
    const watched = this.#watched.peek(key);
    const nowMs = this.#clock.monotonicMs();
    const ownUntilMs = watched?.refusedUntilMs ?? Number.NEGATIVE_INFINITY;
    return Math.max(0, ownUntilMs - nowMs, this.#heardUntilMs(watched?.name ?? null, key) - nowMs);
  }

  ended(card: WatchedCard, sign: TestingSign): 'tripped' | 'counted' {
    const key = keyOf(card);
    const watched = this.#watched.touch(key, () => ({
      name: nameOf(key),
      ended: new RollingWindow(this.#clock, TESTING_WINDOW_MS),
      declined: new RollingWindow(this.#clock, TESTING_WINDOW_MS),
      refusedUntilMs: Number.NEGATIVE_INFINITY,
    }));
    const nowMs = this.#clock.monotonicMs();
    const heard = this.#heardRefusals.peek(watched.name);
    // What was under way when it tripped is part of the same storm: it neither trips again nor counts for the next.
    if (nowMs < Math.max(watched.refusedUntilMs, heard?.untilMs ?? Number.NEGATIVE_INFINITY))
      return 'counted';
    watched.ended.add();
    if (sign === 'declined') {
      watched.declined.add();
      if (heard !== undefined) heard.isSpent = false;
    }
    if (!this.#isTesting(watched, sign)) return 'counted';
    watched.ended.clear();
    watched.declined.clear();
    watched.refusedUntilMs = nowMs + TESTING_REFUSAL_MS;
    return 'tripped';
  }

  /** What the others are told: where there are declines, and what others have told of. */
  counts(): readonly TestingCount[] {
    const nowMs = this.#clock.monotonicMs();
    const heard = this.#heard();
    const counts: TestingCount[] = [];
    for (const [, watched] of this.#watched.entries()) {
      const { ended, declined } = countsOf(watched);
      const refusedForMs = Math.max(0, Math.ceil(watched.refusedUntilMs - nowMs));
      const isTold = declined >= TOLD_DECLINED_MIN || (ended > 0 && heard.has(watched.name));
      if (isTold || refusedForMs > 0) counts.push({ name: watched.name, ended, declined, refusedForMs });
    }
    if (counts.length <= TOLD_MAX) return counts;
    const weight = ({ declined, refusedForMs }: TestingCount) => (refusedForMs > 0 ? 1e9 : declined);
    return counts.sort((one, other) => weight(other) - weight(one)).slice(0, TOLD_MAX);
  }

  /** Takes what the others counted, in the place of what was heard before. */
  heard(rows: readonly TestingRow[]): void {
    const sums = new Map<string, Counts>();
    const refused = new Map<string, number>();
    for (const { name, ended, declined, refusedForMs } of rows.flatMap(({ counts }) => counts)) {
      if (!(declined <= ended) || !Number.isFinite(ended + refusedForMs)) {
        this.#onRefused('testing', 'malformed');
        continue;
      }
      const sum = sums.get(name) ?? NOTHING;
      sums.set(name, { ended: sum.ended + ended, declined: sum.declined + declined });
      if (refusedForMs > ENDING_MS) refused.set(name, Math.max(refused.get(name) ?? 0, refusedForMs));
    }
    this.#heardCounts = sums;
    this.#heardAtMs = this.#clock.monotonicMs();
    if (refused.size > 0) this.#followRefusals(refused);
  }

  #followRefusals(refused: ReadonlyMap<string, number>): void {
    const nowMs = this.#clock.monotonicMs();
    const own = new Map<string, Watched>();
    for (const [, watched] of this.#watched.entries()) own.set(watched.name, watched);
    for (const [name, forMs] of refused) {
      const watched = own.get(name);
      const known = this.#heardRefusals.peek(name);
      if (nowMs < Math.max(known?.untilMs ?? 0, watched?.refusedUntilMs ?? 0)) continue;
      if (known?.isSpent === true) {
        this.#onRefused('testing', 'bound');
        continue;
      }
      const { ended, declined } = watched === undefined ? NOTHING : countsOf(watched);
      if (ended >= TELLING_ENDED && declined * 2 <= ended) {
        this.#onRefused('testing', 'contradicted');
        continue;
      }
      const refusal = this.#heardRefusals.touch(name, () => ({ untilMs: 0, isSpent: true }));
      refusal.untilMs = nowMs + Math.min(forMs, TESTING_REFUSAL_MS);
      refusal.isSpent = true;
      this.#isAnyHeard = true;
      watched?.ended.clear();
      watched?.declined.clear();
    }
  }

  #isTesting(watched: Watched, sign: TestingSign): boolean {
    const own = countsOf(watched);
    if (looksLikeCardTesting(own)) return true;
    const others = this.#heard().get(watched.name);
    // Others alone refuse nothing: our own must mostly be declined as well.
    if (others === undefined || sign !== 'declined' || own.declined * 2 <= own.ended) return false;
    return looksLikeCardTesting({
      ended: own.ended + others.ended,
      declined: own.declined + others.declined,
    });
  }

  #heard(): ReadonlyMap<string, Counts> {
    const isFresh = this.#clock.monotonicMs() - this.#heardAtMs < HEARD_KEPT_MS;
    if (!isFresh && this.#heardCounts.size > 0) this.#heardCounts = new Map();
    return this.#heardCounts;
  }

  #heardUntilMs(name: string | null, key: string): number {
    // A hash for each payment only once there was anything to look for.
    if (!this.#isAnyHeard) return Number.NEGATIVE_INFINITY;
    return this.#heardRefusals.peek(name ?? nameOf(key))?.untilMs ?? Number.NEGATIVE_INFINITY;
  }
}

function countsOf({ ended, declined }: Watched): Counts {
  return { ended: ended.sum(), declined: declined.sum() };
}

/** Names of merchants are visible ASCII: nothing of them can reach over a line end. */
function keyOf({ account, merchant, bin }: WatchedCard): string {
  return `${account}\n${merchant}\n${bin}`;
}

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}
