import type { Clock } from '../gateway/ports.ts';
import { SHARED_FUNCTIONS, type SharedFunction, SharedStateError } from '../gateway/shared-state.ts';

export interface SharedStatusObserver {
  /** A function of the shared state works, or has stopped to. Told of the first answer too. Must not throw. */
  readonly onFunction: (what: SharedFunction, isUp: boolean) => void;
  /**
   * All of it works, or some of it has stopped to, for long enough to be said: what comes and goes is told once. Must not
   * throw.
   */
  readonly onChanged: (isUp: boolean) => void;
}

/** An answer that comes late now and then is no loss to tell of. */
const LOST_MS = 1_000;
/** A process that starts is busy with itself, on a busy machine for seconds: that is no loss of the store either. */
const FIRST_LOST_MS = 5_000;
/** What works again for so long is told to. */
const BACK_MS = 5_000;

/** What of the shared state works now, by what became of the last question to it. */
export class SharedStatus {
  readonly #clock: Clock;
  readonly #observer: SharedStatusObserver;
  readonly #up = new Map<SharedFunction, boolean>();
  /** As it was told last; null: nothing was told. */
  #told: boolean | null = null;
  /** What is about to be told, and what takes that back. */
  #next: { readonly isUp: boolean; readonly cancel: () => void } | null = null;

  constructor(clock: Clock, observer: SharedStatusObserver) {
    this.#clock = clock;
    this.#observer = observer;
  }

  /** Whether the last question was answered; false before the first answer. */
  isUp(what: SharedFunction): boolean {
    return this.#up.get(what) ?? false;
  }

  answered(what: SharedFunction): void {
    this.#set(what, true);
  }

  /**
   * Takes a question that was not answered.
   * @throws what is no want of an answer, but a fault of ours
   */
  failed(what: SharedFunction, error: unknown): void {
    if (!(error instanceof SharedStateError)) throw error;
    this.#set(what, false);
  }

  /** The same, where nothing was asked. */
  lost(what: SharedFunction): void {
    this.#set(what, false);
  }

  /** Tells nothing any more. */
  close(): void {
    this.#next?.cancel();
  }

  #set(what: SharedFunction, isUp: boolean): void {
    if (this.#up.get(what) === isUp) return;
    this.#up.set(what, isUp);
    this.#observer.onFunction(what, isUp);
    const states = SHARED_FUNCTIONS.map((name) => this.#up.get(name));
    // Before all were asked once, what works says nothing about the rest.
    const all = states.includes(false) ? false : states.includes(undefined) ? null : true;
    if (all === this.#next?.isUp) return;
    // What was about to be told holds no more: nothing is lost, even where not all were asked yet.
    this.#next?.cancel();
    this.#next = null;
    if (all === null || all === this.#told) return;
    if (this.#told === null && all) this.#tell(all);
    else {
      const lostMs = this.#told === null ? FIRST_LOST_MS : LOST_MS;
      const cancel = this.#clock.after(all ? BACK_MS : lostMs, () => this.#tell(all));
      this.#next = { isUp: all, cancel };
    }
  }

  #tell(isUp: boolean): void {
    this.#next = null;
    this.#told = isUp;
    this.#observer.onChanged(isUp);
  }
}
