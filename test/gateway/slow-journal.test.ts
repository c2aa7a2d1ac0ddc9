import { expect, it } from 'vitest';
import { authorize } from '../../src/gateway/authorize.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
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
