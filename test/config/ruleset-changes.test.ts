import { describe, expect, it } from 'vitest';
import { rulesetChanges } from '../../src/config/ruleset-changes.ts';
import { shippedFiles } from './ruleset-files.ts';

const rules = (...names: readonly string[]) => ({
  'rules.yaml': `rules:\n${names.map((name) => `  - { name: ${name}, then: {} }\n`).join('')}`,
});
const NONE = { files: [], rules: [], providers: [], experiments: [] };

describe('changes of a ruleset', () => {
  it('are none between equal files', () => {
    expect(rulesetChanges(shippedFiles(), shippedFiles())).toEqual(NONE);
  });

  it('of comments and layout are changes of the file only', () => {
    const after = { ...shippedFiles(), 'rules.yaml': `# why\n${shippedFiles()['rules.yaml']}` };
    expect(rulesetChanges(shippedFiles(), after)).toEqual({ ...NONE, files: ['rules.yaml'] });
  });

  it('name rules, providers and experiments', () => {
    const before = shippedFiles();
    const after = {
      'providers.yaml': before['providers.yaml'].replace('id: sandbox-c', 'id: sandbox-d'),
      'rules.yaml': before['rules.yaml'].replace('attempts_max: 3', 'attempts_max: 4'),
      'fx.yaml': before['fx.yaml'],
    };
    const changes = rulesetChanges(before, after);
    expect(changes.files).toEqual(['providers.yaml', 'rules.yaml', 'experiments.yaml']);
    expect(changes.rules).toEqual([{ name: 'eu-debit', change: 'changed' }]);
    expect(changes.providers).toEqual([
      { name: 'sandbox-d', change: 'added' },
      { name: 'sandbox-c', change: 'removed' },
    ]);
    expect(changes.experiments.length).toBeGreaterThan(0);
    for (const { change } of changes.experiments) expect(change).toBe('removed');
    const back = rulesetChanges(after, before);
    expect(back.experiments.map(({ change }) => change)).toEqual(changes.experiments.map(() => 'added'));
  });

  it.each([
    [['a', 'b', 'c', 'd'], ['b', 'c', 'd', 'a'], ['a']],
    [['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c'], ['d']],
    [['a', 'b', 'c'], ['c', 'b', 'a'], null],
    [['a', 'b', 'c'], ['x', 'a', 'c'], []],
  ])('tell as few moves as there are: %j to %j', (before, after, moved) => {
    const { rules: changes } = rulesetChanges(rules(...before), rules(...after));
    const found = changes.filter(({ change }) => change === 'moved').map(({ name }) => name);
    if (moved === null) expect(found).toHaveLength(2);
    else expect(found).toEqual(moved);
  });

  it('of files that cannot be read are changes of the file only', () => {
    const after = { 'rules.yaml': 'rules: [' };
    expect(rulesetChanges(rules('a'), after).rules).toEqual([{ name: 'a', change: 'removed' }]);
    expect(rulesetChanges({ 'rules.yaml': '7' }, { 'rules.yaml': 'rules: 8' })).toEqual({
      ...NONE,
      files: ['rules.yaml'],
    });
  });
});
