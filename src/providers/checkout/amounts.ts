import { type Amount, currencyExponent } from '../../core/money.ts';

/**
 * Currencies that Checkout.com counts in whole units, and those that it counts in thousandths; all others in hundredths
 * (checkout.com/docs, "Format the amount value", 26 Nov 2025).
 */
const WHOLE: ReadonlySet<string> = new Set(
  'BIF DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' '),
);
const THOUSANDTHS: ReadonlySet<string> = new Set('BHD IQD JOD KWD LYD OMR TND'.split(' '));

/** "Not more than nine digits", whatever the currency. */
const VALUE_MAX = 999_999_999;

function exponentThere(currency: string): number {
  if (WHOLE.has(currency)) return 0;
  return THOUSANDTHS.has(currency) ? 3 : 2;
}

/**
 * Whether an amount can be said to Checkout.com. It counts in our minor units, but for CLP, CLF, UYI and UYW: its editions
 * disagree on the Chilean ones (whole units until 2022, a rule of their own since), and a wrong guess would charge a
 * hundred times too much, so all four are refused. In thousandths the last digit must be 0: "1001 is invalid".
 */
export function isAmountSayable({ value, currency }: Amount): boolean {
  const exponent = exponentThere(currency);
  if (exponent !== currencyExponent(currency) || value < 1 || value > VALUE_MAX) return false;
  return exponent !== 3 || value % 10 === 0;
}
