import { z } from 'zod';
import { type Operation, outageBody, type Strike } from './faults.ts';
import type { AuthorizationBody } from './request-bodies.ts';
import { seededDraw } from './seeded-draw.ts';
import { issuerDecline, type Verdict } from './verdict.ts';

/** Added to the approval probability, by the name of a segment. */
const adjustments = (name: z.ZodString): z.ZodRecord<z.ZodString, z.ZodNumber> =>
  z.record(name, z.number().min(-1).max(1));

const binPrefix = z.string().regex(/^\d{1,8}$/, 'a BIN prefix of 1 to 8 digits');

const conditions = {
  /** Probability of approval before adjustments, 0 to 1. */
  approval: z.number().min(0).max(1).optional(),
  by_brand: adjustments(z.string()).optional(),
  /** The longest prefix that fits counts. */
  by_bin_prefix: adjustments(binPrefix).optional(),
  by_hour_utc: adjustments(z.string().regex(/^(1?\d|2[0-3])$/, 'an hour from 0 to 23')).optional(),
  /** Weights of the network codes of declines. */
  declines: z.record(z.string().regex(/^[0-9A-Z]{2,3}$/, 'a network code'), z.number().gt(0)).optional(),
  /** Lognormal; `p50_ms: 0` answers at once. */
  latency: z
    .strictObject({
      p50_ms: z.number().min(0).max(60_000),
      /** Left out: 2.5 times the median. */
      p95_ms: z.number().min(0).max(120_000).optional(),
      /** No answer takes longer. Left out: 5 times p95. */
      max_ms: z.number().min(0).max(600_000).optional(),
    })
    .refine((latency) => latency.p95_ms === undefined || latency.p95_ms >= latency.p50_ms, {
      path: ['p95_ms'],
      message: 'at least p50_ms',
    })
    .optional(),
};

/** Body of `PUT /world`. Conditions at the top hold for every provider that does not name its own. */
export const worldBody = z.strictObject({
  seed: z
    .union([z.int(), z.string()])
    .transform((seed) => String(seed))
    .default('1'),
  ...conditions,
  providers: z.record(z.string(), z.strictObject(conditions)).default({}),
  outages: z.array(outageBody).max(1000).default([]),
  /** An issuer that is down: declined with 91 at every provider. */
  issuer_outages: z
    .array(
      z.strictObject({
        bin_prefix: binPrefix,
        from_ms: z.int().min(0),
        for_ms: z.int().min(1),
        share: z.number().gt(0).max(1).default(1),
      }),
    )
    .max(1000)
    .default([]),
});

export type WorldBody = z.input<typeof worldBody>;
export type WorldPlan = z.output<typeof worldBody>;
type Conditions = z.output<z.ZodObject<typeof conditions>>;

/** Without a world: quick, and the same for the same reference. */
const DEFAULT_LATENCY_MS = { least: 5, most: 30 };

/**
 * About 40 % lack of funds is what EBANX reports; no full distribution is published, the rest is an
 * assumption.
 */
const DEFAULT_DECLINES: Readonly<Record<string, number>> = {
  '51': 40,
  '05': 30,
  '14': 6,
  '54': 6,
  '57': 4,
  '59': 4,
  '62': 4,
  '91': 4,
  '65': 2,
};

/** The 95th percentile of the standard normal distribution. */
const Z_95 = 1.6448536269514722;

/**
 * How providers and issuers behave. Every draw depends only on seed, provider, reference and purpose, so that
 * the same requests meet the same fate in any order.
 */
export class World {
  readonly plan: WorldPlan;
  readonly #setAtMs: number;
  readonly #latencyMs: number | null;
  readonly #conditions = new Map<string, Conditions>();

  /**
   * @param setAtMs wall clock when the world was set; outages count from it
   * @param latencyMs a fixed latency instead of the default one; the plan's own wins over it
   */
  constructor(plan: WorldPlan, setAtMs: number, latencyMs: number | null = null) {
    this.plan = plan;
    this.#setAtMs = setAtMs;
    this.#latencyMs = latencyMs;
  }

  /** What becomes of an authorization without a magic token. */
  verdict(provider: string, body: AuthorizationBody, nowMs: number): Verdict {
    const { seed } = this.plan;
    if (this.#issuerIsDown(provider, body, nowMs)) return issuerDecline('91');
    const own = this.#conditionsOf(provider);
    if (own.approval === undefined) return { kind: 'authorized' };
    const hour = String(Math.floor(nowMs / 3_600_000) % 24);
    const probability =
      own.approval +
      (own.by_brand?.[body.brand] ?? 0) +
      longestPrefix(own.by_bin_prefix, body.bin ?? '') +
      (own.by_hour_utc?.[hour] ?? 0);
    if (seededDraw(seed, provider, body.reference, 'approval') < probability) return { kind: 'authorized' };
    const draw = seededDraw(seed, provider, body.reference, 'decline');
    return issuerDecline(weightedChoice(own.declines ?? DEFAULT_DECLINES, draw));
  }

  /**
   * How long the provider takes for a request.
   * @param name the attempt's reference, or what else names the request
   */
  latencyMs(provider: string, name: string): number {
    const { seed } = this.plan;
    const latency = this.#conditionsOf(provider).latency;
    if (latency === undefined) {
      if (this.#latencyMs !== null) return this.#latencyMs;
      const { least, most } = DEFAULT_LATENCY_MS;
      return Math.round(least + seededDraw(seed, provider, name, 'latency') * (most - least));
    }
    if (latency.p50_ms === 0) return 0;
    const p95 = latency.p95_ms ?? 2.5 * latency.p50_ms;
    const sigma = Math.log(p95 / latency.p50_ms) / Z_95;
    // Box and Muller: two uniform draws give a normal one. The first must not be zero.
    const radius = Math.sqrt(-2 * Math.log(1 - seededDraw(seed, provider, name, 'radius')));
    const normal = radius * Math.cos(2 * Math.PI * seededDraw(seed, provider, name, 'angle'));
    return Math.min(latency.p50_ms * Math.exp(sigma * normal), latency.max_ms ?? 5 * p95);
  }

  /** The planned outage that strikes a request now, if any. @param name as for {@link latencyMs} */
  outage(provider: string, operation: Operation, name: string, nowMs: number): Strike | null {
    for (const [index, outage] of this.plan.outages.entries()) {
      if (outage.kind === 'refuse' || !this.#isOn(outage, nowMs)) continue;
      if (outage.provider !== '*' && outage.provider !== provider) continue;
      if (!outage.operations.includes(operation)) continue;
      if (seededDraw(this.plan.seed, provider, name, 'outage', String(index)) >= outage.share) continue;
      return { ...outage, kind: outage.kind };
    }
    return null;
  }

  /** Whether a planned outage closes the port of a provider now. */
  refuses(provider: string, nowMs: number): boolean {
    return this.plan.outages.some(
      (outage) =>
        outage.kind === 'refuse' &&
        (outage.provider === '*' || outage.provider === provider) &&
        this.#isOn(outage, nowMs),
    );
  }

  /** Wall clock of every begin and end of a closed port. */
  refusalChangesMs(): readonly number[] {
    return this.plan.outages
      .filter((outage) => outage.kind === 'refuse')
      .flatMap((outage) => [outage.from_ms, outage.from_ms + outage.for_ms])
      .map((afterMs) => this.#setAtMs + afterMs);
  }

  #isOn(window: { readonly from_ms: number; readonly for_ms: number }, nowMs: number): boolean {
    const sinceMs = nowMs - this.#setAtMs;
    return sinceMs >= window.from_ms && sinceMs < window.from_ms + window.for_ms;
  }

  #issuerIsDown(provider: string, body: AuthorizationBody, nowMs: number): boolean {
    const { seed } = this.plan;
    return this.plan.issuer_outages.some(
      (outage, index) =>
        this.#isOn(outage, nowMs) &&
        body.bin?.startsWith(outage.bin_prefix) === true &&
        seededDraw(seed, provider, body.reference, 'issuer', String(index)) < outage.share,
    );
  }

  #conditionsOf(provider: string): Conditions {
    const known = this.#conditions.get(provider);
    if (known !== undefined) return known;
    const { seed: _, providers, outages: __, issuer_outages: ___, ...common } = this.plan;
    const own = { ...common, ...providers[provider] };
    this.#conditions.set(provider, own);
    return own;
  }
}

function longestPrefix(byPrefix: Readonly<Record<string, number>> | undefined, bin: string): number {
  if (byPrefix === undefined) return 0;
  for (let length = bin.length; length > 0; length -= 1) {
    const adjustment = byPrefix[bin.slice(0, length)];
    if (adjustment !== undefined) return adjustment;
  }
  return 0;
}

/** @param draw uniform in [0, 1) */
function weightedChoice(weights: Readonly<Record<string, number>>, draw: number): string {
  const entries = Object.entries(weights);
  let left = draw * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of entries) {
    left -= weight;
    if (left < 0) return name;
  }
  return entries.at(-1)?.[0] ?? '05';
}
