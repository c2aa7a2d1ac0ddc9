import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { AskedOperation, NoticeEvidence, NoticeSubject } from '../../../src/gateway/ports.ts';
import { asHint, paypalEvidence } from '../../../src/providers/paypal/evidence.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { authorizationOf, declineTables, euros, ORDER_ID, orderOf } from './paypal-fixture.ts';
import { ATTEMPT, AUTHORIZATION, asOurs, CAPTURE, DISPUTE, ORDER, REFUND } from './sample-events.ts';

const DEPS = { clock: new FakeClock(), declineTables: () => declineTables };
const operation = (kind: OperationKind, operationId: string, value: number): AskedOperation => ({
  operation: kind,
  operationId,
  attemptId: ATTEMPT,
  providerReference: ORDER_ID,
  amount: { value, currency: 'EUR' },
  final: false,
});
const OPERATIONS = [operation('capture', 'cap_bcdfghjk_2', 4999), operation('refund', 'ref_bcdfghjk_3', 400)];
const SUBJECT: NoticeSubject = {
  attemptId: ATTEMPT,
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  providerReference: ORDER_ID,
  operations: [],
  operationReferences: [],
};
const ABOUT = {
  AUTHORIZATION: 'authorization',
  CAPTURE: 'capture',
  REFUND: 'refund',
  ORDER: 'order',
  DISPUTE: 'dispute',
} as const;
const evidence = (
  type: string,
  resource: unknown,
  over: Partial<NoticeSubject> = {},
  merchantId: string | null = null,
) => {
  const about =
    type === 'PAYMENT.CAPTURE.REFUNDED'
      ? 'refund'
      : type === 'PAYMENT.CAPTURE.REVERSED'
        ? 'reversal'
        : ABOUT[type.split('.')[1] as keyof typeof ABOUT];
  return paypalEvidence({ type, data: { about, resource } }, { ...SUBJECT, ...over }, merchantId, DEPS);
};
const NOTHING: NoticeEvidence = { kind: 'nothing' };
const MISMATCH: NoticeEvidence = { kind: 'mismatch' };
const attempt = (outcome: object) => ({ kind: 'attempt', outcome: expect.objectContaining(outcome) });
const WITH_OPERATIONS = { operations: OPERATIONS };

describe('evidence about an attempt', () => {
  it.each<[string, string, object, object, Partial<NoticeSubject>?]>([
    [
      'created',
      'PAYMENT.AUTHORIZATION.CREATED',
      AUTHORIZATION,
      attempt({ kind: 'approved', providerReference: ORDER_ID }),
    ],
    [
      'created and not named, but of our order',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, custom_id: null },
      attempt({ kind: 'approved' }),
    ],
    [
      'created, its order not known here so far',
      'PAYMENT.AUTHORIZATION.CREATED',
      AUTHORIZATION,
      attempt({ kind: 'approved' }),
      { providerReference: null },
    ],
    [
      'created, the event without the order',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, supplementary_data: null },
      attempt({ kind: 'approved', providerReference: ORDER_ID }),
    ],
    ...['CAPTURED', 'PARTIALLY_CAPTURED'].map((status): [string, string, object, object] => [
      `created, and ${status} when the event was made`,
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, status },
      attempt({ kind: 'approved' }),
    ]),
    [
      'created, told after a capture of ours',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, status: 'CAPTURED' },
      attempt({ kind: 'approved' }),
      WITH_OPERATIONS,
    ],
    [
      'pending',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, status: 'PENDING' },
      attempt({ kind: 'pending' }),
    ],
    [
      'denied',
      'PAYMENT.AUTHORIZATION.DENIED',
      { ...AUTHORIZATION, status: 'DENIED', processor_response: { response_code: '5120' } },
      attempt({ kind: 'declined' }),
    ],
    [
      'voided',
      'PAYMENT.AUTHORIZATION.VOIDED',
      { ...AUTHORIZATION, status: 'VOIDED' },
      attempt({ kind: 'partially_approved', reversal: 'confirmed', authorizedAmount: 4999 }),
    ],
    [
      'voided after it was captured',
      'PAYMENT.AUTHORIZATION.VOIDED',
      { ...AUTHORIZATION, status: 'VOIDED' },
      NOTHING,
      WITH_OPERATIONS,
    ],
    [
      'voided while a void of ours is on its way',
      'PAYMENT.AUTHORIZATION.VOIDED',
      { ...AUTHORIZATION, status: 'VOIDED' },
      attempt({ kind: 'partially_approved', reversal: 'confirmed' }),
      { operations: [operation('void', 'void_bcdfghjk_4', 4999)] },
    ],
    [
      'voided, of a partial approval',
      'PAYMENT.AUTHORIZATION.VOIDED',
      { ...AUTHORIZATION, status: 'VOIDED', amount: euros('20.00') },
      attempt({ authorizedAmount: 2000, reversal: 'confirmed' }),
    ],
    ['of an event that nobody knows', 'PAYMENT.AUTHORIZATION.EXPIRED', AUTHORIZATION, NOTHING],
    ['an order that is done', 'CHECKOUT.ORDER.COMPLETED', ORDER, attempt({ kind: 'approved' })],
    [
      'an order that nobody paid',
      'CHECKOUT.ORDER.APPROVED',
      orderOf(null, { status: 'APPROVED' }, asOurs),
      NOTHING,
    ],
    [
      'an order that was voided unpaid',
      'CHECKOUT.ORDER.VOIDED',
      orderOf(null, { status: 'VOIDED' }, asOurs),
      attempt({ kind: 'rejected', reason: 'cancelled' }),
    ],
  ])('%s', (_, type, resource, told, over) => {
    expect(evidence(type, resource, over)).toEqual(told);
  });

  it.each<[string, string, object, Partial<NoticeSubject>?]>([
    ['another amount', 'PAYMENT.AUTHORIZATION.CREATED', { ...AUTHORIZATION, amount: euros('49.98') }],
    [
      'another currency',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, amount: euros('49.99', 'USD') },
    ],
    ['another attempt', 'PAYMENT.AUTHORIZATION.CREATED', { ...AUTHORIZATION, custom_id: 'att_zzz_1' }],
    ['another order', 'PAYMENT.AUTHORIZATION.CREATED', AUTHORIZATION, { providerReference: 'OTHER1' }],
    [
      'neither a name nor an order',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, custom_id: null, supplementary_data: null },
    ],
    [
      'an order that nobody can name',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, supplementary_data: null },
      { providerReference: null },
    ],
    [
      'a denial that leaves open what was decided',
      'PAYMENT.AUTHORIZATION.DENIED',
      {
        ...AUTHORIZATION,
        status: 'DENIED',
        processor_response: null,
        status_details: { reason: 'DUPLICATE_INVOICE_ID' },
      },
    ],
    ['a state that its name contradicts', 'PAYMENT.AUTHORIZATION.VOIDED', AUTHORIZATION],
    [
      'a void that its name contradicts',
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, status: 'VOIDED' },
    ],
    [
      'an order of another amount',
      'CHECKOUT.ORDER.COMPLETED',
      orderOf({ authorizations: [authorizationOf(asOurs)] }, {}, { ...asOurs, amount: euros('1.00') }),
    ],
    ['an order of another id', 'CHECKOUT.ORDER.COMPLETED', ORDER, { providerReference: 'OTHER1' }],
  ])('that tells of %s is none', (_, type, resource, over) => {
    expect(evidence(type, resource, over)).toEqual(MISMATCH);
  });

  const OURS = 'RD465XN5VS364';
  const FOREIGN = 'GDFAYSUFGSQX6';
  it.each<[string, string | null, object, 'compared' | 'mismatch']>([
    ['ours', OURS, { payee: { merchant_id: OURS } }, 'compared'],
    ['another', FOREIGN, { payee: { merchant_id: OURS } }, 'mismatch'],
    ['not named by the event', OURS, {}, 'compared'],
    ['not told by the event', OURS, { payee: { merchant_id: null } }, 'compared'],
    ['not configured', null, { payee: { merchant_id: FOREIGN } }, 'compared'],
  ])('is compared with the payee: %s', (_, merchantId, over, comes) => {
    const authorized = evidence(
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, ...over },
      {},
      merchantId,
    );
    expect(authorized.kind).toBe(comes === 'mismatch' ? 'mismatch' : 'attempt');
    const captured = evidence(
      'PAYMENT.CAPTURE.COMPLETED',
      { ...CAPTURE, ...over },
      WITH_OPERATIONS,
      merchantId,
    );
    expect(captured.kind).toBe(comes === 'mismatch' ? 'mismatch' : 'operation');
  });

  it('of a refund names no payee, and is none the worse', () => {
    expect(evidence('PAYMENT.CAPTURE.REFUNDED', REFUND, WITH_OPERATIONS, OURS).kind).toBe('operation');
  });

  it('in any order says the same, each by itself', () => {
    const told = [AUTHORIZATION, { ...AUTHORIZATION, status: 'VOIDED' }].map((resource, index) =>
      evidence(`PAYMENT.AUTHORIZATION.${index === 0 ? 'CREATED' : 'VOIDED'}`, resource),
    );
    const again = [{ ...AUTHORIZATION, status: 'VOIDED' }, AUTHORIZATION].map((resource, index) =>
      evidence(`PAYMENT.AUTHORIZATION.${index === 1 ? 'CREATED' : 'VOIDED'}`, resource),
    );
    expect(again.reverse()).toEqual(told);
  });

  it('of no shape is nothing', () => {
    for (const data of [null, 'x', {}, { about: 'capture' }, { about: 'order', resource: {} }]) {
      expect(paypalEvidence({ type: 'PAYMENT.CAPTURE.COMPLETED', data }, SUBJECT, null, DEPS)).toEqual(
        NOTHING,
      );
    }
  });
});

describe('evidence about an operation', () => {
  const capture = (inquiry: object) => ({ kind: 'operation', operationId: 'cap_bcdfghjk_2', inquiry });
  const refund = (inquiry: object) => ({ kind: 'operation', operationId: 'ref_bcdfghjk_3', inquiry });
  it.each<[string, object, object]>([
    [
      'PAYMENT.CAPTURE.COMPLETED',
      CAPTURE,
      capture({ kind: 'confirmed', providerReference: '3C679366HH908993F' }),
    ],
    // What has been given back since was taken all the same.
    ...['PARTIALLY_REFUNDED', 'REFUNDED'].map((status): [string, object, object] => [
      'PAYMENT.CAPTURE.COMPLETED',
      { ...CAPTURE, status },
      capture({ kind: 'confirmed', providerReference: '3C679366HH908993F' }),
    ]),
    ['PAYMENT.CAPTURE.PENDING', { ...CAPTURE, status: 'PENDING' }, capture({ kind: 'pending' })],
    ...['DECLINED', 'DENIED'].map((state): [string, object, object] => [
      `PAYMENT.CAPTURE.${state}`,
      { ...CAPTURE, status: 'FAILED' },
      capture({ kind: 'failed', code: 'FAILED' }),
    ]),
    [
      'PAYMENT.REFUND.FAILED',
      { ...REFUND, status: 'CANCELLED' },
      refund({ kind: 'failed', code: 'CANCELLED' }),
    ],
    [
      'PAYMENT.CAPTURE.COMPLETED',
      { ...CAPTURE, supplementary_data: null },
      capture({ kind: 'confirmed', providerReference: '3C679366HH908993F' }),
    ],
    [
      'PAYMENT.CAPTURE.DECLINED',
      { ...CAPTURE, status: 'DECLINED' },
      capture({ kind: 'failed', code: 'DECLINED' }),
    ],
    [
      'PAYMENT.CAPTURE.DENIED',
      { ...CAPTURE, status: 'DECLINED' },
      capture({ kind: 'failed', code: 'DECLINED' }),
    ],
    [
      'PAYMENT.CAPTURE.REFUNDED',
      REFUND,
      refund({ kind: 'confirmed', providerReference: '1JU08902781691411' }),
    ],
    ['PAYMENT.CAPTURE.REFUNDED', { ...REFUND, status: 'PENDING' }, refund({ kind: 'pending' })],
    ['PAYMENT.REFUND.FAILED', { ...REFUND, status: 'FAILED' }, refund({ kind: 'failed', code: 'FAILED' })],
    ['PAYMENT.REFUND.PENDING', { ...REFUND, status: 'PENDING' }, refund({ kind: 'pending' })],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, invoice_id: 'order-7781' }, NOTHING],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, invoice_id: null }, NOTHING],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, invoice_id: 'shop_cap_1' }, NOTHING],
    ['PAYMENT.CAPTURE.EXPLAINED', CAPTURE, NOTHING],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, invoice_id: 'cap_bcdfghjk_9' }, MISMATCH],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, amount: euros('49.98') }, MISMATCH],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, amount: euros('49.99', 'USD') }, MISMATCH],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, custom_id: 'att_zzz_1' }, MISMATCH],
    ['PAYMENT.CAPTURE.COMPLETED', { ...CAPTURE, status: 'DECLINED' }, MISMATCH],
    [
      'PAYMENT.CAPTURE.COMPLETED',
      { ...CAPTURE, supplementary_data: { related_ids: { order_id: 'OTHER1' } } },
      MISMATCH,
    ],
    ['PAYMENT.CAPTURE.REFUNDED', { ...REFUND, invoice_id: 'cap_bcdfghjk_2' }, MISMATCH],
    [
      'PAYMENT.CAPTURE.REFUNDED',
      { ...REFUND, invoice_id: 'cap_bcdfghjk_2', amount: euros('49.99') },
      MISMATCH,
    ],
    ['PAYMENT.CAPTURE.REFUNDED', { ...REFUND, invoice_id: 'ref_bcdfghjk_9' }, MISMATCH],
  ])('%s %#', (type, resource, told) => {
    expect(evidence(type, resource, WITH_OPERATIONS)).toEqual(told);
  });

  it('counts before the order is known here', () => {
    expect(
      evidence('PAYMENT.CAPTURE.COMPLETED', CAPTURE, { ...WITH_OPERATIONS, providerReference: null }),
    ).toEqual(capture({ kind: 'confirmed', providerReference: '3C679366HH908993F' }));
  });
});

describe('disputes', () => {
  const stage = (type: string, over: object = {}) => {
    const told = evidence(`CUSTOMER.DISPUTE.${type}`, { ...DISPUTE, ...over }, WITH_OPERATIONS);
    return told.kind === 'dispute' ? told.dispute.stage : told.kind;
  };

  it('are told with their id, reason, amount and term', () => {
    expect(evidence('CUSTOMER.DISPUTE.CREATED', DISPUTE, WITH_OPERATIONS)).toEqual({
      kind: 'dispute',
      dispute: {
        disputeId: 'PP-D-12345',
        stage: 'opened',
        reason: 'UNAUTHORISED',
        amount: { value: 4999, currency: 'EUR' },
        respondByMs: Date.UTC(2026, 11, 3, 10),
      },
    });
  });

  it.each([
    ['CREATED', { dispute_life_cycle_stage: 'INQUIRY' }, 'inquiry'],
    ['CREATED', { dispute_channel: 'ALERT' }, 'fraud_notice'],
    ['UPDATED', {}, 'updated'],
    ['RESOLVED', { dispute_outcome: { outcome_code: 'RESOLVED_SELLER_FAVOUR' } }, 'won'],
    ['RESOLVED', { dispute_outcome: { outcome_code: 'CANCELED_BY_BUYER' } }, 'won'],
    ['RESOLVED', { dispute_outcome: { outcome_code: 'RESOLVED_BUYER_FAVOUR' } }, 'lost'],
    ['RESOLVED', { dispute_outcome: { outcome_code: 'ACCEPTED' } }, 'lost'],
    ['RESOLVED', { dispute_outcome: { outcome_code: 'RESOLVED_WITH_PAYOUT' } }, 'updated'],
    ['RESOLVED', {}, 'updated'],
    ['CREATED', { disputed_transactions: [{ custom: 'att_zzz_1' }] }, 'mismatch'],
    ['CREATED', { disputed_transactions: [{ invoice_number: 'cap_bcdfghjk_2' }] }, 'opened'],
    ['CREATED', { disputed_transactions: [{ custom: 'att_zzz_1' }, { custom: ATTEMPT }] }, 'opened'],
  ])('%s %j is %s', (type, over, told) => {
    expect(stage(type, over)).toBe(told);
  });

  const KNOWN = { ...WITH_OPERATIONS, operationReferences: ['1JU08902781691411', '3C679366HH908993F'] };
  it.each([
    ['by its capture alone', { seller_transaction_id: '3C679366HH908993F' }, 'dispute'],
    ['by another capture', { seller_transaction_id: '4D679366HH908993G' }, 'mismatch'],
    ['by nothing', {}, 'mismatch'],
    [
      'by its capture, under the name of another attempt',
      { seller_transaction_id: '3C679366HH908993F', custom: 'att_zzz_1' },
      'mismatch',
    ],
    [
      'by its capture, under the name of another operation',
      { seller_transaction_id: '3C679366HH908993F', invoice_number: 'cap_zzz_1' },
      'mismatch',
    ],
  ])('are named %s', (_, named, kind) => {
    const told = { ...DISPUTE, disputed_transactions: [named] };
    expect(evidence('CUSTOMER.DISPUTE.CREATED', told, KNOWN).kind).toBe(kind);
  });

  it('a capture that PayPal took back is known by its id, unless it bears another name', () => {
    const related = (capture_id: string) => ({ supplementary_data: { related_ids: { capture_id } } });
    const nameless = { ...REFUND, custom_id: null, invoice_id: null, ...related('3C679366HH908993F') };
    const told = (resource: object) => evidence('PAYMENT.CAPTURE.REVERSED', resource, KNOWN).kind;
    expect(told(nameless)).toBe('dispute');
    expect(told({ ...nameless, ...related('4D679366HH908993G') })).toBe('mismatch');
    expect(told({ ...nameless, custom_id: 'att_zzz_1' })).toBe('mismatch');
    expect(told({ ...nameless, invoice_id: 'cap_zzz_1' })).toBe('mismatch');
  });

  it('that say little are told all the same', () => {
    const told = { dispute_id: 'PP-1', disputed_transactions: [{ custom: ATTEMPT }], dispute_amount: 'much' };
    expect(evidence('CUSTOMER.DISPUTE.UPDATED', told)).toEqual({
      kind: 'dispute',
      dispute: { disputeId: 'PP-1', stage: 'updated', reason: null, amount: null, respondByMs: null },
    });
  });

  it('a capture that PayPal took back is told like one, and moves nothing', () => {
    expect(
      evidence('PAYMENT.CAPTURE.REVERSED', { ...REFUND, invoice_id: 'cap_bcdfghjk_2' }, WITH_OPERATIONS),
    ).toEqual({
      kind: 'dispute',
      dispute: {
        disputeId: '1JU08902781691411',
        stage: 'opened',
        reason: 'CAPTURE_REVERSED',
        amount: { value: 400, currency: 'EUR' },
        respondByMs: null,
      },
    });
    const foreign = { ...REFUND, custom_id: 'att_zzz_1', invoice_id: null };
    expect(evidence('PAYMENT.CAPTURE.REVERSED', foreign, WITH_OPERATIONS)).toEqual(MISMATCH);
  });

  it.each<[string, object, Partial<NoticeSubject>, string]>([
    ['the attempt alone', { custom_id: ATTEMPT, invoice_id: null }, {}, 'dispute'],
    [
      'a capture of ours alone',
      { custom_id: null, invoice_id: 'cap_bcdfghjk_2' },
      WITH_OPERATIONS,
      'dispute',
    ],
    [
      'a capture that is none of ours',
      { custom_id: null, invoice_id: 'cap_zzz_1' },
      WITH_OPERATIONS,
      'mismatch',
    ],
  ])('what PayPal took back is known by the name of %s', (_, names, over, kind) => {
    expect(evidence('PAYMENT.CAPTURE.REVERSED', { ...REFUND, ...names }, over).kind).toBe(kind);
  });
});

describe('as a hint, since the signature does not cover what an event says', () => {
  const dispute = {
    disputeId: 'PP-D-1',
    stage: 'lost',
    reason: null,
    amount: null,
    respondByMs: null,
  } as const;
  const outcome = { kind: 'approved', providerReference: ORDER_ID, networkTransaction: null } as const;
  const inquiry = { kind: 'confirmed', providerReference: null } as const;
  it.each<[NoticeEvidence, NoticeEvidence]>([
    [
      { kind: 'attempt', outcome },
      { kind: 'hint', operationId: null },
    ],
    [
      { kind: 'operation', operationId: 'cap_bcdfghjk_2', inquiry },
      { kind: 'hint', operationId: 'cap_bcdfghjk_2' },
    ],
    [
      { kind: 'dispute', dispute },
      { kind: 'dispute', dispute: { ...dispute, unproven: true } },
    ],
    [MISMATCH, MISMATCH],
    [NOTHING, NOTHING],
  ])('%j is %j', (told, hint) => {
    expect(asHint(told)).toEqual(hint);
  });
});
