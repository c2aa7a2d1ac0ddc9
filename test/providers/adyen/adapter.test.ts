import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AuthorizationRequest, StoredCredential, ThreeDs } from '../../../src/core/authorization.ts';
import type { ProviderContract } from '../../../src/core/rules/ruleset.ts';
import type { OperationCall, Provider } from '../../../src/gateway/ports.ts';
import { ADYEN_SEMANTICS, createAdyenProvider } from '../../../src/providers/adyen/adapter.ts';
import { wireKey } from '../../../src/providers/adyen/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { adyenContract } from './adyen-contract.ts';
import { approval, budgetOf, CAVV, callOf, operationOf, PSP_REFERENCE, refusal } from './adyen-fixture.ts';
import { API_KEY, HMAC_KEY, MERCHANT_ACCOUNT, TOKENS } from './adyen-stand-in.ts';

const declineTables = await shippedDeclineTables();

const BASE = 'https://checkout-test.adyen.com/v72';
const NOT_SUPPORTED = { kind: 'not_sent', code: 'not_supported' };

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Record<string, unknown>;
}

const seen: Seen[] = [];
let respond: (request: Seen) => Response;

const server = setupServer(
  http.all(`${BASE}/*`, async ({ request }) => {
    const each = {
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: JSON.parse(await request.text()),
    };
    seen.push(each);
    return respond(each);
  }),
);

let clock = new FakeClock();
let provider: Provider | null = null;

beforeAll(() => server.listen());
afterEach(() => {
  provider?.close();
  provider = null;
  seen.length = 0;
  expect(clock.pendingTimers).toBe(0);
});
afterAll(() => server.close());

function create(over: Partial<ProviderContract> = {}): Provider {
  clock = new FakeClock();
  provider = createAdyenProvider(adyenContract(over), { clock, declineTables: () => declineTables });
  return provider;
}

const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  () =>
    HttpResponse.json(body as Record<string, unknown>, { status, headers });

/** The body that is sent for a request. */
async function bodyFor(over: Partial<AuthorizationRequest>, brand: 'visa' | 'mastercard' = 'visa') {
  respond = json(approval());
  await create().authorize(callOf({ request: sampleRequest(over), brand }));
  return seen[0]?.body;
}

describe('the request of an authorization', () => {
  it('has these headers and this body', async () => {
    respond = json(approval());
    const request = sampleRequest({
      threeDs: {
        eci: '05',
        cavv: CAVV,
        dsTransactionId: 'c4e59ceb',
        version: '2.2.0',
        exemption: 'low_value',
      },
      initiator: 'merchant',
      storedCredential: { usage: 'subsequent', reason: 'recurring' },
      networkTransaction: { id: '060720116005060', network: 'Visa', date: '2026-01-02' },
    });
    await create().authorize(callOf({ request }));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', url: `${BASE}/payments` });
    expect(seen[0]?.headers).toMatchObject({
      host: 'checkout-test.adyen.com',
      'x-api-key': API_KEY,
      'idempotency-key': wireKey('key_aBc_1'),
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
    expect(seen[0]?.body).toEqual({
      amount: { value: 4999, currency: 'EUR' },
      merchantAccount: MERCHANT_ACCOUNT,
      reference: 'att_aBc_1',
      merchantOrderReference: 'order-7781',
      returnUrl: 'https://shop.example.com/checkout',
      paymentMethod: {
        type: 'scheme',
        storedPaymentMethodId: TOKENS.approve,
        networkPaymentReference: '060720116005060',
      },
      shopperReference: 'cust-9',
      shopperInteraction: 'ContAuth',
      recurringProcessingModel: 'Subscription',
      authenticationData: {
        attemptAuthentication: 'never',
        threeDSRequestData: { nativeThreeDS: 'disabled' },
      },
      mpiData: {
        cavv: CAVV,
        eci: '05',
        dsTransID: 'c4e59ceb',
        threeDSVersion: '2.2.0',
        directoryResponse: 'Y',
      },
      additionalData: { manualCapture: 'true', allowPartialAuth: 'false', scaExemption: 'lowValue' },
    });
  });

  it('without anything optional', async () => {
    respond = json(approval());
    await create().authorize(callOf({ budget: budgetOf({ traceparent: null }) }));
    expect(seen[0]?.headers).not.toHaveProperty('traceparent');
    expect(seen[0]?.body).not.toHaveProperty('mpiData');
    expect(seen[0]?.body).toMatchObject({
      shopperInteraction: 'ContAuth',
      recurringProcessingModel: 'CardOnFile',
      additionalData: { manualCapture: 'true', allowPartialAuth: 'false' },
    });
  });

  it('the same call gives the same bytes', async () => {
    respond = json(approval());
    const adapter = create();
    await adapter.authorize(callOf());
    await adapter.authorize(callOf());
    expect(seen[1]).toEqual(seen[0]);
  });

  it.each<['customer' | 'merchant', StoredCredential | null, string, string]>([
    ['customer', null, 'ContAuth', 'CardOnFile'],
    ['customer', { usage: 'subsequent', reason: 'unscheduled' }, 'ContAuth', 'CardOnFile'],
    ['customer', { usage: 'first', reason: 'recurring' }, 'Ecommerce', 'Subscription'],
    ['customer', { usage: 'first', reason: 'installment' }, 'Ecommerce', 'Subscription'],
    ['customer', { usage: 'first', reason: 'unscheduled' }, 'Ecommerce', 'UnscheduledCardOnFile'],
    ['merchant', null, 'ContAuth', 'UnscheduledCardOnFile'],
    ['merchant', { usage: 'subsequent', reason: 'recurring' }, 'ContAuth', 'Subscription'],
    ['merchant', { usage: 'subsequent', reason: 'installment' }, 'ContAuth', 'Subscription'],
    ['merchant', { usage: 'subsequent', reason: 'unscheduled' }, 'ContAuth', 'UnscheduledCardOnFile'],
    ['merchant', { usage: 'first', reason: 'recurring' }, 'ContAuth', 'Subscription'],
  ])('%s, %j: %s, %s', async (initiator, storedCredential, shopperInteraction, recurringProcessingModel) => {
    expect(await bodyFor({ initiator, storedCredential })).toMatchObject({
      shopperInteraction,
      recurringProcessingModel,
    });
  });

  it.each<[string, 'visa' | 'mastercard', string, boolean]>([
    ['visa', 'visa', 'the network that gave it', true],
    ['Visa', 'visa', 'it in another case', true],
    ['visa', 'mastercard', 'another network', false],
  ])('a network transaction of %s for a card of %s: %s', async (network, brand, _why, isSent) => {
    const networkTransaction = { id: 'ntid0', network, date: '2026-01-02' };
    const body = await bodyFor({ networkTransaction }, brand);
    const paymentMethod = { type: 'scheme', storedPaymentMethodId: TOKENS.approve };
    expect(body?.['paymentMethod']).toEqual(
      isSent ? { ...paymentMethod, networkPaymentReference: 'ntid0' } : paymentMethod,
    );
  });

  it.each<[string, string]>([
    ['low_value', 'lowValue'],
    ['secure_corporate', 'secureCorporate'],
    ['trusted_beneficiary', 'trustedBeneficiary'],
    ['transaction_risk_analysis', 'transactionRiskAnalysis'],
    ['tra', 'transactionRiskAnalysis'],
    ['low_risk', 'transactionRiskAnalysis'],
    ['acquirer_tra', 'transactionRiskAnalysis'],
  ])('the exemption %s is %s, and no authentication', async (exemption, scaExemption) => {
    const threeDs = { eci: null, cavv: null, dsTransactionId: null, version: null, exemption };
    const body = await bodyFor({ threeDs });
    expect(body?.['additionalData']).toMatchObject({ scaExemption });
    expect(body).not.toHaveProperty('mpiData');
  });

  it.each([
    ['05', 'Y'],
    ['02', 'Y'],
    ['06', 'A'],
    ['01', 'A'],
    ['07', undefined],
    ['00', undefined],
  ])('ECI %s: directory response %s', async (eci, directoryResponse) => {
    const threeDs = { eci, cavv: null, dsTransactionId: null, version: null, exemption: null };
    const mpiData = (await bodyFor({ threeDs }))?.['mpiData'];
    expect(mpiData).toEqual(directoryResponse === undefined ? { eci } : { eci, directoryResponse });
  });

  it('a network token, and a caller who takes a part', async () => {
    const card = { ...sampleRequest().card, networkToken: true };
    const body = await bodyFor({ card, acceptPartial: true });
    expect(body).toMatchObject({
      paymentMethod: { type: 'networkToken' },
      additionalData: { allowPartialAuth: 'true' },
    });
  });

  it.each<[string, number, number]>([
    ['EUR', 4999, 4999],
    ['JPY', 4999, 4999],
    ['BHD', 4999, 4999],
    // As docs.adyen.com/development-resources/currency-codes has them, and no standard does.
    ['CLP', 4999, 499_900],
    ['ISK', 4999, 499_900],
    ['CVE', 4900, 49],
    ['IDR', 4900, 49],
  ])('an amount in %s: %d is %d to Adyen, and back', async (currency, value, theirs) => {
    const amount = { value, currency };
    respond = json(approval({ amount: { value: theirs, currency } }));
    const outcome = await create().authorize(callOf({ request: sampleRequest({ amount }) }));
    expect(seen[0]?.body['amount']).toEqual({ value: theirs, currency });
    expect(outcome.kind).toBe('approved');
  });
});

describe('what Adyen cannot be told is not sent', () => {
  const threeDs = (over: Partial<ThreeDs>): Partial<AuthorizationRequest> => ({
    threeDs: { eci: '05', cavv: CAVV, dsTransactionId: 'ds1', version: '2.2.0', exemption: null, ...over },
  });

  it.each<[string, Partial<AuthorizationRequest>]>([
    ['no shopper', { shopper: { country: 'DE', id: null } }],
    ['a shopper of two characters', { shopper: { country: 'DE', id: 'ab' } }],
    ['a shopper of 257 characters', { shopper: { country: 'DE', id: 'a'.repeat(257) } }],
    ['an exemption of no such name', threeDs({ exemption: 'delegated_authority' })],
    ['a cryptogram in hexadecimal digits', threeDs({ cavv: '0099010648604100000001388549540000000000' })],
    ['a cryptogram that is too short', threeDs({ cavv: 'AJkBBkhgQQAAAAE4hUlUAAAAAA==' })],
    ['3D Secure 1', threeDs({ version: '1.0.2' })],
    ['half an escudo', { amount: { value: 50, currency: 'CVE' } }],
    ['more krónur than can be counted', { amount: { value: 2 ** 53 - 1, currency: 'ISK' } }],
    ['a currency of four decimals', { amount: { value: 10_000, currency: 'CLF' } }],
  ])('%s', async (_what, over) => {
    expect(await create().authorize(callOf({ request: sampleRequest(over) }))).toEqual(NOT_SUPPORTED);
    expect(seen).toEqual([]);
  });

  it.each(['', 'tok_visa', 'pm_1', 'M5N7TQ4TG5PFWR5/', 'A'.repeat(65)])('the token %j', async (token) => {
    expect(await create().authorize(callOf({ token }))).toEqual(NOT_SUPPORTED);
    expect(seen).toEqual([]);
  });

  it.each(['abc', 'a'.repeat(256)])('but a shopper as short and as long as %#', async (id) => {
    expect(await bodyFor({ shopper: { country: null, id } })).toMatchObject({ shopperReference: id });
  });

  it('the amount of a capture or refund is refused', async () => {
    const call = operationOf({ amount: { value: 50, currency: 'CVE' } });
    expect(await create().capture(call)).toEqual({ kind: 'refused', code: 'not_supported' });
    expect(await create().refund(call)).toEqual({ kind: 'refused', code: 'not_supported' });
    expect(seen).toEqual([]);
  });
});

const unknown = (code: string, providerReference: string | null = null) => ({
  kind: 'unknown',
  code,
  providerReference,
});
const rejected = (reason: string, code: string, retryAfterMs: number | null = null) => ({
  kind: 'rejected',
  reason,
  code,
  retryAfterMs,
  providerReference: null,
});

const own = (errorCode: string, errorType = 'validation') => ({
  status: 422,
  errorCode,
  errorType,
  message: `${TOKENS.approve} 4571736000000000`,
});

describe('the answer to an authorization', () => {
  it.each<[string, () => Response, unknown]>([
    [
      'authorized',
      json(approval()),
      {
        kind: 'approved',
        providerReference: PSP_REFERENCE,
        networkTransaction: { id: '060720116005060', network: 'visa', date: '2026-11-23' },
      },
    ],
    ['201', json(approval(), 201), unknown('http_201')],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: BASE } }),
      unknown('http_302'),
    ],
    ['no JSON', () => new HttpResponse('<h1>', { status: 200 }), unknown('answer_malformed')],
    [
      'JSON that does not say so',
      () => new HttpResponse(JSON.stringify(approval()), { status: 200 }),
      unknown('answer_malformed'),
    ],
    ['no result', json({ pspReference: PSP_REFERENCE }), unknown('answer_malformed')],
    ['a result that is none', json(approval({ resultCode: 'Authorised 4571' })), unknown('answer_malformed')],
    ['an amount that is none', json(approval({ amount: { value: '4999' } })), unknown('answer_malformed')],
    ['an id that is none', json(approval({ pspReference: 'a b' })), unknown('answer_malformed')],
    ['401', json(own('000', 'security'), 401), rejected('configuration', 'error_000')],
    ['401 without a word', json({}, 401), rejected('configuration', 'http_401')],
    ['403', json(own('901', 'security'), 403), rejected('configuration', 'error_901')],
    ['429', json({}, 429, { 'retry-after': '7' }), rejected('rate_limited', 'http_429', 7_000)],
    ['404 of Adyen', json(own('000'), 404), rejected('configuration', 'error_000')],
    ['404 of somebody else', json({}, 404), unknown('http_404')],
    ['409, in flight', json(own('704'), 409), unknown('error_704')],
    ['422, in flight', json(own('704'), 422), unknown('error_704')],
    ['422, in flight, transient', json(own('704'), 422, { 'transient-error': 'true' }), unknown('error_704')],
    ['409 without a word', json({}, 409), unknown('http_409')],
    ['422 of somebody else', json({ errors: [] }, 422), unknown('http_422')],
    ['422, internal', json(own('999', 'internal'), 422), unknown('error_999')],
    ['422, an internal error', json(own('903'), 422), unknown('error_903')],
    ['422, set up wrongly', json(own('951', 'configuration'), 422), rejected('configuration', 'error_951')],
    [
      '500, transient',
      json(own('905'), 500, { 'transient-error': 'true' }),
      rejected('transient', 'error_905'),
    ],
    ['503, transient', json({}, 503, { 'transient-error': 'true' }), rejected('transient', 'http_503')],
    ['500, not transient', json(own('905'), 500, { 'transient-error': 'false' }), unknown('error_905')],
    ['500', json(own('905', 'configuration'), 500), unknown('error_905')],
    ['502', () => new HttpResponse('<h1>', { status: 502 }), unknown('http_502')],
    ['400, transient', json({}, 400, { 'transient-error': 'true' }), unknown('http_400')],
    ['an error code that is none', json({ ...own('1'), errorCode: '4571 7360' }, 500), unknown('http_500')],
  ])('%s', async (_what, answer, expected) => {
    respond = answer;
    const outcome = await create().authorize(callOf());
    expect(outcome).toEqual(expected);
    expect(JSON.stringify(outcome)).not.toContain(TOKENS.approve);
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['error_101', '101', { category: 'invalid_data', otherProvider: 'no' }],
    ['error_138', '138', { category: 'config', otherProvider: 'yes_once' }],
    ['error_803', '803', { category: 'config', otherProvider: 'yes_once' }],
    ['error_905_1', '905_1', { category: 'config', otherProvider: 'yes_once' }],
    ['error_14_030', '14_030', { category: 'config', otherProvider: 'yes_once' }],
    ['error_14_999', '14_999', { category: 'unmapped', otherProvider: 'no' }],
  ])('422 %s is a decline by the table', async (code, errorCode, decline) => {
    respond = json(own(errorCode), 422);
    expect(await create().authorize(callOf())).toMatchObject({
      kind: 'declined',
      decline: { ...decline, code, networkCode: null, advice: null, mayHideApproval: false },
      providerReference: null,
    });
  });

  it('names neither reference nor amount: only the key tells that it is ours', async () => {
    const { merchantReference: _, ...without } = refusal();
    respond = ({ headers }) =>
      json(without, 200, { 'Idempotency-Key': headers['idempotency-key']?.toUpperCase() ?? '' })();
    expect(await create().authorize(callOf())).toMatchObject({ kind: 'declined' });
    respond = json(without, 200, { 'Idempotency-Key': wireKey('another') });
    expect(await create().authorize(callOf())).toEqual(unknown('answer_mismatch'));
    respond = json(without);
    expect(await create().authorize(callOf())).toEqual(unknown('answer_mismatch'));
  });

  it('an approval must name both, whatever the key says', async () => {
    const { merchantReference: _, ...without } = approval();
    respond = ({ headers }) => json(without, 200, { 'idempotency-key': headers['idempotency-key'] ?? '' })();
    expect((await create().authorize(callOf())).kind).toBe('unknown');
    const { amount: __, ...silent } = approval();
    respond = json(silent);
    expect(await create().authorize(callOf())).toEqual(unknown('amount_not_told', PSP_REFERENCE));
  });
});

const received = (over: Record<string, unknown> = {}) => ({
  merchantAccount: MERCHANT_ACCOUNT,
  paymentPspReference: PSP_REFERENCE,
  reference: 'cap_aBc_1',
  pspReference: 'JDD6LKT8MBLZNN84',
  status: 'received',
  amount: { value: 1_000, currency: 'EUR' },
  ...over,
});

describe('operations', () => {
  const amount = { value: 1_000, currency: 'EUR' };

  it.each<['capture' | 'void' | 'refund', Partial<OperationCall>, string, Record<string, unknown>, string]>([
    [
      'capture',
      {},
      `/payments/${PSP_REFERENCE}/captures`,
      { merchantAccount: MERCHANT_ACCOUNT, amount, reference: 'cap_aBc_1' },
      'key_aBc_1_c1',
    ],
    [
      'refund',
      { operationId: 'ref_aBc_2', providerKey: 'key_aBc_1_r2' },
      `/payments/${PSP_REFERENCE}/refunds`,
      { merchantAccount: MERCHANT_ACCOUNT, amount, reference: 'ref_aBc_2' },
      'key_aBc_1_r2',
    ],
    [
      'void',
      { operationId: 'void_aBc_3', providerKey: 'key_aBc_1_v3' },
      `/payments/${PSP_REFERENCE}/cancels`,
      { merchantAccount: MERCHANT_ACCOUNT, reference: 'void_aBc_3' },
      'key_aBc_1_v3',
    ],
    [
      'void',
      { operationId: 'void_aBc_3', providerKey: 'key_aBc_1_v3', providerReference: null },
      '/cancels',
      { merchantAccount: MERCHANT_ACCOUNT, paymentReference: 'att_aBc_1', reference: 'void_aBc_3' },
      'key_aBc_1_v3r',
    ],
    ['void', { providerReference: 'a/b?c' }, '/payments/a%2Fb%3Fc/cancels', {}, 'key_aBc_1_c1'],
  ])('%s %j goes to %s', async (name, over, path, body, key) => {
    respond = json(received({ ...over, ...body }), 201);
    await create()[name](operationOf(over));
    expect(seen[0]).toMatchObject({ method: 'POST', url: `${BASE}${path}` });
    expect(seen[0]?.headers['idempotency-key']).toBe(wireKey(key));
    expect(seen[0]?.headers['x-api-key']).toBe(API_KEY);
    if (Object.keys(body).length > 0) expect(seen[0]?.body).toEqual(body);
  });

  it.each<[string, Record<string, unknown>, unknown]>([
    ['received', {}, { kind: 'accepted' }],
    ['another status', { status: 'done' }, { kind: 'unknown', code: 'answer_malformed' }],
    ['another merchant account', { merchantAccount: 'Other' }, { kind: 'unknown', code: 'answer_mismatch' }],
    ['another operation', { reference: 'cap_aBc_2' }, { kind: 'unknown', code: 'answer_mismatch' }],
    ['no operation', { reference: undefined }, { kind: 'unknown', code: 'answer_mismatch' }],
    ['another payment', { paymentPspReference: 'X1' }, { kind: 'unknown', code: 'answer_mismatch' }],
    [
      'another amount',
      { amount: { value: 999, currency: 'EUR' } },
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    [
      'another currency',
      { amount: { value: 1000, currency: 'USD' } },
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    ['no amount', { amount: undefined }, { kind: 'unknown', code: 'answer_mismatch' }],
  ])('an answer with %s', async (_what, over, expected) => {
    respond = json(received(over), 201);
    expect(await create().capture(operationOf())).toEqual(expected);
    expect(await create().refund(operationOf())).toEqual(expected);
  });

  it.each<[string, Record<string, unknown>, unknown]>([
    ['ours', {}, { kind: 'accepted' }],
    ['another payment', { paymentReference: 'att_aBc_2' }, { kind: 'unknown', code: 'answer_mismatch' }],
    [
      'the letters in another case',
      { paymentReference: 'att_abc_1' },
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
  ])('a cancellation by reference that answers with %s', async (_what, over, expected) => {
    const { amount: _, paymentPspReference: __, ...rest } = received();
    respond = json({ ...rest, paymentReference: 'att_aBc_1', ...over }, 201);
    expect(await create().void(operationOf({ providerReference: null }))).toEqual(expected);
  });

  it.each<[string, () => Response, unknown, unknown]>([
    ['no such payment', json(own('167'), 422), { kind: 'not_found' }, { kind: 'refused', code: 'error_167' }],
    ['not allowed', json(own('166'), 422), { kind: 'refused', code: 'error_166' }, null],
    ['400', json(own('702'), 400), { kind: 'refused', code: 'error_702' }, null],
    ['in flight', json(own('704'), 422), { kind: 'unknown', code: 'error_704' }, null],
    ['422 of somebody else', json({}, 422), { kind: 'unknown', code: 'http_422' }, null],
    ['422, internal', json(own('9', 'internal'), 422), { kind: 'unknown', code: 'error_9' }, null],
    ['401', json(own('000'), 401), { kind: 'rejected', code: 'error_000', retryAfterMs: null }, null],
    ['403', json(own('901'), 403), { kind: 'rejected', code: 'error_901', retryAfterMs: null }, null],
    [
      '429',
      json({}, 429, { 'retry-after': '3' }),
      { kind: 'rejected', code: 'http_429', retryAfterMs: 3_000 },
      null,
    ],
    [
      'transient',
      json(own('905'), 500, { 'transient-error': 'true' }),
      { kind: 'rejected', code: 'error_905', retryAfterMs: null },
      null,
    ],
    [
      '500 of Adyen',
      json(own('905'), 500),
      { kind: 'unknown', code: 'error_905', answered: 'failure' },
      null,
    ],
    [
      '503 of Adyen',
      json(own('905'), 503),
      { kind: 'unknown', code: 'error_905', answered: 'failure' },
      null,
    ],
    ['502 of Adyen', json(own('905'), 502), { kind: 'unknown', code: 'error_905' }, null],
    ['500 of somebody else', json({}, 500), { kind: 'unknown', code: 'http_500' }, null],
    ['200', json(received(), 200), { kind: 'unknown', code: 'http_200' }, null],
    ['404', json({}, 404), { kind: 'unknown', code: 'http_404' }, null],
  ])('%s', async (_what, answer, ofVoid, ofOthers) => {
    respond = answer;
    const adapter = create();
    expect(await adapter.void(operationOf())).toEqual(ofVoid);
    expect(await adapter.capture(operationOf())).toEqual(ofOthers ?? ofVoid);
    expect(await adapter.refund(operationOf())).toEqual(ofOthers ?? ofVoid);
  });
});

describe('inquiries', () => {
  it('there are none, and nothing is sent', async () => {
    const adapter = create();
    const { attemptId, request, brand, scaRegion, budget } = callOf();
    const query = { attemptId, providerReference: PSP_REFERENCE, request, brand, scaRegion, budget };
    expect(await adapter.inquire(query)).toEqual({ kind: 'no_answer', code: 'no_inquiry' });
    const operation = { ...operationOf(), operation: 'capture' } as const;
    expect(await adapter.inquireOperation(operation)).toEqual({ kind: 'no_answer', code: 'no_inquiry' });
    expect(seen).toEqual([]);
  });
});

describe('the set-up', () => {
  const problemOf = (over: Partial<ProviderContract>): string => {
    try {
      create(over);
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : '';
    }
    return '';
  };

  it('names everything that is missing at once, and how to mend it', () => {
    const problem = problemOf({ baseUrl: null, credentials: {}, settings: {} });
    expect(problem).toMatch(/^ProviderSetupError: /);
    for (const name of [
      'base_url is missing',
      'https://checkout-test.adyen.com/v72',
      '<prefix>-checkout-live.adyenpayments.com/checkout/v72',
      'credentials.api_key is missing',
      'credentials.webhook_secret is missing',
      'settings.merchant_account is missing',
      'settings.return_url is missing',
    ]) {
      expect(problem).toContain(name);
    }
  });

  const { credentials, settings } = adyenContract();

  it.each<[string, Partial<ProviderContract>, RegExp]>([
    [
      'a key with a line end',
      { credentials: { ...credentials, api_key: 'abc\n' } },
      /api_key cannot be sent/,
    ],
    ['a secret that is no key', { credentials: { ...credentials, webhook_secret: 'geheim' } }, /hexadecimal/],
    [
      'one of two secrets that is no key',
      { credentials: { ...credentials, webhook_secret: `${HMAC_KEY},geheim` } },
      /hexadecimal/,
    ],
    ['a merchant account with a colon', { settings: { ...settings, merchant_account: 'A:B' } }, /colon/],
    ['a return URL that is none', { settings: { ...settings, return_url: 'shop' } }, /return_url/],
    ['a return URL of a program', { settings: { ...settings, return_url: 'javascript:1' } }, /return_url/],
    ['a base URL in clear', { baseUrl: 'http://checkout-test.adyen.com/v72' }, /in clear/],
  ])('%s is refused, and no secret told', (_what, over, message) => {
    const problem = problemOf(over);
    expect(problem).toMatch(message);
    for (const secret of ['abc\n', 'geheim', API_KEY, HMAC_KEY]) expect(problem).not.toContain(secret);
  });

  it('takes what the contract says of the account', () => {
    const adapter = create({ semantics: { keyLifetimeMs: 31 * 86_400_000 } });
    expect(adapter.semantics).toEqual({ ...ADYEN_SEMANTICS, keyLifetimeMs: 31 * 86_400_000 });
    expect(adapter).toMatchObject({ id: 'adyen-eu', live: true });
  });
});
