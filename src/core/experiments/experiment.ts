import type { RoutingFacts } from '../facts.ts';
import type { Rule, RuleAction, Strategy } from '../rules/ruleset.ts';
import type { LearningScope } from '../scoring/approval-model.ts';
import type { Namespace } from '../statistics/assignment.ts';

export const EXPERIMENT_STATUSES = ['draft', 'running', 'stopped'] as const;
/** `draft`: nobody is in it yet. `stopped`: nobody new, its results can still be read. */
export type ExperimentStatus = (typeof EXPERIMENT_STATUSES)[number];

export const EXPERIMENT_UNITS = ['payment', 'customer'] as const;
/** What is assigned to an arm and counted once. Never an attempt. */
export type ExperimentUnit = (typeof EXPERIMENT_UNITS)[number];

export const EXPERIMENT_METRICS = [
  'approval_rate',
  'first_attempt_approval_rate',
  'technical_error_rate',
  'attempts_per_payment',
  'latency_ms',
] as const;
export type ExperimentMetric = (typeof EXPERIMENT_METRICS)[number];

/** Metrics that are shares of payments: their differences are told in percentage points. */
export function isShare(metric: ExperimentMetric): boolean {
  return metric.endsWith('_rate');
}

/** Whether more of it is better. */
export function isGain(metric: ExperimentMetric): boolean {
  return metric === 'approval_rate' || metric === 'first_attempt_approval_rate';
}

/** Id under which the permanent holdout is exposed and read. No experiment may have it. */
export const HOLDOUT_ID = 'holdout';
/** Arms of the holdout: those kept out of everything, and all others. */
export const HOLDOUT_ARM = 'holdout';
export const REST_ARM = 'rest';

/** What an arm does instead of the rule's own `then`. Who may take the payment stays the rule's. */
export type ArmChange =
  | {
      readonly kind: 'own';
      readonly strategy: Strategy;
      readonly fallback: boolean;
      /** What is left out stays the rule's. */
      readonly tuning: Partial<ArmTuning>;
    }
  /** As another rule of the file would do it. */
  | { readonly kind: 'rule'; readonly action: RuleAction };

export type ArmTuning = Pick<
  RuleAction,
  | 'attemptsMax'
  | 'queueMs'
  | 'marginBasisPoints'
  | 'costTolerancePp'
  | 'explorationShare'
  | 'unknownCostBasisPoints'
>;

/** Where first and later attempts of a payment are learned. */
export interface Learning {
  readonly first: LearningScope;
  readonly later: LearningScope;
}

/** Name under which what an arm does is learned. */
export function armScope({ id, arm }: { readonly id: string; readonly arm: string }): string {
  return `${id}/${arm}`;
}

/** Learning apart from everything else, under a name. */
export function learningApart(name: string): Learning {
  return { first: { name, later: false }, later: { name, later: true } };
}

/** Where everything that is in no arm learns together. */
export const SHARED_LEARNING: Learning = learningApart('');

export interface Arm {
  readonly name: string;
  readonly change: ArmChange;
  readonly learning: Learning;
}

/** Who is let in and how they are divided, for a time. */
export interface Plan {
  /** Share of all units that is in the experiment, 0 to 1. */
  readonly coverage: number;
  /** One an arm, in their order; they add up to 1. */
  readonly shares: readonly number[];
}

/** What no arm may do worse than the baseline. */
export interface Guardrail {
  readonly metric: ExperimentMetric;
  /** How much worse it may be, above 0: a share (0.005 is half a percentage point), else in the metric's unit. */
  readonly margin: number;
}

export interface Experiment {
  readonly id: string;
  readonly status: ExperimentStatus;
  readonly unit: ExperimentUnit;
  /** `bandit`: shares follow what is learned of the arms. */
  readonly mode: 'split' | 'bandit';
  /** Salt of the assignment: another one assigns everybody anew. */
  readonly seed: string;
  readonly matches: (facts: RoutingFacts) => boolean;
  /** Names of the rules under which every arm reaches a provider: only their payments can be in it. */
  readonly rules: ReadonlySet<string>;
  /** Two or more. */
  readonly arms: readonly Arm[];
  /** Name of the arm that the others are compared with. */
  readonly baseline: string;
  readonly metric: ExperimentMetric;
  /**
   * Age since its first exposure at which a payment is counted, whatever became of it before: approved by then or not.
   * Milliseconds.
   */
  readonly maturityMs: number;
  /** Units of two arms together at which one expects to decide. */
  readonly expectedSample: number;
  /** Approval rate that is assumed before anything is known, for the sample size. */
  readonly expectedRate: number;
  /** Looks of a group-sequential plan, at equal steps of the expected sample; null: none is planned. */
  readonly plannedLooks: number | null;
  readonly guardrails: readonly Guardrail[];
  /** Part of all units that it shares with nobody who names the same namespace; null: all. */
  readonly namespace: Namespace | null;
  readonly plan: Plan;
  /** Later plans, each from a moment on, in order. */
  readonly ramp: readonly { readonly fromMs: number; readonly plan: Plan }[];
  /** Share of the units that a bandit spreads evenly. */
  readonly explorationShare: number;
}

/** Kept out of every experiment, for ever. */
export interface Holdout {
  /** Share of all payments, 0 to 0.5. */
  readonly share: number;
  readonly seed: string;
  readonly rules: ReadonlySet<string>;
  readonly change: ArmChange;
  readonly maturityMs: number;
}

export interface Experiments {
  readonly holdout: Holdout | null;
  /** In the order of the file: the first that takes a payment has it. */
  readonly list: readonly Experiment[];
  /** What is no error, and worth to know. */
  readonly notes: readonly string[];
}

export const NO_EXPERIMENTS: Experiments = { holdout: null, list: [], notes: [] };

/** Age of a payment at which guardrails read it for the first time, milliseconds. */
const EARLY_AGE_MS = 5 * 60_000;

/**
 * Age, in milliseconds, at which guardrails read payments before these are mature, so that a disaster need not last until
 * then; null: payments are mature by that age, and are read once. One age for all arms, or the faster would look better.
 */
export function earlyAgeMs({ maturityMs }: Pick<Experiment, 'maturityMs'>): number | null {
  return maturityMs > EARLY_AGE_MS ? EARLY_AGE_MS : null;
}

/** The plan in force at a moment, wall clock. */
export function planAt({ plan, ramp }: Experiment, nowMs: number): Plan {
  return ramp.findLast(({ fromMs }) => fromMs <= nowMs)?.plan ?? plan;
}

/** What a rule does with a payment in an arm: what decides about money and time stays the rule's. */
export function armAction(rule: Pick<Rule, 'action'>, change: ArmChange): RuleAction {
  const { action } = rule;
  if (change.kind === 'own') {
    const { strategy, fallback, tuning } = change;
    return { ...action, ...tuning, strategy, fallback };
  }
  const { only, strategy, fallback, attemptsMax, queueMs, marginBasisPoints } = change.action;
  const { costTolerancePp, explorationShare, unknownCostBasisPoints } = change.action;
  return {
    ...action,
    only: both(action.only, only),
    strategy,
    fallback,
    attemptsMax,
    queueMs,
    marginBasisPoints,
    costTolerancePp,
    explorationShare,
    unknownCostBasisPoints,
  };
}

function both(one: RuleAction['only'], other: RuleAction['only']): RuleAction['only'] {
  if (one === null || other === null) return one ?? other;
  return new Set([...one].filter((provider) => other.has(provider)));
}

/** The holdout as an experiment of two arms, to be read like any other. */
export function holdoutExperiment(holdout: Holdout): Experiment {
  const { share, seed, rules, change, maturityMs } = holdout;
  const nothing: ArmChange = { kind: 'own', strategy: { kind: 'score' }, fallback: false, tuning: {} };
  return {
    id: HOLDOUT_ID,
    status: 'running',
    unit: 'payment',
    mode: 'split',
    seed,
    matches: () => true,
    rules,
    arms: [
      { name: HOLDOUT_ARM, change, learning: learningApart(armScope({ id: HOLDOUT_ID, arm: HOLDOUT_ARM })) },
      { name: REST_ARM, change: nothing, learning: SHARED_LEARNING },
    ],
    baseline: HOLDOUT_ARM,
    metric: 'approval_rate',
    maturityMs,
    expectedSample: 100_000,
    expectedRate: 0.85,
    plannedLooks: null,
    guardrails: [],
    namespace: null,
    plan: { coverage: 1, shares: [share, 1 - share] },
    ramp: [],
    explorationShare: 0,
  };
}

/** The experiment of that id, the holdout included; null when there is none. */
export function experimentOf({ holdout, list }: Experiments, id: string): Experiment | null {
  if (id === HOLDOUT_ID) return holdout === null ? null : holdoutExperiment(holdout);
  return list.find((experiment) => experiment.id === id) ?? null;
}
