import { type Amount, currencyExponent } from '../money.ts';

/** Rates of one day, in force until those of a later day are. */
export interface RateEdition {
  /** Wall clock from which they hold, milliseconds since 1970. */
  readonly fromMs: number;
  /** ISO 4217. */
  readonly base: string;
  /** Units of each currency for one unit of the base, both in major units; above 0. */
  readonly perUnit: ReadonlyMap<string, number>;
}

/** By time, the earliest first. */
export type ExchangeRates = readonly RateEdition[];

/**
 * An amount in another currency, in its minor units, not rounded: for comparing costs, never for moving money.
 * @param atMs wall clock; the rates of the last edition before it hold
 * @returns null when no edition is old enough, or it lacks one of both currencies
 */
export function converted(
  rates: ExchangeRates,
  amount: Amount,
  currency: string,
  atMs: number,
): number | null {
  if (amount.currency === currency) return amount.value;
  const edition = rates.findLast(({ fromMs }) => fromMs <= atMs);
  if (edition === undefined) return null;
  const from = rateOf(edition, amount.currency);
  const to = rateOf(edition, currency);
  if (from === null || to === null) return null;
  const exponents = currencyExponent(currency) - currencyExponent(amount.currency);
  return ((amount.value * to) / from) * 10 ** exponents;
}

function rateOf({ base, perUnit }: RateEdition, currency: string): number | null {
  return currency === base ? 1 : (perUnit.get(currency) ?? null);
}
