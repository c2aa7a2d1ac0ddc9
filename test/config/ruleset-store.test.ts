import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RulesetError } from '../../src/config/ruleset-error.ts';
import {
  openRulesetStore,
  type RulesetStore,
  type RulesetStoreOptions,
} from '../../src/config/ruleset-store.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import type { Ruleset } from '../../src/core/rules/ruleset.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { BROKEN, GOOD, NO_KEY, SOME_CREDENTIALS, WITHOUT_C } from './ruleset-files.ts';

/** The same set with one more attempt, so that its content is another. */
const EDITED = { ...GOOD, 'rules.yaml': GOOD['rules.yaml'].replace('attempts_max: 3', 'attempts_max: 4') };

let folder: string;
let clock: FakeClock;
let stores: RulesetStore[];
let journal: Journal;
let registered: string[];
let activated: number[];
let rejected: (readonly RulesetError[])[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-rules-'));
  clock = new FakeClock();
  stores = [];
  journal = openInProcessJournal(':memory:');
  registered = [];
  activated = [];
  rejected = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  await journal.close();
  await rm(folder, { recursive: true });
});

async function write(files: Record<string, string>, into = folder): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(into, name), text);
}

interface OpenOptions extends Partial<Omit<RulesetStoreOptions, 'journal'>> {
  readonly journal?: Partial<RulesetStoreOptions['journal']>;
}

async function open({ journal: over = {}, ...options }: OpenOptions = {}): Promise<RulesetStore> {
  const opening = await openRulesetStore({
    folder,
    credentials: SOME_CREDENTIALS,
    clock,
    journal: {
      registerRuleset(contentHash, files, atMs) {
        registered.push(contentHash);
        return journal.registerRuleset(contentHash, files, atMs);
      },
      findRuleset: (version) => journal.findRuleset(version),
      activeRuleset: () => journal.activeRuleset(),
      activateRuleset: (move) => journal.activateRuleset(move),
      listRulesetActivations: (query) => journal.listRulesetActivations(query),
      hasOpenMoney: () => Promise.resolve(false),
      ...over,
    },
    onTakenUp: (ruleset) => activated.push(ruleset.version),
    onActivated: (ruleset) => activated.push(ruleset.version),
    onRejected: (errors) => rejected.push(errors),
    ...options,
  });
  if (opening.kind === 'refused') throw new Error(JSON.stringify(opening));
  stores.push(opening.store);
  return opening.store;
}

/** An earlier process has had these in force, one after the other. */
async function before(...contents: readonly Record<string, string>[]): Promise<void> {
  for (const files of contents) {
    await write(files);
    await (await open()).close();
  }
  registered = [];
  activated = [];
}

const attemptsOf = (ruleset: Ruleset) => ruleset.rules[0]?.action.attemptsMax;

describe('opening', () => {
  it('registers the content and takes its number', async () => {
    await write(GOOD);
    const store = await open();
    expect(store.current().version).toBe(1);
    expect(registered).toEqual([store.current().contentHash]);
    expect(activated).toEqual([1]);
    expect(store.status()).toEqual({
      version: 1,
      contentHash: registered[0],
      loadedAtMs: clock.wallMs(),
      activation: 'auto',
      active: await journal.activeRuleset(),
      rejected: null,
      waiting: null,
      behind: null,
    });
    expect(store.status().active).toMatchObject({ cause: 'folder', author: 'folder', sequence: 1 });
  });

  it('refuses a bad folder with places, and registers nothing', async () => {
    await write(BROKEN);
    await expect(open()).rejects.toThrow(/unknown provider/);
    expect(registered).toEqual([]);
  });

  it.each(['nothing', 'a folder for a file'])('refuses %s', async (what) => {
    if (what !== 'nothing') await mkdir(join(folder, 'rules.yaml'));
    await expect(open()).rejects.toThrow(what === 'nothing' ? /missing/ : /EISDIR/);
  });

  it('passes on that the journal failed', async () => {
    await write(GOOD);
    const registerRuleset = () => Promise.reject(new Error('disk full'));
    await expect(open({ journal: { registerRuleset } })).rejects.toThrow('disk full');
  });
});

describe('a journal that fails later', () => {
  it('is not blamed on the files, and the set in force stays', async () => {
    await write(GOOD);
    let isDown = false;
    const activeRuleset = () =>
      isDown ? Promise.reject(new JournalError('connection refused')) : journal.activeRuleset();
    const store = await open({ journal: { activeRuleset } });
    isDown = true;
    await store.reload();
    await store.follow();
    expect(store.status()).toMatchObject({ version: 1, rejected: null });
    expect(rejected).toEqual([]);
  });
});

describe('opening after an earlier process', () => {
  /** Version 2 was in force last. */
  beforeEach(() => before(WITHOUT_C, GOOD));

  it('takes a good folder, whatever was in force before', async () => {
    await write(EDITED);
    const store = await open();
    expect(attemptsOf(store.current())).toBe(4);
    expect(store.current().version).toBe(3);
    expect(await journal.activeRuleset()).toMatchObject({ version: 3, cause: 'folder', replaced: 2 });
    expect(rejected).toEqual([]);
  });

  it.each([
    ['broken', BROKEN, /unknown provider/],
    ['empty', { ...GOOD, 'rules.yaml': '' }, /the file is empty/],
    ['without files', {}, /the file is missing/],
  ])('starts with the set that was last in force when the folder is %s', async (_what, files, told) => {
    for (const name of Object.keys(GOOD)) await rm(join(folder, name));
    await write(files);
    const store = await open();
    expect(store.current().version).toBe(2);
    expect(activated).toEqual([2]);
    expect(registered).toEqual([]);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]?.[0]?.what).toMatch(told);
    expect(store.status().rejected?.errors).toBe(rejected[0]);
    await write(GOOD);
    await store.reload();
    expect(store.status().rejected).toBeNull();
    expect(store.current().version).toBe(2);
  });

  it.each([
    [true, 2, /"sandbox-c" is gone, but has open or refundable money/],
    [false, 3, null],
  ])('asks for the money of a provider that was removed meanwhile: %s', async (money, version, told) => {
    await write(WITHOUT_C);
    const hasOpenMoney = (id: string) => Promise.resolve(money && id === 'sandbox-c');
    const store = await open({ journal: { hasOpenMoney } });
    expect(store.current().version).toBe(version);
    expect(store.current().providers.has('sandbox-c')).toBe(money);
    if (told === null) expect(rejected).toEqual([]);
    else expect(rejected[0]?.[0]?.what).toMatch(told);
  });

  it('refuses a bad folder when this version of the program refuses what was in force', async () => {
    await write(BROKEN);
    const findRuleset = async (version: number) => {
      const found = await journal.findRuleset(version);
      return found === null ? null : { ...found, files: { ...GOOD, 'rules.yaml': 'rules: []' } };
    };
    await expect(open({ journal: { findRuleset } })).rejects.toThrow(/"version":null.*sandbox-x/);
    expect(activated).toEqual([]);
    // And a good one takes its place.
    await write(EDITED);
    expect((await open({ journal: { findRuleset } })).current().version).toBe(3);
  });

  it('passes on that the pointer cannot be read', async () => {
    const activeRuleset = () => Promise.reject(new Error('no journal'));
    await expect(open({ journal: { activeRuleset } })).rejects.toThrow('no journal');
  });

  it('prepares the set that it starts with, and applies it, before it is current', async () => {
    await write(BROKEN);
    const steps: string[] = [];
    await open({
      prepare: async (ruleset) => {
        await Promise.resolve();
        steps.push(`prepare ${ruleset.version}`);
      },
      apply: (ruleset) => steps.push(`apply ${ruleset.version}`),
      onTakenUp: (ruleset) => steps.push(`taken up ${ruleset.version}`),
    });
    expect(steps).toEqual(['prepare 2', 'apply 2', 'taken up 2']);
  });

  it.each(['prepare', 'apply'])('ends with what %s throws, and moves no pointer', async (step) => {
    await write(EDITED);
    const failing = () => {
      throw new Error('no sandbox');
    };
    await expect(open({ [step]: failing })).rejects.toThrow('no sandbox');
    expect(activated).toEqual([]);
    expect(await journal.activeRuleset()).toMatchObject({ version: 2 });
  });

  it('starts with the set that was last in force when this process cannot use the folder', async () => {
    await write(EDITED);
    const store = await open({ check: ({ ruleset }) => (attemptsOf(ruleset) === 4 ? [NO_KEY] : []) });
    expect(store.status()).toMatchObject({ version: 2, rejected: { errors: [NO_KEY] } });
    expect(registered).toEqual([]);
  });

  it('goes by what another process chose while this one started', async () => {
    await write(EDITED);
    const store = await open({
      prepare: async () => {
        const active = await journal.activeRuleset();
        const move = { version: 1, cause: 'activation', author: 'acme', reason: 'r', atMs: 1 } as const;
        await journal.activateRuleset({ ...move, expected: active?.sequence ?? null });
      },
    });
    expect(store.status()).toMatchObject({ active: { version: 3, cause: 'folder', replaced: 1 } });
    // The folder is new: it comes after that choice, which the history has.
    expect(activated).toEqual([1, 3]);
    const { data } = await journal.listRulesetActivations({ limit: 10 });
    expect(data.map(({ version, cause }) => `${version} ${cause}`)).toEqual([
      '3 folder',
      '1 activation',
      '2 folder',
      '1 folder',
    ]);
  });

  it('prepares the first set only', async () => {
    let prepared = 0;
    const store = await open({
      prepare: () => {
        prepared += 1;
        return Promise.resolve();
      },
    });
    await write(EDITED);
    await store.reload();
    expect(store.current().version).toBe(3);
    expect(prepared).toBe(1);
  });
});

describe('reload', () => {
  it('activates a good edit under a new number', async () => {
    await write(GOOD);
    const store = await open();
    const before = store.current();
    await write(EDITED);
    clock.jumpWall(5000);
    await store.reload();
    expect(store.current().version).toBe(2);
    expect(attemptsOf(store.current())).toBe(4);
    expect(store.status().loadedAtMs).toBe(clock.wallMs());
    // Whoever still holds the old set sees it unchanged.
    expect(attemptsOf(before)).toBe(3);
  });

  it('does nothing when the content is the same', async () => {
    await write(GOOD);
    const store = await open();
    const before = store.current();
    await store.reload();
    expect(store.current()).toBe(before);
    expect(registered).toHaveLength(1);
  });

  it('keeps the last good set through a bad edit, says so once, and forgets it when mended', async () => {
    await write(GOOD);
    let takenBack = 0;
    const store = await open({
      onTakenBack: () => {
        takenBack += 1;
      },
    });
    const before = store.current();
    await write(BROKEN);
    await store.reload();
    await store.reload();
    expect(store.current()).toBe(before);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]?.[0]).toMatchObject({ file: 'rules.yaml', what: 'unknown provider "sandbox-x"' });
    expect(store.status().rejected?.errors).toBe(rejected[0]);
    expect(takenBack).toBe(0);
    await write(GOOD);
    await store.reload();
    await store.reload();
    expect(store.status().rejected).toBeNull();
    expect(takenBack).toBe(1);
  });

  it('keeps the last good set when the folder is gone, and names the folder', async () => {
    await write(GOOD);
    const store = await open();
    const elsewhere = `${folder}-elsewhere`;
    await rename(folder, elsewhere);
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(rejected[0]).toMatchObject([{ file: '.', what: `${folder} cannot be read (ENOENT)` }]);
    await writeFile(folder, 'x');
    await store.reload();
    expect(rejected[1]).toMatchObject([{ file: '.', what: `${folder} is a file` }]);
    await rm(folder);
    await rename(elsewhere, folder);
    await store.reload();
    expect(store.status().rejected).toBeNull();
  });

  it('keeps the last good set when a file is deleted', async () => {
    await write(GOOD);
    const store = await open();
    await rm(join(folder, 'rules.yaml'));
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(rejected[0]?.[0]?.what).toBe('the file is missing');
  });

  it('is not current before it is registered, and tries again when the journal failed', async () => {
    await write(GOOD);
    let asked = 0;
    let until: Promise<unknown> = Promise.resolve();
    const store = await open({
      journal: {
        async activateRuleset(move) {
          asked += 1;
          await until;
          return journal.activateRuleset(move);
        },
      },
    });
    const waiting = Promise.withResolvers<never>();
    until = waiting.promise;
    await write(EDITED);
    const reload = store.reload();
    await vi.waitFor(() => expect(asked).toBe(2));
    expect(attemptsOf(store.current())).toBe(3);
    waiting.reject(new Error('disk full'));
    await reload;
    expect(store.current().version).toBe(1);
    expect(rejected[0]?.[0]?.what).toContain('disk full');
    until = Promise.resolve();
    await store.reload();
    expect(store.current().version).toBe(2);
    expect(store.status().rejected).toBeNull();
  });

  it('goes back, and says so, when the new set cannot be applied', async () => {
    await write(GOOD);
    const store = await open({
      apply: (ruleset) => {
        if (attemptsOf(ruleset) === 4) throw new Error('no adapter');
      },
    });
    await write(EDITED);
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(store.status().rejected?.errors[0]?.what).toContain('no adapter');
    expect(await journal.activeRuleset()).toMatchObject({
      version: 1,
      cause: 'restored',
      author: 'gateway',
      reason: 'ruleset 2 may not stay: the ruleset could not be activated: no adapter',
      leftByPersons: [],
    });
  });

  it('moves no pointer to a set that this process cannot use', async () => {
    await write(GOOD);
    const store = await open({ check: ({ ruleset }) => (attemptsOf(ruleset) === 4 ? [NO_KEY] : []) });
    await write(EDITED);
    await store.reload();
    expect(store.status()).toMatchObject({ version: 1, rejected: { errors: [NO_KEY] } });
    expect(registered).toHaveLength(1);
    expect(await journal.activeRuleset()).toMatchObject({ version: 1, sequence: 1 });
  });

  it('runs one after the other and joins those that wait', async () => {
    await write(GOOD);
    let running = 0;
    let most = 0;
    const store = await open({
      journal: {
        async registerRuleset(contentHash, files, atMs) {
          registered.push(contentHash);
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return journal.registerRuleset(contentHash, files, atMs);
        },
      },
    });
    await write(EDITED);
    const first = store.reload();
    expect(store.reload()).toBe(first);
    await Promise.all([first, store.reload()]);
    const second = store.reload();
    const third = store.reload();
    expect(third).toBe(second);
    await third;
    expect(most).toBe(1);
    expect(registered).toHaveLength(2);
  });
});

describe('a provider with open money', () => {
  const elsewhere = {
    ...GOOD,
    'providers.yaml': GOOD['providers.yaml'].replace(
      'id: sandbox-c\n    adapter: sandbox\n',
      'id: sandbox-c\n    adapter: sandbox\n    base_url: http://127.0.0.1:9999\n',
    ),
  };
  const disabled = {
    ...GOOD,
    'providers.yaml': GOOD['providers.yaml'].replace(
      'id: sandbox-c\n',
      'id: sandbox-c\n    enabled: false\n',
    ),
  };

  it.each([
    ['may not be removed', WITHOUT_C, true, 1, /"sandbox-c" is gone/, 5],
    ['may not be pointed elsewhere', elsewhere, true, 1, /base_url of "sandbox-c" is another/, 23],
    ['may be disabled', disabled, true, 2, null, 0],
    ['may be removed when its money is settled', WITHOUT_C, false, 2, null, 0],
    ['may be pointed elsewhere when its money is settled', elsewhere, false, 2, null, 0],
  ] as const)('%s', async (_name, files, openMoney, version, what, line) => {
    await write(GOOD);
    const hasOpenMoney = (id: string) => Promise.resolve(openMoney && id === 'sandbox-c');
    const store = await open({ journal: { hasOpenMoney } });
    await write(files);
    await store.reload();
    expect(store.current().version).toBe(version);
    if (what === null) expect(rejected).toEqual([]);
    else
      expect(rejected[0]?.[0]).toMatchObject({
        file: 'providers.yaml',
        line,
        what: expect.stringMatching(what),
      });
  });

  describe.each(['sk_live_1', 'sk_test_1'])(
    'of the sandbox, when real accounts with %s take its place',
    (key) => {
      const real = {
        'providers.yaml':
          'providers:\n  - { id: stripe-eu, adapter: stripe, merchants: all, credentials: { api_key: "env:KEY" } }\n',
        'rules.yaml': 'rules: [{ name: all, then: {} }]\n',
      };
      const credentials = { ...SOME_CREDENTIALS, environment: { ...SOME_CREDENTIALS.environment, KEY: key } };

      it('is left behind, which is told', async () => {
        await write(GOOD);
        const left: (readonly string[])[] = [];
        const hasOpenMoney = (id: string) => Promise.resolve(id !== 'sandbox-b');
        const onLeftBehind = (ids: readonly string[]) => left.push(ids);
        const store = await open({ credentials, journal: { hasOpenMoney }, onLeftBehind });
        expect(left).toEqual([]);
        await write(real);
        await store.reload();
        expect([store.current().version, rejected, left]).toEqual([2, [], [['sandbox-a', 'sandbox-c']]]);
      });

      it('is told at a start too', async () => {
        await before(GOOD);
        await write(real);
        const left: (readonly string[])[] = [];
        await open({
          credentials,
          journal: { hasOpenMoney: () => Promise.resolve(true) },
          onLeftBehind: (ids) => left.push(ids),
        });
        expect(left).toEqual([['sandbox-a', 'sandbox-b', 'sandbox-c']]);
      });
    },
  );

  it('blocks the edit when nobody can tell', async () => {
    await write(GOOD);
    const hasOpenMoney = () => Promise.reject(new Error('no journal'));
    const store = await open({ journal: { hasOpenMoney } });
    await write(WITHOUT_C);
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(rejected[0]?.[0]?.what).toContain('no journal');
  });
});

describe('roll-back', () => {
  it('brings the set before back when an attempt began at a provider while it was being removed', async () => {
    await write(GOOD);
    let asked = 0;
    const inForce: { readonly version: number; readonly has: boolean }[] = [];
    const store = await open({
      journal: {
        // Nothing stands there when the edit is checked; something does when it is in force.
        hasOpenMoney(id) {
          asked += 1;
          return Promise.resolve(id === 'sandbox-c' && asked > 1);
        },
      },
      onTakenUp: ({ version, providers }) => inForce.push({ version, has: providers.has('sandbox-c') }),
      onActivated: ({ version, providers }) => inForce.push({ version, has: providers.has('sandbox-c') }),
    });
    const first = store.current();
    await write(WITHOUT_C);
    await store.reload();
    expect(inForce).toEqual([
      { version: 1, has: true },
      { version: 2, has: false },
      { version: 1, has: true },
    ]);
    expect(store.current().contentHash).toBe(first.contentHash);
    // The history tells it, and the next start begins with it.
    expect(await journal.activeRuleset()).toMatchObject({
      version: 1,
      replaced: 2,
      cause: 'restored',
      author: 'gateway',
      reason: expect.stringMatching(/^ruleset 2 may not stay: provider "sandbox-c" is gone/),
    });
    expect(rejected).toHaveLength(1);
    expect(store.status().rejected?.errors[0]?.what).toMatch(/"sandbox-c" is gone, but has open/);
    // And it does not go back and forth.
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(rejected).toHaveLength(1);
    // Once the money is settled, the edit is followed: nobody went away from it.
    asked = -10;
    await store.reload();
    expect(store.current().version).toBe(2);
  });

  it('asks again when the journal did not say whether money stands at what went', async () => {
    await write(GOOD);
    const answers = [false, null, true];
    const store = await open({
      journal: {
        async hasOpenMoney() {
          const answer = answers.shift();
          if (answer === null) throw new Error('no answer');
          return answer ?? true;
        },
      },
    });
    await write(WITHOUT_C);
    await store.reload();
    expect(store.current().version).toBe(2);
    expect(store.status().rejected?.errors[0]?.what).toContain('no answer');
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(answers).toEqual([]);
    expect(store.status().rejected?.errors[0]?.what).toMatch(/"sandbox-c" is gone, but has open/);
  });

  it('asks twice, and stays with the edit when there is no money', async () => {
    await write(GOOD);
    let asked = 0;
    const store = await open({
      journal: {
        hasOpenMoney() {
          asked += 1;
          return Promise.resolve(false);
        },
      },
    });
    await write(WITHOUT_C);
    await store.reload();
    expect(asked).toBe(2);
    expect(store.current().version).toBe(2);
    expect(store.status().rejected).toBeNull();
  });
});

describe('watching', () => {
  it('looks at the folder by itself now and then', async () => {
    await write(GOOD);
    const store = await open({ pollMs: 10_000, debounceMs: 1e9 });
    await write(EDITED);
    await clock.advance(10_000);
    await vi.waitFor(() => expect(store.current().version).toBe(2), { timeout: 5000 });
    // And again, after a look that found something.
    await vi.waitFor(() => expect(clock.pendingTimers).toBeGreaterThan(0));
    await write(GOOD);
    await clock.advance(10_000);
    await vi.waitFor(() => expect(store.current().version).toBe(3), { timeout: 5000 });
  });

  it('notices an edit', async () => {
    await write(GOOD);
    const store = await open({ clock: systemClock, pollMs: 1e9, debounceMs: 5 });
    await write(EDITED);
    await vi.waitFor(() => expect(store.current().version).toBe(2), { timeout: 5000 });
  });

  it('notices an editor that writes a new file and renames it', async () => {
    await write(GOOD);
    const store = await open({ clock: systemClock, pollMs: 1e9, debounceMs: 5 });
    await writeFile(join(folder, '.rules.yaml.swp'), EDITED['rules.yaml']);
    await rename(join(folder, '.rules.yaml.swp'), join(folder, 'rules.yaml'));
    await vi.waitFor(() => expect(store.current().version).toBe(2), { timeout: 5000 });
  });

  it('notices the swap of a ConfigMap, several times', async () => {
    // As the kubelet writes it: the files are links through `..data`, which is replaced as a whole.
    const put = async (name: string, files: Record<string, string>) => {
      await mkdir(join(folder, name));
      await write(files, join(folder, name));
      await symlink(name, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await put('..2026_11_23_1', GOOD);
    for (const name of Object.keys(GOOD)) await symlink(join('..data', name), join(folder, name));
    const store = await open({ clock: systemClock, pollMs: 1e9, debounceMs: 5 });
    await put('..2026_11_23_2', EDITED);
    await vi.waitFor(() => expect(store.current().version).toBe(2), { timeout: 5000 });
    await put('..2026_11_23_3', GOOD);
    await vi.waitFor(() => expect(store.current().version).toBe(3), { timeout: 5000 });
  });

  it('finds a folder put in the place of the old one', async () => {
    const inner = join(folder, 'rules');
    await mkdir(inner);
    await write(GOOD, inner);
    const store = await open({ folder: inner, debounceMs: 5 });
    await mkdir(join(folder, 'next'));
    await write(EDITED, join(folder, 'next'));
    await rename(inner, join(folder, 'old'));
    await rename(join(folder, 'next'), inner);
    await clock.advance(10_000);
    await vi.waitFor(() => expect(store.current().version).toBe(2), { timeout: 5000 });
  });

  it('ends with close: no timer and no reload after it', async () => {
    await write(GOOD);
    const store = await open();
    await store.close();
    await write(EDITED);
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('files that are read elsewhere', () => {
  it('are those of looks, and not of the start; what comes back after the end changes nothing', async () => {
    await write(GOOD);
    const waiting: (() => void)[] = [];
    const store = await open({
      async read(files) {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return validateRulesetFiles(files, SOME_CREDENTIALS);
      },
    });
    expect([store.current().version, waiting.length]).toEqual([1, 0]);
    await write(EDITED);
    const looking = store.reload();
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    expect(store.current().version).toBe(1);
    waiting[0]?.();
    await looking;
    expect(attemptsOf(store.current())).toBe(4);
    await write(WITHOUT_C);
    const last = store.reload();
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    const closing = store.close();
    waiting[1]?.();
    await Promise.all([last, closing]);
    expect([store.current().version, activated, rejected]).toEqual([2, [1, 2], []]);
  });
});
