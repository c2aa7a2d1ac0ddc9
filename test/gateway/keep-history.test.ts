import { expect, it } from 'vitest';
import { purgeHistory, type SealMemory, sealHistory } from '../../src/gateway/keep-history.ts';
import type { Seal } from '../../src/gateway/ports.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { sampleRequest } from '../support/sample-request.ts';

const DAY_MS = 24 * 3_600_000;

it('seals what is new, each seal over the one before, and nothing twice', async () => {
  const world = new GatewayWorld();
  const { deps } = world.process();
  const seals: Seal[] = [];
  const observed = { ...deps, observer: { ...deps.observer, sealed: (seal: Seal) => seals.push(seal) } };
  expect(await sealHistory(observed)).toBe(0);
  await world.authorize(world.process());
  expect(await sealHistory(observed)).toBe(1);
  expect(await sealHistory(observed)).toBe(0);
  await world.authorize(world.process(), { reference: 'order-2' }, 'key-2');
  expect(await sealHistory(observed)).toBe(1);
  expect(seals.map(({ number }) => number)).toEqual([1, 2]);
  expect(new Set(seals.map(({ digest }) => digest)).size).toBe(2);
  expect(seals[1]?.throughEvent).toBeGreaterThan(seals[0]?.throughEvent ?? 0);
});

it('tells of a journal that has forgotten seals, once, and of none that goes on', async () => {
  const world = new GatewayWorld();
  const before = world.process();
  const memory: SealMemory = { newest: null };
  const alerts: string[] = [];
  const sealing = (deps: typeof before.deps) =>
    sealHistory(
      {
        ...deps,
        observer: { ...deps.observer, alert: ({ kind, detail }) => alerts.push(`${kind}: ${detail}`) },
      },
      memory,
    );
  for (const number of [1, 2]) {
    await world.authorize(before, { reference: `order-${number}` }, `key-${number}`);
    expect(await sealing(before.deps)).toBe(1);
  }
  expect(alerts).toEqual([]);
  // The same process, whose database was put back to its beginning.
  const restored = new GatewayWorld();
  const after = restored.process();
  await restored.authorize(after, { reference: 'order-3' }, 'key-3');
  expect(await sealing(after.deps)).toBe(1);
  expect(alerts).toEqual([
    expect.stringMatching(
      /^journal_went_back: seal 1 through event \d+ was made, after seal 2 .*lost-commits/,
    ),
  ]);
  await restored.authorize(after, { reference: 'order-4' }, 'key-4');
  expect(await sealing(after.deps)).toBe(1);
  expect(alerts).toHaveLength(1);
});

it('lets go of what is settled and old enough, never of what is unresolved, nor of its key', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['decline_hard', 'hang_unprocessed', 'approve'] },
    provider: { semantics: { notFoundAfterMs: null, replay: 'none', validityMs: 400 * DAY_MS } },
  });
  const process = world.process();
  const ids: string[] = [];
  for (const number of [1, 2, 3]) {
    const card = { ...sampleRequest().card, id: `card-${number}` };
    ids.push(idIn(await world.authorize(process, { reference: `order-${number}`, card }, `key-${number}`)));
  }
  const [declined = '', pending = '', approved = ''] = ids;
  const deps = { ...process.deps, retentionMs: 90 * DAY_MS };
  expect(await purgeHistory(deps), 'nothing is old').toBe(0);
  await world.clock.advance(91 * DAY_MS);
  expect(await purgeHistory({ ...deps, retentionMs: null }), 'nothing is ever let go of').toBe(0);
  expect(await purgeHistory(deps)).toBe(1);
  expect(await world.journal.findAuthorization(declined)).toBeNull();
  expect((await world.get(pending)).status).toBe('pending');
  expect((await world.get(approved)).status).toBe('approved');
  const scope = (key: string) => ({ account: 'acme', merchant: 'acme-eu', operation: 'authorize', key });
  expect(await world.journal.findClaim(scope('key-1'))).toBeNull();
  expect(await world.journal.findClaim(scope('key-2'))).not.toBeNull();
  expect(await purgeHistory(deps)).toBe(0);
});

it('keeps what may be refunded longer, and then refuses to refund it', async () => {
  const world = new GatewayWorld();
  const process = world.process();
  const id = idIn(await world.authorize(process, { capture: 'automatic' }));
  idIn(await world.authorize(process, { reference: 'order-newest' }, 'key-newest'));
  expect((await world.get(id)).status).toBe('captured');
  const deps = { ...process.deps, retentionMs: 90 * DAY_MS, refundableRetentionMs: 540 * DAY_MS };
  await world.clock.advance(539 * DAY_MS);
  expect(await purgeHistory(deps)).toBe(0);
  // Never sooner than the others, whatever is set.
  expect(await purgeHistory({ ...deps, retentionMs: 600 * DAY_MS, refundableRetentionMs: 1 })).toBe(0);
  await world.clock.advance(2 * DAY_MS);
  expect(await purgeHistory(deps)).toBe(1);
  expect(await world.journal.findAuthorization(id)).toBeNull();
  expect((await world.operate(process, id, { kind: 'refund' })).kind).toBe('not_found');
});
