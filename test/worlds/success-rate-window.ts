import { highestOpen } from './plain-policies.ts';
import type { NamedPolicy } from './policy.ts';

const SIZE = 125;
const HEDGING = 0.05;
const SIGMAS = 3;
const LEAST_VARIANCE = 0.09;
const FEWEST_ZEROS = 2;

/** The last outcomes of one provider; full of approvals at first. */
class Outcomes {
  readonly #approved = new Uint8Array(SIZE).fill(1);
  #sum = SIZE;
  /** Place of the oldest. */
  #oldest = 0;

  get rate(): number {
    return this.#sum / SIZE;
  }

  add(approved: boolean): void {
    const value = approved ? 1 : 0;
    this.#sum += value - (this.#approved[this.#oldest] ?? 0);
    this.#approved[this.#oldest] = value;
    this.#oldest = (this.#oldest + 1) % SIZE;
  }

  /** Rebuilds the window with so many failures, spread evenly. */
  rebuild(zeros: number): void {
    const spaced = (index: number) =>
      Math.floor(((index + 1) * zeros) / SIZE) > Math.floor((index * zeros) / SIZE);
    for (let index = 0; index < SIZE; index += 1) this.#approved[index] = spaced(index) ? 0 : 1;
    this.#sum = SIZE - zeros;
    this.#oldest = 0;
  }
}

/**
 * Success rate of the last 125 outcomes of each provider, as the best-known open router has it by default: the highest
 * wins, and five per cent of the payments go to anybody.
 * @param resets a provider more than three sigmas below the best is pulled back to that edge, so that it is tried again
 * soon; published figures of this policy are those without
 */
export function successRateWindow(resets: boolean): NamedPolicy {
  return {
    name: resets ? 'success-rate window, 3-sigma reset' : 'success-rate window',
    begin: ({ providers, random }) => {
      const windows = providers.map(() => new Outcomes());
      const rateOf = (provider: number) => windows[provider]?.rate ?? 0;
      return {
        choose: ({ open }) => {
          const numbers = [...open.keys()].filter((provider) => open[provider] === true);
          if (resets) pullBack(numbers.map((provider) => windows[provider] as Outcomes));
          return random.chance(HEDGING) ? random.pick(numbers) : highestOpen(open, rateOf);
        },
        learn: (_, provider, outcome) => windows[provider]?.add(outcome.kind === 'approved'),
      };
    },
  };
}

function pullBack(windows: readonly Outcomes[]): void {
  const best = Math.max(...windows.map(({ rate }) => rate));
  const edge = best - SIGMAS * Math.sqrt(Math.max(best * (1 - best), LEAST_VARIANCE) / SIZE);
  for (const window of windows) {
    if (window.rate < edge) window.rebuild(Math.max(FEWEST_ZEROS, Math.floor((1 - edge) * SIZE)));
  }
}
