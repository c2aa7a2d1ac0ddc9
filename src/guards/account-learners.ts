import { isIssuerSide, learnerReward } from '../core/attempt.ts';
import {
  APPROVAL_MODEL_DEFAULTS,
  ApprovalModel,
  type LearningScope,
  type SavedApprovals,
} from '../core/scoring/approval-model.ts';
import { blendApprovals } from '../core/scoring/blend-approvals.ts';
import { HealthBook } from '../core/scoring/health.ts';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { SavedTally } from '../core/scoring/tally-table.ts';
import type { Clock, Learner } from '../gateway/ports.ts';

import type { SavedOutcomes } from './saved-accounts.ts';

/** Accounts that are remembered at a time; the one that reported longest ago is forgotten first. */
const ACCOUNTS_MAX = 500;
/** Tallies of all accounts together: apart from those of our own attempts, which no report can push out. */
const TALLIES_MAX = 100_000;

/** Providers, each in every arm apart, of which it is remembered how much an account has reported. */
const OUTCOMES_MAX = 64;

/** What one account reported. Bounded by the providers and the kinds of cards that there are. */
interface Book {
  readonly health: HealthBook;
  /** Approvals and declines, by provider and scope. */
  readonly outcomes: LeastRecentMap<string, { count: number }>;
}

/**
 * What accounts that send themselves teach by their reports: each its own decisions only. Approval is learned in a scope
 * of the account's own, in the model that our own attempts are learned in, and blended with what those say; so a change
 * is noticed as fast, an account that knows little goes by what everybody knows, and nothing that an account reports can
 * bend what others see. Arms of experiments are learned apart, as they are of our own attempts. Whether a provider works
 * at all is what accounts can agree on, and lanes do that.
 */
export class AccountLearners {
  readonly #clock: Clock;
  readonly #everybody: Learner;
  readonly #model = new ApprovalModel({ ...APPROVAL_MODEL_DEFAULTS, maxTallies: TALLIES_MAX });
  readonly #books = new LeastRecentMap<string, Book>(ACCOUNTS_MAX);

  /** @param everybody what our own attempts teach */
  constructor(clock: Clock, everybody: Learner) {
    this.#clock = clock;
    this.#everybody = everybody;
  }

  /** What accounts taught about approval; health is of the last minutes and is not kept. */
  saved(): SavedApprovals {
    return this.#model.saved();
  }

  /** @returns whether it was taken: not when it says what cannot be */
  restore(tally: SavedTally, providers: readonly string[], trust: number): boolean {
    return this.#model.restore(tally, providers, trust);
  }

  /** How much each account has reported. */
  savedOutcomes(): readonly SavedOutcomes[] {
    return [...this.#books.entries()].flatMap(([account, { outcomes }]) =>
      [...outcomes.entries()].map(([key, { count }]) => {
        const [provider = '', scope = ''] = key.split('\n');
        return { account, provider, scope, count };
      }),
    );
  }

  /** @param trust share of what was reported that still counts, 0 to 1 */
  restoreOutcomes(saved: readonly SavedOutcomes[], trust: number): void {
    for (const { account, provider, scope, count } of saved) {
      const { outcomes } = this.#books.touch(account, newBook);
      outcomes.touch(outcomesKey(provider, scope), () => ({ count: 0 })).count = count * trust;
    }
  }

  of(account: string): Learner {
    const everybody = this.#everybody;
    const nowMs = () => this.#clock.monotonicMs();
    const book = () => this.#books.peek(account);
    return {
      approval: (provider, facts, scope) => {
        const shared = everybody.approval(provider, facts, scope);
        const outcomes = book()?.outcomes.peek(outcomesKey(provider, scope.name))?.count ?? 0;
        if (outcomes === 0) return shared;
        return blendApprovals(
          shared,
          this.#model.approval(provider, facts, ownScope(account, scope)),
          outcomes,
        );
      },
      health: (provider, facts) => {
        const shared = everybody.health(provider, facts);
        const own = book()?.health.health(provider, facts, nowMs(), shared) ?? shared;
        return { ...own, samples: Math.max(own.samples, shared.samples) };
      },
      latencyP99Ms: (provider) =>
        book()?.health.latencyP99Ms(provider, nowMs()) ?? everybody.latencyP99Ms(provider),
      observe: (learned) => {
        const {
          provider,
          facts,
          attemptNumber,
          outcome,
          durationMs,
          resolvedLater,
          scope: name = '',
        } = learned;
        const { health, outcomes } = this.#books.touch(account, newBook);
        // As with our own attempts: how it was found out later is no second sample of health.
        if (!resolvedLater) health.observe(provider, facts, outcome, durationMs, nowMs());
        const reward = learnerReward(outcome);
        if (reward === null) return;
        outcomes.touch(outcomesKey(provider, name), () => ({ count: 0 })).count += 1;
        const scope = ownScope(account, { name, later: attemptNumber > 1 });
        this.#model.observe(provider, facts, scope, reward === 1, isIssuerSide(outcome));
      },
    };
  }
}

function newBook(): Book {
  return { health: new HealthBook(), outcomes: new LeastRecentMap(OUTCOMES_MAX) };
}

/** Names of providers hold no line ends. */
function outcomesKey(provider: string, scope: string): string {
  return `${provider}\n${scope}`;
}

/** Names of accounts hold no line ends. */
function ownScope(account: string, { name, later }: LearningScope): LearningScope {
  return { name: `${account}\n${name}`, later };
}
