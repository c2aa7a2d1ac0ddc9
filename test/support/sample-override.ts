import type { ProviderOverride } from '../../src/gateway/ports.ts';

/** Nobody goes to provider `a` until that is changed; overridden where a test cares. */
export function sampleOverride(over: Partial<ProviderOverride> = {}): ProviderOverride {
  return {
    provider: 'a',
    brand: null,
    merchant: null,
    mode: 'force_open',
    reason: 'test',
    author: 'ops',
    createdAtMs: 1_000,
    expiresAtMs: null,
    ...over,
  };
}
