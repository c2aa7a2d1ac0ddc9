import type { CardBrand } from '../core/card.ts';
import type { LaneKey, ProviderOverride } from '../gateway/ports.ts';

/**
 * The override that holds for a lane, or null when the breaker decides.
 *
 * The most specific one wins: brand and merchant, then merchant, then brand, then the whole provider. `auto` takes
 * back what had been said before it for a wider scope; what is said later for the wider scope holds again, so that a
 * forgotten `auto` for one brand does not keep that brand out of a drain of the provider. An override ends at its
 * expiry by the wall clock.
 *
 * @param overrides newest of each (provider, brand, merchant)
 * @param merchant null for the view that no merchant's own override changes
 */
export function effectiveOverride(
  overrides: readonly ProviderOverride[],
  lane: {
    readonly provider: string;
    readonly brand: CardBrand;
    readonly merchant: LaneKey['merchant'] | null;
  },
  wallMs: number,
): ProviderOverride | null {
  const matching = overrides
    .filter(
      (override) =>
        override.provider === lane.provider &&
        (override.brand === null || override.brand === lane.brand) &&
        (override.merchant === null || override.merchant === lane.merchant) &&
        (override.expiresAtMs === null || wallMs < override.expiresAtMs),
    )
    .sort((left, right) => specificity(right) - specificity(left));
  let takenBackUntilMs = Number.NEGATIVE_INFINITY;
  for (const override of matching) {
    if (override.mode === 'auto') takenBackUntilMs = Math.max(takenBackUntilMs, override.createdAtMs);
    else if (override.createdAtMs > takenBackUntilMs) return override;
  }
  return null;
}

function specificity(override: ProviderOverride): number {
  return (override.merchant === null ? 0 : 2) + (override.brand === null ? 0 : 1);
}
