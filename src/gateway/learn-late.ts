import { isUnsettled } from '../core/attempt.ts';
import { armScope } from '../core/experiments/experiment.ts';
import type { ChangeResult } from './change.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { routingFacts } from './routing-facts.ts';

/**
 * Teaches approval what became of an attempt that had ended unknown or pending, whoever found it out: an inquiry, a notice,
 * a person. Once: whoever only completes what is known already teaches nothing. Health was told when it happened.
 * @param result the change that wrote it
 * @returns whether this was the change that settled it
 */
export function learnLate(
  { before, authorization }: Extract<ChangeResult, { readonly kind: 'written' }>,
  attemptNumber: number,
  deps: Pick<GatewayDeps, 'learner' | 'cards'>,
): boolean {
  const attempt = authorization.attempts[attemptNumber - 1];
  const known = before.attempts[attemptNumber - 1]?.outcome ?? null;
  if (attempt === undefined || isUnsettled(attempt.outcome) || !isUnsettled(known)) return false;
  const { request, createdAtMs, routing } = authorization;
  const { experiment } = routing;
  deps.learner.observe({
    provider: attempt.provider,
    facts: routingFacts(request, deps.cards.factsOf(request.card), createdAtMs),
    attemptNumber,
    outcome: attempt.outcome,
    durationMs: attempt.durationMs ?? 0,
    resolvedLater: true,
    ...(experiment !== null && { scope: armScope(experiment) }),
  });
  return true;
}
