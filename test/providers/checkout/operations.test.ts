import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { NOT_SUPPORTED } from '../../../src/core/attempt.ts';
import type { OperationKind } from '../../../src/core/operation.ts';
import { ACTION_ID, action, details, operationOf, PAYMENT_ID } from './checkout-fixture.ts';
import { bare, json, overMsw, own, type Seen } from './over-msw.ts';

const { seen, answer, create } = overMsw();

const taken = (over: Record<string, unknown> = {}) =>
  json({ action_id: ACTION_ID, reference: 'cap_aBc_1', _links: { payment: {} }, ...over }, 202);

const NAMES = { reference: 'cap_aBc_1', metadata: { attempt_id: 'att_aBc_1', operation_id: 'cap_aBc_1' } };

describe('captures, voids and refunds', () => {
  it.each<[OperationKind, string, boolean, Record<string, unknown>]>([
    ['capture', 'captures', true, { amount: 1_000, capture_type: 'Final', ...NAMES }],
    ['capture', 'captures', false, { amount: 1_000, capture_type: 'NonFinal', ...NAMES }],
    ['void', 'voids', false, NAMES],
    ['refund', 'refunds', false, { amount: 1_000, ...NAMES }],
  ])('%s: path %s, key and body (final %s), and only acknowledged', async (name, path, final, body) => {
    answer(taken());
    expect(await create()[name](operationOf({ final }))).toEqual({ kind: 'accepted' });
    expect(seen).toMatchObject([{ method: 'POST', path: `/payments/${PAYMENT_ID}/${path}` }]);
    expect(seen[0]?.body).toEqual(body);
    expect(seen[0]?.headers).toMatchObject({ 'cko-idempotency-key': 'key_aBc_1_c1' });
  });

  it('an id stays within its place in the path', async () => {
    answer(bare(404, 'checkout'));
    await create().void(operationOf({ providerReference: '../x?y' }));
    expect(seen).toMatchObject([{ path: '/payments/..%2Fx%3Fy/voids' }]);
  });

  it.each<[OperationKind, number, string]>([
    ['capture', 1_312, 'KWD'],
    ['refund', 1_312, 'KWD'],
    ['capture', 5_000, 'CLP'],
    ['refund', 1_000_000_000, 'EUR'],
  ])('%s of %d %s cannot be said, and is not sent', async (name, value, currency) => {
    const outcome = await create()[name](operationOf({ amount: { value, currency } }));
    expect(outcome).toEqual({ kind: 'refused', code: NOT_SUPPORTED });
    expect(seen).toEqual([]);
  });

  it('nothing is cancelled by our reference', async () => {
    const outcome = await create().void(operationOf({ providerReference: null }));
    expect(outcome).toEqual({ kind: 'refused', code: NOT_SUPPORTED });
    expect(seen).toEqual([]);
  });

  it('a void needs no amount', async () => {
    answer(taken());
    expect(await create().void(operationOf({ amount: { value: 0, currency: 'CLP' } }))).toEqual({
      kind: 'accepted',
    });
  });

  const MISMATCH = { kind: 'unknown', code: 'answer_mismatch' };
  it.each<[string, () => Response, Record<string, unknown>, Record<string, unknown>]>([
    ['202 of another', taken({ reference: 'cap_aBc_2' }), MISMATCH, MISMATCH],
    [
      '202 without a name',
      taken({ reference: undefined }),
      { kind: 'unknown', code: 'answer_malformed' },
      { kind: 'unknown' },
    ],
    [
      '202 without an action',
      taken({ action_id: undefined }),
      { kind: 'unknown', code: 'answer_malformed' },
      { kind: 'unknown' },
    ],
    [
      '202 of HTML',
      () => HttpResponse.html('ok', { status: 202 }),
      { kind: 'unknown', code: 'answer_malformed' },
      { kind: 'unknown' },
    ],
    [
      '200',
      json({ action_id: ACTION_ID, reference: 'cap_aBc_1' }),
      { kind: 'unknown', code: 'http_200' },
      { kind: 'unknown' },
    ],
    [
      '401',
      bare(401, 'checkout'),
      { kind: 'rejected', code: 'http_401', retryAfterMs: null },
      { kind: 'rejected' },
    ],
    [
      '403',
      bare(403, 'checkout'),
      { kind: 'refused', code: 'http_403' },
      { kind: 'refused', code: 'http_403' },
    ],
    ['401 of somebody on the way', bare(401, 'somebody'), { kind: 'unknown' }, { kind: 'unknown' }],
    ['429 of somebody on the way', bare(429, 'somebody'), { kind: 'unknown' }, { kind: 'unknown' }],
    [
      '403 in its own words, without its header',
      json({ error_type: 'request_invalid', error_codes: ['capture_not_allowed'] }, 403),
      { kind: 'refused', code: 'capture_not_allowed' },
      { kind: 'refused', code: 'capture_not_allowed' },
    ],
    [
      '403 of somebody on the way',
      bare(403, 'somebody'),
      { kind: 'unknown', code: 'http_403' },
      { kind: 'unknown' },
    ],
    ['404', bare(404, 'checkout'), { kind: 'refused', code: 'http_404' }, { kind: 'not_found' }],
    [
      '404 of somebody on the way',
      bare(404, 'somebody'),
      { kind: 'unknown', code: 'http_404' },
      { kind: 'unknown', code: 'http_404' },
    ],
    [
      '409',
      own(409, 'request_conflict', []),
      { kind: 'unknown', code: 'request_conflict' },
      { kind: 'unknown' },
    ],
    [
      '422',
      own(422, 'request_invalid', ['capture_value_greater_than_authorized']),
      { kind: 'refused', code: 'capture_value_greater_than_authorized' },
      { kind: 'refused' },
    ],
    [
      '422 of processing',
      own(422, 'processing_error', []),
      { kind: 'unknown', code: 'processing_error' },
      { kind: 'unknown' },
    ],
    [
      '422 of somebody on the way',
      bare(422, 'somebody'),
      { kind: 'unknown', code: 'http_422' },
      { kind: 'unknown' },
    ],
    [
      '429',
      own(429, 'too_many_requests', [], { 'retry-after': '3' }),
      { kind: 'rejected', code: 'too_many_requests', retryAfterMs: 3_000 },
      { kind: 'rejected' },
    ],
    [
      '429 for the same that is under way',
      own(429, 'duplicate_request', []),
      { kind: 'unknown', code: 'duplicate_request' },
      { kind: 'unknown' },
    ],
    [
      '500',
      own(500, 'processing_error', []),
      { kind: 'unknown', code: 'processing_error' },
      { kind: 'unknown' },
    ],
    ['502', bare(502, 'somebody'), { kind: 'unknown', code: 'http_502' }, { kind: 'unknown' }],
  ])('%s', async (_what, respond, ofCapture, ofVoid) => {
    answer(respond);
    const provider = create();
    expect(await provider.capture(operationOf())).toMatchObject(ofCapture);
    expect(await provider.refund(operationOf())).toMatchObject(ofCapture);
    expect(await provider.void(operationOf())).toMatchObject(ofVoid);
  });
});

describe('what became of an operation', () => {
  /** Answers as a payment with these actions would be told of. */
  const tellOf = (payment: unknown, actions: unknown) =>
    answer(({ path }: Seen) => json(path.endsWith('/actions') ? actions : payment)());

  const ask = (operation: OperationKind, over = {}) =>
    create().inquireOperation({ ...operationOf(), operation, ...over });

  const MISMATCH = { kind: 'no_answer', code: 'answer_mismatch' };
  const DONE = { kind: 'confirmed', providerReference: ACTION_ID };
  const anew = { id: 'act_zzzzizu24mvu3mela5njyhpit4' };
  const no = { approved: false, response_code: '20005' };

  it.each<[string, Record<string, unknown>, unknown[], unknown]>([
    ['done', {}, [action()], DONE],
    ['done, by its reference alone', {}, [action({ metadata: undefined })], DONE],
    ['done, by its metadata alone', {}, [action({ reference: 'att_aBc_1' })], DONE],
    ['done, without a code', {}, [action({ response_code: null })], DONE],
    ['declined', {}, [action(no)], { kind: 'failed', code: '20005' }],
    [
      'declined without a code',
      {},
      [action({ approved: false, response_code: null })],
      { kind: 'failed', code: 'action_failed' },
    ],
    ['not said', {}, [action({ approved: null })], { kind: 'pending' }],
    ['approved for later', {}, [action({ response_code: '10200' })], { kind: 'pending' }],
    ['approved with the code of a decline', {}, [action({ response_code: '20005' })], { kind: 'pending' }],
    ['declined, and then done', {}, [action(anew), action(no)], { ...DONE, providerReference: anew.id }],
    ['declined twice', {}, [action({ ...no, ...anew }), action(no)], { kind: 'failed', code: '20005' }],
    ['declined, and not said', {}, [action(no), action({ approved: null })], { kind: 'pending' }],
    ['done twice', {}, [action(), action(anew)], { kind: 'no_answer', code: 'several_actions' }],
    ['never heard of', {}, [], { kind: 'not_found' }],
    ['another one', {}, [action({ reference: 'cap_aBc_2', metadata: {} })], { kind: 'not_found' }],
    [
      'another one by its metadata',
      {},
      [action({ metadata: { operation_id: 'cap_aBc_2' } })],
      { kind: 'not_found' },
    ],
    ['of another amount', {}, [action({ amount: 999 })], MISMATCH],
    ['of another kind', {}, [action({ type: 'Refund' })], MISMATCH],
    ['of a kind that nobody knows', {}, [action({ type: 'Return' })], MISMATCH],
    ['of another attempt', { reference: 'att_aBc_2' }, [action()], MISMATCH],
    ['of another payment', { id: 'pay_zzzzizu24mvu3mela5njyhpit4' }, [action()], MISMATCH],
    ['of another currency', { currency: 'USD' }, [action()], MISMATCH],
    ['of another channel', { processing_channel_id: 'pc_other' }, [action()], MISMATCH],
    [
      'with an id that is none',
      {},
      [action({ id: '4571736000000000' })],
      { kind: 'no_answer', code: 'answer_malformed' },
    ],
  ])('a capture: %s', async (_what, over, actions, expected) => {
    tellOf(details(over), actions);
    expect(await ask('capture')).toEqual(expected);
  });

  const voided = (over = {}) => action({ type: 'Void', amount: 4999, ...over });
  const WHOLE = { amount: { value: 4999, currency: 'EUR' } };
  it.each<[string, Record<string, unknown>, unknown[], Record<string, unknown>, unknown]>([
    ['the payment is void', { status: 'Voided' }, [], WHOLE, { kind: 'confirmed', providerReference: null }],
    [
      'whatever its amount was',
      { status: 'Voided', amount: 1, currency: 'USD' },
      [],
      WHOLE,
      { kind: 'confirmed' },
    ],
    ['expired', { status: 'Expired' }, [], WHOLE, { kind: 'confirmed' }],
    [
      'void, with money captured',
      { status: 'Voided', balances: { total_authorized: 4999, total_captured: 1 } },
      [],
      WHOLE,
      { kind: 'not_found' },
    ],
    ['of another attempt', { status: 'Voided', reference: 'att_aBc_2' }, [], WHOLE, MISMATCH],
    ['approved, and not void yet', {}, [voided()], WHOLE, { kind: 'pending' }],
    ['declined', {}, [voided(no)], WHOLE, { kind: 'failed', code: '20005' }],
    ['of less than was expected', {}, [voided({ amount: 4998, approved: null })], WHOLE, { kind: 'pending' }],
    ['of more than was expected', {}, [voided({ amount: 5000 })], WHOLE, MISMATCH],
    ['of what nobody knew', {}, [voided(no)], { amount: { value: 0, currency: 'EUR' } }, { kind: 'failed' }],
    ['not asked for', {}, [], WHOLE, { kind: 'not_found' }],
  ])('a void: %s', async (_what, over, actions, call, expected) => {
    tellOf(details(over), actions);
    expect(await ask('void', call)).toMatchObject(expected as Record<string, unknown>);
  });

  it('a refund is told to the minor unit', async () => {
    for (const amount of [999, 1_000, 1_001]) {
      tellOf(details({ status: 'Partially Refunded' }), [action({ type: 'Refund', amount })]);
      expect(await ask('refund')).toEqual(amount === 1_000 ? DONE : MISMATCH);
    }
  });

  it('asks by the payment’s id, or finds it by our reference', async () => {
    tellOf(details(), [action()]);
    expect(await ask('capture')).toEqual(DONE);
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /payments/${PAYMENT_ID}`,
      `GET /payments/${PAYMENT_ID}/actions`,
    ]);
    seen.length = 0;
    const list = { total_count: 1, data: [details()] };
    answer(({ path }) => {
      if (path.startsWith('/payments?')) return json(list)();
      return json(path.endsWith('/actions') ? [action()] : details())();
    });
    expect(await ask('capture', { providerReference: null })).toEqual(DONE);
    expect(seen[0]?.path).toBe('/payments?limit=2&skip=0&reference=att_aBc_1');
    expect(seen).toHaveLength(3);
    answer(json({ total_count: 0, data: [] }));
    expect(await ask('capture', { providerReference: null })).toEqual({
      kind: 'no_answer',
      code: 'payment_not_found',
    });
  });

  it.each<[string, (seen: Seen) => Response, string]>([
    ['404 of the payment', bare(404, 'checkout'), 'http_404'],
    ['401', bare(401, 'checkout'), 'http_401'],
    ['500', own(500, 'processing_error', []), 'processing_error'],
    ['HTML', () => HttpResponse.html('ok'), 'answer_malformed'],
    [
      'no actions',
      ({ path }) => (path.endsWith('/actions') ? bare(404, 'checkout')() : json(details())()),
      'http_404',
    ],
    [
      'actions that are none',
      ({ path }) => json(path.endsWith('/actions') ? {} : details())(),
      'answer_malformed',
    ],
  ])('%s is no answer', async (_what, respond, code) => {
    answer(respond);
    expect(await ask('capture')).toEqual({ kind: 'no_answer', code });
  });
});
