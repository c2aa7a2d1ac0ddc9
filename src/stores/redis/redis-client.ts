import { Cluster, Redis } from 'ioredis';

/** Where Redis (or Valkey) is. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  /** PEM of the authorities that are believed with TLS; null: the system's. */
  readonly certificateAuthority: string | null;
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number;
  readonly masterName: string | null;
  /** What sentinels are asked with; null: without any. They have nothing of the servers' login. */
  readonly sentinelLogin: { readonly username: string | null; readonly password: string | null } | null;
}

export type RedisClient = Redis | Cluster;

/** A connection is tried again after 50 ms, then after twice as long each time, up to this. */
const LONGEST_BACK_OFF_MS = 2_000;
/** A connection has failed that was not made in so long. */
export const CONNECT_MS = 1_000;
/**
 * The client gives a command up after so long, at the least. Whoever asks waits for less; this frees what is held of a
 * command that is never answered. It is long since it holds for the greetings of a connection too, and by a clock that
 * goes on while this process stands still: with less, a busy machine would never get a connection whose answers lie there.
 */
const GIVEN_UP_MS = 2_000;

/** @param times how often it was tried already @returns milliseconds */
function backOff(times: number): number {
  return Math.min(LONGEST_BACK_OFF_MS, 25 * 2 ** Math.min(times, 10));
}

/**
 * Makes a client that connects by itself, again and again. Nothing waits in it while there is no connection: a command
 * fails at once then, and one that was cut off is never sent again, since a lease would be taken twice.
 * @param timeoutMs after which a command has failed for whoever asks
 */
export function makeRedisClient(target: RedisTarget, timeoutMs: number): RedisClient {
  const options = {
    ...(target.username !== null && { username: target.username }),
    ...(target.password !== null && { password: target.password }),
    ...(target.tls && {
      tls: target.certificateAuthority === null ? {} : { ca: target.certificateAuthority },
    }),
    connectTimeout: CONNECT_MS,
    commandTimeout: Math.max(GIVEN_UP_MS, timeoutMs * 2),
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Who listens subscribes by itself at each connection. The client's own attempt is awaited by nobody: where it failed,
    // its rejection would end the process.
    autoResubscribe: false,
    enableAutoPipelining: true,
    lazyConnect: true,
    // After a failover the old master refuses writes: the sentinels, or the address, name the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
  switch (target.kind) {
    case 'single': {
      const [place] = target.hosts;
      return new Redis({ ...options, retryStrategy: backOff, ...place, db: target.database });
    }
    case 'sentinel':
      return new Redis({
        ...options,
        retryStrategy: backOff,
        sentinels: target.hosts.map(({ host, port }) => ({ host, port })),
        name: target.masterName ?? '',
        sentinelUsername: target.sentinelLogin?.username ?? undefined,
        sentinelPassword: target.sentinelLogin?.password ?? undefined,
        sentinelRetryStrategy: backOff,
        ...(target.tls && { enableTLSForSentinelMode: true, sentinelTLS: options.tls ?? {} }),
      });
    case 'cluster':
      return new Cluster(
        target.hosts.map(({ host, port }) => ({ host, port })),
        {
          redisOptions: options,
          clusterRetryStrategy: backOff,
          enableOfflineQueue: false,
          enableAutoPipelining: true,
          lazyConnect: true,
          slotsRefreshTimeout: CONNECT_MS,
          slotsRefreshInterval: 5_000,
          maxRedirections: 4,
          retryDelayOnClusterDown: 50,
          retryDelayOnFailover: 50,
          // Nodes of a cluster behind TLS are known by the names in their certificates.
          ...(target.tls && { dnsLookup: (address, callback) => callback(null, address) }),
        },
      );
  }
}
