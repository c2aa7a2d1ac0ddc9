import type { OfferedAttempt, TakenReport } from '../core/caller-decision.ts';
import type { KeptDecision, RenderDecision } from '../gateway/ports.ts';
import { declineAnswer, routingAnswer } from './answer.ts';
import { rounded } from './rounded.ts';

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

/** A decision with what was offered and reported since; what was answered stands in it as it was given. */
export function keptDecisionAnswer({ decision, answer }: KeptDecision) {
  const { request, createdAtMs, attempts } = decision;
  return {
    ...(JSON.parse(answer.body) as Readonly<Record<string, unknown>>),
    reference: request.reference,
    merchant: request.merchant,
    amount: request.amount,
    attempts: attempts.map(shownAttempt),
    created_at: new Date(createdAtMs).toISOString(),
  };
}

function shownAttempt(attempt: OfferedAttempt) {
  const { number, provider, propensity, costBasisPoints, offeredAtMs, routing, reports } = attempt;
  return {
    attempt: number,
    provider,
    outcome: reports.at(-1)?.outcome ?? null,
    propensity: rounded(propensity),
    cost_bps: costBasisPoints === null ? null : Math.round(costBasisPoints * 100) / 100,
    offered_at: new Date(offeredAtMs).toISOString(),
    reports: reports.map((report) => ({
      ...reportAnswer(report),
      latency_ms: report.latencyMs,
      reported_at: report.atMs === null ? null : new Date(report.atMs).toISOString(),
    })),
    routing: routing === null ? null : routingAnswer(routing, []),
  };
}

/** A report as its caller told it, and what was answered. */
export function reportAnswer({ outcome, code, networkCode, advice, answer }: TakenReport) {
  return { outcome, code, network_code: networkCode, advice, next: answer.next, reason: answer.reason };
}
