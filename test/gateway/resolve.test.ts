import { describe, expect, it } from 'vitest';
import type { Authorization } from '../../src/core/authorization.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { GatewayWorld, idIn, type WorldOptions } from '../support/gateway-world.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

const DAY_MS = 24 * 3_600_000;

/** A payment whose only attempt went so; returned when its road is over, before anybody looked at it. */
async function roadAfter(steps: readonly ScriptStep[], options: WorldOptions = {}) {
  const world = new GatewayWorld({ script: { 'sandbox-a': steps }, ...options });
  const process = world.process();
  const result = await world.authorize(process);
  const id = idIn(result);
  return { world, process, id, result };
}

/** Providers that cannot be asked within the request: everything is left to the worker. */
const NO_QUICK: WorldOptions['provider'] = { semantics: { inquiry: 'our_reference', replay: 'none' } };

function outcomeOf(authorization: Authorization) {
  return authorization.attempts[0]?.outcome;
}

describe('within the request', () => {
  it.each([
    ['unknown_processed', 'a replay finds the approval', 'approved', ['attempt replay approved']],
    ['unknown_unprocessed', 'a replay executes what never arrived', 'approved', ['attempt replay approved']],
    ['hang_processed', 'an inquiry finds the approval', 'approved', ['attempt inquiry approved']],
    [
      'throw_processed',
      'an inquiry finds what an adapter’s bug hid',
      'approved',
      ['attempt inquiry approved'],
    ],
  ] as const)('%s: %s', async (step, _, status, resolved) => {
    const { world, id, result } = await roadAfter([step]);
    expect(result).toMatchObject({ kind: 'answered', httpStatus: 201 });
    expect((await world.get(id)).status).toBe(status);
    expect(world.told.resolved).toEqual(resolved);
    expect(world.live()).toHaveLength(1);
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
  });

  it('not found is no evidence yet: nobody else is asked', async () => {
    const { world, id, result } = await roadAfter(['hang_unprocessed']);
    expect(result).toMatchObject({ kind: 'answered', httpStatus: 202 });
    expect((await world.get(id)).status).toBe('pending');
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
  });

  it('an answer about something else is not asked about again, and is reversed', async () => {
    const { world, process, id } = await roadAfter(['mismatch_processed']);
    expect(await world.get(id)).toMatchObject({
      status: 'pending',
      operations: [{ purpose: 'quarantine', status: 'pending' }],
    });
    expect(world.told.remarks).toEqual(['quarantined']);
    await world.pass(60_000, process);
    expect(await world.get(id)).toMatchObject({ status: 'voided', operations: [{ status: 'succeeded' }] });
    expect(world.live()).toEqual([]);
  });
});

describe('beside the road', () => {
  it.each([
    ['hang_processed', 'approved', 'approved', 1],
    ['hang_unprocessed', 'rejected', 'failed', 0],
    ['land_late', 'approved', 'approved', 1],
    ['pending_processed', 'approved', 'approved', 1],
    ['pending_declined', 'declined', 'declined', 0],
  ] as const)('%s ends %s', async (step, outcome, status, live) => {
    // Inquiries fail while the caller waits.
    let waiting = true;
    const { world, process, id, result } = await roadAfter([step], {
      provider: { inquiryStep: () => (waiting ? 'fail' : 'ok') },
    });
    expect(result).toMatchObject({ httpStatus: 202 });
    waiting = false;
    await world.pass(60_000, process);
    const authorization = await world.get(id);
    expect(outcomeOf(authorization)?.kind).toBe(outcome);
    expect(authorization.status).toBe(status);
    expect(world.live()).toHaveLength(live);
    expect(await world.journal.countWork(world.clock.wallMs())).toEqual({
      waiting: 0,
      overdue: 0,
      parked: 0,
      oldestSinceMs: null,
    });
    // The same key now gives the final answer.
    const again = await world.authorize(process);
    expect(again).toMatchObject({ kind: 'answered', httpStatus: 201, replayed: true, authorizationId: id });
  });

  it('not found is evidence only past the window, by the wall clock and by our own', async () => {
    const { world, process, id } = await roadAfter(['hang_unprocessed'], {
      schedule: [1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
      provider: { semantics: { notFoundAfterMs: 40_000, replay: 'none' } },
    });
    await world.pass(5_000, process);
    expect((await world.get(id)).status).toBe('pending');
    world.clock.jumpWall(10 * 60_000);
    await world.pass(5_000, process);
    expect((await world.get(id)).status, 'a clock that jumped is no evidence').toBe('pending');
    await world.pass(DAY_MS, process);
    expect((await world.get(id)).status).toBe('failed');
  });

  it('asks by the schedule, then daily, and gives up to a person at the end of the validity', async () => {
    const asked: number[] = [];
    const { world, process, id } = await roadAfter(['hang_unprocessed'], {
      provider: {
        semantics: { notFoundAfterMs: null, replay: 'none', validityMs: 4 * DAY_MS },
        inquiryStep: () => {
          asked.push(world.clock.monotonicMs());
          return 'ok';
        },
      },
    });
    const startMs = world.clock.monotonicMs();
    asked.length = 0;
    for (const untilMs of [4_000, 10_000, 50_000, 200_000, 600_000, 2 * 3_600_000, 8 * DAY_MS]) {
      await world.pass(untilMs - (world.clock.monotonicMs() - startMs), process);
    }
    const waits = asked.map((atMs, index) => atMs - (asked[index - 1] ?? startMs));
    expect(waits.length).toBeGreaterThanOrEqual(8);
    const expected = [5, 30, 120, 300, 3_600, 86_400, 86_400];
    for (const [index, seconds] of expected.entries()) {
      expect(waits[index], `wait ${index}`).toBeGreaterThanOrEqual(seconds * 1_000);
      expect(waits[index], `wait ${index}`).toBeLessThan(seconds * 1_000 * 1.1 + 2_000);
    }
    expect(await world.journal.countWork(world.clock.wallMs())).toMatchObject({ parked: 1, waiting: 0 });
    expect(world.told.alerts).toContain('unresolved');
    const authorization = await world.get(id);
    expect(authorization.status, 'never without evidence').toBe('pending');

    const attemptId = authorization.attempts[0]?.id ?? '';
    const closed = await world.resolveByPerson(process, { attemptId, resolution: 'not_processed' });
    expect(closed).toMatchObject({ kind: 'resolved', authorization: { status: 'failed' } });
    expect(await world.journal.countWork(world.clock.wallMs())).toEqual({
      waiting: 0,
      overdue: 0,
      parked: 0,
      oldestSinceMs: null,
    });
    const history = await world.journal.history(id);
    expect(history.at(-1)).toMatchObject({ kind: 'resolved_by_person', actor: 'acme' });
    expect(JSON.stringify(history.at(-1)?.data)).toContain('ticket 7');
    const again = await world.resolveByPerson(process, { attemptId, resolution: 'approved' });
    expect(again.kind).toBe('not_open');
  });

  it('a provider that cannot be asked is asked by the same request under the same key, while it is known', async () => {
    const { world, process, id } = await roadAfter(['hang_unprocessed'], {
      provider: { semantics: { inquiry: 'none' } },
    });
    expect((await world.get(id)).status).toBe('pending');
    await world.pass(10_000, process);
    expect((await world.get(id)).status).toBe('approved');
    const keys = world.providers.get('sandbox-a')?.seen.map(({ providerKey }) => providerKey);
    expect(new Set(keys).size).toBe(1);
    expect(world.live()).toHaveLength(1);
  });

  it('a key that may be forgotten is not used again', async () => {
    const { world, process, id } = await roadAfter(['hang_unprocessed'], {
      provider: { semantics: { inquiry: 'none', keyLifetimeMs: 4_000 } },
      schedule: [5_000],
    });
    await world.pass(10 * DAY_MS, process);
    expect((await world.get(id)).status).toBe('pending');
    expect(world.providers.get('sandbox-a')?.seen).toHaveLength(1);
    expect(await world.journal.countWork(world.clock.wallMs())).toMatchObject({ parked: 1 });
  });

  it('two resolvers never act on one attempt', async () => {
    let asked = 0;
    const { world, process, id } = await roadAfter(['pending_processed'], {
      provider: {
        inquiryStep: () => {
          asked += 1;
          return 'ok';
        },
      },
    });
    const second = world.process();
    asked = 0;
    await world.clock.advance(6_000);
    const taken = await Promise.all([process.resolver.takeUp(), second.resolver.takeUp()]);
    expect(taken.toSorted()).toEqual([0, 1]);
    await world.finish(Promise.all([process.resolver.idle(), second.resolver.idle()]));
    expect(asked).toBe(1);
    expect((await world.get(id)).status).toBe('approved');
  });

  it('a resolver that died leaves its work to the next, once its lease is over', async () => {
    const { world, id } = await roadAfter(['pending_processed']);
    await world.clock.advance(6_000);
    const nowMs = world.clock.wallMs();
    const taken = await world.journal.takeWork(nowMs, 10, { owner: 'dead', untilMs: nowMs + 60_000 });
    expect(taken).toHaveLength(1);
    const next = world.process();
    await world.pass(50_000, next);
    expect((await world.get(id)).status).toBe('pending');
    await world.pass(20_000, next);
    expect((await world.get(id)).status).toBe('approved');
  });
});

describe('a provider that is not connected any more', () => {
  it('is waited for, and its work goes on when it is back', async () => {
    let isBack = false;
    const { world, process, id } = await roadAfter(['unknown_processed'], {
      provider: { ...NO_QUICK, inquiryStep: () => (isBack ? 'ok' : 'fail') },
    });
    const without = { ...process, resolver: new Resolver({ ...process.deps, provider: () => undefined }) };
    await world.pass(20 * DAY_MS, without);
    expect(world.told.alerts).not.toContain('unresolved');
    isBack = true;
    await world.pass(2 * 3_600_000, process);
    expect((await world.get(id)).status).toBe('approved');
  });

  it('is given up after 31 days, and a person is told', async () => {
    const { world, process, id } = await roadAfter(['unknown_processed'], {
      provider: { ...NO_QUICK, inquiryStep: () => 'fail' },
    });
    const without = { ...process, resolver: new Resolver({ ...process.deps, provider: () => undefined }) };
    await world.pass(30 * DAY_MS, without);
    expect(world.told.alerts).not.toContain('unresolved');
    await world.pass(2 * DAY_MS, without);
    expect(world.told.alerts.filter((alert) => alert === 'unresolved')).toHaveLength(1);
    expect((await world.get(id)).status).toBe('pending');
  });
});

describe('what may not stand', () => {
  it.each([
    ['partial', 'approved', 'sandbox-b'],
    ['decline_hidden_approval', 'declined', 'sandbox-a'],
  ] as const)('%s is undone within the request: %s at %s', async (step, status, provider) => {
    const { world, id } = await roadAfter([step]);
    expect(await world.get(id)).toMatchObject({ status, provider, operations: [{ status: 'succeeded' }] });
    expect(world.live()).toHaveLength(status === 'approved' ? 1 : 0);
  });

  it.each(['partial', 'decline_hidden_approval'] as const)(
    '%s whose void is lost is reversing, tried again, and undone once',
    async (step) => {
      let lost = 0;
      const { world, process, id, result } = await roadAfter([step], {
        provider: {
          operationStep: () => {
            lost += 1;
            return lost === 1 ? 'lose_unprocessed' : lost === 2 ? 'lose_processed' : 'ok';
          },
        },
      });
      expect(result).toMatchObject({ httpStatus: 202 });
      expect((await world.get(id)).status).toBe('reversing');
      await world.pass(180_000, process);
      expect(await world.get(id)).toMatchObject({
        status: step === 'partial' ? 'voided' : 'declined',
        operations: [{ status: 'succeeded' }],
      });
      expect(world.live()).toEqual([]);
      expect(world.providers.get('sandbox-a')?.carriedOut.void).toBe(1);
      expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
    },
  );

  it('a reversal that the provider refuses pages, and is tried anew, ever less often', async () => {
    const { world, process, id } = await roadAfter(['mismatch_processed']);
    const entry = world.live()[0];
    if (entry === undefined) throw new Error('nothing was authorized');
    // Somebody captured it at the provider: it can no longer be voided.
    entry.captured = entry.amount;
    await world.pass(20 * 60_000, process);
    const reversing = await world.get(id);
    expect(reversing.status).toBe('reversing');
    // After 5 s, 5 s, 30 s, 2 min, 5 min; the next is after an hour.
    const refused = reversing.operations.slice(0, -1);
    expect(refused.map(({ status, code }) => [status, code])).toEqual(
      Array.from({ length: 5 }, () => ['failed', 'already_captured']),
    );
    expect(reversing.operations.at(-1)).toMatchObject({ status: 'pending', code: null });
    expect(world.told.alerts.filter((alert) => alert === 'reversal_refused')).toHaveLength(5);
    const attemptId = (await world.get(id)).attempts[0]?.id ?? '';
    const closed = await world.resolveByPerson(process, { attemptId, resolution: 'undone' });
    expect(closed).toMatchObject({ kind: 'resolved', authorization: { status: 'voided' } });
  });
});

describe('a void that is only acknowledged', () => {
  it('is known to be done by what stands there, where no inquiry tells of voids and the notice is lost', async () => {
    const { world, process, id } = await roadAfter(['approve'], {
      provider: { semantics: { operationInquiry: false } },
    });
    const provider = world.providers.get('sandbox-a');
    if (provider === undefined) throw new Error('no such provider');
    const carryOut = provider.void.bind(provider);
    let isDone = false;
    provider.void = async (call) => {
      if (isDone) await carryOut(call);
      return { kind: 'accepted' };
    };
    await world.operate(process, id, { kind: 'void' });
    await world.pass(60_000, process);
    expect((await world.get(id)).status).toBe('reversing');
    isDone = true;
    await world.pass(600_000, process);
    expect(await world.get(id)).toMatchObject({ status: 'voided', operations: [{ status: 'succeeded' }] });
    expect(world.live()).toEqual([]);
  });
});

describe('after_unknown: cancel_then_fail_over', () => {
  const action = { afterUnknown: 'cancel_then_fail_over' } as const;
  it.each([
    ['a confirmed cancellation lets another provider try', 'ok', 'approved', 'sandbox-b'],
    [
      'an acknowledged one that is done by the time it is asked about, too',
      'accept',
      'approved',
      'sandbox-b',
    ],
    ['one that got lost does not', 'lose_unprocessed', 'pending', 'sandbox-a'],
    ['one that was turned away does not', 'reject', 'pending', 'sandbox-a'],
    ['one that never left does not', 'not_sent', 'pending', 'sandbox-a'],
  ] as const)('%s', async (_, step, status, provider) => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      action,
      provider: {
        inquiryStep: () => 'fail',
        operationStep: () => step,
        acceptedForMs: 0,
        semantics: { replay: 'none', operationInquiry: step === 'accept' },
      },
    });
    if (step === 'accept') {
      // The inquiry about the cancellation must answer.
      const sandbox = world.providers.get('sandbox-a');
      if (sandbox !== undefined) {
        sandbox.inquireOperation = async () => ({ kind: 'confirmed', providerReference: null });
      }
    }
    const process = world.process();
    const result = await world.authorize(process);
    const authorization = await world.get(idIn(result));
    expect(authorization).toMatchObject({ status, provider });
    expect(authorization.operations).toMatchObject([{ kind: 'void', purpose: 'unknown_outcome' }]);
    expect(world.live().length).toBeLessThanOrEqual(step === 'accept' ? 2 : 1);
  });

  it('afterwards it only cancels: found approved, it is reversed, and nobody else is tried', async () => {
    let waiting = true;
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      action,
      provider: {
        inquiryStep: () => (waiting ? 'fail' : 'ok'),
        operationStep: () => (waiting ? 'lose_unprocessed' : 'ok'),
        semantics: { replay: 'none' },
      },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    waiting = false;
    await world.pass(60_000, process);
    expect((await world.get(id)).status).toBe('voided');
    expect(world.live()).toEqual([]);
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
  });

  it('a cancellation that finds nothing is no evidence: what lands afterwards is undone once', async () => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['land_late'] },
      action,
      provider: { semantics: { replay: 'none', notFoundAfterMs: 30_000 }, landsAfterMs: 6_000 },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    expect((await world.get(id)).status).toBe('pending');
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
    await world.pass(180_000, process);
    expect((await world.get(id)).status).toBe('voided');
    expect(world.providers.get('sandbox-a')?.carriedOut.void).toBe(1);
    expect(world.live()).toEqual([]);
  });
});

describe('late approvals', () => {
  it.each([
    ['kept by default', null, 'approved', 1],
    ['reversed after the rule’s time', 60_000, 'voided', 0],
  ] as const)('%s', async (_, lateApprovalReverseAfterMs, status, live) => {
    let waiting = true;
    const { world, process, id } = await roadAfter(['hang_processed'], {
      action: { lateApprovalReverseAfterMs },
      provider: { ...NO_QUICK, inquiryStep: () => (waiting ? 'fail' : 'ok') },
    });
    await world.pass(120_000, process);
    waiting = false;
    await world.pass(3_600_000, process);
    expect((await world.get(id)).status).toBe(status);
    expect(world.live()).toHaveLength(live);
    expect(world.told.alerts.includes('late_approval')).toBe(live === 0);
  });
});

describe('expiry', () => {
  it('what is never captured goes back, and is expired once the provider has confirmed it', async () => {
    const { world, process, id } = await roadAfter(['approve'], {
      provider: { semantics: { validityMs: 2 * DAY_MS } },
    });
    expect((await world.get(id)).status).toBe('approved');
    await world.pass(2 * DAY_MS - 60_000, process);
    expect((await world.get(id)).status).toBe('approved');
    await world.pass(3_600_000, process);
    expect(await world.get(id)).toMatchObject({ status: 'expired', expiresAtMs: null });
    expect(world.live()).toEqual([]);
  });
});
