import { describe, expect, it } from 'vitest';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import { Unrecorded } from '../../src/gateway/unrecorded.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { roadDeps } from '../support/road-deps.ts';
import { sampleAuthorization } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const HOUR_MS = 3_600_000;

/**
 * A list of `count` roads that could not be recorded, and a journal that fails for those that `fails` picks.
 * @param takesMs how long it takes to find one, or to fail
 */
function setUp(count: number, fails: (authorizationId: string) => boolean, takesMs = 0) {
  const asked: string[] = [];
  const clock = new FakeClock();
  const journal = {
    async findAuthorization(id: string) {
      asked.push(id);
      await clock.advance(takesMs);
      if (fails(id)) throw new JournalError('disk full');
      return { ...sampleAuthorization([null], { open: true }), id };
    },
    advance: async () => ({ kind: 'written', version: 3 }) as const,
  } as unknown as Journal;
  const told: string[] = [];
  const resolved: string[] = [];
  const deps = roadDeps({
    clock,
    random: new SeededRandom(1),
    journal,
    provider: () => undefined,
    observer: {
      alert: ({ kind, detail }) => told.push(`${kind}: ${detail}`),
      resolved: ({ authorizationId, provider, subject, by, result }) =>
        resolved.push([authorizationId, provider, subject, by, result].join(' ')),
    },
  });
  const unrecorded = new Unrecorded();
  for (let index = 0; index < count; index += 1) {
    unrecorded.add({ authorizationId: `auth_${index}`, findings: [] });
  }
  return { asked, told, resolved, deps, unrecorded };
}

it('asks a journal that is down a few times, not once for each of thousands, and forgets nothing', async () => {
  let down = true;
  const { asked, told, deps, unrecorded } = setUp(5_000, () => down);
  expect(await unrecorded.retry(deps)).toBe(0);
  expect(asked.length).toBeLessThanOrEqual(20);
  expect(told.length).toBe(asked.length);
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

it('comes to all others although one runs into a bug, and forgets none', async () => {
  const { told, deps, unrecorded } = setUp(20, () => false);
  const journal = new Proxy(deps.journal, {
    get: (target, property) =>
      property === 'findAuthorization'
        ? async (id: string) => {
            if (id === 'auth_3') throw new TypeError('cannot read it');
            return target.findAuthorization(id);
          }
        : Reflect.get(target, property),
  });
  expect(await unrecorded.retry({ ...deps, journal })).toBe(19);
  expect(unrecorded.size).toBe(1);
  expect(told).toEqual([expect.stringMatching(/^housekeeping_failed: /)]);
  expect(await unrecorded.retry(deps)).toBe(1);
});

it('tells when what came back is written after all, since its alert has no other end', async () => {
  let down = true;
  const { resolved, deps, unrecorded } = setUp(0, () => down);
  const outcome = SAMPLE_OUTCOMES.declinedHard;
  const findings = [{ about: 'attempt', number: 1, outcome, durationMs: 20, validityMs: 0 } as const];
  unrecorded.add({ authorizationId: 'auth_1', findings, toldPending: true });
  await unrecorded.retry(deps);
  expect(resolved).toEqual([]);
  down = false;
  await unrecorded.retry(deps);
  expect(resolved).toEqual(['auth_1 sandbox-a attempt answer declined']);
});

describe('a process that ends', () => {
  it('asks a journal that hangs for a few seconds more, and not once for each that waits', async () => {
    const { asked, deps, unrecorded } = setUp(100, () => true, 5_000);
    const beganMs = deps.clock.monotonicMs();
    await unrecorded.retry(deps, 'all');
    expect(asked.length).toBeLessThanOrEqual(2);
    expect(deps.clock.monotonicMs() - beganMs).toBeLessThanOrEqual(10_000);
  });

  it('writes what there is while the journal takes it, however long that is', async () => {
    const { deps, unrecorded } = setUp(100, () => false, 500);
    expect(await unrecorded.retry(deps, 'all')).toBe(100);
  });

  it('tells how many it leaves that the journal did not take, and not those that it was never asked for', async () => {
    const { told, deps, unrecorded } = setUp(3, () => true);
    unrecorded.add({ authorizationId: 'auth_unsent', findings: [], isUnsent: true });
    await unrecorded.retry(deps, 'all');
    unrecorded.tellLeft(deps);
    expect(told.at(-1)).toMatch(/^unrecorded_left: 3 .* this process ends/);
  });

  it('tells what a try that hangs has in hand as well', async () => {
    const { told, deps, unrecorded } = setUp(3, () => false);
    const never = new Promise<never>(() => {});
    void unrecorded.retry({ ...deps, journal: { ...deps.journal, findAuthorization: () => never } }, 'all');
    unrecorded.tellLeft(deps);
    expect(told.at(-1)).toMatch(/^unrecorded_left: 3 /);
    await unrecorded.retry(deps, 'all');
    unrecorded.tellLeft(deps);
    expect(told).toHaveLength(2);
  });

  it('says nothing where nothing is left', async () => {
    const { told, deps, unrecorded } = setUp(3, () => false);
    await unrecorded.retry(deps, 'all');
    unrecorded.tellLeft(deps);
    expect(told).toEqual([]);
  });
});

describe('an intent of which nothing is found', () => {
  /** A journal that has none of them, and when it was asked for which. */
  function lookingFor(capacity?: number) {
    const clock = new FakeClock();
    const asked: { readonly id: string; readonly atMs: number }[] = [];
    const journal = {
      async findAuthorization(id: string) {
        asked.push({ id, atMs: clock.monotonicMs() });
        return null;
      },
    } as unknown as Journal;
    const alerts: string[] = [];
    const deps = roadDeps({
      clock,
      random: new SeededRandom(1),
      journal,
      provider: () => undefined,
      leaseMs: 15_000,
      observer: { alert: ({ kind, detail }) => alerts.push(`${kind}: ${detail}`) },
    });
    const unrecorded = new Unrecorded(capacity);
    const add = (id: string) => unrecorded.add({ authorizationId: id, findings: [] });
    return { clock, asked, alerts, deps, unrecorded, add };
  }

  it('is looked for each second at first, then ever less often, but several times within a lease, for hours', async () => {
    const { clock, asked, deps, unrecorded, add } = lookingFor();
    add('auth_late');
    for (let atMs = 0; atMs < 5 * HOUR_MS; atMs += 1_000) {
      await unrecorded.retry(deps);
      await clock.advance(1_000);
    }
    const gaps = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
    expect(gaps.slice(0, 5)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
    expect(Math.max(...gaps)).toBe(5_000);
    expect([unrecorded.size, unrecorded.missing]).toEqual([0, 1]);
    await clock.advance(HOUR_MS);
    await unrecorded.retry(deps);
    expect([unrecorded.size, unrecorded.missing]).toEqual([0, 0]);
  });

  it.each<[string, boolean, boolean, boolean, number]>([
    ['a database did not confirm', false, false, false, 1],
    ['a database was never asked for', false, true, false, 0],
    ['a journal of our own has refused', true, false, false, 0],
    ['a journal of our own has still under way', true, false, true, 1],
  ])(
    'that %s is looked for again, if it may still land',
    async (_, soleOwner, isUnsent, isUnderWay, missing) => {
      const { deps, unrecorded } = lookingFor();
      const ended = isUnderWay ? new Promise<void>(() => {}) : null;
      unrecorded.add({ authorizationId: 'auth_1', findings: [], isUnsent }, ended);
      await unrecorded.retry({ ...deps, soleOwner });
      expect([unrecorded.size, unrecorded.missing]).toEqual([0, missing]);
    },
  );

  it('gives its place to what is newer, the longest missing first, and that is told', async () => {
    const { clock, asked, alerts, deps, unrecorded, add } = lookingFor(3);
    for (const id of ['auth_1', 'auth_2', 'auth_3', 'auth_4']) {
      add(id);
      await unrecorded.retry(deps);
      await clock.advance(1_000);
    }
    expect(unrecorded.missing).toBe(3);
    const before = asked.length;
    await unrecorded.retry(deps, 'all');
    expect(
      asked
        .slice(before)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['auth_2', 'auth_3', 'auth_4']);
    expect(alerts).toEqual([expect.stringMatching(/^unrecorded_left: 1 .* more than 3 are kept/)]);
  });

  it('is not asked for in thousands at once', async () => {
    const { clock, asked, deps, unrecorded, add } = lookingFor();
    for (let index = 0; index < 2_500; index += 1) add(`auth_${index}`);
    await unrecorded.retry(deps);
    await clock.advance(1_000);
    const looks: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      const before = asked.length;
      await unrecorded.retry(deps);
      looks.push(asked.length - before);
    }
    expect(looks).toEqual([1_000, 1_000, 500]);
  });
});
