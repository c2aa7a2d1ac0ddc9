import { expect, it } from 'vitest';
import { authorize } from '../../src/gateway/authorize.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { sampleCommand } from '../support/sample-request.ts';

it('two accounts of one merchant do not charge a payment twice, and learn nothing of each other', async () => {
  const world = new GatewayWorld();
  const process = world.process();
  const id = idIn(await world.authorize(process));
  const ask = (account: string, idempotencyKey: string) =>
    world.finish(
      authorize(
        sampleCommand({ account, idempotencyKey, receivedAtMs: world.clock.monotonicMs() }),
        process.deps,
      ),
    );
  expect(await ask('acme', 'key-2')).toEqual({ kind: 'payment_live', authorizationId: id });
  expect(await ask('other', 'key-1')).toEqual({ kind: 'payment_held' });
  expect(world.live()).toHaveLength(1);
});
