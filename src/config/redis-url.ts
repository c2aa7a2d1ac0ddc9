/** User and password; null: none. */
export interface RedisLogin {
  readonly username: string | null;
  readonly password: string | null;
}

/** Where shared state is kept, read from `REDIS_URL`. */
export interface RedisAddress extends RedisLogin {
  /** One server, one of several that sentinels watch, or a cluster. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  /** Of sentinels: where those are. At least one. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** 0 in a cluster. */
  readonly database: number;
  /** As the sentinels call it; null without them. */
  readonly masterName: string | null;
}

/** An address that was taken, or what is expected instead. */
export type RedisUrlReading =
  | { readonly kind: 'address'; readonly address: RedisAddress }
  | { readonly kind: 'refused'; readonly expected: string };

const SINGLE = 'redis://user:password@cache.internal:6379/0';
const SENTINEL = 'redis+sentinel://user:password@sentinel-1:26379,sentinel-2:26379/master-name';
const CLUSTER = 'redis+cluster://user:password@node-1:6379,node-2:6379';
const EXAMPLES = { single: SINGLE, sentinel: SENTINEL, cluster: CLUSTER } as const;
const DEFAULT_PORTS = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;

const PARTS = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^/?#]*))?$/;
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;
const PASSWORD_ADVICE = 'in user and password write @ / ? # : and % as %40 %2F %3F %23 %3A %25';

/** What `REDIS_SENTINEL_LOGIN` has to be. */
export const REDIS_SENTINEL_LOGIN_EXPECTED = `user:password or :password of the sentinels; ${PASSWORD_ADVICE}`;

/**
 * Reads `REDIS_URL`.
 * @returns the address, or what was expected with an example; nothing of the text, which may hold a password
 */
export function readRedisUrl(text: string): RedisUrlReading {
  const parts = PARTS.exec(text);
  if (parts === null) {
    return refused(
      `redis://, rediss:// (TLS), redis+sentinel:// or redis+cluster:// with hosts, such as ${SINGLE}, ${SENTINEL} or ${CLUSTER}; ` +
        PASSWORD_ADVICE,
    );
  }
  const [, scheme, form = 'single', credentials, hostList = '', path = ''] = parts;
  const kind = form as RedisAddress['kind'];
  const example = `such as ${EXAMPLES[kind].replace('redis', scheme ?? 'redis')}`;
  const hosts = hostsOf(hostList, DEFAULT_PORTS[kind]);
  if (hosts === null || (kind === 'single' && hosts.length > 1)) {
    const wanted = kind === 'single' ? 'one host, or host:port' : 'hosts, or host:port, separated by commas';
    return refused(`${wanted}, ports 1 to 65535, ${example}`);
  }
  const login = loginOf(credentials);
  if (login === null)
    return refused(`user:password or :password before the @; ${PASSWORD_ADVICE}; ${example}`);
  if (kind === 'sentinel' && !/^[\w.-]+$/.test(path)) {
    return refused(`the name of the master, as the sentinels call it, after the hosts, ${example}`);
  }
  if (kind === 'cluster' && path !== '' && path !== '0') {
    return refused(`no database after the hosts, or 0: a cluster has no other one; ${example}`);
  }
  if (kind === 'single' && !/^\d{0,4}$/.test(path)) {
    return refused(`the number of a database after the host, or nothing, ${example}`);
  }
  return {
    kind: 'address',
    address: {
      kind,
      tls: scheme === 'rediss',
      hosts,
      ...login,
      database: kind === 'single' ? Number(path) : 0,
      masterName: kind === 'sentinel' ? path : null,
    },
  };
}

function refused(expected: string): RedisUrlReading {
  return { kind: 'refused', expected };
}

/**
 * Reads `REDIS_SENTINEL_LOGIN`.
 * @returns null for what is no `user:password` or `:password`; {@link REDIS_SENTINEL_LOGIN_EXPECTED} says what is
 */
export function readSentinelLogin(text: string): RedisLogin | null {
  const login = loginOf(text);
  return login === null || login.password === null ? null : login;
}

/** Hosts that are not on this machine, as `host:port`: what is said to them without TLS can be read on the way. */
export function remoteHosts({ hosts }: Pick<RedisAddress, 'hosts'>): readonly string[] {
  return hosts.filter(({ host }) => !LOOPBACK.test(host)).map(({ host, port }) => `${host}:${port}`);
}

function hostsOf(list: string, defaultPort: number): RedisAddress['hosts'] | null {
  const hosts: { host: string; port: number }[] = [];
  for (const entry of list.split(',')) {
    const match = HOST.exec(entry);
    const port = Number(match?.[2] ?? defaultPort);
    if (match === null || port < 1 || port > 65_535) return null;
    hosts.push({ host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port });
  }
  return hosts;
}

function loginOf(credentials: string | undefined): RedisLogin | null {
  if (credentials === undefined || credentials === '') return { username: null, password: null };
  const [username = '', password, ...more] = credentials.split(':');
  if (password === undefined || more.length > 0) return null;
  try {
    return {
      username: username === '' ? null : decodeURIComponent(username),
      password: password === '' ? null : decodeURIComponent(password),
    };
  } catch {
    return null;
  }
}
