import { describe, expect, it } from 'vitest';
import type { CardBrand } from '../../../src/core/card.ts';
import { truncateBin } from '../../../src/core/cards/truncate-bin.ts';

describe('truncateBin', () => {
  it.each<[string, CardBrand | null, string]>([
    ['45717360', 'visa', '45717360'],
    ['45717360', null, '45717360'],
    ['45717360', 'unknown', '45717360'],
    ['22210000', null, '22210000'],
    ['37828224', 'amex', '378282'],
    ['37828224', null, '378282'],
    // A wrong brand does not lengthen what is kept of an American Express card.
    ['37828224', 'visa', '378282'],
    ['36259600', 'diners', '362596'],
    ['18000000', 'jcb', '180000'],
    ['35300000', 'jcb', '35300000'],
    ['67599999', 'maestro', '675999'],
    ['67599999', null, '675999'],
    ['50670000', 'elo', '50670000'],
    ['99999999', null, '999999'],
    ['45717360123', 'visa', '45717360'],
    ['457173', 'visa', '457173'],
  ])('keeps of %s, brand %s, %s', (bin, brand, kept) => {
    expect(truncateBin(bin, brand)).toBe(kept);
  });
});
