import { describe, expect, it } from 'vitest';
import { LeaseWatch } from '../../src/gateway/lease-watch.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { stage } from '../support/gateway-stubs.ts';
import { GatewayWorld } from '../support/gateway-world.ts';
import { Machine } from '../support/machine.ts';
import { sampleAuthorization } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

describe('a lease', () => {
  const HELD = { authorizationId: 'auth_one', lease: { owner: 'pod-1 call_x', untilMs: 9_999_999_999_999 } };
  const here = (listed: () => readonly (typeof HELD)[]) => {
    const taken: unknown[] = [];
    const set = stage({
      journal: {
        listHeldWork: async () => listed(),
        takeOverWork: async (...how) => {
          taken.push(how[0]);
          return false;
        },
        findAuthorization: async () => sampleAuthorization([SAMPLE_OUTCOMES.unknown]),
      },
    });
    return { ...set, taken, watch: new LeaseWatch(set.deps) };
  };

  it('is watched for its whole time', async () => {
    const { watch, clock, taken } = here(() => [HELD]);
    await watch.look();
    await clock.advance(179_999);
    await watch.look();
    expect(taken).toEqual([]);
    await clock.advance(1);
    await watch.look();
    expect(taken).toEqual([HELD]);
  });

  it.each([
    ['was prolonged', { ...HELD, lease: { ...HELD.lease, untilMs: 9_999_999_999_998 } }],
    ['is somebody else’s now', { ...HELD, lease: { ...HELD.lease, owner: 'pod-1 call_y' } }],
    ['is of another authorization', { ...HELD, authorizationId: 'auth_two' }],
  ])('that %s is watched anew', async (_, next) => {
    let listed = [HELD];
    const { watch, clock, taken } = here(() => listed);
    await watch.look();
    await clock.advance(180_000);
    listed = [next];
    await watch.look();
    await clock.advance(179_000);
    await watch.look();
    expect(taken).toEqual([]);
  });

  it('that was gone in between is watched anew', async () => {
    let listed = [HELD];
    const { watch, clock, taken } = here(() => listed);
    await watch.look();
    listed = [];
    await clock.advance(90_000);
    await watch.look();
    listed = [HELD];
    await clock.advance(90_000);
    await watch.look();
    expect(taken).toEqual([]);
  });

  it('is not taken for over by a wall clock that jumps', async () => {
    const { watch, clock, taken } = here(() => [HELD]);
    await watch.look();
    clock.jumpWall(24 * 3_600_000);
    await watch.look();
    expect(taken).toEqual([]);
  });

  it('of a person’s word is left to its end', async () => {
    const { watch, clock, taken } = here(() => [
      { ...HELD, lease: { ...HELD.lease, owner: 'pod-1 closes cap_one_1' } },
    ]);
    await watch.look();
    await clock.advance(3_600_000);
    await watch.look();
    expect(taken).toEqual([]);
  });

  it('is nobody’s business where the journal cannot be read', async () => {
    const { deps, told } = stage();
    expect(await new LeaseWatch(deps).look()).toBe(0);
    expect(told.map(({ kind }) => kind)).toEqual(['journal_failed']);
  });
});

it('a machine’s clocks stand still with it, and its timers with them', async () => {
  const base = new FakeClock();
  const world = new GatewayWorld();
  const still = new Machine(world.process(), base, { clocksStop: true });
  const goes = new Machine(world.process(), base);
  const fired: string[] = [];
  still.clock.after(1_000, () => fired.push('still'));
  goes.clock.after(1_000, () => fired.push('goes'));
  const wallMs = still.clock.wallMs();
  still.stop();
  goes.stop();
  await base.advance(5_000);
  expect([still.clock.monotonicMs(), still.clock.wallMs() - wallMs]).toEqual([0, 0]);
  expect(goes.clock.monotonicMs()).toBe(5_000);
  still.wake();
  goes.wake();
  expect(fired).toEqual(['goes']);
  await base.advance(999);
  expect(fired).toEqual(['goes']);
  await base.advance(1);
  expect(fired).toEqual(['goes', 'still']);
});
