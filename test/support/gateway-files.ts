/** What a test may say of a simulated provider; the rest is wide open, so that only the fault of the test decides. */
export interface SandboxProviderOptions {
  readonly id: string;
  readonly merchants?: readonly string[];
  readonly timeoutMs?: number;
  readonly baseUrl?: string;
  readonly enabled?: boolean;
  /** Calls at once; 1000 when left out. */
  readonly concurrent?: number;
  /** Calls a second; 10,000 when left out. */
  readonly perSecond?: number;
  /** The contract's `semantics:`, as the file writes them. */
  readonly semantics?: Readonly<Record<string, unknown>>;
}

/** Text of `providers.yaml` with simulated providers whose limits and breakers stay out of the way. */
export function providersYaml(providers: readonly SandboxProviderOptions[]): string {
  const entries = providers.map(
    ({ id, merchants, timeoutMs = 2000, baseUrl, enabled = true, semantics = {}, ...limits }) => ({
      id,
      adapter: 'sandbox',
      ...(baseUrl === undefined ? {} : { base_url: baseUrl }),
      enabled,
      merchants: merchants ?? 'all',
      timeout_ms: timeoutMs,
      limits: { per_second: limits.perSecond ?? 10_000, concurrent: limits.concurrent ?? 1000 },
      breaker: { volume: 100_000, reset_ms: timeoutMs },
      capabilities: { features: ['partial_capture'] },
      semantics,
    }),
  );
  // JSON is YAML too.
  return JSON.stringify({ providers: entries }, null, 2);
}

/** Text of `rules.yaml` with one rule for everything: these providers, in this order. */
export function priorityRules(
  priority: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): string {
  const action = { priority, attempts_max: 3, ...more };
  return `rules:\n  - name: in-order\n    then: ${JSON.stringify(action)}\n`;
}

/** A small body that every simulated provider takes. */
export function paymentBody(reference: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    reference,
    merchant: 'acme-eu',
    amount: { value: 4999, currency: 'EUR' },
    // A card of its own for each payment: the schemes' ceilings are another test's matter.
    card: {
      bin: '45717360',
      last4: '0007',
      expiry_month: 9,
      expiry_year: 2029,
      token: 'tok_visa',
      id: `card-${reference}`,
    },
    initiator: 'customer',
    shopper: { country: 'DE' },
    capture: 'manual',
    ...more,
  };
}
