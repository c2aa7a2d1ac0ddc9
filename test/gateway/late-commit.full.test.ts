import { afterAll, beforeAll, expect, it } from 'vitest';
import { authorize } from '../../src/gateway/authorize.ts';
import { operate } from '../../src/gateway/operate.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../src/stores/postgres/postgres-journal.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleCommand, sampleRequest } from '../support/sample-request.ts';
import { ScriptedProvider } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** Longer than a statement and the grace after it are waited for: its client has given it up. */
const AWAY_MS = 9_000;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(() => server.stop());

const passed = (ms: number) =>
  new Promise<void>((resolve) => {
    systemClock.after(ms, resolve);
  });

/** Whether commits wait for a copy that is not there. */
async function letCopyBeAway(url: string, isAway: boolean): Promise<void> {
  const setting = isAway
    ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
    : 'ALTER SYSTEM RESET synchronous_standby_names';
  await server.query(url, setting);
  await server.query(url, 'SELECT pg_reload_conf()');
  await passed(300);
}

/** A process over the journal, whose provider approves everything. */
function processOver(journal: Journal) {
  const provider = new ScriptedProvider(
    'sandbox-a',
    systemClock,
    () => 'approve',
    () => 20,
  );
  const deps = roadDeps({
    clock: systemClock,
    random: new SeededRandom(1),
    journal,
    provider: () => provider,
    owner: 'pod-1',
    leaseMs: 5_000,
    action: { attemptsMax: 1, deadlineMs: 4_000 },
  });
  const pay = (number: number) =>
    authorize(
      sampleCommand({
        idempotencyKey: `key-${number}`,
        request: sampleRequest({ reference: `order-${number}` }),
        receivedAtMs: systemClock.monotonicMs(),
      }),
      deps,
    );
  const change = (authorizationId: string, kind: 'capture' | 'refund', amount: number) =>
    operate(
      {
        account: 'acme',
        covers: () => true,
        authorizationId,
        kind,
        amount,
        final: false,
        currency: null,
        idempotencyKey: kind,
        bodyFingerprint: kind.padEnd(64, '0'),
        traceparent: null,
        receivedAtMs: systemClock.monotonicMs(),
      },
      deps,
    );
  return { provider, deps, pay, change };
}

it('intents whose commits waited for a copy, told as not sent, are ended as such once they land', async () => {
  const url = await server.database();
  const journal = await openPostgresJournal({ url, migrate: 'off', poolSize: 10, clock: systemClock });
  const { provider, deps, pay, change } = processOver(journal);
  const first = await pay(1);
  const authorizationId = first.kind === 'answered' ? first.authorizationId : '';
  expect((await change(authorizationId, 'capture', 4_999)).kind).toBe('answered');

  await letCopyBeAway(url, true);
  const fromMs = systemClock.monotonicMs();
  const answers = Promise.all([pay(2), change(authorizationId, 'refund', 100)]);
  let isOver = false;
  const housekeeping = (async () => {
    while (!isOver) {
      await deps.unrecorded.retry(deps);
      await passed(1_000);
    }
  })();
  expect((await answers).map(({ kind }) => kind)).toEqual(['journal_unavailable', 'journal_unavailable']);
  await passed(Math.max(0, fromMs + AWAY_MS - systemClock.monotonicMs()));
  await letCopyBeAway(url, false);
  // Shorter than the lease of the payment: nobody else may have closed it before.
  await passed(3_500);
  isOver = true;
  await housekeeping;

  const rows = await server.query(
    url,
    `SELECT a.reference, a.status, a.open, o.kind, o.status AS ended FROM authorizations a
       LEFT JOIN operations o ON o."authorization" = a.sequence ORDER BY a.reference, o.number`,
  );
  expect(rows).toEqual([
    expect.objectContaining({ reference: 'order-1', kind: 'capture', ended: 'succeeded' }),
    expect.objectContaining({ reference: 'order-1', kind: 'refund', ended: 'failed' }),
    expect.objectContaining({ reference: 'order-2', status: 'failed' }),
  ]);
  expect(provider.carriedOut.refund).toBe(0);
  expect(provider.books).toHaveLength(1);
  expect(deps.unrecorded).toMatchObject({ size: 0, missing: 0 });
  await journal.close();
}, 60_000);
