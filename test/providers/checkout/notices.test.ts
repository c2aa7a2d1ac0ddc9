import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCheckoutNotices } from '../../../src/providers/checkout/notices.ts';
import { ACTION_ID, EVENT_ID, PAYMENT_ID } from './checkout-fixture.ts';
import { CHANNEL, WEBHOOK_KEY, webhookOf } from './checkout-stand-in.ts';

const BODY = `{"id":"${EVENT_ID}","type":"payment_canceled","data":{"id":"${PAYMENT_ID}"}}`;

const mac = (key: string, body = BODY) => createHmac('sha256', key).update(body).digest('hex');

const read = (signature: string | undefined, secrets: readonly string[] = ['k1'], body = BODY) =>
  readCheckoutNotices(
    { headers: signature === undefined ? {} : { 'cko-signature': signature }, body },
    secrets,
  );

const brief = (reading: ReturnType<typeof read>) =>
  reading.kind === 'refused' ? reading.reason : reading.kind;

describe('signatures', () => {
  const good = mac('k1');
  const other = mac('k2');
  it.each<[string, string | undefined, readonly string[], string]>([
    ['the right one', good, ['k1'], 'read'],
    ['in capitals', good.toUpperCase(), ['k1'], 'read'],
    ['by the new of two secrets', other, ['k2', 'k1'], 'read'],
    ['by the old of two secrets', good, ['k2', 'k1'], 'read'],
    ['by nobody’s secret', other, ['k1'], 'signature'],
    ['none', undefined, ['k1'], 'signature'],
    ['empty', '', ['k1'], 'signature'],
    ['too short', good.slice(2), ['k1'], 'signature'],
    ['too long', `${good}00`, ['k1'], 'signature'],
    ['its beginning, and then no hex', `${good.slice(0, 62)}zz`, ['k1'], 'signature'],
    ['no hex at all', 'z'.repeat(64), ['k1'], 'signature'],
    ['in base64', createHmac('sha256', 'k1').update(BODY).digest('base64'), ['k1'], 'signature'],
    ['with a word before', `sha256=${good}`, ['k1'], 'signature'],
    ['twice, as two headers are joined', `${good}, ${good}`, ['k1'], 'signature'],
    ['a wrong one and the right one', `${other}, ${good}`, ['k1'], 'signature'],
    ['without a secret to compare with', good, [], 'not_configured'],
    ['made with an empty secret', mac(''), [], 'not_configured'],
  ])('%s: %s', (_what, signature, secrets, expected) => {
    expect(brief(read(signature, secrets))).toBe(expected);
  });

  it('is over the raw bytes: one more, one less or another is another message', () => {
    for (const body of [
      `${BODY} `,
      BODY.slice(0, -1),
      BODY.replace('canceled', 'approved'),
      BODY.replace('":', '": '),
    ]) {
      expect(brief(read(good, ['k1'], body))).toBe('signature');
    }
  });

  it('has no time in it: it is valid whenever it comes', () => {
    expect(read(good)).toEqual(read(good));
  });

  it('is HMAC-SHA256 in hexadecimal: a vector made by another program, and RFC 4231, case 2', () => {
    const vector = '57a2778ad6404b27d582f6096dbb6c80d2c2fa599b0dcfb7f3278c881955ba4d';
    expect(brief(read(vector, ['0b0b0b-webhook-key']))).toBe('read');
    const rfc = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    // The signature is right, and what it signs no event.
    expect(brief(read(rfc, ['Jefe'], 'what do ya want for nothing?'))).toBe('malformed');
    expect(brief(read(rfc, ['Jefe'], 'what do ya want for nothing!'))).toBe('signature');
  });
});

describe('what is read', () => {
  const readEvent = (type: string, data: unknown, id = EVENT_ID) =>
    readCheckoutNotices(webhookOf({ id, type, data }), [WEBHOOK_KEY]);

  const PAYMENT = {
    id: PAYMENT_ID,
    action_id: ACTION_ID,
    amount: 1000,
    currency: 'EUR',
    response_code: '10000',
  };
  const ours = (over: Record<string, unknown>) => ({ ...PAYMENT, ...over });
  const attempt = { attempt_id: 'att_aBc_1' };
  const operation = { ...attempt, operation_id: 'cap_aBc_1' };

  it.each<[string, string, Record<string, unknown>, string | null, string | null]>([
    ['a payment, by its reference', 'payment_approved', { reference: 'att_aBc_1' }, 'att_aBc_1', null],
    [
      'a payment, by its metadata',
      'payment_approved',
      { reference: 'order-1', metadata: attempt },
      'att_aBc_1',
      null,
    ],
    [
      'a payment, its reference before its metadata',
      'payment_declined',
      { reference: 'att_aBc_2', metadata: attempt },
      'att_aBc_2',
      null,
    ],
    [
      'a payment is never about an operation',
      'payment_declined',
      { reference: 'att_aBc_1', metadata: operation },
      'att_aBc_1',
      null,
    ],
    ['somebody else’s payment', 'payment_approved', { reference: 'ORD-5023-4E89' }, null, null],
    [
      'a capture, by its metadata',
      'payment_captured',
      { reference: 'att_aBc_1', metadata: operation },
      'att_aBc_1',
      'cap_aBc_1',
    ],
    ['a capture, by its reference', 'payment_captured', { reference: 'cap_aBc_1' }, null, 'cap_aBc_1'],
    [
      'a capture, by its reference beside the payment’s metadata',
      'payment_captured',
      { reference: 'cap_aBc_1', metadata: attempt },
      'att_aBc_1',
      'cap_aBc_1',
    ],
    [
      'a capture of the payment’s names alone',
      'payment_captured',
      { reference: 'att_aBc_1', metadata: attempt },
      'att_aBc_1',
      null,
    ],
    [
      'a void by somebody',
      'payment_voided',
      { metadata: { coupon_code: 'NY2018', partner_id: 123989 } },
      null,
      null,
    ],
    ['a refund', 'payment_refunded', { reference: 'ref_aBc_3' }, null, 'ref_aBc_3'],
    ['names that are none', 'payment_refunded', { reference: 7, metadata: 'x' }, null, null],
    [
      'names that are not ours',
      'payment_refunded',
      { reference: 'ref_a-b_3', metadata: { attempt_id: 'att_a.b_1' } },
      null,
      null,
    ],
  ])('%s', (_what, type, over, attemptId, operationId) => {
    expect(readEvent(type, ours(over))).toMatchObject({
      kind: 'read',
      notices: [{ eventId: EVENT_ID, type, attemptId, operationId, providerReference: PAYMENT_ID }],
    });
  });

  it.each([
    'card_verified',
    'payment_paid',
    'payment_returned',
    'payment_authentication_failed',
    'something_new',
  ])('%s is taken, and nothing of it is kept', (type) => {
    expect(readEvent(type, { anything: 'src_wmlfc3zyhqzehihu7giusaaawu' })).toEqual({
      kind: 'read',
      notices: [],
    });
  });

  it('an event that has its data elsewhere is none of ours, and is taken', () => {
    expect(readEvent('issuing_dispute_closed', undefined)).toEqual({ kind: 'read', notices: [] });
  });

  it.each<[string, string, unknown, string]>([
    ['no payment', 'payment_approved', {}, EVENT_ID],
    ['an id that is none', 'payment_approved', ours({ id: '../x' }), EVENT_ID],
    ['an id that is a card number', 'payment_approved', ours({ id: 'pay_4012888888881881' }), EVENT_ID],
    ['an amount that is text', 'payment_captured', ours({ amount: '1000' }), EVENT_ID],
    ['an amount below nothing', 'payment_captured', ours({ amount: -1 }), EVENT_ID],
    ['a code that is text', 'payment_declined', ours({ response_code: 'Declined' }), EVENT_ID],
    ['data that are none', 'payment_declined', 'x', EVENT_ID],
    ['no data', 'payment_declined', undefined, EVENT_ID],
    ['a dispute without a payment', 'dispute_lost', { id: 'dsp_9rjdlsd4epepfjyyf9vl' }, EVENT_ID],
    ['a report without one', 'fraud_reported', { fraud: {} }, EVENT_ID],
    ['an event without an id', 'payment_approved', PAYMENT, ''],
    ['an event with a card number for its id', 'payment_approved', PAYMENT, 'evt_4012888888881881'],
    ['a type with line ends', 'payment_approved\r\nx', PAYMENT, EVENT_ID],
  ])('%s is malformed', (_what, type, data, id) => {
    expect(readEvent(type, data, id)).toMatchObject({ kind: 'refused', reason: 'malformed' });
  });

  it('keeps of a payment nothing but what evidence needs', () => {
    // The interface's own example of an approval, with our names (checkout.com/docs, payment_approved).
    const reading = readEvent('payment_approved', {
      ...{ id: PAYMENT_ID, action_id: ACTION_ID, reference: 'att_aBc_1', amount: 2, auth_code: 'FPB9A0' },
      ...{ currency: 'GBP', payment_type: 'Regular', processed_on: '2022-11-14T12:18:52.4877348Z' },
      processing: {
        acquirer_transaction_id: '123438482318443321234',
        retrieval_reference_number: '123412701234',
      },
      ...{ response_code: '10000', response_summary: 'Approved', risk: { flagged: false } },
      '3ds': { version: '2.2.0', eci: '05', cavv: 'ABEBASVDkQBBASDCgmMYdQAAAAA=', xid: 'e6473b22-08ac-492d' },
      scheme_id: '482318443327456',
      source: {
        ...{ id: 'src_ps6ukw5ifuietcr6wthijpzsvy', type: 'card', expiry_month: 1, expiry_year: 2029 },
        ...{ scheme: 'VISA', last_4: '1234', bin: '123456', issuer: 'Test Bank', name: 'A Holder' },
      },
      customer: { id: 'cus_m3cixs4slzcelfjmdcodlgyvkq', email: 'somebody@example.com' },
      payment_ip: '203.0.113.0',
      balances: { total_authorized: 2, total_voided: 0, available_to_void: 2, total_captured: 0 },
      metadata: { attempt_id: 'att_aBc_1', merchant_reference: 'order-1', note: 'hello' },
    });
    expect(reading).toEqual({
      kind: 'read',
      notices: [
        {
          eventId: EVENT_ID,
          type: 'payment_approved',
          attemptId: 'att_aBc_1',
          operationId: null,
          providerReference: PAYMENT_ID,
          data: {
            attemptId: 'att_aBc_1',
            operationId: null,
            actionId: ACTION_ID,
            payment: {
              ...{ id: PAYMENT_ID, amount: 2, currency: 'GBP', response_code: '10000' },
              ...{ scheme_id: '482318443327456', processed_on: '2022-11-14T12:18:52.4877348Z' },
              source: { scheme: 'VISA' },
              balances: { total_authorized: 2, total_voided: 0, total_captured: 0 },
              processing: {},
            },
          },
        },
      ],
    });
  });

  it('keeps no network’s identifier that is a card number', () => {
    const reading = readEvent(
      'payment_approved',
      ours({ reference: 'att_aBc_1', scheme_id: '4012888888881881' }),
    );
    expect(JSON.stringify(reading)).not.toContain('4012888888881881');
    expect(reading.kind).toBe('read');
  });

  it('an event that is sent again has the id that it had', () => {
    const one = readEvent('payment_captured', ours({ metadata: operation }));
    expect(readEvent('payment_captured', ours({ metadata: operation }))).toEqual(one);
  });

  // The interface's own examples (checkout.com/docs, dispute_evidence_submitted and fraud_reported).
  it('keeps of a dispute, and of a report of fraud, what is to be told', () => {
    const dispute = {
      ...{ id: 'dsp_9rjdlsd4epepfjyyf9vl', date: '2018-07-06T11:19:20Z', category: 'canceled_recurring' },
      ...{ amount: 20020, currency: 'USD', reason_code: '10.4', payment_method: 'Visa' },
      ...{
        payment_id: PAYMENT_ID,
        payment_action_id: 'act_7B15779D173D0W45700D',
        payment_reference: 'att_aBc_1',
      },
      evidence_required_by: '2018-07-26T11:19:20Z',
    };
    expect(readEvent('dispute_evidence_required', dispute)).toEqual({
      kind: 'read',
      notices: [
        {
          ...{ eventId: EVENT_ID, type: 'dispute_evidence_required', attemptId: 'att_aBc_1' },
          providerReference: PAYMENT_ID,
          data: {
            ...{ attemptId: 'att_aBc_1', paymentId: PAYMENT_ID, channel: null, disputeId: dispute.id },
            ...{ reason: '10.4', amount: { value: 20020, currency: 'USD' } },
            respondByMs: Date.UTC(2018, 6, 26, 11, 19, 20),
          },
        },
      ],
    });
    const fraud = {
      ...{ processing_channel_id: CHANNEL, reference: 'att_aBc_1', eci: '00', is_3ds: false },
      payment: { id: PAYMENT_ID, amount: { currency: 'GBP', value: '29.990000' } },
      fraud: {
        reason: 'Fraudulent Use Of Account Number',
        type: '6',
        amount: { currency: 'GBP', value: '29.99' },
      },
    };
    expect(readEvent('fraud_reported', fraud)).toMatchObject({
      notices: [
        {
          attemptId: 'att_aBc_1',
          data: {
            disputeId: EVENT_ID,
            reason: '6',
            amount: { value: 2999, currency: 'GBP' },
            channel: CHANNEL,
          },
        },
      ],
    });
  });

  it.each<[string, string, unknown]>([
    ['29.990000', 'GBP', { value: 2999, currency: 'GBP' }],
    ['29.9', 'GBP', { value: 2990, currency: 'GBP' }],
    ['30.000000', 'GBP', { value: 3000, currency: 'GBP' }],
    ['30', 'GBP', { value: 3000, currency: 'GBP' }],
    ['500.00', 'JPY', { value: 500, currency: 'JPY' }],
    ['500', 'JPY', { value: 500, currency: 'JPY' }],
    ['1.234', 'KWD', { value: 1234, currency: 'KWD' }],
    ['29.999', 'GBP', null],
    ['0.5', 'JPY', null],
    ['-1.00', 'GBP', null],
    ['1e3', 'GBP', null],
    ['', 'GBP', null],
    ['29.99', 'pounds', null],
  ])('a report over %s %s', (value, currency, amount) => {
    const fraud = { payment: { id: PAYMENT_ID }, fraud: { amount: { value, currency } } };
    expect(readEvent('fraud_reported', fraud)).toMatchObject({ notices: [{ data: { amount } }] });
  });

  it.each<[string, number | null]>([
    ['2018-07-26T11:19:20Z', Date.UTC(2018, 6, 26, 11, 19, 20)],
    ['2018-07-26T13:19:20.1234567+02:00', Date.UTC(2018, 6, 26, 11, 19, 20, 123)],
    ['2018-07-26', null],
    ['tomorrow', null],
    ['2018-13-26T11:19:20Z', null],
  ])('a dispute to be answered by %s', (evidence_required_by, respondByMs) => {
    const dispute = { id: 'dsp_1', payment_id: PAYMENT_ID, evidence_required_by, reason_code: 'not a code' };
    expect(readEvent('dispute_lost', dispute)).toMatchObject({
      notices: [{ data: { respondByMs, reason: null, amount: null, attemptId: null } }],
    });
  });
});
