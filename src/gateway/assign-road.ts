import { type Assignment, assignArm } from '../core/experiments/assign.ts';
import type { RoutingFacts } from '../core/facts.ts';
import type { Rule, Ruleset } from '../core/rules/ruleset.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { AuthorizeCommand } from './road-results.ts';

/**
 * The arm of a payment, be it sent by us or by its caller. Nothing is read for it, except where shares change as an
 * experiment goes: there a unit keeps the arm that the journal has of it. When that cannot be read within half of the
 * deadline, it is drawn as if it were new.
 */
export function assignRoad(
  { account, request, receivedAtMs }: Pick<AuthorizeCommand, 'account' | 'request' | 'receivedAtMs'>,
  facts: RoutingFacts,
  { experiments }: Ruleset,
  rule: Rule,
  deps: Pick<GatewayDeps, 'arms' | 'clock' | 'journal' | 'observer'>,
): Assignment | Promise<Assignment> {
  const payment = { facts, customer: request.shopper.id, rule, nowMs: deps.clock.wallMs() };
  const book = deps.arms.of(account);
  const assigned = assignArm(experiments, payment, book);
  if (assigned.drawnFrom === null) return assigned;
  const { experiment, unit } = assigned.drawnFrom;
  const asked = Math.min(request.deadlineMs ?? rule.action.deadlineMs, rule.action.deadlineMs);
  const find = () => deps.journal.armOfUnit(experiment, unit);
  return callJournal('arm_of_unit', deps, find, null, receivedAtMs + asked / 2).then((earlier) =>
    !earlier.ok || earlier.value === null || earlier.value === assigned.shown?.arm
      ? assigned
      : assignArm(experiments, payment, book, { experiment, arm: earlier.value }),
  );
}
