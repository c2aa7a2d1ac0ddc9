/**
 * Values that a condition lets through. Conditions are evaluated on it and reasoned about with it, so that
 * what is proved unreachable or contradictory is what would happen.
 */
export type ValueSet =
  /** These words, or (`within` false) every word but these. */
  | { readonly kind: 'words'; readonly within: boolean; readonly words: ReadonlySet<string> }
  /** Whole numbers in these ranges, both ends included; sorted, apart from each other. */
  | { readonly kind: 'ranges'; readonly ranges: readonly Range[] };

export type Range = readonly [low: number, high: number];

const NOTHING: Range = [0, -1];

export function wordSet(words: Iterable<string>, within = true): ValueSet {
  return { kind: 'words', within, words: new Set(words) };
}

/** Sorts and joins ranges; those with low above high are empty and left out. */
export function rangeSet(ranges: Iterable<Range>): ValueSet {
  const sorted = [...ranges].filter(([low, high]) => low <= high).sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else joined.push([low, high]);
  }
  return { kind: 'ranges', ranges: joined };
}

/** What a field can hold at all: a closed list of words, any word (null), or one range of whole numbers. */
export type Universe = { readonly words: readonly string[] | null } | { readonly range: Range };

/** Sets of whole universes, which are asked for again and again: a list of countries is long. */
const WHOLE = new WeakMap<Universe, ValueSet>();

/** Everything of the universe. */
export function everything(universe: Universe): ValueSet {
  const known = WHOLE.get(universe);
  if (known !== undefined) return known;
  const whole = wholeOf(universe);
  WHOLE.set(universe, whole);
  return whole;
}

function wholeOf(universe: Universe): ValueSet {
  if ('range' in universe) return rangeSet([universe.range]);
  return universe.words === null ? wordSet([], false) : wordSet(universe.words);
}

/** What the universe holds beside this set. */
export function complement(set: ValueSet, universe: Universe): ValueSet {
  if (set.kind === 'words') return closed({ ...set, within: !set.within }, universe);
  const [low, high] = 'range' in universe ? universe.range : [0, Number.MAX_SAFE_INTEGER];
  const gaps: Range[] = [];
  let next = low;
  for (const range of set.ranges) {
    gaps.push([next, range[0] - 1]);
    next = range[1] + 1;
  }
  return rangeSet([...gaps, [next, high]]);
}

/** "All but these" of a closed list, spelt as the words that are left. */
export function closed(set: ValueSet, universe: Universe): ValueSet {
  if (set.kind !== 'words' || set.within || 'range' in universe || universe.words === null) return set;
  return wordSet(universe.words.filter((word) => !set.words.has(word)));
}

export function intersection(a: ValueSet, b: ValueSet): ValueSet {
  if (a.kind === 'ranges' && b.kind === 'ranges') {
    const common: Range[] = [];
    // Both are sorted: whichever range ends first cannot meet anything more.
    for (let left = 0, right = 0; left < a.ranges.length && right < b.ranges.length; ) {
      const [aLow, aHigh] = a.ranges[left] ?? NOTHING;
      const [bLow, bHigh] = b.ranges[right] ?? NOTHING;
      common.push([Math.max(aLow, bLow), Math.min(aHigh, bHigh)]);
      if (aHigh < bHigh) left += 1;
      else right += 1;
    }
    return rangeSet(common);
  }
  if (a.kind === 'words' && b.kind === 'words') {
    // Copied only where it changes: a long list may stand beside many conditions that leave it as it is.
    if (a.within && !b.within && areApart(a.words, b.words)) return a;
    if (a.within) return wordSet([...a.words].filter((word) => b.words.has(word) === b.within));
    if (b.within) return intersection(b, a);
    return wordSet([...a.words, ...b.words], false);
  }
  return wordSet([]);
}

/**
 * What is in each of several sets, in time that grows with their sizes together: one after the other, a long list would be
 * copied for each of the others.
 * @param sets of one field; at least one
 */
export function commonOf(sets: readonly ValueSet[]): ValueSet {
  const [first = wordSet([])] = sets;
  if (sets.length <= 2 || sets.some(({ kind }) => kind !== first.kind)) return sets.reduce(intersection);
  return first.kind === 'ranges' ? commonRanges(sets) : commonWords(sets);
}

/** The shortest first: what they have in common is seldom longer. */
function commonRanges(sets: readonly ValueSet[]): ValueSet {
  const sizeOf = (set: ValueSet) => (set.kind === 'ranges' ? set.ranges.length : 0);
  return sets.toSorted((a, b) => sizeOf(a) - sizeOf(b)).reduce(intersection);
}

function commonWords(sets: readonly ValueSet[]): ValueSet {
  const listed: ReadonlySet<string>[] = [];
  const leftOut = new Set<string>();
  for (const set of sets) {
    if (set.kind !== 'words') continue;
    if (set.within) listed.push(set.words);
    else for (const word of set.words) leftOut.add(word);
  }
  const [shortest, ...others] = listed.toSorted((a, b) => a.size - b.size);
  if (shortest === undefined) return { kind: 'words', within: false, words: leftOut };
  return wordSet(
    [...shortest].filter((word) => !leftOut.has(word) && others.every((words) => words.has(word))),
  );
}

/** Whether no value is in the set. "All but these" of an open list is never empty. */
export function isEmpty(set: ValueSet): boolean {
  return set.kind === 'ranges' ? set.ranges.length === 0 : set.within && set.words.size === 0;
}

/** Whether every value of `inner` is in `outer`; false also when that cannot be told. */
export function contains(outer: ValueSet, inner: ValueSet): boolean {
  if (isEmpty(inner)) return true;
  if (outer.kind === 'ranges' && inner.kind === 'ranges') {
    // Ranges of a set stand apart, so each must lie in a single one of the other.
    let at = 0;
    return inner.ranges.every(([low, high]) => {
      while ((outer.ranges[at]?.[1] ?? Number.POSITIVE_INFINITY) < low) at += 1;
      const range = outer.ranges[at];
      return range !== undefined && range[0] <= low && high <= range[1];
    });
  }
  if (outer.kind !== 'words' || inner.kind !== 'words') return false;
  if (inner.within && !outer.within) return areApart(outer.words, inner.words);
  if (inner.within) return holdsAll(outer.words, inner.words);
  return !outer.within && holdsAll(inner.words, outer.words);
}

function holdsAll(words: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  if (others.size > words.size) return false;
  for (const word of others) if (!words.has(word)) return false;
  return true;
}

function areApart(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const [shorter, longer] = one.size < other.size ? [one, other] : [other, one];
  for (const word of shorter) if (longer.has(word)) return false;
  return true;
}
