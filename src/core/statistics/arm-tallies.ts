import { invariant } from '../invariant.ts';

/** Successes and trials of one arm, as far as they are remembered. */
export interface ArmTally {
  readonly successes: number;
  readonly trials: number;
}

/** What a bandit remembers of its arms. */
export interface ArmTallies {
  /** @param reward 0 to 1 */
  observe(arm: number, reward: number): void;
  tally(arm: number): ArmTally;
}

/**
 * Discounted tallies: with each event of whichever arm, all arms' successes and trials are multiplied by gamma first
 * (Raj and Kalyani, arXiv 1707.09727). So 1/(1-gamma) events are remembered, of all arms together. Done lazily.
 */
export class DiscountedTallies implements ArmTallies {
  readonly #gamma: number;
  readonly #successes: Float64Array;
  readonly #trials: Float64Array;
  readonly #writtenAt: Float64Array;
  #events = 0;

  /** @param gamma above 0, at most 1; 1 forgets nothing */
  constructor(arms: number, gamma: number) {
    invariant(gamma > 0 && gamma <= 1, `a discount is above 0 and at most 1, got ${gamma}`);
    this.#gamma = gamma;
    this.#successes = new Float64Array(arms);
    this.#trials = new Float64Array(arms);
    this.#writtenAt = new Float64Array(arms);
  }

  observe(arm: number, reward: number): void {
    this.#events += 1;
    const { successes, trials } = this.tally(arm);
    this.#successes[arm] = successes + reward;
    this.#trials[arm] = trials + 1;
    this.#writtenAt[arm] = this.#events;
  }

  tally(arm: number): ArmTally {
    const discount = this.#gamma ** (this.#events - (this.#writtenAt[arm] ?? 0));
    return {
      successes: (this.#successes[arm] ?? 0) * discount,
      trials: (this.#trials[arm] ?? 0) * discount,
    };
  }
}

/** Tallies of the last so many events of all arms together. */
export class WindowTallies implements ArmTallies {
  readonly #arms: Int32Array;
  readonly #rewards: Float64Array;
  readonly #successes: Float64Array;
  readonly #trials: Float64Array;
  #events = 0;

  /** @param window events remembered, 1 or more */
  constructor(arms: number, window: number) {
    invariant(Number.isInteger(window) && window >= 1, `a window is 1 event or more, got ${window}`);
    this.#arms = new Int32Array(window);
    this.#rewards = new Float64Array(window);
    this.#successes = new Float64Array(arms);
    this.#trials = new Float64Array(arms);
  }

  observe(arm: number, reward: number): void {
    const slot = this.#events % this.#arms.length;
    if (this.#events >= this.#arms.length) this.#add(this.#arms[slot] ?? 0, -(this.#rewards[slot] ?? 0), -1);
    this.#arms[slot] = arm;
    this.#rewards[slot] = reward;
    this.#add(arm, reward, 1);
    this.#events += 1;
  }

  tally(arm: number): ArmTally {
    return { successes: this.#successes[arm] ?? 0, trials: this.#trials[arm] ?? 0 };
  }

  #add(arm: number, reward: number, trials: number): void {
    this.#successes[arm] = (this.#successes[arm] ?? 0) + reward;
    this.#trials[arm] = (this.#trials[arm] ?? 0) + trials;
  }
}
