import { describe, expect, it } from 'vitest';
import type { NoticeSubject } from '../../../src/gateway/ports.ts';
import { checkoutEvidence } from '../../../src/providers/checkout/evidence.ts';
import { EVENT_ID, PAYMENT_ID } from './checkout-fixture.ts';
import { CHANNEL } from './checkout-stand-in.ts';
import { ASKED, deps, eur, evidence, OTHER } from './evidence-fixture.ts';

const MISMATCH = { kind: 'mismatch' };
const NOTHING = { kind: 'nothing' };

describe('disputes and fraud', () => {
  const DISPUTE = {
    ...{ id: 'dsp_9rjdlsd4epepfjyyf9vl', amount: 1000, currency: 'EUR', reason_code: '10.4' },
    ...{ payment_id: PAYMENT_ID, payment_reference: 'att_aBc_1' },
  };
  it.each([
    ['dispute_evidence_required', 'opened'],
    ['dispute_evidence_submitted', 'updated'],
    ['dispute_evidence_acknowledged_by_scheme', 'updated'],
    ['dispute_resolved', 'updated'],
    ['dispute_something_new', 'updated'],
    ['dispute_won', 'won'],
    ['dispute_canceled', 'won'],
    ['dispute_lost', 'lost'],
    ['dispute_accepted', 'lost'],
    ['dispute_expired', 'lost'],
  ])('%s: %s', (type, stage) => {
    expect(evidence(type, DISPUTE)).toEqual({
      kind: 'dispute',
      dispute: { disputeId: DISPUTE.id, stage, reason: '10.4', amount: eur(1000), respondByMs: null },
    });
  });

  it('keeps no card number in the place of a reason', () => {
    expect(evidence('dispute_received', { ...DISPUTE, reason_code: '4571736000000075' })).toMatchObject({
      dispute: { reason: null },
    });
  });

  const FRAUD = {
    ...{ processing_channel_id: CHANNEL, reference: 'att_aBc_1', payment: { id: PAYMENT_ID } },
    fraud: { type: '6', amount: { currency: 'EUR', value: '49.99' } },
  };
  it.each<[string, string, Record<string, unknown>, Partial<NoticeSubject>, unknown]>([
    [
      'a report',
      'fraud_reported',
      FRAUD,
      {},
      {
        kind: 'dispute',
        dispute: { stage: 'fraud_notice', disputeId: EVENT_ID, reason: '6', amount: eur(4999) },
      },
    ],
    [
      'found by the payment’s id',
      'dispute_lost',
      { ...DISPUTE, payment_reference: 'order-1' },
      {},
      { kind: 'dispute' },
    ],
    ['found by our name', 'dispute_lost', DISPUTE, { providerReference: null }, { kind: 'dispute' }],
    ['of another payment', 'dispute_lost', { ...DISPUTE, payment_id: OTHER }, {}, MISMATCH],
    ['of another attempt', 'dispute_lost', { ...DISPUTE, payment_reference: 'att_aBc_2' }, {}, MISMATCH],
    [
      'a report through another channel',
      'fraud_reported',
      { ...FRAUD, processing_channel_id: 'pc_other' },
      {},
      MISMATCH,
    ],
    ['a report of another payment', 'fraud_reported', { ...FRAUD, payment: { id: OTHER } }, {}, MISMATCH],
  ])('%s', (_what, type, data, subject, expected) => {
    expect(evidence(type, data, subject)).toMatchObject(expected as Record<string, unknown>);
  });
});

it('a dispute in an event that is about none says nothing', () => {
  const data = {
    ...{ attemptId: 'att_aBc_1', paymentId: PAYMENT_ID, channel: null, disputeId: EVENT_ID },
    ...{ reason: null, amount: null, respondByMs: null },
  };
  expect(checkoutEvidence({ type: 'dispute_lost', data }, ASKED, CHANNEL, deps).kind).toBe('dispute');
  expect(checkoutEvidence({ type: 'card_verified', data }, ASKED, CHANNEL, deps)).toEqual(NOTHING);
});

it('data that lost its shape is evidence of nothing', () => {
  for (const type of [
    'payment_approved',
    'payment_captured',
    'dispute_lost',
    'fraud_reported',
    'card_verified',
  ]) {
    for (const data of [null, {}, { payment: {} }, 'x']) {
      expect(checkoutEvidence({ type, data }, ASKED, CHANNEL, deps)).toEqual(NOTHING);
    }
  }
});
