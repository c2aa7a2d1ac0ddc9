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
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { openReadOnly } from '../../src/stores/sqlite/database-files.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import type { Finding } from '../../src/stores/sqlite/verify/finding.ts';
import { verifyJournal } from '../../src/stores/sqlite/verify/verify-journal.ts';
import { opened } from '../contracts/journal-fixtures.ts';
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

/** Of an authorization, by its id. */
const of = (id: string) => `(SELECT sequence FROM authorizations WHERE id = '${id}')`;
/** Makes the row's own JSON another one. */
const replaced = (column: string, from: string, to: string) =>
  `${column} = replace(${column}, '${from}', '${to}')`;

/**
 * Ways to change a journal behind its back, and what must be told of each. Each statement is run without triggers,
 * foreign keys and checks, which are all there again afterwards.
 */
const TAMPERING: readonly (readonly [what: string, sql: string, where: RegExp, finding: RegExp])[] = [
  // Events.
  [
    'an event is changed',
    `UPDATE events SET ${replaced('data', 'sandbox-a', 'sandbox-b')} WHERE authorization = ${of('auth_approved')} AND number = 2`,
    /^auth_approved, event 2$/,
    /does not fit its hash/,
  ],
  [
    'who made a change',
    `UPDATE events SET actor = 'nobody' WHERE authorization = ${of('auth_refunded')} AND number = 3`,
    /^auth_refunded, event 3$/,
    /does not fit its hash/,
  ],
  [
    'when it was made',
    `UPDATE events SET at_ms = at_ms + 1 WHERE authorization = ${of('auth_approved')} AND number = 1`,
    /^auth_approved, event 1$/,
    /does not fit its hash/,
  ],
  [
    'the answer that was given',
    `UPDATE events SET ${replaced('answer_body', 'approved', 'declined')} WHERE answer_body LIKE '%auth_approved%'`,
    /^auth_approved, event 2$/,
    /does not fit its hash/,
  ],
  [
    'an answer is gone',
    'UPDATE events SET answer_status = NULL, answer_body = NULL WHERE answer_status IS NOT NULL AND authorization = ' +
      of('auth_approved'),
    /^auth_approved$/,
    /has 0 frozen answers, and is marked as answered/,
  ],
  [
    'an event is taken out of the middle',
    `DELETE FROM events WHERE authorization = ${of('auth_captured')} AND number = 2`,
    /^auth_captured, event 2$/,
    /is missing/,
  ],
  [
    'its row is missed as well',
    `DELETE FROM events WHERE authorization = ${of('auth_captured')} AND number = 2`,
    /^event row \d+$/,
    /missing: neither there nor purged/,
  ],
  [
    'the first event is gone',
    `DELETE FROM events WHERE authorization = ${of('auth_approved')} AND number = 1`,
    /^auth_approved, event 1$/,
    /is missing/,
  ],
  [
    'the last event is cut off, and the version set back',
    `DELETE FROM events WHERE authorization = ${of('auth_refunded')} AND number = 6;
     UPDATE authorizations SET version = 5 WHERE id = 'auth_refunded'`,
    /^auth_refunded$/,
    /its last hash is not that of its last event/,
  ],
  [
    'the newest event of all is cut off, with its authorization',
    `DELETE FROM events WHERE sequence > 38; DELETE FROM attempts WHERE authorization = ${of('auth_newest')};
     DELETE FROM claims WHERE authorization = ${of('auth_newest')}; DELETE FROM authorizations WHERE id = 'auth_newest'`,
    /^seal 4$/,
    /covers events up to row 39, the newest is 38: the end was cut off/,
  ],
  [
    'an event is added',
    `INSERT INTO events (authorization, number, at_ms, actor, kind, data, hash)
     SELECT sequence, version + 1, 1, 'x', 'y', '{"changes":{}}', 'ab' FROM authorizations WHERE id = 'auth_approved'`,
    /^auth_approved, event 3$/,
    /is more than its 2 changes/,
  ],
  [
    'an event without a hash',
    `UPDATE events SET hash = NULL WHERE authorization = ${of('auth_open')}`,
    /^auth_open, event 1$/,
    /has no hash/,
  ],
  [
    'where hashes begin',
    'UPDATE hash_chain SET first_event = 20',
    /^event row \d+$/,
    /has a hash, though hashes begin at 20/,
  ],
  [
    'an event that cannot be read',
    `UPDATE events SET data = '{"chan' WHERE authorization = ${of('auth_unknown')} AND number = 2`,
    /^auth_unknown, event 2$/,
    /cannot be read/,
  ],
  // Seals.
  [
    'a seal',
    "UPDATE seals SET digest = replace(digest, 'a', 'b') WHERE number = 2",
    /^seal 2$/,
    /does not fit the events/,
  ],
  [
    'a seal is taken away',
    'DELETE FROM seals WHERE number = 2',
    /^seal 3$/,
    /follows seal 1: what is between was taken/,
  ],
  [
    'what a seal covers',
    'UPDATE seals SET through_event = through_event - 1 WHERE number = 3',
    /^seal 3$/,
    /does not fit/,
  ],
  ['a seal over nothing', "INSERT INTO seals VALUES (5, 39, 'ab', 1)", /^seal 5$/, /covers no event/],
  [
    'the hash of a purged event',
    'UPDATE purged_events SET hash = upper(hash) WHERE sequence = 1',
    /^seal 1$/,
    /does not fit the events from the first/,
  ],
  [
    'a purged event is forgotten',
    'DELETE FROM purged_events WHERE sequence = 2',
    /^event row 2$/,
    /neither there nor purged/,
  ],
  [
    'an event is called purged and is there',
    'INSERT INTO purged_events (sequence, hash) SELECT sequence, hash FROM events WHERE sequence = 12',
    /^event row 12$/,
    /is there, and purged as well/,
  ],
  // States and sums.
  [
    'a state',
    "UPDATE authorizations SET status = 'voided', holds_payment = 0 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /^status is voided, its events make it approved$/,
  ],
  [
    'a payment is released',
    "UPDATE authorizations SET holds_payment = 0 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /is approved and does not hold its payment/,
  ],
  [
    'what is unsettled is marked as settled',
    "UPDATE authorizations SET unsettled = 0 WHERE id = 'auth_unknown'",
    /^auth_unknown$/,
    /is unsettled by its state, and not by its mark/,
  ],
  [
    'what was captured',
    "UPDATE authorizations SET captured_amount = 1 WHERE id = 'auth_captured'",
    /^auth_captured$/,
    /captured is 1, its captures add up to 4999/,
  ],
  [
    'what was refunded, operation and all',
    `UPDATE operations SET amount = 1 WHERE authorization = ${of('auth_refunded')} AND kind = 'refund';
     UPDATE authorizations SET refunded_amount = 1 WHERE id = 'auth_refunded'`,
    /^auth_refunded, operation 2$/,
    /^amount: not what its events tell/,
  ],
  [
    'what was authorized',
    "UPDATE authorizations SET authorized_amount = 9999 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /authorized_amount is 9999, its events make it 4999/,
  ],
  [
    'what was asked for',
    "UPDATE authorizations SET amount = 1 WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /its merchant, reference, amount or currency is not what was asked for/,
  ],
  [
    'the payment that it holds',
    "UPDATE authorizations SET reference = 'another' WHERE id = 'auth_captured'",
    /^auth_captured$/,
    /its merchant, reference, amount or currency/,
  ],
  [
    'whose it is',
    "UPDATE authorizations SET account = 'other' WHERE id = 'auth_voided'",
    /^auth_voided$/,
    /account is other, its events make it acme/,
  ],
  [
    'when it expires',
    "UPDATE authorizations SET expires_at_ms = NULL WHERE id = 'auth_approved'",
    /^auth_approved$/,
    /expires_at_ms is null/,
  ],
  // Attempts and operations.
  [
    'the outcome of an attempt',
    `UPDATE attempts SET outcome_kind = 'rejected', negative = 1,
       outcome = '{"kind":"rejected","reason":"transient","code":"x","retryAfterMs":null,"providerReference":null}',
       provider_reference = NULL WHERE authorization = ${of('auth_unknown')}`,
    /^auth_unknown, attempt 1$/,
    /^outcome: not what its events tell/,
  ],
  [
    'whether money may stand',
    `UPDATE attempts SET negative = 1 WHERE authorization = ${of('auth_approved')}`,
    /^auth_approved, attempt 1$/,
    /whether money may stand/,
  ],
  [
    'what a provider prepared',
    `UPDATE attempts SET prepared_reference = 'pi_1' WHERE authorization = ${of('auth_approved')}`,
    /^auth_approved/,
    /not what its events/,
  ],
  [
    'an attempt is added',
    `INSERT INTO attempts SELECT authorization, 2, id, 'x', provider_key, fingerprint, propensity, started_at_ms,
       deadline_at_ms, owner, card_key, scheme_counts, blocked_until_ms, block_reason, outcome_kind, outcome, negative,
       provider_reference, duration_ms, prepared_reference, outcome_at_ms FROM attempts
     WHERE authorization = ${of('auth_approved')}`,
    /^auth_approved, attempt 2$/,
    /no event tells of it/,
  ],
  [
    'an attempt is gone',
    `DELETE FROM attempts WHERE authorization = ${of('auth_captured')} AND number = 2`,
    /^auth_captured, attempt 2$/,
    /its events tell of it, and it is gone/,
  ],
  [
    'the key at the provider',
    `UPDATE attempts SET provider_key = 'other' WHERE authorization = ${of('auth_unknown')}`,
    /^auth_unknown, attempt 1$/,
    /^provider_key: not what its events tell/,
  ],
  [
    'an operation is gone',
    `DELETE FROM operations WHERE authorization = ${of('auth_captured')}`,
    /^auth_captured, operation 1$/,
    /and it is gone/,
  ],
  [
    'how an operation ended',
    `UPDATE operations SET status = 'failed' WHERE authorization = ${of('auth_voided')}`,
    /^auth_voided, operation 1$/,
    /^status: not what its events tell/,
  ],
  [
    'the answer about an operation',
    `UPDATE operations SET answer_body = '{}' WHERE authorization = ${of('auth_captured')}`,
    /^auth_captured, operation 1$/,
    /its answer is not the one that was given/,
  ],
  [
    'an outcome that cannot be read',
    `UPDATE attempts SET outcome = '{' WHERE authorization = ${of('auth_unknown')}`,
    /^auth_unknown$/,
    /its rows cannot be read/,
  ],
  // Keys and work.
  [
    'an idempotency key is gone',
    `DELETE FROM claims WHERE authorization = ${of('auth_approved')}`,
    /^auth_approved$/,
    /its idempotency key is gone/,
  ],
  [
    'an idempotency key of somebody else',
    `UPDATE claims SET account = 'other' WHERE authorization = ${of('auth_approved')}`,
    /^auth_approved$/,
    /belongs to another account/,
  ],
  [
    'work is gone',
    `DELETE FROM work WHERE authorization = ${of('auth_unknown')}`,
    /^auth_unknown$/,
    /is pending, something is to be found out or done, and nobody is to look again/,
  ],
  [
    'the lease of an open road is gone',
    "UPDATE authorizations SET lease_until_ms = NULL WHERE id = 'auth_open'",
    /^auth_open$/,
    /no lease ends: nobody takes it up/,
  ],
  // What is left of what was purged.
  [
    'one that is unsettled is called purged',
    "UPDATE authorizations SET purged_before_ms = 1 WHERE id = 'auth_unknown'",
    /^auth_unknown$/,
    /was purged while it was pending/,
  ],
  [
    'a purged one has events',
    `UPDATE events SET authorization = ${of('auth_skeleton')} WHERE authorization = ${of('auth_open')}`,
    /^auth_skeleton$/,
    /is purged, and 1 rows of it are still there/,
  ],
  [
    'an authorization is gone, with everything of it',
    ['events', 'attempts', 'operations', 'claims', 'work']
      .map((table) => `DELETE FROM ${table} WHERE authorization = ${of('auth_captured')}`)
      .join(';')
      .concat(";DELETE FROM authorizations WHERE id = 'auth_captured'"),
    /^event rows \d+ to \d+$/,
    /missing: neither there nor purged/,
  ],
  // The file and what else is in it.
  [
    'an authorization is gone, and nothing else',
    "DELETE FROM authorizations WHERE id = 'auth_approved'",
    /^(attempts|events|claims)/,
    /refers to something in authorizations that is not there/,
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
    'a transition is allowed',
    "INSERT INTO status_transitions VALUES ('captured', 'pending')",
    /^status_transitions$/,
    /row .*captured.*of its own/,
  ],
  [
    'a transition is gone',
    "DELETE FROM status_transitions WHERE from_status = 'approved'",
    /^status_transitions$/,
    /is gone/,
  ],
  [
    'what an outcome means',
    "UPDATE outcome_kinds SET negative = 1 WHERE kind = 'unknown'",
    /^outcome_kinds$/,
    /unknown.*is gone/,
  ],
  ['the row that is written to', 'DELETE FROM pings', /^pings$/, /has 0 rows; expected 1/],
  ['where the hashes begin is gone', 'DELETE FROM hash_chain', /^hash_chain$/, /has 0 rows/],
  ['the secret', 'DELETE FROM secrets', /^secrets$/, /the secret of the keyed hashes is gone/],
  ['a notice that cannot be read', "UPDATE notices SET data = '{'", /^notices, row 1$/, /cannot be read/],
  ['a ruleset is gone', 'DELETE FROM rulesets WHERE number = 1', /^rulesets, row 1$/, /is missing/],
  [
    'an activation of a ruleset is gone',
    'DELETE FROM ruleset_activations WHERE sequence = 1',
    /^ruleset_activations, row 1$/,
    /is missing/,
  ],
  ['an override is gone', 'DELETE FROM overrides WHERE sequence = 1', /^overrides, row 1$/, /is missing/],
  [
    'a trigger of somebody else',
    'CREATE TRIGGER spy AFTER INSERT ON claims BEGIN SELECT 1; END',
    /^trigger spy$/,
    /no part of a journal/,
  ],
  ['a table of somebody else', 'CREATE TABLE copy (token TEXT)', /^table copy$/, /no part of a journal.*/],
  [
    'a unique index is gone',
    'DROP INDEX authorizations_holding',
    /^index authorizations_holding$/,
    /was removed/,
  ],
  [
    'an index is another',
    'DROP INDEX work_due; CREATE INDEX work_due ON work (step)',
    /^index work_due$/,
    /was changed/,
  ],
  ['a column is added', 'ALTER TABLE claims ADD COLUMN extra TEXT', /^table claims$/, /was changed/],
  ['a table is gone', 'DROP TABLE seals', /^table seals$/, /was removed/],
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
    await verifyJournal(database, (finding) => findings.push(finding));
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

  it.each(TAMPERING)('%s', async (_what, sql, where, finding) => {
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
    expect(stdout).toMatch(/^the file: .*(damaged|malformed).*; keep this file/m);
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
      JSON.stringify({ level: 'info', event: 'authorization', note: 'a "seal"' }),
      ...seals.map((seal) => JSON.stringify({ level: 'info', event: 'seal', ...seal })),
      JSON.stringify({ event: 'seal', number: 3, through_event: seals[2]?.['through_event'], digest }),
    ];
    writeFileSync(log, lines(seals[2]?.['digest']).join('\n'));
    const same = await journal(['verify', own.path, '--seals', log]);
    expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining('5 seals of the log compared') });
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
      stderr: expect.stringContaining('tells no seal'),
    });
    expect((await journal(['verify', own.path, '--seals', join(own.path, 'none')])).code).toBe(2);
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
      `UPDATE events SET data = json_set(data, '$.number', 4111111111111111) WHERE authorization = ${of('auth_secret')}`,
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
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
       INSERT INTO events (authorization, number, at_ms, actor, kind, data, hash)
       SELECT ${of('auth_open')}, i + 100, 1, 'x', 'y', '${body}', 'h' FROM n`,
    );
    const script = fileURLToPath(new URL('../../src/cli/journal.ts', import.meta.url));
    // 150 MB of events, and a heap that holds a third of them.
    const whole = spawn(process.execPath, ['--max-old-space-size=48', script, 'export', own.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let bytes = 0;
    const digest = createHash('sha256');
    whole.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      digest.update(chunk);
    });
    expect((await once(whole, 'close'))[0]).toBe(0);
    expect(bytes).toBeGreaterThan(150_000_000);

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
