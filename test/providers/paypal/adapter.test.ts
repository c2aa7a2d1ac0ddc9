import { describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import { createPaypalProvider } from '../../../src/providers/paypal/adapter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import {
  authorizationOf,
  authorizedOrder,
  budget,
  callOf,
  declineTables,
  error,
  euros,
  json,
  networkError,
  ORDER_ID,
  orderOf,
  PATHS,
  paypalWorld,
  queryOf,
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
      operationNotFoundAfterMs: 3_600_000,
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
    ['yen of sixteen digits', { request: { amount: { value: 1_000_000_000_000_000, currency: 'JPY' } } }],
  ])('%s cannot be told, and nothing is sent', async (_, over) => {
    const provider = world.start(GOOD);
    expect(await provider.authorize(callOf(over))).toEqual({
      kind: 'not_sent',
      code: 'not_supported',
      missing: expect.stringMatching(
        /^(?:amount|card token|three_ds|stored_credential|network_transaction)\b/,
      ),
    });
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
