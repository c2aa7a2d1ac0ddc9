import type { ProviderContract } from '../../src/core/rules/ruleset.ts';

/** A provider that takes everything; overridden where a test cares. */
export function providerContract(id: string, over: Partial<ProviderContract> = {}): ProviderContract {
  return {
    id,
    adapter: 'sandbox',
    baseUrl: null,
    credentials: {},
    live: false,
    enabled: true,
    merchants: 'all',
    timeoutMs: 4000,
    connectTimeoutMs: 1000,
    limits: { perSecond: 100, concurrent: 50 },
    capabilities: { currencies: 'all', brands: 'all', countries: 'all', features: new Set() },
    fees: { fixed: null, basisPoints: 0, crossBorderBasisPoints: 0 },
    breaker: {
      failureRatio: 0.5,
      unknownRatio: 0.1,
      volume: 10,
      windowMs: 10_000,
      resetMs: 5000,
      metricsOnly: false,
    },
    ...over,
  };
}
