import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isMissing, whyNot } from '../support/debian-programs.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { type Answer, authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { problemIn } from './problem-in.ts';

/**
 * A disk that is full while the gateway runs: the process's limit on the size of files is taken to zero, so that every
 * write to the journal fails, and is given back afterwards. Pipes, and so the log, know no such limit.
 */

const PROVIDERS = ['sandbox-a', 'sandbox-b'];
/** Of util-linux: changes the limits of a process that runs. */
const PRLIMIT = 'prlimit';
const NO_PRLIMIT = isMissing('a journal that cannot be written', whyNot(PRLIMIT));

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    providers: providersYaml(PROVIDERS.map((id) => ({ id, timeoutMs: 6000 }))),
    rules: priorityRules(PROVIDERS),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

function limitFiles(bytes: '0' | 'unlimited'): void {
  const { status, stderr } = spawnSync(PRLIMIT, ['--pid', String(gateway.pid), `--fsize=${bytes}:`]);
  expect(status, stderr.toString()).toBe(0);
}

const authorize = (reference: string, token = 'tok_visa') => {
  const { card, ...rest } = paymentBody(reference);
  return gateway.authorize(
    { ...rest, card: { ...card, tokens: { 'sandbox-a': token } } },
    `key-${reference}`,
  );
};

const settledAs = (reference: string, status: string) =>
  eventually(`${reference} is ${status}`, async () => {
    const found = await gateway.find('acme-eu', reference);
    return found?.status === status ? found : null;
  });

describe.skipIf(NO_PRLIMIT)('a journal that cannot be written (needs prlimit of util-linux)', () => {
  let before: Answer;
  let approved: Promise<Answer>;
  let declined: Promise<Answer>;

  test('nothing is sent, and it is said so', async () => {
    before = await authorize('order-before');
    expect(before.status).toBe(201);
    // Two are at their provider while the disk fills up.
    await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 2000, times: 2 });
    approved = authorize('order-approved');
    declined = authorize('order-declined', 'tok_decline_05');
    await eventually('both are at the provider', async () =>
      (await gateway.sandbox.requests())['sandbox-a'] === 3 ? true : null,
    );
    limitFiles('0');
    for (const reference of ['order-full', 'order-full', 'order-full-2']) {
      const answer = await authorize(reference);
      expect(problemIn(answer, 503, 'journal-unavailable').sent).toBe(false);
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    expect(await gateway.sandbox.requests()).toEqual({ 'sandbox-a': 3, 'sandbox-b': 0 });
    const notReady = await eventually('it is not ready', async () => {
      const answer = await gateway.get('/readyz', { key: null });
      return answer.status === 503 ? answer : null;
    });
    problemIn(notReady, 503, 'not-ready');
    expect((await gateway.get('/healthz', { key: null })).status).toBe(200);
  });

  test('what was recorded before is still told', async () => {
    const { id } = authorizationIn(before);
    expect((await gateway.get(`/v1/authorizations/${id}`)).text).toBe(before.text);
    const again = await authorize('order-before');
    expect([again.status, again.text]).toEqual([201, before.text]);
  });

  test('an outcome that cannot be recorded is pending, and no other provider is tried', async () => {
    for (const answer of [await approved, await declined]) {
      expect(answer.status, answer.text).toBe(202);
      const { status, attempts } = authorizationIn(answer);
      expect(status).toBe('pending');
      expect(attempts).toMatchObject([{ provider: 'sandbox-a', outcome: 'unknown', code: 'not_recorded' }]);
    }
    expect((await gateway.sandbox.requests())['sandbox-b']).toBe(0);
  });

  test('when it can be written again, everything falls into place by itself', async () => {
    limitFiles('unlimited');
    const found = await settledAs('order-approved', 'approved');
    expect(found.attempts).toMatchObject([{ provider: 'sandbox-a', outcome: 'approved' }]);
    expect(authorizationIn(await authorize('order-approved'))).toEqual(found);
    const no = await settledAs('order-declined', 'declined');
    expect(no.attempts).toMatchObject([{ provider: 'sandbox-a', outcome: 'declined', code: 'issuer_05' }]);
    await eventually('it is ready', async () =>
      (await gateway.get('/readyz', { key: null })).status === 200 ? true : null,
    );
    // The keys that were refused are as good as new.
    for (const reference of ['order-full', 'order-full-2']) {
      const answer = await authorize(reference);
      expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([201, null]);
      expect(await gateway.sandbox.entriesOf(reference)).toMatchObject([{ live: true, asked: 1 }]);
    }
    expect(await gateway.sandbox.requests()).toEqual({ 'sandbox-a': 5, 'sandbox-b': 0 });
    const alerts = await gateway.metric('pointsman_alerts_total', '{kind="outcome_not_recorded"}');
    expect(alerts).toBe(2);
  });
});
