import { describe, expect, it } from 'vitest';
import type { AskedOperation } from '../../../src/gateway/ports.ts';
import { attemptEvidence, evidence, MISMATCH, subject } from './stripe-events.ts';
import { stripeByScript } from './stripe-fixture.ts';
import { chargeBody, heldIntent, refundBody } from './stripe-objects.ts';

/** From which account events may be, and what they tell of disputes and fraud. */

const stripe = stripeByScript();

const HELD = heldIntent({ latest_charge: 'ch_1' });
const APPROVED = { kind: 'approved', providerReference: 'pi_1', networkTransaction: null };
const REFUND: AskedOperation = {
  operation: 'refund',
  operationId: 'ref_a_3',
  attemptId: 'att_a_1',
  providerReference: 'pi_1',
  amount: { value: 400, currency: 'EUR' },
  final: true,
};

describe('from where it is', () => {
  const type = 'payment_intent.amount_capturable_updated';
  const account = (id: string) => ({ event: { account: id }, settings: { account: 'acct_1' } });
  it.each([
    ['our connected account', account('acct_1'), attemptEvidence(APPROVED)],
    ['another connected account', account('acct_2'), MISMATCH],
    ['a connected account, where we have none', { event: { account: 'acct_1' } }, MISMATCH],
    ['no connected account, where we have one', { settings: { account: 'acct_1' } }, MISMATCH],
    ['real money, with a key for tests', { event: { livemode: true } }, MISMATCH],
    ['tests, with a key for real money', { apiKey: 'sk_live_1' }, MISMATCH],
    [
      'real money, with a key for it',
      { event: { livemode: true }, apiKey: 'rk_live_1' },
      attemptEvidence(APPROVED),
    ],
    ['a key that does not say', { event: { livemode: true }, apiKey: 'key1' }, attemptEvidence(APPROVED)],
  ] as const)('%s', async (_name, over, expected) => {
    expect(await evidence(stripe, type, HELD, subject(), over)).toEqual(expected);
  });

  it.each([
    ['charge.succeeded', chargeBody()],
    ['refund.updated', refundBody()],
    [
      'charge.dispute.created',
      { object: 'dispute', id: 'dp_1', status: 'lost', amount: 1, currency: 'eur', payment_intent: 'pi_1' },
    ],
    [
      'radar.early_fraud_warning.created',
      { object: 'radar.early_fraud_warning', id: 'issfr_1', payment_intent: 'pi_1' },
    ],
  ])('counts for every event: %s', async (eventType, object) => {
    const asked = subject({ operations: [REFUND] });
    expect(await evidence(stripe, eventType, object, asked)).not.toEqual(MISMATCH);
    expect(await evidence(stripe, eventType, object, asked, { event: { account: 'acct_2' } })).toEqual(
      MISMATCH,
    );
    expect(await evidence(stripe, eventType, object, asked, { event: { livemode: true } })).toEqual(MISMATCH);
  });
});

describe('disputes', () => {
  const disputed = (status: string | null, over: Record<string, unknown> = {}) => ({
    object: 'dispute',
    id: 'dp_1',
    amount: 4999,
    currency: 'eur',
    charge: 'ch_1',
    payment_intent: 'pi_1',
    reason: 'fraudulent',
    status,
    evidence_details: { due_by: 1_800_000_000, has_evidence: false },
    evidence: { customer_name: 'not kept' },
    ...over,
  });

  it.each([
    ['created', 'needs_response', 'opened'],
    ['created', 'warning_needs_response', 'inquiry'],
    ['created', 'under_review', 'opened'],
    ['updated', 'needs_response', 'updated'],
    ['updated', 'under_review', 'updated'],
    ['updated', 'warning_needs_response', 'updated'],
    ['updated', 'warning_under_review', 'updated'],
    ['closed', 'warning_closed', 'won'],
    ['closed', 'won', 'won'],
    ['closed', 'lost', 'lost'],
    ['closed', 'prevented', 'updated'],
    ['funds_withdrawn', 'needs_response', 'updated'],
    ['funds_reinstated', 'won', 'won'],
    ['updated', 'of a later day', 'updated'],
  ])('%s, %s: %s', async (what, status, stage) => {
    expect(await evidence(stripe, `charge.dispute.${what}`, disputed(status))).toEqual({
      kind: 'dispute',
      dispute: {
        disputeId: 'dp_1',
        stage,
        reason: 'fraudulent',
        amount: { value: 4999, currency: 'EUR' },
        respondByMs: 1_800_000_000_000,
      },
    });
  });

  it.each<[string, Record<string, unknown>, object]>([
    ['without a date', { evidence_details: { due_by: null } }, { respondByMs: null }],
    ['without details', { evidence_details: null }, { respondByMs: null }],
    ['without a reason', { reason: null }, { reason: null }],
    [
      'in a currency of two kinds of units',
      { amount: 500, currency: 'isk' },
      { amount: { value: 5, currency: 'ISK' } },
    ],
    ['in a currency without a documented unit', { currency: 'iqd' }, { amount: null }],
  ])('%s', async (_name, over, expected) => {
    expect(await evidence(stripe, 'charge.dispute.created', disputed('lost', over))).toMatchObject({
      dispute: expected,
    });
  });

  it('of another intent, or of none, is none of ours', async () => {
    for (const payment_intent of ['pi_2', null]) {
      expect(await evidence(stripe, 'charge.dispute.created', disputed('lost', { payment_intent }))).toEqual(
        MISMATCH,
      );
    }
    const unknown = subject({ providerReference: null });
    const none = disputed('lost', { payment_intent: null });
    expect(await evidence(stripe, 'charge.dispute.created', none, unknown)).toEqual(MISMATCH);
  });

  it('an early warning of fraud', async () => {
    const warning = {
      object: 'radar.early_fraud_warning',
      id: 'issfr_1',
      fraud_type: 'made_with_stolen_card',
      charge: 'ch_1',
    };
    expect(
      await evidence(stripe, 'radar.early_fraud_warning.created', { ...warning, payment_intent: 'pi_1' }),
    ).toEqual({
      kind: 'dispute',
      dispute: {
        disputeId: 'issfr_1',
        stage: 'fraud_notice',
        reason: 'made_with_stolen_card',
        amount: null,
        respondByMs: null,
      },
    });
    expect(
      await evidence(stripe, 'radar.early_fraud_warning.created', { ...warning, payment_intent: 'pi_2' }),
    ).toEqual(MISMATCH);
  });
});
