/** A map of bounded size: a new entry pushes the one out that was touched longest ago. */
export class LeastRecentMap<K, V> {
  readonly #limit: number;
  readonly #entries = new Map<K, V>();

  /** @param limit entries at most, 1 or more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Reads without touching. */
  peek(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** Reads, or makes, an entry and counts it as just used. */
  touch(key: K, make: () => V): V {
    const known = this.#entries.get(key);
    const value = known ?? make();
    if (known !== undefined) this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    return value;
  }
}
