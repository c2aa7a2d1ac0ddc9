import type { AuthorizationRequest } from '../core/authorization.ts';
import type { CardFacts } from '../core/card.ts';
import { crossBorder, regionOf } from '../core/cards/regions.ts';
import type { RoutingFacts } from '../core/facts.ts';

/** Joins request and card facts into what rules, eligibility and scoring may ask. */
export function routingFacts(request: AuthorizationRequest, card: CardFacts, atMs: number): RoutingFacts {
  const shopperCountry = request.shopper.country;
  return {
    merchant: request.merchant,
    reference: request.reference,
    amount: request.amount,
    cardBin: card.bin,
    cardBrand: card.brand,
    cardFunding: card.funding,
    cardProduct: card.product,
    cardPrepaid: card.prepaid,
    cardIssuer: card.issuer,
    cardCountry: card.issuerCountry,
    cardIssuerRegion: card.issuerRegion,
    shopperCountry,
    shopperRegion: shopperCountry === null ? null : regionOf(shopperCountry),
    crossBorder: crossBorder(card.issuerCountry, shopperCountry),
    initiator: request.initiator,
    threeDsPresent: isAuthenticated(request.threeDs),
    networkToken: request.card.networkToken,
    metadata: request.metadata,
    atMs,
  };
}

/** An exemption alone is no proof that the customer was authenticated. */
function isAuthenticated(threeDs: AuthorizationRequest['threeDs']): boolean {
  return threeDs !== null && (threeDs.cavv ?? threeDs.eci ?? threeDs.dsTransactionId) !== null;
}
