import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { paymentBody, providersYaml } from '../support/gateway-files.ts';
import {
  approvalOf,
  declineOf,
  PlainProvider,
  type SeenRequest,
  sendJson,
} from '../support/plain-provider.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** What was handed to one provider to prove who pays must not be handed to the next. */

const CAVV = 'AAABBEg0VhI0VniQEjRWAAAAAAA=';
const THREE_DS = { eci: '05', cavv: CAVV, ds_transaction_id: 'f25084f0-5b16', version: '2.2.0' };
const FAILED = { error: { code: 'provider_error', message: 'no' } };

type AnswerWith = (request: SeenRequest, response: ServerResponse) => void;
const approve: AnswerWith = (request, response) => sendJson(response, 200, approvalOf(request));
const decline: AnswerWith = (request, response) => sendJson(response, 200, declineOf(request, '05'));
const notProcessed: AnswerWith = (_, response) =>
  sendJson(response, 503, FAILED, { 'x-not-processed': 'true' });
const refuseUs: AnswerWith = (_, response) => sendJson(response, 401, FAILED);

interface Case {
  readonly name: string;
  /** Null: nobody listens there. */
  readonly first: AnswerWith | null;
  readonly reuse: 'not_sent' | 'rejected';
  readonly threeDs: Readonly<Record<string, string>> | null;
  readonly reachesSecond: boolean;
  readonly status: string;
  readonly stopped: string;
}

const SPENT = { reachesSecond: false, stopped: 'authentication_spent' } as const;
const GOES_ON = { reachesSecond: true, status: 'approved', stopped: 'approved' } as const;

const T51: readonly Case[] = [
  {
    name: 'not processed: a new cryptogram cannot be had, the old one is not sent again',
    first: notProcessed,
    reuse: 'not_sent',
    threeDs: THREE_DS,
    ...SPENT,
    status: 'failed',
  },
  {
    name: 'our account is refused: the same',
    first: refuseUs,
    reuse: 'not_sent',
    threeDs: THREE_DS,
    ...SPENT,
    status: 'failed',
  },
  {
    name: 'never sent: nobody has seen it, so that it is not spent',
    first: null,
    reuse: 'not_sent',
    threeDs: THREE_DS,
    ...GOES_ON,
  },
];

const T52: readonly Case[] = [
  {
    name: 'declined with authentication: not tried elsewhere',
    first: decline,
    reuse: 'not_sent',
    threeDs: THREE_DS,
    ...SPENT,
    status: 'declined',
  },
  {
    name: 'declined: no rule can allow it either',
    first: decline,
    reuse: 'rejected',
    threeDs: THREE_DS,
    ...SPENT,
    status: 'declined',
  },
  {
    name: 'not processed, and the rule allows it',
    first: notProcessed,
    reuse: 'rejected',
    threeDs: THREE_DS,
    ...GOES_ON,
  },
  { name: 'declined without authentication', first: decline, reuse: 'not_sent', threeDs: null, ...GOES_ON },
  {
    name: 'declined with an exemption only',
    first: decline,
    reuse: 'not_sent',
    threeDs: { exemption: 'low_value' },
    ...GOES_ON,
  },
];

const ALL = [...T51, ...T52].map((each, index) => ({ ...each, merchant: `case-${index}` }));
type NumberedCase = (typeof ALL)[number];

let gateway: TestGateway;
const firsts = new Map<string, PlainProvider>();
let second: PlainProvider;

beforeAll(async () => {
  second = await PlainProvider.start(approve);
  for (const { merchant, first } of ALL) {
    const server = await PlainProvider.start(first ?? approve);
    firsts.set(merchant, server);
  }
  const providers = [
    ...ALL.map(({ merchant }) => ({
      id: `first-${merchant}`,
      baseUrl: firsts.get(merchant)?.url ?? '',
      merchants: [merchant],
    })),
    { id: 'second', baseUrl: second.url },
  ];
  // Closed only now, so that nobody else was given its port.
  for (const { merchant, first } of ALL) {
    if (first === null) await firsts.get(merchant)?.[Symbol.asyncDispose]();
  }
  const rules = [
    ...ALL.map(({ merchant, reuse }) => ({
      name: merchant,
      when: { field: 'merchant', is: merchant },
      // biome-ignore lint/suspicious/noThenProperty: the word of the file
      then: { priority: [`first-${merchant}`, 'second'], three_ds_reuse: reuse },
    })),
    // biome-ignore lint/suspicious/noThenProperty: the word of the file
    { name: 'rest', then: { priority: ['second'] } },
  ];
  gateway = await startGateway({
    providers: providersYaml(providers),
    rules: JSON.stringify({ rules }),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const { merchant, first } of ALL) {
    if (first !== null) await firsts.get(merchant)?.[Symbol.asyncDispose]();
  }
  await second?.[Symbol.asyncDispose]();
});

async function run(each: NumberedCase): Promise<void> {
  const { merchant } = each;
  const reference = `order-${merchant}`;
  const body = paymentBody(reference, { merchant, three_ds: each.threeDs });
  const authorization = authorizationIn(await gateway.authorize(body, `key-${reference}`));
  expect(authorization.status).toBe(each.status);
  expect(authorization.attempts).toHaveLength(each.reachesSecond ? 2 : 1);
  const askedFirst = firsts.get(merchant)?.asked ?? [];
  const askedSecond = second.asked.filter((asked) => asked.merchant_reference === reference);
  expect(askedFirst).toHaveLength(each.first === null ? 0 : 1);
  expect(askedSecond).toHaveLength(each.reachesSecond ? 1 : 0);
  const cavv = each.threeDs?.['cavv'] ?? null;
  for (const asked of [...askedFirst, ...askedSecond]) expect(asked.three_ds?.cavv ?? null).toBe(cavv);
  const stops = await gateway.metric('pointsman_stops_total', `{reason="${each.stopped}"}`);
  expect(stops).toBeGreaterThan(0);
}

describe('T51, in part: there is no vault that could make a new cryptogram', () => {
  test.each(ALL.slice(0, T51.length))('$name', run);
});

describe('T52: a payment with authentication is declined', () => {
  test.each(ALL.slice(T51.length))('$name', run);
});

describe('T53: the identifier of the first payment goes to its own network only', () => {
  const LINK = { id: 'MCC123456', network: 'visa', date: '2026-10-01' };
  test.each([
    ['Visa', 'Visa', '45717360', 'visa', LINK],
    ['Visa', 'Mastercard', '52000000', 'mastercard', null],
  ] as const)('given by %s, routed as %s', async (_, __, bin, brand, expected) => {
    const reference = `order-link-${brand}`;
    const { card, ...rest } = paymentBody(reference, {
      merchant: 'linked',
      initiator: 'merchant',
      stored_credential: { usage: 'subsequent', reason: 'recurring' },
      network_transaction: LINK,
    });
    const body = { ...rest, card: { ...card, bin, brand } };
    const authorization = authorizationIn(await gateway.authorize(body, `key-${reference}`));
    expect(authorization.status).toBe('approved');
    const [asked, ...more] = second.asked.filter((each) => each.merchant_reference === reference);
    expect(more).toEqual([]);
    expect(asked).toMatchObject({ brand, network_transaction: expected });
  });
});
