import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jsonSchemas } from '../../src/config/json-schemas.ts';
import { formatRulesetError } from '../../src/config/ruleset-error.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { ACCOUNT_NAMES } from '../../src/core/rules/account-names.ts';
import { FIELD_NAMES } from '../../src/core/rules/condition-fields.ts';
import { PROVIDER_FEATURES } from '../../src/core/rules/ruleset.ts';
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

/** Names of all members in a JSON schema, each once. */
function keysIn(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const inside = Object.entries(schema).flatMap(([name, value]: [string, unknown]) =>
    name === 'properties' && typeof value === 'object' && value !== null
      ? [...Object.keys(value), ...Object.values(value).flatMap(keysIn)]
      : keysIn(value),
  );
  return [...new Set(inside)];
}

describe('routing-rules/README.md', () => {
  it('shows rules, providers, rates and experiments that load', () => {
    expect(EXAMPLES.map((text) => text.split(':')[0])).toEqual([
      'rules',
      'providers',
      'rates',
      'experiments',
    ]);
    expect(errorsWith('rules.yaml', EXAMPLES[0] ?? '')).toEqual([]);
    expect(errorsWith('providers.yaml', EXAMPLES[1] ?? '')).toEqual([]);
    expect(errorsWith('fx.yaml', EXAMPLES[2] ?? '')).toEqual([]);
    expect(errorsWith('experiments.yaml', EXAMPLES[3] ?? '')).toEqual([]);
  });

  it('shows an error as it is printed', () => {
    const shown = /```text\n(.*)\n```/.exec(README)?.[1];
    const broken = shippedFiles()['rules.yaml'].replace('[sandbox-a, sandbox-b, sandbox-c]', '[sandbox-x]');
    const [error] = errorsWith('rules.yaml', broken);
    expect(error?.replace(/:\d+:\d+ /, '')).toBe(shown?.replace(/:\d+:\d+ /, ''));
  });

  it.each([...jsonSchemas()].flatMap(([name, text]) => keysIn(JSON.parse(text)).map((key) => [name, key])))(
    'of %s, explains %s',
    (_name, key) => {
      // As a key of its own, in code or in an example; not as a part of another word.
      expect(README).toMatch(new RegExp(`[\`{ \n]${key}[\`:]`));
    },
  );

  it.each(Object.entries(ACCOUNT_NAMES))('names what %s takes', (adapter, { credentials, settings }) => {
    const row = README.split('\n').find((line) => line.startsWith(`| \`${adapter}\` |`)) ?? '';
    expect(row.match(/(?<=`)[a-z_]+(?=`)/g)).toEqual([adapter, ...credentials, ...settings]);
  });

  it.each(PROVIDER_FEATURES)('explains the feature %s', (feature) => {
    expect(README).toMatch(new RegExp(`^\\|.*\`${feature}\`.*\\|.+\\|$`, 'm'));
  });

  it.each(FIELD_NAMES)('names the field %s', (field) => {
    expect(README).toContain(`\`${field}\``);
  });
});
