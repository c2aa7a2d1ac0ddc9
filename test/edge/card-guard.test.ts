import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BODY, edgeFixture, post, raw, startEdge } from './edge-fixture.ts';

const PAN = '4111111111111111';
const SPACED = '4111 1111-1111 1111';
const FULL_WIDTH = '４１１１１１１１１１１１１１１１';
const TRACE = '0af7651916cd43dd8448eb211c80319c';

const fixture = edgeFixture();
let edge: Awaited<ReturnType<typeof startEdge>>;
beforeAll(async () => {
  edge = await startEdge(fixture);
});
afterAll(() => edge.drain(0));
beforeEach(() => {
  fixture.commands.length = 0;
  fixture.told.length = 0;
});

/** No digits of the number in the answer, nor in anything that was told to a log or a metric. */
async function expectRefused(response: Response, path: string | RegExp) {
  const text = await response.text();
  const problem = JSON.parse(text) as { type: string; errors: { path: string }[] };
  expect([response.status, problem.type]).toEqual([400, '/problems/card-number']);
  expect(problem.errors[0]?.path).toMatch(path);
  const sinks = text + JSON.stringify([...response.headers]) + JSON.stringify(fixture.told);
  expect(sinks.replace(/[ -]/g, '')).not.toContain(PAN);
  expect(sinks).not.toContain(FULL_WIDTH);
  expect(fixture.commands).toHaveLength(0);
}

const { card, three_ds } = BODY;
const bodies: [where: string, body: unknown, path: string | RegExp][] = [
  ['metadata value', { ...BODY, metadata: { note: `card ${PAN} please` } }, 'metadata.note'],
  ['metadata value, spaced', { ...BODY, metadata: { note: SPACED } }, 'metadata.note'],
  ['metadata value, other digits', { ...BODY, metadata: { note: FULL_WIDTH } }, 'metadata.note'],
  ['metadata number', { ...BODY, metadata: { note: Number(PAN) } }, 'metadata.note'],
  ['metadata name', { ...BODY, metadata: { [PAN]: 'x' } }, /metadata/],
  ['reference', { ...BODY, reference: PAN }, 'reference'],
  ['merchant', { ...BODY, merchant: PAN }, 'merchant'],
  ['card.number', { ...BODY, card: { ...card, number: PAN } }, 'card.number'],
  ['card.bin', { ...BODY, card: { ...card, bin: PAN } }, 'card.bin'],
  ['card.id', { ...BODY, card: { ...card, id: PAN } }, 'card.id'],
  ['card.token, with its BIN', { ...BODY, card: { bin: '41111111', token: PAN } }, 'card.token'],
  ['card.token, without a BIN', { ...BODY, card: { token: PAN } }, 'card.token'],
  ['card.tokens', { ...BODY, card: { bin: '411111', tokens: { stripe: `x${PAN}` } } }, 'card.tokens.stripe'],
  [
    'cavv, with its BIN',
    { ...BODY, card: { bin: '411111', token: 't' }, three_ds: { ...three_ds, cavv: PAN } },
    'three_ds.cavv',
  ],
  [
    'network transaction, with its BIN',
    {
      ...BODY,
      card: { bin: '411111', token: 't' },
      network_transaction: { id: PAN, network: 'visa', date: '2026-01-01' },
    },
    'network_transaction.id',
  ],
  ['shopper.id', { ...BODY, shopper: { id: PAN } }, 'shopper.id'],
  ['an unknown member', { ...BODY, note: PAN }, 'note'],
  ['a deep unknown member', { ...BODY, note: { a: [{ b: PAN }] } }, /^note/],
  [
    'an escaped text',
    JSON.stringify({ ...BODY, metadata: { note: 'X' } }).replace('X', '\\u0034111111111111111'),
    'metadata.note',
  ],
  [
    'a power of ten',
    JSON.stringify({ ...BODY, metadata: { note: 'X' } }).replace('"X"', '4.111111111111111e15'),
    'metadata.note',
  ],
  ['half a body', `{"metadata":"${PAN}`, 'body'],
  ['a scalar', `"${PAN}"`, 'body'],
];

describe('a card number anywhere is refused before anything is logged (T49)', () => {
  it.each(bodies)('%s', async (_, body, path) => {
    await expectRefused(await fetch(`${edge.origin}/v1/authorizations`, post(body)), path);
  });

  it.each(bodies.slice(0, 3))('whatever the content type: %s', async (_, body, path) => {
    const init = post(body, { 'content-type': 'text/plain' });
    await expectRefused(await fetch(`${edge.origin}/v1/authorizations`, init), path);
  });

  const headers: [name: string, value: string][] = [
    ['idempotency-key', PAN],
    ['idempotency-key', `order-${PAN}`],
    ['x-note', SPACED],
    ['user-agent', `shop/${PAN}`],
    ['cookie', `card=${PAN}`],
    ['x-request-id', PAN],
  ];
  it.each(headers)('header %s: %s', async (name, value) => {
    await expectRefused(
      await fetch(`${edge.origin}/v1/authorizations`, post(BODY, { [name]: value })),
      `headers.${name}`,
    );
  });

  it('in the name of a header, and in a repeated header', async () => {
    const head = `POST /v1/authorizations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key-all\r\nConnection: close\r\n`;
    for (const line of [`X-${PAN}: a`, `X-Note: a\r\nX-Note: ${PAN}`]) {
      const answer = await raw(edge.port, `${head}${line}\r\nContent-Length: 2\r\n\r\n{}`);
      expect(answer).toContain('/problems/card-number');
      expect(answer).not.toContain(PAN);
    }
  });

  const targets: [target: string, path: string][] = [
    [`/v1/authorizations/${PAN}`, 'path'],
    [`/v1/authorizations/%34111111111111111`, 'path'],
    [`/v1/authorizations?reference=${PAN}`, 'query'],
    [`/v1/authorizations?reference=4111+1111+1111+1111`, 'query'],
    [`/v1/authorizations?reference=4111%201111%201111%201111&x=%zz`, 'query'],
    [`/v1/authorizations?${PAN}=1`, 'query'],
    [`/v1/providers/${PAN}`, 'path'],
  ];
  it.each(targets)('target %s', async (target, path) => {
    const headers = { authorization: 'Bearer key-all' };
    await expectRefused(await fetch(edge.origin + target, { headers }), path);
  });

  it('in a trace: refused with its BIN, else left aside with a trace of our own', async () => {
    const traceparent = `00-${PAN}aaaaaaaaaaaaaaaa-b7ad6b7169203331-01`;
    const withBin = post({ ...BODY, card: { bin: '411111', token: 't' } }, { traceparent });
    await expectRefused(await fetch(`${edge.origin}/v1/authorizations`, withBin), 'headers.traceparent');
    const without = await fetch(`${edge.origin}/v1/authorizations`, post(BODY, { traceparent }));
    expect(without.status).toBe(201);
    expect(JSON.stringify(fixture.commands)).not.toContain(PAN);
  });
});

describe('what only looks like one goes through', () => {
  const cases: [name: string, init: RequestInit][] = [
    ['a UUID as key', post(BODY, { 'idempotency-key': '41111111-1111-4111-8111-111111111111' })],
    ['a trace', post(BODY, { traceparent: `00-${TRACE}-b7ad6b7169203331-01` })],
    ['ids of a tracing system', post(BODY, { 'x-datadog-trace-id': '4111111111111111110' })],
    [
      'a network transaction id',
      post({ ...BODY, network_transaction: { id: PAN, network: 'visa', date: '2026-01-01' } }),
    ],
    ['sixteen digits without a check digit', post({ ...BODY, reference: '4111111111111112' })],
    ['an opaque token', post({ ...BODY, card: { ...card, tokens: { adyen: '8415998877665544' } } })],
  ];
  it.each(cases)('%s', async (_, init) => {
    expect((await fetch(`${edge.origin}/v1/authorizations`, init)).status).toBe(201);
  });
});
