/** Approval probability of one provider for one authorization, as the learner sees it. */
export interface ApprovalEstimate {
  readonly mean: number;
  /** Bounds of a 95 % interval of the posterior. */
  readonly low: number;
  readonly high: number;
  /** The finest level of the back-off chain that has data of its own; `merchant`: its own payments alone, see MerchantsApart. */
  readonly level: 'merchant' | 'bin' | 'issuer' | 'country_brand' | 'brand' | 'provider' | 'prior';
  /** Discounted number of outcomes at that level. */
  readonly n: number;
}

export type BreakerState =
  | 'closed'
  | 'open'
  | 'half_open'
  | 'forced_open'
  | 'forced_closed'
  | 'draining'
  | 'metrics_only';

/** Why one provider was, or was not, chosen. */
export interface CandidateExplanation {
  readonly provider: string;
  readonly eligible: boolean;
  /** 1 for the first in order; null when not eligible. */
  readonly rank: number | null;
  /** Expected value as a share of the margin; null when not eligible. */
  readonly score: number | null;
  readonly approval: ApprovalEstimate | null;
  /** Share of recent requests that were processed, 0 to 1. */
  readonly health: number | null;
  readonly breaker: BreakerState | null;
  /** Share of the provider's limit that is still free, 0 to 1. */
  readonly limitHeadroom: number | null;
  /** Expected cost of an approval, basis points of the amount. */
  readonly costBasisPoints: number | null;
  /** Why it is not eligible or was passed over; null for one that was chosen or not needed. */
  readonly reason: string | null;
}

/** The arm of an experiment that a payment is in. */
export interface ExperimentDecision {
  readonly id: string;
  readonly arm: string;
  /** By what it was assigned. */
  readonly unit: 'payment' | 'customer';
  /** Kept out of every experiment. */
  readonly holdout: boolean;
  /** Probability of this arm for a unit that is in the experiment. */
  readonly propensity: number;
  /** The arm that was stopped and whose unit this arm, the baseline, has taken; null for all others. */
  readonly redirectedFrom: string | null;
}

/** The decision behind an authorization: enough to explain it, and to replay it honestly. */
export interface RoutingDecision {
  readonly ruleset: number;
  readonly rule: string;
  readonly strategy: 'score' | 'priority' | 'split';
  /** The arm that decided how it is routed; null for the rule itself. */
  readonly experiment: ExperimentDecision | null;
  /** Propensity of the first attempt's choice. */
  readonly propensity: number;
  readonly candidates: readonly CandidateExplanation[];
  /** Remarks an operator needs, such as an unknown BIN. */
  readonly notes: readonly string[];
}
