import { expect, it } from 'vitest';
import { authorize } from '../../src/gateway/authorize.ts';
import { recoverLapsed } from '../../src/gateway/recover.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleCommand } from '../support/sample-request.ts';
import { ScriptedProvider, type ScriptStep } from '../support/scripted-provider.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const AN_HOUR_MS = 3_600_000;

it.each<[ScriptStep, string, string]>([
  ['approve', 'approved', 'approved'],
  ['decline_hard', 'declined', 'declined'],
  // These would have been tried elsewhere. The road was declared over meanwhile, but what came back is known.
  ['decline_soft', 'declined', 'declined'],
  // Whoever declared it over may have sent it again since.
  ['rejected', 'pending', 'unknown'],
  // What is to be undone is undone beside the road.
  ['partial', 'reversing', 'partially_approved'],
  // Not asked by a replay: who is overtaken sends nothing any more. It is found out beside the road.
  ['unknown_processed', 'pending', 'unknown'],
])(
  'an outcome that comes after its lease was declared over is recorded, and nobody else is asked: %s',
  async (step, status, outcome) => {
    const clock = new FakeClock();
    const journal = openInProcessJournal(':memory:');
    const providers = new Map(
      ['sandbox-a', 'sandbox-b', 'sandbox-c'].map((id) => [
        id,
        new ScriptedProvider(
          id,
          clock,
          () => step,
          () => 50,
        ),
      ]),
    );
    const deps = roadDeps({
      clock,
      random: new SeededRandom(1),
      journal,
      provider: (id) => providers.get(id),
    });
    let result: Awaited<ReturnType<typeof authorize>> | null = null;
    const answering = authorize(sampleCommand({ receivedAtMs: clock.monotonicMs() }), deps).then((answer) => {
      result = answer;
      return answer;
    });
    const seen = () => [...providers.values()].flatMap((provider) => provider.seen);
    while (seen().length === 0) await new Promise((resolve) => setImmediate(resolve));
    // The machine's clock is put right while the request is at the provider.
    clock.jumpWall(AN_HOUR_MS);
    // Its own clock says that it is still sending.
    expect(await recoverLapsed(deps)).toBe(0);
    // Another process, on the same journal, is certain that it is dead.
    expect(await recoverLapsed({ ...deps, owner: 'process-2', soleOwner: true })).toBe(1);
    while (result === null) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.fireNext();
    }
    const answer = await answering;
    if (answer.kind !== 'answered') throw new Error(`not answered but ${answer.kind}`);
    const told = JSON.parse(answer.body);
    expect([told.status, told.attempts.at(-1).outcome.kind]).toEqual([status, outcome]);
    expect(seen()).toHaveLength(1);
    const kept = await journal.findAuthorization(answer.authorizationId);
    expect([kept?.status, kept?.open, kept?.attempts.at(-1)?.outcome?.kind]).toEqual([
      status,
      false,
      outcome,
    ]);
    await journal.close();
  },
);
