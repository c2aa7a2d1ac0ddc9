import type { ProviderOverride } from '../gateway/ports.ts';

/** An override as operators see it, beside the provider that it is for. */
export function shownOverride(override: ProviderOverride) {
  return {
    mode: override.mode,
    brand: override.brand,
    merchant: override.merchant,
    reason: override.reason,
    author: override.author,
    created_at: new Date(override.createdAtMs).toISOString(),
    expires_at: override.expiresAtMs === null ? null : new Date(override.expiresAtMs).toISOString(),
  };
}
