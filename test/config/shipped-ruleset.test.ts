import { describe, expect, it } from 'vitest';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import type { RoutingFacts } from '../../src/core/facts.ts';
import { eligibilityReason } from '../../src/core/rules/eligibility.ts';
import { matchRule, type Ruleset } from '../../src/core/rules/ruleset.ts';
import { bareFacts, someFacts } from '../core/rules/some-facts.ts';
import { sampleRequest } from '../support/sample-request.ts';
import { SOME_CREDENTIALS, shippedFiles } from './ruleset-files.ts';

function shipped(): Ruleset {
  const reading = validateRulesetFiles(shippedFiles(), SOME_CREDENTIALS);
  if (reading.kind === 'refused') throw new Error(JSON.stringify(reading.errors));
  return reading.ruleset;
}

const MATCHES: readonly (readonly [string, string, RoutingFacts])[] = [
  ['the example of the HTTP interface', 'eu-debit', someFacts()],
  ['a large amount', 'fallback', someFacts({ amount: { value: 25_000, currency: 'EUR' } })],
  ['a credit card', 'fallback', someFacts({ cardFunding: 'credit' })],
  ['a renewal', 'merchant-initiated', bareFacts({ initiator: 'merchant' })],
  [
    'a card from the United States',
    'us-shared',
    someFacts({ cardCountry: 'US', cardIssuerRegion: 'north_america' }),
  ],
  ['a card about which nothing is known', 'fallback', bareFacts()],
];

describe('the shipped ruleset', () => {
  it.each(MATCHES)('%s: %s', (_name, rule, facts) => {
    expect(matchRule(shipped(), facts)?.name).toBe(rule);
  });

  it('is made of three sandboxes, of which sandbox-a is the cheapest and sandbox-c the dearest', () => {
    const { providers, live } = shipped();
    expect(live).toBe(false);
    expect([...providers.keys()]).toEqual(['sandbox-a', 'sandbox-b', 'sandbox-c']);
    const costs = [...providers.values()].map(
      ({ fees }) => (fees.fixed?.value ?? 0) + (4999 * fees.basisPoints) / 10_000,
    );
    expect(costs).toEqual(costs.toSorted((a, b) => a - b));
    expect(new Set(costs).size).toBe(3);
  });

  it('lets all three take the example, with a second attempt', () => {
    const ruleset = shipped();
    const rule = matchRule(ruleset, someFacts());
    if (rule === null) throw new Error('no rule');
    const reasons = [...ruleset.providers.values()].map((contract) =>
      eligibilityReason(contract, someFacts(), sampleRequest(), rule.action),
    );
    expect(reasons).toEqual([null, null, null]);
    expect(rule.action.strategy).toEqual({ kind: 'score' });
    expect(rule.action.attemptsMax).toBeGreaterThanOrEqual(2);
  });

  it('is the only kind of set the gateway starts with: unlike it, none mixes live and sandbox', () => {
    for (const contract of shipped().providers.values()) {
      expect(contract).toMatchObject({ adapter: 'sandbox', live: false, credentials: {}, baseUrl: null });
      expect(contract.breaker.resetMs).toBeGreaterThanOrEqual(contract.timeoutMs);
    }
  });
});
