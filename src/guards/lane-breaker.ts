import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { BreakerSignal } from '../core/attempt.ts';
import type { BreakerSettings } from '../core/rules/ruleset.ts';
import type { Clock } from '../gateway/ports.ts';
import { RecentCalls } from './recent-calls.ts';
import { RollingWindow, WINDOW_SLICES } from './rolling-window.ts';

/** Calls of the window by number, as a multiple of `volume`. */
const RECENT_VOLUMES = 3;

/** So many calls in a row that went well say more than what others say. */
const TELLING_CALLS = 3;

/** What the breaker itself thinks, before any override. */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** A call's place in a breaker. Ended by `report` or `leave` of the breaker that gave it. */
export interface BreakerTicket {
  /** Which stretch between two changes of state it was admitted in. */
  readonly generation: number;
  /** The one call that a half-open breaker lets through. */
  readonly probe: boolean;
  /** False for a call that passed although the breaker would have refused it: its end is not counted. */
  readonly counted: boolean;
}

/** What the breaker's window holds. */
export interface BreakerCounts {
  readonly calls: number;
  readonly failures: number;
  /** Calls among the failures that ended unknown. */
  readonly unknown: number;
}

/** What a failed call is to opossum. Made once: its stack says nothing. */
class ProviderFault extends Error {
  override readonly name = 'ProviderFault';
}
const PROVIDER_FAULT = new ProviderFault('the provider failed technically');

/**
 * The action that opossum runs: it ends at once, as the call ended before. A throw is counted synchronously, a
 * success one microtask later.
 */
function settle(failed: boolean): Promise<true> {
  if (failed) throw PROVIDER_FAULT;
  return Promise.resolve(true);
}

/**
 * The breaker of one lane, on opossum.
 *
 * The provider's call does not run inside `fire`. Its end is reported afterwards, so that
 * - what says nothing about the provider is not reported at all (opossum's `errorFilter` would count it a success);
 * - calls under way do not dilute the failure ratio, which is failures by `fires` (opossum, `lib/circuit.js`, `fail`);
 * - a result that comes after a change of state is dropped by its generation. opossum knows none: there a late
 *   success closes a half-open breaker, and a late failure opens it again.
 *
 * opossum keeps its window when it closes, so that one failure after a good probe would open it again by the failures
 * of before; here every closing starts an empty window. `unknown` has a threshold of its own, which opossum has not.
 *
 * On a busy lane the window by time is full of successes when a provider goes down, and would take half its length to
 * tip while every payment needs another provider. So the last few calls are judged by the same ratio too.
 */
export class LaneBreaker {
  readonly #clock: Clock;
  readonly #onTransition: (from: CircuitState, to: CircuitState) => void;
  #settings: BreakerSettings;
  #circuit: CircuitBreaker<[boolean], true>;
  #rotation: EventEmitter;
  #unknown: RollingWindow;
  #recent: RecentCalls;
  #state: CircuitState = 'closed';
  #generation = 0;
  #probing = false;
  #sinceWallMs: number;
  #sinceMonotonicMs: number;

  /** @param onTransition told after each change of state; must not throw */
  constructor(
    settings: BreakerSettings,
    clock: Clock,
    onTransition: (from: CircuitState, to: CircuitState) => void,
  ) {
    this.#clock = clock;
    this.#onTransition = onTransition;
    this.#settings = settings;
    this.#sinceWallMs = clock.wallMs();
    this.#sinceMonotonicMs = clock.monotonicMs();
    this.#unknown = new RollingWindow(clock, settings.windowMs);
    this.#recent = new RecentCalls(clock, settings.volume * RECENT_VOLUMES, settings.windowMs);
    this.#rotation = new EventEmitter();
    this.#circuit = this.#build({ calls: 0, failures: 0, unknown: 0 });
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Wall clock of the last change of state, or of the creation. */
  get sinceMs(): number {
    return this.#sinceWallMs;
  }

  /** Why a call would be refused now; null when it would not. */
  get closedBecause(): 'breaker_open' | 'probe_in_flight' | null {
    if (this.#state === 'closed') return null;
    if (this.#state === 'open') return 'breaker_open';
    return this.#probing ? 'probe_in_flight' : null;
  }

  /** Milliseconds until an open breaker lets a probe through; null when it is not open. */
  get reopensInMs(): number | null {
    if (this.#state !== 'open') return null;
    const passed = this.#clock.monotonicMs() - this.#sinceMonotonicMs;
    return Math.max(0, Math.ceil(this.#settings.resetMs - passed));
  }

  counts(): BreakerCounts {
    this.#expire();
    const { fires, failures } = this.#circuit.stats;
    return { calls: fires, failures, unknown: this.#unknown.sum() };
  }

  /** What the latest calls of the window say of the provider, by themselves. */
  latest(): 'well' | 'ill' | 'none' {
    return this.#recent.latest(TELLING_CALLS);
  }

  /** Takes a place. A caller that passes although {@link closedBecause} says otherwise is not counted. */
  enter(): BreakerTicket {
    const counted = this.closedBecause === null;
    const probe = counted && this.#state === 'half_open';
    if (probe) this.#probing = true;
    return { generation: this.#generation, probe, counted };
  }

  /** The call was made and ended. */
  report(ticket: BreakerTicket, signal: BreakerSignal): void {
    if (signal === 'excluded') {
      this.leave(ticket);
      return;
    }
    if (!ticket.counted || ticket.generation !== this.#generation) return;
    this.#expire();
    if (signal === 'unknown') this.#unknown.add();
    this.#recent.add(signal !== 'success');
    // A probe's place is given back by the change of state that its end brings about.
    this.#circuit.fire(signal !== 'success').catch((fault: unknown) => {
      if (fault !== PROVIDER_FAULT) throw fault;
    });
    if (signal !== 'success' && this.#state === 'closed' && this.#shouldOpen(signal)) this.#circuit.open();
  }

  /** No call was made, or it says nothing about the provider. */
  leave(ticket: BreakerTicket): void {
    if (ticket.probe && ticket.generation === this.#generation) this.#probing = false;
  }

  /** Opens a new one as it was before a restart: its next probe waits for `resetMs` from now on. */
  reopen(): void {
    if (this.#state === 'closed') this.#circuit.open();
  }

  /** Applies changed settings. The state and the window's counts stay; an open breaker waits anew. */
  configure(settings: BreakerSettings): void {
    const { failureRatio, unknownRatio, volume, windowMs, resetMs } = this.#settings;
    const same =
      failureRatio === settings.failureRatio &&
      unknownRatio === settings.unknownRatio &&
      volume === settings.volume &&
      windowMs === settings.windowMs &&
      resetMs === settings.resetMs;
    this.#settings = settings;
    if (same) return;
    const counts = this.counts();
    this.#circuit.shutdown();
    this.#unknown = new RollingWindow(this.#clock, settings.windowMs);
    this.#unknown.add(counts.unknown);
    this.#recent = new RecentCalls(this.#clock, settings.volume * RECENT_VOLUMES, settings.windowMs);
    this.#rotation = new EventEmitter();
    this.#circuit = this.#build(counts);
    if (this.#state !== 'closed') this.#circuit.open();
  }

  /** Stops its timer. Results reported later are dropped. */
  close(): void {
    this.#generation += 1;
    this.#circuit.shutdown();
  }

  #build(counts: BreakerCounts): CircuitBreaker<[boolean], true> {
    const options = {
      timeout: false as const,
      errorThresholdPercentage: this.#settings.failureRatio * 100,
      volumeThreshold: this.#settings.volume,
      resetTimeout: this.#settings.resetMs,
      rollingCountTimeout: this.#settings.windowMs,
      rollingCountBuckets: WINDOW_SLICES,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      // Rotated by us, by time, whenever it is read or written: no timer runs for it.
      rotateBucketController: this.#rotation,
    };
    const stats: CircuitBreaker.Stats = {
      fires: counts.calls,
      failures: counts.failures,
      successes: counts.calls - counts.failures,
      fallbacks: 0,
      rejects: 0,
      timeouts: 0,
      cacheHits: 0,
      cacheMisses: 0,
      semaphoreRejections: 0,
      percentiles: {},
      latencyTimes: [],
      latencyMean: 0,
    };
    const status = CircuitBreaker.newStatus({ ...options, stats });
    const circuit = new CircuitBreaker<[boolean], true>(settle, { ...options, status });
    circuit.on('open', () => this.#changed('open'));
    circuit.on('halfOpen', () => this.#changed('half_open'));
    circuit.on('close', () => {
      for (let slice = 0; slice < WINDOW_SLICES; slice += 1) this.#rotation.emit('rotate');
      this.#unknown.clear();
      this.#recent.clear();
      this.#changed('closed');
    });
    return circuit;
  }

  #changed(to: CircuitState): void {
    const from = this.#state;
    this.#state = to;
    this.#generation += 1;
    this.#probing = false;
    this.#sinceWallMs = this.#clock.wallMs();
    this.#sinceMonotonicMs = this.#clock.monotonicMs();
    if (from !== to) this.#onTransition(from, to);
  }

  #expire(): void {
    for (let passed = this.#unknown.expire(); passed > 0; passed -= 1) this.#rotation.emit('rotate');
  }

  /** What opossum does not see: the last calls, and the lower ratio of unknown outcomes. */
  #shouldOpen(signal: BreakerSignal): boolean {
    const { failureRatio, volume } = this.#settings;
    return (
      this.#recent.tooManyFailed(failureRatio, volume) || (signal === 'unknown' && this.#tooManyUnknown())
    );
  }

  #tooManyUnknown(): boolean {
    const { fires } = this.#circuit.stats;
    return fires >= this.#settings.volume && this.#unknown.sum() / fires > this.#settings.unknownRatio;
  }
}
