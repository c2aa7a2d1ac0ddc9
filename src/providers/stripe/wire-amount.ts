import { type Amount, currencyExponent } from '../../core/money.ts';

/**
 * How Stripe counts a currency where that differs from ISO 4217 (docs.stripe.com/currencies, "Minor units in API amounts"
 * and "Special cases"): its amount is ours times `times`, divided by `per`, and must be a multiple of `step`.
 */
interface Unit {
  readonly times: number;
  readonly per: number;
  readonly step: number;
}

const AS_ISO: Unit = { times: 1, per: 1, step: 1 };
/** No minor unit any more, and still written with two decimals: 5 ISK is 500. */
const WHOLE_WITH_DECIMALS: Unit = { times: 100, per: 1, step: 100 };
/** Without decimals at Stripe, with two in ISO 4217. */
const WITHOUT_DECIMALS: Unit = { times: 1, per: 100, step: 1 };
/** Three decimals, of which the last must be 0. */
const LAST_DIGIT_ZERO: Unit = { times: 1, per: 1, step: 10 };

/**
 * Currencies without two decimals that Stripe documents. HUF and TWD stand with two, as in ISO 4217: only payouts treat
 * them otherwise.
 */
const UNITS: ReadonlyMap<string, Unit> = new Map([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'].map(
    (code) => [code, AS_ISO] as const,
  ),
  ...['BHD', 'JOD', 'KWD', 'OMR', 'TND'].map((code) => [code, LAST_DIGIT_ZERO] as const),
  ...['ISK', 'UGX'].map((code) => [code, WHOLE_WITH_DECIMALS] as const),
  ['MGA', WITHOUT_DECIMALS],
]);

/** A currency whose unit at Stripe is not documented has none: a guess could be wrong by a factor of 100. */
function unitOf(currency: string): Unit | null {
  const unit = UNITS.get(currency);
  if (unit !== undefined) return unit;
  return currencyExponent(currency) === 2 ? AS_ISO : null;
}

/**
 * An amount as Stripe writes it.
 * @returns null when Stripe cannot express it: another precision, or a currency whose unit there is not known
 */
export function toWireAmount({ value, currency }: Amount): number | null {
  const unit = unitOf(currency);
  if (unit === null) return null;
  const wire = (value * unit.times) / unit.per;
  return Number.isSafeInteger(wire) && wire % unit.step === 0 ? wire : null;
}

/**
 * An amount that Stripe wrote, in our minor units.
 * @param currency as Stripe writes it, in lower case
 * @returns null when it is none in that currency
 */
export function fromWireAmount(wire: number, currency: string): Amount | null {
  const code = currency.toUpperCase();
  const unit = unitOf(code);
  if (unit === null) return null;
  const value = (wire * unit.per) / unit.times;
  return Number.isSafeInteger(value) ? { value, currency: code } : null;
}

/** Whether an amount that Stripe wrote is this one. */
export function isWireAmount(wire: number, currency: string, amount: Amount): boolean {
  return currency === amount.currency.toLowerCase() && wire === toWireAmount(amount);
}
