import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../../src/core/operation.ts';
import type { NoticeSubject } from '../../../src/gateway/ports.ts';
import { adyenEvidence } from '../../../src/providers/adyen/evidence.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { PSP_REFERENCE } from './adyen-fixture.ts';
import { type EventItem, MERCHANT_ACCOUNT } from './adyen-stand-in.ts';
import {
  deps,
  euros,
  event,
  evidenceOf,
  modification,
  OWN_REFERENCE,
  operation,
  subject,
} from './evidence-fixture.ts';

const MISMATCH = { kind: 'mismatch' };
const NOTHING = { kind: 'nothing' };
const NOT_KNOWN = { providerReference: null };

describe('AUTHORISATION', () => {
  const approved = { kind: 'attempt', outcome: { kind: 'approved', providerReference: PSP_REFERENCE } };
  const part = (value: string, currency = 'EUR') => ({
    additionalData: { authorisedAmountValue: value, authorisedAmountCurrency: currency },
  });

  it.each<[string, Partial<EventItem>, Partial<NoticeSubject>, unknown]>([
    ['of what was asked', {}, NOT_KNOWN, approved],
    ['the answer came before', {}, {}, approved],
    ['for one less', { amount: euros(4998) }, NOT_KNOWN, MISMATCH],
    ['for one more', { amount: euros(5000) }, NOT_KNOWN, MISMATCH],
    ['in another currency', { amount: euros(4999, 'USD') }, NOT_KNOWN, MISMATCH],
    ['of another attempt', { merchantReference: 'att_aBc_2' }, NOT_KNOWN, MISMATCH],
    ['of an operation', { merchantReference: 'cap_aBc_2' }, NOT_KNOWN, MISMATCH],
    ['of nothing of ours', { merchantReference: 'order-7781' }, NOT_KNOWN, MISMATCH],
    ['of another merchant account', { merchantAccountCode: 'AcmeStore' }, NOT_KNOWN, MISMATCH],
    ['with the card as its id', { pspReference: '4571736000000000' }, NOT_KNOWN, MISMATCH],
    ['of nobody knows how much', { amount: null }, NOT_KNOWN, MISMATCH],
    [
      'of nobody knows how much, and the whole beside',
      { ...part('4999'), amount: null },
      NOT_KNOWN,
      MISMATCH,
    ],
    ['the whole, told twice', part('4999'), NOT_KNOWN, approved],
    ['the whole, told otherwise beside', part('5000'), NOT_KNOWN, NOTHING],
    // Nobody signed which of the two it is.
    ['the whole, and a part beside', part('2000'), NOT_KNOWN, NOTHING],
    ['the whole, beside in another currency', part('4999', 'USD'), NOT_KNOWN, NOTHING],
    [
      'a part, in another currency than beside',
      { ...part('4998'), amount: euros(4998, 'USD') },
      NOT_KNOWN,
      MISMATCH,
    ],
    ['less, and the whole beside', { ...part('4999'), amount: euros(4998) }, NOT_KNOWN, MISMATCH],
  ])('success, %s', (_what, item, over, expected) => {
    expect(evidenceOf(event(item), over)).toMatchObject(expected as object);
  });

  it('of a part, which the signed amount says', () => {
    expect(evidenceOf(event({ ...part('2000'), amount: euros(2000) }), NOT_KNOWN)).toEqual({
      kind: 'attempt',
      outcome: {
        kind: 'partially_approved',
        providerReference: PSP_REFERENCE,
        authorizedAmount: 2000,
        networkTransaction: null,
        reversal: 'none',
      },
    });
  });

  it("brings the network's identifier, with the day of the event", () => {
    const additionalData = { networkTxReference: '060720116005060' };
    const networkTransaction = { id: '060720116005060', network: 'visa', date: '2026-11-23' };
    expect(evidenceOf(event({ additionalData }))).toMatchObject({ outcome: { networkTransaction } });
    const none = { outcome: { kind: 'approved', networkTransaction: null } };
    expect(evidenceOf(event({ additionalData, eventDate: 'today' }))).toMatchObject(none);
    expect(evidenceOf(event())).toMatchObject(none);
  });

  it('a second payment of the same attempt is told as what it is, with its own id', () => {
    expect(evidenceOf(event({ pspReference: 'SECOND0000000001' }))).toMatchObject({
      kind: 'attempt',
      outcome: { kind: 'approved', providerReference: 'SECOND0000000001' },
    });
  });

  it.each<[string, Partial<EventItem>, Partial<NoticeSubject>, unknown]>([
    [
      'by its reason',
      { reason: 'Not enough balance' },
      NOT_KNOWN,
      {
        outcome: {
          kind: 'declined',
          decline: { code: '12', category: 'soft_decline_issuer', otherProvider: 'no' },
        },
      },
    ],
    [
      'by its reason and the network',
      { reason: 'Refused', additionalData: { refusalReasonRaw: '41 : Lost card' } },
      NOT_KNOWN,
      { outcome: { kind: 'declined', decline: { code: '2', networkCode: '41', otherProvider: 'never' } } },
    ],
    [
      'by a reason that nobody knows',
      { reason: 'Something new' },
      NOT_KNOWN,
      {
        outcome: {
          kind: 'declined',
          decline: { code: 'refused', category: 'unmapped', otherProvider: 'no' },
        },
      },
    ],
    [
      'after approval',
      { reason: 'FRAUD-CANCELLED' },
      NOT_KNOWN,
      { outcome: { kind: 'declined', decline: { code: '22', mayHideApproval: true } } },
    ],
    [
      'for want of authentication',
      { reason: '3D Not Authenticated' },
      NOT_KNOWN,
      { outcome: { kind: 'authentication_required', code: '11' } },
    ],
    [
      'never submitted',
      { reason: 'Not Submitted' },
      NOT_KNOWN,
      { outcome: { kind: 'rejected', reason: 'transient' } },
    ],
    ['of the payment that is known', { reason: 'Refused' }, {}, { kind: 'attempt' }],
    ['of another payment than is known', { reason: 'Refused', pspReference: 'SECOND1' }, {}, MISMATCH],
    ['of another amount', { reason: 'Refused', amount: euros(1) }, NOT_KNOWN, MISMATCH],
    ['of nobody knows how much', { reason: 'Refused', amount: null }, NOT_KNOWN, MISMATCH],
    [
      'of another merchant account',
      { reason: 'Refused', merchantAccountCode: 'AcmeStore' },
      NOT_KNOWN,
      MISMATCH,
    ],
  ])('no success, %s', (_what, item, over, expected) => {
    expect(evidenceOf(event({ success: 'false', ...item }), over)).toMatchObject(expected as object);
  });

  it('counts krónur as Adyen does', () => {
    const request = sampleRequest({ amount: { value: 100, currency: 'ISK' } });
    const over = { request, ...NOT_KNOWN };
    expect(evidenceOf(event({ amount: euros(10_000, 'ISK') }), over)).toMatchObject(approved);
    expect(evidenceOf(event({ amount: euros(100, 'ISK') }), over)).toEqual(MISMATCH);
  });
});

describe('events that end an operation', () => {
  const confirmed = (operationId: string) => ({
    kind: 'operation',
    operationId,
    inquiry: { kind: 'confirmed', providerReference: OWN_REFERENCE },
  });
  const failed = (operationId: string, code: string) => ({
    kind: 'operation',
    operationId,
    inquiry: { kind: 'failed', code },
  });

  it.each<[OperationKind, string, string, 'true' | 'false', boolean]>([
    ['capture', 'cap_aBc_1', 'CAPTURE', 'true', true],
    ['capture', 'cap_aBc_1', 'CAPTURE', 'false', false],
    ['capture', 'cap_aBc_1', 'CAPTURE_FAILED', 'true', false],
    ['capture', 'cap_aBc_1', 'CAPTURE_FAILED', 'false', false],
    ['void', 'void_aBc_1', 'CANCELLATION', 'true', true],
    ['void', 'void_aBc_1', 'CANCELLATION', 'false', false],
    ['void', 'void_aBc_1', 'TECHNICAL_CANCEL', 'true', true],
    ['void', 'void_aBc_1', 'TECHNICAL_CANCEL', 'false', false],
    ['refund', 'ref_aBc_1', 'REFUND', 'true', true],
    ['refund', 'ref_aBc_1', 'REFUND', 'false', false],
    ['refund', 'ref_aBc_1', 'REFUND_FAILED', 'true', false],
    ['refund', 'ref_aBc_1', 'REFUNDED_REVERSED', 'true', false],
  ])('%s %s: %s, success %s', (kind, id, eventCode, success, isConfirmed) => {
    const operations = [operation(kind, id)];
    const expected = isConfirmed ? confirmed(id) : failed(id, eventCode.toLowerCase());
    expect(evidenceOf(modification(eventCode, id, { success }), { operations })).toEqual(expected);
    // A repeat says the same.
    expect(evidenceOf(modification(eventCode, id, { success }), { operations })).toEqual(expected);
  });

  it('has no id that is a card number by chance', () => {
    const operations = [operation('capture', 'cap_aBc_1')];
    const item = modification('CAPTURE', 'cap_aBc_1', { pspReference: '4111111111111111' });
    const evidence = evidenceOf(item, { operations });
    expect(evidence).toMatchObject({ inquiry: { kind: 'confirmed' } });
    expect(JSON.stringify(evidence)).not.toContain('4111111111111111');
  });

  it.each<[string, EventItem]>([
    ['another amount', modification('CAPTURE', 'cap_aBc_1', { amount: euros(4998) })],
    ['another currency', modification('CAPTURE', 'cap_aBc_1', { amount: euros(4999, 'USD') })],
    ['another payment', modification('CAPTURE', 'cap_aBc_1', { originalReference: 'OTHER1' })],
    ['another kind', modification('REFUND', 'cap_aBc_1')],
    ['an operation that we never had', modification('CAPTURE', 'cap_aBc_9')],
    ['another merchant account', modification('CAPTURE', 'cap_aBc_1', { merchantAccountCode: 'AcmeStore' })],
    ['nobody knows how much', modification('CAPTURE', 'cap_aBc_1', { amount: null })],
    ['another amount, failed', modification('CAPTURE', 'cap_aBc_1', { success: 'false', amount: euros(1) })],
  ])('about %s is a mismatch', (_what, item) => {
    expect(evidenceOf(item, { operations: [operation('capture', 'cap_aBc_1')] })).toEqual(MISMATCH);
  });

  it.each<[string, number, number, unknown]>([
    ['as much as was expected', 4999, 4999, confirmed('void_aBc_1')],
    ['less than was expected', 4999, 2000, MISMATCH],
    ['more than was expected', 2000, 4999, MISMATCH],
    ['what nobody knew', 0, 4999, confirmed('void_aBc_1')],
  ])('a void that set free %s', (_what, expected, told, evidence) => {
    const operations = [operation('void', 'void_aBc_1', { amount: euros(expected) })];
    const item = modification('CANCELLATION', 'void_aBc_1', { amount: euros(told) });
    expect(evidenceOf(item, { operations })).toEqual(evidence);
  });

  it.each<[OperationKind, string, string]>([
    ['capture', 'CAPTURE', 'cap_aBc_1'],
    ['refund', 'REFUND', 'ref_aBc_1'],
  ])('a %s is never of as much as nobody knew', (kind, eventCode, id) => {
    const operations = [operation(kind, id, { amount: euros(0) })];
    expect(evidenceOf(modification(eventCode, id), { operations })).toEqual(MISMATCH);
  });

  it('an operation is known by its own name where the payment is not named', () => {
    const operations = [operation('capture', 'cap_aBc_1')];
    const item = modification('CAPTURE', 'cap_aBc_1', { originalReference: '' });
    expect(evidenceOf(item, { operations })).toEqual(confirmed('cap_aBc_1'));
  });

  it('a void that failed need not name what it did not set free', () => {
    const operations = [operation('void', 'void_aBc_1')];
    const item = modification('CANCELLATION', 'void_aBc_1', { success: 'false', amount: euros(0, 'USD') });
    expect(evidenceOf(item, { operations })).toEqual(failed('void_aBc_1', 'cancellation'));
  });

  it.each(['CAPTURE', 'REFUND', 'CAPTURE_FAILED', 'REFUND_FAILED'])(
    '%s under the name of the payment is somebody else at Adyen: nothing follows',
    (eventCode) => {
      const operations = [operation('capture', 'cap_aBc_1'), operation('refund', 'ref_aBc_2')];
      expect(evidenceOf(modification(eventCode, 'att_aBc_1'), { operations })).toEqual(NOTHING);
      expect(evidenceOf(modification(eventCode, 'order-7781'), { operations })).toEqual(NOTHING);
      // Nor does it undo what nobody of ours has captured.
      expect(evidenceOf(modification(eventCode, 'att_aBc_1'))).toEqual(NOTHING);
    },
  );
});

describe('TECHNICAL_CANCEL bears the name of the payment', () => {
  const byReference = { ...NOT_KNOWN, amount: euros(0) };
  const one = [operation('void', 'void_aBc_1', byReference)];
  const two = [...one, operation('void', 'void_aBc_2', byReference)];
  const cancel = (success: 'true' | 'false', over: Partial<EventItem> = {}) =>
    modification('TECHNICAL_CANCEL', 'att_aBc_1', { success, ...over });
  const ended = (operationId: string, kind: string) => ({
    kind: 'operation',
    operationId,
    inquiry: { kind },
  });

  it.each<[string, EventItem, Partial<NoticeSubject>, unknown]>([
    ['success, one void', cancel('true'), { operations: one }, ended('void_aBc_1', 'confirmed')],
    ['success, two voids', cancel('true'), { operations: two }, ended('void_aBc_2', 'confirmed')],
    ['failure, one void', cancel('false'), { operations: one }, ended('void_aBc_1', 'failed')],
    [
      'failure, nothing there',
      cancel('false', { originalReference: '', amount: euros(0) }),
      { operations: one },
      ended('void_aBc_1', 'failed'),
    ],
    ['failure, one of two', cancel('false'), { operations: two }, NOTHING],
    [
      'success, a capture after the void',
      cancel('true'),
      { operations: [...one, operation('capture', 'cap_aBc_2')] },
      ended('void_aBc_1', 'confirmed'),
    ],
    [
      'failure, a capture after the void',
      cancel('false'),
      { operations: [...one, operation('capture', 'cap_aBc_2')] },
      ended('void_aBc_1', 'failed'),
    ],
    ['failure, none of ours', cancel('false'), {}, NOTHING],
    [
      'of another payment',
      cancel('true', { originalReference: 'OTHER1' }),
      { operations: one, providerReference: PSP_REFERENCE },
      MISMATCH,
    ],
    ['in another currency', cancel('true', { amount: euros(4999, 'USD') }), { operations: one }, MISMATCH],
    ['of nobody knows how much', cancel('true', { amount: null }), { operations: one }, MISMATCH],
    [
      'under a name that is none of ours, which ends no void of ours',
      cancel('true', { merchantReference: 'order-7781' }),
      { operations: one, providerReference: PSP_REFERENCE },
      { kind: 'attempt', outcome: { kind: 'partially_approved', reversal: 'confirmed' } },
    ],
    [
      'success, none of ours',
      cancel('true'),
      {},
      {
        kind: 'attempt',
        outcome: { kind: 'partially_approved', authorizedAmount: 4999, reversal: 'confirmed' },
      },
    ],
  ])('%s', (_what, item, over, expected) => {
    expect(evidenceOf(item, { ...NOT_KNOWN, ...over })).toMatchObject(expected as object);
  });
});

describe('an authorization that is undone without us', () => {
  const undone = (authorizedAmount = 4999) => ({
    kind: 'attempt',
    outcome: {
      kind: 'partially_approved',
      providerReference: PSP_REFERENCE,
      authorizedAmount,
      networkTransaction: null,
      reversal: 'confirmed',
    },
  });
  const action = (name: string) => ({ additionalData: { 'modification.action': name } });
  const expire = event({ eventCode: 'EXPIRE' });

  it.each<[string, EventItem, Partial<NoticeSubject>, unknown]>([
    ['cancelled by somebody, by our name', modification('CANCELLATION', 'att_aBc_1'), {}, undone()],
    ['cancelled by somebody, by theirs', modification('CANCELLATION', 'order-7781'), {}, undone()],
    ['the same, and the payment not known', modification('CANCELLATION', 'order-7781'), NOT_KNOWN, NOTHING],
    [
      'not cancelled by somebody',
      modification('CANCELLATION', 'order-7781', { success: 'false' }),
      {},
      NOTHING,
    ],
    [
      'cancelled or refunded: cancelled, which nobody signed',
      modification('CANCEL_OR_REFUND', 'order-7781', action('cancel')),
      {},
      NOTHING,
    ],
    [
      'cancelled or refunded: refunded',
      modification('CANCEL_OR_REFUND', 'order-7781', action('refund')),
      {},
      NOTHING,
    ],
    ['cancelled or refunded: not said', modification('CANCEL_OR_REFUND', 'order-7781'), {}, NOTHING],
    [
      'cancelled or refunded: failed',
      modification('CANCEL_OR_REFUND', 'order-7781', { ...action('cancel'), success: 'false' }),
      {},
      NOTHING,
    ],
    ['expired', expire, {}, undone()],
    ['a part expired', { ...expire, amount: euros(2000) }, {}, undone(2000)],
    ['expired, another payment', { ...expire, pspReference: 'OTHER1' }, {}, NOTHING],
    ['expired, more than was asked', { ...expire, amount: euros(5000) }, {}, MISMATCH],
    ['expired, another currency', { ...expire, amount: euros(4999, 'USD') }, {}, MISMATCH],
    ['expired, nobody knows how much', { ...expire, amount: null }, {}, MISMATCH],
    ['expired, another attempt of ours', { ...expire, merchantReference: 'att_aBc_2' }, {}, NOTHING],
    [
      'expired while a void is on its way',
      expire,
      { operations: [operation('void', 'void_aBc_1')] },
      undone(),
    ],
    ['expired, nothing held', { ...expire, amount: euros(0) }, {}, NOTHING],
    ['expired, another merchant account', { ...expire, merchantAccountCode: 'AcmeStore' }, {}, MISMATCH],
    [
      'the rest expired of what is captured',
      expire,
      { operations: [operation('capture', 'cap_aBc_1')] },
      NOTHING,
    ],
  ])('%s', (_what, item, over, expected) => {
    expect(evidenceOf(item, over)).toEqual(expected);
  });
});

describe('whatever else may be kept', () => {
  const disputed = { reason: null, respondByMs: null, status: null };

  it.each<[string, string, Record<string, unknown>, unknown]>([
    ['an event that nobody understands', 'NEW', {}, NOTHING],
    ['the same with a dispute beside', 'NEW', { dispute: disputed }, NOTHING],
    ['a dispute of which nothing was kept', 'CHARGEBACK', {}, NOTHING],
    [
      'a refusal of which nothing was kept',
      'AUTHORISATION',
      { success: false, amount: euros(4999) },
      MISMATCH,
    ],
  ])('%s proves nothing', (_what, type, over, expected) => {
    const data = { merchantAccount: MERCHANT_ACCOUNT, success: true, pspReference: PSP_REFERENCE };
    const none = { amount: null, authorised: null, refusal: null, link: null, dispute: null };
    const told = { ...data, ...none, originalReference: null, reference: 'att_aBc_1', ...over };
    expect(adyenEvidence({ type, data: told }, subject(), MERCHANT_ACCOUNT, deps)).toEqual(expected);
  });

  it.each([null, 7, 'x', {}, { merchantAccount: MERCHANT_ACCOUNT }])('%j says nothing', (data) => {
    expect(adyenEvidence({ type: 'AUTHORISATION', data }, subject(), MERCHANT_ACCOUNT, deps)).toEqual(
      NOTHING,
    );
  });
});
