import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { makeRoles, migrateDatabase } from '../../../src/stores/postgres/migrate-database.ts';
import { PostgresConnection } from '../../../src/stores/postgres/postgres-connection.ts';
import { patientSettings } from '../../../src/stores/postgres/postgres-journal.ts';
import { freePort } from '../../support/free-port.ts';
import { Cluster, urlAt } from './postgres-cluster.ts';

/** A real Postgres of its own for a test file, with a database for each test. */
export interface PostgresServer {
  readonly port: number;
  /** The folder of its data. */
  readonly data: string;
  /**
   * Makes a database, with the journal's schema.
   * @param roles whether with what the roles of the journal may do, too
   * @returns its `DATABASE_URL`
   */
  database(roles?: boolean): Promise<string>;
  drop(url: string): Promise<void>;
  /**
   * Makes one without any tables.
   * @param folder where it lies, which its user may write; left out: beside the others
   */
  emptyDatabase(folder?: string): Promise<string>;
  /** Does the statements as the superuser of this database, and returns the rows of the last. */
  query(url: string, sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Ends it as a power cut would, at once. */
  kill(): Promise<void>;
  /** Lets it stand still: it accepts connections, and answers nothing until it is {@link thaw thawed}. */
  freeze(): void;
  thaw(): void;
  /** Starts it again on its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param fsync whether it must outlive a power cut; a killed server loses nothing without it */
export async function startPostgres(fsync: 'on' | 'off' = 'off'): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pointsman-postgres-'));
  // The server runs as another user when the tests are root.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const data = join(folder, 'data');
  const cluster = Cluster.over(data, port, [`fsync=${fsync}`]);
  await cluster.initialise();
  await cluster.start();
  const urlOf = (name: string) => urlAt(port, name);
  const asAdmin = administrator(urlOf('postgres'));
  let count = 0;
  const make = async (template: string, folder?: string) => {
    count += 1;
    const name = `journal_${count}`;
    if (folder !== undefined) {
      await asAdmin(`CREATE TABLESPACE space_${count} LOCATION '${folder}'`);
    }
    const where = folder === undefined ? '' : ` TABLESPACE space_${count}`;
    await asAdmin(`CREATE DATABASE ${name} TEMPLATE ${template}${where}`);
    return urlOf(name);
  };
  const templates = new Map<boolean, Promise<string>>();
  const makeTemplate = async (roles: boolean) => {
    const name = roles ? 'pattern_with_roles' : 'pattern';
    await asAdmin(`CREATE DATABASE ${name}`);
    await migrated(urlOf(name), 'auto', { roles });
    return name;
  };
  return {
    port,
    data,
    query,
    emptyDatabase: (folder) => make('template1', folder),
    async drop(url) {
      await asAdmin(`DROP DATABASE ${url.slice(url.lastIndexOf('/') + 1)} WITH (FORCE)`);
    },
    async database(roles = false) {
      const template = templates.get(roles) ?? makeTemplate(roles);
      templates.set(roles, template);
      return make(await template);
    },
    kill: () => cluster.kill(),
    freeze: () => cluster.signal('SIGSTOP'),
    thaw: () => cluster.signal('SIGCONT'),
    start: () => cluster.startAgain(),
    async stop() {
      // Without a last checkpoint: nobody reads the data again.
      await cluster.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Does statements on one connection, for all that is made and dropped: to log in anew takes as long as either. */
function administrator(url: string): (sql: string) => Promise<void> {
  let admin: Promise<pg.Client> | null = null;
  const forget = () => {
    admin = null;
  };
  return async (sql) => {
    admin ??= connectedTo(url).then((client) => client.once('end', forget));
    admin.catch(forget);
    await (await admin).query(sql);
  };
}

/** Brings a database to the newest schema, and says by how many steps. */
export async function migrated(
  url: string,
  mode: 'auto' | 'off' = 'auto',
  { roles = false }: { readonly roles?: boolean } = {},
): Promise<number> {
  const connection = await PostgresConnection.open(patientSettings({ url, clock: systemClock }));
  try {
    const made = await migrateDatabase(connection, mode);
    if (roles) await makeRoles(connection);
    return made;
  } finally {
    await connection.close();
  }
}

/** A test's own connection. It ends quietly with a server that is killed: what was asked of it is told by its promise. */
export async function connectedTo(url: string, more: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, ...more });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function query(url: string, sql: string, values: readonly unknown[] = []) {
  const client = await connectedTo(url);
  try {
    const result = await client.query({ text: sql, values: [...values] });
    const last = Array.isArray(result) ? (result.at(-1) as pg.QueryResult) : result;
    return last.rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}
