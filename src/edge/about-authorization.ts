import type { Answered } from '../gateway/road-results.ts';
import { type Problem, type ProblemName, problem } from './problems.ts';

/** Seconds after which something pending is worth a second look. */
export const PENDING_RETRY_AFTER_S = 2;

const AUTHORIZATION_ID = /^auth_[A-Za-z]{1,64}$/;

/** Whether a text may be an authorization's id at all: what is none, is unknown or is of others looks the same. */
export function isAuthorizationId(text: string): boolean {
  return AUTHORIZATION_ID.test(text);
}

/** Where an authorization can be read, for `Location`. */
export function locationOf(authorizationId: string): string {
  return `/v1/authorizations/${authorizationId}`;
}

/** Whole seconds for `Retry-After`, rounded up, at least 1. */
export function seconds(milliseconds: number): string {
  return String(Math.max(1, Math.ceil(milliseconds / 1000)));
}

/** An answer that the road rendered or that was frozen before: its body goes out as it is. */
export function answeredResponse(result: Answered): Response {
  return new Response(result.body, {
    status: result.httpStatus,
    headers: {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      Location: locationOf(result.authorizationId),
      ...(result.replayed ? { 'Idempotent-Replayed': 'true' } : {}),
      ...(result.httpStatus === 202 ? { 'Retry-After': String(PENDING_RETRY_AFTER_S) } : {}),
    },
  });
}

/** A problem whose cause can be read at an authorization. */
export function aboutAuthorization(
  name: ProblemName,
  detail: string,
  authorizationId: string,
  more: Pick<Problem, 'members' | 'headers'> = {},
): Problem {
  return problem(name, detail, {
    members: { authorization_id: authorizationId, ...more.members },
    headers: { Location: locationOf(authorizationId), ...more.headers },
  });
}

/** The caller's key was used with another body. */
export function keyReused(authorizationId: string): Problem {
  return aboutAuthorization(
    'idempotency-key-reused',
    'The body differs from that of the first request with this key.',
    authorizationId,
  );
}

/** The same for an id that is malformed, unknown or of others. */
export function noSuchAuthorization(): Problem {
  return problem('not-found', 'There is no such authorization for this key.');
}
