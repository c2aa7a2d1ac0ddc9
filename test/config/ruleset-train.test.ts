import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialSources, readSecretFile } from '../../src/config/credentials.ts';
import type { ReadingOutcome, ReadingPlace, ReadingTask } from '../../src/config/reading-task.ts';
import { openRulesetStore, type RulesetStore } from '../../src/config/ruleset-store.ts';
import { RulesetTrain } from '../../src/config/ruleset-train.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import type { Journal } from '../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { READING_IN_LINE } from '../support/reading-in-line.ts';
import { shippedFiles } from './ruleset-files.ts';

const GOOD = shippedFiles();
const SECRET = 'sk_test_4eC39HqLyjWDarjtT1zdp7dc';
const STRIPE = {
  'providers.yaml': `# never write ${SECRET} here, nor sk_live_abcdefgh12345 or 4111 1111 1111 1111
providers:
  - { id: stripe-eu, adapter: stripe, merchants: all, credentials: { api_key: "env:STRIPE_KEY" } }
`,
  'rules.yaml': 'rules: [{ name: all, then: {} }]\n',
};

let folder: string;
let clock: FakeClock;
let journal: Journal;
let store: RulesetStore;
let asked: string[];
let hasMoney: boolean;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pointsman-train-'));
  clock = new FakeClock();
  journal = openInProcessJournal(':memory:');
  asked = [];
  hasMoney = false;
});

afterEach(async () => {
  await store.close();
  await journal.close();
  rmSync(folder, { recursive: true });
});

const write = (files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
};

const ENVIRONMENT = { STRIPE_KEY: SECRET, OTHER_KEY: 'sk_test_other_one' };
const credentials: CredentialSources = {
  // As `process.env`, and telling what is looked up.
  environment: new Proxy(ENVIRONMENT, {
    get(target, name) {
      asked.push(`env:${String(name)}`);
      return Reflect.get(target, name) as string | undefined;
    },
  }),
  readFile(path) {
    asked.push(`file:${path}`);
    return readSecretFile(path);
  },
};

async function train(
  files: Readonly<Record<string, string>>,
  check: ConstructorParameters<typeof RulesetTrain>[0]['check'] = () => [],
  checks: ReadingPlace = READING_IN_LINE,
): Promise<RulesetTrain> {
  write(files);
  const calls = {
    registerRuleset: journal.registerRuleset.bind(journal),
    findRuleset: journal.findRuleset.bind(journal),
    activeRuleset: journal.activeRuleset.bind(journal),
    activateRuleset: journal.activateRuleset.bind(journal),
    listRulesets: journal.listRulesets.bind(journal),
    listRulesetActivations: journal.listRulesetActivations.bind(journal),
    hasOpenMoney: async () => hasMoney,
  };
  const opening = await openRulesetStore({ folder, credentials, clock, journal: calls });
  if (opening.kind === 'refused') throw new Error(JSON.stringify(opening.errors));
  store = opening.store;
  asked = [];
  return new RulesetTrain({ store, journal: calls, folder, credentials, check, checks });
}

/** What a check found, where there is one. */
async function checked(rulesets: RulesetTrain, files: Readonly<Record<string, string>>) {
  const result = await rulesets.check(files);
  if (result.kind !== 'checked') throw new Error(JSON.stringify(result));
  return result;
}

describe('a ruleset that is shown', () => {
  it('has its files, and what it has other than the one in force', async () => {
    const rulesets = await train(GOOD);
    write({ 'rules.yaml': GOOD['rules.yaml'].replace('attempts_max: 3', 'attempts_max: 4') });
    await store.reload();
    expect(await rulesets.find(1)).toMatchObject({
      version: 1,
      active: false,
      files: GOOD,
      against: {
        active: 2,
        changes: {
          files: ['rules.yaml'],
          rules: [{ name: 'eu-debit', change: 'changed' }],
          providers: [],
          experiments: [],
        },
      },
    });
    expect(await rulesets.find(2)).toMatchObject({ active: true, against: { changes: { files: [] } } });
    expect(await rulesets.find(3)).toBeNull();
    expect(await rulesets.list({ limit: 10 })).toMatchObject({ data: [{ version: 2 }, { version: 1 }] });
    expect(await rulesets.activations({ limit: 1 })).toMatchObject({
      data: [{ version: 2, cause: 'folder' }],
    });
  });

  it('shows no secret and no card number that somebody wrote into it', async () => {
    const rulesets = await train(STRIPE);
    const found = await rulesets.find(1);
    const shown = found?.files['providers.yaml'] ?? '';
    expect(shown).toContain('api_key: "env:STRIPE_KEY"');
    expect(shown.split('\n')[0]).toBe('# never write [secret] here, nor [secret] or [card number removed]');
    expect(JSON.stringify(found)).not.toMatch(/4eC39|abcdefgh|4111/);
  });
});

describe('a check', () => {
  it('of the folder tells what is wrong in it, and stores nothing', async () => {
    const rulesets = await train(GOOD);
    expect(await rulesets.check(null)).toMatchObject({ valid: true, errors: [] });
    write({ 'rules.yaml': GOOD['rules.yaml'].replace('sandbox-c', 'sandbox-x') });
    expect(await rulesets.check(null)).toMatchObject({
      valid: false,
      errors: [{ file: 'rules.yaml', line: 11, what: 'unknown provider "sandbox-x"' }],
    });
    rmSync(join(folder, 'rules.yaml'));
    expect(await rulesets.check(null)).toMatchObject({
      valid: false,
      errors: [{ file: 'rules.yaml', line: 1, what: 'the file is missing' }],
    });
    expect((await rulesets.list({ limit: 10 })).data).toHaveLength(1);
    expect(store.current().version).toBe(1);
  });

  it('of files that are handed over is what the folder would be told', async () => {
    const rulesets = await train(GOOD);
    const broken = { ...GOOD, 'rules.yaml': 'rules: [{ name: x, then: { only: [sandbox-z] } }]' };
    const reading = validateRulesetFiles(broken, credentials);
    expect(await rulesets.check(broken)).toEqual({
      kind: 'checked',
      valid: false,
      errors: reading.kind === 'refused' ? reading.errors : [],
      notes: [],
    });
    expect(await rulesets.check({})).toMatchObject({
      valid: false,
      errors: [{ what: 'the file is missing' }, {}],
    });
    expect((await rulesets.list({ limit: 10 })).data).toHaveLength(1);
  });

  it('tells what keeps them from coming into force now: money, and accounts that cannot be built', async () => {
    const fault = {
      file: 'providers.yaml',
      line: 2,
      column: 5,
      what: 'no port',
      expected: 'one',
      remedy: 'add it',
    };
    const rulesets = await train(GOOD, () => [fault]);
    hasMoney = true;
    const without = {
      ...GOOD,
      'providers.yaml': GOOD['providers.yaml'].slice(0, GOOD['providers.yaml'].indexOf('  - id: sandbox-c')),
      'rules.yaml': GOOD['rules.yaml'].replace(', sandbox-c]', ']'),
    };
    const found = await checked(rulesets, without);
    expect(found.valid).toBe(false);
    expect(found.errors[0]).toEqual(fault);
    expect(found.errors.slice(1)).toMatchObject([{ what: expect.stringMatching(/"sandbox-c" is gone/) }]);
  });

  it('looks up no secret that the ruleset in force has not, and names what it left out', async () => {
    const rulesets = await train(STRIPE);
    const offered = (reference: string) => ({
      ...STRIPE,
      'providers.yaml': `providers:
  - { id: stripe-eu, adapter: stripe, merchants: all, credentials: { api_key: "env:STRIPE_KEY" } }
  - { id: stripe-us, adapter: stripe, merchants: all, enabled: false, credentials: { api_key: "${reference}" } }
`,
    });
    const answers = [];
    // There, and not there: nobody can tell from the answer.
    for (const reference of ['env:OTHER_KEY', 'env:NOT_THERE', 'file:/etc/hostname', 'file:/not/there']) {
      asked = [];
      const { valid, errors, notes } = await checked(rulesets, offered(reference));
      answers.push(JSON.stringify({ valid, errors, notes }));
      expect(asked.filter((name) => name === reference)).toEqual([]);
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatch(/^\{"valid":true,"errors":\[\],.*not looked up.*stripe-us \(api_key\)/);
    const known = await checked(rulesets, STRIPE);
    expect(known).toMatchObject({ valid: true, errors: [] });
    expect(asked).toContain('env:STRIPE_KEY');
    expect(known.notes.join()).not.toContain('not looked up');
  });

  it('says when it was given up, where, and how to mend it; and when it was not begun', async () => {
    const outcomes: ReadingOutcome<ReadingTask>[] = [
      { kind: 'too_costly', limit: 'time', at: 'rules.yaml' },
      { kind: 'too_costly', limit: 'memory', at: null },
      { kind: 'busy', waiting: 3 },
      { kind: 'failed', reason: 'its thread ended' },
      { kind: 'stopped' },
    ];
    const place = { ...READING_IN_LINE, run: async () => outcomes.shift() as never };
    const rulesets = await train(GOOD, () => [], place);
    const error = {
      file: 'rules.yaml',
      line: 1,
      column: 1,
      what: 'checking this file took more than 5 s, and was given up',
      expected: 'files that can be checked within 5 s',
      remedy: expect.stringContaining('make it shorter'),
    };
    expect(await rulesets.check(GOOD)).toEqual({ kind: 'too_costly', errors: [error] });
    expect(await rulesets.check(null)).toMatchObject({
      kind: 'too_costly',
      errors: [
        {
          file: 'providers.yaml',
          what: 'checking this file took more than 192 MB of memory, and was given up',
        },
      ],
    });
    expect(await rulesets.check(GOOD)).toMatchObject({ kind: 'busy', waiting: 3, retryAfterMs: 2000 });
    expect(await rulesets.check(GOOD)).toEqual({ kind: 'failed', reason: 'its thread ended' });
    expect(await rulesets.check(GOOD)).toEqual({ kind: 'stopping' });
  });

  it('looks into what is in force once for many checks, and compares two versions once', async () => {
    const tasks: string[] = [];
    const place: ReadingPlace = {
      ...READING_IN_LINE,
      run(task) {
        tasks.push(task.kind);
        return READING_IN_LINE.run(task);
      },
    };
    const rulesets = await train(GOOD, () => [], place);
    const long = `${GOOD['rules.yaml']}${'# as somebody explained at length\n'.repeat(2000)}`;
    write({ 'rules.yaml': long.replace('attempts_max: 3', 'attempts_max: 4') });
    await store.reload();
    const first = await rulesets.find(1);
    expect(first?.against.changes.rules).toEqual([{ name: 'eu-debit', change: 'changed' }]);
    expect((await rulesets.find(1))?.against).toEqual(first?.against);
    expect(tasks).toEqual(['compare']);
  });
});
