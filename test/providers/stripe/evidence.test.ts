import { describe, expect, it } from 'vitest';
import type { NoticeSubject } from '../../../src/gateway/ports.ts';
import { attemptEvidence, evidence, MISMATCH, NOTHING, subject } from './stripe-events.ts';
import { stripeByScript } from './stripe-fixture.ts';
import { chargeBody, failedCharge, heldIntent, intentBody } from './stripe-objects.ts';

/** What events say about an attempt. */

const stripe = stripeByScript();

const APPROVED = { kind: 'approved', providerReference: 'pi_1', networkTransaction: null };
const HELD = heldIntent({ latest_charge: 'ch_1' });
const OURS = { pointsman_attempt: 'att_a_1' };
const CAPTURED = intentBody({
  status: 'succeeded',
  amount_received: 4999,
  latest_charge: 'ch_1',
  metadata: { ...OURS, pointsman_cap_a_2: 'cap_a_2:4999' },
});
const ERROR = { type: 'card_error', code: 'card_declined', decline_code: 'lost_card' };

type Row = readonly [
  name: string,
  type: string,
  object: Record<string, unknown>,
  asked: NoticeSubject,
  expected: object,
];

describe('about an attempt', () => {
  it.each<Row>([
    ['held', 'payment_intent.amount_capturable_updated', HELD, subject(), attemptEvidence(APPROVED)],
    [
      'held, before the answer came',
      'payment_intent.amount_capturable_updated',
      HELD,
      subject({ providerReference: null }),
      attemptEvidence(APPROVED),
    ],
    [
      'held, our name taken away there',
      'payment_intent.amount_capturable_updated',
      heldIntent({ latest_charge: 'ch_1', metadata: {} }),
      subject(),
      attemptEvidence(APPROVED),
    ],
    [
      'held in part',
      'payment_intent.amount_capturable_updated',
      heldIntent({ latest_charge: 'ch_1', amount_capturable: 1 }),
      subject(),
      attemptEvidence({
        kind: 'partially_approved',
        providerReference: 'pi_1',
        authorizedAmount: 1,
        networkTransaction: null,
        reversal: 'none',
      }),
    ],
    [
      'authorized, with the transaction of the network',
      'charge.succeeded',
      chargeBody(),
      subject(),
      attemptEvidence({
        ...APPROVED,
        networkTransaction: { id: 'nti1', network: 'visa', date: '2026-11-23' },
        expiresAtMs: Date.UTC(2026, 10, 30, 10),
      }),
    ],
    [
      'authorized, before the answer came',
      'charge.succeeded',
      chargeBody(),
      subject({ providerReference: null }),
      expect.objectContaining({ outcome: expect.objectContaining({ kind: 'approved' }) }),
    ],
    [
      'authorized, our name taken away there',
      'charge.succeeded',
      chargeBody({ metadata: {} }),
      subject(),
      expect.objectContaining({ outcome: expect.objectContaining({ kind: 'approved' }) }),
    ],
    [
      'captured by somebody else',
      'payment_intent.succeeded',
      { ...CAPTURED, metadata: OURS },
      subject(),
      attemptEvidence(APPROVED),
    ],
    [
      'cancelled by somebody else',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', latest_charge: 'ch_1' }),
      subject(),
      attemptEvidence({
        kind: 'partially_approved',
        providerReference: 'pi_1',
        authorizedAmount: 4999,
        networkTransaction: null,
        reversal: 'confirmed',
      }),
    ],
    [
      'cancelled, never charged',
      'payment_intent.canceled',
      intentBody({ status: 'canceled' }),
      subject(),
      attemptEvidence({
        kind: 'rejected',
        reason: 'cancelled',
        code: 'cancelled',
        retryAfterMs: null,
        providerReference: 'pi_1',
      }),
    ],
    [
      'an authentication that is needed',
      'payment_intent.requires_action',
      intentBody({ status: 'requires_action' }),
      subject(),
      attemptEvidence({
        kind: 'authentication_required',
        code: 'authentication_required',
        providerReference: 'pi_1',
      }),
    ],
    [
      'at work',
      'payment_intent.processing',
      intentBody({ status: 'processing' }),
      subject(),
      attemptEvidence({ kind: 'pending', code: null, providerReference: 'pi_1' }),
    ],
  ])('%s', async (_name, type, object, asked, expected) => {
    expect(await evidence(stripe, type, object, asked)).toEqual(expected);
  });

  it.each<[string, string, Record<string, unknown>, object]>([
    [
      'by its charge',
      'charge.failed',
      failedCharge({ reason: 'insufficient_funds' }),
      { code: 'insufficient_funds', mayHideApproval: false },
    ],
    [
      'by its charge, reversed',
      'charge.failed',
      failedCharge({ network_status: 'reversed_after_approval' }),
      { mayHideApproval: true },
    ],
    [
      'before there was a charge',
      'payment_intent.payment_failed',
      intentBody({ status: 'requires_payment_method', last_payment_error: ERROR }),
      { code: 'lost_card', otherProvider: 'never', mayHideApproval: false },
    ],
  ])('declined, %s', async (_name, type, object, decline) => {
    expect(await evidence(stripe, type, object)).toMatchObject({
      kind: 'attempt',
      outcome: { kind: 'declined', decline },
    });
  });

  it.each<[string, string, Record<string, unknown>]>([
    // Whether an approval is hidden says only the charge.
    [
      'a refusal whose charge is not shown',
      'payment_intent.payment_failed',
      intentBody({ status: 'requires_payment_method', last_payment_error: ERROR, latest_charge: 'ch_1' }),
    ],
    [
      'a cancelled refusal whose charge is not shown',
      'payment_intent.canceled',
      intentBody({ status: 'canceled', last_payment_error: ERROR, latest_charge: 'ch_1' }),
    ],
    [
      'a refusal that tells of none',
      'payment_intent.payment_failed',
      intentBody({ status: 'requires_payment_method' }),
    ],
    ['an intent that was made', 'payment_intent.created', intentBody()],
    ['a charge that is open', 'charge.pending', chargeBody({ status: 'pending' })],
    ['a charge that was changed', 'charge.updated', chargeBody()],
    ['a charge that ended', 'charge.expired', chargeBody()],
    ['a charge that was refunded', 'charge.refunded', chargeBody()],
  ])('of no consequence: %s', async (_name, type, object) => {
    expect(await evidence(stripe, type, object)).toEqual(NOTHING);
  });

  it.each<Row>([
    [
      'another amount',
      'payment_intent.amount_capturable_updated',
      { ...HELD, amount: 1 },
      subject(),
      MISMATCH,
    ],
    [
      'more held than asked',
      'payment_intent.amount_capturable_updated',
      { ...HELD, amount_capturable: 5000 },
      subject(),
      MISMATCH,
    ],
    [
      'another currency',
      'payment_intent.amount_capturable_updated',
      { ...HELD, currency: 'usd' },
      subject(),
      MISMATCH,
    ],
    [
      'another intent',
      'payment_intent.amount_capturable_updated',
      { ...HELD, id: 'pi_2' },
      subject(),
      MISMATCH,
    ],
    [
      "another's attempt",
      'payment_intent.amount_capturable_updated',
      { ...HELD, metadata: { pointsman_attempt: 'att_b_1' } },
      subject(),
      MISMATCH,
    ],
    [
      'nobody named, and no id known',
      'payment_intent.amount_capturable_updated',
      { ...HELD, metadata: {} },
      subject({ providerReference: null }),
      MISMATCH,
    ],
    ['a type that its state contradicts', 'payment_intent.succeeded', HELD, subject(), MISMATCH],
    ['a charge of another amount', 'charge.succeeded', chargeBody({ amount: 1 }), subject(), MISMATCH],
    [
      'a charge of another currency',
      'charge.succeeded',
      chargeBody({ currency: 'usd' }),
      subject(),
      MISMATCH,
    ],
    [
      'a charge of another intent',
      'charge.succeeded',
      chargeBody({ payment_intent: 'pi_2' }),
      subject(),
      MISMATCH,
    ],
    [
      'a charge of no intent',
      'charge.succeeded',
      chargeBody({ payment_intent: null }),
      subject({ providerReference: null }),
      MISMATCH,
    ],
    [
      'a charge that nobody named, and no id known',
      'charge.succeeded',
      chargeBody({ metadata: {} }),
      subject({ providerReference: null }),
      MISMATCH,
    ],
    [
      "another's charge",
      'charge.succeeded',
      chargeBody({ metadata: { pointsman_attempt: 'att_b_1' } }),
      subject(),
      MISMATCH,
    ],
    ['a charge that did not succeed', 'charge.succeeded', failedCharge(), subject(), MISMATCH],
    [
      'a charge that was reversed',
      'charge.succeeded',
      chargeBody({ outcome: { network_status: 'reversed_after_approval' } }),
      subject(),
      MISMATCH,
    ],
    ['a charge that did not fail', 'charge.failed', chargeBody(), subject(), MISMATCH],
  ])('not about what was asked: %s', async (_name, type, object, asked, expected) => {
    expect(await evidence(stripe, type, object, asked)).toEqual(expected);
  });
});

describe('what was kept and cannot be read', () => {
  it.each([
    'payment_intent.succeeded',
    'charge.failed',
    'refund.created',
    'charge.dispute.created',
    'radar.early_fraud_warning.created',
    'customer.created',
  ])('is of no consequence: %s', (type) => {
    for (const data of [null, {}, { about: {} }, 'x', []]) {
      expect(stripe.create().evidenceIn({ type, data }, subject())).toEqual(NOTHING);
    }
  });

  it('is of no consequence: what an event of no use here may look like', () => {
    for (const livemode of [true, false]) {
      const data = { livemode, about: HELD };
      expect(stripe.create().evidenceIn({ type: 'customer.created', data }, subject())).toEqual(NOTHING);
    }
  });
});
