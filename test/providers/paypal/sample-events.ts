import { authorizationOf, captureOf, euros, ORDER_ID, orderOf, refundOf } from './paypal-fixture.ts';

// As the gateway names them.
export const ATTEMPT = 'att_bcdfghjk_1';
export const asOurs = { custom_id: ATTEMPT, invoice_id: ATTEMPT };
export const related = { supplementary_data: { related_ids: { order_id: ORDER_ID } } };
export const AUTHORIZATION = { ...authorizationOf(asOurs), ...related };
export const CAPTURE = { ...captureOf({ custom_id: ATTEMPT, invoice_id: 'cap_bcdfghjk_2' }), ...related };
export const REFUND = { ...refundOf({ custom_id: ATTEMPT, invoice_id: 'ref_bcdfghjk_3' }), ...related };
export const ORDER = orderOf({ authorizations: [authorizationOf(asOurs)] }, {}, asOurs);
export const DISPUTE = {
  dispute_id: 'PP-D-12345',
  reason: 'UNAUTHORISED',
  status: 'OPEN',
  dispute_amount: euros('49.99'),
  dispute_life_cycle_stage: 'CHARGEBACK',
  dispute_channel: 'EXTERNAL',
  seller_response_due_date: '2026-12-03T10:00:00.000Z',
  disputed_transactions: [
    {
      seller_transaction_id: '3C679366HH908993F',
      custom: ATTEMPT,
      invoice_number: 'cap_bcdfghjk_2',
      buyer: { name: 'A. Buyer' },
    },
  ],
  messages: [{ posted_by: 'BUYER', content: 'where is it' }],
};
