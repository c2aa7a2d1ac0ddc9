import { describe, expect, it } from 'vitest';
import type { NoticeSubject } from '../../../src/gateway/ports.ts';
import type { EventItem } from './adyen-stand-in.ts';
import { euros, event, evidenceOf, modification, OWN_REFERENCE, operation } from './evidence-fixture.ts';

describe('disputes', () => {
  it.each<[string, string | null, string]>([
    ['NOTIFICATION_OF_FRAUD', null, 'fraud_notice'],
    ['REQUEST_FOR_INFORMATION', null, 'inquiry'],
    ['NOTIFICATION_OF_CHARGEBACK', null, 'opened'],
    ['CHARGEBACK', null, 'opened'],
    ['INFORMATION_SUPPLIED', 'Pending', 'updated'],
    ['ISSUER_COMMENTS', null, 'updated'],
    ['CHARGEBACK_REVERSED', null, 'updated'],
    ['CHARGEBACK_REVERSED', 'Won', 'won'],
    ['DISPUTE_DEFENSE_PERIOD_ENDED', 'Lost', 'lost'],
    ['DISPUTE_DEFENSE_PERIOD_ENDED', null, 'updated'],
    ['ISSUER_RESPONSE_TIMEFRAME_EXPIRED', 'Won', 'won'],
    ['SECOND_CHARGEBACK', null, 'lost'],
    ['PREARBITRATION_OPEN', null, 'updated'],
    ['PREARBITRATION_ACCEPTED', 'Lost', 'lost'],
    ['PREARBITRATION_DECLINED', null, 'updated'],
    ['PREARBITRATION_ISSUER_WITHDRAWN', null, 'won'],
    ['PREARBITRATION_WON', null, 'won'],
    ['PREARBITRATION_LOST', 'Won', 'lost'],
    ['SCHEME_ARBITRATION', null, 'updated'],
    ['SCHEME_ARBITRATION_WON', null, 'won'],
    ['SCHEME_ARBITRATION_LOST', null, 'lost'],
  ])('%s, status %s: %s', (eventCode, disputeStatus, stage) => {
    const additionalData = disputeStatus === null ? {} : { disputeStatus };
    expect(evidenceOf(modification(eventCode, 'att_aBc_1', { additionalData }))).toEqual({
      kind: 'dispute',
      dispute: { disputeId: OWN_REFERENCE, stage, reason: null, amount: euros(4999), respondByMs: null },
    });
  });

  it('keeps no card number in the place of a reason', () => {
    const additionalData = { chargebackReasonCode: '4571736000000075' };
    expect(evidenceOf(modification('CHARGEBACK', 'att_aBc_1', { additionalData }))).toMatchObject({
      dispute: { reason: null },
    });
  });

  it('says why, for how much, and until when', () => {
    const additionalData = {
      chargebackReasonCode: ' 4853',
      defensePeriodEndsAt: '2026-12-31T03:03:07+02:00',
    };
    const item = modification('CHARGEBACK', 'att_aBc_1', { additionalData, amount: euros(10_000, 'ISK') });
    expect(evidenceOf(item)).toMatchObject({
      dispute: {
        reason: '4853',
        amount: euros(100, 'ISK'),
        respondByMs: Date.UTC(2026, 11, 31, 1, 3, 7),
      },
    });
    const fraud = modification('NOTIFICATION_OF_FRAUD', 'att_aBc_1', {
      additionalData: { nofReasonCode: '6' },
    });
    expect(evidenceOf(fraud)).toMatchObject({ dispute: { reason: '6' } });
  });

  it('says not for how much where the event does not', () => {
    expect(evidenceOf(modification('CHARGEBACK', 'att_aBc_1', { amount: null }))).toMatchObject({
      dispute: { stage: 'opened', amount: null },
    });
  });

  it.each(['soon', '2026-12-31', '2026-13-31T03:03:07Z', ''])(
    'has no moment in %j',
    (defensePeriodEndsAt) => {
      const additionalData = { defensePeriodEndsAt, chargebackReasonCode: 'M. Muster says no' };
      expect(evidenceOf(modification('CHARGEBACK', 'att_aBc_1', { additionalData }))).toMatchObject({
        dispute: { respondByMs: null, reason: null },
      });
    },
  );

  it.each<[string, EventItem, Partial<NoticeSubject>, string]>([
    [
      'by our capture',
      modification('CHARGEBACK', 'cap_aBc_1'),
      { operations: [operation('capture', 'cap_aBc_1')] },
      'dispute',
    ],
    ['by the payment', modification('CHARGEBACK', 'order-7781'), {}, 'dispute'],
    [
      'by the payment alone',
      event({ eventCode: 'SECOND_CHARGEBACK', merchantReference: 'order-7781' }),
      {},
      'dispute',
    ],
    [
      'by our name, before the payment is known',
      modification('CHARGEBACK', 'att_aBc_1'),
      { providerReference: null },
      'dispute',
    ],
    [
      'by our capture, before the payment is known',
      modification('CHARGEBACK', 'cap_aBc_1'),
      { providerReference: null, operations: [operation('capture', 'cap_aBc_1')] },
      'dispute',
    ],
    [
      'by another capture, before the payment is known',
      modification('CHARGEBACK', 'cap_aBc_9'),
      { providerReference: null, operations: [operation('capture', 'cap_aBc_1')] },
      'mismatch',
    ],
    [
      'by another payment',
      modification('CHARGEBACK', 'order-7781', { originalReference: 'OTHER1' }),
      {},
      'mismatch',
    ],
    [
      'by an operation that we never had',
      modification('CHARGEBACK', 'cap_aBc_9', { originalReference: 'OTHER1' }),
      {},
      'mismatch',
    ],
    [
      'by the id of our capture',
      modification('CHARGEBACK', 'order-7781', { originalReference: 'CAPTURE1' }),
      { operationReferences: ['CAPTURE1'] },
      'dispute',
    ],
    [
      'by the id of our capture alone',
      event({ eventCode: 'SECOND_CHARGEBACK', merchantReference: 'order-7781', pspReference: 'CAPTURE1' }),
      { operationReferences: ['CAPTURE1'] },
      'dispute',
    ],
    [
      'by the id of our capture, under a name that we never gave',
      modification('CHARGEBACK', 'cap_aBc_9', { originalReference: 'CAPTURE1' }),
      { operationReferences: ['CAPTURE1'] },
      'mismatch',
    ],
    [
      'of another merchant account',
      modification('CHARGEBACK', 'att_aBc_1', { merchantAccountCode: 'X' }),
      {},
      'mismatch',
    ],
  ])('%s', (_what, item, over, kind) => {
    expect(evidenceOf(item, over).kind).toBe(kind);
  });
});
