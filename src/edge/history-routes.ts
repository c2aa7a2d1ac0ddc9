import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import type { EdgeDeps } from './edge-deps.ts';
import { type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { readInTime } from './from-journal.ts';
import { jsonResponse } from './json-response.ts';
import { limitOf, pageQueryMembers, singleQuery } from './list-query.ts';
import { ownAuthorization } from './own-authorization.ts';
import { isProblem } from './problems.ts';
import { shownEvent } from './shown-event.ts';

export const HISTORY = '/v1/authorizations/{id}/events';

/** Query of `GET /v1/authorizations/{id}/events`. */
export const historyQuerySchema = z.strictObject({
  after: z
    .string()
    .regex(/^(0|[1-9]\d{0,8})$/, 'the sequence of the last event that was read: an integer, 0 to 999999999')
    .optional()
    .openapi({ description: 'Only events after the one of this sequence; 0 when left out.', example: '0' }),
  limit: pageQueryMembers.limit,
});

/** What happened to one authorization, for whoever has to find out. */
export function historyRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get(
    '/v1/authorizations/:id/events',
    endpoint(deps, { route: HISTORY, scopes: ['read', 'authorize'] }, (exchange) => list(exchange, deps)),
  );
}

async function list(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const query = singleQuery(new URL(exchange.context.req.url).searchParams);
  if (isProblem(query)) return query;
  const parsed = historyQuerySchema.safeParse(query, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, () => Object.keys(historyQuerySchema.shape));
  const authorization = await ownAuthorization(exchange, deps);
  if (isProblem(authorization)) return authorization;
  const { after = '0', limit } = parsed.data;
  const page = await readInTime(exchange, deps, () =>
    deps.journal.historyPage(authorization.id, Number(after), limitOf(limit)),
  );
  if (isProblem(page)) return page;
  const data = page.data.map((event) => shownEvent(authorization, event));
  return jsonResponse(JSON.stringify({ data, next_after: page.nextAfter }));
}
