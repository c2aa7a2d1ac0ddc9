import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { replayAnswerSchema } from '../../src/edge/replay-schemas.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { lookAtPostgres } from '../../src/stores/postgres/look-at-postgres.ts';
import { verifyJournal } from '../../src/stores/verify/verify-journal.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** Gateways as people start them, each a process and a folder of its own, over one Postgres. */

const IDS = ['sandbox-a', 'sandbox-b'];
/** Longer than a look at what others changed, much shorter than the look at the folder. */
const FOLLOWED_MS = 4_000;

let server: PostgresServer;
let url: string;
let one: TestGateway;
let two: TestGateway;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

beforeEach(async () => {
  url = await server.emptyDatabase();
  const options = {
    providers: providersYaml(IDS.map((id) => ({ id }))),
    rules: priorityRules(IDS),
    env: { DATABASE_URL: url },
  };
  // Both find the database empty: one makes the schema, and both take up one ruleset.
  [one, two] = await Promise.all([startGateway(options), startGateway(options)]);
});
afterEach(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
});

const versionOf = async (gateway: TestGateway) => {
  const { json } = await gateway.get('/readyz', { key: null });
  return (json as { readonly ruleset: { readonly version: number } }).ruleset.version;
};

describe('two gateways on one Postgres', () => {
  it('name the database they were given, without user and password', async () => {
    const journal = `postgres 127.0.0.1:${server.port}/${new URL(url).pathname.slice(1)} sslmode=disable`;
    const { json, text } = await one.get('/readyz', { key: null });
    expect(json).toMatchObject({ stores: { journal, shared_state: null } });
    expect(one.output.events('listening')).toEqual([
      expect.objectContaining({ journal, shared_state: null }),
    ]);
    expect(decodeURIComponent(new URL(url).password).length).toBeGreaterThan(5);
    for (const said of [text, one.output.text()]) {
      expect(said).not.toContain(new URL(url).password);
      expect(said).not.toContain(decodeURIComponent(new URL(url).password));
    }
  });

  it('answer as one: keys, payments, and what became of them', async () => {
    const first = await one.authorize(paymentBody('order-1'), 'key-1');
    expect([first.status, authorizationIn(first).status]).toEqual([201, 'approved']);
    const again = await two.authorize(paymentBody('order-1'), 'key-1');
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const second = await two.authorize(paymentBody('order-1'), 'key-2');
    expect(second.status).toBe(409);
    expect(second.text).toContain('/problems/payment-live');
    expect((await two.find('acme-eu', 'order-1'))?.id).toBe(authorizationIn(first).id);
  });

  it('take a payment once, however many send it to both', async () => {
    const payments = 20;
    const answers = await Promise.all(
      Array.from({ length: payments * 4 }, (_, index) =>
        (index % 2 === 0 ? one : two).authorize(paymentBody(`order-${index % payments}`), `key-${index}`),
      ),
    );
    const taken = answers.filter(({ status }) => status === 201).map(authorizationIn);
    expect(taken).toHaveLength(payments);
    expect(new Set(taken.map(({ reference }) => reference)).size).toBe(payments);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(payments * 3);
    const books = await Promise.all([one.sandbox.ledger(), two.sandbox.ledger()]);
    const requests = books.flatMap(({ authorizations }) => authorizations);
    expect(requests).toHaveLength(payments);
  });

  it('follow each other: an override, a ruleset', async () => {
    const override = { mode: 'force_open', reason: 'maintenance', expires_in_s: 600 };
    const set = await one.call('PUT', '/v1/providers/sandbox-a/override', { body: override });
    expect(set.status).toBe(200);
    let count = 0;
    await eventually(
      'the override counts at the other gateway',
      async () => {
        count += 1;
        const answer = await two.authorize(paymentBody(`forced-${count}`), `forced-${count}`);
        return authorizationIn(answer).provider === 'sandbox-b' || null;
      },
      { withinMs: FOLLOWED_MS },
    );
    const told = { provider: 'sandbox-a', mode: 'force_open', reason: 'maintenance' };
    for (const [gateway, event] of [
      [one, 'override'],
      [two, 'override_taken_over'],
    ] as const) {
      await eventually(`${event} is told`, async () => gateway.output.events(event).length > 0 || null);
      expect(gateway.output.events(event)).toEqual([expect.objectContaining(told)]);
    }
    expect([one.output.events('override_taken_over'), two.output.events('override')]).toEqual([[], []]);
    expect([await versionOf(one), await versionOf(two)]).toEqual([1, 1]);
    one.writeRules('rules.yaml', priorityRules(IDS.toReversed()));
    await eventually('the edit is in force', async () => (await versionOf(one)) === 2 || null, {
      withinMs: FOLLOWED_MS,
    });
    await eventually('the other follows', async () => (await versionOf(two)) === 2 || null, {
      withinMs: FOLLOWED_MS,
    });
    expect((await server.query(url, 'SELECT cause FROM ruleset_activations ORDER BY sequence')).length).toBe(
      2,
    );
  });

  it('are not taken back to older rules, or left alone, by one that is started again with an old folder', async () => {
    one.writeRules('rules.yaml', priorityRules(IDS.toReversed()));
    await eventually('the edit is in force', async () => (await versionOf(one)) === 2 || null, {
      withinMs: FOLLOWED_MS,
    });
    const override = { mode: 'drain', reason: 'maintenance', expires_in_s: 600 };
    await one.call('PUT', '/v1/providers/sandbox-a/override', { body: override });
    await two.stop();
    await two.restart();
    const { json } = await two.get('/readyz', { key: null });
    expect(json).toMatchObject({
      ruleset: {
        version: 2,
        waiting: { kind: 'superseded', version: 1, why: expect.stringContaining('/activate') },
      },
    });
    expect(two.output.events('ruleset_waits')).toEqual([
      expect.objectContaining({ kind: 'superseded', ruleset: 1, level: 'warn' }),
    ]);
    expect(two.output.events('override_in_force')).toEqual([
      expect.objectContaining({ provider: 'sandbox-a', mode: 'drain', author: expect.any(String) }),
    ]);
    expect((await two.get('/metrics', { key: null })).text).toContain('\npointsman_ruleset_superseded 1\n');
    expect(await versionOf(one)).toBe(2);
    const body = { reason: 'ticket 1', expected_active: 2 };
    expect((await two.call('POST', '/v1/rulesets/1/activate', { body })).status).toBe(200);
    await eventually('it is in force', async () => (await versionOf(one)) === 1 || null, {
      withinMs: FOLLOWED_MS,
    });
    expect((await two.get('/metrics', { key: null })).text).toContain('\npointsman_ruleset_superseded 0\n');
  });

  it('replay rules on the payments of both', async () => {
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        (index % 2 === 0 ? one : two).authorize(paymentBody(`order-${index}`), `key-${index}`),
      ),
    );
    const to = new Date(Date.now() + 1).toISOString();
    const begun = await two.call('POST', '/v1/rulesets/replay', { body: { to, version: 1 } });
    const { id } = replayAnswerSchema.parse(begun.json);
    const done = await eventually('the replay is done', async () => {
      const shown = replayAnswerSchema.parse((await two.get(`/v1/rulesets/replays/${id}`)).json);
      return shown.status === 'running' ? null : shown;
    });
    expect(done).toMatchObject({ status: 'done', ruleset: 1, result: { counts: { payments: 30 } } });
  });

  it('leave a journal in which nothing is found, also when one of them is killed', async () => {
    const send = (gateway: TestGateway, from: number) =>
      Promise.allSettled(
        Array.from({ length: 40 }, (_, index) =>
          gateway.authorize(paymentBody(`order-${from + index}`), `key-${from + index}`),
        ),
      );
    await Promise.all([send(one, 0), send(two, 100)]);
    const dying = send(one, 200);
    const living = send(two, 300);
    await one.kill9();
    await dying;
    const answers = await living;
    expect(
      answers.map((each) => (each.status === 'fulfilled' ? each.value.status : String(each.reason))),
    ).toEqual(answers.map(() => 201));
    expect((await two.stop()).code).toBe(0);
    const findings: unknown[] = [];
    const counts = await lookAtPostgres(url, systemClock, ({ view }) =>
      verifyJournal(view, (finding) => findings.push(finding)),
    );
    expect(findings).toEqual([]);
    expect(counts.authorizations).toBeGreaterThanOrEqual(120);
    expect(counts.seals).toBeGreaterThan(0);
  });
});
