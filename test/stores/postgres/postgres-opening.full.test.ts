import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { readMigrations } from '../../../src/stores/postgres/migrate-database.ts';
import {
  openPostgresJournal,
  type PostgresJournalOptions,
} from '../../../src/stores/postgres/postgres-journal.ts';
import { runScript } from '../../cli/run-script.ts';
import { concluded, opened, T0 } from '../../contracts/journal-fixtures.ts';
import { migrated, type PostgresServer, startPostgres } from './postgres-server.ts';
import { atHosts, waitForCopies } from './postgres-standby.ts';

let server: PostgresServer;
const NEWEST = readMigrations().length;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const open = (url: string, over: Partial<PostgresJournalOptions> = {}) =>
  openPostgresJournal({ url, migrate: 'off', poolSize: 4, clock: systemClock, ...over });
const nameOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);
const withRole = (url: string, role: string) => url.replace(/\/\/[^@]*@/, `//${role}:secret@`);

test('a role that may not write what a payment needs is told at the start, not at the first payment', async () => {
  const url = await server.database();
  await server.query(
    url,
    `CREATE ROLE half LOGIN PASSWORD 'secret';
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO half;
     REVOKE INSERT ON attempts FROM half; REVOKE SELECT ON duties FROM half`,
  );
  await expect(open(withRole(url, 'half'))).rejects.toThrow(
    /this role lacks rights on attempts \(INSERT\), duties \(SELECT\): make it a member of pointsman_run/,
  );
});

test('a host that is gone once it was looked at does not hold up a start that goes to another one', async () => {
  const url = await server.database();
  // As when its machine or the way to it fails: what ends the connection is never heard, and never answered.
  const lines: Socket[] = [];
  const gone = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect(server.port, '127.0.0.1');
    lines.push(near, far);
    near.on('data', (data) => void (isTerminate(data) || far.write(data)));
    far.on('data', (data) => near.write(data));
  });
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  try {
    const journal = await open(atHosts(url, [server.port, port]), { times: { connectMs: 500 } });
    await journal.ping();
    await journal.close();
  } finally {
    for (const line of lines) line.destroy();
    gone.close();
  }
});

function isTerminate(data: Buffer): boolean {
  return data[0] === 'X'.charCodeAt(0);
}

describe('a server that could lose what it acknowledged', () => {
  test.each([
    [
      'synchronous_commit = off',
      /synchronous_commit is off: a payment that was acknowledged could be lost. Set it to on/,
    ],
    ['synchronous_commit = local', /synchronous_commit is local/],
    ['synchronous_commit = remote_write', /synchronous_commit is remote_write/],
    [
      'default_transaction_read_only = on',
      /its transactions are read-only: set default_transaction_read_only = off/,
    ],
  ])('%s is refused', async (setting, why) => {
    const url = await server.database();
    await server.query(url, `ALTER DATABASE ${nameOf(url)} SET ${setting}`);
    await expect(open(url)).rejects.toThrow(why);
  });

  test('is told of where it is only the machine that may fail', async () => {
    const warnings: string[] = [];
    const journal = await open(await server.database(), { onWarning: (text) => warnings.push(text) });
    await Promise.all([journal.ping(), journal.ping(), opened(journal, 'auth_one')]);
    await journal.close();
    expect(warnings).toEqual([expect.stringMatching(/^the server runs with fsync = off/)]);
  });

  describe('when it fails over', () => {
    const LOSES = /synchronous_standby_names is empty: no commit waits for a copy.*docs\/lost-commits\.md/;
    const warningsOf = async (url: string) => {
      const warnings: string[] = [];
      await (await open(url, { onWarning: (text) => warnings.push(text) })).close();
      return warnings.filter((text) => !text.includes('fsync'));
    };
    /** As much of a copy as the server sees of one: a connection that follows its log. */
    const follower = async (url: string) => {
      const client = new pg.Client({ connectionString: url, replication: 'database' } as pg.ClientConfig);
      await client.connect();
      return client;
    };

    test('is not told of a server alone', async () => {
      expect(await warningsOf(await server.database())).toEqual([]);
    });

    test('is told once where several hosts are named', async () => {
      const url = (await server.database()).replace('@127.0.0.1:', '@127.0.0.1:1,127.0.0.1:');
      expect(await warningsOf(url)).toEqual([expect.stringMatching(LOSES)]);
    });

    test('is told where a copy follows, also to a role that may not see whose it is, unless commits wait for it', async () => {
      const url = await server.database();
      await server.query(
        url,
        "CREATE ROLE watched LOGIN PASSWORD 'secret'; GRANT ALL ON ALL TABLES IN SCHEMA public TO watched; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO watched",
      );
      const copy = await follower(url);
      try {
        for (const role of [url, withRole(url, 'watched')]) {
          expect(await warningsOf(role)).toEqual([expect.stringMatching(/^a copy follows the server, and /)]);
        }
        await waitForCopies(server, 'ANY 1 (*)');
        expect(await warningsOf(url)).toEqual([]);
        await waitForCopies(server, '');
      } finally {
        await copy.end();
      }
    });
  });

  test('with a database of another encoding is refused', async () => {
    const url = await server.database();
    await server.query(
      url,
      "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    await expect(open(url.replace(/[^/]*$/, 'latin'))).rejects.toThrow(/encoding is LATIN1: create it with/);
  });

  test('what a session may have set otherwise is set', async () => {
    const url = await server.database();
    const name = nameOf(url);
    await server.query(
      url,
      `ALTER DATABASE ${name} SET synchronous_commit = remote_apply;
       ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable';
       ALTER DATABASE ${name} SET statement_timeout = 0; ALTER DATABASE ${name} SET extra_float_digits = 0`,
    );
    const journal = await open(url);
    const before = await concluded(journal, 'auth_one', undefined, { intent: { propensity: 0.1 + 0.2 } });
    const found = await journal.findAuthorization(before.id);
    expect(found?.attempts[0]?.propensity).toBe(0.1 + 0.2);
    await journal.close();
  });
});

describe('several hosts', () => {
  test('the first that may be written to is used; where none may, each is named with its reason', async () => {
    const url = await server.database();
    const journal = await open(url.replace('@127.0.0.1:', '@127.0.0.1:1,127.0.0.1:'));
    await journal.ping();
    await journal.close();
    const nowhere = url.replace(/@127.0.0.1:\d+/, '@127.0.0.1:1,127.0.0.1:2');
    await expect(open(nowhere)).rejects.toThrow(
      /^the database cannot be used: 127.0.0.1:1: .*ECONNREFUSED.*; 127.0.0.1:2: .*ECONNREFUSED/,
    );
    await expect(open(withRole(url, 'nobody'))).rejects.toThrow(
      /password authentication failed for user "nobody"/,
    );
  });
});

describe('the schema', () => {
  test('is made once, however many start at once', async () => {
    const url = await server.emptyDatabase();
    const made = await Promise.all(Array.from({ length: 4 }, () => migrated(url)));
    expect(made.toSorted()).toEqual([0, 0, 0, NEWEST]);
    const rows = await server.query(url, 'SELECT number FROM schema_migrations ORDER BY number');
    expect(rows).toHaveLength(NEWEST);
  });

  test('that is missing is not made where it may not be, in words', async () => {
    const url = await server.emptyDatabase();
    await expect(open(url)).rejects.toThrow(
      /lacks 0001-journal.sql, .*DATABASE_MIGRATE is off: run npm run migrate/,
    );
  });

  test('of the version after this one is worked with, of a later one refused', async () => {
    const url = await server.database();
    const later = (number: number) =>
      server.query(
        url,
        `INSERT INTO schema_migrations (number, name, hash) VALUES (${number}, 'later', 'x')`,
      );
    await later(NEWEST + 1);
    const journal = await open(url);
    await opened(journal, 'auth_one');
    await journal.close();
    await later(NEWEST + 2);
    await expect(open(url)).rejects.toThrow(
      `the database has schema ${NEWEST + 2}, this version knows ${NEWEST}: start the version that wrote it`,
    );
  });

  test('that another migration of the same number has made is refused', async () => {
    const url = await server.database();
    await server.query(url, "UPDATE schema_migrations SET hash = 'x' WHERE number = 1");
    await expect(open(url)).rejects.toThrow(
      /migration 0001-journal.sql is not the one that made the database/,
    );
  });

  test('is made by the command, which says what it did', async () => {
    const url = await server.emptyDatabase();
    const run = (args: readonly string[], of = url) => runScript('migrate.ts', args, { DATABASE_URL: of });
    const place = `postgres 127.0.0.1:${server.port}/${new URL(url).pathname.slice(1)} sslmode=disable`;
    expect((await run(['--roles'])).stdout).toBe(
      `${place}: migrations made: ${NEWEST}\nthe roles have what they need\n`,
    );
    expect((await run(['--roles'])).stdout).toBe(
      `${place}: the schema is up to date\nthe roles have what they need\n`,
    );
    for (const args of [['--rolls'], ['now'], ['--roles=yes'], ['--help', 'me']]) {
      expect(await run(args)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^migrate: not understood: --?\w|^migrate: not understood: now\n/),
      });
      expect((await run(args)).stderr).toContain('npm run migrate [-- --roles]');
    }
    expect(await run([], '')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^migrate: DATABASE_URL is not set\n/),
    });
    expect(await run(['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/usage: [\s\S]*--roles [\s\S]*pointsman_run[\s\S]*exit code/),
      stderr: '',
    });
    const unreached = await run([], url.replace(/:\d+\//, ':1/'));
    expect(unreached).toMatchObject({ code: 1, stderr: expect.stringContaining('127.0.0.1:1: ') });
    expect(unreached.stderr).not.toMatch(/p:ss|p%3Ass/);
  });
});

describe('roles', () => {
  let url: string;

  beforeAll(async () => {
    const first = await server.emptyDatabase();
    await migrated(first, 'auto', { roles: true });
    await server.query(
      first,
      `CREATE ROLE deploy LOGIN PASSWORD 'secret' IN ROLE pointsman_migrate;
       CREATE ROLE pod LOGIN PASSWORD 'secret' IN ROLE pointsman_run;
       CREATE ROLE report LOGIN PASSWORD 'secret' IN ROLE pointsman_read`,
    );
  });
  beforeEach(async () => {
    url = await server.database();
    await migrated(url, 'auto', { roles: true });
  });

  test.each([
    ['pod', 'DROP TABLE events'],
    ['pod', 'TRUNCATE events'],
    ['pod', 'ALTER TABLE events DISABLE TRIGGER USER'],
    ['pod', 'DROP TRIGGER events_stay ON events'],
    ['pod', 'CREATE TABLE x (y integer)'],
    ['pod', 'DELETE FROM seals'],
    ['pod', "UPDATE events SET data = '{}'"],
    ['pod', 'UPDATE authorizations SET amount = 1'],
    ['pod', "UPDATE claims SET body_fingerprint = 'x'"],
    ['pod', "INSERT INTO schema_migrations (number, name, hash) VALUES (9, 'x', 'x')"],
    ['report', 'SELECT value FROM secrets'],
    ['report', 'UPDATE pings SET count = 1'],
    [
      'report',
      "INSERT INTO overrides (provider, mode, reason, author, created_at_ms) VALUES ('p', 'auto', 'r', 'a', 1)",
    ],
  ])('%s may not: %s', async (role, sql) => {
    await expect(server.query(withRole(url, role), sql)).rejects.toThrow(/permission denied|must be owner/);
  });

  test('a report reads the rest', async () => {
    const tables = await server.query(
      url,
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
         AND relname <> 'secrets'`,
    );
    for (const { name } of tables) {
      await server.query(withRole(url, 'report'), `SELECT count(*) FROM ${name}`);
    }
    expect(tables.length).toBeGreaterThan(25);
  });

  test('a deployment makes the schema and owns it, also of later steps; a gateway alone cannot', async () => {
    const empty = await server.emptyDatabase();
    await expect(open(withRole(empty, 'pod'), { migrate: 'auto' })).rejects.toThrow(
      /migration 0001-journal.sql: permission denied.*a role that may make tables there, such as a member of pointsman_migrate/,
    );
    await server.query(empty, 'GRANT CREATE, USAGE ON SCHEMA public TO pointsman_migrate');
    expect(await migrated(withRole(empty, 'deploy'))).toBe(NEWEST);
    const owners = await server.query(
      empty,
      "SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = 'public'",
    );
    expect(owners).toEqual([{ owner: 'pointsman_migrate' }]);
  });

  test('who may not grant is told so, and nothing is taken for granted', async () => {
    await server.query(url, 'REVOKE INSERT ON duties FROM pointsman_run');
    for (const role of ['pod', 'report']) {
      await expect(migrated(withRole(url, role), 'auto', { roles: true })).rejects.toThrow(
        `the roles were not given what they need, since ${role} may not grant it`,
      );
    }
    await expect(open(withRole(url, 'pod'))).rejects.toThrow('lacks rights on duties (INSERT)');
    await migrated(withRole(url, 'deploy'), 'auto', { roles: true });
    await (await open(withRole(url, 'pod'))).close();
  });

  test('a gateway of that role seals and purges', async () => {
    const journal = await open(withRole(url, 'pod'));
    await concluded(journal, 'auth_one');
    expect(await journal.seal(T0, 10)).toMatchObject({ throughEvent: 2 });
    expect(await journal.purge(T0 + 1_000_000, 10)).toBe(0);
    await journal.close();
  });
});
