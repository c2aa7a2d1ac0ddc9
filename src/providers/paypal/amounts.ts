import { type Amount, parseMajorUnits } from '../../core/money.ts';

/**
 * Currencies that PayPal takes (developer.paypal.com/api/rest/reference/currency-codes). None of them has three
 * decimals.
 */
const TAKEN: ReadonlySet<string> = new Set(
  'AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD'.split(
    ' ',
  ),
);

/** Currencies that PayPal takes without decimals (the same page): of these, ISO 4217 gives HUF and TWD two. */
const WITHOUT_DECIMALS: ReadonlyMap<string, number> = new Map([
  ['JPY', 1],
  ['HUF', 100],
  ['TWD', 100],
]);

/** An amount as PayPal writes it: major units as a decimal text. */
export interface WireMoney {
  readonly currency_code: string;
  readonly value: string;
}

/** The amount as PayPal writes it; null when it cannot be told: another currency, or a fraction of a forint. */
export function moneyOf({ value, currency }: Amount): WireMoney | null {
  if (!TAKEN.has(currency)) return null;
  const unit = WITHOUT_DECIMALS.get(currency);
  if (unit !== undefined) {
    return value % unit === 0 ? { currency_code: currency, value: String(value / unit) } : null;
  }
  const digits = String(value).padStart(3, '0');
  return { currency_code: currency, value: `${digits.slice(0, -2)}.${digits.slice(-2)}` };
}

/** The amount that PayPal tells, exactly; null when the text is none of the currency's. */
export function amountOf({ currency_code: currency, value }: WireMoney): Amount | null {
  const minor = parseMajorUnits(value.replace(/\.0+$/, ''), currency);
  return minor === null ? null : { value: minor, currency };
}

/** Whether PayPal tells exactly this amount. */
export function isAmount(told: WireMoney, asked: Amount): boolean {
  const amount = amountOf(told);
  return amount !== null && amount.value === asked.value && amount.currency === asked.currency;
}
