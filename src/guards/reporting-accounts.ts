import type { SavedApprovals } from '../core/scoring/approval-model.ts';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { SavedTally } from '../core/scoring/tally-table.ts';
import type { AccountScope, AccountScopes, Clock, Learner, RetryBudget } from '../gateway/ports.ts';
import { AccountLearners } from './account-learners.ts';
import type { Lanes } from './lanes.ts';
import { type SavedAccounts, savedAccountsSchema } from './saved-accounts.ts';
import { SlidingRetryBudget } from './sliding-retry-budget.ts';

/** Accounts whose retry budget is remembered at a time. */
const BUDGETS_MAX = 1_000;

/** Lanes, learning and retry budget by account, in this process; the first two outlive it by a file. */
export class ReportingAccounts implements AccountScopes {
  readonly #clock: Clock;
  readonly #lanes: Lanes;
  readonly #learners: AccountLearners;
  readonly #budgets = new LeastRecentMap<string, RetryBudget>(BUDGETS_MAX);

  /** @param learner what our own attempts teach */
  constructor(clock: Clock, lanes: Lanes, learner: Learner) {
    this.#clock = clock;
    this.#lanes = lanes;
    this.#learners = new AccountLearners(clock, learner);
  }

  /** What accounts taught about approval. */
  saved(): SavedApprovals {
    return this.#learners.saved();
  }

  /** @returns whether it was taken: not when it says what cannot be */
  restore(tally: SavedTally, providers: readonly string[], trust: number): boolean {
    return this.#learners.restore(tally, providers, trust);
  }

  /** What else a restart is to know of accounts, as plain values. */
  savedBeside(): SavedAccounts {
    return {
      lanes: [...this.#lanes.savedAccountLanes()],
      outcomes: [...this.#learners.savedOutcomes()],
    };
  }

  /**
   * @param ageMs since it was saved
   * @param trust share of what was learned that still counts, 0 to 1
   * @returns false for what {@link savedBeside} never gives: nothing of it is taken up
   */
  restoreBeside(value: unknown, ageMs: number, trust: number): boolean {
    const parsed = savedAccountsSchema.safeParse(value);
    if (!parsed.success) return false;
    this.#lanes.restoreAccountLanes(parsed.data.lanes, ageMs);
    this.#learners.restoreOutcomes(parsed.data.outcomes, trust);
    return true;
  }

  of(account: string): AccountScope {
    return {
      learner: this.#learners.of(account),
      retryBudget: this.#budgets.touch(account, () => new SlidingRetryBudget(this.#clock)),
      view: (lane) => this.#lanes.viewFor(account, lane),
      offered: ({ lane, name }) => this.#lanes.offered(account, lane, name),
      reported: ({ lane, name }, signal) => this.#lanes.reported(account, lane, name, signal),
    };
  }
}
