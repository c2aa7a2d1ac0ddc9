import type { RoutingFacts } from '../facts.ts';
import type { ProviderContract } from '../rules/ruleset.ts';

/** What an approval costs at a provider. */
export interface ExpectedCost {
  /** Basis points of the amount. */
  readonly basisPoints: number;
  /** What could not be counted; null when everything was. */
  readonly note: string | null;
}

/**
 * Expected cost of an approval, in basis points of the amount: the fixed fee, the fee by amount, and the cross-border
 * fee when issuer and shopper are known to be in different regions. A fixed fee in another currency than the amount's
 * cannot be compared without an exchange rate: it is left out, and said.
 */
export function expectedCost(
  fees: ProviderContract['fees'],
  facts: Pick<RoutingFacts, 'amount' | 'crossBorder'>,
): ExpectedCost {
  const { amount, crossBorder } = facts;
  const byAmount = fees.basisPoints + (crossBorder === 'cross_border' ? fees.crossBorderBasisPoints : 0);
  const { fixed } = fees;
  if (fixed === null || fixed.value === 0) return { basisPoints: byAmount, note: null };
  if (fixed.currency !== amount.currency) {
    const note = `fixed fee in ${fixed.currency} not counted: no rate to ${amount.currency}`;
    return { basisPoints: byAmount, note };
  }
  return { basisPoints: byAmount + (fixed.value / amount.value) * 10_000, note: null };
}
