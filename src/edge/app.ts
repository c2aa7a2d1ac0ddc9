import { type Context, Hono } from 'hono';
import { attemptRoutes } from './attempt-routes.ts';
import { authorizationRoutes } from './authorization-routes.ts';
import { decisionReadRoutes } from './decision-reads.ts';
import { decisionRoutes } from './decision-routes.ts';
import { documentRoutes } from './document-routes.ts';
import type { EdgeDeps } from './edge-deps.ts';
import type { EdgeEnv } from './endpoint.ts';
import { eventRoutes } from './event-routes.ts';
import { experimentRoutes } from './experiment-routes.ts';
import { followOnRoutes } from './follow-on-routes.ts';
import { historyRoutes } from './history-routes.ts';
import { operationResolutionRoutes } from './operation-resolution-routes.ts';
import { operationRoutes } from './operation-routes.ts';
import { problem, problemResponse } from './problems.ts';
import { providerRoutes } from './provider-routes.ts';
import { replayRoutes } from './replay-routes.ts';
import { rulesetRoutes } from './ruleset-routes.ts';
import { traceContextOf } from './trace-context.ts';
import { webhookRoutes } from './webhook-routes.ts';

/**
 * The HTTP interface: every route, and a problem for everything else. `fetch` of the returned app takes a request;
 * {@link startServer} puts it behind a socket.
 */
export function createApp(deps: EdgeDeps): Hono<EdgeEnv> {
  const app = new Hono<EdgeEnv>();
  authorizationRoutes(app, deps);
  decisionRoutes(app, deps);
  decisionReadRoutes(app, deps);
  historyRoutes(app, deps);
  followOnRoutes(app, deps);
  attemptRoutes(app, deps);
  operationResolutionRoutes(app, deps);
  providerRoutes(app, deps);
  webhookRoutes(app, deps);
  eventRoutes(app, deps);
  experimentRoutes(app, deps);
  rulesetRoutes(app, deps);
  replayRoutes(app, deps);
  operationRoutes(app, deps);
  documentRoutes(app, deps);
  refuseOtherMethods(app, deps);

  const traceIdOf = (context: Context<EdgeEnv>) =>
    traceContextOf(context.req.raw.headers.get('traceparent'), deps.randomness).traceId;
  app.notFound((context) =>
    problemResponse(problem('not-found', 'There is no such path.'), traceIdOf(context)),
  );
  app.onError((error, context) => {
    const traceId = traceIdOf(context);
    deps.reportFault({ traceId, route: 'unrouted', error });
    return problemResponse(problem('internal', 'An unexpected fault.'), traceId);
  });
  return app;
}

/** 405 with `Allow` for each path that exists, after all routes of all methods. */
function refuseOtherMethods(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  const methodsByPath = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    const methods = methodsByPath.get(path) ?? new Set();
    methods.add(method);
    // Hono answers HEAD wherever it answers GET.
    if (method === 'GET') methods.add('HEAD');
    methodsByPath.set(path, methods);
  }
  for (const [path, methods] of methodsByPath) {
    const allow = [...methods].sort().join(', ');
    app.all(path, (context) => {
      const trace = traceContextOf(context.req.raw.headers.get('traceparent'), deps.randomness);
      const refusal = problem('method-not-allowed', `This path takes ${allow}.`, {
        headers: { Allow: allow },
      });
      return problemResponse(refusal, trace.traceId);
    });
  }
}
