import type { RenderDecision } from '../gateway/ports.ts';
import { declineAnswer, routingAnswer } from './answer.ts';

/** The answer to a decision: the body that is frozen under its key. */
export const renderDecision: RenderDecision = (decision, { live, ranking, routing, decline }) => ({
  httpStatus: 201,
  body: JSON.stringify({
    id: decision.id,
    live,
    provider: ranking[0] ?? null,
    ranking,
    decline: declineAnswer(decline),
    routing: routingAnswer(routing, []),
    expires_at: new Date(decision.expiresAtMs).toISOString(),
  }),
});
