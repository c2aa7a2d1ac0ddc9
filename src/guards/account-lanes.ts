import type { BreakerSignal } from '../core/attempt.ts';
import type { CardBrand } from '../core/card.ts';
import type { BreakerSettings } from '../core/rules/ruleset.ts';
import { LeastRecentMap } from '../core/scoring/least-recent-map.ts';
import type { Clock, LaneView } from '../gateway/ports.ts';
import { type BreakerTicket, LaneBreaker } from './lane-breaker.ts';
import type { SavedLane } from './saved-accounts.ts';

/** Lanes of all accounts that are kept at a time; the one that was used longest ago is forgotten first. */
const LANES_MAX = 2_000;
/** A lane that nobody used for so long is forgotten, milliseconds: its breaker's window is empty long before. */
const LANE_KEPT_MS = 600_000;
/** Offers that are remembered until their report; of an older one the report counts as if it began when it comes. */
const OFFERS_MAX = 20_000;
/** An account sees few calls by itself: its window is as many times as long as that of everybody's lane. */
const WINDOW_TIMES = 12;
/**
 * Each probe costs the account a payment when it fails: the next one waits twice as long, up to so many times the lane's
 * `reset_ms`.
 */
const WAIT_RESETS_MAX = 12;
/**
 * For how many times `reset_ms` beyond the next probe an account's word against a lane holds: one that fell silent must
 * not keep others away for ever.
 */
const VOTE_RESETS = 2;

/** What one account's own reports make of a lane. */
interface AccountLane {
  readonly account: string;
  readonly provider: string;
  readonly brand: CardBrand;
  readonly breaker: LaneBreaker;
  readonly resetMs: number;
  /** How many times `resetMs` an open breaker lets pass before its next probe. */
  waitResets: number;
  /** Monotonic clock of the last opening. */
  openedAtMs: number;
  /** The offer that is the probe of a half-open breaker; given up at `untilMs`, monotonic. */
  probe: { readonly name: string; readonly ticket: BreakerTicket; readonly untilMs: number } | null;
  /** Monotonic clock. */
  usedAtMs: number;
  /** Monotonic clock of the last report of a failure. */
  failedAtMs: number;
}

/**
 * Breakers by account, fed by what accounts report that send themselves. They are the accounts' own: one opens for its
 * account alone, at once. What the others may take from them is only how many accounts stand against a lane
 * ({@link votes}). Bounded, and forgotten when unused. Of what is closed, a restart knows by {@link saved}.
 */
export class AccountLanes {
  readonly #clock: Clock;
  /** By account, provider and brand; what was used longest ago comes first. */
  readonly #lanes = new Map<string, AccountLane>();
  /** Lanes that are not closed, by provider and brand. */
  readonly #against = new Map<string, Set<AccountLane>>();
  readonly #offers = new LeastRecentMap<
    string,
    { readonly lane: AccountLane; readonly ticket: BreakerTicket }
  >(OFFERS_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lanes kept now. */
  get size(): number {
    return this.#lanes.size;
  }

  /** What the account's own reports say; null where they say nothing against the lane. */
  gate(
    account: string,
    provider: string,
    brand: CardBrand,
  ): Pick<LaneView, 'breaker' | 'closedBecause'> | null {
    const lane = this.#lanes.get(keyOf(account, provider, brand));
    if (lane === undefined || lane.breaker.state === 'closed') return null;
    this.#giveUpProbe(lane);
    if (this.#waits(lane)) return { breaker: 'open', closedBecause: 'breaker_open' };
    return { breaker: lane.breaker.state, closedBecause: lane.breaker.closedBecause };
  }

  /**
   * The account was told to try the lane: of a half-open breaker of its own, this is the probe.
   * @param name of the offer, unique: its report is known by it
   */
  offered(account: string, provider: string, brand: CardBrand, name: string): void {
    const lane = this.#lanes.get(keyOf(account, provider, brand));
    if (lane === undefined) return;
    this.#giveUpProbe(lane);
    const ticket = lane.breaker.enter();
    if (ticket.probe) {
      lane.probe = { name, ticket, untilMs: this.#clock.monotonicMs() + lane.resetMs };
    }
    this.#offers.touch(name, () => ({ lane, ticket }));
  }

  /**
   * Takes the report of an offer. One that was made before the account's lane last changed says nothing about the lane as
   * it is now, and is dropped, as the end of a call of our own would be.
   */
  report(
    account: string,
    provider: string,
    brand: CardBrand,
    name: string,
    signal: BreakerSignal,
    settings: BreakerSettings,
  ): void {
    const longer = { ...settings, windowMs: settings.windowMs * WINDOW_TIMES };
    const lane = this.#touch(account, provider, brand, longer);
    if (signal === 'failure' || signal === 'unknown') lane.failedAtMs = this.#clock.monotonicMs();
    const offer = this.#offers.peek(name);
    if (offer?.lane === lane) {
      if (lane.probe?.name === name) lane.probe = null;
      lane.breaker.report(offer.ticket, signal);
    } else if (lane.breaker.state === 'closed') lane.breaker.report(lane.breaker.enter(), signal);
  }

  /** How many accounts stand against a lane by what they reported lately. */
  votes(provider: string, brand: CardBrand): number {
    if (this.#against.size === 0) return 0;
    const against = this.#against.get(laneOf(provider, brand));
    if (against === undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    let votes = 0;
    for (const lane of against) {
      if (nowMs - lane.failedAtMs < (lane.waitResets + VOTE_RESETS) * lane.resetMs) votes += 1;
    }
    return votes;
  }

  /** Lanes that accounts' own reports keep from them, for the next start. */
  saved(): readonly SavedLane[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#lanes.values()]
      .filter(({ breaker }) => breaker.state !== 'closed')
      .map(({ account, provider, brand, waitResets, openedAtMs, failedAtMs }) => ({
        account,
        provider,
        brand,
        wait_resets: waitResets,
        open_for_ms: Math.min(nowMs - openedAtMs, LANE_KEPT_MS),
        failed_ago_ms: Math.min(nowMs - failedAtMs, LANE_KEPT_MS),
      }));
  }

  /**
   * Shuts a lane to an account as it was before a restart. Its probe comes no sooner than it would have come; what is too
   * old to say anything is forgotten.
   * @param ageMs since it was saved
   */
  restore(saved: SavedLane, settings: BreakerSettings, ageMs: number): void {
    const { account, provider, brand, wait_resets: waitResets } = saved;
    const openForMs = saved.open_for_ms + ageMs;
    if (openForMs >= LANE_KEPT_MS || this.#lanes.size >= LANES_MAX) return;
    const longer = { ...settings, windowMs: settings.windowMs * WINDOW_TIMES };
    const lane = this.#touch(account, provider, brand, longer);
    lane.breaker.reopen();
    const nowMs = this.#clock.monotonicMs();
    lane.waitResets = Math.min(WAIT_RESETS_MAX, waitResets);
    lane.openedAtMs = nowMs - openForMs;
    lane.failedAtMs = nowMs - saved.failed_ago_ms - ageMs;
  }

  /** Forgets what is known of a provider that is gone. */
  forget(provider: string): void {
    for (const [key, lane] of this.#lanes) if (lane.provider === provider) this.#drop(key, lane);
  }

  /** Stops all timers. */
  close(): void {
    for (const [key, lane] of this.#lanes) this.#drop(key, lane);
  }

  /** Reads, or makes, a lane and counts it as just used. */
  #touch(account: string, provider: string, brand: CardBrand, settings: BreakerSettings): AccountLane {
    const key = keyOf(account, provider, brand);
    const known = this.#lanes.get(key);
    const isCurrent = known?.resetMs === settings.resetMs;
    if (known !== undefined && !isCurrent) this.#drop(key, known);
    const lane = known !== undefined && isCurrent ? known : this.#newLane(account, provider, brand, settings);
    lane.breaker.configure(settings);
    lane.usedAtMs = this.#clock.monotonicMs();
    this.#lanes.delete(key);
    this.#lanes.set(key, lane);
    this.#sweep();
    return lane;
  }

  #newLane(account: string, provider: string, brand: CardBrand, settings: BreakerSettings): AccountLane {
    const lane: AccountLane = {
      account,
      provider,
      brand,
      breaker: new LaneBreaker(settings, this.#clock, (from, to) => {
        lane.probe = null;
        if (to === 'closed') lane.waitResets = 1;
        if (to === 'open') {
          lane.openedAtMs = this.#clock.monotonicMs();
          if (from === 'half_open') lane.waitResets = Math.min(WAIT_RESETS_MAX, lane.waitResets * 2);
        }
        const key = laneOf(provider, brand);
        if (to === 'closed') this.#noLongerAgainst(key, lane);
        else this.#against.set(key, (this.#against.get(key) ?? new Set()).add(lane));
      }),
      resetMs: settings.resetMs,
      waitResets: 1,
      openedAtMs: Number.NEGATIVE_INFINITY,
      probe: null,
      usedAtMs: this.#clock.monotonicMs(),
      failedAtMs: Number.NEGATIVE_INFINITY,
    };
    return lane;
  }

  /** Whether it is too early for the next probe. */
  #waits({ openedAtMs, waitResets, resetMs }: AccountLane): boolean {
    return this.#clock.monotonicMs() - openedAtMs < waitResets * resetMs;
  }

  /** A probe whose report does not come must not keep the lane shut for ever. */
  #giveUpProbe(lane: AccountLane): void {
    if (lane.probe === null || this.#clock.monotonicMs() < lane.probe.untilMs) return;
    lane.breaker.leave(lane.probe.ticket);
    lane.probe = null;
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, lane] of this.#lanes) {
      if (this.#lanes.size <= LANES_MAX && nowMs - lane.usedAtMs < LANE_KEPT_MS) return;
      this.#drop(key, lane);
    }
  }

  #drop(key: string, lane: AccountLane): void {
    lane.breaker.close();
    this.#lanes.delete(key);
    this.#noLongerAgainst(laneOf(lane.provider, lane.brand), lane);
  }

  #noLongerAgainst(key: string, lane: AccountLane): void {
    const against = this.#against.get(key);
    against?.delete(lane);
    if (against?.size === 0) this.#against.delete(key);
  }
}

/** Names of accounts and providers hold no line ends. */
function keyOf(account: string, provider: string, brand: CardBrand): string {
  return `${account}\n${provider}\n${brand}`;
}

function laneOf(provider: string, brand: CardBrand): string {
  return `${provider}\n${brand}`;
}
