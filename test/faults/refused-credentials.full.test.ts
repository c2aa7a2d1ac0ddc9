import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** A provider refuses our account after its credentials were rotated, and takes it again. One story, in order. */

const RESET_MS = 1_000;
const VOLUME = 5;

let gateway: TestGateway;
let fault: string;
let sequence = 0;

beforeAll(async () => {
  const entry = (id: string) => ({
    id,
    adapter: 'sandbox',
    merchants: 'all',
    timeout_ms: 1_000,
    breaker: { volume: VOLUME, failure_ratio: 0.5, window_ms: 60_000, reset_ms: RESET_MS },
  });
  // Two accounts at the same provider are two accounts: only one of them is refused.
  const providers = [entry('rotated'), entry('other-account')];
  const rules = [
    // biome-ignore lint/suspicious/noThenProperty: the word of the file
    { name: 'in-order', then: { priority: ['rotated', 'other-account'], attempts_max: 2 } },
  ];
  gateway = await startGateway({
    providers: JSON.stringify({ providers }),
    rules: JSON.stringify({ rules }),
  });
  fault = await gateway.sandbox.addFault({ provider: 'rotated', kind: 'unauthorized', times: null });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function attempts() {
  sequence += 1;
  const reference = `order-${sequence}`;
  const authorization = authorizationIn(await gateway.authorize(paymentBody(reference), `key-${reference}`));
  expect(authorization.status).toBe('approved');
  const entries = await gateway.sandbox.entriesOf(reference);
  expect(entries.filter(({ live }) => live)).toHaveLength(1);
  return authorization.attempts.map(({ provider, outcome, code }) => [provider, outcome, code]);
}

async function breakerOf(provider: string): Promise<string | undefined> {
  const { json } = await gateway.get(`/v1/providers/${provider}`);
  return (json as { readonly lanes: readonly { breaker: string }[] }).lanes[0]?.breaker;
}

const attemptsTotal = (provider: string, outcome: string) =>
  gateway.metric('pointsman_attempts_total', `{provider="${provider}",brand="visa",outcome="${outcome}"}`);

const alerts = async () =>
  (await gateway.metric('pointsman_alerts_total', '{kind="provider_refuses_us"}')) ?? 0;

test('T47: 401: another provider takes the payment, and a person is told', async () => {
  for (let count = 0; count < VOLUME; count += 1) {
    expect(await attempts()).toEqual([
      ['rotated', 'rejected', 'unauthorized'],
      ['other-account', 'approved', null],
    ]);
  }
  expect(await alerts()).toBe(VOLUME);
  const told = await eventually('the log tells it', () => {
    const events = gateway.output.events('alert').filter(({ kind }) => kind === 'provider_refuses_us');
    return events.length >= VOLUME ? events : null;
  });
  expect(told[0]).toMatchObject({
    detail: 'rotated refuses our account: unauthorized',
    authorization_id: expect.stringMatching(/^auth_/),
  });
});

test('T47: the breaker of that account opens, and of no other', async () => {
  expect(await breakerOf('rotated')).toBe('open');
  expect(await breakerOf('other-account')).toBe('closed');
  expect(await attempts()).toEqual([['other-account', 'approved', null]]);
  expect(await alerts(), 'nobody was asked').toBe(VOLUME);
});

test('T47: it counts as no decline of an issuer', async () => {
  expect(await attemptsTotal('rotated', 'rejected')).toBe(VOLUME);
  expect(await attemptsTotal('rotated', 'declined')).toBe(null);
  expect(await gateway.metric('pointsman_authorizations_total', '{status="declined"}')).toBe(null);
  const { text } = await gateway.get('/metrics', { key: null });
  expect(text).not.toMatch(/pointsman_failovers_total\{[^}]*reason="declined"/);
});

test('T47: a probe that is refused too is told again; one that is taken brings the account back', async () => {
  await eventually('a probe is refused', async () => {
    await attempts();
    return (await alerts()) > VOLUME ? true : null;
  });
  expect(await breakerOf('rotated')).toBe('open');
  const before = await alerts();
  await gateway.sandbox.removeFault(fault);
  await eventually('it is back', async () => {
    await attempts();
    return (await breakerOf('rotated')) === 'closed' ? true : null;
  });
  expect(await attempts()).toEqual([['rotated', 'approved', null]]);
  expect(await alerts()).toBe(before);
});
