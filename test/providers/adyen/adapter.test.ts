import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import type { AuthorizationRequest, StoredCredential, ThreeDs } from '../../../src/core/authorization.ts';
import { wireKey } from '../../../src/providers/adyen/transformers.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { approval, budgetOf, CAVV, callOf, operationOf, PSP_REFERENCE, refusal } from './adyen-fixture.ts';
import { API_KEY, MERCHANT_ACCOUNT, TOKENS } from './adyen-stand-in.ts';
import { BASE, json, overMsw, own } from './over-msw.ts';

const NOT_SUPPORTED = {
  kind: 'not_sent',
  code: 'not_supported',
  missing: expect.stringMatching(/^(?:amount|shopper\.id|card token|three_ds) /),
};

const { seen, answer, create } = overMsw();

/** The body that is sent for a request. */
async function bodyFor(over: Partial<AuthorizationRequest>, brand: 'visa' | 'mastercard' = 'visa') {
  answer(json(approval()));
  await create().authorize(callOf({ request: sampleRequest(over), brand }));
  return seen[0]?.body;
}

describe('the request of an authorization', () => {
  it('has these headers and this body', async () => {
    answer(json(approval()));
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
    answer(json(approval()));
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
    answer(json(approval()));
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
    answer(json(approval({ amount: { value: theirs, currency } })));
    const outcome = await create().authorize(callOf({ request: sampleRequest({ amount }) }));
    expect(seen[0]?.body['amount']).toEqual({ value: theirs, currency });
    expect(outcome.kind).toBe('approved');
  });
});

describe('what Adyen cannot be told is not sent', () => {
  it.each<[RegExp, Parameters<typeof callOf>[0]]>([
    [/^amount /, { request: sampleRequest({ amount: { value: 50, currency: 'CVE' } }) }],
    [/^shopper\.id of 3 to 256 /, { request: sampleRequest({ shopper: { country: 'DE', id: null } }) }],
    [/^card token /, { token: 'tok 1' }],
  ])('%s is named', async (missing, over) => {
    expect(await create().authorize(callOf(over))).toMatchObject({ missing: expect.stringMatching(missing) });
  });

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
    ['401 without a word', json({}, 401), unknown('http_401')],
    [
      '401 by the name that Adyen gave the request',
      json({}, 401, { pspreference: PSP_REFERENCE }),
      rejected('configuration', 'http_401'),
    ],
    ['403 without a word', json({}, 403), unknown('http_403')],
    ['403', json(own('901', 'security'), 403), rejected('configuration', 'error_901')],
    ['429', json(own('010'), 429, { 'retry-after': '7' }), rejected('rate_limited', 'error_010', 7_000)],
    ['429 without a word', json({}, 429, { 'retry-after': '7' }), unknown('http_429')],
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
  ])('%s', async (_what, answered, expected) => {
    answer(answered);
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
    answer(json(own(errorCode), 422));
    expect(await create().authorize(callOf())).toMatchObject({
      kind: 'declined',
      decline: { ...decline, code, networkCode: null, advice: null, mayHideApproval: false },
      providerReference: null,
    });
  });

  it('names neither reference nor amount: only the key tells that it is ours', async () => {
    const { merchantReference: _, ...without } = refusal();
    answer(({ headers }) =>
      json(without, 200, { 'Idempotency-Key': headers['idempotency-key']?.toUpperCase() ?? '' })(),
    );
    expect(await create().authorize(callOf())).toMatchObject({ kind: 'declined' });
    answer(json(without, 200, { 'Idempotency-Key': wireKey('another') }));
    expect(await create().authorize(callOf())).toEqual(unknown('answer_mismatch'));
    answer(json(without));
    expect(await create().authorize(callOf())).toEqual(unknown('answer_mismatch'));
  });

  it('an approval must name both, whatever the key says', async () => {
    const { merchantReference: _, ...without } = approval();
    answer(({ headers }) => json(without, 200, { 'idempotency-key': headers['idempotency-key'] ?? '' })());
    expect((await create().authorize(callOf())).kind).toBe('unknown');
    const { amount: __, ...silent } = approval();
    answer(json(silent));
    expect(await create().authorize(callOf())).toEqual(unknown('amount_not_told', PSP_REFERENCE));
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
