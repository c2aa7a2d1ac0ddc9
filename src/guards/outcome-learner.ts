import { learnerReward } from '../core/attempt.ts';
import type { ApprovalEstimate } from '../core/decision.ts';
import type { RoutingFacts } from '../core/facts.ts';
import { type Health, HealthBook } from '../core/scoring/health.ts';
import { ApprovalPosterior, POSTERIOR_DEFAULTS, type PosteriorSettings } from '../core/scoring/posterior.ts';
import type { Clock, LearnedOutcome, Learner } from '../gateway/ports.ts';

/** Learns approval, health and latency from outcomes, in this process. */
export class OutcomeLearner implements Learner {
  readonly #clock: Clock;
  readonly #approval: ApprovalPosterior;
  readonly #health = new HealthBook();

  constructor(clock: Clock, settings: PosteriorSettings = POSTERIOR_DEFAULTS) {
    this.#clock = clock;
    this.#approval = new ApprovalPosterior(settings);
  }

  approval(provider: string, facts: RoutingFacts, attemptNumber: number): ApprovalEstimate {
    return this.#approval.estimate(provider, facts, attemptNumber);
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

  observe({ provider, facts, attemptNumber, outcome, durationMs, resolvedLater }: LearnedOutcome): void {
    // Health was told when the attempt ended unknown: how it was found out later is no second sample.
    if (!resolvedLater) {
      this.#health.observe(provider, facts, outcome, durationMs, this.#clock.monotonicMs());
    }
    const reward = learnerReward(outcome);
    if (reward !== null) this.#approval.observe(provider, facts, attemptNumber, reward === 1);
  }
}
