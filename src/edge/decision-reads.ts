import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { isTheirs } from '../gateway/asker.ts';
import { keptDecisionAnswer } from './decision-answer.ts';
import { DECISIONS, isDecisionId, noSuchDecision } from './decision-routes.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { askerOf, coversMerchant, type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { readInTime } from './from-journal.ts';
import { jsonResponse } from './json-response.ts';
import { limitOf, pageQueryMembers, singleQuery } from './list-query.ts';
import { isProblem, problem } from './problems.ts';
import { visibleAscii } from './text-schemas.ts';

export const DECISION = '/v1/decisions/{id}';

/** Query of `GET /v1/decisions`: decisions are listed by their payment. */
export const decisionQuerySchema = z.strictObject({
  merchant: visibleAscii(128).openapi({ example: 'acme-eu' }),
  reference: visibleAscii(255).openapi({ example: 'order-7790' }),
  ...pageQueryMembers,
});

/** What became of decisions for callers that send themselves: the account's own. */
export function decisionReadRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get(
    '/v1/decisions',
    endpoint(deps, { route: DECISIONS, scopes: ['read', 'authorize'] }, (exchange) => list(exchange, deps)),
  );
  app.get(
    '/v1/decisions/:id',
    endpoint(deps, { route: DECISION, scopes: ['read', 'authorize'] }, (exchange) => read(exchange, deps)),
  );
}

async function read(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context } = exchange;
  const id = context.req.param('id') ?? '';
  const find = () => deps.journal.readDecision(id);
  const found = isDecisionId(id) ? await readInTime(exchange, deps, find) : null;
  if (isProblem(found)) return found;
  if (found === null || !isTheirs(found.decision, askerOf(caller))) return noSuchDecision();
  return jsonResponse(JSON.stringify(keptDecisionAnswer(found)));
}

async function list(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context } = exchange;
  const query = singleQuery(new URL(context.req.url).searchParams);
  if (isProblem(query)) return query;
  const parsed = decisionQuerySchema.safeParse(query, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, () => Object.keys(decisionQuerySchema.shape));
  const { merchant, reference, limit, cursor } = parsed.data;
  if (!coversMerchant(caller, merchant)) {
    return problem('out-of-scope', 'The API key does not cover this merchant.');
  }
  const { account } = caller;
  const page = await readInTime(exchange, deps, () =>
    deps.journal.listDecisions({
      account,
      merchant,
      reference,
      limit: limitOf(limit),
      ...(cursor === undefined ? {} : { cursor }),
    }),
  );
  if (isProblem(page)) return page;
  const { data, nextCursor } = page;
  return jsonResponse(JSON.stringify({ data: data.map(keptDecisionAnswer), next_cursor: nextCursor }));
}
