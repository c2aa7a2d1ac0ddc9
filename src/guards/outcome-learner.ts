import { isIssuerSide, learnerReward } from '../core/attempt.ts';
import type { RoutingFacts } from '../core/facts.ts';
import {
  APPROVAL_MODEL_DEFAULTS,
  type Approval,
  ApprovalModel,
  type ApprovalModelSettings,
  type LearningScope,
  type SavedApprovals,
} from '../core/scoring/approval-model.ts';
import { type Health, HealthBook } from '../core/scoring/health.ts';

import type { SavedTally } from '../core/scoring/tally-table.ts';
import type { Clock, LearnedOutcome, Learner } from '../gateway/ports.ts';

/** Learns approval, health and latency from outcomes, in this process. */
export class OutcomeLearner implements Learner {
  readonly #clock: Clock;
  readonly #approval: ApprovalModel;
  readonly #health = new HealthBook();

  constructor(clock: Clock, settings: ApprovalModelSettings = APPROVAL_MODEL_DEFAULTS) {
    this.#clock = clock;
    this.#approval = new ApprovalModel(settings);
  }

  approval(provider: string, facts: RoutingFacts, scope: LearningScope): Approval {
    return this.#approval.approval(provider, facts, scope);
  }

  /** What was learned about approval; health is of the last minutes and is not kept. */
  saved(): SavedApprovals {
    return this.#approval.saved();
  }

  restore(tally: SavedTally, providers: readonly string[], trust: number): boolean {
    return this.#approval.restore(tally, providers, trust);
  }

  health(provider: string, facts: RoutingFacts): Health {
    return this.#health.health(provider, facts, this.#clock.monotonicMs());
  }

  /** Of a provider over all kinds of payments, for operators. */
  providerHealth(provider: string): Health {
    return this.#health.providerHealth(provider, this.#clock.monotonicMs());
  }

  latencyP99Ms(provider: string): number | null {
    return this.#health.latencyP99Ms(provider, this.#clock.monotonicMs());
  }

  observe(learned: LearnedOutcome): void {
    const { provider, facts, attemptNumber, outcome, durationMs, resolvedLater, scope: name = '' } = learned;
    // Health was told when the attempt ended unknown: how it was found out later is no second sample.
    if (!resolvedLater) {
      this.#health.observe(provider, facts, outcome, durationMs, this.#clock.monotonicMs());
    }
    const reward = learnerReward(outcome);
    if (reward === null) return;
    const scope = { name, later: attemptNumber > 1 };
    this.#approval.observe(provider, facts, scope, reward === 1, isIssuerSide(outcome));
  }
}
