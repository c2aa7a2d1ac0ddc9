/**
 * A map of bounded size that forgets what was not touched for long. Entries stand in two generations: what is touched
 * goes into the recent one, and when that is half the bound, it becomes the older one, and what nobody touched since
 * the time before is forgotten. So an entry lasts until at least half the bound of others were touched after it, and
 * touching a recent one, which is nearly every touch, changes nothing.
 */
export class LeastRecentMap<K, V> {
  readonly #generation: number;
  #recent = new Map<K, V>();
  #older = new Map<K, V>();

  /** @param limit entries at most, 2 or more */
  constructor(limit: number) {
    this.#generation = Math.floor(limit / 2);
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** Reads without touching. */
  peek(key: K): V | undefined {
    return this.#recent.get(key) ?? this.#older.get(key);
  }

  /** All of them, roughly as they were touched: those that would be forgotten first come first. */
  *entries(): Iterable<readonly [K, V]> {
    yield* this.#older;
    yield* this.#recent;
  }

  /** Reads, or makes, an entry and counts it as just used. */
  touch(key: K, make: () => V): V {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const value = this.#older.get(key) ?? make();
    if (this.#recent.size >= this.#generation) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#older.delete(key);
    this.#recent.set(key, value);
    return value;
  }
}
