import type { ArmBook } from '../core/experiments/assign.ts';
import type { Experiment, Experiments } from '../core/experiments/experiment.ts';
import type { ArmState } from './ports.ts';

/** What changes of experiments while they run, as this process knows it: read on the road, changed beside it. */
export class LiveArms implements ArmBook {
  #states: ReadonlyMap<string, ArmState> = new Map();
  readonly #shares = new Map<string, { readonly arms: string; readonly shares: readonly number[] }>();

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

  /** Arms of running experiments that get nobody, since they were stopped under the same names once. */
  stoppedIn({ list }: Experiments): readonly string[] {
    return list
      .filter(({ status }) => status === 'running')
      .flatMap(({ id, arms }) =>
        arms
          .filter(({ name }) => this.isStopped(id, name))
          .map(
            ({ name }) =>
              `experiment ${id}: its arm ${name} was stopped (${this.state(id, name)?.reason ?? ''}) and gets no payment, ` +
              `whatever its seed is; let it run again by PUT /v1/experiments/${id}/arms/${name}, or give what is a new ` +
              'experiment an id of its own',
          ),
      );
  }

  shares(experiment: Experiment): readonly number[] | null {
    const learned = this.#shares.get(experiment.id);
    return learned?.arms === namesOf(experiment) ? learned.shares : null;
  }

  /** What a bandit divides by from now on, in the order of its arms. */
  setShares(experiment: Experiment, shares: readonly number[]): void {
    this.#shares.set(experiment.id, { arms: namesOf(experiment), shares });
  }
}

function keyOf(experiment: string, arm: string): string {
  return `${experiment}/${arm}`;
}

/** Seed included: another one begins anew. */
function namesOf({ arms, seed }: Experiment): string {
  return `${seed} ${arms.map(({ name }) => name).join()}`;
}
