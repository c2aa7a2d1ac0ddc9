import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { AUTHORIZATION_STATUSES } from '../core/authorization.ts';
import type { CandidateExplanation } from '../core/decision.ts';
import type { AuthorizationFilter } from '../gateway/ports.ts';
import type { AuthorizeResult } from '../gateway/road-results.ts';
import { aboutAuthorization, answeredResponse, keyReused, seconds } from './about-authorization.ts';
import { candidateAnswer, renderAuthorization } from './answer.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { coversMerchant, type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { readInTime } from './from-journal.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { jsonResponse } from './json-response.ts';
import { limitOf, pageQueryMembers, singleQuery } from './list-query.ts';
import { ownAuthorization } from './own-authorization.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readAuthorization } from './read-authorization.ts';
import { visibleAscii } from './text-schemas.ts';

export const AUTHORIZATIONS = '/v1/authorizations';
export const AUTHORIZATION = '/v1/authorizations/{id}';

/** Authorize, read, list. */
export function authorizationRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post(
    '/v1/authorizations',
    endpoint(deps, { route: AUTHORIZATIONS, scopes: ['authorize'] }, (exchange) => authorize(exchange, deps)),
  );
  app.get(
    '/v1/authorizations/:id',
    endpoint(deps, { route: AUTHORIZATION, scopes: ['read', 'authorize'] }, (exchange) =>
      read(exchange, deps),
    ),
  );
  app.get(
    '/v1/authorizations',
    endpoint(deps, { route: AUTHORIZATIONS, scopes: ['read', 'authorize'] }, (exchange) =>
      list(exchange, deps),
    ),
  );
}

async function authorize(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const command = await readAuthorization(exchange, idempotencyKeyOf);
  return isProblem(command) ? command : authorizeReply(await deps.authorize(command));
}

function authorizeReply(result: AuthorizeResult): Reply {
  switch (result.kind) {
    case 'answered':
      return answeredResponse(result);
    case 'in_flight':
      return aboutAuthorization('in-flight', 'Its outcome is not known yet.', result.authorizationId, {
        headers: { 'Retry-After': seconds(result.retryAfterMs) },
      });
    case 'other_body':
      return keyReused(result.authorizationId);
    case 'payment_live':
      return aboutAuthorization(
        'payment-live',
        'An authorization of this merchant and reference is approved, pending or not known.',
        result.authorizationId,
      );
    case 'payment_held':
      return problem(
        'payment-live',
        'An authorization of this merchant and reference is approved, pending or not known. ' +
          'It is of another account, and cannot be read with this key.',
      );
    case 'no_route':
      return noRoute(result);
    case 'card_testing':
      return cardTesting(result);
    case 'journal_unavailable':
      return problem(
        'journal-unavailable',
        'That the intent is written could not be confirmed in time, so this request sent nothing to a provider. ' +
          'Repeat it with the same Idempotency-Key: that shows what became of it, and charges once at most. It may still ' +
          'be written: while that is not known, the same merchant and reference under another key is refused as ' +
          'payment-live, or not confirmed either, or it is the one that counts.',
        { members: { sent: false }, headers: { 'Retry-After': seconds(result.retryAfterMs) } },
      );
  }
}

/** Nobody could be tried. */
export function noRoute({
  rule,
  reasons,
  retryAfterMs,
}: Extract<AuthorizeResult, { readonly kind: 'no_route' }>): Problem {
  return problem('no-route', whyNoRoute(reasons), {
    members: { sent: false, rule, candidates: reasons.map(candidateAnswer) },
    headers: { 'Retry-After': seconds(retryAfterMs) },
  });
}

/** Payments like this one look like card testing. */
export function cardTesting({
  retryAfterMs,
}: Extract<AuthorizeResult, { readonly kind: 'card_testing' }>): Problem {
  return problem(
    'card-testing',
    'Nearly all recent payments of this merchant with this BIN were declined; nothing was sent.',
    { members: { sent: false }, headers: { 'Retry-After': seconds(retryAfterMs) } },
  );
}

/** A caller that repeats a request that nobody may take would wait for ever: it is told apart from one that may. */
function whyNoRoute(reasons: readonly CandidateExplanation[]): string {
  if (reasons.length === 0)
    return 'No rule matches, or no provider is configured; repeating this does not help.';
  const eligible = reasons.filter((candidate) => candidate.eligible);
  if (eligible.length > 0) return 'Nobody who may take this has room or is open now; no attempt was made.';
  const listed = reasons.map(({ provider, reason }) => `${provider} ${reason ?? 'not eligible'}`).join(', ');
  return `No provider may take this as it is: ${listed}. Repeating helps only once request, rules or providers change.`;
}

async function read(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const found = await ownAuthorization(exchange, deps);
  return isProblem(found) ? found : jsonResponse(renderAuthorization(found).body);
}

/** What `older_than` may be: a moment, or an age in seconds. */
const AGE_SECONDS = /^\d{1,9}$/;

/** Query of `GET /v1/authorizations`. */
export const listQuerySchema = z.strictObject({
  merchant: visibleAscii(128).optional(),
  reference: visibleAscii(255).optional(),
  status: z.enum(AUTHORIZATION_STATUSES).optional(),
  older_than: z
    .union([z.string().regex(AGE_SECONDS), z.iso.datetime({ offset: true })], {
      error: 'seconds, or a moment such as 2026-11-23T10:00:00Z',
    })
    .optional()
    .openapi({
      description: 'Created before this moment (RFC 3339), or more than this many seconds ago.',
      example: '300',
    }),
  ...pageQueryMembers,
});

async function list(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context } = exchange;
  const query = singleQuery(new URL(context.req.url).searchParams);
  if (isProblem(query)) return query;
  const parsed = listQuerySchema.safeParse(query, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, () => Object.keys(listQuerySchema.shape));
  const { merchant, reference, status, older_than, limit, cursor } = parsed.data;
  if (merchant !== undefined && !coversMerchant(caller, merchant)) {
    return problem('out-of-scope', 'The API key does not cover this merchant.');
  }
  const filter: AuthorizationFilter = {
    account: caller.account,
    merchants: caller.merchants === 'all' ? 'all' : [...caller.merchants],
    limit: limitOf(limit),
    ...(merchant === undefined ? {} : { merchant }),
    ...(reference === undefined ? {} : { reference }),
    ...(status === undefined ? {} : { status }),
    ...(older_than === undefined ? {} : { olderThanMs: momentOf(older_than, deps) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  const page = await readInTime(exchange, deps, () => deps.journal.listAuthorizations(filter));
  if (isProblem(page)) return page;
  const data = page.data.map((authorization) => renderAuthorization(authorization).body).join(',');
  return jsonResponse(`{"data":[${data}],"next_cursor":${JSON.stringify(page.nextCursor)}}`);
}

function momentOf(olderThan: string, deps: EdgeDeps): number {
  return AGE_SECONDS.test(olderThan) ? deps.clock.wallMs() - Number(olderThan) * 1000 : Date.parse(olderThan);
}
