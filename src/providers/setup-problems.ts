import type { Ruleset } from '../core/rules/ruleset.ts';
import type { AdapterDeps } from './adapter-deps.ts';
import { ProviderSetupError } from './provider-setup-error.ts';
import { ProviderRegistry } from './registry.ts';

/** Why no account can be built from a contract. */
export interface SetupProblem {
  readonly provider: string;
  /** What, where, and what was expected; never a secret. */
  readonly problem: string;
}

/** What keeps the accounts of a ruleset from being built, all at once. Nothing is sent to any of them. */
export function setupProblems(
  { providers }: Pick<Ruleset, 'providers'>,
  deps: AdapterDeps,
): readonly SetupProblem[] {
  return [...providers].flatMap(([provider, contract]) => {
    // Where a sandbox would listen: none is started for this.
    const registry = new ProviderRegistry({ ...deps, sandboxUrl: () => 'http://127.0.0.1:9' });
    try {
      registry.load({ providers: new Map([[provider, contract]]) });
      return [];
    } catch (error) {
      if (!(error instanceof ProviderSetupError)) throw error;
      return error.problems.map((problem) => ({ provider, problem }));
    } finally {
      registry.close();
    }
  });
}
