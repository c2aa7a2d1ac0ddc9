import type { ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import { converted } from '../core/scoring/exchange-rates.ts';

/** A fixed fee that counts as 0 for some payments, so that a dear provider looks cheap. */
export interface FeeNotCounted {
  readonly provider: string;
  /** ISO 4217, of the fee. */
  readonly currency: string;
  /** ISO 4217, of the payments; null: every other currency. */
  readonly payments: readonly string[] | null;
}

/** Fixed fees of enabled providers that the newest rates of `fx.yaml` cannot convert, by provider and currency. */
export function feesNotCounted({
  providers,
  exchangeRates,
}: Pick<Ruleset, 'providers' | 'exchangeRates'>): readonly FeeNotCounted[] {
  const rates = exchangeRates.slice(-1);
  const found: FeeNotCounted[] = [];
  for (const contract of providers.values()) {
    if (!contract.enabled) continue;
    const { currencies } = contract.capabilities;
    for (const currency of feeCurrencies(contract)) {
      const canConvert = (to: string) =>
        converted(rates, { value: 1, currency }, to, Number.POSITIVE_INFINITY) !== null;
      if (currencies === 'all') {
        const isRated = rates.some(({ base, perUnit }) => base === currency || perUnit.has(currency));
        if (!isRated) found.push({ provider: contract.id, currency, payments: null });
        continue;
      }
      const payments = [...currencies].filter((to) => !canConvert(to));
      if (payments.length > 0) found.push({ provider: contract.id, currency, payments });
    }
  }
  return found;
}

function feeCurrencies({ fees }: ProviderContract): ReadonlySet<string> {
  const all = [fees.fixed, ...[...fees.brands.values()].map(({ fixed }) => fixed)];
  return new Set(all.flatMap((fixed) => (fixed === null || fixed.value === 0 ? [] : [fixed.currency])));
}
