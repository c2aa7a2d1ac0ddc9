import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { AccountScope, AccountScopes, Clock, Learner, RetryBudget } from '../gateway/ports.ts';
import { AccountLearners } from './account-learners.ts';
import type { Lanes } from './lanes.ts';
import { SlidingRetryBudget } from './sliding-retry-budget.ts';

/** Accounts whose retry budget is remembered at a time. */
const BUDGETS_MAX = 1_000;

/** Lanes, learning and retry budget by account, in this process. */
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
