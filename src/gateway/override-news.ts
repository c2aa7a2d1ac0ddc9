import type { ProviderOverride } from './ports.ts';

/** Which overrides this process has already told of, so that each that somebody else took is told here once. */
export class OverrideNews {
  #known: ReadonlySet<string> = new Set();
  readonly #own = new Set<string>();

  /** One that this process is about to take, and tells of by itself. */
  taking(override: ProviderOverride): void {
    this.#own.add(keyOf(override));
  }

  /**
   * It could not be recorded, or nobody knows whether: should it be there later, it is news.
   * @returns whether it was there before that was known: it is to be told of now
   */
  notTaken(override: ProviderOverride): boolean {
    this.#own.delete(keyOf(override));
    return this.#known.has(keyOf(override));
  }

  /** @returns of all there are, those that were not told of before, in their order */
  newIn(overrides: readonly ProviderOverride[]): readonly ProviderOverride[] {
    const news = overrides.filter((each) => !this.#known.has(keyOf(each)) && !this.#own.has(keyOf(each)));
    this.#known = new Set(overrides.map(keyOf));
    for (const key of this.#own) if (this.#known.has(key)) this.#own.delete(key);
    return news;
  }
}

function keyOf({ provider, brand, merchant, mode, author, createdAtMs }: ProviderOverride): string {
  return JSON.stringify([provider, brand, merchant, mode, author, createdAtMs]);
}
