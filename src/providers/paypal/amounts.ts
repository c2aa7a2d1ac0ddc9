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

/** Digits before the decimal point, at most (`MAX_VALUE_EXCEEDED` in the description of Orders v2). */
const WHOLE_DIGITS_MAX = 15;

/**
 * The amount as PayPal writes it; null when it cannot be told: another currency, a fraction of a forint, or more digits
 * than PayPal takes.
 */
export function moneyOf({ value, currency }: Amount): WireMoney | null {
  if (!TAKEN.has(currency)) return null;
  const unit = WITHOUT_DECIMALS.get(currency) ?? null;
  if (unit !== null && value % unit !== 0) return null;
  const digits = unit === null ? String(value).padStart(3, '0') : `${value / unit}00`;
  const whole = digits.slice(0, -2);
  if (whole.length > WHOLE_DIGITS_MAX) return null;
  return { currency_code: currency, value: unit === null ? `${whole}.${digits.slice(-2)}` : whole };
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
