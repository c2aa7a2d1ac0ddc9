import type { Clock, HeldBack } from '../gateway/ports.ts';
import type { Log } from './log.ts';

/** From when on it is worth a line, milliseconds: what our own sessions hold open, the server ends before. */
const WORTH_TELLING_MS = 15_000;
/** Time between two lines while it lasts, milliseconds. */
const REMINDER_MS = 60_000;
/** How long what was told last counts, milliseconds: several turns of whoever looks, who may be another process by now. */
const TOLD_FOR_MS = 200_000;

/** Tells when events are held back from deliveries and seals by a transaction that stays open: in the log, and for metrics. */
export class HeldBackWatch {
  readonly #clock: Clock;
  readonly #log: Pick<Log, 'warn' | 'info'>;
  #held: { readonly sinceMs: number; readonly toldMs: number } | null = null;
  #lineMs: number | null = null;

  constructor(clock: Clock, log: Pick<Log, 'warn' | 'info'>) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param held as it is now; null: nothing is held back any more */
  tell(held: HeldBack | null): void {
    const nowMs = this.#clock.monotonicMs();
    if (held === null) {
      if (this.#lineMs !== null) this.#log.info('events_go_on', { held_s: seconds(this.#heldForMs(nowMs)) });
      this.#held = null;
      this.#lineMs = null;
      return;
    }
    this.#held = { sinceMs: nowMs - held.forMs, toldMs: nowMs };
    const isQuiet = this.#lineMs !== null && nowMs - this.#lineMs < REMINDER_MS;
    if (held.forMs < WORTH_TELLING_MS || isQuiet) return;
    this.#lineMs = nowMs;
    this.#log.warn('events_held_back', linesOf(held));
  }

  /** For how long events have been held back as far as this process knows, milliseconds; 0: none are. */
  heldMs(): number {
    return this.#heldForMs(this.#clock.monotonicMs());
  }

  #heldForMs(nowMs: number): number {
    if (this.#held === null || nowMs - this.#held.toldMs > TOLD_FOR_MS) return 0;
    return nowMs - this.#held.sinceMs;
  }
}

function linesOf({ forMs, by }: HeldBack) {
  const end = by?.pid == null ? 'look at pg_prepared_xacts' : `SELECT pg_terminate_backend(${by.pid})`;
  return {
    held_s: seconds(forMs),
    pid: by?.pid ?? null,
    user: by?.user ?? null,
    application: by?.application ?? null,
    state: by?.state ?? null,
    transaction_s: by?.openForMs == null ? null : seconds(by.openForMs),
    effect: 'no event is delivered and nothing is sealed beyond it; payments are not affected',
    remedy: `a transaction that wrote to events stays open: have whoever opened it commit it or roll it back, or end it (${end})`,
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
