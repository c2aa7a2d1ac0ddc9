import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { OUTCOME_KINDS } from '../core/attempt.ts';
import type { OfferedAttempt } from '../core/caller-decision.ts';
import type { DecideResult } from '../gateway/decide-for-caller.ts';
import { seconds } from './about-authorization.ts';
import { cardTesting, noRoute } from './authorization-routes.ts';
import { reportAnswer } from './decision-answer.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { askerOf, type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { jsonResponse } from './json-response.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readAuthorization } from './read-authorization.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';
import { plainText, visibleAscii } from './text-schemas.ts';

export const DECISIONS = '/v1/decisions';
export const OUTCOMES = '/v1/decisions/{id}/outcomes';

const DECISION_ID = /^dec_[A-Za-z]{1,64}$/;
const LATENCY_MAX_MS = 3_600_000;

/** `POST /v1/decisions/{id}/outcomes`: what came of an attempt that the caller made itself. */
export const reportBodySchema = z
  .strictObject({
    provider: visibleAscii(64).openapi({ example: 'sandbox-a' }),
    attempt: z
      .int('1, 2, …: the number of the attempt within its decision')
      .min(1, '1, 2, …: the number of the attempt within its decision')
      .max(1_000, '1, 2, …: the number of the attempt within its decision')
      .openapi({ description: '1 for the provider that the decision named, 2 for the next one …' }),
    outcome: z.enum(OUTCOME_KINDS).openapi({
      description:
        'approved, partially_approved, declined, authentication_required: what the provider answered. pending: it is ' +
        'still working. rejected: it says that it did not process it. not_sent: it certainly never saw it. unknown: it ' +
        'was sent, and there is no trustworthy answer; never report that as anything else.',
    }),
    code: plainText(128).nullish().openapi({
      description:
        "The provider's most specific code, in its own words; required for declined, which it is read by.",
      example: 'insufficient_funds',
    }),
    network_code: visibleAscii(16).nullish().openapi({
      description: 'Raw ISO 8583 response code (DE39) of the network, where the provider tells it.',
      example: '51',
    }),
    advice: visibleAscii(64).nullish().openapi({
      description: "Merchant advice code of the network, or the provider's own advice.",
    }),
    latency_ms: z
      .number(`milliseconds, 0 to ${LATENCY_MAX_MS}`)
      .min(0, `milliseconds, 0 to ${LATENCY_MAX_MS}`)
      .max(LATENCY_MAX_MS, `milliseconds, 0 to ${LATENCY_MAX_MS}`)
      .nullish()
      .openapi({ description: 'From sending to the answer.', example: 212 }),
  })
  .superRefine((body, context) => {
    if (body.outcome === 'declined' && body.code == null) {
      context.addIssue({
        code: 'custom',
        path: ['code'],
        message: "the provider's code of the decline: it decides whether another provider may be tried",
      });
    }
  })
  .openapi('OutcomeReport');

/** Decisions for callers that send themselves, and what they report. */
export function decisionRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post(
    '/v1/decisions',
    endpoint(deps, { route: DECISIONS, scopes: ['authorize'] }, (exchange) => decide(exchange, deps)),
  );
  app.post(
    '/v1/decisions/:id/outcomes',
    endpoint(deps, { route: OUTCOMES, scopes: ['authorize'] }, (exchange) => report(exchange, deps)),
  );
}

async function decide(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const command = await readAuthorization(exchange, (header) =>
    header === null ? null : idempotencyKeyOf(header),
  );
  return isProblem(command) ? command : decideReply(await deps.decide(command));
}

function decideReply(result: DecideResult): Reply {
  switch (result.kind) {
    case 'answered':
      return new Response(result.body, {
        status: result.httpStatus,
        headers: {
          'Content-Type': 'application/json',
          'Cache-Control': 'no-store',
          ...(result.replayed ? { 'Idempotent-Replayed': 'true' } : {}),
        },
      });
    case 'in_flight':
      return problem('decision-in-flight', 'The decision is being made.', {
        headers: { 'Retry-After': seconds(result.retryAfterMs) },
      });
    case 'other_body':
      return problem(
        'idempotency-key-reused',
        'The body differs from that of the first request with this key.',
      );
    case 'no_route':
      return noRoute(result);
    case 'card_testing':
      return cardTesting(result);
    case 'journal_unavailable':
      return problem(
        'journal-unavailable',
        'That the decision is written could not be confirmed in time, so nobody is offered. Repeat the request, with the ' +
          'same Idempotency-Key where it had one: that shows the decision if it was written.',
        { members: { sent: false }, headers: { 'Retry-After': seconds(result.retryAfterMs) } },
      );
  }
}

const memberNames = memberNamesOf(reportBodySchema);

async function report(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  const parsed = reportBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNames);
  const decisionId = exchange.context.req.param('id') ?? '';
  if (!isDecisionId(decisionId)) return noSuchDecision();
  const { provider, attempt, outcome, code, network_code, advice, latency_ms } = parsed.data;
  const result = await deps.report({
    ...askerOf(exchange.caller),
    receivedAtMs: exchange.receivedAtMs,
    decisionId,
    report: {
      provider,
      attempt,
      outcome,
      code: code ?? null,
      networkCode: network_code ?? null,
      advice: advice ?? null,
      latencyMs: latency_ms ?? null,
    },
  });
  switch (result.kind) {
    case 'taken':
      return jsonResponse(JSON.stringify(result.step));
    case 'not_found':
      return noSuchDecision();
    case 'not_offered':
      return problem('outcome-not-offered', 'The decision does not name this provider for this attempt.', {
        members: { offered: result.offered.map(shownOffer) },
      });
    case 'contradiction':
      return problem(
        'outcome-contradicted',
        `This attempt was reported as ${result.recorded.outcome}, which is definite.`,
        { members: { recorded: reportAnswer(result.recorded) } },
      );
    case 'journal_unavailable':
      return problem(
        'journal-unavailable',
        'That the report is written could not be confirmed in time: repeat it as it was, which counts it once.',
        {
          headers: { 'Retry-After': '1' },
        },
      );
  }
}

/** Whether a text can be the id of a decision. */
export function isDecisionId(text: string): boolean {
  return DECISION_ID.test(text);
}

/** The same for an id that is malformed, unknown or of others. */
export function noSuchDecision(): Problem {
  return problem('not-found', 'There is no such decision for this key.');
}

function shownOffer({ number, provider, reports }: OfferedAttempt) {
  return { attempt: number, provider, outcome: reports.at(-1)?.outcome ?? null };
}
