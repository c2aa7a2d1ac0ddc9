import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { shippedFiles } from '../config/ruleset-files.ts';
import { runScript } from './run-script.ts';

const WITH_SECRETS = `providers:
  - id: stripe-eu
    adapter: sandbox
    credentials: { api_key: "env:STRIPE_KEY", webhook_secret: "file:/nowhere/whsec" }
    merchants: all
`;
const ONE_RULE = 'rules:\n  - name: fallback\n    then: {}\n';

let root = '';
let folder = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'check-rules-'));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'rules-'));
  await write(shippedFiles());
});

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

const check = (environment: Readonly<Record<string, string>> = {}) =>
  runScript('check-rules.ts', [folder], environment);

describe('check-rules', () => {
  it('takes the shipped folder when none is named', async () => {
    const ending = await runScript('check-rules.ts');
    expect(ending).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^ok: \d+ rules, 3 providers\n$/),
      stderr: '',
    });
  });

  it('tells every problem with its place, and ends with 1', async () => {
    await mkdir(join(folder, 'outcomes'));
    await write({
      'rules.yaml':
        'rules:\n  - name: x\n    wehn: { field: currency, is: EUR }\n    then: { only: [sandbox-z] }\n',
      'outcomes/stripe.yaml': 'kind: provder\n',
      'scheme-limits.yaml': 'x: 1\n',
    });
    const { code, stdout, stderr } = await check();
    expect(code).toBe(1);
    expect(stdout).toContain(`${join(folder, 'scheme-limits.yaml')}:1:1  `);
    expect(stdout).toContain(`${join(folder, 'rules.yaml')}:3:5  unknown key "wehn"`);
    expect(stdout).toContain(`${join(folder, 'outcomes/stripe.yaml')}:1:7  `);
    expect(stderr).toMatch(/^refused: \d problems in /);
  });

  it('warns of secrets that are not there, and goes on', async () => {
    await write({ 'providers.yaml': WITH_SECRETS, 'rules.yaml': ONE_RULE });
    const { code, stdout, stderr } = await check();
    expect(code).toBe(0);
    expect(stdout).toBe('ok: 1 rule, 1 provider\n');
    expect(stderr).toMatch(/^warning: .*providers\.yaml:4:\d+ .* for api_key of .* is not set/);
    expect(stderr).toMatch(/^warning: .*providers\.yaml:4:\d+ .* for webhook_secret of .* is not readable/m);
    expect(stderr).toMatch(/^missing: stripe-eu \(api_key, webhook_secret\)$/m);
    expect(stderr).not.toMatch(/STRIPE_KEY|\/nowhere/);
    const set = await check({ STRIPE_KEY: 'sk_hunter2' });
    expect(set.stderr).not.toMatch(/for api_key|hunter2/);
  });

  it('hands nothing of the folder to the terminal that would steer it', async () => {
    await write({
      'fx.yaml': 'rates:\n  - { date: "2026\\e[2J\\nok: 3 rules", base: EUR, per_unit: { USD: 1 } }\n',
    });
    await mkdir(join(folder, 'outcomes'), { recursive: true });
    await write({ 'outcomes/a\u001b[31m.yaml': 'kind: x\n' });
    const { code, stdout, stderr } = await check();
    expect(code).toBe(1);
    expect(stdout).toContain('a\\u001b[31m.yaml:');
    expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(stdout).not.toMatch(/^ok/m);
  });

  it('notes a fixed fee that no rate can convert, by provider', async () => {
    const provider = (id: string, more: string) =>
      `  - { id: ${id}, adapter: sandbox, merchants: all, fees: { fixed: { value: 90, currency: USD } }${more} }\n`;
    await write({
      'providers.yaml': `providers:\n${provider('dear', '')}${provider('home', ', capabilities: { currencies: [USD] }')}`,
      'rules.yaml': ONE_RULE,
      'fx.yaml': 'rates:\n  - { date: 2026-11-23, base: EUR, per_unit: { GBP: 0.84 } }\n',
    });
    const { code, stderr } = await check();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^note: .*providers\.yaml:2:\d+ {2}the fixed fee in USD of "dear" counts as 0 for payments in any other currency/m,
    );
    expect(stderr).not.toContain('"home"');
    await write({ 'fx.yaml': 'rates:\n  - { date: 2020-11-23, base: EUR, per_unit: { USD: 1.08 } }\n' });
    expect((await check()).stderr).not.toContain('fixed fee');
    // The day from which they hold is still to come.
    await write({ 'fx.yaml': 'rates:\n  - { date: 9999-11-23, base: EUR, per_unit: { USD: 1.08 } }\n' });
    expect((await check()).stderr).toMatch(
      /^note: .*:2:\d+ {2}the fixed fee in USD of "dear" counts as 0 for payments in any other currency until 9999-11-23, /m,
    );
  });

  it('still refuses a secret in the file, and keeps it to itself', async () => {
    await write({
      'providers.yaml': WITH_SECRETS.replace('env:STRIPE_KEY', 'sk_hunter2'),
      'rules.yaml': ONE_RULE,
    });
    const { code, stdout, stderr } = await check();
    expect(code).toBe(1);
    expect(stdout).toMatch(/providers\.yaml:4:\d+ .*perhaps the secret itself/);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it('tells what an adapter lacks, with the name of what to write', async () => {
    const live = WITH_SECRETS.replace('sandbox', 'stripe').replace(/api_key: [^,]+, /, '');
    await write({ 'providers.yaml': live, 'rules.yaml': ONE_RULE });
    const { code, stdout } = await check();
    expect(code).toBe(1);
    expect(stdout).toMatch(/providers\.yaml:3:14 .*credentials\.api_key is missing/);
  });

  it('tells what an adapter lacks of each member, also when a secret is not there and a rule is wrong', async () => {
    const adyen = WITH_SECRETS.replace('sandbox', 'adyen');
    await write({ 'providers.yaml': adyen, 'rules.yaml': ONE_RULE.replace('{}', '{ only: [strip-eu] }') });
    const { code, stdout } = await check();
    expect(code).toBe(1);
    expect(stdout).toMatch(/rules\.yaml:3:\d+ {2}unknown provider "strip-eu"/);
    for (const name of ['base_url', 'settings\\.merchant_account', 'settings\\.return_url']) {
      expect(stdout).toMatch(new RegExp(`providers\\.yaml:3:14 .*${name} is missing`));
    }
    expect(stdout).not.toMatch(/credentials\./);
  });

  it('notes whose events are refused', async () => {
    const bare = WITH_SECRETS.replace('sandbox', 'stripe').replace(/, webhook_secret: [^}]+/, ' ');
    await write({ 'providers.yaml': bare, 'rules.yaml': ONE_RULE });
    const { code, stderr } = await check({ STRIPE_KEY: 'sk_test_1' });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^note: .*providers\.yaml:3:14 {2}"stripe-eu" has no webhook secret: its events are refused; .*webhook_secret/m,
    );
  });

  it('says that there is no such folder, and how it is called', async () => {
    folder = join(root, 'none');
    expect(await check()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${folder} is no folder`),
    });
    for (const [args, wrong] of [
      [['--fix'], 'there is no option --fix'],
      [['a', 'b'], '2 folders (a, b), where one is expected'],
      [[''], 'an empty word where a folder is expected'],
    ] as const) {
      const { code, stderr } = await runScript('check-rules.ts', args);
      expect([code, stderr]).toEqual([2, expect.stringContaining('npm run check-rules')]);
      expect(stderr.startsWith(`check-rules: ${wrong}\n`), stderr).toBe(true);
    }
  });
});
