import { z } from '@hono/zod-openapi';
import type { Hono } from 'hono';
import { type Attempt, isUnsettled } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { pendingVoid } from '../core/settlement.ts';
import { attemptNamed, RESOLUTIONS, type ReferenceRefusal } from '../gateway/resolve-by-person.ts';
import { aboutAuthorization, PENDING_RETRY_AFTER_S } from './about-authorization.ts';
import { renderAuthorization } from './answer.ts';
import type { EdgeDeps } from './edge-deps.ts';
import { coversMerchant, type EdgeEnv, type Exchange, endpoint, type Reply } from './endpoint.ts';
import { invalidRequest, PARSING } from './field-errors.ts';
import { jsonResponse } from './json-response.ts';
import { isProblem, type Problem, problem } from './problems.ts';
import { readJson } from './read-json.ts';
import { memberNamesOf } from './schema-members.ts';
import { plainText, visibleAscii } from './text-schemas.ts';

export const RESOLUTIONS_OF_ATTEMPT = '/v1/attempts/{id}/resolutions';

/** What a person's word rests on. */
export const evidenceSchema = plainText(1000, 10).openapi({
  description: 'Where it can be checked. Kept in the history with the account of the key.',
  example: "ticket 4711: not in the provider's settlement report of 2026-11-24",
});

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

const memberNames = memberNamesOf(resolutionBodySchema);

/** A person closes what could not be found out. */
export function attemptRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.post(
    '/v1/attempts/:id/resolutions',
    endpoint(deps, { route: RESOLUTIONS_OF_ATTEMPT, scopes: ['ops'] }, (exchange) => resolve(exchange, deps)),
  );
}

async function resolve(exchange: Exchange, deps: EdgeDeps): Promise<Reply> {
  const { caller, context } = exchange;
  const body = await readJson(exchange);
  if (isProblem(body)) return body;
  const parsed = resolutionBodySchema.safeParse(body, PARSING);
  if (!parsed.success) return invalidRequest(parsed.error, memberNames);
  const attemptId = context.req.param('id') ?? '';
  if (attemptNamed(attemptId) === null) return noSuchAttempt();
  const result = await deps.resolve({
    account: caller.account,
    covers: (merchant) => coversMerchant(caller, merchant),
    attemptId,
    resolution: parsed.data.resolution,
    providerReference: parsed.data.provider_reference ?? null,
    evidence: parsed.data.evidence,
  });
  switch (result.kind) {
    case 'resolved':
      return jsonResponse(renderAuthorization(result.authorization).body);
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
      return problem('journal-unavailable', 'The resolution is not known to be written: repeat it.', {
        headers: { 'Retry-After': '1' },
      });
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
  if (authorization.open) {
    return 'The request that it belongs to is still under way, and may find it out by itself: wait for its end.';
  }
  const outcome = attempt?.outcome ?? null;
  if (attempt === undefined || outcome === null || isUnsettled(outcome)) {
    return 'Somebody else changed it at the same moment: read it as it is now.';
  }
  const known = `Its outcome is known, ${outcome.kind}`;
  return pendingVoid(authorization, attempt.number) === null
    ? `${known}: there is nothing to resolve.`
    : `${known}, and it is being undone: the only resolution that it takes is undone.`;
}
