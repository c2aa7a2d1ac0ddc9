import type { ApprovalEstimate } from '../decision.ts';
import type { RoutingFacts } from '../facts.ts';
import { LeastRecentMap } from './least-recent-map.ts';

type Level = Exclude<ApprovalEstimate['level'], 'prior'>;

/** From coarse to fine: each level's prior mean is the posterior mean of the one before it that is known. */
const LEVELS = ['provider', 'brand', 'country_brand', 'issuer', 'bin'] as const satisfies readonly Level[];

export interface PosteriorSettings {
  /** Mean of the prior that a provider without any outcome has. */
  readonly priorMean: number;
  /** Weight of each level's prior, in outcomes: the data outweighs it when there is more. */
  readonly priorWeight: Readonly<Record<Level, number>>;
  /** Discount of everything known in a cell per outcome in it, of whichever provider. */
  readonly gamma: number;
  /** Cells kept at most, all levels together. */
  readonly maxCells: number;
}

export const POSTERIOR_DEFAULTS: PosteriorSettings = {
  priorMean: 0.85,
  priorWeight: { provider: 50, brand: 1000, country_brand: 1000, issuer: 500, bin: 200 },
  gamma: 0.9995,
  maxCells: 50_000,
};

/** What one provider did in one cell, discounted up to the event `at`. */
interface Tally {
  approved: number;
  total: number;
  at: number;
}

/** A place of learning: one BIN, issuer, country and brand, brand, or everything; of first or of later attempts. */
interface Cell {
  /** Outcomes so far, of all providers: the clock that discounting goes by. */
  events: number;
  readonly tallies: Map<string, Tally>;
}

/** Quantile of the normal distribution for a two-sided 95 % interval. */
const Z_95 = 1.959963984540054;

/**
 * Approval probability by provider, as discounted Beta posteriors with back-off.
 *
 * With s approvals of n outcomes (both discounted), the parent's posterior mean m and the prior's weight M, the
 * posterior of a cell is Beta(mM + s, (1-m)M + n - s). Its mean is w s/n + (1-w) m with w = n/(n+M). Before each
 * outcome of a cell everything in it, of all providers, is multiplied by gamma (Raj and Kalyani, arXiv 1707.09727);
 * done lazily, by the number of outcomes since the tally was written. A level that is not known of a card (no BIN, no
 * issuer) is left out.
 *
 * The interval is the normal approximation of the posterior, clipped to 0..1; the parent's own uncertainty is added
 * by the law of total variance: var = var of the Beta + (1-w)^2 var of the parent. So a new provider is shown as
 * uncertain as it is, however heavy the priors between.
 *
 * First and later attempts learn apart: later ones see harder payments.
 */
export class ApprovalPosterior {
  readonly #settings: PosteriorSettings;
  readonly #cells: LeastRecentMap<string, Cell>;
  /** The cells of the facts asked about last: a decision asks for every provider in turn. */
  #asked: {
    readonly facts: RoutingFacts;
    readonly later: boolean;
    readonly cells: (Cell | undefined)[];
  } | null = null;

  constructor(settings: PosteriorSettings = POSTERIOR_DEFAULTS) {
    this.#settings = settings;
    this.#cells = new LeastRecentMap(settings.maxCells);
  }

  /** Cells kept now. */
  get cells(): number {
    return this.#cells.size;
  }

  /**
   * @param attemptNumber 1 for the first attempt of an authorization
   * @param approved whether the attempt was approved in full
   */
  observe(provider: string, facts: RoutingFacts, attemptNumber: number, approved: boolean): void {
    this.#asked = null;
    for (const key of cellKeys(facts, attemptNumber > 1)) {
      if (key === null) continue;
      const cell = this.#cells.touch(key, () => ({ events: 0, tallies: new Map() }));
      cell.events += 1;
      const tally = cell.tallies.get(provider);
      if (tally === undefined) {
        cell.tallies.set(provider, { approved: approved ? 1 : 0, total: 1, at: cell.events });
        continue;
      }
      const discount = this.#settings.gamma ** (cell.events - tally.at);
      tally.approved = tally.approved * discount + (approved ? 1 : 0);
      tally.total = tally.total * discount + 1;
      tally.at = cell.events;
    }
  }

  estimate(provider: string, facts: RoutingFacts, attemptNumber: number): ApprovalEstimate {
    const { gamma, priorMean, priorWeight } = this.#settings;
    const cells = this.#cellsOf(facts, attemptNumber > 1);
    let mean = priorMean;
    let variance = 0;
    let level: ApprovalEstimate['level'] = 'prior';
    let n = 0;
    for (let index = 0; index < LEVELS.length; index += 1) {
      const name = LEVELS[index] as Level;
      const cell = cells[index];
      // A level that the facts do not know; a level without a cell is known, and empty.
      if (cell === NO_LEVEL) continue;
      const tally = cell?.tallies.get(provider);
      const discount = cell === undefined || tally === undefined ? 0 : gamma ** (cell.events - tally.at);
      const total = (tally?.total ?? 0) * discount;
      const weight = priorWeight[name];
      const all = total + weight;
      mean = (mean * weight + (tally?.approved ?? 0) * discount) / all;
      variance = (mean * (1 - mean)) / (all + 1) + (weight / all) ** 2 * variance;
      if (total >= 1) {
        level = name;
        n = total;
      }
    }
    const half = Z_95 * Math.sqrt(variance);
    return { mean, low: Math.max(0, mean - half), high: Math.min(1, mean + half), level, n };
  }

  #cellsOf(facts: RoutingFacts, later: boolean): (Cell | undefined)[] {
    const asked = this.#asked;
    if (asked !== null && asked.facts === facts && asked.later === later) return asked.cells;
    const cells = cellKeys(facts, later).map((key) => (key === null ? NO_LEVEL : this.#cells.peek(key)));
    this.#asked = { facts, later, cells };
    return cells;
  }
}

const NO_LEVEL: Cell = { events: 0, tallies: new Map() };

/** Names of the cells of an authorization, in the order of the levels; null where the level is not known. */
function cellKeys(facts: RoutingFacts, later: boolean): (string | null)[] {
  const { cardBin, cardBrand, cardCountry, cardIssuer } = facts;
  const stage = later ? 'later' : 'first';
  return [
    stage,
    `${stage}/brand/${cardBrand}`,
    cardCountry === null ? null : `${stage}/country/${cardCountry}/${cardBrand}`,
    // Banks of different countries share names.
    cardIssuer === null ? null : `${stage}/issuer/${cardCountry ?? ''}/${cardIssuer}`,
    cardBin === null ? null : `${stage}/bin/${cardBin}`,
  ];
}
