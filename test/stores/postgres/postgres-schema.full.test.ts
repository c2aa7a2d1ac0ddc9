import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDefiniteNegative } from '../../../src/core/attempt.ts';
import { AUTHORIZATION_STATUSES, HOLDS_PAYMENT } from '../../../src/core/authorization.ts';
import { mayFollow } from '../../../src/core/transitions.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { OUTCOME_NAMES, OUTCOMES } from '../../contracts/journal-fixtures.ts';
import { fillJournal, GUARD_CASES, type GuardCase } from '../../contracts/journal-guards.ts';
import { connectedTo, type PostgresServer, startPostgres } from './postgres-server.ts';

let server: PostgresServer;
let client: pg.Client;

/** A journal with something in every state, opened behind its back. */
beforeAll(async () => {
  server = await startPostgres();
  const url = await server.database();
  const journal = await openPostgresJournal({ url, migrate: 'off', poolSize: 4, clock: systemClock });
  await fillJournal(journal);
  await journal.close();
  client = await connectedTo(url);
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

/** In the words of Postgres; what SQLite alone can do is left out. */
const CASES: readonly GuardCase[] = [
  ...GUARD_CASES.filter(([, sql]) => !sql.startsWith('REPLACE')).map(
    ([what, sql, why]): GuardCase => [what, translated(sql), reason(why)],
  ),
  [
    'an exposure of a phase of another experiment',
    `INSERT INTO exposures ("authorization", experiment, arm, unit, phase, propensity, at_ms)
     SELECT max(sequence), 'y', 'a', 'u', 1, 1, 1 FROM authorizations`,
    /phase of its experiment/,
  ],
  [
    'an exposure of a decision of a phase that is not there',
    `INSERT INTO decision_exposures (decision, experiment, arm, unit, phase, propensity, at_ms)
     SELECT max(sequence), 'x', 'a', 'u', 99, 1, 1 FROM decisions`,
    /phase of its experiment/,
  ],
];

function translated(sql: string): string {
  return sql
    .replaceAll(/\bauthorization\b/g, '"authorization"')
    .replaceAll(/json_set\(outcome, '\$\.(\w+)', 'x'\)/g, `jsonb_set(outcome::jsonb, '{$1}', '"x"')::text`)
    .replaceAll(/json_set\(outcome, '\$\.(\w+)', 1\)/g, `jsonb_set(outcome::jsonb, '{$1}', '1')::text`)
    .replaceAll(/randomblob\((\d+)\)/g, "decode(repeat('ab', $1), 'hex')");
}

/** What are rows of a table on SQLite, which others refer to, are checks here. */
function reason(why: RegExp): RegExp {
  if (why.source === 'UNIQUE') return /unique constraint/;
  if (why.source === 'CHECK') return /check constraint/;
  if (why.source === 'FOREIGN KEY') {
    return /foreign key constraint|authorizations_status_holds|attempts_outcome_kind/;
  }
  return why;
}

/** Tries it, takes it back, and returns what Postgres said; null when it was done. */
async function refusalOf(...statements: readonly string[]): Promise<string | null> {
  await client.query('BEGIN');
  try {
    for (const sql of statements) await client.query(sql);
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.query('ROLLBACK');
  }
}

describe('the schema refuses, whatever the code above it does', () => {
  test.each(CASES)('%s', async (_what, sql, why) => {
    expect(await refusalOf(sql)).toMatch(why);
  });

  test('every trigger and every unique index is missed when it is taken away', async () => {
    const { rows: guards } = await client.query<{ name: string; drop: string; text: string }>(`
      SELECT t.tgname AS name, format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) AS drop,
        pg_get_triggerdef(t.oid) || p.prosrc AS text
      FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
      WHERE NOT t.tgisinternal AND t.tgname NOT LIKE '%_not_emptied'
      UNION ALL
      SELECT c.relname, format('DROP INDEX %I', c.relname), 'duplicate key value violates unique constraint ' || c.relname
      FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
      WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)`);
    expect(guards.length).toBeGreaterThan(60);
    const unmissed: string[] = [];
    for (const { name, drop, text } of guards) {
      // The likeliest cases first: those whose refusal is in the guard's own words.
      const { likely = [], others = [] } = Object.groupBy(CASES, ([, , why]) =>
        why.test(text) ? 'likely' : 'others',
      );
      let isMissed = false;
      for (const [, sql, why] of [...likely, ...others]) {
        isMissed = !why.test((await refusalOf(drop, sql)) ?? '');
        if (isMissed) break;
      }
      if (!isMissed) unmissed.push(name);
    }
    // This one refuses nothing: it keeps the hash of what is purged, which the contract's seals need.
    expect(unmissed).toEqual(['events_purged']);
  }, 120_000);

  test('no table is emptied at once, but those whose rows may change', async () => {
    const { rows } = await client.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
    );
    const emptied: string[] = [];
    for (const { name } of rows) {
      const refusal = await refusalOf(`TRUNCATE ${name} CASCADE`);
      if (refusal === null) emptied.push(name);
      else expect(refusal).toBe('the journal is never emptied');
    }
    expect(rows.length).toBeGreaterThan(25);
    expect(emptied).toEqual(['bandit_shares', 'duties', 'pings', 'schema_migrations']);
  });
});

describe('the schema knows what core knows', () => {
  test('which states hold their payment, and are unsettled', async () => {
    for (const status of AUTHORIZATION_STATUSES) {
      for (const holds of [0, 1]) {
        const sql = `
          ALTER TABLE authorizations DISABLE TRIGGER USER;
          UPDATE authorizations SET status = '${status}', holds_payment = ${holds}, unsettled = 1, reference = 'other'
          WHERE id = 'auth_open'`;
        const refusal = await refusalOf(sql);
        if (HOLDS_PAYMENT[status] === (holds === 1)) expect(refusal, `${status} ${holds}`).toBeNull();
        else expect(refusal, `${status} ${holds}`).toMatch(/authorizations_status_holds/);
      }
    }
  });

  test('which state may follow which', async () => {
    const { rows } = await client.query('SELECT from_status, to_status FROM status_transitions');
    const known = new Set(rows.map((row) => `${row.from_status} ${row.to_status}`));
    for (const from of AUTHORIZATION_STATUSES) {
      for (const to of AUTHORIZATION_STATUSES) {
        if (from !== to) expect(known.has(`${from} ${to}`), `${from} to ${to}`).toBe(mayFollow(from, to));
      }
    }
    expect(known.size).toBe(rows.length);
  });

  test('every outcome has its place, and is a definite negative when it says so', async () => {
    for (const name of OUTCOME_NAMES) {
      const { kind } = OUTCOMES[name];
      const negative = isDefiniteNegative(OUTCOMES[name]) ? 1 : 0;
      const sql = `
        ALTER TABLE attempts DISABLE TRIGGER USER;
        UPDATE attempts SET outcome_kind = '${kind}', outcome = '{}', negative = ${negative}`;
      expect(await refusalOf(sql), name).toBeNull();
    }
  });
});

describe('the plans of what is asked often', () => {
  test.each([
    ['work that is due', 'work_due', 'SELECT 1 FROM work WHERE due_at_ms IS NOT NULL AND due_at_ms <= 1'],
    [
      'a payment that is held',
      'authorizations_holding',
      "SELECT 1 FROM authorizations WHERE reference = 'r' AND merchant = 'm' AND holds_payment = 1",
    ],
    [
      'what is to be purged',
      'authorizations_purgeable',
      `SELECT 1 FROM authorizations WHERE (holds_payment = 0 OR status = 'refunded') AND purged_before_ms IS NULL
        AND created_at_ms < 1`,
    ],
    [
      'the attempts with a card',
      'attempts_by_card',
      "SELECT 1 FROM attempts WHERE card_key = 'k' AND scheme_counts = 1 AND started_at_ms > 1",
    ],
    [
      'the keys of an authorization',
      'claims_by_authorization',
      'SELECT 1 FROM claims WHERE "authorization" = 1',
    ],
    [
      'a history',
      'events_authorization_number_key',
      'SELECT 1 FROM events WHERE "authorization" = 1 AND number > 1',
    ],
  ])('%s is found by %s', async (_what, index, sql) => {
    await client.query('BEGIN; SET LOCAL enable_seqscan = off');
    const { rows } = await client.query(`EXPLAIN ${sql}`);
    await client.query('ROLLBACK');
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain(index);
  });
});
