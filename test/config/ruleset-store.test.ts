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
import type { Ruleset } from '../../src/core/rules/ruleset.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

const GOOD = shippedFiles();
/** The same set with one more attempt, so that its content is another. */
const EDITED = { ...GOOD, 'rules.yaml': GOOD['rules.yaml'].replace('attempts_max: 3', 'attempts_max: 4') };
const BROKEN = { ...GOOD, 'rules.yaml': GOOD['rules.yaml'].replace('sandbox-c', 'sandbox-x') };
const WITHOUT_C = {
  'providers.yaml': GOOD['providers.yaml'].slice(0, GOOD['providers.yaml'].indexOf('  - id: sandbox-c')),
  'rules.yaml': GOOD['rules.yaml'].replace(', sandbox-c]', ']'),
};

let folder: string;
let clock: FakeClock;
let stores: RulesetStore[];
let registered: string[];
let activated: number[];
let rejected: (readonly RulesetError[])[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-rules-'));
  clock = new FakeClock();
  stores = [];
  registered = [];
  activated = [];
  rejected = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  await rm(folder, { recursive: true });
});

async function write(files: Record<string, string>, into = folder): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(into, name), text);
}

async function open(options: Partial<RulesetStoreOptions> = {}): Promise<RulesetStore> {
  const opening = await openRulesetStore({
    folder,
    credentials: SOME_CREDENTIALS,
    clock,
    register: (contentHash) => Promise.resolve(registered.push(contentHash)),
    hasOpenMoney: () => Promise.resolve(false),
    onActivated: (ruleset) => activated.push(ruleset.version),
    onRejected: (errors) => rejected.push(errors),
    ...options,
  });
  if (opening.kind === 'refused') throw new Error(JSON.stringify(opening.errors));
  stores.push(opening.store);
  return opening.store;
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
      rejected: null,
    });
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
    await expect(open({ register: () => Promise.reject(new Error('disk full')) })).rejects.toThrow(
      'disk full',
    );
  });
});

describe('opening after an earlier process', () => {
  const lastGood = () => Promise.resolve({ number: 7, files: GOOD });

  it('takes a good folder, whatever was in force before', async () => {
    await write(EDITED);
    const store = await open({ lastGood });
    expect(attemptsOf(store.current())).toBe(4);
    expect(store.current().version).toBe(1);
    expect(rejected).toEqual([]);
  });

  it.each([
    ['broken', BROKEN, /unknown provider/],
    ['empty', { ...GOOD, 'rules.yaml': '' }, /the file is empty/],
    ['without files', {}, /the file is missing/],
  ])('starts with the set that was last in force when the folder is %s', async (_what, files, told) => {
    await write(files);
    const store = await open({ lastGood });
    expect(store.current().version).toBe(7);
    expect(activated).toEqual([7]);
    expect(registered).toEqual([]);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]?.[0]?.what).toMatch(told);
    expect(store.status().rejected?.errors).toBe(rejected[0]);
    await write(GOOD);
    await store.reload();
    expect(store.status().rejected).toBeNull();
    expect(store.current().version).toBe(7);
  });

  it.each([
    [true, 7, /"sandbox-c" is gone, but has open or refundable money/],
    [false, 1, null],
  ])('asks for the money of a provider that was removed meanwhile: %s', async (money, version, told) => {
    await write(WITHOUT_C);
    const store = await open({
      lastGood,
      hasOpenMoney: (id) => Promise.resolve(money && id === 'sandbox-c'),
    });
    expect(store.current().version).toBe(version);
    expect(store.current().providers.has('sandbox-c')).toBe(money);
    if (told === null) expect(rejected).toEqual([]);
    else expect(rejected[0]?.[0]?.what).toMatch(told);
  });

  it('refuses a bad folder when nothing was in force, or this version refuses what was', async () => {
    await write(BROKEN);
    await expect(open({ lastGood: () => Promise.resolve(null) })).rejects.toThrow(/sandbox-x/);
    const worse = () => Promise.resolve({ number: 7, files: { ...GOOD, 'rules.yaml': 'rules: []' } });
    await expect(open({ lastGood: worse })).rejects.toThrow(/sandbox-x/);
    expect(activated).toEqual([]);
  });

  it('passes on that the last set cannot be looked up', async () => {
    await write(GOOD);
    await expect(open({ lastGood: () => Promise.reject(new Error('no journal')) })).rejects.toThrow(
      'no journal',
    );
  });

  it('prepares the set that it starts with, before it is current', async () => {
    await write(BROKEN);
    const steps: string[] = [];
    await open({
      lastGood,
      prepare: async (ruleset) => {
        await Promise.resolve();
        steps.push(`prepare ${ruleset.version}`);
      },
      onActivated: (ruleset) => steps.push(`activate ${ruleset.version}`),
    });
    expect(steps).toEqual(['prepare 7', 'activate 7']);
  });

  it('ends with what the preparation rejects with, and activates nothing', async () => {
    await write(GOOD);
    const prepare = () => Promise.reject(new Error('no sandbox'));
    await expect(open({ prepare })).rejects.toThrow('no sandbox');
    expect(activated).toEqual([]);
  });

  it('prepares the first set only', async () => {
    await write(GOOD);
    let prepared = 0;
    const store = await open({
      prepare: () => {
        prepared += 1;
        return Promise.resolve();
      },
    });
    await write(EDITED);
    await store.reload();
    expect(store.current().version).toBe(2);
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
    let answer: Promise<number> = Promise.resolve(1);
    let asked = 0;
    const store = await open({
      register: () => {
        asked += 1;
        return answer;
      },
    });
    const waiting = Promise.withResolvers<number>();
    answer = waiting.promise;
    await write(EDITED);
    const reload = store.reload();
    await vi.waitFor(() => expect(asked).toBe(2));
    expect(attemptsOf(store.current())).toBe(3);
    waiting.reject(new Error('disk full'));
    await reload;
    expect(store.current().version).toBe(1);
    expect(rejected[0]?.[0]?.what).toContain('disk full');
    answer = Promise.resolve(2);
    await store.reload();
    expect(store.current().version).toBe(2);
    expect(store.status().rejected).toBeNull();
  });

  it('stays when its observer refuses', async () => {
    await write(GOOD);
    const store = await open({
      onActivated: (_ruleset, previous) => {
        if (previous !== null) throw new Error('no adapter');
      },
    });
    await write(EDITED);
    await store.reload();
    expect(store.current().version).toBe(1);
    expect(store.status().rejected?.errors[0]?.what).toContain('no adapter');
  });

  it('runs one after the other and joins those that wait', async () => {
    await write(GOOD);
    let running = 0;
    let most = 0;
    const store = await open({
      register: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return registered.push('');
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
    const store = await open({ hasOpenMoney: (id) => Promise.resolve(openMoney && id === 'sandbox-c') });
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
        const store = await open({ credentials, hasOpenMoney, onLeftBehind: (ids) => left.push(ids) });
        expect(left).toEqual([]);
        await write(real);
        await store.reload();
        expect([store.current().version, rejected, left]).toEqual([2, [], [['sandbox-a', 'sandbox-c']]]);
      });

      it('is told at a start too', async () => {
        await write(real);
        const left: (readonly string[])[] = [];
        await open({
          credentials,
          hasOpenMoney: () => Promise.resolve(true),
          lastGood: () => Promise.resolve({ number: 1, files: GOOD }),
          onLeftBehind: (ids) => left.push(ids),
        });
        expect(left).toEqual([['sandbox-a', 'sandbox-b', 'sandbox-c']]);
      });
    },
  );

  it('blocks the edit when nobody can tell', async () => {
    await write(GOOD);
    const store = await open({ hasOpenMoney: () => Promise.reject(new Error('no journal')) });
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
      // Nothing stands there when the edit is checked; something does when it is in force.
      hasOpenMoney: (id) => {
        asked += 1;
        return Promise.resolve(id === 'sandbox-c' && asked > 1);
      },
      onActivated: ({ version, providers }) => inForce.push({ version, has: providers.has('sandbox-c') }),
    });
    const before = store.current();
    await write(WITHOUT_C);
    await store.reload();
    expect(inForce).toEqual([
      { version: 1, has: true },
      { version: 2, has: false },
      { version: 3, has: true },
    ]);
    expect(store.current().version).toBe(3);
    expect(store.current().contentHash).toBe(before.contentHash);
    // The newest in the journal is the one in force: the next start begins with it.
    expect(registered.at(-1)).toBe(before.contentHash);
    expect(rejected).toHaveLength(1);
    expect(store.status().rejected?.errors[0]?.what).toMatch(/"sandbox-c" is gone, but has open/);
    // And it does not go back and forth.
    await store.reload();
    expect(store.current().version).toBe(3);
    expect(rejected).toHaveLength(1);
  });

  it('asks twice, and stays with the edit when there is no money', async () => {
    await write(GOOD);
    let asked = 0;
    const store = await open({
      hasOpenMoney: () => {
        asked += 1;
        return Promise.resolve(false);
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
