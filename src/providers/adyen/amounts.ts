import { type Amount, currencyExponent } from '../../core/money.ts';

/**
 * Currencies for which Adyen counts in other minor units than ISO 4217 does, with Adyen's number of decimals
 * (docs.adyen.com/development-resources/currency-codes, "differs from standard").
 */
const EXPONENTS_OF_ADYEN: ReadonlyMap<string, number> = new Map([
  ['CLP', 2],
  ['CVE', 0],
  ['IDR', 0],
  ['ISK', 2],
]);

/** Most decimals that Adyen counts in. */
const EXPONENT_MAX = 3;

/** Decimals that Adyen has to add to ours, negative: to take away; null where it cannot count in the currency. */
function shiftOf(currency: string): number | null {
  const ours = currencyExponent(currency);
  const theirs = EXPONENTS_OF_ADYEN.get(currency) ?? ours;
  return theirs > EXPONENT_MAX ? null : theirs - ours;
}

/** A value with so many decimals more; null when it is no whole number then, or exceeds 2^53-1. */
function shifted(value: number, by: number): number | null {
  if (by >= 0) {
    const more = value * 10 ** by;
    return Number.isSafeInteger(more) ? more : null;
  }
  const divisor = 10 ** -by;
  return value % divisor === 0 ? value / divisor : null;
}

/** An amount in Adyen's minor units; null when it cannot be said in them (a CVE 0.50, a currency of four decimals). */
export function amountToAdyen({ value, currency }: Amount): Amount | null {
  const shift = shiftOf(currency);
  const theirs = shift === null ? null : shifted(value, shift);
  return theirs === null ? null : { value: theirs, currency };
}

/** An amount of Adyen's in our minor units; null when it is none of ours (a tenth of a krona). */
export function amountFromAdyen({ value, currency }: Amount): Amount | null {
  const shift = shiftOf(currency);
  // `-0`, which a subtraction may give, would differ from 0.
  const ours = shift === null ? null : shifted(value, 0 - shift);
  return ours === null ? null : { value: ours, currency };
}
