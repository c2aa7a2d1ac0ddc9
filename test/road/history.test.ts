import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportEvents } from '../../src/stores/export-events.ts';
import { openReadOnly } from '../../src/stores/sqlite/database-files.ts';
import { SqliteView } from '../../src/stores/sqlite/sqlite-view.ts';
import { eventually } from '../support/eventually.ts';
import { paymentBody, priorityRules, providersYaml } from '../support/gateway-files.ts';
import { authorizationIn, startGateway, type TestGateway } from '../support/start-gateway.ts';

/** What whoever is on call reads of one payment, and what an auditor compares it with. */

interface EventView {
  readonly sequence: number;
  readonly kind: string;
  readonly actor: string;
  readonly status: { readonly from: string | null; readonly to: string } | null;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

async function eventsOf(gateway: TestGateway, id: string): Promise<readonly EventView[]> {
  const { json } = await gateway.get(`/v1/authorizations/${id}/events`);
  return (json as { readonly data: readonly EventView[] }).data;
}

/** Hashes of an authorization as the export of the stopped gateway's journal has them. */
async function exportedHashes(gateway: TestGateway, id: string): Promise<readonly string[]> {
  const journal = openReadOnly(join(gateway.folders.data, 'journal.sqlite'));
  try {
    let text = '';
    for await (const lines of exportEvents(new SqliteView(journal.database))) text += lines;
    const lines = text.trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { authorization: string; hash: string });
    return events.filter(({ authorization }) => authorization === id).map(({ hash }) => hash);
  } finally {
    journal.close();
  }
}

test('an outcome that is lost, found out, captured and given back is told event by event', async () => {
  await using gateway = await startGateway({
    providers: providersYaml([{ id: 'sandbox-a', timeoutMs: 500 }, { id: 'sandbox-b' }]),
    rules: priorityRules(['sandbox-a', 'sandbox-b']),
    env: { RESOLVER_SCHEDULE_MS: '200,200,200,200,200,200,200,200' },
  });
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'refuse' });
  const first = authorizationIn(await gateway.authorize(paymentBody('order-1'), 'key-1'));
  const headers = (key: string) => ({ 'idempotency-key': key });
  const path = `/v1/authorizations/${first.id}`;
  await gateway.call('POST', `${path}/captures`, { body: {}, headers: headers('key-2') });
  await gateway.call('POST', `${path}/refunds`, { body: {}, headers: headers('key-3') });
  const events = await eventsOf(gateway, first.id);
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events.map(({ kind }) => kind)).toEqual([
    'opened',
    'failed_over',
    'concluded',
    'operation_begun',
    'operation_ended',
    'operation_begun',
    'operation_ended',
  ]);
  expect(events.flatMap(({ status }) => (status === null ? [] : [status]))).toEqual([
    { from: null, to: 'pending' },
    { from: 'pending', to: 'approved' },
    { from: 'approved', to: 'captured' },
    { from: 'captured', to: 'refunded' },
  ]);
  expect(events[1]).toMatchObject({
    actor: 'gateway',
    evidence: { reason: 'not_sent' },
    attempts: [
      { provider: 'sandbox-a', outcome: 'not_sent', code: 'ECONNREFUSED' },
      { provider: 'sandbox-b', outcome: null },
    ],
  });

  // Approved too late for its time limit, and the inquiry within the request is told nothing.
  await gateway.sandbox.clearFaults();
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'late', delay_ms: 1_500, times: 1 });
  await gateway.sandbox.addFault({ provider: 'sandbox-a', kind: 'error', operation: 'inquire', times: 1 });
  const second = authorizationIn(await gateway.authorize(paymentBody('order-2'), 'key-4'));
  const resolved = await eventually('it is found out', async () => {
    const told = await eventsOf(gateway, second.id);
    return told.some(({ status }) => status?.to === 'approved') ? told : null;
  });
  expect(resolved.find(({ status }) => status?.to === 'approved')).toMatchObject({
    kind: 'resolved',
    actor: 'resolver',
    attempts: [{ outcome: 'approved' }],
    evidence: { by: 'inquiry', told: { result: 'approved' } },
  });

  await gateway.stop();
  expect(await exportedHashes(gateway, first.id)).toEqual(events.map(({ hash }) => hash));
});
