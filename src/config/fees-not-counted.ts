import type { ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import { converted, type RateEdition } from '../core/scoring/exchange-rates.ts';

/** A fixed fee that counts as 0 for some payments, so that a dear provider looks cheap. */
export interface FeeNotCounted {
  readonly provider: string;
  /** ISO 4217, of the fee. */
  readonly currency: string;
  /** ISO 4217, of the payments; null: every other currency. */
  readonly payments: readonly string[] | null;
  /** Wall clock from which rates that are in the file already convert it; null: none do. */
  readonly untilMs: number | null;
}

/**
 * Fixed fees of enabled providers that `fx.yaml` cannot convert, by its newest rates or by those of now, by provider and
 * currency.
 * @param nowMs wall clock
 */
export function feesNotCounted(
  { providers, exchangeRates }: Pick<Ruleset, 'providers' | 'exchangeRates'>,
  nowMs: number,
): readonly FeeNotCounted[] {
  const newest = exchangeRates.at(-1);
  const current = exchangeRates.findLast(({ fromMs }) => fromMs <= nowMs);
  const later = exchangeRates.filter(({ fromMs }) => fromMs > nowMs);
  const found: FeeNotCounted[] = [];
  for (const contract of providers.values()) {
    if (!contract.enabled) continue;
    const { currencies } = contract.capabilities;
    for (const currency of feeCurrencies(contract)) {
      const fee = { provider: contract.id, currency };
      const never = notConverted(newest, currency, currencies);
      if (never.length > 0) found.push({ ...fee, payments: shownCurrencies(never), untilMs: null });
      const notYet = notConverted(current, currency, currencies).filter((to) => !never.includes(to));
      if (notYet.length === 0) continue;
      const first = later.find(
        (rates) => !notConverted(rates, currency, currencies).some((to) => notYet.includes(to)),
      );
      found.push({ ...fee, payments: shownCurrencies(notYet), untilMs: first?.fromMs ?? null });
    }
  }
  return found;
}

const EVERY_OTHER = 'all';

/** Currencies of payments for which rates cannot convert a fee. */
function notConverted(
  rates: RateEdition | undefined,
  currency: string,
  currencies: ProviderContract['capabilities']['currencies'],
): readonly string[] {
  if (currencies === 'all') {
    return rates?.base === currency || rates?.perUnit.has(currency) === true ? [] : [EVERY_OTHER];
  }
  const one = { value: 1, currency };
  const inForce = rates === undefined ? [] : [rates];
  return [...currencies].filter((to) => converted(inForce, one, to, Number.POSITIVE_INFINITY) === null);
}

function shownCurrencies(currencies: readonly string[]): readonly string[] | null {
  return currencies.includes(EVERY_OTHER) ? null : currencies;
}

function feeCurrencies({ fees }: ProviderContract): ReadonlySet<string> {
  const all = [fees.fixed, ...[...fees.brands.values()].map(({ fixed }) => fixed)];
  return new Set(all.flatMap((fixed) => (fixed === null || fixed.value === 0 ? [] : [fixed.currency])));
}
