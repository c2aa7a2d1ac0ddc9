import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { misnamedFiles } from '../../src/config/misnamed-files.ts';
import { readRulesetFolder } from '../../src/config/ruleset-folder.ts';
import { loadSchemeRules } from '../../src/config/scheme-limits.ts';
import { shippedFiles } from './ruleset-files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pointsman-names-'));
  for (const [name, text] of Object.entries(shippedFiles())) await writeFile(join(folder, name), text);
});
afterEach(() => rm(folder, { recursive: true }));

const told = async () => (await misnamedFiles(folder)).map(({ what }) => what);

describe('a name near one that is read', () => {
  it.each([
    ['experiment.yaml', 'experiments.yaml'],
    ['fx.yml', 'fx.yaml'],
    ['rules.yml', 'rules.yaml'],
    ['Rules.YAML', 'rules.yaml'],
    ['provider.yml', 'providers.yaml'],
    ['scheme_limits.yaml', 'scheme-limits.yaml'],
    ['outcome/', 'outcomes/'],
    ['Outcomes/', 'outcomes/'],
  ])('is refused: %s', async (name, meant) => {
    if (name.endsWith('/')) await mkdir(join(folder, name));
    else await writeFile(join(folder, name), 'x: 1\n');
    const bare = name.replace('/', '');
    expect(await told()).toEqual([`${bare} is not read: did you mean ${meant}?`]);
    expect(await readRulesetFolder(folder)).toMatchObject({ kind: 'refused', errors: [{ file: bare }] });
  });

  it('is refused where the file was renamed, whose content would be gone without a word', async () => {
    expect(await readRulesetFolder(folder)).toMatchObject({ kind: 'read' });
    await rename(join(folder, 'experiments.yaml'), join(folder, 'experiment.yaml'));
    expect(await readRulesetFolder(folder)).toMatchObject({
      kind: 'refused',
      errors: [{ file: 'experiment.yaml' }],
    });
  });
});

it('leaves alone what is read, and what is meant for somebody else', async () => {
  for (const name of ['schema', '.git', 'outcomes', '..2026_11_23', 'rules']) await mkdir(join(folder, name));
  await symlink('..2026_11_23', join(folder, '..data'));
  const files = [
    'README.md',
    'rules.yaml~',
    '.rules.yaml.swp',
    '#rules.yaml#',
    'rules.yaml.bak',
    'kustomization.yaml',
  ];
  for (const name of [...files, 'scheme-limits.yaml', 'LICENSE', '4913'])
    await writeFile(join(folder, name), 'x');
  expect(await told()).toEqual([]);
  expect(await readRulesetFolder(folder)).toMatchObject({ kind: 'read' });
});

it('follows links as a ConfigMap has them, and refuses one that leads nowhere', async () => {
  await mkdir(join(folder, '..2026_11_23'));
  await rename(join(folder, 'fx.yaml'), join(folder, '..2026_11_23', 'fx.yaml'));
  await symlink('..2026_11_23', join(folder, '..data'));
  await symlink('..data/fx.yaml', join(folder, 'fx.yaml'));
  expect(await readRulesetFolder(folder)).toMatchObject({
    kind: 'read',
    files: { 'fx.yaml': shippedFiles()['fx.yaml'] },
  });
  await rm(join(folder, '..2026_11_23', 'fx.yaml'));
  const what = 'a link to ..data/fx.yaml, where nothing is';
  expect(await readRulesetFolder(folder)).toMatchObject({
    kind: 'refused',
    errors: [{ file: 'fx.yaml', what }],
  });
  expect(await loadSchemeRules(folder)).toMatchObject({ kind: 'read' });
  await symlink('/nowhere', join(folder, 'scheme-limits.yaml'));
  expect(await loadSchemeRules(folder)).toMatchObject({
    kind: 'refused',
    errors: [{ file: 'scheme-limits.yaml', what: 'a link to /nowhere, where nothing is' }],
  });
});
