import { type BinRange, binBounds } from '../core/cards/bin-table.ts';

/**
 * A few BINs with facts that the shipped sets do not have (they know no funding), each with its source. They show
 * what an imported table adds, and lie under it: a file of `BIN_TABLES` wins over an equal range.
 */
export const BIN_OVERLAY: readonly BinRange[] = [
  {
    // README of paylike/binlookup: 4571 7360 is Visa/Dankort, debit, Denmark, Jyske Bank.
    ...binBounds('45717360'),
    brand: 'visa',
    funding: 'debit',
    product: 'Visa/Dankort',
    prepaid: false,
    issuer: 'Jyske Bank',
    country: 'DK',
  },
  {
    // Worldpay's documentation of its card BIN look-up: 4444 33 is Visa, debit, United States, Bank of America.
    ...binBounds('444433'),
    brand: 'visa',
    funding: 'debit',
    product: null,
    prepaid: null,
    issuer: 'Bank of America',
    country: 'US',
  },
];
