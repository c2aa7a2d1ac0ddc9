import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import { ANSWERED, AUTHORIZATION, BODY, edgeFixture, post, startEdge } from './edge-fixture.ts';

const fixture = edgeFixture();
let edge: Awaited<ReturnType<typeof startEdge>>;
beforeAll(async () => {
  edge = await startEdge(fixture);
});
afterAll(() => edge.drain(0));
beforeEach(() => {
  fixture.commands.length = 0;
  fixture.faults.length = 0;
  fixture.turnedAway.length = 0;
  fixture.answer = async () => ANSWERED;
});

const send = (init: RequestInit) => fetch(`${edge.origin}/v1/authorizations`, init);

async function expectProblem(response: Response, status: number, name: string) {
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, type: `/problems/${name}` });
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(problem['instance']).toBe(`urn:pointsman:trace:${problem['trace_id']}`);
  return problem;
}

describe('POST /v1/authorizations: what reaches the road', () => {
  it('hands the validated request over in our own words', async () => {
    const response = await send(post());
    expect(response.status).toBe(201);
    expect(response.headers.get('location')).toBe('/v1/authorizations/auth_b');
    expect(await response.text()).toBe('{"id":"auth_b"}');
    const [command] = fixture.commands;
    expect(command).toMatchObject({ account: 'acme', idempotencyKey: 'order-7781-1' });
    expect(command?.request).toEqual({
      reference: 'order-7781',
      merchant: 'acme-eu',
      amount: { value: 4999, currency: 'EUR' },
      card: {
        bin: '45717360',
        last4: '0007',
        expiryMonth: 9,
        expiryYear: 2029,
        token: null,
        tokens: { 'sandbox-a': 'tok_visa', stripe: 'pm_1' },
        id: 'card-77',
        accountReference: 'V0010013022298169667504231315',
        brand: 'visa',
        networkToken: false,
      },
      initiator: 'customer',
      shopper: { country: 'DE', id: 'cust-9' },
      capture: 'manual',
      threeDs: {
        eci: '05',
        cavv: 'AAABBEg0VhI0VniQEjRWAAAAAAA=',
        dsTransactionId: 'f25084f0-5b16-4c0a-ae5d-b24808a95e4b',
        version: '2.2.0',
        exemption: null,
      },
      storedCredential: { usage: 'first', reason: 'unscheduled' },
      networkTransaction: null,
      acceptPartial: false,
      deadlineMs: 8000,
      metadata: { channel: 'web' },
    });
  });

  it('fills defaults in for a minimal body, and for nulls', async () => {
    const minimal = {
      reference: 'r',
      merchant: 'm',
      amount: { value: 1, currency: 'JPY' },
      card: { token: 't' },
    };
    await send(post(minimal));
    const nulls = Object.fromEntries(
      ['initiator', 'shopper', 'capture', 'three_ds', 'stored_credential', 'network_transaction']
        .concat(['accept_partial', 'deadline_ms', 'metadata'])
        .map((name) => [name, null]),
    );
    await send(post({ ...minimal, ...nulls, card: { token: 't', bin: null, tokens: null, brand: null } }));
    expect(fixture.commands).toHaveLength(2);
    expect(fixture.commands[1]?.request).toEqual(fixture.commands[0]?.request);
    expect(fixture.commands[0]?.request).toMatchObject({
      initiator: 'customer',
      capture: 'manual',
      acceptPartial: false,
      deadlineMs: null,
      metadata: {},
      card: { tokens: {}, token: 't', networkToken: false, bin: null },
    });
  });

  it('hands over that the caller wants it captured by us', async () => {
    await send(post({ ...BODY, capture: 'automatic' }));
    expect(fixture.commands[0]?.request.capture).toBe('automatic');
  });

  it('keeps six digits of a BIN of a 15-digit card (T50)', async () => {
    await send(post({ ...BODY, card: { token: 't', bin: '37828224' } }));
    expect(fixture.commands[0]?.request.card.bin).toBe('378282');
  });

  it('fingerprints the value and not its spelling, and leaves deadline_ms out', async () => {
    const { deadline_ms: _, ...withoutDeadline } = BODY;
    const reordered = Object.fromEntries(Object.entries(BODY).reverse());
    await send(post(BODY));
    await send(post(JSON.stringify(reordered, null, 2)));
    await send(post({ ...withoutDeadline, deadline_ms: 100 }));
    await send(post(withoutDeadline));
    await send(post({ ...BODY, amount: { value: 5000, currency: 'EUR' } }));
    await send(post({ ...BODY, metadata: { ...BODY.metadata, deadline_ms: '1' } }));
    const prints = fixture.commands.map((command) => command.bodyFingerprint);
    expect(new Set(prints.slice(0, 4)).size).toBe(1);
    expect(new Set(prints).size).toBe(3);
    expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('keeps the accounts of two callers with one key apart (T18)', async () => {
    await send(post(BODY));
    await send(post(BODY, { authorization: 'Bearer key-other' }));
    expect(fixture.commands.map(({ account }) => account)).toEqual(['acme', 'other']);
  });
});

describe('POST /v1/authorizations: what the road says', () => {
  const authorizationId = AUTHORIZATION.id;
  const location = `/v1/authorizations/${authorizationId}`;
  const cases: [AuthorizeResult, number, Record<string, unknown>, Record<string, string>][] = [
    [
      { kind: 'in_flight', authorizationId, retryAfterMs: 1200 },
      409,
      { type: '/problems/in-flight', authorization_id: authorizationId },
      { 'retry-after': '2', location },
    ],
    [
      { kind: 'payment_live', authorizationId },
      409,
      { type: '/problems/payment-live', authorization_id: authorizationId },
      { location },
    ],
    [
      { kind: 'payment_held' },
      409,
      { type: '/problems/payment-live', detail: expect.stringMatching(/another account/) },
      {},
    ],
    [
      { kind: 'other_body', authorizationId },
      422,
      { type: '/problems/idempotency-key-reused' },
      { location },
    ],
    [
      { kind: 'no_route', reasons: AUTHORIZATION.routing.candidates, rule: 'eu-debit', retryAfterMs: 1 },
      503,
      { type: '/problems/no-route', sent: false, rule: 'eu-debit' },
      { 'retry-after': '1' },
    ],
    [
      { kind: 'card_testing', retryAfterMs: 59_001 },
      429,
      { type: '/problems/card-testing', sent: false },
      { 'retry-after': '60' },
    ],
    [
      { kind: 'journal_unavailable', retryAfterMs: 5000 },
      503,
      { type: '/problems/journal-unavailable', sent: false },
      { 'retry-after': '5' },
    ],
  ];
  it.each(cases)('%o', async (result, status, members, headers) => {
    fixture.answer = async () => result;
    const response = await send(post());
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, ...members });
    for (const [name, value] of Object.entries(headers)) expect(response.headers.get(name)).toBe(value);
  });

  it('explains the candidates of no-route as answers do', async () => {
    const [reason] = AUTHORIZATION.routing.candidates;
    fixture.answer = async () => ({
      kind: 'no_route',
      reasons: reason ? [reason] : [],
      rule: null,
      retryAfterMs: 1,
    });
    const problem = (await (await send(post())).json()) as { candidates: unknown[] };
    expect(problem.candidates[0]).toMatchObject({ provider: 'sandbox-a', limit_headroom: 0.8, cost_bps: 32 });
  });

  it.each([
    [[], /No rule matches/],
    [[{ eligible: true, reason: 'breaker_open' }], /room or is open now/],
    [
      [{ eligible: false, reason: 'no_usable_token' }],
      /sandbox-a no_usable_token\. Repeating helps only once/,
    ],
    [
      [
        { eligible: false, reason: 'disabled' },
        { eligible: true, reason: 'limit_per_second' },
      ],
      /room or is open now/,
    ],
  ])('says whether repeating helps: %j', async (reasons, detail) => {
    const [candidate] = AUTHORIZATION.routing.candidates;
    if (candidate === undefined) throw new Error('the sample has a candidate');
    fixture.answer = async () => ({
      kind: 'no_route',
      reasons: reasons.map((reason) => ({ ...candidate, ...reason })),
      rule: 'eu-debit',
      retryAfterMs: 1,
    });
    const problem = (await (await send(post())).json()) as { detail: string };
    expect(problem.detail).toMatch(detail);
  });

  it('replays byte for byte, and says so', async () => {
    const body = '{"id":"auth_b",  "odd":"spacing é"}';
    fixture.answer = async () => ({ ...ANSWERED, body, replayed: true });
    const response = await send(post());
    expect(response.headers.get('idempotent-replayed')).toBe('true');
    expect(await response.text()).toBe(body);
  });

  it('answers 202 with Retry-After while pending, without the replay header at first', async () => {
    fixture.answer = async () => ({ ...ANSWERED, httpStatus: 202 });
    const response = await send(post());
    expect(response.status).toBe(202);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.has('idempotent-replayed')).toBe(false);
  });

  it('answers an exception with a 500 that claims nothing about the money', async () => {
    fixture.answer = async () => {
      throw new Error('secret detail');
    };
    const problem = await expectProblem(await send(post()), 500, 'internal');
    expect(problem).not.toHaveProperty('sent');
    expect(JSON.stringify(problem)).not.toMatch(/secret|stack|\.ts/);
    expect(fixture.faults).toMatchObject([{ traceId: problem['trace_id'], route: '/v1/authorizations' }]);
  });
});

describe('POST /v1/authorizations: refusals before the road', () => {
  const card = BODY.card;
  const cases: [name: string, init: RequestInit, status: number, problem: string][] = [
    ['no key', post(BODY, { authorization: undefined }), 401, 'unauthenticated'],
    ['another scheme', post(BODY, { authorization: 'Basic a2V5' }), 401, 'unauthenticated'],
    ['an unknown key', post(BODY, { authorization: 'Bearer nobody' }), 401, 'unauthenticated'],
    ['a key without the scope', post(BODY, { authorization: 'Bearer key-read' }), 403, 'out-of-scope'],
    [
      'a merchant outside the key',
      post({ ...BODY, merchant: 'acme-us' }, { authorization: 'Bearer key-eu' }),
      403,
      'out-of-scope',
    ],
    ['no content type', post(BODY, { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    [
      'another charset',
      post(BODY, { 'content-type': 'application/json; charset=latin1' }),
      415,
      'unsupported-media-type',
    ],
    ['an encoded body', post(BODY, { 'content-encoding': 'gzip' }), 415, 'unsupported-media-type'],
    ['half a body', post('{"reference":'), 400, 'malformed-json'],
    ['an empty body', post(''), 400, 'malformed-json'],
    ['a list', post('[]'), 400, 'malformed-json'],
    ['a number', post('1'), 400, 'malformed-json'],
    ['a byte order mark', post(`\ufeff${JSON.stringify(BODY)}`), 400, 'malformed-json'],
    ['a polluting name', post('{"__proto__":{"reference":"r"}}'), 400, 'malformed-json'],
    ['brackets without end', post('['.repeat(60_000)), 400, 'malformed-json'],
    ['deep nesting', post(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`), 400, 'invalid-request'],
    ['no idempotency key', post(BODY, { 'idempotency-key': undefined }), 400, 'idempotency-key-missing'],
    ['an empty idempotency key', post(BODY, { 'idempotency-key': '' }), 400, 'idempotency-key-missing'],
    [
      '256 characters of key',
      post(BODY, { 'idempotency-key': 'k'.repeat(256) }),
      400,
      'idempotency-key-malformed',
    ],
    ['a space in the key', post(BODY, { 'idempotency-key': 'a b' }), 400, 'idempotency-key-malformed'],
    ['an unclosed quote', post(BODY, { 'idempotency-key': '"abc' }), 400, 'idempotency-key-malformed'],
    ['an empty quoted key', post(BODY, { 'idempotency-key': '""' }), 400, 'idempotency-key-malformed'],
    ['a key beyond ASCII', post(BODY, { 'idempotency-key': 'clé' }), 400, 'idempotency-key-malformed'],
    ['an empty object', post({}), 400, 'invalid-request'],
    ['no token', post({ ...BODY, card: { ...card, tokens: {} } }), 400, 'invalid-request'],
  ];
  it.each(cases)('%s', async (_, init, status, name) => {
    await expectProblem(await send(init), status, name);
    expect(fixture.commands).toHaveLength(0);
    expect(fixture.faults).toHaveLength(0);
  });

  it('tells for the audit who was turned away, and from what; not who was let in', async () => {
    for (const authorization of [undefined, 'Bearer nobody', 'Bearer key-read', undefined]) {
      await send(post(BODY, { authorization }));
    }
    await send(post({ ...BODY, merchant: 'acme-us' }, { authorization: 'Bearer key-eu' }));
    await send(post());
    const from = {
      route: '/v1/authorizations',
      method: 'POST',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    };
    expect(fixture.turnedAway).toEqual([
      { ...from, account: null, status: 401 },
      { ...from, account: null, status: 401 },
      { ...from, account: 'acme', status: 403 },
      { ...from, account: null, status: 401 },
      { ...from, account: 'acme', status: 403 },
    ]);
  });

  it('asks for the key before it says anything about the body', async () => {
    await expectProblem(await send(post('{', { authorization: undefined })), 401, 'unauthenticated');
    const refused = await send(post(BODY, { authorization: undefined }));
    expect(refused.headers.get('www-authenticate')).toContain('Bearer');
  });

  it.each([
    ['{"a": 1,\n  "b" 2}', 'line 2, column 7: expected a colon.'],
    ['{"reference":', 'line 1, column 14: expected a value, and the body ends there.'],
    ['{"secret": tok_hunter2}', 'line 1, column 12: expected a value.'],
  ])('says where a body is not JSON, and nothing of what stands there: %j', async (body, said) => {
    const problem = await expectProblem(await send({ ...post(), body }), 400, 'malformed-json');
    expect(problem['detail']).toBe(`The body is not well-formed JSON: ${said}`);
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });

  it('refuses bytes that are not UTF-8', async () => {
    const body = Buffer.concat([Buffer.from('{"reference":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    await expectProblem(await send({ ...post(), body }), 400, 'malformed-json');
  });
});

describe('POST /v1/authorizations: idempotency keys (T19)', () => {
  const cases: [header: string, key: string][] = [
    ['order-7781-1', 'order-7781-1'],
    ['"order-7781-1"', 'order-7781-1'],
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['a"b', 'a"b'],
    ["!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
    ['k'.repeat(255), 'k'.repeat(255)],
  ];
  it.each(cases)('%s', async (header, key) => {
    expect((await send(post(BODY, { 'idempotency-key': header }))).status).toBe(201);
    expect(fixture.commands[0]?.idempotencyKey).toBe(key);
  });
});

describe('POST /v1/authorizations: fields', () => {
  const { card, shopper } = BODY;
  const refused: [change: object, path: string, expected: RegExp][] = [
    [{ amout: 1 }, 'amout', /amount/],
    [{ capture: 'auto' }, 'capture', /manual \| automatic/],
    [
      { card: { token: 't', tokens: { stripe: 'pm_1' } } },
      'card.id',
      /identity across tokens: scheme limits/,
    ],
    [{ card: { tokens: { stripe: 'pm_1', adyen: '8415' } } }, 'card.id', /unless only one token is given/],
    [{ card: { tokens: { stripe: 'pm_1', adyen: '8415' }, id: null } }, 'card.id', /card\.account_reference/],
    [{ reference: '' }, 'reference', /1 to 255/],
    [{ reference: 'r'.repeat(256) }, 'reference', /1 to 255/],
    [{ reference: 'a b' }, 'reference', /ASCII/],
    [{ reference: 'bestellung-ü' }, 'reference', /ASCII/],
    [{ reference: 7 }, 'reference', /string/],
    [{ merchant: undefined }, 'merchant', /string/],
    ...[0, -1, 1.5, 2 ** 53, '4999', null, true, 1e300].map((value): [object, string, RegExp] => [
      { amount: { value, currency: 'EUR' } },
      'amount.value',
      /minor units/,
    ]),
    [{ amount: { value: '10.005', currency: 'EUR' } }, 'amount.value', /minor units/],
    ...['eur', 'EURO', 'XXX', 'XAU', '', 978].map((currency): [object, string, RegExp] => [
      { amount: { value: 1, currency } },
      'amount.currency',
      /ISO 4217|string/,
    ]),
    [{ amount: { value: 1, currency: 'EUR', exponent: 2 } }, 'amount.exponent', /value \| currency/],
    ...['45717', '4571736', '457173600', '4571736a', 457173].map((bin): [object, string, RegExp] => [
      { card: { ...card, bin } },
      'card.bin',
      /6 or 8 digits|string/,
    ]),
    [{ card: { ...card, last4: '07' } }, 'card.last4', /4 digits/],
    [{ card: { ...card, expiry_month: 13 } }, 'card.expiry_month', /1 to 12/],
    [{ card: { ...card, expiry_year: 29 } }, 'card.expiry_year', /four digits/],
    [{ card: { ...card, expiry_year: null } }, 'card.expiry_year', /together/],
    [{ card: { ...card, brand: 'vissa' } }, 'card.brand', /visa/],
    [{ card: { ...card, tokens: { stripe: '' } } }, 'card.tokens.stripe', /1 to 1024/],
    [{ card: { ...card, tokens: { 'a b': 'x' } } }, 'card.tokens.a?b', /ASCII/],
    [{ card: { ...card, token: 'a\r\nX-Injected: 1' } }, 'card.token', /ASCII/],
    [{ card: { ...card, cvc: '123' } }, 'card.cvc', /no such member/],
    [{ card: { ...card, CVV: '123' } }, 'card.CVV', /no such member/],
    [{ card: { ...card, number: 'x' } }, 'card.number', /no such member/],
    [{ pan: 'x' }, 'pan', /no such member/],
    [{ shopper: { ...shopper, country: 'Germany' } }, 'shopper.country', /ISO 3166/],
    [{ shopper: { ...shopper, id: 'a\nb' } }, 'shopper.id', /control characters/],
    [{ initiator: 'me' }, 'initiator', /customer \| merchant/],
    [{ three_ds: { cavv: 'A'.repeat(65) } }, 'three_ds.cavv', /1 to 64 characters/],
    [{ stored_credential: { usage: 'first' } }, 'stored_credential.reason', /recurring/],
    [
      { network_transaction: { id: 'x', network: 'visa', date: '2026-02-30' } },
      'network_transaction.date',
      /YYYY/,
    ],
    ...[99, 60_001, 1.5, '8000'].map((deadline_ms): [object, string, RegExp] => [
      { deadline_ms },
      'deadline_ms',
      /100 to 60000/,
    ]),
    [{ metadata: { a: 1 } }, 'metadata.a', /string/],
    [{ metadata: { CVV: '987' } }, 'metadata.CVV', /verification code is never accepted/],
    [{ metadata: { 'card-number': 'x' } }, 'metadata.card-number', /never accepted/],
    [{ metadata: { cavv: 'AAABBEg0' } }, 'metadata.cavv', /three_ds/],
    ...[
      'C_V-V',
      'cardNumber',
      'Card Number',
      'cardCvc',
      'card.security/code',
      'PIN',
      'PinBlock',
      'Track-2',
    ].map((name): [object, string, RegExp] => [
      { metadata: { [name]: 'x' } },
      `metadata.${name.replace(' ', '?')}`,
      /never accepted/,
    ]),
    [{ metadata: { 'C.A.V.V': 'x' } }, 'metadata.C.A.V.V', /three_ds/],
    [{ card: { ...card, cardNumber: 'x' } }, 'card.cardNumber', /no such member/],
    [{ metadata: { a: '\u0000' } }, 'metadata.a', /control/],
    [{ metadata: { a: '\ud800' } }, 'metadata.a', /well-formed/],
    [{ metadata: { ['k'.repeat(65)]: 'v' } }, `metadata.${'k'.repeat(65)}`, /1 to 64/],
    [{ metadata: { a: 'v'.repeat(501) } }, 'metadata.a', /0 to 500/],
    [
      { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`k${index}`, 'v'])) },
      'metadata',
      /at most 20/,
    ],
  ];
  it.each(refused)('refuses %j', async (change, path, expected) => {
    const problem = await expectProblem(await send(post({ ...BODY, ...change })), 400, 'invalid-request');
    const errors = problem['errors'] as { path: string; message: string; expected: string }[];
    expect(errors.map((error) => error.path)).toContain(path);
    expect(errors.find((error) => error.path === path)?.expected).toMatch(expected);
    expect(fixture.commands).toHaveLength(0);
  });

  const accepted: object[] = [
    { amount: { value: Number.MAX_SAFE_INTEGER, currency: 'EUR' } },
    { amount: { value: 1e3, currency: 'JPY' } },
    { amount: { value: 1, currency: 'KWD' } },
    { reference: 'r'.repeat(255) },
    { metadata: {} },
    { metadata: { note: '', emoji: '🚲 Straße' } },
    { metadata: { order_number: '7', tracking: 'x', pancake: 'x', discount: 'x', pincode: '110001' } },
    {
      metadata: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v'.repeat(500)])),
    },
    { deadline_ms: 100 },
    { deadline_ms: 60_000 },
    { capture: 'automatic' },
    { card: { ...card, tokens: { 'no-such-provider': 'x', 'sandbox-a': 'y' } } },
    { card: { token: 't', tokens: { 'sandbox-a': 't', 'sandbox-b': 't' } } },
    { card: { token: 't', tokens: { stripe: 'pm_1' }, id: 'card-77' } },
    { card: { token: 't', tokens: { stripe: 'pm_1' }, account_reference: 'V0010013022298169667504231315' } },
    { network_transaction: { id: '016150703802094', network: 'visa', date: '2026-02-28' } },
  ];
  it.each(accepted)('takes %j', async (change) => {
    expect((await send(post({ ...BODY, ...change }))).status).toBe(201);
  });

  it.each([1e17, -1e17, -0.5])('says once what is wrong with %d', async (value) => {
    const sent = await send(post({ ...BODY, amount: { value, currency: 'EUR' } }));
    const problem = await expectProblem(sent, 400, 'invalid-request');
    expect(problem['detail']).toBe('Not as expected: amount.value.');
    expect(problem['errors']).toEqual([
      {
        path: 'amount.value',
        message: 'not as expected',
        expected: 'an integer of minor units, 1 to 9007199254740991',
      },
    ]);
  });

  it('names every wrong field at once, and echoes no value', async () => {
    const problem = await expectProblem(
      await send(post({ reference: 'secret value', amount: { value: 'hidden' }, card: { token: 'to ken' } })),
      400,
      'invalid-request',
    );
    expect((problem['errors'] as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      'amount.currency',
      'amount.value',
      'card.token',
      'merchant',
      'reference',
    ]);
    expect(JSON.stringify(problem)).not.toMatch(/secret|hidden|to ken/);
  });
});
