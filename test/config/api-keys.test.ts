import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ApiKeysError,
  apiKeyLookUp,
  loadApiKeys,
  newApiKey,
  parseApiKeys,
} from '../../src/config/api-keys.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const ENTRY = {
  id: 'k1',
  sha256: sha256('the-key'),
  account: 'acme',
  merchants: ['acme-eu'],
  scopes: ['authorize'],
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'api-keys-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('parseApiKeys', () => {
  it('reads JSON and YAML', () => {
    const yaml = `# keys\n- id: k1\n  sha256: ${ENTRY.sha256}\n  account: acme\n  merchants: [acme-eu]\n  scopes: [authorize]\n`;
    const expected = [{ ...ENTRY, merchants: new Set(['acme-eu']), scopes: new Set(['authorize']) }];
    expect(parseApiKeys(yaml, 'keys.yaml')).toEqual(expected);
    expect(parseApiKeys(JSON.stringify([ENTRY]), 'keys.json')).toEqual(expected);
    expect(parseApiKeys(JSON.stringify([{ ...ENTRY, merchants: 'all' }]), 'k')[0]?.merchants).toBe('all');
  });

  const refused: [name: string, text: string, message: RegExp][] = [
    [
      'broken syntax',
      '- id: [',
      /^keys\.yaml:1:8 {2}this is neither YAML nor JSON \(BAD_INDENT\); expected a list/,
    ],
    [
      'no list',
      'id: k1',
      /^keys\.yaml:1:1 {2}the file is not .*; expected a list of keys, as npm run make-key prints them; /,
    ],
    [
      'a key in clear',
      JSON.stringify([{ ...ENTRY, sha256: 'the-key' }], null, 1),
      /^keys\.yaml:4:\d+ {2}sha256 .*; expected the SHA-256 of the key, /,
    ],
    [
      'an unknown scope',
      JSON.stringify([{ ...ENTRY, scopes: ['admin'] }]),
      /"admin" for scopes; expected one of auth/,
    ],
    [
      'a misspelt scope',
      JSON.stringify([{ ...ENTRY, scopes: ['authorise'] }], null, 1),
      /:10:4 .*did you mean authorize\?/,
    ],
    [
      'a misspelt member',
      JSON.stringify([{ ...ENTRY, merchnats: 'all' }]),
      /unknown key "merchnats"; .*did you mean merchants\?/,
    ],
    [
      'an empty file',
      '# nothing yet\n',
      /^keys\.yaml:1:1 {2}the file is empty; expected a list of keys, as npm run make-key prints them; put/,
    ],
    [
      'what is neither YAML nor JSON',
      '# Keys\n\n- a: [the-key\n',
      /^keys\.yaml:4:1 {2}this is neither YAML nor JSON \([A-Z_]+\); expected a list of keys, as npm run make-key/,
    ],
    ['a missing member', '- { id: k1 }', /^keys\.yaml:1:3 {2}sha256 is missing; .*; add sha256:\n/],
    [
      'no scope',
      JSON.stringify([{ ...ENTRY, scopes: [] }]),
      /scopes is an empty list; expected at least one of/,
    ],
    [
      'no merchant',
      JSON.stringify([{ ...ENTRY, merchants: [] }]),
      /merchants is an empty list; expected all, or a list of at least one/,
    ],
    ['an unknown member', JSON.stringify([{ ...ENTRY, key: 'x' }]), /key/],
    [
      'one id twice',
      JSON.stringify([ENTRY, { ...ENTRY, sha256: sha256('b') }], null, 1),
      /^keys\.yaml:14:\d+ {2}the id "k1" is there twice: .* line 3 too; expected each id once; give one/,
    ],
    [
      'one key twice',
      JSON.stringify([ENTRY, { ...ENTRY, id: 'k2' }]),
      /the sha256 of key "k2" is there twice: .* line 1 too; .*; remove/,
    ],
  ];
  it.each(refused)('refuses %s', (_, text, message) => {
    expect(() => parseApiKeys(text, 'keys.yaml')).toThrow(ApiKeysError);
    expect(() => parseApiKeys(text, 'keys.yaml')).toThrow(message);
    expect(() => parseApiKeys(text, 'keys.yaml')).not.toThrow(/the-key/);
  });
});

describe('newApiKey', () => {
  it('is different every time, and never looks like an option of a command', () => {
    const keys = Array.from({ length: 2_000 }, newApiKey);
    expect(new Set(keys).size).toBe(2_000);
    // One of 64 would begin with a dash.
    for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{42}$/);
  });
});

describe('apiKeyLookUp', () => {
  it('finds a key by what its holder presents, and by nothing else', () => {
    const find = apiKeyLookUp(parseApiKeys(JSON.stringify([ENTRY]), 'k'));
    expect(find('the-key')?.id).toBe('k1');
    for (const wrong of ['', 'the-kez', 'the-key ', ENTRY.sha256, 'THE-KEY', '__proto__']) {
      expect(find(wrong)).toBeNull();
    }
  });
});

describe('loadApiKeys', () => {
  const none = { file: null, devApiKey: null, production: false };

  it('makes a development key once, keeps it hashed, and only for its owner to read', async () => {
    const dataDir = join(folder, 'first', 'data');
    const failed = await loadApiKeys({ ...none, dataDir });
    const path = join(dataDir, 'api-keys.json');
    // A start that failed after this has printed no key, and must not leave one that nobody knows.
    await expect(readFile(path)).rejects.toThrow('ENOENT');
    const { keys, madeKey, keep } = await loadApiKeys({ ...none, dataDir });
    expect(madeKey).not.toBe(failed.madeKey);
    await keep();
    expect(madeKey).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await readFile(path, 'utf8')).not.toContain(madeKey);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const again = await loadApiKeys({ ...none, dataDir });
    expect(again.madeKey).toBeNull();
    for (const loaded of [keys, again.keys]) {
      expect(apiKeyLookUp(loaded)(madeKey ?? '')).toMatchObject({
        account: 'development',
        merchants: 'all',
        scopes: new Set(['authorize', 'read', 'ops', 'rules']),
      });
    }
  });

  it('takes DEV_API_KEY with every scope and merchant, beside a file, and makes none then', async () => {
    const file = join(folder, 'keys.json');
    await writeFile(file, JSON.stringify([ENTRY]));
    const dataDir = join(folder, 'unused');
    const { keys, madeKey } = await loadApiKeys({
      file,
      devApiKey: 'd'.repeat(24),
      dataDir,
      production: false,
    });
    expect(madeKey).toBeNull();
    expect(apiKeyLookUp(keys)('d'.repeat(24))?.scopes.size).toBe(4);
    expect(apiKeyLookUp(keys)('the-key')?.account).toBe('acme');
    await expect(stat(dataDir)).rejects.toThrow('ENOENT');
  });

  it('has no development key in production, however it came about', async () => {
    const dataDir = join(folder, 'first', 'data');
    const file = join(folder, 'keys.json');
    const production = { dataDir, production: true };
    await expect(loadApiKeys({ ...production, file: null, devApiKey: null })).rejects.toThrow(
      /API_KEYS_FILE is not set/,
    );
    await expect(loadApiKeys({ ...production, file, devApiKey: 'd'.repeat(24) })).rejects.toThrow(
      /DEV_API_KEY is refused/,
    );
    expect((await loadApiKeys({ ...production, file, devApiKey: null })).keys.map(({ id }) => id)).toEqual([
      'k1',
    ]);
  });

  it('says that it is the file of API_KEYS_FILE that is refused', async () => {
    const file = join(folder, 'keys.txt');
    await writeFile(file, '- { id: k1');
    await expect(loadApiKeys({ ...none, file, dataDir: folder })).rejects.toThrow(
      /^API_KEYS_FILE is refused:\n {2}\S+keys\.txt:1:/,
    );
  });

  it('says which file cannot be read', async () => {
    const file = join(folder, 'nowhere.json');
    await expect(loadApiKeys({ ...none, file, dataDir: folder })).rejects.toThrow(
      /nowhere\.json: cannot be read: ENOENT/,
    );
  });
});
