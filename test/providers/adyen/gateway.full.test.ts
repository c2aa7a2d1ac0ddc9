import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { paymentBody, priorityRules } from '../../support/gateway-files.ts';
import type { StandInRequest } from '../../support/psp-stand-in.ts';
import { authorizationIn, startGateway, type TestGateway } from '../../support/start-gateway.ts';
import { AdyenStandIn, API_KEY, errorAnswer, HMAC_KEY, MERCHANT_ACCOUNT, TOKENS } from './adyen-stand-in.ts';

let standIn: AdyenStandIn;
let gateway: TestGateway;

beforeEach(async () => {
  standIn = await AdyenStandIn.start();
  const provider = {
    id: 'adyen-eu',
    adapter: 'adyen',
    base_url: standIn.server.url,
    credentials: { api_key: 'env:ADYEN_KEY', webhook_secret: 'env:ADYEN_HMAC' },
    settings: { merchant_account: MERCHANT_ACCOUNT, return_url: 'https://shop.example.com/checkout' },
    merchants: 'all',
  };
  gateway = await startGateway({
    providers: JSON.stringify({ providers: [provider] }),
    rules: priorityRules(['adyen-eu']),
    env: { ADYEN_KEY: API_KEY, ADYEN_HMAC: HMAC_KEY },
  });
});

afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn.server.close();
});

const isPayment = ({ path }: StandInRequest) => path === '/payments';

const payment = (reference: string, more: Readonly<Record<string, unknown>> = {}) => {
  const body = paymentBody(reference, { shopper: { country: 'DE', id: 'cust-9' }, ...more });
  return { ...body, card: { ...body.card, token: TOKENS.approve } };
};

/** Hands what Adyen has sent since to the gateway; each must be acknowledged. */
async function deliver(from = 0): Promise<void> {
  for (const { body } of standIn.sent.slice(from)) {
    const answer = await gateway.call('POST', '/v1/webhooks/adyen-eu', { body, key: null });
    expect([200, 202, 204]).toContain(answer.status);
  }
}

const statusOf = async (reference: string) => (await gateway.find('acme-eu', reference))?.status;

/** Events are worked out after they are acknowledged. */
const becomes = (reference: string, status: string) =>
  eventually(`${reference} is ${status}`, async () => ((await statusOf(reference)) === status ? true : null));

describe('an account at Adyen, behind the gateway', () => {
  it('captures and refunds are pending until their events come, whose repeats change nothing', async () => {
    const answer = authorizationIn(await gateway.authorize(payment('order-1'), 'key-1'));
    expect(answer.status).toBe('approved');
    const operate = (name: string, body: unknown) =>
      gateway.call('POST', `/v1/authorizations/${answer.id}/${name}`, {
        body,
        headers: { 'idempotency-key': `${name}-1` },
      });
    const capture = await operate('captures', { amount: { value: 4999, currency: 'EUR' }, final: true });
    expect(capture.status).toBe(202);
    expect(await statusOf('order-1')).toBe('approved');
    await deliver();
    await becomes('order-1', 'captured');
    const before = standIn.sent.length;
    expect((await operate('refunds', { amount: { value: 999, currency: 'EUR' } })).status).toBe(202);
    await deliver(before);
    await becomes('order-1', 'partially_refunded');
    // Everything again changes nothing.
    await deliver();
    expect(await statusOf('order-1')).toBe('partially_refunded');
    expect(standIn.payments).toMatchObject([{ captured: 4999, refunded: 999 }]);
  });

  it('a failure that Adyen keeps under the key stays pending until the event tells, and nothing is charged twice', async () => {
    // Carried out once; every repeat is answered with the failure that is kept.
    for (const carriedOut of [true, false, false, false, false]) {
      const answer = errorAnswer(500, '905', 'configuration');
      standIn.server.meet({ kind: 'instead', carriedOut, answer }, isPayment);
    }
    const answer = authorizationIn(await gateway.authorize(payment('order-2'), 'key-2'));
    expect(answer.status).toBe('pending');
    await deliver();
    await becomes('order-2', 'approved');
    expect(standIn.payments).toHaveLength(1);
  });

  it('a void is done when its event says so; a forged one says nothing', async () => {
    const answer = authorizationIn(await gateway.authorize(payment('order-3'), 'key-3'));
    const path = `/v1/authorizations/${answer.id}/voids`;
    const asked = await gateway.call('POST', path, { body: {}, headers: { 'idempotency-key': 'void-3' } });
    expect(asked.status).toBe(202);
    const last = standIn.sent.at(-1)?.body ?? '';
    const forged = last.replace('"success":"true"', '"success":"false"');
    expect(forged).not.toBe(last);
    const refused = await gateway.call('POST', '/v1/webhooks/adyen-eu', { body: forged, key: null });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(await statusOf('order-3')).toBe('reversing');
    await deliver();
    await becomes('order-3', 'voided');
    expect(standIn.payments).toMatchObject([{ cancelled: true }]);
  });
});
