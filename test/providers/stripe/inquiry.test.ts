import { describe, expect, it } from 'vitest';
import { sampleRequest } from '../../support/sample-request.ts';
import { budget, fails, json, lost, stripeByScript } from './stripe-fixture.ts';
import { chargeBody, failedCharge, heldIntent, intentBody } from './stripe-objects.ts';

/** Every row of the table of inquiry answers in `codes.ts`. */

const stripe = stripeByScript();

const inquire = (over: { providerReference?: string | null; value?: number } = {}) => {
  const { providerReference = 'pi_1', value = 4999 } = over;
  return stripe.create().inquire({
    attemptId: 'att_a_1',
    providerReference,
    request: sampleRequest({ amount: { value, currency: 'EUR' } }),
    brand: 'visa',
    scaRegion: false,
    budget: budget(),
  });
};

const CHARGE_REFUNDED = chargeBody({ refunded: true, amount_refunded: 4999 });
const ERROR = { type: 'card_error', code: 'card_declined', decline_code: 'insufficient_funds' };
const found = (outcome: object) => ({ kind: 'found', outcome: { providerReference: 'pi_1', ...outcome } });
const noAnswer = (code: string) => ({ kind: 'no_answer', code });
const LINK = { id: 'nti1', network: 'visa', date: '2026-11-23' };

type Row = readonly [name: string, intent: Record<string, unknown>, expected: object];

describe('evidence for', () => {
  it.each<Row>([
    ['held', heldIntent(), found({ kind: 'approved', networkTransaction: LINK })],
    [
      'held, a part of it captured',
      heldIntent({ amount_capturable: 3999, amount_received: 1000 }),
      found({ kind: 'approved' }),
    ],
    [
      'held in part',
      heldIntent({ amount_capturable: 2000 }),
      found({
        kind: 'partially_approved',
        authorizedAmount: 2000,
        reversal: 'none',
        networkTransaction: LINK,
      }),
    ],
    [
      'captured',
      heldIntent({ status: 'succeeded', amount_capturable: 0, amount_received: 4999 }),
      found({ kind: 'approved' }),
    ],
    [
      'captured, less than was held',
      heldIntent({ status: 'succeeded', amount_capturable: 0, amount_received: 1 }),
      found({ kind: 'approved' }),
    ],
  ])('%s', async (_name, intent, expected) => {
    stripe.script = { look: json(intent) };
    expect(await inquire()).toMatchObject(expected);
    expect(stripe.seen.map(({ method, target, body }) => [method, target, body])).toEqual([
      ['GET', '/v1/payment_intents/pi_1?expand%5B%5D=latest_charge', ''],
    ]);
  });
});

describe('evidence against', () => {
  const cancelled = (over: object) => intentBody({ status: 'canceled', ...over });
  it.each<Row>([
    [
      'cancelled after an approval',
      cancelled({ latest_charge: CHARGE_REFUNDED }),
      found({
        kind: 'partially_approved',
        authorizedAmount: 4999,
        reversal: 'confirmed',
        networkTransaction: LINK,
      }),
    ],
    [
      'cancelled, the charge not shown',
      cancelled({ latest_charge: 'ch_1' }),
      found({ kind: 'partially_approved', authorizedAmount: 4999, reversal: 'confirmed' }),
    ],
    [
      'cancelled, never charged',
      cancelled({}),
      found({ kind: 'rejected', reason: 'cancelled', code: 'cancelled' }),
    ],
    [
      'cancelled after a decline',
      cancelled({ latest_charge: failedCharge({ reason: 'insufficient_funds' }) }),
      found({ kind: 'declined', decline: { code: 'insufficient_funds', mayHideApproval: false } }),
    ],
    [
      'cancelled after a decline that may hide an approval',
      cancelled({ latest_charge: failedCharge({ network_status: 'reversed_after_approval' }) }),
      found({ kind: 'declined', decline: { mayHideApproval: true } }),
    ],
    [
      'declined',
      intentBody({
        status: 'requires_payment_method',
        last_payment_error: ERROR,
        latest_charge: failedCharge(),
      }),
      found({ kind: 'declined', decline: { code: 'insufficient_funds', mayHideApproval: false } }),
    ],
    [
      'declined, the error cleared since',
      intentBody({ status: 'requires_payment_method', latest_charge: failedCharge({ reason: 'lost_card' }) }),
      found({ kind: 'declined', decline: { code: 'lost_card', category: 'hard_decline_issuer' } }),
    ],
    [
      'declined, another payment method given since',
      intentBody({ latest_charge: failedCharge() }),
      found({ kind: 'declined', decline: { code: 'generic_decline' } }),
    ],
    [
      'declined, the charge not shown',
      intentBody({ status: 'requires_payment_method', last_payment_error: ERROR, latest_charge: 'ch_1' }),
      found({ kind: 'declined', decline: { mayHideApproval: true } }),
    ],
    [
      'reversed after the approval',
      intentBody({
        status: 'requires_payment_method',
        last_payment_error: { type: 'card_error', code: 'card_declined', decline_code: 'fraudulent' },
        latest_charge: failedCharge({ network_status: 'reversed_after_approval' }),
      }),
      found({
        kind: 'declined',
        decline: { category: 'fraud_issuer', mayHideApproval: true, otherProvider: 'no' },
      }),
    ],
    [
      'authentication needed',
      intentBody({ status: 'requires_action' }),
      found({ kind: 'authentication_required', code: 'authentication_required' }),
    ],
    [
      'authentication needed, told as an error',
      intentBody({
        status: 'requires_payment_method',
        last_payment_error: { type: 'card_error', code: 'authentication_required' },
      }),
      found({ kind: 'authentication_required', code: 'authentication_required' }),
    ],
    ['at work', intentBody({ status: 'processing' }), found({ kind: 'pending', code: null })],
  ])('%s', async (_name, intent, expected) => {
    stripe.script = { look: json(intent) };
    expect(await inquire()).toMatchObject(expected);
  });
});

describe('no evidence', () => {
  it.each<Row>([
    ['not confirmed yet', intentBody(), { kind: 'unconfirmed' }],
    ['without a payment method', intentBody({ status: 'requires_payment_method' }), { kind: 'unconfirmed' }],
    ['another intent', heldIntent({ id: 'pi_2' }), noAnswer('answer_mismatch')],
    [
      "another's attempt",
      heldIntent({ metadata: { pointsman_attempt: 'att_b_1' } }),
      noAnswer('answer_mismatch'),
    ],
    ['nobody named', heldIntent({ metadata: {} }), noAnswer('answer_mismatch')],
    ['another currency', heldIntent({ currency: 'usd' }), noAnswer('answer_mismatch')],
    [
      'held beyond what was asked',
      heldIntent({ amount_capturable: 4999, amount_received: 1 }),
      noAnswer('answer_mismatch'),
    ],
    [
      'captured without an amount',
      heldIntent({ status: 'succeeded', amount_capturable: 0 }),
      noAnswer('answer_mismatch'),
    ],
    [
      'captured beyond what was asked',
      heldIntent({ status: 'succeeded', amount_capturable: 0, amount_received: 5000 }),
      noAnswer('answer_mismatch'),
    ],
    [
      'a good charge behind an open intent',
      intentBody({ latest_charge: chargeBody() }),
      noAnswer('answer_mismatch'),
    ],
    [
      'cancelled, and captured',
      intentBody({ status: 'canceled', latest_charge: chargeBody({ amount_captured: 1 }) }),
      noAnswer('answer_mismatch'),
    ],
    [
      'cancelled, the charge still open',
      intentBody({ status: 'canceled', latest_charge: chargeBody({ status: 'pending' }) }),
      noAnswer('answer_mismatch'),
    ],
    ['a state of a later day', heldIntent({ status: 'requires_magic' }), noAnswer('answer_malformed')],
    ['a negative amount', heldIntent({ amount_capturable: -1 }), noAnswer('answer_malformed')],
    ['half an amount', heldIntent({ amount: 4999.5 }), noAnswer('answer_malformed')],
  ])('%s', async (_name, intent, expected) => {
    stripe.script = { look: json(intent) };
    expect(await inquire()).toEqual(expected);
  });

  it.each([
    [
      'not there',
      fails(404, { type: 'invalid_request_error', code: 'resource_missing' }),
      { kind: 'not_found' },
    ],
    ["somebody else's 404", json({}, 404), noAnswer('http_404')],
    ['500', fails(500, { type: 'api_error' }), noAnswer('api_error')],
    ['429', fails(429, { code: 'rate_limit' }), noAnswer('rate_limit')],
    ['401', fails(401, { type: 'invalid_request_error' }), noAnswer('invalid_request_error')],
    ['no JSON', () => new Response('ok'), noAnswer('answer_malformed')],
  ] as const)('%s', async (_name, look, expected) => {
    stripe.script = { look };
    expect(await inquire()).toEqual(expected);
  });

  it('a lost connection', async () => {
    stripe.script = { look: lost };
    expect(await inquire()).toMatchObject({ kind: 'no_answer' });
  });

  it('no id to ask by: the search may lag behind, and is never asked', async () => {
    expect(await inquire({ providerReference: null })).toEqual(noAnswer('no_reference'));
    expect(stripe.seen).toEqual([]);
  });

  it('another amount than was asked', async () => {
    stripe.script = { look: json(heldIntent()) };
    expect(await inquire({ value: 4998 })).toEqual(noAnswer('answer_mismatch'));
  });

  it('an id is one part of the path, whatever it holds', async () => {
    stripe.script = { look: fails(404, { code: 'resource_missing' }) };
    await inquire({ providerReference: '../charges/ch_1?x' });
    expect(stripe.seen[0]?.target).toBe(
      '/v1/payment_intents/..%2Fcharges%2Fch_1%3Fx?expand%5B%5D=latest_charge',
    );
  });
});
