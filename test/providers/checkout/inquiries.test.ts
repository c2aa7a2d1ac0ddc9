import { HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { action, budgetOf, callOf, details, PAYMENT_ID } from './checkout-fixture.ts';
import { bare, json, overMsw, own, type Seen } from './over-msw.ts';

const { seen, answer, create } = overMsw();

const inquire = (providerReference: string | null) => {
  const { attemptId, request, brand, scaRegion } = callOf();
  return create().inquire({ attemptId, providerReference, request, brand, scaRegion, budget: budgetOf() });
};

const OTHER = 'pay_zzzzizu24mvu3mela5njyhpit4';
const listOf = (...payments: unknown[]) => ({
  limit: 2,
  skip: 0,
  total_count: payments.length,
  data: payments,
});

/** Answers the list, the payment by its id and its actions. */
const tell = (list: unknown, payment: unknown = details(), actions: unknown = []) =>
  answer(({ path }: Seen) => {
    if (path.startsWith('/payments?')) return json(list)();
    return json(path.endsWith('/actions') ? actions : payment)();
  });

const MISMATCH = { kind: 'no_answer', code: 'answer_mismatch' };
const MALFORMED = { kind: 'no_answer', code: 'answer_malformed' };

describe('by our reference', () => {
  it('the list finds the id, by which the payment is read', async () => {
    // What the list says besides is older than the payment itself.
    tell(listOf(details({ status: 'Pending' })));
    expect(await inquire(null)).toMatchObject({ kind: 'found', outcome: { kind: 'approved' } });
    expect(seen.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['GET', '/payments?limit=2&skip=0&reference=att_aBc_1', null],
      ['GET', `/payments/${PAYMENT_ID}`, null],
    ]);
    expect(seen[0]?.headers).not.toHaveProperty('cko-idempotency-key');
  });

  const several = { kind: 'no_answer', code: 'several_payments' };
  it.each<[string, unknown, unknown]>([
    ['none', listOf(), { kind: 'not_found' }],
    ['two', listOf(details(), details({ id: OTHER })), several],
    [
      'a declined and an approved one',
      listOf(details({ id: OTHER, status: 'Declined' }), details()),
      several,
    ],
    ['more than are shown', { total_count: 2, data: [details()] }, several],
    ['more than are counted', { total_count: 1, data: [details(), details()] }, several],
    ['one that is not shown', { total_count: 1, data: [] }, MALFORMED],
    ['many that are not shown', { total_count: 3, data: [] }, several],
    ['one of another reference', listOf(details({ reference: 'att_aBc_12' })), MISMATCH],
    ['one that is not counted', { total_count: 0, data: [details()] }, MALFORMED],
    ['no count', { data: [] }, MALFORMED],
    ['no list', { total_count: 0 }, MALFORMED],
    ['nothing', null, MALFORMED],
    ['an id that is none', listOf(details({ id: 'x' })), MALFORMED],
  ])('%s', async (_what, list, expected) => {
    tell(list);
    expect(await inquire(null)).toEqual(expected);
    // Where it is not one payment, none is read.
    expect(seen).toHaveLength(1);
  });
});

describe('by its id', () => {
  const LINK = { id: '489341065491658', network: 'visa', date: '2026-11-23' };
  const expiresAtMs = Date.UTC(2026, 10, 30, 10, 11, 12);
  const APPROVED = { kind: 'approved', providerReference: PAYMENT_ID, networkTransaction: LINK, expiresAtMs };
  const undone = (authorizedAmount: number) => ({
    kind: 'partially_approved',
    providerReference: PAYMENT_ID,
    authorizedAmount,
    networkTransaction: LINK,
    reversal: 'confirmed',
  });
  const cancelled = (code: string) => ({
    kind: 'rejected',
    reason: 'cancelled',
    code,
    retryAfterMs: null,
    providerReference: PAYMENT_ID,
  });
  const pending = (code: string | null) => ({ kind: 'pending', code, providerReference: PAYMENT_ID });
  const NOTHING_HELD = { total_authorized: 0, total_voided: 0, total_captured: 0 };

  it.each<[string, Record<string, unknown>, unknown]>([
    ['authorized', {}, APPROVED],
    ['captured since', { status: 'Captured' }, APPROVED],
    ['captured in part', { status: 'Partially Captured' }, APPROVED],
    ['refunded since', { status: 'Refunded' }, APPROVED],
    ['refunded in part', { status: 'Partially Refunded' }, APPROVED],
    ['without balances', { balances: undefined }, APPROVED],
    ['voided', { status: 'Voided' }, undone(4999)],
    ['voided, without a word on how much', { status: 'Voided', balances: undefined }, undone(4999)],
    [
      'voided, not said to have been approved',
      { status: 'Voided', balances: undefined, approved: undefined },
      undone(4999),
    ],
    ['voided before it was authorized', { status: 'Voided', balances: NOTHING_HELD }, cancelled('voided')],
    ['expired', { status: 'Expired' }, undone(4999)],
    [
      'expired before it was authorized',
      { status: 'Expired', approved: false, balances: undefined },
      cancelled('expired'),
    ],
    ['canceled', { status: 'Canceled', approved: false, balances: undefined }, cancelled('canceled')],
    ['to be decided', { status: 'Pending', approved: false }, pending(null)],
    [
      'redirected',
      { status: 'Pending', approved: false, _links: { redirect: { href: 'https://x' } } },
      pending('redirect'),
    ],
    ['being authenticated', { status: 'Authentication Requested' }, pending('authentication_requested')],
    ['requested', { status: 'Requested' }, pending('requested')],
    ['active', { status: 'Active' }, pending('active')],
    ['to be tried again by Checkout.com', { status: 'Retry Scheduled' }, pending('retry_scheduled')],
    [
      'in part',
      { amount: 2000, amount_requested: 4999, balances: { total_authorized: 2000 } },
      { ...undone(2000), expiresAtMs, reversal: 'none' },
    ],
  ])('%s', async (_what, over, outcome) => {
    tell(null, details(over));
    expect(await inquire(PAYMENT_ID)).toEqual({ kind: 'found', outcome });
    expect(seen).toHaveLength(1);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another attempt', { reference: 'att_aBc_2' }],
    ['no reference', { reference: undefined }],
    ['another payment', { id: OTHER }],
    ['another amount', { amount: 4998, balances: undefined }],
    ['another currency', { currency: 'USD' }],
    ['no amount', { amount: undefined }],
    ['no currency', { currency: undefined }],
    ['another channel', { processing_channel_id: 'pc_other' }],
    ['not approved', { approved: false }],
    ['not said to be approved', { approved: undefined }],
    ['less held than is said', { balances: { total_authorized: 4998 } }],
    ['a part of something else', { amount: 2000, amount_requested: 5000, balances: undefined }],
    ['another source that was charged', { processing: { fallback_source_used: true } }],
    ['a card that was verified', { status: 'Card Verified' }],
    ['a payout', { status: 'Paid' }],
    ['voided and captured', { status: 'Voided', balances: { total_authorized: 4999, total_captured: 1 } }],
    ['voided, more than was asked', { status: 'Voided', balances: { total_authorized: 5000 } }],
  ])('%s is no evidence', async (_what, over) => {
    tell(null, details(over));
    expect(await inquire(PAYMENT_ID)).toEqual(MISMATCH);
  });

  const DECLINED = { status: 'Declined', approved: false, balances: NOTHING_HELD, processing: undefined };
  const tried = (over: Record<string, unknown> = {}) =>
    action({ type: 'Authorization', amount: 4999, approved: false, response_code: '20005', ...over });

  it.each<[string, Record<string, unknown>, unknown, Record<string, unknown>]>([
    [
      'by its action',
      {},
      [tried()],
      { kind: 'found', outcome: { kind: 'declined', decline: { code: '20005' } } },
    ],
    [
      'with the network’s code',
      { processing: { partner_response_code: '41' } },
      [tried()],
      {
        kind: 'found',
        outcome: { kind: 'declined', decline: { networkCode: '41', otherProvider: 'never' } },
      },
    ],
    [
      'by the strictest of several',
      {},
      [tried(), tried({ response_code: '20051' }), tried()],
      { kind: 'found', outcome: { kind: 'declined', decline: { code: '20051' } } },
    ],
    [
      'and one of several is without certainty: the first',
      {},
      [tried({ response_code: '20068' }), tried()],
      { kind: 'no_answer', code: '20068' },
    ],
    [
      'and one of several is without certainty: the last',
      {},
      [tried(), tried({ response_code: '20068' })],
      { kind: 'no_answer', code: '20068' },
    ],
    [
      'to be authenticated',
      {},
      [tried({ response_code: '20154' })],
      { kind: 'found', outcome: { kind: 'authentication_required' } },
    ],
    ['without certainty', {}, [tried({ response_code: '20068' })], { kind: 'no_answer', code: '20068' }],
    [
      'with money held',
      { balances: { total_authorized: 4999 } },
      [tried()],
      { kind: 'found', outcome: { decline: { mayHideApproval: true } } },
    ],
    [
      'with an authorization that was approved',
      {},
      [tried({ approved: true, response_code: '10000' })],
      MISMATCH,
    ],
    ['without a code', {}, [tried({ response_code: null })], { kind: 'no_answer', code: 'code_not_told' }],
    ['without an action', {}, [], { kind: 'no_answer', code: 'code_not_told' }],
    ['with actions that are none', {}, {}, MALFORMED],
    [
      'to be tried again',
      { retry: { next_attempt_on: '2026-11-30T00:00:00Z' } },
      [tried()],
      { kind: 'found', outcome: pending('retry_scheduled') },
    ],
    [
      'with a word of the past on retries',
      { retry: { max_attempts: 1 } },
      [tried()],
      { kind: 'found', outcome: { kind: 'declined' } },
    ],
  ])('declined, %s', async (_what, over, actions, expected) => {
    tell(null, details({ ...DECLINED, ...over }), actions);
    expect(await inquire(PAYMENT_ID)).toMatchObject(expected);
    expect(seen).toHaveLength(2);
  });

  it('declined and said to be approved is no evidence', async () => {
    tell(null, details({ ...DECLINED, approved: true }), [tried()]);
    expect(await inquire(PAYMENT_ID)).toEqual(MISMATCH);
  });

  it.each<[string, () => Response, string]>([
    ['404', bare(404, 'checkout'), 'http_404'],
    ['404 of somebody on the way', bare(404, 'somebody'), 'http_404'],
    ['401', bare(401, 'checkout'), 'http_401'],
    ['429', own(429, 'too_many_requests', []), 'too_many_requests'],
    ['500', own(500, 'processing_error', []), 'processing_error'],
    ['a channel that is none', json(details({ processing_channel_id: [] })), 'answer_malformed'],
    ['HTML', () => HttpResponse.html('ok'), 'answer_malformed'],
    ['a status nobody knows', json(details({ status: 'Settled' })), 'answer_malformed'],
  ])('%s is no answer, by the id and by our reference', async (_what, respond, code) => {
    answer(respond);
    expect(await inquire(PAYMENT_ID)).toEqual({ kind: 'no_answer', code });
    expect(await inquire(null)).toEqual({ kind: 'no_answer', code });
  });
});
