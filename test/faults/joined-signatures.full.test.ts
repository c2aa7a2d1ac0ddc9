import { afterAll, beforeAll, expect, test } from 'vitest';
import { HMAC_KEY, signatureOf, webhookOf } from '../providers/adyen/adyen-stand-in.ts';
import { StripeAndAdyen } from '../road/stripe-and-adyen.ts';
import { pause } from '../support/eventually.ts';
import { type AuthorizationView, authorizationIn } from '../support/start-gateway.ts';

/**
 * T38 and T39 where a signature is weakest: Adyen's covers eight fields joined by colons that nobody escapes, and has no time.
 * What was signed once is valid for ever, and fits whatever joins to the same text.
 */

let here: StripeAndAdyen;
beforeAll(async () => {
  here = await StripeAndAdyen.start();
}, 60_000);
afterAll(() => here?.[Symbol.asyncDispose]());

/** A payment that Stripe refuses and Adyen approves. */
async function paid(reference: string): Promise<AuthorizationView> {
  const body = here.payment(reference, 'pm_soft');
  const answer = await here.gateway.authorize(body, `key-${here.adyen.payments.length}`);
  return authorizationIn(answer);
}

const deliver = async (body: string) =>
  (await here.gateway.call('POST', '/v1/webhooks/adyen-eu', { body, key: null })).status;

async function operate(id: string, name: string): Promise<void> {
  const headers = { 'idempotency-key': `${name}-${id}` };
  const { status } = await here.gateway.call('POST', `/v1/authorizations/${id}/${name}`, {
    body: {},
    headers,
  });
  expect(status).toBe(202);
}

test('T38: an event whose signature has no time is sent again after everything has moved on: no regression', async () => {
  const { id, reference } = await paid('order-kept');
  const events = [here.adyen.sent.at(-1)?.body ?? ''];
  const asked = () => here.adyen.server.requests.length;
  for (const [action, status] of [
    ['captures', 'captured'],
    ['refunds', 'refunded'],
  ] as const) {
    await operate(id, action);
    events.push(here.adyen.sent.at(-1)?.body ?? '');
    expect(await deliver(events.at(-1) ?? '')).toBe(200);
    await here.becomes(reference, status);
    const before = asked();
    // By the process that saw it, and as a new event: Adyen gives none an id, and its date is not signed.
    for (const event of events) {
      for (const body of [event, event.replaceAll('2026-11-23T11:00:00', '2026-12-23T11:00:00')]) {
        expect(await deliver(body)).toBe(200);
      }
    }
    await pause(300);
    expect(await here.statusOf(reference)).toBe(status);
    expect(asked(), 'nothing is sent for it').toBe(before);
  }
  // By one that was started since, too.
  await here.gateway.stop();
  await here.gateway.restart();
  for (const event of events) expect(await deliver(event)).toBe(200);
  await pause(300);
  expect(await here.statusOf(reference)).toBe('refunded');
  expect(here.adyen.payments.at(-1)).toMatchObject({ captured: 4999, refunded: 4999 });
});

/** References of merchants that would shift the fields, if they were among those that are signed. */
const REFERENCES = [
  'b:c',
  ':c',
  'c:',
  ':',
  'b:b:c',
  'c:4999:EUR',
  '4999:EUR:CAPTURE:true',
  '\\:c',
  '%3Ac',
  'a,b',
  '{c}',
];

test('T39: signatures over odd references: each event is about its own payment, and none fits other fields', async () => {
  const payments = new Map<string, AuthorizationView>();
  for (const reference of REFERENCES) payments.set(reference, await paid(reference));
  expect(new Set([...payments.values()].map(({ id }) => id)).size).toBe(REFERENCES.length);
  const from = here.adyen.sent.length;
  const captured = REFERENCES.filter((_reference, index) => index % 2 === 0);
  for (const reference of captured) await operate(payments.get(reference)?.id ?? '', 'captures');
  const events = here.adyen.sent.slice(from).map(({ body }) => body);
  expect(events).toHaveLength(captured.length);
  for (const body of events.toReversed()) expect(await deliver(body)).toBe(200);
  for (const reference of captured) await here.becomes(reference, 'captured');
  for (const reference of REFERENCES) {
    const expected = captured.includes(reference) ? 'captured' : 'approved';
    expect([reference, await here.statusOf(reference)]).toEqual([reference, expected]);
  }
  // Of a capture that never was: one signed text, whose fields may end here or there. Neither is believed.
  const standing = payments.get(':c');
  const original = standing?.provider_reference ?? '';
  const attempt = standing?.attempts.at(-1)?.id ?? '';
  const capture = {
    eventCode: 'CAPTURE',
    success: 'true',
    pspReference: 'NEW',
    originalReference: original,
    merchantReference: attempt,
    amount: { value: 4999, currency: 'EUR' },
  } as const;
  const shifted = [
    { ...capture, pspReference: `NEW:${original}`, originalReference: '' },
    { ...capture, originalReference: `${original}:` },
  ];
  expect(new Set(shifted.map((each) => signatureOf(each, HMAC_KEY))).size).toBe(1);
  for (const each of shifted) expect(await deliver(webhookOf([each]).body)).toBe(401);
  // Another application of the same account may give its payments any reference: that is none of ours.
  for (const merchantReference of [`${attempt}:4999`, `:${attempt}`, `${attempt}:4999:EUR:CAPTURE:true`]) {
    expect(await deliver(webhookOf([{ ...capture, merchantReference }]).body)).toBe(200);
  }
  await pause(300);
  expect(await here.statusOf(':c')).toBe('approved');
});
