import { NO_EXPERIMENTS } from '../../src/core/experiments/experiment.ts';
import type { ProviderContract, Rule, RuleAction, Ruleset } from '../../src/core/rules/ruleset.ts';

/** A sandbox provider with everything allowed; overridden where a test cares. */
export function sampleContract(id: string, over: Partial<ProviderContract> = {}): ProviderContract {
  return {
    id,
    adapter: 'sandbox',
    baseUrl: null,
    credentials: {},
    settings: {},
    live: false,
    enabled: true,
    merchants: 'all',
    timeoutMs: 4_000,
    connectTimeoutMs: 1_000,
    limits: { perSecond: 100, concurrent: 50 },
    capabilities: { currencies: 'all', brands: 'all', countries: 'all', features: new Set() },
    fees: { fixed: null, basisPoints: 0, crossBorderBasisPoints: 0, brands: new Map() },
    breaker: {
      failureRatio: 0.5,
      unknownRatio: 0.1,
      volume: 10,
      windowMs: 10_000,
      resetMs: 5_000,
      metricsOnly: false,
    },
    semantics: {},
    ...over,
  };
}

/** A rule's action with the defaults of the files. */
export function sampleAction(over: Partial<RuleAction> = {}): RuleAction {
  return {
    only: null,
    // By score, and nothing drawn: an empty list, then the others.
    strategy: { kind: 'priority', order: [] },
    fallback: true,
    attemptsMax: 2,
    deadlineMs: 8_000,
    queueMs: 0,
    marginBasisPoints: 10_000,
    costTolerancePp: null,
    explorationShare: 0.02,
    unknownCostBasisPoints: 10_000,
    afterUnknown: 'hold',
    lateApprovalReverseAfterMs: null,
    threeDsReuse: 'not_sent',
    ...over,
  };
}

/** A ruleset of those providers with one rule that matches everything. */
export function sampleRuleset(
  contracts: readonly ProviderContract[],
  rules: readonly Rule[] = [{ name: 'fallback', matches: () => true, action: sampleAction() }],
): Ruleset {
  return {
    version: 1,
    contentHash: 'sample',
    rules,
    providers: new Map(contracts.map((contract) => [contract.id, contract])),
    exchangeRates: [],
    experiments: NO_EXPERIMENTS,
    live: false,
  };
}
