import { parse } from 'qs';
import { describe, expect, it } from 'vitest';
import { NOT_SUPPORTED } from '../../../src/core/attempt.ts';
import type { AuthorizationRequest, ThreeDs } from '../../../src/core/authorization.ts';
import type { AuthorizeCall } from '../../../src/gateway/ports.ts';
import { createStripeProvider } from '../../../src/providers/stripe/adapter.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleContract } from '../../support/sample-ruleset.ts';
import {
  API_KEY,
  APPROVED,
  budget,
  callOf,
  declineTables,
  json,
  stripeByScript,
  THREE_DS,
} from './stripe-fixture.ts';
import { chargeBody, heldIntent, intentBody } from './stripe-objects.ts';

const stripe = stripeByScript();

const NOT_AUTHENTICATED: ThreeDs = {
  eci: null,
  cavv: null,
  dsTransactionId: null,
  version: null,
  exemption: null,
};
const LINK = { id: '016153570198200', network: 'Visa', date: '2026-01-02' };
const fieldsOf = (body: string | undefined): unknown => parse(body ?? '');

describe('set-up', () => {
  const create = (over: Parameters<typeof sampleContract>[1]) => () =>
    createStripeProvider(sampleContract('stripe-eu', { adapter: 'stripe', ...over }), {
      clock: stripe.clock,
      declineTables: () => declineTables,
    });

  it('names everything that is missing or malformed at once, and no value', () => {
    const wrong = create({
      credentials: { webhook_secret: 'sk_live_hunter2' },
      settings: {
        account: 'hunter2',
        multicapture: 'yes',
        network_transaction_id: 'maybe',
      },
    });
    for (const name of [
      'credentials.api_key is missing',
      'credentials.webhook_secret is an API key',
      'settings.account is no id',
      'settings.multicapture is neither on nor off',
      'settings.network_transaction_id is neither on nor off',
    ]) {
      expect(wrong).toThrow(name);
    }
    expect(wrong).not.toThrow(/hunter2/);
  });

  it.each([
    ['a publishable key', 'pk_live_hunter2', /another kind of key.*sk_…, rk_…/],
    ['a key with a line end', 'sk_live_hunter2\n', /cannot be sent in a header.*line end/],
  ])('takes no %s', (_name, apiKey, message) => {
    const wrong = create({ credentials: { api_key: apiKey } });
    expect(wrong).toThrow(message);
    expect(wrong).not.toThrow(/hunter2/);
  });

  it('sends tokens nowhere in clear', () => {
    expect(create({ credentials: { api_key: API_KEY }, baseUrl: 'http://stripe.example.com' })).toThrow(
      /would send card tokens in clear/,
    );
  });

  it('says what Stripe promises, unless the contract knows better', () => {
    const promised = {
      inquiry: 'provider_reference',
      notFoundAfterMs: null,
      operationNotFoundAfterMs: null,
      replay: 'same_answer',
      keyLifetimeMs: 86_400_000,
      twoSteps: true,
      cancelByReference: false,
      operationInquiry: true,
      validityMs: 604_800_000,
    };
    expect(stripe.create().semantics).toEqual(promised);
    const mine = stripe.create({ semantics: { validityMs: 410_400_000 } });
    expect(mine.semantics).toEqual({ ...promised, validityMs: 410_400_000 });
    expect([mine.live, mine.id]).toEqual([true, 'stripe-eu']);
  });
});

describe('the requests of an authorization', () => {
  it('are these two, each under a key of its own', async () => {
    stripe.script = { confirm: json(heldIntent()) };
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const outcome = await stripe.create().authorize(callOf({ budget: budget({ traceparent }) }));
    expect(outcome).toEqual(APPROVED);
    expect(stripe.seen.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'POST /v1/payment_intents',
      'POST /v1/payment_intents/pi_1/confirm',
    ]);
    for (const { headers } of stripe.seen) {
      expect(headers).toMatchObject({
        host: 'api.stripe.com',
        authorization: `Bearer ${API_KEY}`,
        'stripe-version': '2025-01-27.acacia',
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'accept-encoding': 'identity',
        traceparent,
      });
      expect(headers).not.toHaveProperty('stripe-account');
    }
    expect(stripe.seen.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'key_a_1',
      'key_a_1_confirm',
    ]);
    expect(stripe.seen.map(({ body }) => decodeURIComponent(body))).toEqual([
      'amount=4999&currency=eur&payment_method=pm_1&customer=cus_1&payment_method_types[]=card&capture_method=manual&confirm=false&metadata[pointsman_attempt]=att_a_1',
      'error_on_requires_action=true&payment_method_options[card][request_three_d_secure]=automatic&expand[]=latest_charge',
    ]);
  });

  it('name the connected account, where there is one', async () => {
    stripe.script = { confirm: json(heldIntent()) };
    await stripe.create({ settings: { account: 'acct_1' } }).authorize(callOf());
    expect(stripe.seen.map(({ headers }) => headers['stripe-account'])).toEqual(['acct_1', 'acct_1']);
  });

  it('are the same bytes for the same call', async () => {
    stripe.script = { confirm: json(heldIntent()) };
    const provider = stripe.create();
    const call = callOf({ request: sampleRequest({ threeDs: THREE_DS }) });
    await provider.authorize(call);
    await provider.authorize(call);
    const [create, confirm, again, confirmedAgain] = stripe.seen;
    expect([again?.body, confirmedAgain?.body]).toEqual([create?.body, confirm?.body]);
    expect([again?.headers, confirmedAgain?.headers]).toEqual([create?.headers, confirm?.headers]);
  });

  type Told = readonly [name: string, over: Partial<AuthorizationRequest>, create: object, confirm: object];
  const merchant = { initiator: 'merchant' } as const;
  const stored = (usage: 'first' | 'subsequent', reason: 'recurring' | 'installment' | 'unscheduled') => ({
    storedCredential: { usage, reason },
  });
  const card = (told: object) => ({ payment_method_options: { card: told } });

  it.each<Told>([
    ['a customer who stores a card', stored('first', 'recurring'), { setup_future_usage: 'off_session' }, {}],
    ['a customer with a stored card', stored('subsequent', 'unscheduled'), {}, {}],
    ['a merchant, without more', merchant, {}, { off_session: 'true' }],
    ['a series', { ...merchant, ...stored('subsequent', 'recurring') }, {}, { off_session: 'recurring' }],
    [
      'installments',
      { ...merchant, ...stored('subsequent', 'installment') },
      {},
      { off_session: 'recurring' },
    ],
    ['unscheduled', { ...merchant, ...stored('subsequent', 'unscheduled') }, {}, { off_session: 'one_off' }],
    [
      'an authentication',
      { threeDs: THREE_DS },
      {},
      card({
        three_d_secure: {
          cryptogram: 'AJkBBkhgQQAAAAE4hUlUAAAAAAA=',
          transaction_id: 'f879ea1c-aa2c-4441-806d-e30406466d79',
          version: '2.2.0',
          electronic_commerce_indicator: '05',
        },
      }),
    ],
    [
      'an authentication with an exemption and without an indicator',
      { threeDs: { ...THREE_DS, eci: null, exemption: 'tra' } },
      {},
      card({ three_d_secure: { exemption_indicator: 'low_risk' } }),
    ],
    ['3DS data without content', { threeDs: NOT_AUTHENTICATED }, {}, {}],
    [
      "another network's transaction, which could mean nothing here",
      { ...merchant, networkTransaction: { ...LINK, network: 'mastercard' } },
      {},
      { off_session: 'true' },
    ],
    ['JPY', { amount: { value: 500, currency: 'JPY' } }, { amount: '500', currency: 'jpy' }, {}],
    ['KWD', { amount: { value: 5120, currency: 'KWD' } }, { amount: '5120', currency: 'kwd' }, {}],
    ['ISK', { amount: { value: 5, currency: 'ISK' } }, { amount: '500', currency: 'isk' }, {}],
    ['UGX', { amount: { value: 5, currency: 'UGX' } }, { amount: '500', currency: 'ugx' }, {}],
    ['MGA', { amount: { value: 4900, currency: 'MGA' } }, { amount: '49', currency: 'mga' }, {}],
    ['HUF', { amount: { value: 1045, currency: 'HUF' } }, { amount: '1045', currency: 'huf' }, {}],
    ['TWD', { amount: { value: 80045, currency: 'TWD' } }, { amount: '80045', currency: 'twd' }, {}],
  ])('tell of %s', async (_name, over, create, confirm) => {
    const request = sampleRequest(over);
    const { amount = '4999', currency = 'eur' } = create as { amount?: string; currency?: string };
    const money = { amount: Number(amount), currency };
    const charge = chargeBody(money);
    stripe.script = {
      create: json(intentBody(money)),
      confirm: json(heldIntent({ ...money, amount_capturable: money.amount, latest_charge: charge })),
    };
    expect(await stripe.create().authorize(callOf({ request }))).toEqual(APPROVED);
    const [created, confirmed] = stripe.seen.map(({ body }) => fieldsOf(body) as Record<string, unknown>);
    expect(created).toMatchObject(create);
    expect(confirmed).toMatchObject(confirm);
    // What is not asked for is not said either.
    expect('setup_future_usage' in (created ?? {})).toBe('setup_future_usage' in create);
    expect('off_session' in (confirmed ?? {})).toBe('off_session' in confirm);
    expect(stripe.seen[1]?.body.includes('three_d_secure%5D%5B')).toBe('payment_method_options' in confirm);
  });

  it('send the first transaction of the network, and ask for several captures, where the account may', async () => {
    stripe.script = { confirm: json(heldIntent()) };
    const settings = { network_transaction_id: 'on', multicapture: 'on' };
    const request = sampleRequest({ ...merchant, networkTransaction: LINK });
    await stripe.create({ settings }).authorize(callOf({ request }));
    expect(fieldsOf(stripe.seen[1]?.body)).toMatchObject({
      payment_method_options: {
        card: {
          request_multicapture: 'if_available',
          mit_exemption: { network_transaction_id: '016153570198200' },
        },
      },
    });
  });

  it.each<[string, Partial<AuthorizeCall>, string]>([
    ['a payment method', { token: 'pm_1' }, 'payment_method=pm_1'],
    ['a card', { token: 'card_1' }, 'payment_method=card_1'],
    ['a card of a customer', { token: 'cus_9/card_1' }, 'payment_method=card_1&customer=cus_9'],
  ])('charge %s', async (_name, over, told) => {
    stripe.script = { confirm: json(heldIntent()) };
    await stripe.create().authorize(callOf(over));
    expect(stripe.seen[0]?.body).toContain(`&${told}&payment_method_types`);
  });

  it.each<[string, Partial<AuthorizeCall>]>([
    ['a token of another shape', { token: 'tok_visa' }],
    ['a customer alone', { token: 'cus_1' }],
    ['a payment method with more behind it', { token: 'cus_1/pm_1/x' }],
    ['a token with a line end', { token: 'pm_1\n' }],
    ['a token that would add a field', { token: 'pm_1&confirm=true' }],
    [
      'an authentication without its cryptogram',
      { request: sampleRequest({ threeDs: { ...THREE_DS, cavv: null } }) },
    ],
    [
      'an authentication without its transaction',
      { request: sampleRequest({ threeDs: { ...THREE_DS, dsTransactionId: null } }) },
    ],
    [
      'a version of 3DS that it does not know',
      { request: sampleRequest({ threeDs: { ...THREE_DS, version: '2.4.0' } }) },
    ],
    [
      'an authentication without its version',
      { request: sampleRequest({ threeDs: { ...THREE_DS, version: null } }) },
    ],
    [
      'an indicator that it does not know',
      { request: sampleRequest({ threeDs: { ...THREE_DS, eci: '08' } }) },
    ],
    [
      'an exemption without an authentication',
      { request: sampleRequest({ threeDs: { ...NOT_AUTHENTICATED, exemption: 'tra' } }) },
    ],
    ['another exemption', { request: sampleRequest({ threeDs: { ...THREE_DS, exemption: 'low_value' } }) }],
    [
      "a network's transaction, where the account may not",
      { request: sampleRequest({ initiator: 'merchant', networkTransaction: LINK }) },
    ],
    ["a network's transaction of a customer", { request: sampleRequest({ networkTransaction: LINK }) }],
    ['a third decimal', { request: sampleRequest({ amount: { value: 5124, currency: 'KWD' } }) }],
    ['a fraction of an ariary', { request: sampleRequest({ amount: { value: 4999, currency: 'MGA' } }) }],
    [
      'a currency without a documented unit',
      { request: sampleRequest({ amount: { value: 1000, currency: 'IQD' } }) },
    ],
    ['four decimals', { request: sampleRequest({ amount: { value: 10_000, currency: 'CLF' } }) }],
    [
      'an amount beyond what is counted exactly',
      { request: sampleRequest({ amount: { value: 2 ** 53 - 1, currency: 'ISK' } }) },
    ],
  ])('are not sent for %s', async (_name, over) => {
    expect(await stripe.create().authorize(callOf(over))).toEqual({
      kind: 'not_sent',
      code: NOT_SUPPORTED,
      missing: expect.stringMatching(/^(?:amount|card token|three_ds|network_transaction) /),
    });
    expect(stripe.seen).toEqual([]);
  });
});
