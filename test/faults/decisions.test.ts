import { describe, expect, it } from 'vitest';
import { CallerDecisions } from '../../src/gateway/caller-decisions.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import { DecisionWorld, viewOf } from '../support/decision-world.ts';
import { never } from '../support/faulty-journal.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { sampleCommand } from '../support/sample-request.ts';

/** Decisions for callers that send themselves, where the journal fails, loses its word, or the process dies between. */

const KEYED = { ...sampleCommand(), idempotencyKey: 'key-1' };
const A = { provider: 'sandbox-a', outcome: 'rejected' } as const;

type Fault = 'none' | 'before' | 'after' | 'dies before' | 'dies after' | 'reads';

/** A world whose journal does as told with decisions. */
function broken() {
  const state: { fault: Fault } = { fault: 'none' };
  const writes = new Set(['openDecision', 'advanceDecision']);
  const reads = new Set(['findDecision', 'findDecisionClaim']);
  const world = new DecisionWorld({
    journal: (journal: Journal) =>
      new Proxy(journal, {
        get(target, name) {
          const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
          return async (...args: unknown[]) => {
            const { fault } = state;
            if (reads.has(String(name)) && fault === 'reads') throw new JournalError('gone');
            if (!writes.has(String(name))) return call.apply(target, args);
            if (fault === 'before' || fault === 'reads') throw new JournalError('full');
            if (fault === 'dies before') return never();
            const value = await call.apply(target, args);
            if (fault === 'dies after') return never();
            if (fault === 'after') throw new JournalError('the word was lost');
            return value;
          };
        },
      }),
  });
  return { world, state };
}

describe('the journal fails while a decision is made', () => {
  it('nothing is promised: the same key makes one later, once', async () => {
    const { world, state } = broken();
    state.fault = 'before';
    expect(await world.decide(KEYED)).toEqual({ kind: 'journal_unavailable', retryAfterMs: 1_000 });
    expect(await world.decide()).toMatchObject({ kind: 'journal_unavailable' });
    expect(world.alerts).toContain('journal_failed');
    expect(world.counted).toEqual({});
    state.fault = 'none';
    const first = await world.decide(KEYED);
    expect(await world.decide(KEYED)).toEqual({ ...first, replayed: true });
  });

  it('it had been written, and its word was lost: the key gives what was written', async () => {
    const { world, state } = broken();
    state.fault = 'after';
    const first = await world.decide(KEYED);
    expect(first).toMatchObject({ kind: 'answered', replayed: true });
    state.fault = 'none';
    expect(await world.decide(KEYED)).toEqual(first);
    // Without a key nobody can ask again: nothing was promised.
    state.fault = 'after';
    expect(await world.decide()).toMatchObject({ kind: 'journal_unavailable' });
  });

  it('nothing can be read either: 503, and never "no route"', async () => {
    const { world, state } = broken();
    state.fault = 'reads';
    for (const id of ['sandbox-a', 'sandbox-b', 'sandbox-c']) {
      expect(await world.decide(KEYED), id).toMatchObject({ kind: 'journal_unavailable' });
      world.override({ provider: id, mode: 'drain' });
    }
    expect(await world.report('dec_x', A)).toEqual({ kind: 'journal_unavailable' });
  });
});

describe('the journal fails while a report is taken', () => {
  it('it is not taken, nothing is learned and nobody offered: a repeat is as the first', async () => {
    const { world, state } = broken();
    const { id } = await world.decided();
    state.fault = 'before';
    for (let time = 0; time < 30; time += 1) {
      const result = await world.report(id, { ...A, outcome: 'unknown' });
      expect(result).toEqual({ kind: 'journal_unavailable' });
    }
    state.fault = 'none';
    expect(world.counted).toEqual({ made: 1 });
    // Thirty failures would have opened the account's lane.
    expect((await world.decided()).provider).toBe('sandbox-a');
    expect(await world.reported(id, A)).toEqual({ next: 'sandbox-b', reason: 'rejected' });
  });

  it('it had been taken, and its word was lost: a repeat gets its answer, whoever else is ranked first by now', async () => {
    const { world, state } = broken();
    const { id } = await world.decided();
    state.fault = 'after';
    expect(await world.report(id, A)).toEqual({ kind: 'journal_unavailable' });
    state.fault = 'none';
    world.override({ provider: 'sandbox-b', mode: 'force_open' });
    expect(await world.reported(id, A)).toEqual({ next: 'sandbox-b', reason: 'rejected' });
    const stored = await world.journal.findDecision(id);
    expect(stored?.attempts.map(({ provider }) => provider)).toEqual(['sandbox-a', 'sandbox-b']);
  });
});

describe('the journal hangs while a report is taken', () => {
  it.each(['findDecision', 'advanceDecision'])(
    'at %s: told so in time, and a repeat counts it once',
    async (name) => {
      const { world } = broken();
      const { hanging, hang, letGo } = hangingJournal(world.journal);
      const decisions = new CallerDecisions({ ...world.deps, journal: hanging });
      const { id } = await world.decided();
      const report = { ...A, attempt: 1, code: null, networkCode: null, advice: null, latencyMs: null };
      const take = () => {
        const receivedAtMs = world.clock.monotonicMs();
        return decisions.report({
          account: 'acme',
          covers: () => true,
          decisionId: id,
          report,
          receivedAtMs,
        });
      };
      hang([name]);
      let result: unknown = null;
      void take().then((taken) => {
        result = taken;
      });
      await world.clock.advance(3_999);
      expect(result).toBeNull();
      await world.clock.advance(1);
      expect(result).toEqual({ kind: 'journal_unavailable' });
      letGo();
      const step = { next: 'sandbox-b', reason: 'rejected', attempt: 2 };
      expect(await take()).toEqual({ kind: 'taken', step });
      expect(await take()).toEqual({ kind: 'taken', step });
      const stored = await world.journal.findDecision(id);
      expect(stored?.attempts.map(({ reports }) => reports.length)).toEqual([1, 0]);
    },
  );
});

describe('the process dies between', () => {
  it.each(['dies before', 'dies after'] as const)('%s the write: the next process goes on', async (fault) => {
    const { world, state } = broken();
    state.fault = fault;
    void world.decide(KEYED);
    await world.clock.advance(10);
    state.fault = 'none';
    // What the dead process remembered is gone with it: the key is not in flight for ever.
    const next = new CallerDecisions(world.deps);
    const first = await next.decide(KEYED);
    expect(first).toMatchObject({ kind: 'answered', replayed: fault === 'dies after' });
    const { id } = viewOf(first);
    state.fault = fault;
    void world.report(id, A);
    await world.clock.advance(10);
    state.fault = 'none';
    const report = { ...A, attempt: 1, code: null, networkCode: null, advice: null, latencyMs: null };
    const receivedAtMs = world.clock.monotonicMs();
    const command = { account: 'acme', covers: () => true, decisionId: id, report, receivedAtMs };
    const answers = [await next.report(command), await next.report(command)];
    expect(answers[0]).toEqual({
      kind: 'taken',
      step: { next: 'sandbox-b', reason: 'rejected', attempt: 2 },
    });
    expect(answers[1]).toEqual(answers[0]);
    expect((await world.journal.findDecision(id))?.attempts).toHaveLength(2);
  });
});
