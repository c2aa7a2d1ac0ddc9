import { describe, expect, it } from 'vitest';
import { beginFollowOn } from '../../src/core/follow-on.ts';
import { applyOutcome } from '../../src/core/lifecycle.ts';
import { changeAuthorization } from '../../src/gateway/change.ts';
import type { OperationOutcome } from '../../src/gateway/ports.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import { Resolver } from '../../src/gateway/resolve.ts';
import { faultyJournal, type JournalFault } from '../support/faulty-journal.ts';
import { GatewayWorld, idIn, type WorldProcess } from '../support/gateway-world.ts';
import type { InquiryStep, OperationStep } from '../support/scripted-provider.ts';

/** What went wrong where several processes, wrong clocks and lost writes met, each as the shortest story that shows it. */

const HOUR_MS = 3_600_000;

/** What each operation comes to, one after the other; then it is done. */
function operationScript(...steps: readonly OperationStep[]) {
  const left = [...steps];
  return () => left.shift() ?? 'ok';
}

it('a capture that ends after everything before it was refunded is recorded', async () => {
  const world = new GatewayWorld({ provider: { operationStep: operationScript('ok', 'accept', 'ok') } });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  await world.operate(process, id, { kind: 'capture', amount: 1_000 }, 'capture-1');
  await world.operate(process, id, { kind: 'capture', amount: 2_000 }, 'capture-2');
  await world.operate(process, id, { kind: 'refund' }, 'refund-1');
  expect(await world.get(id)).toMatchObject({ status: 'refunded', capturedAmount: 1_000 });
  await world.pass(60_000, process);
  expect(await world.get(id)).toMatchObject({
    status: 'partially_refunded',
    capturedAmount: 3_000,
    refundedAmount: 1_000,
  });
});

it('what is given up to a person is told although the confirmation of the journal is lost', async () => {
  let fault: JournalFault = 'none';
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    provider: { semantics: { notFoundAfterMs: null, validityMs: HOUR_MS } },
    journal: (journal) =>
      faultyJournal(
        journal,
        (name) => (name === 'postponeWork' ? fault : 'none'),
        () => false,
      ),
  });
  const process = world.process();
  await world.authorize(process);
  fault = 'after';
  await world.pass(2 * HOUR_MS, process);
  expect(await world.journal.countWork(world.clock.wallMs())).toMatchObject({ parked: 1 });
  expect(world.told.alerts).toContain('unresolved');
});

it('processes that take turns come to the end of what is not found within minutes', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    action: { attemptsMax: 1 },
    provider: { semantics: { notFoundAfterMs: 60_000 } },
  });
  const id = idIn(await world.authorize(world.process()));
  const turns = Array.from({ length: 8 }, () => world.process());
  for (let second = 0; second < 15 * 60; second += 1) {
    await world.clock.advance(1_000);
    const [next] = turns;
    if (next === undefined) break;
    const looks = world.told.resolved.length;
    await world.look(next);
    if (world.told.resolved.length > looks) turns.push(...turns.splice(0, 1));
  }
  expect(await world.get(id)).toMatchObject({ status: 'failed' });
  expect(world.told.resolved.at(-1)).toBe('attempt inquiry rejected');
  // By then each of them had asked once.
  expect(world.told.resolved.length).toBeGreaterThan(8);
});

it('a schedule that is shorter than the window looks again once the window is over', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['hang_unprocessed'] },
    action: { attemptsMax: 1 },
    provider: { semantics: { notFoundAfterMs: 60_000 } },
    schedule: [1_000, 2_000],
  });
  const process = world.process();
  const id = idIn(await world.authorize(process));
  await world.pass(59_000, process);
  expect(await world.get(id)).toMatchObject({ status: 'pending' });
  await world.pass(6_000, process);
  expect(await world.get(id)).toMatchObject({ status: 'failed' });
});

it('a notice that is taken by a process whose clock is ahead takes no attempt from who is sending it', async () => {
  const world = new GatewayWorld({ script: { 'sandbox-a': ['hang_processed'] }, action: { attemptsMax: 1 } });
  const answer = world.begin(world.process());
  await world.clock.advance(500);
  const [open] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
    .data;
  const attempt = open?.attempts[0];
  if (open === undefined || attempt === undefined) throw new Error('no attempt is under way');
  world.clock.jumpWall(600_000);
  const ahead = world.process();
  const outcome = { kind: 'pending', code: null, providerReference: 'psp_1' } as const;
  await changeAuthorization(
    open,
    (current) =>
      applyOutcome(current, 1, outcome, { nowMs: world.clock.wallMs(), validityMs: 0, durationMs: null }),
    { event: { kind: 'noticed', actor: 'webhook sandbox-a', data: {} } },
    ahead.deps,
  );
  expect(await recoverLapsed(ahead.deps)).toBe(0);
  await world.clock.advance(1_000);
  expect(await recoverLapsed(ahead.deps)).toBe(0);
  world.clock.jumpWall(-600_000);
  await world.finish(answer);
  expect(world.told.alerts).not.toContain('lease_expired');
});

it('a request that was turned away is not believed dead once another process has sent it again', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['rejected', 'hang_processed'] },
    latencyMs: 1_000,
    action: { attemptsMax: 1 },
    provider: { semantics: { inquiry: 'none', cancelByReference: false } },
  });
  const sender = world.process();
  const answer = world.begin(sender);
  await world.clock.advance(500);
  const other = world.process();
  // Certain, wrongly, that the sender is dead.
  world.clock.jumpWall(60_000);
  expect(await recoverLapsed({ ...other.deps, soleOwner: true })).toBe(1);
  world.clock.jumpWall(10_000);
  await other.resolver.takeUp();
  const told = idIn(await world.finish(answer));
  await world.finish(other.resolver.idle());
  expect(world.live()).toHaveLength(1);
  expect(await world.get(told)).toMatchObject({ status: 'pending' });
  // Money stands there: nobody else may be asked for the same payment.
  expect(await world.authorize(other, {}, 'key-2')).toMatchObject({ kind: 'payment_live' });
  await world.pass(120_000, other);
  expect(await world.get(told)).toMatchObject({ status: 'approved' });
  expect(world.live()).toHaveLength(1);
});

/** A process whose journal fails to write at all, or to confirm, as long as `fault` says so. */
function withFaults(world: GatewayWorld, fault: () => JournalFault): WorldProcess {
  const process = world.process();
  const journal = faultyJournal(process.deps.journal, fault, () => false);
  const deps = { ...process.deps, journal };
  return { deps, resolver: new Resolver(deps) };
}

describe('an operation whose intent could not be written', () => {
  it.each(['another process', 'the same process'])(
    'does not end one that %s begins under its key meanwhile',
    async (who) => {
      const world = new GatewayWorld({ latencyMs: 500 });
      let fault: JournalFault = 'none';
      const first = withFaults(world, () => fault);
      const id = idIn(await world.authorize(first));
      fault = 'before';
      expect(await world.operate(first, id, { kind: 'capture' }, 'key')).toMatchObject({
        kind: 'journal_unavailable',
      });
      fault = 'none';
      const second = who === 'the same process' ? first : world.process();
      const capture = world.operate(second, id, { kind: 'capture' }, 'key');
      await world.clock.advance(200);
      expect(await world.get(id)).toMatchObject({ operations: [{ status: 'pending' }] });
      await first.deps.unrecorded.retry(first.deps);
      expect(await world.get(id)).toMatchObject({ operations: [{ status: 'pending' }] });
      expect(await capture).toMatchObject({ kind: 'answered', httpStatus: 201 });
      expect(await world.get(id)).toMatchObject({ status: 'captured' });
      expect(first.deps.unrecorded.size).toBe(0);
      expect(world.told.remarks).toEqual([]);
    },
  );

  it('ends as failed, and nobody whose clock is ahead sends it before', async () => {
    const world = new GatewayWorld({ latencyMs: 500 });
    let fault: JournalFault = 'none';
    const first = withFaults(world, () => fault);
    const id = idIn(await world.authorize(first));
    fault = 'after';
    expect(await world.operate(first, id, { kind: 'capture' }, 'key')).toMatchObject({
      kind: 'journal_unavailable',
    });
    expect(await world.get(id)).toMatchObject({ operations: [{ status: 'pending' }] });
    fault = 'none';
    world.clock.jumpWall(600_000);
    const ahead = world.process();
    await ahead.resolver.takeUp();
    await world.clock.advance(700);
    world.clock.jumpWall(-600_000);
    await first.deps.unrecorded.retry(first.deps);
    await world.finish(ahead.resolver.idle());
    await world.pass(60_000, first, ahead);
    expect(await world.get(id)).toMatchObject({ status: 'approved', operations: [{ status: 'failed' }] });
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(0);
    expect(first.deps.unrecorded.size).toBe(0);
  });

  it('is left to whoever has taken it up meanwhile', async () => {
    const world = new GatewayWorld({ latencyMs: 500 });
    let fault: JournalFault = 'none';
    const first = withFaults(world, () => fault);
    const id = idIn(await world.authorize(first));
    fault = 'after';
    await world.operate(first, id, { kind: 'capture' }, 'key');
    fault = 'none';
    await world.clock.advance(31 * 60_000);
    const other = world.process();
    await other.resolver.takeUp();
    await world.clock.advance(700);
    await first.deps.unrecorded.retry(first.deps);
    await world.finish(other.resolver.idle());
    expect(await world.get(id)).toMatchObject({ status: 'captured' });
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(1);
  });
});

it('the end of an operation that the journal could not write is recorded later, and asked about no more', async () => {
  const world = new GatewayWorld();
  let fails = 0;
  const process = withFaults(world, () => (fails-- > 0 ? 'before' : 'none'));
  const id = idIn(await world.authorize(process));
  const provider = world.providers.get('sandbox-a');
  const really = provider?.capture.bind(provider);
  if (provider === undefined || really === undefined) throw new Error('no provider');
  provider.capture = async (call) => {
    const outcome = await really(call);
    fails = 1;
    return outcome;
  };
  expect(await world.operate(process, id, { kind: 'capture' }, 'key')).toMatchObject({ httpStatus: 202 });
  await world.pass(2_000, process);
  expect(await world.get(id)).toMatchObject({ status: 'captured' });
  expect(world.told.resolved).toEqual(['capture answer succeeded']);
});

describe('at a provider without keys', () => {
  const WINDOW_MS = 30_000;

  /** An authorization at a provider that knows a capture only some time after it was done. */
  async function withoutKeys(
    onCapture: (call: number) => { readonly does: boolean; readonly says: OperationOutcome },
  ) {
    const world = new GatewayWorld({
      provider: { semantics: { replay: 'none', operationNotFoundAfterMs: WINDOW_MS } },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    const provider = world.providers.get('sandbox-a');
    if (provider === undefined) throw new Error('no provider');
    const calls: number[] = [];
    const done: number[] = [];
    provider.capture = async () => {
      calls.push(world.clock.monotonicMs());
      const { does, says } = onCapture(calls.length);
      if (does) done.push(world.clock.monotonicMs());
      return says;
    };
    provider.inquireOperation = async () =>
      done.some((atMs) => atMs + WINDOW_MS * 0.75 <= world.clock.monotonicMs())
        ? { kind: 'confirmed', providerReference: null }
        : { kind: 'not_found' };
    const again = async () =>
      (await world.journal.history(id)).filter(({ kind }) => kind === 'operation_sent_again');
    return { world, process, id, calls, done, again };
  }

  const LOST = { kind: 'unknown', code: 'timeout' } as const;
  const REFUSED = { kind: 'refused', code: 'already_captured' } as const;

  it('a capture is sent again only when the window after its last sending is over, and that is recorded', async () => {
    const { world, process, id, calls, done, again } = await withoutKeys((call) => ({
      does: call === 3,
      says: LOST,
    }));
    const other = world.process();
    await world.operate(process, id, { kind: 'capture' }, 'key');
    await world.pass(40 * 60_000, process, other);
    expect(await world.get(id)).toMatchObject({ status: 'captured', operations: [{ status: 'succeeded' }] });
    expect(done).toHaveLength(1);
    const waits = calls.slice(1).map((atMs, index) => atMs - (calls[index] ?? 0));
    expect(waits).toHaveLength(2);
    for (const waitMs of waits) expect(waitMs).toBeGreaterThan(WINDOW_MS);
    // Whoever recorded the first repeat might stand still before it sends it.
    expect(waits[1]).toBeGreaterThan(WINDOW_MS + 30 * 60_000);
    expect(await again()).toHaveLength(2);
  });

  it('a repeat that is refused because the first request came through late is no failure', async () => {
    const { world, process, id, calls, again } = await withoutKeys((call) => ({
      // What is done by then is the first request.
      does: call === 2,
      says: call === 1 ? LOST : REFUSED,
    }));
    await world.operate(process, id, { kind: 'capture' }, 'key');
    await world.pass(50_000, process);
    expect(calls).toHaveLength(2);
    expect(await world.get(id)).toMatchObject({
      status: 'approved',
      operations: [{ status: 'pending', code: 'already_captured' }],
    });
    await world.pass(300_000, process);
    expect(await world.get(id)).toMatchObject({
      status: 'captured',
      operations: [{ status: 'succeeded', code: null }],
    });
    expect(calls).toHaveLength(2);
    expect(await again()).toHaveLength(1);
  });

  it('a repeat that is refused is the end once none of the requests is known after the window', async () => {
    const { world, process, id, calls } = await withoutKeys((call) => ({
      does: false,
      says: call === 1 ? LOST : REFUSED,
    }));
    await world.operate(process, id, { kind: 'capture' }, 'key');
    await world.pass(40 * 60_000, process);
    expect(await world.get(id)).toMatchObject({
      status: 'approved',
      operations: [{ status: 'failed', code: 'already_captured' }],
    });
    expect(calls).toHaveLength(2);
  });

  it('a capture that a caller is sending is not sent by a look that found its approval second', async () => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      latencyMs: 500,
      action: { attemptsMax: 1 },
      provider: {
        semantics: { replay: 'none', operationNotFoundAfterMs: WINDOW_MS },
        inquiryStep: () => inquiry,
      },
    });
    let inquiry: InquiryStep = 'fail';
    const process = world.process();
    const id = idIn(await world.authorize(process));
    inquiry = 'ok';
    await world.clock.advance(6_000);
    await process.resolver.takeUp();
    await world.clock.advance(100);
    const pending = await world.get(id);
    const outcome = { kind: 'approved', providerReference: 'psp_1', networkTransaction: null } as const;
    await changeAuthorization(
      pending,
      (current) =>
        applyOutcome(current, 1, outcome, {
          nowMs: world.clock.wallMs(),
          validityMs: HOUR_MS,
          durationMs: null,
        }),
      { event: { kind: 'noticed', actor: 'webhook sandbox-a', data: {} } },
      world.process().deps,
    );
    const provider = world.providers.get('sandbox-a');
    if (provider === undefined) throw new Error('no provider');
    let calls = 0;
    const really = provider.capture.bind(provider);
    provider.capture = (call) => {
      calls += 1;
      return really(call);
    };
    const capture = world.operate(world.process(), id, { kind: 'capture' }, 'key');
    await world.finish(process.resolver.idle());
    expect(await capture).toMatchObject({ httpStatus: 201 });
    expect(await world.get(id)).toMatchObject({ status: 'captured' });
    expect(calls).toBe(1);
  });

  it.each(['none', 'same_answer'] as const)(
    'what a notice left to be captured is captured, once, where nothing can tell of a capture (replay %s)',
    async (replay) => {
      const world = new GatewayWorld({
        script: { 'sandbox-a': ['hang_unprocessed'] },
        provider: {
          inquiryStep: () => 'fail',
          semantics: {
            replay,
            operationNotFoundAfterMs: null,
            operationInquiry: false,
            keyLifetimeMs: 2 * HOUR_MS,
          },
        },
      });
      const process = world.process();
      const id = idIn(await world.authorize(process, { capture: 'automatic' }));
      const provider = world.providers.get('sandbox-a');
      if (provider === undefined) throw new Error('no provider');
      let calls = 0;
      provider.capture = async () => {
        calls += 1;
        return replay === 'same_answer' && calls === 1
          ? LOST
          : { kind: 'confirmed', providerReference: null };
      };
      // The webhook's process does not send what it begins.
      const told = await changeAuthorization(
        await world.get(id),
        (current) =>
          applyOutcome(
            current,
            1,
            { kind: 'approved', providerReference: 'p1', networkTransaction: null },
            { nowMs: world.clock.wallMs(), validityMs: 30 * 24 * HOUR_MS, durationMs: null },
          ),
        { event: { kind: 'noticed', actor: 'webhook sandbox-a', data: {} } },
        process.deps,
      );
      expect(told).toMatchObject({ kind: 'written', authorization: { operations: [{ status: 'pending' }] } });
      await world.pass(60_000, process);
      expect(await world.get(id)).toMatchObject({ status: 'captured' });
      expect(calls).toBe(replay === 'none' ? 1 : 2);
      const sent = (await world.journal.history(id)).filter(({ kind }) => kind.startsWith('operation_sent'));
      expect(sent.map(({ kind }) => kind)).toEqual(['operation_sent']);
    },
  );

  it('what a notice left to be captured, and was sent and lost, is not sent again', async () => {
    const { world, process, id, calls } = await withoutKeys(() => ({ does: false, says: LOST }));
    await changeAuthorization(
      await world.get(id),
      (current) => {
        const verdict = beginFollowOn(
          current,
          { kind: 'capture', amount: null, final: true },
          true,
          world.clock.wallMs(),
        );
        if (!verdict.allowed) throw new Error(verdict.refusal);
        return { authorization: verdict.authorization, remarks: [], changed: true };
      },
      { event: { kind: 'noticed', actor: 'webhook sandbox-a', data: {} } },
      process.deps,
    );
    await world.pass(WINDOW_MS - 5_000, process);
    expect(calls).toHaveLength(1);
  });
});
