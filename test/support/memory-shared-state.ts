import type { Clock } from '../../src/gateway/ports.ts';
import {
  CHANGE_KINDS,
  type ChangeKind,
  type LaneVote,
  type LimitAsk,
  type LimitLease,
  type OutcomeBatch,
  type OutcomePage,
  type OwnVote,
  type PodCount,
  type SharedLane,
  type SharedSnapshot,
  type SharedState,
  SharedStateError,
  type TestingCount,
  type TestingRow,
} from '../../src/gateway/shared-state.ts';

const LIVE_MS = 2_000;
const KNOWN_MS = 30_000;
const PLACES_MS = 3_000;
const SETTLED_MS = 1_500;
const SILENT_MS = 600;
const TESTING_MS = 10_000;
const WAITS_MS = 300;
const CLAIM_MS = 300;
const CLAIM_CALLS = 1.5;

interface Bucket {
  readonly bornMs: number;
  calls: number;
  atMs: number;
  closedMs: number;
}

interface Places {
  readonly bornMs: number;
  readonly held: Map<string, Hold>;
}

interface Hold {
  readonly count: number;
  readonly untilMs: number;
  /** From when on its share of the calls has not been served; null: it waits for none. */
  readonly waitsSinceMs: number | null;
}

/** What several processes would share, in one process and on its clock: by the same rules as the scripts. */
export class MemorySharedStore {
  readonly clock: Clock;
  /** `away`: every call fails at once. `frozen`: after 100 ms, and nothing is done. */
  state: 'up' | 'away' | 'frozen' = 'up';
  /** Calls of processes so far. */
  calls = 0;
  #buckets = new Map<string, Bucket>();
  #places = new Map<string, Places>();
  #pods = new Map<string, number>();
  #votes = new Map<string, { readonly vote: LaneVote; readonly untilMs: number }>();
  #probes = new Map<string, { readonly pod: string; readonly untilMs: number }>();
  #stream: OutcomeBatch[] = [];
  #sequence = 0;
  #turnUntilMs = Number.NEGATIVE_INFINITY;
  #snapshot: SharedSnapshot | null = null;
  #testing = new Map<string, { readonly counts: readonly TestingCount[]; readonly untilMs: number }>();
  readonly #listeners = new Map<(kind: ChangeKind) => void, string>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** As a server that starts again without anything. */
  clear(): void {
    this.#buckets = new Map();
    this.#places = new Map();
    this.#pods = new Map();
    this.#votes = new Map();
    this.#probes = new Map();
    this.#stream = [];
    this.#snapshot = null;
    this.#testing = new Map();
    this.#turnUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** What one process has of it. */
  pod(pod: string): SharedState {
    const on = <T>(action: () => T) => this.#on(action);
    return {
      pod,
      beat: () => on(() => this.#beat(pod)),
      leave: () =>
        on(() => {
          this.#pods.delete(pod);
          this.#testing.delete(pod);
        }),
      exchangeLimit: (ask) => on(() => this.#exchange(pod, ask)),
      exchangeVotes: (own) => on(() => this.#vote(pod, own)),
      takeProbe: (lane, forMs) => on(() => this.#takeProbe(pod, lane, forMs)),
      endProbe: (lane) =>
        on(() => {
          if (this.#probes.get(keyOf(lane))?.pod === pod) this.#probes.delete(keyOf(lane));
        }),
      appendOutcomes: (number, outcomes) => on(() => this.#append(pod, number, outcomes)),
      readOutcomes: (after, limit) => on(() => this.#read(after, limit)),
      exchangeTesting: (own) => on(() => this.#countTesting(pod, own)),
      takeSnapshotTurn: (forMs) => on(() => this.#takeTurn(forMs)),
      saveSnapshot: (snapshot) =>
        on(() => {
          this.#snapshot = snapshot;
        }),
      loadSnapshot: () => on(() => this.#snapshot),
      announce: (kind) =>
        on(() => {
          for (const [listener, whose] of this.#listeners) if (whose !== pod) listener(kind);
        }),
      onChange: (listener) => {
        this.#listeners.set(listener, pod);
        for (const kind of CHANGE_KINDS) listener(kind);
        return () => this.#listeners.delete(listener);
      },
      hears: () => this.state === 'up',
      close: async () => {},
    };
  }

  async #on<T>(action: () => T): Promise<T> {
    this.calls += 1;
    // As over a network: never within the turn of whoever asks.
    await Promise.resolve();
    if (this.state === 'frozen') {
      await new Promise<void>((resolve) => {
        this.clock.after(100, resolve);
      });
    }
    if (this.state !== 'up') throw new SharedStateError(`the store is ${this.state}`);
    return action();
  }

  #beat(pod: string): PodCount {
    const now = this.clock.monotonicMs();
    this.#pods.set(pod, now);
    for (const [name, at] of this.#pods) if (at <= now - KNOWN_MS) this.#pods.delete(name);
    const live = [...this.#pods].filter(([, at]) => at >= now - LIVE_MS).map(([name]) => name);
    return { live: live.length, known: this.#pods.size, rank: live.filter((name) => name < pod).length };
  }

  #exchange(pod: string, ask: LimitAsk): LimitLease {
    const now = this.clock.monotonicMs();
    const known = this.#buckets.get(ask.provider) ?? { bornMs: now, calls: 0, atMs: now, closedMs: 0 };
    const bucket =
      now - known.atMs > SILENT_MS
        ? { bornMs: now, calls: Math.min(known.calls, 0), atMs: now, closedMs: known.closedMs }
        : known;
    const from = Math.max(bucket.atMs, Math.min(bucket.closedMs, now));
    const filled = Math.min(ask.burst, bucket.calls + ((now - from) / 1000) * ask.perSecond);
    const owed = Math.min(ask.owed, ((now - bucket.bornMs) / 1000) * ask.perSecond);
    const given = filled - owed + Math.max(0, -ask.calls);
    let held = Math.max(-Math.max(ask.burst, ask.perSecond), Math.min(ask.burst, given));
    const closedMs =
      ask.closeForMs > 0
        ? Math.max(bucket.closedMs, now + Math.min(ask.closeForMs, 600_000))
        : bucket.closedMs;
    const places = this.#placesAt(ask.provider, now);
    if (now < closedMs) held = Math.min(held, 0);
    const { calls, waitsSinceMs } = leased(places, pod, ask, now, now < closedMs ? null : held);
    held -= calls;
    this.#buckets.set(ask.provider, { bornMs: bucket.bornMs, calls: held, atMs: now, closedMs });
    const missing = held < 1 ? Math.ceil(((1 - held) / ask.perSecond) * 1000) : 0;
    const closedForMs = Math.ceil(Math.max(0, closedMs - now));
    const granted = hold(places, pod, ask, now, waitsSinceMs);
    const all = [...places.held.values()].reduce((sum, { count }) => sum + count, 0);
    return {
      calls,
      closedForMs,
      nextCallInMs: closedForMs + missing,
      places: granted,
      left: Math.floor(Math.max(0, held)),
      freePlaces: Math.max(0, Math.floor(ask.concurrent - all)),
    };
  }

  #placesAt(provider: string, now: number): Places {
    const places = this.#places.get(provider) ?? { bornMs: now, held: new Map() };
    this.#places.set(provider, places);
    for (const [name, { untilMs }] of places.held) if (untilMs <= now) places.held.delete(name);
    return places;
  }

  #vote(pod: string, own: readonly OwnVote[]): readonly LaneVote[] {
    const now = this.clock.monotonicMs();
    for (const [key, { vote, untilMs }] of this.#votes) {
      if (untilMs <= now || vote.pod === pod) this.#votes.delete(key);
    }
    for (const { provider, brand, opening, forMs } of own) {
      this.#votes.set(`${pod}\n${provider}\n${brand}\n${opening}`, {
        vote: { pod, provider, brand, opening },
        untilMs: now + forMs,
      });
    }
    return [...this.#votes.values()].map(({ vote }) => vote);
  }

  #takeProbe(pod: string, lane: SharedLane, forMs: number): boolean {
    const now = this.clock.monotonicMs();
    const known = this.#probes.get(keyOf(lane));
    if (known !== undefined && known.untilMs > now) return false;
    this.#probes.set(keyOf(lane), { pod, untilMs: now + forMs });
    return true;
  }

  #append(pod: string, number: number, outcomes: string): void {
    this.#sequence += 1;
    const position = `${Math.floor(this.clock.monotonicMs())}-${this.#sequence}`;
    this.#stream.push({ position, pod, number, outcomes });
  }

  #read(after: string | null, limit: number): OutcomePage {
    const end = this.#stream.at(-1)?.position ?? null;
    if (after === null) return { batches: [], end };
    const place = (position: string) => Number(position.split('-')[1]);
    const batches = this.#stream.filter(({ position }) => place(position) > place(after)).slice(0, limit);
    return { batches, end };
  }

  #countTesting(pod: string, counts: readonly TestingCount[]): readonly TestingRow[] {
    const now = this.clock.monotonicMs();
    this.#testing.delete(pod);
    if (counts.length > 0) this.#testing.set(pod, { counts, untilMs: now + TESTING_MS });
    return [...this.#testing]
      .filter(([name, { untilMs }]) => name !== pod && untilMs > now)
      .map(([name, row]) => ({ pod: name, counts: row.counts }));
  }

  #takeTurn(forMs: number): boolean {
    const now = this.clock.monotonicMs();
    if (now < this.#turnUntilMs) return false;
    this.#turnUntilMs = now + forMs;
    return true;
  }
}

function keyOf({ provider, brand }: SharedLane): string {
  return `${provider}\n${brand}`;
}

function hold(places: Places, pod: string, ask: LimitAsk, now: number, waitsSinceMs: number | null): number {
  let others = 0;
  for (const [name, { count }] of places.held) if (name !== pod) others += count;
  const free = ask.concurrent - others;
  const isSettled = now - places.bornMs >= SETTLED_MS;
  const granted = Math.max(0, Math.min(ask.places, isSettled ? free : Math.min(free, ask.placesShare)));
  const count = Math.max(granted, ask.placesInUse);
  if (count === 0 && waitsSinceMs === null) places.held.delete(pod);
  else places.held.set(pod, { count, untilMs: now + PLACES_MS, waitsSinceMs });
  return granted;
}

/** @param held null: there is a pause */
function leased(places: Places, pod: string, ask: LimitAsk, now: number, held: number | null) {
  if (held === null || ask.calls <= 0) return { calls: 0, waitsSinceMs: null };
  const claimMs = Math.max(CLAIM_MS, (CLAIM_CALLS / ask.callsShare) * 1000);
  const claimOf = (sinceMs: number) => (ask.callsShare * Math.min(claimMs, now - sinceMs)) / 1000;
  const claim = claimOf(places.held.get(pod)?.waitsSinceMs ?? now);
  let reserved = 0;
  let largest = 0;
  for (const [name, { untilMs, waitsSinceMs }] of places.held) {
    const isAsking = name !== pod && now - (untilMs - PLACES_MS) <= WAITS_MS;
    if (!isAsking || waitsSinceMs === null) continue;
    reserved += claimOf(waitsSinceMs);
    largest = Math.max(largest, claimOf(waitsSinceMs));
  }
  const most = Math.max(claim, held - reserved, claim >= largest ? 1 : 0);
  const calls = Math.max(0, Math.min(ask.calls, Math.floor(Math.min(held, most))));
  const waitsSinceMs = now - (Math.max(0, claim - calls) / ask.callsShare) * 1000;
  return { calls, waitsSinceMs: calls < ask.calls ? waitsSinceMs : null };
}
