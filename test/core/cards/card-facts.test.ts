import { describe, expect, it } from 'vitest';
import type { CardDetails } from '../../../src/core/authorization.ts';
import { BinTable, binBounds } from '../../../src/core/cards/bin-table.ts';
import { cardFacts, TableCardFacts } from '../../../src/core/cards/card-facts.ts';

const NOTHING = { brand: null, funding: null, product: null, prepaid: null, issuer: null, country: null };
const TABLE = new BinTable([
  { ...NOTHING, ...binBounds('37'), brand: 'amex' },
  {
    ...binBounds('45717360'),
    brand: 'visa',
    funding: 'debit',
    product: 'Visa/Dankort',
    prepaid: false,
    issuer: 'Jyske Bank',
    country: 'DK',
  },
]);

function card(bin: string | null, brand: string | null): CardDetails {
  return {
    bin,
    brand,
    last4: null,
    expiryMonth: null,
    expiryYear: null,
    token: 'tok',
    tokens: {},
    id: null,
    accountReference: null,
    networkToken: false,
  };
}

describe('cardFacts', () => {
  it('tells what the table knows', () => {
    expect(cardFacts(TABLE, card('45717360', null))).toEqual({
      bin: '45717360',
      brand: 'visa',
      brandSource: 'bin_table',
      funding: 'debit',
      product: 'Visa/Dankort',
      prepaid: false,
      issuer: 'Jyske Bank',
      issuerCountry: 'DK',
      issuerRegion: 'eea',
      matchLength: 8,
    });
  });

  it.each([
    ['45717360', 'mastercard', 'visa', 'bin_table', '45717360'],
    ['51000000', 'mastercard', 'mastercard', 'caller', '51000000'],
    ['51000000', 'American Express', 'amex', 'caller', '510000'],
    ['51000000', 'unknown', 'unknown', 'none', '51000000'],
    ['51000000', 'cartes_bancaires', 'unknown', 'none', '51000000'],
    [null, 'visa', 'visa', 'caller', null],
    [null, null, 'unknown', 'none', null],
    ['37828224', 'visa', 'amex', 'bin_table', '378282'],
  ])('reads BIN %s and the caller brand %s', (bin, told, brand, brandSource, kept) => {
    const facts = new TableCardFacts(TABLE).factsOf(card(bin, told));
    expect(facts).toMatchObject({ brand, brandSource, bin: kept });
  });
});
