import type { ExperimentDecision } from '../decision.ts';
import type { RoutingFacts } from '../facts.ts';
import { invariant } from '../invariant.ts';
import type { Rule } from '../rules/ruleset.ts';
import { stickyFraction } from '../scoring/sticky-fraction.ts';
import { armOf, bucketRanges, inNamespace } from '../statistics/assignment.ts';
import {
  type Arm,
  armAction,
  armScope,
  type Experiment,
  type Experiments,
  type ExperimentUnit,
  experimentOf,
  HOLDOUT_ARM,
  HOLDOUT_ID,
  type Holdout,
  holdoutExperiment,
  type Learning,
  type Plan,
  planAt,
  REST_ARM,
  SHARED_LEARNING,
} from './experiment.ts';

/** What assignment has to know of a payment. */
export interface AssignedPayment {
  readonly facts: RoutingFacts;
  /** The merchant's name for the customer; null when the request names none. */
  readonly customer: string | null;
  readonly rule: Rule;
  /** Wall clock. */
  readonly nowMs: number;
}

/** What changes while experiments run: arms that were stopped, and the shares of bandits. */
export interface ArmBook {
  isStopped(experiment: string, arm: string): boolean;
  /** Shares that a bandit has learned, in the order of the arms; null: none yet, or other arms. */
  shares(experiment: Experiment): readonly number[] | null;
}

/** That a unit met an arm. Recorded at assignment, with the authorization, whatever happens next. */
export interface Exposure {
  readonly experiment: string;
  readonly arm: string;
  /** Merchant and reference, or merchant and customer. */
  readonly unit: string;
  /** JSON of what assignment followed: exposures with the same text were divided in the same way. */
  readonly phase: string;
  /** Probability of this arm for a unit that is in the experiment. */
  readonly propensity: number;
  /** The arm that was stopped and whose unit the baseline has taken; null for all others. */
  readonly redirectedFrom: string | null;
}

export interface Assignment {
  readonly exposures: readonly Exposure[];
  /** As answers show it; null when the payment is in no arm that changes anything. */
  readonly shown: ExperimentDecision | null;
  /** The rule that was matched, as the arm changes it. */
  readonly rule: Rule;
  readonly learning: Learning;
  /** Salt of a split: not that of the rule where an arm splits, or the two draws would go together. */
  readonly salt: string;
  readonly notes: readonly string[];
  /** Set when shares change as the experiment goes: a unit that was exposed before has to keep its arm. */
  readonly drawnFrom: { readonly experiment: string; readonly unit: string } | null;
}

/** What a phase's text says. */
export interface PhasePlan {
  readonly seed: string;
  readonly unit: ExperimentUnit;
  readonly coverage: number;
  readonly namespace: string | null;
  /** Share of each arm; 0 for one that is stopped. */
  readonly shares: Readonly<Record<string, number>>;
}

/** An arm that a unit was given before. */
export interface EarlierArm {
  readonly experiment: string;
  readonly arm: string;
}

/**
 * Puts a payment into at most one arm, by nothing but its own names and the experiments: a new key, another process or a
 * resubmission after 3DS ends in the same arm. The holdout comes first, then the first running experiment that takes it:
 * its rule and conditions match, it has such a unit, and the unit lies in its namespace and coverage.
 * @param earlier the arm that the unit has of a bandit, whose shares have changed since
 */
export function assignArm(
  experiments: Experiments,
  payment: AssignedPayment,
  book: ArmBook,
  earlier: EarlierArm | null = null,
): Assignment {
  const { rule } = payment;
  const exposures: Exposure[] = [];
  const notes: string[] = [];
  if (experiments.holdout?.rules.has(rule.name)) {
    const kept = holdOut(experiments.holdout, payment);
    exposures.push(kept.exposure);
    if (kept.exposure.arm === HOLDOUT_ARM) return { ...kept.assignment, exposures, notes };
  }
  for (const experiment of experiments.list) {
    if (experiment.status !== 'running' || !experiment.rules.has(rule.name)) continue;
    if (!experiment.matches(payment.facts)) continue;
    const unit = unitOf(experiment.unit, payment);
    if (unit === null) {
      notes.push(`experiment ${experiment.id}: no shopper.id, by which it assigns; not in it`);
      continue;
    }
    if (experiment.namespace !== null && !inNamespace(unit, experiment.namespace)) continue;
    const given = armFor(experiment, unit, payment.nowMs, book, earlier);
    if (given === null) continue;
    const { arm, exposure } = given;
    exposures.push(exposure);
    return {
      exposures,
      notes,
      shown: shownOf(exposure, experiment.unit),
      rule: { ...rule, action: armAction(rule, arm.change) },
      learning: arm.learning,
      salt: armScope({ id: experiment.id, arm: arm.name }),
      drawnFrom: experiment.mode === 'bandit' ? { experiment: experiment.id, unit } : null,
    };
  }
  return { ...unassigned(rule), exposures, notes };
}

/** What a rule does by itself. */
export function unassigned(rule: Rule): Assignment {
  const unchanged = { rule, learning: SHARED_LEARNING, salt: rule.name };
  return { ...unchanged, exposures: [], notes: [], shown: null, drawnFrom: null };
}

/**
 * The arm that a payment was given before, as it is defined now, whatever was stopped or divided anew since: for what
 * comes after a first attempt. Nothing new is exposed. An arm that is gone, or no longer of the rule, changes nothing.
 */
export function keepArm(experiments: Experiments, rule: Rule, given: ExperimentDecision | null): Assignment {
  const experiment = given === null ? null : experimentOf(experiments, given.id);
  const arm = experiment?.arms.find(({ name }) => name === given?.arm);
  if (given === null || arm === undefined || experiment?.rules.has(rule.name) !== true) {
    return unassigned(rule);
  }
  return {
    ...unassigned(rule),
    shown: given,
    rule: { ...rule, action: armAction(rule, arm.change) },
    learning: arm.learning,
    salt: armScope(given),
  };
}

/** Names never hold blanks, so that two names with a blank between are one name only. */
export function unitOf(unit: ExperimentUnit, { facts, customer }: AssignedPayment): string | null {
  if (unit === 'payment') return `${facts.merchant} ${facts.reference}`;
  return customer === null ? null : `${facts.merchant} ${customer}`;
}

function holdOut(holdout: Holdout, payment: AssignedPayment) {
  const unit = unitOf('payment', payment);
  invariant(unit !== null, 'every payment has a reference');
  const isHeldOut = stickyFraction(holdout.seed, unit) < holdout.share;
  const experiment = holdoutExperiment(holdout);
  const exposure: Exposure = {
    experiment: HOLDOUT_ID,
    arm: isHeldOut ? HOLDOUT_ARM : REST_ARM,
    unit,
    phase: phaseText(experiment, experiment.plan, experiment.plan.shares),
    propensity: isHeldOut ? holdout.share : 1 - holdout.share,
    redirectedFrom: null,
  };
  const assignment = {
    shown: { ...shownOf(exposure, 'payment'), holdout: true },
    rule: { ...payment.rule, action: armAction(payment.rule, holdout.change) },
    learning: (experiment.arms[0] as Arm).learning,
    salt: armScope({ id: HOLDOUT_ID, arm: HOLDOUT_ARM }),
    drawnFrom: null,
  };
  return { exposure, assignment };
}

/**
 * How a new unit would be divided now: the plan in force by its time, with what a bandit has learned, and with the units of
 * stopped arms where they go.
 * @param nowMs wall clock
 * @returns null where nobody new is let in
 */
export function planInForce(experiment: Experiment, nowMs: number, book: ArmBook): Plan | null {
  if (experiment.status !== 'running') return null;
  const { plan, stopped, shares } = dividedBy(experiment, nowMs, book);
  const baseline = experiment.arms.findIndex(({ name }) => name === experiment.baseline);
  const served = shares.map((_share, arm) => servedShare(arm, baseline, shares, stopped));
  return { coverage: plan.coverage, shares: served };
}

/** The plan of the file at a moment, which arms are stopped, and the shares by which units are drawn. */
function dividedBy(experiment: Experiment, nowMs: number, book: ArmBook) {
  const { arms, id } = experiment;
  const plan = planAt(experiment, nowMs);
  const isBandit = experiment.mode === 'bandit';
  const stopped = arms.map(({ name }) => book.isStopped(id, name));
  const learned = isBandit ? (book.shares(experiment) ?? plan.shares) : plan.shares;
  return { plan, isBandit, stopped, shares: isBandit ? withoutStopped(learned, stopped) : learned };
}

/** Chance that a unit is served by an arm: the baseline has what is drawn for stopped ones too. */
function servedShare(
  arm: number,
  baseline: number,
  shares: readonly number[],
  stopped: readonly boolean[],
): number {
  if (arm !== baseline) return stopped[arm] === true ? 0 : (shares[arm] ?? 0);
  const taken = shares.reduce((sum, share, index) => (stopped[index] === true ? sum + share : sum), 0);
  return Math.min(1, (shares[arm] ?? 0) + taken);
}

/** @returns null for a unit that its coverage leaves out */
function armFor(
  experiment: Experiment,
  unit: string,
  nowMs: number,
  book: ArmBook,
  earlier: EarlierArm | null,
): { readonly arm: Arm; readonly exposure: Exposure } | null {
  const { arms, id } = experiment;
  const { plan, isBandit, stopped, shares } = dividedBy(experiment, nowMs, book);
  const ranges = bucketRanges(arms.length, plan.coverage, shares);
  const drawn = armOf(stickyFraction(experiment.seed, unit), ranges);
  if (drawn === null) return null;
  const before =
    isBandit && earlier?.experiment === id ? arms.findIndex(({ name }) => name === earlier.arm) : -1;
  const own = before === -1 || stopped[before] === true ? drawn : before;
  const isRedirected = stopped[own] === true;
  const baseline = arms.findIndex(({ name }) => name === experiment.baseline);
  const served = isRedirected ? baseline : own;
  const arm = arms[served];
  invariant(arm !== undefined, 'the baseline is one of the arms');
  const running = shares.map((share, index) => (stopped[index] === true ? 0 : share));
  const exposure: Exposure = {
    experiment: id,
    arm: arm.name,
    unit,
    phase: phaseText(experiment, plan, running),
    propensity: servedShare(served, baseline, shares, stopped),
    redirectedFrom: isRedirected ? (arms[own]?.name ?? null) : null,
  };
  return { arm, exposure };
}

/** A bandit divides what a stopped arm had among the others. */
function withoutStopped(shares: readonly number[], stopped: readonly boolean[]): readonly number[] {
  const left = shares.map((share, index) => (stopped[index] === true ? 0 : share));
  const sum = left.reduce((total, share) => total + share, 0);
  return sum > 0 ? left.map((share) => share / sum) : shares;
}

function phaseText(
  { seed, unit, namespace, arms }: Experiment,
  { coverage }: Plan,
  shares: readonly number[],
): string {
  const plan: PhasePlan = {
    seed,
    unit,
    coverage,
    namespace: namespace === null ? null : `${namespace.name} ${namespace.range.join()}`,
    shares: Object.fromEntries(arms.map(({ name }, index) => [name, shares[index] ?? 0])),
  };
  return JSON.stringify(plan);
}

function shownOf(exposure: Exposure, unit: ExperimentUnit): ExperimentDecision {
  const { experiment: id, arm, propensity, redirectedFrom } = exposure;
  return { id, arm, unit, holdout: false, propensity, redirectedFrom };
}
