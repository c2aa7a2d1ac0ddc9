import type { CardBrand } from '../card.ts';
import type { Experiments } from '../experiments/experiment.ts';
import type { RoutingFacts } from '../facts.ts';
import type { ThreeDsReuse } from '../failover.ts';
import type { Amount } from '../money.ts';
import type { ProviderSemantics } from '../resolution.ts';
import type { ExchangeRates } from '../scoring/exchange-rates.ts';

/** What a provider can do. `all` or a closed set. */
export interface Capabilities {
  readonly currencies: 'all' | ReadonlySet<string>;
  readonly brands: 'all' | ReadonlySet<CardBrand>;
  /** Issuer countries, ISO 3166-1 alpha-2. */
  readonly countries: 'all' | ReadonlySet<string>;
  readonly features: ReadonlySet<ProviderFeature>;
}

export const PROVIDER_FEATURES = [
  'network_token',
  'partial_capture',
  'partial_approval',
  'three_ds',
  'merchant_initiated',
] as const;
export type ProviderFeature = (typeof PROVIDER_FEATURES)[number];

export const ADAPTERS = ['sandbox', 'stripe', 'adyen', 'checkout', 'paypal'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** A provider account as `providers.yaml` describes it, with defaults filled in and secrets resolved. */
export interface ProviderContract {
  /** Our name for the account. */
  readonly id: string;
  readonly adapter: AdapterName;
  /** Null: the adapter's default. */
  readonly baseUrl: string | null;
  /** Resolved secrets by name; never logged. */
  readonly credentials: Readonly<Record<string, string>>;
  /** What the adapter needs beside secrets, by name, such as the name of an account at the provider. */
  readonly settings: Readonly<Record<string, string>>;
  /** False for the sandbox and for a provider's own test system. */
  readonly live: boolean;
  readonly enabled: boolean;
  readonly merchants: 'all' | ReadonlySet<string>;
  /** One attempt, from hand-over to the last byte of the answer; milliseconds, 100 to 60000. */
  readonly timeoutMs: number;
  /** TCP and TLS set-up, milliseconds. */
  readonly connectTimeoutMs: number;
  readonly limits: { readonly perSecond: number; readonly concurrent: number };
  readonly capabilities: Capabilities;
  readonly fees: Fees & {
    /** Of brands whose fees are others. */
    readonly brands: ReadonlyMap<CardBrand, Fees>;
  };
  readonly breaker: BreakerSettings;
  /** Where this account differs from what its adapter says of the provider. */
  readonly semantics: Partial<ProviderSemantics>;
}

export interface BreakerSettings {
  /** Opens when strictly more than this share of the window's calls failed, 0 to 1. */
  readonly failureRatio: number;
  /** The same for unknown outcomes alone. */
  readonly unknownRatio: number;
  /** Calls in the window below which it never opens. */
  readonly volume: number;
  readonly windowMs: number;
  /** Time open before a probe; at least the provider's `timeoutMs`. */
  readonly resetMs: number;
  /** Counts and shows, never blocks. */
  readonly metricsOnly: boolean;
}

export type Strategy =
  | { readonly kind: 'score' }
  | { readonly kind: 'priority'; readonly order: readonly string[] }
  /** Positive weights by provider; sticky by (merchant, reference), salted with the rule's name. */
  | { readonly kind: 'split'; readonly weights: ReadonlyMap<string, number> };

/** What an approval costs. */
export interface Fees {
  readonly fixed: Amount | null;
  readonly basisPoints: number;
  readonly crossBorderBasisPoints: number;
}

export interface RuleAction {
  /** Only these providers; null: all. */
  readonly only: ReadonlySet<string> | null;
  readonly strategy: Strategy;
  /** After the rule's own list, the other eligible providers by score. */
  readonly fallback: boolean;
  /** 1 to 5. */
  readonly attemptsMax: number;
  /** The whole road, milliseconds, 500 to 60000. */
  readonly deadlineMs: number;
  /** Time that an authorization may wait for a provider's limit; 0: take the next candidate at once. */
  readonly queueMs: number;
  /** Margin of an approval in basis points of the amount; 10000: the amount itself. */
  readonly marginBasisPoints: number;
  /** Approval, in percentage points, that a cheaper provider may cost at most; null: expected value alone decides. */
  readonly costTolerancePp: number | null;
  /** Share of payments by which the strategy `score` explores, spread over the candidates evenly; 0 to 0.2. */
  readonly explorationShare: number;
  /** Cost of an unknown outcome in basis points of the amount. */
  readonly unknownCostBasisPoints: number;
  /**
   * After an unknown outcome: `hold` waits until it is found out; `cancel_then_fail_over` cancels the attempt, and
   * tries another provider once the cancellation is confirmed, while the request is open.
   */
  readonly afterUnknown: AfterUnknown;
  /** An approval that is found later than this after the request is reversed, milliseconds; null: it is kept. */
  readonly lateApprovalReverseAfterMs: number | null;
  /** After which outcomes authentication data (CAVV) may be handed to another provider. */
  readonly threeDsReuse: ThreeDsReuse;
}

export const AFTER_UNKNOWNS = ['hold', 'cancel_then_fail_over'] as const;
export type AfterUnknown = (typeof AFTER_UNKNOWNS)[number];

export interface Rule {
  readonly name: string;
  /** First match wins. Total: never throws. */
  readonly matches: (facts: RoutingFacts) => boolean;
  readonly action: RuleAction;
}

/** Rules and providers, compiled and frozen; replaced as a whole. */
export interface Ruleset {
  /** Number under which the journal knows this content; 0 before it is registered. */
  readonly version: number;
  /** SHA-256 of the files, hex. */
  readonly contentHash: string;
  readonly rules: readonly Rule[];
  readonly providers: ReadonlyMap<string, ProviderContract>;
  readonly exchangeRates: ExchangeRates;
  readonly experiments: Experiments;
  /** Whether every provider is a real one; a set never mixes. */
  readonly live: boolean;
}

/** The first rule that matches, or null. */
export function matchRule(ruleset: Ruleset, facts: RoutingFacts): Rule | null {
  for (const rule of ruleset.rules) if (rule.matches(facts)) return rule;
  return null;
}
