import type { ProviderSnapshot } from '../edge/edge-deps.ts';
import { shownOverride } from '../edge/shown-override.ts';
import type { Parts } from './parts.ts';

/** What operators see of each provider. */
export function providerSnapshots({ rules, registry, lanes, learner }: Parts): readonly ProviderSnapshot[] {
  const ruleset = rules.current();
  return lanes.snapshot().flatMap((guard) => {
    const contract = ruleset.providers.get(guard.provider);
    if (contract === undefined) return [];
    return {
      id: contract.id,
      adapter: contract.adapter,
      live: registry.get(contract.id)?.live ?? contract.live,
      enabled: contract.enabled,
      merchants: contract.merchants === 'all' ? 'all' : [...contract.merchants],
      health: learner.providerHealth(contract.id),
      limits: {
        per_second: guard.limit.perSecond,
        concurrent: guard.limit.concurrent,
        in_flight: guard.limit.inUse,
        headroom: guard.limit.headroom,
      },
      lanes: guard.lanes.map(({ brand, breaker, sinceMs }) => ({
        brand,
        breaker,
        since: new Date(sinceMs).toISOString(),
      })),
      overrides: guard.overrides.map(shownOverride),
    };
  });
}
