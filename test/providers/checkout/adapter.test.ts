import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { NOT_SUPPORTED } from '../../../src/core/attempt.ts';
import type { AuthorizationRequest, NetworkTransaction, ThreeDs } from '../../../src/core/authorization.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import type { AuthorizeCall } from '../../../src/gateway/ports.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { approval, budgetOf, CAVV, callOf, declined, PAYMENT_ID } from './checkout-fixture.ts';
import { CHANNEL, SECRET_KEY, TOKENS } from './checkout-stand-in.ts';
import { bare, json, overMsw, own } from './over-msw.ts';

const { seen, answer, create } = overMsw();

const PLAIN = {
  source: { type: 'id', id: TOKENS.approve },
  amount: 4999,
  currency: 'EUR',
  payment_type: 'Regular',
  merchant_initiated: false,
  reference: 'att_aBc_1',
  capture: false,
  processing_channel_id: CHANNEL,
  '3ds': { enabled: false, allow_upgrade: false },
  metadata: { attempt_id: 'att_aBc_1', merchant_reference: 'order-7781' },
};

/** What is sent for a request; null when nothing is. */
async function sent(
  over: Partial<AuthorizationRequest>,
  call: Partial<AuthorizeCall> = {},
): Promise<unknown> {
  answer(json(approval(), 201));
  const outcome = await create().authorize(callOf({ request: sampleRequest(over), ...call }));
  const body = seen.shift()?.body ?? null;
  expect(body === null).toBe(outcome.kind === 'not_sent');
  if (outcome.kind === 'not_sent')
    expect(outcome).toEqual({
      kind: 'not_sent',
      code: NOT_SUPPORTED,
      missing: expect.stringMatching(/^(?:amount|card token|card\.network_token|three_ds|reference) /),
    });
  return body;
}

describe('the request of an authorization', () => {
  it('has this path, these headers and this body, and nothing else', async () => {
    answer(json(approval(), 201));
    await create().authorize(callOf());
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'POST', path: '/payments', body: PLAIN });
    expect(seen[0]?.body).toEqual(PLAIN);
    expect(seen[0]?.headers).toMatchObject({
      host: 'api.checkout.com',
      authorization: `Bearer ${SECRET_KEY}`,
      'cko-idempotency-key': 'key_aBc_1',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
  });

  it('goes to the account’s own base URL, without a trace where there is none', async () => {
    answer(json(approval(), 201));
    const provider = create({ baseUrl: 'https://api.checkout.com/prefix' });
    await provider.authorize(callOf({ budget: budgetOf({ traceparent: null }) }));
    expect(seen).toMatchObject([{ path: '/prefix/payments' }]);
    expect(seen[0]?.headers).not.toHaveProperty('traceparent');
  });

  const stored = (usage: 'first' | 'subsequent', reason: 'recurring' | 'installment' | 'unscheduled') =>
    ({ storedCredential: { usage, reason } }) as const;
  const merchant = { initiator: 'merchant' } as const;
  const NO_RETRY = { retry: { dunning: { enabled: false }, downtime: { enabled: false } } };
  const KEEP = { store_for_future_use: true };
  const KEPT = { stored: true };

  it.each<[string, Partial<AuthorizationRequest>, string, Record<string, unknown>, Record<string, unknown>]>([
    ['a first recurring', stored('first', 'recurring'), 'Recurring', KEEP, {}],
    ['a first instalment', stored('first', 'installment'), 'Installment', KEEP, {}],
    ['a first of no schedule', stored('first', 'unscheduled'), 'Regular', KEEP, {}],
    ['a later one by the customer', stored('subsequent', 'recurring'), 'Regular', KEPT, {}],
    [
      'a merchant’s recurring',
      { ...merchant, ...stored('subsequent', 'recurring') },
      'Recurring',
      KEPT,
      NO_RETRY,
    ],
    [
      'a merchant’s instalment',
      { ...merchant, ...stored('subsequent', 'installment') },
      'Installment',
      KEPT,
      NO_RETRY,
    ],
    [
      'a merchant’s other',
      { ...merchant, ...stored('subsequent', 'unscheduled') },
      'Unscheduled',
      KEPT,
      NO_RETRY,
    ],
    ['a merchant’s without an agreement', merchant, 'Unscheduled', KEPT, NO_RETRY],
  ])('%s', async (_what, over, type, source, more) => {
    const { merchant_initiated: _, ...plain } = PLAIN;
    expect(await sent(over)).toEqual({
      ...plain,
      merchant_initiated: over.initiator === 'merchant',
      payment_type: type,
      source: { ...PLAIN.source, ...source },
      ...more,
    });
  });

  const LINK: NetworkTransaction = { id: 'ntid0', network: 'Visa', date: '2026-01-02' };
  it.each<[string, Partial<AuthorizationRequest>, CardBrand, string | undefined]>([
    ['to the network that gave it', { ...merchant, networkTransaction: LINK }, 'visa', 'ntid0'],
    ['not to another', { ...merchant, networkTransaction: LINK }, 'mastercard', undefined],
    ['not of an unknown brand', { ...merchant, networkTransaction: LINK }, 'unknown', undefined],
    ['only of what a merchant initiates', { networkTransaction: LINK }, 'visa', undefined],
  ])('the identifier of the first payment goes %s', async (_what, over, brand, id) => {
    const body = await sent(over, { brand });
    expect((body as Record<string, unknown>)['previous_payment_id']).toBe(id);
  });

  it('asks for a part only where the caller takes one', async () => {
    expect(await sent({ acceptPartial: true })).toEqual({
      ...PLAIN,
      partial_authorization: { enabled: true },
    });
  });

  const full: ThreeDs = { eci: '05', cavv: CAVV, dsTransactionId: 'ds-1', version: '2.2.0', exemption: null };
  const none: ThreeDs = { eci: null, cavv: null, dsTransactionId: null, version: null, exemption: null };
  const told = { enabled: true, allow_upgrade: false, eci: '05', cryptogram: CAVV, version: '2.2.0' };
  const off = { enabled: false, allow_upgrade: false };
  it.each<[string, ThreeDs, CardBrand, Record<string, unknown> | null]>([
    ['all of it', full, 'mastercard', { ...told, xid: 'ds-1' }],
    ['an ECI of one digit', { ...full, eci: '5' }, 'visa', { ...told, xid: 'ds-1' }],
    ['Visa’s second version without an id', { ...full, dsTransactionId: null }, 'visa', told],
    ['Visa’s first without an id', { ...full, dsTransactionId: null, version: '1.0.2' }, 'visa', null],
    ['Mastercard’s without an id', { ...full, dsTransactionId: null }, 'mastercard', null],
    ['American Express’ without an id', { ...full, dsTransactionId: null }, 'amex', null],
    ['without the cryptogram', { ...full, cavv: null }, 'visa', null],
    ['without the ECI', { ...full, eci: null }, 'visa', null],
    ['without the version, which would be taken for the first', { ...full, version: null }, 'visa', null],
    [
      'a cryptogram of 50 characters',
      { ...full, cavv: 'A'.repeat(50) },
      'visa',
      { ...told, xid: 'ds-1', cryptogram: 'A'.repeat(50) },
    ],
    ['a cryptogram of 51', { ...full, cavv: 'A'.repeat(51) }, 'visa', null],
    ['nothing', none, 'visa', off],
    ['only an id', { ...none, dsTransactionId: 'ds-1' }, 'visa', null],
    [
      'with an exemption',
      { ...full, exemption: 'low_value' },
      'visa',
      { ...told, xid: 'ds-1', exemption: 'low_value' },
    ],
    ['an exemption alone', { ...none, exemption: 'low_value' }, 'visa', { ...off, exemption: 'low_value' }],
    ['TRA', { ...none, exemption: 'tra' }, 'visa', { ...off, exemption: 'transaction_risk_assessment' }],
    [
      'corporate',
      { ...none, exemption: 'secure_corporate' },
      'visa',
      { ...off, exemption: 'secure_corporate_payment' },
    ],
    [
      'trusted',
      { ...none, exemption: 'trusted_beneficiary' },
      'visa',
      { ...off, exemption: 'trusted_listing' },
    ],
    ['an exemption without a name there', { ...none, exemption: 'delegated' }, 'visa', null],
    ['the same beside an authentication', { ...full, exemption: 'delegated' }, 'visa', null],
  ])('3DS, %s', async (_what, threeDs, brand, expected) => {
    expect(await sent({ threeDs }, { brand })).toEqual(
      expected === null ? null : { ...PLAIN, '3ds': expected },
    );
  });

  it.each<[string, Partial<AuthorizationRequest>, Partial<AuthorizeCall>]>([
    ['a token of another provider', {}, { token: 'pm_1234567890' }],
    ['a one-time token', {}, { token: 'tok_4gzeau5o2uqubbk6fufs3m7p54' }],
    ['a token that leaves its place', {}, { token: `${TOKENS.approve}/../x` }],
    ['a network token', { card: { ...sampleRequest().card, networkToken: true } }, {}],
    ['a reference that is too long', {}, { attemptId: `att_${'a'.repeat(45)}_1` }],
    [
      'a reference that is too long for American Express',
      {},
      { attemptId: `att_${'a'.repeat(25)}_1`, brand: 'amex' },
    ],
  ])('%s is not sent, so that another provider may take it', async (_what, over, call) => {
    expect(await sent(over, call)).toBeNull();
  });

  it.each<[string, number, boolean]>([
    ['EUR', 1, true],
    ['EUR', 999_999_999, true],
    ['EUR', 1_000_000_000, false],
    ['JPY', 5_000, true],
    ['ISK', 1, true],
    ['KWD', 1_310, true],
    ['KWD', 1_312, false],
    ['CLP', 5_000, false],
    ['CLF', 10_000, false],
    ['UYW', 10_000, false],
    ['UYI', 100, false],
    ['MGA', 105, true],
  ])('%s %d: sent %s', async (currency, value, expected) => {
    const body = await sent({ amount: { value, currency } });
    if (expected) expect(body).toMatchObject({ amount: value, currency });
    else expect(body).toBeNull();
  });

  it('the longest references that fit are sent', async () => {
    const long = `att_${'a'.repeat(44)}_1`;
    expect(long).toHaveLength(50);
    expect(await sent({}, { attemptId: long })).toMatchObject({ reference: long });
    const short = `att_${'a'.repeat(24)}_1`;
    expect(short).toHaveLength(30);
    expect(await sent({}, { attemptId: short, brand: 'amex' })).toMatchObject({ reference: short });
  });

  it('the same call gives the same bytes', async () => {
    expect(await sent({ threeDs: full })).toEqual(await sent({ threeDs: full }));
  });
});

describe('the answer to an authorization', () => {
  const outcomeOf = async (respond: () => Response) => {
    answer(respond);
    return create().authorize(callOf());
  };
  const unknown = (code: string, providerReference: string | null = null) => ({
    kind: 'unknown',
    code,
    providerReference,
  });

  it.each<[string, () => Response, Record<string, unknown>]>([
    ['201', json(approval(), 201), { kind: 'approved', providerReference: PAYMENT_ID }],
    ['201 declined', json(declined(), 201), { kind: 'declined', decline: { code: '20005' } }],
    [
      '202 to be decided',
      json({ id: PAYMENT_ID, status: 'Pending', reference: 'att_aBc_1', _links: {} }, 202),
      { kind: 'pending', code: null, providerReference: PAYMENT_ID },
    ],
    [
      '202 with a redirect, which nobody is told of',
      json(
        {
          id: PAYMENT_ID,
          status: 'Pending',
          reference: 'att_aBc_1',
          _links: { redirect: { href: 'https://x' } },
        },
        202,
      ),
      { kind: 'pending', code: 'redirect' },
    ],
    ['202 with an approval', json(approval(), 202), unknown('answer_mismatch', PAYMENT_ID)],
    ['202 with a decline', json(declined(), 202), unknown('answer_mismatch', PAYMENT_ID)],
    ['200', json(approval(), 200), unknown('http_200')],
    ['204', () => new HttpResponse(null, { status: 204 }), unknown('http_204')],
    ['307', () => new HttpResponse(null, { status: 307, headers: { location: '/' } }), unknown('http_307')],
    ['201 of HTML', () => HttpResponse.html('<p>ok</p>', { status: 201 }), unknown('answer_malformed')],
    [
      '201 of half',
      () => HttpResponse.text('{"id":', { status: 201, headers: { 'content-type': 'application/json' } }),
      unknown('answer_malformed'),
    ],
    ['201 of null', json(null, 201), unknown('answer_malformed')],
    ['201 of a list', json([approval()], 201), unknown('answer_malformed')],
    ['201 of a status nobody knows', json(approval({ status: 'Settled' }), 201), unknown('answer_malformed')],
    ['201 with a fraction', json(approval({ amount: 49.99 }), 201), unknown('answer_malformed')],
    ['201 with an amount as text', json(approval({ amount: '4999' }), 201), unknown('answer_malformed')],
    [
      '201 with an id that leaves its place',
      json(approval({ id: '../voids' }), 201),
      unknown('answer_malformed'),
    ],
    [
      '201 with a code that is text',
      json(declined({ response_code: 'Declined: src_' }), 201),
      unknown('answer_malformed'),
    ],
    ['401', bare(401, 'checkout'), { kind: 'rejected', reason: 'configuration', code: 'http_401' }],
    ['401 of somebody on the way', bare(401, 'somebody'), unknown('http_401')],
    ['403 of somebody on the way', bare(403, 'somebody'), unknown('http_403')],
    ['429 of somebody on the way', bare(429, 'somebody'), unknown('http_429')],
    ['403', bare(403, 'checkout'), { kind: 'rejected', reason: 'configuration', code: 'http_403' }],
    ['404', bare(404, 'checkout'), { kind: 'rejected', reason: 'configuration', code: 'http_404' }],
    ['404 of somebody on the way', bare(404, 'somebody'), unknown('http_404')],
    ['409', own(409, 'request_conflict', []), unknown('request_conflict')],
    [
      '422',
      own(422, 'request_invalid', ['amount_invalid']),
      {
        kind: 'declined',
        decline: { category: 'invalid_data', otherProvider: 'no', code: 'amount_invalid' },
      },
    ],
    [
      '422 of the account',
      own(422, 'request_invalid', ['processing_channel_id_invalid']),
      { kind: 'declined', decline: { category: 'config', otherProvider: 'yes_once' } },
    ],
    [
      '422 of the account and the data',
      own(422, 'request_invalid', ['business_invalid', 'card_expired']),
      { kind: 'declined', decline: { category: 'invalid_data', otherProvider: 'no', code: 'card_expired' } },
    ],
    [
      '422 of 3DS',
      own(422, 'request_invalid', ['3ds_payment_required']),
      { kind: 'authentication_required', code: '3ds_payment_required' },
    ],
    [
      '422 that no table knows',
      own(422, 'request_invalid', ['moon_phase_wrong']),
      { kind: 'declined', decline: { category: 'unmapped', otherProvider: 'no' } },
    ],
    [
      '422 without codes',
      own(422, 'request_invalid', []),
      { kind: 'declined', decline: { category: 'invalid_data', code: 'request_invalid' } },
    ],
    [
      '422 with text for codes',
      own(422, 'request_invalid', ['card 4571736000000000 refused', '4571736000000000']),
      { kind: 'declined', decline: { code: 'request_invalid' } },
    ],
    ['422 of processing', own(422, 'processing_error', ['card_disabled']), unknown('card_disabled')],
    ['422 of somebody on the way', bare(422, 'somebody'), unknown('http_422')],
    [
      '429',
      own(429, 'too_many_requests', [], { 'retry-after': '120' }),
      { kind: 'rejected', reason: 'rate_limited', retryAfterMs: 120_000 },
    ],
    [
      '429 until a date',
      own(429, 'too_many_requests', [], { 'retry-after': 'Mon, 23 Nov 2026 10:00:05 GMT' }),
      { kind: 'rejected', retryAfterMs: 5_000 },
    ],
    [
      '429 without a word',
      bare(429, 'checkout'),
      { kind: 'rejected', reason: 'rate_limited', retryAfterMs: 1_000 },
    ],
    ['429 for a request that is under way', own(429, 'duplicate_request', []), unknown('duplicate_request')],
    [
      '429 by its codes',
      own(429, 'request_invalid', ['idempotency_key_in_use']),
      unknown('idempotency_key_in_use'),
    ],
    ['500', own(500, 'processing_error', []), unknown('processing_error')],
    ['500 of somebody on the way', bare(500, 'somebody'), unknown('http_500')],
    ['502', bare(502, 'checkout'), unknown('http_502')],
    ['503', bare(503, 'checkout'), unknown('http_503')],
    ['504', bare(504, 'somebody'), unknown('http_504')],
  ])('%s', async (_what, respond, expected) => {
    const outcome = await outcomeOf(respond);
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome)).not.toMatch(/src_|4571|<h1>/);
  });
});
