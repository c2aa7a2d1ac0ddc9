import { describe, expect, it } from 'vitest';
import type { ProviderSemantics } from '../../src/core/resolution.ts';
import { CrashJournal } from '../support/crash-journal.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { Machine, type StopPoint } from '../support/machine.ts';

/** Two processes on one journal, each with clocks of its own; one of them dies, or stands still, in the midst of an operation. */

const MINUTE_MS = 60_000;
const SKEW_MS = 10 * MINUTE_MS;
/** A lease is watched for three minutes; then what it held is looked at, and found out. */
const SETTLED_WITHIN_MS = 200_000;
const SKEWS = [
  ['clocks that agree', 0, 0],
  ['the dead one ahead', SKEW_MS, 0],
  ['the dead one behind', -SKEW_MS, 0],
  ['the other ahead', 0, SKEW_MS],
  ['the other behind', 0, -SKEW_MS],
  ['both off, apart', SKEW_MS, -SKEW_MS],
  ['both off, the other way', -SKEW_MS, SKEW_MS],
] as const;
const KINDS = ['capture', 'void', 'refund'] as const;
type Kind = (typeof KINDS)[number];
const DONE = { capture: 'captured', void: 'voided', refund: 'refunded' } as const;

async function prepared(kind: Kind, semantics: Partial<ProviderSemantics> = {}) {
  const world = new GatewayWorld({ provider: { semantics }, latencyMs: 100 });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  if (kind === 'refund') await world.operate(process, id, { kind: 'capture' }, 'before');
  const provider = world.providers.get('sandbox-a');
  if (provider === undefined) throw new Error('no provider');
  return { world, id, provider };
}

/** Lets so much time pass, and no more, with looks of these processes every second of it. */
async function passed(world: GatewayWorld, ms: number, ...processes: readonly WorldProcess[]): Promise<void> {
  const endMs = world.clock.monotonicMs() + ms;
  const stepMs = Math.max(1_000, ms / 1_000);
  while (world.clock.monotonicMs() < endMs) {
    await world.clock.advance(Math.min(stepMs, endMs - world.clock.monotonicMs()));
    for (const process of processes) await world.look(process);
  }
}

const machine = (world: GatewayWorld, offMs: number, clocksStop = false) =>
  new Machine(world.process(), world.clock, { offMs, clocksStop });

/** Names of the journal's calls that an operation makes, in order. */
async function callsOf(kind: Kind): Promise<readonly string[]> {
  const { world, id } = await prepared(kind);
  const crash = new CrashJournal(world.journal, null);
  const { deps, resolver } = world.process();
  await world.operate({ deps: { ...deps, journal: crash.journal }, resolver }, id, { kind });
  return crash.calls;
}

describe.each(KINDS)('a process that dies in the midst of a %s', (kind) => {
  it.each(SKEWS)('is followed by the other within minutes, wherever it died: %s', async (_, its, others) => {
    const calls = await callsOf(kind);
    expect(calls.length).toBeGreaterThan(2);
    let begunOnly = 0;
    const points = calls.flatMap((__, call) => [
      { call, when: 'before' as const },
      { call, when: 'after' as const },
    ]);
    for (const point of points) {
      const { world, id, provider } = await prepared(kind);
      const dying = machine(world, its);
      const crash = new CrashJournal(dying.process.deps.journal, point);
      const deps = { ...dying.process.deps, journal: crash.journal };
      const before = provider.carriedOut[kind];
      void world.beginOperation({ deps, resolver: dying.process.resolver }, id, { kind });
      for (let turn = 0; turn < 10; turn += 1) await world.clock.advance(100);
      expect(crash.dead, JSON.stringify(point)).toBe(true);
      const begun = (await world.get(id)).operations.filter((each) => each.kind === kind);
      const other = machine(world, others);
      await passed(world, SETTLED_WITHIN_MS, other.process);
      const carriedOut = provider.carriedOut[kind] - before;
      const where = `${point.when} ${calls[point.call]}, call ${point.call}`;
      expect(carriedOut, where).toBe(begun.length);
      if (begun.length === 0) continue;
      begunOnly += 1;
      expect((await world.get(id)).status, where).toBe(DONE[kind]);
      expect(await world.journal.listHeldWork(0, 10), where).toEqual([]);
    }
    expect(begunOnly).toBeGreaterThan(2);
  });

  it.each(
    SKEWS.flatMap(([name, its, others]) =>
      (['before_send', 'after_send'] as const).map((point) => [point, name, its, others] as const),
    ),
  )('also when it never comes back from its provider: %s, %s', async (point, _, its, others) => {
    const { world, id, provider } = await prepared(kind);
    const dying = machine(world, its);
    dying.stopAt(kind, point);
    void world.beginOperation(dying.process, id, { kind });
    await world.clock.advance(1_000);
    expect(dying.isStopped).toBe(true);
    const other = machine(world, others);
    // Nobody takes from it what it may be sending still.
    await passed(world, 165_000, other.process);
    expect((await world.get(id)).operations.at(-1)).toMatchObject({ status: 'pending' });
    await passed(world, SETTLED_WITHIN_MS - 165_000, other.process);
    expect((await world.get(id)).status).toBe(DONE[kind]);
    expect(provider.carriedOut[kind]).toBe(1);
    expect(world.told.alerts).toContain('lease_expired');
    const ended = (await world.journal.history(id)).filter((event) => event.kind === 'lease_ended');
    expect(ended).toMatchObject([{ actor: 'recovery', data: { owner: expect.stringContaining(' call_') } }]);
  });
});

describe('a process that is not dead, and goes on', () => {
  const MOMENT_MS = 500;
  const PAUSES: readonly (readonly [string, StopPoint, boolean, number])[] = [
    ['for a moment, before it sends', 'before_send', false, MOMENT_MS],
    ['for longer than its lease is watched, before it sends', 'before_send', false, 5 * MINUTE_MS],
    ['the same, after it has sent', 'after_send', false, 5 * MINUTE_MS],
    ['with both clocks, before it sends', 'before_send', true, 5 * MINUTE_MS],
    ['with both clocks, after it has sent', 'after_send', true, 5 * MINUTE_MS],
    ['for an hour', 'before_send', false, 60 * MINUTE_MS],
    ['for an hour, with both clocks', 'before_send', true, 60 * MINUTE_MS],
  ];
  const CASES = KINDS.flatMap((kind) =>
    PAUSES.flatMap((pause) =>
      SKEWS.map(([name, its, others]) => [kind, ...pause, name, its, others] as const),
    ),
  );
  it.each(CASES)(
    '%s, %s (%s, clocks %s, %i ms): %s: done once',
    async (kind, _, point, clocksStop, ms, __, its, others) => {
      const { world, id, provider } = await prepared(kind);
      const paused = machine(world, its, clocksStop);
      paused.stopAt(kind, point);
      const answer = world.beginOperation(paused.process, id, { kind });
      await world.clock.advance(500);
      expect(paused.isStopped).toBe(true);
      const other = machine(world, others);
      if (ms === MOMENT_MS) await world.clock.advance(ms);
      else await passed(world, ms, other.process);
      paused.wake();
      expect(await world.finish(answer)).toMatchObject({ kind: 'answered' });
      await passed(world, 5 * MINUTE_MS, paused.process, other.process);
      expect((await world.get(id)).status).toBe(DONE[kind]);
      expect(provider.carriedOut[kind]).toBe(1);
      // By its own clocks it was too late, where they told.
      const isRefused = point === 'before_send' && !clocksStop && ms > MINUTE_MS;
      expect(paused.heldBack).toEqual(isRefused ? [kind] : []);
      expect(world.told.remarks).toEqual([]);
    },
  );

  it.each([
    ['a key that keeps successes', 'success_only', 10 * MINUTE_MS],
    ['no key', 'none', 45 * MINUTE_MS],
  ] as const)('with both clocks, at a provider with %s: done once', async (_, replay, settlesMs) => {
    const { world, id, provider } = await prepared('capture', { replay });
    const paused = machine(world, 0, true);
    paused.stopAt('capture', 'before_send');
    const answer = world.beginOperation(paused.process, id, { kind: 'capture' });
    await world.clock.advance(500);
    const other = machine(world, 0);
    await passed(world, 10 * MINUTE_MS, other.process);
    paused.wake();
    await passed(world, MINUTE_MS, paused.process, other.process);
    await world.finish(answer);
    await passed(world, settlesMs, paused.process, other.process);
    expect((await world.get(id)).status).toBe('captured');
    expect(provider.carriedOut.capture).toBe(1);
  });

  it('at a provider without keys, which never comes back: repeated only after half an hour', async () => {
    const { world, id, provider } = await prepared('capture', { replay: 'none' });
    const dead = machine(world, 0, true);
    dead.stopAt('capture', 'before_send');
    void world.beginOperation(dead.process, id, { kind: 'capture' });
    await world.clock.advance(500);
    const other = machine(world, 0);
    await passed(world, 30 * MINUTE_MS, other.process);
    expect(provider.carriedOut.capture).toBe(0);
    await passed(world, 150 * MINUTE_MS, other.process);
    expect((await world.get(id)).status).toBe('captured');
    expect(provider.carriedOut.capture).toBe(1);
  });

  it('a look of the resolver that stood still sends nothing any more', async () => {
    const { world, id, provider } = await prepared('capture');
    const first = machine(world, 0);
    first.stopAt('capture', 'before_send');
    void world.beginOperation(first.process, id, { kind: 'capture' });
    await world.clock.advance(500);
    const second = machine(world, 0);
    second.stopAt('capture', 'before_send');
    // It takes over, asks, and stands still before it repeats.
    for (let passedS = 0; passedS < 240 && !second.isStopped; passedS += 1) {
      await world.clock.advance(1_000);
      if (second.isStopped) break;
      await second.process.leases?.look();
      await second.process.resolver.takeUp();
    }
    expect(second.isStopped).toBe(true);
    await world.clock.advance(4 * MINUTE_MS);
    const third = machine(world, 0);
    await passed(world, 4 * MINUTE_MS, third.process);
    expect((await world.get(id)).status).toBe('captured');
    second.wake();
    await world.clock.advance(10_000);
    expect(second.heldBack).toEqual(['capture']);
    expect(provider.carriedOut.capture).toBe(1);
  });

  it('work that was taken up without its process knowing is freed, by itself too', async () => {
    let isDown = true;
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      action: { attemptsMax: 1 },
      provider: { inquiryStep: () => (isDown ? 'fail' : 'ok') },
    });
    const first = world.process();
    const id = idIn(await world.authorize(first));
    // The confirmation of this is lost; its wall clock was ten minutes ahead.
    const lease = { owner: first.deps.owner, untilMs: world.clock.wallMs() + SKEW_MS + 180_000 };
    isDown = false;
    await world.clock.advance(10_000);
    expect(await world.journal.takeWork(world.clock.wallMs(), 10, lease)).toHaveLength(1);
    await passed(world, SETTLED_WITHIN_MS, first);
    expect(await world.get(id)).toMatchObject({ status: 'approved' });
  });

  it('who could not write an intent leaves it to whoever has it now', async () => {
    const { world, id, provider } = await prepared('capture');
    const first = machine(world, 0);
    const crash = new CrashJournal(first.process.deps.journal, null);
    let isLost = true;
    const journal = new Proxy(crash.journal, {
      get: (target, property) => {
        const value = Reflect.get(target, property) as (...args: unknown[]) => Promise<unknown>;
        if (property !== 'advance') return value;
        return async (...args: unknown[]) => {
          const result = await value.apply(target, args);
          if (isLost) throw new Error('the confirmation was lost');
          return result;
        };
      },
    });
    const process: WorldProcess = { ...first.process, deps: { ...first.process.deps, journal } };
    await expect(world.operate(process, id, { kind: 'capture' })).rejects.toThrow();
    isLost = false;
    const other = machine(world, 0);
    await passed(world, SETTLED_WITHIN_MS, other.process);
    await process.deps.unrecorded.retry(process.deps);
    expect((await world.get(id)).status).toBe('captured');
    expect(provider.carriedOut.capture).toBe(1);
  });
});
