import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemIn } from '../road/problem-in.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Callers that do not wait: captures, voids and refunds of what is not known yet. Over real HTTP. */

const TIMEOUT_MS = 400;
const CASES = ['capture-lost', 'capture-not-done', 'void-first', 'by-person'] as const;
type Case = (typeof CASES)[number];

let gateway: TestGateway;

beforeAll(async () => {
  const providers = CASES.map((id) => ({ id, merchants: [`shop-${id}`], timeoutMs: TIMEOUT_MS }));
  gateway = await startGateway({
    providers: providersYaml(providers),
    rules: priorityRules(CASES),
    env: { RESOLVER_SCHEDULE_MS: '200,200,400,400,800,800,1600,1600,3200' },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

let sequence = 0;

function operate(id: string, what: 'captures' | 'voids' | 'refunds', body: unknown = {}): Promise<Answer> {
  sequence += 1;
  const headers = { 'idempotency-key': `operation-${sequence}` };
  return gateway.call('POST', `/v1/authorizations/${id}/${what}`, { headers, body });
}

/** Refused for this reason, with nothing sent to the provider. */
async function expectRefused(provider: Case, answer: Promise<Answer>, reason: string): Promise<void> {
  const before = (await gateway.sandbox.requests())[provider];
  const problem = problemIn(await answer, 409, 'operation-not-possible');
  expect(problem).toMatchObject({ reason });
  expect((await gateway.sandbox.requests())[provider]).toBe(before);
}

/** An authorization that the provider holds, and of which the gateway does not know yet. */
async function unknown(provider: Case) {
  const deaf = await gateway.sandbox.addFault({ provider, kind: 'hang', operation: 'inquire', times: null });
  await gateway.sandbox.addFault({ provider, kind: 'hang', processed: true });
  const reference = `order-${provider}`;
  const body = paymentBody(reference, { merchant: `shop-${provider}` });
  const answer = await gateway.authorize(body, `key-${provider}`);
  const { id, status } = authorizationIn(answer);
  expect([answer.status, status]).toEqual([202, 'pending']);
  return { id, reference, heal: () => gateway.sandbox.removeFault(deaf) };
}

const statusOf = async (id: string) => authorizationIn(await gateway.get(`/v1/authorizations/${id}`)).status;

const becomes = (id: string, status: string) =>
  eventually(`it is ${status}`, async () => ((await statusOf(id)) === status ? true : null));

describe('T57: captures and voids while something is not known', () => {
  test.each([
    { provider: 'capture-lost', processed: true },
    { provider: 'capture-not-done', processed: false },
  ] as const)(
    'T57: capture while the attempt is unknown, void while the capture is (carried out: $processed)',
    async ({ provider, processed }) => {
      const { id, reference, heal } = await unknown(provider);
      await expectRefused(provider, operate(id, 'captures'), 'outcome_not_known');
      await expectRefused(provider, operate(id, 'refunds'), 'outcome_not_known');
      await heal();
      await becomes(id, 'approved');

      const deaf = await gateway.sandbox.addFault({
        provider,
        kind: 'hang',
        operation: 'inquire',
        times: null,
      });
      await gateway.sandbox.addFault({ provider, kind: 'hang', operation: 'capture', processed });
      const capture = await operate(id, 'captures');
      expect([capture.status, (capture.json as { status: string }).status]).toEqual([202, 'pending']);
      await expectRefused(provider, operate(id, 'voids'), 'capture_pending');
      await expectRefused(provider, operate(id, 'refunds'), 'not_captured');
      await expectRefused(provider, operate(id, 'captures'), 'nothing_left');
      await gateway.sandbox.removeFault(deaf);
      await becomes(id, 'captured');
      await expectRefused(provider, operate(id, 'voids'), 'already_captured');
      const refund = await operate(id, 'refunds', { amount: { value: 999, currency: 'EUR' } });
      expect((refund.json as { status: string }).status).toBe('succeeded');

      const [entry, ...more] = await gateway.sandbox.entriesOf(reference);
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ provider, live: true, captured_amount: 4999, refunded_amount: 999 });
      const done = entry?.operations.filter(({ status }) => status === 'confirmed') ?? [];
      expect(done.map(({ operation, amount }) => [operation, amount])).toEqual([
        ['capture', 4999],
        ['refund', 999],
      ]);
    },
  );

  test('T57: void while the attempt is unknown: taken, and no capture after it', async () => {
    const provider = 'void-first';
    const { id, reference, heal } = await unknown(provider);
    const voided = await operate(id, 'voids');
    expect([201, 202]).toContain(voided.status);
    problemIn(await operate(id, 'captures'), 409, 'operation-not-possible');
    await heal();
    await becomes(id, 'voided');
    await expectRefused(provider, operate(id, 'captures'), 'already_voided');
    expect(await gateway.sandbox.entriesOf(reference)).toMatchObject([
      { provider, status: 'voided', live: false, captured_amount: 0 },
    ]);
  });
});

test('T57: a person says what became of a capture that nobody can tell of', async () => {
  const provider = 'by-person';
  const body = paymentBody(`order-${provider}`, { merchant: `shop-${provider}` });
  const { id } = authorizationIn(await gateway.authorize(body, `key-${provider}`));
  await gateway.sandbox.addFault({ provider, kind: 'hang', operation: 'inquire', times: null });
  await gateway.sandbox.addFault({
    provider,
    kind: 'hang',
    operation: 'capture',
    times: null,
    processed: true,
  });
  const capture = await operate(id, 'captures');
  const { id: operationId, status } = capture.json as { id: string; status: string };
  expect([capture.status, status]).toEqual([202, 'pending']);

  const close = (resolution: string) =>
    gateway.call('POST', `/v1/operations/${operationId}/resolutions`, {
      body: { resolution, evidence: "looked up in the provider's list of captures" },
    });
  const early = await close('failed');
  const reason = { reason: 'may_be_sent', operation_id: operationId, operation_status: 'pending' };
  expect(problemIn(early, 409, 'operation-not-open')).toMatchObject(reason);
  expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(1_700);
  expect(await statusOf(id)).toBe('approved');

  const closed = await close('succeeded');
  expect(closed.status, closed.text).toBe(200);
  expect(authorizationIn(closed)).toMatchObject({
    id,
    status: 'captured',
    operations: [{ id: operationId, status: 'succeeded' }],
  });
  expect(problemIn(await close('failed'), 409, 'operation-not-open')).toMatchObject({
    reason: 'ended',
    operation_status: 'succeeded',
    authorization_status: 'captured',
  });
  const [entry] = await gateway.sandbox.entriesOf(`order-${provider}`);
  expect(entry).toMatchObject({ live: true, captured_amount: 4999 });
});
