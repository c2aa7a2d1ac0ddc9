import { isAboutMissing } from './missing-credentials.ts';
import type { WhereIs } from './provider-places.ts';
import type { RulesetError } from './ruleset-error.ts';

/**
 * Accounts that cannot be built, each with its place in `providers.yaml`; not for want of a secret, which is told apart.
 * @param missing names of secrets that are not there, by account
 */
export function setupErrors(
  problems: readonly { readonly provider: string; readonly problem: string }[],
  missing: ReadonlyMap<string, readonly string[]>,
  whereIs: WhereIs,
): readonly RulesetError[] {
  return problems
    .filter(({ provider, problem }) => !isAboutMissing(problem, missing.get(provider)))
    .map(({ provider, problem }) =>
      whereIs(provider, 'adapter', {
        what: problem,
        expected: 'a provider that can be built',
        remedy: 'correct or remove it',
      }),
    );
}
