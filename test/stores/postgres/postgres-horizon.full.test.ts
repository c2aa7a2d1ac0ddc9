import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EventSubscription, HeldBack, Journal } from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { recordedFrom } from '../../../src/stores/recorded-text.ts';
import { concluded, OUTCOMES, opened, sampleFinding, T0, written } from '../../contracts/journal-fixtures.ts';
import { connectedTo, type PostgresServer, startPostgres } from './postgres-server.ts';

// What readers that go on in the order of the rows do while somebody's transaction stays open.

const ORDERS: EventSubscription = {
  endpoint: 'orders',
  account: 'acme',
  types: 'all',
  includesAnswered: false,
};
const NOW = T0 + 10_000;

let server: PostgresServer;
let url: string;
let journal: Journal;
let told: (HeldBack | null)[];
let forgotten: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

beforeEach(async () => {
  url = await server.database();
  told = [];
  journal = await open();
  forgotten = await connectedTo(url, { application_name: 'psql' });
});
afterEach(async () => {
  await forgotten.end();
  await journal.close();
});

const open = () =>
  openPostgresJournal({
    url,
    migrate: 'off',
    poolSize: 6,
    clock: systemClock,
    onHeldBack: (held) => told.push(held),
  });

/** Leaves a transaction open that has drawn a number of the events, or may have. */
const forget = () => forgotten.query('BEGIN; DELETE FROM events WHERE false');

const resolved = async (id: string) => {
  const pending = await concluded(journal, id, OUTCOMES.unknown);
  await written(journal, sampleFinding(pending, 1, OUTCOMES.approved));
};

describe('a transaction that stays open on the events', () => {
  test('holds deliveries and seals back, is told with who has it, and nothing is lost once it ends', async () => {
    await journal.makeDeliveries(ORDERS, NOW, 100);
    await resolved('auth_before');
    expect(await journal.makeDeliveries(ORDERS, NOW, 100)).toBe(3);
    expect(await journal.seal(NOW, 100)).toMatchObject({ throughEvent: 3 });
    expect(told).toEqual([]);
    await forget();
    await resolved('auth_meanwhile');
    expect(await journal.makeDeliveries(ORDERS, NOW, 100)).toBe(0);
    expect(await journal.seal(NOW, 100)).toBeNull();
    const [{ pid } = {}] = await server.query(
      url,
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'psql'",
    );
    expect(told).toHaveLength(2);
    expect(told[0]?.forMs).toBeGreaterThan(999);
    expect(told[1]?.by).toMatchObject({
      pid,
      user: 'postgres',
      application: 'psql',
      state: 'idle in transaction',
      openForMs: expect.any(Number),
    });
    // Who was waited for in vain is not waited for again: each look at it would be a hundred queries.
    const begunMs = performance.now();
    await journal.makeDeliveries(ORDERS, NOW, 100);
    expect(performance.now() - begunMs).toBeLessThan(900);
    await forgotten.query('ROLLBACK');
    expect(await journal.makeDeliveries(ORDERS, NOW, 100)).toBe(3);
    expect(await journal.seal(NOW, 100)).toMatchObject({ throughEvent: 6 });
    expect(told.at(-1)).toBeNull();
    expect(told.filter((held) => held === null)).toHaveLength(1);
  });

  test('holds back a process that starts meanwhile, which is no failure of the journal', async () => {
    await forget();
    await resolved('auth_meanwhile');
    const second = await open();
    expect(await second.makeDeliveries(ORDERS, NOW, 100)).toBe(0);
    expect(await second.seal(NOW, 100)).toBeNull();
    expect(told.length).toBeGreaterThan(0);
    await forgotten.query('ROLLBACK');
    expect(await second.seal(NOW, 100)).toMatchObject({ throughEvent: 3 });
    // It begins at the present, once that is known.
    expect(await second.makeDeliveries(ORDERS, NOW, 100)).toBe(0);
    await resolved('auth_after');
    expect(await second.makeDeliveries(ORDERS, NOW, 100)).toBe(3);
    await second.close();
  });
});

describe('recorded authorizations, page by page', () => {
  const RANGE = { fromMs: 0, toMs: T0 * 2 };
  const names = (text: string) => recordedFrom(text).map(({ id }) => id);

  /** Opens one by a copy of another, in a transaction that stays open: its number is below those that come after. */
  const beginOne = async () => {
    await forgotten.query('BEGIN');
    await forgotten.query(`
      CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT * FROM authorizations LIMIT 1;
      UPDATE copied SET id = 'auth_slow', reference = 'order-slow',
        sequence = nextval(pg_get_serial_sequence('authorizations', 'sequence'));
      SET LOCAL session_replication_role = replica;
      INSERT INTO authorizations OVERRIDING SYSTEM VALUE SELECT * FROM copied`);
    await forgotten.query(`
      INSERT INTO events ("authorization", number, at_ms, actor, kind, data, hash)
      SELECT a.sequence, 1, e.at_ms, e.actor, e.kind, e.data, e.hash FROM authorizations AS a, events AS e
      WHERE a.id = 'auth_slow' AND e.number = 1 LIMIT 1`);
  };

  test('wait for one that is opened slowly, and do not pass it by', async () => {
    await opened(journal, 'auth_first');
    await beginOne();
    await opened(journal, 'auth_last');
    const reading = journal.recordedPage(RANGE, null, 100);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await forgotten.query('COMMIT');
    expect(names((await reading).text)).toEqual(['auth_first', 'auth_slow', 'auth_last']);
  });

  test('fail and name who holds them up, when it takes too long', async () => {
    await opened(journal, 'auth_first');
    await beginOne();
    await opened(journal, 'auth_last');
    await expect(journal.recordedPage(RANGE, null, 100)).rejects.toThrow(
      /^authorizations are being written by a transaction that stays open \(backend \d+ of postgres "psql" idle in transaction open for \d+ s\)/,
    );
    await forgotten.query('ROLLBACK');
    expect(names((await journal.recordedPage(RANGE, null, 100)).text)).toEqual(['auth_first', 'auth_last']);
  });
});
