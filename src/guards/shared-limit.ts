import type { Clock } from '../gateway/ports.ts';
import type { LimitLease, OnRefused, SharedState } from '../gateway/shared-state.ts';
import type { PodWatch } from './pod-watch.ts';
import { type Limit, type LimitRefusal, type LimitSettings, LONGEST_CLOSURE_MS } from './provider-limit.ts';
import type { SharedStatus } from './shared-status.ts';

/** How often a process asks although it lacks nothing: places are renewed so, and a pause of others is heard of. */
const ASK_EVERY_MS = 250;
/** The demand is taken over so long, and that much of the contract is at hand where it asks for more. */
const BLOCK_MS = 100;
/**
 * One of so many calls of a burst is held at hand, by all processes together; the others are in the shared bucket. What
 * comes at once at a process that was idle finds its part of them, without a question.
 */
const BURST_AT_HAND = 2;
/** How much more than the contract one process may lease, by its own clock. */
const OVER_CONTRACT = 1.05;
/** How soon a process asks again that did not get what it wanted, at the least. */
const ASK_AGAIN_MS = 10;
/** How soon it asks again at the most: others may give back. */
const ASK_AGAIN_MAX_MS = 100;
/** Places that nobody answers for any more are held for so long yet, as the store holds them. */
const PLACES_KEPT_MS = 3_000;
/** A process that was not asked for so long holds places for nobody where they are scarce. */
const IDLE_MS = 5_000;
/** What is at hand above that is given back, from this share of it on: the demand goes up and down. */
const KEPT_ABOVE = 0.25;
/**
 * One of so many places of the contract is held at hand, by all processes together and by each at least one: where there
 * is room for what comes at once, and where places are scarce, so that they are left to those who need them.
 */
const PLACES_AT_HAND = { roomy: 2, scarce: 10 } as const;
/** They are scarce when less than this share of the contract is free, until so much is free beside what all hold at hand then. */
const SCARCE_SHARE = 1 / 8;
/** Where there are so many places for each process, each holds one at hand also when it is idle. */
const PLENTY = 4;
/** A pause that only others tell of is gone by for so long at a time; then a call of our own finds out. */
const HEARD_PAUSE_MS = 30_000;
/** A process that gets less than half of its share of the calls for so long, at least, goes by its share itself… */
const STARVED_MS = 5_000;
/** …the same in multiples of the time in which its share grants a call. */
const STARVED_CALLS = 3;
/** Stretches of time in which calls are refused, one after the other, before anything is concluded. */
const SLICE_MS = 500;
const STARVED_SLICES = 3;
/** So long it does, before it tries again; and after that it bears less for so long only. */
const DOUBTED_MS = 30_000;
const IMPATIENT_MS = 500;
/** Others may use their places for as long as calls take that hang. */
const PLACELESS_MS = 10_000;

export interface SharedLimitDeps {
  readonly clock: Clock;
  readonly state: Pick<SharedState, 'exchangeLimit'>;
  readonly pods: PodWatch;
  readonly status: SharedStatus;
  /** Something has become free. Must not throw. */
  readonly onFree: () => void;
  /** Whether some other provider is not paused, as far as this process knows; left out: none is known. */
  readonly isAnotherOpen?: () => boolean;
  /** Told when what the store says is not gone by any more. Must not throw. */
  readonly onRefused?: OnRefused;
  /** Calls were leased. Must not throw. */
  readonly onLeased?: (provider: string, calls: number) => void;
}

/** Stretches of time, one after the other, in each of which a call was refused for want of calls at hand. */
interface RefusedRun {
  /** Monotonic clock. */
  readonly sinceMs: number;
  /** When a call was asked for last: a store gives nothing to who asks for nothing. Monotonic clock. */
  untilMs: number;
  /** The last stretch, how many there are of them in which anything was asked for, and whether of the last any was refused. */
  slice: number;
  slices: number;
  isRefused: boolean;
  asked: number;
  /** Leased, and granted by itself meanwhile. */
  leased: number;
}

/**
 * A provider's limits that several processes keep together. Calls and places are leased in the background, before they
 * are used up, in blocks that follow the demand; the road takes what is at hand, or is refused. Half of a
 * burst is at hand, with each process its part, and half in the shared bucket. So in any stretch of t seconds all processes
 * together grant at most burst + perSecond x t calls, and what a process needs beyond its part: a tenth of a second's worth,
 * at least one call.
 *
 * While nobody answers, a process fills its bucket by itself with its share of the contract, by how many processes it knew
 * last, and pays for that when it is answered again. A question that was not answered is never put again as it was: its
 * lease may have been given, and is lost.
 *
 * What the store says is a hint, and takes the provider from this process for a while only. A pause that others tell of
 * holds for half a minute, or, where it would leave no provider, not at all; then one call goes out, and if the provider
 * asks for no pause of it, none is heard of for ten minutes. A process that for five seconds gets less than half of its share of
 * the calls (of slow contracts for as long as its share takes to grant three), or for ten none of its places, goes by its
 * share by itself.
 */
export class SharedLimit implements Limit {
  readonly #provider: string;
  readonly #deps: SharedLimitDeps;
  #settings: LimitSettings;
  /** Calls at hand: leased, or granted by itself. The first of a process is on credit. */
  #calls = 1;
  /**
   * What this process may still lease by the contract alone, whatever it is given: shared state that somebody has changed
   * must not let it exceed a whole contract by itself.
   */
  #mayLease: number;
  #mayLeaseAtMs: number;
  /** Calls granted by itself that the shared bucket does not know of. */
  #owed = 1;
  #refilledAtMs: number;
  /** Whether the last question was answered. */
  #isShared = false;
  #places = 0;
  /** Whether there are places enough for more of them at hand. */
  #isRoomy = true;
  /** Until when what was leased is taken to be ours, without an answer. Monotonic clock. */
  #placesUntilMs = Number.NEGATIVE_INFINITY;
  #inUse = 0;
  /** Calls left in the shared bucket when it was asked last. */
  #left = 0;
  /** Until when a pause lasts that the provider asked this process for. */
  #closedUntilMs = Number.NEGATIVE_INFINITY;
  /** Until when one lasts that only others tell of, when a call of ours finds out, and whether it is under way. */
  #heardUntilMs = Number.NEGATIVE_INFINITY;
  #probeAtMs = Number.NEGATIVE_INFINITY;
  #isProbing = false;
  /** Until when others are not believed that there is a pause. */
  #refutedUntilMs = Number.NEGATIVE_INFINITY;
  /** Calls were refused for want of leases in each stretch of time since then; null: in the last one none was. */
  #refusedRun: RefusedRun | null = null;
  /** How long that is borne. */
  #patienceMs = STARVED_MS;
  /** Whether, and since when, calls are granted by our own share although the store answers: it gave too few. */
  #isDoubted = false;
  #doubtedSinceMs = Number.NEGATIVE_INFINITY;
  /** Since when places were wanted, and less than our share given; and whether that was told. */
  #placelessSinceMs = Number.POSITIVE_INFINITY;
  #isPlacesTold = false;
  /** Until when a pause lasts that the others have not been told of. */
  #untoldUntilMs = Number.NEGATIVE_INFINITY;
  /** Calls asked for in this tenth of a second and the one before. */
  #asked = 0;
  #askedBefore = 0;
  #askedSinceMs: number;
  #usedAtMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;
  #askAgainAtMs = Number.NEGATIVE_INFINITY;
  #isAskPlanned = false;
  #cancel = () => {};
  #cancelPlanned = () => {};
  #closed = false;
  #asking: Promise<void> = Promise.resolve();
  #gone: Promise<void> = Promise.resolve();

  constructor(provider: string, settings: LimitSettings, deps: SharedLimitDeps) {
    this.#provider = provider;
    this.#settings = settings;
    this.#deps = deps;
    this.#refilledAtMs = deps.clock.monotonicMs();
    this.#mayLease = this.#leasesMost();
    this.#mayLeaseAtMs = this.#refilledAtMs;
    this.#askedSinceMs = this.#refilledAtMs;
    this.#keepAsking();
  }

  get inUse(): number {
    return this.#inUse;
  }

  get closedForMs(): number {
    const now = this.#now();
    const heardUntilMs = this.#isProbing ? this.#heardUntilMs : Math.min(this.#heardUntilMs, this.#probeAtMs);
    return Math.max(0, Math.ceil(Math.max(this.#closedUntilMs, heardUntilMs) - now));
  }

  headroom(): number {
    const refusal = this.refusal();
    if (refusal !== null) {
      // Who is passed over for want of room would else never be asked for.
      this.#asks(refusal === 'limit_per_second', this.#now());
      this.#wanted();
      return 0;
    }
    const { concurrent, perSecond } = this.#settings;
    if (this.#now() < this.#heardUntilMs) return Math.min(1, 1 / Math.max(1, perSecond));
    const share = this.#isLeasing
      ? (this.#calls + this.#left) / (this.#block() + this.#bucket(perSecond))
      : (this.#calls * this.#deps.pods.count) / Math.max(1, perSecond);
    return Math.min(1, share, (concurrent - this.#inUse) / concurrent);
  }

  refusal(): LimitRefusal | null {
    this.#refill();
    const now = this.#now();
    if (now < this.#closedUntilMs) return 'limit_per_second';
    if (now < this.#heardUntilMs) return this.#isProbing || now < this.#probeAtMs ? 'limit_per_second' : null;
    if (this.#calls < 1) return 'limit_per_second';
    return this.#inUse >= this.#placesNow() ? 'limit_concurrent' : null;
  }

  tryTake(): LimitRefusal | null {
    const refusal = this.refusal();
    if (refusal === null) {
      this.#inUse += 1;
      if (this.#now() < this.#heardUntilMs) {
        this.#isProbing = true;
        this.#probeAtMs = this.#now() + HEARD_PAUSE_MS;
        this.#owed += 1;
      } else this.#calls -= 1;
    }
    this.#asks(refusal === 'limit_per_second', this.#now());
    this.#wanted();
    return refusal;
  }

  release(): void {
    this.#inUse -= 1;
    // While there is a pause no other call begins: when none is under way any more, this one has ended too.
    if (!this.#isProbing || this.#inUse > 0) return;
    this.#isProbing = false;
    const now = this.#now();
    if (now < this.#closedUntilMs) return;
    this.#heardUntilMs = Number.NEGATIVE_INFINITY;
    this.#refutedUntilMs = now + LONGEST_CLOSURE_MS;
    this.#deps.onRefused?.('limit', 'contradicted');
    this.#doubt(now);
    this.#deps.onFree();
  }

  refund(): void {
    this.#inUse -= 1;
    if (this.#isProbing && this.#inUse === 0) {
      this.#isProbing = false;
      this.#probeAtMs = this.#now();
      this.#owed = Math.max(0, this.#owed - 1);
    } else this.#calls += 1;
  }

  closeFor(ms: number): void {
    const untilMs = this.#now() + Math.min(ms, LONGEST_CLOSURE_MS);
    this.#shutUntil(untilMs);
    this.#untoldUntilMs = Math.max(this.#untoldUntilMs, untilMs);
    // Of a question that is on its way others would hear a quarter of a second later.
    if (this.#isShared) void this.#asking.then(() => this.#ask());
  }

  nextTokenInMs(): number | null {
    const refusal = this.refusal();
    if (refusal !== 'limit_per_second') return null;
    if (this.closedForMs > 0) return this.closedForMs;
    if (this.#isLeasing) return Math.max(1, Math.ceil(this.#askAgainAtMs - this.#now()));
    return Math.max(1, Math.ceil(((1 - this.#calls) / this.#ownRate()) * 1000));
  }

  configure(settings: LimitSettings): void {
    this.#refill();
    this.#settings = settings;
    this.#calls = Math.min(this.#calls, Math.max(1, settings.perSecond));
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#cancelPlanned();
    this.#gone = this.#asking.then(() => this.#giveBack());
  }

  /** Whether it is not asked any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** @returns when, after {@link close}, what was leased has been given back, or nobody answered */
  gone(): Promise<void> {
    return this.#gone;
  }

  /** Whether calls come from the store. */
  get #isLeasing(): boolean {
    return this.#isShared && !this.#isDoubted;
  }

  async #giveBack(): Promise<void> {
    if (!this.#isShared) return;
    const given = this.#isDoubted ? 0 : Math.floor(this.#calls);
    this.#calls = 0;
    await this.#deps.state
      .exchangeLimit({ ...this.#askOf(-given, 0), places: this.#inUse })
      .catch((error: unknown) => this.#deps.status.failed('limits', error));
  }

  #now(): number {
    return this.#deps.clock.monotonicMs();
  }

  /** Rate at which this process fills its own bucket while nobody answers. */
  #ownRate(): number {
    return this.#settings.perSecond / this.#deps.pods.count;
  }

  #refill(): void {
    if (this.#isLeasing) return;
    const now = this.#now();
    const elapsed = now - this.#refilledAtMs;
    if (elapsed <= 0) return;
    this.#refilledAtMs = now;
    const most = Math.max(1, this.#ownRate());
    const granted = Math.min(most - this.#calls, (elapsed / 1000) * this.#ownRate());
    if (granted <= 0) return;
    this.#calls += granted;
    // A store that is away now and then is judged by what there was in all, not anew each time.
    if (this.#refusedRun !== null) this.#refusedRun.leased += granted;
    // The shared bucket cannot have gained more than it holds meanwhile: of that, this process's part.
    this.#owed = Math.min(most, this.#owed + granted);
  }

  #placesNow(): number {
    const { concurrent } = this.#settings;
    const share = this.#deps.pods.shareOf(concurrent);
    if (this.#isShared) {
      const places = Math.min(this.#places, concurrent);
      return this.#now() - this.#placelessSinceMs < PLACELESS_MS ? places : Math.max(places, share);
    }
    // Others may hold more than their share until what they leased is over.
    return this.#now() < this.#placesUntilMs ? Math.min(this.#places, share) : share;
  }

  /** Counts that a call was asked for, and asks for more before what is at hand is used up. */
  #wanted(): void {
    const now = this.#now();
    this.#usedAtMs = now;
    this.#rollDemand(now);
    this.#asked += 1;
    if (!this.#isShared || this.#isAsking || now < this.#closedUntilMs) return;
    const isLow =
      this.#calls < this.#block() / 2 ||
      this.#inUse + this.#spare() / 2 >= Math.min(this.#places, this.#most());
    if (!isLow || (this.#calls >= this.#block() && this.#places >= this.#placesWanted())) return;
    if (now >= this.#askAgainAtMs) void this.#ask();
    else if (!this.#isAskPlanned) {
      this.#isAskPlanned = true;
      this.#cancelPlanned = this.#deps.clock.after(this.#askAgainAtMs - now, () => {
        this.#isAskPlanned = false;
        void this.#ask();
      });
    }
  }

  #rollDemand(now: number): void {
    const passed = now - this.#askedSinceMs;
    if (passed < BLOCK_MS) return;
    this.#askedBefore = passed < 2 * BLOCK_MS ? this.#asked : 0;
    this.#asked = 0;
    this.#askedSinceMs = now;
  }

  /** Calls that are at hand when there are enough. */
  #block(): number {
    const { perSecond } = this.#settings;
    const tenth = Math.ceil((perSecond * BLOCK_MS) / 1000);
    const atHand = Math.floor(perSecond / BURST_AT_HAND / this.#deps.pods.count);
    const demand = Math.max(this.#asked, this.#askedBefore);
    return Math.max(1, atHand, Math.min(tenth, demand));
  }

  /** What the shared bucket holds at the most, of a rate: the rest of a burst is at hand. */
  #bucket(perSecond: number): number {
    return Math.max(1, perSecond - perSecond / BURST_AT_HAND);
  }

  /** Places beside those in use. */
  #spare(): number {
    const { concurrent } = this.#settings;
    const { count } = this.#deps.pods;
    const isIdle = this.#now() - this.#usedAtMs >= IDLE_MS && concurrent < PLENTY * count;
    const oneOf = PLACES_AT_HAND[this.#isRoomy ? 'roomy' : 'scarce'];
    const atHand = Math.max(1, Math.floor(concurrent / oneOf / count));
    return Math.max(isIdle ? 0 : atHand, this.#asked, this.#askedBefore);
  }

  /** Places that may be leased by all together: those of processes that may be cut off are left to them. */
  #most(): number {
    return Math.max(1, Math.floor(this.#settings.concurrent * this.#deps.pods.leasable));
  }

  #placesWanted(): number {
    return Math.min(this.#most(), this.#inUse + this.#spare());
  }

  #keepAsking(): void {
    void this.#ask().then(() => {
      if (!this.#closed) this.#cancel = this.#deps.clock.after(ASK_EVERY_MS, () => this.#keepAsking());
    });
  }

  #askOf(calls: number, owed: number) {
    const { perSecond, concurrent } = this.#settings;
    const { leasable, count } = this.#deps.pods;
    return {
      provider: this.#provider,
      perSecond: perSecond * leasable,
      burst: this.#bucket(perSecond * leasable),
      calls,
      callsShare: (perSecond * leasable) / count,
      owed,
      closeForMs: Math.max(0, this.#untoldUntilMs - this.#now()),
      concurrent: Math.max(1, Math.floor(concurrent * leasable)),
      places: this.#placesWanted(),
      placesInUse: this.#inUse,
      placesShare: this.#deps.pods.shareOf(concurrent),
    };
  }

  /** Asks for what is missing and gives back what is too much. One question at a time; never rejects for want of an answer. */
  #ask(): Promise<void> {
    if (this.#isAsking || this.#closed) return Promise.resolve();
    this.#isAsking = true;
    this.#asking = this.#askOnce();
    return this.#asking;
  }

  async #askOnce(): Promise<void> {
    try {
      // A question that may wait in a server that stands still must not do anything when it is read later.
      if (!this.#isShared) await this.#put(0, 0);
      await this.#put(this.#missing(), this.#owed);
    } catch (error) {
      if (this.#isShared) {
        this.#isShared = false;
        this.#refilledAtMs = Math.max(this.#now(), this.#closedUntilMs);
      }
      this.#deps.status.failed('limits', error);
    } finally {
      this.#isAsking = false;
    }
  }

  /** Calls to lease, or below 0, to give back. */
  #missing(): number {
    const now = this.#now();
    if (now < this.#closedUntilMs) return 0;
    this.#rollDemand(now);
    const block = this.#block();
    if (this.#calls < block) return Math.ceil(block - this.#calls);
    const above = this.#calls - block;
    return above >= Math.max(1, block * KEPT_ABOVE) ? -Math.floor(above) : 0;
  }

  async #put(calls: number, owed: number): Promise<void> {
    const ask = this.#askOf(calls, owed);
    // What is given back is not ours while the answer is on its way.
    if (calls < 0) this.#calls += calls;
    if (this.#isShared) this.#places = Math.min(this.#places, Math.max(ask.places, this.#inUse));
    const untoldUntilMs = this.#untoldUntilMs;
    const sentAtMs = this.#now();
    const lease = await this.#deps.state.exchangeLimit(ask);
    if (untoldUntilMs === this.#untoldUntilMs) this.#untoldUntilMs = Number.NEGATIVE_INFINITY;
    // Until now the bucket was filled by itself, if it was.
    this.#refill();
    this.#isShared = true;
    this.#owed = Math.max(0, this.#owed - owed);
    this.#take(lease, calls, sentAtMs);
    this.#deps.status.answered('limits');
  }

  /** A burst, and a twentieth more: clocks of two machines do not run alike. */
  #leasesMost(): number {
    return Math.max(1, this.#settings.perSecond) * OVER_CONTRACT + 1;
  }

  /** Of the calls that were given, those that the contract allows to one process. */
  #leasable(given: number): number {
    const now = this.#now();
    const gained = ((now - this.#mayLeaseAtMs) / 1000) * this.#settings.perSecond * OVER_CONTRACT;
    this.#mayLease = Math.min(this.#leasesMost(), this.#mayLease + gained);
    this.#mayLeaseAtMs = now;
    const calls = Number.isFinite(given) ? Math.max(0, Math.min(given, Math.floor(this.#mayLease))) : 0;
    this.#mayLease -= calls;
    return calls;
  }

  #take(lease: LimitLease, calls: number, sentAtMs: number): void {
    const leased = this.#leasable(lease.calls);
    const places = Math.max(0, Math.min(lease.places, this.#settings.concurrent));
    const isMore = leased > 0 || places > this.#places;
    this.#calls += leased;
    // What is given back may be leased again.
    if (calls < 0) this.#mayLease -= calls;
    this.#left = lease.left;
    this.#places = places;
    this.#placesUntilMs = sentAtMs + PLACES_KEPT_MS;
    const now = this.#now();
    if (lease.closedForMs > 0) this.#hear(now + lease.closedForMs);
    this.#judge(leased, now);
    this.#judgePlaces(places, now);
    this.#judgeRoom(lease.freePlaces);
    const isShort = leased < calls || places < this.#placesWanted();
    const waitMs = Math.min(ASK_AGAIN_MAX_MS, Math.max(ASK_AGAIN_MS, lease.nextCallInMs));
    this.#askAgainAtMs = isShort ? now + waitMs : now;
    if (leased > 0) this.#deps.onLeased?.(this.#provider, leased);
    if (isMore) this.#deps.onFree();
  }

  /** Others tell of a pause, or it is our own that comes back. */
  #hear(untilMs: number): void {
    const now = this.#now();
    // By how late an answer may be.
    if (untilMs <= this.#closedUntilMs + ASK_EVERY_MS || now < this.#refutedUntilMs) return;
    if (now >= this.#heardUntilMs) {
      this.#probeAtMs = now + (this.#deps.isAnotherOpen?.() === true ? HEARD_PAUSE_MS : 0);
    }
    this.#heardUntilMs = Math.max(this.#heardUntilMs, Math.min(untilMs, now + LONGEST_CLOSURE_MS));
    this.#calls = 0;
  }

  /** Notices that the store gives less, for longer, than a busy contract would explain. */
  #judge(leased: number, now: number): void {
    if (this.#isDoubted) {
      if (now - this.#doubtedSinceMs < DOUBTED_MS) return;
      // It is tried again, and for a shorter while.
      this.#isDoubted = false;
      this.#patienceMs = IMPATIENT_MS;
    }
    const run = this.#refusedRun;
    if (run === null) return;
    run.leased += leased;
    const ms = run.untilMs - run.sinceMs;
    const share = (ms / 1_000) * this.#ownRate();
    const patienceMs = Math.max(this.#patienceMs, (STARVED_CALLS * 1_000) / this.#ownRate());
    if (ms < patienceMs || run.slices < STARVED_SLICES || run.leased >= Math.min(run.asked, share) / 2)
      return;
    this.#deps.onRefused?.('limit', 'bound');
    this.#doubt(now);
    this.#deps.onFree();
  }

  /**
   * Follows a run of stretches of time in each of which a call was refused for want of calls at hand, also where the store
   * did not answer in some of them.
   */
  #asks(isRefused: boolean, now: number): void {
    if (this.#isDoubted || now < this.#closedUntilMs || now < this.#heardUntilMs) {
      this.#refusedRun = null;
      return;
    }
    const slice = Math.floor(now / SLICE_MS);
    const last = this.#refusedRun;
    if (last !== null && last.slice !== slice && !last.isRefused) {
      // All of that stretch went well: so does the store, and what came before it was want of a moment.
      this.#refusedRun = null;
      this.#patienceMs = STARVED_MS;
    }
    if (this.#refusedRun === null) {
      if (isRefused) {
        this.#refusedRun = { sinceMs: now, untilMs: now, slice, slices: 1, isRefused, asked: 1, leased: 0 };
      }
      return;
    }
    const run = this.#refusedRun;
    run.asked += 1;
    run.untilMs = now;
    if (run.slice !== slice) {
      run.slice = slice;
      run.slices += 1;
      run.isRefused = isRefused;
    } else run.isRefused ||= isRefused;
  }

  #judgePlaces(places: number, now: number): void {
    const share = this.#deps.pods.shareOf(this.#settings.concurrent);
    if (places >= Math.min(share, this.#placesWanted())) {
      this.#placelessSinceMs = Number.POSITIVE_INFINITY;
      this.#isPlacesTold = false;
    } else if (this.#placelessSinceMs === Number.POSITIVE_INFINITY) this.#placelessSinceMs = now;
    else if (now - this.#placelessSinceMs >= PLACELESS_MS && !this.#isPlacesTold) {
      this.#isPlacesTold = true;
      this.#deps.onRefused?.('limit', 'bound');
      this.#deps.onFree();
    }
  }

  /** Leaves places to those who need them, and takes them again once there are enough for all to do so. */
  #judgeRoom(free: number): void {
    const { concurrent } = this.#settings;
    if (free < concurrent * SCARCE_SHARE) this.#isRoomy = false;
    else if (free >= concurrent * (SCARCE_SHARE + 1 / PLACES_AT_HAND.roomy)) this.#isRoomy = true;
  }

  #doubt(now: number): void {
    this.#isDoubted = true;
    this.#refusedRun = null;
    this.#doubtedSinceMs = now;
    this.#refilledAtMs = now;
  }

  #shutUntil(untilMs: number): void {
    this.#closedUntilMs = Math.max(this.#closedUntilMs, untilMs);
    this.#calls = 0;
    this.#refilledAtMs = Math.max(this.#refilledAtMs, this.#closedUntilMs);
  }
}
