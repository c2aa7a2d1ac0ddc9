import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import { judgeOutcome } from '../../../src/core/failover.ts';
import { amountFromAdyen, amountToAdyen } from '../../../src/providers/adyen/amounts.ts';
import {
  type Asked,
  linkIn,
  outcomeOfPayment,
  outcomeOfRefusal,
  readAdyenDecline,
  refusalIn,
} from '../../../src/providers/adyen/codes.ts';
import { codeOfReason } from '../../../src/providers/adyen/refusal-reasons.ts';
import { wireKey, wirePayment } from '../../../src/providers/adyen/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { approval, PSP_REFERENCE, refusal } from './adyen-fixture.ts';

const declineTables = await shippedDeclineTables();
const deps = { clock: new FakeClock(), declineTables: () => declineTables };

const asked = (over: Partial<Asked> = {}): Asked => ({
  attemptId: 'att_aBc_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  ...over,
});

const outcomeOf = (
  body: Record<string, unknown>,
  over: Partial<Asked> = {},
  answer: { readonly repeatsKey?: boolean; readonly isRepeat?: boolean } = {},
): AttemptOutcome =>
  outcomeOfPayment(
    { wire: wirePayment.parse(body), repeatsKey: false, isRepeat: false, ...answer },
    asked(over),
    deps,
  );

const unknown = (code: string, providerReference: string | null) => ({
  kind: 'unknown',
  code,
  providerReference,
});
const MISMATCH = unknown('answer_mismatch', PSP_REFERENCE);
const LINK = { id: '060720116005060', network: 'visa', date: '2026-11-23' };

/** What an outcome comes to: its category and whether another provider may try, or its kind. */
function brief(outcome: AttemptOutcome): string {
  if (outcome.kind === 'declined') return `${outcome.decline.category} ${outcome.decline.otherProvider}`;
  return outcome.kind === 'rejected' ? `rejected ${outcome.reason}` : outcome.kind;
}

const FUNDS = 'soft_decline_issuer no';

describe('refusalReasonCode, every row of the table', () => {
  it.each<[number, string]>([
    [2, 'soft_decline_issuer yes_once'],
    [3, FUNDS],
    [4, 'provider_technical yes_once'],
    [5, 'hard_decline_issuer never'],
    [6, 'invalid_data no'],
    [7, 'invalid_data no'],
    [8, 'hard_decline_issuer never'],
    [9, 'issuer_unavailable yes_once'],
    [10, 'config yes_once'],
    [11, 'authentication_required'],
    [12, FUNDS],
    [14, 'fraud_psp no'],
    [15, 'cancelled_by_customer no'],
    [16, 'cancelled_by_customer no'],
    [17, 'invalid_data no'],
    [18, 'invalid_data no'],
    [19, 'invalid_data no'],
    [20, 'fraud_psp no'],
    [21, 'rejected transient'],
    [22, 'fraud_psp no'],
    [23, 'hard_decline_issuer never'],
    [24, 'invalid_data no'],
    [25, 'soft_decline_issuer yes_once'],
    [26, 'cancelled_by_customer never'],
    [27, 'soft_decline_issuer yes_once'],
    [28, FUNDS],
    [29, FUNDS],
    [31, 'fraud_issuer no'],
    [32, 'invalid_data no'],
    [33, 'authentication_required'],
    [34, 'hard_decline_issuer no'],
    [35, 'hard_decline_issuer no'],
    [36, 'authentication_required'],
    [37, 'invalid_data no'],
    [38, 'authentication_required'],
    [39, 'authentication_required'],
    [40, 'provider_technical yes_once'],
    [41, 'authentication_required'],
    [42, 'authentication_required'],
    [43, 'authentication_required'],
    [44, 'invalid_data no'],
    [45, 'invalid_data no'],
    [46, 'hard_decline_issuer never'],
    [50, 'cancelled_by_customer never'],
    // In no list of Adyen's: nothing fails over.
    ...[0, 1, 13, 30, 47, 48, 49, 99].map((code): [number, string] => [code, 'unmapped no']),
  ])('%d: %s', (code, expected) => {
    const body = refusal({ refusalReasonCode: String(code), additionalData: undefined });
    const outcome = outcomeOf(body);
    expect(brief(outcome)).toBe(expected);
    if (outcome.kind === 'declined') {
      expect(outcome.decline.code).toBe(String(code));
      expect(outcome.decline.mayHideApproval).toBe(code === 22);
    }
    if (code === 22) {
      expect(judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver).toBe(false);
    }
  });

  it.each(['Refused', 'Error', 'Cancelled'])(
    '%s without a code is a "no" that nothing follows from',
    (resultCode) => {
      const body = refusal({ resultCode, refusalReasonCode: undefined, additionalData: undefined });
      expect(outcomeOf(body)).toMatchObject({
        kind: 'declined',
        decline: { code: resultCode.toLowerCase(), category: 'unmapped', otherProvider: 'no' },
      });
    },
  );

  it('a code that is text does not get out', () => {
    const outcome = outcomeOf(refusal({ refusalReasonCode: 'card 4571736000000000' }));
    expect(outcome).toMatchObject({ kind: 'declined', decline: { code: 'refused', category: 'unmapped' } });
  });
});

describe('what the network says beside', () => {
  it.each<[string, string, string | null]>([
    ['05 : Do not honor', '2', '05'],
    ['01: Refer to card issuer', '2', '01'],
    ['N7 : CVV2 failure', '2', 'N7'],
    ['130 : Authentication required', '2', '130'],
    ['  05 : Do not honor', '2', '05'],
    ['05', '2', null],
    ['Do not honor', '2', null],
    ['5 : Do not honor', '2', null],
    ['1234 : four', '2', null],
    ['ab : lower case', '2', null],
    ['CVC Declined', '2', null],
    ['NOT AUTHORISED', '2', null],
    ['Transaction not approved', '2', null],
    ['', '2', null],
  ])('the raw response %j', (refusalReasonRaw, code, networkCode) => {
    expect(refusalIn(code, { refusalReasonRaw })).toMatchObject({ networkCode, afterApproval: false });
  });

  it.each(['AUTHORISED', 'Authorised', 'authorized', 'APPROVED', 'Approved or completed'])(
    'the raw response %j of a refusal is an approval that Adyen overrode',
    (refusalReasonRaw) => {
      const outcome = outcomeOf(refusal({ additionalData: { refusalReasonRaw } }));
      expect(outcome).toMatchObject({ kind: 'declined', decline: { mayHideApproval: true } });
      expect(brief(outcome)).toMatch(/ no$/);
    },
  );

  it('so is the network code of an approval', () => {
    const additionalData = { refusalReasonRaw: '00 : Approved or completed successfully' };
    expect(outcomeOf(refusal({ refusalReasonCode: '20', additionalData }))).toMatchObject({
      kind: 'declined',
      decline: { category: 'fraud_psp', networkCode: '00', mayHideApproval: true },
    });
  });

  it.each<[string | undefined, string | null]>([
    ['03 : Do not try again', '03'],
    ['03: Do not try again', '03'],
    ['03', '03'],
    [' 03 ', '03'],
    ['', null],
    ['  ', null],
    [undefined, null],
    ['3', 'unreadable'],
    ['Do not try again', 'unreadable'],
    ['031 : x', 'unreadable'],
  ])('the advice %j', (merchantAdviceCode, advice) => {
    expect(refusalIn('2', { merchantAdviceCode })).toMatchObject({ advice });
  });

  it.each<[string, { brand?: CardBrand; code?: string; raw?: string; mac?: string }, string]>([
    ['soft by both', { raw: '05 : Do not honor' }, 'soft_decline_issuer yes_once'],
    ['lost, whatever Adyen says', { raw: '41 : Lost card' }, 'hard_decline_issuer never'],
    ['category 1 of Visa', { raw: '57 : Not permitted' }, 'hard_decline_issuer never'],
    ['the same of Mastercard', { brand: 'mastercard', raw: '57 : Not permitted' }, 'hard_decline_issuer no'],
    [
      'advice 03',
      { brand: 'mastercard', raw: '05 : x', mac: '03 : Do not try again' },
      'hard_decline_issuer never',
    ],
    ['advice 02 asks for time', { brand: 'mastercard', mac: '02 : Try again later' }, FUNDS],
    ['advice that no table knows', { brand: 'mastercard', mac: '77 : new' }, 'unmapped no'],
    ['advice that cannot be read', { brand: 'mastercard', mac: 'new' }, 'unmapped no'],
    ['a network code that no table knows', { raw: 'ZZ : new' }, 'unmapped no'],
    ['Adyen is stricter than the network', { code: '46', raw: '05 : x' }, 'hard_decline_issuer never'],
    ['the network leaves it open', { raw: '68 : Response received too late' }, 'unknown'],
    ['the network is still at it', { raw: '09 : Request in progress' }, 'pending'],
    ['Visa asks for authentication', { raw: '1A : Additional authentication' }, 'authentication_required'],
    ['a card of no known brand', { brand: 'unknown', raw: '05 : x' }, 'unmapped no'],
  ])('the strictest counts: %s', (_what, { brand = 'visa', code = '2', raw, mac }, expected) => {
    const additionalData = { refusalReasonRaw: raw, merchantAdviceCode: mac };
    expect(brief(outcomeOf(refusal({ refusalReasonCode: code, additionalData }), { brand }))).toBe(expected);
  });

  it('Mastercard 65 asks for authentication in Europe, unless there was one', () => {
    const additionalData = { refusalReasonRaw: '65 : Exceeds frequency limit' };
    const body = refusal({ refusalReasonCode: '38', additionalData });
    const over = { brand: 'mastercard', scaRegion: true } as const;
    expect(brief(outcomeOf(body, over))).toBe('authentication_required');
    const threeDs = { eci: '02', cavv: null, dsTransactionId: 'ds', version: '2.2.0', exemption: null };
    for (const part of [{}, { eci: null }, { dsTransactionId: null }]) {
      const request = sampleRequest({ threeDs: { ...threeDs, ...part } });
      expect(brief(outcomeOf(body, { ...over, request }))).toBe(FUNDS);
    }
    const exempt = { ...threeDs, eci: null, dsTransactionId: null, exemption: 'low_value' };
    expect(brief(outcomeOf(body, { ...over, request: sampleRequest({ threeDs: exempt }) }))).toBe(
      'authentication_required',
    );
  });

  it('advice with a delay names the moment', () => {
    const told = refusalIn('2', { merchantAdviceCode: '24 : Retry after 1 hour' });
    const outcome = outcomeOfRefusal(told, PSP_REFERENCE, asked({ brand: 'mastercard' }), deps);
    expect(outcome).toMatchObject({ decline: { advice: '24', retryNotBefore: '2026-11-23T11:00:00.000Z' } });
  });
});

describe('resultCode', () => {
  const APPROVED = { kind: 'approved', providerReference: PSP_REFERENCE, networkTransaction: LINK };
  const partly = (authorizedAmount: number) => ({
    kind: 'partially_approved',
    providerReference: PSP_REFERENCE,
    authorizedAmount,
    networkTransaction: LINK,
    reversal: 'none',
  });
  const more = { networkTxReference: LINK.id };
  const part = (value: string | number, amount: unknown = { value: 4999, currency: 'EUR' }) => ({
    resultCode: 'PartiallyAuthorised',
    amount,
    additionalData: { ...more, authorisedAmountValue: String(value), authorisedAmountCurrency: 'EUR' },
  });
  const euros = (value: number, currency = 'EUR') => ({ value, currency });

  it.each<[string, Record<string, unknown>, unknown]>([
    ['authorized', {}, APPROVED],
    ['without additional data', { additionalData: undefined }, { ...APPROVED, networkTransaction: null }],
    ['with the code of no refusal', { refusalReasonCode: '0' }, APPROVED],
    ['with the code of a refusal', { refusalReasonCode: '2' }, MISMATCH],
    ['for one less', { amount: euros(4998) }, MISMATCH],
    ['for one more', { amount: euros(5000) }, MISMATCH],
    ['in another currency', { amount: euros(4999, 'USD') }, MISMATCH],
    ['for another payment', { merchantReference: 'att_aBc_2' }, unknown('answer_mismatch', null)],
    ['for our name in another case', { merchantReference: 'att_abc_1' }, unknown('answer_mismatch', null)],
    ['without an id', { pspReference: undefined }, unknown('answer_malformed', null)],
    ['with the card as its id', { pspReference: '4571736000000000' }, unknown('answer_malformed', null)],
    ['without any amount', { amount: undefined }, unknown('amount_not_told', PSP_REFERENCE)],
    [
      'the amount only beside',
      {
        amount: undefined,
        additionalData: { ...more, authorisedAmountValue: '4999', authorisedAmountCurrency: 'EUR' },
      },
      APPROVED,
    ],
    [
      'beside, in another currency',
      {
        amount: undefined,
        additionalData: { authorisedAmountValue: '4999', authorisedAmountCurrency: 'USD' },
      },
      MISMATCH,
    ],
    [
      'beside, in no currency',
      { amount: undefined, additionalData: { authorisedAmountValue: '4999' } },
      MISMATCH,
    ],
    ['for less beside', { additionalData: { authorisedAmountValue: '4998' } }, MISMATCH],
    [
      'the whole beside, less before',
      { amount: euros(1), additionalData: { authorisedAmountValue: '4999' } },
      MISMATCH,
    ],
    ['in part, the least', part(1), partly(1)],
    ['in part, the most', part(4998), partly(4998)],
    ['in part, told twice', part(2000, euros(2000)), partly(2000)],
    ['in part, told otherwise before', part(2000, euros(1999)), MISMATCH],
    ['in part, in another currency before', part(2000, euros(4999, 'USD')), MISMATCH],
    ['in part, with a tenth of a krona before', part(2000, euros(150, 'ISK')), MISMATCH],
    ['for a tenth of a krona', { amount: euros(150, 'ISK') }, MISMATCH],
    ['in part, nothing', part(0), MISMATCH],
    ['in part, everything', part(4999), MISMATCH],
    ['in part, more', part(5000), MISMATCH],
    [
      'in part, not said how much',
      { resultCode: 'PartiallyAuthorised' },
      unknown('amount_not_told', PSP_REFERENCE),
    ],
    [
      'pending',
      { resultCode: 'Pending' },
      { kind: 'pending', code: 'pending', providerReference: PSP_REFERENCE },
    ],
    [
      'received',
      { resultCode: 'Received' },
      { kind: 'pending', code: 'received', providerReference: PSP_REFERENCE },
    ],
    ...(
      [
        ['RedirectShopper', 'redirect_shopper'],
        ['IdentifyShopper', 'identify_shopper'],
        ['ChallengeShopper', 'challenge_shopper'],
      ] as const
    ).map(([resultCode, code]): [string, Record<string, unknown>, unknown] => [
      resultCode,
      { resultCode, amount: undefined },
      { kind: 'authentication_required', code, providerReference: PSP_REFERENCE },
    ]),
    ...[
      'AuthenticationFinished',
      'AuthenticationNotRequired',
      'PresentToShopper',
      'Success',
      'SomethingNew',
    ].map((resultCode): [string, Record<string, unknown>, unknown] => [
      resultCode,
      { resultCode },
      unknown('unexpected_result', PSP_REFERENCE),
    ]),
  ])('%s', (_what, over, expected) => {
    expect(outcomeOf(approval(over))).toEqual(expected);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['of the whole', { amount: euros(4999) }, 'soft_decline_issuer yes_once'],
    ['of nothing', { amount: euros(0) }, 'soft_decline_issuer yes_once'],
    ['of another amount', { amount: euros(4998) }, 'unknown'],
    ['in another currency', { amount: euros(4999, 'USD') }, 'unknown'],
    ['of a tenth of a krona', { amount: euros(150, 'ISK') }, 'unknown'],
    ['of another payment', { merchantReference: 'att_aBc_2' }, 'unknown'],
    ['with the card as its id', { pspReference: '4571736000000000' }, 'unknown'],
  ])('a refusal %s', (_what, over, expected) => {
    expect(brief(outcomeOf(refusal(over)))).toBe(expected);
  });
});

describe('an answer that repeats our idempotency key', () => {
  const nameless = { merchantReference: undefined };
  const plain = 'soft_decline_issuer yes_once';

  it.each<[string, Record<string, unknown>, { repeatsKey?: boolean; isRepeat?: boolean }, string]>([
    ['need not name our reference to be a refusal', nameless, { repeatsKey: true }, plain],
    ['is told from one that does neither', nameless, {}, 'unknown'],
    ['may not name another reference', { merchantReference: 'att_aBc_2' }, { repeatsKey: true }, 'unknown'],
    ['is the only refusal of a repeat', {}, { isRepeat: true, repeatsKey: true }, plain],
    ['and without the key, a refusal of a repeat is none of the first', {}, { isRepeat: true }, 'unknown'],
  ])('%s', (_what, over, answer, expected) => {
    expect(brief(outcomeOf(refusal(over), {}, answer))).toBe(expected);
  });

  it('a repeat that is refused without the key leaves open what Adyen calls the payment', () => {
    expect(outcomeOf(refusal(), {}, { isRepeat: true })).toEqual(MISMATCH);
  });

  it('has to name our reference to be an approval', () => {
    expect(outcomeOf(approval(nameless), {}, { repeatsKey: true })).toEqual(
      unknown('answer_malformed', null),
    );
    expect(outcomeOf(approval(), {}, { isRepeat: true })).toMatchObject({ kind: 'approved' });
  });
});

describe("the network's identifier", () => {
  const told = { id: 'MCC0000010101', brand: null, date: '2026-11-23' };

  it.each<[string | null, CardBrand, string | null]>([
    ['visa', 'visa', 'visa'],
    ['mc', 'mastercard', 'mastercard'],
    ['mc', 'visa', 'mastercard'],
    ['cup', 'unionpay', 'unionpay'],
    ...['amex', 'discover', 'diners', 'jcb', 'maestro', 'dankort', 'elo', 'hiper', 'hipercard', 'troy'].map(
      (brand): [string, CardBrand, string] => [brand, 'visa', brand],
    ),
    [null, 'amex', 'amex'],
    [null, 'unknown', null],
    ['cartebancaire', 'visa', null],
  ])('of %s, where %s was asked for, is of %s', (brand, askedBrand, network) => {
    const link = linkIn({ ...told, brand }, asked({ brand: askedBrand }));
    expect(link).toEqual(network === null ? null : { id: told.id, network, date: told.date });
  });

  it.each(['', 'a b', 'x'.repeat(65), '4571736000000000'])('is not kept as %j', (id) => {
    expect(linkIn({ ...told, id }, asked())).toBeNull();
  });
});

describe('keys', () => {
  it('are 64 letters of one case, whatever ours are', () => {
    for (const key of ['att_a_1', '', 'x'.repeat(500)]) expect(wireKey(key)).toMatch(/^[a-p]{64}$/);
    expect(wireKey('att_a_1')).toBe(wireKey('att_a_1'));
  });

  it('differ where ours differ in nothing but case', () => {
    const keys = ['att_abc_1', 'att_aBc_1', 'att_ABC_1', 'att_abc_1r', 'att_abc_2'].map(wireKey);
    expect(new Set(keys.map((key) => key.toLowerCase())).size).toBe(keys.length);
  });

  it('are the same for ever: a key that changed with a version would charge again', () => {
    expect(wireKey('att_aGjLJrfaCyFkFasMqnrfs_1')).toBe(
      'dokbbgjiinjmdknlmgpojicbkbcokpjdklmnbhboofpnmeaccnblapooelnhidnf',
    );
  });
});

describe('amounts', () => {
  it.each<[string, number, number | null]>([
    ['EUR', 1, 1],
    ['JPY', 1, 1],
    ['KWD', 1, 1],
    ['CLP', 1, 100],
    ['ISK', 0, 0],
    ['CVE', 100, 1],
    ['CVE', 101, null],
    ['IDR', 0, 0],
    ['IDR', 99, null],
    ['UYW', 1, null],
    ['CLP', 2 ** 53 - 1, null],
  ])('%s %d is %s there', (currency, value, theirs) => {
    const there = amountToAdyen({ value, currency });
    expect(there).toEqual(theirs === null ? null : { value: theirs, currency });
    if (there !== null) expect(amountFromAdyen(there)).toEqual({ value, currency });
  });

  it.each([
    ['ISK', 150],
    ['CLP', 1],
    ['CLF', 1],
  ])('%s %d of Adyen is no amount of ours', (currency, value) => {
    expect(amountFromAdyen({ value, currency })).toBeNull();
  });
});

describe('reasons in words', () => {
  it.each([
    ['Refused', '2'],
    ['REFUSED', '2'],
    ['FRAUD-CANCELLED', '22'],
    ['Fraud Cancelled', '22'],
    ['FRAUD', '20'],
    ['Current AID is in Penalty Box', '40'],
    ['Not enough balance', '12'],
    ['', 'refused'],
    ['044925:0007:09/2029', 'refused'],
  ])('%j is %s', (reason, code) => {
    expect(codeOfReason(reason)).toBe(code);
  });

  it('the word for none is in no table', () => {
    const code = {
      code: 'refused',
      networkCode: null,
      advice: null,
      brand: 'visa',
      scaRegion: false,
    } as const;
    expect(readAdyenDecline({ ...code, threeDsPresent: false }, false, deps)).toMatchObject({
      decline: { category: 'unmapped', otherProvider: 'no' },
    });
  });
});
