import {
  type FailOverReason,
  judgeOutcome,
  mayReuseAuthentication,
  moreAttemptsAllowed,
} from '../core/failover.ts';
import { invariant } from '../core/invariant.ts';
import { matchRule } from '../core/rules/ruleset.ts';
import { isUndone } from '../core/settlement.ts';
import { assignRoad } from './assign-road.ts';
import { type Admitted, sendAttempt } from './attempt.ts';
import { admitNext, decide } from './candidates.ts';
import { answerCardTesting, answerNoRoute, answerOpening } from './earlier-answers.ts';
import { finishAttempt } from './finish-attempt.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { Permit } from './ports.ts';
import {
  concludeRoad,
  type EndReason,
  failOverRoad,
  find,
  findingOf,
  lastAttempt,
  openRoad,
  refuseByScheme,
} from './record.ts';
import { beginRoad, type Road, withoutArm } from './road.ts';
import type { AuthorizeCommand, AuthorizeResult } from './road-results.ts';
import { routingFacts } from './routing-facts.ts';
import { refusedAsCardTestingForMs } from './watch-card-testing.ts';

/**
 * The road of an authorization, from rule to answer. Sends nothing before it is durable, tries another provider
 * only after a definite negative, and never throws for a decline, a fault of a provider or a failing journal.
 * A caller that hangs up changes nothing: what was begun is finished and recorded.
 */
export async function authorize(command: AuthorizeCommand, deps: GatewayDeps): Promise<AuthorizeResult> {
  const ruleset = deps.rulesets.current();
  const card = deps.cards.factsOf(command.request.card);
  const facts = routingFacts(command.request, card, deps.clock.wallMs());
  const refusedForMs = refusedAsCardTestingForMs(command, card, deps);
  if (refusedForMs > 0) return answerCardTesting(command, refusedForMs, deps);
  const rule = matchRule(ruleset, facts);
  if (rule === null) return answerNoRoute(command, null, [], null, deps);

  const assigning = assignRoad(command, facts, ruleset, rule, deps);
  const assignment = assigning instanceof Promise ? await assigning : assigning;
  let road = beginRoad(command, card, facts, ruleset, assignment, deps);
  road.decision = decide(road, deps);
  let admitted = await admitNext(road, deps);
  const plain = admitted === null ? withoutArm(road, rule) : null;
  if (plain !== null) {
    road = plain;
    road.decision = decide(road, deps);
    admitted = await admitNext(road, deps);
  }
  if (admitted === null) return answerNoRoute(command, rule, road.decision.explain(), road, deps);

  const opening = await holding(admitted.permit, openRoad(road, admitted, deps));
  if (opening.kind !== 'opened') {
    admitted.permit.release();
    const refusal = opening.kind === 'scheme_stop' ? await refuseByScheme(road, opening.stop, deps) : opening;
    return refusal.kind === 'answered' ? refusal : answerOpening(refusal, road, deps);
  }
  deps.retryBudget.deposit();
  deps.quickBudget.deposit();

  let intent = opening.intent;
  for (;;) {
    const result = await sendAttempt(intent, admitted, road, deps);
    find(road, findingOf(result, intent.number, admitted.provider.semantics.validityMs), deps);
    // What may not stand is undone, and what is to be captured is captured, each durably intended before it is sent.
    const stop = await finishAttempt(road, admitted, deps);
    if (stop !== null) return concludeRoad(road, stop, deps);

    const next = await nextProvider(road, deps);
    if ('stop' in next) return concludeRoad(road, next.stop, deps);

    const step = await holding(next.admitted.permit, failOverRoad(road, next, deps));
    if (step.kind !== 'written') {
      next.admitted.permit.release();
      return concludeRoad(road, STOPPED[step.kind], deps);
    }
    deps.observer.failedOver({ from: intent.provider, to: step.intent.provider, reason: next.reason });
    intent = step.intent;
    admitted = next.admitted;
  }
}

/** What is done while a place at a provider is held: a bug in it, which ends the request, gives the place back. */
async function holding<T>(permit: Permit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    permit.release();
    throw error;
  }
}

/** Why a road ends whose next attempt could not be intended. */
const STOPPED = {
  overtaken: 'overtaken',
  failed: 'journal_failed',
  scheme_stop: 'scheme_limit',
} as const satisfies Record<string, EndReason>;

/**
 * Judges the last outcome and finds who takes the next attempt: only after a definite negative, and only while
 * attempts, time and the retry budget last.
 * @returns the provider, holding a place in its limit and breaker, or why the road stops
 */
async function nextProvider(
  road: Road,
  deps: GatewayDeps,
): Promise<{ readonly admitted: Admitted; readonly reason: FailOverReason } | { readonly stop: EndReason }> {
  const last = lastAttempt(road);
  invariant(last !== null && last.outcome !== null, 'an attempt has come back');
  const { request } = road.command;
  const { action } = road.rule;
  const verdict = judgeOutcome(last.outcome, {
    acceptPartial: request.acceptPartial,
    undone: isUndone(road.current, last),
  });
  if (!verdict.mayFailOver) return { stop: verdict.reason };
  const carriesCavv = (request.threeDs?.cavv ?? null) !== null;
  if (carriesCavv && !mayReuseAuthentication(last.outcome, action.threeDsReuse)) {
    return { stop: 'authentication_spent' };
  }
  const stop = moreAttemptsAllowed({
    made: road.current.attempts.length,
    attemptsMax: action.attemptsMax,
    declines: road.current.attempts.filter(({ outcome }) => outcome?.kind === 'declined').length,
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
