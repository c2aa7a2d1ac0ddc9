import { expect, it } from 'vitest';
import { applyOutcome } from '../../src/core/lifecycle.ts';
import { changeAuthorization } from '../../src/gateway/change.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import { faultyJournal, type JournalFault } from '../support/faulty-journal.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import type { OperationStep } from '../support/scripted-provider.ts';

/** Faults that simulations of many processes found, each as the shortest story that shows it. */

const HOUR_MS = 3_600_000;

/** What each operation comes to, one after the other; then it is done. */
function operationScript(...steps: readonly OperationStep[]) {
  const left = [...steps];
  return () => left.shift() ?? 'ok';
}

it('a capture that ends after everything before it was refunded is recorded', async () => {
  const world = new GatewayWorld({ provider: { operationStep: operationScript('ok', 'accept', 'ok') } });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  await world.operate(process, id, { kind: 'capture', amount: 1_000 }, 'capture-1');
  await world.operate(process, id, { kind: 'capture', amount: 2_000 }, 'capture-2');
  await world.operate(process, id, { kind: 'refund' }, 'refund-1');
  expect(await world.get(id)).toMatchObject({ status: 'refunded', capturedAmount: 1_000 });
  await world.pass(60_000, process);
  expect(await world.get(id)).toMatchObject({
    status: 'partially_refunded',
    capturedAmount: 3_000,
    refundedAmount: 1_000,
  });
});

it('what is given up to a person is told although the confirmation of the journal is lost', async () => {
  let fault: JournalFault = 'none';
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    provider: { semantics: { notFoundAfterMs: null, validityMs: HOUR_MS } },
    journal: (journal) =>
      faultyJournal(
        journal,
        (name) => (name === 'postponeWork' ? fault : 'none'),
        () => false,
      ),
  });
  const process = world.process();
  await world.authorize(process);
  fault = 'after';
  await world.pass(2 * HOUR_MS, process);
  expect(await world.journal.countWork(world.clock.wallMs())).toMatchObject({ parked: 1 });
  expect(world.told.alerts).toContain('unresolved');
});

it('processes that take turns come to the end of what is not found within minutes', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    action: { attemptsMax: 1 },
    provider: { semantics: { notFoundAfterMs: 60_000 } },
  });
  const id = idIn(await world.authorize(world.process()));
  const turns = Array.from({ length: 8 }, () => world.process());
  for (let second = 0; second < 15 * 60; second += 1) {
    await world.clock.advance(1_000);
    const [next] = turns;
    if (next === undefined) break;
    const looks = world.told.resolved.length;
    await world.look(next);
    if (world.told.resolved.length > looks) turns.push(...turns.splice(0, 1));
  }
  expect(await world.get(id)).toMatchObject({ status: 'failed' });
  expect(world.told.resolved.at(-1)).toBe('attempt inquiry rejected');
  // By then each of them had asked once.
  expect(world.told.resolved.length).toBeGreaterThan(8);
});

it('a schedule that is shorter than the window looks again once the window is over', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    action: { attemptsMax: 1 },
    provider: { semantics: { notFoundAfterMs: 60_000 } },
    schedule: [1_000, 2_000],
  });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  await world.pass(59_000, process);
  expect(await world.get(id)).toMatchObject({ status: 'pending' });
  await world.pass(6_000, process);
  expect(await world.get(id)).toMatchObject({ status: 'failed' });
});

it('a notice that is taken by a process whose clock is ahead takes no attempt from who is sending it', async () => {
  const world = new GatewayWorld({ script: { 'sandbox-a': ['hang_processed'] }, action: { attemptsMax: 1 } });
  const answer = world.begin(world.process());
  await world.clock.advance(500);
  const [open] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
    .data;
  const attempt = open?.attempts[0];
  if (open === undefined || attempt === undefined) throw new Error('no attempt is under way');
  world.clock.jumpWall(600_000);
  const ahead = world.process();
  const outcome = { kind: 'pending', code: null, providerReference: 'psp_1' } as const;
  await changeAuthorization(
    open,
    (current) =>
      applyOutcome(current, 1, outcome, { nowMs: world.clock.wallMs(), validityMs: 0, durationMs: null }),
    { event: { kind: 'noticed', actor: 'webhook sandbox-a', data: {} } },
    ahead.deps,
  );
  expect(await recoverLapsed(ahead.deps)).toBe(0);
  await world.clock.advance(1_000);
  expect(await recoverLapsed(ahead.deps)).toBe(0);
  world.clock.jumpWall(-600_000);
  await world.finish(answer);
  expect(world.told.alerts).not.toContain('lease_expired');
});

it('a request that was turned away is not believed dead once another process has sent it again', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['rejected', 'hang_processed'] },
    latencyMs: 1_000,
    action: { attemptsMax: 1 },
    provider: { semantics: { inquiry: 'none', cancelByReference: false } },
  });
  const sender = world.process();
  const answer = world.begin(sender);
  await world.clock.advance(500);
  const other = world.process();
  // Certain, wrongly, that the sender is dead.
  world.clock.jumpWall(60_000);
  expect(await recoverLapsed({ ...other.deps, soleOwner: true })).toBe(1);
  world.clock.jumpWall(10_000);
  await other.resolver.takeUp();
  const told = idIn(await world.finish(answer));
  await world.finish(other.resolver.idle());
  expect(world.live()).toHaveLength(1);
  expect(await world.get(told)).toMatchObject({ status: 'pending' });
  // Money stands there: nobody else may be asked for the same payment.
  expect(await world.authorize(other, {}, 'key-2')).toMatchObject({ kind: 'payment_live' });
  await world.pass(120_000, other);
  expect(await world.get(told)).toMatchObject({ status: 'approved' });
  expect(world.live()).toHaveLength(1);
});
