import { hash } from 'node:crypto';
import { fingerprintedBody } from '../core/idempotency.ts';
import type { AuthorizeCommand } from '../gateway/road-results.ts';
import { authorizationBodySchema, authorizationRequestOf } from './authorization-body.ts';
import { coversMerchant, type Exchange } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';

const memberNames = memberNamesOf(authorizationBodySchema);

/**
 * Reads what an authorization, or a decision about one, is asked with, in this order: body, key, shape, merchant.
 * @param keyOf reads the Idempotency-Key header
 */
export async function readAuthorization<Key extends string | null>(
  exchange: Exchange,
  keyOf: (header: string | null) => Key | Problem,
): Promise<(Omit<AuthorizeCommand, 'idempotencyKey'> & { readonly idempotencyKey: Key }) | Problem> {
  const { caller, trace, context, receivedAtMs } = exchange;
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  const key = keyOf(context.req.raw.headers.get('idempotency-key'));
  if (isProblem(key)) return key;
  const parsed = authorizationBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNames);
  if (!coversMerchant(caller, parsed.data.merchant)) {
    return problem('out-of-scope', 'The API key does not cover this merchant.');
  }
  return {
    account: caller.account,
    idempotencyKey: key,
    bodyFingerprint: hash('sha256', fingerprintedBody(body), 'hex'),
    request: authorizationRequestOf(parsed.data),
    traceId: trace.traceId,
    traceparent: trace.traceparent,
    span: trace.span,
    receivedAtMs,
  };
}
