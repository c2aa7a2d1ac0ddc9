import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AuthorizationRequest, ThreeDs } from '../../../src/core/authorization.ts';
import { CARD_BRANDS, type CardBrand } from '../../../src/core/card.ts';
import {
  captureBody,
  paymentBody,
  refundBody,
  voidBody,
} from '../../../src/providers/checkout/transformers.ts';
import {
  wireAccepted,
  wireActions,
  wireError,
  wirePayment,
  wirePayments,
} from '../../../src/providers/checkout/wire.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { CAVV, callOf, operationOf } from './checkout-fixture.ts';
import { CHANNEL } from './checkout-stand-in.ts';

/*
 * Checkout.com publishes no description of its current interface. The shapes below are written by hand from what is public:
 * checkout-api-reference@2fc946c (nas_spec/components/schemas/Payments: PaymentRequest, PaymentRequestIdSource, 3dsRequest,
 * CaptureRequest, VoidRequest, RefundRequest, and the examples of their answers), and for what came since
 * checkout-sdk-java 7.16.0 (payments.request.PaymentRequest, source.RequestIdSource, PartialAuthorization,
 * PaymentRetryRequest, ThreeDSRequest, PaymentType, common.Exemption). Whatever they do not name is refused.
 */

const metadata = z
  .record(z.string().max(100), z.union([z.string().max(255), z.number(), z.boolean()]))
  .refine((fields) => Object.keys(fields).length <= 20);

const threeDs = z.strictObject({
  enabled: z.boolean(),
  allow_upgrade: z.boolean(),
  eci: z.string().length(2).optional(),
  cryptogram: z.string().max(50).optional(),
  xid: z.string().max(100).optional(),
  version: z.string().max(10).optional(),
  exemption: z
    .enum([
      'low_value',
      'trusted_listing',
      'trusted_listing_prompt',
      'transaction_risk_assessment',
      '3ds_outage',
      'sca_delegation',
      'out_of_sca_scope',
      'low_risk_program',
      'recurring_operation',
      'data_share',
      'other',
      'none',
      'secure_corporate_payment',
    ])
    .optional(),
});

const paymentRequest = z
  .strictObject({
    source: z.strictObject({
      type: z.literal('id'),
      id: z.string().regex(/^(src)_(\w{26})$/),
      stored: z.boolean().optional(),
      store_for_future_use: z.boolean().optional(),
    }),
    amount: z.int().min(0).max(999_999_999),
    currency: z.string().length(3),
    payment_type: z.enum(['Regular', 'Recurring', 'MOTO', 'Installment', 'PayLater', 'Unscheduled']),
    merchant_initiated: z.boolean(),
    reference: z.string().max(50),
    capture: z.literal(false),
    processing_channel_id: z.string().regex(/^(pc)_(\w{26})$/),
    '3ds': threeDs,
    partial_authorization: z.strictObject({ enabled: z.boolean() }).optional(),
    previous_payment_id: z.string().max(100).optional(),
    retry: z
      .strictObject({
        dunning: z.strictObject({ enabled: z.literal(false) }),
        downtime: z.strictObject({ enabled: z.literal(false) }),
      })
      .optional(),
    metadata,
  })
  // "If true, payment_type must not be Regular"; "only pass this field for merchant-initiated transactions".
  .refine(({ merchant_initiated, payment_type }) => !merchant_initiated || payment_type !== 'Regular')
  .refine(
    ({ merchant_initiated, previous_payment_id }) => merchant_initiated || previous_payment_id === undefined,
  )
  // "Required if using an external MPI".
  .refine(({ '3ds': { enabled, eci, cryptogram, version } }) =>
    [eci, cryptogram, version].every((told) => (told !== undefined) === enabled),
  );

const names = { reference: z.string().max(50), metadata };
const captureRequest = z.strictObject({
  amount: z.int().min(0),
  capture_type: z.enum(['NonFinal', 'Final']),
  ...names,
});
const refundRequest = z.strictObject({ amount: z.int().min(0), ...names });
const voidRequest = z.strictObject(names);

const NONE: ThreeDs = { eci: null, cavv: null, dsTransactionId: null, version: null, exemption: null };
const FULL: ThreeDs = {
  eci: '05',
  cavv: CAVV,
  dsTransactionId: 'e6473b22-08ac-492d-a587-2aba9b80df6f',
  version: '2.2.0',
  exemption: null,
};

/** Every way in which a request may be made, combined. */
function* requests(): Generator<readonly [AuthorizationRequest, CardBrand]> {
  const reasons = ['recurring', 'installment', 'unscheduled'] as const;
  const uses = ['first', 'subsequent'] as const;
  const stored = [null, ...reasons.flatMap((reason) => uses.map((usage) => ({ usage, reason })))];
  const authentications = [
    null,
    NONE,
    FULL,
    { ...FULL, exemption: 'low_value' },
    { ...NONE, exemption: 'tra' },
    { ...FULL, version: '1.0.2', eci: '7' },
  ];
  const amounts = [1, 4999, 999_999_999].map((value) => ({ value, currency: 'EUR' }));
  amounts.push({ value: 500, currency: 'JPY' }, { value: 1_310, currency: 'BHD' });
  for (const initiator of ['customer', 'merchant'] as const)
    for (const storedCredential of stored)
      for (const auth of authentications)
        for (const amount of amounts)
          for (const acceptPartial of [true, false])
            for (const brand of CARD_BRANDS) {
              const networkTransaction = { id: 'MCC0123456789', network: brand, date: '2026-01-02' };
              const more = { storedCredential, threeDs: auth, acceptPartial, networkTransaction };
              yield [sampleRequest({ initiator, amount, ...more, reference: 'r'.repeat(255) }), brand];
            }
}

describe('every request, against the shapes that are public', () => {
  it('to authorize, in every combination', () => {
    let count = 0;
    for (const [request, brand] of requests()) {
      const body = paymentBody(callOf({ request, brand }), CHANNEL);
      const read = paymentRequest.safeParse(JSON.parse(body ?? 'null'));
      if (!read.success) expect.fail(`${z.prettifyError(read.error)}\n${body}`);
      count += 1;
    }
    expect(count).toBe(2 * 7 * 6 * 5 * 2 * CARD_BRANDS.length);
  });

  it('to capture, void and refund', () => {
    for (const final of [true, false]) {
      for (const value of [1, 999_999_999]) {
        const call = operationOf({ final, amount: { value, currency: 'EUR' } });
        expect(captureRequest.parse(JSON.parse(captureBody(call) ?? ''))).toMatchObject({ amount: value });
        expect(refundRequest.parse(JSON.parse(refundBody(call) ?? ''))).toMatchObject({ amount: value });
        expect(voidRequest.parse(JSON.parse(voidBody(call)))).toMatchObject({ reference: 'cap_aBc_1' });
      }
    }
  });

  it('the shapes refuse what they should', () => {
    const good = JSON.parse(paymentBody(callOf(), CHANNEL) ?? '');
    expect(paymentRequest.safeParse(good).success).toBe(true);
    for (const over of [
      { fallback_source: {} },
      { capture: true },
      { reference: 'r'.repeat(51) },
      { amount: 49.99 },
      { merchant_initiated: true },
      { '3ds': { enabled: true, allow_upgrade: false } },
      { source: { type: 'id', id: 'tok_1' } },
    ]) {
      expect(paymentRequest.safeParse({ ...good, ...over }).success).toBe(false);
    }
  });
});

describe('every answer, as its public example has it', () => {
  // nas_spec/paths/payments.yaml, 201.
  const CREATED = {
    ...{ id: 'pay_mbabizu24mvu3mela5njyhpit4', action_id: 'act_mbabizu24mvu3mela5njyhpit4' },
    ...{ amount: 6540, currency: 'USD', approved: true, status: 'Authorized', auth_code: '770687' },
    ...{ response_code: '10000', response_summary: 'Approved', '3ds': { downgraded: true, enrolled: 'N' } },
    risk: { flagged: true },
    source: {
      ...{ type: 'card', id: 'src_nwd3m4in3hkuddfpjsaevunhdy', last4: '4242', bin: '424242' },
      ...{ billing_address: { city: 'London' }, phone: { country_code: '+1', number: '415 555 2671' } },
    },
    customer: { id: 'cus_udst2tfldj6upmye2reztkmm4i' },
    ...{
      processed_on: '2019-09-10T10:11:12Z',
      reference: 'ORD-5023-4E89',
      eci: '06',
      scheme_id: '489341065491658',
    },
    processing: {
      retrieval_reference_number: '909913440644',
      acquirer_transaction_id: '440644309099499894406',
    },
    _links: { self: { href: 'https://api.sandbox.checkout.com/payments/pay_mbabizu24mvu3mela5njyhpit4' } },
  };

  it('a payment', () => {
    expect(wirePayment.parse(CREATED)).toMatchObject({ id: CREATED.id, status: 'Authorized', amount: 6540 });
    // nas_spec PaymentAcceptedResponse.
    const accepted = { id: CREATED.id, status: 'Pending', reference: 'ORD-5023-4E89' };
    const redirect = { href: 'https://api.checkout.com/3ds/pay_mbabizu24mvu3mela5njyhpit4' };
    const links = { self: { href: 'https://api.checkout.com' }, redirect };
    expect(
      wirePayment.parse({ ...accepted, '3ds': { enrolled: 'Y' }, _links: links })._links?.redirect,
    ).toBeDefined();
    // checkout.com/docs, "Automatic downtime retries".
    const scheduled = { ...CREATED, approved: false, status: 'Retry Scheduled', response_code: '20096' };
    const retry = { max_attempts: 2, next_attempt_on: '2023-11-27T12:59:31.5797568Z' };
    expect(wirePayment.parse({ ...scheduled, retry }).retry).toEqual({
      next_attempt_on: retry.next_attempt_on,
    });
  });

  it('a list of payments', () => {
    // checkout.com/docs, "Get a list of payments".
    const { action_id: _, response_code: __, ...listed } = CREATED;
    const list = {
      limit: 10,
      skip: 0,
      total_count: 1,
      data: [{ ...listed, status: 'Declined', approved: false }],
    };
    expect(wirePayments.parse(list)).toEqual({
      total_count: 1,
      data: [{ id: CREATED.id, reference: 'ORD-5023-4E89' }],
    });
  });

  it('the actions of a payment', () => {
    // nas_spec PaymentActionsResponse: their own names are optional.
    const common = { processed_on: '2018-01-20T10:30:48Z', approved: true, response_code: '10000' };
    const actions = [
      { id: 'act_fd3h6evhpn3uxdoqbuu3lqnqbm', type: 'Refund', amount: 1000, ...common },
      {
        id: 'act_gefycn3jcvuupboxfmqrhk2aym',
        type: 'Capture',
        amount: 6540,
        ...common,
        metadata: { shipping_ref: 'MQIBN2' },
      },
      {
        id: 'act_y3oqhf46pyzuxjbcn2giaqnb44',
        type: 'Authorization',
        amount: 6540,
        auth_code: '643381',
        ...common,
        reference: 'ORD-5023-4E89',
      },
    ];
    expect(wireActions.parse(actions).map(({ type, amount }) => [type, amount])).toEqual([
      ['Refund', 1000],
      ['Capture', 6540],
      ['Authorization', 6540],
    ]);
  });

  it('an operation that was taken, and an error', () => {
    const taken = {
      action_id: 'act_y3oqhf46pyzuxjbcn2giaqnb44',
      reference: 'ORD-5023-4E89',
      _links: { payment: {} },
    };
    expect(wireAccepted.parse(taken)).toEqual({ action_id: taken.action_id, reference: 'ORD-5023-4E89' });
    // nas_spec ValidationError.
    const error = {
      request_id: '0HL80RJLS76I7',
      error_type: 'request_invalid',
      error_codes: ['payment_source_required'],
    };
    expect(wireError.parse(error)).toEqual({
      error_type: 'request_invalid',
      error_codes: ['payment_source_required'],
    });
  });
});
