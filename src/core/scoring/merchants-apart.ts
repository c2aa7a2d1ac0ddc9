import { logLikelihoodRatio } from '../statistics/change-detector.ts';
import type { Approval } from './approval-model.ts';
import { LeastRecentMap } from './least-recent-map.ts';

/** When a merchant's payments stop teaching what is believed for others. */
export interface ApartSettings {
  /** How much worse a merchant's payments are looked for to do than believed, as a probability. */
  readonly step: number;
  /** Log-likelihood ratio at which that is believed; infinite: never. */
  readonly threshold: number;
}

/** Merchants (by scope, stage and initiator) that are remembered at a time. */
const MERCHANTS_MAX = 5_000;
/** Kinds of lessons (scope, stage and initiator) that are remembered at a time. */
const STAGES_MAX = 2_000;
/** Outcomes of others below which there is nothing to be kept from a merchant. */
const OTHERS_MIN = 30;
/** Outcomes of its own, as believed, from which on it is a change, and not how the merchant's payments always were. */
const HISTORY_MIN = 30;
/** Merchants that must have changed at a provider for it to be the provider that changed. */
const VOTES_ENOUGH = 2;
/** Outcomes at the provider for which a merchant that is heard no more still counts among them. */
const VOTE_LASTS = 2_000;
const VOTES_MAX = 64;
/**
 * While a merchant is apart its own outcomes fade over so many of everybody's at the provider: who is sent there no more is
 * tried again after a while, and finds out when it is over.
 */
const FADES_OVER = 1_000;
/** Outcomes' worth of trust in what is believed for everybody, in a merchant's own estimate while it is apart. */
const BELIEF_WEIGHT = 10;
const LOWEST = 0.005;

/** How one merchant's payments do at one provider, against what is believed. */
interface Standing {
  /** All outcomes so far. */
  outcomes: number;
  /** For doing worse while it is not apart; for doing as believed while it is. */
  evidence: number;
  isApart: boolean;
  /** Outcomes since the evidence began, or, discounted, since it is apart. */
  total: number;
  /** Approvals among them less those that were believed: below 0 where it does worse. */
  surplus: number;
  /** The lane's outcomes up to which these are discounted. */
  at: number;
}

/** All outcomes at one provider. */
interface Lane {
  outcomes: number;
  /** Merchants that have changed for the worse, by the lane's outcomes when they were last heard. */
  readonly votes: Map<string, number>;
}

/**
 * Keeps what one merchant's payments do from what is believed for everybody else. A Bernoulli CUSUM for each merchant and
 * provider looks for payments that are approved much less often than is believed of their cards there: bad tokens, a broken
 * integration, an account of its own that is closed. Once that is believed the merchant learns apart there, by what its own
 * payments do, until they do again as believed; before it, what it could teach is a handful of outcomes.
 *
 * Its own estimate there is what is believed of the card for everybody, less how much worse its payments did; it fades over
 * a thousand outcomes of the provider, so that it is tried again.
 *
 * A provider that fails everybody changes for several merchants: once two that did well before have changed, their payments
 * teach everybody again. While there is nobody else to be misled (one merchant), nothing is kept apart.
 *
 * Regret in worlds with merchants, without and with it (three seeds; step 0.7, threshold 12): one of eight merchants whose
 * cards are bad at the best provider, with a tenth of the payments 1596 and 400 of 80,000, with a third 1187 and 483; at all
 * providers 189 and 98. Stress 286 and 286, outages 518 and 519. Where BINs differ and merchants by up to 6 points either way
 * 1018 and 1010 of 120,000, by up to 12 878 and 915, by 18 772 and 1033: merchants so far apart teach each other less. A step
 * of 0.3 finds less to be apart for and costs more there; a threshold of 10 costs 545 in outages.
 */
export class MerchantsApart {
  readonly #settings: ApartSettings;
  readonly #merchants = new LeastRecentMap<string, Map<number, Standing>>(MERCHANTS_MAX);
  readonly #lanes = new LeastRecentMap<string, Map<number, Lane>>(STAGES_MAX);
  #isAny = false;

  constructor(settings: ApartSettings) {
    this.#settings = settings;
  }

  /** Whether any merchant was ever found to do worse: before, nobody need be looked up. */
  get isAny(): boolean {
    return this.#isAny;
  }

  /**
   * Sees an outcome.
   * @param stage what learns together: scope, stage and initiator
   * @param provider its number
   * @param believed what is believed of such a payment there for everybody, before this outcome, 0 to 1
   * @returns whether it is the merchant's alone, and must teach nobody else
   */
  observe(stage: string, merchant: string, provider: number, believed: number, approved: boolean): boolean {
    const lane = entryOf(
      this.#lanes.touch(stage, () => new Map()),
      provider,
      newLane,
    );
    const name = keyOf(stage, merchant);
    const own = this.#merchants.touch(name, () => new Map());
    const standing = entryOf(own, provider, newStanding);
    lane.outcomes += 1;
    standing.outcomes += 1;
    if (standing.isApart) return this.#observeApart(lane, name, standing, believed, approved);
    const { step, threshold } = this.#settings;
    const before = bounded(believed);
    const ratio = logLikelihoodRatio(approved, before, Math.max(LOWEST / 2, before - step));
    standing.evidence = Math.max(0, Math.min(threshold, standing.evidence + ratio));
    if (standing.evidence === 0) {
      standing.total = 0;
      standing.surplus = 0;
      return false;
    }
    standing.total += 1;
    standing.surplus += Number(approved) - believed;
    if (standing.evidence < threshold || lane.outcomes - standing.outcomes < OTHERS_MIN) return false;
    standing.isApart = true;
    standing.evidence = 0;
    standing.at = lane.outcomes;
    this.#isAny = true;
    if (standing.outcomes - standing.total >= HISTORY_MIN) vote(lane, name);
    return !isAgreed(lane, name);
  }

  /** What is known for a merchant where it learns apart; else what everybody knows. */
  approval(stage: string, merchant: string, provider: number, everybodys: Approval): Approval {
    const name = keyOf(stage, merchant);
    const standing = this.#merchants.peek(name)?.get(provider);
    if (standing?.isApart !== true) return everybodys;
    const lane = this.#lanes.peek(stage)?.get(provider);
    if (lane === undefined || isAgreed(lane, name)) return everybodys;
    const left = leftOf(standing, lane);
    const n = standing.total * left;
    const all = n + BELIEF_WEIGHT;
    const mean = bounded(everybodys.mean + (standing.surplus * left) / all);
    const variance = (mean * (1 - mean)) / (all + 1) + everybodys.deviation ** 2;
    return { mean, deviation: Math.sqrt(variance), level: 'merchant', n };
  }

  #observeApart(lane: Lane, name: string, standing: Standing, believed: number, approved: boolean): boolean {
    const { step, threshold } = this.#settings;
    const rate = bounded(believed + standing.surplus / (standing.total + 2));
    const left = leftOf(standing, lane);
    standing.total = standing.total * left + 1;
    standing.surplus = standing.surplus * left + Number(approved) - believed;
    standing.at = lane.outcomes;
    if (lane.votes.has(name)) vote(lane, name);
    const usual = bounded(believed);
    standing.evidence = Math.max(0, standing.evidence + logLikelihoodRatio(approved, rate, usual));
    const isOver = usual - rate < step / 7 || standing.evidence >= threshold;
    if (!isOver) return !isAgreed(lane, name);
    lane.votes.delete(name);
    standing.isApart = false;
    standing.evidence = 0;
    standing.total = 0;
    standing.surplus = 0;
    return false;
  }
}

/** Share of a merchant's outcomes that still counts, 0 to 1. */
function leftOf({ at }: Standing, { outcomes }: Lane): number {
  return Math.exp((at - outcomes) / FADES_OVER);
}

function keyOf(stage: string, merchant: string): string {
  return `${stage}\u001f${merchant}`;
}

function bounded(rate: number): number {
  return Math.min(1 - LOWEST, Math.max(LOWEST, rate));
}

function newLane(): Lane {
  return { outcomes: 0, votes: new Map() };
}

function newStanding(): Standing {
  return { outcomes: 0, evidence: 0, isApart: false, total: 0, surplus: 0, at: 0 };
}

function entryOf<V>(entries: Map<number, V>, key: number, make: () => V): V {
  const known = entries.get(key);
  if (known !== undefined) return known;
  const made = make();
  entries.set(key, made);
  return made;
}

/** The one that was heard longest ago stands first, and goes when there are too many. */
function vote({ votes, outcomes }: Lane, name: string): void {
  votes.delete(name);
  votes.set(name, outcomes);
  const [oldest] = votes.keys();
  if (votes.size > VOTES_MAX && oldest !== undefined) votes.delete(oldest);
}

/** Whether others have changed with this one: then it is the provider. */
function isAgreed({ votes, outcomes }: Lane, name: string): boolean {
  if (votes.size < VOTES_ENOUGH || !votes.has(name)) return false;
  let recent = 0;
  for (const at of votes.values()) if (outcomes - at <= VOTE_LASTS) recent += 1;
  return recent >= VOTES_ENOUGH;
}
