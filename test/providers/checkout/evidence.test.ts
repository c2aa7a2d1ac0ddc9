import { describe, expect, it } from 'vitest';
import type { NoticeSubject } from '../../../src/gateway/ports.ts';
import { ACTION_ID, PAYMENT_ID } from './checkout-fixture.ts';
import { CHANNEL } from './checkout-stand-in.ts';
import { evidence, OTHER, operationAsked, VOID } from './evidence-fixture.ts';

const MISMATCH = { kind: 'mismatch' };
const NOTHING = { kind: 'nothing' };
const HELD = { total_authorized: 4999, total_voided: 0, total_captured: 0 };
const VOIDED = { ...HELD, total_voided: 4999 };

describe('a payment', () => {
  const APPROVED = {
    ...{ id: PAYMENT_ID, action_id: ACTION_ID, reference: 'att_aBc_1', amount: 4999, currency: 'EUR' },
    ...{ response_code: '10000', scheme_id: '482318443327456', processed_on: '2026-11-23T10:00:00Z' },
    source: { scheme: 'VISA' },
    balances: HELD,
  };
  const APPROVAL = {
    kind: 'attempt',
    outcome: {
      kind: 'approved',
      providerReference: PAYMENT_ID,
      networkTransaction: { id: '482318443327456', network: 'visa', date: '2026-11-23' },
    },
  };

  it.each<[string, Record<string, unknown>, Partial<NoticeSubject>, unknown]>([
    ['as it was asked for', {}, {}, APPROVAL],
    ['before its answer', {}, { providerReference: null }, APPROVAL],
    [
      'for as long as it says',
      { expires_on: '2026-11-30T10:11:12Z' },
      {},
      {
        kind: 'attempt',
        outcome: { ...APPROVAL.outcome, expiresAtMs: Date.UTC(2026, 10, 30, 10, 11, 12) },
      },
    ],
    ['by its metadata alone', { reference: undefined, metadata: { attempt_id: 'att_aBc_1' } }, {}, APPROVAL],
    ['through our channel', { processing_channel_id: CHANNEL }, {}, APPROVAL],
    [
      'a second one of our attempt, which the record does not name',
      {},
      { providerReference: OTHER },
      APPROVAL,
    ],
    ['of another amount', { amount: 4998, balances: undefined }, {}, MISMATCH],
    ['of more', { amount: 5000, balances: undefined }, {}, MISMATCH],
    ['of another currency', { currency: 'USD' }, {}, MISMATCH],
    ['without an amount', { amount: undefined }, {}, MISMATCH],
    ['without a currency', { currency: undefined }, {}, MISMATCH],
    ['of another attempt', { reference: 'att_aBc_2' }, {}, MISMATCH],
    ['of nobody’s name', { reference: 'order-1' }, {}, MISMATCH],
    ['through another channel', { processing_channel_id: 'pc_other' }, {}, MISMATCH],
    ['with the code of a decline', { response_code: '20005' }, {}, MISMATCH],
    ['without a code', { response_code: undefined }, {}, MISMATCH],
    ['said not to be approved', { approved: false }, {}, MISMATCH],
    ['with less held', { balances: { ...HELD, total_authorized: 1 } }, {}, MISMATCH],
    [
      'in part',
      { amount: 2000, amount_requested: 4999, response_code: '10010', balances: { total_authorized: 2000 } },
      {},
      { kind: 'attempt', outcome: { kind: 'partially_approved', authorizedAmount: 2000, reversal: 'none' } },
    ],
    [
      'in part, a second one of our attempt',
      { amount: 2000, amount_requested: 4999, response_code: '10010', balances: { total_authorized: 2000 } },
      { providerReference: OTHER },
      { kind: 'attempt', outcome: { kind: 'partially_approved', providerReference: PAYMENT_ID } },
    ],
  ])('approved, %s', (_what, over, subject, expected) => {
    expect(evidence('payment_approved', { ...APPROVED, ...over }, subject)).toMatchObject(
      expected as Record<string, unknown>,
    );
  });

  const DECLINED = { ...APPROVED, response_code: '20005', balances: undefined, scheme_id: undefined };
  it.each<[string, Record<string, unknown>, Partial<NoticeSubject>, unknown]>([
    [
      'as it was asked for',
      {},
      {},
      { kind: 'attempt', outcome: { kind: 'declined', decline: { code: '20005' } } },
    ],
    [
      'before its answer',
      {},
      { providerReference: null },
      { kind: 'attempt', outcome: { kind: 'declined', decline: { code: '20005' } } },
    ],
    [
      'with the network’s word',
      { processing: { partner_response_code: '41', partner_merchant_advice_code: '03' } },
      {},
      { kind: 'attempt', outcome: { decline: { networkCode: '41', advice: '03', otherProvider: 'never' } } },
    ],
    [
      'after an approval',
      { balances: HELD },
      {},
      { kind: 'attempt', outcome: { decline: { mayHideApproval: true } } },
    ],
    [
      'to be authenticated',
      { response_code: '20154' },
      {},
      { kind: 'attempt', outcome: { kind: 'authentication_required' } },
    ],
    ['without certainty', { response_code: '20068' }, {}, NOTHING],
    [
      'to be tried again',
      { retry: { next_attempt_on: '2026-11-30T15:56:27.2Z', attempts_made: 1 } },
      {},
      { kind: 'attempt', outcome: { kind: 'pending' } },
    ],
    ['of another payment', {}, { providerReference: OTHER }, MISMATCH],
    ['of another amount', { amount: 1 }, {}, MISMATCH],
    ['of another currency', { currency: 'USD' }, {}, MISMATCH],
    ['of another attempt', { reference: 'att_aBc_2' }, {}, MISMATCH],
    ['with the code of an approval', { response_code: '10000' }, {}, MISMATCH],
    ['without a code', { response_code: undefined }, {}, MISMATCH],
  ])('declined, %s', (_what, over, subject, expected) => {
    expect(evidence('payment_declined', { ...DECLINED, ...over }, subject)).toMatchObject(
      expected as Record<string, unknown>,
    );
  });

  const STILL = { ...DECLINED, response_code: undefined };
  const cancelled = { kind: 'attempt', outcome: { kind: 'rejected', reason: 'cancelled' } };
  const undone = {
    kind: 'attempt',
    outcome: { kind: 'partially_approved', authorizedAmount: 4999, reversal: 'confirmed' },
  };
  it.each<[string, Record<string, unknown>, unknown]>([
    ['payment_pending', {}, { kind: 'attempt', outcome: { kind: 'pending', code: null } }],
    [
      'payment_retry_scheduled',
      {},
      { kind: 'attempt', outcome: { kind: 'pending', code: 'retry_scheduled' } },
    ],
    ['payment_canceled', {}, cancelled],
    ['payment_canceled', { balances: HELD }, undone],
    ['payment_canceled', { balances: { ...HELD, total_captured: 1 } }, MISMATCH],
    // Whether it was authorized before, an inquiry tells.
    ['payment_expired', {}, NOTHING],
    ['payment_expired', { balances: { total_authorized: 0 } }, cancelled],
    ['payment_expired', { balances: VOIDED }, undone],
    ['payment_expired', { balances: HELD, amount: 1 }, MISMATCH],
    ['payment_expired', { reference: 'order-1' }, MISMATCH],
  ])('%s with %o', (type, over, expected) => {
    expect(evidence(type, { ...STILL, ...over })).toMatchObject(expected as Record<string, unknown>);
  });

  it.each([
    ['payment_canceled', {}],
    ['payment_canceled', { balances: HELD }],
    ['payment_expired', { balances: VOIDED }],
    ['payment_pending', {}],
  ])('%s with %o says nothing of the one that we know, if it is of another one', (type, over) => {
    expect(evidence(type, { ...STILL, ...over }, { providerReference: OTHER })).toEqual(MISMATCH);
  });
});

describe('an operation', () => {
  const told = (operationId: string, amount: number, over: Record<string, unknown> = {}) => ({
    ...{ id: PAYMENT_ID, action_id: ACTION_ID, amount, currency: 'EUR', response_code: '10000' },
    metadata: { attempt_id: 'att_aBc_1', operation_id: operationId },
    ...over,
  });
  const confirmed = (operationId: string) => ({
    kind: 'operation',
    operationId,
    inquiry: { kind: 'confirmed', providerReference: ACTION_ID },
  });
  const failed = (operationId: string, code = '20005') => ({
    kind: 'operation',
    operationId,
    inquiry: { kind: 'failed', code },
  });
  const no = { response_code: '20005' };

  it.each<[string, string, string, number]>([
    ['payment_captured', 'payment_capture_declined', 'cap_aBc_2', 1000],
    ['payment_refunded', 'payment_refund_declined', 'ref_aBc_3', 400],
  ])('%s and %s are told to the minor unit', (done, refused, operationId, value) => {
    expect(evidence(done, told(operationId, value))).toEqual(confirmed(operationId));
    expect(evidence(refused, told(operationId, value, no))).toEqual(failed(operationId));
    for (const other of [0, 1, value - 1, value + 1]) {
      expect(evidence(done, told(operationId, other))).toEqual(MISMATCH);
      expect(evidence(refused, told(operationId, other, no))).toEqual(MISMATCH);
    }
  });

  const pending = (operationId: string) => ({ kind: 'operation', operationId, inquiry: { kind: 'pending' } });
  it.each<[string, string, Record<string, unknown>, Partial<NoticeSubject>, unknown]>([
    [
      'by its reference',
      'payment_captured',
      told('', 1000, { metadata: {}, reference: 'cap_aBc_2' }),
      {},
      confirmed('cap_aBc_2'),
    ],
    [
      'without a code',
      'payment_captured',
      told('cap_aBc_2', 1000, { response_code: undefined }),
      {},
      confirmed('cap_aBc_2'),
    ],
    [
      'of a part, by the balances too',
      'payment_captured',
      told('cap_aBc_2', 1000, { balances: { ...HELD, total_captured: 1000 } }),
      {},
      confirmed('cap_aBc_2'),
    ],
    [
      'of something, where nothing was asked for',
      'payment_captured',
      told('cap_aBc_2', 1000),
      { operations: [operationAsked('capture', 'cap_aBc_2', 0)] },
      MISMATCH,
    ],
    ['under way', 'payment_capture_pending', told('cap_aBc_2', 1000), {}, pending('cap_aBc_2')],
    ['a refund under way', 'payment_refund_pending', told('ref_aBc_3', 400), {}, pending('ref_aBc_3')],
    [
      'refused without a code',
      'payment_capture_declined',
      told('cap_aBc_2', 1000, { response_code: undefined }),
      {},
      failed('cap_aBc_2', 'action_failed'),
    ],
    [
      'before the payment’s id is known',
      'payment_captured',
      told('cap_aBc_2', 1000),
      { providerReference: null },
      confirmed('cap_aBc_2'),
    ],
    ['of another payment', 'payment_captured', told('cap_aBc_2', 1000, { id: OTHER }), {}, MISMATCH],
    [
      'of another attempt',
      'payment_captured',
      told('cap_aBc_2', 1000, { metadata: { attempt_id: 'att_aBc_2', operation_id: 'cap_aBc_2' } }),
      {},
      MISMATCH,
    ],
    ['of another currency', 'payment_captured', told('cap_aBc_2', 1000, { currency: 'USD' }), {}, MISMATCH],
    [
      'without a currency',
      'payment_captured',
      told('cap_aBc_2', 1000, { currency: undefined }),
      {},
      MISMATCH,
    ],
    ['without an amount', 'payment_captured', told('cap_aBc_2', 1000, { amount: undefined }), {}, MISMATCH],
    ['that we never asked for', 'payment_captured', told('cap_aBc_9', 1000), {}, MISMATCH],
    ['of another kind', 'payment_refunded', told('cap_aBc_2', 1000), {}, MISMATCH],
    ['done with the code of a decline', 'payment_captured', told('cap_aBc_2', 1000, no), {}, MISMATCH],
    [
      'refused with the code of an approval',
      'payment_capture_declined',
      told('cap_aBc_2', 1000),
      {},
      MISMATCH,
    ],
    [
      'through another channel',
      'payment_captured',
      told('cap_aBc_2', 1000, { processing_channel_id: 'pc_other' }),
      {},
      MISMATCH,
    ],
    ['that somebody made', 'payment_captured', told('', 1000, { metadata: {} }), {}, NOTHING],
    [
      'of the payment’s names alone',
      'payment_captured',
      told('', 1000, { metadata: { attempt_id: 'att_aBc_1' }, reference: 'att_aBc_1' }),
      {},
      NOTHING,
    ],
    ['a refund that somebody made', 'payment_refunded', told('', 400, { metadata: {} }), {}, NOTHING],
    [
      'a refund that somebody made, of what the balances say is voided',
      'payment_refunded',
      told('', 400, { metadata: {}, balances: VOIDED }),
      { operations: [] },
      NOTHING,
    ],
  ])('a capture or refund: %s', (_what, type, data, subject, expected) => {
    expect(evidence(type, data, subject)).toEqual(expected);
  });

  const UNKNOWN = { operations: [operationAsked('void', 'void_aBc_1', 0)] };
  it.each<[string, string, Record<string, unknown>, Partial<NoticeSubject>, unknown]>([
    ['done', 'payment_voided', told('void_aBc_1', 4999, { balances: VOIDED }), {}, confirmed('void_aBc_1')],
    ['done, without balances', 'payment_voided', told('void_aBc_1', 4999), {}, confirmed('void_aBc_1')],
    ['of less than was expected', 'payment_voided', told('void_aBc_1', 4998), {}, MISMATCH],
    ['of more than was expected', 'payment_voided', told('void_aBc_1', 5000), {}, MISMATCH],
    ['of what nobody knew', 'payment_voided', told('void_aBc_1', 5000), UNKNOWN, confirmed('void_aBc_1')],
    [
      'of what nobody knew, and nobody tells',
      'payment_voided',
      told('void_aBc_1', 0, { amount: undefined }),
      UNKNOWN,
      MISMATCH,
    ],
    [
      'done, with something still held',
      'payment_voided',
      told('void_aBc_1', 4998, { balances: { ...HELD, total_voided: 4998 } }),
      {},
      MISMATCH,
    ],
    [
      'done, with money captured',
      'payment_voided',
      told('void_aBc_1', 4999, { balances: { ...VOIDED, total_captured: 1 } }),
      {},
      MISMATCH,
    ],
    ['of another currency', 'payment_voided', told('void_aBc_1', 4999, { currency: 'USD' }), {}, MISMATCH],
    [
      'refused, of whatever amount',
      'payment_void_declined',
      told('void_aBc_1', 0, no),
      {},
      failed('void_aBc_1'),
    ],
    ['refused with the code of an approval', 'payment_void_declined', told('void_aBc_1', 4999), {}, MISMATCH],
  ])('a void: %s', (_what, type, data, subject, expected) => {
    expect(evidence(type, data, subject)).toEqual(expected);
  });

  const UNDONE = {
    kind: 'attempt',
    outcome: {
      kind: 'partially_approved',
      providerReference: PAYMENT_ID,
      authorizedAmount: 4999,
      networkTransaction: null,
      reversal: 'confirmed',
    },
  };
  const nobodys = (over: Record<string, unknown> = {}) =>
    told('', 4999, { metadata: {}, balances: VOIDED, ...over });
  it.each<[string, Record<string, unknown>, Partial<NoticeSubject>, unknown]>([
    ['of everything', nobodys(), { operations: [VOID] }, UNDONE],
    ['by the payment’s reference', nobodys({ reference: 'att_aBc_1' }), { operations: [] }, UNDONE],
    ['of a part', nobodys({ balances: { ...HELD, total_voided: 4998 } }), { operations: [] }, NOTHING],
    // What a final capture left is given back by Checkout.com itself.
    [
      'of what a capture left',
      nobodys({ amount: 3999, balances: { ...VOIDED, total_voided: 3999, total_captured: 1000 } }),
      { operations: [] },
      NOTHING,
    ],
    ['beside a capture of ours', nobodys(), {}, NOTHING],
    ['without balances', nobodys({ balances: undefined }), { operations: [] }, NOTHING],
    [
      'of nothing',
      nobodys({ balances: { total_authorized: 0, total_voided: 0 } }),
      { operations: [] },
      NOTHING,
    ],
    ['of a payment that we do not know', nobodys(), { operations: [], providerReference: null }, NOTHING],
    ['of another payment', nobodys({ id: OTHER }), { operations: [] }, MISMATCH],
    ['of another currency', nobodys({ currency: 'USD' }), { operations: [] }, MISMATCH],
    [
      'of more than was asked',
      nobodys({ balances: { total_authorized: 5000, total_voided: 5000 } }),
      { operations: [] },
      MISMATCH,
    ],
  ])('a void that bears no name of ours: %s', (_what, data, subject, expected) => {
    expect(evidence('payment_voided', data, subject)).toEqual(expected);
  });

  it('a void without our name that was declined says nothing', () => {
    expect(evidence('payment_void_declined', nobodys(no), { operations: [] })).toEqual(NOTHING);
  });
});
