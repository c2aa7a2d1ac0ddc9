import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import type { RoutingFacts } from '../../../src/core/facts.ts';
import type { ProviderContract, RuleAction } from '../../../src/core/rules/ruleset.ts';

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

export function someRequest(card: Partial<AuthorizationRequest['card']> = {}): AuthorizationRequest {
  return {
    reference: 'order-7781',
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    card: {
      bin: '45717360',
      last4: '0007',
      expiryMonth: 9,
      expiryYear: 2029,
      token: 'tok_visa',
      tokens: {},
      id: null,
      accountReference: null,
      brand: null,
      networkToken: false,
      ...card,
    },
    initiator: 'customer',
    shopper: { country: 'DE', id: null },
    capture: 'manual',
    threeDs: null,
    storedCredential: null,
    networkTransaction: null,
    acceptPartial: false,
    deadlineMs: null,
    metadata: {},
  };
}

export function someContract(changes: Partial<ProviderContract> = {}): ProviderContract {
  return {
    id: 'sandbox-a',
    adapter: 'sandbox',
    baseUrl: null,
    credentials: {},
    live: false,
    enabled: true,
    merchants: 'all',
    timeoutMs: 2000,
    connectTimeoutMs: 1000,
    limits: { perSecond: 100, concurrent: 50 },
    capabilities: { currencies: 'all', brands: 'all', countries: 'all', features: new Set() },
    fees: { fixed: null, basisPoints: 0, crossBorderBasisPoints: 0 },
    breaker: {
      failureRatio: 0.5,
      unknownRatio: 0.1,
      volume: 10,
      windowMs: 10_000,
      resetMs: 5000,
      metricsOnly: false,
    },
    ...changes,
  };
}

export function someAction(changes: Partial<RuleAction> = {}): RuleAction {
  return {
    only: null,
    strategy: { kind: 'score' },
    fallback: false,
    attemptsMax: 2,
    deadlineMs: 8000,
    queueMs: 0,
    marginBasisPoints: 10_000,
    costTolerancePp: null,
    unknownCostBasisPoints: 10_000,
    ...changes,
  };
}
