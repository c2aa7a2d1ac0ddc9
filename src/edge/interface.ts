import type { z } from '@hono/zod-openapi';
import type { OperationKind } from '../core/operation.ts';
import {
  authorizationAnswerSchema,
  authorizationPageSchema,
  decisionAnswerSchema,
  decisionPageSchema,
  deliveryPageSchema,
  deliverySchema,
  endpointListSchema,
  historyPageSchema,
  keptDecisionSchema,
  nextStepSchema,
  operationAnswerSchema,
  overrideAnswerSchema,
  providerListSchema,
  providerSchema,
} from './answer-schemas.ts';
import { RESOLUTIONS_OF_ATTEMPT, resolutionBodySchema } from './attempt-routes.ts';
import { authorizationBodySchema } from './authorization-body.ts';
import { AUTHORIZATION, AUTHORIZATIONS, listQuerySchema } from './authorization-routes.ts';
import { DECISION, decisionQuerySchema } from './decision-reads.ts';
import { DECISIONS, OUTCOMES, reportBodySchema } from './decision-routes.ts';
import { DELIVERIES, DELIVERY_REPLAY, deliveryQuerySchema, ENDPOINTS } from './event-routes.ts';
import {
  armBodySchema,
  EXPERIMENT_ARM,
  EXPERIMENT_CHART,
  EXPERIMENT_RESULTS,
  EXPERIMENTS,
} from './experiment-routes.ts';
import { armAnswerSchema, experimentListSchema, experimentResultsSchema } from './experiment-schemas.ts';
import {
  CAPTURES,
  captureBodySchema,
  REFUNDS,
  refundBodySchema,
  VOIDS,
  voidBodySchema,
} from './follow-on-routes.ts';
import { HISTORY, historyQuerySchema } from './history-routes.ts';
import { operationResolutionBodySchema, RESOLUTIONS_OF_OPERATION } from './operation-resolution-routes.ts';
import { PLACES, placesSchema } from './places.ts';
import type { ProblemName } from './problems.ts';
import { overrideBodySchema, PROVIDER, PROVIDER_OVERRIDE, PROVIDERS } from './provider-routes.ts';

import { REPLAY, REPLAYS } from './replay-routes.ts';
import { replayAnswerSchema, replayBodySchema } from './replay-schemas.ts';

import {
  checkBodySchema,
  RULESET,
  RULESET_ACTIVATE,
  RULESET_ACTIVATIONS,
  RULESET_CHECK,
  RULESET_ROLLBACK,
  RULESETS,
  releaseBodySchema,
  rulesetQuerySchema,
} from './ruleset-routes.ts';
import {
  activationPageSchema,
  releaseAnswerSchema,
  rulesetCheckSchema,
  rulesetPageSchema,
  rulesetSchema,
} from './ruleset-schemas.ts';

import { WEBHOOKS, webhookAnswerSchema, webhookBodySchema } from './webhook-routes.ts';

/** One answer that is no error. */
interface Answer {
  readonly meaning: string;
  readonly schema?: z.ZodType;
  readonly type?: string;
  /** Parsed by the schema in a test. */
  readonly example?: object;
}

/** One operation of the interface, with everything that it may answer. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put';
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** Null: needs no key. */
  readonly scopes: readonly string[] | null;
  readonly idempotencyKey?: boolean;
  /** A key may be given, and need not be. */
  readonly optionalKey?: boolean;
  readonly query?: z.ZodObject;
  readonly body?: {
    readonly schema: z.ZodType;
    /** Parsed by the schema in a test. */
    readonly example: object;
    /** Left out, and no Content-Type: an empty object. */
    readonly optional?: boolean;
  };
  /** Answers that are no errors: status to what it means and, for JSON, its schema. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly problems: readonly ProblemName[];
}

const KEYED = ['unauthenticated', 'out-of-scope', 'card-number', 'internal'] as const;
const BODIED = [
  'malformed-json',
  'invalid-request',
  'unsupported-media-type',
  'body-too-large',
  'request-timeout',
] as const;

const IDEMPOTENT = [
  'idempotency-key-missing',
  'idempotency-key-malformed',
  'idempotency-key-reused',
] as const;

const AUTHORIZATION_EXAMPLE = {
  reference: 'order-7781',
  merchant: 'acme-eu',
  amount: { value: 4999, currency: 'EUR' },
  card: {
    bin: '45717360',
    last4: '0007',
    expiry_month: 9,
    expiry_year: 2029,
    tokens: { 'sandbox-a': 'tok_visa', 'sandbox-b': 'tok_visa' },
    id: 'card-77',
  },
  shopper: { country: 'DE', id: 'cust-9' },
  deadline_ms: 8000,
  metadata: { channel: 'web' },
};

const authorization = (meaning: string) => ({ meaning, schema: authorizationAnswerSchema });

const OPERATION_PREFIX: Readonly<Record<OperationKind, string>> = {
  capture: 'cap',
  void: 'void',
  refund: 'ref',
};

/** An operation over the whole of {@link AUTHORIZATION_EXAMPLE}, done or pending. */
function operationExample(type: OperationKind, status: 'succeeded' | 'pending') {
  const done = status === 'succeeded';
  const before = { capture: 'approved', void: 'reversing', refund: 'captured' } as const;
  const after = { capture: 'captured', void: 'voided', refund: 'refunded' } as const;
  return {
    id: `${OPERATION_PREFIX[type]}_bcdfghjkmnpqrstvwxyzB_${type === 'refund' ? 2 : 1}`,
    type,
    purpose: 'requested',
    status,
    amount: { value: 4999, currency: 'EUR' },
    final: false,
    code: null,
    provider_reference: done ? 'sbx_byjepvBsraaaaac' : null,
    created_at: '2026-11-24T09:00:00.000Z',
    settled_at: done ? '2026-11-24T09:00:00.120Z' : null,
    authorization: {
      id: 'auth_bcdfghjkmnpqrstvwxyzB',
      status: (done ? after : before)[type],
      amounts: {
        requested: 4999,
        authorized: done && type === 'void' ? 0 : 4999,
        captured: type === 'refund' || (done && type === 'capture') ? 4999 : 0,
        refunded: done && type === 'refund' ? 4999 : 0,
        currency: 'EUR',
      },
    },
  };
}

/** An event that its endpoint did not take for three days, as it is then or once it is to be sent anew. */
const deliveryExample = (state: 'dead' | 'waiting') => ({
  id: 'evt_orders_bcdfghjkmnpqrstvwxyzB_3_1',
  endpoint: 'orders',
  type: 'authorization.resolved',
  authorization_id: 'auth_bcdfghjkmnpqrstvwxyzB',
  version: 3,
  state,
  failures: state === 'dead' ? 10 : 0,
  last_result: '503',
  created_at: '2026-11-24T09:00:00.000Z',
  last_sent_at: '2026-11-27T12:35:05.000Z',
  next_at: state === 'dead' ? null : '2026-11-27T14:02:11.000Z',
});

/** An event of the sandbox: the capture of {@link operationExample} took place. */
const WEBHOOK_EXAMPLE = {
  id: 'evt_byjepvBsraaaaaf',
  type: 'capture.confirmed',
  created: 1795510800,
  provider: 'sandbox-a',
  data: {
    id: 'sbx_byjepvBsraaaaac',
    reference: 'cap_bcdfghjkmnpqrstvwxyzB_1',
    status: 'confirmed',
    authorization_id: 'sbx_byjepvBsraaaaab',
    authorization_reference: 'att_bcdfghjkmnpqrstvwxyzB_1',
    amount: { value: 4999, currency: 'EUR' },
  },
};

/** An attempt whose answer was lost, and what an inquiry told of it. */
const ATTEMPT_EXAMPLE = {
  id: 'att_bcdfghjkmnpqrstvwxyzB_1',
  number: 1,
  provider: 'sandbox-a',
  outcome: 'unknown',
  code: 'timeout',
  provider_reference: null,
  propensity: 1,
  duration_ms: 8000,
};

const DECISION_EXAMPLE = {
  id: 'dec_bcdfghjkmnpqrstvwxyzB',
  live: false,
  provider: 'sandbox-a',
  ranking: ['sandbox-a', 'sandbox-b'],
  decline: null,
  routing: {
    ruleset: 1,
    rule: 'eu-debit',
    strategy: 'score',
    experiment: null,
    propensity: 0.94,
    candidates: [
      {
        provider: 'sandbox-a',
        eligible: true,
        rank: 1,
        score: 0.913,
        approval: { mean: 0.921, low: 0.9, high: 0.94, level: 'bin', n: 412 },
        health: 0.99,
        breaker: 'closed',
        limit_headroom: 0.8,
        cost_bps: 32,
        reason: null,
      },
    ],
    notes: [],
  },
  expires_at: '2026-11-23T14:22:00.160Z',
};

const KEPT_DECISION_EXAMPLE = {
  ...DECISION_EXAMPLE,
  reference: 'order-7790',
  merchant: 'acme-eu',
  amount: { value: 4999, currency: 'EUR' },
  attempts: [
    {
      attempt: 1,
      provider: 'sandbox-a',
      outcome: 'approved',
      propensity: 0.94,
      cost_bps: 32,
      offered_at: '2026-11-23T14:21:52.160Z',
      reports: [
        {
          outcome: 'approved',
          code: null,
          network_code: null,
          advice: null,
          next: 'stop',
          reason: 'approved',
          latency_ms: 212,
          reported_at: '2026-11-23T14:21:52.391Z',
        },
      ],
      routing: null,
    },
  ],
  created_at: '2026-11-23T14:21:52.160Z',
};

const REPORT_EXAMPLE = {
  provider: 'sandbox-a',
  attempt: 1,
  outcome: 'rejected',
  code: 'service_unavailable',
  network_code: null,
  advice: null,
  latency_ms: 212,
};

const HISTORY_EXAMPLE = {
  data: [
    {
      sequence: 2,
      at: '2026-11-23T14:22:00.160Z',
      kind: 'concluded',
      actor: 'gateway',
      status: null,
      attempt: ATTEMPT_EXAMPLE.id,
      operation: null,
      attempts: [ATTEMPT_EXAMPLE],
      operations: [],
      evidence: { reason: 'unknown' },
      hash: '3b1c0f4de51ec2a3a6a4c1d50d2f86f1b0a97b52f0a5f7a0c9a1a3f94d1e6b27',
    },
    {
      sequence: 3,
      at: '2026-11-23T14:22:05.201Z',
      kind: 'resolved',
      actor: 'resolver',
      status: { from: 'pending', to: 'approved' },
      attempt: ATTEMPT_EXAMPLE.id,
      operation: null,
      attempts: [
        { ...ATTEMPT_EXAMPLE, outcome: 'approved', code: null, provider_reference: 'sbx_byjepvBsraaaaab' },
      ],
      operations: [],
      evidence: {
        by: 'inquiry',
        told: { result: 'approved', code: null, provider_reference: 'sbx_byjepvBsraaaaab' },
      },
      hash: '9f0e64c2b7d18a5f3c2e1d0b4a69788796a5b4c3d2e1f00f1e2d3c4b5a697887',
    },
  ],
  next_after: 3,
};

const RULESET_HASH = '5be0f6c1a1c94f6e8d1a1a1f0b3d0f0b5d0f4d6b5a0e7c2d9b8a7c6d5e4f3a2b';

/** A ruleset that somebody went back from. */
const RULESET_EXAMPLE = {
  version: 12,
  content_hash: RULESET_HASH,
  registered_at: '2026-11-23T14:20:00.000Z',
  active: false,
  active_since: '2026-11-23T14:20:00.012Z',
  active_until: '2026-11-23T15:02:11.480Z',
  cause: 'folder',
  by: 'folder',
  reason: 'the folder holds it',
};

/** What follows on that. */
const ROLLBACK_EXAMPLE = {
  version: 11,
  content_hash: RULESET_HASH.split('').reverse().join(''),
  cause: 'rollback',
  by: 'acme',
  reason: 'ticket 4714: approvals at sandbox-b fell',
};

const RELEASE_BODY_EXAMPLE = { reason: ROLLBACK_EXAMPLE.reason, expected_active: 12 };

/** Both ways to have another ruleset in force. */
const releasing = (
  what: Pick<Operation, 'path' | 'operationId' | 'summary'> & {
    readonly description: string;
    readonly cause: 'activation' | 'rollback';
    readonly problems: readonly ProblemName[];
  },
): Operation => {
  const { cause, problems, description, ...rest } = what;
  const answer = {
    ...ROLLBACK_EXAMPLE,
    cause,
    active_since: '2026-11-23T15:02:11.480Z',
    previous: 10,
    changed: true,
  };
  return {
    ...rest,
    method: 'post',
    description:
      `${description} Checked as the rules folder is: with this version of the gateway, its secrets and the money that is ` +
      'open now. Kept in the journal with its author, and in force in this process when it is answered; a repeat changes ' +
      'nothing more. For keys that cover all merchants.',
    scopes: ['rules'],
    body: { schema: releaseBodySchema, example: RELEASE_BODY_EXAMPLE },
    answers: {
      200: { meaning: 'It is durable and in force.', schema: releaseAnswerSchema, example: answer },
    },
    problems: [
      ...KEYED,
      ...BODIED,
      ...problems,
      'other-ruleset-active',
      'ruleset-refused',
      'journal-unavailable',
    ],
  };
};

/** A replay that was begun a moment ago. */
const RUNNING_REPLAY = {
  id: 'rpl_bcdfghjkmnpqrstvwxyzB',
  status: 'running',
  ruleset: 12,
  from: '2026-11-01T00:00:00.000Z',
  to: '2026-11-08T00:00:00.000Z',
  seed: 1,
  progress: 0.04,
  created_at: '2026-11-23T14:22:00.160Z',
  ended_at: null,
  failure: null,
  result: null,
};

/** Capture, void and refund have all in common but their body. */
const followOn = (
  kind: OperationKind,
  what: Pick<Operation, 'path' | 'operationId' | 'summary' | 'body'> & { readonly description: string },
): Operation => ({
  ...what,
  method: 'post',
  description:
    `${what.description} It goes to the provider that authorized, whatever its breaker says. Repeat a request whose ` +
    'answer was lost with the same Idempotency-Key: it is never carried out twice. While the journal hangs it is answered ' +
    'within 8 seconds, or 4 and the timeout_ms of its provider where that is more, and half a second beyond at most: 503 ' +
    'with sent: false after 4 seconds when nothing was sent before, else 202.',
  scopes: ['authorize'],
  idempotencyKey: true,
  answers: {
    201: {
      meaning:
        'It has ended: succeeded or failed. With Idempotent-Replayed: true, the answer as first given.',
      schema: operationAnswerSchema,
      example: operationExample(kind, 'succeeded'),
    },
    202: {
      meaning:
        'Whether it took place is not known yet, or its end could not be recorded in time: read the Location after Retry-After.',
      schema: operationAnswerSchema,
      example: operationExample(kind, 'pending'),
    },
  },
  problems: [
    ...KEYED,
    ...BODIED,
    ...IDEMPOTENT,
    'not-found',
    'operation-not-possible',
    'journal-unavailable',
  ],
});

/** Every operation, in the order of the document. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: 'post',
    path: AUTHORIZATIONS,
    operationId: 'authorize',
    summary: 'Authorize a payment',
    description:
      'Declines and failures are answers, not errors. Repeat a request whose answer was lost with the same ' +
      'Idempotency-Key: it is never executed twice.',
    scopes: ['authorize'],
    idempotencyKey: true,
    body: { schema: authorizationBodySchema, example: AUTHORIZATION_EXAMPLE },
    answers: {
      201: authorization('The outcome is final. With Idempotent-Replayed: true, the answer as first given.'),
      202: authorization('The outcome is not known yet: read the Location after Retry-After.'),
    },
    problems: [
      ...KEYED,
      ...BODIED,
      ...IDEMPOTENT,
      'in-flight',
      'payment-live',
      'card-testing',
      'no-route',
      'journal-unavailable',
    ],
  },
  {
    method: 'post',
    path: DECISIONS,
    operationId: 'decide',
    summary: 'Decide where to send a payment that the caller sends itself',
    description:
      'By the same rules, ranking and ceilings as an authorization, with the same body. Nothing is sent, and no payment is ' +
      'held: whoever sends keeps it from being charged twice, by one decision for a payment and one attempt at a time. ' +
      'With an Idempotency-Key a repeat gets the same decision.',
    scopes: ['authorize'],
    optionalKey: true,
    body: { schema: authorizationBodySchema, example: AUTHORIZATION_EXAMPLE },
    answers: {
      201: {
        meaning: 'The decision. With Idempotent-Replayed: true, as it was first given.',
        schema: decisionAnswerSchema,
        example: DECISION_EXAMPLE,
      },
    },
    problems: [
      ...KEYED,
      ...BODIED,
      'idempotency-key-malformed',
      'idempotency-key-reused',
      'decision-in-flight',
      'card-testing',
      'no-route',
      'journal-unavailable',
    ],
  },
  {
    method: 'post',
    path: OUTCOMES,
    operationId: 'reportOutcome',
    summary: 'Report what came of an attempt, and learn whether to try the next',
    description:
      'A repeat is ignored and answered as before. What was unknown or pending may be reported once more when it is ' +
      'definite. Another provider is named only after a definite negative, within the decision’s deadline.',
    scopes: ['authorize'],
    body: { schema: reportBodySchema, example: REPORT_EXAMPLE },
    answers: {
      200: {
        meaning: 'Taken: what to do next.',
        schema: nextStepSchema,
        example: { next: 'sandbox-b', reason: 'rejected', attempt: 2 },
      },
    },
    problems: [
      ...KEYED,
      ...BODIED,
      'not-found',
      'outcome-not-offered',
      'outcome-contradicted',
      'journal-unavailable',
    ],
  },
  {
    method: 'get',
    path: DECISIONS,
    operationId: 'listDecisions',
    summary: 'List the decisions about a payment, newest first',
    description: "The account's own, of one merchant's reference.",
    scopes: ['read', 'authorize'],
    query: decisionQuerySchema,
    answers: {
      200: { meaning: 'A page; next_cursor is null on the last.', schema: decisionPageSchema },
    },
    problems: [...KEYED, 'invalid-request', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: DECISION,
    operationId: 'getDecision',
    summary: 'Read a decision with its explanation, who was offered and what was reported',
    scopes: ['read', 'authorize'],
    answers: {
      200: { meaning: 'The decision.', schema: keptDecisionSchema, example: KEPT_DECISION_EXAMPLE },
    },
    problems: [...KEYED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: AUTHORIZATIONS,
    operationId: 'listAuthorizations',
    summary: 'List authorizations, newest first',
    scopes: ['read', 'authorize'],
    query: listQuerySchema,
    answers: {
      200: { meaning: 'A page; next_cursor is null on the last.', schema: authorizationPageSchema },
    },
    problems: [...KEYED, 'invalid-request', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: AUTHORIZATION,
    operationId: 'getAuthorization',
    summary: 'Read an authorization as it is now, with attempts and explanation',
    scopes: ['read', 'authorize'],
    answers: { 200: authorization('The current state.') },
    problems: [...KEYED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: HISTORY,
    operationId: 'listHistory',
    summary: 'Read what happened to an authorization, oldest first',
    description:
      'Every change with who made it, when, by what evidence, and what it made of status, attempts and operations. ' +
      'Append-only: a page that was read stays as it is, and what comes later is read with after.',
    scopes: ['read', 'authorize'],
    query: historyQuerySchema,
    answers: {
      200: {
        meaning: 'A page; next_after is null on the last.',
        schema: historyPageSchema,
        example: HISTORY_EXAMPLE,
      },
    },
    problems: [...KEYED, 'invalid-request', 'not-found', 'journal-unavailable'],
  },
  followOn('capture', {
    path: CAPTURES,
    operationId: 'captureAuthorization',
    summary: 'Take the money of an authorization, or a part of it',
    description:
      'Captures together never exceed what was authorized; whether a part can be captured is up to the provider.',
    body: {
      schema: captureBodySchema,
      example: { amount: { value: 2000, currency: 'EUR' }, final: false },
      optional: true,
    },
  }),
  followOn('void', {
    path: VOIDS,
    operationId: 'voidAuthorization',
    summary: 'Undo an authorization of which nothing is captured',
    description:
      'Accepted while the outcome is not known, too: no other provider is tried then, and whatever is found is undone. ' +
      'When nothing has to be undone, or a reversal of the gateway itself undoes it already, it succeeds with the code ' +
      'nothing_to_void: read the authorization to see the end.',
    body: { schema: voidBodySchema, example: {}, optional: true },
  }),
  followOn('refund', {
    path: REFUNDS,
    operationId: 'refundAuthorization',
    summary: 'Give back what was captured, or a part of it',
    description: 'Refunds together never exceed what was captured.',
    body: {
      schema: refundBodySchema,
      example: { amount: { value: 2000, currency: 'EUR' } },
      optional: true,
    },
  }),
  {
    method: 'post',
    path: RESOLUTIONS_OF_ATTEMPT,
    operationId: 'resolveAttempt',
    summary: 'Close an attempt whose outcome could not be found out',
    description:
      'For a person who asked the provider. Taken for an attempt that is unknown or pending once its request is over, ' +
      'and (undone only) for one whose reversal is not confirmed.',
    scopes: ['ops'],
    body: {
      schema: resolutionBodySchema,
      example: {
        resolution: 'not_processed',
        evidence: "ticket 4711: not in the provider's settlement report of 2026-11-24",
      },
    },
    answers: { 200: authorization('It is recorded: the authorization as it is now.') },
    problems: [
      ...KEYED,
      ...BODIED,
      'not-found',
      'attempt-not-open',
      'reference-refused',
      'journal-unavailable',
    ],
  },
  {
    method: 'post',
    path: RESOLUTIONS_OF_OPERATION,
    operationId: 'resolveOperation',
    summary: 'Close a capture, void or refund whose end could not be found out',
    description:
      'For a person who asked the provider. Taken while it is pending and the request that authorized is over. failed ' +
      'only once nobody may be sending it any more: half an hour and the time limit of its provider after it was begun. ' +
      'A void that waits for the outcome of its attempt is closed by resolving the attempt.',
    scopes: ['ops'],
    body: {
      schema: operationResolutionBodySchema,
      example: {
        resolution: 'succeeded',
        provider_reference: 'sbx_byjepvBsraaaaac',
        evidence: "ticket 4712: in the provider's settlement report of 2026-11-24",
      },
    },
    answers: {
      200: authorization(
        'It is recorded: the authorization as it is now. What a failed capture or refund had taken up is free again. A ' +
          'failed reversal of our own (purpose other than requested) means that it was not undone: it is begun anew, as ' +
          'another void under another key, and stays reversing until that is done.',
      ),
    },
    problems: [...KEYED, ...BODIED, 'not-found', 'operation-not-open', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: PROVIDERS,
    operationId: 'listProviders',
    summary: 'Health, breakers and limits of the providers',
    scopes: ['read', 'ops'],
    answers: { 200: { meaning: 'Those that serve a merchant of the key.', schema: providerListSchema } },
    problems: KEYED,
  },
  {
    method: 'get',
    path: PROVIDER,
    operationId: 'getProvider',
    summary: 'Health, breakers and limits of a provider',
    scopes: ['read', 'ops'],
    answers: { 200: { meaning: 'The provider.', schema: providerSchema } },
    problems: [...KEYED, 'not-found'],
  },
  {
    method: 'put',
    path: PROVIDER_OVERRIDE,
    operationId: 'overrideProvider',
    summary: 'Force a provider in or out',
    description: 'For the whole provider, or for one brand or merchant. Kept in the journal with its author.',
    scopes: ['ops'],
    body: {
      schema: overrideBodySchema,
      example: { mode: 'force_open', reason: 'incident 42: timeouts since 10:00', expires_in_s: 60 },
    },
    answers: { 200: { meaning: 'The override is durable and in force.', schema: overrideAnswerSchema } },
    problems: [...KEYED, ...BODIED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'post',
    path: WEBHOOKS,
    operationId: 'takeWebhook',
    summary: 'Take an event of a provider',
    description:
      'Signed by the provider over the raw body. Acknowledged once it is durable; a repeat is acknowledged again and has ' +
      'no further effect.',
    scopes: null,
    body: { schema: webhookBodySchema, example: WEBHOOK_EXAMPLE },
    answers: {
      200: { meaning: 'Kept.', schema: webhookAnswerSchema, example: { status: 'accepted' } },
    },
    problems: [
      'not-found',
      'webhook-refused',
      'webhook-unverifiable',
      'body-too-large',
      'request-timeout',
      'journal-unavailable',
      'internal',
    ],
  },
  {
    method: 'get',
    path: ENDPOINTS,
    operationId: 'listEventEndpoints',
    summary: 'List the endpoints of EVENT_ENDPOINTS_FILE, and whether they are told',
    description: "Those of the key's account.",
    scopes: ['ops'],
    answers: {
      200: {
        meaning: 'All of them, in the order of the file.',
        schema: endpointListSchema,
        example: { data: [{ id: 'orders', state: 'paused', types: 'all' }] },
      },
    },
    problems: KEYED,
  },
  {
    method: 'get',
    path: DELIVERIES,
    operationId: 'listEventDeliveries',
    summary: 'List what became of events, newest first',
    description: 'Those that tell of authorizations of the account and merchants of the key.',
    scopes: ['ops'],
    query: deliveryQuerySchema,
    answers: {
      200: {
        meaning: 'A page; next_cursor is null on the last.',
        schema: deliveryPageSchema,
        example: { data: [deliveryExample('dead')], next_cursor: null },
      },
    },
    problems: [...KEYED, 'invalid-request', 'journal-unavailable'],
  },
  {
    method: 'post',
    path: DELIVERY_REPLAY,
    operationId: 'replayEventDelivery',
    summary: 'Have an event sent anew',
    description:
      'Whatever became of it before, under its id: a receiver that has taken it already knows it by that. Takes no body.',
    scopes: ['ops'],
    answers: {
      202: {
        meaning: 'It is due now, with all its tries before it.',
        schema: deliverySchema,
        example: deliveryExample('waiting'),
      },
    },
    problems: [...KEYED, 'not-found', 'event-endpoint-paused', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: EXPERIMENTS,
    operationId: 'listExperiments',
    summary: 'Experiments as they are set up and stand',
    scopes: ['read'],
    answers: { 200: { meaning: 'Those of experiments.yaml.', schema: experimentListSchema } },
    problems: KEYED,
  },
  {
    method: 'get',
    path: EXPERIMENT_RESULTS,
    operationId: 'getExperimentResults',
    summary: 'What an experiment has shown so far',
    description:
      'Figures of each arm by assignment, comparisons with the baseline, and what speaks against trusting them. Read it as ' +
      'often as you like: the confidence sequence allows it. For keys that cover all merchants.',
    scopes: ['read'],
    answers: { 200: { meaning: 'The results as of now.', schema: experimentResultsSchema } },
    problems: [...KEYED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: EXPERIMENT_CHART,
    operationId: 'getExperimentChart',
    summary: 'The same as an image',
    description: 'Intervals by method and, as far as looks were kept, over time; for light and dark pages.',
    scopes: ['read'],
    answers: { 200: { meaning: 'An image that stands alone.', type: 'image/svg+xml' } },
    problems: [...KEYED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'put',
    path: EXPERIMENT_ARM,
    operationId: 'setExperimentArm',
    summary: 'Stop an arm of an experiment, or let it run again',
    description:
      'What a stopped arm would get goes to the baseline. Kept in the journal with its author; what a person has decided, ' +
      'no guardrail undoes.',
    scopes: ['rules'],
    body: {
      schema: armBodySchema,
      example: { state: 'stopped', reason: 'ticket 4713: complaints about this provider' },
    },
    answers: { 200: { meaning: 'It is durable and in force.', schema: armAnswerSchema } },
    problems: [...KEYED, ...BODIED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'post',
    path: REPLAYS,
    operationId: 'replayRuleset',
    summary: 'Begin a replay of recorded payments by other rules',
    description:
      'Whether other rules, providers or settings of the learner would have approved more, by the probabilities with which ' +
      'recorded choices were made. Nothing is sent and nothing is changed; the journal is read beside payments. It needs a ' +
      'key that covers all merchants.',
    scopes: ['rules', 'ops'],
    body: {
      schema: replayBodySchema,
      example: { version: 12, from: '2026-11-01', to: '2026-11-08', learner: { exploration_share: 0.05 } },
    },
    answers: {
      200: { meaning: 'It has ended already.', schema: replayAnswerSchema },
      202: {
        meaning: 'It runs: read the Location after Retry-After.',
        schema: replayAnswerSchema,
        example: RUNNING_REPLAY,
      },
    },
    problems: [
      ...KEYED,
      ...BODIED,
      'not-found',
      'replay-rules-refused',
      'rules-too-costly',
      'replays-busy',
      'not-ready',
      'journal-unavailable',
    ],
  },
  {
    method: 'get',
    path: REPLAY,
    operationId: 'getReplay',
    summary: 'Read a replay as it stands, with its result once it is done',
    description: 'Of the same account. Kept for an hour after its end, by the process that began it.',
    scopes: ['rules', 'ops'],
    answers: { 200: { meaning: 'Its state; result is null until it is done.', schema: replayAnswerSchema } },
    problems: [...KEYED, 'not-found'],
  },
  {
    method: 'get',
    path: RULESETS,
    operationId: 'listRulesets',
    summary: 'List the rulesets that were registered, newest first',
    description: 'With when each was in force last, by whom and why. For keys that cover all merchants.',
    scopes: ['rules', 'ops'],
    query: rulesetQuerySchema,
    answers: {
      200: {
        meaning: 'A page; next_cursor is null on the last.',
        schema: rulesetPageSchema,
        example: { data: [RULESET_EXAMPLE], next_cursor: null },
      },
    },
    problems: [...KEYED, 'invalid-request', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: RULESET_ACTIVATIONS,
    operationId: 'listRulesetActivations',
    summary: 'Which ruleset was in force when, newest first',
    description: 'Append-only. For keys that cover all merchants.',
    scopes: ['rules', 'ops'],
    query: rulesetQuerySchema,
    answers: {
      200: {
        meaning: 'A page; next_cursor is null on the last.',
        schema: activationPageSchema,
        example: {
          data: [{ sequence: 14, ...ROLLBACK_EXAMPLE, at: '2026-11-23T15:02:11.480Z', until: null }],
          next_cursor: null,
        },
      },
    },
    problems: [...KEYED, 'invalid-request', 'journal-unavailable'],
  },
  {
    method: 'get',
    path: RULESET,
    operationId: 'getRuleset',
    summary: 'Read a ruleset with its files, and what it has other than the one in force',
    description: 'For keys that cover all merchants.',
    scopes: ['rules', 'ops'],
    answers: {
      200: {
        meaning: 'The ruleset.',
        schema: rulesetSchema,
        example: {
          ...RULESET_EXAMPLE,
          files: { 'rules.yaml': 'rules:\n  - name: all\n    then: { priority: [sandbox-b, sandbox-a] }\n' },
          compared: {
            active: 11,
            files: ['rules.yaml'],
            rules: [{ name: 'all', change: 'changed' }],
            providers: [],
            experiments: [],
          },
        },
      },
    },
    problems: [...KEYED, 'not-found', 'journal-unavailable'],
  },
  {
    method: 'post',
    path: RULESET_CHECK,
    operationId: 'validateRuleset',
    summary: 'Check files of a ruleset, or the rules folder as it is',
    description:
      'Nothing is stored and nothing changes; files are checked in a thread of their own, one check after the other, for 5 s ' +
      'at most. Of files in the body, only secrets that the ruleset in force refers to are ' +
      'looked up; outcomes/ and scheme-limits.yaml are not checked. Files too large for a body are checked in the folder. ' +
      'For keys that cover all merchants.',
    scopes: ['rules'],
    body: {
      schema: checkBodySchema,
      example: {
        files: {
          'providers.yaml': 'providers: [{ id: sandbox-a, adapter: sandbox, merchants: all }]\n',
          'rules.yaml': 'rules: [{ name: all, then: { only: [sandbox-z] } }]\n',
        },
      },
      optional: true,
    },
    answers: {
      200: {
        meaning: 'What was found: whether it could come into force now, and why not.',
        schema: rulesetCheckSchema,
        example: {
          valid: false,
          errors: [
            {
              file: 'rules.yaml',
              line: 1,
              column: 37,
              what: 'unknown provider "sandbox-z"',
              expected: 'an id of providers.yaml: sandbox-a',
              remedy: 'did you mean sandbox-a?',
            },
          ],
          notes: [],
        },
      },
    },
    problems: [
      ...KEYED,
      ...BODIED,
      'rules-too-costly',
      'rule-checks-busy',
      'not-ready',
      'journal-unavailable',
    ],
  },
  releasing({
    path: RULESET_ACTIVATE,
    operationId: 'activateRuleset',
    summary: 'Have a registered ruleset in force',
    description: 'A candidate of RULES_ACTIVATION=manual, or any earlier version.',
    cause: 'activation',
    problems: ['not-found'],
  }),
  releasing({
    path: RULESET_ROLLBACK,
    operationId: 'rollBackRuleset',
    summary: 'Go back to the ruleset that was in force before',
    description:
      'A further rollback goes on to the one before that. What was gone back from is not followed again before the rules ' +
      'folder changes.',
    cause: 'rollback',
    problems: ['no-earlier-ruleset'],
  }),
  {
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    summary: 'Metrics in the Prometheus text format',
    scopes: null,
    answers: { 200: { meaning: 'The metrics.', type: 'text/plain' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/',
    operationId: 'getPlaces',
    summary: 'Where to look: what needs no key',
    scopes: null,
    answers: { 200: { meaning: 'Paths of this server.', schema: placesSchema, example: PLACES } },
    problems: [],
  },
  {
    method: 'get',
    path: '/healthz',
    operationId: 'getHealth',
    summary: 'Whether the process is alive',
    scopes: null,
    answers: { 200: { meaning: 'Alive.', type: 'application/json' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/readyz',
    operationId: 'getReadiness',
    summary: 'Whether the process takes authorizations',
    scopes: null,
    answers: { 200: { meaning: 'Ready.', type: 'application/json' } },
    problems: ['not-ready'],
  },
  {
    method: 'get',
    path: '/openapi.json',
    operationId: 'getInterface',
    summary: 'This document',
    scopes: null,
    answers: { 200: { meaning: 'OpenAPI 3.1.', type: 'application/json' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/docs',
    operationId: 'getReference',
    summary: 'This document as a page',
    scopes: null,
    answers: { 200: { meaning: 'A page that works offline.', type: 'text/html' } },
    problems: [],
  },
];
