import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blockedOnTheWayBack } from '../support/psp-stand-in.ts';
import { authorizationIn } from '../support/start-gateway.ts';
import { isConfirm, isCreate, StripeAndAdyen } from './stripe-and-adyen.ts';

let here: StripeAndAdyen;
beforeEach(async () => {
  here = await StripeAndAdyen.start();
});
afterEach(() => here[Symbol.asyncDispose]());

describe('Stripe and Adyen behind one gateway', () => {
  it('refused by one, approved by the other, which then captures, refunds and tells', async () => {
    const answer = authorizationIn(await here.gateway.authorize(here.payment('order-1', 'pm_soft'), 'key-1'));
    expect(answer).toMatchObject({
      status: 'approved',
      provider: 'adyen-eu',
      attempts: [
        { provider: 'stripe-eu', outcome: 'declined', code: 'do_not_honor' },
        { provider: 'adyen-eu', outcome: 'approved' },
      ],
    });
    expect(here.live()).toEqual([0, 1]);
    const atStripe = here.stripe.server.requests.length;

    const operate = (name: string, value: number) =>
      here.gateway.call('POST', `/v1/authorizations/${answer.id}/${name}`, {
        body: { amount: { value, currency: 'EUR' } },
        headers: { 'idempotency-key': `${name}-1` },
      });
    expect((await operate('captures', 4999)).status).toBe(202);
    const event = here.adyen.sent.at(-1)?.body ?? '';
    // Each provider tells of its own: what Adyen signed proves nothing in Stripe's name.
    const foreign = await here.gateway.call('POST', '/v1/webhooks/stripe-eu', { body: event, key: null });
    expect(foreign.status).toBe(401);
    expect(await here.statusOf('order-1')).toBe('approved');
    const own = await here.gateway.call('POST', '/v1/webhooks/adyen-eu', { body: event, key: null });
    expect(own.status).toBe(200);
    await here.becomes('order-1', 'captured');
    expect((await operate('refunds', 999)).status).toBe(202);
    const refunded = here.adyen.sent.at(-1)?.body ?? '';
    await here.gateway.call('POST', '/v1/webhooks/adyen-eu', { body: refunded, key: null });
    await here.becomes('order-1', 'partially_refunded');
    expect(here.adyen.payments).toMatchObject([{ captured: 4999, refunded: 999 }]);
    expect(here.stripe.server.requests, 'nothing of it went to Stripe').toHaveLength(atStripe);
  });

  it('approved by the first: captured and refunded there, and the other never hears of it', async () => {
    const answer = authorizationIn(await here.gateway.authorize(here.payment('order-2', 'pm_visa'), 'key-2'));
    expect(answer).toMatchObject({ status: 'approved', provider: 'stripe-eu' });
    const operate = (name: string, body: unknown) =>
      here.gateway.call('POST', `/v1/authorizations/${answer.id}/${name}`, {
        body,
        headers: { 'idempotency-key': `${name}-2` },
      });
    const amount = { value: 1000, currency: 'EUR' };
    expect((await operate('captures', { amount, final: true })).status).toBe(201);
    expect((await operate('refunds', { amount: { value: 400, currency: 'EUR' } })).status).toBe(201);
    expect(here.stripe.books()).toMatchObject([{ capturedAmount: 1000, refundedAmount: 400 }]);
    expect(here.adyen.payments).toEqual([]);
  });

  it('an answer of the first that is lost is found out there, and nobody else is tried', async () => {
    here.stripe.server.meet({ kind: 'reset_after' }, isConfirm);
    const answer = authorizationIn(await here.gateway.authorize(here.payment('order-3', 'pm_visa'), 'key-3'));
    expect(answer).toMatchObject({ status: 'approved', provider: 'stripe-eu' });
    expect(here.live()).toEqual([1, 0]);
  });

  it('a first step that fails has moved nothing: the other takes the payment', async () => {
    here.stripe.server.meet({ kind: 'reset_after' }, isCreate);
    const answer = authorizationIn(await here.gateway.authorize(here.payment('order-4', 'pm_visa'), 'key-4'));
    expect(answer).toMatchObject({
      status: 'approved',
      provider: 'adyen-eu',
      attempts: [{ provider: 'stripe-eu', outcome: 'rejected' }, { provider: 'adyen-eu' }],
    });
    expect(here.live()).toEqual([0, 1]);
  });

  it.each([401, 403, 429])(
    'a bare %i of somebody on the way back is no refusal: nobody else is tried, and the first is found out',
    async (status) => {
      here.stripe.server.meet(blockedOnTheWayBack(status), isConfirm);
      await here.gateway.authorize(here.payment(`order-${status}`, 'pm_visa'), `key-${status}`);
      await here.becomes(`order-${status}`, 'approved');
      expect(here.live()).toEqual([1, 0]);
    },
  );
});
