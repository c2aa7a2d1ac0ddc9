import { describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import { createPaypalProvider } from '../../../src/providers/paypal/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import {
  ATTEMPT_ID,
  authorizationOf,
  authorizedOrder,
  BASE,
  budget,
  callOf,
  captureOf,
  declineTables,
  error,
  euros,
  inquiryOf,
  json,
  networkError,
  ORDER_ID,
  operationOf,
  orderOf,
  PATHS,
  paypalWorld,
  queryOf,
  refundOf,
  tokenAnswer,
} from './paypal-fixture.ts';

const world = paypalWorld();

const MADE = json(orderOf(null), 201);
const APPROVED = json(authorizedOrder(), 201);
const GOOD = { [PATHS.create]: MADE, [PATHS.authorize]: APPROVED };
const APPROVAL = { kind: 'approved', providerReference: ORDER_ID, networkTransaction: null };

describe('setup', () => {
  const create = (over: Parameters<typeof sampleContract>[1]) => () =>
    createPaypalProvider(sampleContract('paypal-eu', { adapter: 'paypal', ...over }), {
      clock: new FakeClock(),
      declineTables: () => declineTables,
    });

  it('names everything that is missing at once, and no value', () => {
    expect(create({ settings: { webhook_id: 'not an id!', merchant_id: 'x' } })).toThrow(
      /client_id is missing.*client_secret is missing.*webhook_id.*merchant_id/,
    );
    const credentials = { client_id: 'client-1', client_secret: 'hush\n' };
    expect(create({ credentials })).toThrow(/^(?!.*hush)credentials\.client_secret cannot be sent/);
  });

  it('takes the live environment where no base URL is given, and what a contract says otherwise', async () => {
    const provider = world.start(GOOD, { semantics: { notFoundAfterMs: 60_000 } });
    await provider.authorize(callOf());
    expect(world.seen()[0]?.headers['host']).toBe('api-m.paypal.com');
    expect(provider).toMatchObject({ id: 'paypal-eu', live: true });
    expect(provider.semantics).toMatchObject({
      twoSteps: true,
      inquiry: 'provider_reference',
      notFoundAfterMs: 60_000,
      keyLifetimeMs: 6 * 3_600_000,
      validityMs: 29 * 24 * 3_600_000,
    });
  });
});

describe('authorize', () => {
  it('makes an order that names no card, has its id kept, and only then charges the card to it', async () => {
    const steps: string[] = [];
    const provider = world.start(GOOD);
    const outcome = await provider.authorize(
      callOf({
        budget: budget({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }),
        prepared: async (reference) => {
          steps.push(reference, ...world.seen().map(({ path }) => path));
          return true;
        },
      }),
    );
    expect(outcome).toEqual(APPROVAL);
    expect(steps).toEqual([ORDER_ID, '/v2/checkout/orders']);
    const [create, authorize, ...more] = world.seen();
    expect(more).toEqual([]);
    expect(create?.body).toBe(
      '{"intent":"AUTHORIZE","purchase_units":[{"reference_id":"att_a_1","custom_id":"att_a_1",' +
        '"invoice_id":"att_a_1","amount":{"currency_code":"EUR","value":"49.99"}}]}',
    );
    expect(authorize).toMatchObject({ method: 'POST', path: `/v2/checkout/orders/${ORDER_ID}/authorize` });
    expect(authorize?.body).toBe(
      '{"payment_source":{"card":{"vault_id":"8kk845",' +
        '"stored_credential":{"payment_initiator":"CUSTOMER","payment_type":"ONE_TIME"}}}}',
    );
    const common = {
      authorization: 'Bearer A21AAtoken',
      accept: 'application/json',
      'content-type': 'application/json',
      prefer: 'return=representation',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    };
    expect(create?.headers).toMatchObject({ ...common, 'paypal-request-id': 'key_a_1_o' });
    expect(authorize?.headers).toMatchObject({ ...common, 'paypal-request-id': 'key_a_1' });
  });

  it('sends nothing more where the id of the order is not durable', async () => {
    const provider = world.start(GOOD);
    const outcome = await provider.authorize(callOf({ prepared: async () => false }));
    expect(outcome).toMatchObject({ kind: 'rejected', reason: 'transient', providerReference: ORDER_ID });
    expect(world.seen().map(({ path }) => path)).toEqual(['/v2/checkout/orders']);
  });

  it('skips the first step where an order was made before', async () => {
    const provider = world.start(GOOD);
    const prepared = () => Promise.reject(new Error('it is durable already'));
    expect(await provider.authorize(callOf({ preparedReference: ORDER_ID, prepared }))).toEqual(APPROVAL);
    expect(world.seen()).toMatchObject([{ path: `/v2/checkout/orders/${ORDER_ID}/authorize` }]);
  });

  it('keeps keys that are too long within the length that PayPal takes', async () => {
    const provider = world.start(GOOD);
    await provider.authorize(callOf({ providerKey: 'k'.repeat(108) }));
    const [order, authorize] = world.seen().map(({ headers }) => headers['paypal-request-id']);
    expect(order).toMatch(/^[0-9a-f]{64}$/);
    expect(authorize).toBe('k'.repeat(108));
  });
});

type Told = Partial<AuthorizationRequest>;
const LINK = { id: '016123456789012', network: 'visa', date: '2026-03-07' };

describe('what is told of the card', () => {
  const subsequent = (reason: 'recurring' | 'unscheduled' | 'installment') => ({
    usage: 'subsequent' as const,
    reason,
  });
  it.each<[string, Told, CardBrand, object]>([
    [
      'a first payment for a series',
      { storedCredential: { usage: 'first', reason: 'recurring' } },
      'visa',
      { payment_initiator: 'CUSTOMER', payment_type: 'RECURRING', usage: 'FIRST' },
    ],
    [
      "a later one of the customer's",
      { storedCredential: subsequent('unscheduled') },
      'visa',
      { payment_initiator: 'CUSTOMER', payment_type: 'UNSCHEDULED', usage: 'SUBSEQUENT' },
    ],
    [
      "one of the merchant's without a link",
      { initiator: 'merchant', storedCredential: subsequent('recurring') },
      'mastercard',
      { payment_initiator: 'MERCHANT', payment_type: 'RECURRING', usage: 'SUBSEQUENT' },
    ],
    [
      "one of the merchant's with the network's link, and its day",
      { initiator: 'merchant', storedCredential: subsequent('unscheduled'), networkTransaction: LINK },
      'visa',
      {
        payment_initiator: 'MERCHANT',
        payment_type: 'UNSCHEDULED',
        usage: 'SUBSEQUENT',
        previous_network_transaction_reference: { id: '016123456789012', date: '0307', network: 'VISA' },
      },
    ],
  ])('%s', async (_, request, brand, credential) => {
    await world.start(GOOD).authorize(callOf({ request, brand }));
    const { payment_source } = JSON.parse(world.seen()[1]?.body ?? '{}');
    expect(payment_source).toEqual({ card: { vault_id: '8kk845', stored_credential: credential } });
  });

  const merchant = { initiator: 'merchant', storedCredential: subsequent('recurring') } as const;
  const threeDs = { eci: null, cavv: null, dsTransactionId: null, version: null, exemption: null };
  it.each<[string, { readonly request?: Told; readonly token?: string; readonly brand?: CardBrand }]>([
    ['the result of an authentication', { request: { threeDs: { ...threeDs, eci: '05', cavv: 'AAAB' } } }],
    ['the version of 3DS', { request: { threeDs: { ...threeDs, version: '2.2.0' } } }],
    ['an exemption', { request: { threeDs: { ...threeDs, exemption: 'low_value' } } }],
    ['installments', { request: { storedCredential: subsequent('installment') } }],
    ['a merchant without a reason', { request: { initiator: 'merchant' } }],
    [
      "a merchant's first",
      { request: { initiator: 'merchant', storedCredential: { usage: 'first', reason: 'recurring' } } },
    ],
    ["a link with the customer's payment", { request: { networkTransaction: LINK } }],
    ["another network's link", { request: { ...merchant, networkTransaction: LINK }, brand: 'mastercard' }],
    [
      'a link to a network that PayPal does not name',
      { request: { ...merchant, networkTransaction: { ...LINK, network: 'diners' } }, brand: 'diners' },
    ],
    [
      'a link that is too short',
      { request: { ...merchant, networkTransaction: { ...LINK, id: '12345678' } } },
    ],
    ['a token of another shape', { token: 'pm_1/../x' }],
    ['an empty token', { token: '' }],
    ['a currency that PayPal does not take', { request: { amount: { value: 1000, currency: 'KWD' } } }],
    ['won, which it does not take either', { request: { amount: { value: 1000, currency: 'KRW' } } }],
    ['a fraction of a forint', { request: { amount: { value: 150_050, currency: 'HUF' } } }],
  ])('%s cannot be told, and nothing is sent', async (_, over) => {
    const provider = world.start(GOOD);
    expect(await provider.authorize(callOf(over))).toEqual({ kind: 'not_sent', code: 'not_supported' });
    expect([...world.seen(), ...world.tokens()]).toEqual([]);
  });

  it.each([
    [1, 'EUR', '0.01'],
    [10, 'USD', '0.10'],
    [100, 'GBP', '1.00'],
    [9_007_199_254_740_991, 'EUR', '90071992547409.91'],
    [1500, 'JPY', '1500'],
    [150_000, 'HUF', '1500'],
    [9_900, 'TWD', '99'],
  ] as const)('%i minor units of %s are %s', async (value, currency, text) => {
    const amount = { value, currency };
    const money = euros(text, currency);
    const authorizations = [authorizationOf({ amount: money })];
    const provider = world.start({
      [PATHS.create]: json(orderOf(null, {}, { amount: money }), 201),
      [PATHS.authorize]: json(orderOf({ authorizations }, {}, { amount: money }), 201),
    });
    expect(await provider.authorize(callOf({ request: { amount } }))).toMatchObject({ kind: 'approved' });
    expect(JSON.parse(world.seen()[0]?.body ?? '').purchase_units[0].amount).toEqual(euros(text, currency));
  });
});

describe('the first step moves no money, so that nothing it answers is unknown', () => {
  it.each<[string, Response | (() => Response), object]>([
    [
      '401 after renewal',
      error(401, 'AUTHENTICATION_FAILURE'),
      { reason: 'configuration', code: 'AUTHENTICATION_FAILURE' },
    ],
    [
      '403',
      error(403, 'NOT_AUTHORIZED', 'PERMISSION_DENIED'),
      { reason: 'configuration', code: 'PERMISSION_DENIED' },
    ],
    [
      '429',
      error(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '3' }),
      { reason: 'rate_limited', retryAfterMs: 3_000 },
    ],
    ['500', error(500, 'INTERNAL_SERVER_ERROR'), { reason: 'transient', code: 'INTERNAL_SERVER_ERROR' }],
    ['a proxy', new Response('<html>', { status: 502 }), { reason: 'transient', code: 'http_502' }],
    ['a lost connection', networkError, { reason: 'transient' }],
    ['no order', json({ id: ORDER_ID }, 201), { reason: 'transient', code: 'order_malformed' }],
    [
      'an issue that nobody knows',
      error(422, 'UNPROCESSABLE_ENTITY', 'FROM_THE_MOON'),
      { reason: 'transient', code: 'FROM_THE_MOON' },
    ],
    [
      "an order's id that begins with the card's number",
      json(orderOf(null, { id: '4571736000000000' }), 201),
      { reason: 'transient' },
    ],
  ])('%s', async (_, answer, told) => {
    const provider = world.start({ [PATHS.create]: answer });
    let prepared = 0;
    const outcome = await provider.authorize(
      callOf({
        request: { card: { ...callOf().request.card, bin: '457173' } },
        prepared: async () => {
          prepared += 1;
          return true;
        },
      }),
    );
    expect(outcome).toMatchObject({ kind: 'rejected', providerReference: null, ...told });
    expect(prepared).toBe(0);
    expect(world.seen().every(({ path }) => path === '/v2/checkout/orders')).toBe(true);
  });

  it('tells an issue about the payment as what it is', async () => {
    const provider = world.start({
      [PATHS.create]: error(422, 'UNPROCESSABLE_ENTITY', 'INVALID_CURRENCY_CODE'),
    });
    expect(await provider.authorize(callOf())).toMatchObject({
      kind: 'declined',
      decline: { category: 'config', code: 'INVALID_CURRENCY_CODE', otherProvider: 'yes_once' },
    });
  });

  it.each<[string, object]>([
    ['amount', orderOf(null, {}, { amount: euros('49.98') })],
    ['currency', orderOf(null, {}, { amount: euros('49.99', 'USD') })],
    ['name', orderOf(null, {}, { custom_id: 'att_b_1' })],
    ['nothing that says what it is for', orderOf(null, {}, { custom_id: null })],
  ])('an order of another %s is not authorized, and is no negative', async (_, order) => {
    const provider = world.start({ ...GOOD, [PATHS.create]: json(order, 201) });
    expect(await provider.authorize(callOf())).toEqual({
      kind: 'unknown',
      code: 'order_mismatch',
      providerReference: null,
    });
    expect(world.seen()).toHaveLength(1);
  });
});

describe('the access token', () => {
  it('is asked for once, with the credentials, and kept', async () => {
    const provider = world.start({ [PATHS.show]: json(authorizedOrder()) });
    await Promise.all(Array.from({ length: 20 }, () => provider.inquire(queryOf())));
    await provider.inquire(queryOf());
    expect(world.tokens()).toMatchObject([
      {
        method: 'POST',
        body: 'grant_type=client_credentials',
        headers: {
          authorization: `Basic ${Buffer.from('client-1:secret-1').toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
      },
    ]);
  });

  it('is asked for anew shortly before it expires', async () => {
    const provider = world.start({ [PATHS.show]: json(authorizedOrder()) });
    await provider.inquire(queryOf());
    await world.clock().advance(32_400_000 - 60_001);
    const later = () => queryOf({ budget: budget({ deadlineMs: world.clock().monotonicMs() + 1_000 }) });
    await provider.inquire(later());
    expect(world.tokens()).toHaveLength(1);
    await world.clock().advance(1);
    await provider.inquire(later());
    expect(world.tokens()).toHaveLength(2);
  });

  it('that is refused is renewed once, and the call made again under the same key', async () => {
    const provider = world.start({
      [PATHS.token]: [tokenAnswer('old'), tokenAnswer('new')],
      [PATHS.create]: MADE,
      [PATHS.authorize]: [json({ error: 'invalid_token' }, 401), APPROVED],
    });
    expect(await provider.authorize(callOf())).toEqual(APPROVAL);
    const tries = world.seen().filter(({ path }) => path.endsWith('/authorize'));
    expect(tries.map(({ headers }) => [headers['authorization'], headers['paypal-request-id']])).toEqual([
      ['Bearer old', 'key_a_1'],
      ['Bearer new', 'key_a_1'],
    ]);
    expect(tries[0]?.body).toBe(tries[1]?.body);
  });

  it('that is refused again is not renewed for ever', async () => {
    const refusal = error(401, 'AUTHENTICATION_FAILURE');
    const provider = world.start({ [PATHS.create]: MADE, [PATHS.authorize]: refusal });
    expect(await provider.authorize(callOf())).toMatchObject({ kind: 'rejected', reason: 'configuration' });
    expect(world.seen()).toHaveLength(3);
    expect(world.tokens()).toHaveLength(2);
  });

  it('is not renewed for a 401 that is not said to be PayPal’s own: what came of the call is not known', async () => {
    const provider = world.start({
      [PATHS.create]: MADE,
      [PATHS.authorize]: new Response('nope', { status: 401 }),
    });
    expect(await provider.authorize(callOf())).toEqual({
      kind: 'unknown',
      code: 'http_401',
      providerReference: ORDER_ID,
    });
    expect(world.tokens()).toHaveLength(1);
  });

  it.each<[string, Response | (() => Response), object]>([
    [
      'refused credentials',
      json({ error: 'invalid_client' }, 401),
      { kind: 'rejected', reason: 'configuration', code: 'invalid_client' },
    ],
    [
      'too many',
      json({ error: 'too_many_requests' }, 429, { 'retry-after': '2' }),
      { kind: 'rejected', reason: 'rate_limited', retryAfterMs: 2_000 },
    ],
    [
      'a failure',
      new Response('', { status: 503 }),
      { kind: 'rejected', reason: 'transient', code: 'token_http_503' },
    ],
    [
      'no token',
      json({ access_token: 'a b' }),
      { kind: 'rejected', reason: 'transient', code: 'token_malformed' },
    ],
    ['no connection', networkError, { kind: 'not_sent' }],
  ])('%s: nothing could move', async (_, answer, told) => {
    const provider = world.start({ ...GOOD, [PATHS.token]: answer });
    expect(await provider.authorize(callOf())).toMatchObject(told);
    expect(world.seen()).toEqual([]);
    expect(await provider.inquire(queryOf())).toMatchObject({ kind: 'no_answer' });
    expect(['rejected', 'not_sent']).toContain((await provider.void(operationOf())).kind);
    expect(world.seen()).toEqual([]);
  });

  it('takes of the time that the call has, and no longer', async () => {
    let give = (_: Response) => {};
    const slow = new Promise<Response>((resolve) => {
      give = resolve;
    });
    const provider = world.start({ ...GOOD, [PATHS.token]: () => slow });
    const short = provider.authorize(callOf({ budget: budget({ deadlineMs: 500 }) }));
    const long = provider.authorize(callOf({ budget: budget({ deadlineMs: 4_000 }) }));
    await until(() => world.tokens().length === 1);
    await world.clock().advance(500);
    expect(await short).toEqual({ kind: 'not_sent', code: 'deadline_passed' });
    give(tokenAnswer());
    expect(await long).toEqual(APPROVAL);
    expect(world.tokens()).toHaveLength(1);
  });

  it('is not waited for when the process ends', async () => {
    const stopper = new AbortController();
    const provider = world.start({ ...GOOD, [PATHS.token]: () => new Promise<Response>(() => {}) });
    const answer = provider.authorize(callOf({ budget: budget({ signal: stopper.signal }) }));
    await until(() => world.tokens().length === 1);
    stopper.abort();
    expect(await answer).toEqual({ kind: 'not_sent', code: 'draining' });
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}

describe('inquire', () => {
  it('reads the order by its id, with a GET that carries no key', async () => {
    const provider = world.start({ [PATHS.show]: json(authorizedOrder()) });
    expect(await provider.inquire(queryOf())).toEqual({ kind: 'found', outcome: APPROVAL });
    const [request] = world.seen();
    expect(request).toMatchObject({ method: 'GET', path: `/v2/checkout/orders/${ORDER_ID}`, body: '' });
    expect(request?.headers).not.toHaveProperty('paypal-request-id');
  });

  it.each<[string, Response | (() => Response), object]>([
    ['an order that nobody paid', json(orderOf(null)), { kind: 'not_found' }],
    ['no such order', error(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID'), { kind: 'not_found' }],
    ["somebody's 404", new Response('not here', { status: 404 }), { kind: 'no_answer', code: 'http_404' }],
    ['500', error(500, 'INTERNAL_SERVER_ERROR'), { kind: 'no_answer', code: 'INTERNAL_SERVER_ERROR' }],
    ['429', error(429, 'RATE_LIMIT_REACHED'), { kind: 'no_answer', code: 'RATE_LIMIT_REACHED' }],
    [
      'no JSON',
      new Response('{"id"', { headers: { 'content-type': 'application/json' } }),
      { kind: 'no_answer', code: 'answer_malformed' },
    ],
    [
      'an answer that does not say it is JSON',
      new Response(JSON.stringify(authorizedOrder())),
      { kind: 'no_answer', code: 'answer_malformed' },
    ],
    [
      'another order',
      json({ ...authorizedOrder(), id: 'OTHER1' }),
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    ['a lost connection', networkError, { kind: 'no_answer' }],
  ])('%s', async (_, answer, told) => {
    expect(await world.start({ [PATHS.show]: answer }).inquire(queryOf())).toMatchObject(told);
  });

  it('without an id there is nothing to ask by', async () => {
    const provider = world.start({});
    expect(await provider.inquire(queryOf({ providerReference: null }))).toEqual({
      kind: 'no_answer',
      code: 'no_reference',
    });
    expect(world.seen()).toEqual([]);
  });
});

const LOOK = { [PATHS.show]: json(authorizedOrder()) };

describe('captures', () => {
  it('act on the authorization in the order, under our name and the operation’s key', async () => {
    const provider = world.start({ ...LOOK, [PATHS.capture]: json(captureOf(), 201) });
    expect(await provider.capture(operationOf())).toEqual({
      kind: 'confirmed',
      providerReference: '3C679366HH908993F',
    });
    const [look, capture] = world.seen();
    expect(look).toMatchObject({ method: 'GET', path: `/v2/checkout/orders/${ORDER_ID}` });
    expect(capture?.body).toBe(
      '{"amount":{"currency_code":"EUR","value":"49.99"},"invoice_id":"cap_a_2","final_capture":true}',
    );
    expect(capture?.headers).toMatchObject({
      'paypal-request-id': 'key_a_1_c2',
      prefer: 'return=representation',
    });
  });

  it.each<[string, Response | (() => Response), object]>([
    ['pending', json(captureOf({ status: 'PENDING' }), 201), { kind: 'accepted' }],
    ['declined', json(captureOf({ status: 'DECLINED' }), 201), { kind: 'refused', code: 'DECLINED' }],
    ['failed', json(captureOf({ status: 'FAILED' }), 201), { kind: 'refused', code: 'FAILED' }],
    [
      'a status that nobody knows',
      json(captureOf({ status: 'NEW' }), 201),
      { kind: 'unknown', code: 'answer_malformed' },
    ],
    [
      'another amount',
      json(captureOf({ amount: euros('49.98') }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'another name',
      json(captureOf({ invoice_id: 'cap_a_9' }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'another attempt',
      json(captureOf({ custom_id: 'att_b_1' }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    ['no JSON', new Response('', { status: 201 }), { kind: 'unknown', code: 'answer_malformed' }],
    [
      'too much',
      error(422, 'UNPROCESSABLE_ENTITY', 'MAX_CAPTURE_AMOUNT_EXCEEDED'),
      { kind: 'refused', code: 'MAX_CAPTURE_AMOUNT_EXCEEDED' },
    ],
    [
      'of a void',
      error(422, 'UNPROCESSABLE_ENTITY', 'AUTHORIZATION_VOIDED'),
      { kind: 'refused', code: 'AUTHORIZATION_VOIDED' },
    ],
    [
      'done before under that name',
      error(422, 'UNPROCESSABLE_ENTITY', 'DUPLICATE_INVOICE_ID'),
      { kind: 'unknown', code: 'DUPLICATE_INVOICE_ID' },
    ],
    [
      'in progress',
      error(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
      { kind: 'unknown', code: 'PREVIOUS_REQUEST_IN_PROGRESS' },
    ],
    [
      'gone',
      error(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID'),
      { kind: 'refused', code: 'INVALID_RESOURCE_ID' },
    ],
    [
      '403',
      error(403, 'NOT_AUTHORIZED', 'PERMISSION_DENIED'),
      { kind: 'rejected', code: 'PERMISSION_DENIED', retryAfterMs: null },
    ],
    [
      '429',
      error(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '9' }),
      { kind: 'rejected', code: 'RATE_LIMIT_REACHED', retryAfterMs: 9_000 },
    ],
    ['500', error(500, 'INTERNAL_SERVER_ERROR'), { kind: 'unknown', code: 'INTERNAL_SERVER_ERROR' }],
    ["somebody's 422", new Response('no', { status: 422 }), { kind: 'unknown', code: 'http_422' }],
  ])('%s', async (_, answer, told) => {
    const provider = world.start({ ...LOOK, [PATHS.capture]: answer });
    expect(await provider.capture(operationOf())).toEqual(told);
  });

  it('that stand in the order under our name are not sent again', async () => {
    const order = authorizedOrder({ status: 'CAPTURED' }, { captures: [captureOf()] });
    const provider = world.start({ [PATHS.show]: json(order) });
    expect(await provider.capture(operationOf())).toMatchObject({ kind: 'confirmed' });
    const other = operationOf({ amount: { value: 1_000, currency: 'EUR' } });
    expect(await provider.capture(other)).toEqual({ kind: 'unknown', code: 'answer_mismatch' });
    expect(world.seen().every(({ method }) => method === 'GET')).toBe(true);
  });

  it.each<[string, Response | (() => Response), object]>([
    ['nothing authorized', json(orderOf(null)), { kind: 'refused', code: 'nothing_authorized' }],
    ['no such order', error(404, 'RESOURCE_NOT_FOUND'), { kind: 'refused', code: 'RESOURCE_NOT_FOUND' }],
    [
      "somebody else's order",
      json(orderOf(null, {}, { custom_id: 'att_b_1' })),
      { kind: 'not_sent', code: 'answer_mismatch' },
    ],
    [
      'another currency',
      json(authorizedOrder({ amount: euros('49.99', 'USD') })),
      { kind: 'not_sent', code: 'answer_mismatch' },
    ],
    ['no JSON', new Response('x'), { kind: 'not_sent', code: 'answer_malformed' }],
    [
      '500',
      error(500, 'INTERNAL_SERVER_ERROR'),
      { kind: 'rejected', code: 'INTERNAL_SERVER_ERROR', retryAfterMs: null },
    ],
    [
      '429',
      error(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '9' }),
      { kind: 'rejected', code: 'RATE_LIMIT_REACHED', retryAfterMs: 9_000 },
    ],
  ])('where the order cannot be read, nothing is sent: %s', async (_, answer, told) => {
    const provider = world.start({ [PATHS.show]: answer });
    expect(await provider.capture(operationOf())).toEqual(told);
    expect(world.seen()).toHaveLength(1);
  });

  it('of an amount that PayPal cannot be told is refused', async () => {
    const amount = { value: 1_000, currency: 'KWD' };
    const provider = world.start({});
    for (const operation of ['capture', 'refund'] as const) {
      const refusal = { kind: 'refused', code: 'not_supported' };
      expect(await provider[operation](operationOf({ amount }))).toEqual(refusal);
    }
    expect(world.seen()).toEqual([]);
  });
});

describe('voids', () => {
  const call = operationOf({ operationId: 'void_a_2', providerKey: 'key_a_1_v2' });

  it('have no body and no key, and are confirmed by the authorization', async () => {
    const provider = world.start({ ...LOOK, [PATHS.void]: json(voided()) });
    expect(await provider.void(call)).toEqual({ kind: 'confirmed', providerReference: '0AW2184448108334S' });
    const [, request] = world.seen();
    expect(request).toMatchObject({ method: 'POST', body: '' });
    expect(request?.headers).not.toHaveProperty('paypal-request-id');
  });

  const voided = (over: Record<string, unknown> = {}) => ({
    id: '0AW2184448108334S',
    status: 'VOIDED',
    amount: euros('49.99'),
    custom_id: ATTEMPT_ID,
    ...over,
  });

  it.each<[string, Response | (() => Response), object]>([
    [
      'no content',
      new Response(null, { status: 204 }),
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    [
      'done before',
      error(422, 'UNPROCESSABLE_ENTITY', 'PREVIOUSLY_VOIDED'),
      { kind: 'confirmed', providerReference: null },
    ],
    [
      'void',
      error(422, 'UNPROCESSABLE_ENTITY', 'AUTHORIZATION_VOIDED'),
      { kind: 'confirmed', providerReference: null },
    ],
    [
      'captured',
      error(422, 'UNPROCESSABLE_ENTITY', 'PREVIOUSLY_CAPTURED'),
      { kind: 'refused', code: 'PREVIOUSLY_CAPTURED' },
    ],
    ['gone', error(404, 'RESOURCE_NOT_FOUND'), { kind: 'not_found' }],
    [
      'in progress',
      error(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
      { kind: 'unknown', code: 'PREVIOUS_REQUEST_IN_PROGRESS' },
    ],
    [
      'not void after all',
      json(voided({ status: 'CREATED' })),
      { kind: 'unknown', code: 'answer_malformed' },
    ],
    [
      'of another authorization',
      json(voided({ id: 'OTHER1' })),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'of another amount',
      json(voided({ amount: euros('1.00') })),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'of another attempt',
      json(voided({ custom_id: 'att_b_1' })),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
  ])('%s', async (_, answer, told) => {
    expect(await world.start({ ...LOOK, [PATHS.void]: answer }).void(call)).toEqual(told);
  });

  it.each<[string, object, object]>([
    [
      'void already',
      authorizedOrder({ status: 'VOIDED' }),
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    [
      'denied',
      authorizedOrder({ status: 'DENIED' }),
      { kind: 'rejected', code: 'AUTHORIZATION_DENIED', retryAfterMs: null },
    ],
    ['not authorized so far', orderOf(null), { kind: 'not_found' }],
    [
      'an order that was voided unpaid',
      orderOf(null, { status: 'VOIDED' }),
      { kind: 'confirmed', providerReference: null },
    ],
  ])('send nothing where the order says enough: %s', async (_, order, told) => {
    expect(await world.start({ [PATHS.show]: json(order) }).void(call)).toEqual(told);
    expect(world.seen()).toHaveLength(1);
  });
});

describe('refunds', () => {
  const call = (value: number, over = {}) =>
    operationOf({
      operationId: 'ref_a_3',
      providerKey: 'key_a_1_r3',
      amount: { value, currency: 'EUR' },
      ...over,
    });
  const captured = (captures: readonly object[], refunds: readonly object[] = []) =>
    json(authorizedOrder({ status: 'CAPTURED' }, { captures, refunds }));
  const part = (id: string, value: string, status = 'COMPLETED') =>
    captureOf({ id, amount: euros(value), invoice_id: `cap_a_${id}`, status });
  const of = (id: string, value: string, over = {}) =>
    refundOf({
      id: `R${id}${value.replace('.', '')}`,
      amount: euros(value),
      invoice_id: `ref_a_${value}`,
      links: [{ rel: 'up', href: `${BASE}/v2/payments/captures/${id}` }],
      ...over,
    });

  it('act on the capture, under our names and the operation’s key', async () => {
    const provider = world.start({
      [PATHS.show]: captured([captureOf()]),
      [PATHS.refund]: json(refundOf(), 201),
    });
    expect(await provider.refund(call(400))).toEqual({
      kind: 'confirmed',
      providerReference: '1JU08902781691411',
    });
    const [, refund] = world.seen();
    expect(refund?.body).toBe(
      '{"amount":{"currency_code":"EUR","value":"4.00"},"custom_id":"att_a_1","invoice_id":"ref_a_3"}',
    );
    expect(refund?.headers).toMatchObject({ 'paypal-request-id': 'key_a_1_r3' });
  });

  it.each<[string, readonly object[], readonly object[], number, string]>([
    [
      'the one with least left that can give it alone',
      [part('A', '30.00'), part('B', '10.00')],
      [],
      900,
      'B',
    ],
    ['the larger one where the smaller cannot', [part('A', '30.00'), part('B', '10.00')], [], 1100, 'A'],
    [
      'not one that has given too much',
      [part('A', '10.00', 'PARTIALLY_REFUNDED'), part('B', '30.00')],
      [of('A', '6.00')],
      600,
      'B',
    ],
    [
      'one whose refund failed',
      [part('A', '10.00'), part('B', '30.00')],
      [of('A', '6.00', { status: 'FAILED' })],
      600,
      'A',
    ],
    [
      'a refund of an unnamed capture counts against each',
      [part('A', '10.00'), part('B', '30.00')],
      [of('A', '6.00', { links: [] })],
      600,
      'B',
    ],
    ['not one that is refunded', [part('A', '10.00', 'REFUNDED'), part('B', '30.00')], [], 600, 'B'],
  ])('go to %s', async (_, captures, refunds, value, chosen) => {
    const provider = world.start({
      [PATHS.show]: captured(captures, refunds),
      [`POST /v2/payments/captures/${chosen}/refund`]: () =>
        json(refundOf({ amount: euros((value / 100).toFixed(2)) }), 201),
    });
    expect(await provider.refund(call(value))).toMatchObject({ kind: 'confirmed' });
    expect(world.seen()).toHaveLength(2);
  });

  it.each<[string, readonly object[], readonly object[], number, string]>([
    [
      'more than any one can give',
      [part('A', '30.00'), part('B', '19.99')],
      [],
      4999,
      'refund_spans_captures',
    ],
    ['more than there is', [part('A', '30.00')], [of('A', '6.00')], 2500, 'refund_exceeds_captured'],
    ['nothing captured', [], [], 100, 'nothing_captured'],
    ['a capture that failed', [part('A', '30.00', 'DECLINED')], [], 100, 'nothing_captured'],
  ])('are never split, and sent nowhere: %s', async (_, captures, refunds, value, code) => {
    const provider = world.start({ [PATHS.show]: captured(captures, refunds) });
    expect(await provider.refund(call(value))).toEqual({ kind: 'refused', code });
    expect(world.seen()).toHaveLength(1);
  });

  it('that stand in the order under our name are not sent again', async () => {
    const provider = world.start({
      [PATHS.show]: captured([captureOf()], [refundOf({ status: 'PENDING' })]),
    });
    expect(await provider.refund(call(400))).toEqual({ kind: 'accepted' });
    expect(world.seen()).toHaveLength(1);
  });

  it('of a capture that is pending may be asked for again', async () => {
    const answer = error(422, 'UNPROCESSABLE_ENTITY', 'PENDING_CAPTURE');
    const provider = world.start({
      [PATHS.show]: captured([captureOf({ status: 'PENDING' })]),
      [PATHS.refund]: answer,
    });
    expect(await provider.refund(call(400))).toEqual({
      kind: 'rejected',
      code: 'PENDING_CAPTURE',
      retryAfterMs: null,
    });
  });
});

describe('inquiries about operations', () => {
  const ask = (operation: 'capture' | 'void' | 'refund', order: object, over = {}) =>
    world.start({ [PATHS.show]: json(order) }).inquireOperation(inquiryOf(operation, over));
  const done = authorizedOrder({ status: 'CAPTURED' }, { captures: [captureOf()], refunds: [refundOf()] });
  const refund = { operationId: 'ref_a_3', amount: { value: 400, currency: 'EUR' } };

  it.each<[string, 'capture' | 'void' | 'refund', object, object, object]>([
    ['a capture', 'capture', done, {}, { kind: 'confirmed', providerReference: '3C679366HH908993F' }],
    ['a refund', 'refund', done, refund, { kind: 'confirmed', providerReference: '1JU08902781691411' }],
    [
      'a pending one',
      'capture',
      authorizedOrder({}, { captures: [captureOf({ status: 'PENDING' })] }),
      {},
      { kind: 'pending' },
    ],
    [
      'a failed one',
      'capture',
      authorizedOrder({}, { captures: [captureOf({ status: 'FAILED' })] }),
      {},
      { kind: 'failed', code: 'FAILED' },
    ],
    [
      'a cancelled refund',
      'refund',
      authorizedOrder({}, { refunds: [refundOf({ status: 'CANCELLED' })] }),
      refund,
      { kind: 'failed', code: 'CANCELLED' },
    ],
    ['none of that name', 'capture', done, { operationId: 'cap_a_9' }, { kind: 'not_found' }],
    [
      'one of another amount',
      'refund',
      done,
      { ...refund, amount: { value: 401, currency: 'EUR' } },
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    [
      'another currency',
      'capture',
      done,
      { amount: { value: 4999, currency: 'USD' } },
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
    [
      'a void',
      'void',
      authorizedOrder({ status: 'VOIDED' }),
      {},
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    ['a void of what stands', 'void', authorizedOrder(), {}, { kind: 'not_found' }],
    [
      'a void of what was denied after the approval',
      'void',
      authorizedOrder({ status: 'DENIED' }),
      {},
      { kind: 'confirmed', providerReference: '0AW2184448108334S' },
    ],
    [
      'a void of what the issuer declined',
      'void',
      authorizedOrder({ status: 'DENIED', processor_response: { response_code: '5120' } }),
      {},
      { kind: 'not_found' },
    ],
    ['a void of what was not authorized', 'void', orderOf(null), {}, { kind: 'not_found' }],
    [
      'a void of an order that is void',
      'void',
      orderOf(null, { status: 'VOIDED' }),
      {},
      { kind: 'confirmed', providerReference: null },
    ],
    [
      "somebody else's order",
      'capture',
      { ...done, id: 'OTHER1' },
      {},
      { kind: 'no_answer', code: 'answer_mismatch' },
    ],
  ])('%s', async (_, operation, order, over, told) => {
    expect(await ask(operation, order, over)).toEqual(told);
  });

  it('an order that PayPal forgot says nothing of its operations', async () => {
    const provider = world.start({ [PATHS.show]: error(404, 'RESOURCE_NOT_FOUND') });
    expect(await provider.inquireOperation(inquiryOf('capture'))).toEqual({
      kind: 'no_answer',
      code: 'RESOURCE_NOT_FOUND',
    });
    expect(await provider.inquireOperation(inquiryOf('capture', { providerReference: null }))).toEqual({
      kind: 'no_answer',
      code: 'no_reference',
    });
  });
});
