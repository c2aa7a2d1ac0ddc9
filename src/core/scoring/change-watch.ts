import { logLikelihoodRatio } from '../statistics/change-detector.ts';

/** How a change of an approval rate is noticed. */
export interface ChangeSettings {
  /** Size of the change that is looked for, as a probability: each entry is looked for in both directions. */
  readonly steps: readonly number[];
  /** Log-likelihood ratio at which a change is believed. */
  readonly threshold: number;
}

/** What came in since the change began, as it is estimated. */
export interface SinceChange {
  readonly approved: number;
  readonly total: number;
}

/** Log-likelihood ratio, approved and all outcomes since it was last 0. */
const FIELDS = 3;
const LOWEST = 0.005;

/**
 * Watches approval rates for changes, each by Bernoulli CUSUM tests (Page 1954): with the rate p0 that is believed and
 * p1 = p0 plus or minus a step, g = max(0, g + y ln(p1/p0) + (1-y) ln((1-p1)/(1-p0))), and a change is believed when g
 * reaches the threshold h. The estimated beginning of the change is where g was last 0, so what came in since is told
 * with the alarm. Without a change an alarm comes in more than e^h outcomes on average. Upwards the step is at most half
 * of the way to 1.
 *
 * Watches are numbers into one flat array; a number that is released is used again.
 */
export class ChangeWatch {
  readonly #settings: ChangeSettings;
  readonly #size: number;
  readonly #free: number[] = [];
  #count = 0;
  #fields = new Float32Array(0);

  constructor(settings: ChangeSettings) {
    this.#settings = settings;
    this.#size = settings.steps.length * 2 * FIELDS;
  }

  /** Watches in use. */
  get size(): number {
    return this.#count - this.#free.length;
  }

  get bytes(): number {
    return this.#fields.byteLength;
  }

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#clear(free);
      return free;
    }
    const watch = this.#count++;
    if ((watch + 1) * this.#size > this.#fields.length) {
      const larger = new Float32Array(Math.max(64, this.#count * 2) * this.#size);
      larger.set(this.#fields);
      this.#fields = larger;
    }
    this.#clear(watch);
    return watch;
  }

  release(watch: number): void {
    this.#free.push(watch);
  }

  /**
   * @param believed the rate before this outcome, 0 to 1
   * @returns what came in since the change, when one is believed: the watch begins anew; else null
   */
  observe(watch: number, believed: number, approved: boolean): SinceChange | null {
    const { steps, threshold } = this.#settings;
    const before = Math.min(1 - LOWEST, Math.max(LOWEST, believed));
    for (let index = 0; index < steps.length * 2; index += 1) {
      const step = steps[index >> 1] ?? 0;
      const isDown = (index & 1) === 0;
      const after = isDown ? Math.max(LOWEST / 2, before - step) : before + Math.min(step, (1 - before) / 2);
      const at = watch * this.#size + index * FIELDS;
      const sum = (this.#fields[at] ?? 0) + logLikelihoodRatio(approved, before, after);
      if (sum <= 0) {
        this.#fields.fill(0, at, at + FIELDS);
        continue;
      }
      this.#fields[at] = sum;
      const approvedSince = (this.#fields[at + 1] ?? 0) + (approved ? 1 : 0);
      const totalSince = (this.#fields[at + 2] ?? 0) + 1;
      this.#fields[at + 1] = approvedSince;
      this.#fields[at + 2] = totalSince;
      if (sum < threshold) continue;
      this.#clear(watch);
      return { approved: approvedSince, total: totalSince };
    }
    return null;
  }

  #clear(watch: number): void {
    this.#fields.fill(0, watch * this.#size, (watch + 1) * this.#size);
  }
}
