import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { runScript } from '../../cli/run-script.ts';
import { eventually } from '../../support/eventually.ts';
import { serverCertificate } from '../../support/server-certificate.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

/** A real server with a certificate of an authority of our own, and what is told of it when something does not fit. */

const authority = serverCertificate({ name: 'Authority of the database', hosts: [] });
const stranger = serverCertificate({ name: 'Another authority', hosts: [] });

let server: PostgresServer;
let url: string;
let folder: string;
/** Files with certificates of authorities. */
const roots = { right: '', wrong: '', missing: '', broken: '' };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pointsman-tls-'));
  chmodSync(folder, 0o755);
  for (const [name, text] of Object.entries({
    right: authority.cert,
    wrong: stranger.cert,
    broken: 'no PEM',
  })) {
    roots[name as keyof typeof roots] = join(folder, `${name}.pem`);
    writeFileSync(join(folder, `${name}.pem`), text);
  }
  roots.missing = join(folder, 'none.pem');
  server = await startPostgres();
  url = await server.database();
}, 60_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** Gives the running server a certificate for these names, signed by the authority; none: takes it away. */
async function certify(hosts: readonly string[], issuer = authority): Promise<void> {
  const [{ data = '' } = {}] = (await server.query(
    url,
    "SELECT current_setting('data_directory') AS data",
  )) as {
    readonly data?: string;
  }[];
  const { uid, gid } = statSync(data);
  const made = serverCertificate({ name: 'Database', hosts, issuer });
  for (const [name, text] of [
    ['cert', made.cert],
    ['key', made.key],
  ] as const) {
    const path = join(data, `server.${name}.pem`);
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    chownSync(path, uid, gid);
  }
  for (const setting of [
    "ssl_cert_file = 'server.cert.pem'",
    "ssl_key_file = 'server.key.pem'",
    `ssl = ${hosts.length > 0 ? 'on' : 'off'}`,
  ]) {
    await server.query(url, `ALTER SYSTEM SET ${setting}`);
  }
  await server.query(url, 'SELECT pg_reload_conf()');
  await eventually('the setting is in force', async () => {
    const [row] = await server.query(
      url,
      "SELECT current_setting('ssl') AS ssl, pg_conf_load_time() > now() - interval '1 minute' AS fresh",
    );
    return row?.['ssl'] === (hosts.length > 0 ? 'on' : 'off') ? true : null;
  });
}

const at = (host: string, parameters: string) => `${url.replace('@127.0.0.1:', `@${host}:`)}?${parameters}`;

async function opening(
  address: string,
): Promise<{ readonly warnings: readonly string[]; readonly encrypted: unknown }> {
  const warnings: string[] = [];
  const journal = await openPostgresJournal({
    url: address,
    migrate: 'off',
    poolSize: 3,
    clock: systemClock,
    applicationName: 'tls-test',
    onWarning: (text) => warnings.push(text),
  });
  try {
    await journal.ping();
    const rows = await server.query(
      url,
      `SELECT bool_and(ssl) AS encrypted, count(*) AS count FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE application_name = 'tls-test'`,
    );
    expect(Number(rows[0]?.['count'])).toBeGreaterThan(0);
    return { warnings, encrypted: rows[0]?.['encrypted'] };
  } finally {
    await journal.close();
  }
}

describe('a server whose certificate is signed by an authority of our own, for its name and its address', () => {
  beforeAll(() => certify(['localhost', '127.0.0.1']));

  test.each([
    ['localhost', 'sslmode=verify-full&sslrootcert='],
    ['127.0.0.1', 'sslmode=verify-full&sslrootcert='],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert='],
  ])('%s with %s is used, encrypted', async (host, parameters) => {
    const { encrypted, warnings } = await opening(at(host, `${parameters}${roots.right}`));
    expect(encrypted).toBe(true);
    expect(warnings.filter((text) => text.includes('encrypted'))).toEqual([]);
  });

  test('sslmode=require is encrypted, and checks nobody', async () => {
    expect((await opening(at('localhost', 'sslmode=require'))).encrypted).toBe(true);
    expect((await opening(at('localhost', `sslmode=require&sslrootcert=${roots.wrong}`))).encrypted).toBe(
      true,
    );
  });

  test.each([
    ['of another authority', 'wrong', /its certificate is not signed by an authority in .*wrong\.pem/],
    ['that is not there', 'missing', /sslrootcert=.*none\.pem cannot be read \(ENOENT\)/],
    ['that is none', 'broken', /sslrootcert=.*broken\.pem holds no certificate in PEM/],
  ] as const)('sslrootcert %s is refused, and named', async (_, root, why) => {
    for (const mode of ['verify-full', 'verify-ca']) {
      const refused = opening(at('localhost', `sslmode=${mode}&sslrootcert=${roots[root]}`));
      await expect(refused).rejects.toThrow(why);
    }
  });

  test('without sslrootcert the authority has to be one that the system trusts, which is said', async () => {
    await expect(opening(at('localhost', 'sslmode=verify-full'))).rejects.toThrow(
      /not signed by an authority that this system trusts: name the file of its authority by sslrootcert/,
    );
  });

  test('the migrate command says the same, and not the password', async () => {
    const address = at('localhost', `sslmode=verify-full&sslrootcert=${roots.wrong}`);
    const { code, stderr } = await runScript('migrate.ts', [], { DATABASE_URL: address });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^the database cannot be used: localhost:\d+: its certificate is not signed/),
    ]);
    expect(stderr).not.toContain(new URL(url).password);
  });
});

describe('a server whose certificate is for another name', () => {
  beforeAll(() => certify(['db.elsewhere']));

  test('is refused by verify-full, with the names that it has', async () => {
    for (const host of ['localhost', '127.0.0.1']) {
      await expect(opening(at(host, `sslmode=verify-full&sslrootcert=${roots.right}`))).rejects.toThrow(
        new RegExp(`${host}:\\d+: its certificate is for DNS:db\\.elsewhere, not for ${host}`),
      );
    }
  });

  test('is taken by verify-ca, which looks at the authority alone', async () => {
    expect((await opening(at('localhost', `sslmode=verify-ca&sslrootcert=${roots.right}`))).encrypted).toBe(
      true,
    );
  });
});

describe('a server that is named by its address', () => {
  test('is held to the address in its certificate, not to the name localhost', async () => {
    await certify(['localhost']);
    const address = at('127.0.0.1', `sslmode=verify-full&sslrootcert=${roots.right}`);
    await expect(opening(address)).rejects.toThrow(
      /its certificate is for DNS:localhost, not for 127\.0\.0\.1/,
    );
    await certify(['127.0.0.1']);
    expect((await opening(address)).encrypted).toBe(true);
  });
});

describe('a server without TLS', () => {
  beforeAll(() => certify([]));

  test.each(['require', 'verify-ca', 'verify-full'])(
    'is refused by sslmode=%s, never used in the clear',
    async (mode) => {
      const refused = opening(at('localhost', `sslmode=${mode}&sslrootcert=${roots.right}`));
      await expect(refused).rejects.toThrow(/the server does not speak TLS: set ssl = on there/);
    },
  );
});
