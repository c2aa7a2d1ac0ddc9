import { OpenAPIHono, z } from '@hono/zod-openapi';
import { invariant } from '../core/invariant.ts';
import { eventSchema, problemSchema } from './answer-schemas.ts';
import { OPERATIONS, type Operation } from './interface.ts';
import { PROBLEMS, type ProblemName } from './problems.ts';

const idempotencyKeySchema = z.string().openapi({
  param: { name: 'Idempotency-Key', in: 'header', required: true },
  description: '1 to 255 visible ASCII characters, bare or as one quoted string.',
  example: 'order-7781-1',
});

const optionalKeySchema = z
  .string()
  .optional()
  .openapi({
    param: { name: 'Idempotency-Key', in: 'header', required: false },
    description: '1 to 255 visible ASCII characters, bare or as one quoted string; may be left out.',
    example: 'order-7781-1',
  });

/** What the parameters of paths name, by the part of the path before them. */
const PATH_PARAMETERS: Readonly<Record<string, { readonly description: string; readonly example: string }>> =
  {
    authorizations: { description: 'Id of an authorization.', example: 'auth_bcdfghjkmnpqrstvwxyzB' },
    decisions: { description: 'Id of a decision.', example: 'dec_bcdfghjkmnpqrstvwxyzB' },
    attempts: { description: 'Id of an attempt.', example: 'att_bcdfghjkmnpqrstvwxyzB_1' },
    operations: { description: 'Id of a capture, void or refund.', example: 'cap_bcdfghjkmnpqrstvwxyzB_1' },
    providers: { description: 'Id of a provider, as in providers.yaml.', example: 'sandbox-a' },
    deliveries: { description: 'Id of an event.', example: 'evt_orders_bcdfghjkmnpqrstvwxyzB_3_1' },
    experiments: {
      description: 'Id of an experiment, as in experiments.yaml; holdout: the permanent one.',
      example: 'eea-order',
    },
    arms: { description: 'Id of an arm: its name in experiments.yaml.', example: 'treatment' },
    rulesets: { description: 'Id of a ruleset: its version.', example: '12' },
    replays: { description: 'Id of a replay.', example: 'rpl_bcdfghjkmnpqrstvwxyzB' },
    webhooks: {
      description: 'Id of the provider that sends it, as in providers.yaml.',
      example: 'sandbox-a',
    },
  };

/** What some kinds of problem carry besides, in their examples. */
const EXAMPLE_MEMBERS: Partial<Record<ProblemName, object>> = {
  'operation-not-possible': {
    detail: 'Money of it is captured, and what is captured cannot be voided: refund it.',
    authorization_id: 'auth_bcdfghjkmnpqrstvwxyzB',
    reason: 'already_captured',
    authorization_status: 'captured',
    amounts: { requested: 4999, authorized: 4999, captured: 4999, refunded: 0, currency: 'EUR' },
  },
  'attempt-not-open': {
    detail: 'Its outcome is known, approved: there is nothing to resolve.',
    authorization_id: 'auth_bcdfghjkmnpqrstvwxyzB',
    attempt_id: 'att_bcdfghjkmnpqrstvwxyzB_1',
    outcome: 'approved',
    authorization_status: 'approved',
  },
  'reference-refused': {
    detail:
      'This provider_reference is recorded about another attempt at the same provider. Nothing was changed.',
    authorization_id: 'auth_bcdfghjkmnpqrstvwxyzB',
    attempt_id: 'att_bcdfghjkmnpqrstvwxyzB_1',
  },
  'outcome-not-offered': {
    detail: 'The decision does not name this provider for this attempt.',
    offered: [{ attempt: 1, provider: 'sandbox-a', outcome: 'unknown' }],
  },
  'outcome-contradicted': {
    detail: 'This attempt was reported as approved, which is definite.',
    recorded: {
      outcome: 'approved',
      code: null,
      network_code: null,
      advice: null,
      next: 'stop',
      reason: 'approved',
    },
  },
  'other-ruleset-active': { detail: 'Ruleset 13 is in force.', active: 13 },
  'no-earlier-ruleset': { detail: 'Nothing was in force before ruleset 1.', active: 1 },
  'ruleset-refused': {
    errors: [
      {
        file: 'providers.yaml',
        line: 1,
        column: 1,
        what: 'provider "sandbox-c" is gone, but has open or refundable money',
        expected: 'the provider as it was, so that captures, refunds and inquiries reach it',
        remedy: 'put it back with enabled: false; give a new account a new id',
      },
    ],
  },
  'rules-too-costly': {
    detail: 'The check of these files was given up: errors says where.',
    errors: [
      {
        file: 'rules.yaml',
        line: 1,
        column: 1,
        what: 'checking this file took more than 5 s, and was given up',
        expected: 'files that can be checked within 5 s',
        remedy:
          'make it shorter: fewer conditions in a rule, lists (one_of) instead of many conditions, fewer brackets',
      },
    ],
  },
  'replay-rules-refused': {
    detail: 'The rules to replay are not valid: see errors.',
    errors: [
      {
        file: 'rules.yaml',
        line: 3,
        column: 22,
        what: 'unknown provider "sandbox-x"',
        expected: 'a provider of providers.yaml',
        remedy: 'correct the name, or add the provider',
      },
    ],
  },
  'operation-not-open': {
    detail: 'Its end is known, succeeded, and the authorization is captured: there is nothing to resolve.',
    authorization_id: 'auth_bcdfghjkmnpqrstvwxyzB',
    operation_id: 'cap_bcdfghjkmnpqrstvwxyzB_1',
    reason: 'ended',
    operation_status: 'succeeded',
    authorization_status: 'captured',
  },
};

/** The OpenAPI 3.1 document, made from the schemas that validate. */
export function openApiDocument(version: string): object {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key. It belongs to an account, covers merchants and has scopes.',
  });
  for (const operation of OPERATIONS) {
    registry.registerPath({
      method: operation.method,
      path: operation.path,
      operationId: operation.operationId,
      summary: operation.summary,
      tags: [tagOf(operation.path)],
      security: operation.scopes === null ? [] : [{ apiKey: [] }],
      description: descriptionOf(operation),
      request: requestOf(operation),
      responses: { ...answersOf(operation), ...problemsOf(operation) },
    });
  }
  registry.registerWebhook({
    method: 'post',
    path: 'event',
    operationId: 'takeEvent',
    summary: 'What endpoints are sent',
    description:
      'To the endpoints of EVENT_ENDPOINTS_FILE, as Standard Webhooks 1.0.0 has it: at least once, under one id, in the ' +
      'order of an authorization where its receiver takes them.',
    request: {
      headers: z.object({
        'webhook-id': z.string().openapi({ description: 'The id of the event, the same at every try.' }),
        'webhook-timestamp': z.string().openapi({ description: 'When it was sent, seconds since 1970.' }),
        'webhook-signature': z.string().openapi({
          description:
            'v1, and the base64 of HMAC-SHA256 over id.timestamp.body; several with blanks between while a secret is replaced.',
        }),
      }),
      body: { required: true, content: { 'application/json': { schema: eventSchema } } },
    },
    responses: { 204: { description: 'Any status from 200 to 299: taken. All others: sent again later.' } },
  });
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Pointsman',
      version,
      description:
        'Routes each card authorization to the payment provider most likely to approve it, and fails over ' +
        'without ever charging twice. Amounts are in minor units; errors are RFC 9457 problems.',
    },
    servers: [{ url: '/' }],
    tags: [
      'authorizations',
      'decisions',
      'attempts',
      'operations',
      'webhooks',
      'events',
      'experiments',
      'rulesets',
      'providers',
      'service',
    ].map((name) => ({
      name,
    })),
  });
}

function tagOf(path: string): string {
  return /^\/v1\/(\w+)/.exec(path)?.[1] ?? 'service';
}

function descriptionOf(operation: Operation): string {
  const scopes = operation.scopes === null ? 'Needs no key.' : `Scope: ${operation.scopes.join(' or ')}.`;
  return operation.description === undefined ? scopes : `${operation.description} ${scopes}`;
}

function requestOf(operation: Operation) {
  const parameters = [...operation.path.matchAll(/(\w+)\/\{(\w+)\}/g)].map(([, of = '', name = '']) => {
    const named = PATH_PARAMETERS[of];
    invariant(named !== undefined, 'what a parameter of a path names is told');
    return [name, z.string().openapi(named)];
  });
  return {
    ...(parameters.length === 0 ? {} : { params: z.object(Object.fromEntries(parameters)) }),
    ...(operation.query === undefined ? {} : { query: operation.query }),
    ...(operation.idempotencyKey ? { headers: [idempotencyKeySchema] } : {}),
    ...(operation.optionalKey ? { headers: [optionalKeySchema] } : {}),
    ...(operation.body === undefined ? {} : { body: bodyOf(operation.body) }),
  };
}

function bodyOf({ schema, example, optional = false }: NonNullable<Operation['body']>) {
  return { required: !optional, content: { 'application/json': { schema, example } } };
}

function answersOf(operation: Operation) {
  return Object.fromEntries(
    Object.entries(operation.answers).map(([status, { meaning, schema = z.unknown(), type, example }]) => [
      status,
      {
        description: meaning,
        content: {
          [type ?? 'application/json']: { schema, ...(example === undefined ? {} : { example }) },
        },
      },
    ]),
  );
}

/** Problems share a response when they share a status; each is an example of it. */
function problemsOf(operation: Operation) {
  const byStatus = Map.groupBy(operation.problems, (name) => PROBLEMS[name].status);
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      {
        description: names.map((name) => PROBLEMS[name].title).join('; '),
        content: {
          'application/problem+json': {
            schema: problemSchema,
            examples: Object.fromEntries(
              names.map((name) => [
                name,
                {
                  summary: PROBLEMS[name].title,
                  description: PROBLEMS[name].meaning,
                  value: exampleOf(name),
                },
              ]),
            ),
          },
        },
      },
    ]),
  );
}

function exampleOf(name: ProblemName) {
  const { title, status, remedy } = PROBLEMS[name];
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  return {
    type: `/problems/${name}`,
    title,
    status,
    detail: title,
    instance: `urn:pointsman:trace:${traceId}`,
    trace_id: traceId,
    remedy,
    ...EXAMPLE_MEMBERS[name],
  };
}
