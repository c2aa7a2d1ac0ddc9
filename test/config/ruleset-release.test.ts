import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RulesetError } from '../../src/config/ruleset-error.ts';
import {
  type ActivationMode,
  openRulesetStore,
  type RulesetStore,
  type RulesetStoreOptions,
  type WaitingFolder,
} from '../../src/config/ruleset-store.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { type Journal, JournalError } from '../../src/gateway/ports.ts';
import type { ReleaseCommand } from '../../src/gateway/ruleset-release.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { BROKEN, GOOD, NO_KEY, SOME_CREDENTIALS, WITHOUT_C } from './ruleset-files.ts';

/** Who has which ruleset in force, through what: stores over one journal, each with a folder, as processes have them. */

/** Contents that differ in how many attempts the first rule allows. */
const attempts = (count: number) => ({
  ...GOOD,
  'rules.yaml': GOOD['rules.yaml'].replace('attempts_max: 3', `attempts_max: ${count}`),
});
const A = attempts(3);
const B = attempts(4);
const C = attempts(5);

let clock: FakeClock;
let journal: Journal;
let hasMoney: ReadonlySet<string>;
let folders: string[];
let stores: RulesetStore[];

beforeEach(() => {
  clock = new FakeClock();
  journal = openInProcessJournal(':memory:');
  hasMoney = new Set();
  folders = [];
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  await journal.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

class Process {
  readonly folder = mkdtempSync(join(tmpdir(), 'pointsman-release-'));
  readonly activated: string[] = [];
  readonly rejected: (readonly RulesetError[])[] = [];
  readonly waited: (string | null)[] = [];
  readonly behind: (number | null)[] = [];
  options: Partial<RulesetStoreOptions> = {};
  store!: RulesetStore;

  constructor(files: Readonly<Record<string, string>>) {
    folders.push(this.folder);
    this.write(files);
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text);
  }

  async start(activation: ActivationMode): Promise<this> {
    const opening = await openRulesetStore({
      folder: this.folder,
      credentials: SOME_CREDENTIALS,
      clock,
      activation,
      // Nothing is looked at but when a test says so.
      debounceMs: 1e9,
      journal: {
        registerRuleset: (...values) => journal.registerRuleset(...values),
        findRuleset: (version) => journal.findRuleset(version),
        activeRuleset: () => journal.activeRuleset(),
        activateRuleset: (move) => journal.activateRuleset(move),
        listRulesetActivations: (query) => journal.listRulesetActivations(query),
        hasOpenMoney: async (id) => hasMoney.has(id),
      },
      onActivated: ({ version }, _previous, { cause }) => this.activated.push(`${version} ${cause}`),
      onRejected: (errors) => this.rejected.push(errors),
      onWaiting: (waiting) => this.waited.push(waiting === null ? null : waiting.kind),
      onBehind: (found) => this.behind.push(found?.version ?? null),
      ...this.options,
    });
    if (opening.kind === 'refused') throw new Error(JSON.stringify(opening));
    this.store = opening.store;
    stores.push(this.store);
    return this;
  }

  async restart(activation: ActivationMode): Promise<this> {
    await this.store.close();
    return this.start(activation);
  }

  get version(): number {
    return this.store.current().version;
  }

  get waiting(): WaitingFolder['kind'] | null {
    return this.store.status().waiting?.kind ?? null;
  }

  activate(version: ReleaseCommand['version'], expectedActive = this.version) {
    const untilMs = clock.monotonicMs() + 10_000;
    return this.store.release({ version, expectedActive, author: 'acme', reason: 'ticket 1', untilMs });
  }

  rollBack(expectedActive = this.version) {
    return this.activate('previous', expectedActive);
  }

  /** The folder gets other content, and is looked at. */
  async edit(files: Readonly<Record<string, string>>): Promise<void> {
    this.write(files);
    await this.store.reload();
  }
}

/** A process that has had these in force through its folder. */
async function auto(...contents: readonly Readonly<Record<string, string>>[]): Promise<Process> {
  const [first = A, ...more] = contents;
  const process = await new Process(first).start('auto');
  for (const files of more) await process.edit(files);
  expect(process.version).toBe(contents.length);
  return process;
}

const history = async () => {
  const { data } = await journal.listRulesetActivations({ limit: 200 });
  return data.toReversed().map(({ version, cause }) => `${version} ${cause}`);
};

describe('manual activation', () => {
  it('starts with the folder where nothing was in force', async () => {
    const process = await new Process(A).start('manual');
    expect(process.version).toBe(1);
    expect(process.waiting).toBeNull();
    expect(await history()).toEqual(['1 folder']);
  });

  it('makes a good folder a candidate, once, which is in force when somebody activates it', async () => {
    const process = await new Process(A).start('manual');
    await process.edit(B);
    await process.store.reload();
    expect(process.version).toBe(1);
    expect(process.store.status().waiting).toMatchObject({ kind: 'candidate', version: 2 });
    expect(process.waited).toEqual(['candidate']);
    expect(await history()).toEqual(['1 folder']);
    const result = await process.activate(2);
    expect(result).toMatchObject({
      kind: 'active',
      changed: true,
      active: { version: 2, cause: 'activation', author: 'acme', reason: 'ticket 1', previous: 1 },
    });
    expect(process.version).toBe(2);
    expect(process.waiting).toBeNull();
    expect(process.activated).toEqual(['1 folder', '2 activation']);
  });

  it('goes by the pointer at a start, whatever the folder holds', async () => {
    const process = await new Process(A).start('manual');
    for (const [files, waiting, rejected] of [
      [B, 'candidate', 0],
      [BROKEN, null, 1],
      [A, null, 1],
    ] as const) {
      process.write(files);
      await process.restart('manual');
      expect([process.version, process.waiting, process.rejected.length]).toEqual([1, waiting, rejected]);
    }
    await process.edit(B);
    await process.activate(2);
    process.write(A);
    await process.restart('manual');
    expect(process.version).toBe(2);
  });

  it('says what is wrong with a folder, and that it is over', async () => {
    const process = await new Process(A).start('manual');
    await process.edit(B);
    await process.edit(BROKEN);
    expect(process.waiting).toBeNull();
    expect(process.rejected).toHaveLength(1);
    await process.edit(B);
    expect(process.store.status()).toMatchObject({ rejected: null, waiting: { version: 2 } });
    await process.edit(A);
    expect(process.store.status()).toMatchObject({ rejected: null, waiting: null, version: 1 });
  });

  it('has no folder to fall back on when this version refuses what is in force', async () => {
    const process = await new Process(A).start('manual');
    await process.store.close();
    process.options = { credentials: SOME_CREDENTIALS };
    const findRuleset = async (version: number) => {
      const found = await journal.findRuleset(version);
      return found === null ? null : { ...found, files: BROKEN };
    };
    const opening = openRulesetStore({
      folder: process.folder,
      credentials: SOME_CREDENTIALS,
      clock,
      activation: 'manual',
      journal: { ...journal, findRuleset, activeRuleset: () => journal.activeRuleset() },
    });
    expect(await opening).toMatchObject({ kind: 'refused', version: 1 });
  });

  it('is told as rolled back once somebody has gone back from it, and as a candidate after another edit', async () => {
    const process = await new Process(A).start('manual');
    await process.edit(B);
    expect(process.store.status().waiting).toMatchObject({ kind: 'candidate', version: 2 });
    await process.activate(2);
    await process.rollBack();
    await process.store.reload();
    const waiting = { kind: 'rolled_back', version: 2 };
    expect(process.store.status().waiting).toMatchObject(waiting);
    await process.restart('manual');
    expect(process.store.status().waiting).toMatchObject(waiting);
    await process.edit(C);
    expect(process.store.status().waiting).toMatchObject({ kind: 'candidate', version: 3 });
    // Content that was left before, and is wanted anew.
    await process.edit(B);
    expect(process.store.status().waiting).toMatchObject({ kind: 'candidate', version: 4 });
    expect(await history()).toEqual(['1 folder', '2 activation', '1 rollback']);
  });

  it('that was activated and gone back from between two looks is not left a candidate', async () => {
    const one = await new Process(A).start('manual');
    await one.edit(B);
    const two = await new Process(B).start('manual');
    expect(two.waiting).toBe('candidate');
    await one.activate(2);
    await one.rollBack();
    await two.store.reload();
    expect(two.store.status().waiting).toMatchObject({ kind: 'rolled_back', version: 2 });
  });

  it('is followed by the folder once the mode is auto', async () => {
    const process = await new Process(A).start('manual');
    await process.edit(B);
    await process.restart('auto');
    expect(process.version).toBe(2);
    expect(await history()).toEqual(['1 folder', '2 folder']);
  });
});

describe('rollback with a folder that is followed', () => {
  it('is not undone by the folder, not by a restart either, until the folder changes', async () => {
    const process = await auto(A, B);
    const held = process.store.current().contentHash;
    expect(await process.rollBack()).toMatchObject({
      kind: 'active',
      active: { version: 1, cause: 'rollback' },
    });
    expect(process.store.status().waiting).toEqual({ kind: 'rolled_back', contentHash: held, version: 2 });
    for (let look = 0; look < 3; look += 1) {
      await process.store.reload();
      expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
    }
    for (let start = 0; start < 2; start += 1) {
      await process.restart('auto');
      expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
    }
    await process.edit(C);
    expect([process.version, process.waiting]).toEqual([3, null]);
    // What was gone back from is an edit like any other afterwards.
    await process.edit(B);
    expect(process.version).toBe(4);
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback', '3 folder', '4 folder']);
  });

  it('holds everything that was gone back from, at every depth', async () => {
    const process = await auto(A, B, C);
    await process.rollBack();
    await process.rollBack();
    expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
    await process.edit(B);
    expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
    await process.restart('auto');
    expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
    expect(await process.rollBack()).toEqual({ kind: 'nothing_before', active: 1 });
  });

  it('is over when the folder is brought back: the same edit is followed when it comes again', async () => {
    const process = await auto(A, B);
    await process.rollBack();
    await process.edit(A);
    expect([process.version, process.waiting]).toEqual([1, null]);
    // Who went back, and why, still stands.
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback']);
    await process.edit(B);
    expect(process.version).toBe(2);
    // The folder was brought back while nothing ran.
    await process.rollBack();
    await process.store.close();
    process.write(A);
    await process.start('auto');
    await process.edit(B);
    expect(process.version).toBe(2);
  });

  it.each(['rollBack', 'activate'] as const)(
    'keeps who did it when a start or an edit brings the same: %s',
    async (how) => {
      const process = await auto(A, B);
      await (how === 'rollBack' ? process.rollBack() : process.activate(1));
      const known = await journal.activeRuleset();
      expect(known).toMatchObject({ sequence: 3, version: 1, author: 'acme', reason: 'ticket 1' });
      await process.edit(A);
      await process.restart('auto');
      await process.edit(BROKEN);
      await process.edit(A);
      expect(await journal.activeRuleset()).toEqual(known);
      expect(process.waiting).toBeNull();
    },
  );

  it('is no activation at a start that takes up what is in force', async () => {
    const process = await auto(A, B);
    const takenUp: number[] = [];
    process.options = { onTakenUp: ({ version }) => takenUp.push(version) };
    const known = [...process.activated];
    await process.restart('auto');
    expect([process.activated, takenUp]).toEqual([known, [2]]);
    await process.store.close();
    process.write(C);
    await process.start('auto');
    expect([process.activated, takenUp]).toEqual([[...known, '3 folder'], [2]]);
  });

  it('numbers what it holds, be it gone back from or superseded', async () => {
    const old = await auto(A);
    const next = await new Process(B).start('auto');
    await old.store.reload();
    expect(old.store.status().waiting).toMatchObject({ kind: 'superseded', version: 1 });
    await next.rollBack();
    expect(next.store.status().waiting).toMatchObject({ kind: 'rolled_back', version: 2 });
  });

  it('holds through a broken edit and back', async () => {
    const process = await auto(A, B);
    await process.rollBack();
    await process.edit(BROKEN);
    expect([process.version, process.rejected.length]).toEqual([1, 1]);
    await process.edit(B);
    expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
    expect(process.store.status().rejected).toBeNull();
  });

  it('refuses to start rather than go over to what somebody went back from', async () => {
    const process = await auto(A, B);
    await process.rollBack();
    await process.store.close();
    const findRuleset = async (version: number) => {
      const found = await journal.findRuleset(version);
      return found === null ? null : { ...found, files: BROKEN };
    };
    const opening = openRulesetStore({
      folder: process.folder,
      credentials: SOME_CREDENTIALS,
      clock,
      journal: { ...journal, findRuleset, activeRuleset: () => journal.activeRuleset() },
    });
    expect(await opening).toMatchObject({ kind: 'refused', version: 1 });
  });

  it('may be taken back by activating the version again', async () => {
    const process = await auto(A, B);
    await process.rollBack();
    expect(await process.activate(2)).toMatchObject({ kind: 'active', changed: true });
    expect([process.version, process.waiting]).toEqual([2, null]);
    expect(await process.rollBack()).toMatchObject({ kind: 'active', active: { version: 1 } });
  });
});

describe('a release whose journal hangs past the time of its request', () => {
  /** What hangs, and whether the rules come into force once the journal answers again. */
  const HANGS: readonly (readonly [string, boolean])[] = [
    ['activeRuleset', false],
    ['findRuleset', false],
    ['activateRuleset', true],
  ];
  it.each(HANGS)('at %s: in force afterwards, and told: %s', async (name, comes) => {
    const process = await auto(A, B, C);
    const { hanging, hang, letGo } = hangingJournal(journal);
    journal = hanging;
    hang([name]);
    const releasing = process.activate(1).catch((error: unknown) => error);
    await clock.advance(0);
    await clock.advance(11_000);
    expect(letGo()).toBeGreaterThan(0);
    const result = await releasing;
    if (comes) expect(result).toMatchObject({ kind: 'active', changed: true });
    else expect(result).toMatchObject({ name: 'JournalError', isUnsent: true });
    expect(process.version).toBe(comes ? 1 : 3);
    expect(process.activated.slice(3)).toEqual(comes ? ['1 activation'] : []);
    expect((await history()).slice(3)).toEqual(comes ? ['1 activation'] : []);
    // A repeat as it was, or a next one.
    expect(await process.activate(1, 3)).toMatchObject({ kind: 'active', changed: !comes });
  });

  it('behind a look that hangs: not begun any more', async () => {
    const process = await auto(A, B);
    const { hanging, hang, letGo } = hangingJournal(journal);
    journal = hanging;
    hang(['activeRuleset']);
    const looking = process.store.follow();
    const releasing = process.activate(1).catch((error: unknown) => error);
    await clock.advance(0);
    await clock.advance(11_000);
    letGo();
    await looking;
    expect(await releasing).toMatchObject({ name: 'JournalError', isUnsent: true });
    expect(process.version).toBe(2);
    expect(await history()).toEqual(['1 folder', '2 folder']);
  });
});

describe('a release', () => {
  it('changes nothing when it is repeated, and nothing when another version is in force', async () => {
    const process = await auto(A, B, C);
    expect(await process.activate(1, 3)).toMatchObject({ kind: 'active', changed: true });
    expect(await process.activate(1, 3)).toMatchObject({
      kind: 'active',
      changed: false,
      active: { version: 1 },
    });
    expect(await process.activate(2, 3)).toEqual({ kind: 'other_active', active: 1 });
    expect(await process.rollBack(3)).toEqual({ kind: 'other_active', active: 1 });
    expect(await process.rollBack(1)).toMatchObject({ changed: true, active: { version: 3 } });
    expect(await process.rollBack(1)).toMatchObject({ changed: false, active: { version: 3 } });
    expect(await process.rollBack(3)).toMatchObject({ changed: true, active: { version: 2 } });
    expect(await history()).toEqual([
      '1 folder',
      '2 folder',
      '3 folder',
      '1 activation',
      '3 rollback',
      '2 rollback',
    ]);
  });

  it('is one of two that come at once, also from two processes', async () => {
    const one = await auto(A, B, C);
    const two = await new Process(C).start('auto');
    const results = await Promise.all([
      one.activate(1, 3),
      two.activate(2, 3),
      one.rollBack(3),
      two.activate(1, 3),
    ]);
    const changed = results.filter((result) => result.kind === 'active' && result.changed);
    expect(changed).toHaveLength(1);
    for (const result of results) {
      const isAware = result.kind === 'active' || (result.kind === 'other_active' && result.active !== 3);
      expect(isAware, JSON.stringify(result)).toBe(true);
    }
    await one.store.reload();
    await two.store.reload();
    expect(one.version).toBe(two.version);
    expect(await history()).toHaveLength(4);
  });

  it('of a version that is not there finds none', async () => {
    const process = await auto(A, B);
    expect(await process.activate(3)).toEqual({ kind: 'not_found' });
  });

  it('is refused with places while a provider that goes has money', async () => {
    const process = await auto(WITHOUT_C, A);
    hasMoney = new Set(['sandbox-c']);
    for (const attempt of [() => process.activate(1), () => process.rollBack()]) {
      expect(await attempt()).toMatchObject({
        kind: 'refused',
        errors: [
          {
            file: 'providers.yaml',
            line: 5,
            what: expect.stringMatching(/"sandbox-c" is gone, but has open or refundable money/),
          },
        ],
      });
    }
    expect(process.version).toBe(2);
    expect(await history()).toEqual(['1 folder', '2 folder']);
    hasMoney = new Set();
    expect(await process.rollBack()).toMatchObject({ kind: 'active' });
  });

  it('is taken back when an attempt began at a provider while it went', async () => {
    const process = await auto(WITHOUT_C, A);
    let asked = 0;
    process.options = {
      journal: {
        ...journalCalls(),
        // Between the question and the going, a payment is sent there.
        hasOpenMoney: async () => {
          asked += 1;
          return asked > 1;
        },
      },
    };
    await process.restart('auto');
    const result = await process.rollBack();
    expect(result).toMatchObject({ kind: 'refused', errors: [{ file: 'providers.yaml' }] });
    expect(process.version).toBe(2);
    expect(process.waiting).toBeNull();
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback', '2 restored']);
    expect(await journal.activeRuleset()).toMatchObject({
      previous: 1,
      author: 'gateway',
      leftByPersons: [],
    });
  });

  it('is refused with places when this process cannot use the version', async () => {
    const process = await auto(A, B);
    process.options = { check: ({ ruleset }) => (ruleset.version === 1 ? [NO_KEY] : []) };
    await process.restart('auto');
    expect(await process.rollBack()).toEqual({ kind: 'refused', errors: [NO_KEY] });
    expect(await history()).toEqual(['1 folder', '2 folder']);
  });

  it('is refused when the secrets of the version are gone', async () => {
    const real = (key: string) => ({
      'providers.yaml': `providers:\n  - { id: stripe-eu, adapter: stripe, merchants: all, credentials: { api_key: "env:${key}" } }\n`,
      'rules.yaml': 'rules: [{ name: all, then: {} }]\n',
    });
    const environment = { OLD_KEY: 'sk_test_old', NEW_KEY: 'sk_test_new' };
    const process = new Process(real('OLD_KEY'));
    process.options = { credentials: { ...SOME_CREDENTIALS, environment } };
    await process.start('auto');
    await process.edit(real('NEW_KEY'));
    process.options = { credentials: { ...SOME_CREDENTIALS, environment: { NEW_KEY: 'sk_test_new' } } };
    await process.restart('auto');
    const result = await process.rollBack(2);
    expect(result).toMatchObject({ kind: 'refused', errors: [{ file: 'providers.yaml', line: 2 }] });
    expect(JSON.stringify(result)).not.toMatch(/OLD_KEY|sk_test/);
    expect(process.version).toBe(2);
  });

  it('does not wait for a folder that does not answer', async () => {
    const process = await auto(A, B);
    const path = join(process.folder, 'rules.yaml');
    rmSync(path);
    // Whoever reads it waits until somebody writes.
    execFileSync('mkfifo', [path]);
    const look = process.store.reload();
    const pipe = await openFile(path, 'w');
    expect(await process.rollBack()).toMatchObject({ kind: 'active', active: { version: 1 } });
    expect(process.version).toBe(1);
    rmSync(path);
    process.write(B);
    await pipe.close();
    await look;
    expect([process.version, process.waiting]).toEqual([1, 'rolled_back']);
  });

  it('whose confirmation was lost is found in force by its repeat', async () => {
    const process = await auto(A, B);
    let isLost = true;
    process.options = {
      journal: {
        ...journalCalls(),
        async activateRuleset(move) {
          const moved = await journal.activateRuleset(move);
          if (isLost) throw new Error('the confirmation was lost');
          return moved;
        },
      },
    };
    await process.restart('auto');
    await expect(process.rollBack(2)).rejects.toThrow('lost');
    expect(process.version).toBe(2);
    isLost = false;
    expect(await process.rollBack(2)).toMatchObject({
      kind: 'active',
      changed: false,
      active: { version: 1 },
    });
    expect(process.version).toBe(1);
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback']);
  });
});

function journalCalls(): RulesetStoreOptions['journal'] {
  return {
    registerRuleset: (...values) => journal.registerRuleset(...values),
    findRuleset: (version) => journal.findRuleset(version),
    activeRuleset: () => journal.activeRuleset(),
    activateRuleset: (move) => journal.activateRuleset(move),
    listRulesetActivations: (query) => journal.listRulesetActivations(query),
    hasOpenMoney: async (id) => hasMoney.has(id),
  };
}

describe('several processes over one journal', () => {
  it.each(['auto', 'manual'] as const)('follow the pointer within a poll: %s', async (mode) => {
    const one = await auto(A, B);
    const two = await new Process(B).start(mode);
    await one.rollBack();
    expect([one.version, two.version]).toEqual([1, 2]);
    await clock.advance(10_000);
    await vi.waitFor(() => expect(two.version).toBe(1), { timeout: 5000 });
    expect(two.activated).toEqual(['1 rollback']);
    await vi.waitFor(() => expect(two.waiting).toBe('rolled_back'), { timeout: 5000 });
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback']);
  });

  it('follow it at once when they are asked to, without a look at their folders', async () => {
    const one = await auto(A, B);
    const two = await new Process(B).start('auto');
    two.write(C);
    await one.rollBack();
    await two.store.follow();
    expect([two.version, two.activated, two.waiting]).toEqual([1, ['1 rollback'], 'rolled_back']);
    await two.store.reload();
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback', '3 folder']);
  });

  it('do nothing and refuse nothing while the pointer stays, or cannot be read', async () => {
    const one = await auto(A);
    const reading = journal.activeRuleset.bind(journal);
    one.write(B);
    await one.store.follow();
    journal.activeRuleset = () => Promise.reject(new JournalError('not reachable'));
    await one.store.follow();
    expect([one.version, one.store.status().rejected, one.rejected]).toEqual([1, null, []]);
    journal.activeRuleset = () => Promise.reject(new TypeError('a bug'));
    await one.store.follow();
    expect(one.rejected.flat().map(({ what }) => what)).toEqual([expect.stringContaining('a bug')]);
    journal.activeRuleset = reading;
    await one.store.close();
    await one.store.follow();
    expect(one.activated).toEqual(['1 folder']);
  });

  it('do not flap where their folders differ, as in a deployment that is under way', async () => {
    const old = await auto(A);
    const next = await new Process(B).start('auto');
    for (let round = 0; round < 3; round += 1) {
      for (const process of [old, next]) await process.store.reload();
    }
    expect([old.version, next.version, old.waiting]).toEqual([2, 2, 'superseded']);
    // Back to what the old folder holds: that it always did is no reason to follow the new one again.
    await next.rollBack();
    for (const process of [old, next, old, next]) await process.store.reload();
    expect([old.version, next.version, next.waiting, old.waiting]).toEqual([1, 1, 'rolled_back', null]);
    await next.restart('auto');
    expect([next.version, next.waiting]).toEqual([1, 'rolled_back']);
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback']);
  });

  it('do not take newer rules back when one is started with an old folder', async () => {
    const old = await auto(A);
    const next = await new Process(B).start('auto');
    await old.restart('auto');
    expect([old.version, old.waiting, old.store.status().waiting]).toMatchObject([
      2,
      'superseded',
      { kind: 'superseded', version: 1 },
    ]);
    expect(old.waited).toEqual(['superseded']);
    for (const process of [old, next, old, next]) await process.store.reload();
    await old.restart('auto');
    expect([old.version, next.version, old.waiting]).toEqual([2, 2, 'superseded']);
    expect(await history()).toEqual(['1 folder', '2 folder']);
    // Whoever wants it says so; the folder then holds what is in force.
    expect(await old.activate(1)).toMatchObject({ kind: 'active', changed: true });
    expect([old.version, old.waiting]).toEqual([1, null]);
    await old.restart('auto');
    expect([old.version, old.waiting]).toEqual([1, null]);
    expect(await history()).toEqual(['1 folder', '2 folder', '1 activation']);
  });

  it('follow an old content that comes into a folder while they look at it: that is an edit', async () => {
    const old = await auto(A);
    await new Process(B).start('auto');
    await old.restart('auto');
    await old.edit(B);
    expect([old.version, old.waiting]).toEqual([2, null]);
    await old.edit(A);
    expect([old.version, old.waiting]).toEqual([3, null]);
    // And content that nobody has had at a start is a new one.
    old.write(C);
    await old.restart('auto');
    expect([old.version, old.waiting]).toEqual([4, null]);
    expect(await history()).toEqual(['1 folder', '2 folder', '3 folder', '4 folder']);
  });

  it('take up at a start what the gateway had to take back, once no money stands against it', async () => {
    const process = await auto(A);
    process.options = {
      apply: ({ providers }) => {
        hasMoney = new Set(providers.has('sandbox-c') ? [] : ['sandbox-c']);
      },
    };
    await process.restart('auto');
    await process.edit(WITHOUT_C);
    expect(await history()).toEqual(['1 folder', '2 folder', '1 restored']);
    process.options = {};
    hasMoney = new Set();
    await process.restart('auto');
    expect([process.version, process.waiting]).toEqual([2, null]);
  });

  it('say so when they cannot go by what is in force, and go over once they can', async () => {
    const one = await auto(A, B);
    const two = new Process(B);
    let isMissing = true;
    two.options = { check: ({ ruleset }) => (isMissing && ruleset.version === 1 ? [NO_KEY] : []) };
    await two.start('auto');
    await one.rollBack();
    await two.store.reload();
    await two.store.reload();
    expect(two.store.status()).toMatchObject({ version: 2, behind: { version: 1, errors: [NO_KEY] } });
    expect(two.behind).toEqual([1]);
    expect(await two.activate(1, 2), 'in force elsewhere, not here').toEqual({
      kind: 'refused',
      errors: [NO_KEY],
    });
    // It can still be told to go elsewhere: that is how it is mended.
    expect(await two.activate(2, 1)).toMatchObject({ kind: 'active', changed: true });
    expect([two.version, two.store.status().behind]).toEqual([2, null]);
    await one.store.reload();
    await one.rollBack(2);
    await two.store.reload();
    isMissing = false;
    await two.store.reload();
    expect([two.version, two.store.status().behind]).toEqual([1, null]);
    expect(two.behind).toEqual([1, null, 1, null]);
  });

  it('read what they cannot go by again with the looks at the folder, not whenever the pointer is looked at', async () => {
    const one = await auto(A, B);
    const two = new Process(B);
    let reads = 0;
    let isMissing = true;
    const read = async (files: Readonly<Record<string, string>>) => {
      reads += 1;
      return validateRulesetFiles(files, SOME_CREDENTIALS);
    };
    two.options = { read, check: () => (isMissing ? [NO_KEY] : []) };
    isMissing = false;
    await two.start('auto');
    isMissing = true;
    await one.rollBack();
    for (let look = 0; look < 5; look += 1) await two.store.follow();
    expect([reads, two.behind]).toEqual([1, [1]]);
    isMissing = false;
    await two.store.reload();
    expect([reads, two.version, two.behind]).toEqual([2, 1, [1, null]]);
    isMissing = true;
    await one.activate(2, 1);
    await two.store.follow();
    expect([reads, two.behind], 'another one at once').toEqual([3, [1, null, 2]]);
  });

  it('bring back what went while one of them sent payments there', async () => {
    const one = await auto(WITHOUT_C, A);
    const two = await new Process(A).start('auto');
    expect(await one.rollBack()).toMatchObject({ kind: 'active' });
    // The other one has not gone over yet, and sends a payment.
    hasMoney = new Set(['sandbox-c']);
    await two.store.reload();
    expect(two.version).toBe(2);
    await one.store.reload();
    expect(one.version).toBe(2);
    expect(await history()).toEqual(['1 folder', '2 folder', '1 rollback', '2 restored']);
  });
});

/** What ought to be in force after each step, told independently of the journal and the store. */
class Expected {
  /** Contents by version, from 1. */
  readonly registered: number[] = [];
  /** Versions in force, the newest last; a rollback takes one away. */
  stack: number[] = [];
  /** Contents that persons went away from since the folder was followed. */
  left = new Set<number>();
  /** Of those, what may come back: the process has seen the folder at what is in force since. */
  excused = new Set<number>();
  /** Content of the folder at the last look; null: none, or a broken one. */
  lastSeen: number | null = null;

  get active(): number {
    return this.stack.at(-1) ?? 0;
  }

  contentOf(version: number): number {
    return this.registered[version - 1] ?? -1;
  }

  look(folder: number | null): void {
    const isOther = folder !== this.lastSeen;
    this.lastSeen = folder;
    if (folder === null) return;
    const content = this.contentOf(this.active);
    if (folder === content) {
      if (isOther) this.excused = new Set(this.left);
    } else if (!this.left.has(folder) || this.excused.has(folder)) {
      if (this.registered.at(-1) !== folder) this.registered.push(folder);
      this.stack.push(this.registered.length);
      this.left.clear();
      this.excused.clear();
    }
  }

  /** A process that starts has seen nothing. */
  restart(folder: number | null): void {
    this.lastSeen = null;
    this.excused.clear();
    this.look(folder);
  }

  release(move: () => void): void {
    const content = this.contentOf(this.active);
    move();
    this.left.add(content);
    this.excused.delete(content);
  }
}

const SEED = Number(globalThis.process.env['SEED'] ?? 20_261_129);

describe('any story of edits, releases and restarts', () => {
  const small = (count: number) => ({
    'providers.yaml': 'providers: [{ id: sandbox-a, adapter: sandbox, merchants: all }]\n',
    'rules.yaml': `rules: [{ name: all, then: { attempts_max: ${count} } }]\n`,
  });
  const done = { edits: 0, rollbacks: 0, activations: 0, refused: 0, restarts: 0, held: 0 };

  it.each(Array.from({ length: 12 }, (_, index) => SEED + index))('SEED=%i', async (seed) => {
    const random = new SeededRandom(seed);
    const expected = new Expected();
    let folder: number | null = 1;
    const process = await new Process(small(folder)).start('auto');
    expected.registered.push(folder);
    expected.stack.push(1);
    expected.look(folder);
    const steps: (() => Promise<unknown>)[] = [
      async () => {
        folder = random.integer(1, 4);
        expected.look(folder);
        done.edits += 1;
        await process.edit(small(folder));
      },
      async () => {
        folder = null;
        expected.look(folder);
        await process.edit({ 'rules.yaml': 'rules: []' });
      },
      async () => {
        expected.look(folder);
        await process.store.reload();
      },
      async () => {
        expected.restart(folder);
        done.restarts += 1;
        await process.restart('auto');
      },
      async () => {
        const result = await process.rollBack();
        const isFirst = expected.stack.length === 1;
        expect(result.kind).toBe(isFirst ? 'nothing_before' : 'active');
        done.rollbacks += isFirst ? 0 : 1;
        if (!isFirst) expected.release(() => expected.stack.pop());
      },
      async () => {
        const version = random.integer(1, expected.registered.length);
        const isChange = version !== expected.active;
        const isUnaware = random.chance(0.2);
        const result = await process.activate(version, expected.active + (isUnaware ? 1 : 0));
        expect(result.kind).toBe(isChange && isUnaware ? 'other_active' : 'active');
        done.refused += isChange && isUnaware ? 1 : 0;
        if (!isChange || isUnaware) return;
        done.activations += 1;
        expected.release(() => expected.stack.push(version));
      },
    ];
    for (let count = 0; count < 40; count += 1) {
      await random.pick(steps)();
      // What a release has the store look at again is looked at here as well.
      await process.store.reload();
      expected.look(folder);
      const told = `step ${count} of SEED=${seed}: ${(await history()).join(', ')}`;
      expect(process.version, told).toBe(expected.active);
      const isHeld = folder !== null && folder !== expected.contentOf(expected.active);
      expect(process.waiting, told).toBe(isHeld ? 'rolled_back' : null);
      done.held += isHeld ? 1 : 0;
    }
    const { data } = await journal.listRulesetActivations({ limit: 200 });
    data.forEach(({ sequence }, index) => {
      expect(sequence).toBe(data.length - index);
    });
  });

  it('goes by all of them', () => {
    for (const [what, count] of Object.entries(done)) expect([what, count > 10]).toEqual([what, true]);
  });
});
