import { hash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { problemIn } from './problem-in.ts';

/** Every error of the interface, brought about on a real process and seen through its socket. */

const PROVIDERS = ['sandbox-a', 'sandbox-b'];

/** Keys of `API_KEYS_FILE`, beside the development key. */
const KEYS = {
  eu: 'eu-key-abcdefghijklmnopqrst',
  read: 'read-key-abcdefghijklmnopqr',
  ops: 'ops-key-abcdefghijklmnopqrs',
  other: 'other-key-abcdefghijklmnopq',
} as const;

function apiKeys(): string {
  const entry = (id: keyof typeof KEYS, account: string, merchants: unknown, scopes: readonly string[]) => ({
    id,
    sha256: hash('sha256', KEYS[id], 'hex'),
    account,
    merchants,
    scopes,
  });
  return JSON.stringify([
    entry('eu', 'acme', ['acme-eu'], ['authorize', 'read']),
    entry('read', 'acme', 'all', ['read']),
    entry('ops', 'acme', ['acme-eu'], ['ops']),
    entry('other', 'other', 'all', ['authorize', 'read', 'ops', 'rules']),
  ]);
}

let gateway: TestGateway;
let sent: Readonly<Record<string, number>>;

beforeAll(async () => {
  gateway = await startGateway({
    providers: providersYaml(PROVIDERS.map((id) => ({ id, timeoutMs: 4000 }))),
    rules: priorityRules(PROVIDERS),
    apiKeys: apiKeys(),
  });
  sent = await gateway.sandbox.requests();
}, 60_000);

afterEach(async () => {
  await gateway.sandbox.clearFaults();
  sent = await gateway.sandbox.requests();
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function expectNothingSent(): Promise<void> {
  expect(await gateway.sandbox.requests()).toEqual(sent);
}

const CARD_NUMBER = '4242424242424242';
const BODY = paymentBody('order-refused');

describe('a request that is refused, of which nothing is sent', () => {
  test.each([
    ['no Idempotency-Key', {}, 'idempotency-key-missing'],
    ['an empty one', { 'idempotency-key': '' }, 'idempotency-key-missing'],
    ['one of 256 characters', { 'idempotency-key': 'k'.repeat(256) }, 'idempotency-key-malformed'],
    ['one with a blank', { 'idempotency-key': 'two words' }, 'idempotency-key-malformed'],
    ['one in Latin-1', { 'idempotency-key': 'schlüssel' }, 'idempotency-key-malformed'],
    ['a card number for a key', { 'idempotency-key': `pay-${CARD_NUMBER}` }, 'card-number'],
  ])('400: %s', async (_, headers, name) => {
    problemIn(await gateway.call('POST', '/v1/authorizations', { body: BODY, headers }), 400, name);
    await expectNothingSent();
  });

  test.each([
    ['no JSON', '{"reference":', 400, 'malformed-json'],
    ['no object', '[]', 400, 'malformed-json'],
    ['no amount', { ...BODY, amount: undefined }, 400, 'invalid-request'],
    ['nothing to pay', { ...BODY, amount: { value: 0, currency: 'EUR' } }, 400, 'invalid-request'],
    ['a fraction of a cent', { ...BODY, amount: { value: 10.5, currency: 'EUR' } }, 400, 'invalid-request'],
    ['more than is exact', { ...BODY, amount: { value: 2 ** 53, currency: 'EUR' } }, 400, 'invalid-request'],
    ['no currency of this world', { ...BODY, amount: { value: 1, currency: 'XYZ' } }, 400, 'invalid-request'],
    ['a field of nobody', { ...BODY, refrence: 'x' }, 400, 'invalid-request'],
    ['a card number in metadata', { ...BODY, metadata: { note: CARD_NUMBER } }, 400, 'card-number'],
    ['one with blanks', { ...BODY, metadata: { note: '4242 4242 4242 4242' } }, 400, 'card-number'],
    // Tokens are opaque, and one may look like a card number by chance, but not like this card's.
    [
      'one for a token',
      { ...BODY, card: { ...BODY.card, bin: '42424242', token: CARD_NUMBER } },
      400,
      'card-number',
    ],
    ['one for a token without a BIN', { ...BODY, card: { token: CARD_NUMBER } }, 400, 'card-number'],
    ['one for a reference', { ...BODY, reference: `order-${CARD_NUMBER}` }, 400, 'card-number'],
    ['one for a field name', { ...BODY, metadata: { [CARD_NUMBER]: 'x' } }, 400, 'card-number'],
    ['a large body', { ...BODY, metadata: { note: 'x'.repeat(70_000) } }, 413, 'body-too-large'],
  ])('%s', async (_, body, status, name) => {
    problemIn(await gateway.authorize(body, 'key-refused'), status, name);
    await expectNothingSent();
  });

  test.each([
    ['no key', null],
    ['a key of nobody', 'nobody-abcdefghijklmnopqrstu'],
  ])('401: %s', async (_, key) => {
    const answer = await gateway.authorize(BODY, 'key-refused', { key });
    problemIn(answer, 401, 'unauthenticated');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    await expectNothingSent();
  });

  test('403: a key without the scope or the merchant', async () => {
    const override = { mode: 'force_open', reason: 'test' };
    const refused = [
      await gateway.authorize(BODY, 'key-refused', { key: KEYS.read }),
      await gateway.authorize(BODY, 'key-refused', { key: KEYS.ops }),
      await gateway.authorize({ ...BODY, merchant: 'acme-us' }, 'key-refused', { key: KEYS.eu }),
      await gateway.get('/v1/authorizations?merchant=acme-us', { key: KEYS.eu }),
      await gateway.get('/v1/providers', { key: KEYS.eu }).then(async (answer) => {
        // `read` opens the list; what this key lacks is `ops`.
        expect(answer.status).toBe(200);
        return gateway.call('PUT', '/v1/providers/sandbox-a/override', { key: KEYS.eu, body: override });
      }),
      // An override for all merchants needs a key for all merchants.
      await gateway.call('PUT', '/v1/providers/sandbox-a/override', { key: KEYS.ops, body: override }),
    ];
    for (const answer of refused) problemIn(answer, 403, 'out-of-scope');
    await expectNothingSent();
  });

  test('paths, methods and media types of nobody', async () => {
    problemIn(await gateway.get('/v1/nothing'), 404, 'not-found');
    const deleted = await gateway.call('DELETE', '/v1/authorizations');
    problemIn(deleted, 405, 'method-not-allowed');
    expect(deleted.headers.get('allow')).toMatch(/POST/);
    const headers = { 'content-type': 'text/plain' };
    problemIn(await gateway.authorize(BODY, 'key-refused', { headers }), 415, 'unsupported-media-type');
    await expectNothingSent();
  });

  test('bytes that are no HTTP, and headers without end', async () => {
    const raw = async (bytes: string): Promise<string> => {
      const { hostname, port } = new URL(gateway.url);
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      socket.write(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
      return text;
    };
    expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*\/problems\/malformed-request/s);
    const long = `GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(long)).toMatch(/^HTTP\/1\.1 431 .*\/problems\/headers-too-large/s);
  });
});

test('another body under a used key is 422, and nothing is sent', async () => {
  const body = paymentBody('order-body');
  const first = await gateway.authorize(body, 'key-body');
  expect(first.status).toBe(201);
  sent = await gateway.sandbox.requests();
  for (const other of [
    { ...body, amount: { value: 5000, currency: 'EUR' } },
    { ...body, reference: 'order-body-2' },
    { ...body, metadata: { channel: 'web' } },
  ]) {
    const answer = await gateway.authorize(other, 'key-body');
    const { authorization_id } = problemIn(answer, 422, 'idempotency-key-reused');
    expect(authorization_id).toBe(authorizationIn(first).id);
  }
  await expectNothingSent();
  expect((await gateway.authorize(body, 'key-body')).text).toBe(first.text);
});

test('the same key of another account or merchant is another key', async () => {
  const ours = await gateway.authorize(paymentBody('order-scope'), 'key-scope', { key: KEYS.eu });
  const theirs = await gateway.authorize(
    paymentBody('order-scope', { merchant: 'other-shop' }),
    'key-scope',
    { key: KEYS.other },
  );
  expect([ours.status, theirs.status]).toEqual([201, 201]);
  expect(authorizationIn(theirs).id).not.toBe(authorizationIn(ours).id);
});

test('while the first request is under way: 409 with Location and Retry-After', async () => {
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 1500 });
  const body = paymentBody('order-flight');
  const first = gateway.authorize(body, 'key-flight');
  await eventually('the request is at the provider', async () =>
    (await gateway.sandbox.requests())['sandbox-a'] !== sent['sandbox-a'] ? true : null,
  );
  const meanwhile = await gateway.authorize(body, 'key-flight');
  const { authorization_id } = problemIn(meanwhile, 409, 'in-flight');
  expect(meanwhile.headers.get('retry-after')).toBe('1');
  const location = meanwhile.headers.get('location') ?? '';
  expect(location).toBe(`/v1/authorizations/${authorization_id}`);
  expect((await gateway.get(location)).json).toMatchObject({ id: authorization_id, status: 'pending' });
  expect(authorizationIn(await first)).toMatchObject({ id: authorization_id, status: 'approved' });
});

test('a payment that is held is 409 with the id of the authorization that holds it', async () => {
  const first = authorizationIn(await gateway.authorize(paymentBody('order-held'), 'key-held-1'));
  sent = await gateway.sandbox.requests();
  const answer = await gateway.authorize(paymentBody('order-held'), 'key-held-2');
  expect(problemIn(answer, 409, 'payment-live').authorization_id).toBe(first.id);
  expect(answer.headers.get('location')).toBe(`/v1/authorizations/${first.id}`);
  await expectNothingSent();
  // A reference is unique within its merchant: the same one of another merchant is another payment.
  const elsewhere = paymentBody('order-held', { merchant: 'acme-us' });
  expect((await gateway.authorize(elsewhere, 'key-held-3')).status).toBe(201);
});

test('ids of others, of nobody and malformed ones look the same: 404', async () => {
  const mine = authorizationIn(
    await gateway.authorize(paymentBody('order-mine'), 'key-mine', { key: KEYS.eu }),
  );
  const foreign = [
    await gateway.get(`/v1/authorizations/${mine.id}`, { key: KEYS.other }),
    await gateway.get('/v1/authorizations/auth_abcdefghijklmnopqrstu', { key: KEYS.eu }),
    await gateway.get('/v1/authorizations/auth_1', { key: KEYS.eu }),
    await gateway.get('/v1/authorizations/auth_%00', { key: KEYS.eu }),
  ].map((answer) => {
    const { trace_id, ...rest } = problemIn(answer, 404, 'not-found');
    return { ...rest, instance: trace_id.length };
  });
  expect(new Set(foreign.map((each) => JSON.stringify(each))).size).toBe(1);
  expect((await gateway.get(`/v1/authorizations/${mine.id}`, { key: KEYS.eu })).status).toBe(200);
  expect((await gateway.get('/v1/authorizations', { key: KEYS.other })).text).not.toContain(mine.id);
});

test('no provider can be tried: 503, nothing sent, and the key is good once one can', async () => {
  const force = (mode: string) =>
    Promise.all(
      PROVIDERS.map((id) =>
        gateway.call('PUT', `/v1/providers/${id}/override`, { body: { mode, reason: 'test' } }),
      ),
    );
  for (const answer of await force('force_open')) expect(answer.status, answer.text).toBe(200);
  const body = paymentBody('order-no-route');
  for (let time = 0; time < 2; time += 1) {
    const refused = await gateway.authorize(body, 'key-no-route');
    expect(problemIn(refused, 503, 'no-route').sent).toBe(false);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const { candidates } = refused.json as { readonly candidates: readonly { readonly reason: string }[] };
    expect(candidates.map(({ reason }) => reason)).toEqual(['forced_open', 'forced_open']);
  }
  await expectNothingSent();
  const told = await eventually('the log tells why', () => {
    const lines = gateway.output.events('authorization').filter(({ status }) => status === 'no_route');
    return lines.length === 2 ? lines : null;
  });
  const passedOver = PROVIDERS.map((provider) => ({ provider, reason: 'forced_open' }));
  expect(told[0]).toMatchObject({
    rule: expect.any(String),
    passed_over: expect.arrayContaining(passedOver),
  });
  expect(await gateway.find('acme-eu', 'order-no-route')).toBeNull();
  // Earlier answers do not need a provider.
  const earlier = await gateway.authorize(paymentBody('order-body'), 'key-body');
  expect([earlier.status, earlier.headers.get('idempotent-replayed')]).toEqual([201, 'true']);

  await force('auto');
  const healed = await gateway.authorize(body, 'key-no-route');
  expect([healed.status, healed.headers.get('idempotent-replayed')]).toEqual([201, null]);
  const nobody = await gateway.authorize(
    { ...paymentBody('order-no-token'), card: { bin: '45717360', tokens: { stripe: 'pm_1' } } },
    'key-no-token',
  );
  problemIn(nobody, 503, 'no-route');
});

test('no card number is in the log, whatever was refused', async () => {
  const text = await eventually('the last payment is in the log', () => {
    const written = gateway.output.text();
    return written.includes('order-no-token') ? written : null;
  });
  expect(text.replaceAll(/[ -]/g, '')).not.toContain(CARD_NUMBER);
  expect(text).not.toContain('"level":"error"');
  const metrics = await gateway.get('/metrics', { key: null });
  expect(metrics.text).not.toContain(CARD_NUMBER);
});
