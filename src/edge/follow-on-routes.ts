import { hash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { fingerprintedBody } from '../core/idempotency.ts';
import type { Amount } from '../core/money.ts';
import type { OperationKind } from '../core/operation.ts';
import type { OperateResult } from '../gateway/operate.ts';
import {
  answeredResponse,
  isAuthorizationId,
  keyReused,
  noSuchAuthorization,
  seconds,
} from './about-authorization.ts';
import { amountSchema } from './authorization-body.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { askerOf, type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { followOnRefusal } from './follow-on-refusal.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { isProblem, problem } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';

export const CAPTURES = '/v1/authorizations/{id}/captures';
export const VOIDS = '/v1/authorizations/{id}/voids';
export const REFUNDS = '/v1/authorizations/{id}/refunds';

/** `POST …/captures`. */
export const captureBodySchema = z
  .strictObject({
    amount: amountSchema.nullish().openapi({ description: 'Left out: all that is left.' }),
    final: z.boolean().nullish().openapi({ default: false, description: 'Nothing more will be captured.' }),
  })
  .openapi('CaptureRequest');

/** `POST …/voids`. All of it, or nothing. */
export const voidBodySchema = z.strictObject({}).openapi('VoidRequest');

/** `POST …/refunds`. */
export const refundBodySchema = z
  .strictObject({
    amount: amountSchema.nullish().openapi({ description: 'Left out: all that is left.' }),
  })
  .openapi('RefundRequest');

/** What the three bodies come to. */
interface FollowOnBody {
  readonly amount?: Amount | null | undefined;
  readonly final?: boolean | null | undefined;
}

const BODIES = { capture: captureBodySchema, void: voidBodySchema, refund: refundBodySchema } as const;

const MEMBER_NAMES = {
  capture: memberNamesOf(captureBodySchema),
  void: memberNamesOf(voidBodySchema),
  refund: memberNamesOf(refundBodySchema),
} as const;

/** Capture, void, refund. */
export function followOnRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  const serve = (kind: OperationKind, route: string) =>
    endpoint(deps, { route, scopes: ['authorize'] }, (exchange) => begin(kind, exchange, deps));
  app.post('/v1/authorizations/:id/captures', serve('capture', CAPTURES));
  app.post('/v1/authorizations/:id/voids', serve('void', VOIDS));
  app.post('/v1/authorizations/:id/refunds', serve('refund', REFUNDS));
}

async function begin(kind: OperationKind, exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, trace, context, receivedAtMs } = exchange;
  const body = await readJson(exchange, { optional: true });
  if (isProblem(body)) return body;
  const key = idempotencyKeyOf(context.req.raw.headers.get('idempotency-key'));
  if (isProblem(key)) return key;
  const parsed = BODIES[kind].safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, MEMBER_NAMES[kind]);
  const authorizationId = context.req.param('id') ?? '';
  if (!isAuthorizationId(authorizationId)) return noSuchAuthorization();
  const { amount, final }: FollowOnBody = parsed.data;
  const result = await deps.operate({
    kind,
    amount: amount?.value ?? null,
    currency: amount?.currency ?? null,
    final: final ?? false,
    ...askerOf(caller),
    authorizationId,
    idempotencyKey: key,
    bodyFingerprint: hash('sha256', fingerprintedBody(body), 'hex'),
    traceparent: trace.traceparent,
    span: trace.span,
    receivedAtMs,
  });
  return replyOf(kind, result);
}

function replyOf(kind: OperationKind, result: OperateResult): Reply {
  switch (result.kind) {
    case 'answered':
      return answeredResponse(result);
    case 'not_found':
      return noSuchAuthorization();
    case 'other_body':
      return keyReused(result.authorizationId);
    case 'refused':
      return followOnRefusal(kind, result);
    case 'journal_unavailable':
      // The intent may have been written after all, and is then carried out later: a new key could do it twice.
      return problem(
        'journal-unavailable',
        'That the intent is written could not be confirmed in time, so this request sent nothing to a provider. ' +
          'Repeat it with the same Idempotency-Key: under that it is carried out once at most.',
        { members: { sent: false }, headers: { 'Retry-After': seconds(result.retryAfterMs) } },
      );
  }
}
