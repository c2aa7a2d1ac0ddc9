import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { paymentBody, priorityRules } from '../../support/gateway-files.ts';
import type { StandInRequest } from '../../support/psp-stand-in.ts';
import { authorizationIn, startGateway, type TestGateway } from '../../support/start-gateway.ts';
import {
  CHANNEL,
  CheckoutStandIn,
  errorAnswer,
  SECRET_KEY,
  TOKENS,
  WEBHOOK_KEY,
} from './checkout-stand-in.ts';

let standIn: CheckoutStandIn;
let gateway: TestGateway;

beforeEach(async () => {
  standIn = await CheckoutStandIn.start();
  const provider = {
    id: 'checkout-eu',
    adapter: 'checkout',
    base_url: standIn.server.url,
    credentials: { secret_key: 'env:CHECKOUT_KEY', webhook_secret: 'env:CHECKOUT_WEBHOOK' },
    settings: { processing_channel_id: CHANNEL },
    merchants: 'all',
  };
  gateway = await startGateway({
    providers: JSON.stringify({ providers: [provider] }),
    rules: priorityRules(['checkout-eu']),
    env: { CHECKOUT_KEY: SECRET_KEY, CHECKOUT_WEBHOOK: WEBHOOK_KEY },
  });
});

afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn.server.close();
});

const isPayment = ({ method, path }: StandInRequest) => method === 'POST' && path === '/payments';

const payment = (reference: string) => {
  const body = paymentBody(reference);
  return { ...body, card: { ...body.card, token: TOKENS.approve } };
};

/** Hands what Checkout.com has sent to the gateway; each must be acknowledged. */
async function deliver(): Promise<void> {
  for (const { body, headers } of standIn.sent) {
    const answer = await gateway.call('POST', '/v1/webhooks/checkout-eu', { body, headers, key: null });
    expect([200, 202, 204]).toContain(answer.status);
  }
}

const statusOf = async (reference: string) => (await gateway.find('acme-eu', reference))?.status;

const becomes = (reference: string, status: string) =>
  eventually(`${reference} is ${status}`, async () => ((await statusOf(reference)) === status ? true : null));

const operate = (id: string, name: string, body: unknown) =>
  gateway.call('POST', `/v1/authorizations/${id}/${name}`, {
    body,
    headers: { 'idempotency-key': `${name}-1` },
  });

describe('an account at Checkout.com, behind the gateway', () => {
  it('a failure after it was authorized is asked about in the request, and answered as it is: once', async () => {
    standIn.server.meet(
      { kind: 'instead', carriedOut: true, answer: errorAnswer(500, 'processing_error', []) },
      isPayment,
    );
    const answer = authorizationIn(await gateway.authorize(payment('order-1'), 'key-1'));
    expect(answer.status).toBe('approved');
    expect(standIn.payments).toHaveLength(1);
    expect(standIn.server.requests.filter(isPayment)).toHaveLength(1);
    expect(answer.attempts).toHaveLength(1);
  });

  it('captures and refunds are pending until their events come, whose repeats change nothing', async () => {
    const answer = authorizationIn(await gateway.authorize(payment('order-2'), 'key-2'));
    expect(answer.status).toBe('approved');
    const capture = await operate(answer.id, 'captures', {
      amount: { value: 4999, currency: 'EUR' },
      final: true,
    });
    expect(capture.status).toBe(202);
    expect(await statusOf('order-2')).toBe('approved');
    await deliver();
    await becomes('order-2', 'captured');
    expect((await operate(answer.id, 'refunds', { amount: { value: 999, currency: 'EUR' } })).status).toBe(
      202,
    );
    await deliver();
    await becomes('order-2', 'partially_refunded');
    await deliver();
    expect(await statusOf('order-2')).toBe('partially_refunded');
    expect(standIn.payments).toMatchObject([{ captured: 4999, refunded: 999 }]);
  });

  it('a void is done when its event says so; one that is changed on its way says nothing', async () => {
    const answer = authorizationIn(await gateway.authorize(payment('order-3'), 'key-3'));
    expect((await operate(answer.id, 'voids', {})).status).toBe(202);
    const last = standIn.sent.at(-1);
    const body = (last?.body ?? '').replace('payment_voided', 'payment_void_declined');
    expect(body).not.toBe(last?.body);
    const refused = await gateway.call('POST', '/v1/webhooks/checkout-eu', {
      body,
      headers: { ...last?.headers },
      key: null,
    });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(await statusOf('order-3')).toBe('reversing');
    await deliver();
    await becomes('order-3', 'voided');
    expect(standIn.payments).toMatchObject([{ authorized: 4999, voided: 4999 }]);
  });
});
