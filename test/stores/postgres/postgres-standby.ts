import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { Cluster, PASSWORD, urlAt } from './postgres-cluster.ts';
import { connectedTo, type PostgresServer } from './postgres-server.ts';

/** What a standby calls itself to its primary. */
const STANDBY = 'standby';

/** A second server, in recovery: it follows the first by its log, and may only be read until it is promoted. */
export interface PostgresStandby extends AsyncDisposable {
  readonly port: number;
  /** The `DATABASE_URL` of the same database at this server. */
  at(url: string): string;
  /** Ends its recovery, with what it has of the log by then: from now on it may be written to. */
  promote(): Promise<void>;
  kill(): Promise<void>;
}

/** A `DATABASE_URL` that names the servers on these ports instead of one, in this order. */
export function atHosts(url: string, ports: readonly number[]): string {
  return url.replace(/@127\.0\.0\.1:\d+\//, `@${ports.map((port) => `127.0.0.1:${port}`).join()}/`);
}

/**
 * Copies the primary's data as they are now, and follows it from there on.
 * @param follows port at which it finds the primary; left out: the primary's own
 */
export async function startStandby(
  primary: PostgresServer,
  { follows = primary.port }: { readonly follows?: number } = {},
): Promise<PostgresStandby> {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-standby-'));
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  await copyData(primary, data);
  const port = await freePort();
  const where = `host=127.0.0.1 port=${follows} user=postgres password='${PASSWORD}' application_name=${STANDBY}`;
  const cluster = Cluster.over(data, port, [
    'fsync=off',
    'synchronous_standby_names=',
    `primary_conninfo=${where}`,
    'wal_retrieve_retry_interval=100ms',
  ]);
  cluster.beginReading();
  const own = urlAt(port, 'postgres');
  await eventually('the standby can be read', () => isRecovering(primary, own), { withinMs: 20_000 });
  return {
    port,
    at: (url) => url.replace(`:${primary.port}/`, `:${port}/`),
    async promote() {
      await primary.query(own, 'SELECT pg_promote(wait => false)');
      await eventually('it is promoted', async () =>
        (await isRecovering(primary, own)) === false ? true : null,
      );
    },
    kill: () => cluster.kill(),
    async [Symbol.asyncDispose]() {
      await cluster.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Null while it does not answer. */
async function isRecovering({ query }: PostgresServer, url: string): Promise<boolean | null> {
  try {
    const [row] = await query(url, 'SELECT pg_is_in_recovery() AS recovering');
    return row?.['recovering'] === true;
  } catch {
    return null;
  }
}

/** A base copy while the server runs, that begins in recovery. */
async function copyData(primary: PostgresServer, data: string): Promise<void> {
  const client = await connectedTo(urlAt(primary.port, 'postgres'));
  try {
    await client.query("SELECT pg_backup_start('standby', true)");
    // With its owner, who is another user when the tests are root.
    execFileSync('cp', ['-a', primary.data, data]);
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
    const { uid, gid } = statSync(data);
    for (const [name, text] of [
      ['backup_label', rows[0].labelfile],
      ['standby.signal', ''],
    ]) {
      writeFileSync(join(data, name), text);
      chownSync(join(data, name), uid, gid);
    }
    rmSync(join(data, 'postmaster.pid'));
  } finally {
    await client.end();
  }
}

/**
 * Has every commit wait for the copies that are named so, as in `synchronous_standby_names`; for none when it is empty.
 * Resolves when the server does so.
 */
export async function waitForCopies({ port, query }: PostgresServer, names: string): Promise<void> {
  const own = urlAt(port, 'postgres');
  await query(own, `ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
  await query(own, 'SELECT pg_reload_conf()');
  await eventually('it is in force', async () => {
    const [row] = await query(own, "SELECT current_setting('synchronous_standby_names') AS names");
    return row?.['names'] === names ? true : null;
  });
}

/** The same, for a standby: resolves when it is there and waited for. */
export async function waitForStandby(primary: PostgresServer): Promise<void> {
  await waitForCopies(primary, STANDBY);
  const own = urlAt(primary.port, 'postgres');
  await eventually('commits wait for the standby', async () => {
    const [row] = await primary.query(
      own,
      `SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'`,
    );
    return row?.['sync_state'] === 'sync' ? true : null;
  });
}
