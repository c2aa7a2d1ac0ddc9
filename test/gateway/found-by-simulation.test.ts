import { expect, it } from 'vitest';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import type { OperationStep } from '../support/scripted-provider.ts';

/** Faults that simulations of many processes found, each as the shortest story that shows it. */

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
