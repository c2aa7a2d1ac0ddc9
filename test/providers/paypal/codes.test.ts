import { describe, expect, it } from 'vitest';
import type { CardBrand } from '../../../src/core/card.ts';
import { judgeOutcome } from '../../../src/core/failover.ts';
import { type Asked, readOrder, readPaypalDecline, unitOf } from '../../../src/providers/paypal/codes.ts';
import { wireOrder } from '../../../src/providers/paypal/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import {
  ATTEMPT_ID,
  authorizationOf,
  authorizedOrder,
  callOf,
  captureOf,
  declineTables,
  error,
  euros,
  json,
  networkError,
  ORDER_ID,
  orderOf,
  PATHS,
  paypalWorld,
} from './paypal-fixture.ts';

const DEPS = { clock: new FakeClock(), declineTables: () => declineTables };
const asked = (over: Partial<Asked> = {}): Asked => ({
  attemptId: ATTEMPT_ID,
  orderId: ORDER_ID,
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  merchantId: null,
  ...over,
});
const read = (order: unknown, over: Partial<Asked> = {}) =>
  readOrder(wireOrder.parse(order), asked(over), DEPS);
const found = (outcome: object) => ({ kind: 'outcome', outcome: expect.objectContaining(outcome) });
const MISMATCH = { kind: 'mismatch' };

describe('what an order stands for', () => {
  const partial = { amount: euros('20.00') };
  it.each<[string, object, object]>([
    ['CREATED', authorizedOrder(), found({ kind: 'approved', providerReference: ORDER_ID })],
    ['CAPTURED', authorizedOrder({ status: 'CAPTURED' }), found({ kind: 'approved' })],
    ['PARTIALLY_CAPTURED', authorizedOrder({ status: 'PARTIALLY_CAPTURED' }), found({ kind: 'approved' })],
    [
      'CREATED until a day',
      authorizedOrder({ expiration_time: '2026-12-22T10:00:00Z' }),
      found({ kind: 'approved', expiresAtMs: Date.UTC(2026, 11, 22, 10) }),
    ],
    [
      'CREATED for less, until a day',
      authorizedOrder({ ...partial, expiration_time: '2026-12-22T10:00:00Z' }),
      found({ kind: 'partially_approved', expiresAtMs: Date.UTC(2026, 11, 22, 10) }),
    ],
    [
      'CREATED for less',
      authorizedOrder(partial),
      found({ kind: 'partially_approved', authorizedAmount: 2000, reversal: 'none' }),
    ],
    [
      'VOIDED',
      authorizedOrder({ status: 'VOIDED' }, {}),
      found({ kind: 'partially_approved', authorizedAmount: 4999, reversal: 'confirmed' }),
    ],
    [
      'VOIDED with its order',
      orderOf({ authorizations: [authorizationOf({ status: 'VOIDED' })] }, { status: 'VOIDED' }),
      found({ reversal: 'confirmed' }),
    ],
    [
      'VOIDED, something captured: only the rest is let go',
      authorizedOrder({ status: 'VOIDED' }, { captures: [captureOf({ amount: euros('10.00') })] }),
      found({ kind: 'approved' }),
    ],
    [
      'VOIDED, a capture that failed',
      authorizedOrder({ status: 'VOIDED' }, { captures: [captureOf({ status: 'FAILED' })] }),
      found({ reversal: 'confirmed' }),
    ],
    [
      'VOIDED, a capture that was declined',
      authorizedOrder({ status: 'VOIDED' }, { captures: [captureOf({ status: 'DECLINED' })] }),
      found({ reversal: 'confirmed' }),
    ],
    ['PENDING', authorizedOrder({ status: 'PENDING' }), found({ kind: 'pending', code: null })],
    [
      'PENDING with a reason',
      authorizedOrder({ status: 'PENDING', status_details: { reason: 'PENDING_REVIEW' } }),
      found({ kind: 'pending', code: 'PENDING_REVIEW' }),
    ],
    ['without an authorization', orderOf(null), { kind: 'unpaid' }],
    ['APPROVED, without', orderOf(null, { status: 'APPROVED' }), { kind: 'unpaid' }],
    ['SAVED, without', orderOf(null, { status: 'SAVED' }), { kind: 'unpaid' }],
    [
      'PAYER_ACTION_REQUIRED',
      orderOf(null, { status: 'PAYER_ACTION_REQUIRED' }),
      found({ kind: 'authentication_required', code: 'PAYER_ACTION_REQUIRED' }),
    ],
    [
      'VOIDED unpaid',
      orderOf(null, { status: 'VOIDED' }),
      found({ kind: 'rejected', reason: 'cancelled', code: 'ORDER_VOIDED' }),
    ],
  ])('%s', (_, order, told) => {
    expect(read(order)).toEqual(told);
  });

  it.each<[string, object]>([
    ['more than was asked', authorizedOrder({ amount: euros('50.00') })],
    ['nothing of it', authorizedOrder({ amount: euros('0.00') })],
    ['another currency', authorizedOrder({ amount: euros('49.99', 'USD') })],
    ['an amount that is none', authorizedOrder({ amount: euros('4x.99') })],
    [
      'an order of another amount',
      orderOf({ authorizations: [authorizationOf()] }, {}, { amount: euros('1.00') }),
    ],
    [
      'an order of another currency',
      orderOf({ authorizations: [authorizationOf()] }, {}, { amount: euros('49.99', 'USD') }),
    ],
    [
      'less, and nothing says of what',
      orderOf({ authorizations: [authorizationOf(partial)] }, {}, { amount: null }),
    ],
    [
      'another name of the order',
      orderOf({ authorizations: [authorizationOf()] }, {}, { custom_id: 'att_b_1' }),
    ],
    ['another name of the authorization', authorizedOrder({ custom_id: 'att_b_1' })],
    [
      'no name at all',
      orderOf({ authorizations: [authorizationOf({ custom_id: null })] }, {}, { custom_id: null }),
    ],
    [
      'two authorizations',
      orderOf({ authorizations: [authorizationOf(), authorizationOf({ id: 'AUTH2' })] }),
    ],
    [
      'two purchase units',
      {
        ...orderOf(null),
        purchase_units: [...orderOf(null).purchase_units, ...orderOf(null).purchase_units],
      },
    ],
    [
      'money held in an order that is not done with',
      orderOf({ authorizations: [authorizationOf()] }, { status: 'CREATED' }),
    ],
    ...['CAPTURED', 'PARTIALLY_CAPTURED'].map((status): [string, object] => [
      `${status} in an order that is not done with`,
      orderOf({ authorizations: [authorizationOf({ status })] }, { status: 'CREATED' }),
    ]),
    [
      'money held in an order that is void',
      orderOf({ authorizations: [authorizationOf()] }, { status: 'VOIDED' }),
    ],
    ['done with, and no authorization', orderOf({ authorizations: [] })],
    ['captured without an authorization', orderOf({ captures: [captureOf()] }, { status: 'CREATED' })],
    ['a status that nobody knows', authorizedOrder({ status: 'ESCROWED' })],
    ["an order's status that nobody knows", orderOf(null, { status: 'ESCROWED' })],
  ])('is no evidence: %s', (_, order) => {
    expect(read(order)).toEqual(MISMATCH);
  });

  it('is compared with the payee where one is configured', () => {
    const order = orderOf(
      { authorizations: [authorizationOf()] },
      {},
      { payee: { merchant_id: 'RD465XN5VS364' } },
    );
    expect(read(order)).toEqual(found({ kind: 'approved' }));
    expect(read(order, { merchantId: 'RD465XN5VS364' })).toEqual(found({ kind: 'approved' }));
    expect(read(order, { merchantId: 'GDFAYSUFGSQX6' })).toEqual(MISMATCH);
    const another = { authorizations: [authorizationOf({ payee: { merchant_id: 'GDFAYSUFGSQX6' } })] };
    const contradicting = orderOf(another, {}, { payee: { merchant_id: 'RD465XN5VS364' } });
    expect(read(contradicting, { merchantId: 'RD465XN5VS364' })).toEqual(MISMATCH);
  });

  it('of no purchase unit is no evidence', () => {
    const order = { ...wireOrder.parse(orderOf(null)), purchase_units: [] };
    expect(readOrder(order, asked(), DEPS)).toEqual(MISMATCH);
  });

  it('that is undone says no end of what is held', () => {
    const order = authorizedOrder({ status: 'VOIDED', expiration_time: '2026-12-22T10:00:00Z' });
    expect(read(order)).toEqual({
      kind: 'outcome',
      outcome: {
        kind: 'partially_approved',
        providerReference: ORDER_ID,
        authorizedAmount: 4999,
        networkTransaction: null,
        reversal: 'confirmed',
      },
    });
  });

  it('that nobody paid has neither captures nor refunds', () => {
    expect(unitOf(wireOrder.parse(orderOf(null)))).toMatchObject({
      authorization: null,
      captures: [],
      refunds: [],
    });
  });

  it('is of the order that was asked about', () => {
    expect(read(authorizedOrder(), { orderId: 'OTHER1' })).toEqual(MISMATCH);
  });

  it('may leave out the amount of the order when that of the authorization is the whole', () => {
    const order = orderOf({ authorizations: [authorizationOf()] }, {}, { amount: undefined });
    expect(read(order)).toEqual(found({ kind: 'approved' }));
  });

  it.each([
    ['49.99', found({ kind: 'approved' })],
    ['049.99', found({ kind: 'approved' })],
    ['49.9', found({ kind: 'partially_approved', authorizedAmount: 4990 })],
    ['49.990', MISMATCH],
    ['-49.99', MISMATCH],
    ['4.999e1', MISMATCH],
    [' 49.99', MISMATCH],
  ])('reads an authorized amount of %s exactly', (value, told) => {
    expect(read(authorizedOrder({ amount: euros(value) }))).toEqual(told);
  });

  it.each([
    ['JPY', 1500, '1500'],
    ['JPY', 1500, '1500.00'],
    ['HUF', 150_000, '1500'],
    ['TWD', 9_900, '99.00'],
  ])('reads %s %i told as %s', (currency, value, text) => {
    const money = euros(text, currency);
    const order = orderOf({ authorizations: [authorizationOf({ amount: money })] }, {}, { amount: money });
    const request = sampleRequest({ amount: { value, currency } });
    expect(read(order, { request })).toEqual(found({ kind: 'approved' }));
  });
});

describe('the network transaction of an approval', () => {
  const told = (reference: unknown, over: Record<string, unknown> = {}, brand: CardBrand = 'visa') => {
    const reading = read(authorizedOrder({ network_transaction_reference: reference, ...over }), { brand });
    return reading.kind === 'outcome' && reading.outcome.kind === 'approved'
      ? reading.outcome.networkTransaction
      : 'not approved';
  };
  const VISA = { id: '016123456789012', date: '1123', network: 'VISA' };

  it.each<[string, unknown, object, object | null]>([
    ['as told', VISA, {}, { id: '016123456789012', network: 'visa', date: '2026-11-23' }],
    [
      'of another network than the brand',
      { ...VISA, network: 'STAR' },
      {},
      { id: '016123456789012', network: 'star', date: '2026-11-23' },
    ],
    [
      'without its network',
      { id: 'MCC1234567', date: '1123' },
      {},
      { id: 'MCC1234567', network: 'visa', date: '2026-11-23' },
    ],
    [
      'without its day',
      { id: 'MCC1234567', network: 'MASTERCARD' },
      {},
      { id: 'MCC1234567', network: 'mastercard', date: '2026-11-23' },
    ],
    [
      'of the last day of the year before',
      { ...VISA, date: '1231' },
      { create_time: '2027-01-01T00:10:00Z' },
      { id: '016123456789012', network: 'visa', date: '2026-12-31' },
    ],
    [
      'of the first day of the next',
      { ...VISA, date: '0101' },
      { create_time: '2026-12-31T23:50:00Z' },
      { id: '016123456789012', network: 'visa', date: '2027-01-01' },
    ],
    [
      'of a leap day',
      { ...VISA, date: '0229' },
      { create_time: '2028-03-01T00:10:00Z' },
      { id: '016123456789012', network: 'visa', date: '2028-02-29' },
    ],
    [
      'where nobody says when',
      { ...VISA, date: '1122' },
      { create_time: null },
      { id: '016123456789012', network: 'visa', date: '2026-11-22' },
    ],
    ['none', null, {}, null],
    ['of no shape', { id: 'has a blank', date: '1123' }, {}, null],
    ['of no day', { ...VISA, date: '1332' }, {}, null],
    ["the card's own number", { ...VISA, id: '4571736000000000' }, {}, null],
  ])('%s', (_, reference, over, link) => {
    expect(told(reference, { ...over })).toEqual(link);
  });
});

const read1 = (code: string, over: Record<string, unknown> = {}) =>
  readPaypalDecline(
    {
      code,
      networkCode: null,
      advice: null,
      brand: 'visa',
      scaRegion: false,
      threeDsPresent: false,
      ...over,
    },
    DEPS,
  );

describe('the code table', () => {
  it.each<[string, readonly string[], object]>([
    [
      'approved, and denied by PayPal',
      ['0000'],
      { category: 'fraud_psp', otherProvider: 'no', mayHideApproval: true },
    ],
    [
      'do not honor',
      ['0500', '5100', '9540'],
      { category: 'soft_decline_issuer', otherProvider: 'yes_once' },
    ],
    ['insufficient funds', ['5120'], { category: 'soft_decline_issuer', otherProvider: 'no' }],
    ['expired', ['5400'], { category: 'invalid_data', otherProvider: 'no' }],
    ['suspected fraud', ['9500'], { category: 'fraud_issuer', otherProvider: 'no' }],
    ['lost or stolen', ['9520', '5150'], { category: 'hard_decline_issuer', otherProvider: 'never' }],
    [
      'closed or no account',
      ['5140', '0390', 'PP06'],
      { category: 'hard_decline_issuer', otherProvider: 'never' },
    ],
    ['no reattempt', ['PPRN'], { category: 'hard_decline_issuer', otherProvider: 'never' }],
    ['duplicate', ['5200'], { category: 'duplicate_suspected', otherProvider: 'no' }],
    ['stopped by the customer', ['0R00'], { category: 'cancelled_by_customer', otherProvider: 'never' }],
    ['issuer not available', ['5920'], { category: 'issuer_unavailable', otherProvider: 'yes_once' }],
    [
      'communication',
      ['0800', '8100', 'PPNT'],
      { category: 'provider_technical', otherProvider: 'no', mayHideApproval: true },
    ],
    [
      'a filter after the answer',
      ['PPC2', 'PPAV', 'DECLINED_BY_RISK_FRAUD_FILTERS'],
      { mayHideApproval: true, otherProvider: 'no' },
    ],
    ['not of this account', ['PPAE', '1350'], { category: 'config', otherProvider: 'yes_once' }],
  ])('%s', (_, codes, decline) => {
    for (const code of codes)
      expect(read1(code)).toMatchObject({ kind: 'declined', decline: { code, ...decline } });
  });

  it.each([
    ['5650', 'authentication_required'],
    ['7710', 'authentication_required'],
    ['ORDER_ALREADY_AUTHORIZED', 'ambiguous'],
    ['NOT_ENABLED_FOR_CARD_PROCESSING', 'not_processed'],
    ['ORDER_NOT_APPROVED', 'not_processed'],
  ])('%s is %s', (code, kind) => {
    expect(read1(code)).toMatchObject({ kind });
  });

  it('a code that no table knows is unmapped and never fails over', () => {
    expect(read1('ZZZZ')).toMatchObject({ decline: { category: 'unmapped', otherProvider: 'no' } });
  });

  it.each<[string, string | null, object]>([
    ['advice 03 stops a soft decline', '03', { otherProvider: 'never' }],
    ['advice 21 too', '21', { otherProvider: 'never' }],
    ['advice 01 and 02 permit no other provider', '02', { otherProvider: 'no' }],
    ['an advice that nobody knows neither', '77', { otherProvider: 'no', category: 'unmapped' }],
    ['without advice the code decides', null, { otherProvider: 'yes_once' }],
  ])('%s', (_, advice, decline) => {
    expect(read1('0500', { advice, brand: 'mastercard' })).toMatchObject({ decline: { ...decline, advice } });
  });

  it("never softens by advice what the code forbids, nor by the network's own code", () => {
    expect(read1('9520', { advice: '02' })).toMatchObject({ decline: { otherProvider: 'never' } });
    expect(read1('0500', { networkCode: '14' })).toMatchObject({ decline: { otherProvider: 'never' } });
    expect(read1('5140', { networkCode: '05' })).toMatchObject({ decline: { otherProvider: 'never' } });
  });
});

describe('a denial', () => {
  const denied = (over: Record<string, unknown>) => {
    const reading = read(authorizedOrder({ status: 'DENIED', ...over }));
    if (reading.kind !== 'outcome') throw new Error('no outcome');
    return reading.outcome;
  };
  it.each<[string, Record<string, unknown>, object, boolean]>([
    [
      "by the processor's code",
      { processor_response: { response_code: '0500' } },
      { decline: { code: '0500', networkCode: null, advice: null } },
      true,
    ],
    [
      'with advice',
      { processor_response: { response_code: '0500', payment_advice_code: '03' } },
      { decline: { code: '0500', advice: '03', otherProvider: 'never' } },
      false,
    ],
    [
      'after the approval',
      { processor_response: { response_code: '0000' } },
      { decline: { mayHideApproval: true } },
      false,
    ],
    [
      'by filters',
      { processor_response: null, status_details: { reason: 'DECLINED_BY_RISK_FRAUD_FILTERS' } },
      { decline: { code: 'DECLINED_BY_RISK_FRAUD_FILTERS', mayHideApproval: true } },
      false,
    ],
    [
      'without any code',
      { processor_response: null },
      { decline: { code: 'DENIED', mayHideApproval: true } },
      false,
    ],
    [
      'with a code of no shape',
      { processor_response: { response_code: 'free text' } },
      { decline: { code: 'DENIED' } },
      false,
    ],
    [
      'with one that nobody knows',
      { processor_response: { response_code: 'ZZZZ' } },
      { decline: { category: 'unmapped' } },
      false,
    ],
    [
      'for want of an authentication',
      { processor_response: { response_code: '5650' } },
      { kind: 'authentication_required', code: '5650' },
      false,
    ],
  ])('%s', (_, over, told, mayFailOver) => {
    const outcome = denied(over);
    expect(outcome).toMatchObject({ providerReference: ORDER_ID, ...told });
    expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(mayFailOver);
  });
});

const world = paypalWorld();

describe('errors of the second step', () => {
  const authorize = (answer: Response | (() => Response)) =>
    world.start({ [PATHS.create]: json(orderOf(null), 201), [PATHS.authorize]: answer }).authorize(callOf());

  it.each<[string, Response | (() => Response), object]>([
    [
      '403',
      error(403, 'NOT_AUTHORIZED', 'PERMISSION_DENIED'),
      { kind: 'rejected', reason: 'configuration', code: 'PERMISSION_DENIED' },
    ],
    [
      '404',
      error(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID'),
      { kind: 'rejected', reason: 'transient' },
    ],
    [
      '429',
      error(429, 'RATE_LIMIT_REACHED', undefined, { 'retry-after': '120' }),
      { kind: 'rejected', reason: 'rate_limited', retryAfterMs: 120_000 },
    ],
    ['429 of somebody on the way', new Response('', { status: 429 }), { kind: 'unknown', code: 'http_429' }],
    [
      '403 of somebody on the way, in a common form',
      () =>
        new Response('{"error":"forbidden"}', {
          status: 403,
          headers: { 'content-type': 'application/json' },
        }),
      { kind: 'unknown', code: 'forbidden' },
    ],
    [
      'INSTRUMENT_DECLINED',
      error(422, 'UNPROCESSABLE_ENTITY', 'INSTRUMENT_DECLINED'),
      { kind: 'declined', decline: { category: 'soft_decline_issuer', otherProvider: 'yes_once' } },
    ],
    [
      'TRANSACTION_REFUSED',
      error(422, 'UNPROCESSABLE_ENTITY', 'TRANSACTION_REFUSED'),
      { kind: 'declined', decline: { category: 'fraud_psp', otherProvider: 'no' } },
    ],
    [
      'CARD_EXPIRED',
      error(422, 'UNPROCESSABLE_ENTITY', 'CARD_EXPIRED'),
      { kind: 'declined', decline: { category: 'invalid_data' } },
    ],
    [
      'TOKEN_ID_NOT_FOUND',
      error(422, 'UNPROCESSABLE_ENTITY', 'TOKEN_ID_NOT_FOUND'),
      { kind: 'declined', decline: { category: 'config', otherProvider: 'yes_once' } },
    ],
    [
      '400',
      error(400, 'INVALID_REQUEST', 'INVALID_PARAMETER_SYNTAX'),
      { kind: 'declined', decline: { category: 'invalid_data' } },
    ],
    [
      'the account',
      error(422, 'UNPROCESSABLE_ENTITY', 'PAYEE_ACCOUNT_RESTRICTED'),
      { kind: 'rejected', reason: 'configuration' },
    ],
    [
      'PAYER_ACTION_REQUIRED',
      error(422, 'UNPROCESSABLE_ENTITY', 'PAYER_ACTION_REQUIRED'),
      { kind: 'authentication_required', code: 'PAYER_ACTION_REQUIRED' },
    ],
    [
      'DUPLICATE_INVOICE_ID',
      error(422, 'UNPROCESSABLE_ENTITY', 'DUPLICATE_INVOICE_ID'),
      { kind: 'unknown', code: 'DUPLICATE_INVOICE_ID' },
    ],
    [
      'ORDER_ALREADY_AUTHORIZED',
      error(422, 'UNPROCESSABLE_ENTITY', 'ORDER_ALREADY_AUTHORIZED'),
      { kind: 'unknown', code: 'ORDER_ALREADY_AUTHORIZED' },
    ],
    [
      'ORDER_COMPLETED_OR_VOIDED',
      error(422, 'UNPROCESSABLE_ENTITY', 'ORDER_COMPLETED_OR_VOIDED'),
      { kind: 'unknown' },
    ],
    [
      'an issue that nobody knows',
      error(422, 'UNPROCESSABLE_ENTITY', 'FROM_THE_MOON'),
      { kind: 'unknown', code: 'FROM_THE_MOON' },
    ],
    ['no issue', error(422, 'UNPROCESSABLE_ENTITY'), { kind: 'unknown', code: 'UNPROCESSABLE_ENTITY' }],
    [
      '409',
      error(409, 'RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS'),
      { kind: 'unknown', code: 'PREVIOUS_REQUEST_IN_PROGRESS' },
    ],
    ['500', error(500, 'INTERNAL_SERVER_ERROR'), { kind: 'unknown', code: 'INTERNAL_SERVER_ERROR' }],
    ['503', error(503, 'SERVICE_UNAVAILABLE'), { kind: 'unknown', code: 'SERVICE_UNAVAILABLE' }],
    ["somebody's 403", new Response('blocked', { status: 403 }), { kind: 'unknown', code: 'http_403' }],
    ["somebody's 404", new Response('<html>', { status: 404 }), { kind: 'unknown', code: 'http_404' }],
    ["somebody's 422", new Response('', { status: 422 }), { kind: 'unknown', code: 'http_422' }],
    [
      'a redirect',
      new Response('', { status: 302, headers: { location: '/' } }),
      { kind: 'unknown', code: 'http_302' },
    ],
    ['a success of no order', json({}, 201), { kind: 'unknown', code: 'answer_malformed' }],
    [
      'a success without an authorization',
      json(orderOf(null), 201),
      { kind: 'unknown', code: 'answer_malformed' },
    ],
    [
      'an approval of another amount',
      json(authorizedOrder({ amount: euros('50.00') }), 201),
      { kind: 'unknown', code: 'answer_mismatch' },
    ],
    ['a lost connection', networkError, { kind: 'unknown' }],
  ])('%s', async (_, answer, told) => {
    expect(await authorize(answer)).toMatchObject({ providerReference: ORDER_ID, ...told });
  });

  it('repeat nothing that PayPal wrote for people', async () => {
    const told = await authorize(error(422, 'UNPROCESSABLE_ENTITY', 'card 4571736000000007 of J. Doe'));
    expect(told).toEqual({ kind: 'unknown', code: 'UNPROCESSABLE_ENTITY', providerReference: ORDER_ID });
  });
});
