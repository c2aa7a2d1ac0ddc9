/** A place in an {@link OpenList}, by which its item is taken out again. */
export interface OpenPlace<T> {
  readonly item: T;
  /** Index in the list; -1 once it was taken out. */
  index: number;
}

/**
 * Items that come and go all the time, in no order, such as requests under way. A `Set` or a `Map` would do, but V8
 * makes a new table for every few dozen of such changes, and each old table goes on holding the items it had and the
 * table after it: by the time of a minor garbage collection one of them is old, and everything that passed through
 * since is kept until a major one.
 */
export class OpenList<T> {
  readonly #places: OpenPlace<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(item: T): OpenPlace<T> {
    const place = { item, index: this.#places.length };
    this.#places.push(place);
    return place;
  }

  /** Takes an item out; nothing happens when it is out already. */
  remove(place: OpenPlace<T>): void {
    const { index } = place;
    if (index === -1) return;
    place.index = -1;
    const last = this.#places.pop();
    if (last === undefined || last === place) return;
    last.index = index;
    this.#places[index] = last;
  }

  /** The items as they are now: what the caller does with one may take others out. */
  items(): readonly T[] {
    return this.#places.map((place) => place.item);
  }
}
