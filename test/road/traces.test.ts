import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCardNumber } from '../../src/core/cards/card-number.ts';
import { eventually } from '../support/eventually.ts';
import { approvalOf, PlainProvider, sendJson } from '../support/plain-provider.ts';
import { authorizationIn, type TestGateway } from '../support/start-gateway.ts';
import { authorizeTraced, closedPort, startTraced } from './traced-gateway.ts';

/** Traces of a process as people start it, taken by a collector on a real socket. */

interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status: { readonly code: number };
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, string | number> }[];
}

/** Numbers of OTLP. */
const SERVER = 2;
const CLIENT = 3;
const FAILED = 2;

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const PAYMENTS = 40;

/** What no span may carry: what the card is known by, and what the caller chose. */
const SECRETS = [
  '45717360',
  '0007',
  'tok_visa',
  'secret-reference',
  'card-secret',
  'acme-eu',
  'secret-key',
  'DE',
];

let provider: PlainProvider;
let collector: PlainProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await PlainProvider.start((request, response) => sendJson(response, 200, approvalOf(request)));
  collector = await PlainProvider.start((_request, response) => sendJson(response, 200, {}));
  gateway = await startTraced(collector.url, [await closedPort(), provider.url]);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

function spansAt({ requests }: PlainProvider): readonly ExportedSpan[] {
  return requests.flatMap(({ body }) =>
    (
      JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[] }
    ).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
  );
}

function attribute(span: ExportedSpan, key: string): string | number | undefined {
  const value = span.attributes.find((each) => each.key === key)?.value ?? {};
  return Object.values(value)[0];
}

test("a payment that fails over is one trace under its caller's, and each provider is told its attempt's span", async () => {
  const answer = await authorizeTraced(gateway, 'one', { traceparent: `00-${TRACE}-${PARENT}-01` });
  expect(authorizationIn(answer).attempts.map(({ outcome }) => outcome)).toEqual(['not_sent', 'approved']);
  const spans = await eventually('the whole trace', () => {
    const found = spansAt(collector).filter(({ traceId }) => traceId === TRACE);
    return found.some(({ kind }) => kind === SERVER) ? found : null;
  });

  const [root] = spans.filter(({ kind }) => kind === SERVER);
  expect(root).toMatchObject({ name: 'POST /v1/authorizations', parentSpanId: PARENT });
  if (root === undefined) return;
  expect(attribute(root, 'http.response.status_code')).toBe(201);
  const parts = spans.filter((span) => span !== root);
  expect(parts.every(({ parentSpanId }) => parentSpanId === root.spanId)).toBe(true);
  // In the order in which they ended: each intent is durable before its attempt, the end before the answer.
  expect(parts.map((span) => [span.name, attribute(span, 'db.operation.name')])).toEqual([
    ['journal', 'open'],
    ['attempt', undefined],
    ['journal', 'advance'],
    ['attempt', undefined],
    ['journal', 'advance'],
  ]);
  const attempts = parts.filter(({ kind }) => kind === CLIENT);
  const told = attempts.map((span) =>
    ['provider', 'card.brand', 'attempt.number', 'outcome'].map((key) => attribute(span, `pointsman.${key}`)),
  );
  expect(told).toEqual([
    ['away', 'visa', 1, 'not_sent'],
    ['there', 'visa', 2, 'approved'],
  ]);
  expect(attempts.map(({ status }) => status.code === FAILED)).toEqual([true, false]);
  const sent = provider.posts.find(({ body }) => body.includes('secret-reference-one'));
  expect(sent?.headers['traceparent']).toBe(`00-${TRACE}-${attempts[1]?.spanId}-01`);

  const line = gateway.output.events('authorization').find(({ trace_id }) => trace_id === TRACE);
  expect(line).toBeDefined();
  const resource = collector.requests.map(({ body }) => body).join('');
  expect(resource).toContain('payments-gateway');
  expect(collector.requests.every(({ path }) => path === '/v1/traces')).toBe(true);
});

test("a caller's flag decides over its own trace, and what is not recorded carries its ids all the same", async () => {
  const other = TRACE.replace('0af', '1af');
  const before = provider.posts.length;
  await authorizeTraced(gateway, 'unrecorded', { traceparent: `00-${other}-${PARENT}-00` });
  const sent = provider.posts[before]?.headers['traceparent'] ?? '';
  expect(sent).toMatch(new RegExp(`^00-${other}-[0-9a-f]{16}-00$`));
  expect(sent).not.toContain(PARENT);
});

test('spans that wait are sent when the process ends, and nothing that was exported names a card or a caller', async () => {
  const answers = await Promise.all(
    Array.from({ length: PAYMENTS }, (_, index) => authorizeTraced(gateway, `bulk-${index}`)),
  );
  expect(answers.every(({ status }) => status === 201)).toBe(true);
  const capture = await gateway.call(
    'POST',
    `/v1/authorizations/${authorizationIn(answers[0] as never).id}/captures`,
    {
      headers: { 'idempotency-key': 'secret-key-capture' },
    },
  );
  await gateway.stop();
  const spans = spansAt(collector);
  const roots = spans.filter(({ name }) => name === 'POST /v1/authorizations');
  expect(roots).toHaveLength(PAYMENTS + 1);
  expect(spans.some((span) => attribute(span, 'pointsman.operation') === 'capture')).toBe(true);
  expect(spans.some(({ traceId }) => traceId.startsWith('1af'))).toBe(false);
  expect(capture.status).toBeLessThan(300);

  const exported = collector.requests.map(({ body }) => body).join('\n');
  expect(
    SECRETS.filter((secret) => exported.includes(`"${secret}`) || exported.includes(`${secret}-`)),
  ).toEqual([]);
  expect(exported).not.toMatch(/secret|tok_visa|45717360|acme-eu/);
  const texts = exported.match(/[0-9A-Za-z._ /-]{12,}/g) ?? [];
  expect(texts.length).toBeGreaterThan(PAYMENTS);
  expect(texts.filter((text) => findCardNumber(text) !== null)).toEqual([]);
});
