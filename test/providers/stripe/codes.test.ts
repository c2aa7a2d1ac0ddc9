import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/core/attempt.ts';
import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import type { CardBrand } from '../../../src/core/card.ts';
import { judgeOutcome } from '../../../src/core/failover.ts';
import {
  type Asked,
  outcomeOfConfirmError,
  outcomeOfCreateError,
  outcomeOfIntent,
} from '../../../src/providers/stripe/codes.ts';
import { type WireError, wireError, wireIntent } from '../../../src/providers/stripe/transformers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { shippedDeclineTables } from '../shipped-decline-tables.ts';
import { stripeByScript } from './stripe-fixture.ts';
import { chargeBody, errorBody, failedCharge, heldIntent, intentBody } from './stripe-objects.ts';

const declineTables = await shippedDeclineTables();
const deps = { clock: new FakeClock(), declineTables: () => declineTables };

const asked = (over: Partial<Asked> = {}): Asked => ({
  attemptId: 'att_a_1',
  request: sampleRequest(),
  brand: 'visa',
  scaRegion: false,
  ...over,
});

type Told = Readonly<Record<string, unknown>>;

/** The outcome of a payment that was refused with this error, and with a charge that says no more. */
function refusedWith(
  error: Told,
  outcome: Told = {},
  about: Asked = asked(),
  charge: Told = {},
): AttemptOutcome {
  const intent = wireIntent.parse(
    intentBody({
      status: 'requires_payment_method',
      last_payment_error: { type: 'card_error', code: 'card_declined', ...error },
      latest_charge: failedCharge({ reason: null, ...outcome }, charge),
    }),
  );
  const read = outcomeOfIntent(intent, about, deps);
  if (read === 'unconfirmed') throw new Error('a refusal was read as none');
  return read;
}

const categoryOf = (outcome: AttemptOutcome) =>
  outcome.kind === 'declined' ? outcome.decline.category : outcome.kind;
const failsOver = (outcome: AttemptOutcome) =>
  judgeOutcome(outcome, { acceptPartial: false, undone: false }).mayFailOver;

/** The table of the payments reference, section 1.6: decline codes by category, and whether another provider may try. */
const TABLE: readonly (readonly [category: string, mayFailOver: boolean, codes: string])[] = [
  [
    'soft_decline_issuer',
    true,
    'do_not_honor generic_decline no_action_taken approve_with_id not_permitted service_not_allowed try_again_later',
  ],
  ['soft_decline_issuer', false, 'call_issuer'],
  ['soft_decline_issuer', false, 'insufficient_funds card_velocity_exceeded withdrawal_count_limit_exceeded'],
  [
    'hard_decline_issuer',
    false,
    'lost_card stolen_card pickup_card restricted_card invalid_account new_account_information_available do_not_try_again security_violation transaction_not_allowed',
  ],
  [
    'authentication_required',
    false,
    'authentication_required authentication_not_handled mobile_device_authentication_required offline_pin_required online_or_offline_pin_required',
  ],
  ['fraud_issuer', false, 'fraudulent'],
  ['fraud_psp', false, 'merchant_blacklist'],
  [
    'invalid_data',
    false,
    'incorrect_number invalid_number incorrect_cvc invalid_cvc invalid_expiry_month invalid_expiry_year incorrect_zip incorrect_address incorrect_pin invalid_pin invalid_amount expired_card pin_try_exceeded',
  ],
  ['config', true, 'card_not_supported currency_not_supported testmode_decline'],
  ['provider_technical', true, 'processing_error reenter_transaction'],
  ['issuer_unavailable', true, 'issuer_not_available'],
  ['duplicate_suspected', false, 'duplicate_transaction'],
  [
    'cancelled_by_customer',
    false,
    'stop_payment_order revocation_of_authorization revocation_of_all_authorizations',
  ],
];

describe('decline codes', () => {
  const rows = TABLE.flatMap(([category, mayFailOver, codes]) =>
    codes.split(' ').map((code) => ({ category, mayFailOver, code })),
  );

  it.each(rows)('$code is $category', ({ code, category, mayFailOver }) => {
    // An authentication is needed before the network is asked: there is no charge.
    const isAuthentication = category === 'authentication_required';
    const outcome = refusedWith({ decline_code: code });
    expect(categoryOf(outcome)).toBe(category);
    expect(failsOver(outcome)).toBe(mayFailOver);
    if (!isAuthentication) expect(outcome).toMatchObject({ decline: { code, mayHideApproval: false } });
  });

  it.each([
    ['a code that no table knows', { decline_code: 'from_the_moon' }, 'from_the_moon'],
    ['what is no code', { decline_code: 'Do not honor 4571736000000000' }, 'unreadable_code'],
    ['a type alone', { type: 'api_error', code: null }, 'api_error'],
    ['nothing', { type: null, code: null }, 'no_code'],
  ])('%s: never fails over', (_name, error, code) => {
    const outcome = refusedWith(error, {}, asked(), { failure_code: null });
    expect(failsOver(outcome)).toBe(false);
    expect(outcome).toMatchObject({
      kind: 'declined',
      decline: { code, category: 'unmapped', otherProvider: 'no' },
    });
  });

  it.each<[string, Told, Told, string, string]>([
    [
      'the decline code before the code',
      { decline_code: 'lost_card', code: 'card_declined' },
      {},
      'lost_card',
      'hard_decline_issuer',
    ],
    ['the code where there is no other', { code: 'expired_card' }, {}, 'expired_card', 'invalid_data'],
    [
      "Stripe's own reason before that of an issuer who was not asked",
      { decline_code: 'generic_decline' },
      { type: 'blocked', reason: 'highest_risk_level', network_status: 'not_sent_to_network' },
      'highest_risk_level',
      'fraud_psp',
    ],
    [
      'a rule of the merchant',
      {},
      { type: 'blocked', reason: 'rule', network_status: 'not_sent_to_network' },
      'rule',
      'fraud_psp',
    ],
    [
      'a payment that Stripe held to be hopeless',
      {},
      { type: 'blocked', reason: 'low_probability_of_authorization', network_status: 'not_sent_to_network' },
      'low_probability_of_authorization',
      'soft_decline_issuer',
    ],
    [
      "the issuer's reason, whatever the risk was",
      { decline_code: 'do_not_honor' },
      { type: 'issuer_declined', reason: 'elevated_risk_level' },
      'do_not_honor',
      'soft_decline_issuer',
    ],
  ])('the most specific: %s', (_name, error, outcome, code, category) => {
    expect(refusedWith(error, outcome)).toMatchObject({ decline: { code, category } });
  });
});

describe('the strictest of all that is told', () => {
  type Row = readonly [
    name: string,
    error: Told,
    about: { brand?: CardBrand; scaRegion?: boolean },
    expected: object,
    mayFailOver: boolean,
  ];
  const mastercard = { brand: 'mastercard' } as const;

  it.each<Row>([
    [
      '05, and a soft code',
      { network_decline_code: '05' },
      {},
      { networkCode: '05', category: 'soft_decline_issuer' },
      true,
    ],
    [
      '51 is not tried elsewhere',
      { network_decline_code: '51' },
      {},
      { category: 'soft_decline_issuer' },
      false,
    ],
    [
      '57 of Visa is category 1',
      { network_decline_code: '57' },
      {},
      { category: 'hard_decline_issuer', otherProvider: 'never' },
      false,
    ],
    ['57 of Mastercard', { network_decline_code: '57' }, mastercard, { otherProvider: 'no' }, false],
    ['R1', { network_decline_code: 'R1' }, {}, { otherProvider: 'never' }, false],
    ['a network code of no table', { network_decline_code: 'ZZ' }, {}, { category: 'unmapped' }, false],
    ['a network code that is none', { network_decline_code: 'refused' }, {}, { category: 'unmapped' }, false],
    [
      'a code of a network that is not known',
      { network_decline_code: '05' },
      { brand: 'unknown' },
      { category: 'unmapped' },
      false,
    ],
    [
      'merchant advice 03',
      { network_advice_code: '03' },
      mastercard,
      { advice: '03', otherProvider: 'never' },
      false,
    ],
    ['merchant advice 21', { network_advice_code: '21' }, mastercard, { otherProvider: 'never' }, false],
    [
      'merchant advice 24',
      { network_advice_code: '24' },
      mastercard,
      { advice: '24', retryNotBefore: '2026-11-23T11:00:00.000Z' },
      false,
    ],
    [
      'merchant advice 40, which asks for nothing',
      { network_advice_code: '40' },
      mastercard,
      { advice: '40' },
      true,
    ],
    [
      'merchant advice of no table',
      { network_advice_code: '99' },
      mastercard,
      { category: 'unmapped' },
      false,
    ],
    ['do not try again', { advice_code: 'do_not_try_again' }, {}, { otherProvider: 'never' }, false],
    ['try again later', { advice_code: 'try_again_later' }, {}, { otherProvider: 'no' }, false],
    ['confirm the card data', { advice_code: 'confirm_card_data' }, {}, { category: 'invalid_data' }, false],
    ['an advice of no table', { advice_code: 'pray' }, {}, { category: 'unmapped' }, false],
    [
      "the network's advice beside Stripe's own",
      { advice_code: 'try_again_later', network_advice_code: '03' },
      mastercard,
      { advice: '03', otherProvider: 'never' },
      false,
    ],
  ])('%s', (_name, error, about, expected, mayFailOver) => {
    const outcome = refusedWith({ decline_code: 'generic_decline', ...error }, {}, asked(about));
    expect(outcome).toMatchObject({ kind: 'declined', decline: expected });
    expect(failsOver(outcome)).toBe(mayFailOver);
  });

  it('is read from the charge where the error does not tell', () => {
    const outcome = refusedWith(
      { decline_code: 'generic_decline' },
      { network_decline_code: '41', network_advice_code: '03', advice_code: 'do_not_try_again' },
    );
    expect(outcome).toMatchObject({ decline: { networkCode: '41', advice: '03', otherProvider: 'never' } });
  });

  it.each([
    ['in a region that asks for authentication', { scaRegion: true }, 'authentication_required'],
    ['elsewhere', { scaRegion: false }, 'declined'],
  ] as const)('65 of Mastercard %s', (_name, about, kind) => {
    const outcome = refusedWith(
      { decline_code: 'generic_decline', network_decline_code: '65' },
      {},
      asked({ ...mastercard, ...about }),
    );
    expect(outcome.kind).toBe(kind);
  });

  it.each([
    [{ eci: '02', dsTransactionId: 'd' }, 'soft_decline_issuer'],
    [{ eci: '02', dsTransactionId: null }, 'soft_decline_issuer'],
    [{ eci: null, dsTransactionId: 'd' }, 'soft_decline_issuer'],
    [{ eci: null, dsTransactionId: null }, 'authentication_required'],
  ])('65 of Mastercard after an authentication is a limit: %j', (told, category) => {
    const threeDs = { cavv: null, version: '2.2.0', exemption: null, ...told };
    const request = sampleRequest({ threeDs });
    const error = { decline_code: 'generic_decline', network_decline_code: '65' };
    const outcome = refusedWith(error, {}, asked({ ...mastercard, scaRegion: true, request }));
    expect(categoryOf(outcome)).toBe(category);
  });
});

describe('what an intent stands for, at the edges', () => {
  const read = (intent: Told, request: Partial<AuthorizationRequest> = {}) =>
    outcomeOfIntent(wireIntent.parse(intent), asked({ request: sampleRequest(request) }), deps);
  const mismatch = { kind: 'unknown', code: 'answer_mismatch', providerReference: 'pi_1' };
  const ofYen = { amount: { value: 4999, currency: 'JPY' } };
  const inKronur = { amount: { value: 50, currency: 'ISK' } };
  const kronur = { amount: 5000, currency: 'isk' };
  const card = (over: Told) => chargeBody({ payment_method_details: { type: 'card', card: over } });
  const link = { network: 'visa', network_transaction_id: 'nti1' };
  const { latest_charge: _, ...chargeless } = intentBody({ status: 'canceled' });

  it.each<[string, Told, Partial<AuthorizationRequest>, object]>([
    ['another amount under our name', heldIntent({ amount: 5000 }), {}, mismatch],
    [
      'another name',
      heldIntent({ metadata: { pointsman_attempt: 'att_a_2' } }),
      {},
      { ...mismatch, providerReference: null },
    ],
    [
      'a charge in another currency',
      heldIntent({ latest_charge: chargeBody({ currency: 'usd' }) }),
      {},
      mismatch,
    ],
    [
      'the least of it held',
      heldIntent({ amount_capturable: 1 }),
      {},
      { kind: 'partially_approved', authorizedAmount: 1 },
    ],
    ['nothing of it held', heldIntent({ amount_capturable: 0 }), {}, mismatch],
    [
      'a part of a unit held',
      heldIntent({ ...kronur, amount_capturable: 4950, latest_charge: 'ch_1' }),
      inKronur,
      mismatch,
    ],
    ['never charged, in fewer words', chargeless, {}, { kind: 'rejected', reason: 'cancelled' }],
    [
      'undone, the least',
      intentBody({ status: 'canceled', latest_charge: chargeBody({ amount: 1 }) }),
      {},
      { kind: 'partially_approved', authorizedAmount: 1, reversal: 'confirmed' },
    ],
    [
      'undone, nothing',
      intentBody({ status: 'canceled', latest_charge: chargeBody({ amount: 0 }) }),
      {},
      mismatch,
    ],
    [
      'undone, a part of a unit',
      intentBody({
        ...kronur,
        status: 'canceled',
        latest_charge: chargeBody({ amount: 4950, currency: 'isk' }),
      }),
      inKronur,
      mismatch,
    ],
    [
      'undone and refused at once',
      intentBody({
        status: 'canceled',
        last_payment_error: { type: 'card_error', code: 'card_declined' },
        latest_charge: chargeBody(),
      }),
      {},
      mismatch,
    ],
    [
      'held, of a whole unit',
      heldIntent({ amount: 4999, currency: 'jpy', latest_charge: 'ch_1' }),
      ofYen,
      { kind: 'approved' },
    ],
  ])('%s', (_name, intent, request, expected) => {
    expect(read(intent, request)).toMatchObject(expected);
  });

  it.each<[string, Told, object]>([
    ['neither transaction nor end', {}, {}],
    ['no network', { ...link, network: null }, {}],
    ['no transaction', { network: 'visa' }, {}],
    ['an end that is none', { capture_before: null }, {}],
    ['an end that is text', { capture_before: 'soon' }, {}],
    ['an end', { capture_before: 1_796_032_800 }, { expiresAtMs: 1_796_032_800_000 }],
  ])('an approval with %s', (_name, over, validity) => {
    expect(read(heldIntent({ latest_charge: card(over) }))).toStrictEqual({
      kind: 'approved',
      providerReference: 'pi_1',
      networkTransaction: null,
      ...validity,
    });
  });

  it('an id that repeats the card is not kept', () => {
    const intent = { ...wireIntent.parse(heldIntent()), id: 'pi_4571736000000000' };
    const malformed = { kind: 'unknown', code: 'answer_malformed', providerReference: null };
    expect(outcomeOfIntent(intent, asked(), deps)).toEqual(malformed);
  });

  it('a reason of the charge counts only where there is no error', () => {
    const told = { type: 'card_error', code: 'expired_card' };
    expect(refusedWith(told, { reason: 'lost_card' })).toMatchObject({ decline: { code: 'expired_card' } });
    const refused = intentBody({
      status: 'requires_payment_method',
      latest_charge: failedCharge({ reason: 'lost_card' }),
    });
    expect(read(refused)).toMatchObject({ decline: { code: 'lost_card' } });
  });
});

describe('declined after an approval', () => {
  it.each([
    ['declined_by_network', false],
    ['not_sent_to_network', false],
    ['reversed_after_approval', true],
    ['approved_by_network', true],
    ['a word of a later day', true],
    [null, true],
  ])('network_status %s: may hide one %s', (networkStatus, mayHideApproval) => {
    const outcome = refusedWith({ decline_code: 'generic_decline' }, { network_status: networkStatus });
    expect(outcome).toMatchObject({ kind: 'declined', decline: { mayHideApproval } });
    expect(failsOver(outcome)).toBe(!mayHideApproval);
  });

  it('is told by a network code of an approval, too', () => {
    const outcome = refusedWith({ decline_code: 'generic_decline', network_decline_code: '00' });
    expect(outcome).toMatchObject({ decline: { mayHideApproval: true } });
    expect(failsOver(outcome)).toBe(false);
  });
});

describe('the transport table', () => {
  const errorOf = (error: Told | null): WireError | null =>
    error === null ? null : wireError.parse(errorBody(error)).error;

  /** Status, error, and what it is in the first and in the second step; null: the intent has to be read. */
  const ROWS: readonly (readonly [number, Told | null, string, string | null])[] = [
    [400, null, 'rejected transient', 'unknown'],
    [400, { type: 'invalid_request_error', code: 'parameter_missing' }, 'declined config', null],
    [400, { type: 'idempotency_error' }, 'unknown', null],
    [401, null, 'rejected configuration', 'unknown'],
    [401, { type: 'invalid_request_error' }, 'rejected configuration', 'rejected configuration'],
    [402, { type: 'card_error', code: 'card_declined' }, 'declined soft_decline_issuer', null],
    [403, null, 'rejected configuration', 'unknown'],
    [403, { type: 'invalid_request_error' }, 'rejected configuration', 'rejected configuration'],
    [404, null, 'rejected configuration', 'unknown'],
    [404, { code: 'resource_missing' }, 'rejected configuration', null],
    [408, null, 'rejected transient', 'unknown'],
    [409, { code: 'idempotency_key_in_use' }, 'unknown', 'unknown'],
    [424, null, 'rejected transient', 'unknown'],
    [429, null, 'rejected rate_limited', 'unknown'],
    [429, { code: 'rate_limit' }, 'rejected rate_limited', 'rejected rate_limited'],
    [429, { code: 'lock_timeout' }, 'rejected rate_limited', 'unknown'],
    [500, { type: 'api_error' }, 'rejected transient', 'unknown'],
    [502, null, 'rejected transient', 'unknown'],
    [503, null, 'rejected transient', 'unknown'],
    [504, null, 'rejected transient', 'unknown'],
    [301, null, 'rejected transient', 'unknown'],
  ];

  const shown = (outcome: AttemptOutcome | null) =>
    outcome === null
      ? null
      : outcome.kind === 'rejected'
        ? `rejected ${outcome.reason}`
        : outcome.kind === 'declined'
          ? `declined ${outcome.decline.category}`
          : outcome.kind;

  it.each(ROWS)('%i %o: %s, then %s', (status, told, first, second) => {
    const answer = { status, headers: {}, error: errorOf(told) };
    expect(shown(outcomeOfCreateError(answer, asked(), deps))).toBe(first);
    expect(shown(outcomeOfConfirmError(answer, 'pi_1', deps))).toBe(second);
  });
});

describe('classify', () => {
  const stripe = stripeByScript();

  it('reads a code that somebody else met', () => {
    const code = {
      networkCode: null,
      advice: null,
      brand: 'visa',
      scaRegion: false,
      threeDsPresent: false,
    } as const;
    const provider = stripe.create();
    expect(provider.classify({ ...code, code: 'lost_card' })).toMatchObject({
      category: 'hard_decline_issuer',
    });
    expect(provider.classify({ ...code, code: 'reversed_after_approval' })).toMatchObject({
      mayHideApproval: true,
    });
    expect(provider.classify({ ...code, code: 'do_not_honor', advice: 'do_not_try_again' })).toMatchObject({
      otherProvider: 'never',
    });
  });
});
