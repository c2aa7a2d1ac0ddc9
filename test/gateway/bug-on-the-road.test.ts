import { expect, it } from 'vitest';
import type { GatewayDeps } from '../../src/gateway/gateway-deps.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';

it('estimates that are no numbers are a bug and told as one: nothing is sent, and no journal is blamed', async () => {
  const world = new GatewayWorld();
  const { deps, resolver } = world.process();
  const bare = { mean: Number.NaN, deviation: 0.05, level: 'bin', n: 3 } as const;
  const broken: GatewayDeps = { ...deps, learner: { ...deps.learner, approval: () => bare } };
  await expect(world.authorize({ deps: broken, resolver })).rejects.toThrow(
    'the estimates of sandbox-a are numbers',
  );
  expect(world.told.alerts).toEqual([]);
  expect([...world.providers.values()].flatMap(({ seen }) => seen)).toEqual([]);
  // The key is not used up.
  const id = idIn(await world.authorize({ deps, resolver }));
  expect((await world.get(id)).status).toBe('approved');
});
