/** Each bucket is wider than the one before by this: the error of a quantile is at most half of it. */
const GROWTH = 1.05;
const LOG_GROWTH = Math.log(GROWTH);

/** Durations in buckets that grow with them: quantiles of any number of them in little room. */
export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** @param ms 0 or more */
  add(ms: number): void {
    const bucket = ms < 1 ? 0 : 1 + Math.floor(Math.log(ms) / LOG_GROWTH);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total += 1;
  }

  /** Both together, as another one. */
  with(other: LatencyHistogram): LatencyHistogram {
    const both = new LatencyHistogram();
    for (const [bucket, count] of [...this.#counts, ...other.#counts]) {
      both.#counts.set(bucket, (both.#counts.get(bucket) ?? 0) + count);
    }
    both.#total = this.#total + other.#total;
    return both;
  }

  /** Milliseconds that this share of the durations does not exceed; null for none. @param share above 0, at most 1 */
  quantile(share: number): number | null {
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (const [bucket, count] of [...this.#counts].sort(([one], [other]) => one - other)) {
      left -= count;
      if (left <= 0) return bucket === 0 ? 0 : GROWTH ** (bucket - 0.5);
    }
    return null;
  }
}
