import { afterAll, beforeAll, expect, test } from 'vitest';
import { CardTestingGuard } from '../../src/guards/card-testing-guard.ts';
import { problemIn } from '../road/problem-in.ts';
import { paymentBody, priorityRules } from '../support/gateway-files.ts';
import { GatewayWorld } from '../support/gateway-world.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Somebody tries out card numbers: one BIN, number after number, at one merchant. */

const PROVIDERS = ['first', 'second'];
const CARDS = 1_000;
const AT_ONCE = 20;

let gateway: TestGateway;

beforeAll(async () => {
  const providers = PROVIDERS.map((id) => ({
    id,
    adapter: 'sandbox',
    merchants: 'all',
    limits: { per_second: 10_000, concurrent: 1000 },
    // As sensitive as breakers may be: what issuers decline must not move them all the same.
    breaker: { volume: 5, failure_ratio: 0.1, unknown_ratio: 0.1 },
  }));
  gateway = await startGateway({ providers: JSON.stringify({ providers }), rules: priorityRules(PROVIDERS) });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

function bodyOf(reference: string, token: string, more: { merchant?: string; bin?: string | null } = {}) {
  const { card, ...rest } = paymentBody(reference, { merchant: more.merchant ?? 'tested-shop' });
  return { ...rest, card: { ...card, token, bin: more.bin === undefined ? '45717360' : more.bin } };
}

/** Sends all of them, so many at once, and gives the answers in order. */
async function send(bodies: readonly ReturnType<typeof bodyOf>[]): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < bodies.length; index = next++) {
      const body = bodies[index];
      if (body !== undefined) answers[index] = await gateway.authorize(body, `key-${body.reference}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return answers;
}

async function breakers(): Promise<readonly string[]> {
  const { json } = await gateway.get('/v1/providers');
  const { data } = json as { readonly data: readonly { readonly lanes: readonly { breaker: string }[] }[] };
  return data.flatMap(({ lanes }) => lanes.map(({ breaker }) => breaker));
}

test('T46: a storm of issuer declines over 1,000 cards of one BIN is stopped, and nothing else is', async () => {
  const honest = await gateway.authorize(bodyOf('order-honest', 'tok_visa'), 'key-order-honest');
  expect(authorizationIn(honest).status).toBe('approved');

  // Every other one may be tried elsewhere once, which is what would amplify the storm.
  const bodies = Array.from({ length: CARDS }, (_, index) =>
    bodyOf(`order-storm-${index}`, index % 2 === 0 ? 'tok_decline_05' : 'tok_decline_14'),
  );
  const answers = await send(bodies);
  const answered = answers.filter(({ status }) => status === 201);
  const refused = answers.filter(({ status }) => status === 429);
  expect(answered.length + refused.length).toBe(CARDS);
  expect(answered.length, 'nothing is concluded before').toBeGreaterThanOrEqual(100 - 1);
  expect(answered.length, 'those that were under way').toBeLessThan(100 + AT_ONCE);
  for (const answer of answered) expect(authorizationIn(answer).status).toBe('declined');
  for (const answer of refused) {
    expect(problemIn(answer, 429, 'card-testing').sent).toBe(false);
    const retryAfter = Number(answer.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(20);
    expect(retryAfter).toBeLessThanOrEqual(60);
  }

  // No breaker moved, and no more was sent than the answered ones account for.
  expect(await breakers()).toEqual(['closed', 'closed']);
  expect(gateway.output.events('breaker')).toEqual([]);
  const attempts = answered.flatMap((answer) => authorizationIn(answer).attempts);
  expect(attempts.length).toBeLessThanOrEqual(2 * answered.length);
  const requests = Object.values(await gateway.sandbox.requests()).reduce((sum, count) => sum + count, 0);
  expect(requests).toBe(attempts.length + authorizationIn(honest).attempts.length);

  // It is told once, and counted.
  expect(await gateway.metric('pointsman_alerts_total', '{kind="card_testing"}')).toBe(1);
  expect(await gateway.metric('pointsman_authorizations_total', '{status="card_testing"}')).toBe(
    refused.length,
  );

  // Others are not touched: another merchant, another BIN, no BIN.
  const others = [
    bodyOf('order-other-shop', 'tok_visa', { merchant: 'other-shop' }),
    bodyOf('order-other-bin', 'tok_visa', { bin: '52000000' }),
    bodyOf('order-no-bin', 'tok_visa', { bin: null }),
  ];
  for (const body of others) {
    const answer = await gateway.authorize(body, `key-${body.reference}`);
    expect([answer.status, authorizationIn(answer).status]).toEqual([201, 'approved']);
  }

  // Keys that were used give what they gave, with their own body only; captures go on.
  const again = await gateway.authorize(bodyOf('order-honest', 'tok_visa'), 'key-order-honest');
  expect([again.status, again.text]).toEqual([201, honest.text]);
  const otherBody = await gateway.authorize(bodyOf('order-honest', 'tok_x'), 'key-order-honest');
  problemIn(otherBody, 422, 'idempotency-key-reused');
  const capture = await gateway.call('POST', `/v1/authorizations/${authorizationIn(honest).id}/captures`, {
    headers: { 'idempotency-key': 'capture-honest' },
    body: {},
  });
  expect(capture.status).toBe(201);
});

test('T46: an issuer that is down for everybody is no card testing', async () => {
  const bodies = Array.from({ length: 150 }, (_, index) =>
    bodyOf(`order-outage-${index}`, 'tok_decline_91', { merchant: 'outage-shop' }),
  );
  const statuses = new Set((await send(bodies)).map(({ status }) => status));
  expect([...statuses]).toEqual([201]);
  expect(await gateway.metric('pointsman_alerts_total', '{kind="card_testing"}')).toBe(1);
});

test('T46: a refused key is not used up: a minute later, to the millisecond, it gets its payment', async () => {
  const world = new GatewayWorld({ step: () => 'decline_hard' });
  const process = world.process();
  const deps = { ...process.deps, cardTesting: new CardTestingGuard(world.clock) };
  const watched = { ...process, deps };
  const card = (index: number) => ({ ...CARD, id: `card-${index}`, token: `tok_${index}` });
  let trippedAtMs = 0;
  for (let index = 0; index < 100; index += 1) {
    const request = { reference: `order-${index}`, card: card(index) };
    expect(await world.authorize(watched, request, `key-${index}`)).toMatchObject({ kind: 'answered' });
    trippedAtMs = world.clock.monotonicMs();
  }
  expect(world.told.alerts).toEqual(['card_testing']);
  const ask = () => world.authorize(watched, { reference: 'order-last', card: card(100) }, 'key-last');
  const refused = await ask();
  if (refused.kind !== 'card_testing') throw new Error(`not refused: ${JSON.stringify(refused)}`);
  const seen = world.providers.get('sandbox-a')?.seen.length;
  expect(seen).toBe(100);
  // Steps of the world are coarse: the trip was within the last of them.
  expect(refused.retryAfterMs).toBeGreaterThan(59_000);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000 - (world.clock.monotonicMs() - trippedAtMs));
  await world.clock.advance(refused.retryAfterMs - 1);
  expect(await ask()).toEqual({ kind: 'card_testing', retryAfterMs: 1 });
  await world.clock.advance(1);
  expect(await ask()).toMatchObject({ kind: 'answered', replayed: false });
});

const CARD = {
  bin: '45717360',
  last4: '0007',
  expiryMonth: 9,
  expiryYear: 2029,
  tokens: {},
  accountReference: null,
  brand: 'visa',
  networkToken: false,
} as const;
