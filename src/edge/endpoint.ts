import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import type { Asker } from '../gateway/asker.ts';
import { guardHead } from './card-guard.ts';
import type { Caller, EdgeDeps, Scope } from './edge-deps.ts';
import { isProblem, type Problem, problem, problemResponse } from './problems.ts';
import { declaredTooLarge } from './read-body.ts';
import { type TraceContext, traceContextOf } from './trace-context.ts';

/** Bindings of the Node server; absent when the app is called without a socket. */
export interface EdgeEnv {
  Bindings: { readonly incoming?: IncomingMessage };
}

/** One authenticated request. */
export interface Exchange {
  readonly context: Context<EdgeEnv>;
  readonly caller: Caller;
  /** The path's pattern. */
  readonly route: string;
  readonly trace: TraceContext;
  /** Monotonic clock. */
  readonly receivedAtMs: number;
}

/** What an endpoint answers: errors are values too. */
export type Reply = Response | Problem;

export interface EndpointSettings {
  /** The path's pattern, a label of metrics. */
  readonly route: string;
  /** Any one of these scopes opens the endpoint. */
  readonly scopes: readonly [Scope, ...Scope[]];
}

/**
 * The way into every endpoint that needs a key, in this order: declared size, key (401), scope (403), card numbers in
 * path, query and headers (400). Renders errors, and turns an exception into a 500 that says nothing but its trace id.
 */
export function endpoint(
  deps: EdgeDeps,
  settings: EndpointSettings,
  handle: (exchange: Exchange) => Promise<Reply> | Reply,
): (context: Context<EdgeEnv>) => Promise<Response> {
  return async (context) => {
    const receivedAtMs = deps.clock.monotonicMs();
    const trace = traceContextOf(context.req.raw.headers.get('traceparent'), deps.randomness, {
      tracer: deps.tracer ?? null,
      method: context.req.method,
      route: settings.route,
    });
    const { route } = settings;
    let reply: Reply;
    try {
      const caller = admit(deps, settings, context, trace.traceId);
      reply = isProblem(caller) ? caller : await handle({ context, caller, route, trace, receivedAtMs });
      // Only what is asked for tells which merchants it is about.
      if (!isProblem(caller) && isProblem(reply) && reply.problem === 'out-of-scope') {
        const { method } = context.req;
        deps.accessRefused?.({ route, method, traceId: trace.traceId, account: caller.account, status: 403 });
      }
    } catch (error) {
      deps.reportFault({ traceId: trace.traceId, route, error });
      reply = problem('internal', 'An unexpected fault; what happened to the request is not known.');
    }
    const response = isProblem(reply) ? problemResponse(reply, trace.traceId) : reply;
    trace.span?.end({ status: response.status }, response.status >= 500);
    deps.requestEnded?.({
      route,
      method: context.req.method,
      status: response.status,
      durationMs: deps.clock.monotonicMs() - receivedAtMs,
    });
    return response;
  };
}

function admit(
  deps: EdgeDeps,
  { route, scopes }: EndpointSettings,
  context: Context<EdgeEnv>,
  traceId: string,
): Caller | Problem {
  const { headers } = context.req.raw;
  const tooLarge = declaredTooLarge(headers.get('content-length'));
  if (tooLarge !== null) return tooLarge;
  const caller = authenticate(headers.get('authorization'), deps);
  const request = { route, method: context.req.method, traceId };
  if (isProblem(caller)) {
    deps.accessRefused?.({ ...request, account: null, status: 401 });
    return caller;
  }
  if (!scopes.some((scope) => caller.scopes.has(scope))) {
    deps.accessRefused?.({ ...request, account: caller.account, status: 403 });
    return problem('out-of-scope', `The API key lacks the scope ${scopes.join(' or ')}.`);
  }
  return guardHead(context.req.raw, context.env?.incoming) ?? caller;
}

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

function authenticate(authorization: string | null, deps: EdgeDeps): Caller | Problem {
  if (authorization === null) return problem('unauthenticated', 'There is no Authorization header.');
  const key = BEARER.exec(authorization)?.[1];
  if (key === undefined)
    return problem('unauthenticated', 'The Authorization header is not Bearer <API key>.');
  return deps.findCaller(key) ?? problem('unauthenticated', 'The API key is not known.');
}

/** Whether a caller's key covers a merchant. */
export function coversMerchant(caller: Caller, merchant: string): boolean {
  return caller.merchants === 'all' || caller.merchants.has(merchant);
}

/** A caller as the road knows one. */
export function askerOf(caller: Caller): Asker {
  return { account: caller.account, covers: (merchant) => coversMerchant(caller, merchant) };
}
