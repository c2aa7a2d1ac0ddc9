import type { Clock } from '../../gateway/ports.ts';
import { type ConnectionSettings, PostgresConnection } from './postgres-connection.ts';
import { PostgresFailure } from './postgres-failure.ts';

export interface PoolOptions extends ConnectionSettings {
  /** Connections at most. */
  readonly size: number;
  /** Requests that may wait for a connection; more are refused at once. */
  readonly waitingMax: number;
  /** How long one waits for a connection, milliseconds. */
  readonly waitMs: number;
}

interface Waiting {
  readonly resolve: (connection: PostgresConnection) => void;
  readonly reject: (error: unknown) => void;
  readonly cancel: () => void;
}

/** Connections to one database: opened when needed, kept, and replaced when they are lost. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #idle: PostgresConnection[] = [];
  readonly #waiting: Waiting[] = [];
  /** Connections that are open or being opened. */
  #count = 0;
  #isClosed = false;
  #whenEmpty: () => void = () => {};

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** As it is now. */
  get load(): { readonly size: number; readonly inUse: number; readonly waiting: number } {
    const inUse = this.#count - this.#idle.length;
    return { size: this.#options.size, inUse, waiting: this.#waiting.length };
  }

  /**
   * Lends a connection to the work alone, and takes it back.
   * @throws PostgresFailure when there is none; else what the work rejects with
   */
  async use<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire();
    try {
      return await work(connection);
    } finally {
      this.#release(connection);
    }
  }

  /** Waits for what is under way, and closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const idle = this.#idle.splice(0);
    this.#count -= idle.length;
    for (const { reject, cancel } of this.#waiting.splice(0)) {
      cancel();
      reject(new PostgresFailure('not_sent', 'the journal is closed'));
    }
    await Promise.all(idle.map((connection) => connection.close()));
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  async #acquire(): Promise<PostgresConnection> {
    if (this.#isClosed) throw new PostgresFailure('not_sent', 'the journal is closed');
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#count < this.#options.size) return this.#open();
    if (this.#waiting.length >= this.#options.waitingMax) {
      throw new PostgresFailure(
        'not_sent',
        `refused, ${this.#waiting.length} requests are waiting for the database already`,
      );
    }
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#options.waitMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        const text = `no connection to the database became free within ${this.#options.waitMs} ms`;
        reject(new PostgresFailure('not_sent', text));
      });
      const waiting: Waiting = { resolve, reject, cancel };
      this.#waiting.push(waiting);
    });
  }

  async #open(): Promise<PostgresConnection> {
    this.#count += 1;
    try {
      const connection = await PostgresConnection.open(this.#options);
      connection.whenLost(() => this.#forget(connection));
      return connection;
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** One that is lost while nobody uses it. */
  #forget(connection: PostgresConnection): void {
    const place = this.#idle.indexOf(connection);
    if (place < 0) return;
    this.#idle.splice(place, 1);
    this.#leave();
  }

  #release(connection: PostgresConnection): void {
    if (connection.isLost) {
      this.#leave();
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next.cancel();
      next.resolve(connection);
    } else if (this.#isClosed) {
      void connection.close().finally(() => this.#leave());
    } else {
      this.#idle.push(connection);
    }
  }

  /** Somebody who waits gets a new connection in the place of one that is gone. */
  #leave(): void {
    this.#count -= 1;
    if (this.#isClosed && this.#count === 0) this.#whenEmpty();
    const next = this.#waiting.shift();
    if (next === undefined) return;
    next.cancel();
    this.#open().then(next.resolve, next.reject);
  }
}
