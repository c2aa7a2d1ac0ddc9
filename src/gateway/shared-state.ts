import type { CardBrand } from '../core/card.ts';

/** What is shared; each degrades by itself, and says so. */
export const SHARED_FUNCTIONS = ['limits', 'learning', 'breakers', 'card_testing', 'notices'] as const;
export type SharedFunction = (typeof SHARED_FUNCTIONS)[number];

/** What stands in the shared state, as it is named where some of it was refused. */
export type SharedKey =
  | 'pods'
  | 'limit'
  | 'votes'
  | 'probe'
  | 'outcomes'
  | 'snapshot'
  | 'testing'
  | 'changes';

/**
 * Why something in the shared state was thrown away or not gone by. `type`, `malformed`, `future`, `too_many`, `too_long`,
 * `without_end`: no process writes such. `unsigned`: no process of this journal wrote it. `stale`: one did, long ago, or
 * another version of it. `contradicted`: what this process sees itself says otherwise. `bound`: it was gone by for as long
 * as others are believed.
 */
export const REFUSAL_REASONS = [
  'type',
  'malformed',
  'future',
  'too_many',
  'too_long',
  'without_end',
  'unsigned',
  'stale',
  'contradicted',
  'bound',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Told of what was refused. Must not throw. */
export type OnRefused = (key: SharedKey, reason: RefusalReason) => void;

/** Shared state could not be asked, or did not answer in time: whoever asked goes on with what it knows itself. */
export class SharedStateError extends Error {
  override readonly name = 'SharedStateError';
}

/** Which processes share the state. */
export interface PodCount {
  /** Heard of within the last two seconds, this one included. At least 1. */
  readonly live: number;
  /** Also those that fell silent within the last half minute: they may be cut off, and go on with their share. */
  readonly known: number;
  /** Place of this one among the live, from 0. */
  readonly rank: number;
}

/** What a process asks of a provider's limits, and gives back, in one step. */
export interface LimitAsk {
  readonly provider: string;
  /** Rate at which the shared bucket fills, calls a second. */
  readonly perSecond: number;
  /** Calls that the shared bucket holds at most, at least 1. A bucket that nobody asked for 600 ms begins empty. */
  readonly burst: number;
  /** Calls to lease, whole; below 0: leased calls that are given back. */
  readonly calls: number;
  /** Calls a second that are its share by the number of processes: it gets no less of them, if it asks for them. */
  readonly callsShare: number;
  /** Calls that this process granted itself while it was on its own, taken out of the bucket. May be a fraction. */
  readonly owed: number;
  /** The provider asked for a pause, milliseconds from now; 0: it did not. */
  readonly closeForMs: number;
  readonly concurrent: number;
  /** Places that this process wants to hold; 0 and none in use: it holds none. */
  readonly places: number;
  /** Places that it uses now, which it keeps in any case. */
  readonly placesInUse: number;
  /** Places that are its share by the number of processes: what it gets while others may not have asked yet. */
  readonly placesShare: number;
}

export interface LimitLease {
  /** Calls that were leased, at most those asked for. */
  readonly calls: number;
  /** Milliseconds for which a pause that the provider asked for still lasts. */
  readonly closedForMs: number;
  /** Milliseconds until the bucket holds a call again; 0 when it does. */
  readonly nextCallInMs: number;
  /** Places that are held from now on until they expire: three seconds, unless asked for again. */
  readonly places: number;
  /** Whole calls that are left in the shared bucket. */
  readonly left: number;
  /** Places that nobody holds. */
  readonly freePlaces: number;
}

/** A provider for one brand. */
export interface SharedLane {
  readonly provider: string;
  readonly brand: CardBrand;
}

/** A process's word against a lane. */
export interface LaneVote extends SharedLane {
  readonly pod: string;
  /** Which of the openings of its breaker it was; with pod and lane unique. */
  readonly opening: number;
}

/** What this process says against lanes, as a whole. */
export interface OwnVote extends Omit<LaneVote, 'pod'> {
  /** Milliseconds after which it is void by itself. */
  readonly forMs: number;
}

/** A batch of what a process observed, as it was written. */
export interface OutcomeBatch {
  /** Where it stands in the stream. */
  readonly position: string;
  readonly pod: string;
  /** Number of the batch among those of its process, from 1. */
  readonly number: number;
  /** As it was handed over; anything may stand there. */
  readonly outcomes: string;
}

export interface OutcomePage {
  /** In the order of the stream. */
  readonly batches: readonly OutcomeBatch[];
  /** Where the stream ends; null when it is empty. */
  readonly end: string | null;
}

/** A copy of what a process had learned. */
export interface SharedSnapshot {
  readonly about: string;
  readonly bytes: Uint8Array;
}

/** What a process counted of the payments of one merchant with one BIN. */
export interface TestingCount {
  /** A hash: neither merchant nor BIN can be read. At most 64 characters. */
  readonly name: string;
  /** Ended payments of the last minute, and how many of them were declined. */
  readonly ended: number;
  readonly declined: number;
  /** Milliseconds for which it refuses such payments yet, by its own word; 0: it does not. */
  readonly refusedForMs: number;
}

/** The counts of one process. */
export interface TestingRow {
  readonly pod: string;
  readonly counts: readonly TestingCount[];
}

export const CHANGE_KINDS = ['rulesets', 'overrides', 'arms'] as const;
/** What was changed in the database. */
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/**
 * What several processes of one gateway share beside the journal: tallies, leases and messages, never a fact about money.
 * All of it may be lost at any time. No call is awaited on the road; each rejects with {@link SharedStateError} when there
 * is no answer in time, and with nothing else.
 */
export interface SharedState {
  /** Unique name of this process. */
  readonly pod: string;
  /** Says that this process lives. */
  beat(): Promise<PodCount>;
  /** This process is about to end: its share is free. */
  leave(): Promise<void>;
  exchangeLimit(ask: LimitAsk): Promise<LimitLease>;
  /**
   * Leaves word against lanes, and takes back what is no longer among it.
   * @returns everybody's, the own included, as it stands
   */
  exchangeVotes(own: readonly OwnVote[]): Promise<readonly LaneVote[]>;
  /** Asks for the one probe of a lane, which ends by itself after `forMs`. @returns whether it is this process's now */
  takeProbe(lane: SharedLane, forMs: number): Promise<boolean>;
  /** Another process may probe the lane. */
  endProbe(lane: SharedLane): Promise<void>;
  /** @param number of the batch among those of this process, from 1 */
  appendOutcomes(number: number, outcomes: string): Promise<void>;
  /**
   * Batches after a position, this process's own among them.
   * @param after null: none, only where the stream ends
   * @param limit of batches, at least 1
   */
  readOutcomes(after: string | null, limit: number): Promise<OutcomePage>;
  /**
   * Leaves what this process counted, in the place of what it left before; it is void by itself after ten seconds.
   * @returns what the others counted, each as it stands
   */
  exchangeTesting(own: readonly TestingCount[]): Promise<readonly TestingRow[]>;
  /** Whose turn it is to leave a copy. @returns true once in `forMs` */
  takeSnapshotTurn(forMs: number): Promise<boolean>;
  /** Takes the place of the copy before. Good for a day. */
  saveSnapshot(snapshot: SharedSnapshot): Promise<void>;
  loadSnapshot(): Promise<SharedSnapshot | null>;
  /** Tells every other process that something changed in the database. May be lost. */
  announce(kind: ChangeKind): Promise<void>;
  /**
   * @param listener told of what others announced, and of every kind when messages may have been lost. Must not throw
   * @returns ends it
   */
  onChange(listener: (kind: ChangeKind) => void): () => void;
  /** Whether messages of others would arrive now. */
  hears(): boolean;
  close(): Promise<void>;
}
