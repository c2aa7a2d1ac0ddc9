import { type AttemptOutcome, breakerSignal } from '../attempt.ts';
import type { LearnedFacts } from '../facts.ts';
import { Decayed } from './decayed.ts';

const HALF_LIFE_MS = 60_000;
/** Latency changes slowly, and a 99th percentile needs many answers. */
const LATENCY_HALF_LIFE_MS = 300_000;
/** Calls' worth of trust in what is known without a closer look: a few failures alone condemn nobody. */
const MINIMUM_VOLUME = 10;
/** Answers below which no percentile is told. */
const MINIMUM_ANSWERS = 50;

const PROCESSED = 0;
const FAILED = 1;
const UNKNOWN = 2;
const PENDING = 3;
const COUNTS = 4;
const INDEX_OF = { success: PROCESSED, failure: FAILED, unknown: UNKNOWN } as const;

/** Bounds of the latency histogram's buckets: powers of 1.15 from 1 ms to over 60 s. */
const BUCKET_RATIO = 1.15;
const BUCKETS = Math.ceil(Math.log(60_000) / Math.log(BUCKET_RATIO)) + 1;

/** Technical health of one provider for one kind of payment. */
export interface Health {
  /** Share of recent requests that the provider processed, 0 to 1. */
  readonly processed: number;
  /** Share that ended unknown, 0 to 1. */
  readonly unknown: number;
  /** Share that the provider answered, but not with yes or no, 0 to 1. What is in none of the three definitely failed. */
  readonly pending: number;
  /** Recent requests, decayed, of the segment; of the provider while the segment has too few. */
  readonly samples: number;
}

/** What is assumed of a provider that nothing is known of. */
const HEALTHY: Health = { processed: 1, unknown: 0, pending: 0, samples: 0 };

/** Whether most of a provider's recent requests failed or were lost, of enough to say so. */
export function isUnhealthy({ processed, pending, samples }: Health): boolean {
  return samples >= MINIMUM_VOLUME && processed + pending < 0.5;
}

interface ProviderHealth {
  readonly all: Decayed;
  /** By brand and issuer region: bounded by the number of both. */
  readonly segments: Map<string, Decayed>;
  readonly latency: Decayed;
}

/**
 * Technical health from real outcomes, per provider and per segment (brand, issuer region), exponentially decayed.
 * Declines count as processed; what says nothing about the provider (429, issuer down, held back by us) is left out.
 * `pending` is an answer and no fault, so that nobody is passed over for it; but the payment has nothing of it now: it lowers
 * the chance, so that a provider that is always still working does not live on what is assumed of one that nothing is known of.
 * With k calls' worth of trust in the coarser level, a share is (its count + k x share above) / (n + k): a segment is
 * drawn towards its provider, a provider towards healthy, and both return there as time passes without calls.
 */
export class HealthBook {
  readonly #providers = new Map<string, ProviderHealth>();

  /**
   * @param nowMs monotonic clock
   * @param durationMs how long the attempt took
   */
  observe(
    provider: string,
    facts: LearnedFacts,
    outcome: AttemptOutcome,
    durationMs: number,
    nowMs: number,
  ): void {
    const signal = breakerSignal(outcome);
    if (signal === 'excluded') return;
    const index = outcome.kind === 'pending' ? PENDING : INDEX_OF[signal];
    const health = this.#of(provider);
    health.all.add(index, nowMs);
    const key = segmentOf(facts);
    let segment = health.segments.get(key);
    if (segment === undefined) {
      segment = new Decayed(COUNTS, HALF_LIFE_MS);
      health.segments.set(key, segment);
    }
    segment.add(index, nowMs);
    if (signal === 'success') health.latency.add(bucketOf(durationMs), nowMs);
  }

  /** @param above what is assumed without a closer look: of an account's own book, what everybody's says */
  health(provider: string, facts: LearnedFacts, nowMs: number, above: Health = HEALTHY): Health {
    const known = this.#providers.get(provider);
    if (known === undefined) return above;
    const all = drawnTowards(above, known.all, nowMs);
    const segment = known.segments.get(segmentOf(facts));
    if (segment === undefined) return all;
    const fine = drawnTowards(all, segment, nowMs);
    return fine.samples >= MINIMUM_VOLUME ? fine : { ...fine, samples: Math.max(fine.samples, all.samples) };
  }

  /** Of the provider over all segments, for operators. */
  providerHealth(provider: string, nowMs: number): Health {
    const known = this.#providers.get(provider);
    return known === undefined ? HEALTHY : drawnTowards(HEALTHY, known.all, nowMs);
  }

  /** Upper bound of the histogram's bucket that holds the 99th percentile of recent answers; null when too few. */
  latencyP99Ms(provider: string, nowMs: number): number | null {
    const latency = this.#providers.get(provider)?.latency;
    if (latency === undefined) return null;
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) total += latency.raw(bucket);
    if (total * latency.factor(nowMs) < MINIMUM_ANSWERS) return null;
    let above = 0;
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket -= 1) {
      above += latency.raw(bucket);
      if (above > total * 0.01) return Math.ceil(BUCKET_RATIO ** bucket);
    }
    return null;
  }

  #of(provider: string): ProviderHealth {
    const known = this.#providers.get(provider);
    if (known !== undefined) return known;
    const made: ProviderHealth = {
      all: new Decayed(COUNTS, HALF_LIFE_MS),
      segments: new Map(),
      latency: new Decayed(BUCKETS, LATENCY_HALF_LIFE_MS),
    };
    this.#providers.set(provider, made);
    return made;
  }
}

function drawnTowards(above: Health, counts: Decayed, nowMs: number): Health {
  const factor = counts.factor(nowMs);
  const processed = counts.raw(PROCESSED) * factor;
  const unknown = counts.raw(UNKNOWN) * factor;
  const pending = counts.raw(PENDING) * factor;
  const samples = processed + unknown + pending + counts.raw(FAILED) * factor;
  const weight = samples + MINIMUM_VOLUME;
  return {
    processed: (processed + MINIMUM_VOLUME * above.processed) / weight,
    unknown: (unknown + MINIMUM_VOLUME * above.unknown) / weight,
    pending: (pending + MINIMUM_VOLUME * above.pending) / weight,
    samples,
  };
}

function segmentOf(facts: LearnedFacts): string {
  return `${facts.cardBrand}/${facts.cardIssuerRegion ?? ''}`;
}

/** The first bucket whose bound is at or above the duration; the last one takes everything longer. */
function bucketOf(durationMs: number): number {
  if (durationMs <= 1) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(durationMs) / Math.log(BUCKET_RATIO) - 1e-9));
}
