import { invariant } from '../invariant.ts';
import { logLikelihoodRatio } from './change-detector.ts';

export interface DropSettings {
  /** Drops that are looked for, as differences of probabilities, each above 0. */
  readonly steps: readonly number[];
  /** A rate that is lower by no more than this is no drop: rates wander with the hour and the day. */
  readonly tolerance: number;
  /** Of the baseline, how many of its standard errors are left to chance beside. */
  readonly errors: number;
  /** Outcomes that are learned before anything is judged; as many again wait to be learned by then. */
  readonly learnedFrom: number;
  /** Outcomes that the baseline remembers, exponentially. */
  readonly memory: number;
  /** False alarms are this many outcomes apart or more, on average, whatever else is true. */
  readonly apart: number;
}

/**
 * One false alarm in a million outcomes at most. A drop of five points is noticed after some 3,000 outcomes, of ten after
 * some 600, of three after some 12,000.
 */
export const DROP_DEFAULTS: DropSettings = {
  steps: [0.03, 0.06, 0.15],
  tolerance: 0.01,
  errors: 3,
  learnedFrom: 1_000,
  memory: 50_000,
  apart: 1_000_000,
};

/** The rate that is judged is kept between these. */
const LOWEST = 0.01;
const HIGHEST = 0.99;
/** Evidence for its end, as a likelihood ratio. */
const RECOVERED = Math.log(20_000);
/** A rise that is looked for, as a probability: less than the drop, which looks worst when it is noticed. */
const RISE_LEAST = 0.02;
const RISE_MOST = 0.05;
/** Outcomes that are learned together. */
const GROUP = 20;
/** An outcome is learned when so many came after it, or as many as are learned. */
const LEARNED_AFTER = 20_000;
/** Outcomes after which a drop that stands is how things are: the baseline is what came since. */
const ACCEPTED_AFTER = 20_000;

/** A drop that was told. */
interface Standing {
  readonly rate: number;
  /** Log-likelihood ratio for its end. */
  recovery: number;
  /** Since it was told. */
  total: number;
  successes: number;
}

/** What an outcome changed. */
export type DropEvent =
  /** `since`: outcomes since when the drop is likeliest to have begun. */
  | {
      readonly kind: 'dropped';
      readonly baseline: number;
      readonly rate: number;
      readonly since: number;
    }
  | { readonly kind: 'recovered' }
  /** It has stood so long that it is the new baseline. */
  | { readonly kind: 'accepted' };

/**
 * Notices that a rate fell below what it long was. A mixture of CUSUM e-detectors (Shin, Ramdas and Rinaldo, "E-detectors",
 * arXiv 2203.03532): with p0 the lowest rate that is no drop (baseline less tolerance, or less three of its standard errors)
 * and p1 = p0 - step, M = max(1, M) times the likelihood ratio of p1 over p0, averaged over the steps. For every rate of
 * p0 or more, and any sequence of such rates, the ratio's mean is at most 1, so that M stays below the Shiryaev-Roberts
 * statistic, whose mean after n outcomes is at most n: alarms at M >= A are A outcomes apart or more on average. That
 * holds over rates that wander above p0 and for no fixed sample, where a test of windows would count on one look; a
 * CUSUM between two known rates (Page 1954) promises it for its one rate only.
 *
 * Purely counted in outcomes: a rate that is asked seldom is noticed late, never wrongly.
 */
export class DropDetector {
  readonly #settings: DropSettings;
  readonly #threshold: number;
  /** Per step: ln M, outcomes and successes since M was last 1. */
  readonly #evidence: Float64Array;
  readonly #total: Float64Array;
  readonly #successes: Float64Array;
  #rate = 0;
  #weight = 0;
  /** What is not learned yet, oldest first. */
  readonly #later: { total: number; successes: number }[] = [];
  #standing: Standing | null = null;

  constructor(settings: DropSettings = DROP_DEFAULTS) {
    const { steps, apart, memory, learnedFrom } = settings;
    invariant(steps.length > 0 && steps.every((step) => step > 0), 'a step of a drop is above 0');
    invariant(apart > 1 && memory > learnedFrom && learnedFrom > 0, 'nothing could be noticed');
    this.#settings = settings;
    this.#threshold = Math.log(apart);
    this.#evidence = new Float64Array(steps.length);
    this.#total = new Float64Array(steps.length);
    this.#successes = new Float64Array(steps.length);
  }

  /** The rate as it long was; null while too little is known. */
  get baseline(): number | null {
    return this.#weight < this.#settings.learnedFrom ? null : this.#rate;
  }

  /** Whether a drop stands. */
  get isDropped(): boolean {
    return this.#standing !== null;
  }

  /** The lowest rate that is no drop: the baseline less what is left to chance and to the hour. */
  get lowest(): number {
    const { tolerance, errors } = this.#settings;
    const error = Math.sqrt((this.#rate * (1 - this.#rate)) / Math.max(1, this.#weight));
    return clamp(this.#rate - Math.max(tolerance, errors * error));
  }

  /** Likelihood ratio for a drop over none, as its natural logarithm: 0 or more. */
  get logEvidence(): number {
    const most = Math.max(...this.#evidence);
    let sum = 0;
    for (const each of this.#evidence) sum += Math.exp(each - most);
    return most + Math.log(sum / this.#evidence.length);
  }

  /** Takes an outcome in. @returns what it changed, or null */
  observe(success: boolean): DropEvent | null {
    if (this.#standing !== null) return this.#whileDropped(this.#standing, success);
    const event = this.baseline === null ? null : this.#judge(success);
    if (event === null) this.#learnLater(success);
    return event;
  }

  /** A drop that is not noticed yet must not become the baseline: what came last is learned when as much came after it. */
  #learnLater(success: boolean): void {
    let last = this.#later.at(-1);
    if (last === undefined || last.total === GROUP) {
      last = { total: 0, successes: 0 };
      this.#later.push(last);
    }
    last.total += 1;
    last.successes += success ? 1 : 0;
    if (last.total < GROUP || this.#later.length * GROUP <= Math.min(LEARNED_AFTER, this.#weight)) return;
    const first = this.#later.shift();
    if (first === undefined) return;
    this.#weight = Math.min(this.#settings.memory, this.#weight + first.total);
    this.#rate += ((first.successes / first.total - this.#rate) * first.total) / this.#weight;
  }

  #judge(success: boolean): DropEvent | null {
    const before = this.lowest;
    const { steps } = this.#settings;
    for (const [index, step] of steps.entries()) {
      const after = Math.max(before - step, before / 2);
      const sum = (this.#evidence[index] ?? 0) + logLikelihoodRatio(success, before, after);
      if (sum <= 0) {
        this.#evidence[index] = 0;
        this.#total[index] = 0;
        this.#successes[index] = 0;
        continue;
      }
      this.#evidence[index] = sum;
      this.#total[index] = (this.#total[index] ?? 0) + 1;
      this.#successes[index] = (this.#successes[index] ?? 0) + (success ? 1 : 0);
    }
    if (this.logEvidence < this.#threshold) return null;
    const likeliest = this.#evidence.indexOf(Math.max(...this.#evidence));
    const since = this.#total[likeliest] ?? 1;
    const rate = (this.#successes[likeliest] ?? 0) / since;
    this.#clear();
    this.#standing = { rate, recovery: 0, total: 0, successes: 0 };
    return { kind: 'dropped', baseline: this.#rate, rate, since };
  }

  /** The baseline stands still meanwhile; the end is a rise to where no drop is. */
  #whileDropped(standing: Standing, success: boolean): DropEvent | null {
    const back = this.lowest;
    const drop = back - standing.rate;
    const worst = clamp(back - Math.min(RISE_MOST, Math.max(RISE_LEAST, drop / 5)));
    standing.total += 1;
    standing.successes += success ? 1 : 0;
    standing.recovery = Math.max(0, standing.recovery + logLikelihoodRatio(success, worst, back));
    if (standing.recovery >= RECOVERED) {
      this.#standing = null;
      return { kind: 'recovered' };
    }
    if (standing.total < ACCEPTED_AFTER) return null;
    this.#rate = standing.successes / standing.total;
    this.#weight = standing.total;
    this.#standing = null;
    return { kind: 'accepted' };
  }

  #clear(): void {
    this.#evidence.fill(0);
    this.#total.fill(0);
    this.#successes.fill(0);
    this.#later.length = 0;
  }
}

function clamp(rate: number): number {
  return Math.min(HIGHEST, Math.max(LOWEST, rate));
}
