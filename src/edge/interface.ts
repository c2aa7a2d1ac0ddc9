import type { z } from '@hono/zod-openapi';
import {
  authorizationAnswerSchema,
  authorizationPageSchema,
  overrideAnswerSchema,
  providerListSchema,
  providerSchema,
} from './answer-schemas.ts';
import { authorizationBodySchema } from './authorization-body.ts';
import { AUTHORIZATION, AUTHORIZATIONS, listQuerySchema } from './authorization-routes.ts';
import type { ProblemName } from './problems.ts';
import { overrideBodySchema, PROVIDER, PROVIDER_OVERRIDE, PROVIDERS } from './provider-routes.ts';

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
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Answers that are no errors: status to what it means and, for JSON, its schema. */
  readonly answers: Readonly<
    Record<number, { readonly meaning: string; readonly schema?: z.ZodType; readonly type?: string }>
  >;
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

const authorization = (meaning: string) => ({ meaning, schema: authorizationAnswerSchema });

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
    body: authorizationBodySchema,
    answers: {
      201: authorization('The outcome is final. With Idempotent-Replayed: true, the answer as first given.'),
      202: authorization('The outcome is not known yet: read the Location after Retry-After.'),
    },
    problems: [
      ...KEYED,
      ...BODIED,
      'idempotency-key-missing',
      'idempotency-key-malformed',
      'in-flight',
      'payment-live',
      'idempotency-key-reused',
      'no-route',
      'journal-unavailable',
    ],
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
    body: overrideBodySchema,
    answers: { 200: { meaning: 'The override is durable and in force.', schema: overrideAnswerSchema } },
    problems: [...KEYED, ...BODIED, 'not-found', 'journal-unavailable'],
  },
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
