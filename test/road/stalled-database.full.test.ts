import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectedTo, type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { findingsIn } from './findings-in.ts';
import { problemIn } from './problem-in.ts';

/** A gateway over a database that accepts and does not answer, as callers and operators see it. */

const DEADLINE_MS = 2_000;

let server: PostgresServer;
let url: string;
let gateway: TestGateway;

beforeAll(async () => {
  server = await startPostgres();
  url = await server.emptyDatabase();
  gateway = await startGateway({
    providers: providersYaml([{ id: 'sandbox-a' }]),
    rules: priorityRules(['sandbox-a']),
    env: { DATABASE_URL: url },
  });
  expect((await pay('order-warm')).answer.status).toBe(201);
});
afterAll(async () => {
  await gateway.stop();
  expect(await findingsIn(url)).toEqual([]);
  await gateway[Symbol.asyncDispose]();
  await server.stop();
});

async function pay(reference: string) {
  const startedMs = performance.now();
  const body = { ...paymentBody(reference), deadline_ms: DEADLINE_MS };
  const answer = await gateway.authorize(body, `key-${reference}`);
  return { answer, tookMs: performance.now() - startedMs };
}

const readiness = async () => (await gateway.get('/readyz', { key: null })).status;

/** What each kind of trouble is: it begins, and it ends. */
const TROUBLES: readonly (readonly [string, () => Promise<() => Promise<void>>])[] = [
  [
    'frozen',
    async () => {
      server.freeze();
      return async () => server.thaw();
    },
  ],
  [
    'locked',
    async () => {
      const client = await connectedTo(url);
      await client.query('BEGIN; LOCK TABLE claims IN ACCESS EXCLUSIVE MODE');
      return async () => {
        await client.query('ROLLBACK');
        await client.end();
      };
    },
  ],
];

test('what is at its provider when the database stands still is pending in time, and is found out and told', async () => {
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 600, times: 1 });
  const before = (await gateway.sandbox.requests())['sandbox-a'] ?? 0;
  const paying = pay('order-sent');
  await eventually('it is at the provider', async () =>
    (await gateway.sandbox.requests())['sandbox-a'] === before + 1 ? true : null,
  );
  server.freeze();
  try {
    const { answer, tookMs } = await paying;
    expect([answer.status, authorizationIn(answer).status]).toEqual([202, 'pending']);
    expect(tookMs).toBeLessThan(DEADLINE_MS + 750);
  } finally {
    server.thaw();
  }
  const found = await eventually('it is found out', async () => {
    const { answer } = await pay('order-sent');
    return answer.status === 201 ? authorizationIn(answer) : null;
  });
  expect(found.status).toBe('approved');
  // Its answer did not tell the end: an event of its own does.
  const ends = await eventually('it is told', async () => {
    const { json } = await gateway.get(`/v1/authorizations/${found.id}/events`);
    const { data } = json as {
      readonly data: readonly { readonly evidence: { readonly reason?: string } }[];
    };
    const told = data.filter(({ evidence }) => evidence.reason === 'journal_failed');
    return told.length > 0 ? told : null;
  });
  expect(ends).toHaveLength(1);
  expect(await gateway.sandbox.entriesOf('order-sent')).toMatchObject([{ live: true }]);
}, 60_000);

describe.each(TROUBLES)('a database that is %s', (name, begin) => {
  test('is answered for within the deadline, and takes no more payments until it answers again', async () => {
    const end = await begin();
    const sentBefore = (await gateway.sandbox.requests())['sandbox-a'];
    try {
      const paid = await Promise.all([1, 2, 3].map((index) => pay(`order-${name}-${index}`)));
      for (const { answer, tookMs } of paid) {
        const { detail, sent } = problemIn(answer, 503, 'journal-unavailable');
        expect(detail).toMatch(/could not be confirmed.*Repeat it with the same Idempotency-Key/);
        expect(sent).toBe(false);
        expect(tookMs).toBeLessThan(DEADLINE_MS + 250);
      }
      expect(await readiness(), 'a short stall takes nobody out').toBe(200);
      await eventually('it is not ready', async () => ((await readiness()) === 503 ? true : null), {
        withinMs: 40_000,
      });
      const { text } = await gateway.get('/readyz', { key: null });
      expect(text).toMatch(/not writable for \d+ s: nothing is sent until it is|failing for \d+ s/);
      expect((await gateway.sandbox.requests())['sandbox-a']).toBe(sentBefore);
    } finally {
      await end();
    }
    await eventually('it is ready again', async () => ((await readiness()) === 200 ? true : null), {
      withinMs: 40_000,
    });
    // Nothing was charged, and each key shows what became of it: sent now, or closed as never sent.
    for (const index of [1, 2, 3]) {
      const status = await eventually(
        'the key gives an end',
        async () => {
          const { answer } = await pay(`order-${name}-${index}`);
          return answer.status === 201 ? authorizationIn(answer).status : null;
        },
        { withinMs: 40_000 },
      );
      expect(['approved', 'failed']).toContain(status);
      expect(await gateway.sandbox.entriesOf(`order-${name}-${index}`)).toHaveLength(
        status === 'approved' ? 1 : 0,
      );
    }
    expect((await pay(`order-${name}-after`)).answer.status).toBe(201);
  }, 180_000);
});
