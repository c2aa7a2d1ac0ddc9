/** Where a tally stands in a {@link TallyTable}, until the next call of `touch`. */
export type TallySlot = number;

/** Name of a cell as two 32-bit hashes: two of a million cells share one with a probability of 3 in 10^8. */
export interface CellKey {
  readonly low: number;
  readonly high: number;
}

/** Provider number under which a cell keeps the outcomes of all providers together. */
export const POOLED = 0;

/** Slots of one generation per tally it may hold: an open table that is fuller becomes slow. */
const SLACK = 1.4;
/** Entries of the older generation that are looked at for each new one, so that all of them are in time. */
const SWEPT_PER_NEW = 2;

/** Tallies in flat arrays: 30 bytes and the slack each, however many there are. */
class Generation {
  readonly capacity: number;
  size = 0;
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  /** Provider's number and one more; 0: the slot is empty. */
  readonly owner: Uint16Array;
  readonly approved: Float32Array;
  readonly total: Float32Array;
  /** Event of the cell up to which both are discounted. */
  readonly at: Uint32Array;
  /** Event of the cell up to which discounting is fast. */
  readonly fastUntil: Uint32Array;
  /** Number of the watch for changes and one more; 0: none. */
  readonly watch: Uint32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.low = new Uint32Array(capacity);
    this.high = new Uint32Array(capacity);
    this.owner = new Uint16Array(capacity);
    this.approved = new Float32Array(capacity);
    this.total = new Float32Array(capacity);
    this.at = new Uint32Array(capacity);
    this.fastUntil = new Uint32Array(capacity);
    this.watch = new Uint32Array(capacity);
  }

  /** The slot of a tally, or, as its complement, the free one where it belongs. */
  probe(key: CellKey, provider: number): number {
    const owner = provider + 1;
    const start = (key.low ^ Math.imul(owner, 0x9e3779b1)) >>> 0;
    let slot = Math.floor((start / 2 ** 32) * this.capacity);
    for (;;) {
      const there = this.owner[slot];
      if (there === 0) return ~slot;
      if (there === owner && this.low[slot] === key.low && this.high[slot] === key.high) return slot;
      slot = slot + 1 === this.capacity ? 0 : slot + 1;
    }
  }

  take(slot: number, key: CellKey, provider: number): void {
    this.low[slot] = key.low;
    this.high[slot] = key.high;
    this.owner[slot] = provider + 1;
    this.size += 1;
  }
}

/** One tally as it is saved. */
export interface SavedTally {
  readonly low: number;
  readonly high: number;
  readonly provider: number;
  readonly approved: number;
  readonly total: number;
  readonly at: number;
  readonly fastUntil: number;
}

/**
 * What providers did in cells, in bounded memory. Tallies stand in two generations: what is touched goes into the recent
 * one; when that is full it becomes the older one, and what is left of the one before is forgotten. Before it comes to
 * that, every entry of the older generation is looked at once, and one that weighs much is kept although nobody touched
 * it. So what goes is old and light (a tally that was last touched long ago), never a heavy one of the time before.
 */
export class TallyTable {
  readonly #limit: number;
  readonly #heavy: number;
  readonly #onForgotten: (watch: number) => void;
  #recent: Generation;
  #older: Generation;
  #sweep = 0;
  /** Heavy entries that were carried over into the recent generation: half of it at most. */
  #carried = 0;

  /**
   * @param limit tallies kept at most, 8 or more
   * @param heavy discounted outcomes from which a tally is kept longer
   * @param onForgotten told of the watch of a tally that is forgotten
   */
  constructor(limit: number, heavy: number, onForgotten: (watch: number) => void) {
    this.#limit = Math.floor(limit / 2);
    this.#heavy = heavy;
    this.#onForgotten = onForgotten;
    this.#recent = new Generation(initialCapacity(this.#limit));
    this.#older = new Generation(8);
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** Bytes of all arrays. */
  get bytes(): number {
    return (this.#recent.capacity + this.#older.capacity) * 30;
  }

  /** Reads without touching; null when there is none. */
  read(key: CellKey, provider: number): SavedTally | null {
    for (const generation of [this.#recent, this.#older]) {
      const slot = generation.probe(key, provider);
      if (slot >= 0) return tallyAt(generation, slot);
    }
    return null;
  }

  /** Finds or makes a tally, and counts it as just used. */
  touch(key: CellKey, provider: number): TallySlot {
    const slot = this.#recent.probe(key, provider);
    if (slot >= 0) return slot;
    this.#sweepOlder();
    return this.#enter(key, provider);
  }

  approved(slot: TallySlot): number {
    return this.#recent.approved[slot] ?? 0;
  }

  total(slot: TallySlot): number {
    return this.#recent.total[slot] ?? 0;
  }

  at(slot: TallySlot): number {
    return this.#recent.at[slot] ?? 0;
  }

  fastUntil(slot: TallySlot): number {
    return this.#recent.fastUntil[slot] ?? 0;
  }

  /** Number of the tally's watch for changes; -1: none. */
  watch(slot: TallySlot): number {
    return (this.#recent.watch[slot] ?? 0) - 1;
  }

  write(slot: TallySlot, approved: number, total: number, at: number): void {
    this.#recent.approved[slot] = approved;
    this.#recent.total[slot] = total;
    this.#recent.at[slot] = at;
  }

  setFastUntil(slot: TallySlot, event: number): void {
    this.#recent.fastUntil[slot] = event;
  }

  setWatch(slot: TallySlot, watch: number): void {
    this.#recent.watch[slot] = watch + 1;
  }

  /** Every tally as of now, older ones first, to be read in one's own time: a copy of the arrays is made at once. */
  saved(): Iterable<SavedTally> {
    return talliesOf([copied(this.#older), copied(this.#recent)]);
  }

  restore(tally: SavedTally): void {
    const slot = this.touch(tally, tally.provider);
    this.write(slot, tally.approved, tally.total, tally.at);
    this.setFastUntil(slot, tally.fastUntil);
  }

  /** Into the recent generation, from the older one if it is there. */
  #enter(key: CellKey, provider: number): TallySlot {
    this.#makeRoom();
    const slot = ~this.#recent.probe(key, provider);
    this.#recent.take(slot, key, provider);
    const from = this.#older.probe(key, provider);
    if (from >= 0) move(this.#older, from, this.#recent, slot);
    else clear(this.#recent, slot);
    return slot;
  }

  #makeRoom(): void {
    const { capacity, size } = this.#recent;
    if (size >= this.#limit) {
      for (let slot = 0; slot < this.#older.capacity; slot += 1) {
        const watch = this.#older.watch[slot] ?? 0;
        if (watch !== 0) this.#onForgotten(watch - 1);
      }
      this.#older = this.#recent;
      this.#recent = new Generation(initialCapacity(this.#limit));
      this.#sweep = 0;
      this.#carried = 0;
    } else if ((size + 1) * SLACK > capacity) {
      this.#recent = grown(this.#recent, Math.min(Math.ceil(this.#limit * SLACK) + 1, capacity * 2));
    }
  }

  #sweepOlder(): void {
    const older = this.#older;
    for (let looked = 0; looked < SWEPT_PER_NEW * SLACK && this.#sweep < older.capacity; this.#sweep += 1) {
      const slot = this.#sweep;
      looked += 1;
      const owner = older.owner[slot] ?? 0;
      if (owner === 0 || (older.total[slot] ?? 0) < this.#heavy) continue;
      if (this.#carried >= this.#limit / 2 || this.#recent.size + 1 >= this.#limit) return;
      const key = { low: older.low[slot] ?? 0, high: older.high[slot] ?? 0 };
      if (this.#recent.probe(key, owner - 1) >= 0) continue;
      this.#carried += 1;
      this.#enter(key, owner - 1);
    }
  }
}

function* talliesOf(generations: readonly Generation[]): Generator<SavedTally> {
  for (const generation of generations) {
    for (let slot = 0; slot < generation.capacity; slot += 1) {
      if (generation.owner[slot] !== 0) yield tallyAt(generation, slot);
    }
  }
}

function copied(generation: Generation): Generation {
  const copy = new Generation(generation.capacity);
  for (const field of ['low', 'high', 'owner', 'approved', 'total', 'at', 'fastUntil'] as const) {
    copy[field].set(generation[field]);
  }
  return copy;
}

function initialCapacity(limit: number): number {
  return Math.min(Math.ceil(limit * SLACK) + 1, 1024);
}

function tallyAt(generation: Generation, slot: number): SavedTally {
  return {
    low: generation.low[slot] ?? 0,
    high: generation.high[slot] ?? 0,
    provider: (generation.owner[slot] ?? 0) - 1,
    approved: generation.approved[slot] ?? 0,
    total: generation.total[slot] ?? 0,
    at: generation.at[slot] ?? 0,
    fastUntil: generation.fastUntil[slot] ?? 0,
  };
}

/** The entry stays where it was as a trace, without its watch: the recent generation is asked first. */
function move(from: Generation, source: number, to: Generation, target: number): void {
  to.approved[target] = from.approved[source] ?? 0;
  to.total[target] = from.total[source] ?? 0;
  to.at[target] = from.at[source] ?? 0;
  to.fastUntil[target] = from.fastUntil[source] ?? 0;
  to.watch[target] = from.watch[source] ?? 0;
  from.watch[source] = 0;
}

function clear(generation: Generation, slot: number): void {
  generation.approved[slot] = 0;
  generation.total[slot] = 0;
  generation.at[slot] = 0;
  generation.fastUntil[slot] = 0;
  generation.watch[slot] = 0;
}

function grown(generation: Generation, capacity: number): Generation {
  const larger = new Generation(capacity);
  for (let slot = 0; slot < generation.capacity; slot += 1) {
    const owner = generation.owner[slot] ?? 0;
    if (owner === 0) continue;
    const key = { low: generation.low[slot] ?? 0, high: generation.high[slot] ?? 0 };
    const target = ~larger.probe(key, owner - 1);
    larger.take(target, key, owner - 1);
    move(generation, slot, larger, target);
  }
  return larger;
}
