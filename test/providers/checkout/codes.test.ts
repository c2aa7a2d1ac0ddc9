import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import { judgeOutcome } from '../../../src/core/failover.ts';
import { type Asked, readCheckoutDecline } from '../../../src/providers/checkout/codes.ts';
import { outcomeOfPayment } from '../../../src/providers/checkout/payment-outcome.ts';
import { wirePayment } from '../../../src/providers/checkout/wire.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { approval, declined, PAYMENT_ID } from './checkout-fixture.ts';
import { CHANNEL } from './checkout-stand-in.ts';

const declineTables = await shippedDeclineTables();
const deps = { clock: new FakeClock(), declineTables: () => declineTables };

const asked = (over: Partial<Asked> = {}): Asked => ({
  attemptId: 'att_aBc_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  ...over,
});

const outcomeOf = (body: Record<string, unknown>, over: Partial<Asked> = {}): AttemptOutcome =>
  outcomeOfPayment(wirePayment.parse(body), 'answer', asked(over), CHANNEL, deps);

/** What an outcome comes to: its category and whether another provider may try, or its kind. */
function brief(outcome: AttemptOutcome): string {
  if (outcome.kind === 'declined') return `${outcome.decline.category} ${outcome.decline.otherProvider}`;
  return outcome.kind;
}

const mayFailOver = (outcome: AttemptOutcome) =>
  judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver;

const rows = (codes: string, expected: string) =>
  codes.split(' ').map((code): [string, string] => [code, expected]);

describe('response_code, every row of the table', () => {
  it.each([
    ...rows('20005 20046 20062 2005C', 'soft_decline_issuer yes_once'),
    ...rows('20001 20002 20060 20066', 'soft_decline_issuer no'),
    ...rows('20051 20061 20065 200P1 200P9 20121 30021 30022', 'soft_decline_issuer no'),
    ...rows('20016 20072 20078 20081 2009G', 'soft_decline_issuer no'),
    ...rows('20015 20023 20040 20045 200A5 200N0 20122', 'soft_decline_issuer no'),
    // Visa's category 1 among what Checkout.com calls soft.
    ...rows('20012 20014 20057', 'hard_decline_issuer never'),
    ...rows('20004 20056 20067', 'hard_decline_issuer never'),
    ...rows('30004 30007 30015 30033 30034 30035 30036 30037 30038', 'hard_decline_issuer never'),
    ...rows('30039 30040 30041 30042 30043 30044 30045 30046', 'hard_decline_issuer never'),
    ...rows('20039 20044 20052 20053 20083 20093', 'hard_decline_issuer no'),
    ...rows('20179 20182', 'hard_decline_issuer no'),
    ...rows('200R1 200R3 20017 20018', 'cancelled_by_customer never'),
    ...rows('20150 20151 20152 20153 20154 20155 20159 43401 20070', 'authentication_required'),
    ...rows('20059 20063 20183', 'fraud_issuer no'),
    ...rows('40101 41101 41201 41301 42101 42206 43101 43201 43301', 'fraud_psp no'),
    ...rows('20013 20030 20054 20055 20087 200N7 20100 20107 20124', 'invalid_data no'),
    ...rows('20033 20038 20042 20064 2006P 20075 20082 20086 200T2 20101 20108', 'invalid_data no'),
    ...rows('20113 20114 20115 20116 20120 20123 20193 30020', 'invalid_data no'),
    ...rows('20003 20058 20102 20103 20106 20112 20156 20157 200T3 20197', 'config yes_once'),
    ...rows('30401 30402 30403 30404 30405', 'config yes_once'),
    ...rows('20019 20022 20031 20092 20096 200E3 20104 20105', 'provider_technical yes_once'),
    ...rows('20006 20021 20028', 'provider_technical yes_once'),
    ...rows('20084 20085 20088 20089 20090 20095 20097 20098 20099', 'provider_technical no'),
    ...rows('200A4 200E0 200E2 200S4 200T5 20117 20119', 'provider_technical no'),
    ...rows('20091', 'issuer_unavailable yes_once'),
    ...rows('20068 200A6 20020 20032', 'unknown'),
    ...rows('20009 20118', 'pending'),
    ...rows('20026 20094 20109 20110 20111', 'duplicate_suspected no'),
    // In no row: nothing fails over.
    ...rows('20199 20777 30016 30099 44101 50003 50490', 'unmapped no'),
  ])('%s: %s', (code, expected) => {
    const outcome = outcomeOf(declined({ response_code: code, processing: undefined }));
    expect(brief(outcome)).toBe(expected);
    expect(mayFailOver(outcome)).toBe(expected.endsWith('yes_once'));
    if (outcome.kind === 'declined') {
      expect(outcome).toMatchObject({
        providerReference: PAYMENT_ID,
        decline: { code, mayHideApproval: false },
      });
    } else {
      expect(outcome).toEqual({ kind: outcome.kind, code, providerReference: PAYMENT_ID });
    }
  });
});

describe('everything that is said is heard, and the strictest wins', () => {
  it.each<[string, Record<string, unknown>, CardBrand, string]>([
    ['nothing else', {}, 'visa', 'soft_decline_issuer yes_once'],
    ['the network says the same', { partner_response_code: '05' }, 'visa', 'soft_decline_issuer yes_once'],
    ['the network says lost', { partner_response_code: '41' }, 'visa', 'hard_decline_issuer never'],
    ['Visa’s category 1', { partner_response_code: '57' }, 'visa', 'hard_decline_issuer never'],
    ['57 of Mastercard', { partner_response_code: '57' }, 'mastercard', 'hard_decline_issuer no'],
    ['the network says fraud', { partner_response_code: '59' }, 'visa', 'fraud_issuer no'],
    ['the network says too late', { partner_response_code: '68' }, 'visa', 'unknown'],
    ['a network code that nobody knows', { partner_response_code: 'ZZ' }, 'visa', 'unmapped no'],
    ['a network code that is none', { partner_response_code: 'Do not honour' }, 'visa', 'unmapped no'],
    ['a network code that is a number', { partner_response_code: 5 }, 'visa', 'unmapped no'],
    ['an empty network code', { partner_response_code: '' }, 'visa', 'soft_decline_issuer yes_once'],
    ['a code of an unknown brand', { partner_response_code: '05' }, 'unknown', 'unmapped no'],
    ['advice: new data', { recommendation_code: '01' }, 'visa', 'invalid_data no'],
    ['advice: later', { recommendation_code: '02' }, 'visa', 'soft_decline_issuer no'],
    ['advice: never', { recommendation_code: '03' }, 'visa', 'hard_decline_issuer never'],
    ['advice that nobody knows', { recommendation_code: '09' }, 'visa', 'unmapped no'],
    [
      'the network’s advice: never',
      { partner_merchant_advice_code: '03' },
      'mastercard',
      'hard_decline_issuer never',
    ],
    [
      'the network’s advice: stop',
      { partner_merchant_advice_code: '21' },
      'mastercard',
      'cancelled_by_customer never',
    ],
    [
      'the network’s advice is heard beside the own',
      { partner_merchant_advice_code: '03', recommendation_code: '02' },
      'mastercard',
      'hard_decline_issuer never',
    ],
    [
      'the network’s advice on a card that says nothing',
      { partner_merchant_advice_code: '41' },
      'mastercard',
      'soft_decline_issuer yes_once',
    ],
    [
      'the network’s advice that nobody knows',
      { partner_merchant_advice_code: '99' },
      'mastercard',
      'unmapped no',
    ],
  ])('%s', (_what, processing, brand, expected) => {
    const outcome = outcomeOf(declined({ processing }), { brand });
    expect(brief(outcome)).toBe(expected);
    expect(mayFailOver(outcome)).toBe(expected.endsWith('yes_once'));
  });

  it('the network’s advice to wait is a time', () => {
    const processing = {
      partner_merchant_advice_code: '24',
      partner_response_code: '05',
      recommendation_code: '02',
    };
    expect(outcomeOf(declined({ processing }), { brand: 'mastercard' })).toMatchObject({
      decline: { advice: '24', networkCode: '05', retryNotBefore: '2026-11-23T11:00:00.000Z' },
    });
  });

  it.each<[string, Partial<Asked>, string]>([
    ['in the SCA region', { brand: 'mastercard', scaRegion: true }, 'authentication_required'],
    ['elsewhere', { brand: 'mastercard' }, 'soft_decline_issuer no'],
    [
      'authenticated',
      {
        brand: 'mastercard',
        scaRegion: true,
        request: sampleRequest({
          threeDs: { eci: '02', cavv: null, dsTransactionId: 'ds', version: '2.2.0', exemption: null },
        }),
      },
      'soft_decline_issuer no',
    ],
    ...[
      { eci: '02', dsTransactionId: null },
      { eci: null, dsTransactionId: 'ds' },
    ].map((told): [string, Partial<Asked>, string] => [
      `authenticated, of which little is told: ${JSON.stringify(told)}`,
      {
        brand: 'mastercard',
        scaRegion: true,
        request: sampleRequest({ threeDs: { cavv: null, version: '2.2.0', exemption: null, ...told } }),
      },
      'soft_decline_issuer no',
    ]),
    [
      'with an exemption, which is no authentication',
      {
        brand: 'mastercard',
        scaRegion: true,
        request: sampleRequest({
          threeDs: { eci: null, cavv: null, dsTransactionId: null, version: null, exemption: 'low_value' },
        }),
      },
      'authentication_required',
    ],
  ])('65 of Mastercard %s', (_what, over, expected) => {
    expect(brief(outcomeOf(declined({ processing: { partner_response_code: '65' } }), over))).toBe(expected);
  });

  it('a code alone is read as somebody else met it', () => {
    const plain = {
      networkCode: null,
      advice: null,
      brand: 'visa',
      scaRegion: false,
      threeDsPresent: false,
    } as const;
    expect(readCheckoutDecline({ ...plain, code: '20057' }, deps)).toMatchObject({
      kind: 'declined',
      decline: { otherProvider: 'never' },
    });
    expect(readCheckoutDecline({ ...plain, code: '20068' }, deps)).toEqual({
      kind: 'ambiguous',
      code: '20068',
    });
  });
});

describe('an approval behind a decline', () => {
  it.each<[string, Record<string, unknown>]>([
    ['the network approved', { processing: { partner_response_code: '00' } }],
    ['money is held', { balances: { total_authorized: 4999 } }],
    ['one unit is held', { balances: { total_authorized: 1 } }],
    [
      'the network approved, and a rule declined',
      { response_code: '41101', processing: { partner_response_code: '00' } },
    ],
  ])('%s: it never fails over, and is undone', (_what, over) => {
    const outcome = outcomeOf(declined(over));
    expect(outcome).toMatchObject({
      kind: 'declined',
      decline: { mayHideApproval: true, otherProvider: 'no' },
    });
    expect(mayFailOver(outcome)).toBe(false);
  });
});

describe('an answer', () => {
  const LINK = { id: '489341065491658', network: 'visa', date: '2026-11-23' };
  const expiresAtMs = Date.UTC(2026, 10, 30, 10, 11, 12);
  const UNBOUND = { kind: 'approved', providerReference: PAYMENT_ID, networkTransaction: LINK };
  const APPROVED = { ...UNBOUND, expiresAtMs };
  const MISMATCH = { kind: 'unknown', code: 'answer_mismatch', providerReference: PAYMENT_ID };
  const NOT_OURS = { ...MISMATCH, providerReference: null };
  const UNLINKED = { ...APPROVED, networkTransaction: null };
  const partly = (authorizedAmount: number) => ({
    kind: 'partially_approved',
    providerReference: PAYMENT_ID,
    authorizedAmount,
    networkTransaction: LINK,
    expiresAtMs,
    reversal: 'none',
  });
  const part = (amount: number, over: Record<string, unknown> = {}) => ({
    amount,
    amount_requested: 4999,
    response_code: '10010',
    balances: { total_authorized: amount },
    ...over,
  });

  it.each<[string, Record<string, unknown>, unknown]>([
    ['authorized', {}, APPROVED],
    ['for a time that is not said', { expires_on: undefined }, UNBOUND],
    ['for a time that is none', { expires_on: '2026-13-30T10:11:12Z' }, UNBOUND],
    ['until some day', { expires_on: '2026-11-30' }, UNBOUND],
    [
      'until a time of elsewhere',
      { expires_on: '2026-11-30T12:11:12.5+02:00' },
      { ...UNBOUND, expiresAtMs: expiresAtMs + 500 },
    ],
    ...['10008', '10011', '10076', '10077', '10081', '10100', '10200'].map(
      (code): [string, Record<string, unknown>, unknown] => [
        `with ${code}`,
        { response_code: code },
        APPROVED,
      ],
    ),
    ['flagged as a risk', { response_code: '10100', risk: { flagged: true } }, APPROVED],
    ['with what was asked beside', { amount_requested: 4999 }, APPROVED],
    ['through our channel', { processing_channel_id: CHANNEL }, APPROVED],
    ['without balances', { balances: undefined }, APPROVED],
    ['for one less', { amount: 4998, balances: undefined }, MISMATCH],
    ['for one more', { amount: 5000, balances: undefined }, MISMATCH],
    ['for nothing', { amount: 0 }, MISMATCH],
    ['without an amount', { amount: undefined }, MISMATCH],
    ['without an amount, but with what was asked', { amount: undefined, amount_requested: 4999 }, MISMATCH],
    ['in another currency', { currency: 'USD' }, MISMATCH],
    ['without a currency', { currency: undefined }, MISMATCH],
    ['of another attempt', { reference: 'att_aBc_2' }, NOT_OURS],
    ['of our name in another case', { reference: 'att_abc_1' }, NOT_OURS],
    ['without a reference', { reference: undefined }, NOT_OURS],
    ['through another channel', { processing_channel_id: 'pc_other' }, NOT_OURS],
    ['not approved', { approved: false }, MISMATCH],
    ['not said to be approved', { approved: undefined }, MISMATCH],
    ['approved with the code of a decline', { response_code: '20005' }, MISMATCH],
    ['approved without a code', { response_code: undefined }, MISMATCH],
    ['with less held', { balances: { total_authorized: 4998 } }, MISMATCH],
    ['with nothing held', { balances: { total_authorized: 0 } }, MISMATCH],
    ['of another source', { processing: { fallback_source_used: true } }, MISMATCH],
    ['of perhaps another source', { processing: { fallback_source_used: 'yes' } }, MISMATCH],
    ['of our own source', { processing: { fallback_source_used: false } }, APPROVED],
    ['captured, which nobody asked for', { status: 'Captured' }, MISMATCH],
    ['captured in part', { status: 'Partially Captured' }, MISMATCH],
    ['refunded', { status: 'Refunded' }, MISMATCH],
    ['refunded in part', { status: 'Partially Refunded' }, MISMATCH],
    ['a card that was verified', { status: 'Card Verified' }, MISMATCH],
    ['a payout', { status: 'Paid' }, MISMATCH],
    ['in part, the least', part(1), partly(1)],
    ['in part, the most', part(4998), partly(4998)],
    ['in part, without balances', part(2000, { balances: undefined }), partly(2000)],
    ['in part, nothing', part(0), MISMATCH],
    ['in part, everything', part(4999), MISMATCH],
    ['in part, more', part(5000), MISMATCH],
    ['in part, with the code of the whole', part(2000, { response_code: '10000' }), MISMATCH],
    ['in part, not said of what', part(2000, { amount_requested: undefined }), MISMATCH],
    ['in part of something else', part(2000, { amount_requested: 5000 }), MISMATCH],
    ['in part, with more held', part(2000, { balances: { total_authorized: 4999 } }), MISMATCH],
    ['declined and approved', { status: 'Declined', response_code: '20005' }, MISMATCH],
    ['declined with the code of an approval', { status: 'Declined', approved: false }, MISMATCH],
    [
      'declined without a code',
      { status: 'Declined', approved: false, response_code: undefined },
      { ...MISMATCH, code: 'answer_malformed' },
    ],
    [
      'declined, to be tried again by Checkout.com itself',
      {
        status: 'Declined',
        approved: false,
        response_code: '20051',
        retry: { next_attempt_on: '2026-11-30T00:00:00Z' },
      },
      { kind: 'pending', code: 'retry_scheduled', providerReference: PAYMENT_ID },
    ],
    [
      'declined, to be tried again, in words that are not known',
      {
        status: 'Declined',
        approved: false,
        response_code: '20051',
        retry: { next_attempt_on: 1_800_000_000 },
      },
      { kind: 'pending', code: 'retry_scheduled', providerReference: PAYMENT_ID },
    ],
    [
      'declined of another amount',
      { status: 'Declined', approved: false, response_code: '20005', amount: 1 },
      MISMATCH,
    ],
    [
      'with an id that repeats the card',
      { id: 'pay_4571736000000000' },
      { ...NOT_OURS, code: 'answer_malformed' },
    ],
    ['without a link', { scheme_id: undefined }, UNLINKED],
    ['with a link that repeats the card', { scheme_id: '4571736000000000' }, UNLINKED],
    ['with a link that is text', { scheme_id: 'a b' }, UNLINKED],
    ['with a link that is a number', { scheme_id: 489341065491658 }, UNLINKED],
    [
      'with a link of another network',
      { source: { scheme: 'Mastercard' } },
      { ...APPROVED, networkTransaction: { ...LINK, network: 'mastercard' } },
    ],
    ['with a link of a network that nobody knows', { source: { scheme: 'Moonpay' } }, UNLINKED],
    ['with a link, and no source', { source: undefined }, APPROVED],
    ['with a link of no day', { processed_on: undefined }, UNLINKED],
    ['with a link of a day that is none', { processed_on: 'yesterday' }, UNLINKED],
  ])('%s', (_what, over, expected) => {
    if (over['id'] === undefined) {
      expect(outcomeOf(approval(over))).toEqual(expected);
      return;
    }
    // The reading of the wire lets no card's number through; behind it stands the same rule.
    expect(wirePayment.safeParse(approval(over)).success).toBe(false);
    const wire = { ...wirePayment.parse(approval()), id: String(over['id']) };
    expect(outcomeOfPayment(wire, 'answer', asked(), CHANNEL, deps)).toEqual(expected);
  });

  it('of a status that there is not is a bug of ours: the reading of the wire lets none through', () => {
    const wire = { ...wirePayment.parse(approval()), status: 'Settled' as never };
    expect(() => outcomeOfPayment(wire, 'answer', asked(), CHANNEL, deps)).toThrow('unreachable case');
  });
});
