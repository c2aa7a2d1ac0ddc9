import { expect, it } from 'vitest';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import { Unrecorded } from '../../src/gateway/unrecorded.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleAuthorization } from '../support/sample-authorization.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** A list of `count` roads that could not be recorded, and a journal that fails for those that `fails` picks. */
function setUp(count: number, fails: (authorizationId: string) => boolean) {
  const asked: string[] = [];
  const journal = {
    async findAuthorization(id: string) {
      asked.push(id);
      if (fails(id)) throw new JournalError('disk full');
      return { ...sampleAuthorization([null], { open: true }), id };
    },
    advance: async () => ({ kind: 'written', version: 3 }) as const,
  } as unknown as Journal;
  const alerts: string[] = [];
  const deps = roadDeps({
    clock: new FakeClock(),
    random: new SeededRandom(1),
    journal,
    provider: () => undefined,
    observer: { alert: ({ kind }) => alerts.push(kind) },
  });
  const unrecorded = new Unrecorded();
  for (let index = 0; index < count; index += 1) {
    unrecorded.add({ authorizationId: `auth_${index}`, findings: [] });
  }
  return { asked, alerts, deps, unrecorded };
}

it('asks a journal that is down a few times, not once for each of thousands, and forgets nothing', async () => {
  let down = true;
  const { asked, alerts, deps, unrecorded } = setUp(5_000, () => down);
  expect(await unrecorded.retry(deps)).toBe(0);
  expect(asked.length).toBeLessThanOrEqual(20);
  expect(alerts.length).toBe(asked.length);
  expect(unrecorded.size).toBe(5_000);
  down = false;
  expect(await unrecorded.retry(deps)).toBe(5_000);
  expect(unrecorded.size).toBe(0);
});

it('comes to all others although some can never be written', async () => {
  const hopeless = (id: string) => Number(id.slice('auth_'.length)) < 50;
  const { deps, unrecorded } = setUp(200, hopeless);
  let written = 0;
  for (let round = 0; round < 10; round += 1) written += await unrecorded.retry(deps);
  expect(written).toBe(150);
  expect(unrecorded.size).toBe(50);
});
