import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { openReadOnly } from '../../src/stores/sqlite/database-files.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { SqliteView } from '../../src/stores/sqlite/sqlite-view.ts';
import type { Finding } from '../../src/stores/verify/finding.ts';
import { verifyJournal } from '../../src/stores/verify/verify-journal.ts';
import { opened } from '../contracts/journal-fixtures.ts';
import { sequenceOf, TAMPERING, type Tampering } from '../contracts/journal-tampering.ts';
import { tamperWith, writeSampleJournal } from '../stores/sqlite/sample-journal.ts';
import { type TemporaryFolder, temporaryFolder } from '../stores/sqlite/temporary-folder.ts';
import { paymentBody } from '../support/gateway-files.ts';
import { startGateway } from '../support/start-gateway.ts';
import { runScript } from './run-script.ts';

let made: TemporaryFolder;
let own: TemporaryFolder;
let path = '';
beforeAll(async () => {
  made = temporaryFolder();
  await writeSampleJournal(join(made.path, 'journal.sqlite'));
});
afterAll(() => made.remove());
beforeEach(() => {
  own = temporaryFolder();
  path = join(own.path, 'journal.sqlite');
  copyFileSync(join(made.path, 'journal.sqlite'), path);
});
afterEach(() => own.remove());

const journal = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runScript('journal.ts', args, env);

/** Ways to change it that only SQLite has, or that show otherwise on it. */
const TAMPERING_HERE: readonly Tampering[] = [
  [
    'its row is missed as well',
    `DELETE FROM events WHERE authorization = ${sequenceOf('auth_captured')} AND number = 2`,
    /^event row \d+$/,
    /missing: neither there nor purged/,
  ],
  [
    'a purged event is forgotten',
    'DELETE FROM purged_events WHERE sequence = 2',
    /^event row 2$/,
    /neither there nor purged/,
  ],
  [
    'an authorization is gone, with everything of it',
    ['events', 'attempts', 'operations', 'claims', 'work']
      .map((table) => `DELETE FROM ${table} WHERE authorization = ${sequenceOf('auth_captured')}`)
      .join(';')
      .concat(";DELETE FROM authorizations WHERE id = 'auth_captured'"),
    /^event rows \d+ to \d+$/,
    /missing: neither there nor purged/,
  ],
  [
    'a state that there is none of',
    "UPDATE authorizations SET status = 'paid' WHERE id = 'auth_approved'",
    /^authorizations, row \d+$/,
    /refers to something in authorization_statuses/,
  ],
  [
    'a value past its check',
    "UPDATE authorizations SET open = 7 WHERE id = 'auth_approved'",
    /^authorizations, 1 row$/,
    /break its rule open IN \(0, 1\)/,
  ],
  [
    'what an outcome means',
    "UPDATE outcome_kinds SET negative = 1 WHERE kind = 'unknown'",
    /^outcome_kinds$/,
    /unknown.*is gone/,
  ],
  ['a ruleset is gone', 'DELETE FROM rulesets WHERE number = 1', /^rulesets, row 1$/, /is missing/],
  ['an override is gone', 'DELETE FROM overrides WHERE sequence = 1', /^overrides, row 1$/, /is missing/],
  [
    'a trigger of somebody else',
    'CREATE TRIGGER spy AFTER INSERT ON claims BEGIN SELECT 1; END',
    /^trigger spy$/,
    /no part of a journal/,
  ],
  ['a table of somebody else', 'CREATE TABLE copy (token TEXT)', /^table copy$/, /no part of a journal.*/],
  [
    'a number that is none',
    `UPDATE authorizations SET version = 9007199254740993 WHERE id = 'auth_open'`,
    /^the authorizations$/,
    /a number is out of range/,
  ],
];

/** Everything that is found, through the same files that the command opens. */
async function findingsOf(file: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { database, close } = openReadOnly(file);
  try {
    await verifyJournal(new SqliteView(database), (finding) => findings.push(finding));
  } finally {
    close();
  }
  return findings;
}

describe('what was changed behind its back is found and named', () => {
  it('finds nothing in a journal that nobody touched', async () => {
    expect(await findingsOf(path)).toEqual([]);
    tamperWith(path);
    expect(await findingsOf(path)).toEqual([]);
  });

  it.each([...TAMPERING, ...TAMPERING_HERE])('%s', async (_what, sql, where, finding) => {
    tamperWith(path, sql);
    const findings = await findingsOf(path);
    const named = findings.filter((each) => where.test(each.where) && finding.test(each.what));
    expect(named, JSON.stringify(findings, null, 1)).not.toEqual([]);
    for (const { what, remedy } of findings) {
      expect(what).not.toMatch(/undefined|\[object|NaN/);
      expect(remedy.length).toBeGreaterThan(10);
    }
  });

  it('every trigger: removed, or changed', async () => {
    const database = new DatabaseSync(path);
    const triggers = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
    expect(triggers.length).toBeGreaterThan(40);
    for (const [index, { name, sql }] of triggers.entries()) {
      database.exec(`DROP TRIGGER ${name}`);
      if (index % 2 === 0) database.exec(String(sql).replace(/BEGIN\s/, 'BEGIN SELECT 1; '));
    }
    database.close();
    const findings = await findingsOf(path);
    for (const [index, { name }] of triggers.entries()) {
      const what = index % 2 === 0 ? 'was changed' : 'was removed';
      expect(findings).toContainEqual(expect.objectContaining({ where: `trigger ${name}`, what }));
    }
    expect(findings).toHaveLength(triggers.length);
  });

  it('a page that is damaged', async () => {
    const { database, close } = openReadOnly(path);
    const page = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'operations'").get();
    close();
    const from = (Number(page?.['rootpage']) - 1) * 4096;
    const bytes = readFileSync(path);
    for (let index = 0; index < 4096; index += 1) bytes[from + index] = (index * 73 + 41) % 251;
    writeFileSync(path, bytes);
    const { code, stdout } = await journal(['verify', own.path]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^the file: .*(damaged|malformed).*; keep this journal/m);
  });
});

describe('journal verify', () => {
  it('says that all is well, with counts, and leaves the folder as it is', async () => {
    const before = readFileSync(path);
    const { code, stdout, stderr } = await journal(['verify'], { DATA_DIR: own.path });
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^ok: 13 authorizations, 32 events and 8 purged, 4 seals, the newest 4 through event 39 with [0-9a-f]{64}, 1 event not sealed yet\n$/,
    );
    expect(code).toBe(0);
    expect(readdirSync(own.path)).toEqual(['journal.sqlite']);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('tells each finding in a line with what to do, and ends with 1', async () => {
    tamperWith(path, "UPDATE authorizations SET captured_amount = 1 WHERE id = 'auth_captured'");
    const { code, stdout, stderr } = await journal(['verify', own.path]);
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toContain(
      'auth_captured: captured is 1, its captures add up to 4999; compare it with the provider before anything is done with it',
    );
    expect(stderr).toMatch(/^not ok: \d findings in .*; 13 authorizations/);
    expect(Number(/\d+/.exec(stderr)?.[0])).toBe(lines.length);
  });

  it('compares the seals of a log, and so finds a journal that was written anew', async () => {
    const database = new DatabaseSync(path);
    const seals = database.prepare('SELECT number, through_event, digest FROM seals ORDER BY number').all();
    database.close();
    const log = join(own.path, 'log.ndjson');
    const lines = (digest: unknown) => [
      'npm start',
      JSON.stringify({ level: 'info', event: 'authorization', authorization_id: null, note: 'a "seal"' }),
      ...seals.map((seal) => JSON.stringify({ level: 'info', event: 'seal', ...seal })),
      JSON.stringify({ event: 'seal', number: 3, through_event: seals[2]?.['through_event'], digest }),
    ];
    writeFileSync(log, lines(seals[2]?.['digest']).join('\n'));
    const same = await journal(['verify', own.path, '--seals', log]);
    expect(same).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /, 5 seals and 0 authorizations of the log compared, the newest seal that is in both 4\n$/,
      ),
    });
    writeFileSync(log, lines('00').join('\n'));
    const other = await journal(['verify', own.path, '--seals', log]);
    expect(other).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^seal 3: is another one in the log; /),
    });
    tamperWith(path, 'DELETE FROM seals WHERE number = 4');
    writeFileSync(log, lines(seals[2]?.['digest']).join('\n'));
    const cut = await journal(['verify', own.path, '--seals', log]);
    expect(cut).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^seal 4: is in the log, and not in the journal; /),
    });
    writeFileSync(log, 'nothing\n');
    expect(await journal(['verify', own.path, '--seals', log])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no seal is told there'),
    });
    expect((await journal(['verify', own.path, '--seals', join(own.path, 'none')])).code).toBe(2);
  });

  describe('with the logs of several pods', () => {
    const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
    const authorization = (id: string, minutes: number) =>
      JSON.stringify({
        level: 'info',
        time: at(minutes),
        event: 'authorization',
        authorization_id: id,
        merchant: 'acme-eu',
        reference: 'order-1',
        status: 'approved',
        attempts: [
          { provider: 'psp-a', outcome: 'rejected' },
          { provider: 'psp-b', outcome: 'approved' },
        ],
        amount: 4999,
        currency: 'EUR',
      });
    /** What the pods' logs say of the seals of the journal, oldest first. */
    const sealLines = () => {
      const database = new DatabaseSync(path);
      const seals = database.prepare('SELECT number, through_event, digest FROM seals ORDER BY number').all();
      database.close();
      expect(seals).toHaveLength(4);
      return seals.map((seal, index) =>
        JSON.stringify({ level: 'info', time: at(40 - index), event: 'seal', ...seal }),
      );
    };

    it('reads files, folders, packed ones, and what tools put before and around a line', async () => {
      const [first = '', second = '', third = '', fourth = ''] = sealLines();
      const logs = join(own.path, 'logs');
      mkdirSync(join(logs, 'pod-2'), { recursive: true });
      writeFileSync(join(own.path, 'one.log'), `${first}\n${authorization('auth_captured', 9)}\n`);
      writeFileSync(
        join(logs, 'a.log'),
        `${JSON.stringify({ log: `${second}\n`, stream: 'stdout' })}\nnoise {\n`,
      );
      writeFileSync(join(logs, 'pod-2', 'b.log.gz'), gzipSync(`${third}\n{"event":"other"}\n`));
      // What `kubectl logs --ignore-errors` puts between.
      const none = 'error: previous terminated container "gateway" in pod "pointsman-7d9-x3" not found';
      const piped = `${none}\n[pod/pointsman-7d9-x2/gateway] ${at(1)} ${fourth}\n[pod/pointsman-7d9-x2/gateway] ${second}\n`;
      const args = [
        'verify',
        own.path,
        '--seals',
        join(own.path, 'one.log'),
        '--seals',
        logs,
        '--seals',
        '-',
      ];
      const { code, stdout, stderr } = await runScript('journal.ts', args, {}, 30_000, piped);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(
        /, 5 seals and 1 authorization of the log compared, the newest seal that is in both 4 of 20\S+Z\n$/,
      );
    });

    it('tells what a journal put back from a backup has lost, once, with the attempts to look for', async () => {
      const seals = sealLines();
      const lost = [authorization('auth_Lost', 5), authorization('auth_captured', 50)];
      // What is let go of by retention is nowhere either.
      const longAgo = authorization('auth_LongAgo', 31 * 24 * 60);
      const refused = authorization('x', 5).replace('"x"', 'null');
      tamperWith(path, 'DELETE FROM seals WHERE number = 4');
      const log = join(own.path, 'pods.log');
      writeFileSync(log, [...seals, ...lost, longAgo, refused, ...lost, ...seals].join('\n'));
      const { code, stdout, stderr } = await journal(['verify', own.path, '--seals', log]);
      expect(code).toBe(1);
      const found = stdout.trimEnd().split('\n');
      expect(found).toHaveLength(2);
      expect(found[0]).toMatch(
        /^seal 4: is in the log of 20\S+Z, and not in the journal; .*docs\/lost-commits.md says what to do$/,
      );
      expect(found[1]).toMatch(
        /^auth_Lost: the log of 20\S+Z tells it \(approved: acme-eu order-1, 4999 EUR, rejected at psp-a as att_Lost_1, approved at psp-b as att_Lost_2\), and it is not in the journal; /,
      );
      expect(stderr).toMatch(/^not ok: 2 findings in .*8 seals and 4 authorizations of the log compared, /);
      expect(stderr).toContain('the newest seal that is in both 3 of ');
    });

    it.each<[what: string, line: (lost: Readonly<Record<string, unknown>>) => string, found: RegExp]>([
      [
        'behind a label with a brace',
        (lost) => `{app="pointsman"} ${JSON.stringify(lost)}`,
        /approved: acme-eu/,
      ],
      ['in a nested object', (lost) => JSON.stringify({ stream: 'stdout', log: lost }), /approved: acme-eu/],
      ['under jsonPayload', (lost) => JSON.stringify({ jsonPayload: lost }), /approved: acme-eu/],
      [
        'with an attempt that is none',
        (lost) => JSON.stringify({ ...lost, attempts: [null] }),
        /\? at \? as att_Lost_1/,
      ],
      [
        'with what would steer a terminal, escaped',
        (lost) => JSON.stringify({ ...lost, reference: '\u001b[2J\nok: fake' }),
        /acme-eu \\u001b\[2J\\u000aok: fake, 4999/,
      ],
    ])('finds a lost authorization that is told %s', async (_what, line, found) => {
      const log = join(own.path, 'pods.log');
      writeFileSync(log, [...sealLines(), line(JSON.parse(authorization('auth_Lost', 5)))].join('\n'));
      const { code, stdout, stderr } = await journal(['verify', own.path, '--seals', log]);
      expect(stdout).toMatch(/^auth_Lost: [^\n]* and it is not in the journal; [^\n]*\n$/);
      expect(stdout).toMatch(found);
      expect(stderr).toMatch(/^not ok: 1 finding in /);
      expect(code).toBe(1);
    });

    it.each<[what: string, line: string, why: string]>([
      ['an id with U+0000', authorization('auth_\0', 5), 'an authorization_id that no gateway gives'],
      [
        'an id that would steer',
        authorization('auth_x\u001b[2J\nok: fake', 5),
        'an authorization_id that no gateway gives',
      ],
      ['half a line', authorization('auth_Lost', 5).slice(0, -9), 'no whole JSON object'],
      [
        'a text of another application',
        JSON.stringify({ message: `user agent: ${authorization('auth_Forged', 5)}` }),
        'amid other text in "message"',
      ],
    ])('does not call it well with %s, which was not compared', async (_what, line, why) => {
      const log = join(own.path, 'pods.log');
      writeFileSync(log, [...sealLines(), line].join('\n'));
      const { code, stdout, stderr } = await journal(['verify', own.path, '--seals', log]);
      expect(stderr).toMatch(
        /^journal: 1 line of the logs [^\n]*not compared: [^\n]*\. Nothing was found in the rest: [^\n]*\n$/,
      );
      expect(stderr).toContain(`pods.log:5 (${why}); `);
      expect([code, stdout]).toEqual([2, '']);
    });

    it('tells the first of many lines that it cannot read, beside what it found', async () => {
      const log = join(own.path, 'pods.log');
      const broken = Array.from({ length: 7 }, () => '{"event":"seal"}');
      writeFileSync(log, [...sealLines(), ...broken, authorization('auth_Lost', 5)].join('\n'));
      const { code, stdout, stderr } = await journal(['verify', own.path, '--seals', log]);
      expect([code, stdout]).toEqual([1, expect.stringMatching(/^auth_Lost: [^\n]*\n$/)]);
      expect(stderr).toMatch(/^and not all: 7 lines of the logs .*pods\.log:9 \([^)]*\) and 2 more; /m);
      writeFileSync(log, broken.join('\n'));
      expect(await journal(['verify', own.path, '--seals', log])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/no seal is told there; .*; 7 lines of the logs/),
      });
    });

    it('says which file cannot be read', async () => {
      const log = join(own.path, 'broken.log.gz');
      writeFileSync(log, 'no gzip');
      expect(await journal(['verify', own.path, '--seals', log])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^journal: .*broken\.log\.gz cannot be read: /),
      });
    });
  });

  it.each([
    ['no folder', () => own.remove(), /journal\.sqlite is not there; expected the folder of DATA_DIR/],
    ['an empty file', () => truncateSync(path, 0), /is empty, which a journal never is/],
    ['no database', () => writeFileSync(path, 'x'.repeat(9_000)), /is no SQLite database/],
    [
      'a database of something else',
      () => {
        rmSync(path);
        new DatabaseSync(path).exec('CREATE TABLE a (b)');
      },
      /is a SQLite database, but no journal/,
    ],
    [
      'another version',
      () => tamperWith(path, "INSERT INTO schema_migrations VALUES (99, '0099-later.sql')"),
      /has schema 99, this version knows \d+: verify it with the version that wrote it/,
    ],
  ])('cannot check %s, and says why', async (_what, damage, says) => {
    damage();
    const { code, stdout, stderr } = await journal(['verify', own.path]);
    mkdirSync(own.path, { recursive: true });
    expect(stderr).toMatch(says);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('says how it is called', async () => {
    for (const args of [
      [],
      ['mend'],
      ['verify', 'a', 'b'],
      ['verify', '--fix'],
      ['export', '--seals', 'x'],
    ]) {
      expect(await journal(args), args.join()).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('npm run journal -- verify'),
      });
    }
    expect(await journal(['--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('exit code'),
    });
  });

  it.skipIf(process.getuid?.() !== 0)('reads a folder that it may not write', async () => {
    chmodSync(path, 0o444);
    chmodSync(own.path, 0o555);
    const script = fileURLToPath(new URL('../../src/cli/journal.ts', import.meta.url));
    const child = spawn(process.execPath, [script, 'verify', own.path], {
      uid: 65_534,
      gid: 65_534,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code] = await once(child, 'close');
    expect([code, said]).toEqual([0, expect.stringMatching(/^ok: /)]);
  });
});

describe('journal export', () => {
  const exported = async () => {
    const { code, stdout, stderr } = await journal(['export', own.path]);
    expect([code, stderr]).toEqual([0, '']);
    return stdout.trimEnd().split('\n');
  };

  it('writes every event as a line, oldest first', async () => {
    const lines = (await exported()).map((line) => JSON.parse(line));
    expect(lines).toHaveLength(32);
    expect(lines.map(({ sequence }) => sequence)).toEqual(
      lines.map(({ sequence }) => sequence).sort((one, other) => one - other),
    );
    expect(lines[0]).toMatchObject({
      sequence: 9,
      authorization: 'auth_open',
      number: 1,
      at: '2026-11-23T10:00:00.000Z',
      actor: 'gateway',
      kind: 'opened',
      answer: null,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const captured = lines.filter(({ authorization }) => authorization === 'auth_captured');
    expect(captured.map(({ kind }) => kind)).toEqual([
      'opened',
      'failed_over',
      'concluded',
      'operation_begun',
      'operation_ended',
    ]);
    expect(captured[2].answer).toMatchObject({ status: 201, body: { id: 'auth_captured' } });
  });

  it('never a card number, token or key', async () => {
    const card = { token: 'tok_hunter2', tokens: { 'sandbox-a': 'tok_a_hunter2' }, id: 'card-77' };
    const store = openInProcessJournal(path);
    await opened(store, 'auth_secret', {
      request: {
        card: {
          bin: '411111',
          last4: '1111',
          expiryMonth: null,
          expiryYear: null,
          accountReference: null,
          brand: null,
          networkToken: false,
          ...card,
        },
        metadata: { note: 'paid with 4111 1111 1111 1111', api_key: 'sk_hunter2' },
      },
      intent: { providerKey: 'key_hunter2' },
    });
    await store.close();
    tamperWith(
      path,
      `UPDATE events SET data = json_set(data, '$.number', 4111111111111111) WHERE authorization = ${sequenceOf('auth_secret')}`,
    );
    const line = (await exported()).at(-1) ?? '';
    expect(line).toContain('auth_secret');
    expect(line).toContain('card-77');
    expect(line).toContain('"tokens":{"sandbox-a":"[removed]"}');
    expect(line).not.toMatch(/hunter2|4111 ?1111 ?1111/);
  });

  it('tells what it cannot read, and goes on', async () => {
    tamperWith(path, "UPDATE events SET data = '{' WHERE sequence = 10");
    const lines = (await exported()).map((line) => JSON.parse(line));
    expect(lines).toHaveLength(32);
    expect(lines[1]).toMatchObject({ sequence: 10, data: { unreadable: true } });
  });

  it('of many events needs little memory, and ends quietly when nobody reads on', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(50_000) });
    tamperWith(
      path,
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
       INSERT INTO events (authorization, number, at_ms, actor, kind, data, hash)
       SELECT ${sequenceOf('auth_open')}, i + 100, 1, 'x', 'y', '${body}', 'h' FROM n`,
    );
    const script = fileURLToPath(new URL('../../src/cli/journal.ts', import.meta.url));
    // 300 MB of events, and a heap that holds a third of them: with less, V8 now and then ends before it has collected.
    const whole = spawn(process.execPath, ['--max-old-space-size=96', script, 'export', own.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let bytes = 0;
    const digest = createHash('sha256');
    whole.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      digest.update(chunk);
    });
    expect((await once(whole, 'close'))[0]).toBe(0);
    expect(bytes).toBeGreaterThan(300_000_000);

    const ending = await new Promise<string>((resolve) => {
      const command = `"${process.execPath}" "${script}" export "${own.path}" | head -1 | wc -l; echo "\${PIPESTATUS[0]}"`;
      execFile('bash', ['-c', command], (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
    });
    expect(ending).toBe('1\n0\n');
  });

  it('says that there is no journal', async () => {
    rmSync(path);
    expect(await journal(['export', own.path])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('is not there'),
    });
  });
});

test('while a gateway runs it says what to do; after kill -9, and after all it did, it finds nothing', async () => {
  await using gateway = await startGateway();
  const { data } = gateway.folders;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      gateway.authorize(paymentBody(`order-${index}`), `key-order-${index}`),
    ),
  );
  const ids = answers.map(({ json }) => (json as { readonly id: string }).id);
  expect(ids).toHaveLength(20);
  for (const [index, kind] of ['captures', 'voids', 'captures'].entries()) {
    const headers = { 'idempotency-key': `key-${index}` };
    await gateway.call('POST', `/v1/authorizations/${ids[index]}/${kind}`, { body: {}, headers });
  }
  await gateway.call('POST', `/v1/authorizations/${ids[0]}/refunds`, {
    body: { amount: { value: 1, currency: 'EUR' } },
    headers: { 'idempotency-key': 'key-refund' },
  });
  await gateway.sandbox.addFault({ provider: '*', kind: 'hang' });
  await gateway.authorize(paymentBody('order-hang'), 'key-order-hang');
  for (const command of ['verify', 'export']) {
    expect(await journal([command, data])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/is in use by a gateway: stop it first, or make a snapshot/),
    });
  }
  expect((await gateway.authorize(paymentBody('order-after'), 'key-order-after')).status).toBe(201);
  await gateway.kill9();
  const files = readdirSync(data).sort();
  const killed = await journal(['verify', data]);
  expect(killed).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^ok: 22 authorizations/),
  });
  expect((await journal(['export', data])).stdout.split('\n').length).toBeGreaterThan(50);
  expect(readdirSync(data).sort()).toEqual(files);
  await gateway.restart();
  await gateway.stop();
  const stopped = await journal(['verify', data]);
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok: 22 authorizations/) });
}, 60_000);
