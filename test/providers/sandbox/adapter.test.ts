import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkTransaction, ThreeDs } from '../../../src/core/authorization.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import { findCardNumber } from '../../../src/core/cards/card-number.ts';
import type { AuthorizeCall, CallBudget, OperationCall, Provider } from '../../../src/gateway/ports.ts';
import { createSandboxProvider } from '../../../src/providers/sandbox/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';

const declineTables = await shippedDeclineTables();

const BASE = 'https://psp.example.com/sandbox';
const AUTHORIZATIONS = `${BASE}/v1/authorizations`;

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

const seen: Seen[] = [];
let respond: () => Response;

const server = setupServer(
  http.all(`${BASE}/*`, async ({ request }) => {
    const text = await request.text();
    seen.push({
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: text === '' ? null : JSON.parse(text),
    });
    return respond();
  }),
);

let clock: FakeClock;
let provider: Provider | null = null;

beforeAll(() => server.listen());
afterEach(() => {
  provider?.close();
  provider = null;
  seen.length = 0;
  expect(clock.pendingTimers).toBe(0);
});
afterAll(() => server.close());

function create(credentials: Record<string, string> = { api_key: 'key-1' }): Provider {
  clock = new FakeClock();
  const contract = sampleContract('sandbox-a', { baseUrl: BASE, credentials });
  provider = createSandboxProvider(contract, { clock, declineTables: () => declineTables });
  return provider;
}

const budget = (over: Partial<CallBudget> = {}): CallBudget => ({
  deadlineMs: 4_000,
  connectTimeoutMs: 1_000,
  signal: new AbortController().signal,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ...over,
});

const callOf = (over: Partial<AuthorizeCall> = {}): AuthorizeCall => ({
  attemptId: 'att_a_1',
  providerKey: 'key_a_1',
  request: sampleRequest(),
  token: 'tok_visa',
  brand: 'visa',
  scaRegion: false,
  budget: budget(),
  isRepeat: false,
  preparedReference: null,
  prepared: () => Promise.reject(new Error('the sandbox takes one step')),
  ...over,
});

const operation = (over: Partial<OperationCall> = {}): OperationCall => ({
  operationId: 'cap_a_1',
  attemptId: 'att_a_1',
  providerReference: 'sbx_1',
  providerKey: 'key_a_1_op',
  amount: { value: 1000, currency: 'EUR' },
  final: false,
  budget: budget(),
  ...over,
});

const authorization = (over: Record<string, unknown> = {}) => ({
  id: 'sbx_1',
  reference: 'att_a_1',
  status: 'authorized',
  amount: { value: 4999, currency: 'EUR' },
  authorized_amount: 4999,
  captured_amount: 0,
  refunded_amount: 0,
  decline: null,
  network_transaction: { id: 'ntid1', network: 'visa', date: '2026-11-23' },
  created_at: '2026-11-23T10:00:00.000Z',
  ...over,
});

const decline = (over: Record<string, unknown> = {}) =>
  authorization({
    status: 'declined',
    authorized_amount: 0,
    network_transaction: null,
    decline: { code: 'issuer_05', network_code: '05', advice: null, after_approval: false, ...over },
  });

const NO = { code: 'issuer_51', network_code: '51', advice: null, after_approval: false };

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  () =>
    HttpResponse.json(body as Record<string, unknown>, { status, headers });
const error = (status: number, code: string, headers: Record<string, string> = {}) =>
  json({ error: { code, message: 'tok_visa 4571736000000000' } }, status, headers);

describe('the request of an authorization', () => {
  it('has these headers and this body', async () => {
    respond = json(authorization());
    const threeDs = { eci: '05', cavv: 'AJkB', dsTransactionId: 'ds1', version: '2.2.0', exemption: null };
    const request = sampleRequest({
      threeDs,
      initiator: 'merchant',
      storedCredential: { usage: 'subsequent', reason: 'recurring' },
      networkTransaction: { id: 'ntid0', network: 'Visa', date: '2026-01-02' },
    });
    await create().authorize(callOf({ request }));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', url: AUTHORIZATIONS });
    expect(seen[0]?.headers).toMatchObject({
      host: 'psp.example.com',
      authorization: 'Bearer key-1',
      'idempotency-key': 'key_a_1',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect(seen[0]?.body).toEqual({
      reference: 'att_a_1',
      merchant: 'acme-eu',
      merchant_reference: 'order-7781',
      amount: { value: 4999, currency: 'EUR' },
      token: 'tok_visa',
      brand: 'visa',
      bin: '45717360',
      initiator: 'merchant',
      capture: 'manual',
      three_ds: { eci: '05', cavv: 'AJkB', ds_transaction_id: 'ds1', version: '2.2.0', exemption: null },
      stored_credential: { usage: 'subsequent', reason: 'recurring' },
      network_transaction: { id: 'ntid0', network: 'Visa', date: '2026-01-02' },
      expiry_month: 9,
      expiry_year: 2029,
    });
  });

  it('without trace and key of its own', async () => {
    respond = json(authorization());
    await create({}).authorize(callOf({ budget: budget({ traceparent: null }) }));
    expect(seen[0]?.headers).not.toHaveProperty('traceparent');
    expect(seen[0]?.headers['authorization']).toBe('Bearer sandbox-key');
  });

  it.each<[string, CardBrand, NetworkTransaction | null, boolean]>([
    ['the same network', 'mastercard', { id: 'n', network: 'mastercard', date: '2026-01-02' }, true],
    ['another network', 'mastercard', { id: 'n', network: 'visa', date: '2026-01-02' }, false],
    ['a card of unknown brand', 'unknown', { id: 'n', network: 'visa', date: '2026-01-02' }, false],
    ['none', 'visa', null, false],
  ])('network transaction for %s', async (_name, brand, networkTransaction, sent) => {
    respond = json(authorization());
    await create().authorize(callOf({ brand, request: sampleRequest({ networkTransaction }) }));
    expect(seen[0]?.body).toMatchObject({ network_transaction: sent ? networkTransaction : null });
  });
});

describe('the answer to an authorization', () => {
  const outcomeOf = async (response: () => Response, over: Partial<AuthorizeCall> = {}) => {
    respond = response;
    return create().authorize(callOf(over));
  };

  it('approved, with the id and the network transaction', async () => {
    expect(await outcomeOf(json(authorization()))).toEqual({
      kind: 'approved',
      providerReference: 'sbx_1',
      networkTransaction: { id: 'ntid1', network: 'visa', date: '2026-11-23' },
    });
  });

  it('keeps no id that repeats the card number', async () => {
    // The BIN of the request and a check digit that makes the whole pass for a card number.
    const number = '4571736000000000';
    expect(findCardNumber(number), 'a number that counts').not.toBeNull();
    const link = { id: number, network: 'visa', date: '2026-11-23' };
    const inLink = await outcomeOf(json(authorization({ network_transaction: link })));
    expect(inLink).toEqual({ kind: 'approved', providerReference: 'sbx_1', networkTransaction: null });
    provider?.close();
    const inId = await outcomeOf(json(authorization({ id: `sbx_${number}` })));
    expect(inId).toEqual({ kind: 'unknown', code: 'answer_malformed', providerReference: null });
  });

  it.each(['4571736000000000', 'card 4571 7360 0000 0000', 'visa\n{"event":"forged"}'])(
    'takes no text of the provider for the name of a network: %s',
    async (network) => {
      const link = { id: 'ntid1', network, date: '2026-11-23' };
      const outcome = await outcomeOf(json(authorization({ network_transaction: link })));
      expect(outcome).toEqual({ kind: 'approved', providerReference: 'sbx_1', networkTransaction: null });
    },
  );

  it('declined with money authorized may hide an approval, and is no reason to try another provider', async () => {
    const answer = authorization({ status: 'declined', decline: NO });
    expect(await outcomeOf(json({ ...answer, authorized_amount: 0 }))).toMatchObject({
      decline: { mayHideApproval: false },
    });
    provider?.close();
    expect(await outcomeOf(json(answer))).toMatchObject({
      kind: 'declined',
      decline: { mayHideApproval: true, otherProvider: 'no' },
      providerReference: 'sbx_1',
    });
  });

  const mismatch = { kind: 'unknown', code: 'answer_mismatch', providerReference: 'sbx_1' };
  it.each<[string, Record<string, unknown>, unknown]>([
    ['another amount', { amount: { value: 4998, currency: 'EUR' } }, mismatch],
    ['another currency', { amount: { value: 4999, currency: 'USD' } }, mismatch],
    ['another reference', { reference: 'att_b_1' }, { ...mismatch, providerReference: null }],
    ['approved for less', { authorized_amount: 4998 }, mismatch],
    ['approved for more', { authorized_amount: 5000 }, mismatch],
    ['part that is all', { status: 'partially_authorized' }, mismatch],
    ['part that is more', { status: 'partially_authorized', authorized_amount: 5000 }, mismatch],
    ['part that is nothing', { status: 'partially_authorized', authorized_amount: 0 }, mismatch],
    ['declined without a code', { status: 'declined' }, { ...mismatch, code: 'answer_malformed' }],
    ['an approval with a decline', { decline: { ...NO, code: 'issuer_05', network_code: '05' } }, mismatch],
    ['to be authenticated, with money held', { status: 'authentication_required' }, mismatch],
  ])('that does not add up is unknown: %s', async (_name, over, expected) => {
    expect(await outcomeOf(json(authorization(over)))).toEqual(expected);
  });

  it.each<[string, () => Response]>([
    ['HTML', () => HttpResponse.html('<h1>OK</h1>')],
    ['JSON said to be text', () => HttpResponse.text(JSON.stringify(authorization()))],
    ['no content type', () => new HttpResponse(new TextEncoder().encode(JSON.stringify(authorization())))],
    ['nothing', () => new HttpResponse(null, { headers: { 'content-type': 'application/json' } })],
    [
      'half of the JSON',
      () => new HttpResponse('{"id":"sbx_1","st', { headers: { 'content-type': 'application/json' } }),
    ],
    ['a list', json([authorization()])],
    ['null', json(null)],
    ['an unknown status', json(authorization({ status: 'settled' }))],
    ['an amount with a fraction', json(authorization({ authorized_amount: 49.99 }))],
    ['an amount beyond exact integers', json(authorization({ authorized_amount: 2 ** 53 }))],
    ['an amount as text', json(authorization({ authorized_amount: '4999' }))],
    ['an id that could leave the path', json(authorization({ id: '../voids' }))],
    ['a code that repeats the card number', json(decline({ code: '4571736000000000' }))],
    ['a code that is a sentence', json(decline({ code: 'Declined: tok_visa' }))],
    ['a decline that is no object', json(authorization({ status: 'declined', decline: 'no' }))],
  ])('that cannot be read is unknown: %s', async (_name, response) => {
    const unreadable = { kind: 'unknown', code: 'answer_malformed', providerReference: null };
    expect(await outcomeOf(response)).toEqual(unreadable);
  });

  const declined = (category: string, otherProvider: string) => ({
    kind: 'declined',
    decline: { category, otherProvider },
  });
  it.each<[string, () => Response, Record<string, unknown>]>([
    ['401', error(401, 'unauthorized'), { kind: 'rejected', reason: 'configuration', code: 'unauthorized' }],
    ['403', error(403, 'forbidden'), { kind: 'rejected', reason: 'configuration', code: 'forbidden' }],
    [
      '401 of something on the way',
      () => HttpResponse.html('no', { status: 401 }),
      { kind: 'unknown', code: 'http_401' },
    ],
    ['404 of the sandbox', error(404, 'not_found'), { kind: 'rejected', reason: 'configuration' }],
    [
      '404 of something on the way',
      () => HttpResponse.html('no', { status: 404 }),
      { kind: 'unknown', code: 'http_404' },
    ],
    ['400', error(400, 'invalid_request'), declined('invalid_data', 'no')],
    ['400 with another code', error(400, 'teapot'), { kind: 'unknown', code: 'teapot' }],
    ['422 not supported', error(422, 'not_supported'), declined('config', 'yes_once')],
    [
      '422 other body under the key',
      error(422, 'idempotency_mismatch'),
      { kind: 'unknown', code: 'idempotency_mismatch' },
    ],
    ['409', error(409, 'in_progress'), { kind: 'unknown', code: 'in_progress' }],
    [
      '429',
      error(429, 'rate_limited', { 'retry-after': '120' }),
      { kind: 'rejected', reason: 'rate_limited', retryAfterMs: 120_000 },
    ],
    [
      '429 until a date',
      error(429, 'rate_limited', { 'retry-after': 'Mon, 23 Nov 2026 10:00:05 GMT' }),
      { kind: 'rejected', retryAfterMs: 5_000 },
    ],
    [
      '429 with garbage',
      error(429, 'rate_limited', { 'retry-after': 'soon' }),
      { kind: 'rejected', retryAfterMs: 1_000 },
    ],
    ['500', error(500, 'provider_error'), { kind: 'unknown', code: 'provider_error' }],
    [
      '500 not processed',
      error(500, 'provider_error', { 'x-not-processed': 'true' }),
      { kind: 'rejected', reason: 'transient' },
    ],
    [
      '503 not processed',
      error(503, 'provider_error', { 'x-not-processed': 'true' }),
      { kind: 'rejected', reason: 'transient' },
    ],
    [
      '503 that says otherwise',
      error(503, 'provider_error', { 'x-not-processed': 'false' }),
      { kind: 'unknown' },
    ],
    [
      '502 of something on the way',
      () => HttpResponse.html('no', { status: 502 }),
      { kind: 'unknown', code: 'http_502' },
    ],
    [
      '409 said not to be processed, which only 5xx may',
      error(409, 'in_progress', { 'x-not-processed': 'true' }),
      { kind: 'unknown' },
    ],
    [
      '307',
      () => new HttpResponse(null, { status: 307, headers: { location: '/' } }),
      { kind: 'unknown', code: 'http_307' },
    ],
    ['201', json(authorization(), 201), { kind: 'unknown', code: 'http_201' }],
    ['204', () => new HttpResponse(null, { status: 204 }), { kind: 'unknown', code: 'http_204' }],
  ])('%s', async (_name, response, expected) => {
    const outcome = await outcomeOf(response);
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome)).not.toMatch(/tok_visa|4571/);
  });

  const exemption: ThreeDs = {
    eci: null,
    cavv: null,
    dsTransactionId: null,
    version: null,
    exemption: 'low_value',
  };
  const authenticated: ThreeDs = { ...exemption, eci: '02', exemption: null };
  it.each<[string, Record<string, unknown>, Partial<AuthorizeCall>, Record<string, unknown>]>([
    ['05', {}, {}, declined('soft_decline_issuer', 'yes_once')],
    ['14', { code: 'issuer_14', network_code: '14' }, {}, declined('hard_decline_issuer', 'never')],
    ['ZZ', { code: 'issuer_ZZ', network_code: 'ZZ' }, {}, declined('unmapped', 'no')],
    [
      '1A of Visa',
      { code: 'issuer_1A', network_code: '1A' },
      {},
      { kind: 'authentication_required', code: 'issuer_1A', providerReference: 'sbx_1' },
    ],
    [
      '65 of Mastercard in the SCA region',
      { code: 'issuer_65', network_code: '65' },
      { brand: 'mastercard', scaRegion: true },
      { kind: 'authentication_required' },
    ],
    [
      '… with an exemption, which is no authentication',
      { code: 'issuer_65', network_code: '65' },
      { brand: 'mastercard', scaRegion: true, request: sampleRequest({ threeDs: exemption }) },
      { kind: 'authentication_required' },
    ],
    [
      '… authenticated',
      { code: 'issuer_65', network_code: '65' },
      { brand: 'mastercard', scaRegion: true, request: sampleRequest({ threeDs: authenticated }) },
      declined('soft_decline_issuer', 'no'),
    ],
    [
      '… elsewhere',
      { code: 'issuer_65', network_code: '65' },
      { brand: 'mastercard' },
      declined('soft_decline_issuer', 'no'),
    ],
    [
      '65 of Visa',
      { code: 'issuer_65', network_code: '65' },
      { scaRegion: true },
      declined('soft_decline_issuer', 'no'),
    ],
    [
      '68, which came too late to know',
      { code: 'issuer_68', network_code: '68' },
      {},
      { kind: 'unknown', code: 'issuer_68', providerReference: 'sbx_1' },
    ],
    [
      '09, still in progress',
      { code: 'issuer_09', network_code: '09' },
      {},
      { kind: 'pending', code: 'issuer_09' },
    ],
    ['96', { code: 'issuer_96', network_code: '96' }, {}, declined('provider_technical', 'yes_once')],
    ['the risk engine', { code: 'risk_blocked', network_code: null }, {}, declined('fraud_psp', 'no')],
    [
      '05 after an approval',
      { after_approval: true },
      {},
      { kind: 'declined', decline: { otherProvider: 'no', mayHideApproval: true } },
    ],
    [
      '1A after an approval',
      { code: 'issuer_1A', network_code: '1A', after_approval: true },
      {},
      { kind: 'declined', decline: { mayHideApproval: true } },
    ],
    [
      'advice to wait an hour',
      { advice: '24' },
      { brand: 'mastercard' },
      {
        kind: 'declined',
        decline: { otherProvider: 'no', advice: '24', retryNotBefore: '2026-11-23T11:00:00.000Z' },
      },
    ],
  ])('declined: %s', async (_name, wire, call, expected) => {
    expect(await outcomeOf(json(decline(wire)), call)).toMatchObject(expected);
  });

  it('voided before the issuer was asked was not processed; after it, is undone', async () => {
    const before = authorization({ status: 'voided', authorized_amount: 0, network_transaction: null });
    expect(await outcomeOf(json(before))).toMatchObject({
      kind: 'rejected',
      reason: 'cancelled',
      code: 'cancelled',
    });
    const after = authorization({ status: 'voided' });
    expect(await outcomeOf(json(after))).toMatchObject({
      kind: 'partially_approved',
      authorizedAmount: 4999,
      reversal: 'confirmed',
    });
  });
});

describe('inquiries', () => {
  const inquire = (providerReference: string | null) => {
    const { attemptId, request, brand, scaRegion } = callOf();
    return create().inquire({ attemptId, providerReference, request, brand, scaRegion, budget: budget() });
  };

  it('ask by id, else by our reference, without a body', async () => {
    respond = json(authorization());
    expect(await inquire('sbx_1')).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
    expect(await inquire(null)).toMatchObject({ kind: 'found' });
    expect(seen).toMatchObject([
      { method: 'GET', url: `${AUTHORIZATIONS}/sbx_1`, body: null },
      { method: 'GET', url: `${AUTHORIZATIONS}?reference=att_a_1`, body: null },
    ]);
    expect(seen[0]?.headers).not.toHaveProperty('idempotency-key');
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer key-1' });
  });

  it.each<[string, () => Response, Record<string, unknown>]>([
    ['404 of the sandbox', error(404, 'not_found'), { kind: 'not_found' }],
    [
      '404 of something on the way',
      () => HttpResponse.html('no', { status: 404 }),
      { kind: 'no_answer', code: 'http_404' },
    ],
    ['401', error(401, 'unauthorized'), { kind: 'no_answer', code: 'unauthorized' }],
    ['500', error(500, 'provider_error'), { kind: 'no_answer', code: 'provider_error' }],
    ['HTML', () => HttpResponse.html('ok'), { kind: 'no_answer', code: 'answer_malformed' }],
    [
      'another reference',
      json(authorization({ reference: 'att_b_1' })),
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    [
      'a decline that says nothing for certain',
      json(decline({ network_code: '68', code: 'issuer_68' })),
      { kind: 'no_answer', code: 'issuer_68' },
    ],
  ])('%s', async (_name, response, expected) => {
    respond = response;
    expect(await inquire(null)).toEqual(expected);
  });
});

describe('operations', () => {
  const ANOTHER = { kind: 'unknown', code: 'answer_mismatch' };
  const done = (over: Record<string, unknown> = {}) =>
    json({
      id: 'op_1',
      authorization_id: 'sbx_1',
      authorization_reference: 'att_a_1',
      reference: 'cap_a_1',
      status: 'confirmed',
      amount: { value: 1000, currency: 'EUR' },
      ...over,
    });

  it.each([
    ['void', 'voids', {}],
    ['capture', 'captures', { amount: { value: 1000, currency: 'EUR' } }],
    ['refund', 'refunds', { amount: { value: 1000, currency: 'EUR' } }],
  ] as const)('%s: path, key and body', async (name, path, body) => {
    respond = done();
    expect(await create()[name](operation())).toEqual({ kind: 'confirmed', providerReference: 'op_1' });
    expect(seen).toMatchObject([{ method: 'POST', url: `${AUTHORIZATIONS}/sbx_1/${path}`, body }]);
    expect(seen[0]?.headers['idempotency-key']).toBe('key_a_1_op');
  });

  it('an id stays within its place in the path', async () => {
    respond = error(404, 'not_found');
    await create().void(operation({ providerReference: '../x?y' }));
    expect(seen[0]?.url).toBe(`${AUTHORIZATIONS}/..%2Fx%3Fy/voids`);
  });

  it.each<[string, () => Response, Record<string, unknown>]>([
    ['of another authorization', done({ authorization_id: 'sbx_2' }), ANOTHER],
    ['of another amount', done({ amount: { value: 999, currency: 'EUR' } }), ANOTHER],
    ['of another currency', done({ amount: { value: 1000, currency: 'USD' } }), ANOTHER],
    ['of another attempt', done({ authorization_reference: 'att_b_1' }), ANOTHER],
    ['of another operation', done({ reference: 'cap_a_2' }), ANOTHER],
    ['of an operation without a name', done({ reference: null }), ANOTHER],
    ['acknowledged of another', done({ status: 'received', reference: 'cap_a_2' }), ANOTHER],
    ['acknowledged only', done({ status: 'received' }), { kind: 'accepted' }],
    ['a state nobody knows', done({ status: 'done' }), { kind: 'unknown', code: 'answer_malformed' }],
    [
      '409 refused by the issuer',
      error(409, 'capture_refused'),
      { kind: 'refused', code: 'capture_refused' },
    ],
    ['HTML', () => HttpResponse.html('ok'), { kind: 'unknown', code: 'answer_malformed' }],
    ['409 wrong state', error(409, 'invalid_state'), { kind: 'refused', code: 'invalid_state' }],
    ['409 in progress', error(409, 'in_progress'), { kind: 'unknown', code: 'in_progress' }],
    ['404', error(404, 'not_found'), { kind: 'refused', code: 'not_found' }],
    [
      '404 of something on the way',
      () => HttpResponse.html('no', { status: 404 }),
      { kind: 'unknown', code: 'http_404' },
    ],
    [
      '422 other body under the key',
      error(422, 'idempotency_mismatch'),
      { kind: 'unknown', code: 'idempotency_mismatch' },
    ],
    ['401', error(401, 'unauthorized'), { kind: 'rejected', code: 'unauthorized', retryAfterMs: null }],
    [
      '429',
      error(429, 'rate_limited', { 'retry-after': '3' }),
      { kind: 'rejected', code: 'rate_limited', retryAfterMs: 3000 },
    ],
    ['500', error(500, 'provider_error'), { kind: 'unknown', code: 'provider_error', answered: 'failure' }],
    [
      '500 not processed',
      error(500, 'provider_error', { 'x-not-processed': 'true' }),
      { kind: 'rejected', code: 'provider_error', retryAfterMs: null },
    ],
  ])('%s', async (_name, response, expected) => {
    respond = response;
    expect(await create().capture(operation())).toEqual(expected);
  });

  it('cancels by our own reference under a key of its own', async () => {
    respond = done({ reference: 'void_a_1', authorization_id: 'sbx_7' });
    const call = operation({ providerReference: null, operationId: 'void_a_1' });
    expect(await create().void(call)).toEqual({ kind: 'confirmed', providerReference: 'op_1' });
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: AUTHORIZATIONS.replace('authorizations', 'voids'),
        body: { reference: 'att_a_1', operation_reference: 'void_a_1' },
      },
    ]);
    expect(seen[0]?.headers['idempotency-key']).toBe('key_a_1_opr');
  });

  it.each<[string, () => Response]>([
    ['404', error(404, 'not_found')],
    ['nothing found', json({ status: 'nothing_found', reference: 'att_a_1' })],
  ])('a cancellation that finds nothing is no evidence: %s', async (_name, response) => {
    respond = response;
    expect(await create().void(operation({ providerReference: null }))).toEqual({ kind: 'not_found' });
  });

  it.each<[string, () => Response, Record<string, unknown>]>([
    ['less than was expected', done({ amount: { value: 999, currency: 'EUR' } }), ANOTHER],
    ['more than was expected', done({ amount: { value: 1001, currency: 'EUR' } }), ANOTHER],
    ['another currency', done({ amount: { value: 1000, currency: 'USD' } }), ANOTHER],
    ['another attempt', done({ authorization_reference: 'att_b_1' }), ANOTHER],
    ['another operation', done({ reference: 'void_a_9' }), ANOTHER],
    ['nothing found of another attempt', json({ status: 'nothing_found', reference: 'att_b_1' }), ANOTHER],
  ])('a cancellation by our reference that is answered with %s', async (_name, response, expected) => {
    respond = response;
    expect(await create().void(operation({ providerReference: null }))).toMatchObject(expected);
  });
});

describe('what became of an operation', () => {
  const MISMATCH = { kind: 'no_answer', code: 'answer_mismatch' };
  const call = operation();
  const told = (status: string, reference: string | null = 'cap_a_1') => ({
    id: 'op_1',
    operation: 'capture',
    reference,
    status,
    amount: { value: 1000, currency: 'EUR' },
  });
  const withOperations = (operations: readonly unknown[], over: Record<string, unknown> = {}) =>
    json({ ...authorization(), operations, ...over });

  it.each<[string, 'capture' | 'void', () => Response, Record<string, unknown>]>([
    [
      'done',
      'capture',
      withOperations([told('confirmed')]),
      { kind: 'confirmed', providerReference: 'op_1' },
    ],
    ['failed', 'capture', withOperations([told('failed')]), { kind: 'failed', code: 'operation_failed' }],
    ['under way', 'capture', withOperations([told('pending')]), { kind: 'pending' }],
    ['never heard of', 'capture', withOperations([]), { kind: 'not_found' }],
    ['another one', 'capture', withOperations([told('confirmed', 'cap_a_2')]), { kind: 'not_found' }],
    ['one without a name', 'capture', withOperations([told('confirmed', null)]), { kind: 'not_found' }],
    [
      'voided, whoever did it',
      'void',
      withOperations([], { status: 'voided' }),
      { kind: 'confirmed', providerReference: null },
    ],
    [
      'expired',
      'void',
      withOperations([], { status: 'expired' }),
      { kind: 'confirmed', providerReference: null },
    ],
    [
      'voided says nothing of a capture',
      'capture',
      withOperations([], { status: 'voided' }),
      { kind: 'not_found' },
    ],
    [
      'about another attempt',
      'capture',
      withOperations([told('confirmed')], { reference: 'att_b_1' }),
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    [
      'about another authorization of the attempt',
      'capture',
      withOperations([told('confirmed')], { id: 'sbx_2' }),
      MISMATCH,
    ],
    [
      'voided, another authorization',
      'void',
      withOperations([], { id: 'sbx_2', status: 'voided' }),
      MISMATCH,
    ],
    [
      'another amount',
      'capture',
      withOperations([{ ...told('confirmed'), amount: { value: 1, currency: 'EUR' } }]),
      MISMATCH,
    ],
    [
      'another currency',
      'capture',
      withOperations([{ ...told('confirmed'), amount: { value: 1000, currency: 'USD' } }]),
      MISMATCH,
    ],
    [
      'not heard of, in another currency',
      'capture',
      withOperations([], { amount: { value: 4999, currency: 'USD' } }),
      MISMATCH,
    ],
    ['another kind', 'capture', withOperations([{ ...told('confirmed'), operation: 'refund' }]), MISMATCH],
    ['HTML', 'capture', () => HttpResponse.html('ok'), { kind: 'no_answer', code: 'answer_malformed' }],
    ['404', 'capture', error(404, 'not_found'), { kind: 'no_answer', code: 'not_found' }],
    ['500', 'capture', error(500, 'provider_error'), { kind: 'no_answer', code: 'provider_error' }],
  ])('%s', async (_name, name, response, expected) => {
    respond = response;
    expect(await create().inquireOperation({ ...call, operation: name })).toEqual(expected);
    expect(seen).toMatchObject([{ method: 'GET', url: `${AUTHORIZATIONS}/sbx_1` }]);
  });
});
