import { hash } from 'node:crypto';
import { seededUnit } from '../../replay/seeded-unit.ts';

/** Draws that follow from a seed alone (mulberry32): the same seed gives the same payments. */
export class SeededRandom {
  /** Uniform in [0, 1). */
  readonly unit: () => number;

  constructor(seed: string) {
    this.unit = seededUnit(Number.parseInt(hash('sha256', seed, 'hex').slice(0, 8), 16));
  }

  /** Integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of the items, evenly. @throws RangeError for an empty list */
  pick<T>(items: readonly T[]): T {
    return this.weighted(items, () => 1);
  }

  /** One of the items, by weight. @throws RangeError for an empty list */
  weighted<T>(items: readonly T[], weightOf: (item: T) => number): T {
    let left = this.unit() * items.reduce((sum, item) => sum + weightOf(item), 0);
    for (const item of items) {
      left -= weightOf(item);
      if (left < 0) return item;
    }
    const last = items.at(-1);
    if (last === undefined) throw new RangeError('a draw from an empty list');
    return last;
  }

  /** Letters only: nothing in it can look like a card number. */
  letters(length: number): string {
    return Array.from({ length }, () => this.pick(LETTERS)).join('');
  }
}

const LETTERS = [...'abcdefghjkmnpqrstvwxyz'];
