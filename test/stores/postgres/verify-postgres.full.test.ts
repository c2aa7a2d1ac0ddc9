import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Seal } from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { exportEvents } from '../../../src/stores/export-events.ts';
import { lookAtPostgres } from '../../../src/stores/postgres/look-at-postgres.ts';
import { makeRoles } from '../../../src/stores/postgres/migrate-database.ts';
import { PostgresConnection } from '../../../src/stores/postgres/postgres-connection.ts';
import { openPostgresJournal, patientSettings } from '../../../src/stores/postgres/postgres-journal.ts';
import type { Finding } from '../../../src/stores/verify/finding.ts';
import { type JournalCounts, verifyJournal } from '../../../src/stores/verify/verify-journal.ts';
import { runScript } from '../../cli/run-script.ts';
import { opened } from '../../contracts/journal-fixtures.ts';
import { sequenceOf, TAMPERING, type Tampering } from '../../contracts/journal-tampering.ts';
import { writeSampleHistory } from '../../contracts/sample-history.ts';
import { eventually } from '../../support/eventually.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

let server: PostgresServer;
/** Of a database with the sample journal, which stays as it is. */
let sample: string;
/** Of a copy of it. */
let url: string;
let copies = 0;

const openJournal = (of: string) =>
  openPostgresJournal({ url: of, migrate: 'off', poolSize: 3, clock: systemClock });

beforeAll(async () => {
  server = await startPostgres();
  sample = await server.database();
  const journal = await openJournal(sample);
  await writeSampleHistory(journal);
  await journal.close();
});
// Its many copies take a while to be removed, on a machine that has much else to do.
afterAll(() => server.stop(), 300_000);
beforeEach(async () => {
  copies += 1;
  const name = `copy_${copies}`;
  const [, own = ''] = /\/([^/]+)$/.exec(sample) ?? [];
  await server.query(sample.replace(own, 'postgres'), `CREATE DATABASE ${name} TEMPLATE ${own}`);
  url = sample.replace(new RegExp(`${own}$`), name);
});

/**
 * Changes a journal behind its back, as somebody would who is superuser and knows it: without triggers, references and
 * checks, which are all there again afterwards, and look as if they had held all the time.
 */
async function tamperWith(...statements: readonly string[]): Promise<void> {
  const checks = await server.query(
    url,
    `SELECT conrelid::regclass::text AS "table", conname AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conrelid <> 0`,
  );
  expect(checks.length).toBeGreaterThan(40);
  await server.query(
    url,
    [
      "SET session_replication_role = 'replica'",
      ...checks.map(({ table, name }) => `ALTER TABLE ${table} DROP CONSTRAINT ${name}`),
      ...statements,
      ...checks.map(
        ({ table, name, definition }) =>
          `ALTER TABLE IF EXISTS ${table} ADD CONSTRAINT ${name} ${definition} NOT VALID`,
      ),
      'UPDATE pg_constraint SET convalidated = true WHERE NOT convalidated',
    ].join(';\n'),
  );
}

/** Everything that is found, through the same connections that the command opens. */
async function verified(): Promise<{
  readonly findings: readonly Finding[];
  readonly counts: JournalCounts;
}> {
  const findings: Finding[] = [];
  const counts = await lookAtPostgres(url, systemClock, ({ view }) =>
    verifyJournal(view, (finding) => findings.push(finding)),
  );
  return { findings, counts };
}

/** Ways to change it that only Postgres has, or that show otherwise on it. */
const TAMPERING_HERE: readonly Tampering[] = [
  [
    'a purged event is forgotten',
    'DELETE FROM purged_events WHERE sequence = 2',
    /^seal 1$/,
    /does not fit the events from the first/,
  ],
  [
    'an authorization is gone, with everything of it',
    ['events', 'attempts', 'operations', 'claims', 'work']
      .map((table) => `DELETE FROM ${table} WHERE "authorization" = ${sequenceOf('auth_captured')}`)
      .join(';')
      .concat(";DELETE FROM authorizations WHERE id = 'auth_captured'"),
    /^seal \d$/,
    /does not fit the events/,
  ],
  [
    'a state that there is none of',
    "UPDATE authorizations SET status = 'paid' WHERE id = 'auth_approved'",
    /^authorizations, 1 row$/,
    /break its rule .*'pending'/,
  ],
  [
    'a value past its check',
    "UPDATE authorizations SET open = 7 WHERE id = 'auth_approved'",
    /^authorizations, 1 row$/,
    /break its rule .*open/,
  ],
  [
    'a ruleset is gone',
    'DELETE FROM rulesets WHERE number = 1',
    /^ruleset_activations, 2 rows$/,
    /refer to something in rulesets/,
  ],
  [
    'a trigger of somebody else',
    'CREATE TRIGGER spy AFTER INSERT ON claims FOR EACH ROW EXECUTE FUNCTION journal_refuse()',
    /^trigger spy on claims$/,
    /no part of a journal/,
  ],
  [
    'a rule of somebody else',
    'CREATE RULE nothing AS ON DELETE TO seals DO INSTEAD NOTHING',
    /^rule nothing on seals$/,
    /no part of a journal/,
  ],
  [
    'a function that refuses nothing any more',
    "CREATE OR REPLACE FUNCTION journal_refuse_when(refused boolean, message text) RETURNS void LANGUAGE sql AS 'SELECT'",
    /^function journal_refuse_when/,
    /was changed/,
  ],
  [
    'a function that writes and does not look first',
    "CREATE OR REPLACE FUNCTION journal_find_claim_v1(scope jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS 'SELECT NULL::jsonb'",
    /^function journal_find_claim_v1/,
    /was changed/,
  ],
  [
    'a function that writes with plans of its own',
    'ALTER FUNCTION journal_write_v2(bigint[], jsonb) RESET ALL',
    /^function journal_write_v2/,
    /was changed/,
  ],
  [
    'references that are not kept',
    'ALTER TABLE attempts DISABLE TRIGGER ALL',
    /^references of attempts$/,
    /was changed/,
  ],
  [
    'another migration',
    "UPDATE schema_migrations SET hash = 'ab' WHERE number = 1",
    /^migration 0001-journal.sql$/,
    /not recorded/,
  ],
  [
    'a number that is none',
    `UPDATE authorizations SET authorized_amount = 9007199254740993 WHERE id = 'auth_open'`,
    /^the authorizations$/,
    /a number is out of range/,
  ],
];

describe('what was changed behind its back is found and named', () => {
  it('finds nothing in a journal that nobody touched', async () => {
    const { findings, counts } = await verified();
    expect(findings).toEqual([]);
    expect(counts).toMatchObject({ authorizations: 13, events: 32, purged: 8, seals: 4, unsealed: 1 });
    await tamperWith();
    expect((await verified()).findings).toEqual([]);
  });

  it.each([...TAMPERING, ...TAMPERING_HERE])('%s', async (_what, sql, where, finding) => {
    await tamperWith(sql);
    const { findings } = await verified();
    const named = findings.filter((each) => where.test(each.where) && finding.test(each.what));
    expect(named, JSON.stringify(findings, null, 1)).not.toEqual([]);
    for (const { what, remedy } of findings) {
      expect(what).not.toMatch(/undefined|\[object|NaN/);
      expect(remedy.length).toBeGreaterThan(10);
    }
  });

  it('every trigger: removed, or switched off', async () => {
    const triggers = await server.query(
      url,
      `SELECT tgname AS name, tgrelid::regclass::text AS "table" FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2`,
    );
    expect(triggers.length).toBeGreaterThan(60);
    await server.query(
      url,
      triggers
        .map(({ name, table }, index) =>
          index % 2 === 0
            ? `ALTER TABLE ${table} DISABLE TRIGGER ${name}`
            : `DROP TRIGGER ${name} ON ${table}`,
        )
        .join(';'),
    );
    const { findings } = await verified();
    for (const [index, { name, table }] of triggers.entries()) {
      const what = index % 2 === 0 ? 'was changed' : 'was removed';
      expect(findings).toContainEqual(
        expect.objectContaining({ where: `trigger ${name} on ${table}`, what }),
      );
    }
    expect(findings).toHaveLength(triggers.length);
  });
});

describe('the commands on Postgres', () => {
  const journal = (...args: readonly string[]) => runScript('journal.ts', args, { DATABASE_URL: url });

  it('verify says that all is well, with counts, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await journal('verify');
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^ok: 13 authorizations, 32 events and 8 purged, 4 seals, the newest 4 through event 39 with/,
    );
    expect(code).toBe(0);
    const schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'journal%'";
    expect(await server.query(url, schemas)).toEqual([]);
  });

  it('verify tells what it found, and ends with 1', async () => {
    await tamperWith("UPDATE authorizations SET captured_amount = 1 WHERE id = 'auth_captured'");
    const { code, stdout, stderr } = await journal('verify');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^auth_captured: captured is 1, its captures add up to 4999; /m);
    expect(stderr).toMatch(/^not ok: \d findings? in the database of DATABASE_URL; 13 authorizations/);
  });

  it.each([
    ['no journal', async () => server.emptyDatabase(), /the database holds no journal/],
    ['no server', async () => url.replace(/:\d+\//, ':1/'), /cannot be used: 127\.0\.0\.1:1: /],
    ['no address', async () => 'mysql://a:secret@b/c', /DATABASE_URL: expected postgres:\/\//],
    ['another version', async () => changedVersion(), /has schema 99, this version knows \d/],
  ])('verify cannot check %s, and says why, without the password', async (_what, make, why) => {
    const other = await make();
    const { code, stderr } = await runScript('journal.ts', ['verify'], { DATABASE_URL: other });
    expect(stderr).toMatch(why);
    expect(stderr).not.toMatch(/secret|p:ss|p%3Ass/);
    expect(code).toBe(2);
  });

  async function changedVersion(): Promise<string> {
    await server.query(url, "INSERT INTO schema_migrations (number, name, hash) VALUES (99, 'x', 'y')");
    return url;
  }

  it('verify and export are for whoever may only read', async () => {
    const name = new URL(url).pathname.slice(1);
    // As a careful owner leaves it: nobody may make anything.
    await server.query(url, `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    const owner = await PostgresConnection.open(patientSettings({ url, clock: systemClock }));
    await makeRoles(owner);
    await owner.close();
    await server.query(url, `GRANT CONNECT ON DATABASE ${name} TO pointsman_read`);
    await server.query(url, "CREATE ROLE auditor LOGIN PASSWORD 'secret' IN ROLE pointsman_read");
    const reader = url.replace(/\/\/[^@]+@/, '//auditor:secret@');
    const as = (command: string) => runScript('journal.ts', [command], { DATABASE_URL: reader });
    expect(await as('verify')).toMatchObject({ stderr: '', code: 0 });
    expect((await as('export')).stdout.trimEnd().split('\n')).toHaveLength(32);
    await expect(server.query(reader, 'SELECT value FROM secrets')).rejects.toThrow('permission denied');
    await server.query(url, `REVOKE TEMPORARY ON DATABASE ${name} FROM pointsman_read`);
    expect(await as('verify')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/may not make the temporary tables .*grant it TEMPORARY on the database/),
    });
  });

  it('a folder that is named wins over DATABASE_URL', async () => {
    const { code, stderr } = await journal('verify', '/nonexistent');
    expect([code, stderr]).toEqual([2, expect.stringContaining('/nonexistent/journal.sqlite is not there')]);
  });

  it('export writes every event as a line, oldest first, without keys', async () => {
    const { code, stdout } = await journal('export');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    const sequences = lines.map((line) => (JSON.parse(line) as { readonly sequence: number }).sequence);
    expect(sequences).toHaveLength(32);
    expect(sequences).toEqual(sequences.toSorted((one, other) => one - other));
    expect(stdout).not.toMatch(/"provider_?[kK]ey":"(?!\[removed\])/);
  });

  it('looks in one view, whatever is written meanwhile', async () => {
    const writer = await openJournal(url);
    try {
      const seen = await lookAtPostgres(url, systemClock, async ({ view, reads }) => {
        const first = await view.all<{ readonly count: number }>('SELECT count(*) AS count FROM events');
        await opened(writer, 'auth_meanwhile');
        let text = '';
        for await (const lines of exportEvents(view)) text += lines;
        const page = await reads.recordedPage({ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }, 0, 100);
        return { count: first[0]?.count, text, page };
      });
      expect(seen.count).toBe(32);
      expect(seen.text.trimEnd().split('\n')).toHaveLength(32);
      expect(`${seen.text}${seen.page.text}`).not.toContain('auth_meanwhile');
      expect((await verified()).counts.events).toBe(33);
    } finally {
      await writer.close();
    }
  });

  const lineOf = (event: string, fields: object) =>
    `[pod/pointsman-5c-1/gateway] ${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`;
  const told = (id: string) =>
    lineOf('authorization', {
      authorization_id: id,
      status: 'approved',
      attempts: [{ provider: 'psp-a', outcome: 'approved' }],
    });
  const sealTold = (seal: Seal | null) => {
    if (seal === null) throw new Error('nothing was sealed');
    return lineOf('seal', { number: seal.number, through_event: seal.throughEvent, digest: seal.digest });
  };

  it('verify tells what a database put back from a backup has lost, and a seal that was made anew since', async () => {
    const backup = url;
    const name = `lost_${copies}`;
    await server.query(sample, `CREATE DATABASE ${name} TEMPLATE ${new URL(backup).pathname.slice(1)}`);
    const later = await openJournal(backup.replace(/[^/]+$/, name));
    const first = await later.seal(1, 100);
    await opened(later, 'auth_Lost');
    const log = [sealTold(first), told('auth_Lost'), sealTold(await later.seal(2, 100))].join('');
    await later.close();
    // The pods go on with the backup, which knows of none of this.
    const restored = await openJournal(backup);
    await opened(restored, 'auth_After');
    const again = await restored.seal(3, 100);
    await restored.close();
    expect(again?.number).toBe(first?.number);
    const args = ['verify', '--seals', '-'];
    const piped = `${log}${told('auth_After')}${sealTold(again)}`;
    const found = await runScript('journal.ts', args, { DATABASE_URL: backup }, 30_000, piped);
    expect(found.code).toBe(1);
    expect(found.stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^seal 5: is another one in the log of /),
      expect.stringMatching(/^seal 6: is in the log of .* and not in the journal; /),
      expect.stringMatching(
        /^auth_Lost: .* approved at psp-a as att_Lost_1\), and it is not in the journal; /,
      ),
    ]);
    expect(found.stderr).toMatch(
      /, 3 seals and 2 authorizations of the log compared, the newest seal that is in both 5 of /,
    );
  });

  it('verify is not ended by a line with an id that the database cannot take', async () => {
    const journal = await openJournal(url);
    const seal = sealTold(await journal.seal(1, 100));
    await journal.close();
    const args = ['verify', '--seals', '-'];
    const piped = `${seal}${told('auth_\0')}${told('auth_Lost')}`;
    const found = await runScript('journal.ts', args, { DATABASE_URL: url }, 30_000, piped);
    expect(found.stdout).toMatch(/^auth_Lost: [^\n]* and it is not in the journal; [^\n]*\n$/);
    expect(found.stderr).toMatch(
      /^not ok: 1 finding .*\nand not all: 1 line of the logs .* standard input:2 \(/,
    );
    expect(found.code).toBe(1);
  });

  it('verify believes what gateways told after it had begun to look', async () => {
    const script = new URL('../../../src/cli/journal.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, 'verify', '--seals', '-'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: url },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    // It has seen what it judges by, and waits for the log.
    await eventually('it looks', async () => {
      const looks = await server.query(
        url,
        `SELECT 1 FROM pg_stat_activity WHERE application_name = 'pointsman-look' AND state = 'idle in transaction'
           AND state_change < now() - interval '1 second' AND datname = current_database()`,
      );
      return looks.length > 0 ? true : null;
    });
    const writer = await openJournal(url);
    await opened(writer, 'auth_meanwhile');
    child.stdin.end(`${sealTold(await writer.seal(1, 100))}${told('auth_meanwhile')}`);
    await writer.close();
    const [code] = await once(child, 'close');
    expect(said).toMatch(
      /^ok: 13 authorizations, .* 1 seal and 1 authorization of the log compared, the newest seal that is in both 5 of \S+\n$/,
    );
    expect(code).toBe(0);
  });

  it('a replay reads the payments of the database', async () => {
    const rules = new URL('../../../routing-rules', import.meta.url).pathname;
    const { code, stdout, stderr } = await runScript('replay.ts', ['--rules', rules, '--json'], {
      DATABASE_URL: url,
    });
    expect([stderr, code]).toEqual(['', 0]);
    const shown = JSON.parse(stdout) as { readonly unresolved?: number };
    expect(JSON.stringify(shown)).toContain('"unresolved"');
  });
});
