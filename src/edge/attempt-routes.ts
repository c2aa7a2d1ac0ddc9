import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { type Attempt, isUnsettled } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { pendingVoid } from '../core/settlement.ts';
import { attemptNamed, RESOLUTIONS, type ReferenceRefusal } from '../gateway/resolve-by-person.ts';
import { aboutAuthorization, PENDING_RETRY_AFTER_S } from './about-authorization.ts';
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

export const RESOLUTIONS_OF_ATTEMPT = '/v1/attempts/{id}/resolutions';

/** `POST /v1/attempts/{id}/resolutions`: what a person found out at the provider. */
export const resolutionBodySchema = z
  .strictObject({
    resolution: z.enum(RESOLUTIONS).openapi({
      description:
        'approved: it stands at the provider. not_processed: the provider confirmed that it never was. ' +
        'undone: whatever it obtained is voided or refunded there.',
    }),
    provider_reference: visibleAscii(255).nullish().openapi({
      description:
        "The authorization's id at the provider; required for approved. Refused when it is another payment's.",
      example: 'sbx_byjepvBsraaaaab',
    }),
    evidence: evidenceSchema,
  })
  .superRefine((body, context) => {
    if (body.resolution === 'approved' && body.provider_reference == null) {
      context.addIssue({
        code: 'custom',
        path: ['provider_reference'],
        message: "the authorization's id at the provider, by which it is captured, voided and refunded",
      });
    }
  })
  .openapi('ResolutionRequest');

/** A person closes what could not be found out. */
export function attemptRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post(
    '/v1/attempts/:id/resolutions',
    endpoint(deps, { route: RESOLUTIONS_OF_ATTEMPT, scopes: ['ops'] }, (exchange) => resolve(exchange, deps)),
  );
}

async function resolve(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const resolution = await readResolution(exchange, resolutionBodySchema, deps);
  if (isProblem(resolution)) return resolution;
  const attemptId = exchange.context.req.param('id') ?? '';
  if (attemptNamed(attemptId) === null) return noSuchAttempt();
  const result = await deps.resolve({ ...resolution, attemptId });
  tellResolution(exchange, attemptId, resolution, result.kind, deps);
  switch (result.kind) {
    case 'resolved':
      return resolvedResponse(result.authorization);
    case 'not_found':
      return noSuchAttempt();
    case 'not_open':
      return notOpen(result.authorization, attemptId);
    case 'reference_refused':
      return aboutAuthorization(
        'reference-refused',
        WHY_REFERENCE_REFUSED[result.because],
        result.authorization.id,
        { members: { attempt_id: attemptId } },
      );
    case 'journal_unavailable':
      return resolutionNotWritten();
  }
}

/** Not whose it is: that may be another account's. */
const WHY_REFERENCE_REFUSED: Readonly<Record<ReferenceRefusal, string>> = {
  recorded_elsewhere:
    'This provider_reference is recorded about another attempt at the same provider. Nothing was changed.',
  provider_denies:
    'Asked by this provider_reference, the provider tells of no approval of this attempt. Nothing was changed.',
  provider_silent:
    'Asked by this provider_reference, the provider does not answer now. Nothing was changed: repeat it when it does.',
};

/** The same for an id that is malformed, unknown or of others. */
function noSuchAttempt(): Problem {
  return problem('not-found', 'There is no such attempt for this key.');
}

function notOpen(authorization: Authorization, attemptId: string): Problem {
  const number = attemptNamed(attemptId)?.number;
  const attempt = authorization.attempts.find((candidate) => candidate.number === number);
  const outcome = attempt?.outcome ?? null;
  return aboutAuthorization('attempt-not-open', whyNotOpen(authorization, attempt), authorization.id, {
    members: {
      attempt_id: attemptId,
      outcome: outcome === null ? null : outcome.kind,
      authorization_status: authorization.status,
    },
    headers: authorization.open ? { 'Retry-After': String(PENDING_RETRY_AFTER_S) } : {},
  });
}

function whyNotOpen(authorization: Authorization, attempt: Attempt | undefined): string {
  if (authorization.open) return STILL_UNDER_WAY;
  const outcome = attempt?.outcome ?? null;
  if (attempt === undefined || outcome === null || isUnsettled(outcome)) {
    return 'Somebody else changed it at the same moment: read it as it is now.';
  }
  const known = `Its outcome is known, ${outcome.kind}`;
  return pendingVoid(authorization, attempt.number) === null
    ? `${known}: there is nothing to resolve.`
    : `${known}, and it is being undone: the only resolution that it takes is undone.`;
}
