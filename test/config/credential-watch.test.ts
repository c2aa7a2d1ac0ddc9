import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialRotation, CredentialWatch } from '../../src/config/credential-watch.ts';
import { readSecretFile } from '../../src/config/credentials.ts';

let folder: string;
let watch: CredentialWatch;
let rotations: (readonly [provider: string, credentials: unknown])[];
let told: string[];
let result: CredentialRotation;

const path = (name: string) => join(folder, name);
const put = (name: string, text: string) => writeFileSync(path(name), text);
const settle = () => {
  watch.look();
  watch.look();
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credentials-'));
  rotations = [];
  told = [];
  result = { kind: 'unchanged' };
  put('key', 'key-1\n');
  put('whsec', 'one');
  const credentials = (name: string) => ({
    api_key: `file:${path('key')}`,
    webhook_secret: `file:${path(name)}`,
  });
  const provider = { adapter: 'sandbox', merchants: 'all' };
  const files = {
    'providers.yaml': JSON.stringify({
      providers: [
        { id: 'acquirer-a', ...provider, credentials: credentials('whsec') },
        { id: 'acquirer-b', ...provider },
      ],
    }),
  };
  watch = new CredentialWatch({
    files: () => files,
    credentials: { environment: {}, readFile: readSecretFile },
    rotate(id, secrets) {
      rotations.push([id, secrets]);
      return result;
    },
    onRotated: (id, names) => told.push(`${id} rotated ${names.join()}`),
    onFailed: (id, problem) => told.push(`${id} failed: ${problem}`),
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('secrets are looked at again', () => {
  it('and handed over once they read the same twice in a row', () => {
    watch.look();
    expect(rotations).toEqual([]);
    watch.look();
    expect(rotations).toEqual([
      ['acquirer-a', { api_key: 'key-1', webhook_secret: 'one' }],
      ['acquirer-b', {}],
    ]);
    put('key', 'ke');
    watch.look();
    put('key', 'key-2');
    watch.look();
    expect(JSON.stringify(rotations), 'half of a file').not.toContain('"ke"');
    result = { kind: 'rotated', names: ['api_key'] };
    watch.look();
    expect(rotations.at(-2)).toEqual(['acquirer-a', { api_key: 'key-2', webhook_secret: 'one' }]);
    expect(told).toContain('acquirer-a rotated api_key');
  });

  it.each([
    ['is gone', () => rmSync(path('whsec')), 'is not readable (ENOENT)'],
    ['is empty', () => put('whsec', ' \n'), 'is empty or too long'],
  ])('and nothing of an account is taken up while one of them %s; told once', (_what, breakIt, problem) => {
    settle();
    breakIt();
    put('key', 'hunter2');
    rotations = [];
    for (let turn = 0; turn < 3; turn += 1) settle();
    expect(rotations.filter(([id]) => id === 'acquirer-a')).toEqual([]);
    expect(told).toEqual([
      `acquirer-a failed: the file named there for webhook_secret of "acquirer-a" ${problem}`,
    ]);
    put('whsec', 'two');
    settle();
    expect(rotations.at(-2)).toEqual(['acquirer-a', { api_key: 'hunter2', webhook_secret: 'two' }]);
    breakIt();
    settle();
    expect(told, 'it came back').toHaveLength(2);
    expect(told.join()).not.toMatch(/hunter2|two/);
  });

  it('and what no account can be built with is told once', () => {
    result = { kind: 'refused', reason: 'provider acquirer-a: credentials.api_key cannot be sent' };
    for (let turn = 0; turn < 3; turn += 1) settle();
    expect(told.filter((line) => line.startsWith('acquirer-a'))).toEqual([
      'acquirer-a failed: provider acquirer-a: credentials.api_key cannot be sent',
    ]);
  });
});
