import type { ArmBook } from '../core/experiments/assign.ts';
import type { Experiment, Experiments } from '../core/experiments/experiment.ts';
import type { ArmState, BanditShares } from './ports.ts';

type LearnedShares = Omit<BanditShares, 'atMs'>;

/**
 * What changes of experiments while they run, as this process knows it: read on the road, changed beside it. An arm is
 * stopped for everybody, or for one account alone; of what was said for everybody and for the account, the newer holds.
 */
export class LiveArms {
  #states: ReadonlyMap<string, ArmState> = new Map();
  readonly #shares = new Map<string, LearnedShares>();

  /** @param states the newest of each arm, as the journal has them */
  setStates(states: readonly ArmState[]): void {
    this.#states = new Map(states.map((state) => [keyOf(state.experiment, state.arm, state.account), state]));
  }

  /** What holds for the payments of an account. */
  of(account: string): ArmBook {
    return {
      isStopped: (experiment, arm) => this.isStopped(experiment, arm, account),
      shares: (experiment) => this.shares(experiment),
    };
  }

  /** @param account left out: for everybody */
  isStopped(experiment: string, arm: string, account?: string): boolean {
    return this.stateFor(experiment, arm, account)?.state === 'stopped';
  }

  /** What holds for an account's payments: what was said of them, or of everybody's, the newer of the two. */
  stateFor(experiment: string, arm: string, account?: string): ArmState | null {
    const everybodys = this.state(experiment, arm);
    const own = account === undefined ? null : this.state(experiment, arm, account);
    if (own === null || everybodys === null) return own ?? everybodys;
    return own.createdAtMs > everybodys.createdAtMs ? own : everybodys;
  }

  /** Accounts for which alone it is stopped. */
  stoppedFor(experiment: string, arm: string): readonly string[] {
    const accounts = [...this.#states.values()].flatMap(({ experiment: id, arm: name, account }) =>
      id === experiment && name === arm && account !== undefined ? [account] : [],
    );
    return accounts.filter((account) => this.stateFor(experiment, arm, account)?.account === account);
  }

  /** Who changed the arm last, and why; null when nobody has. @param account left out: for everybody */
  state(experiment: string, arm: string, account?: string): ArmState | null {
    return this.#states.get(keyOf(experiment, arm, account)) ?? null;
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
    this.restoreShares([learnedShares(experiment, shares)]);
  }

  /** Takes up what bandits had learned, as the journal has it. */
  restoreShares(all: readonly LearnedShares[]): void {
    for (const learned of all) this.#shares.set(learned.experiment, learned);
  }
}

/** Names of experiments and arms hold no line ends. */
function keyOf(experiment: string, arm: string, account = ''): string {
  return `${experiment}/${arm}\n${account}`;
}

/** Shares as they are kept, with the arms that they are of. */
export function learnedShares(experiment: Experiment, shares: readonly number[]): LearnedShares {
  return { experiment: experiment.id, arms: namesOf(experiment), shares };
}

/** Seed included: another one begins anew. */
function namesOf({ arms, seed }: Experiment): string {
  return `${seed} ${arms.map(({ name }) => name).join()}`;
}
