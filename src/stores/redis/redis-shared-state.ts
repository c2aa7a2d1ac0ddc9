import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CARD_BRANDS } from '../../core/card.ts';
import type { Clock } from '../../gateway/ports.ts';
import {
  CHANGE_KINDS,
  type ChangeKind,
  type LaneVote,
  type LimitAsk,
  type LimitLease,
  type OnRefused,
  type OutcomePage,
  type OwnVote,
  type PodCount,
  REFUSAL_REASONS,
  type RefusalReason,
  type SharedFunction,
  type SharedKey,
  type SharedLane,
  type SharedSnapshot,
  type SharedState,
  SharedStateError,
  type TestingCount,
  type TestingRow,
} from '../../gateway/shared-state.ts';
import type { RedisTarget } from './redis-client.ts';
import { RedisConnection, readScript } from './redis-connection.ts';
import type { RedisIdentity } from './redis-identity.ts';

export interface RedisSharedStateDeps {
  readonly target: RedisTarget;
  readonly identity: RedisIdentity;
  /** Unique name of this process. */
  readonly pod: string;
  readonly clock: Clock;
  /** After which a command has failed, milliseconds; 100 when left out. */
  readonly timeoutMs?: number;
  /**
   * Told of each command that failed, in words of operations; of each time a connection was lost and is tried again; and of
   * what stood there that no process of this journal has written. Must not throw.
   */
  readonly onFailed?: (what: SharedFunction, error: SharedStateError) => void;
  readonly onReconnecting?: () => void;
  readonly onRefused?: OnRefused;
}

const TIMEOUT_MS = 100;
const LIVE_MS = 2_000;
const KNOWN_MS = 30_000;
const PODS_MAX = 1_000;
const VOTES_MAX = 1_000;
/** Batches that the stream holds, about: minutes of many busy processes. */
const STREAM_LENGTH = 5_000;
const STREAM_KEPT_MS = 3_600_000;
const SNAPSHOT_KEPT_MS = 86_400_000;
/** Bytes of a snapshot that one command carries: none holds the server up for long. */
const CHUNK = 128 * 1024;
const CHUNKS_MAX = 512;
/** Bytes of anything else that is read at most: more is not of ours. */
const NAME_MAX = 400;
const VOTE_MAX = 1_000;
const BATCH_MAX = 512 * 1024;
const ROW_MAX = 64 * 1024;
const HEAD_MAX = 2_000;
const MESSAGE_MAX = 500;
/** A probe lasts for as long as a contract's `reset_ms`, the turn of a copy a minute: none is held for longer. */
const PERMIT_MAX_MS = 600_000;
const TESTING_KEPT_MS = 10_000;
/** What was said or seen so long ago says nothing any more; with how far clocks of two machines may be apart. */
const CLOCKS_APART_MS = 60_000;
const VOTE_AGE_MAX_MS = 600_000 + CLOCKS_APART_MS;
const BATCH_AGE_MAX_MS = STREAM_KEPT_MS + CLOCKS_APART_MS;
const SNAPSHOT_AGE_MAX_MS = 2 * SNAPSHOT_KEPT_MS;
const ROW_AGE_MAX_MS = TESTING_KEPT_MS + CLOCKS_APART_MS;
/** Messages of one kind are told at most so often: whoever repeats them must not have the database read without end. */
const TELL_EVERY_MS = 100;

/**
 * Names in braces decide where in a cluster a key is: keys of one script are together, providers are spread. Every key
 * expires.
 */
function keysOf(prefix: string) {
  return {
    pods: `${prefix}:{pods}:live`,
    bucket: (provider: string) => `${prefix}:{limit:${provider}}:bucket`,
    places: (provider: string) => `${prefix}:{limit:${provider}}:places`,
    waits: (provider: string) => `${prefix}:{limit:${provider}}:waits`,
    votes: `${prefix}:{breakers}:votes`,
    probe: ({ provider, brand }: SharedLane) => `${prefix}:{probe:${provider}:${brand}}:permit`,
    outcomes: `${prefix}:{learning}:outcomes`,
    snapshotTurn: `${prefix}:{learning}:snapshot-turn`,
    snapshot: `${prefix}:{learning}:snapshot`,
    chunk: (name: string, index: number) => `${prefix}:{learning}:snapshot:${name}:${index}`,
    testing: `${prefix}:{testing}:counts`,
    channel: `${prefix}:changes`,
  } as const;
}

const EXCHANGE_LIMIT = readScript('exchange-limit');
const BEAT = readScript('beat');
const EXCHANGE_VOTES = readScript('exchange-votes');
const TAKE_PERMIT = readScript('take-permit');
const END_PROBE = readScript('end-probe');
const APPEND_OUTCOMES = readScript('append-outcomes');
const READ_OUTCOMES = readScript('read-outcomes');
const EXCHANGE_TESTING = readScript('exchange-testing');

const count = z.int().min(0);
const refusal = z.union([z.literal(''), z.enum(REFUSAL_REASONS)]);
const beatSchema = z.tuple([z.array(z.string()), z.array(z.string()), refusal]);
const leaseSchema = z.tuple([count, count, count, count, count, count, refusal]);
const permitSchema = z.tuple([z.union([z.literal(0), z.literal(1)]), refusal]);
const votesSchema = z.tuple([z.array(z.string()), refusal]);
const voteSchema = z.tuple([z.string(), z.string(), z.enum(CARD_BRANDS), count, count, z.string()]);
const pageSchema = z.tuple([z.string(), z.array(z.tuple([z.string(), z.array(z.string())])), refusal]);
const snapshotSchema = z.strictObject({
  name: z.string().max(NAME_MAX),
  chunks: z.int().min(0).max(CHUNKS_MAX),
  about: z.string(),
  at: count,
  sha256: z.string(),
  seal: z.string(),
});
const changeSchema = z.strictObject({
  pod: z.string(),
  kind: z.enum(CHANGE_KINDS),
  at: count,
  seal: z.string(),
});
const testingCountSchema = z.tuple([z.string().min(1).max(64), count, count, count]);
const testingRowSchema = z.tuple([z.string(), count, z.array(testingCountSchema), z.string()]);

/** What processes share, in Redis or Valkey: one server, one that sentinels watch, or a cluster. */
export class RedisSharedState implements SharedState {
  readonly pod: string;
  readonly #deps: RedisSharedStateDeps;
  readonly #identity: RedisIdentity;
  readonly #keys: ReturnType<typeof keysOf>;
  readonly #connection: RedisConnection;
  /** A connection that listens can do nothing else. */
  readonly #listener: RedisConnection;
  readonly #listeners = new Set<(kind: ChangeKind) => void>();
  readonly #toldAtMs = new Map<ChangeKind, number>();
  readonly #cancelTelling = new Map<ChangeKind, () => void>();
  /** This process among the others, with its seal: nobody else can make one up. */
  readonly #beatName: string;
  /** Since when which process is silent that is known yet, monotonic clock. */
  readonly #silentSinceMs = new Map<string, number>();
  /** When which of this process's votes was said first, wall clock. */
  readonly #saidAtMs = new Map<string, number>();
  #isSubscribed = false;
  #snapshots = 0;
  #closed = false;

  /** Begins to connect; whether or not that succeeds is not waited for. */
  constructor(deps: RedisSharedStateDeps) {
    this.#deps = deps;
    this.pod = deps.pod;
    this.#identity = deps.identity;
    this.#keys = keysOf(deps.identity.prefix);
    this.#beatName = `${deps.pod} ${deps.identity.seal('pod', deps.pod)}`;
    const connection = {
      target: deps.target,
      clock: deps.clock,
      timeoutMs: deps.timeoutMs ?? TIMEOUT_MS,
      onFailed: (what: SharedFunction, error: SharedStateError) => deps.onFailed?.(what, error),
      onReconnecting: () => deps.onReconnecting?.(),
    };
    this.#connection = new RedisConnection(connection);
    this.#listener = new RedisConnection(connection);
    this.#listen();
  }

  /** What is wrong with the address for good, such as a database that the server does not have; null: nothing known. */
  fault(): Promise<string | null> {
    return this.#connection.fault();
  }

  async beat(): Promise<PodCount> {
    const args = [this.#beatName, LIVE_MS, KNOWN_MS, PODS_MAX, NAME_MAX];
    const [live, silent, refused] = await this.#connection.run(
      'limits',
      BEAT,
      [this.#keys.pods],
      args,
      beatSchema,
    );
    this.#tellRefused('pods', refused);
    const forged: string[] = [];
    const podsOf = (names: readonly string[]) =>
      names.flatMap((name) => {
        const pod = this.#podOf(name);
        if (pod === null) forged.push(name);
        return pod ?? [];
      });
    const livePods = podsOf(live);
    const silentPods = this.#stillSilent(podsOf(silent));
    if (forged.length > 0) {
      this.#tellRefused('pods', 'unsigned');
      await this.#ask('limits', ({ client }) => client.zrem(this.#keys.pods, ...forged));
    }
    return {
      live: Math.max(1, livePods.length),
      known: Math.max(1, livePods.length) + silentPods.length,
      rank: livePods.filter((pod) => pod < this.pod).length,
    };
  }

  async leave(): Promise<void> {
    await this.#ask('limits', ({ client }) => client.zrem(this.#keys.pods, this.#beatName));
    await this.#ask('card_testing', ({ client }) => client.hdel(this.#keys.testing, this.pod));
  }

  async exchangeLimit(ask: LimitAsk): Promise<LimitLease> {
    const { provider, perSecond, burst, calls, owed, closeForMs, concurrent } = ask;
    const { places: wanted, placesInUse, placesShare, callsShare } = ask;
    const args = [
      ...[this.pod, perSecond, burst, calls, owed, Math.ceil(closeForMs), concurrent],
      ...[wanted, placesInUse, placesShare, callsShare],
    ];
    const keys = [this.#keys.bucket(provider), this.#keys.places(provider), this.#keys.waits(provider)];
    const reply = await this.#connection.run('limits', EXCHANGE_LIMIT, keys, args, leaseSchema);
    const [leased, closedForMs, nextCallInMs, places, left, freePlaces, refused] = reply;
    this.#tellRefused('limit', refused);
    return { calls: leased, closedForMs, nextCallInMs, places, left, freePlaces };
  }

  async exchangeVotes(own: readonly OwnVote[]): Promise<readonly LaneVote[]> {
    const prefix = `${JSON.stringify([this.pod]).slice(0, -1)},`;
    const args = [prefix, VOTES_MAX, VOTE_MAX, ...this.#said(own)];
    const [votes, refused] = await this.#connection.run(
      'breakers',
      EXCHANGE_VOTES,
      [this.#keys.votes],
      args,
      votesSchema,
    );
    this.#tellRefused('votes', refused);
    return votes.flatMap((text) => {
      const vote = voteSchema.safeParse(parsedJson(text));
      if (!vote.success) return this.#refused('votes', 'malformed');
      const [pod, provider, brand, opening, at, seal] = vote.data;
      const said = JSON.stringify([pod, provider, brand, opening, at]);
      if (!this.#identity.isSealed('vote', said, seal)) return this.#refused('votes', 'unsigned');
      if (!this.#isOfNow(at, VOTE_AGE_MAX_MS)) return this.#refused('votes', 'stale');
      return [{ pod, provider, brand, opening }];
    });
  }

  async takeProbe(lane: SharedLane, forMs: number): Promise<boolean> {
    return this.#takePermit('breakers', 'probe', this.#keys.probe(lane), forMs);
  }

  async endProbe(lane: SharedLane): Promise<void> {
    await this.#connection.run('breakers', END_PROBE, [this.#keys.probe(lane)], [this.pod], count);
  }

  async appendOutcomes(number: number, outcomes: string): Promise<void> {
    const at = Math.floor(this.#deps.clock.wallMs());
    const seal = this.#identity.seal('outcomes', `${JSON.stringify([this.pod, number, at])}\n${outcomes}`);
    const args = [
      ...[STREAM_LENGTH, STREAM_KEPT_MS, 'pod', this.pod, 'number', number],
      ...['at', at, 'seal', seal, 'outcomes', outcomes],
    ];
    const refused = await this.#connection.run(
      'learning',
      APPEND_OUTCOMES,
      [this.#keys.outcomes],
      args,
      refusal,
    );
    this.#tellRefused('outcomes', refused);
  }

  async readOutcomes(after: string | null, limit: number): Promise<OutcomePage> {
    const args = [after ?? '', limit, BATCH_MAX];
    const [end, entries, refused] = await this.#connection.run(
      'learning',
      READ_OUTCOMES,
      [this.#keys.outcomes],
      args,
      pageSchema,
    );
    this.#tellRefused('outcomes', refused);
    const batches = entries.map(([position, fields]) => {
      const field = (name: string) => {
        const at = fields.findIndex((value, index) => index % 2 === 0 && value === name);
        return at < 0 ? '' : (fields[at + 1] ?? '');
      };
      const [pod, outcomes] = [field('pod'), field('outcomes')];
      const [number, at] = [Number(field('number')), Number(field('at'))];
      // A place in the stream is passed whatever stands there; what is not of ours teaches nothing.
      const nothing = { position, pod: this.pod, number: 0, outcomes: '' };
      const said = `${JSON.stringify([pod, number, at])}\n${outcomes}`;
      if (!this.#identity.isSealed('outcomes', said, field('seal'))) {
        this.#tellRefused('outcomes', 'unsigned');
        return nothing;
      }
      if (!this.#isOfNow(at, BATCH_AGE_MAX_MS)) {
        this.#tellRefused('outcomes', 'stale');
        return nothing;
      }
      return { position, pod, number, outcomes };
    });
    return { batches, end: end === '' ? null : end };
  }

  async exchangeTesting(own: readonly TestingCount[]): Promise<readonly TestingRow[]> {
    const at = Math.floor(this.#deps.clock.wallMs());
    const counts = own.map((count) => [
      count.name,
      count.ended,
      count.declined,
      Math.ceil(count.refusedForMs),
    ]);
    const seal = this.#identity.seal('testing', JSON.stringify([this.pod, at, counts]));
    const row = counts.length === 0 ? '' : JSON.stringify([this.pod, at, counts, seal]);
    const args = [this.pod, row, TESTING_KEPT_MS, PODS_MAX, ROW_MAX];
    const [rows, refused] = await this.#connection.run(
      'card_testing',
      EXCHANGE_TESTING,
      [this.#keys.testing],
      args,
      votesSchema,
    );
    this.#tellRefused('testing', refused);
    return rows.flatMap((text) => {
      const read = testingRowSchema.safeParse(parsedJson(text));
      if (!read.success) return this.#refused('testing', 'malformed');
      const [pod, saidAt, said, sealed] = read.data;
      if (!this.#identity.isSealed('testing', JSON.stringify([pod, saidAt, said]), sealed)) {
        return this.#refused('testing', 'unsigned');
      }
      if (!this.#isOfNow(saidAt, ROW_AGE_MAX_MS)) return this.#refused('testing', 'stale');
      return [
        {
          pod,
          counts: said.map(([name, ended, declined, refusedForMs]) => ({
            name,
            ended,
            declined,
            refusedForMs,
          })),
        },
      ];
    });
  }

  async takeSnapshotTurn(forMs: number): Promise<boolean> {
    return this.#takePermit('learning', 'snapshot', this.#keys.snapshotTurn, forMs);
  }

  async saveSnapshot({ about, bytes }: SharedSnapshot): Promise<void> {
    const chunks = Math.ceil(bytes.length / CHUNK);
    if (chunks > CHUNKS_MAX) {
      throw new SharedStateError(
        `a snapshot of ${bytes.length} bytes; expected at most ${CHUNK * CHUNKS_MAX}`,
      );
    }
    const keys = this.#keys;
    this.#snapshots += 1;
    const name = `${this.pod}:${this.#snapshots}`;
    for (let index = 0; index < chunks; index += 1) {
      const chunk = Buffer.from(bytes.subarray(index * CHUNK, (index + 1) * CHUNK));
      await this.#ask('learning', ({ client }) =>
        client.set(keys.chunk(name, index), chunk, 'PX', SNAPSHOT_KEPT_MS),
      );
    }
    const before = await this.#readHead();
    const at = Math.floor(this.#deps.clock.wallMs());
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const seal = this.#identity.seal('snapshot', JSON.stringify([name, chunks, about, at, sha256]));
    const head = JSON.stringify({ name, chunks, about, at, sha256, seal });
    await this.#ask('learning', ({ client }) => client.set(keys.snapshot, head, 'PX', SNAPSHOT_KEPT_MS));
    // Whoever reads the one before just now finds the rest of it for a minute.
    for (let index = 0; index < (before?.chunks ?? 0); index += 1) {
      const key = keys.chunk(before?.name ?? '', index);
      await this.#ask('learning', ({ client }) => client.pexpire(key, 60_000));
    }
  }

  async loadSnapshot(): Promise<SharedSnapshot | null> {
    const head = await this.#readHead();
    if (head === null) return null;
    const { name, chunks, about, sha256 } = head;
    const parts: Buffer[] = [];
    for (let index = 0; index < chunks; index += 1) {
      const key = this.#keys.chunk(name, index);
      const chunk = await this.#ask('learning', ({ client }) =>
        client.getrangeBuffer(key, 0, CHUNK - 1).catch(otherType(Buffer.alloc(0))),
      );
      if (chunk.length === 0) return null;
      parts.push(chunk);
    }
    const bytes = Buffer.concat(parts);
    if (createHash('sha256').update(bytes).digest('hex') === sha256) return { about, bytes };
    this.#tellRefused('snapshot', 'unsigned');
    return null;
  }

  async announce(kind: ChangeKind): Promise<void> {
    const at = Math.floor(this.#deps.clock.wallMs());
    const seal = this.#identity.seal('change', JSON.stringify([this.pod, kind, at]));
    const message = JSON.stringify({ pod: this.pod, kind, at, seal });
    await this.#ask('notices', ({ client }) => client.publish(this.#keys.channel, message));
  }

  onChange(listener: (kind: ChangeKind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  hears(): boolean {
    return this.#isSubscribed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    for (const cancel of this.#cancelTelling.values()) cancel();
    this.#connection.close();
    this.#listener.close();
  }

  #ask<Reply>(
    what: SharedFunction,
    command: (connection: RedisConnection) => Promise<Reply>,
  ): Promise<Reply> {
    return this.#connection.ask(what, () => command(this.#connection));
  }

  /** Subscribes whenever there is a connection, and looks whether it still hears. */
  #listen(): void {
    const { client } = this.#listener;
    client.on('message', (_channel: string, message: string) => this.#heard(message));
    client.on('close', () => {
      this.#isSubscribed = false;
    });
    client.on('ready', () => {
      if (this.#closed) return;
      client.subscribe(this.#keys.channel).then(
        () => {
          this.#isSubscribed = true;
          // What was announced before is not told again.
          for (const kind of CHANGE_KINDS) this.#tell(kind);
        },
        (error: unknown) => {
          this.#listener.failed('notices', error);
          // A connection that was lost is made again by itself: it may be under way already.
          if (!this.#closed && client.status === 'ready') client.disconnect(true);
        },
      );
    });
  }

  #heard(message: string): void {
    const read = message.length > MESSAGE_MAX ? null : changeSchema.safeParse(parsedJson(message));
    if (read === null || !read.success) {
      this.#tellRefused('changes', read === null ? 'too_long' : 'malformed');
      return;
    }
    const { pod, kind, at, seal } = read.data;
    if (!this.#identity.isSealed('change', JSON.stringify([pod, kind, at]), seal)) {
      this.#tellRefused('changes', 'unsigned');
    } else if (!this.#isOfNow(at, CLOCKS_APART_MS)) this.#tellRefused('changes', 'stale');
    else if (pod !== this.pod) this.#tellSoon(kind);
  }

  /** Tells at once, or what is repeated, once more when its time has come. */
  #tellSoon(kind: ChangeKind): void {
    const { clock } = this.#deps;
    const waitMs =
      (this.#toldAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) + TELL_EVERY_MS - clock.monotonicMs();
    if (waitMs <= 0) this.#tell(kind);
    else if (!this.#cancelTelling.has(kind)) {
      this.#cancelTelling.set(
        kind,
        clock.after(waitMs, () => {
          this.#cancelTelling.delete(kind);
          this.#tell(kind);
        }),
      );
    }
  }

  #tell(kind: ChangeKind): void {
    this.#toldAtMs.set(kind, this.#deps.clock.monotonicMs());
    for (const listener of this.#listeners) listener(kind);
  }

  async #takePermit(what: SharedFunction, kind: SharedKey, key: string, forMs: number): Promise<boolean> {
    const px = Math.min(PERMIT_MAX_MS, Math.max(1, Math.ceil(forMs)));
    const args = [this.pod, px, PERMIT_MAX_MS];
    const [isOurs, refused] = await this.#connection.run(what, TAKE_PERMIT, [key], args, permitSchema);
    this.#tellRefused(kind, refused);
    return isOurs === 1;
  }

  /** Votes as they are written, each with its milliseconds; one that stands is written as it was. */
  #said(own: readonly OwnVote[]): readonly (string | number)[] {
    const keys = own.map(({ provider, brand, opening }) => JSON.stringify([provider, brand, opening]));
    for (const key of this.#saidAtMs.keys()) if (!keys.includes(key)) this.#saidAtMs.delete(key);
    return own.flatMap(({ provider, brand, opening, forMs }, index) => {
      const key = keys[index] ?? '';
      const at = this.#saidAtMs.get(key) ?? Math.floor(this.#deps.clock.wallMs());
      this.#saidAtMs.set(key, at);
      const parts = [this.pod, provider, brand, opening, at];
      const seal = this.#identity.seal('vote', JSON.stringify(parts));
      return [JSON.stringify([...parts, seal]), Math.max(1, Math.ceil(forMs))];
    });
  }

  /** The process of a name in the list of all; null: no process of this journal has written it. */
  #podOf(name: string): string | null {
    const end = name.lastIndexOf(' ');
    const pod = name.slice(0, Math.max(0, end));
    return this.#identity.isSealed('pod', pod, name.slice(end + 1)) ? pod : null;
  }

  /** Those that fell silent no longer ago than they are known, by our own clock: the list may be kept up by anybody. */
  #stillSilent(pods: readonly string[]): readonly string[] {
    const nowMs = this.#deps.clock.monotonicMs();
    const silent = new Set(pods);
    for (const pod of this.#silentSinceMs.keys()) if (!silent.has(pod)) this.#silentSinceMs.delete(pod);
    return pods.filter((pod) => {
      const sinceMs = this.#silentSinceMs.get(pod) ?? nowMs;
      this.#silentSinceMs.set(pod, sinceMs);
      return nowMs - sinceMs < KNOWN_MS;
    });
  }

  async #readHead(): Promise<z.infer<typeof snapshotSchema> | null> {
    const text = await this.#ask('learning', ({ client }) =>
      client.getrange(this.#keys.snapshot, 0, HEAD_MAX).catch(otherType('no text')),
    );
    if (text === '') return null;
    const head = snapshotSchema.safeParse(parsedJson(text));
    if (!head.success) {
      this.#tellRefused('snapshot', text.length > HEAD_MAX ? 'too_long' : 'malformed');
      return null;
    }
    const { name, chunks, about, at, sha256, seal } = head.data;
    if (!this.#identity.isSealed('snapshot', JSON.stringify([name, chunks, about, at, sha256]), seal)) {
      this.#tellRefused('snapshot', 'unsigned');
      return null;
    }
    if (this.#isOfNow(at, SNAPSHOT_AGE_MAX_MS)) return head.data;
    this.#tellRefused('snapshot', 'stale');
    return null;
  }

  /** Whether it was written no longer ago, nor later, than can be, by the wall clock. */
  #isOfNow(atMs: number, ageMaxMs: number): boolean {
    const ageMs = this.#deps.clock.wallMs() - atMs;
    return ageMs <= ageMaxMs && ageMs >= -CLOCKS_APART_MS;
  }

  /** Nothing, and told why. */
  #refused(key: SharedKey, reason: RefusalReason): [] {
    this.#tellRefused(key, reason);
    return [];
  }

  #tellRefused(key: SharedKey, reason: RefusalReason | ''): void {
    if (reason !== '') this.#deps.onRefused?.(key, reason);
  }
}

/** Has a key of another type count as one with that content: it is written over when its time comes. */
function otherType<Value>(content: Value): (error: unknown) => Value {
  return (error) => {
    if (error instanceof Error && error.message.includes('WRONGTYPE')) return content;
    throw error;
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
