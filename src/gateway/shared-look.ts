import { describeError } from './describe-error.ts';
import { callJournal } from './journal-calls.ts';
import type { LiveArms } from './live-arms.ts';
import type { Clock, Journal, Observer, ProviderOverride } from './ports.ts';

/** Time from the end of one look to the next, milliseconds. */
const LOOK_MS = 1_000;

export interface SharedLookDeps {
  readonly clock: Clock;
  readonly observer: Pick<Observer, 'journalTook' | 'alert' | 'armChanged'>;
  readonly journal: Pick<Journal, 'listOverrides' | 'listArmStates' | 'listBanditShares'>;
  readonly arms: LiveArms;
  /** Has the process go by these overrides, which may be those that it goes by: called at each look. */
  readonly setOverrides: (overrides: readonly ProviderOverride[]) => void;
  /** Has the process go by the ruleset that the pointer stands at. Never rejects. */
  readonly followRuleset: () => Promise<void>;
}

/** Looks that run one after the other, again and again, and at once when somebody asks for one. */
class Looks {
  readonly #once: () => Promise<void>;
  readonly #clock: Clock;
  #looks: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | null = null;
  #cancelTimer: () => void = () => {};
  #stopped = false;

  /** @param once looks once; never rejects */
  constructor(once: () => Promise<void>, clock: Clock) {
    this.#once = once;
    this.#clock = clock;
  }

  begin(): void {
    if (this.#stopped) return;
    this.#cancelTimer = this.#clock.after(LOOK_MS, () => {
      void this.look().then(() => this.begin());
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#looks;
  }

  /** A call while one waits joins it. */
  look(): Promise<void> {
    if (this.#waiting !== null) return this.#waiting;
    const next = this.#looks.then(async () => {
      this.#waiting = null;
      if (!this.#stopped) await this.#once();
    });
    this.#waiting = next;
    this.#looks = next;
    return next;
  }
}

/**
 * Follows what other processes change in the journal that they share: the ruleset in force, overrides of providers, arms
 * of experiments and what bandits divide by. It looks again and again, and at once when somebody asks for it. What cannot
 * be read stays as it was known. The ruleset is looked at apart: to read a long one takes its time, and an operator who
 * takes a provider out must not wait for it.
 */
export class SharedLook {
  readonly #deps: SharedLookDeps;
  readonly #all: readonly Looks[];

  constructor(deps: SharedLookDeps) {
    this.#deps = deps;
    const { clock } = deps;
    this.#all = [() => this.#guarded(deps.followRuleset), () => this.#guarded(() => this.#lookOnce())].map(
      (once) => new Looks(once, clock),
    );
  }

  /** Begins to look regularly, until {@link stop}. */
  begin(): void {
    for (const looks of this.#all) looks.begin();
  }

  /** Ends it, and waits for the looks under way. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map((looks) => looks.stop()));
  }

  /** Looks now: what was committed before the call counts when this resolves, unless the journal failed. Never rejects. */
  async look(): Promise<void> {
    await Promise.all(this.#all.map((looks) => looks.look()));
  }

  /** A bug in one look must not end the others. */
  async #guarded(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      this.#deps.observer.alert({
        kind: 'housekeeping_failed',
        detail: describeError(error),
        authorizationId: null,
      });
    }
  }

  async #lookOnce(): Promise<void> {
    const { journal } = this.#deps;
    const overrides = await callJournal('list_overrides', this.#deps, () => journal.listOverrides());
    // Where the journal fails, one alert a look is enough.
    if (!overrides.ok) return;
    this.#deps.setOverrides(overrides.value);
    const states = await callJournal('list_arm_states', this.#deps, () => journal.listArmStates());
    if (!states.ok) return;
    this.#takeStates(states.value);
    const shares = await callJournal('list_bandit_shares', this.#deps, () => journal.listBanditShares());
    if (shares.ok) this.#deps.arms.restoreShares(shares.value);
  }

  #takeStates(states: Awaited<ReturnType<Journal['listArmStates']>>): void {
    const { arms, observer } = this.#deps;
    const changed = states.filter((state) => {
      const known = arms.state(state.experiment, state.arm, state.account);
      return known?.state !== state.state || known.createdAtMs !== state.createdAtMs;
    });
    arms.setStates(states);
    for (const state of changed) observer.armChanged(state);
  }
}
