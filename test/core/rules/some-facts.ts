import type { RoutingFacts } from '../../../src/core/facts.ts';

/** Monday, 23 November 2026, 10:00 UTC. */
export const MONDAY_TEN_UTC = Date.UTC(2026, 10, 23, 10);

/**
 * The request example of the HTTP interface: a Danish Visa/Dankort debit card, a shopper in Germany, EUR
 * 49.99.
 */
export function someFacts(changes: Partial<RoutingFacts> = {}): RoutingFacts {
  return {
    merchant: 'acme-eu',
    reference: 'order-7781',
    amount: { value: 4999, currency: 'EUR' },
    cardBin: '45717360',
    cardBrand: 'visa',
    cardFunding: 'debit',
    cardProduct: 'classic',
    cardPrepaid: false,
    cardIssuer: 'Jyske Bank',
    cardCountry: 'DK',
    cardIssuerRegion: 'eea',
    shopperCountry: 'DE',
    shopperRegion: 'eea',
    crossBorder: 'intra_region',
    initiator: 'customer',
    threeDsPresent: true,
    networkToken: false,
    metadata: { channel: 'web' },
    atMs: MONDAY_TEN_UTC,
    ...changes,
  };
}

/** Facts of an authorization about whose card and shopper nothing is known. */
export function bareFacts(changes: Partial<RoutingFacts> = {}): RoutingFacts {
  return someFacts({
    cardBin: null,
    cardBrand: 'unknown',
    cardFunding: null,
    cardProduct: null,
    cardPrepaid: null,
    cardIssuer: null,
    cardCountry: null,
    cardIssuerRegion: null,
    shopperCountry: null,
    shopperRegion: null,
    crossBorder: null,
    threeDsPresent: false,
    metadata: {},
    ...changes,
  });
}
