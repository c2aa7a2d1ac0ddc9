/** A metric whose series are picked by labels. */
interface Labelled<Child> {
  labels(...values: string[]): Child;
}

/**
 * Series of one metric by their label values, looked up once: a scrape grows with the number of series, and so does
 * what a mistake can cost. Beyond the bound, further values are counted under `other`.
 */
export class LabelCache<Child> {
  readonly #metric: Labelled<Child>;
  readonly #width: number;
  readonly #seriesMax: number;
  readonly #children = new Map<string, Child>();
  #other: Child | null = null;

  /**
   * @param width number of labels
   * @param seriesMax series of this metric, `other` not counted
   */
  constructor(metric: Labelled<Child>, width: number, seriesMax: number) {
    this.#metric = metric;
    this.#width = width;
    this.#seriesMax = seriesMax;
  }

  get(...values: string[]): Child {
    const key = values.join('\n');
    const known = this.#children.get(key);
    if (known !== undefined) return known;
    if (this.#children.size >= this.#seriesMax) {
      this.#other ??= this.#metric.labels(...Array<string>(this.#width).fill('other'));
      return this.#other;
    }
    const child = this.#metric.labels(...values);
    this.#children.set(key, child);
    return child;
  }
}
