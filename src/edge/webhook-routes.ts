import { z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import type { EdgeDeps } from './edge-deps.ts';
import type { EdgeEnv } from './endpoint.ts';
import { isProblem, type Problem, problem, problemResponse } from './problems.ts';
import { declaredTooLarge, readBody } from './read-body.ts';
import { traceContextOf } from './trace-context.ts';

export const WEBHOOKS = '/v1/webhooks/{provider}';

/** Bodies of webhooks are the providers' own: read by the adapter that has verified them. */
export const webhookBodySchema = z.looseObject({}).openapi('ProviderEvent', {
  description:
    'An event as the provider sends it, with its own headers and signature; the example is of the sandbox.',
});

/** Says that an event is durable. */
export const webhookAnswerSchema = z.strictObject({ status: z.literal('accepted') }).openapi('WebhookAnswer');

/**
 * What providers send by themselves. No API key: the signature over the raw bytes says whose it is. Acknowledged once
 * it is durable; what it means is worked out afterwards, so that a provider never waits for that.
 */
export function webhookRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post('/v1/webhooks/:provider', async (context) => {
    const receivedAtMs = deps.clock.monotonicMs();
    const trace = traceContextOf(context.req.raw.headers.get('traceparent'), deps.randomness, {
      tracer: deps.tracer ?? null,
      method: 'POST',
      route: WEBHOOKS,
    });
    let reply: Response | Problem;
    try {
      reply = await take(context, deps);
    } catch (error) {
      deps.reportFault({ traceId: trace.traceId, route: WEBHOOKS, error });
      reply = problem('internal', 'An unexpected fault; send the event again.');
    }
    const response = isProblem(reply) ? problemResponse(reply, trace.traceId) : reply;
    trace.span?.end({ status: response.status }, response.status >= 500);
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
      return problem('not-found', 'There is no such provider in providers.yaml.');
    case 'unverifiable':
      return problem('webhook-unverifiable', `It could not be verified now (${kept.code}); send it again.`, {
        headers: { 'Retry-After': '30' },
      });
    case 'journal_unavailable':
      return problem(
        'journal-unavailable',
        'That the event is kept could not be confirmed: send it again, which keeps it once.',
        {
          headers: { 'Retry-After': '5' },
        },
      );
    case 'refused':
      return problem(
        'webhook-refused',
        `${REFUSALS[kept.reason]}${kept.member === undefined ? '' : ` Look at ${kept.member}.`}`,
      );
  }
}

/** Why, and what to do; whoever reads it may be the provider, or somebody who tries the webhook out. */
const REFUSALS = {
  signature:
    "The signature is missing, or is not that of this provider: compare the provider's webhook secret in providers.yaml " +
    '(at PayPal the webhook_id) with the one that the provider shows.',
  stale:
    'The signature is older than is taken, or ahead of the clock: send the event anew, and compare the clocks if that ' +
    'does not help.',
  malformed: 'It is no event that this provider sends, or has a form that is not known.',
  not_configured:
    'No webhook secret is configured for this provider: add credentials: { webhook_secret: … } to it in providers.yaml ' +
    '(at PayPal settings: { webhook_id: … }).',
} as const;
