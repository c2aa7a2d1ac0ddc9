import { describe, expect, it } from 'vitest';
import type { CardBrand } from '../../../src/core/card.ts';
import type { Fees } from '../../../src/core/rules/ruleset.ts';
import { expectedCost } from '../../../src/core/scoring/cost.ts';
import { converted } from '../../../src/core/scoring/exchange-rates.ts';
import { routingFacts } from '../../support/routing-facts.ts';

const NO_BRANDS: ReadonlyMap<CardBrand, Fees> = new Map();
const fees = {
  fixed: { value: 10, currency: 'EUR' },
  basisPoints: 140,
  crossBorderBasisPoints: 100,
  brands: NO_BRANDS,
};
const DAY_MS = Date.UTC(2026, 10, 23);
const RATES = [
  { fromMs: Date.UTC(2026, 10, 1), base: 'EUR', perUnit: new Map([['USD', 1.1]]) },
  {
    fromMs: DAY_MS,
    base: 'EUR',
    perUnit: new Map([
      ['USD', 1.25],
      ['JPY', 160],
      ['KWD', 0.4],
    ]),
  },
];

describe('the expected cost', () => {
  it.each([
    { name: 'fixed fee of 10 on 5000 is 20 basis points', over: {}, cost: 160 },
    { name: 'cross-border', over: { crossBorder: 'cross_border' as const }, cost: 260 },
    { name: 'within the region', over: { crossBorder: 'intra_region' as const }, cost: 160 },
    { name: 'not known', over: { crossBorder: null }, cost: 160 },
    { name: 'a small amount', over: { amount: { value: 100, currency: 'EUR' } }, cost: 1140 },
  ])('$name: $cost', ({ over, cost }) => {
    expect(expectedCost(fees, routingFacts(over), [])).toEqual({ basisPoints: cost, note: null });
  });

  it('converts a fixed fee by the rates of the day', () => {
    const facts = routingFacts({ amount: { value: 5000, currency: 'USD' }, atMs: DAY_MS });
    // 10 cents of EUR are 12.5 cents of USD: 25 basis points of 50 USD.
    expect(expectedCost(fees, facts, RATES)).toEqual({ basisPoints: 165, note: null });
    expect(expectedCost(fees, { ...facts, atMs: DAY_MS - 1 }, RATES)).toEqual({
      basisPoints: 162,
      note: null,
    });
  });

  it('says when a fixed fee is in another currency without a rate, and leaves it out', () => {
    const facts = routingFacts({ amount: { value: 5000, currency: 'GBP' }, atMs: DAY_MS });
    const expected = { basisPoints: 140, note: 'fixed fee in EUR not counted: no rate to GBP' };
    expect(expectedCost(fees, facts, [])).toEqual(expected);
    expect(expectedCost(fees, facts, RATES)).toEqual(expected);
  });

  it('is the fee by amount alone without a fixed fee', () => {
    const none = { fixed: null, basisPoints: 25, crossBorderBasisPoints: 0, brands: NO_BRANDS };
    expect(expectedCost(none, routingFacts(), [])).toEqual({ basisPoints: 25, note: null });
  });

  it('is that of the brand, where it has fees of its own', () => {
    const amex = { fixed: null, basisPoints: 290, crossBorderBasisPoints: 50 };
    const own = { ...fees, brands: new Map<CardBrand, Fees>([['amex', amex]]) };
    const abroad = { crossBorder: 'cross_border' } as const;
    expect(expectedCost(own, routingFacts({ cardBrand: 'amex', ...abroad }), []).basisPoints).toBe(340);
    expect(expectedCost(own, routingFacts(abroad), []).basisPoints).toBe(260);
  });
});

describe('an amount in another currency', () => {
  it.each([
    ['EUR', 'EUR', 100],
    ['EUR', 'USD', 125],
    ['USD', 'EUR', 80],
    // Yen have no smaller unit, dinars have three digits.
    ['EUR', 'JPY', 160],
    ['EUR', 'KWD', 400],
    ['JPY', 'KWD', 250],
    ['KWD', 'JPY', 40],
    ['EUR', 'GBP', null],
    ['GBP', 'EUR', null],
  ])('100 minor units of %s are %s %d', (from, to, value) => {
    const found = converted(RATES, { value: 100, currency: from }, to, DAY_MS);
    if (value === null) expect(found).toBe(null);
    else expect(found).toBeCloseTo(value, 9);
  });

  it('is not known before the first rates', () => {
    expect(converted(RATES, { value: 100, currency: 'EUR' }, 'USD', Date.UTC(2026, 9, 31))).toBe(null);
    expect(converted([], { value: 100, currency: 'EUR' }, 'USD', DAY_MS)).toBe(null);
  });
});
