import { readFileSync } from 'node:fs';
import type { CredentialSources } from '../../src/config/credentials.ts';
import type { RulesetError } from '../../src/config/ruleset-error.ts';

/** The shipped files, as a start for edits. */
export function shippedFiles(): Record<
  'providers.yaml' | 'rules.yaml' | 'fx.yaml' | 'experiments.yaml',
  string
> {
  const read = (name: string) =>
    readFileSync(new URL(`../../routing-rules/${name}`, import.meta.url), 'utf8');
  return {
    'providers.yaml': read('providers.yaml'),
    'rules.yaml': read('rules.yaml'),
    'fx.yaml': read('fx.yaml'),
    'experiments.yaml': read('experiments.yaml'),
  };
}

/** A machine with one variable and one secret file. */
export const SOME_CREDENTIALS: CredentialSources = {
  environment: { STRIPE_API_KEY: 'sk_test_of_the_variable', EMPTY: '' },
  readFile: (path) =>
    path === '/run/secrets/whsec'
      ? { kind: 'read', text: 'secret_of_the_file\n' }
      : { kind: 'unreadable', code: 'ENOENT' },
};

/** The shipped files, those with a rule that names nobody, and those without the third provider. */
export const GOOD = shippedFiles();
export const BROKEN = { ...GOOD, 'rules.yaml': GOOD['rules.yaml'].replace('sandbox-c', 'sandbox-x') };
export const WITHOUT_C = {
  'providers.yaml': GOOD['providers.yaml'].slice(0, GOOD['providers.yaml'].indexOf('  - id: sandbox-c')),
  'rules.yaml': GOOD['rules.yaml'].replace(', sandbox-c]', ']'),
};

/** What keeps a process from going over to a set. */
export const NO_KEY: RulesetError = {
  file: 'providers.yaml',
  line: 2,
  column: 5,
  what: 'no key',
  expected: 'one',
  remedy: 'add it',
};
