import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { operationLeaseMs } from '../../src/gateway/operate.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import { openReadOnly } from '../../src/stores/sqlite/database-files.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { SqliteView } from '../../src/stores/sqlite/sqlite-view.ts';
import { verifyJournal } from '../../src/stores/verify/verify-journal.ts';
import { GatewayWorld, idIn, type WorldOptions } from '../support/gateway-world.ts';
import type { OperationStep, ScriptStep } from '../support/scripted-provider.ts';

const DAY_MS = 24 * 3_600_000;
const TIMEOUT_MS = 2_000;
const LEASE_MS = operationLeaseMs(TIMEOUT_MS);
/** A provider that tells nothing of operations, and knows no keys. */
const DUMB = {
  notFoundAfterMs: null,
  operationNotFoundAfterMs: null,
  replay: 'none',
  operationInquiry: false,
  validityMs: 2 * DAY_MS,
} as const;

/** A payment of 4999, and what its provider does with operations, one after the other; then it carries them out. */
async function authorized(
  steps: OperationStep[],
  options: WorldOptions = {},
  script: ScriptStep = 'approve',
) {
  const world = new GatewayWorld({
    provider: { semantics: DUMB, operationStep: () => steps.shift() ?? 'ok' },
    script: { 'sandbox-a': [script] },
    ...options,
  });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  const close = async (resolution: 'succeeded' | 'failed', number = 1, more: object = {}) => {
    const operationId = (await world.get(id)).operations[number - 1]?.id ?? 'none';
    return world.resolveOperation(process, { operationId, resolution, ...more });
  };
  const parked = async () => (await world.journal.countWork(world.clock.wallMs())).parked;
  const last = async () => (await world.journal.history(id)).at(-1);
  return { world, process, id, close, parked, last };
}

const lost = (count: number): OperationStep[] => Array.from({ length: count }, () => 'lose_unprocessed');

describe('a capture that its provider cannot tell of', () => {
  it('is closed as succeeded: captured, and never sent again', async () => {
    const { world, process, id, close, parked, last } = await authorized(['lose_processed']);
    const asked = await world.operate(process, id, { kind: 'capture', amount: 4_000, final: true });
    expect(asked).toMatchObject({ httpStatus: 202 });
    await world.pass(5 * DAY_MS, process);
    expect(await parked()).toBe(1);
    expect(world.told.alerts).toContain('unresolved');

    const result = await close('succeeded', 1, { providerReference: 'psp_cap' });
    expect(result).toMatchObject({ kind: 'resolved', authorization: { status: 'captured' } });
    expect(await world.get(id)).toMatchObject({
      status: 'captured',
      authorizedAmount: 4_999,
      capturedAmount: 4_000,
      operations: [{ status: 'succeeded', code: null, providerReference: 'psp_cap' }],
    });
    expect(await last()).toMatchObject({
      kind: 'resolved_by_person',
      actor: 'acme',
      data: { operation: `cap_${id.slice(5)}_1`, resolution: 'succeeded', evidence: 'ticket 8' },
    });
    expect(world.told.resolved.at(-1)).toBe('capture person succeeded');
    expect(await world.journal.countWork(world.clock.wallMs())).toEqual({
      waiting: 0,
      overdue: 0,
      parked: 0,
      oldestSinceMs: null,
    });
    // The caller's key has its answer now.
    const again = await world.operate(process, id, { kind: 'capture', amount: 4_000, final: true });
    expect(again).toMatchObject({ httpStatus: 201, replayed: true });
    await world.pass(5 * DAY_MS, process);
    expect(world.live()).toMatchObject([{ captured: 4_000 }]);
    expect(await close('failed')).toMatchObject({ kind: 'not_open', reason: 'ended', retryAfterMs: null });
    expect((await world.get(id)).capturedAmount).toBe(4_000);
  });

  it('is closed as failed: its amount can be captured again', async () => {
    const { world, process, id, close } = await authorized(lost(1));
    await world.operate(process, id, { kind: 'capture' });
    await world.pass(DAY_MS, process);
    expect(await world.operate(process, id, { kind: 'capture' }, 'op-2')).toMatchObject({ kind: 'refused' });

    expect(await close('failed')).toMatchObject({ kind: 'resolved', authorization: { status: 'approved' } });
    expect(await world.get(id)).toMatchObject({
      capturedAmount: 0,
      operations: [{ status: 'failed', code: 'closed_by_person', providerReference: null }],
    });
    expect(await world.operate(process, id, { kind: 'capture' }, 'op-2')).toMatchObject({ httpStatus: 201 });
    await world.pass(5 * DAY_MS, process);
    expect(await world.get(id)).toMatchObject({ status: 'captured', capturedAmount: 4_999 });
    expect(world.live()).toMatchObject([{ captured: 4_999 }]);
    expect(await close('succeeded')).toMatchObject({ kind: 'not_open', reason: 'ended' });
  });

  it('closed as failed after the validity it is given back', async () => {
    const { world, process, id, close, parked } = await authorized(lost(1));
    await world.operate(process, id, { kind: 'capture' });
    await world.pass(5 * DAY_MS, process);
    expect(await parked()).toBe(1);
    expect(await close('failed')).toMatchObject({ kind: 'resolved' });
    await world.pass(60_000, process);
    expect(await world.get(id)).toMatchObject({ status: 'expired', authorizedAmount: 0, capturedAmount: 0 });
    expect(world.live()).toEqual([]);
  });
});

describe('a refund that its provider cannot tell of', () => {
  it.each([
    ['succeeded', 'lose_processed', 'partially_refunded', 1_000, 3_999],
    ['failed', 'lose_unprocessed', 'captured', 0, 4_999],
  ] as const)('is closed as %s', async (resolution, step, status, refundedAmount, left) => {
    const { world, process, id, close, parked } = await authorized(['ok', step]);
    await world.operate(process, id, { kind: 'capture' }, 'c');
    await world.operate(process, id, { kind: 'refund', amount: 1_000 }, 'r');
    await world.pass(5 * DAY_MS, process);
    expect(await parked()).toBe(1);
    expect(await close(resolution, 2)).toMatchObject({ kind: 'resolved', authorization: { status } });
    expect(await world.get(id)).toMatchObject({ status, capturedAmount: 4_999, refundedAmount });
    expect(await world.operate(process, id, { kind: 'refund', amount: left + 1 }, 'r2')).toMatchObject({
      kind: 'refused',
      leftAmount: left,
    });
    expect(await world.operate(process, id, { kind: 'refund' }, 'r2')).toMatchObject({ httpStatus: 201 });
    expect(await world.get(id)).toMatchObject({ status: 'refunded', refundedAmount: 4_999 });
    expect(world.live()).toMatchObject([{ refunded: 4_999 }]);
  });
});

describe('a void that its provider cannot tell of', () => {
  it.each([
    ['succeeded', 'voided'],
    ['failed', 'approved'],
  ] as const)('of a caller is closed as %s: %s', async (resolution, status) => {
    const { world, process, id, close } = await authorized(lost(100));
    await world.operate(process, id, { kind: 'void' });
    await world.pass(3_600_000, process);
    expect((await world.get(id)).status).toBe('reversing');
    expect(await close(resolution)).toMatchObject({ kind: 'resolved', authorization: { status } });
    expect(await world.get(id)).toMatchObject({ status, operations: [{ status: resolution }] });
  });

  it('of our own, closed as failed, is begun anew under another key', async () => {
    const steps = lost(1_000);
    const { world, process, id, close, parked } = await authorized(steps, {}, 'decline_hidden_approval');
    await world.pass(5 * DAY_MS, process);
    expect(await parked()).toBe(1);
    expect(await close('failed')).toMatchObject({ kind: 'resolved', authorization: { status: 'reversing' } });
    const { operations } = await world.get(id);
    expect(operations).toMatchObject([
      { status: 'failed', purpose: 'hidden_approval', code: 'closed_by_person' },
      { status: 'pending', purpose: 'hidden_approval' },
    ]);
    expect(new Set(operations.map(({ providerKey }) => providerKey)).size).toBe(2);
    expect(world.told.alerts).toContain('reversal_refused');
    expect(world.live()).toHaveLength(1);
    steps.length = 0;
    // Nobody's lease is left on it.
    await world.pass(10_000, process);
    expect(await world.get(id)).toMatchObject({
      status: 'declined',
      operations: [{}, { status: 'succeeded' }],
    });
    expect(world.live()).toEqual([]);
  });

  it('of our own is closed as succeeded', async () => {
    const { world, process, id, close } = await authorized(lost(1_000), {}, 'decline_hidden_approval');
    await world.pass(DAY_MS, process);
    expect(await close('succeeded')).toMatchObject({
      kind: 'resolved',
      authorization: { status: 'declined' },
    });
    expect((await world.get(id)).operations).toMatchObject([{ status: 'succeeded' }]);
  });

  it.each(['succeeded', 'failed'] as const)(
    'waits for its attempt: not %s, the attempt is what is to be resolved',
    async (resolution) => {
      const semantics = { ...DUMB, cancelByReference: false };
      const { world, process, id, close } = await authorized(
        [],
        { provider: { semantics } },
        'hang_unprocessed',
      );
      await world.operate(process, id, { kind: 'void' });
      await world.pass(DAY_MS, process);
      const refused = await close(resolution);
      expect(refused).toMatchObject({ kind: 'not_open', reason: 'waits_for_attempt', retryAfterMs: null });
      expect(await world.get(id)).toMatchObject({ status: 'pending', operations: [{ status: 'pending' }] });
      const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
      await world.resolveByPerson(process, { attemptId, resolution: 'not_processed' });
      expect((await world.get(id)).operations).toMatchObject([{ code: 'nothing_to_void' }]);
    },
  );
});

describe('what somebody may be sending', () => {
  it('is not closed as failed while it is younger than the lease of its call', async () => {
    const { world, process, id, close } = await authorized(lost(1));
    const createdAtMs = world.clock.wallMs();
    await world.operate(process, id, { kind: 'capture' });
    const refusedAt = async (ageMs: number) => {
      await world.clock.advance(createdAtMs + ageMs - world.clock.wallMs());
      const result = await close('failed');
      return result.kind === 'not_open' ? [result.reason, result.retryAfterMs] : result.kind;
    };
    expect(await refusedAt(60_000)).toEqual(['may_be_sent', LEASE_MS - 60_000]);
    expect(await refusedAt(LEASE_MS - 1)).toEqual(['may_be_sent', 1]);
    expect((await world.get(id)).operations).toMatchObject([{ status: 'pending' }]);
    expect(await refusedAt(LEASE_MS)).toBe('resolved');
  });

  it('is not closed as failed by a clock that was set back', async () => {
    const { world, process, id, close } = await authorized(lost(1));
    await world.operate(process, id, { kind: 'capture' });
    await world.pass(DAY_MS, process);
    world.clock.jumpWall(-DAY_MS - 60_000);
    expect(await close('failed')).toMatchObject({ kind: 'not_open', reason: 'may_be_sent' });
  });

  it('can be closed as succeeded at any time', async () => {
    const { world, process, id, close } = await authorized(['lose_processed']);
    await world.operate(process, id, { kind: 'capture' });
    expect(await close('succeeded')).toMatchObject({
      kind: 'resolved',
      authorization: { status: 'captured' },
    });
  });

  it('is not closed as failed while a resolver has it in hand, by its own clock or another', async () => {
    const { world, process, id, close } = await authorized(['lose_unprocessed', 'lose_unprocessed']);
    await world.operate(process, id, { kind: 'void' });
    await world.clock.advance(LEASE_MS);
    expect(await process.resolver.takeUp()).toBe(1);
    await world.clock.advance(5);
    expect(await close('failed')).toMatchObject({
      kind: 'not_open',
      reason: 'may_be_sent',
      retryAfterMs: 180_000,
    });
    world.clock.jumpWall(10 * 60_000);
    expect(await close('failed')).toMatchObject({ kind: 'not_open', reason: 'may_be_sent' });
    world.clock.jumpWall(-10 * 60_000);
    await world.finish(process.resolver.idle());
    expect((await world.get(id)).operations).toMatchObject([{ status: 'pending' }]);
    expect(await close('failed')).toMatchObject({ kind: 'resolved', authorization: { status: 'approved' } });
  });

  it('is not taken up by a resolver while it is being closed', async () => {
    const taken: number[] = [];
    const journal = (real: Journal): Journal =>
      overriding(real, {
        advance: async (step) => {
          if (step.event.kind === 'resolved_by_person') {
            const untilMs = step.event.atMs + 1_000;
            taken.push((await real.takeWork(step.event.atMs, 10, { owner: 'other', untilMs })).length);
          }
          return real.advance(step);
        },
      });
    const { world, process, id, close } = await authorized(lost(1), { journal });
    await world.operate(process, id, { kind: 'void' });
    await world.clock.advance(LEASE_MS);
    expect((await world.journal.countWork(world.clock.wallMs())).overdue, 'it is due').toBe(1);
    expect(await close('failed')).toMatchObject({ kind: 'resolved' });
    expect(taken).toEqual([0]);
  });
});

/** A journal with some calls replaced. */
function overriding(real: Journal, calls: Partial<Journal>): Journal {
  return new Proxy(real, {
    get: (target, property) => {
      const value: unknown = Reflect.get(calls, property) ?? Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('what cannot be closed', () => {
  it('is what belongs to a road that is still open', async () => {
    const world = new GatewayWorld({ latencyMs: 1_500, provider: { semantics: DUMB } });
    const process = world.process();
    const road = world.begin(process);
    await world.clock.advance(100);
    const { attemptId } = world.providers.get('sandbox-a')?.seen[0] ?? { attemptId: 'none' };
    const id = `auth_${attemptId.split('_')[1]}`;
    await world.operate(process, id, { kind: 'void' });
    const { open, operations } = await world.get(id);
    expect([open, operations]).toMatchObject([true, [{ status: 'pending' }]]);
    for (const resolution of ['succeeded', 'failed'] as const) {
      const operationId = operations[0]?.id ?? '';
      expect(await world.resolveOperation(process, { operationId, resolution })).toMatchObject({
        kind: 'not_open',
        reason: 'road_open',
        retryAfterMs: 2_000,
      });
    }
    await world.finish(road);
    expect((await world.get(id)).status).not.toBe('approved');
  });

  it('is what is unknown, of another account, or of a merchant that the key does not cover', async () => {
    const { world, process, id, close } = await authorized(lost(1));
    await world.operate(process, id, { kind: 'capture' });
    await world.clock.advance(DAY_MS);
    const before = await world.get(id);
    const rest = id.slice('auth_'.length);
    for (const more of [
      { account: 'other' },
      { covers: () => false },
      { operationId: `cap_${rest}_2` },
      { operationId: `cap_${rest}_01` },
      { operationId: `void_${rest}_1` },
      { operationId: 'cap_nobody_1' },
      { operationId: `att_${rest}_1` },
      { operationId: `cap_${rest}` },
      { operationId: '' },
    ]) {
      expect(await close('failed', 1, more), JSON.stringify(more)).toEqual({ kind: 'not_found' });
    }
    expect(await world.get(id)).toEqual(before);
    expect(await close('failed')).toMatchObject({ kind: 'resolved' });
  });

  it('is what two say at once, one of them: nothing is undone by the other', async () => {
    const { world, process, id, close } = await authorized(['lose_processed']);
    await world.operate(process, id, { kind: 'capture' });
    await world.clock.advance(DAY_MS);
    const results = await Promise.all([close('succeeded'), close('failed'), close('succeeded')]);
    expect(results.filter(({ kind }) => kind === 'resolved')).toHaveLength(1);
    const told = results.flatMap((result) => (result.kind === 'not_open' ? [result.reason] : []));
    expect(told).toEqual(['ended', 'ended']);
    const history = await world.journal.history(id);
    expect(history.filter(({ kind }) => kind === 'resolved_by_person')).toHaveLength(1);
    expect(world.told.remarks).toEqual([]);
  });

  it('is what somebody else has closed since it was held: the rest is worked on as before', async () => {
    let overtake: (() => Promise<unknown>) | null = null;
    const journal = (real: Journal): Journal =>
      overriding(real, {
        holdWork: async (...how) => {
          const held = await real.holdWork(...how);
          await overtake?.();
          return held;
        },
      });
    const steps: OperationStep[] = ['ok', 'lose_processed', 'lose_unprocessed'];
    const { world, process, id, close } = await authorized(steps, { journal });
    await world.operate(process, id, { kind: 'capture' }, 'c');
    await world.operate(process, id, { kind: 'refund', amount: 1_000 }, 'r1');
    await world.operate(process, id, { kind: 'refund', amount: 2_000 }, 'r2');
    await world.clock.advance(DAY_MS);
    overtake = () => close('succeeded', 2);
    expect(await close('failed', 2)).toMatchObject({ kind: 'not_open', reason: 'ended' });
    expect((await world.get(id)).operations).toMatchObject([
      { status: 'succeeded' },
      { status: 'succeeded' },
      { status: 'pending' },
    ]);
    expect(world.told.remarks).toEqual([]);
    await world.clock.advance(10_000);
    expect(await process.resolver.takeUp(), 'nobody’s lease is left on it').toBe(1);
    await world.finish(process.resolver.idle());
  });
});

describe('when the journal fails', () => {
  it.each([
    ['findAuthorization', 'before', 'resolved'],
    ['holdWork', 'before', 'resolved'],
    ['holdWork', 'after', 'resolved'],
    ['advance', 'before', 'resolved'],
    ['advance', 'after', 'ended'],
  ] as const)('%s, %s it took effect: the repetition is %s', async (name, when, then) => {
    let fails = false;
    const journal = (real: Journal): Journal =>
      overriding(real, {
        [name]: async (...how: never[]) => {
          const call = real[name].bind(real) as (...how: never[]) => Promise<unknown>;
          if (!fails) return call(...how);
          if (when === 'after') await call(...how);
          throw new JournalError('gone');
        },
      });
    const { world, process, id, close } = await authorized(lost(1), { journal });
    await world.operate(process, id, { kind: 'capture' });
    await world.pass(DAY_MS, process);
    const operationId = (await world.get(id)).operations[0]?.id;
    fails = true;
    const failing = world.resolveOperation(process, { operationId: operationId ?? '', resolution: 'failed' });
    expect(await failing).toEqual({ kind: 'journal_unavailable' });
    fails = false;
    const again = await close('failed');
    expect(again.kind === 'not_open' ? again.reason : again.kind).toBe(then);
    expect(await world.get(id)).toMatchObject({ status: 'approved', operations: [{ status: 'failed' }] });
  });
});

describe('the journal', () => {
  it('proves what persons said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'closed-by-person-'));
    try {
      const path = join(folder, 'journal.db');
      const journal = (memory: Journal): Journal => {
        void memory.close();
        return openInProcessJournal(path);
      };
      const { world, process, id, close } = await authorized(
        ['lose_unprocessed', 'lose_processed', 'lose_unprocessed'],
        { journal },
      );
      await world.operate(process, id, { kind: 'capture' }, 'c1');
      await world.clock.advance(DAY_MS);
      await close('failed');
      await world.operate(process, id, { kind: 'capture', amount: 3_000 }, 'c2');
      await close('succeeded', 2);
      await world.operate(process, id, { kind: 'refund', amount: 1_000 }, 'r1');
      await close('succeeded', 3);
      expect(await world.get(id)).toMatchObject({
        status: 'partially_refunded',
        capturedAmount: 3_000,
        refundedAmount: 1_000,
      });
      await world.journal.secret();
      await world.journal.close();
      const findings: unknown[] = [];
      const file = openReadOnly(path);
      const counts = await verifyJournal(new SqliteView(file.database), (finding) => findings.push(finding));
      file.close();
      expect(findings).toEqual([]);
      expect(counts).toMatchObject({ authorizations: 1 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
