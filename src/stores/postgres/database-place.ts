import { readDatabaseUrl } from './database-url.ts';

/**
 * Where a journal on Postgres is, for a log line: hosts, database and how it is encrypted; never user or password.
 * @param url as `DATABASE_URL`
 * @throws JournalError when it is malformed
 */
export function databasePlace(url: string): string {
  const { hosts, database, tls } = readDatabaseUrl(url);
  const named = hosts.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
  return `postgres ${named.join(',')}/${database} sslmode=${tls}`;
}
