import { describe, expect, it } from 'vitest';
import { JournalError } from '../../src/gateway/ports.ts';
import type { AuthorizeResult } from '../../src/gateway/road-results.ts';
import { GatewayWorld, idIn, type WorldOptions, type WorldProcess } from '../support/gateway-world.ts';
import { Machine, type StopPoint } from '../support/machine.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

/**
 * A machine stands still with both of its clocks (a virtual machine that is suspended) while it sends an authorization; the others
 * close what it left. When it goes on it sends, in time by its own clocks, and nothing can stop that: it has to be noticed, and
 * undone.
 */

const MINUTE_MS = 60_000;
const WINDOW_MS = MINUTE_MS;
/** The window, what clocks may differ by, and something for the looks. */
const ASKED_AGAIN_MS = WINDOW_MS + 20 * MINUTE_MS + 10_000;
const SKEW_MS = 10 * MINUTE_MS;

interface Scene {
  readonly step: ScriptStep;
  readonly point?: StopPoint;
  readonly offMs?: number;
  readonly options?: WorldOptions;
  /** What the provider does with what others send it meanwhile, before that arrives. */
  readonly meanwhile?: readonly ScriptStep[];
  /** How long it stands still. */
  readonly forMs?: number;
}

/** Until the others have closed it and the machine goes on. */
async function stoodStill({
  step,
  point = 'before_send',
  offMs = 0,
  options = {},
  meanwhile = [],
  forMs = 5 * MINUTE_MS,
}: Scene) {
  const world = new GatewayWorld({
    script: { 'sandbox-a': [...meanwhile, step] },
    action: { attemptsMax: 1 },
    provider: { semantics: { notFoundAfterMs: WINDOW_MS, replay: 'none' }, landsAfterMs: 5_000 },
    ...options,
  });
  const still = new Machine(world.process(), world.clock, { clocksStop: true });
  const other = new Machine(world.process(), world.clock, { offMs }).process;
  still.stopAt('authorize', point);
  const answer = world.begin(still.process);
  await world.clock.advance(100);
  expect(still.isStopped).toBe(true);
  await passed(world, forMs, other);
  const [closed] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
    .data;
  if (closed === undefined) throw new Error('nothing was opened');
  return { world, still, other, answer, closed };
}

async function passed(world: GatewayWorld, ms: number, ...processes: readonly WorldProcess[]): Promise<void> {
  const endMs = world.clock.monotonicMs() + ms;
  const stepMs = Math.max(2_000, ms / 200);
  while (world.clock.monotonicMs() < endMs) {
    await world.clock.advance(Math.min(stepMs, endMs - world.clock.monotonicMs()));
    for (const process of processes) await world.look(process);
  }
}

const kindsOf = async (world: GatewayWorld, id: string) =>
  (await world.journal.history(id)).map(({ kind }) => kind);

describe('what was closed while its sender stood still', () => {
  it.each([0, SKEW_MS, -SKEW_MS])(
    'is failed by then, and its payment free (clocks %i ms apart)',
    async (offMs) => {
      const forMs = 5 * MINUTE_MS + Math.max(0, -offMs);
      const { world, other, closed } = await stoodStill({ step: 'approve', offMs, forMs });
      expect(closed).toMatchObject({ status: 'failed', attempts: [{ outcome: { reason: 'not_found' } }] });
      expect(world.live()).toEqual([]);
      expect(await world.authorize(other, {}, 'key-2')).toMatchObject({ kind: 'answered', httpStatus: 201 });
    },
  );

  /** What the provider does with what arrives so late, what the sender is told, and what stands there before it is undone. */
  const STEPS: readonly (readonly [ScriptStep, string, boolean])[] = [
    ['approve', 'an approval comes back', true],
    ['hang_processed', 'no answer comes back, and it was approved', true],
    ['unknown_processed', 'the connection is lost, and it was approved', true],
    ['pending_processed', 'it is worked on, and was approved', true],
    ['land_late', 'it arrives even later', true],
    ['mismatch_processed', 'something else was authorized', true],
    ['partial', 'it is approved for less', true],
    ['hang_unprocessed', 'nothing comes of it', false],
    ['decline_soft', 'it is declined', false],
    ['rejected', 'it is turned away', false],
  ];
  const CASES = STEPS.flatMap((step) => [0, SKEW_MS, -SKEW_MS].map((offMs) => [...step, offMs] as const));
  it.each(CASES)(
    '%s: %s (money %s, clocks %i ms apart): is undone, whoever holds the payment by then',
    async (step, _, money, offMs) => {
      const forMs = 5 * MINUTE_MS + Math.max(0, -offMs);
      const { world, still, other, answer, closed } = await stoodStill({
        step,
        offMs,
        forMs,
        meanwhile: ['approve'],
      });
      const second = idIn(await world.authorize(other, {}, 'key-2'));
      expect(world.live()).toHaveLength(1);
      still.wake();
      const told = await world.finish(answer);
      expect(told).toMatchObject({ kind: 'answered', authorizationId: closed.id });
      expect(statusIn(told), 'frozen before').toBe('failed');
      await passed(world, ASKED_AGAIN_MS + Math.max(0, -offMs), other);
      const books = world.providers.get('sandbox-a')?.books ?? [];
      expect(
        books.filter(({ attemptId }) => attemptId.startsWith(closed.attempts[0]?.id ?? '')),
      ).toHaveLength(money ? 1 : 0);
      expect(world.live().map(({ attemptId }) => attemptId)).toEqual([
        (await world.get(second)).attempts[0]?.id,
      ]);
      const after = await world.get(closed.id);
      expect(after).toMatchObject({ status: 'failed', attempts: [{ outcome: { reason: 'not_found' } }] });
      expect(after.operations.map(({ purpose, status }) => [purpose, status])).toEqual(
        money ? [['late_approval', 'succeeded']] : [],
      );
      expect(world.told.remarks.filter((remark) => remark === 'late_approval')).toHaveLength(money ? 1 : 0);
      expect(await world.get(second)).toMatchObject({ status: 'approved' });
      expect(await world.journal.listHeldWork(0, 10)).toEqual([]);
      await passed(world, 26 * 60 * MINUTE_MS, other);
      const asked = world.told.resolved.length;
      await passed(world, 26 * 60 * MINUTE_MS, other);
      expect(world.told.resolved, 'and then nobody asks any more').toHaveLength(asked);
    },
  );

  it.each([
    ['goes on and dies before it can tell', 'after_send', 6 * MINUTE_MS],
    ['goes on when it was asked about already, and dies', 'after_send', 120 * MINUTE_MS],
    ['never goes on', 'before_send', 5 * MINUTE_MS],
  ] as const)('is asked about once more although its sender %s', async (_, then, forMs) => {
    const { world, still, other, closed } = await stoodStill({ step: 'approve', forMs });
    expect(await kindsOf(world, closed.id)).toEqual(['opened', 'lapsed', 'resolved']);
    if (then === 'after_send') {
      still.stopAt('authorize', 'after_send');
      still.wake();
      for (let turn = 0; turn < 10; turn += 1) await world.clock.advance(50);
      expect(still.isStopped).toBe(true);
      expect(world.live()).toHaveLength(1);
    }
    await passed(world, ASKED_AGAIN_MS, other);
    if (forMs > ASKED_AGAIN_MS) await passed(world, 24 * 60 * MINUTE_MS, other);
    expect(world.live()).toEqual([]);
    const after = await world.get(closed.id);
    if (then === 'after_send') {
      expect(after.operations).toMatchObject([{ purpose: 'late_approval', status: 'succeeded' }]);
      expect(world.told.alerts).toContain('late_approval');
    } else {
      await passed(world, 25 * 60 * MINUTE_MS, other);
      expect((await kindsOf(world, closed.id)).at(-1)).toBe('asked_again');
      expect(after.operations).toEqual([]);
    }
  });

  it('is asked about again while the provider does not answer, and survives its process', async () => {
    let isDown = false;
    const { world, still, other, answer, closed } = await stoodStill({
      step: 'hang_processed',
      options: {
        provider: {
          semantics: { notFoundAfterMs: WINDOW_MS, replay: 'none' },
          inquiryStep: () => (isDown ? 'fail' : 'ok'),
        },
      },
    });
    isDown = true;
    still.wake();
    await world.finish(answer);
    expect(world.told.remarks).toEqual(['sent_after_closed']);
    await passed(world, ASKED_AGAIN_MS + 10 * MINUTE_MS, other);
    expect(world.live()).toHaveLength(1);
    isDown = false;
    // By somebody who has heard of nothing.
    await passed(world, 60 * MINUTE_MS, world.process());
    expect(world.live()).toEqual([]);
    expect((await world.get(closed.id)).operations).toMatchObject([{ status: 'succeeded' }]);
  });

  it.each([
    ['tells of it', false],
    ['dies before it can tell', true],
  ])(
    'is undone where the provider tells of something else than was asked, and its sender %s',
    async (_, dies) => {
      const { world, still, other, answer, closed } = await stoodStill({
        step: 'mismatch_processed',
        options: {
          provider: {
            semantics: { notFoundAfterMs: WINDOW_MS, replay: 'none' },
            inquiryStep: () => 'mismatch',
          },
        },
      });
      if (dies) still.stopAt('authorize', 'after_send');
      still.wake();
      if (dies) for (let turn = 0; turn < 10; turn += 1) await world.clock.advance(50);
      else await world.finish(answer);
      expect(world.live()).toHaveLength(1);
      await passed(world, ASKED_AGAIN_MS, other);
      expect(world.live()).toEqual([]);
      expect(await world.get(closed.id)).toMatchObject({
        status: 'failed',
        attempts: [{ outcome: { reason: 'not_found' } }],
        operations: [{ kind: 'void', purpose: 'late_approval', status: 'succeeded' }],
      });
      expect(world.told.remarks.filter((remark) => remark === 'late_approval')).toHaveLength(1);
    },
  );

  it('is told of although the journal fails when the sender comes back', async () => {
    const { world, still, other, answer, closed } = await stoodStill({ step: 'hang_processed' });
    const { journal } = world;
    const advance = journal.advance.bind(journal);
    let failures = 0;
    journal.advance = async (step) => {
      failures += 1;
      if (failures <= 3) throw new JournalError('the database is away');
      return advance(step);
    };
    still.wake();
    await world.finish(answer);
    await passed(world, ASKED_AGAIN_MS + MINUTE_MS, other, still.process);
    expect(world.live()).toEqual([]);
    expect((await world.get(closed.id)).operations).toMatchObject([{ status: 'succeeded' }]);
  });

  it('goes to a person where the provider cannot be asked', async () => {
    const { world, still, other, answer, closed } = await stoodStill({
      step: 'hang_processed',
      options: { provider: { semantics: { inquiry: 'none', replay: 'none', cancelByReference: false } } },
    });
    expect(closed).toMatchObject({ status: 'pending' });
    const attemptId = closed.attempts[0]?.id ?? '';
    await world.resolveByPerson(other, { attemptId, resolution: 'not_processed', providerReference: null });
    expect(await world.get(closed.id)).toMatchObject({ status: 'failed' });
    still.wake();
    await world.finish(answer);
    await passed(world, 90 * MINUTE_MS, other);
    expect(world.told.remarks).toEqual(['sent_after_closed']);
    expect(world.told.alerts).toContain('unresolved');
    expect((await kindsOf(world, closed.id)).at(-1)).toBe('asked_again');
  });
});

describe('a machine that goes on with clocks that tell', () => {
  it('sends nothing, and nobody is alarmed by its word', async () => {
    const world = new GatewayWorld({
      action: { attemptsMax: 1 },
      provider: { semantics: { notFoundAfterMs: WINDOW_MS } },
    });
    const paused = new Machine(world.process(), world.clock);
    const other = world.process();
    paused.stopAt('authorize', 'before_send');
    const answer = world.begin(paused.process);
    await world.clock.advance(100);
    await passed(world, 5 * MINUTE_MS, other);
    paused.wake();
    expect(statusIn(await world.finish(answer))).toBe('failed');
    expect(paused.heldBack).toEqual(['authorize']);
    expect(world.told.remarks).toEqual([]);
    expect(world.live()).toEqual([]);
  });

  it.each(['unknown_processed', 'unknown_unprocessed', 'decline_soft', 'rejected'] as const)(
    'after the call that it had in hand it sends nothing any more: %s',
    async (step) => {
      // With both clocks: only the journal can tell it.
      const { world, still, answer } = await stoodStill({
        step,
        options: {
          action: { attemptsMax: 3 },
          provider: { semantics: { notFoundAfterMs: WINDOW_MS, replay: 'same_answer' } },
        },
      });
      still.wake();
      await world.finish(answer);
      const seen = [...world.providers.values()].map((provider) => provider.seen.length);
      expect(seen).toEqual([1, 0, 0]);
    },
  );
});

function statusIn(result: AuthorizeResult): string {
  if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
  return (JSON.parse(result.body) as { readonly status: string }).status;
}
