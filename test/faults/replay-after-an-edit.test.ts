import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { paymentBody, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** The shares of a split are edited while payments are under way. One story, in order. */

const IDS = ['heads', 'tails'] as const;

const split = (heads: number, tails: number) =>
  `rules:\n  - name: shared\n    then: { split: { heads: ${heads}, tails: ${tails} } }\n`;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    providers: providersYaml(IDS.map((id) => ({ id, timeoutMs: 400 }))),
    rules: split(1_000_000, 1),
    env: { RESOLVER_SCHEDULE_MS: '200,200,400,400,800' },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function attempts(provider: string): Promise<number> {
  const { text } = await gateway.get('/metrics', { key: null });
  const ofProvider = text
    .split('\n')
    .filter((line) => line.startsWith(`pointsman_attempts_total{provider="${provider}"`));
  return ofProvider.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('T55: shares that change between a request and its replay', () => {
  test('T55: the same key gives the same provider and answer, and one attempt counts once', async () => {
    const known = paymentBody('order-known');
    const first = await gateway.authorize(known, 'key-known');
    expect(authorizationIn(first)).toMatchObject({ status: 'approved', provider: 'heads' });

    const deaf = await gateway.sandbox.addFault({
      provider: 'heads',
      kind: 'hang',
      operation: 'inquire',
      times: null,
    });
    await gateway.sandbox.addFault({ provider: 'heads', kind: 'hang', processed: true });
    const unknown = paymentBody('order-unknown');
    const pending = await gateway.authorize(unknown, 'key-unknown');
    expect(authorizationIn(pending)).toMatchObject({ status: 'pending', attempts: [{ provider: 'heads' }] });

    gateway.writeRules('rules.yaml', split(1, 1_000_000));
    await eventually('the edit is in force', async () =>
      (await gateway.metric('pointsman_ruleset_version')) === 2 ? true : null,
    );
    const next = await gateway.authorize(paymentBody('order-next'), 'key-next');
    expect(authorizationIn(next).provider).toBe('tails');

    const requests = await gateway.sandbox.requests();
    const again = await gateway.authorize(known, 'key-known');
    expect([again.status, again.headers.get('idempotent-replayed'), again.text]).toEqual([
      201,
      'true',
      first.text,
    ]);
    const stillPending = authorizationIn(await gateway.authorize(unknown, 'key-unknown'));
    expect(stillPending).toMatchObject({
      id: authorizationIn(pending).id,
      status: 'pending',
      attempts: [{ provider: 'heads', outcome: 'unknown' }],
    });
    expect(await gateway.sandbox.requests(), 'nobody was asked again').toEqual(requests);

    await gateway.sandbox.removeFault(deaf);
    const found = await eventually('it is found out', async () => {
      const now = await gateway.find('acme-eu', 'order-unknown');
      return now?.status === 'approved' ? now : null;
    });
    expect(found).toMatchObject({ provider: 'heads', routing: { ruleset: 1, rule: 'shared' } });
    expect(found.attempts).toHaveLength(1);
    const last = authorizationIn(await gateway.authorize(unknown, 'key-unknown'));
    expect(last).toMatchObject({ id: found.id, status: 'approved', provider: 'heads' });

    // Two attempts there and one here, however often they were asked for; one was found out later, once.
    expect([await attempts('heads'), await attempts('tails')]).toEqual([2, 1]);
    const { text } = await gateway.get('/metrics', { key: null });
    const settled = /^pointsman_resolutions_total\{provider="heads",[^}]*result="approved"\} (\d+)$/gm;
    expect([...text.matchAll(settled)].map(([, count]) => count)).toEqual(['1']);
    for (const reference of ['order-known', 'order-unknown']) {
      expect(await gateway.sandbox.entriesOf(reference)).toMatchObject([{ provider: 'heads', live: true }]);
    }
  });
});
