import type { Answer } from './answer.ts';
import type { LedgerOperation, LedgerRow } from './ledger.ts';
import type { SandboxClock } from './sandbox-clock.ts';
import type { Traits } from './traits.ts';

/** What an idempotency key was used for. */
export interface KeyRecord {
  readonly fingerprint: string;
  /** When the key was first used, wall clock. */
  readonly atMs: number;
  /** The authorization that it made or works on; null for a failure that was answered without processing. */
  readonly row: LedgerRow | null;
  /** What it made, once it is made. */
  made: LedgerRow | LedgerOperation | null;
  /** How often it was repeated before it made anything. */
  repeats: number;
  running: boolean;
  /** The kept answer; null when it is told from the row, which takes less memory. */
  answer: Answer | null;
}

/** Failures kept under a key without a row, at most; the oldest goes first. */
const ROWLESS_KEYS_MAX = 10_000;

/**
 * The idempotency keys of one account. Bounded: a key goes with the authorization that it belongs to, and those
 * that belong to none are {@link ROWLESS_KEYS_MAX} at most.
 */
export class KeyBook {
  readonly #clock: SandboxClock;
  readonly #traits: () => Traits;
  #records = new Map<string, KeyRecord>();
  #rowless: string[] = [];

  constructor(clock: SandboxClock, traits: () => Traits) {
    this.#clock = clock;
    this.#traits = traits;
  }

  clear(): void {
    this.#records = new Map();
    this.#rowless = [];
  }

  /** Null for a key that was never used, or whose lifetime is over. One that is still running lives on. */
  find(key: string): KeyRecord | null {
    const record = this.#records.get(key);
    if (record === undefined) return null;
    const lifetimeMs = this.#traits().key_lifetime_ms;
    const isOver = lifetimeMs !== null && this.#clock.nowMs() - record.atMs >= lifetimeMs;
    if (record.running || !isOver) return record;
    this.#records.delete(key);
    return null;
  }

  /** Enters a request that runs from now on. @param made what it makes, when that exists already */
  start(key: string, fingerprint: string, row: LedgerRow, made: LedgerRow | null): KeyRecord {
    const atMs = this.#clock.nowMs();
    const record: KeyRecord = { fingerprint, atMs, row, made, repeats: 0, running: true, answer: null };
    this.#records.set(key, record);
    return record;
  }

  /** The request is answered: the answer is kept, unless this provider keeps none like it. */
  finish(key: string, record: KeyRecord, status: number, answer: Answer | null): void {
    record.running = false;
    record.answer = answer;
    const isKept = status < 400 || this.#traits().replay === 'same_answer';
    if (!isKept || record.row?.dropped === true) this.drop(key, record);
  }

  /** Frees the key, unless it was given to another request meanwhile. */
  drop(key: string, record: KeyRecord): void {
    if (this.#records.get(key) === record) this.#records.delete(key);
  }

  /** Keeps a failure that made nothing, unless this provider keeps no failures. */
  fail(key: string, fingerprint: string, answer: Answer): void {
    if (this.#traits().replay === 'success_only') return;
    const atMs = this.#clock.nowMs();
    const rest = { row: null, made: null, repeats: 0, running: false };
    this.#records.set(key, { fingerprint, atMs, answer, ...rest });
    this.#rowless.push(key);
    if (this.#rowless.length <= ROWLESS_KEYS_MAX) return;
    const oldest = this.#rowless.shift() ?? '';
    if (this.#records.get(oldest)?.row === null) this.#records.delete(oldest);
  }

  /** Forgets the keys of an authorization that is gone. */
  forget(row: LedgerRow): void {
    for (const key of [row.key, ...row.operations.map((operation) => operation.key)]) {
      if (this.#records.get(key)?.row === row) this.#records.delete(key);
    }
  }
}
