import type { ProviderContract } from '../core/rules/ruleset.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { Provider } from './ports.ts';

/** A provider that can be called, and what is agreed with it. */
export interface Connected {
  readonly provider: Provider;
  readonly contract: ProviderContract;
}

/** Null where a provider is not connected (any more), or the ruleset in force does not name it. */
export function connected(
  providerId: string,
  deps: Pick<GatewayDeps, 'provider' | 'rulesets'>,
): Connected | null {
  const provider = deps.provider(providerId);
  const contract = deps.rulesets.current().providers.get(providerId);
  return provider === undefined || contract === undefined ? null : { provider, contract };
}
