import { BIN_OVERLAY } from '../../config/bin-overlay.ts';
import type { CardBrand } from '../../core/card.ts';
import type { BinTable } from '../../core/cards/bin-table.ts';
import { currencyExponent } from '../../core/money.ts';
import { SeededRandom } from './seeded-random.ts';

/** The merchant of every payment of the demo. */
export const DEMO_MERCHANT = 'demo-shop';

/** A payment to send: the body of `POST /v1/authorizations`, and what the report says about its card. */
export interface DemoPayment {
  readonly reference: string;
  readonly bin: string;
  readonly brand: CardBrand;
  readonly country: string;
  readonly value: number;
  readonly currency: string;
  readonly body: string;
  /** Whether the shop repeats the request with the same key. */
  readonly repeated: boolean;
  /** Whether the shop asks again with another key, although the payment is approved. */
  readonly askedAgain: boolean;
}

/** Where the shop sells: share of the payments, currency, and what a unit of it is worth against a euro. */
const MARKETS: readonly {
  readonly country: string;
  readonly weight: number;
  readonly currency: string;
  readonly perEuro: number;
}[] = [
  { country: 'DE', weight: 14, currency: 'EUR', perEuro: 1 },
  { country: 'FR', weight: 12, currency: 'EUR', perEuro: 1 },
  { country: 'US', weight: 14, currency: 'USD', perEuro: 1.1 },
  { country: 'GB', weight: 12, currency: 'GBP', perEuro: 0.85 },
  { country: 'DK', weight: 6, currency: 'DKK', perEuro: 7.46 },
  { country: 'IE', weight: 5, currency: 'EUR', perEuro: 1 },
  { country: 'BE', weight: 5, currency: 'EUR', perEuro: 1 },
  { country: 'PL', weight: 5, currency: 'PLN', perEuro: 4.3 },
  { country: 'CZ', weight: 3, currency: 'CZK', perEuro: 25 },
  { country: 'FI', weight: 2, currency: 'EUR', perEuro: 1 },
  { country: 'PT', weight: 2, currency: 'EUR', perEuro: 1 },
  { country: 'UA', weight: 4, currency: 'UAH', perEuro: 45 },
  { country: 'TR', weight: 4, currency: 'TRY', perEuro: 40 },
  { country: 'AU', weight: 3, currency: 'AUD', perEuro: 1.65 },
  { country: 'CA', weight: 3, currency: 'CAD', perEuro: 1.5 },
  { country: 'NZ', weight: 1, currency: 'NZD', perEuro: 1.8 },
  { country: 'TW', weight: 2, currency: 'TWD', perEuro: 35 },
  { country: 'CN', weight: 2, currency: 'CNY', perEuro: 7.8 },
  { country: 'AR', weight: 1, currency: 'USD', perEuro: 1.1 },
];

/** Shares of the brands where the table knows several in a country; the others are rare. */
const BRAND_WEIGHTS: Readonly<Partial<Record<CardBrand, number>>> = {
  visa: 50,
  mastercard: 38,
  amex: 8,
  maestro: 3,
  unionpay: 3,
  discover: 1,
  jcb: 1,
};

/** Share of the payments of shoppers from abroad: in euros, whatever the card's country. */
const ABROAD = 0.12;
/** Share of renewals, which nobody waits for. */
const RENEWALS = 0.08;
const REPEATED = 0.03;
const ASKED_AGAIN = 0.02;

interface Brand {
  readonly brand: CardBrand;
  readonly weight: number;
  readonly bins: readonly string[];
}

/** Makes payments over the BINs that a table knows, by a seed. */
export class PaymentMaker {
  readonly #random: SeededRandom;
  readonly #runId: string;
  readonly #markets: readonly {
    readonly market: (typeof MARKETS)[number];
    readonly brands: readonly Brand[];
  }[];
  #made = 0;

  /** @param runId part of every reference, so that each run's payments are new ones */
  constructor(table: BinTable, seed: string, runId: string) {
    const known = binsByCountryAndBrand(table);
    this.#random = new SeededRandom(seed);
    this.#runId = runId;
    this.#markets = MARKETS.flatMap((market) => {
      const brands = [...(known.get(market.country) ?? [])].map(
        ([brand, bins]): Brand => ({ brand, bins, weight: BRAND_WEIGHTS[brand] ?? 0 }),
      );
      return brands.some(({ weight }) => weight > 0) ? [{ market, brands }] : [];
    });
  }

  next(): DemoPayment {
    const random = this.#random;
    this.#made += 1;
    const { market, brands } = random.weighted(this.#markets, (entry) => entry.market.weight);
    const { brand, bins } = random.weighted(brands, (entry) => entry.weight);
    const bin = random.pick(bins);
    const abroad = random.chance(ABROAD);
    const renewal = random.chance(RENEWALS);
    const currency = abroad ? 'EUR' : market.currency;
    const value = amountOf(random, currency, abroad ? 1 : market.perEuro);
    const reference = `demo-${this.#runId}-${String(this.#made).padStart(5, '0')}`;
    const body = JSON.stringify({
      reference,
      merchant: DEMO_MERCHANT,
      amount: { value, currency },
      card: {
        bin,
        last4: String(random.integer(0, 9999)).padStart(4, '0'),
        expiry_month: random.integer(1, 12),
        expiry_year: random.integer(2028, 2032),
        token: `tok_demo_${random.letters(12)}`,
        id: `card-${random.letters(10)}`,
      },
      initiator: renewal ? 'merchant' : 'customer',
      ...(renewal ? { stored_credential: { usage: 'subsequent', reason: 'recurring' } } : {}),
      shopper: { country: abroad ? 'DE' : market.country, id: `cust-${random.letters(8)}` },
      capture: 'manual',
      metadata: { channel: renewal ? 'subscription' : 'web' },
    });
    const repeated = random.chance(REPEATED);
    const askedAgain = random.chance(ASKED_AGAIN);
    return { reference, bin, brand, country: market.country, value, currency, body, repeated, askedAgain };
  }
}

/** Minor units of a basket: mostly 10 to 120 euros, now and then more, with an ending as prices have. */
function amountOf(random: SeededRandom, currency: string, perEuro: number): number {
  const euros = 8 + 60 * (random.unit() + random.unit()) * (random.chance(0.05) ? 5 : 1);
  const units = Math.max(1, Math.round(euros * perEuro));
  const exponent = currencyExponent(currency);
  if (exponent === 0) return units;
  return units * 10 ** exponent - (random.chance(0.6) ? 1 : 5) * 10 ** (exponent - 2);
}

/**
 * The BINs whose country the table knows. A table only answers questions, so all six-digit prefixes are asked for (some
 * 50 ms), and the overlay's longer ones, which know the card's funding.
 */
function binsByCountryAndBrand(table: BinTable): ReadonlyMap<string, ReadonlyMap<CardBrand, string[]>> {
  const found = new Map<string, Map<CardBrand, string[]>>();
  const add = (bin: string): void => {
    const match = table.find(bin);
    if (match === null || match.country === null) return;
    const brands = found.get(match.country) ?? new Map<CardBrand, string[]>();
    found.set(match.country, brands);
    const bins = brands.get(match.brand) ?? [];
    brands.set(match.brand, bins);
    bins.push(bin);
  };
  for (let prefix = 100_000; prefix < 1_000_000; prefix += 1) add(String(prefix));
  for (const { start, end } of BIN_OVERLAY) if (end - start === 999) add(String(start).slice(0, 8));
  return found;
}
