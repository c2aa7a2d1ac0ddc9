import type { Region } from '../card.ts';
import { DROP_DEFAULTS, DropDetector, type DropSettings } from '../statistics/drop-detector.ts';

/**
 * Whose drop it is. `provider`: the others hold their rates in that region. `issuers`: the others fall with it. `unclear`:
 * too little went through others meanwhile to say.
 */
export type DropBlame = 'provider' | 'issuers' | 'unclear';

/** A change of what is approved at a provider for cards of a region. */
export type ApprovalDrop =
  | {
      readonly kind: 'dropped';
      readonly provider: string;
      readonly region: Region;
      readonly blame: DropBlame;
      /** The same drop was told with that blame before; null: it is new. */
      readonly before: 'unclear' | null;
      /** Share of first attempts that were approved, as it long was and since the drop, 0 to 1. */
      readonly baseline: number;
      readonly rate: number;
      /** First attempts since when the drop is likeliest to have begun. */
      readonly since: number;
    }
  | {
      readonly kind: 'over';
      readonly provider: string;
      readonly region: Region;
      readonly blame: DropBlame;
      /** Whether it rose again, or has stood so long that it is how things are. */
      readonly why: 'recovered' | 'accepted';
    };

/** One provider in one region. */
interface Cell {
  readonly provider: string;
  readonly detector: DropDetector;
  readonly recent: RecentOutcomes;
  standing: Standing | null;
}

/** A drop that was told. */
interface Standing {
  blame: DropBlame;
  /** Since when it is likeliest, among the region's outcomes. */
  readonly from: number;
  readonly baseline: number;
  /** The provider's outcomes since then. */
  seen: number;
  judgeAt: number;
}

/** Outcomes that are summed together, and how many such sums are kept: what came before says little about now. */
const GROUP = 20;
const GROUPS = 1_000;
/** Standard errors by which others must have fallen, or could have, for anything to be said of them. */
const CERTAIN = 2.5;
/** Share of a provider's drop that the others must have as well. */
const ALIKE = 0.5;

/**
 * Watches the approval of first attempts for each provider and region of issuers. Later attempts see harder payments, and
 * outcomes that are no yes or no say nothing of approval. Counts only: the same outcomes give the same answers.
 */
export class ApprovalDrops {
  readonly #settings: DropSettings;
  readonly #regions = new Map<Region, { count: number; readonly cells: Map<string, Cell> }>();

  constructor(settings: DropSettings = DROP_DEFAULTS) {
    this.#settings = settings;
  }

  /** Takes in whether a first attempt was approved or declined. @returns what that changed, or null */
  observe(provider: string, region: Region, approved: boolean): ApprovalDrop | null {
    const place = this.#regions.get(region) ?? { count: 0, cells: new Map<string, Cell>() };
    this.#regions.set(region, place);
    const cell = place.cells.get(provider) ?? {
      provider,
      detector: new DropDetector(this.#settings),
      recent: new RecentOutcomes(),
      standing: null,
    };
    place.cells.set(provider, cell);
    place.count += 1;
    const { baseline } = cell.detector;
    if (baseline !== null) cell.recent.add(place.count, approved, baseline);
    const event = cell.detector.observe(approved);
    const others = () => [...place.cells.values()].filter((each) => each !== cell);
    if (event === null) return judgeAgain(cell, region, others);
    if (event.kind !== 'dropped') {
      const blame = cell.standing?.blame ?? 'unclear';
      cell.standing = null;
      return { kind: 'over', provider, region, blame, why: event.kind };
    }
    const from = cell.recent.placeOf(event.since);
    const blame = blameFor(event.baseline - event.rate, event.since, from, event.baseline, others());
    cell.standing = { blame, from, baseline: event.baseline, seen: event.since, judgeAt: event.since * 2 };
    const { rate, since } = event;
    return { kind: 'dropped', provider, region, blame, before: null, baseline: event.baseline, rate, since };
  }
}

/** What was unclear is looked at again whenever twice as much is known. */
function judgeAgain(cell: Cell, region: Region, others: () => readonly Cell[]): ApprovalDrop | null {
  const { standing, provider } = cell;
  if (standing === null || standing.blame !== 'unclear') return null;
  standing.seen += 1;
  if (standing.seen < standing.judgeAt) return null;
  standing.judgeAt *= 2;
  const own = cell.recent.since(standing.from);
  const drop = -own.residual / own.count;
  const { baseline } = standing;
  standing.blame = blameFor(drop, own.count, standing.from, baseline, others());
  if (standing.blame === 'unclear') return null;
  return {
    kind: 'dropped',
    provider,
    region,
    blame: standing.blame,
    before: 'unclear',
    baseline,
    rate: baseline - drop,
    since: own.count,
  };
}

/**
 * @param drop of the provider, as a share, seen over `since` of its outcomes
 * @param from since when it fell, among the region's outcomes
 */
function blameFor(
  drop: number,
  since: number,
  from: number,
  baseline: number,
  others: readonly Cell[],
): DropBlame {
  // What was noticed at its worst looks worse than it is: the least that it is has to be seen at the others.
  const least = drop - CERTAIN * Math.sqrt((baseline * (1 - baseline)) / since);
  let count = 0;
  let residual = 0;
  let variance = 0;
  for (const { recent } of others) {
    const sums = recent.since(from);
    count += sums.count;
    residual += sums.residual;
    variance += sums.variance;
  }
  const noise = CERTAIN * Math.sqrt(variance);
  const alike = least * ALIKE * count;
  const lost = -residual;
  if (count === 0) return 'unclear';
  if (lost + noise < alike) return 'provider';
  return lost >= alike && lost >= noise ? 'issuers' : 'unclear';
}

/** The last outcomes of a cell against what was expected of them, summed in groups: a cell takes 32 KB for 20,000. */
class RecentOutcomes {
  readonly #places = new Float64Array(GROUPS);
  readonly #counts = new Float64Array(GROUPS);
  readonly #residuals = new Float64Array(GROUPS);
  readonly #variances = new Float64Array(GROUPS);
  #size = 0;
  #last = -1;

  /** @param place of the outcome, ascending */
  add(place: number, approved: boolean, expected: number): void {
    if (this.#size === 0 || this.#counts[this.#last] === GROUP) {
      this.#last = (this.#last + 1) % GROUPS;
      this.#size = Math.min(GROUPS, this.#size + 1);
      this.#places[this.#last] = place;
      this.#counts[this.#last] = 0;
      this.#residuals[this.#last] = 0;
      this.#variances[this.#last] = 0;
    }
    const last = this.#last;
    this.#counts[last] = (this.#counts[last] ?? 0) + 1;
    this.#residuals[last] = (this.#residuals[last] ?? 0) + (approved ? 1 : 0) - expected;
    this.#variances[last] = (this.#variances[last] ?? 0) + expected * (1 - expected);
  }

  /** Place of the outcome that came `count` outcomes ago, to a group. */
  placeOf(count: number): number {
    const back = Math.max(0, Math.min(Math.ceil(count / GROUP), this.#size) - 1);
    return this.#places[(this.#last - back + GROUPS) % GROUPS] ?? 0;
  }

  /** Sums of what came at that place or later. */
  since(place: number): { readonly count: number; readonly residual: number; readonly variance: number } {
    let count = 0;
    let residual = 0;
    let variance = 0;
    for (let back = 0; back < this.#size; back += 1) {
      const index = (this.#last - back + GROUPS) % GROUPS;
      if ((this.#places[index] ?? 0) < place) break;
      count += this.#counts[index] ?? 0;
      residual += this.#residuals[index] ?? 0;
      variance += this.#variances[index] ?? 0;
    }
    return { count, residual, variance };
  }
}
