import type { RoutingFacts } from '../../src/core/facts.ts';

/** A known Visa debit card of a French bank, paid in euro; overridden where a test cares. */
export function routingFacts(over: Partial<RoutingFacts> = {}): RoutingFacts {
  return {
    merchant: 'acme-eu',
    reference: 'order-1',
    amount: { value: 5000, currency: 'EUR' },
    cardBin: '45717360',
    cardBrand: 'visa',
    cardFunding: 'debit',
    cardProduct: null,
    cardPrepaid: false,
    cardIssuer: 'Banque Exemple',
    cardCountry: 'FR',
    cardIssuerRegion: 'eea',
    shopperCountry: 'FR',
    shopperRegion: 'eea',
    crossBorder: 'domestic',
    initiator: 'customer',
    threeDsPresent: false,
    networkToken: false,
    metadata: {},
    atMs: Date.UTC(2026, 10, 23, 10),
    ...over,
  };
}
