/**
 * Counts that fade: each counts half as much after every half-life. Bounded by time, not by number: what is not
 * fed is forgotten.
 */
export class Decayed {
  readonly #halfLifeMs: number;
  readonly #values: Float64Array;
  #atMs = Number.NEGATIVE_INFINITY;

  /** @param size how many counts fade together */
  constructor(size: number, halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs;
    this.#values = new Float64Array(size);
  }

  /** @param nowMs a clock that does not go back */
  add(index: number, nowMs: number): void {
    const factor = this.factor(nowMs);
    if (factor !== 1) for (let at = 0; at < this.#values.length; at += 1) this.#scale(at, factor);
    this.#atMs = Math.max(this.#atMs, nowMs);
    this.#values[index] = (this.#values[index] ?? 0) + 1;
  }

  /** The count as of the last addition; times {@link factor} as of now. */
  raw(index: number): number {
    return this.#values[index] ?? 0;
  }

  /** What the raw counts are worth now, 0 to 1. */
  factor(nowMs: number): number {
    return nowMs <= this.#atMs ? 1 : 2 ** ((this.#atMs - nowMs) / this.#halfLifeMs);
  }

  #scale(index: number, factor: number): void {
    this.#values[index] = (this.#values[index] ?? 0) * factor;
  }
}
