import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOLDS_PAYMENT } from '../../../src/core/authorization.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { openDatabase } from '../../../src/stores/sqlite/sqlite-database.ts';
import { isDefiniteNegative } from '../../../src/stores/stored-outcome.ts';
import {
  LEASE_MS,
  NEGATIVE,
  OUTCOMES,
  type OutcomeName,
  sampleConclusion,
  sampleFailOver,
  sampleOpening,
  T0,
} from '../../contracts/journal-fixtures.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

let folder: TemporaryFolder;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'journal.sqlite');
});
afterEach(() => folder.remove());

/** Writes with the journal, then lets `act` try something behind its back. */
async function behindItsBack(act: (database: DatabaseSync) => void): Promise<void> {
  const journal = openInProcessJournal(path);
  await journal.open(sampleOpening('open'));
  await journal.open(sampleOpening('ended'));
  await journal.conclude(sampleConclusion('ended'));
  await journal.open(sampleOpening('negative'));
  await journal.failOver(sampleFailOver('negative', 2));
  await journal.saveOverride({
    provider: 'sandbox-a',
    brand: null,
    merchant: null,
    mode: 'drain',
    reason: 'tests',
    author: 'acme',
    createdAtMs: T0,
    expiresAtMs: null,
  });
  await journal.close();
  const database = openDatabase({ path });
  try {
    act(database);
  } finally {
    database.close();
  }
}

const OF = (id: string) => `(SELECT sequence FROM authorizations WHERE id = '${id}')`;
const ATTEMPT = (id: string, number: number) =>
  `INSERT INTO attempts (authorization, number, id, provider, provider_key, fingerprint, propensity,
    started_at_ms, deadline_at_ms, owner, lease_until_ms)
   VALUES (${OF(id)}, ${number}, 'x', 'p', 'k', 'f', 1, 1, 2, 'o', 3)`;

const NOT_SENT = `UPDATE attempts SET outcome_kind = 'not_sent', outcome = '{}', negative = 1
  WHERE authorization = ${OF('open')}`;

const FORBIDDEN: readonly (readonly [what: string, sql: string, why: RegExp])[] = [
  ['changing an event', "UPDATE events SET data = '{}'", /append-only/],
  ['unfreezing an answer', 'UPDATE events SET answer_status = NULL, answer_body = NULL', /append-only/],
  ['deleting an event', 'DELETE FROM events', /append-only/],
  ['replacing an event', 'REPLACE INTO events SELECT * FROM events', /append-only/],
  ['changing an override', "UPDATE overrides SET author = 'x'", /append-only/],
  ['deleting an override', 'DELETE FROM overrides', /append-only/],
  ['deleting an attempt', 'DELETE FROM attempts', /never deleted/],
  ['deleting an authorization', 'DELETE FROM authorizations', /never deleted/],
  ['a second attempt while the first is out', ATTEMPT('open', 2), /not definitely negative/],
  ['a second attempt after an approval', ATTEMPT('ended', 2), /not definitely negative/],
  ['a third attempt while the second is out', ATTEMPT('negative', 3), /not definitely negative/],
  ['another first attempt', ATTEMPT('open', 1), /not definitely negative|UNIQUE/],
  [
    'an attempt of a road that is over',
    `${NOT_SENT}; UPDATE authorizations SET open = 0, version = 2 WHERE id = 'open'; ${ATTEMPT('open', 2)}`,
    /road of this authorization is over/,
  ],
  ['skipping a number', `${NOT_SENT}; ${ATTEMPT('open', 3)}`, /numbered/],
  [
    'taking an approval back',
    "UPDATE attempts SET outcome_kind = 'not_sent', negative = 1 WHERE outcome_kind = 'approved'",
    /definite outcome/,
  ],
  [
    'an approval after another attempt was made',
    `UPDATE attempts SET outcome_kind = 'approved', negative = 0 WHERE authorization = ${OF('negative')}`,
    /definite outcome/,
  ],
  [
    'calling an unknown negative',
    "UPDATE attempts SET outcome_kind = 'unknown', outcome = '{}', negative = 1 WHERE outcome IS NULL",
    /FOREIGN KEY/,
  ],
  [
    'an outcome of no known kind',
    "UPDATE attempts SET outcome_kind = 'lost', outcome = '{}' WHERE outcome IS NULL",
    /FOREIGN KEY/,
  ],
  ['another provider for an intent', "UPDATE attempts SET provider = 'x'", /intent never changes/],
  [
    'another amount',
    'UPDATE authorizations SET amount = 1, version = version + 1',
    /asked for never changes/,
  ],
  ['a change without a version', "UPDATE authorizations SET provider = 'x'", /version by one/],
  [
    'letting a payment go while an attempt is out',
    `UPDATE authorizations SET status = 'failed', holds_payment = 0, unsettled = 0, open = 0, version = 2
     WHERE id = 'open'`,
    /may have moved money/,
  ],
  [
    'a state that holds a payment and lets it go',
    "UPDATE authorizations SET holds_payment = 0, version = version + 1 WHERE id = 'ended'",
    /FOREIGN KEY/,
  ],
  [
    'two authorizations that hold one payment',
    `INSERT INTO authorizations (id, account, merchant, reference, live, amount, currency, trace_id,
      created_at_ms)
     SELECT 'second', account, merchant, reference, live, amount, currency, trace_id, created_at_ms
     FROM authorizations WHERE id = 'ended'`,
    /UNIQUE/,
  ],
];

describe('the schema refuses, whatever the code above it does', () => {
  test.each(FORBIDDEN)('%s', async (_what, sql, why) => {
    await behindItsBack((database) => expect(() => database.exec(sql)).toThrow(why));
  });
});

test('a payment is held in the same states as in core', () => {
  const database = openDatabase({ path });
  const rows = database.prepare('SELECT status, holds_payment FROM authorization_statuses').all();
  database.close();
  const held = Object.fromEntries(rows.map((row) => [row['status'], row['holds_payment'] === 1]));
  expect(held).toEqual(HOLDS_PAYMENT);
});

test('every outcome has its place, and is a definite negative when it says so', () => {
  const database = openDatabase({ path });
  const find = database.prepare('SELECT 1 FROM outcome_kinds WHERE kind = ? AND negative = ?');
  for (const name of Object.keys(OUTCOMES) as OutcomeName[]) {
    const negative = isDefiniteNegative(OUTCOMES[name]);
    expect(negative, name).toBe(NEGATIVE.includes(name));
    expect(find.get(OUTCOMES[name].kind, negative ? 1 : 0), name).toBeDefined();
  }
  database.close();
});

test('a database of a newer version is refused, and left as it is', async () => {
  await behindItsBack((database) => {
    database.exec("INSERT INTO schema_migrations (number, name) VALUES (99, '0099-later.sql')");
  });
  expect(() => openInProcessJournal(path)).toThrow(/schema 99, this version knows 1.*start the version/);
  const database = new DatabaseSync(path);
  expect(database.prepare('SELECT count(*) AS n FROM authorizations').get()?.['n']).toBe(3);
  database.close();
});

test('a file that is no database is refused with its name', async () => {
  const { writeFileSync } = await import('node:fs');
  writeFileSync(path, 'no database, but long enough to be taken for one'.repeat(100));
  expect(() => openInProcessJournal(path)).toThrow(
    /journal\.sqlite: cannot be opened: file is not a database/,
  );
});

test('lapse returns open authorizations whose outcomes are all recorded, to be concluded', async () => {
  await behindItsBack((database) => {
    // No command of this version leaves such a row.
    database.exec(`UPDATE attempts SET outcome_kind = 'rejected', negative = 1,
      outcome = '${JSON.stringify(OUTCOMES.rejected)}' WHERE authorization = ${OF('open')}`);
  });
  const journal = openInProcessJournal(path);
  expect(await journal.lapse(T0 + LEASE_MS - 1, 10)).toEqual({ lapsed: [], unconcluded: [] });
  for (let run = 0; run < 2; run += 1) {
    const found = await journal.lapse(T0 + LEASE_MS, 10);
    expect(found).toMatchObject({
      lapsed: run === 0 ? [{ authorizationId: 'negative' }] : [],
      unconcluded: [{ id: 'open', version: 1, attempts: [{ outcome: OUTCOMES.rejected }] }],
    });
  }
  const conclusion = { ...sampleConclusion('open', null, 'failed'), actor: 'recovery' };
  expect(await journal.conclude(conclusion)).toEqual({ kind: 'written', version: 2 });
  expect(await journal.lapse(T0 + LEASE_MS, 10)).toEqual({ lapsed: [], unconcluded: [] });
  expect(await journal.findAuthorization('open')).toMatchObject({ status: 'failed', open: false });
  await journal.close();
});

test('a listing that hardly matches looks at a bounded number of rows, and goes on from there', async () => {
  const journal = openInProcessJournal(path);
  await journal.open(sampleOpening('first'));
  await journal.conclude(sampleConclusion('first', OUTCOMES.declined, 'declined'));
  await journal.close();
  const database = openDatabase({ path });
  database.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20500)
    INSERT INTO authorizations (id, account, merchant, reference, live, amount, currency, trace_id,
      created_at_ms)
      SELECT 'auth_' || i, 'acme', 'acme-eu', 'bulk-' || i, 0, 1, 'EUR', 't', 1 FROM n;
    INSERT INTO events (authorization, number, at_ms, actor, kind, data)
      SELECT sequence, 1, 1, 'gateway', 'opened', '{}' FROM authorizations WHERE reference LIKE 'bulk-%'`);
  database.close();
  const again = openInProcessJournal(path);
  const filter = { account: 'acme', merchants: 'all', status: 'declined', limit: 10 } as const;
  const page = await again.listAuthorizations(filter);
  expect(page.data).toEqual([]);
  expect(page.nextCursor).not.toBeNull();
  const next = await again.listAuthorizations({ ...filter, cursor: page.nextCursor ?? '' });
  expect(next.data.map((found) => found.id)).toEqual(['first']);
  expect(next.nextCursor).toBeNull();
  await again.close();
});
