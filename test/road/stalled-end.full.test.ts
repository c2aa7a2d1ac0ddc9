import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/guards/system-clock.ts';
import { endsWithinMs } from '../../src/start/end-in-order.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';
import { findingsIn } from './findings-in.ts';

/** The end of a gateway over a database that accepts and does not answer. */

const DRAIN_MS = 1_000;
/** Of a busy machine. */
const GRACE_MS = 3_000;

let server: PostgresServer;
let url: string;
let gateway: TestGateway;

beforeAll(async () => {
  server = await startPostgres();
  url = await server.emptyDatabase();
  gateway = await startGateway({
    providers: providersYaml([{ id: 'sandbox-a' }]),
    rules: priorityRules(['sandbox-a']),
    env: { DATABASE_URL: url, DRAIN_TIMEOUT_MS: String(DRAIN_MS) },
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await server.stop();
});

test('it ends in order and in time, and tells what it leaves', async () => {
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 1_000, times: 1 });
  const paying = gateway.authorize({ ...paymentBody('order-sent'), deadline_ms: 2_000 }, 'key-sent');
  await eventually('it is at the provider', async () =>
    (await gateway.sandbox.requests())['sandbox-a'] === 1 ? true : null,
  );
  server.freeze();
  try {
    const answer = await paying;
    expect([answer.status, authorizationIn(answer).status]).toEqual([202, 'pending']);
    // What runs beside the road has begun what does not come back.
    await new Promise<void>((resolve) => {
      systemClock.after(1_500, resolve);
    });
    const startedMs = performance.now();
    const { code } = await gateway.stop();
    const tookMs = performance.now() - startedMs;
    console.log(
      `ended with ${code} after ${Math.round(tookMs)} ms, of ${endsWithinMs(DRAIN_MS)} at the most`,
    );
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(endsWithinMs(DRAIN_MS) + GRACE_MS);
    const kinds = gateway.output.events('alert').map(({ kind }) => kind);
    expect(kinds).toContain('unrecorded_left');
  } finally {
    server.thaw();
  }
  expect(await eventually('the journal is sound', async () => findingsIn(url))).toEqual([]);
}, 120_000);
