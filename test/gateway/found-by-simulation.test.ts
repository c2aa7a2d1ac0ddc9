import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { workOutNotices } from '../../src/gateway/notices.ts';
import { faultyJournal, type JournalFault } from '../support/faulty-journal.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';

/** The authorization that is under way, before anybody was told its id. */
async function underWay(world: GatewayWorld): Promise<Authorization> {
  const page = await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 });
  const [authorization] = page.data;
  if (authorization === undefined) throw new Error('nothing is under way');
  return authorization;
}

/** An authorization that its caller voids while its answer is on its way. */
async function voidedWhilePending(world: GatewayWorld, process: WorldProcess): Promise<string> {
  const running = world.begin(process);
  await world.clock.advance(20);
  const { id } = await underWay(world);
  await world.operate(process, id, { kind: 'void' });
  await world.finish(running);
  return id;
}

describe('a void that a caller asked for before anything was known', () => {
  it.each([
    ['decline_hidden_approval', 'declined'],
    ['partial', 'voided'],
  ] as const)('and that the provider refuses: %s is undone by a reversal of ours', async (step, status) => {
    const world = new GatewayWorld({ script: { 'sandbox-a': [step] }, latencyMs: 100 });
    const process = world.process();
    const id = await voidedWhilePending(world, process);
    const [entry] = world.live();
    if (entry === undefined) throw new Error('nothing was authorized');
    // The provider refuses to undo it while it counts as captured there.
    entry.captured = entry.amount;
    await world.pass(30_000, process);
    expect(await world.get(id)).toMatchObject({ status: 'reversing' });
    expect(world.told.alerts).toContain('reversal_refused');
    entry.captured = 0;
    await world.pass(3 * 3_600_000, process);
    expect((await world.get(id)).status).toBe(status);
    expect(world.live()).toEqual([]);
    expect(await world.journal.countWork(world.clock.wallMs())).toMatchObject({ waiting: 0, parked: 0 });
  });
});

describe('a change whose confirmation is lost', () => {
  it('is told all the same: nobody finds a late approval a second time', async () => {
    let isWaiting = true;
    const faults: JournalFault[] = [];
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      action: { lateApprovalReverseAfterMs: 1 },
      provider: { inquiryStep: () => (isWaiting ? 'fail' : 'ok'), semantics: { replay: 'none' } },
      journal: (journal) =>
        faultyJournal(
          journal,
          (operation) => (operation === 'advance' ? (faults.shift() ?? 'none') : 'none'),
          () => false,
        ),
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    isWaiting = false;
    faults.push('after');
    await world.pass(10 * 60_000, process);
    expect(await world.get(id)).toMatchObject({
      status: 'voided',
      operations: [{ purpose: 'late_approval' }],
    });
    expect(world.told.remarks).toEqual(['late_approval']);
  });
});

describe('a notice that a void has failed', () => {
  it.each([
    ['was done by its repeat', false, 'succeeded', 'voided'],
    ['was not done', true, 'failed', 'approved'],
  ] as const)('is not believed before the provider was asked: it %s', async (_, isLive, ends, status) => {
    const world = new GatewayWorld({ provider: { operationStep: () => 'lose_unprocessed' } });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
    await world.operate(process, id, { kind: 'void' });
    const sandbox = world.providers.get('sandbox-a');
    const [entry] = world.live();
    if (sandbox === undefined || entry === undefined) throw new Error('nothing was authorized');
    entry.live = isLive;
    if (isLive) sandbox.inquireOperation = async () => ({ kind: 'failed', code: 'invalid_state' });
    const operationId = (await world.get(id)).operations[0]?.id ?? '';
    sandbox.evidenceIn = () => ({
      kind: 'operation',
      operationId,
      inquiry: { kind: 'failed', code: 'invalid_state' },
    });
    await world.journal.keepNotice('sandbox-a', { eventId: 'e1', type: 'void', attemptId, data: {} }, 1);
    await world.finish(workOutNotices(process.deps));
    expect((await world.get(id)).operations).toMatchObject([{ status: 'pending' }]);
    await world.pass(60 * 60_000, process);
    expect(await world.get(id)).toMatchObject({ status, operations: [{ status: ends }] });
  });
});

describe('a clock that is ahead', () => {
  it('makes no evidence of "not found" before the window past the true deadline', async () => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['pending_processed'] },
      provider: { semantics: { notFoundAfterMs: 10_000, replay: 'none' } },
      schedule: Array.from({ length: 60 }, () => 500),
    });
    const sandbox = world.providers.get('sandbox-a');
    if (sandbox === undefined) throw new Error('no such provider');
    // It lags: within its window it may say that it does not know what it is working on.
    sandbox.inquire = async () => ({ kind: 'not_found' });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    const { startedAtMs = 0, deadlineAtMs = 0 } = (await world.get(id)).attempts[0] ?? {};
    const windowMs = deadlineAtMs - startedAtMs + 10_000;
    world.clock.jumpWall(10 * 60_000);
    await world.pass(windowMs - 1_000, process);
    expect((await world.get(id)).status).toBe('pending');
    await world.pass(10_000, process);
    expect((await world.get(id)).status).toBe('failed');
  });
});
