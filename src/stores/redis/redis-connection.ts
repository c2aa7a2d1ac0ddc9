import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { Clock } from '../../gateway/ports.ts';
import { type SharedFunction, SharedStateError } from '../../gateway/shared-state.ts';
import { CONNECT_MS, makeRedisClient, type RedisClient, type RedisTarget } from './redis-client.ts';
import { describeRedisFailure, NO_ANSWER } from './redis-failure.ts';

export interface RedisConnectionDeps {
  readonly target: RedisTarget;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly onFailed: (what: SharedFunction, error: SharedStateError) => void;
  readonly onReconnecting: () => void;
}

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Reads a script that stands beside this file, with what stands before every script. */
export function readScript(name: string): Script {
  const [prologue, own] = ['prologue', name].map((each) =>
    readFileSync(new URL(`${each}.lua`, import.meta.url), 'utf8'),
  );
  const text = `${prologue}${own}`;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Servers refuse a database that they do not have, and the client goes on with number 0 without a word. */
const NO_DATABASE = /DB index is out of range|SELECT is not allowed|invalid DB index/i;

/** What lies there to be read is read in so long. */
const READ_MS = 10;
/**
 * An answer is waited for in so many parts, one after the other. Where this process stands still, the question goes out
 * late or the answer lies there unread; that lengthens the part in which it happens and takes nothing of the others, so
 * that no failure of the store is told that is none.
 */
const WAIT_PARTS = 5;

/**
 * A connection that makes itself, again and again, and what is asked over it. A question fails at once while there is no
 * connection; only those of the very beginning wait, within their time, for the first.
 */
export class RedisConnection {
  readonly client: RedisClient;
  readonly #deps: RedisConnectionDeps;
  /** Resolves when the first connection stands, or was not made. */
  readonly #opened: Promise<void>;
  #isOpened = false;
  readonly #madeAtMs: number;
  /** Why there is no connection; null: there is one, or nothing is known. */
  #lost: unknown = null;
  /** What the server says to the number of the database, since it is connected. */
  #database: Promise<Error | null> = Promise.resolve(null);
  #closed = false;

  constructor(deps: RedisConnectionDeps) {
    this.#deps = deps;
    this.#madeAtMs = deps.clock.monotonicMs();
    this.client = makeRedisClient(deps.target, deps.timeoutMs);
    const { client } = this;
    const { database } = deps.target;
    this.#opened = new Promise((resolve) => {
      const open = () => {
        this.#isOpened = true;
        resolve();
      };
      client.on('ready', () => {
        this.#lost = null;
        if (database !== 0 && 'select' in client) {
          this.#database = client.select(database).then(
            () => null,
            (error: unknown) => (error instanceof Error && NO_DATABASE.test(error.message) ? error : null),
          );
        }
        open();
      });
      // Each command tells of its own failure; without a listener the client would print what it cannot tell anybody.
      client.on('error', (error: unknown) => {
        this.#lost = error;
        open();
      });
      client.on('close', open);
    });
    client.on('reconnecting', () => deps.onReconnecting());
    // It goes on trying by itself.
    client.connect().catch(() => {});
  }

  /** What is wrong with the address for good, whatever becomes of the server; null: nothing that is known. */
  async fault(): Promise<string | null> {
    const error = await this.#database;
    return error === null ? null : this.#describe(error);
  }

  /** Runs a script, which the server may have forgotten. */
  async run<Reply>(
    what: SharedFunction,
    { sha, text }: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    schema: z.ZodType<Reply>,
  ): Promise<Reply> {
    const given = [...keys, ...args];
    const reply: unknown = await this.ask(what, () =>
      this.client.evalsha(sha, keys.length, ...given).catch((error: unknown) => {
        if (!(error instanceof Error) || !error.message.includes('NOSCRIPT')) throw error;
        return this.client.eval(text, keys.length, ...given);
      }),
    );
    const parsed = schema.safeParse(reply);
    if (parsed.success) return parsed.data;
    throw this.failed(what, new SharedStateError('the answer of a script is of another form'));
  }

  /** Asks, and does not wait longer than it may: redirections in a cluster have time-outs of their own. */
  async ask<Reply>(what: SharedFunction, command: () => Promise<Reply>): Promise<Reply> {
    let isLate = false;
    let cancel = () => {};
    const late = new Promise<never>((_resolve, reject) => {
      const { clock, timeoutMs } = this.#deps;
      let left = WAIT_PARTS;
      const wait = () => {
        left -= 1;
        if (left >= 0) cancel = clock.after(timeoutMs / WAIT_PARTS, wait);
        else {
          // What lies there is read before this ends.
          cancel = clock.after(READ_MS, () => {
            isLate = true;
            reject(new Error(NO_ANSWER));
          });
        }
      };
      wait();
    });
    const answer = async () => {
      await this.#opened;
      const fault = await this.#database;
      if (fault !== null) throw fault;
      // What nobody waits for any more must not be done: a lease would be lost.
      if (isLate) throw new Error(NO_ANSWER);
      return command();
    };
    try {
      return await Promise.race([answer(), late]);
    } catch (error) {
      throw this.failed(what, error);
    } finally {
      cancel();
    }
  }

  /** Tells of a question that failed. @returns what to throw for it */
  failed(what: SharedFunction, error: unknown): SharedStateError {
    const told =
      error instanceof SharedStateError
        ? error
        : new SharedStateError(this.#describe(error), { cause: error });
    // While the very first connection is made nothing has failed yet.
    const isOpening = !this.#isOpened && this.#deps.clock.monotonicMs() - this.#madeAtMs < CONNECT_MS;
    if (!this.#closed && !isOpening) this.#deps.onFailed(what, told);
    return told;
  }

  close(): void {
    this.#closed = true;
    this.client.disconnect();
  }

  #describe(error: unknown): string {
    const { target, timeoutMs } = this.#deps;
    return describeRedisFailure(error, this.#lost, target, timeoutMs);
  }
}
