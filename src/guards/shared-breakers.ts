import type { Clock } from '../gateway/ports.ts';
import type { LaneVote, OnRefused, RefusalReason, SharedLane, SharedState } from '../gateway/shared-state.ts';
import type { CircuitState } from './lane-breaker.ts';
import type { PodWatch } from './pod-watch.ts';
import type { SharedStatus } from './shared-status.ts';

const EXCHANGE_MS = 250;
/** How soon a probe is asked for again that another process has. */
const ASK_AGAIN_MS = 200;
/** Processes that open a lane for the others, at least; one alone may have a broken network. */
const VOTES_MIN = 2;
/** After a probe of our own that went well the others are not believed for so long, unless our own calls fail. */
const REFUTED_MS = 120_000;
/** A process that was refused the probe for so many times `reset_ms` probes by itself: permits may be held by nobody. */
const DENIED_RESETS = 2;

/** What lanes are asked for, and told. */
export interface FollowedLanes {
  /** Opens a lane that is closed, because others say so. */
  open(lane: SharedLane): void;
  /** What the latest calls of this process say of a lane. */
  ownEvidence(lane: SharedLane): 'well' | 'ill' | 'none';
  /** Whether no other provider would be left for the brand. */
  isLastClosed(lane: SharedLane): boolean;
}

export interface SharedBreakersDeps {
  readonly clock: Clock;
  readonly state: Pick<SharedState, 'pod' | 'exchangeVotes' | 'takeProbe' | 'endProbe'>;
  readonly pods: PodWatch;
  readonly status: SharedStatus;
  /** Told when others, or the store, are not believed. Must not throw. */
  readonly onRefused?: OnRefused;
}

/** What this process says against a lane. */
interface Word {
  readonly lane: SharedLane;
  readonly opening: number;
  /** Monotonic clock. */
  readonly untilMs: number;
}

/** A probe that was asked for. Monotonic clock. */
interface Probe {
  /** Until when it is this process's; before now: it is not. */
  untilMs: number;
  askAgainAtMs: number;
  /** Since when it is asked for in vain. */
  wantedSinceMs: number;
  isAsking: boolean;
}

/**
 * What the breakers of several processes tell each other. A process whose own calls opened a lane says so until its breaker
 * lets a probe through; the lane opens in the others too while at least two processes say so, and half of all. Who follows
 * the others says nothing itself, so that word of them ends with theirs. One call at a time probes a lane, over all
 * processes. While nobody answers, each goes by what it knows itself.
 *
 * What others say is a hint. It opens no lane whose latest calls of this process went well, nor the last one that is left for a
 * brand; and after a probe of ours went well, none for two minutes unless our own calls fail. So, whatever stands in the store,
 * it takes a lane that works from this process for `reset_ms` at a time, and a probe for twice that.
 */
export class SharedBreakers {
  readonly #deps: SharedBreakersDeps;
  /** By lane. */
  readonly #own = new Map<string, Word>();
  /** Lanes that opened because others said so. */
  readonly #following = new Set<string>();
  /** Words of others that a probe of ours has refuted. */
  #refuted = new Set<string>();
  #standing: readonly LaneVote[] = [];
  readonly #probes = new Map<string, Probe>();
  #openings = 0;
  /** Until when others are not believed about a lane, monotonic clock. */
  readonly #refutedUntilMs = new Map<string, number>();
  /** Lanes about which others are not believed now, as it was told. */
  readonly #disbelieved = new Map<string, RefusalReason>();
  #lanes: FollowedLanes | null = null;
  #cancel = () => {};
  #closed = false;

  constructor(deps: SharedBreakersDeps) {
    this.#deps = deps;
  }

  begin(lanes: FollowedLanes): void {
    this.#lanes = lanes;
    this.#again();
  }

  /** The breaker of a lane has changed. @param resetMs after which it lets a probe through when it is open */
  changed(lane: SharedLane, from: CircuitState, to: CircuitState, resetMs: number): void {
    const key = keyOf(lane);
    if (from === 'half_open') this.#endProbe(lane);
    if (to === 'open') {
      if (from === 'closed' && this.#following.has(key)) return;
      this.#openings += 1;
      this.#own.set(key, {
        lane,
        opening: this.#openings,
        untilMs: this.#deps.clock.monotonicMs() + resetMs,
      });
    } else this.#own.delete(key);
    if (to !== 'closed') return;
    this.#following.delete(key);
    if (from === 'half_open') this.#refutedUntilMs.set(key, this.#deps.clock.monotonicMs() + REFUTED_MS);
    for (const vote of this.#standing) if (keyOf(vote) === key) this.#refuted.add(nameOf(vote));
  }

  /** Whether a call of this process may probe a half-open lane now; else the probe is asked for. */
  mayProbe(lane: SharedLane, resetMs: number): boolean {
    if (!this.#deps.status.isUp('breakers')) return true;
    const key = keyOf(lane);
    const now = this.#deps.clock.monotonicMs();
    let probe = this.#probes.get(key);
    if (probe === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      probe = { untilMs: never, askAgainAtMs: never, wantedSinceMs: now, isAsking: false };
      this.#probes.set(key, probe);
    }
    if (now < probe.untilMs) return true;
    if (now - probe.wantedSinceMs >= DENIED_RESETS * resetMs) {
      this.#deps.onRefused?.('probe', 'bound');
      probe.untilMs = now + resetMs;
      probe.wantedSinceMs = probe.untilMs;
      return true;
    }
    if (!probe.isAsking && now >= probe.askAgainAtMs) void this.#askProbe(lane, probe, resetMs);
    return false;
  }

  /** Nothing is known of a provider any more. */
  forget(provider: string): void {
    for (const [key, { lane }] of this.#own) if (lane.provider === provider) this.#own.delete(key);
    for (const keys of [this.#following, this.#probes, this.#refutedUntilMs, this.#disbelieved]) {
      for (const key of keys.keys()) if (key.startsWith(`${provider}\n`)) keys.delete(key);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #again(): void {
    void this.#exchange().then(() => {
      if (!this.#closed) this.#cancel = this.#deps.clock.after(EXCHANGE_MS, () => this.#again());
    });
  }

  async #exchange(): Promise<void> {
    const { clock, state, status } = this.#deps;
    const now = clock.monotonicMs();
    for (const [key, { untilMs }] of this.#own) if (untilMs <= now) this.#own.delete(key);
    const words = [...this.#own.values()].map(({ lane, opening, untilMs }) => ({
      provider: lane.provider,
      brand: lane.brand,
      opening,
      forMs: untilMs - now,
    }));
    try {
      this.#standing = await state.exchangeVotes(words);
    } catch (error) {
      status.failed('breakers', error);
      return;
    }
    status.answered('breakers');
    if (!this.#closed) this.#follow();
  }

  /** Opens lanes that enough others say are open. */
  #follow(): void {
    const standing = new Set(this.#standing.map(nameOf));
    this.#refuted = new Set([...this.#refuted].filter((name) => standing.has(name)));
    const voters = new Map<string, { readonly lane: SharedLane; readonly pods: Set<string> }>();
    for (const vote of this.#standing) {
      if (this.#refuted.has(nameOf(vote))) continue;
      const key = keyOf(vote);
      const of = voters.get(key) ?? { lane: vote, pods: new Set() };
      of.pods.add(vote.pod);
      voters.set(key, of);
    }
    const enough = Math.max(VOTES_MIN, this.#deps.pods.count / 2);
    for (const [key, { lane, pods }] of voters) {
      if (pods.size < enough || this.#own.has(key) || this.#following.has(key)) continue;
      const followed = { provider: lane.provider, brand: lane.brand };
      const disbelief = this.#disbelief(followed);
      if (disbelief === null) {
        this.#disbelieved.delete(key);
        this.#following.add(key);
        this.#lanes?.open(followed);
      } else if (this.#disbelieved.get(key) !== disbelief) {
        this.#disbelieved.set(key, disbelief);
        this.#deps.onRefused?.('votes', disbelief);
      }
    }
    for (const key of this.#disbelieved.keys()) if (!voters.has(key)) this.#disbelieved.delete(key);
    // Of a lane that was not there to be opened, or was open already.
    for (const key of this.#following) if (!voters.has(key)) this.#following.delete(key);
  }

  /** Why others are not believed about a lane; null: they are. */
  #disbelief(lane: SharedLane): RefusalReason | null {
    const evidence = this.#lanes?.ownEvidence(lane) ?? 'none';
    if (evidence === 'well') return 'contradicted';
    const refutedUntilMs = this.#refutedUntilMs.get(keyOf(lane)) ?? Number.NEGATIVE_INFINITY;
    if (evidence !== 'ill' && this.#deps.clock.monotonicMs() < refutedUntilMs) return 'contradicted';
    return this.#lanes?.isLastClosed(lane) === true ? 'bound' : null;
  }

  async #askProbe(lane: SharedLane, probe: Probe, resetMs: number): Promise<void> {
    const { clock, state, status } = this.#deps;
    probe.isAsking = true;
    const sentAtMs = clock.monotonicMs();
    try {
      const isOurs = await state.takeProbe(lane, resetMs);
      if (isOurs) probe.untilMs = sentAtMs + resetMs;
      probe.askAgainAtMs = clock.monotonicMs() + ASK_AGAIN_MS;
    } catch (error) {
      status.failed('breakers', error);
    } finally {
      probe.isAsking = false;
    }
  }

  #endProbe(lane: SharedLane): void {
    const key = keyOf(lane);
    const probe = this.#probes.get(key);
    this.#probes.delete(key);
    if (probe === undefined || this.#deps.clock.monotonicMs() >= probe.untilMs) return;
    this.#deps.state.endProbe(lane).catch((error: unknown) => this.#deps.status.failed('breakers', error));
  }
}

function keyOf({ provider, brand }: SharedLane): string {
  return `${provider}\n${brand}`;
}

function nameOf(vote: LaneVote): string {
  return `${keyOf(vote)}\n${vote.pod}\n${vote.opening}`;
}
