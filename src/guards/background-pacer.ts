import Bottleneck from 'bottleneck';
import type { Pacer } from '../gateway/ports.ts';

/** Share of a provider's limits that work beside the road may take. */
const SHARE = 0.1;
/** Calls beside the road at once, at most. */
const CONCURRENT_MAX = 8;

/** A provider's limits as its contract has them. */
interface Limits {
  readonly perSecond: number;
  readonly concurrent: number;
}

/** Where no contract says anything. */
const UNKNOWN_LIMITS: Limits = { perSecond: 10, concurrent: 10 };

/**
 * Paces inquiries, replays and reversals per provider, on bottleneck: at most a tenth of its contract's limits a second, by all
 * processes together, and by each a tenth of its calls at once, so that a provider that comes back is not buried under
 * questions. Never slower than one a second by all of them, also where that is more than a tenth: work would outlast its
 * lease. Off the road: bottleneck costs milliseconds a job. Its queue is bounded by whoever asks: work is taken up under
 * leases, a few hundred items at once.
 */
export class BackgroundPacer implements Pacer {
  readonly #limitsOf: (provider: string) => Limits | undefined;
  readonly #pods: () => number;
  readonly #limiters = new Map<string, { readonly limiter: Bottleneck; readonly settings: string }>();

  /** @param pods how many processes share that tenth, at least 1 */
  constructor(limitsOf: (provider: string) => Limits | undefined, pods: () => number = () => 1) {
    this.#limitsOf = limitsOf;
    this.#pods = pods;
  }

  run<T>(provider: string, task: () => Promise<T>): Promise<T> {
    return this.#limiterOf(provider).schedule(task);
  }

  /** The provider's limiter, as its contract is now. */
  #limiterOf(provider: string): Bottleneck {
    const { perSecond, concurrent } = this.#limitsOf(provider) ?? UNKNOWN_LIMITS;
    const options = {
      maxConcurrent: Math.max(1, Math.min(CONCURRENT_MAX, Math.floor(concurrent * SHARE))),
      minTime: Math.ceil((1000 * this.#pods()) / Math.max(1, perSecond * SHARE)),
    };
    const settings = JSON.stringify(options);
    const known = this.#limiters.get(provider);
    if (known !== undefined && known.settings === settings) return known.limiter;
    if (known !== undefined) {
      known.limiter.updateSettings(options);
      this.#limiters.set(provider, { limiter: known.limiter, settings });
      return known.limiter;
    }
    const limiter = new Bottleneck(options);
    this.#limiters.set(provider, { limiter, settings });
    return limiter;
  }
}
