import type { ApprovalEstimate } from '../decision.ts';
import type { LearnedFacts } from '../facts.ts';
import { type ChangeSettings, ChangeWatch } from './change-watch.ts';
import { type ApartSettings, MerchantsApart } from './merchants-apart.ts';
import { type CellKey, POOLED, type SavedTally, TallyTable } from './tally-table.ts';

type Level = Exclude<ApprovalEstimate['level'], 'prior' | 'merchant'>;

/** From coarse to fine: each level's prior mean is the posterior mean of the one before it that is known. */
const LEVELS = ['provider', 'brand', 'country_brand', 'issuer', 'bin'] as const satisfies readonly Level[];

/** Levels from which on a cell is one issuer's: what happens to all providers there says nothing about a provider. */
const ISSUER_LEVEL = LEVELS.indexOf('issuer');

export interface ApprovalModelSettings {
  /** Mean of the prior that a provider without any outcome has. */
  readonly priorMean: number;
  /** Weight of each level's prior, in outcomes: the data outweighs it when there is more. */
  readonly priorWeight: Readonly<Record<Level, number>>;
  /** Discount of everything known in a cell per outcome in it, of whichever provider. */
  readonly gamma: number;
  /** The same for a provider in a cell after a change of it was noticed. */
  readonly gammaAfterChange: number;
  /** For how many outcomes of the cell discounting is fast after a change. */
  readonly fastFor: number;
  readonly change: ChangeSettings;
  /** When a merchant's payments are its own, and teach nobody else. */
  readonly apart: ApartSettings;
  /** Discounted outcomes from which a provider in a cell is watched for changes. */
  readonly watchedFrom: number;
  /** Tallies (of one provider in one cell, and of all together) that are kept at most. */
  readonly maxTallies: number;
}

/**
 * Memory of 20,000 outcomes of a cell while nothing changes, of 1,000 for 5,000 outcomes after a change. Chosen by the
 * worlds of `npm run worlds`; a plain memory of 2,000 outcomes forgets too fast to tell 92 % from 90 %, and too slowly
 * to follow a sudden change. Of the neighbours none is better over all worlds: a threshold of 7 raises regret in drifts
 * from 193 to 398 and in outages from 426 to 695, one of 13 in drifts to 271; gamma .99998 in the stress world from 321
 * to 482, .9999 in outages to 507.
 *
 * Priors are heavy, because every cell pays for finding out by itself what its parent knows: with 1000, 1000, 500 and 200
 * outcomes from brand to BIN regret was 1220 of 120,000 where BINs differ and 758 of 80,000 where they do not; with
 * these 961 and 375, and the same in all other worlds.
 */
export const APPROVAL_MODEL_DEFAULTS: ApprovalModelSettings = {
  priorMean: 0.85,
  priorWeight: { provider: 50, brand: 4000, country_brand: 4000, issuer: 1000, bin: 1000 },
  gamma: 0.99995,
  gammaAfterChange: 0.999,
  fastFor: 5000,
  change: { steps: [0.05, 0.15], threshold: 10 },
  apart: { step: 0.7, threshold: 12 },
  watchedFrom: 30,
  maxTallies: 200_000,
};

/** What is known of one provider for one kind of payment. */
export interface Approval {
  /** Mean and standard deviation of the posterior. */
  readonly mean: number;
  readonly deviation: number;
  /** As in {@link ApprovalEstimate}. */
  readonly level: ApprovalEstimate['level'];
  readonly n: number;
}

/** The same with the bounds of its interval. */
export function estimateOf({ mean, deviation, level, n }: Approval): ApprovalEstimate {
  const half = Z_95 * deviation;
  return { mean, low: Math.max(0, mean - half), high: Math.min(1, mean + half), level, n };
}

/** What one provider did in one cell, as of now. */
interface Known {
  readonly approved: number;
  readonly total: number;
  /** Share of the prior's weight that counts. */
  readonly trust: number;
}

/** What a model has learned, as of one moment. */
export interface SavedApprovals {
  /** Names by number; the number of the pooled tallies has none. */
  readonly providers: readonly string[];
  readonly tallies: Iterable<SavedTally>;
}

/** Edition of how cells are named: what was saved under another one cannot be restored. 1 knew no initiator. */
export const CELL_NAMES = 2;

/** Where outcomes are learned: apart from what other scopes learn. */
export interface LearningScope {
  /** Such as an arm of an experiment; empty: what everybody shares. */
  readonly name: string;
  /** First and later attempts learn apart: later ones see harder payments. */
  readonly later: boolean;
}

/** Quantile of the normal distribution for a two-sided 95 % interval. */
const Z_95 = 1.959963984540054;
/** Outcomes that a cell can have seen: they are numbered by 32 bits. */
const OUTCOMES_MAX = 2 ** 32;
/** Discounted outcomes from which a tally is kept although nobody touches it. */
const HEAVY = 200;
/** Outcomes' worth of trust in the posterior where a tally's own rate is watched. */
const OWN_RATE_PRIOR = 10;
/** Share of the prior's weight that is left to a provider that has just changed in a cell: it is less like the parent. */
const PRIOR_AFTER_CHANGE = 0.025;
/** Kinds of payments whose estimates are kept ready. */
const VIEWS = 4096;
/** Estimates are made anew after this share of the outcomes that the scope has seen, and this many at most. */
const STALE_SHARE = 0.01;
const STALE_AFTER = 100;

/** The levels of one kind of payment; null where a level is not known of the card. */
interface Cells {
  readonly name: string;
  readonly keys: readonly (CellKey | null)[];
}

/** Estimates of one kind of payment, kept ready. */
interface View {
  readonly cells: Cells;
  /** Outcomes of the scope when they were made. */
  at: number;
  /** Changes noticed when they were made. */
  changes: number;
  /** By the provider's number; what nobody asked for is missing. */
  readonly approvals: (Approval | undefined)[];
}

/**
 * Approval probability by provider, as discounted Beta posteriors with back-off.
 *
 * With s approvals of n outcomes (both discounted), the parent's posterior mean m and the prior's weight M, the
 * posterior of a cell is Beta(mM + s, (1-m)M + n - s). Its mean is w s/n + (1-w) m with w = n/(n+M). Before each
 * outcome of a cell everything in it, of all providers, is multiplied by gamma (Raj and Kalyani, arXiv 1707.09727);
 * done lazily, by the number of outcomes since the tally was written. A level that is not known of a card (no BIN, no
 * issuer) is left out.
 *
 * Payments that the customer initiates and those that the merchant does learn apart, at every level: renewals without the
 * customer are declined far more often, at whichever provider gets them.
 *
 * Discounting is slow, so that small differences can be told, until a change of a provider's rate in a cell is noticed
 * ({@link ChangeWatch}): then only what came in since the change began is kept, and that provider is forgotten faster
 * there for a while, so that a recovery is found.
 *
 * What an issuer does to all providers blames none of them: while the rate of all providers together at one issuer has
 * dropped, what comes in there is learned at that issuer and its BINs only.
 *
 * The interval is the normal approximation of the posterior, clipped to 0..1; the parent's own uncertainty is added
 * by the law of total variance: var = var of the Beta + (1-w)^2 var of the parent. So a new provider is shown as
 * uncertain as it is, however heavy the priors between.
 */
export class ApprovalModel {
  readonly #settings: ApprovalModelSettings;
  readonly #tallies: TallyTable;
  readonly #watches: ChangeWatch;
  readonly #apart: MerchantsApart;
  readonly #logGamma: number;
  readonly #logFast: number;
  /** Names of providers by number, from 1; the first entry stands for all together. */
  readonly #names: string[] = [''];
  readonly #providers = new Map<string, number>();
  #lastNumber = POOLED;
  /** By the name of the cells. */
  readonly #views = new Map<string, View>();
  /** Outcomes so far, by scope. */
  readonly #events = new Map<string, number>();
  /** What was asked about last: a decision asks for every provider in turn. */
  #asked: { readonly facts: LearnedFacts; readonly scope: LearningScope; readonly view: View } | null = null;
  #changes = 0;

  constructor(settings: ApprovalModelSettings = APPROVAL_MODEL_DEFAULTS) {
    this.#settings = settings;
    this.#watches = new ChangeWatch(settings.change);
    this.#apart = new MerchantsApart(settings.apart);
    this.#tallies = new TallyTable(settings.maxTallies, HEAVY, (watch) => this.#watches.release(watch));
    this.#logGamma = Math.log(settings.gamma);
    this.#logFast = Math.log(settings.gammaAfterChange);
  }

  /** Tallies kept now. */
  get tallies(): number {
    return this.#tallies.size;
  }

  /** Bytes of what is kept, without the estimates that are ready. */
  get bytes(): number {
    return this.#tallies.bytes + this.#watches.bytes;
  }

  /** Changes of a provider's rate noticed so far, at any level. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * @param approved whether the attempt was approved in full
   * @param isIssuerSide whether the issuer was not there to answer: learned at the issuer only
   */
  observe(
    provider: string,
    facts: LearnedFacts,
    scope: LearningScope,
    approved: boolean,
    isIssuerSide = false,
  ): void {
    const number = this.#numberOf(provider);
    const view = this.#viewOf(facts, scope);
    const { keys } = view.cells;
    const believed = this.#means(number, keys);
    const finest = believed.at(-1) ?? 0;
    const stage = stageOf(facts, scope);
    if (!isIssuerSide && this.#apart.observe(stage, facts.merchant, number, finest, approved)) return;
    const from = isIssuerSide || this.#isIssuerDown(number, keys) ? ISSUER_LEVEL : 0;
    for (let level = from; level < LEVELS.length; level += 1) {
      const key = keys[level] ?? null;
      if (key !== null) this.#learn(key, number, level, approved, believed[level] ?? 0);
    }
    this.#events.set(scope.name, this.#eventsOf(scope) + 1);
    this.#refresh(view, scope, true);
  }

  /**
   * What is known of a provider for such a payment. Made ready when an outcome of the same kind of payment is learned, so
   * that a decision only looks it up; what was learned at other payments since is in it with a small delay.
   */
  approval(provider: string, facts: LearnedFacts, scope: LearningScope): Approval {
    const number = this.#numberOf(provider);
    const view = this.#viewOf(facts, scope);
    let known = view.approvals[number];
    if (known === undefined) {
      known = this.#estimate(number, view.cells.keys);
      view.approvals[number] = known;
    }
    if (!this.#apart.isAny) return known;
    return this.#apart.approval(stageOf(facts, scope), facts.merchant, number, known);
  }

  /** Everything learned so far, to be restored by a later process. Watches for changes begin anew there. */
  saved(): SavedApprovals {
    return { providers: [...this.#names], tallies: this.#tallies.saved() };
  }

  /**
   * Takes up a tally that was saved.
   * @param providers names by the numbers of then
   * @param trust share of it that still counts, 0 to 1
   * @returns whether it was taken: not when its counts are none, or it is of no provider that is named
   */
  restore(tally: SavedTally, providers: readonly string[], trust: number): boolean {
    const { approved, total } = tally;
    const name = providers[tally.provider];
    // Of NaN every comparison is false.
    const isCount = approved >= 0 && approved <= total && total <= OUTCOMES_MAX;
    if (!isCount || name === undefined || (tally.provider !== POOLED && name === '')) return false;
    const provider = tally.provider === POOLED ? POOLED : this.#numberOf(name);
    this.#tallies.restore({ ...tally, provider, approved: approved * trust, total: total * trust });
    this.#views.clear();
    this.#asked = null;
    return true;
  }

  #numberOf(provider: string): number {
    // A decision asks for all in turn, mostly in the order in which they were first asked for.
    const next = this.#lastNumber + 1;
    if (this.#names[next] === provider) {
      this.#lastNumber = next;
      return next;
    }
    let number = this.#providers.get(provider);
    if (number === undefined) {
      number = this.#names.push(provider) - 1;
      this.#providers.set(provider, number);
    }
    this.#lastNumber = number;
    return number;
  }

  #eventsOf(scope: LearningScope): number {
    return this.#events.get(scope.name) ?? 0;
  }

  #viewOf(facts: LearnedFacts, scope: LearningScope): View {
    const asked = this.#asked;
    if (asked !== null && asked.facts === facts && asked.scope === scope) return asked.view;
    const name = nameOf(facts, scope);
    let view = this.#views.get(name);
    if (view === undefined) {
      view = {
        cells: cellsOf(name, facts, scope),
        at: this.#eventsOf(scope),
        changes: this.#changes,
        approvals: [],
      };
      if (this.#views.size >= VIEWS) this.#views.clear();
      this.#views.set(name, view);
    } else this.#refresh(view, scope, false);
    this.#asked = { facts, scope, view };
    return view;
  }

  /** Makes the estimates that were asked for anew: always, or if too much was learned since. */
  #refresh(view: View, scope: LearningScope, always: boolean): void {
    const events = this.#eventsOf(scope);
    const isFresh = events - view.at <= Math.min(STALE_AFTER, events * STALE_SHARE);
    if (!always && isFresh && view.changes === this.#changes) return;
    view.at = events;
    view.changes = this.#changes;
    for (let number = 1; number < view.approvals.length; number += 1) {
      if (view.approvals[number] !== undefined)
        view.approvals[number] = this.#estimate(number, view.cells.keys);
    }
  }

  #learn(key: CellKey, provider: number, level: number, approved: boolean, believed: number): void {
    const { watchedFrom, fastFor } = this.#settings;
    const pool = this.#tallies.touch(key, POOLED);
    const event = this.#tallies.at(pool) + 1;
    const pooled = this.#add(pool, event, approved);
    if (level >= ISSUER_LEVEL && pooled.before >= watchedFrom) {
      const since = this.#watch(pool, pooled.rate, approved, event);
      // Until it has recovered.
      if (since !== null) this.#tallies.setFastUntil(pool, since < pooled.rate ? event + fastFor : 0);
    }
    // The pool's place may move from here on.
    const slot = this.#tallies.touch(key, provider);
    const own = this.#add(slot, event, approved);
    if (own.before < watchedFrom) return;
    const expected = (own.rate * own.before + believed * OWN_RATE_PRIOR) / (own.before + OWN_RATE_PRIOR);
    if (this.#watch(slot, expected, approved, event) === null) return;
    this.#changes += 1;
    this.#tallies.setFastUntil(slot, event + fastFor);
  }

  /** Whether all providers together do worse than they did at the card's issuer, and this one does not do so elsewhere. */
  #isIssuerDown(provider: number, keys: Cells['keys']): boolean {
    let isDown = false;
    for (let level = 0; level < LEVELS.length; level += 1) {
      const key = keys[level] ?? null;
      if (key === null) continue;
      const pool = this.#tallies.read(key, POOLED);
      if (pool === null) continue;
      if (level >= ISSUER_LEVEL) isDown ||= pool.fastUntil > pool.at;
      else if ((this.#tallies.read(key, provider)?.fastUntil ?? 0) > pool.at) return false;
    }
    return isDown;
  }

  /** Adds an outcome; returns the outcomes before it, discounted, and their rate. */
  #add(slot: number, event: number, approved: boolean): { readonly before: number; readonly rate: number } {
    const factor = this.#factor(this.#tallies.at(slot), this.#tallies.fastUntil(slot), event);
    const total = this.#tallies.total(slot) * factor;
    const approvals = this.#tallies.approved(slot) * factor;
    this.#tallies.write(slot, approvals + (approved ? 1 : 0), total + 1, event);
    return { before: total, rate: total === 0 ? 0 : approvals / total };
  }

  /** Lets a tally's watch see an outcome. When a change is believed, only what came in since is kept; returns its rate. */
  #watch(slot: number, believed: number, approved: boolean, event: number): number | null {
    let watch = this.#tallies.watch(slot);
    if (watch < 0) {
      watch = this.#watches.take();
      this.#tallies.setWatch(slot, watch);
    }
    const since = this.#watches.observe(watch, believed, approved);
    if (since === null) return null;
    this.#tallies.write(slot, since.approved, since.total, event);
    return since.approved / since.total;
  }

  /** What a tally is worth at an event of its cell, 0 to 1. */
  #factor(at: number, fastUntil: number, event: number): number {
    const passed = Math.max(0, event - at);
    const fast = Math.max(0, Math.min(event, fastUntil) - at);
    return Math.exp(fast * this.#logFast + (passed - fast) * this.#logGamma);
  }

  /** Discounted approvals and outcomes of a provider in a cell as of now. */
  #known(key: CellKey, provider: number): Known {
    const tally = this.#tallies.read(key, provider);
    if (tally === null) return NOTHING;
    const event = this.#tallies.read(key, POOLED)?.at ?? tally.at;
    const factor = this.#factor(tally.at, tally.fastUntil, event);
    const trust = tally.fastUntil > event ? PRIOR_AFTER_CHANGE : 1;
    return { approved: tally.approved * factor, total: tally.total * factor, trust };
  }

  /** Posterior means of a provider, level by level. */
  #means(provider: number, keys: Cells['keys']): readonly number[] {
    let mean = this.#settings.priorMean;
    return LEVELS.map((level, index) => {
      const key = keys[index] ?? null;
      if (key === null) return mean;
      const { approved, total, trust } = this.#known(key, provider);
      const weight = this.#settings.priorWeight[level] * trust;
      mean = (mean * weight + approved) / (total + weight);
      return mean;
    });
  }

  #estimate(provider: number, keys: Cells['keys']): Approval {
    const { priorMean, priorWeight } = this.#settings;
    let mean = priorMean;
    let variance = 0;
    let level: ApprovalEstimate['level'] = 'prior';
    let n = 0;
    for (let index = 0; index < LEVELS.length; index += 1) {
      const key = keys[index] ?? null;
      if (key === null) continue;
      const name = LEVELS[index] as Level;
      const { approved, total, trust } = this.#known(key, provider);
      const weight = priorWeight[name] * trust;
      const all = total + weight;
      mean = (mean * weight + approved) / all;
      variance = (mean * (1 - mean)) / (all + 1) + (weight / all) ** 2 * variance;
      if (total >= 1) {
        level = name;
        n = total;
      }
    }
    return { mean, deviation: Math.sqrt(variance), level, n };
  }
}

const NOTHING: Known = { approved: 0, total: 0, trust: 1 };

/** Between the parts of a name; stands in none of them. */
const SEPARATOR = '\u001f';

function nameOf(facts: LearnedFacts, { name, later }: LearningScope): string {
  const { cardBin, cardBrand, cardCountry, cardIssuer, initiator } = facts;
  const stage = later ? 'later' : 'first';
  const S = SEPARATOR;
  return `${name}${S}${stage}${S}${initiator}${S}${cardBrand}${S}${cardCountry ?? ''}${S}${cardIssuer ?? ''}${S}${cardBin ?? ''}`;
}

/** What learns together, before any card is looked at. */
function stageOf({ initiator }: LearnedFacts, { name, later }: LearningScope): string {
  return `${name}${SEPARATOR}${later ? 'later' : 'first'}${SEPARATOR}${initiator}`;
}

function cellsOf(name: string, facts: LearnedFacts, scope: LearningScope): Cells {
  const { cardBin, cardBrand, cardCountry, cardIssuer, initiator } = facts;
  const stage = [scope.name, scope.later ? 'later' : 'first', initiator];
  const parts: readonly (readonly string[] | null)[] = [
    ['provider'],
    ['brand', cardBrand],
    cardCountry === null ? null : ['country', cardCountry, cardBrand],
    // Banks of different countries share names.
    cardIssuer === null ? null : ['issuer', cardCountry ?? '', cardIssuer],
    cardBin === null ? null : ['bin', cardBin],
  ];
  return { name, keys: parts.map((part) => (part === null ? null : keyOf([...stage, ...part]))) };
}

/** Two 32-bit hashes of different kinds: FNV-1a with other constants, and murmur3's last mix. */
function keyOf(parts: readonly string[]): CellKey {
  const text = parts.join(SEPARATOR);
  return { low: hash(text, 0x811c9dc5, 0x01000193), high: hash(text, 0x2f0b4c47, 0x9e3779b1) };
}

function hash(text: string, basis: number, factor: number): number {
  let mixed = basis;
  for (let index = 0; index < text.length; index += 1) {
    mixed = Math.imul(mixed ^ text.charCodeAt(index), factor);
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
