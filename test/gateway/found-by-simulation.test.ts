import { expect, it } from 'vitest';
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
