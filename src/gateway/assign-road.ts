import { type Assignment, assignArm } from '../core/experiments/assign.ts';
import { NO_EXPERIMENTS } from '../core/experiments/experiment.ts';
import type { RoutingFacts } from '../core/facts.ts';
import type { Rule, Ruleset } from '../core/rules/ruleset.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { AuthorizeCommand } from './road-results.ts';

/**
 * The arm of a payment. Nothing is read for it, except where shares change as an experiment goes: there a unit keeps the
 * arm that the journal has of it. When that cannot be read, it is drawn as if it were new.
 */
export function assignRoad(
  { request }: AuthorizeCommand,
  facts: RoutingFacts,
  { experiments }: Ruleset,
  rule: Rule,
  deps: Pick<GatewayDeps, 'arms' | 'clock' | 'journal' | 'observer'>,
): Assignment | Promise<Assignment> {
  const payment = { facts, customer: request.shopper.id, rule, nowMs: deps.clock.wallMs() };
  const assigned = assignArm(experiments, payment, deps.arms);
  if (assigned.drawnFrom === null) return assigned;
  const { experiment, unit } = assigned.drawnFrom;
  return callJournal('arm_of_unit', deps, () => deps.journal.armOfUnit(experiment, unit)).then((earlier) =>
    !earlier.ok || earlier.value === null || earlier.value === assigned.shown?.arm
      ? assigned
      : assignArm(experiments, payment, deps.arms, { experiment, arm: earlier.value }),
  );
}

/**
 * The rule as it is. Payments that callers send themselves are in no experiment: what became of them is their word, and an
 * exposure belongs to an authorization.
 */
export function outsideOfExperiments(
  { request }: Pick<AuthorizeCommand, 'request'>,
  facts: RoutingFacts,
  rule: Rule,
  deps: Pick<GatewayDeps, 'arms' | 'clock'>,
): Assignment {
  const payment = { facts, customer: request.shopper.id, rule, nowMs: deps.clock.wallMs() };
  return assignArm(NO_EXPERIMENTS, payment, deps.arms);
}
