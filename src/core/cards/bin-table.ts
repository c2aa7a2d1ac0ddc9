import type { CardBrand, CardFunding } from '../card.ts';

/** Digits of the table's space: schemes publish account ranges of up to eleven. */
export const BIN_DIGITS_MAX = 11;
export const BIN_DIGITS_MIN = 6;

/** What a table says about the cards of one range. */
export interface BinRecord {
  /**
   * Null: the range says nothing, and the narrowest enclosing range that does is asked. `unknown`: a scheme that we
   * have no name for.
   */
  readonly brand: CardBrand | null;
  readonly funding: CardFunding | null;
  readonly product: string | null;
  readonly prepaid: boolean | null;
  readonly issuer: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly country: string | null;
}

/** A range of the eleven-digit space, both ends included. */
export interface BinRange extends BinRecord {
  readonly start: number;
  readonly end: number;
}

/** What a look-up found. */
export interface BinMatch extends BinRecord {
  readonly brand: CardBrand;
  /** Digits that the bounds of the matched range are given in, 1 to 11. */
  readonly matchLength: number;
}

/**
 * The range of a prefix or of a pair of prefixes of equal length, padded to eleven digits.
 * @param from 1 to 11 digits
 */
export function binBounds(from: string, to: string = from): { readonly start: number; readonly end: number } {
  return { start: Number(from.padEnd(BIN_DIGITS_MAX, '0')), end: Number(to.padEnd(BIN_DIGITS_MAX, '9')) };
}

/** First six digits of a number of the eleven-digit space: it is divided by this. */
const PER_SIX = 1e5;
const NO_NODE = 0xffffffff;
const STRIDE = 3;
const NARROWEST_END = 1;
const NODE = 2;

/**
 * An immutable table of BIN ranges. Ranges may nest and overlap: the narrowest that encloses the whole input wins,
 * of two equal ones the later. So a six-digit input finds six-digit and shorter entries, never an eight-digit child,
 * of which it cannot know whether it is meant.
 *
 * The space is cut at every bound into segments. Each points to the narrowest range over it, and each range over a
 * segment to the next wider one. A look-up finds the segment of its lowest value (an index by the first six digits,
 * then a binary search in what is left: usually nothing) and climbs until a range holds its highest value.
 */
export class BinTable {
  /** Number of ranges that went in. */
  readonly size: number;
  /** Three numbers a segment: its start, the end of the narrowest range over it, that range's node. */
  readonly #segments: Float64Array;
  readonly #index: Uint32Array;
  readonly #nodeEnds: Float64Array;
  readonly #nodeWider: Uint32Array;
  readonly #nodeMatches: readonly BinMatch[];

  /**
   * @throws RangeError for a range outside the space or with its ends swapped: who imports checks them
   */
  constructor(ranges: readonly BinRange[]) {
    this.size = ranges.length;
    const built = flatten(ranges);
    this.#segments = built.segments;
    this.#nodeEnds = built.nodeEnds;
    this.#nodeWider = built.nodeWider;
    this.#nodeMatches = built.nodeMatches;
    this.#index = indexBySix(built.segments);
  }

  /**
   * @param bin 6 to 11 digits
   * @returns what is known, or null when no range encloses the input or the input is no BIN
   */
  find(bin: string): BinMatch | null {
    const length = bin.length;
    if (length < BIN_DIGITS_MIN || length > BIN_DIGITS_MAX) return null;
    let low = 0;
    for (let at = 0; at < length; at += 1) {
      const digit = bin.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) return null;
      low = low * 10 + digit;
    }
    const width = WIDTHS[BIN_DIGITS_MAX - length] ?? 1;
    low *= width;
    const high = low + width - 1;
    const at = this.#segmentOf(low);
    let node = this.#segments[at + NODE] ?? NO_NODE;
    if ((this.#segments[at + NARROWEST_END] ?? 0) < high) {
      do node = this.#nodeWider[node] ?? NO_NODE;
      while (node !== NO_NODE && (this.#nodeEnds[node] ?? 0) < high);
    }
    return node === NO_NODE ? null : (this.#nodeMatches[node] ?? null);
  }

  /** Offset in `#segments` of the segment that holds a value. */
  #segmentOf(value: number): number {
    const segments = this.#segments;
    const six = Math.floor(value / PER_SIX);
    let low = this.#index[six] ?? 0;
    let high = this.#index[six + 1] ?? 0;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((segments[middle * STRIDE] ?? 0) <= value) low = middle;
      else high = middle - 1;
    }
    return low * STRIDE;
  }
}

const WIDTHS = [1, 1e1, 1e2, 1e3, 1e4, 1e5];

/** For every six-digit prefix the segment that holds its first value; one more at the end. */
function indexBySix(segments: Float64Array): Uint32Array {
  const index = new Uint32Array(1e6 + 1);
  const last = segments.length / STRIDE - 1;
  let segment = 0;
  for (let six = 0; six < 1e6; six += 1) {
    const value = six * PER_SIX;
    while (segment < last && (segments[(segment + 1) * STRIDE] ?? 0) <= value) segment += 1;
    index[six] = segment;
  }
  index[1e6] = last;
  return index;
}

interface Flattened {
  readonly segments: Float64Array;
  readonly nodeEnds: Float64Array;
  readonly nodeWider: Uint32Array;
  readonly nodeMatches: readonly BinMatch[];
}

/** Sweeps over all bounds, keeping the ranges open at each as a chain from the widest to the narrowest. */
function flatten(ranges: readonly BinRange[]): Flattened {
  const byStart = ordered(ranges);
  const starts: number[] = [0];
  const nodes: number[] = [NO_NODE];
  const chain = new OpenRanges();
  const cut = (at: number): void => {
    if (starts[starts.length - 1] === at) nodes[nodes.length - 1] = chain.narrowest();
    else if (nodes[nodes.length - 1] !== chain.narrowest()) {
      starts.push(at);
      nodes.push(chain.narrowest());
    }
  };
  const closeUpTo = (bound: number): void => {
    for (let end = chain.firstEnd(); end < bound; end = chain.firstEnd()) {
      chain.closeAt(end);
      cut(end + 1);
    }
  };
  for (const position of byStart) {
    const range = ranges[position];
    if (range === undefined) continue;
    closeUpTo(range.start);
    chain.open(range, position);
    cut(range.start);
  }
  closeUpTo(Number.POSITIVE_INFINITY);
  return {
    segments: interleave(starts, nodes, chain.nodeEnds),
    nodeEnds: Float64Array.from(chain.nodeEnds),
    nodeWider: Uint32Array.from(chain.nodeWider),
    nodeMatches: chain.nodeMatches,
  };
}

function interleave(
  starts: readonly number[],
  nodes: readonly number[],
  ends: readonly number[],
): Float64Array {
  const segments = new Float64Array(starts.length * STRIDE);
  for (const [at, start] of starts.entries()) {
    const node = nodes[at] ?? NO_NODE;
    segments[at * STRIDE] = start;
    segments[at * STRIDE + NARROWEST_END] = node === NO_NODE ? Number.POSITIVE_INFINITY : (ends[node] ?? 0);
    segments[at * STRIDE + NODE] = node;
  }
  return segments;
}

/** Positions of the ranges by start, the wider first, so that nested ranges only ever grow the end of the chain. */
function ordered(ranges: readonly BinRange[]): Uint32Array {
  for (const { start, end } of ranges) {
    if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end < 1e11)) {
      throw new RangeError(`a BIN range from ${start} to ${end}; expected 0 <= start <= end < 10^11`);
    }
  }
  const starts = new Float64Array(ranges.length);
  const ends = new Float64Array(ranges.length);
  const positions = new Uint32Array(ranges.length);
  for (const [position, { start, end }] of ranges.entries()) {
    starts[position] = start;
    ends[position] = end;
    positions[position] = position;
  }
  return positions.sort(
    (left, right) =>
      (starts[left] ?? 0) - (starts[right] ?? 0) || (ends[right] ?? 0) - (ends[left] ?? 0) || left - right,
  );
}

interface Link {
  readonly range: BinRange;
  readonly position: number;
  readonly node: number;
}

/** The ranges over the point of the sweep, widest first; a node of the result for each link of a chain. */
class OpenRanges {
  readonly nodeEnds: number[] = [];
  readonly nodeWider: number[] = [];
  readonly nodeMatches: BinMatch[] = [];
  readonly #matches = new Map<string, BinMatch>();
  #last: BinMatch | null = null;
  readonly #links: Link[] = [];

  narrowest(): number {
    return this.#links[this.#links.length - 1]?.node ?? NO_NODE;
  }

  firstEnd(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { range } of this.#links) if (range.end < first) first = range.end;
    return first;
  }

  open(range: BinRange, position: number): void {
    let at = this.#links.length;
    while (at > 0 && !isNarrower(range, position, this.#links[at - 1])) at -= 1;
    const shifted = this.#links.splice(at);
    this.#append(range, position);
    for (const link of shifted) this.#append(link.range, link.position);
  }

  closeAt(end: number): void {
    const at = this.#links.findIndex(({ range }) => range.end === end);
    const shifted = this.#links.splice(at);
    for (const link of shifted) if (link.range.end !== end) this.#append(link.range, link.position);
  }

  #append(range: BinRange, position: number): void {
    const wider = this.narrowest();
    const brand =
      range.brand ?? (wider === NO_NODE ? 'unknown' : (this.nodeMatches[wider]?.brand ?? 'unknown'));
    this.nodeEnds.push(range.end);
    this.nodeWider.push(wider);
    this.nodeMatches.push(this.#match(range, brand));
    this.#links.push({ range, position, node: this.nodeEnds.length - 1 });
  }

  /** Equal facts are one object: a million ranges come from some thousand issuers. */
  #match(range: BinRange, brand: CardBrand): BinMatch {
    const { funding, product, prepaid, issuer, country } = range;
    const matchLength = precision(range);
    // Ranges of one issuer mostly follow one another.
    const last = this.#last;
    if (
      last !== null &&
      last.brand === brand &&
      last.funding === funding &&
      last.product === product &&
      last.prepaid === prepaid &&
      last.issuer === issuer &&
      last.country === country &&
      last.matchLength === matchLength
    ) {
      return last;
    }
    const key = `${brand}|${funding}|${product}|${prepaid}|${issuer}|${country}|${matchLength}`;
    const known = this.#matches.get(key);
    this.#last = known ?? Object.freeze({ brand, funding, product, prepaid, issuer, country, matchLength });
    if (known === undefined) this.#matches.set(key, this.#last);
    return this.#last;
  }
}

function isNarrower(range: BinRange, position: number, than: Link | undefined): boolean {
  if (than === undefined) return true;
  const difference = range.end - range.start - (than.range.end - than.range.start);
  return difference < 0 || (difference === 0 && position > than.position);
}

/** Digits in which both bounds can be written: 222100-272099 needs four, 45717360 needs eight. */
function precision({ start, end }: BinRange): number {
  let length = BIN_DIGITS_MAX;
  for (let unit = 10; length > 1 && start % unit === 0 && (end + 1) % unit === 0; unit *= 10) length -= 1;
  return length;
}
