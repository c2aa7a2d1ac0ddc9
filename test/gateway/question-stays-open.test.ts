import { describe, expect, it } from 'vitest';
import { applyOutcome } from '../../src/core/lifecycle.ts';
import { changeAuthorization } from '../../src/gateway/change.ts';
import { GatewayWorld, idIn } from '../support/gateway-world.ts';
import { Machine } from '../support/machine.ts';
import type { OperationStep } from '../support/scripted-provider.ts';

/**
 * An attempt that was closed while its sender stood still is asked about once more, whatever else is to be done about its
 * authorization meanwhile. Here a webhook tells that the first attempt, which was declined, was approved after all: that has to be
 * undone, and the second attempt is still to be asked about when it is.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The first attempt is declined; the second stands still with both clocks before it is sent. */
async function stoodStill(answersSecond: 'approve' | 'hang_processed') {
  const says: { voids: OperationStep; inquiries: 'ok' | 'fail' } = { voids: 'ok', inquiries: 'ok' };
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['decline_soft', 'approve'], 'sandbox-b': [answersSecond] },
    action: { attemptsMax: 2 },
    provider: {
      inquiryStep: () => says.inquiries,
      operationStep: (kind) => (kind === 'void' ? says.voids : 'ok'),
      semantics: { replay: 'none' },
    },
  });
  const still = new Machine(world.process(), world.clock, { clocksStop: true });
  const other = world.process();
  const providers = still.process.deps.provider;
  let isArmed = true;
  const provider: typeof providers = (id) => {
    if (isArmed && world.providers.get('sandbox-a')?.seen.length === 1) {
      isArmed = false;
      still.stopAt('authorize', 'before_send');
    }
    return providers(id);
  };
  const answer = world.begin({ ...still.process, deps: { ...still.process.deps, provider } });
  for (let turn = 0; turn < 20 && !still.isStopped; turn += 1) await world.clock.advance(100);
  expect(still.isStopped).toBe(true);
  const [opened] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
    .data;
  const id = opened?.id ?? '';
  const pass = async (ms: number) => {
    const stepMs = Math.max(SECOND_MS, ms / 200);
    for (let passed = 0; passed < ms; passed += stepMs) {
      await world.clock.advance(stepMs);
      await world.look(other);
    }
  };
  const tellApproval = async () => {
    const read = await world.get(id);
    const told = { kind: 'approved', providerReference: 'psp_late_1', networkTransaction: null } as const;
    const context = { nowMs: world.clock.wallMs(), validityMs: 7 * DAY_MS, durationMs: null };
    const event = { kind: 'noticed', actor: 'webhook sandbox-a', data: {} };
    const change = changeAuthorization(
      read,
      (current) => applyOutcome(current, 1, told, context),
      { event },
      other.deps,
    );
    expect(await world.finish(change)).toMatchObject({ kind: 'written' });
  };
  const closed = async () => {
    const { attempts, operations } = await world.get(id);
    expect(attempts[1]).toMatchObject({ outcome: { reason: 'not_found' } });
    return operations;
  };
  /** It goes on, sends, and is never heard of again. */
  const sendAndDie = async () => {
    still.stopAt('authorize', 'after_send');
    still.wake();
    for (let turn = 0; turn < 20; turn += 1) await world.clock.advance(50);
    expect(still.isStopped).toBe(true);
  };
  return { world, still, other, answer, id, says, pass, tellApproval, closed, sendAndDie };
}

type Scene = Awaited<ReturnType<typeof stoodStill>>;

/** The void of the first attempt is refused while the second is closed, and the machine stands still. */
async function closedBesideVoid({ says, pass, tellApproval, closed }: Scene) {
  Object.assign(says, { voids: 'reject', inquiries: 'fail' });
  await pass(12 * SECOND_MS);
  await tellApproval();
  says.inquiries = 'ok';
  await pass(10 * MINUTE_MS);
  const last = (await closed()).at(-1);
  expect(last).toMatchObject({ purpose: 'late_approval', status: 'pending' });
  return last?.id ?? '';
}

const SCENES: readonly (readonly [string, (scene: Scene) => Promise<void>])[] = [
  [
    'it is closed while the void is to be done',
    async (scene) => {
      await closedBesideVoid(scene);
      scene.says.voids = 'ok';
      await scene.pass(2 * MINUTE_MS);
      await scene.sendAndDie();
    },
  ],
  [
    'the webhook comes while it waits to be asked about',
    async (scene) => {
      await scene.pass(10 * MINUTE_MS);
      await scene.closed();
      await scene.tellApproval();
      await scene.pass(3 * MINUTE_MS);
      await scene.sendAndDie();
    },
  ],
  [
    'a person ends the void',
    async (scene) => {
      const operationId = await closedBesideVoid(scene);
      const { world, other } = scene;
      const closing = world.resolveOperation(other, { operationId, resolution: 'succeeded' });
      expect(await world.finish(closing)).toMatchObject({ kind: 'resolved' });
      scene.says.voids = 'ok';
      await scene.sendAndDie();
    },
  ],
  [
    'its sender comes back without an answer while the void is to be done',
    async (scene) => {
      const { world, still, says, answer } = scene;
      await closedBesideVoid(scene);
      says.inquiries = 'fail';
      still.wake();
      await world.finish(answer);
      expect(world.told.remarks).toContain('sent_after_closed');
      await scene.pass(MINUTE_MS);
      Object.assign(says, { voids: 'ok', inquiries: 'ok' });
    },
  ],
];

describe('what was closed while its sender stood still is asked about, whatever else is to be done', () => {
  it.each(SCENES)('%s: what is sent afterwards is undone', async (name, play) => {
    const isBack = name.startsWith('its sender comes back');
    const scene = await stoodStill(isBack ? 'hang_processed' : 'approve');
    const { world, other, id, pass } = scene;
    await play(scene);
    await pass(3 * MINUTE_MS);
    const after = await world.get(id);
    const second = after.attempts[1]?.id;
    expect(world.live().map(({ attemptId }) => attemptId)).toEqual([second]);
    const again = idIn(await world.authorize(other, {}, 'key-2'));
    expect(world.live()).toHaveLength(2);
    await pass(3 * DAY_MS);
    const holder = (await world.get(again)).attempts.at(-1)?.id;
    expect(world.live().map(({ attemptId }) => attemptId)).toEqual([holder]);
    const { operations } = await world.get(id);
    expect(operations.at(-1)).toMatchObject({
      attemptNumber: 2,
      purpose: 'late_approval',
      status: 'succeeded',
    });
    const work = await world.journal.countWork(world.clock.wallMs());
    expect(work, 'and nobody asks any more').toMatchObject({ waiting: 0, overdue: 0, parked: 0 });
  });

  it('and when nothing was sent, that is kept, and nobody asks any more', async () => {
    const scene = await stoodStill('approve');
    await closedBesideVoid(scene);
    scene.says.voids = 'ok';
    await scene.pass(3 * DAY_MS);
    const history = await scene.world.journal.history(scene.id);
    const asked = history.filter(({ kind }) => kind === 'asked_again');
    const [, second] = (await scene.world.get(scene.id)).attempts;
    expect(asked).toMatchObject([{ data: { attempt: second?.id, result: 'not_found' } }]);
    const work = await scene.world.journal.countWork(scene.world.clock.wallMs());
    expect(work).toMatchObject({ waiting: 0, overdue: 0, parked: 0 });
  });
});
