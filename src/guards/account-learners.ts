import { isIssuerSide, learnerReward } from '../core/attempt.ts';
import {
  APPROVAL_MODEL_DEFAULTS,
  ApprovalModel,
  type LearningScope,
} from '../core/scoring/approval-model.ts';
import { blendApprovals } from '../core/scoring/blend-approvals.ts';
import { HealthBook } from '../core/scoring/health.ts';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { Clock, Learner } from '../gateway/ports.ts';

/** Accounts that are remembered at a time; the one that reported longest ago is forgotten first. */
const ACCOUNTS_MAX = 500;
/** Tallies of all accounts together: apart from those of our own attempts, which no report can push out. */
const TALLIES_MAX = 100_000;

/** What one account reported. Bounded by the providers and the kinds of cards that there are. */
interface Book {
  readonly health: HealthBook;
  /** Approvals and declines by provider. */
  readonly outcomes: Map<string, number>;
}

/**
 * What accounts that send themselves teach by their reports: each its own decisions only. Approval is learned in a scope
 * of the account's own, in the model that our own attempts are learned in, and blended with what those say; so a change
 * is noticed as fast, an account that knows little goes by what everybody knows, and nothing that an account reports can
 * bend what others see. Whether a provider works at all is what accounts can agree on, and lanes do that.
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

  of(account: string): Learner {
    const everybody = this.#everybody;
    const nowMs = () => this.#clock.monotonicMs();
    const book = () => this.#books.peek(account);
    return {
      approval: (provider, facts, scope) => {
        const shared = everybody.approval(provider, facts, scope);
        const outcomes = book()?.outcomes.get(provider) ?? 0;
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
      observe: ({ provider, facts, attemptNumber, outcome, durationMs, resolvedLater }) => {
        const { health, outcomes } = this.#books.touch(account, () => ({
          health: new HealthBook(),
          outcomes: new Map(),
        }));
        // As with our own attempts: how it was found out later is no second sample of health.
        if (!resolvedLater) health.observe(provider, facts, outcome, durationMs, nowMs());
        const reward = learnerReward(outcome);
        if (reward === null) return;
        outcomes.set(provider, (outcomes.get(provider) ?? 0) + 1);
        const scope = ownScope(account, { name: '', later: attemptNumber > 1 });
        this.#model.observe(provider, facts, scope, reward === 1, isIssuerSide(outcome));
      },
    };
  }
}

/** Names of accounts hold no line ends. */
function ownScope(account: string, { name, later }: LearningScope): LearningScope {
  return { name: `${account}\n${name}`, later };
}
