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

it.each(['open', 'advance'] as const)(
  'a bug in "%s" of the journal gives the place at the provider back',
  async (method) => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['not_sent'] } });
    const { deps, resolver } = world.process();
    const held = new Map<unknown, 'held' | 'ended'>();
    const journal = new Proxy(deps.journal, {
      get: (target, property) => {
        const isBroken = property === method;
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return isBroken ? async () => Promise.reject(new TypeError('a bug')) : value.bind(target);
      },
    });
    const guards: GatewayDeps['guards'] = {
      view: (lane) => deps.guards.view(lane),
      async admit(lane, queueMs) {
        const admission = await deps.guards.admit(lane, queueMs);
        if (admission.kind !== 'admitted') return admission;
        const { permit } = admission;
        held.set(permit, 'held');
        const end = (): void => {
          expect(held.get(permit)).toBe('held');
          held.set(permit, 'ended');
        };
        const watched: typeof permit = {
          report(signal, retryAfterMs) {
            end();
            permit.report(signal, retryAfterMs);
          },
          release() {
            end();
            permit.release();
          },
        };
        return { ...admission, permit: watched };
      },
    };
    await expect(world.authorize({ deps: { ...deps, journal, guards }, resolver })).rejects.toThrow('a bug');
    expect([...held.values()].length).toBeGreaterThan(0);
    expect([...held.values()].every((state) => state === 'ended')).toBe(true);
  },
);
