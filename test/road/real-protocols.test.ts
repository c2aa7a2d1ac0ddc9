import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  API_KEY as ADYEN_KEY,
  TOKENS as ADYEN_TOKENS,
  AdyenStandIn,
  HMAC_KEY,
  MERCHANT_ACCOUNT,
} from '../providers/adyen/adyen-stand-in.ts';
import { STAND_IN_KEY, StripeStandIn } from '../providers/stripe/stripe-stand-in.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules } from '../support/gateway-files.ts';
import type { StandInRequest } from '../support/psp-stand-in.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** One gateway, two providers with interfaces of their own: the real process, real sockets. */

let stripe: StripeStandIn;
let adyen: AdyenStandIn;
let gateway: TestGateway;

beforeEach(async () => {
  stripe = await StripeStandIn.start({ wallMs: () => Date.now() });
  adyen = await AdyenStandIn.start();
  const providers = [
    {
      id: 'stripe-eu',
      adapter: 'stripe',
      base_url: stripe.server.url,
      credentials: { api_key: 'env:STRIPE_KEY', webhook_secret: 'env:STRIPE_WHSEC' },
      merchants: 'all',
      timeout_ms: 2000,
      capabilities: { features: ['partial_capture'] },
    },
    {
      id: 'adyen-eu',
      adapter: 'adyen',
      base_url: adyen.server.url,
      credentials: { api_key: 'env:ADYEN_KEY', webhook_secret: 'env:ADYEN_HMAC' },
      settings: { merchant_account: MERCHANT_ACCOUNT, return_url: 'https://shop.example.com/checkout' },
      merchants: 'all',
      timeout_ms: 2000,
      capabilities: { features: ['partial_capture'] },
    },
  ];
  gateway = await startGateway({
    providers: JSON.stringify({ providers }),
    rules: priorityRules(['stripe-eu', 'adyen-eu']),
    env: {
      STRIPE_KEY: STAND_IN_KEY,
      STRIPE_WHSEC: 'whsec_stand_in',
      ADYEN_KEY,
      ADYEN_HMAC: HMAC_KEY,
      LEASE_MS: '3000',
      RESOLVER_SCHEDULE_MS: '300,300,300',
    },
  });
});

afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await stripe.close();
  await adyen.server.close();
});

const payment = (reference: string, stripeToken: string) => {
  const body = paymentBody(reference, { shopper: { country: 'DE', id: 'cust-9' }, deadline_ms: 2500 });
  const { token: _, ...card } = body.card;
  const tokens = { 'stripe-eu': stripeToken, 'adyen-eu': ADYEN_TOKENS.approve };
  return { ...body, card: { ...card, tokens } };
};

const isConfirm = ({ path }: StandInRequest) => path.endsWith('/confirm');
const isCreate = ({ method, path }: StandInRequest) => method === 'POST' && path === '/v1/payment_intents';

const statusOf = async (reference: string) => (await gateway.find('acme-eu', reference))?.status;
const becomes = (reference: string, status: string) =>
  eventually(`${reference} is ${status}`, async () => ((await statusOf(reference)) === status ? true : null));

const liveAtStripe = () => stripe.books().filter(({ live }) => live).length;
const liveAtAdyen = () => adyen.payments.filter(({ cancelled }) => !cancelled).length;

describe('Stripe and Adyen behind one gateway', () => {
  it('refused by one, approved by the other, which then captures, refunds and tells', async () => {
    const answer = authorizationIn(await gateway.authorize(payment('order-1', 'pm_soft'), 'key-1'));
    expect(answer).toMatchObject({
      status: 'approved',
      provider: 'adyen-eu',
      attempts: [
        { provider: 'stripe-eu', outcome: 'declined', code: 'do_not_honor' },
        { provider: 'adyen-eu', outcome: 'approved' },
      ],
    });
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([0, 1]);
    const atStripe = stripe.server.requests.length;

    const operate = (name: string, value: number) =>
      gateway.call('POST', `/v1/authorizations/${answer.id}/${name}`, {
        body: { amount: { value, currency: 'EUR' } },
        headers: { 'idempotency-key': `${name}-1` },
      });
    expect((await operate('captures', 4999)).status).toBe(202);
    const event = adyen.sent.at(-1)?.body ?? '';
    // Each provider tells of its own: what Adyen signed proves nothing in Stripe's name.
    const foreign = await gateway.call('POST', '/v1/webhooks/stripe-eu', { body: event, key: null });
    expect(foreign.status).toBe(401);
    expect(await statusOf('order-1')).toBe('approved');
    const own = await gateway.call('POST', '/v1/webhooks/adyen-eu', { body: event, key: null });
    expect(own.status).toBe(200);
    await becomes('order-1', 'captured');
    expect((await operate('refunds', 999)).status).toBe(202);
    const refunded = adyen.sent.at(-1)?.body ?? '';
    await gateway.call('POST', '/v1/webhooks/adyen-eu', { body: refunded, key: null });
    await becomes('order-1', 'partially_refunded');
    expect(adyen.payments).toMatchObject([{ captured: 4999, refunded: 999 }]);
    expect(stripe.server.requests, 'nothing of it went to Stripe').toHaveLength(atStripe);
  });

  it('approved by the first: captured and refunded there, and the other never hears of it', async () => {
    const answer = authorizationIn(await gateway.authorize(payment('order-2', 'pm_visa'), 'key-2'));
    expect(answer).toMatchObject({ status: 'approved', provider: 'stripe-eu' });
    const operate = (name: string, body: unknown) =>
      gateway.call('POST', `/v1/authorizations/${answer.id}/${name}`, {
        body,
        headers: { 'idempotency-key': `${name}-2` },
      });
    const amount = { value: 1000, currency: 'EUR' };
    expect((await operate('captures', { amount, final: true })).status).toBe(201);
    expect((await operate('refunds', { amount: { value: 400, currency: 'EUR' } })).status).toBe(201);
    expect(stripe.books()).toMatchObject([{ capturedAmount: 1000, refundedAmount: 400 }]);
    expect(adyen.payments).toEqual([]);
  });

  it('an answer of the first that is lost is found out there, and nobody else is tried', async () => {
    stripe.server.meet({ kind: 'reset_after' }, isConfirm);
    const answer = authorizationIn(await gateway.authorize(payment('order-3', 'pm_visa'), 'key-3'));
    expect(answer).toMatchObject({ status: 'approved', provider: 'stripe-eu' });
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([1, 0]);
  });

  it('a first step that fails has moved nothing: the other takes the payment', async () => {
    stripe.server.meet({ kind: 'reset_after' }, isCreate);
    const answer = authorizationIn(await gateway.authorize(payment('order-4', 'pm_visa'), 'key-4'));
    expect(answer).toMatchObject({
      status: 'approved',
      provider: 'adyen-eu',
      attempts: [{ provider: 'stripe-eu', outcome: 'rejected' }, { provider: 'adyen-eu' }],
    });
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([0, 1]);
  });
});

describe('kill -9 of the gateway between the requests of one attempt', () => {
  /** Sends a payment, kills the gateway when the request is at Stripe, and starts it again. */
  async function killedAt(reference: string, isAt: (request: StandInRequest) => boolean): Promise<void> {
    const sent = gateway.authorize(payment(reference, 'pm_visa'), `key-${reference}`).catch(() => null);
    await eventually('the request is at Stripe', async () =>
      stripe.server.requests.some(isAt) ? true : null,
    );
    await gateway.kill9();
    await sent;
    await gateway.restart();
  }

  it('before the id of the first step is durable: nothing was authorized, and the payment is free', async () => {
    stripe.server.meet({ kind: 'hang', carriedOut: true }, isCreate);
    await killedAt('order-5', isCreate);
    await becomes('order-5', 'failed');
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([0, 0]);
    const again = authorizationIn(await gateway.authorize(payment('order-5', 'pm_visa'), 'key-5-again'));
    expect(again.status).toBe('approved');
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([1, 0]);
  });

  it('before the second step arrives: what was prepared is cancelled, and the payment is free', async () => {
    stripe.server.meet({ kind: 'hang', carriedOut: false }, isConfirm);
    await killedAt('order-6', isConfirm);
    await becomes('order-6', 'failed');
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([0, 0]);
    const cancelled = stripe.server.requests.filter(({ path }) => path.endsWith('/cancel'));
    expect(cancelled.length).toBeGreaterThan(0);
    const again = authorizationIn(await gateway.authorize(payment('order-6', 'pm_visa'), 'key-6-again'));
    expect(again.status).toBe('approved');
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([1, 0]);
  });

  it('after the second step was carried out: the approval is found, once', async () => {
    stripe.server.meet({ kind: 'hang', carriedOut: true }, isConfirm);
    await killedAt('order-7', isConfirm);
    await becomes('order-7', 'approved');
    expect([liveAtStripe(), liveAtAdyen()]).toEqual([1, 0]);
    expect(stripe.server.requests.filter(isConfirm)).toHaveLength(1);
  });
});
