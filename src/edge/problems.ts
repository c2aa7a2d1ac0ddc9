/** One kind of error of the interface (RFC 9457), with what the caller can do about it. */
export interface ProblemKind {
  readonly title: string;
  readonly status: number;
  readonly remedy: string;
}

/** Every error that the interface answers, by the last part of its `type`. */
export const PROBLEMS = {
  'malformed-request': {
    title: 'The request is not valid HTTP',
    status: 400,
    remedy: 'Send HTTP/1.1 with a Host header and a plain request target.',
  },
  'malformed-json': {
    title: 'The body is not JSON',
    status: 400,
    remedy: 'Send one JSON object, encoded as UTF-8.',
  },
  'invalid-request': {
    title: 'The request does not match the interface',
    status: 400,
    remedy: 'Mend the fields listed in errors; /openapi.json describes them.',
  },
  'card-number': {
    title: 'The request carries what looks like a card number',
    status: 400,
    remedy: 'Send tokens, the BIN and the last four digits; never a card number, in no field or header.',
  },
  'idempotency-key-missing': {
    title: 'The Idempotency-Key header is missing',
    status: 400,
    remedy: 'Send an Idempotency-Key header that is unique for this request, and repeat it on retries.',
  },
  'idempotency-key-malformed': {
    title: 'The Idempotency-Key header is malformed',
    status: 400,
    remedy: 'Use 1 to 255 visible ASCII characters, bare or as one quoted string, in a single header.',
  },
  unauthenticated: {
    title: 'The API key is missing or not known',
    status: 401,
    remedy: 'Send Authorization: Bearer <API key>.',
  },
  'out-of-scope': {
    title: 'The API key may not do this',
    status: 403,
    remedy: 'Use a key that has the scope and the merchant.',
  },
  'not-found': {
    title: 'There is nothing here',
    status: 404,
    remedy: 'Check the path and the id; what belongs to others is not shown.',
  },
  'method-not-allowed': {
    title: 'The path does not take this method',
    status: 405,
    remedy: 'Use one of the methods in the Allow header.',
  },
  'request-timeout': {
    title: 'The request did not arrive in time',
    status: 408,
    remedy: 'Send headers and body without pauses. Nothing was sent to a provider.',
  },
  'in-flight': {
    title: 'The first request with this Idempotency-Key is still under way',
    status: 409,
    remedy: 'Repeat the request after Retry-After, or read the authorization at Location.',
  },
  'payment-live': {
    title: 'Another authorization holds this payment',
    status: 409,
    remedy: 'Read the authorization at Location, where there is one; a reference is good for one payment.',
  },
  'operation-not-possible': {
    title: 'The authorization as it stands does not allow this operation',
    status: 409,
    remedy: 'The detail says what can be done instead. Nothing was sent, and the key is not used up.',
  },
  'attempt-not-open': {
    title: 'There is nothing to resolve about this attempt',
    status: 409,
    remedy: 'Read the authorization at Location: it shows what became of each attempt.',
  },
  'reference-refused': {
    title: 'What the provider has under this reference is not what the attempt obtained',
    status: 409,
    remedy: 'Look the attempt up at the provider again, by the attempt id: it was sent as our reference.',
  },
  'operation-not-open': {
    title: 'This capture, void or refund cannot be resolved as it stands',
    status: 409,
    remedy: 'The detail says why, and what to do; read the authorization at Location. Nothing was changed.',
  },
  'decision-in-flight': {
    title: 'The first request with this Idempotency-Key is still under way',
    status: 409,
    remedy: 'Repeat the request after Retry-After: it gives the same decision.',
  },
  'outcome-contradicted': {
    title: 'Another outcome of this attempt was reported before',
    status: 409,
    remedy:
      'What is in recorded stands, and is definite. Look the attempt up at the provider; the report is not taken.',
  },
  'outcome-not-offered': {
    title: 'Nobody was told to make this attempt at this provider',
    status: 422,
    remedy:
      'Report the attempts in offered, each as the decision or the answer to the report before named it.',
  },
  'replay-rules-refused': {
    title: 'The rules to replay are refused',
    status: 422,
    remedy: 'Mend what is in errors: each has its file, line, column and remedy. Nothing was replayed.',
  },
  'replays-busy': {
    title: 'As many replays as may run are running',
    status: 429,
    remedy: 'Repeat after Retry-After, or wait for those that run to end.',
  },
  'event-endpoint-paused': {
    title: 'The endpoint is not told of events now',
    status: 409,
    remedy:
      'Change its entry in EVENT_ENDPOINTS_FILE once it takes events again (GET /v1/events/endpoints shows its state); ' +
      'then have the event sent anew.',
  },
  'other-ruleset-active': {
    title: 'Another ruleset is in force than was expected',
    status: 409,
    remedy:
      'Nothing was changed. See who activated it and why (GET /v1/rulesets/activations), then ask again with the version ' +
      'in active as expected_active.',
  },
  'no-earlier-ruleset': {
    title: 'There is nothing to go back to',
    status: 409,
    remedy: 'Choose a version of GET /v1/rulesets and activate it.',
  },
  'ruleset-refused': {
    title: 'This ruleset may not come into force',
    status: 422,
    remedy:
      'Mend what is in errors, each with file, line, column and remedy; the ruleset before stays in force. A registered ' +
      'version never changes: mended files are another one.',
  },
  'body-too-large': {
    title: 'The body is too large',
    status: 413,
    remedy: 'Send at most 65536 bytes.',
  },
  'unsupported-media-type': {
    title: 'The body is not declared as JSON',
    status: 415,
    remedy: 'Send Content-Type: application/json in UTF-8, without Content-Encoding.',
  },
  'idempotency-key-reused': {
    title: 'The Idempotency-Key was used with another body',
    status: 422,
    remedy: 'Use a new key for a new request; nothing was sent.',
  },
  'headers-too-large': {
    title: 'The headers are too large',
    status: 431,
    remedy: 'Send at most 16384 bytes of headers.',
  },
  'card-testing': {
    title: 'Payments like this one look like somebody trying out card numbers',
    status: 429,
    remedy:
      'Nothing was sent and the key is not used up. Find out who makes these payments; repeat an honest one after Retry-After.',
  },
  'webhook-refused': {
    title: 'The event is not accepted',
    status: 401,
    remedy:
      'Do what the detail says; an event is taken when it bears the signature of the provider, as it is configured here.',
  },
  'webhook-unverifiable': {
    title: 'The event cannot be verified now',
    status: 503,
    remedy:
      'Send it again after Retry-After: what its verification needs from the provider could not be had.',
  },
  internal: {
    title: 'The gateway failed',
    status: 500,
    remedy: 'Report the trace_id.',
  },
  'no-route': {
    title: 'No provider could be tried',
    status: 503,
    remedy:
      'Nothing was sent and the key is not used up. The reasons are in candidates: wait for those that pass, mend those that do not.',
  },
  'journal-unavailable': {
    title: 'The journal cannot be reached',
    status: 503,
    remedy: 'Repeat after Retry-After with the same Idempotency-Key.',
  },
  'not-ready': {
    title: 'The gateway is not ready',
    status: 503,
    remedy: 'Send traffic elsewhere until /readyz answers 200.',
  },
} as const satisfies Record<string, ProblemKind>;
export type ProblemName = keyof typeof PROBLEMS;

/** An error to answer: a value, made by whoever finds it, rendered in one place. */
export interface Problem {
  readonly problem: ProblemName;
  /** What was wrong with this request, in a sentence; never with values of the request. */
  readonly detail: string;
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes a {@link Problem}. */
export function problem(
  name: ProblemName,
  detail: string,
  more: Pick<Problem, 'members' | 'headers'> = {},
): Problem {
  return { problem: name, detail, ...more };
}

/** Whether a step found an error instead of what it was asked for. */
export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'problem' in value && 'detail' in value;
}

/**
 * The problem document. `instance` names this occurrence by its trace id, never by the request's path, which may
 * carry anything.
 */
export function problemBody(found: Problem, traceId: string): string {
  const kind = PROBLEMS[found.problem];
  return JSON.stringify({
    type: `/problems/${found.problem}`,
    title: kind.title,
    status: kind.status,
    detail: found.detail,
    instance: `urn:pointsman:trace:${traceId}`,
    trace_id: traceId,
    remedy: kind.remedy,
    ...found.members,
  });
}

/** Renders a problem as `application/problem+json`. */
export function problemResponse(found: Problem, traceId: string): Response {
  return new Response(problemBody(found, traceId), {
    status: PROBLEMS[found.problem].status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(found.problem === 'unauthenticated' ? { 'WWW-Authenticate': 'Bearer realm="pointsman"' } : {}),
      ...found.headers,
    },
  });
}

/** For what is over the payments of all merchants, whose caller's key covers some. @param what in the plural, capitalised */
export function notAllMerchants(what: 'Experiments' | 'Replays' | 'Rulesets'): Problem {
  return problem('out-of-scope', `${what} are over all merchants, and the API key does not cover all.`);
}
