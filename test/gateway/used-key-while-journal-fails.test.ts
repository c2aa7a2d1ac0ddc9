import { afterEach, expect, it } from 'vitest';
import { renderAuthorization } from '../../src/edge/answer.ts';
import { authorize } from '../../src/gateway/authorize.ts';
import type { AuthorizeCommand } from '../../src/gateway/road-results.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyJournal, type JournalFault } from '../support/faulty-journal.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleCommand } from '../support/sample-request.ts';
import { ScriptedProvider, type ScriptStep } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A road whose journal fails to open authorizations from `failOpening` on. */
function setUp(step: ScriptStep) {
  const clock = new FakeClock();
  const stored = openInProcessJournal(':memory:');
  closing.push(() => stored.close());
  const provider = new ScriptedProvider(
    'sandbox-a',
    clock,
    () => step,
    () => 50,
  );
  let fault: JournalFault = 'none';
  const simple = roadDeps({
    clock,
    random: new SeededRandom(1),
    journal: faultyJournal(
      stored,
      (operation) => (operation === 'open' ? fault : 'none'),
      () => false,
    ),
    provider: () => provider,
    action: { attemptsMax: 1 },
  });
  // As callers see it: a replay is compared byte for byte.
  const deps = { ...simple, renderAnswer: renderAuthorization };
  const command = (more: Partial<AuthorizeCommand> = {}) =>
    sampleCommand({ receivedAtMs: clock.monotonicMs(), ...more });
  const turn = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    clock.fireNext();
  };
  const ask = async (more: Partial<AuthorizeCommand> = {}) => {
    let ended = false;
    const answering = authorize(command(more), deps).finally(() => {
      ended = true;
    });
    while (!ended) await turn();
    return answering;
  };
  return {
    provider,
    command,
    deps,
    ask,
    turn,
    failOpening(how: JournalFault) {
      fault = how;
    },
  };
}

it.each<JournalFault>(['before', 'after'])(
  'a key whose request was sent is never told that nothing was, while the journal fails (%s)',
  async (how) => {
    const { ask, failOpening, provider } = setUp('hang_unprocessed');
    const first = await ask();
    expect(first).toMatchObject({ kind: 'answered', httpStatus: 202, replayed: false });
    failOpening(how);
    expect(await ask()).toEqual({ ...first, replayed: true });
    expect(await ask({ bodyFingerprint: 'e'.repeat(64) })).toMatchObject({ kind: 'other_body' });
    expect(provider.seen).toHaveLength(1);
  },
);

it('nor while it is still at the provider', async () => {
  const { ask, command, deps, failOpening, provider, turn } = setUp('approve');
  const first = authorize(command(), deps);
  while (provider.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  failOpening('before');
  expect(await authorize(command(), deps)).toMatchObject({ kind: 'in_flight' });
  failOpening('none');
  await turn();
  const answer = await first;
  expect(answer).toMatchObject({ kind: 'answered', httpStatus: 201 });
  expect(await ask()).toEqual({ ...answer, replayed: true });
});

it.each<JournalFault>(['before', 'after'])('a new key is told that nothing was sent (%s)', async (how) => {
  const { ask, failOpening, provider } = setUp('approve');
  failOpening(how);
  expect(await ask()).toMatchObject({ kind: 'journal_unavailable' });
  expect(provider.seen).toHaveLength(0);
});
