import { describe, expect, test } from 'vitest';
import {
  type ActiveRuleset,
  type Journal,
  JournalError,
  type NewActivation,
} from '../../src/gateway/ports.ts';
import { T0 } from './journal-fixtures.ts';

const HOUR_MS = 3_600_000;

/** Contents of the rules folder, the pointer to the one in force, and the history of that pointer. */
export function rulesetContract(journal: () => Journal, reopen: () => Promise<Journal>): void {
  /** @returns the version of the last one */
  const register = async (...hashes: readonly string[]) => {
    let version = 0;
    for (const hash of hashes) {
      version = await journal().registerRuleset(hash, { 'rules.yaml': `# ${hash}` }, T0);
    }
    return version;
  };
  let hours = 0;
  /** Moves the pointer from where it is. */
  const move = async (version: number, cause: NewActivation['cause'] = 'activation') => {
    hours += 1;
    return journal().activateRuleset({
      version,
      cause,
      author: cause === 'folder' ? 'folder' : 'acme',
      reason: `for ${version}`,
      atMs: T0 + hours * HOUR_MS,
      expected: (await journal().activeRuleset())?.sequence ?? null,
    });
  };
  const moved = async (version: number, cause: NewActivation['cause'] = 'activation') => {
    const result = await move(version, cause);
    expect(result.kind).toBe('activated');
    return result.active as ActiveRuleset;
  };

  describe('rulesets', () => {
    test('a content gets a new version when it is not the newest known', async () => {
      const versions: number[] = [];
      for (const hash of ['h1', 'h1', 'h2', 'h1', 'h1']) versions.push(await register(hash));
      expect(versions).toEqual([1, 1, 2, 3, 3]);
      expect(await journal().findRuleset(3)).toEqual({
        version: 3,
        contentHash: 'h1',
        files: { 'rules.yaml': '# h1' },
        registeredAtMs: T0,
        active: false,
        last: null,
      });
      expect(await journal().findRuleset(4)).toBeNull();
    });

    test('nothing is in force before it is activated', async () => {
      await register('h1');
      expect(await journal().activeRuleset()).toBeNull();
      expect(await journal().listRulesetActivations({ limit: 10 })).toEqual({ data: [], nextCursor: null });
      const active = await moved(1, 'folder');
      expect(active).toEqual({
        sequence: 1,
        version: 1,
        contentHash: 'h1',
        cause: 'folder',
        author: 'folder',
        reason: 'for 1',
        atMs: expect.any(Number),
        untilMs: null,
        previous: null,
        replaced: null,
        leftByPersons: [],
      });
      expect(await journal().activeRuleset()).toEqual(active);
    });

    test('a version that is not registered cannot be activated', async () => {
      await register('h1');
      await moved(1, 'folder');
      await expect(move(2)).rejects.toThrow(JournalError);
      expect(await journal().activeRuleset()).toMatchObject({ version: 1 });
    });

    test('of several who move the pointer from the same place, one does, and the others are told where it is', async () => {
      await register('h1', 'h2', 'h3');
      await moved(1, 'folder');
      const race = await Promise.all(
        [2, 3, 2].map((version, index) =>
          journal().activateRuleset({
            version,
            cause: 'activation',
            author: `person-${index}`,
            reason: 'r',
            atMs: T0,
            expected: 1,
          }),
        ),
      );
      const winners = race.filter(({ kind }) => kind === 'activated');
      expect(winners).toHaveLength(1);
      for (const { active } of race) expect(active).toEqual(winners[0]?.active);
      // It came back to the same version meanwhile: somebody who read the first time is told all the same.
      await moved(1);
      const late = {
        version: 3,
        cause: 'activation',
        author: 'late',
        reason: 'r',
        atMs: T0,
        expected: 1,
      } as const;
      expect(await journal().activateRuleset(late)).toMatchObject({ kind: 'stale', active: { version: 1 } });
      expect(await journal().activateRuleset({ ...late, expected: null })).toMatchObject({ kind: 'stale' });
    });

    test('a rollback goes on to what was before, not back to what was left', async () => {
      await register('h1', 'h2', 'h3');
      for (const version of [1, 2, 3]) await moved(version, 'folder');
      expect(await journal().activeRuleset()).toMatchObject({ version: 3, previous: 2, replaced: 2 });
      expect(await move(1, 'rollback'), 'a rollback leads elsewhere').toMatchObject({ kind: 'stale' });
      expect(await moved(2, 'rollback')).toMatchObject({ previous: 1, replaced: 3 });
      expect(await moved(1, 'rollback')).toMatchObject({ previous: null, replaced: 2 });
      expect(await move(3, 'rollback')).toMatchObject({ kind: 'stale', active: { version: 1 } });
      expect(await moved(3)).toMatchObject({ previous: 1, replaced: 1 });
      expect(await moved(1, 'rollback')).toMatchObject({ previous: null });
    });

    test('what the gateway restores is as it was before, also where a rollback may not stay', async () => {
      await register('h1', 'h2', 'h3');
      for (const version of [1, 2, 3]) await moved(version, 'folder');
      await moved(2, 'rollback');
      expect(await moved(3, 'restored')).toMatchObject({ previous: 2, replaced: 2, leftByPersons: [] });
      await moved(1);
      expect(await moved(3, 'restored')).toMatchObject({ previous: 2, leftByPersons: [] });
      expect(await move(2, 'restored'), 'only to what was just before').toMatchObject({ kind: 'stale' });
    });

    test('what persons went away from is known until the folder is followed again', async () => {
      const left = (version: number, sequence: number) => ({
        version,
        contentHash: `h${version}`,
        sequence,
      });
      await register('h1', 'h2', 'h3', 'h4');
      for (const version of [1, 2, 3]) await moved(version, 'folder');
      expect(await moved(2, 'rollback')).toMatchObject({ leftByPersons: [left(3, 4)] });
      expect(await moved(1, 'rollback')).toMatchObject({ leftByPersons: [left(3, 4), left(2, 5)] });
      expect(await moved(3)).toMatchObject({ leftByPersons: [left(2, 5), left(1, 6)] });
      expect(await moved(1)).toMatchObject({ leftByPersons: [left(2, 5), left(3, 7)] });
      // The same version, chosen by the folder: where a rollback goes to stays.
      const { previous } = (await journal().activeRuleset()) as ActiveRuleset;
      expect(await moved(1, 'folder')).toMatchObject({ leftByPersons: [], previous });
      await moved(4);
      const again = await reopen();
      expect(await again.activeRuleset()).toMatchObject({ version: 4, leftByPersons: [left(1, 9)] });
    });

    test('the history says what was in force at every moment, and pages', async () => {
      await register('h1', 'h2');
      for (const version of [1, 2, 1, 1, 2]) await moved(version);
      const all = await journal().listRulesetActivations({ limit: 200 });
      expect(all.nextCursor).toBeNull();
      expect(all.data.map(({ sequence, version, contentHash }) => [sequence, version, contentHash])).toEqual([
        [5, 2, 'h2'],
        [4, 1, 'h1'],
        [3, 1, 'h1'],
        [2, 2, 'h2'],
        [1, 1, 'h1'],
      ]);
      all.data.forEach(({ untilMs }, index) => {
        expect(untilMs).toBe(index === 0 ? null : all.data[index - 1]?.atMs);
      });
      const first = await journal().listRulesetActivations({ limit: 2 });
      const cursor = first.nextCursor ?? '';
      const second = await journal().listRulesetActivations({ limit: 3, cursor });
      expect([...first.data, ...second.data]).toEqual(all.data);
      expect(second.nextCursor).toBeNull();
      expect(await journal().listRulesetActivations({ limit: 2, cursor: 'nonsense' })).toEqual({
        data: [],
        nextCursor: null,
      });
    });

    test('the list says when each version was in force last, and since when at a stretch', async () => {
      await register('h1', 'h2', 'h3');
      for (const version of [1, 2, 1, 1]) await moved(version);
      const { data } = await journal().listRulesets({ limit: 10 });
      const { data: history } = await journal().listRulesetActivations({ limit: 10 });
      const at = (sequence: number) => history.find((one) => one.sequence === sequence);
      expect(data).toEqual([
        { version: 3, contentHash: 'h3', registeredAtMs: T0, active: false, last: null },
        { version: 2, contentHash: 'h2', registeredAtMs: T0, active: false, last: at(2) },
        {
          version: 1,
          contentHash: 'h1',
          registeredAtMs: T0,
          active: true,
          last: { ...at(3), untilMs: null },
        },
      ]);
      expect(await journal().findRuleset(1)).toEqual({ ...data[2], files: { 'rules.yaml': '# h1' } });
      const first = await journal().listRulesets({ limit: 1 });
      const rest = await journal().listRulesets({ limit: 5, cursor: first.nextCursor ?? '' });
      expect([...first.data, ...rest.data]).toEqual(data);
      expect(rest.nextCursor).toBeNull();
      expect((await journal().listRulesets({ limit: 3 })).nextCursor).toBeNull();
    });
  });
}
