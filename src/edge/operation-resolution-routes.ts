import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import type { Authorization } from '../core/authorization.ts';
import { authorizationIdIn, type Operation } from '../core/operation.ts';
import {
  OPERATION_RESOLUTIONS,
  type OperationNotOpen,
  type ResolveOperationResult,
} from '../gateway/resolve-operation-by-person.ts';
import { aboutAuthorization, seconds } from './about-authorization.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import {
  evidenceSchema,
  readResolution,
  resolutionNotWritten,
  resolvedResponse,
  STILL_UNDER_WAY,
  tellResolution,
} from './resolution.ts';
import { visibleAscii } from './text-schemas.ts';

export const RESOLUTIONS_OF_OPERATION = '/v1/operations/{id}/resolutions';

/** `POST /v1/operations/{id}/resolutions`: what a person found out at the provider. */
export const operationResolutionBodySchema = z
  .strictObject({
    resolution: z.enum(OPERATION_RESOLUTIONS).openapi({
      description:
        'succeeded: the provider did it. failed: it did not, and will not. Of a reversal of our own, failed means that ' +
        'it was not undone: it is begun anew, as another void under another key.',
    }),
    provider_reference: visibleAscii(255).nullish().openapi({
      description: "The operation's own id at the provider.",
      example: 'sbx_byjepvBsraaaaac',
    }),
    evidence: evidenceSchema,
  })
  .openapi('OperationResolutionRequest');

/** A person closes a capture, void or refund that could not be found out. */
export function operationResolutionRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post(
    '/v1/operations/:id/resolutions',
    endpoint(deps, { route: RESOLUTIONS_OF_OPERATION, scopes: ['ops'] }, (exchange) =>
      resolve(exchange, deps),
    ),
  );
}

async function resolve(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const resolution = await readResolution(exchange, operationResolutionBodySchema, deps);
  if (isProblem(resolution)) return resolution;
  const operationId = exchange.context.req.param('id') ?? '';
  if (authorizationIdIn(operationId) === null) return noSuchOperation();
  const result = await deps.resolveOperation({ ...resolution, operationId });
  tellResolution(exchange, operationId, resolution, result.kind, deps);
  switch (result.kind) {
    case 'resolved':
      return resolvedResponse(result.authorization);
    case 'not_found':
      return noSuchOperation();
    case 'not_open':
      return notOpen(result, operationId);
    case 'journal_unavailable':
      return resolutionNotWritten();
  }
}

/** The same for an id that is malformed, unknown or of others. */
function noSuchOperation(): Problem {
  return problem('not-found', 'There is no such capture, void or refund for this key.');
}

function notOpen(
  { authorization, reason, retryAfterMs }: Extract<ResolveOperationResult, { readonly kind: 'not_open' }>,
  operationId: string,
): Problem {
  const operation = authorization.operations.find(({ id }) => id === operationId);
  return aboutAuthorization(
    'operation-not-open',
    detailOf(reason, authorization, operation),
    authorization.id,
    {
      members: {
        operation_id: operationId,
        reason,
        operation_status: operation?.status ?? null,
        authorization_status: authorization.status,
        ...(reason === 'waits_for_attempt' ? { attempt_id: attemptIdOf(authorization, operation) } : {}),
      },
      headers: retryAfterMs === null ? {} : { 'Retry-After': seconds(retryAfterMs) },
    },
  );
}

function attemptIdOf({ attempts }: Authorization, operation: Operation | undefined): string | null {
  return attempts.find(({ number }) => number === operation?.attemptNumber)?.id ?? null;
}

function detailOf(
  reason: OperationNotOpen,
  authorization: Authorization,
  operation: Operation | undefined,
): string {
  switch (reason) {
    case 'ended':
      return `Its end is known, ${operation?.status}, and the authorization is ${authorization.status}: there is nothing to resolve.`;
    case 'road_open':
      return STILL_UNDER_WAY;
    case 'waits_for_attempt':
      return (
        'It waits for the outcome of its attempt, which is not known, and is done or ended by it: resolve the attempt ' +
        `instead, POST /v1/attempts/${attemptIdOf(authorization, operation)}/resolutions.`
      );
    case 'may_be_sent':
      return (
        'It may be on its way to the provider at this moment, so that it could be done after all: ask the provider ' +
        'again after Retry-After, and repeat it if it still was not done. That it succeeded can be said at any time.'
      );
  }
}
