import { JournalError } from '../../gateway/ports.ts';
import { ConnectionPool, type PoolOptions } from './connection-pool.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { PostgresFailure } from './postgres-failure.ts';
import type { Queries, QueryValue, TransactionalQueries } from './queries.ts';

/** Queries on the connections of a pool. */
export class PostgresDatabase implements TransactionalQueries {
  readonly #pool: ConnectionPool;

  constructor(options: PoolOptions) {
    this.#pool = new ConnectionPool(options);
  }

  one<Row>(name: string, sql: string, values: readonly QueryValue[]): Promise<Row | null> {
    return this.#pool.use((connection) => new ConnectionQueries(connection).one<Row>(name, sql, values));
  }

  all<Row>(name: string, sql: string, values: readonly QueryValue[]): Promise<readonly Row[]> {
    return this.#pool.use((connection) => new ConnectionQueries(connection).all<Row>(name, sql, values));
  }

  run(name: string, sql: string, values: readonly QueryValue[]): Promise<number> {
    return this.#pool.use((connection) => new ConnectionQueries(connection).run(name, sql, values));
  }

  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#pool.use((connection) => bracketed(connection, 'BEGIN', work));
  }

  snapshot<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#pool.use((connection) =>
      bracketed(connection, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', work),
    );
  }

  /** Of its connections, as it is now. */
  get load(): ConnectionPool['load'] {
    return this.#pool.load;
  }

  /** Waits for what is under way, and closes the connections. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** Queries on one connection. */
class ConnectionQueries implements Queries {
  readonly #connection: PostgresConnection;

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  async one<Row>(name: string, sql: string, values: readonly QueryValue[]): Promise<Row | null> {
    const { rows } = await this.#connection.query(name, sql, values);
    return (rows[0] as Row | undefined) ?? null;
  }

  async all<Row>(name: string, sql: string, values: readonly QueryValue[]): Promise<readonly Row[]> {
    return (await this.#connection.query(name, sql, values)).rows as readonly Row[];
  }

  async run(name: string, sql: string, values: readonly QueryValue[]): Promise<number> {
    return (await this.#connection.query(name, sql, values)).count;
  }
}

async function bracketed<T>(
  connection: PostgresConnection,
  begin: string,
  work: (queries: Queries) => Promise<T>,
): Promise<T> {
  await connection.query(null, begin);
  let result: T;
  try {
    result = await work(new ConnectionQueries(connection));
  } catch (error) {
    if (!connection.isLost) await connection.query(null, 'ROLLBACK').catch(() => connection.destroy());
    // Nothing is committed before its own word: what was lost on the way to it is not written.
    if (error instanceof PostgresFailure && error.kind === 'unknown') {
      throw new PostgresFailure('refused', error.message, { cause: error });
    }
    throw error;
  }
  const { command } = await connection.query(null, 'COMMIT');
  if (command !== 'COMMIT') throw new JournalError('the transaction had failed and was rolled back');
  return result;
}
