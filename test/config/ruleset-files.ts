import { readFileSync } from 'node:fs';
import type { CredentialSources } from '../../src/config/credentials.ts';

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
