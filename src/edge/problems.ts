/** One kind of error of the interface (RFC 9457), with what the caller can do about it. */
export interface ProblemKind {
  readonly title: string;
  readonly status: number;
  /** When it is answered, and what that means for money. */
  readonly meaning: string;
  readonly remedy: string;
}

/** Every error that the interface answers, by the last part of its `type`. */
export const PROBLEMS = {
  'malformed-request': {
    title: 'The request is not valid HTTP',
    status: 400,
    meaning: 'What arrived could not be read as HTTP, so no route saw it. Nothing was sent to a provider.',
    remedy: 'Send HTTP/1.1 with a Host header and a plain request target.',
  },
  'malformed-json': {
    title: 'The body is not JSON',
    status: 400,
    meaning:
      'The body could not be parsed, or gives a member twice. Nothing was done, and the key is not used up.',
    remedy: 'Send one JSON object, encoded as UTF-8.',
  },
  'invalid-request': {
    title: 'The request does not match the interface',
    status: 400,
    meaning:
      'A field is missing, unknown, or outside its bounds. Nothing was done, and the key is not used up.',
    remedy: 'Mend the fields listed in errors; /openapi.json describes them.',
  },
  'card-number': {
    title: 'The request carries what looks like a card number',
    status: 400,
    meaning:
      'Digits that pass for a card number stand in path, query, headers or body. The request is refused before anything of it is kept; nothing was sent.',
    remedy: 'Send tokens, the BIN and the last four digits; never a card number, in no field or header.',
  },
  'idempotency-key-missing': {
    title: 'The Idempotency-Key header is missing',
    status: 400,
    meaning:
      'The request could move money, and without a key a repeat of it could do so twice. Nothing was done.',
    remedy: 'Send an Idempotency-Key header that is unique for this request, and repeat it on retries.',
  },
  'idempotency-key-malformed': {
    title: 'The Idempotency-Key header is malformed',
    status: 400,
    meaning: 'The key is empty, too long, given twice or has other characters. Nothing was done.',
    remedy: 'Use 1 to 255 visible ASCII characters, bare or as one quoted string, in a single header.',
  },
  unauthenticated: {
    title: 'The API key is missing or not known',
    status: 401,
    meaning: 'Who asks is not known. Nothing was done, and no key is used up.',
    remedy: 'Send Authorization: Bearer <API key>.',
  },
  'out-of-scope': {
    title: 'The API key may not do this',
    status: 403,
    meaning:
      'The API key is known, but lacks the scope for this path, or does not cover the merchant. Nothing was done.',
    remedy: 'Use a key that has the scope and the merchant.',
  },
  'not-found': {
    title: 'There is nothing here',
    status: 404,
    meaning:
      'No such path, or no such thing for this API key: what belongs to other accounts answers the same. Nothing was done.',
    remedy: 'Check the path and the id; what belongs to others is not shown.',
  },
  'method-not-allowed': {
    title: 'The path does not take this method',
    status: 405,
    meaning: 'The path exists, but not for this method. Nothing was done.',
    remedy: 'Use one of the methods in the Allow header.',
  },
  'request-timeout': {
    title: 'The request did not arrive in time',
    status: 408,
    meaning: 'The whole request was not here within the time that one may take. No money moved.',
    remedy: 'Send headers and body without pauses. Nothing was sent to a provider.',
  },
  'in-flight': {
    title: 'The first request with this Idempotency-Key is still under way',
    status: 409,
    meaning:
      'The request came again while the first one with its key has no answer yet. This one sent nothing; the first may have reached a provider, and its answer is the answer of both.',
    remedy: 'Repeat the request after Retry-After, or read the authorization at Location.',
  },
  'payment-live': {
    title: 'Another authorization holds this payment',
    status: 409,
    meaning:
      "The merchant's reference is that of a payment that another authorization has under way or has obtained. A second one could charge twice, so nothing was sent.",
    remedy: 'Read the authorization at Location, where there is one; a reference is good for one payment.',
  },
  'operation-not-possible': {
    title: 'The authorization as it stands does not allow this operation',
    status: 409,
    meaning:
      'A capture, void or refund is asked for that does not fit the amounts or the status of the authorization. No money moved by this request.',
    remedy: 'The detail says what can be done instead. Nothing was sent, and the key is not used up.',
  },
  'attempt-not-open': {
    title: 'There is nothing to resolve about this attempt',
    status: 409,
    meaning:
      'A person gives an outcome for an attempt whose outcome is known, or that is not one to be resolved. The record stays as it is; no money moved.',
    remedy: 'Read the authorization at Location: it shows what became of each attempt.',
  },
  'reference-refused': {
    title: 'What the provider has under this reference is not what the attempt obtained',
    status: 409,
    meaning:
      "The provider was asked about the reference that a person gave, and denies it or holds something else there; or the reference is another payment's, or the provider cannot be asked now. Nothing was changed.",
    remedy: 'Look the attempt up at the provider again, by the attempt id: it was sent as our reference.',
  },
  'operation-not-open': {
    title: 'This capture, void or refund cannot be resolved as it stands',
    status: 409,
    meaning:
      'A person gives the end of a capture, void or refund that has ended, that somebody may still be sending, or of another kind. Nothing was changed.',
    remedy: 'The detail says why, and what to do; read the authorization at Location. Nothing was changed.',
  },
  'decision-in-flight': {
    title: 'The first request with this Idempotency-Key is still under way',
    status: 409,
    meaning:
      'The request came again while the first one with its key is being decided. A decision sends nothing to a provider: no money moves by either.',
    remedy: 'Repeat the request after Retry-After: it gives the same decision.',
  },
  'outcome-contradicted': {
    title: 'Another outcome of this attempt was reported before',
    status: 409,
    meaning:
      'A caller that sends itself reports something else than it reported before about the same attempt. The first definite report stands; which of the two is true, only the provider knows.',
    remedy:
      'What is in recorded stands, and is definite. Look the attempt up at the provider; the report is not taken.',
  },
  'outcome-not-offered': {
    title: 'Nobody was told to make this attempt at this provider',
    status: 422,
    meaning:
      'A caller that sends itself reports an attempt that no decision told it to make. The report is not taken; if it was sent all the same, money may stand at that provider.',
    remedy:
      'Report the attempts in offered, each as the decision or the answer to the report before named it.',
  },
  'replay-rules-refused': {
    title: 'The rules to replay are refused',
    status: 422,
    meaning:
      'The rules that were to be tried on recorded payments do not pass the checks. A replay never sends anything.',
    remedy: 'Mend what is in errors: each has its file, line, column and remedy. Nothing was replayed.',
  },
  'rules-too-costly': {
    title: 'Checking these rules takes too much',
    status: 422,
    meaning:
      'The files were being checked in a thread of their own, which needed more time or memory than one may, and was ended. ' +
      'Nothing was stored, and payments go on by what is in force.',
    remedy:
      'Make the file in errors shorter: lists (one_of) instead of many conditions, fewer parts in a rule, fewer brackets. ' +
      'npm run check-rules has no such limits.',
  },
  'rule-checks-busy': {
    title: 'As many checks of rules as may wait are waiting',
    status: 429,
    meaning:
      'Rules are checked beside payments, one after the other, and only few may wait. Nothing was checked; no payment is touched.',
    remedy: 'Repeat after Retry-After.',
  },
  'replays-busy': {
    title: 'As many replays as may run are running',
    status: 429,
    meaning:
      'Replays share the processor with payments, so only few run at once. Nothing was begun; no payment is touched.',
    remedy: 'Repeat after Retry-After, or wait for those that run to end.',
  },
  'event-endpoint-paused': {
    title: 'The endpoint is not told of events now',
    status: 409,
    meaning:
      'An event is to be sent anew to an endpoint that answered 410, or that is disabled: nothing is sent to it until its entry changes. No payment is touched.',
    remedy:
      'Change its entry in EVENT_ENDPOINTS_FILE once it takes events again (GET /v1/events/endpoints shows its state); ' +
      'then have the event sent anew.',
  },
  'other-ruleset-active': {
    title: 'Another ruleset is in force than was expected',
    status: 409,
    meaning:
      'Somebody activated another ruleset since the one was read that the request goes by. Payments go on by what is in force.',
    remedy:
      'Nothing was changed. See who activated it and why (GET /v1/rulesets/activations), then ask again with the version ' +
      'in active as expected_active.',
  },
  'no-earlier-ruleset': {
    title: 'There is nothing to go back to',
    status: 409,
    meaning: 'A rollback is asked for, but nothing was in force before. Payments go on by what is in force.',
    remedy: 'Choose a version of GET /v1/rulesets and activate it.',
  },
  'ruleset-refused': {
    title: 'This ruleset may not come into force',
    status: 422,
    meaning:
      'The files do not pass the checks, or would leave money at a provider that nothing reaches any more. Payments go on by what is in force.',
    remedy:
      'Mend what is in errors, each with file, line, column and remedy; the ruleset before stays in force. A registered ' +
      'version never changes: mended files are another one.',
  },
  'body-too-large': {
    title: 'The body is too large',
    status: 413,
    meaning: 'The body is longer than any request needs. It was not read to its end, and nothing was done.',
    remedy: 'Send at most 65536 bytes.',
  },
  'unsupported-media-type': {
    title: 'The body is not declared as JSON',
    status: 415,
    meaning:
      'The body is declared as something else, or is compressed. It was not read, and nothing was done.',
    remedy: 'Send Content-Type: application/json in UTF-8, without Content-Encoding.',
  },
  'idempotency-key-reused': {
    title: 'The Idempotency-Key was used with another body',
    status: 422,
    meaning:
      'The key belongs to an earlier request that asked for something else; that one and its answer stand. This request sent nothing.',
    remedy: 'Use a new key for a new request; nothing was sent.',
  },
  'headers-too-large': {
    title: 'The headers are too large',
    status: 431,
    meaning:
      'Request line and headers are longer than is read. No route saw the request, and nothing was done.',
    remedy: 'Send at most 16384 bytes of headers.',
  },
  'card-testing': {
    title: 'Payments like this one look like somebody trying out card numbers',
    status: 429,
    meaning:
      'Too many payments of this merchant with this BIN are declined, as when card numbers are tried out: such payments are refused for a while. Nothing was sent.',
    remedy:
      'Nothing was sent and the key is not used up. Find out who makes these payments; repeat an honest one after Retry-After.',
  },
  'webhook-refused': {
    title: 'The event is not accepted',
    status: 401,
    meaning:
      "The signature of a provider's event is missing, wrong or too old, or the event cannot be read. It is not kept and changes nothing; what it told of is found out by asking the provider.",
    remedy:
      'Do what the detail says; an event is taken when it bears the signature of the provider, as it is configured here.',
  },
  'webhook-unverifiable': {
    title: 'The event cannot be verified now',
    status: 503,
    meaning:
      "Verifying a provider's event needs something of the provider that could not be had. It is not kept yet, and changes nothing.",
    remedy:
      'Send it again after Retry-After: what its verification needs from the provider could not be had.',
  },
  internal: {
    title: 'The gateway failed',
    status: 500,
    meaning:
      'A bug of the gateway. What became of the request is not known: a payment may have been sent. The same Idempotency-Key shows what became of it, and never charges twice.',
    remedy: 'Report the trace_id.',
  },
  'no-route': {
    title: 'No provider could be tried',
    status: 503,
    meaning:
      'No provider was allowed or able to take the payment now: breakers, limits, overrides or rules were against each. Nothing was sent.',
    remedy:
      'Nothing was sent and the key is not used up. The reasons are in candidates: wait for those that pass, mend those that do not.',
  },
  'journal-unavailable': {
    title: 'The journal did not confirm',
    status: 503,
    meaning:
      'The gateway writes before it sends, and the database did not confirm in time, or could not be read. This request sent no payment to a provider; what it was to write may be written all the same, and its key used up.',
    remedy:
      'The detail says what may have been written. Repeat after Retry-After, with the same Idempotency-Key where the request has one: ' +
      'then it takes effect once at most. If the repeat answers failed, no provider processed the payment and nothing was charged: then a new key is right for another try.',
  },
  'not-ready': {
    title: 'The gateway is not ready',
    status: 503,
    meaning:
      'The process cannot write its journal or is ending. Payments under way are finished; new ones belong to another process.',
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

/** The check of files was given up. @param errors where it was then */
export function rulesTooCostly(errors: readonly object[]): Problem {
  return problem('rules-too-costly', 'The check of these files was given up: errors says where.', {
    members: { errors },
  });
}

/** For what is over the payments of all merchants, whose caller's key covers some. @param what in the plural, capitalised */
export function notAllMerchants(what: 'Experiments' | 'Replays' | 'Rulesets'): Problem {
  return problem('out-of-scope', `${what} are over all merchants, and the API key does not cover all.`);
}
