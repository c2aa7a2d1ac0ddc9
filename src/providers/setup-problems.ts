import type { Ruleset } from '../core/rules/ruleset.ts';
import type { AdapterDeps } from './adapter-deps.ts';
import { ProviderSetupError } from './provider-setup-error.ts';
import { ProviderRegistry, type RegistryDeps } from './registry.ts';

/** Why no account can be built from a contract. */
export interface SetupProblem {
  readonly provider: string;
  /** What, where, and what was expected; never a secret. */
  readonly problem: string;
}

/**
 * What keeps the accounts of a ruleset from being built, all at once. Nothing is sent to any of them.
 * @param deps without `sandboxUrl`, a sandbox is taken to be there for every account that needs one
 */
export function setupProblems(
  { providers }: Pick<Ruleset, 'providers'>,
  deps: AdapterDeps & Partial<Pick<RegistryDeps, 'sandboxUrl'>>,
): readonly SetupProblem[] {
  return [...providers].flatMap(([provider, contract]) => {
    // Where a sandbox would listen: none is started for this.
    const registry = new ProviderRegistry({ sandboxUrl: () => 'http://127.0.0.1:9', ...deps });
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
