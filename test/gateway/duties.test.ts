import { expect, it } from 'vitest';
import { Gateway } from '../../src/gateway/gateway.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { stage } from '../support/gateway-stubs.ts';

const SEAL_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Gateways on one journal, and which of them did what only one does at a time. */
async function gateways(owners: readonly string[], soleOwner: boolean) {
  const journal = openInProcessJournal(':memory:');
  const clock = new FakeClock();
  const done: string[] = [];
  const started = owners.map((owner) => {
    const watched = new Proxy(journal, {
      get: (target, property) => {
        if (
          property === 'seal' ||
          property === 'purgeDecisions' ||
          property === 'countUnreported' ||
          (soleOwner && property === 'takeDuty')
        ) {
          done.push(`${owner} ${property}`);
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return new Gateway({ ...stage().deps, clock, journal: watched, owner, soleOwner });
  });
  for (const gateway of started) await gateway.start();
  return { journal, clock, done, started };
}

it('of several gateways one does it, and another goes on when that one is gone', async () => {
  const { clock, done, started } = await gateways(['pod-1', 'pod-2', 'pod-3'], false);
  await clock.advance(HOUR_MS);
  expect(new Set(done)).toEqual(new Set(['pod-1 seal', 'pod-1 countUnreported', 'pod-1 purgeDecisions']));
  expect(done.filter((each) => each === 'pod-1 seal').length).toBeGreaterThan(50);
  done.length = 0;
  await started[0]?.close();
  // At its end each seals what it knows of.
  expect(done).toEqual(['pod-1 seal']);
  await clock.advance(4 * SEAL_MS);
  expect(new Set(done)).toEqual(
    new Set([
      'pod-1 seal',
      expect.stringMatching(/^pod-[23] seal$/),
      expect.stringMatching(/^pod-[23] count/),
    ]),
  );
  for (const gateway of started.slice(1)) await gateway.close();
});

it('whoever is alone asks nobody', async () => {
  const { clock, done, started } = await gateways(['pod-1'], true);
  await clock.advance(SEAL_MS);
  expect(done).toContain('pod-1 seal');
  expect(done).not.toContain('pod-1 takeDuty');
  await started[0]?.close();
});
