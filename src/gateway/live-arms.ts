import type { ArmBook } from '../core/experiments/assign.ts';
import type { Experiment } from '../core/experiments/experiment.ts';
import type { ArmState, BanditShares } from './ports.ts';

type LearnedShares = Omit<BanditShares, 'atMs'>;

/** What changes of experiments while they run, as this process knows it: read on the road, changed beside it. */
export class LiveArms implements ArmBook {
  #states: ReadonlyMap<string, ArmState> = new Map();
  readonly #shares = new Map<string, LearnedShares>();

  /** @param states the newest of each arm, as the journal has them */
  setStates(states: readonly ArmState[]): void {
    this.#states = new Map(states.map((state) => [keyOf(state.experiment, state.arm), state]));
  }

  isStopped(experiment: string, arm: string): boolean {
    return this.#states.get(keyOf(experiment, arm))?.state === 'stopped';
  }

  /** Who changed the arm last, and why; null when nobody has. */
  state(experiment: string, arm: string): ArmState | null {
    return this.#states.get(keyOf(experiment, arm)) ?? null;
  }

  shares(experiment: Experiment): readonly number[] | null {
    const learned = this.#shares.get(experiment.id);
    return learned?.arms === namesOf(experiment) ? learned.shares : null;
  }

  /** What a bandit divides by from now on, in the order of its arms. */
  setShares(experiment: Experiment, shares: readonly number[]): void {
    this.restoreShares([learnedShares(experiment, shares)]);
  }

  /** Takes up what bandits had learned, as the journal has it. */
  restoreShares(all: readonly LearnedShares[]): void {
    for (const learned of all) this.#shares.set(learned.experiment, learned);
  }
}

function keyOf(experiment: string, arm: string): string {
  return `${experiment}/${arm}`;
}

/** Shares as they are kept, with the arms that they are of. */
export function learnedShares(experiment: Experiment, shares: readonly number[]): LearnedShares {
  return { experiment: experiment.id, arms: namesOf(experiment), shares };
}

/** Seed included: another one begins anew. */
function namesOf({ arms, seed }: Experiment): string {
  return `${seed} ${arms.map(({ name }) => name).join()}`;
}
