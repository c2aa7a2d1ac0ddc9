import { hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { decisionAnswerSchema, keptDecisionSchema } from '../../src/edge/answer-schemas.ts';
import { runScript } from '../cli/run-script.ts';
import { paymentBody, priorityRules } from '../support/gateway-files.ts';
import { startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Decisions as callers that send themselves meet them: a process, its sockets, two accounts that share providers. */

const ACCOUNTS = ['one', 'two', 'three'] as const;
type Account = (typeof ACCOUNTS)[number];
const keyOf = (account: Account) => `key-of-account-${account}-abcdefghijklmnop`;

const API_KEYS = JSON.stringify(
  ACCOUNTS.map((account) => ({
    id: account,
    account,
    sha256: hash('sha256', keyOf(account), 'hex'),
    merchants: 'all',
    scopes: ['authorize', 'read'],
  })),
);

class Caller {
  readonly #gateway: TestGateway;
  readonly #account: Account;
  #payments = 0;

  constructor(gateway: TestGateway, account: Account) {
    this.#gateway = gateway;
    this.#account = account;
  }

  async decide() {
    this.#payments += 1;
    const body = paymentBody(`${this.#account}-${this.#payments}`);
    const answer = await this.#gateway.call('POST', '/v1/decisions', { body, key: keyOf(this.#account) });
    expect(answer.status).toBe(201);
    return decisionAnswerSchema.parse(answer.json);
  }

  report(id: string, body: object) {
    const path = `/v1/decisions/${id}/outcomes`;
    return this.#gateway.call('POST', path, { body, key: keyOf(this.#account) });
  }

  /** Decides and says that the provider never answered, so many times. */
  async meetSilence(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      const { id, provider } = await this.decide();
      const answer = await this.report(id, { provider, attempt: 1, outcome: 'unknown', latency_ms: 2_000 });
      expect(answer.json).toEqual({ next: 'wait', reason: 'unknown', attempt: null });
    }
  }
}

it('one account’s reports move its own decisions, two accounts’ move everybody’s, and nothing is ever sent', async () => {
  await using gateway = await startGateway({
    rules: priorityRules(['sandbox-a', 'sandbox-b', 'sandbox-c']),
    apiKeys: API_KEYS,
  });
  const [one, two, three] = ACCOUNTS.map((account) => new Caller(gateway, account)) as [
    Caller,
    Caller,
    Caller,
  ];
  const breakers = async () => {
    const { json } = await gateway.get('/v1/providers/sandbox-a', { key: keyOf('three') });
    return (json as { readonly lanes: readonly { readonly breaker: string }[] }).lanes.map(
      (lane) => lane.breaker,
    );
  };
  const foreign = await one.decide();
  expect(
    (await two.report(foreign.id, { provider: 'sandbox-a', attempt: 1, outcome: 'approved' })).status,
  ).toBe(404);

  await one.meetSilence(10);
  expect((await one.decide()).ranking).toEqual(['sandbox-b', 'sandbox-c']);
  expect((await two.decide()).provider).toBe('sandbox-a');
  expect(await breakers()).toEqual(['closed']);

  await two.meetSilence(10);
  expect((await three.decide()).ranking).toEqual(['sandbox-b', 'sandbox-c']);
  expect(await breakers()).toEqual(['open']);
  const paid = await gateway.authorize(paymentBody('paid'), 'key-1', { key: keyOf('three') });
  expect(paid.json).toMatchObject({ provider: 'sandbox-b', status: 'approved' });

  // Three decisions that offered sandbox-b to the accounts, and one payment of ours: only that one was sent.
  expect(await gateway.sandbox.requests()).toEqual({ 'sandbox-a': 0, 'sandbox-b': 1, 'sandbox-c': 0 });
  expect(await gateway.metric('pointsman_caller_decisions_total', '{result="made"}')).toBe(24);
  expect(await gateway.metric('pointsman_caller_decisions_total', '{result="reported"}')).toBe(20);
  expect(
    await gateway.metric(
      'pointsman_caller_reports_total',
      '{provider="sandbox-a",outcome="unknown",next="wait"}',
    ),
  ).toBe(20);

  // A restart keeps what each account had found out.
  await gateway.stop();
  await gateway.restart();
  expect((await one.decide()).ranking).toEqual(['sandbox-b', 'sandbox-c']);
});

it('a decision outlives its process: its key, its reports, and what they were answered', async () => {
  await using gateway = await startGateway({
    rules: priorityRules(['sandbox-a', 'sandbox-b']),
    apiKeys: API_KEYS,
  });
  const key = keyOf('one');
  const asked = { body: paymentBody('kept'), key, headers: { 'idempotency-key': 'kept-1' } };
  const first = await gateway.call('POST', '/v1/decisions', asked);
  const { id } = decisionAnswerSchema.parse(first.json);
  const report = { body: { provider: 'sandbox-a', attempt: 1, outcome: 'rejected', code: '503' }, key };
  const told = await gateway.call('POST', `/v1/decisions/${id}/outcomes`, report);
  expect(told.json).toEqual({ next: 'sandbox-b', reason: 'rejected', attempt: 2 });
  await gateway.kill9();
  await gateway.restart();
  const again = await gateway.call('POST', '/v1/decisions', asked);
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect((await gateway.call('POST', `/v1/decisions/${id}/outcomes`, report)).json).toEqual(told.json);
  const more = { ...report, body: { provider: 'sandbox-b', attempt: 2, outcome: 'approved' } };
  expect((await gateway.call('POST', `/v1/decisions/${id}/outcomes`, more)).json).toEqual({
    next: 'stop',
    reason: 'approved',
    attempt: null,
  });
  const read = await gateway.get(`/v1/decisions/${id}`, { key });
  expect(keptDecisionSchema.parse(read.json)).toMatchObject({
    ...(first.json as object),
    reference: 'kept',
    attempts: [
      { provider: 'sandbox-a', reports: [{ outcome: 'rejected', code: '503', next: 'sandbox-b' }] },
      {
        provider: 'sandbox-b',
        reports: [{ outcome: 'approved', next: 'stop' }],
        routing: { rule: 'in-order' },
      },
    ],
  });
  const query = `/v1/decisions?merchant=acme-eu&reference=kept`;
  expect((await gateway.get(query, { key })).json).toEqual({ data: [read.json], next_cursor: null });
  expect((await gateway.get(query, { key: keyOf('two') })).json).toEqual({ data: [], next_cursor: null });
  expect((await gateway.get(`/v1/decisions/${id}`, { key: keyOf('two') })).status).toBe(404);
  await gateway.stop();
  const verified = await runScript('journal.ts', ['verify', gateway.folders.data]);
  expect([verified.code, verified.stderr]).toEqual([0, '']);
});
