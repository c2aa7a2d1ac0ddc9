import { describe, expect, it } from 'vitest';
import { LEASE_ENDED } from '../../src/gateway/lease-watch.ts';
import type { OperateResult } from '../../src/gateway/operate.ts';
import { type Journal, JournalError, type WorkPlan } from '../../src/gateway/ports.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { Machine } from '../support/machine.ts';

const MINUTE_MS = 60_000;

/** Lets minutes pass, with a look of these processes at everything every three seconds. */
async function pass(world: GatewayWorld, minutes: number, ...processes: readonly WorldProcess[]) {
  for (let second = 0; second < minutes * 60; second += 3) {
    await world.clock.advance(3_000);
    for (const process of processes) await world.look(process);
  }
}

/** The reason of a refusal; else what it came to. */
function toldBy(result: OperateResult): string {
  return result.kind === 'refused' ? result.refusal : result.kind;
}

async function kindsOf(world: GatewayWorld, id: string): Promise<readonly string[]> {
  return (await world.journal.history(id)).map(({ kind }) => kind);
}

/** Authorizes, and captures what is to be refunded. */
async function prepared(world: GatewayWorld, kind: 'capture' | 'refund'): Promise<string> {
  const process = world.process();
  const id = idIn(await world.authorize(process));
  if (kind === 'refund') await world.operate(process, id, { kind: 'capture' }, 'before');
  return id;
}

function movedIn(world: GatewayWorld, kind: 'capture' | 'refund'): number | undefined {
  const entry = world.providers.get('sandbox-a')?.books[0];
  return kind === 'capture' ? entry?.captured : entry?.refunded;
}

/** A process whose next change is written, and not confirmed. */
function unconfirmedOnce(plain: WorldProcess): WorldProcess {
  let isLost = false;
  const { journal } = plain.deps;
  const advance: Journal['advance'] = async (step) => {
    const result = await journal.advance(step);
    if (isLost) return result;
    isLost = true;
    throw new JournalError('not known to be written: the connection was cut');
  };
  const methods = new Proxy(journal, {
    get: (target, property) => {
      const value: unknown = property === 'advance' ? advance : Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...plain, deps: { ...plain.deps, journal: methods } };
}

describe('a call that stands still with both clocks before it sends, and another one of the same authorization', () => {
  for (const replay of ['none', 'success_only', 'same_answer'] as const) {
    for (const kind of ['capture', 'refund'] as const) {
      it(`${replay}, ${kind}: the second is refused until the first is known to be out of the way, and each is done once`, async () => {
        const semantics = { replay, operationNotFoundAfterMs: 10_000 };
        const world = new GatewayWorld({ latencyMs: 100, provider: { semantics } });
        const id = await prepared(world, kind);
        const first = new Machine(world.process(), world.clock, { clocksStop: true });
        const other = new Machine(world.process(), world.clock).process;
        first.stopAt(kind, 'before_send');
        const begun = world.beginOperation(first.process, id, { kind, amount: 1_000 }, 'one');
        await world.clock.advance(500);
        expect(first.isStopped).toBe(true);
        const written = await kindsOf(world, id);
        expect(toldBy(await world.operate(other, id, { kind, amount: 500 }, 'two'))).toBe(
          'being_carried_out',
        );
        expect(await kindsOf(world, id)).toEqual(written);

        // Its own key is told of it as ever.
        const same = await world.operate(other, id, { kind, amount: 1_000 }, 'one');
        expect(same).toMatchObject({ kind: 'answered', httpStatus: 202, replayed: true });

        await pass(world, 4, other);
        expect(await kindsOf(world, id)).toContain(LEASE_ENDED);
        expect(await world.operate(other, id, { kind, amount: 500 }, 'two')).toMatchObject({
          httpStatus: 201,
        });
        await pass(world, 20, other);
        first.wake();
        await world.finish(begun);
        await pass(world, 40, first.process, other);
        expect(movedIn(world, kind)).toBe(1_500);
        const { capturedAmount, refundedAmount } = await world.get(id);
        expect(kind === 'capture' ? capturedAmount : refundedAmount).toBe(1_500);
      });
    }
  }
});

describe('a call that was told that nothing was sent, and another one under a new key', () => {
  it.each(['capture', 'refund'] as const)('%s: what is done is done once', async (kind) => {
    const world = new GatewayWorld({ latencyMs: 100 });
    const id = await prepared(world, kind);
    const process = unconfirmedOnce(world.process());
    const one = await world.operate(process, id, { kind, amount: 100 }, 'one');
    expect(toldBy(one)).toBe('journal_unavailable');
    expect(toldBy(await world.operate(process, id, { kind, amount: 100 }, 'two'))).toBe('being_carried_out');
    await world.look(process);
    expect((await world.get(id)).operations.at(-1)).toMatchObject({
      status: 'failed',
      code: 'journal_failed',
    });
    expect(await world.operate(process, id, { kind, amount: 100 }, 'two')).toMatchObject({ httpStatus: 201 });
    await pass(world, 10, process);
    expect(movedIn(world, kind)).toBe(100);
  });
});

describe('a call that finds the work of an authorization in other hands', () => {
  it('waits for a resolver as for another call, and takes from nobody what was given back', async () => {
    let isLost = true;
    const world = new GatewayWorld({
      provider: { operationStep: () => (isLost ? 'lose_unprocessed' : 'ok') },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    expect(await world.operate(process, id, { kind: 'capture', amount: 100 }, 'one')).toMatchObject({
      httpStatus: 202,
    });
    isLost = false;
    const nowMs = world.clock.wallMs();
    const lease = { owner: 'resolver', untilMs: nowMs + 180_000 };
    const free: WorkPlan = { step: 0, failures: 0, dueAtMs: nowMs, lease: null };
    expect(await world.journal.holdWork(id, nowMs, lease)).toBe(true);
    const two = () => world.operate(process, id, { kind: 'capture', amount: 50 }, 'two');
    expect(toldBy(await two())).toBe('being_carried_out');
    expect(await world.journal.postponeWork(id, 'resolver', free)).toBe(true);
    expect(await two()).toMatchObject({ httpStatus: 201 });
    await pass(world, 1, process);
    expect(movedIn(world, 'capture')).toBe(150);
  });

  it('gives back what it took when somebody else was first', async () => {
    let isLost = true;
    let before = async () => {};
    const world = new GatewayWorld({
      provider: { operationStep: () => (isLost ? 'lose_unprocessed' : 'ok') },
      journal: (journal) =>
        new Proxy(journal, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property, target);
            if (typeof value !== 'function') return value;
            if (property !== 'advance') return value.bind(target);
            return async (...args: readonly unknown[]) => {
              const first = before;
              before = async () => {};
              await first();
              return value.apply(target, args) as unknown;
            };
          },
        }),
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    await world.operate(process, id, { kind: 'capture', amount: 4_000 }, 'one');
    isLost = false;
    // A person tells meanwhile that the first was done.
    const operationId = (await world.get(id)).operations[0]?.id ?? '';
    let told = '';
    before = async () => {
      told = (await world.resolveOperation(process, { operationId, resolution: 'succeeded' })).kind;
    };
    expect(await world.operate(process, id, { kind: 'capture', amount: 500 }, 'two')).toMatchObject({
      httpStatus: 201,
    });
    expect(told).toBe('resolved');
    expect(await world.journal.listHeldWork(0, 10)).toEqual([]);
  });
});

describe('a resolver that stands still with both clocks while its lease runs out', () => {
  it.each([
    { replay: 'none', forMinutes: 5, aheadMinutes: 0 },
    { replay: 'none', forMinutes: 10, aheadMinutes: 0 },
    { replay: 'none', forMinutes: 25, aheadMinutes: 0 },
    { replay: 'success_only', forMinutes: 10, aheadMinutes: 0 },
    { replay: 'none', forMinutes: 5, aheadMinutes: 10 },
  ] as const)(
    'captures once ($replay, $forMinutes minutes, the other clock $aheadMinutes ahead)',
    async ({ replay, forMinutes, aheadMinutes }) => {
      let isDown = true;
      const world = new GatewayWorld({
        script: { 'sandbox-a': ['hang_processed'] },
        action: { attemptsMax: 1 },
        latencyMs: 100,
        provider: {
          semantics: { replay, inquiry: 'our_reference' },
          inquiryStep: () => (isDown ? 'fail' : 'ok'),
        },
      });
      const first = new Machine(world.process(), world.clock, { clocksStop: true });
      const id = idIn(await world.authorize(first.process, { capture: 'automatic' }));
      const provider = world.providers.get('sandbox-a');
      isDown = false;
      first.stopAt('capture', 'before_send');
      for (let second = 0; second < 240 && !first.isStopped; second += 1) {
        await world.clock.advance(1_000);
        if (!first.isStopped) await first.process.resolver.takeUp();
      }
      expect(first.isStopped).toBe(true);
      const offMs = aheadMinutes * MINUTE_MS;
      const other = new Machine(world.process(), world.clock, { offMs }).process;
      await pass(world, forMinutes, other);
      expect(await kindsOf(world, id)).toContain(LEASE_ENDED);
      expect(provider?.carriedOut.capture).toBe(0);
      first.wake();
      await world.pass(2 * MINUTE_MS, first.process, other);
      expect(provider?.carriedOut.capture).toBe(1);
      expect((await world.get(id)).status).toBe('captured');
    },
  );

  it.each(['same_answer', 'none'] as const)(
    'is not overtaken by a person who says that it failed (%s)',
    async (replay) => {
      let isDown = false;
      let isLost = true;
      const world = new GatewayWorld({
        provider: {
          semantics: { replay, operationNotFoundAfterMs: 10_000 },
          inquiryStep: () => (isDown ? 'fail' : 'ok'),
          operationStep: () => (isLost ? 'lose_unprocessed' : 'ok'),
        },
      });
      const plain = world.process();
      const id = idIn(await world.authorize(plain));
      await world.operate(plain, id, { kind: 'capture', amount: 100 });
      await pass(world, 31, ...(replay === 'none' ? [] : [plain]));
      const still = new Machine(world.process(), world.clock, { clocksStop: true });
      isLost = false;
      still.stopAt('capture', 'before_send');
      for (let second = 0; second < 7_200 && !still.isStopped; second += 1) {
        await world.clock.advance(1_000);
        if (!still.isStopped) await still.process.resolver.takeUp();
      }
      expect(still.isStopped).toBe(true);
      isDown = true;
      const other = world.process();
      await pass(world, 5, other);
      const operationId = (await world.get(id)).operations[0]?.id ?? '';
      const failed = () => world.finish(world.resolveOperation(other, { operationId, resolution: 'failed' }));
      const refused = await failed();
      expect(refused).toMatchObject({ kind: 'not_open', reason: 'may_be_sent' });
      const leftMs = 'retryAfterMs' in refused ? (refused.retryAfterMs ?? 0) : 0;
      expect(leftMs).toBeGreaterThan(20 * MINUTE_MS);
      isDown = false;
      still.wake();
      await world.pass(2 * MINUTE_MS, still.process, other);
      const { operations } = await world.get(id);
      expect([world.providers.get('sandbox-a')?.carriedOut.capture, operations[0]?.status]).toEqual([
        1,
        'succeeded',
      ]);
    },
  );
});
