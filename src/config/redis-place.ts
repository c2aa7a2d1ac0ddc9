import type { RedisAddress } from './redis-url.ts';

/** Where shared state is kept, for a log line: hosts and how they are asked; never user or password. */
export function redisPlace({ kind, tls, hosts, database, masterName }: RedisAddress): string {
  const named = hosts.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
  const form = kind === 'single' ? 'redis' : `redis ${kind}`;
  return `${form} ${named.join(',')}/${masterName ?? database} tls=${tls ? 'on' : 'off'}`;
}
