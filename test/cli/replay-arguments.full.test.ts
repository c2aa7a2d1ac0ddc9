import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { runScript } from './run-script.ts';

const SHIPPED = fileURLToPath(new URL('../../routing-rules', import.meta.url));

it.each([
  [['--seed='], /--seed "": expected a whole number from 0 to 4294967295/],
  [['--seed', '0x10'], /--seed "0x10": expected a whole number/],
  [['--from', '2026-02-30'], /--from "2026-02-30": expected a day or a time in UTC/],
  [
    ['--from', '2026-11-02', '--to', '2026-11-01'],
    /--to 2026-11-01 is not after --from 2026-11-02: no payment lies between; expected a later end/,
  ],
  [['--from', '2999-01-01'], /the end, which is now, is not after --from 2999-01-01/],
])('replay refuses %j', async (args, said) => {
  const { code, stderr, stdout } = await runScript('replay.ts', ['--rules', SHIPPED, ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(said);
});

const folder = mkdtempSync(join(tmpdir(), 'replay-arguments-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('says that --rules names no folder of rules', async () => {
  for (const [rules, said] of [
    [
      join(folder, 'none'),
      'is no folder that can be read; expected a folder with providers.yaml and rules.yaml',
    ],
    [folder, 'has no providers.yaml; expected a folder with providers.yaml and rules.yaml'],
  ] as const) {
    const { code, stderr } = await runScript('replay.ts', ['--rules', rules]);
    expect(code).toBe(2);
    expect(stderr).toContain(`--rules ${rules} ${said}`);
    expect(stderr).not.toContain('RULES_DIR');
  }
});

it.each([
  [
    'exploration_share 0.05\n',
    ':1:1: a line without a colon, "exploration_share 0.05"; expected a name, a colon',
  ],
  ['# mine\ndiscount: 0.99\nprior_mean 0.9\n', ':3:1: a line without a colon, "prior_mean 0.9"'],
  ['# nothing\n', ': nothing stands in it; expected a name, a colon and a value on each line'],
  ['- discount: 0.99\n', ': no settings; expected a name, a colon and a value on each line'],
  ['prior_weight: { bin: 50\n', 'a { that is not closed'],
])('says what is wrong with the settings of the learner %j', async (text, said) => {
  const path = join(folder, 'learner.yaml');
  writeFileSync(path, text);
  const { code, stderr } = await runScript('replay.ts', ['--rules', SHIPPED, '--learner', path]);
  expect(code).toBe(2);
  expect(stderr).toContain(said);
});
