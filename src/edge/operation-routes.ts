import type { Context, Hono } from 'hono';
import type { EdgeDeps } from './edge-deps.ts';
import type { EdgeEnv } from './endpoint.ts';
import { problem, problemResponse } from './problems.ts';
import { traceContextOf } from './trace-context.ts';

/** Metrics, liveness, readiness: for machines inside the network, without a key. */
export function operationRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get('/metrics', async () => {
    const { contentType, body } = await deps.metrics();
    return new Response(body, { status: 200, headers: { 'Content-Type': contentType } });
  });
  // Alive as long as it answers: a journal that is down must not make anybody restart the process.
  app.get('/healthz', () => Response.json({ status: 'ok' }));
  app.get('/readyz', async (context: Context<EdgeEnv>) => {
    const draining = deps.draining();
    const { ready, detail } = await deps.readiness();
    if (ready && !draining) return Response.json({ status: 'ready', ...detail });
    const trace = traceContextOf(context.req.raw.headers.get('traceparent'), deps.randomness);
    const why = draining
      ? 'The process is draining.'
      : 'Not everything that an authorization needs is there.';
    return problemResponse(
      problem('not-ready', why, { members: { draining, checks: detail } }),
      trace.traceId,
    );
  });
}
