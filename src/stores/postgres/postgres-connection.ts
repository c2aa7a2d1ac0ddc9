import { Socket } from 'node:net';
import pg from 'pg';
import type { Clock } from '../../gateway/ports.ts';
import type { DatabaseAddress } from './database-url.ts';
import type { NewestTimeline, Timeline } from './newest-timeline.ts';
import { PostgresFailure } from './postgres-failure.ts';
import { tlsOptions, tlsProblem } from './postgres-tls.ts';
import type { QueryValue } from './queries.ts';

/** Bounds of what a statement may take, milliseconds. */
export interface ConnectionTimes {
  readonly connectMs: number;
  /** After which the server gives a statement up. */
  readonly statementMs: number;
  readonly lockMs: number;
  /** After which the server ends a transaction in which nothing happens. */
  readonly idleInTransactionMs: number;
}

export interface ConnectionSettings {
  readonly address: DatabaseAddress;
  readonly times: ConnectionTimes;
  readonly clock: Clock;
  readonly applicationName: string;
  /** Shared by all connections of a process to one database. */
  readonly timelines: NewestTimeline;
  /** Told what is odd about the server, but no reason to refuse it. Must not throw. */
  readonly onWarning: (text: string) => void;
}

interface Answer {
  readonly rows: readonly unknown[];
  readonly count: number;
  /** What was done, such as `COMMIT`. */
  readonly command: string;
}

interface Condition {
  readonly version: number;
  readonly recovering: boolean;
  readonly read_only: string;
  readonly synchronous_commit: string;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly encoding: string;
  /** `synchronous_standby_names`. */
  readonly standbys: string;
  /** Copies that follow the server now, and backups under way, of which a commit waits for none where none is named. */
  readonly followers: number;
}

/** Postgres 14: the oldest whose snapshots, sequences and functions are as the journal asks them. */
const OLDEST_VERSION = 140_000;
const BIGINT = 20;
/** How much longer than the server's own time-out an answer is waited for. */
const ANSWER_GRACE_MS = 2_000;
/** `read_only_sql_transaction`: the server was turned into a copy. */
const READ_ONLY = '25006';
/**
 * Where the server warns that a commit is its own, but may not be its copies': the wait for them was cancelled. Said instead of
 * an error, in the server's language, and without a code of its own when a person cancels.
 */
const UNREPLICATED = 'SyncRepWaitForLSN';

const CONDITION = `
  SELECT current_setting('server_version_num')::integer AS version, pg_is_in_recovery() AS recovering,
    current_setting('default_transaction_read_only') AS read_only,
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes, current_setting('server_encoding') AS encoding,
    current_setting('synchronous_standby_names') AS standbys,
    (SELECT count(*)::integer FROM pg_stat_replication) AS followers`;

/** Not in {@link CONDITION}: a copy cannot tell it, and a server that is run for others need not. */
const TIMELINE = `
  SELECT system_identifier::text AS system, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint AS number
  FROM pg_control_system()`;

const LEFT_BEHIND =
  'it was the primary until another was promoted in its place: shut it off, or make it a copy. One that was put back from a ' +
  'backup is taken by gateways that are started afterwards (docs/lost-commits.md)';

/**
 * Fixes what a change of the server's configuration could take away under us, and what others may have set otherwise: that a
 * commit is {@link UNREPLICATED} is a warning, of which a role or database may be set to hear nothing.
 */
const SETTINGS = `
  SELECT set_config('synchronous_commit', $1, false), set_config('statement_timeout', $2, false),
    set_config('lock_timeout', $3, false), set_config('idle_in_transaction_session_timeout', $4, false),
    set_config('default_transaction_isolation', 'read committed', false), set_config('extra_float_digits', '1', false),
    set_config('client_encoding', 'UTF8', false), set_config('client_min_messages', 'warning', false)`;

/** Numbers of 64 bits become numbers, here alone: what the journal stores fits into 53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === BIGINT ? safeInteger : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is no number below 2^53`);
  return value;
}

/** One connection that was checked, and what is known of it. */
export class PostgresConnection {
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #options: ConnectionSettings;
  #lost: string | null = null;
  /** Null: not known. */
  #timeline: Timeline | null = null;
  /** The server has confirmed a commit that its copies may not have. */
  #unreplicated = false;
  #onLost: () => void = () => {};

  private constructor(client: pg.Client, socket: Socket, options: ConnectionSettings) {
    this.#client = client;
    this.#socket = socket;
    this.#options = options;
    client.on('error', (error) => this.#lose(messageOf(error)));
    client.on('end', () => this.#lose('the server closed the connection'));
    client.on('notice', ({ routine }) => {
      if (routine === UNREPLICATED) this.#unreplicated = true;
    });
  }

  /**
   * Connects to the first of the hosts that may be written to. The first time all are asked, so that of two primaries the one
   * is known that was promoted last: the other is refused from then on.
   * @throws PostgresFailure naming each host and what is wrong with it
   */
  static async open(options: ConnectionSettings): Promise<PostgresConnection> {
    const wrap = (client: pg.Client, socket: Socket) => new PostgresConnection(client, socket, options);
    const { address, timelines } = options;
    const found: PostgresConnection[] = [];
    const problems: string[] = [];
    for (const host of address.hosts) {
      if (found.length > 0 && timelines.areAllAsked) break;
      try {
        found.push(await connect(options, host, wrap));
      } catch (error) {
        problems.push(`${host.host}:${host.port}: ${messageOf(error)}`);
      }
    }
    if (found.length > 0) timelines.areAllAsked = true;
    const chosen = found.find((connection) => !connection.#isLeftBehind);
    await Promise.all(found.map((connection) => (connection === chosen ? null : connection.close())));
    if (chosen !== undefined) return chosen;
    throw new PostgresFailure('not_sent', `the database cannot be used: ${problems.join('; ')}`);
  }

  get #isLeftBehind(): boolean {
    return this.#timeline !== null && this.#options.timelines.isPast(this.#timeline);
  }

  /** Whether it must not be used any more. */
  get isLost(): boolean {
    return this.#lost !== null;
  }

  /** @param action is called once, when the connection is lost */
  whenLost(action: () => void): void {
    this.#onLost = action;
  }

  /**
   * @param name of the statement, which is prepared under it; null: it is not
   * @throws PostgresFailure
   */
  async query(name: string | null, sql: string, values: readonly QueryValue[] = []): Promise<Answer> {
    if (this.#isLeftBehind) this.#lose(LEFT_BEHIND);
    if (this.#lost !== null) throw new PostgresFailure('not_sent', this.#lost);
    const { clock, times } = this.#options;
    this.#unreplicated = false;
    const cancel = clock.after(times.statementMs + ANSWER_GRACE_MS, () => {
      this.#lose('the database did not answer in time');
    });
    try {
      const query = { text: sql, values: values as unknown[], ...(name === null ? {} : { name }) };
      const { rows, rowCount, command } = await this.#client.query(query);
      if (this.#isLeftBehind) {
        this.#lose(LEFT_BEHIND);
        throw new PostgresFailure('unknown', LEFT_BEHIND);
      }
      if (this.#unreplicated) throw new PostgresFailure('unknown', 'its copies may not have it');
      return { rows: rows as unknown[], count: rowCount ?? 0, command };
    } catch (error) {
      throw this.#failureOf(error);
    } finally {
      cancel();
    }
  }

  #failureOf(error: unknown): PostgresFailure {
    if (error instanceof PostgresFailure) return error;
    const message = this.#lost ?? messageOf(error);
    // A value that cannot be read concerns what was read, not the connection.
    if (error instanceof RangeError) return new PostgresFailure('unknown', message, { cause: error });
    if (!(error instanceof pg.DatabaseError) || error.severity === 'FATAL' || error.severity === 'PANIC') {
      this.#lose(message);
      return new PostgresFailure('unknown', message, { cause: error });
    }
    if (error.code === READ_ONLY) this.#lose('the server has become read-only');
    const code = error.code === undefined ? {} : { code: error.code };
    return new PostgresFailure('refused', message, { cause: error, ...code });
  }

  /** Nothing is sent after this. */
  #lose(reason: string): void {
    if (this.#lost !== null) return;
    this.#lost = reason;
    this.#socket.destroy();
    this.#onLost();
  }

  /** Takes its leave; where nobody hears that, no longer than a connection may take to be made. */
  async close(): Promise<void> {
    if (this.#lost !== null) return;
    this.#lost = 'the connection is closed';
    const { clock, times } = this.#options;
    const cancel = clock.after(times.connectMs, () => this.#socket.destroy());
    await this.#client.end().catch(() => this.#socket.destroy());
    cancel();
  }

  /** Gives it up without a word. */
  destroy(): void {
    this.#lose('the connection is closed');
  }

  /**
   * Checks the server and fixes the settings.
   * @throws Error saying what the server must be like
   */
  async prepare(): Promise<void> {
    const { address, times, onWarning } = this.#options;
    const { rows } = await this.query(null, CONDITION);
    const condition = rows[0] as Condition;
    const refusal = refusalOf(condition);
    if (refusal !== null) throw new Error(refusal);
    await this.#tellTimeline();
    for (const setting of ['fsync', 'full_page_writes'] as const) {
      if (condition[setting] !== 'off') continue;
      onWarning(
        `the server runs with ${setting} = off: what it acknowledged may be lost when its machine fails`,
      );
    }
    const copies = copiesOf(condition, address);
    if (condition.standbys.trim() === '' && copies !== null) {
      onWarning(
        `${copies}, and synchronous_standby_names is empty: no commit waits for a copy, so a failover loses payments that ` +
          'were acknowledged (docs/lost-commits.md). Name the copies there, and let it fail over to those only',
      );
    }
    if (address.tls === 'disable' && !address.hosts.every(({ host }) => isLoopback(host))) {
      onWarning('the connection to the database is not encrypted: add ?sslmode=verify-full to DATABASE_URL');
    }
    const settings = [times.statementMs, times.lockMs, times.idleInTransactionMs].map(String);
    await this.query(null, SETTINGS, [condition.synchronous_commit, ...settings]);
  }

  /** @throws Error when another server was promoted since */
  async #tellTimeline(): Promise<void> {
    try {
      const { rows } = await this.query(null, TIMELINE);
      this.#timeline = rows[0] as Timeline;
    } catch (error) {
      if (!(error instanceof PostgresFailure) || error.kind !== 'refused') throw error;
      return;
    }
    if (this.#isLeftBehind) throw new Error(LEFT_BEHIND);
    this.#options.timelines.meet(this.#timeline);
  }
}

/** Where the journal could go on without what it had acknowledged, in words; null: nowhere that is seen from here. */
function copiesOf({ followers }: Condition, { hosts }: DatabaseAddress): string | null {
  if (hosts.length > 1) return 'DATABASE_URL names several hosts';
  return followers > 0 ? 'a copy follows the server' : null;
}

function refusalOf(condition: Condition): string | null {
  const { version, recovering, read_only: readOnly, synchronous_commit: commit, encoding } = condition;
  if (version < OLDEST_VERSION) return `it is Postgres ${Math.floor(version / 10_000)}: expected 14 or newer`;
  if (recovering)
    return 'it is a copy that cannot be written to: name the primary, or let it be found among several hosts';
  if (readOnly === 'on') {
    return 'its transactions are read-only: set default_transaction_read_only = off for this role and database';
  }
  if (commit !== 'on' && commit !== 'remote_apply') {
    return (
      `synchronous_commit is ${commit}: a payment that was acknowledged could be lost. Set it to on (or remote_apply) for ` +
      'this role and database'
    );
  }
  return encoding === 'UTF8'
    ? null
    : `the database's encoding is ${encoding}: create it with ENCODING 'UTF8'`;
}

async function connect(
  options: ConnectionSettings,
  { host, port }: DatabaseAddress['hosts'][number],
  wrap: (client: pg.Client, socket: Socket) => PostgresConnection,
): Promise<PostgresConnection> {
  const { address, times, clock, applicationName } = options;
  const socket = new Socket();
  const tls = tlsOptions(address, host);
  const client = new pg.Client({
    host,
    port,
    user: address.user,
    database: address.database,
    application_name: applicationName,
    keepAlive: true,
    stream: () => socket,
    types,
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(tls === null ? { ssl: false } : { ssl: tls }),
  });
  const connection = wrap(client, socket);
  let isLate = false;
  const cancel = clock.after(times.connectMs, () => {
    isLate = true;
    connection.destroy();
  });
  try {
    await client.connect();
    await connection.prepare();
    return connection;
  } catch (error) {
    connection.destroy();
    if (isLate) throw new Error(`no connection within ${times.connectMs} ms`, { cause: error });
    const problem = tlsProblem(error, address, host);
    throw problem === null ? error : new Error(problem, { cause: error });
  } finally {
    cancel();
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

export function messageOf(error: unknown): string {
  // Of several addresses of one name, each has an error of its own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
