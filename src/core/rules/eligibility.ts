import type { AuthorizationRequest, CardDetails } from '../authorization.ts';
import type { RoutingFacts } from '../facts.ts';
import type { ProviderContract, RuleAction } from './ruleset.ts';

/** Why a provider cannot take an authorization: a closed list, in the order in which it is asked. */
const ELIGIBILITY_REASONS = [
  'disabled',
  'not_in_rule',
  'merchant_not_served',
  'currency_not_supported',
  'brand_not_supported',
  'country_not_supported',
  'feature_missing_network_token',
  'no_usable_token',
] as const;
export type EligibilityReason = (typeof ELIGIBILITY_REASONS)[number];

/**
 * Why this provider cannot take this authorization, or null when it can.
 *
 * A brand or an issuer country that is not known excludes nobody: not known is never "no", and a provider
 * that does not take the card says so in a decline that may fail over. Of the features only `network_token`
 * must be listed for a request that needs it; 3DS data and merchant-initiated payments are taken by every
 * adapter.
 */
export function eligibilityReason(
  contract: ProviderContract,
  facts: RoutingFacts,
  request: AuthorizationRequest,
  action: RuleAction,
): EligibilityReason | null {
  const { merchants, capabilities } = contract;
  const { currencies, brands, countries, features } = capabilities;
  if (!contract.enabled) return 'disabled';
  if (!ruleReaches(action, contract.id)) return 'not_in_rule';
  if (merchants !== 'all' && !merchants.has(facts.merchant)) return 'merchant_not_served';
  if (currencies !== 'all' && !currencies.has(facts.amount.currency)) return 'currency_not_supported';
  if (brands !== 'all' && facts.cardBrand !== 'unknown' && !brands.has(facts.cardBrand)) {
    return 'brand_not_supported';
  }
  if (countries !== 'all' && facts.cardCountry !== null && !countries.has(facts.cardCountry)) {
    return 'country_not_supported';
  }
  if (facts.networkToken && !features.has('network_token')) return 'feature_missing_network_token';
  if (tokenFor(contract, request.card) === null && sharedTokenFor(contract, request.card) === null) {
    return 'no_usable_token';
  }
  return null;
}

/**
 * Whether a rule can send anything to this provider: `only` bounds every strategy, a list is final without
 * fallback.
 */
export function ruleReaches(
  action: Pick<RuleAction, 'only' | 'fallback' | 'strategy'>,
  provider: string,
): boolean {
  if (action.only !== null && !action.only.has(provider)) return false;
  if (action.fallback) return true;
  switch (action.strategy.kind) {
    case 'score':
      return true;
    case 'priority':
      return action.strategy.order.includes(provider);
    case 'split':
      return action.strategy.weights.has(provider);
  }
}

/** The token to charge at this provider: its own, else the one that is valid everywhere, else null. */
export function tokenFor(contract: ProviderContract, card: CardDetails): string | null {
  if (Object.hasOwn(card.tokens, contract.id)) return card.tokens[contract.id] ?? card.token;
  return card.token;
}

const SANDBOX_TOKEN = /^tok_/;

/**
 * The simulated accounts of the sandbox share one vault: a sandbox token that was given for one of them can be charged
 * at all, so that a request with a single token can learn to fail over. Those that it was given for come first. Real
 * providers share nothing.
 */
export function sharedTokenFor(contract: ProviderContract, card: CardDetails): string | null {
  if (contract.adapter !== 'sandbox') return null;
  return Object.values(card.tokens).find((token) => SANDBOX_TOKEN.test(token)) ?? null;
}
