/** Each bucket's bound is this much above the one before: a percentile is told within 1 %. */
const RATIO = 1.01;
const LOWEST_MS = 0.01;
const BUCKETS = 1_800;

/** Latencies in buckets of equal ratio, from 10 us to over ten minutes, in bounded memory. */
export class LatencyBook {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #largestMs = 0;

  add(latencyMs: number): void {
    const at = Math.ceil(Math.log(Math.max(LOWEST_MS, latencyMs) / LOWEST_MS) / Math.log(RATIO));
    (this.#counts[Math.min(BUCKETS - 1, at)] as number) += 1;
    this.#count += 1;
    this.#largestMs = Math.max(this.#largestMs, latencyMs);
  }

  get count(): number {
    return this.#count;
  }

  get largestMs(): number {
    return this.#largestMs;
  }

  /** The latency that this share of all (0 to 1) did not exceed, at most 1 % too high; null without any. */
  percentile(share: number): number | null {
    if (this.#count === 0) return null;
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (let at = 0; at < BUCKETS; at += 1) {
      left -= this.#counts[at] as number;
      if (left <= 0) return Math.min(this.#largestMs, LOWEST_MS * RATIO ** at);
    }
    return this.#largestMs;
  }
}
