import { describe, expect, it } from 'vitest';
import type { OperateResult } from '../../src/gateway/operate.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import { sampleBegin, sampleEnd, sampleStep, written } from '../contracts/journal-fixtures.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import { Machine } from '../support/machine.ts';

/**
 * The same key gives the same answer, byte for byte, once it is final: also to a call that was under way before, and that
 * could not record what came back to it, or read one thing before and another after the end.
 */

const MINUTE_MS = 60_000;

type Call = (...args: readonly unknown[]) => Promise<unknown>;

/** The same process, whose calls to the journal go through `around` first. */
function through(
  process: WorldProcess,
  around: (name: string, call: () => Promise<unknown>) => Promise<unknown>,
) {
  const journal = new Proxy(process.deps.journal, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as Call;
      return (...args: readonly unknown[]) => around(String(property), () => call(...args));
    },
  });
  return { ...process, deps: { ...process.deps, journal: journal satisfies Journal } };
}

async function fail(name: string): Promise<never> {
  throw new JournalError(`the database is away (met by ${name})`);
}

function answerIn(result: AuthorizeResult | OperateResult) {
  if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
  const { httpStatus, body } = result;
  return { httpStatus, body };
}

describe('a road that cannot record its end', () => {
  /** Which of its calls fail once it goes on, before they have done anything or afterwards, and whether it is told the end. */
  const FAULTS: readonly (readonly [string, readonly string[], 'before' | 'after', boolean])[] = [
    ['its write is refused', ['advance'], 'before', true],
    ['the confirmation of its write is lost', ['advance'], 'after', true],
    ['it cannot read either', ['advance', 'findAuthorization'], 'before', false],
    ['it can read the authorization, and not its answer', ['findClaim'], 'before', false],
    ['it can write nothing, and not read the answer', ['advance', 'findClaim'], 'before', false],
  ];

  it.each(FAULTS)('after others have told its end, and %s (%j, %s)', async (_, names, when, isTold) => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['unknown_unprocessed'] },
      action: { attemptsMax: 1 },
      provider: { semantics: { notFoundAfterMs: MINUTE_MS, replay: 'none' } },
    });
    let isFailing = false;
    const faulty = through(world.process(), async (name, call) => {
      if (!isFailing || !names.includes(name)) return call();
      if (when === 'after') await call();
      return fail(name);
    });
    const still = new Machine(faulty, world.clock, { clocksStop: true });
    const other = world.process();
    still.stopAt('authorize', 'before_send');
    const answering = world.begin(still.process);
    await world.clock.advance(100);
    await world.pass(5 * MINUTE_MS, other);
    const told = await world.authorize(other);
    expect(told).toMatchObject({ kind: 'answered', httpStatus: 201, replayed: true });
    // What is rendered later is another text.
    const now = await world.get(idIn(told));
    await world.journal.advance(sampleStep(now, now));

    isFailing = true;
    still.wake();
    const own = await world.finish(answering);
    if (isTold) expect(answerIn(own)).toEqual(answerIn(told));
    else expect(own).toMatchObject({ kind: 'answered', httpStatus: 202 });
    isFailing = false;
    await still.process.deps.unrecorded.retry(still.process.deps);
    expect(answerIn(await world.authorize(still.process))).toEqual(answerIn(told));
  });

  it.each(['before', 'after'] as const)('and that nobody has told anything of (%s)', async (when) => {
    const world = new GatewayWorld({ action: { attemptsMax: 1 } });
    let failures = 0;
    const process = through(world.process(), async (name, call) => {
      if (name !== 'advance' || failures > 0) return call();
      failures += 1;
      if (when === 'after') await call();
      return fail(name);
    });
    const own = await world.authorize(process);
    expect(own).toMatchObject({ kind: 'answered', httpStatus: when === 'after' ? 201 : 202 });
    expect(world.told.alerts.filter((kind) => kind === 'outcome_not_recorded')).toHaveLength(
      when === 'after' ? 0 : 1,
    );
    await process.deps.unrecorded.retry(process.deps);
    const again = await world.authorize(world.process());
    expect(again).toMatchObject({ kind: 'answered', httpStatus: 201, replayed: true });
    if (when === 'after') expect(answerIn(own)).toEqual(answerIn(again));
    const kinds = (await world.journal.history(idIn(own))).map(({ kind }) => kind);
    expect(kinds).toEqual(['opened', 'concluded']);
  });
});

describe('a repeat that looks its key up while it is pending', () => {
  it.each([
    ['and the authorization when it is settled, and has gone on', 'findAuthorization', null, 'answered'],
    ['and cannot look it up again', 'findAuthorization', 'findClaim', 'in_flight'],
  ] as const)('%s', async (_, stopsBefore, failsThen, kind) => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['unknown_processed'] },
      action: { attemptsMax: 1 },
      schedule: [100],
      provider: { semantics: { replay: 'none' }, inquiryStep: () => (isDown ? 'fail' : 'ok') },
    });
    let isDown = true;
    const process = world.process();
    const first = await world.authorize(process);
    expect(first).toMatchObject({ kind: 'answered', httpStatus: 202 });
    let hasGoneOn = false;
    const reader = through(world.process(), async (name, call) => {
      if (hasGoneOn && name === failsThen) return fail(name);
      if (name === stopsBefore && !hasGoneOn) {
        hasGoneOn = true;
        isDown = false;
        await world.pass(2_000, process);
        await world.operate(process, idIn(first), { kind: 'capture' });
        expect(await world.get(idIn(first))).toMatchObject({ status: 'captured' });
      }
      return call();
    });
    const again = await world.begin(reader);
    expect(hasGoneOn).toBe(true);
    expect(again.kind).toBe(kind);
    const final = answerIn(await world.authorize(process));
    expect(final.httpStatus).toBe(201);
    if (again.kind === 'answered') expect(answerIn(again)).toEqual(final);
  });
});

describe('a capture that is under way', () => {
  /** What its call comes to, which of its journal calls fail from then on, when, and whether it is told the end. */
  const ENDS: readonly (readonly [
    'ok' | 'lose_processed',
    readonly string[],
    'before' | 'after',
    boolean,
  ])[] = [
    ['lose_processed', [], 'before', true],
    ['ok', [], 'before', true],
    ['ok', ['findClaim'], 'before', false],
    ['ok', ['advance'], 'before', true],
    ['ok', ['advance'], 'after', true],
    ['ok', ['advance', 'findClaim'], 'before', false],
    ['lose_processed', ['findClaim'], 'before', false],
  ];

  it.each(ENDS)(
    '(%s) while others have told its end, and of its calls fail %j, %s',
    async (step, names, when, isTold) => {
      const world = new GatewayWorld({
        latencyMs: 100,
        provider: { operationStep: () => step },
      });
      const process = world.process();
      const id = idIn(await world.authorize(process));
      let isFailing = false;
      const caller = through(process, async (name, call) => {
        if (!isFailing || !names.includes(name)) return call();
        if (when === 'after') await call();
        return fail(name);
      });
      const answering = world.beginOperation(caller, id, { kind: 'capture' });
      await world.clock.advance(50);
      const [operation] = (await world.get(id)).operations;
      expect(operation).toMatchObject({ status: 'pending' });
      // A person knows it already, and the caller has asked again.
      const other = world.process();
      await world.resolveOperation(other, { operationId: operation?.id ?? '', resolution: 'succeeded' });
      const told = await world.operate(other, id, { kind: 'capture' });
      // And the authorization has gone on, so that what is rendered later is another text.
      const refunding = await written(
        world.journal,
        sampleBegin(await world.get(id), { kind: 'refund', amount: 1 }),
      );
      await written(world.journal, sampleEnd(refunding, 2));
      expect(await world.get(id)).toMatchObject({ status: 'partially_refunded' });
      isFailing = true;
      const own = await world.finish(answering);
      expect(answerIn(told).httpStatus).toBe(201);
      if (isTold) expect(answerIn(own)).toEqual(answerIn(told));
      else expect(own).toMatchObject({ kind: 'answered', httpStatus: 202 });
    },
  );
});
