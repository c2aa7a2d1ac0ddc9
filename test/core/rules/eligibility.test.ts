import { describe, expect, it } from 'vitest';
import type { AuthorizationRequest } from '../../../src/core/authorization.ts';
import type { RoutingFacts } from '../../../src/core/facts.ts';
import { type EligibilityReason, eligibilityReason, tokenFor } from '../../../src/core/rules/eligibility.ts';
import type { Capabilities, ProviderContract, RuleAction } from '../../../src/core/rules/ruleset.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { sampleAction, sampleContract } from '../../support/sample-ruleset.ts';
import { bareFacts, someFacts } from './some-facts.ts';

const CARD = sampleRequest().card;

function sampleRequestWith(card: Partial<AuthorizationRequest['card']> = {}): AuthorizationRequest {
  return sampleRequest({ card: { ...CARD, ...card } });
}

interface Row {
  readonly contract?: Partial<ProviderContract>;
  readonly can?: Partial<Capabilities>;
  readonly facts?: RoutingFacts;
  readonly card?: Partial<AuthorizationRequest['card']>;
  readonly action?: Partial<RuleAction>;
  readonly reason: EligibilityReason | null;
}

const ROWS: Readonly<Record<string, Row>> = {
  'all is well': { reason: null },
  disabled: { contract: { enabled: false }, reason: 'disabled' },
  'in only': { action: { only: new Set(['sandbox-a']) }, reason: null },
  'not in only': { action: { only: new Set(['sandbox-b']) }, reason: 'not_in_rule' },
  'in priority': { action: { strategy: { kind: 'priority', order: ['sandbox-a'] } }, reason: null },
  'not in priority': {
    action: { strategy: { kind: 'priority', order: ['sandbox-b'] }, fallback: false },
    reason: 'not_in_rule',
  },
  'not in priority, with fallback': {
    action: { strategy: { kind: 'priority', order: ['sandbox-b'] }, fallback: true },
    reason: null,
  },
  'not in only, with fallback': {
    action: {
      only: new Set(['sandbox-b']),
      strategy: { kind: 'priority', order: ['sandbox-b'] },
      fallback: true,
    },
    reason: 'not_in_rule',
  },
  'not in split': {
    action: { strategy: { kind: 'split', weights: new Map([['sandbox-b', 1]]) }, fallback: false },
    reason: 'not_in_rule',
  },
  'merchant served': { contract: { merchants: new Set(['acme-eu']) }, reason: null },
  'merchant not served': { contract: { merchants: new Set(['acme-us']) }, reason: 'merchant_not_served' },
  'currency supported': { can: { currencies: new Set(['EUR']) }, reason: null },
  'currency not supported': { can: { currencies: new Set(['USD']) }, reason: 'currency_not_supported' },
  'brand not supported': { can: { brands: new Set(['mastercard']) }, reason: 'brand_not_supported' },
  'brand not known': { can: { brands: new Set(['mastercard']) }, facts: bareFacts(), reason: null },
  'country not supported': { can: { countries: new Set(['DE']) }, reason: 'country_not_supported' },
  'country not known': { can: { countries: new Set(['DE']) }, facts: bareFacts(), reason: null },
  'network token not listed': {
    facts: someFacts({ networkToken: true }),
    reason: 'feature_missing_network_token',
  },
  'network token listed': {
    can: { features: new Set(['network_token']) },
    facts: someFacts({ networkToken: true }),
    reason: null,
  },
  'merchant-initiated with 3DS data': {
    facts: someFacts({ initiator: 'merchant', threeDsPresent: true }),
    reason: null,
  },
  'no token': { card: { token: null }, reason: 'no_usable_token' },
  'a token of another provider': {
    card: { token: null, tokens: { 'sandbox-b': 'x' } },
    reason: 'no_usable_token',
  },
  'a sandbox token of another sandbox account': {
    card: { token: null, tokens: { 'sandbox-b': 'tok_visa' } },
    reason: null,
  },
  'a real provider, with a sandbox token of another': {
    contract: { adapter: 'stripe', live: true },
    card: { token: null, tokens: { 'sandbox-b': 'tok_visa' } },
    reason: 'no_usable_token',
  },
  'its own token': { card: { token: null, tokens: { 'sandbox-a': 'x' } }, reason: null },
};

describe('eligibility', () => {
  it.each(Object.entries(ROWS))('%s', (_name, row) => {
    const plain = sampleContract('sandbox-a', row.contract);
    const contract = { ...plain, capabilities: { ...plain.capabilities, ...row.can } };
    const facts = row.facts ?? someFacts();
    expect(eligibilityReason(contract, facts, sampleRequestWith(row.card), sampleAction(row.action))).toBe(
      row.reason,
    );
  });

  it("prefers the provider's own token", () => {
    const { card } = sampleRequestWith({ token: 'everywhere', tokens: { 'sandbox-a': 'own' } });
    expect(tokenFor(sampleContract('sandbox-a'), card)).toBe('own');
    expect(tokenFor(sampleContract('sandbox-b'), card)).toBe('everywhere');
    expect(tokenFor(sampleContract('constructor'), sampleRequestWith({ token: null }).card)).toBeNull();
  });
});
