import type { AccountScopes, Clock, Learner } from '../gateway/ports.ts';
import type { OnRefused, SharedFunction, SharedState } from '../gateway/shared-state.ts';
import { CardTestingGuard } from './card-testing-guard.ts';
import type { SharedGuards } from './lanes.ts';
import type { Restorable } from './learner-state.ts';
import { PodWatch } from './pod-watch.ts';
import type { LimitSettings } from './provider-limit.ts';
import { SharedBreakers } from './shared-breakers.ts';
import { SharedLearning } from './shared-learning.ts';
import { SharedLimit } from './shared-limit.ts';
import { SharedStatus } from './shared-status.ts';
import { SharedTesting } from './shared-testing.ts';

/** How often it is looked whether messages would arrive, and how many processes there are. */
const LOOK_MS = 500;
/** A start waits so long for the first answer, and then goes on without one. */
const FIRST_ANSWER_MS = 1_000;

/** What of the sharing is told. Methods must not throw. */
export interface SharingObserver {
  /** A function of the shared state works, or goes on without the others. */
  function(what: SharedFunction, isUp: boolean): void;
  /** All of it works, or some of it has stopped to, for longer than a moment. */
  changed(isUp: boolean): void;
  leased(provider: string, calls: number): void;
  /** How far learning is behind the others, milliseconds. */
  lag(ms: number): void;
  /** Outcomes that are not handed on, or batches that cannot be read. */
  dropped(count: number): void;
  /** Processes that were heard of lately, this one included. */
  pods(count: number): void;
  /** What the others, or the store, say was not gone by. */
  readonly refused: OnRefused;
}

/** What this process shares with others: made once, and used by lanes and learning. */
export class Sharing implements SharedGuards {
  readonly breakers: SharedBreakers;
  /** Counts the payments of all processes. */
  readonly cardTesting: CardTestingGuard;
  readonly #testing: SharedTesting;
  readonly #limits = new Set<SharedLimit>();
  readonly #clock: Clock;
  readonly #state: SharedState;
  readonly #observer: SharingObserver;
  readonly #status: SharedStatus;
  readonly #pods: PodWatch;
  #cancel = () => {};

  constructor(state: SharedState, clock: Clock, observer: SharingObserver) {
    this.#state = state;
    this.#clock = clock;
    this.#observer = observer;
    this.#status = new SharedStatus(clock, {
      onFunction: (what, isUp) => observer.function(what, isUp),
      onChanged: (isUp) => observer.changed(isUp),
    });
    this.#pods = new PodWatch(state, clock, this.#status);
    const { refused } = observer;
    const deps = { clock, state, status: this.#status };
    this.breakers = new SharedBreakers({ ...deps, pods: this.#pods, onRefused: refused });
    this.cardTesting = new CardTestingGuard(clock, refused);
    this.#testing = new SharedTesting({ ...deps, guard: this.cardTesting });
  }

  /** Processes that shares of what each does by itself are made by. At least 1. */
  get pods(): number {
    return this.#pods.count;
  }

  /** Makes itself known. @returns when it was answered, or after a second: a store that is away holds no start up */
  async begin(): Promise<void> {
    await Promise.race([
      this.#pods.begin(),
      new Promise<void>((resolve) => {
        this.#clock.after(FIRST_ANSWER_MS, resolve);
      }),
    ]);
    this.#testing.begin();
    this.#look();
  }

  limit(provider: string, settings: LimitSettings, onFree: () => void): SharedLimit {
    const limit: SharedLimit = new SharedLimit(provider, settings, {
      clock: this.#clock,
      state: this.#state,
      pods: this.#pods,
      status: this.#status,
      onFree,
      isAnotherOpen: () => [...this.#limits].some((other) => other !== limit && other.closedForMs === 0),
      onRefused: this.#observer.refused,
      onLeased: (whose, calls) => this.#observer.leased(whose, calls),
    });
    for (const other of this.#limits) if (other.isClosed) this.#limits.delete(other);
    this.#limits.add(limit);
    return limit;
  }

  /**
   * @param learner is taught by everybody's outcomes
   * @param saved what of it is left for processes that begin
   * @param isProvider whether outcomes of this provider are learned from
   */
  learning(
    learner: Learner,
    saved: Restorable,
    accounts: AccountScopes,
    isProvider: (provider: string) => boolean,
  ): SharedLearning {
    return new SharedLearning({
      clock: this.#clock,
      state: this.#state,
      status: this.#status,
      learner,
      saved,
      accounts,
      isProvider,
      observer: {
        lag: (ms) => this.#observer.lag(ms),
        dropped: (count) => this.#observer.dropped(count),
      },
    });
  }

  /** Leaves its share to the others, after lanes and learning have ended. */
  async close(): Promise<void> {
    this.#cancel();
    this.#testing.close();
    await Promise.all([...this.#limits].map((limit) => limit.gone()));
    await this.#pods.close();
    this.#status.close();
    await this.#state.close();
  }

  #look(): void {
    if (this.#state.hears()) this.#status.answered('notices');
    else this.#status.lost('notices');
    this.#observer.pods(this.#pods.live);
    this.#cancel = this.#clock.after(LOOK_MS, () => this.#look());
  }
}
