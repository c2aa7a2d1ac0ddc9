import { describe, expect, it } from 'vitest';
import { apiKeyLookUp, parseApiKeys } from '../../src/config/api-keys.ts';
import { runScript } from './run-script.ts';

const makeKey = (...args: readonly string[]) => runScript('make-api-key.ts', args);

describe('make-key', () => {
  it('prints an entry that can be redirected, and beside it the key that belongs to it', async () => {
    const { code, stdout, stderr } = await makeKey(
      ...[
        '--id',
        'shop',
        '--account',
        'acme',
        '--merchants',
        'acme-eu, acme-us',
        '--scopes',
        'read,ops,read',
      ],
    );
    expect(code).toBe(0);
    const key = /^key, shown this once: (\S+)$/m.exec(stderr)?.[1] ?? '';
    expect(stdout).not.toContain(key);
    expect(apiKeyLookUp(parseApiKeys(stdout, 'printed'))(key)).toMatchObject({
      id: 'shop',
      account: 'acme',
      merchants: new Set(['acme-eu', 'acme-us']),
      scopes: new Set(['read', 'ops']),
    });
  });

  it('names keys apart when nobody names them, so that their entries go into one file', async () => {
    const entries = [await makeKey(), await makeKey()].flatMap(
      ({ stdout }) => JSON.parse(stdout) as unknown[],
    );
    const keys = parseApiKeys(JSON.stringify(entries), 'printed');
    expect(keys.map(({ id }) => id)).toEqual([
      expect.stringMatching(/^key-/),
      expect.stringMatching(/^key-/),
    ]);
  });

  it('explains itself with the command that everybody can type', async () => {
    const { code, stdout } = await makeKey('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('npm run make-key -- ');
    expect(stdout).not.toContain('node src/');
  });

  const wrong: readonly (readonly [args: readonly string[], told: RegExp])[] = [
    [['--scopes', 'authorize,reed'], /unknown scope "reed"; expected authorize, .*did you mean read\?/],
    [['--scopes', ''], /--scopes "": an empty name/],
    [['--scope', 'read'], /unknown option --scope; did you mean --scopes\?/],
    [['-q'], /unknown option -q; expected --id, --account/],
    [['shop'], /Unexpected argument 'shop'/],
    [['--id'], /--id <value>' argument missing/],
    [['--id', '--account', 'acme'], /--id' argument is ambiguous/],
    [['--id', 'two words'], /--id: expected 1 to 64 visible ASCII characters/],
    [['--merchants', 'acme-eu,,acme-us'], /--merchants .*an empty name/],
    [['--merchants', 'all,acme-us'], /--merchants .*all beside names/],
    [['--merchants', 'ä'], /--merchants: expected 1 to 128 visible ASCII/],
  ];
  it.each(wrong.map(([args, told]) => ({ args, told })))('refuses $args in one line', async (row) => {
    const { code, stdout, stderr } = await makeKey(...row.args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(row.told);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
