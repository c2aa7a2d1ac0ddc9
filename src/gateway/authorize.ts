import type { AttemptOutcome } from '../core/attempt.ts';
import { type FailOverReason, judgeOutcome, moreAttemptsAllowed } from '../core/failover.ts';
import { matchRule } from '../core/rules/ruleset.ts';
import { type Admitted, sendAttempt } from './attempt.ts';
import { admitNext, decide } from './candidates.ts';
import { answerNoRoute, answerOpening } from './earlier-answers.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { concludeRoad, type EndReason, failOverRoad, openRoad } from './record.ts';
import { beginRoad, type Road } from './road.ts';
import type { AuthorizeCommand, AuthorizeResult } from './road-results.ts';
import { routingFacts } from './routing-facts.ts';

/**
 * The road of an authorization, from rule to answer. Sends nothing before it is durable, tries another provider
 * only after a definite negative, and never throws for a decline, a fault of a provider or a failing journal.
 * A caller that hangs up changes nothing: what was begun is finished and recorded.
 */
export async function authorize(command: AuthorizeCommand, deps: GatewayDeps): Promise<AuthorizeResult> {
  const ruleset = deps.rulesets.current();
  const card = deps.cards.factsOf(command.request.card);
  const facts = routingFacts(command.request, card, deps.clock.wallMs());
  const rule = matchRule(ruleset, facts);
  if (rule === null) return answerNoRoute(command, null, [], null, deps);

  const road = beginRoad(command, card, facts, ruleset, rule, deps);
  road.decision = decide(road, deps);
  let admitted = await admitNext(road, deps);
  if (admitted === null) return answerNoRoute(command, rule, road.decision.explain(), road, deps);

  const opening = await openRoad(road, admitted, deps);
  if (opening.kind !== 'opened') {
    admitted.permit.release();
    return answerOpening(opening, road, deps);
  }
  deps.retryBudget.deposit();

  let intent = opening.intent;
  for (;;) {
    const result = await sendAttempt(intent, admitted, road, deps);
    const next = await nextProvider(road, result.outcome, deps);
    if ('stop' in next) return concludeRoad(road, intent, result, next.stop, deps);

    const step = await failOverRoad(road, intent, result, next, deps);
    if (step.kind !== 'written') {
      next.admitted.permit.release();
      return step.answer;
    }
    deps.observer.failedOver({ from: intent.provider, to: step.intent.provider, reason: next.reason });
    intent = step.intent;
    admitted = next.admitted;
  }
}

/**
 * Judges an outcome and finds who takes the next attempt: only after a definite negative, and only while attempts,
 * time and the retry budget last.
 * @returns the provider, holding a place in its limit and breaker, or why the road stops
 */
async function nextProvider(
  road: Road,
  outcome: AttemptOutcome,
  deps: GatewayDeps,
): Promise<{ readonly admitted: Admitted; readonly reason: FailOverReason } | { readonly stop: EndReason }> {
  const verdict = judgeOutcome(outcome, road.command.request.acceptPartial);
  if (!verdict.mayFailOver) return { stop: verdict.reason };

  const declinesBefore = road.attempts.filter((attempt) => attempt.outcome?.kind === 'declined').length;
  const stop = moreAttemptsAllowed({
    made: road.attempts.length,
    attemptsMax: road.rule.action.attemptsMax,
    declines: declinesBefore + (verdict.reason === 'declined' ? 1 : 0),
    remainingMs: road.deadlineMs - deps.clock.monotonicMs(),
  });
  if (stop !== null) return { stop };

  road.decision = decide(road, deps);
  const admitted = await admitNext(road, deps);
  if (admitted === null) return { stop: 'no_candidate_left' };
  if (verdict.technical && !deps.retryBudget.withdraw()) {
    admitted.permit.release();
    return { stop: 'retry_budget' };
  }
  return { admitted, reason: verdict.reason };
}
