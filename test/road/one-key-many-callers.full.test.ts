import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { eventually, pause } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { allAuthorizations, contradictions, unaccountedRequests } from './agreement.ts';
import { problemIn } from './problem-in.ts';

/** Many callers at once, through real sockets: at most one of them moves money, and all are told the same. */

const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'];
const SEED = Number(process.env['SEED'] ?? 20_261_123);

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    providers: providersYaml(PROVIDERS.map((id) => ({ id, timeoutMs: 3000 }))),
    rules: priorityRules(PROVIDERS),
  });
}, 60_000);

afterEach(() => gateway.sandbox.clearFaults());

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Repeats a request as callers are told to, until it is settled. */
async function settledAnswer(first: Answer, repeat: () => Promise<Answer>): Promise<Answer> {
  let answer = first;
  return eventually('a settled answer', async () => {
    if (answer.status === 201) return answer;
    answer = await repeat();
    return null;
  });
}

test('100 callers with one key: one attempt, one answer', async () => {
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 1500 });
  const body = paymentBody('order-one-key');
  const call = () => gateway.authorize(body, 'one-key');
  const answers = await Promise.all(times(100, call));

  const told = answers.filter(({ status }) => status !== 201);
  expect(told.length, 'callers that came while it was under way').toBeGreaterThan(10);
  const ids = new Set(told.map((answer) => problemIn(answer, 409, 'in-flight').authorization_id));
  expect(ids.size).toBe(1);
  for (const { headers } of told) {
    expect(headers.get('location')).toBe(`/v1/authorizations/${[...ids][0]}`);
    expect(headers.get('retry-after')).toBe('1');
  }
  const found = await gateway.get(told[0]?.headers.get('location') ?? '');

  const settled = await Promise.all(answers.map((answer) => settledAnswer(answer, call)));
  expect(new Set(settled.map(({ text }) => text)).size).toBe(1);
  expect(settled[0]?.text).toBe(found.text);
  expect(settled.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
  expect(authorizationIn(found)).toMatchObject({ status: 'approved', attempts: [{ outcome: 'approved' }] });
  expect(await gateway.sandbox.entriesOf('order-one-key')).toMatchObject([{ live: true, asked: 1 }]);
  expect(await gateway.sandbox.requests()).toEqual({ 'sandbox-a': 1, 'sandbox-b': 0, 'sandbox-c': 0 });
});

test('20 keys for one payment: one is authorized, the others are told which', async () => {
  const body = paymentBody('order-many-keys');
  const answers = await Promise.all(times(20, (index) => gateway.authorize(body, `many-keys-${index}`)));
  const [winner, ...more] = answers.filter(({ status }) => status === 201);
  expect(more).toEqual([]);
  const { id } = authorizationIn(winner as Answer);
  for (const answer of answers) {
    if (answer !== winner) expect(problemIn(answer, 409, 'payment-live').authorization_id).toBe(id);
  }
  expect(await gateway.sandbox.entriesOf('order-many-keys')).toMatchObject([{ live: true, asked: 1 }]);
});

test('a payment that was declined may be tried again under a new key, by one caller at a time', async () => {
  const declined = paymentBody('order-again');
  const card = { ...declined.card, token: 'tok_decline_51' };
  const first = await gateway.authorize({ ...declined, card }, 'again-1');
  expect(authorizationIn(first)).toMatchObject({ status: 'declined' });
  const answers = await Promise.all(times(10, (index) => gateway.authorize(declined, `again-${index + 2}`)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...times(9, () => 409)]);
  // The old key still gives the old answer.
  expect((await gateway.authorize({ ...declined, card }, 'again-1')).text).toBe(first.text);
  expect(await gateway.sandbox.entriesOf('order-again')).toMatchObject([{ live: false }, { live: true }]);
});

const TOKENS = [
  'tok_visa',
  'tok_visa',
  'tok_visa',
  'tok_decline_05',
  'tok_decline_51',
  'tok_3ds',
  'tok_risk',
];

const FAULTS = [
  { kind: 'reset_before', probability: 0.06 },
  { kind: 'reset_after', probability: 0.06 },
  { kind: 'error', probability: 0.08 },
  { kind: 'error', ambiguous: true, probability: 0.05 },
  { kind: 'error', processed: true, probability: 0.05 },
  { kind: 'hang', probability: 0.03 },
  { kind: 'hang', processed: true, probability: 0.03 },
  { kind: 'truncated', probability: 0.04 },
  { kind: 'garbage', probability: 0.04 },
  { kind: 'wrong_amount', probability: 0.03 },
  { kind: 'wrong_reference', probability: 0.03 },
  { kind: 'late', delay_ms: 400, probability: 0.1 },
  { kind: 'slow', delay_ms: 3500, probability: 0.03 },
] as const;

test(`200 payments at once under mixed faults: journal and ledger agree (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  for (const fault of FAULTS) await gateway.sandbox.addFault({ provider: '*', times: null, ...fault });
  // A port that comes and goes.
  await gateway.sandbox.addFault({ provider: 'sandbox-b', kind: 'refuse', duration_ms: 400 });
  const calls = times(200, (index) => {
    // Some payments are asked for by several callers, under the same key or another.
    const payment = random.chance(0.2) ? random.integer(0, index) : index;
    const key = random.chance(0.5) ? `mixed-${payment}` : `mixed-${payment}-${index}`;
    const body = paymentBody(`mixed-${payment}`);
    return { key, body: { ...body, card: { ...body.card, token: TOKENS[payment % TOKENS.length] } } };
  });
  const answers = await Promise.all(calls.map(({ key, body }) => gateway.authorize(body, key)));
  for (const { status, text } of answers) expect([201, 202, 409], text).toContain(status);
  await gateway.sandbox.clearFaults();
  // What is still processed at a provider that nobody waits for any more.
  await pause(600);

  const authorizations = await allAuthorizations(gateway);
  const ledger = await gateway.sandbox.ledger();
  const statuses = new Set(authorizations.map(({ status }) => status));
  expect([...statuses].sort()).toEqual(expect.arrayContaining(['approved', 'declined', 'pending']));
  expect(contradictions(authorizations, ledger)).toEqual([]);
  expect(unaccountedRequests(authorizations, await gateway.sandbox.requests())).toEqual([]);

  // Whoever repeats a key is told what the journal holds.
  const byId = new Map(authorizations.map((authorization) => [authorization.id, authorization]));
  for (const [index, { key, body }] of calls.entries()) {
    if (answers[index]?.status === 409) continue;
    const again = authorizationIn(await gateway.authorize(body, key));
    const known = byId.get(again.id);
    // What was pending may have been found out since it was read.
    const isNewer = known?.status === 'pending' && again.status !== 'pending';
    const now = isNewer ? (await gateway.call('GET', `/v1/authorizations/${again.id}`)).json : known;
    expect(again).toEqual(now);
    expect(again.id).toBe(authorizationIn(answers[index] as Answer).id);
  }
});
