import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDefiniteNegative } from '../../../src/core/attempt.ts';
import { AUTHORIZATION_STATUSES, HOLDS_PAYMENT } from '../../../src/core/authorization.ts';
import { OPERATION_KINDS, OPERATION_PURPOSES, OPERATION_STATUSES } from '../../../src/core/operation.ts';
import { mayFollow } from '../../../src/core/transitions.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { openDatabase } from '../../../src/stores/sqlite/sqlite-database.ts';
import { HISTORY_PAGE, STATUS_BEFORE } from '../../../src/stores/sqlite/sqlite-reads.ts';
import { concluded, NEGATIVE, OUTCOME_NAMES, OUTCOMES, opened } from '../../contracts/journal-fixtures.ts';
import { fillJournal, GUARD_CASES } from '../../contracts/journal-guards.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

let folder: TemporaryFolder;
let database: DatabaseSync;

/** A journal with something in every state, opened behind its back. */
beforeAll(async () => {
  folder = temporaryFolder();
  const path = join(folder.path, 'journal.sqlite');
  const journal = openInProcessJournal(path);
  await fillJournal(journal);
  await journal.close();
  database = openDatabase({ path });
});
afterAll(() => {
  database.close();
  folder.remove();
});

/** Tries it, takes it back, and returns what SQLite said; null when it was done. */
function refusalOf(...statements: readonly string[]): string | null {
  database.exec('SAVEPOINT attempt');
  try {
    for (const sql of statements) database.exec(sql);
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    database.exec('ROLLBACK TO attempt; RELEASE attempt');
  }
}

describe('the schema refuses, whatever the code above it does', () => {
  test.each(GUARD_CASES)('%s', (_what, sql, why) => {
    expect(refusalOf(sql)).toMatch(why);
  });

  test('every trigger and every unique index is missed when it is taken away', () => {
    const guards = database
      .prepare(
        `SELECT type, name, tbl_name AS owner, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type = 'trigger'
          OR (type = 'index' AND sql LIKE 'CREATE UNIQUE%'))`,
      )
      .all();
    expect(guards.length).toBeGreaterThan(40);
    const unmissed = guards.filter(({ type, name, owner, sql: guard }) => {
      // The likeliest cases first: those whose refusal is in the guard's own words, or about its table.
      const { likely = [], others = [] } = Object.groupBy(GUARD_CASES, ([, , why]) =>
        why.test(String(guard)) || why.test(`UNIQUE constraint failed: ${owner}`) ? 'likely' : 'others',
      );
      return [...likely, ...others].every(([, sql, why]) =>
        why.test(refusalOf(`DROP ${type} ${name}`, sql) ?? ''),
      );
    });
    // This one refuses nothing: it keeps the hash of what is purged, which the contract's seals need.
    expect(unmissed.map(({ name }) => name)).toEqual(['events_purged']);
    // Every case is tried without every guard.
  }, 60_000);
});

describe('the schema knows what core knows', () => {
  test('which states hold their payment', () => {
    const rows = database.prepare('SELECT status, holds_payment FROM authorization_statuses').all();
    const held = Object.fromEntries(rows.map((row) => [row['status'], row['holds_payment'] === 1]));
    expect(held).toEqual(HOLDS_PAYMENT);
  });

  test('which state may follow which', () => {
    const rows = database.prepare('SELECT from_status, to_status FROM status_transitions').all();
    const known = new Set(rows.map((row) => `${row['from_status']} ${row['to_status']}`));
    for (const from of AUTHORIZATION_STATUSES) {
      for (const to of AUTHORIZATION_STATUSES) {
        if (from !== to) expect(known.has(`${from} ${to}`), `${from} to ${to}`).toBe(mayFollow(from, to));
      }
    }
    expect(known.size).toBe(rows.length);
  });

  test('every outcome has its place, and is a definite negative when it says so', () => {
    const find = database.prepare('SELECT 1 FROM outcome_kinds WHERE kind = ? AND negative = ?');
    for (const name of OUTCOME_NAMES) {
      const negative = isDefiniteNegative(OUTCOMES[name]);
      expect(negative, name).toBe(NEGATIVE.includes(name));
      expect(find.get(OUTCOMES[name].kind, negative ? 1 : 0), name).toBeDefined();
    }
  });

  test('kinds, purposes and states of operations', () => {
    const sql = String(
      database.prepare("SELECT sql FROM sqlite_master WHERE name = 'operations'").get()?.['sql'],
    );
    for (const word of [...OPERATION_KINDS, ...OPERATION_PURPOSES, ...OPERATION_STATUSES]) {
      expect(sql).toContain(`'${word}'`);
    }
  });
});

describe('the plans of what is asked often', () => {
  test.each([
    ['work that is due', 'work_due', 'SELECT 1 FROM work WHERE due_at_ms IS NOT NULL AND due_at_ms <= 1'],
    [
      'what is to be purged',
      'authorizations_purgeable',
      `SELECT 1 FROM authorizations WHERE (holds_payment = 0 OR status = 'refunded') AND purged_before_ms IS NULL
        AND created_at_ms < 1`,
    ],
    [
      'the keys of an authorization',
      'claims_by_authorization',
      'SELECT 1 FROM claims WHERE authorization = 1',
    ],
    ['a page of a history', 'sqlite_autoindex_events_1 (authorization=? AND number>?)', HISTORY_PAGE],
    ['the status before it', 'sqlite_autoindex_events_1 (authorization=? AND number<?)', STATUS_BEFORE],
  ])('%s is found by %s', (_what, index, sql) => {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    const details = plan.map((row) => String(row['detail'])).join();
    expect(details).toContain(index);
    expect(details, 'every row is found, and in order').not.toMatch(/SCAN|TEMP B-TREE/);
  });
});

test('a database of a newer version is refused, and left as it is', async () => {
  const own = temporaryFolder();
  const path = join(own.path, 'journal.sqlite');
  const journal = openInProcessJournal(path);
  await opened(journal, 'auth_one');
  await journal.close();
  const newer = new DatabaseSync(path);
  newer.exec("INSERT INTO schema_migrations (number, name) VALUES (99, '0099-later.sql')");
  newer.close();
  expect(() => openInProcessJournal(path)).toThrow(/schema 99, this version knows \d+.*start the version/);
  const after = new DatabaseSync(path);
  expect(after.prepare('SELECT count(*) AS n FROM authorizations').get()?.['n']).toBe(1);
  after.close();
  own.remove();
});

test('a listing that hardly matches looks at a bounded number of rows, and goes on from there', async () => {
  const own = temporaryFolder();
  const path = join(own.path, 'journal.sqlite');
  const journal = openInProcessJournal(path);
  await concluded(journal, 'auth_first', OUTCOMES.declined);
  await journal.close();
  const behind = openDatabase({ path });
  behind.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20500)
    INSERT INTO authorizations (id, account, merchant, reference, live, amount, currency, trace_id,
      created_at_ms)
      SELECT 'auth_' || i, 'acme', 'acme-eu', 'bulk-' || i, 0, 1, 'EUR', 't', 1 FROM n;
    INSERT INTO events (authorization, number, at_ms, actor, kind, data, hash)
      SELECT sequence, 1, 1, 'gateway', 'opened', '{}', 'h' FROM authorizations WHERE reference LIKE 'bulk-%'`);
  behind.close();
  const again = openInProcessJournal(path);
  const filter = { account: 'acme', merchants: 'all', status: 'declined', limit: 10 } as const;
  const page = await again.listAuthorizations(filter);
  expect(page.data).toEqual([]);
  expect(page.nextCursor).not.toBeNull();
  const next = await again.listAuthorizations({ ...filter, cursor: page.nextCursor ?? '' });
  expect(next.data.map((found) => found.id)).toEqual(['auth_first']);
  expect(next.nextCursor).toBeNull();
  await again.close();
  own.remove();
});

test('a file that is no database is refused with its name', () => {
  const own = temporaryFolder();
  const path = join(own.path, 'journal.sqlite');
  writeFileSync(path, 'no database, but long enough to be taken for one'.repeat(100));
  expect(() => openInProcessJournal(path)).toThrow(/journal\.sqlite: /);
  own.remove();
});
