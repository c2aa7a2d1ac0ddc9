import { describe, expect, it } from 'vitest';
import { expectedCost } from '../../../src/core/scoring/cost.ts';
import { routingFacts } from '../../support/routing-facts.ts';

const fees = { fixed: { value: 10, currency: 'EUR' }, basisPoints: 140, crossBorderBasisPoints: 100 };

describe('the expected cost', () => {
  it.each([
    { name: 'fixed fee of 10 on 5000 is 20 basis points', over: {}, cost: 160 },
    { name: 'cross-border', over: { crossBorder: 'cross_border' as const }, cost: 260 },
    { name: 'within the region', over: { crossBorder: 'intra_region' as const }, cost: 160 },
    { name: 'not known', over: { crossBorder: null }, cost: 160 },
    { name: 'a small amount', over: { amount: { value: 100, currency: 'EUR' } }, cost: 1140 },
  ])('$name: $cost', ({ over, cost }) => {
    expect(expectedCost(fees, routingFacts(over))).toEqual({ basisPoints: cost, note: null });
  });

  it('says when a fixed fee is in another currency, and leaves it out', () => {
    const cost = expectedCost(fees, routingFacts({ amount: { value: 5000, currency: 'USD' } }));
    expect(cost).toEqual({ basisPoints: 140, note: 'fixed fee in EUR not counted: no rate to USD' });
  });

  it('is the fee by amount alone without a fixed fee', () => {
    const none = { fixed: null, basisPoints: 25, crossBorderBasisPoints: 0 };
    expect(expectedCost(none, routingFacts())).toEqual({ basisPoints: 25, note: null });
  });
});
