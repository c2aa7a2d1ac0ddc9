import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemIn } from '../road/problem-in.ts';
import { paymentBody, providersYaml } from '../support/gateway-files.ts';
import { approvalOf, PlainProvider, sendJson } from '../support/plain-provider.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Amounts reach the provider as they were written, in whole minor units, or not at all. */

let gateway: TestGateway;
let provider: PlainProvider;

beforeAll(async () => {
  provider = await PlainProvider.start((request, response) => sendJson(response, 200, approvalOf(request)));
  gateway = await startGateway({
    providers: providersYaml([{ id: 'plain', baseUrl: provider.url }]),
    rules: 'rules:\n  - name: all\n    then: { priority: [plain] }\n',
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

let sequence = 0;

/** Sends the amount as this very text: a number that JSON can write and JavaScript cannot hold must stay itself. */
async function send(amount: string) {
  sequence += 1;
  const reference = `order-${sequence}`;
  const body = JSON.stringify(paymentBody(reference, { amount: 'AMOUNT' })).replace('"AMOUNT"', amount);
  return { reference, answer: await gateway.authorize(body, `key-${reference}`) };
}

describe('T54: amounts', () => {
  test.each([
    ['yen, which have no minor unit', '{"value":500,"currency":"JPY"}', 500, 'JPY'],
    ['dinars of a thousand fils', '{"value":10005,"currency":"KWD"}', 10_005, 'KWD'],
    ['one cent', '{"value":1,"currency":"EUR"}', 1, 'EUR'],
    ['the largest exact integer', '{"value":9007199254740991,"currency":"EUR"}', 2 ** 53 - 1, 'EUR'],
    ['a whole number in another spelling', '{"value":1.0e3,"currency":"EUR"}', 1_000, 'EUR'],
  ])('%s: exactly as written', async (_, amount, value, currency) => {
    const { reference, answer } = await send(amount);
    expect(answer.status).toBe(201);
    expect(authorizationIn(answer)).toMatchObject({
      status: 'approved',
      amount: { value, currency },
      amounts: { requested: value, authorized: value, captured: 0, refunded: 0, currency },
    });
    const asked = provider.asked.filter((each) => each.merchant_reference === reference);
    expect(asked.map((each) => each.amount)).toEqual([{ value, currency }]);
    const raw = provider.posts.find(({ body }) => body.includes(`"${reference}"`))?.body;
    expect(raw).toContain(`"amount":{"value":${value},"currency":"${currency}"}`);
  });

  test.each([
    ['nothing', '{"value":0,"currency":"EUR"}'],
    ['less than nothing', '{"value":-1,"currency":"EUR"}'],
    ['minus nothing', '{"value":-0,"currency":"EUR"}'],
    ['2^53', '{"value":9007199254740992,"currency":"EUR"}'],
    ['2^53 + 1, which no double holds', '{"value":9007199254740993,"currency":"EUR"}'],
    ['an endless number', '{"value":1e999,"currency":"EUR"}'],
    ['major units', '{"value":10.005,"currency":"EUR"}'],
    ['major units as a text', '{"value":"10.005","currency":"EUR"}'],
    ['minor units as a text', '{"value":"1000","currency":"EUR"}'],
    ['half a yen', '{"value":0.5,"currency":"JPY"}'],
    ['no number', '{"value":null,"currency":"EUR"}'],
    ['a currency that is none', '{"value":1000,"currency":"EUX"}'],
    ['a currency in lower case', '{"value":1000,"currency":"eur"}'],
    ['no currency', '{"value":1000}'],
    ['a member too many', '{"value":1000,"currency":"EUR","exponent":2}'],
  ])('%s: 400, and nobody is asked', async (_, amount) => {
    const { reference, answer } = await send(amount);
    const { errors } = problemIn(answer, 400, 'invalid-request') as ReturnType<typeof problemIn> & {
      readonly errors: readonly { readonly path: string }[];
    };
    expect(errors.map(({ path }) => path.split('.')[0])).toContain('amount');
    expect(provider.posts.filter(({ body }) => body.includes(`"${reference}"`))).toEqual([]);
    expect(await gateway.find('acme-eu', reference)).toBe(null);
  });

  test('captures and refunds of them are exact too', async () => {
    const { answer } = await send('{"value":9007199254740991,"currency":"KWD"}');
    const { id } = authorizationIn(answer);
    const refused = await gateway.call('POST', `/v1/authorizations/${id}/captures`, {
      headers: { 'idempotency-key': 'capture-1' },
      body: '{"amount":{"value":9007199254740992,"currency":"KWD"}}',
    });
    problemIn(refused, 400, 'invalid-request');
    const fraction = await gateway.call('POST', `/v1/authorizations/${id}/captures`, {
      headers: { 'idempotency-key': 'capture-2' },
      body: '{"amount":{"value":0.1,"currency":"KWD"}}',
    });
    problemIn(fraction, 400, 'invalid-request');
    expect(provider.posts.filter(({ path }) => path.endsWith('/captures'))).toEqual([]);
  });
});
