import { describe, expect, it } from 'vitest';
import type { OperationCall } from '../../../src/gateway/ports.ts';
import { wireKey } from '../../../src/providers/adyen/transformers.ts';
import { operationOf, PSP_REFERENCE } from './adyen-fixture.ts';
import { API_KEY, MERCHANT_ACCOUNT } from './adyen-stand-in.ts';
import { BASE, json, overMsw, own } from './over-msw.ts';

const { seen, answer, create } = overMsw();

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
    answer(json(received({ ...over, ...body }), 201));
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
    answer(json(received(over), 201));
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
    answer(json({ ...rest, paymentReference: 'att_aBc_1', ...over }, 201));
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
      json(own('010'), 429, { 'retry-after': '3' }),
      { kind: 'rejected', code: 'error_010', retryAfterMs: 3_000 },
      null,
    ],
    ['401 of somebody else', json({}, 401), { kind: 'unknown', code: 'http_401' }, null],
    ['403 of somebody else', json({}, 403), { kind: 'unknown', code: 'http_403' }, null],
    ['429 of somebody else', json({}, 429), { kind: 'unknown', code: 'http_429' }, null],
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
  ])('%s', async (_what, answered, ofVoid, ofOthers) => {
    answer(answered);
    const adapter = create();
    expect(await adapter.void(operationOf())).toEqual(ofVoid);
    expect(await adapter.capture(operationOf())).toEqual(ofOthers ?? ofVoid);
    expect(await adapter.refund(operationOf())).toEqual(ofOthers ?? ofVoid);
  });
});
