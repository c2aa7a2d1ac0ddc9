import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** The example that the interface is explained with, sent to a gateway as it is shipped. */

const BODY = {
  reference: 'order-7781',
  merchant: 'acme-eu',
  amount: { value: 4999, currency: 'EUR' },
  card: {
    bin: '45717360',
    last4: '0007',
    expiry_month: 9,
    expiry_year: 2029,
    tokens: { 'sandbox-a': 'tok_visa', stripe: 'pm_1', adyen: '8415' },
    id: 'card-77',
    account_reference: 'V0010013022298169667504231315',
    brand: 'visa',
    network_token: false,
  },
  initiator: 'customer',
  shopper: { country: 'DE', id: 'cust-9' },
  capture: 'manual',
  three_ds: {
    eci: '05',
    cavv: 'AAABBEg0VhI0VniQEjRWAAAAAAA=',
    ds_transaction_id: 'f25084f0-5b16-4c0a-ae5d-b24808a95e4b',
    version: '2.2.0',
    exemption: null,
  },
  stored_credential: { usage: 'first', reason: 'unscheduled' },
  network_transaction: null,
  accept_partial: false,
  deadline_ms: 8000,
  metadata: { channel: 'web' },
};

const INSTANT = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
const ID = /^auth_[A-Za-z]+$/;
const share = expect.toSatisfy((value: unknown) => typeof value === 'number' && value > 0 && value <= 1);

function candidate(provider: string, rank: number) {
  return {
    provider,
    eligible: true,
    rank,
    score: share,
    approval: { mean: share, low: share, high: share, level: expect.any(String), n: expect.any(Number) },
    health: share,
    breaker: 'closed',
    limit_headroom: share,
    cost_bps: expect.any(Number),
    reason: null,
  };
}

function attempt(number: number, provider: string, outcome: string, code: string | null) {
  return {
    id: expect.stringMatching(new RegExp(`^att_[A-Za-z]+_${number}$`)),
    number,
    provider,
    outcome,
    code,
    provider_reference: outcome === 'not_sent' ? null : expect.stringMatching(/^sbx_/),
    propensity: 1,
    duration_ms: expect.toSatisfy((ms: unknown) => Number.isInteger(ms) && (ms as number) >= 0),
  };
}

/** The whole answer: no field more, none less. */
function approvedAt(provider: string, reference: string, attempts: readonly unknown[]) {
  return {
    id: expect.stringMatching(ID),
    status: 'approved',
    live: false,
    amounts: { requested: 4999, authorized: 4999, captured: 0, refunded: 0, currency: 'EUR' },
    reference,
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    provider,
    provider_reference: expect.stringMatching(/^sbx_/),
    network_transaction: {
      id: expect.stringMatching(/^nti/),
      network: 'visa',
      date: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
    },
    decline: null,
    attempts,
    operations: [],
    routing: {
      ruleset: 1,
      rule: 'eu-debit',
      strategy: 'score',
      experiment: null,
      propensity: 1,
      candidates: [candidate('sandbox-a', 1), candidate('sandbox-b', 2), candidate('sandbox-c', 3)],
      notes: [],
    },
    created_at: INSTANT,
    expires_at: INSTANT,
  };
}

let gateway: TestGateway;
let first: Answer;

beforeAll(async () => {
  gateway = await startGateway();
  first = await gateway.authorize(BODY, 'order-7781-1');
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

test('the example is approved, and its answer explains itself', async () => {
  expect(first.status, first.text).toBe(201);
  expect(first.json).toEqual(
    approvedAt('sandbox-a', 'order-7781', [attempt(1, 'sandbox-a', 'approved', null)]),
  );
  const { id } = authorizationIn(first);
  expect(first.headers.get('location')).toBe(`/v1/authorizations/${id}`);
  expect(first.headers.get('content-type')).toBe('application/json');
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  expect(await gateway.sandbox.entriesOf('order-7781')).toMatchObject([
    {
      provider: 'sandbox-a',
      status: 'authorized',
      token: 'tok_visa',
      amount: { value: 4999, currency: 'EUR' },
    },
  ]);
});

test('the same key gives the same bytes, also when the deadline or the order of fields is another', async () => {
  const { deadline_ms: _, ...rest } = BODY;
  const turned = Object.fromEntries(Object.entries(rest).reverse());
  for (const body of [BODY, { ...BODY, deadline_ms: 500 }, turned]) {
    const again = await gateway.authorize(body, 'order-7781-1');
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.text).toBe(first.text);
  }
  expect(await gateway.sandbox.entriesOf('order-7781')).toMatchObject([{ asked: 1 }]);
});

test('it is found by its id, and by merchant and reference', async () => {
  const { id } = authorizationIn(first);
  const byId = await gateway.get(`/v1/authorizations/${id}`);
  expect([byId.status, byId.text]).toEqual([200, first.text]);
  const byReference = await gateway.get('/v1/authorizations?merchant=acme-eu&reference=order-7781');
  expect([byReference.status, byReference.json]).toEqual([200, { data: [first.json], next_cursor: null }]);
  const none = await gateway.get('/v1/authorizations?merchant=acme-eu&reference=order-0');
  expect(none.json).toEqual({ data: [], next_cursor: null });
});

test('with sandbox-a refusing connections it is approved at sandbox-b', async () => {
  const fault = await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'refuse' });
  const answer = await gateway.authorize({ ...BODY, reference: 'order-7782' }, 'order-7782-1');
  await gateway.sandbox.removeFault(fault);
  expect(answer.status, answer.text).toBe(201);
  expect(answer.json).toEqual(
    approvedAt('sandbox-b', 'order-7782', [
      attempt(1, 'sandbox-a', 'not_sent', 'ECONNREFUSED'),
      attempt(2, 'sandbox-b', 'approved', null),
    ]),
  );
  const [entry, ...more] = await gateway.sandbox.entriesOf('order-7782');
  expect(more).toEqual([]);
  expect(entry).toMatchObject({
    provider: 'sandbox-b',
    live: true,
    reference: authorizationIn(answer).attempts[1]?.id,
    id: authorizationIn(answer).provider_reference,
  });
  expect(await gateway.metric('pointsman_failovers_total', labels())).toBe(1);
});

function labels(): string {
  return '{from="sandbox-a",to="sandbox-b",reason="not_sent"}';
}

test('a score may put another provider first once sandbox-a has failed, but no payment is charged twice', async () => {
  const references = Array.from({ length: 20 }, (_, index) => `order-${8000 + index}`);
  const answers = await Promise.all(
    references.map((reference) => {
      // A card of its own each: what is under way counts against the ceilings of its card.
      const card = { ...BODY.card, account_reference: `PAR-${reference}` };
      return gateway.authorize({ ...BODY, reference, card }, `${reference}-1`);
    }),
  );
  expect(answers.map(({ status }) => status)).toEqual(references.map(() => 201));
  for (const reference of references) {
    expect(await gateway.sandbox.entriesOf(reference)).toMatchObject([{ live: true, asked: 1 }]);
  }
});

test('operators ask without a key, and nothing of the card is in the log', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
    expect([path, (await gateway.get(path, { key: null })).status]).toEqual([path, 200]);
  }
  const text = await eventually('the last payment is in the log', () => {
    const written = gateway.output.text();
    return written.includes('order-8019') ? written : null;
  });
  expect(text).not.toMatch(/tok_visa|pm_1|AAABBEg0|V0010013022298169667504231315|test-key/);
});
