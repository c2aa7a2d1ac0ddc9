import type { RoutingFacts } from '../facts.ts';
import type { Amount } from '../money.ts';
import type { ProviderContract } from '../rules/ruleset.ts';
import { converted, type ExchangeRates } from './exchange-rates.ts';

/** What an approval costs at a provider. */
export interface ExpectedCost {
  /** Basis points of the amount. */
  readonly basisPoints: number;
  /** What could not be counted; null when everything was. */
  readonly note: string | null;
}

/**
 * Expected cost of an approval, in basis points of the amount: the fixed fee, the fee by amount, and the cross-border
 * fee when issuer and shopper are known to be in different regions; each as the card's brand has it. A fixed fee in
 * another currency than the amount's is converted by the rates of the day; without one it is left out, and said.
 */
export function expectedCost(
  fees: ProviderContract['fees'],
  facts: Pick<RoutingFacts, 'amount' | 'crossBorder' | 'cardBrand' | 'atMs'>,
  rates: ExchangeRates,
): ExpectedCost {
  const { amount, crossBorder, cardBrand, atMs } = facts;
  const ofBrand = fees.brands.size === 0 ? undefined : fees.brands.get(cardBrand);
  const { fixed, basisPoints, crossBorderBasisPoints } = ofBrand ?? fees;
  const byAmount = basisPoints + (crossBorder === 'cross_border' ? crossBorderBasisPoints : 0);
  if (fixed === null || fixed.value === 0) return { basisPoints: byAmount, note: null };
  const value = converted(rates, fixed, amount.currency, atMs);
  if (value === null) return { basisPoints: byAmount, note: noRate(fixed, amount.currency) };
  return { basisPoints: byAmount + (value / amount.value) * 10_000, note: null };
}

function noRate(fixed: Amount, currency: string): string {
  return `fixed fee in ${fixed.currency} not counted: no rate to ${currency}`;
}
