import type { BreakerSignal } from '../core/attempt.ts';
import type { CardBrand } from '../core/card.ts';
import type { BreakerState } from '../core/decision.ts';
import { invariant } from '../core/invariant.ts';
import type { ProviderContract } from '../core/rules/ruleset.ts';
import type {
  Admission,
  Clock,
  Guards,
  LaneKey,
  LaneView,
  Permit,
  ProviderOverride,
} from '../gateway/ports.ts';
import type { SharedLane } from '../gateway/shared-state.ts';
import { AccountLanes } from './account-lanes.ts';
import { effectiveOverride } from './effective-override.ts';
import { type BreakerCounts, type BreakerTicket, type CircuitState, LaneBreaker } from './lane-breaker.ts';
import { type Limit, type LimitRefusal, type LimitSettings, ProviderLimit } from './provider-limit.ts';
import type { SavedLane } from './saved-accounts.ts';
import type { SharedBreakers } from './shared-breakers.ts';
import { type Turn, WaitQueue } from './wait-queue.ts';

/** A change of a lane's breaker, told after it happened. */
export interface LaneTransition {
  readonly provider: string;
  readonly brand: CardBrand;
  readonly from: CircuitState;
  readonly to: CircuitState;
}

export interface LanesOptions {
  readonly clock: Clock;
  /** Must not throw. */
  readonly onTransition: (transition: LaneTransition) => void;
  /** What other processes share with this one; left out: it is alone. */
  readonly shared?: SharedGuards;
  /** Authorizations that may wait for one provider's limit at a time; 100 when left out. */
  readonly queueLength?: number;
}

/** Limits and breakers that several processes have in common. */
export interface SharedGuards {
  /** Makes the limit of a provider. @param onFree told when something became free */
  limit(provider: string, settings: LimitSettings, onFree: () => void): Limit;
  readonly breakers: SharedBreakers;
}

/** One lane as operators see it. */
export interface LaneSnapshot {
  readonly brand: CardBrand;
  /** With overrides that hold for every merchant. */
  readonly breaker: BreakerState;
  /** What the breaker itself thinks. */
  readonly circuit: CircuitState;
  /**
   * Since when `breaker` is what it is, wall clock, milliseconds since 1970: of an override since it was made, else since
   * the circuit last changed.
   */
  readonly sinceMs: number;
  readonly counts: BreakerCounts;
}

/** One provider's guards as operators see them. */
export interface ProviderGuardSnapshot {
  readonly provider: string;
  readonly limit: {
    readonly perSecond: number;
    readonly concurrent: number;
    readonly inUse: number;
    readonly headroom: number;
    /** Milliseconds for which a 429 still closes it. */
    readonly closedForMs: number;
    readonly waiting: number;
  };
  /** Lanes that have carried a call since the start. */
  readonly lanes: readonly LaneSnapshot[];
  /** Overrides that have not expired; `auto` is none. */
  readonly overrides: readonly ProviderOverride[];
}

interface ProviderGuard {
  contract: ProviderContract;
  readonly limit: Limit;
  readonly queue: WaitQueue;
  /** At most one for each card brand. */
  readonly breakers: Map<CardBrand, LaneBreaker>;
}

type Refusal = Extract<Admission, { kind: 'refused' }>;

/** Overrides and breakers of a lane together. */
type Gate = Pick<LaneView, 'breaker' | 'closedBecause'>;

/** Accounts whose reports close a lane for everybody. */
const VOTES_ENOUGH = 2;
/**
 * Calls of our own in the breaker's window that are enough to judge reports by: mostly failed, they confirm those of a
 * single account; mostly well, they refute those of any number.
 */
const TELLING_CALLS = 3;
/** A probe of ours that goes well refutes what accounts report for so many windows: as long as theirs are. */
const REFUTED_WINDOWS = 12;
const AGREED_OPEN: Gate = { breaker: 'open', closedBecause: 'breaker_open' };
const AGREED_PROBE: Gate = { breaker: 'half_open', closedBecause: null };

/** That accounts stand against a lane, as we told it. Monotonic clock. */
interface Agreement {
  /** Of its beginning, then of our last probe. */
  probedAtMs: number;
}

const QUEUE_LENGTH = 100;
/** A provider that the ruleset does not have takes no new authorizations. */
const NOT_CONFIGURED: LaneView = { breaker: 'draining', closedBecause: 'draining', limitHeadroom: 0 };

/**
 * Limits and breakers of all providers of the active ruleset. Order: overrides and breaker are looked at without
 * taking anything, then the limit is taken, then the breaker's place; what is refused late is given back.
 *
 * Accounts that send themselves report what came of it. That moves the account's own lanes at once. For everybody else a
 * lane counts as open while two accounts stand against it, or one does and our own calls confirm it: one account alone,
 * broken or malicious, takes a provider from nobody but itself. An account (or our own breaker) that has a word of its
 * own against a lane finds out by its own probe when it is over, whatever the others say.
 *
 * What our own calls show weighs more than what is reported: while there are enough of them in the breaker's window and
 * they mostly go well, no number of accounts opens the lane. Where there are none because the lane is open, one of ours goes
 * there every `reset_ms` as a probe; when it goes well, reports open the lane again only after two minutes (of a window of
 * ten seconds), or once our own calls fail as well. So accounts that agree to lie cannot keep a provider from others that
 * works for us.
 */
export class Lanes implements Guards {
  readonly #options: LanesOptions;
  readonly #guards = new Map<string, ProviderGuard>();
  readonly #accounts: AccountLanes;
  /** Lanes that were told to be open by what accounts agree on. */
  readonly #agreements = new Map<string, Agreement>();
  /** Until when what accounts report of a lane is refuted by a probe of ours, monotonic clock. */
  readonly #refutedUntilMs = new Map<string, number>();
  #overrides: ReadonlyMap<string, readonly ProviderOverride[]> = new Map();
  /** The same as they were given. */
  #overridesText = '[]';

  constructor(contracts: ReadonlyMap<string, ProviderContract>, options: LanesOptions) {
    this.#options = options;
    this.#accounts = new AccountLanes(options.clock);
    this.update(contracts);
    options.shared?.breakers.begin({
      open: ({ provider, brand }) => {
        const guard = this.#guards.get(provider);
        if (guard !== undefined) this.#breaker(guard, brand).reopen();
      },
      ownEvidence: ({ provider, brand }) =>
        this.#guards.get(provider)?.breakers.get(brand)?.latest() ?? 'none',
      isLastClosed: (lane) => this.#isLastClosed(lane),
    });
  }

  /**
   * Follows a new ruleset. What is known of providers that stay (calls under way, tokens, breakers) stays; guards of
   * providers that are gone end, and permits that they gave end without effect.
   */
  update(contracts: ReadonlyMap<string, ProviderContract>): void {
    for (const [provider, guard] of this.#guards) {
      if (contracts.has(provider)) continue;
      this.#guards.delete(provider);
      this.#accounts.forget(provider);
      this.#options.shared?.breakers.forget(provider);
      for (const brand of guard.breakers.keys()) {
        this.#agreements.delete(keyOf(provider, brand));
        this.#refutedUntilMs.delete(keyOf(provider, brand));
      }
      endGuard(guard);
    }
    for (const [provider, contract] of contracts) {
      const guard = this.#guards.get(provider);
      if (guard === undefined) {
        this.#guards.set(provider, this.#newGuard(contract));
        continue;
      }
      guard.contract = contract;
      guard.limit.configure(contract.limits);
      for (const breaker of guard.breakers.values()) breaker.configure(contract.breaker);
      guard.queue.wake();
    }
  }

  /**
   * Replaces all overrides. Newest of each (provider, brand, merchant); `auto` and expired ones may be among them. Whoever waits
   * for a provider is woken where they are others than before.
   */
  setOverrides(list: readonly ProviderOverride[]): void {
    const text = JSON.stringify(list);
    if (text === this.#overridesText) return;
    this.#overridesText = text;
    const byProvider = new Map<string, ProviderOverride[]>();
    for (const override of list) {
      const of = byProvider.get(override.provider);
      if (of === undefined) byProvider.set(override.provider, [override]);
      else of.push(override);
    }
    this.#overrides = byProvider;
    for (const guard of this.#guards.values()) guard.queue.wake();
  }

  view(lane: LaneKey): LaneView {
    return this.#view(lane, null);
  }

  /** A lane as a decision for an account sees it that will send the payment itself. */
  viewFor(account: string, lane: LaneKey): LaneView {
    return this.#view(lane, account);
  }

  /** An account was told to try a lane. @param name of the offer, unique: its report is known by it */
  offered(account: string, { provider, brand }: LaneKey, name: string): void {
    this.#accounts.offered(account, provider, brand, name);
  }

  /** An account reports what came of an offer. */
  reported(account: string, { provider, brand }: LaneKey, name: string, signal: BreakerSignal): void {
    const guard = this.#guards.get(provider);
    if (guard === undefined) return;
    // So that it is shown, whether or not it has carried a call of ours.
    this.#breaker(guard, brand);
    this.#accounts.report(account, provider, brand, name, signal, guard.contract.breaker);
    this.#tellAgreement(guard, brand);
  }

  /** Lanes that accounts' own reports keep from them, for the next start. */
  savedAccountLanes(): readonly SavedLane[] {
    return this.#accounts.saved();
  }

  /** Takes them up again, of providers that there are. @param ageMs since they were saved */
  restoreAccountLanes(all: readonly SavedLane[], ageMs: number): void {
    for (const saved of all) {
      const guard = this.#guards.get(saved.provider);
      if (guard === undefined) continue;
      this.#breaker(guard, saved.brand);
      this.#accounts.restore(saved, guard.contract.breaker, ageMs);
      this.#tellAgreement(guard, saved.brand);
    }
  }

  /** Whether no other provider would be left for a brand, without a lane. */
  #isLastClosed({ provider, brand }: SharedLane): boolean {
    for (const [other, guard] of this.#guards) {
      const { brands } = guard.contract.capabilities;
      if (other === provider || (brands !== 'all' && !brands.has(brand))) continue;
      if (this.#gate(guard, brand, null, null).closedBecause === null) return false;
    }
    return true;
  }

  #view(lane: LaneKey, account: string | null): LaneView {
    const guard = this.#guards.get(lane.provider);
    if (guard === undefined) return NOT_CONFIGURED;
    return {
      ...this.#gate(guard, lane.brand, lane.merchant, account),
      limitHeadroom: guard.limit.headroom(),
    };
  }

  admit(lane: LaneKey, queueMs: number): Promise<Admission> | Admission {
    const guard = this.#guards.get(lane.provider);
    if (guard === undefined) return { kind: 'refused', reason: 'draining', retryAfterMs: null };
    const closed = this.#closed(guard, lane);
    if (closed !== null) return closed;
    // Nobody overtakes those who wait.
    const refusal =
      guard.queue.waiting > 0 ? (guard.limit.refusal() ?? 'limit_per_second') : guard.limit.tryTake();
    if (refusal === null) return this.#admitted(guard, lane, 0);
    return queueMs > 0 ? this.#wait(guard, lane, queueMs) : limited(guard, refusal);
  }

  snapshot(): readonly ProviderGuardSnapshot[] {
    const wallMs = this.#options.clock.wallMs();
    return [...this.#guards.values()].map((guard) => {
      const { contract, limit, queue, breakers } = guard;
      for (const brand of breakers.keys()) this.#tellAgreement(guard, brand);
      return {
        provider: contract.id,
        limit: {
          perSecond: contract.limits.perSecond,
          concurrent: contract.limits.concurrent,
          inUse: limit.inUse,
          headroom: limit.headroom(),
          closedForMs: limit.closedForMs,
          waiting: queue.waiting,
        },
        lanes: [...breakers].map(([brand, breaker]) => ({
          brand,
          breaker: this.#gate(guard, brand, null, null).breaker,
          circuit: breaker.state,
          sinceMs: this.#override(guard, brand, null)?.createdAtMs ?? breaker.sinceMs,
          counts: breaker.counts(),
        })),
        overrides: (this.#overrides.get(contract.id) ?? []).filter(
          ({ mode, expiresAtMs }) => mode !== 'auto' && (expiresAtMs === null || wallMs < expiresAtMs),
        ),
      };
    });
  }

  /** Ends all waiting and stops all timers. */
  close(): void {
    for (const guard of this.#guards.values()) endGuard(guard);
    this.#guards.clear();
    this.#accounts.close();
    this.#options.shared?.breakers.close();
  }

  #newGuard(contract: ProviderContract): ProviderGuard {
    const { clock, queueLength, shared } = this.#options;
    const queue = new WaitQueue(queueLength ?? QUEUE_LENGTH, clock);
    const limit =
      shared?.limit(contract.id, contract.limits, () => queue.wake()) ??
      new ProviderLimit(contract.limits, clock);
    return { contract, limit, queue, breakers: new Map() };
  }

  #breaker(guard: ProviderGuard, brand: CardBrand): LaneBreaker {
    const known = guard.breakers.get(brand);
    if (known !== undefined) return known;
    const provider = guard.contract.id;
    const { clock, shared, onTransition } = this.#options;
    const breaker = new LaneBreaker(guard.contract.breaker, clock, (from, to) => {
      shared?.breakers.changed({ provider, brand }, from, to, guard.contract.breaker.resetMs);
      onTransition({ provider, brand, from, to });
    });
    guard.breakers.set(brand, breaker);
    return breaker;
  }

  /** Whether accounts' reports close a lane for those who know nothing against it themselves. */
  #isAgreed({ contract, breakers }: ProviderGuard, brand: CardBrand): boolean {
    const votes = this.#accounts.votes(contract.id, brand);
    if (votes === 0) return false;
    const { calls, failures } = breakers.get(brand)?.counts() ?? { calls: 0, failures: 0 };
    if (calls >= TELLING_CALLS) return failures > contract.breaker.failureRatio * calls;
    return votes >= VOTES_ENOUGH && !this.#isRefuted(contract.id, brand);
  }

  #isRefuted(provider: string, brand: CardBrand): boolean {
    const untilMs = this.#refutedUntilMs.get(keyOf(provider, brand));
    return untilMs !== undefined && this.#options.clock.monotonicMs() < untilMs;
  }

  /** Whether a lane that accounts agree against is to be probed by a call of ours now. */
  #isProbeDue({ contract }: ProviderGuard, brand: CardBrand): boolean {
    const agreement = this.#agreements.get(keyOf(contract.id, brand));
    if (agreement === undefined) return false;
    return this.#options.clock.monotonicMs() - agreement.probedAtMs >= contract.breaker.resetMs;
  }

  /** Tells when accounts come to agree against a lane, and, when somebody looks, that they no longer do. */
  #tellAgreement(guard: ProviderGuard, brand: CardBrand): void {
    const provider = guard.contract.id;
    const key = keyOf(provider, brand);
    const isAgreed = this.#isAgreed(guard, brand);
    if (isAgreed === this.#agreements.has(key)) return;
    if (isAgreed) this.#agreements.set(key, { probedAtMs: this.#options.clock.monotonicMs() });
    else this.#agreements.delete(key);
    const [from, to] = isAgreed ? (['closed', 'open'] as const) : (['open', 'closed'] as const);
    this.#options.onTransition({ provider, brand, from, to });
  }

  /** The override that decides of a lane; null: none does. */
  #override({ contract }: ProviderGuard, brand: CardBrand, merchant: string | null): ProviderOverride | null {
    const overrides = this.#overrides.get(contract.id);
    if (overrides === undefined) return null;
    const lane = { provider: contract.id, brand, merchant };
    const override = effectiveOverride(overrides, lane, this.#options.clock.wallMs());
    return override?.mode === 'auto' ? null : override;
  }

  /**
   * Overrides and breakers together.
   * @param account whose own lanes count too; null: a call of ours
   */
  #gate(guard: ProviderGuard, brand: CardBrand, merchant: string | null, account: string | null): Gate {
    const override = this.#override(guard, brand, merchant);
    switch (override?.mode) {
      case 'force_open':
        return { breaker: 'forced_open', closedBecause: 'forced_open' };
      case 'drain':
        return { breaker: 'draining', closedBecause: 'draining' };
      case 'force_closed':
        return { breaker: 'forced_closed', closedBecause: null };
    }
    if (guard.contract.breaker.metricsOnly) return { breaker: 'metrics_only', closedBecause: null };
    const breaker = guard.breakers.get(brand);
    const shared: Gate = {
      breaker: breaker?.state ?? 'closed',
      closedBecause: breaker === undefined ? null : this.#closedBecause(guard, brand, breaker),
    };
    // What our own calls found holds for everybody.
    if (shared.closedBecause !== null) return shared;
    const own = account === null ? null : this.#accounts.gate(account, guard.contract.id, brand);
    if (own !== null) return own;
    if (shared.breaker !== 'closed' || !this.#isAgreed(guard, brand)) return shared;
    return account === null && this.#isProbeDue(guard, brand) ? AGREED_PROBE : AGREED_OPEN;
  }

  /** Why a lane's breaker lets no call through; of a half-open one also that another process probes it. */
  #closedBecause({ contract }: ProviderGuard, brand: CardBrand, breaker: LaneBreaker): Gate['closedBecause'] {
    const reason = breaker.closedBecause;
    const { shared } = this.#options;
    if (reason !== null || shared === undefined || breaker.state !== 'half_open') return reason;
    const lane = { provider: contract.id, brand };
    return shared.breakers.mayProbe(lane, contract.breaker.resetMs) ? null : 'probe_in_flight';
  }

  #closed(guard: ProviderGuard, lane: LaneKey): Refusal | null {
    const { closedBecause: reason } = this.#gate(guard, lane.brand, lane.merchant, null);
    if (reason === null) return null;
    const retryAfterMs =
      reason === 'breaker_open' ? (guard.breakers.get(lane.brand)?.reopensInMs ?? null) : null;
    return { kind: 'refused', reason, retryAfterMs };
  }

  /** The limit is taken: takes the breaker's place. */
  #admitted(guard: ProviderGuard, lane: LaneKey, waitedMs: number): Admission {
    const breaker = this.#breaker(guard, lane.brand);
    const onReport = this.#beginProbe(guard, lane.brand);
    return { kind: 'admitted', permit: new LanePermit(guard, breaker, breaker.enter(), onReport), waitedMs };
  }

  /** Counts a call of ours that is let through as the probe of a lane that accounts agree against; tells how it ends. */
  #beginProbe(guard: ProviderGuard, brand: CardBrand): ((signal: BreakerSignal) => void) | null {
    const key = keyOf(guard.contract.id, brand);
    const agreement = this.#agreements.get(key);
    if (agreement === undefined || !this.#isProbeDue(guard, brand)) return null;
    agreement.probedAtMs = this.#options.clock.monotonicMs();
    return (signal) => {
      if (signal !== 'success' || this.#guards.get(guard.contract.id) !== guard) return;
      const { windowMs } = guard.contract.breaker;
      this.#refutedUntilMs.set(key, this.#options.clock.monotonicMs() + windowMs * REFUTED_WINDOWS);
      this.#tellAgreement(guard, brand);
    };
  }

  async #wait(guard: ProviderGuard, lane: LaneKey, queueMs: number): Promise<Admission> {
    const startedMs = this.#options.clock.monotonicMs();
    const result = await guard.queue.wait(queueMs, (): Turn<Admission> => {
      // Asked before the limit, so that a lane that closed meanwhile costs no token.
      const closed = this.#closed(guard, lane);
      if (closed !== null) return { kind: 'done', value: closed };
      const refusal = guard.limit.tryTake();
      if (refusal !== null) {
        const retryInMs = refusal === 'limit_concurrent' ? null : guard.limit.nextTokenInMs();
        return { kind: 'not_yet', retryInMs };
      }
      const waitedMs = this.#options.clock.monotonicMs() - startedMs;
      return { kind: 'done', value: this.#admitted(guard, lane, waitedMs) };
    });
    switch (result.kind) {
      case 'done':
        return result.value;
      case 'closed':
        return { kind: 'refused', reason: 'draining', retryAfterMs: null };
      default:
        return { kind: 'refused', reason: result.kind, retryAfterMs: guard.limit.nextTokenInMs() };
    }
  }
}

class LanePermit implements Permit {
  readonly #guard: ProviderGuard;
  readonly #breaker: LaneBreaker;
  readonly #ticket: BreakerTicket;
  readonly #onReport: ((signal: BreakerSignal) => void) | null;
  #ended = false;

  /** @param onReport told what came of the call, when it was made */
  constructor(
    guard: ProviderGuard,
    breaker: LaneBreaker,
    ticket: BreakerTicket,
    onReport: ((signal: BreakerSignal) => void) | null,
  ) {
    this.#guard = guard;
    this.#breaker = breaker;
    this.#ticket = ticket;
    this.#onReport = onReport;
  }

  report(signal: BreakerSignal, retryAfterMs?: number | null): void {
    this.#end();
    // Before its place is free: by what a call ends with, a limit learns whether the provider asks for a pause.
    if (retryAfterMs !== undefined && retryAfterMs !== null && retryAfterMs > 0) {
      this.#guard.limit.closeFor(retryAfterMs);
    }
    this.#guard.limit.release();
    this.#breaker.report(this.#ticket, signal);
    this.#onReport?.(signal);
    this.#guard.queue.wake();
  }

  release(): void {
    this.#end();
    this.#guard.limit.refund();
    this.#breaker.leave(this.#ticket);
    this.#guard.queue.wake();
  }

  #end(): void {
    invariant(!this.#ended, 'a permit is ended once, by report or by release');
    this.#ended = true;
  }
}

/** Names of providers hold no line ends. */
function keyOf(provider: string, brand: CardBrand): string {
  return `${provider}\n${brand}`;
}

function limited(guard: ProviderGuard, reason: LimitRefusal): Refusal {
  return { kind: 'refused', reason, retryAfterMs: guard.limit.nextTokenInMs() };
}

function endGuard(guard: ProviderGuard): void {
  guard.queue.close();
  guard.limit.close();
  for (const breaker of guard.breakers.values()) breaker.close();
}
