import { describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/gateway/ports.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { Sightings } from '../../src/gateway/sightings.ts';
import { LaneBreaker } from '../../src/guards/lane-breaker.ts';
import { ProviderLimit } from '../../src/guards/provider-limit.ts';
import { SlidingRetryBudget } from '../../src/guards/sliding-retry-budget.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { sampleContract } from '../support/sample-ruleset.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

/** Wall clocks that jump, and machines whose clocks differ, by ten minutes. */

const MINUTE_MS = 60_000;
const JUMP_MS = 10 * MINUTE_MS;

/** The process on a machine whose wall clock is off by that much. */
function onMachine({ deps: plain }: WorldProcess, clock: FakeClock, offMs: number): WorldProcess {
  const machine: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs() + offMs,
    after: (delayMs, action) => clock.after(delayMs, action),
  };
  const deps = { ...plain, clock: machine, sightings: new Sightings(machine) };
  return { deps, resolver: new Resolver(deps) };
}

interface Case {
  readonly name: string;
  /** Jump of the wall clock of the first machine while the request is out. */
  readonly inFlightMs: number;
  /** And once its outcome is not known. */
  readonly afterwardsMs: number;
  /** How far the clock of the second machine is off; null: there is none. */
  readonly secondOffMs: number | null;
}

const CASES: readonly Case[] = [
  { name: 'no jump', inFlightMs: 0, afterwardsMs: 0, secondOffMs: null },
  { name: 'forward in flight', inFlightMs: JUMP_MS, afterwardsMs: 0, secondOffMs: null },
  { name: 'back in flight', inFlightMs: -JUMP_MS, afterwardsMs: 0, secondOffMs: null },
  { name: 'forward afterwards', inFlightMs: 0, afterwardsMs: JUMP_MS, secondOffMs: null },
  { name: 'back afterwards', inFlightMs: 0, afterwardsMs: -JUMP_MS, secondOffMs: null },
  { name: 'forward and back', inFlightMs: JUMP_MS, afterwardsMs: -JUMP_MS, secondOffMs: null },
  { name: 'a second machine ahead', inFlightMs: 0, afterwardsMs: 0, secondOffMs: JUMP_MS },
  { name: 'a second machine behind', inFlightMs: 0, afterwardsMs: 0, secondOffMs: -JUMP_MS },
  {
    name: 'a second machine ahead, the first jumps back',
    inFlightMs: -JUMP_MS,
    afterwardsMs: 0,
    secondOffMs: JUMP_MS,
  },
  {
    name: 'a second machine behind, the first jumps forward',
    inFlightMs: 0,
    afterwardsMs: JUMP_MS,
    secondOffMs: -JUMP_MS,
  },
];

const STEPS: readonly { readonly step: ScriptStep; readonly status: string; readonly live: number }[] = [
  { step: 'hang_processed', status: 'approved', live: 1 },
  // Processed 5 s past the deadline, within the provider's window of 10 s.
  { step: 'land_late', status: 'approved', live: 1 },
  { step: 'hang_unprocessed', status: 'failed', live: 0 },
];

const ALL = STEPS.flatMap((step) => CASES.map((each) => ({ ...each, ...step })));

describe('T48: an outcome that is not known while clocks jump or differ', () => {
  test.each(ALL)('$step, $name', async (each) => {
    let reachable = false;
    const world = new GatewayWorld({
      script: { 'sandbox-a': [each.step] },
      schedule: [1_000, 1_000, 2_000, 5_000, 10_000, 30_000, MINUTE_MS],
      provider: { inquiryStep: () => (reachable ? 'ok' : 'fail') },
    });
    const first = world.process();
    const processes = [first];
    if (each.secondOffMs !== null) {
      processes.push(onMachine(world.process(), world.clock, each.secondOffMs));
    }
    const startedMs = world.clock.monotonicMs();
    const begun = world.begin(first);
    // While it is sent, everybody looks at what lies there.
    for (let passed = 0; passed < 500; passed += 100) {
      await world.clock.advance(100);
      for (const process of processes) await world.look(process);
    }
    world.clock.jumpWall(each.inFlightMs);
    for (const process of processes) await world.look(process);
    const result = await world.finish(begun);
    expect(world.clock.monotonicMs() - startedMs, 'the deadline is no matter of the date').toBeLessThan(
      8_500,
    );
    const id = idIn(result);
    expect((await world.get(id)).status).toBe('pending');
    world.clock.jumpWall(each.afterwardsMs);
    reachable = true;
    // The provider's window is not over, whatever the clocks say.
    await world.pass(3_000, ...processes);
    const early = await world.get(id);
    expect(early.status, 'no negative before the window is over').not.toBe('failed');
    await world.pass(2 * MINUTE_MS, ...processes);
    // A clock that went back makes everything that goes by it later: a day is enough.
    for (let hour = 0; hour < 30; hour += 1) {
      await world.clock.advance(60 * MINUTE_MS);
      for (const process of processes) await world.look(process);
    }
    const end = await world.get(id);
    expect([end.status, world.live().length]).toEqual([each.status, each.live]);
    expect(world.told.alerts.filter((kind) => kind === 'lease_expired')).toEqual([]);
    const seen = [...world.providers.values()].map((provider) => provider.seen.length);
    expect(seen, 'nobody else was asked, and it once').toEqual([1, 0, 0]);
  });
});

describe('T48: a key that the provider forgets is not used again, by whatever clock', () => {
  const LIFETIME_MS = 90 * MINUTE_MS;
  /** A repeat may be held back on its way this long, and must not be a new payment when it arrives. */
  const UNDER_WAY_MS = 60 * MINUTE_MS;
  test.each([
    { afterMinutes: 5, jumpMinutes: 0, bySender: true, byAnother: true },
    { afterMinutes: 9, jumpMinutes: 0, bySender: true, byAnother: true },
    { afterMinutes: 11, jumpMinutes: 0, bySender: false, byAnother: false },
    { afterMinutes: 5, jumpMinutes: 10, bySender: false, byAnother: false },
    // The clock says 9 minutes, 19 in truth: the sender's monotonic clock knows, and the key still lives for another.
    { afterMinutes: 19, jumpMinutes: -10, bySender: false, byAnother: true },
    { afterMinutes: 21, jumpMinutes: -10, bySender: false, byAnother: false },
    { afterMinutes: 29, jumpMinutes: -10, bySender: false, byAnother: false },
    { afterMinutes: 89, jumpMinutes: -10, bySender: false, byAnother: false },
    { afterMinutes: 99, jumpMinutes: -10, bySender: false, byAnother: false },
    { afterMinutes: 29, jumpMinutes: -20, bySender: false, byAnother: true },
    { afterMinutes: 31, jumpMinutes: -20, bySender: false, byAnother: false },
    // By such a clock the request is yet to come.
    { afterMinutes: 5, jumpMinutes: -10, bySender: false, byAnother: false },
  ])(
    'after $afterMinutes min, a clock off by $jumpMinutes min: by the sender $bySender, by another $byAnother',
    async ({ afterMinutes, jumpMinutes, bySender, byAnother }) => {
      const cases = [
        { looks: 'sender', repeated: bySender },
        { looks: 'another', repeated: byAnother },
      ];
      for (const { looks, repeated } of cases) {
        const world = new GatewayWorld({
          script: { 'sandbox-a': ['hang_processed'] },
          schedule: [1_000],
          provider: { semantics: { inquiry: 'none', replay: 'same_answer', keyLifetimeMs: LIFETIME_MS } },
        });
        const first = world.process();
        const provider = world.providers.get('sandbox-a');
        if (provider === undefined) throw new Error('there is a first provider');
        const send = provider.authorize.bind(provider);
        const sentMs: number[] = [];
        vi.spyOn(provider, 'authorize').mockImplementation((call) => {
          sentMs.push(world.clock.monotonicMs());
          return send(call);
        });
        const id = idIn(await world.authorize(first));
        expect(sentMs).toHaveLength(1);
        await world.clock.advance(afterMinutes * MINUTE_MS - world.clock.monotonicMs());
        const jumpMs = jumpMinutes * MINUTE_MS;
        // The first machine's clock has jumped, or another one looks whose clock is off.
        if (looks === 'sender') world.clock.jumpWall(jumpMs);
        await world.look(looks === 'sender' ? first : onMachine(world.process(), world.clock, jumpMs));
        expect(sentMs.length - 1).toBe(repeated ? 1 : 0);
        for (const ms of sentMs) expect(ms - (sentMs[0] ?? 0) + UNDER_WAY_MS).toBeLessThan(LIFETIME_MS);
        expect((await world.get(id)).status).toBe(repeated ? 'approved' : 'pending');
        expect(world.live()).toHaveLength(1);
      }
    },
  );
});

describe('T48: guards go by the monotonic clock', () => {
  test.each([
    ['forward', JUMP_MS],
    ['back', -JUMP_MS],
  ])('a clock that jumps %s', async (_, jumpMs) => {
    const clock = new FakeClock();
    const limit = new ProviderLimit({ perSecond: 10, concurrent: 10 }, clock);
    limit.closeFor(120_000);
    const budget = new SlidingRetryBudget(clock);
    let withdrawn = 0;
    while (budget.withdraw()) withdrawn += 1;
    expect(withdrawn).toBeGreaterThan(0);
    const contract = sampleContract('sandbox-a');
    const breaker = new LaneBreaker(contract.breaker, clock, () => {});
    for (let call = 0; call < contract.breaker.volume; call += 1) breaker.report(breaker.enter(), 'failure');
    expect(breaker.state).toBe('open');

    await clock.advance(1_000);
    clock.jumpWall(jumpMs);
    expect(limit.closedForMs).toBe(119_000);
    expect(limit.tryTake()).toBe('limit_per_second');
    expect(budget.withdraw()).toBe(false);
    expect(breaker.reopensInMs).toBe(contract.breaker.resetMs - 1_000);
    await clock.advance(119_000);
    // The bucket is empty when it opens, and fills from then on.
    await clock.advance(100);
    expect(limit.tryTake()).toBe(null);
    expect(budget.withdraw()).toBe(true);
    breaker.close();
  });
});
