import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { FIELD_NAMES } from '../../src/core/rules/condition-fields.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

const README = readFileSync(new URL('../../routing-rules/README.md', import.meta.url), 'utf8');
const EXAMPLES = [...README.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

/** What is wrong with an example in the place of a shipped file. */
function errorsWith(name: string, text: string): readonly string[] {
  const files = { ...shippedFiles(), [name]: text };
  if (name === 'providers.yaml') {
    files['rules.yaml'] = 'rules: [{ name: all, then: {} }]';
    files['experiments.yaml'] = 'experiments: []';
  }
  const credentials = {
    ...SOME_CREDENTIALS,
    readFile: () => ({ kind: 'read', text: 'secret' }) as const,
  };
  const reading = validateRulesetFiles(files, credentials);
  return reading.kind === 'good' ? [] : reading.errors.map(formatRulesetError);
}

describe('routing-rules/README.md', () => {
  it('shows rules, providers and experiments that load', () => {
    expect(EXAMPLES.map((text) => text.split(':')[0])).toEqual(['rules', 'providers', 'experiments']);
    expect(errorsWith('rules.yaml', EXAMPLES[0] ?? '')).toEqual([]);
    expect(errorsWith('providers.yaml', EXAMPLES[1] ?? '')).toEqual([]);
    expect(errorsWith('experiments.yaml', EXAMPLES[2] ?? '')).toEqual([]);
  });

  it('shows an error as it is printed', () => {
    const shown = /```text\n(.*)\n```/.exec(README)?.[1];
    const broken = shippedFiles()['rules.yaml'].replace('[sandbox-a, sandbox-b, sandbox-c]', '[sandbox-x]');
    const [error] = errorsWith('rules.yaml', broken);
    expect(error?.replace(/:\d+:\d+ /, '')).toBe(shown?.replace(/:\d+:\d+ /, ''));
  });

  it.each(FIELD_NAMES)('names the field %s', (field) => {
    expect(README).toContain(`\`${field}\``);
  });
});
