import type { Ruleset } from '../core/rules/ruleset.ts';

/** Stands for a secret that is not there, where a folder is checked without its secrets. */
export const PLACEHOLDER = 'not-there';

/**
 * Names of the credentials that are referred to and not there, by account, of a ruleset that was read with
 * {@link PLACEHOLDER}. Accounts that lack nothing are left out.
 */
export function missingCredentials({
  providers,
}: Pick<Ruleset, 'providers'>): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, readonly string[]>();
  for (const [id, { credentials }] of providers) {
    const names = Object.keys(credentials).filter((name) => credentials[name] === PLACEHOLDER);
    if (names.length > 0) missing.set(id, names);
  }
  return missing;
}

/** One line that names what is missing of each account. */
export function missingText(missing: ReadonlyMap<string, readonly string[]>): string {
  return [...missing].map(([provider, names]) => `${provider} (${names.join(', ')})`).join(', ');
}

/** Whether what an adapter has against an account is about a secret that merely is not there. */
export function isAboutMissing(problem: string, missing: readonly string[] = []): boolean {
  return missing.some((name) => new RegExp(`\\b${name}\\b`).test(problem));
}
