import type { Context, Hono } from 'hono';
import type { EdgeDeps } from './edge-deps.ts';
import type { EdgeEnv } from './endpoint.ts';
import { isProblem, type Problem, problem, problemResponse } from './problems.ts';
import { declaredTooLarge, readBody } from './read-body.ts';
import { traceContextOf } from './trace-context.ts';

export const WEBHOOKS = '/v1/webhooks/{provider}';

/**
 * What providers send by themselves. No API key: the signature over the raw bytes says whose it is. Acknowledged once
 * it is durable; what it means is worked out afterwards, so that a provider never waits for that.
 */
export function webhookRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post('/v1/webhooks/:provider', async (context) => {
    const receivedAtMs = deps.clock.monotonicMs();
    const trace = traceContextOf(context.req.raw.headers.get('traceparent'), deps.randomness);
    let reply: Response | Problem;
    try {
      reply = await take(context, deps);
    } catch (error) {
      deps.reportFault({ traceId: trace.traceId, route: WEBHOOKS, error });
      reply = problem('internal', 'An unexpected fault; send the event again.');
    }
    const response = isProblem(reply) ? problemResponse(reply, trace.traceId) : reply;
    deps.requestEnded?.({
      route: WEBHOOKS,
      method: 'POST',
      status: response.status,
      durationMs: deps.clock.monotonicMs() - receivedAtMs,
    });
    return response;
  });
}

async function take(context: Context<EdgeEnv>, deps: EdgeDeps): Promise<Response | Problem> {
  const { raw } = context.req;
  const tooLarge = declaredTooLarge(raw.headers.get('content-length'));
  if (tooLarge !== null) return tooLarge;
  const body = await readBody(context.env?.incoming, raw);
  if (isProblem(body)) return body;
  const headers = Object.fromEntries(raw.headers);
  const kept = await deps.takeNotices(context.req.param('provider') ?? '', { headers, body });
  switch (kept.kind) {
    case 'kept':
      return Response.json({ status: 'accepted' }, { headers: { 'Cache-Control': 'no-store' } });
    case 'no_such_provider':
      return problem('not-found', 'There is no such provider.');
    case 'unverifiable':
      return problem('webhook-unverifiable', `It could not be verified now (${kept.code}); send it again.`, {
        headers: { 'Retry-After': '30' },
      });
    case 'journal_unavailable':
      return problem('journal-unavailable', 'The event could not be kept; send it again.', {
        headers: { 'Retry-After': '5' },
      });
    case 'refused':
      return problem('webhook-refused', REFUSALS[kept.reason]);
  }
}

const REFUSALS = {
  signature: 'The signature is missing, or is not that of this provider.',
  stale: 'The signature is more than five minutes old, or ahead of the clock.',
  malformed: 'The signature is right, and the event is not one that this provider sends: look at its shape.',
  not_configured: 'No webhook secret is configured for this provider.',
} as const;
