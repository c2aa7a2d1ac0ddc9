import { fnv1a32, stickyFraction } from '../scoring/sticky-fraction.ts';

/** Half-open: from the first, up to but without the second. */
export type BucketRange = readonly [number, number];

/** A part of all units that experiments which exclude each other divide among them. */
export interface Namespace {
  readonly name: string;
  /** Of 0..1, half-open. */
  readonly range: BucketRange;
}

/**
 * Where a unit falls in [0, 1), as GrowthBook's SDKs compute it: version 2 in steps of 1/10000, version 1, kept for
 * namespaces, in steps of 1/1000 and biased. Changing seed or version moves every unit. Over UTF-16 code units: keep
 * ids ASCII if other languages have to agree.
 * @param unit payment or customer, never attempt
 * @returns null for a version that is not known
 */
export function assignmentFraction(seed: string, unit: string, version: number): number | null {
  if (version === 2) return stickyFraction(seed, unit);
  if (version === 1) return (fnv1a32(unit + seed) % 1000) / 1000;
  return null;
}

/**
 * Ranges of the arms: arm i begins where the weights before it end, and has `coverage` of its weight, so that a
 * higher coverage adds units and moves none.
 * @param coverage share of all units in the experiment, clipped to 0..1
 * @param weights shares that add up to 1 within 0.01, one an arm; else, and when left out, the arms get equal ones
 */
export function bucketRanges(arms: number, coverage = 1, weights?: readonly number[] | null): BucketRange[] {
  const covered = Math.min(1, Math.max(0, coverage));
  const sum = weights?.reduce((total, weight) => total + weight, 0) ?? 0;
  const valid = weights?.length === arms && sum >= 0.99 && sum <= 1.01;
  const shares = valid ? weights : new Array<number>(arms).fill(1 / arms);
  let start = 0;
  return shares.map((share) => {
    const range = [start, start + covered * share] as const;
    start += share;
    return range;
  });
}

/** Index of the arm whose range holds the fraction; null when none does: the unit is not in the experiment. */
export function armOf(fraction: number, ranges: readonly BucketRange[]): number | null {
  const index = ranges.findIndex((range) => inRange(fraction, range));
  return index === -1 ? null : index;
}

/** Whether a unit belongs to a part of a namespace; the same for all experiments that name it. */
export function inNamespace(unit: string, { name, range }: Namespace): boolean {
  return inRange((fnv1a32(`${unit}__${name}`) % 1000) / 1000, range);
}

function inRange(fraction: number, [from, to]: BucketRange): boolean {
  return fraction >= from && fraction < to;
}
