/** A stretch of the demo, and what the broken provider does in it. */
export interface Phase {
  readonly name: 'healthy' | 'brown-out' | 'outage' | 'recovered';
  /** Share of the payments that are sent before it begins. */
  readonly from: number;
  /** What is told when it begins. */
  story(provider: string): string;
  /** Bodies of `POST /faults` of the sandbox. */
  faults(provider: string): readonly unknown[];
}

/**
 * Faults of a request, and what they are to the gateway: an error that says "not processed" may go elsewhere; a
 * connection reset or a silence after the request was sent may not, whether money moved (`reset_after`, a hang that
 * was processed) or not (`reset_before`): from outside they look the same.
 */
const BROWN_OUT = [
  { kind: 'error', status: 503, probability: 0.15 },
  { kind: 'reset_before', probability: 0.03 },
  { kind: 'reset_after', probability: 0.03 },
  { kind: 'hang', processed: true, probability: 0.015 },
];

/** In order. The provider breaks after a third of the payments and is healed after two thirds. */
export const PHASES: readonly Phase[] = [
  {
    name: 'healthy',
    from: 0,
    story: () => 'all providers answer',
    faults: () => [],
  },
  {
    name: 'brown-out',
    from: 1 / 3,
    story: (provider) => `${provider}: 15 % of requests get 503, some 7 % are cut off or never answered`,
    faults: (provider) => BROWN_OUT.map((fault) => ({ ...fault, provider, times: null })),
  },
  {
    name: 'outage',
    from: 5 / 12,
    story: (provider) => `${provider} refuses every connection`,
    faults: (provider) => [{ kind: 'refuse', provider }],
  },
  {
    name: 'recovered',
    from: 2 / 3,
    story: (provider) => `${provider} works again`,
    faults: () => [],
  },
];

/**
 * Body of `PUT /world`: how providers and issuers behave. One provider approves most, another is better for
 * Mastercard, the third for American Express; latencies as between machines of one region.
 * @param providers in order; those beyond the third behave as the world at large
 */
export function demoWorld(seed: string, providers: readonly string[]): unknown {
  const [first, second, third] = providers;
  return {
    seed,
    approval: 0.84,
    latency: { p50_ms: 110, p95_ms: 260, max_ms: 900 },
    providers: {
      ...(first === undefined
        ? {}
        : {
            [first]: {
              approval: 0.93,
              by_brand: { amex: -0.08 },
              latency: { p50_ms: 90, p95_ms: 220, max_ms: 900 },
            },
          }),
      ...(second === undefined ? {} : { [second]: { approval: 0.86 } }),
      ...(third === undefined
        ? {}
        : {
            [third]: {
              approval: 0.83,
              by_brand: { amex: 0.07 },
              latency: { p50_ms: 140, p95_ms: 340, max_ms: 900 },
            },
          }),
    },
  };
}
