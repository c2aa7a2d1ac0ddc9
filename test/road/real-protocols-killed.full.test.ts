import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { StandInRequest } from '../support/psp-stand-in.ts';
import { authorizationIn } from '../support/start-gateway.ts';
import { isConfirm, isCreate, StripeAndAdyen } from './stripe-and-adyen.ts';

let here: StripeAndAdyen;
beforeEach(async () => {
  here = await StripeAndAdyen.start();
});
afterEach(() => here[Symbol.asyncDispose]());

describe('kill -9 of the gateway between the requests of one attempt', () => {
  /** Sends a payment, kills the gateway when the request is at Stripe, and starts it again. */
  async function killedAt(reference: string, isAt: (request: StandInRequest) => boolean): Promise<void> {
    const sent = here.gateway
      .authorize(here.payment(reference, 'pm_visa'), `key-${reference}`)
      .catch(() => null);
    await eventually('the request is at Stripe', async () =>
      here.stripe.server.requests.some(isAt) ? true : null,
    );
    await here.gateway.kill9();
    await sent;
    await here.gateway.restart();
  }

  it('before the id of the first step is durable: nothing was authorized, and the payment is free', async () => {
    here.stripe.server.meet({ kind: 'hang', carriedOut: true }, isCreate);
    await killedAt('order-5', isCreate);
    await here.becomes('order-5', 'failed');
    expect(here.live()).toEqual([0, 0]);
    const again = authorizationIn(
      await here.gateway.authorize(here.payment('order-5', 'pm_visa'), 'key-5-again'),
    );
    expect(again.status).toBe('approved');
    expect(here.live()).toEqual([1, 0]);
  });

  it('before the second step arrives: what was prepared is cancelled, and the payment is free', async () => {
    here.stripe.server.meet({ kind: 'hang', carriedOut: false }, isConfirm);
    await killedAt('order-6', isConfirm);
    await here.becomes('order-6', 'failed');
    expect(here.live()).toEqual([0, 0]);
    const cancelled = here.stripe.server.requests.filter(({ path }) => path.endsWith('/cancel'));
    expect(cancelled.length).toBeGreaterThan(0);
    const again = authorizationIn(
      await here.gateway.authorize(here.payment('order-6', 'pm_visa'), 'key-6-again'),
    );
    expect(again.status).toBe('approved');
    expect(here.live()).toEqual([1, 0]);
  });

  it('after the second step was carried out: the approval is found, once', async () => {
    here.stripe.server.meet({ kind: 'hang', carriedOut: true }, isConfirm);
    await killedAt('order-7', isConfirm);
    await here.becomes('order-7', 'approved');
    expect(here.live()).toEqual([1, 0]);
    expect(here.stripe.server.requests.filter(isConfirm)).toHaveLength(1);
  });
});
