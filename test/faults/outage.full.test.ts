import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Providers that are down for longer than one request, with breakers as they are used. */

const RESET_MS = 1500;

/** Each story has a pair of providers and a merchant of its own. */
const STORIES = ['all-down', 'refusing', 'silent', 'issuer'] as const;
type Story = (typeof STORIES)[number];

let gateway: TestGateway;

beforeAll(async () => {
  const providers = STORIES.flatMap((story) =>
    [`${story}-a`, `${story}-b`].map((id) => ({
      id,
      adapter: 'sandbox',
      merchants: [story],
      timeout_ms: 1000,
      breaker: { volume: 5, failure_ratio: 0.5, unknown_ratio: 0.5, window_ms: 30_000, reset_ms: RESET_MS },
    })),
  );
  gateway = await startGateway({
    providers: JSON.stringify({ providers }),
    rules: priorityRules(providers.map(({ id }) => id)),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

let sequence = 0;

async function authorize(story: Story, token = 'tok_visa') {
  sequence += 1;
  const { card, ...rest } = paymentBody(`${story}-${sequence}`, { merchant: story });
  const body = { ...rest, card: { ...card, token } };
  const answer = await gateway.authorize(body, `key-${sequence}`);
  return { body, key: `key-${sequence}`, answer };
}

const outcomes = (answer: Parameters<typeof authorizationIn>[0]) =>
  authorizationIn(answer).attempts.map(({ provider, outcome }) => `${provider} ${outcome}`);

async function breakerOf(provider: string): Promise<string | undefined> {
  const { json } = await gateway.get(`/v1/providers/${provider}`);
  const { lanes } = json as {
    readonly lanes: readonly { readonly brand: string; readonly breaker: string }[];
  };
  return lanes.find(({ brand }) => brand === 'visa')?.breaker;
}

test('all providers refuse: failed, which is final, and the payment is free again', async () => {
  const faults = await Promise.all(
    ['all-down-a', 'all-down-b'].map((provider) => gateway.sandbox.addFault({ provider, kind: 'refuse' })),
  );
  const { body, key, answer } = await authorize('all-down');
  expect([answer.status, authorizationIn(answer).status]).toEqual([201, 'failed']);
  expect(outcomes(answer)).toEqual(['all-down-a not_sent', 'all-down-b not_sent']);
  for (const fault of faults) await gateway.sandbox.removeFault(fault);
  expect((await gateway.authorize(body, key)).text).toBe(answer.text);
  const second = await gateway.authorize(body, `${key}-again`);
  expect([second.status, authorizationIn(second).status]).toEqual([201, 'approved']);
  expect(await gateway.sandbox.entriesOf(body.reference)).toMatchObject([
    { provider: 'all-down-a', live: true },
  ]);
});

test('a provider that refuses connections is left alone after a while, and comes back by a probe', async () => {
  const fault = await gateway.sandbox.addFault({ provider: 'refusing-a', kind: 'refuse' });
  for (let count = 1; count <= 5; count += 1) {
    const { answer } = await authorize('refusing');
    expect(outcomes(answer)).toEqual(['refusing-a not_sent', 'refusing-b approved']);
  }
  expect(await breakerOf('refusing-a')).toBe('open');
  const { answer } = await authorize('refusing');
  expect(outcomes(answer)).toEqual(['refusing-b approved']);
  expect(authorizationIn(answer).routing.candidates).toContainEqual(
    expect.objectContaining({ provider: 'refusing-a', breaker: 'open', reason: 'breaker_open' }),
  );
  await gateway.sandbox.removeFault(fault);
  await eventually('it is tried again, and trusted', async () => {
    await authorize('refusing');
    return (await breakerOf('refusing-a')) === 'closed' ? true : null;
  });
  expect(await gateway.metric('pointsman_breaker_state', '{provider="refusing-a",brand="visa"}')).toBe(0);
});

test('a provider that answers nothing: each is pending, none is tried elsewhere, new ones are', async () => {
  await gateway.sandbox.addFault({ provider: 'silent-a', kind: 'hang', processed: true, times: null });
  await gateway.sandbox.addFault({ provider: 'silent-a', kind: 'hang', operation: 'inquire', times: null });
  const first = await Promise.all(Array.from({ length: 5 }, () => authorize('silent')));
  for (const { answer } of first) {
    expect(answer.status).toBe(202);
    expect(outcomes(answer)).toEqual(['silent-a unknown']);
  }
  const next = await authorize('silent');
  expect([next.answer.status, outcomes(next.answer)]).toEqual([201, ['silent-b approved']]);
  // A probe is a payment: when its outcome is unknown, it is not tried elsewhere either.
  const probe = await eventually('a probe', async () => {
    const { body, answer } = await authorize('silent');
    return answer.status === 202 ? { body, answer } : null;
  });
  expect(outcomes(probe.answer)).toEqual(['silent-a unknown']);
  for (const { body } of [...first, probe]) {
    expect(await gateway.sandbox.entriesOf(body.reference)).toMatchObject([
      { provider: 'silent-a', live: true },
    ]);
  }
});

test('declines, and issuers that are down, leave breakers alone', async () => {
  for (const token of ['tok_decline_51', 'tok_decline_91', 'tok_decline_51', 'tok_decline_91']) {
    for (let count = 0; count < 3; count += 1) {
      const { answer } = await authorize('issuer', token);
      expect(authorizationIn(answer).status).toBe('declined');
      expect(outcomes(answer)[0]).toBe('issuer-a declined');
    }
  }
  expect(await breakerOf('issuer-a')).toBe('closed');
  expect(await breakerOf('issuer-b')).not.toBe('open');
});
