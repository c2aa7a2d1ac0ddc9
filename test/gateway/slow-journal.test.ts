import { expect, it } from 'vitest';
import { authorize } from '../../src/gateway/authorize.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { GatewayWorld } from '../support/gateway-world.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleCommand } from '../support/sample-request.ts';
import { ScriptedProvider } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** A journal whose first write takes `delayMs`. */
function slow(journal: Journal, clock: FakeClock, delayMs: number): Journal {
  return new Proxy(journal, {
    get(target, property) {
      const value = Reflect.get(target, property, target);
      if (property === 'open') {
        return async (...args: Parameters<Journal['open']>) => {
          const result = await target.open(...args);
          await new Promise<void>((resolve) => clock.after(delayMs, resolve));
          return result;
        };
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it.each([
  [100, 1, 'approved'],
  [4_500, 0, 'failed'],
])(
  'an intent that takes %d ms to write sends %d requests: its deadline is the one it says',
  async (delayMs, sent, status) => {
    const clock = new FakeClock();
    const random = new SeededRandom(1);
    const journal = openInProcessJournal(':memory:');
    const provider = new ScriptedProvider(
      'sandbox-a',
      clock,
      () => 'approve',
      () => 5,
    );
    const deps = roadDeps({
      clock,
      random,
      journal: slow(journal, clock, delayMs),
      provider: () => provider,
      action: { attemptsMax: 1 },
    });
    const answering = authorize(sampleCommand({ receivedAtMs: clock.monotonicMs() }), deps);
    let ended = false;
    void answering.finally(() => {
      ended = true;
    });
    while (!ended) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.fireNext();
    }
    const answer = await answering;
    expect(provider.seen).toHaveLength(sent);
    expect(answer.kind === 'answered' ? JSON.parse(answer.body).status : answer.kind).toBe(status);
    await journal.close();
  },
);

/** A journal whose calls of these names hang: they are done once they are let go, as what is under way at a database is. */
function stalling(journal: Journal, names: ReadonlySet<string>) {
  let letGo = () => {};
  const gone = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const stalled = new Proxy(journal, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (!names.has(String(property))) return value.bind(target);
      return async (...args: unknown[]) => {
        await gone;
        return value.apply(target, args);
      };
    },
  });
  return { stalled, letGo };
}

const DEADLINE_MS = 4_000;

/** What hangs, when the provider answers, what is answered, at the latest when, and what the key shows in the end. */
const STALLS: readonly (readonly [string, readonly string[], number, string, number, string])[] = [
  ['the intent', ['open'], 5, 'journal_unavailable', DEADLINE_MS, 'failed'],
  ['the intent and reads', ['open', 'findClaim'], 5, 'journal_unavailable', DEADLINE_MS, 'failed'],
  ['the end', ['advance'], 5, 'pending', DEADLINE_MS, 'approved'],
  ['the end of what came back late', ['advance'], 3_900, 'pending', DEADLINE_MS + 500, 'approved'],
];

it.each(STALLS)(
  'a journal that hangs at %s (%j, answer after %d ms): %s within %d ms, and then %s under the same key',
  async (_, names, providerMs, told, withinMs, inTheEnd) => {
    const clock = new FakeClock();
    const journal = openInProcessJournal(':memory:');
    const { stalled, letGo } = stalling(journal, new Set(names));
    const provider = new ScriptedProvider(
      'sandbox-a',
      clock,
      () => 'approve',
      () => providerMs,
    );
    const deps = roadDeps({
      clock,
      random: new SeededRandom(1),
      journal: stalled,
      provider: () => provider,
      action: { attemptsMax: 1, deadlineMs: DEADLINE_MS },
    });
    const command = sampleCommand({ receivedAtMs: clock.monotonicMs() });
    const ask = async () => {
      let ended = false;
      const answering = authorize({ ...command, receivedAtMs: clock.monotonicMs() }, deps).finally(() => {
        ended = true;
      });
      while (!ended) {
        await new Promise((resolve) => setImmediate(resolve));
        if (!ended) clock.fireNext();
      }
      const answer = await answering;
      return answer.kind === 'answered' ? String(JSON.parse(answer.body).status) : answer.kind;
    };
    expect(await ask()).toBe(told);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(withinMs);
    expect(provider.seen).toHaveLength(names.includes('open') ? 0 : 1);
    letGo();
    await clock.advance(100);
    expect(deps.unrecorded.size).toBe(1);
    expect(await deps.unrecorded.retry(deps)).toBe(1);
    expect(await ask()).toBe(inTheEnd);
    expect(provider.seen).toHaveLength(names.includes('open') ? 0 : 1);
    const [{ id } = { id: '' }] = (
      await journal.listAuthorizations({ account: command.account, merchants: 'all', limit: 1 })
    ).data;
    // Nobody was told of the end by an answer: those who listen are told once.
    const history = await journal.history(id);
    const ends = history.filter(({ data }) => (data as { reason?: string }).reason === 'journal_failed');
    expect(ends).toHaveLength(1);
    await journal.close();
  },
);

it('a journal that hangs where it is asked whether an attempt may be sent again: pending within the deadline, not sent again', async () => {
  const world = new GatewayWorld({
    script: { 'sandbox-a': ['unknown_processed'] },
    action: { attemptsMax: 1, deadlineMs: DEADLINE_MS },
  });
  const plain = world.process();
  const { hanging, hang, letGo } = hangingJournal(world.journal);
  const process = { ...plain, deps: { ...plain.deps, journal: hanging } };
  hang(['findAuthorization']);
  const answer = await world.authorize(process);
  expect(world.clock.monotonicMs()).toBeLessThanOrEqual(DEADLINE_MS + 500);
  expect(answer.kind === 'answered' && JSON.parse(answer.body).status).toBe('pending');
  letGo();
  expect(world.providers.get('sandbox-a')?.seen).toHaveLength(1);
  await world.pass(60_000, process);
  expect(await world.authorize(process)).toMatchObject({ httpStatus: 201 });
  expect(world.live()).toHaveLength(1);
});
