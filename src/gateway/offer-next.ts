import type { CallerDecision } from '../core/caller-decision.ts';
import { type Candidate, decide, neededMsFor, passOver } from './candidates.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { AccountScope, LaneKey, Offer } from './ports.ts';
import type { Road } from './road.ts';

/**
 * Ranks as the road does, by what the account sees, and finds who can be tried now. Takes nothing: limits and breakers are
 * looked at only, since it is not us who sends.
 * @returns the candidates that can be tried, in order
 */
export function rankForCaller(road: Road, scope: AccountScope, deps: GatewayDeps): readonly Candidate[] {
  const view = (lane: LaneKey) => scope.view(lane);
  const guards = { view, admit: deps.guards.admit.bind(deps.guards) };
  road.decision = decide(road, { ...deps, guards, learner: scope.learner });
  const remainingMs = road.deadlineMs - deps.clock.monotonicMs();
  let isFound = false;
  return road.decision.order.filter(({ contract }) => {
    const { closedBecause, limitHeadroom } = view(laneOf(road, contract.id));
    const exhausted = limitHeadroom <= 0 && road.rule.action.queueMs === 0 ? 'limit_exhausted' : null;
    const neededMs = neededMsFor(road, contract, { learner: scope.learner });
    const reason = remainingMs <= neededMs ? 'deadline_too_close' : (closedBecause ?? exhausted);
    // Those behind the first that can be tried are not asked on the road either.
    if (reason !== null && !isFound) passOver(road, contract.id, reason, null, deps);
    isFound ||= reason === null;
    return reason === null;
  });
}

function laneOf({ facts }: Road, provider: string): LaneKey {
  return { provider, brand: facts.cardBrand, merchant: facts.merchant };
}

/** Under which name guards know that a provider was offered. */
export function offerOf(
  decision: Pick<CallerDecision, 'id' | 'brand' | 'request'>,
  attempt: { readonly number: number; readonly provider: string },
): Offer {
  return {
    lane: { provider: attempt.provider, brand: decision.brand, merchant: decision.request.merchant },
    name: `${decision.id} ${attempt.number}`,
  };
}
