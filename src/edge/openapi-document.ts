import { OpenAPIHono, z } from '@hono/zod-openapi';
import { problemSchema } from './answer-schemas.ts';
import { OPERATIONS, type Operation } from './interface.ts';
import { PROBLEMS, type ProblemName } from './problems.ts';

const idempotencyKeySchema = z.string().openapi({
  param: { name: 'Idempotency-Key', in: 'header', required: true },
  description: '1 to 255 visible ASCII characters, bare or as one quoted string.',
  example: 'order-7781-1',
});

const EXAMPLE_BODY = {
  reference: 'order-7781',
  merchant: 'acme-eu',
  amount: { value: 4999, currency: 'EUR' },
  card: {
    bin: '45717360',
    last4: '0007',
    expiry_month: 9,
    expiry_year: 2029,
    tokens: { 'sandbox-a': 'tok_visa', 'sandbox-b': 'tok_visa' },
  },
  shopper: { country: 'DE', id: 'cust-9' },
  deadline_ms: 8000,
  metadata: { channel: 'web' },
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
    tags: [{ name: 'authorizations' }, { name: 'providers' }, { name: 'operations' }],
  });
}

function tagOf(path: string): string {
  return /^\/v1\/(\w+)/.exec(path)?.[1] ?? 'operations';
}

function descriptionOf(operation: Operation): string {
  const scopes = operation.scopes === null ? 'Needs no key.' : `Scope: ${operation.scopes.join(' or ')}.`;
  return operation.description === undefined ? scopes : `${operation.description} ${scopes}`;
}

function requestOf(operation: Operation) {
  const parameters = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => [match[1], z.string()]);
  return {
    ...(parameters.length === 0 ? {} : { params: z.object(Object.fromEntries(parameters)) }),
    ...(operation.query === undefined ? {} : { query: operation.query }),
    ...(operation.idempotencyKey ? { headers: [idempotencyKeySchema] } : {}),
    ...(operation.body === undefined ? {} : { body: bodyOf(operation, operation.body) }),
  };
}

function bodyOf(operation: Operation, schema: z.ZodType) {
  const example =
    operation.operationId === 'authorize'
      ? EXAMPLE_BODY
      : { mode: 'force_open', reason: 'incident 42: timeouts since 10:00', expires_in_s: 60 };
  return { required: true, content: { 'application/json': { schema, example } } };
}

function answersOf(operation: Operation) {
  return Object.fromEntries(
    Object.entries(operation.answers).map(([status, { meaning, schema, type }]) => [
      status,
      { description: meaning, content: { [type ?? 'application/json']: { schema: schema ?? z.unknown() } } },
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
            examples: Object.fromEntries(names.map((name) => [name, { value: exampleOf(name) }])),
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
  };
}
