import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Journal, Opening, SchemeCheck } from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { eventHash } from '../../../src/stores/event-hash.ts';
import { openPostgresJournal, type PoolLoad } from '../../../src/stores/postgres/postgres-journal.ts';
import type { ObservedBatch } from '../../../src/stores/postgres/postgres-writes.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  sampleBegin,
  sampleConclusion,
  sampleFinding,
  sampleOpening,
  sampleStep,
  T0,
  written,
} from '../../contracts/journal-fixtures.ts';
import { eventually } from '../../support/eventually.ts';
import { connectedTo, type PostgresServer, startPostgres } from './postgres-server.ts';

// Several gateways on one database.

let server: PostgresServer;
let url: string;
let pods: readonly [Journal, Journal];
let batches: ObservedBatch[];
let loads: (() => readonly PoolLoad[])[];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

beforeEach(async () => {
  url = await server.database();
  batches = [];
  loads = [];
  pods = [await pod(), await pod()];
});
afterEach(async () => {
  await Promise.all(pods.map((journal) => journal.close()));
  await server.drop(url);
});

const pod = () =>
  openPostgresJournal({
    url,
    migrate: 'off',
    poolSize: 8,
    clock: systemClock,
    times: { lockMs: 20_000, statementMs: 30_000 },
    observeBatch: (batch) => batches.push(batch),
    onPools: (load) => loads.push(load),
  });

const counts = (kinds: readonly string[]) =>
  Object.fromEntries(Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([k, v]) => [k, v?.length]));

/** Each opening at both pods, all at once. */
const openAll = async (openings: readonly Opening[]) => {
  const results = await Promise.all(openings.map((opening, index) => pods[index % 2]?.open(opening)));
  return counts(results.map((result) => result?.kind ?? 'none'));
};

const rows = async (sql: string) => server.query(url, sql);

describe('two gateways', () => {
  test('two hundred openings of one payment: one is opened', async () => {
    const openings = Array.from({ length: 200 }, (_, index) =>
      sampleOpening(`auth_${'abcdefghij'.charAt(index % 10)}${Math.floor(index / 10)}`, {
        request: { reference: 'order-one' },
      }),
    );
    expect(await openAll(openings)).toEqual({ opened: 1, payment_live: 199 });
    expect(await rows('SELECT count(*)::integer AS n FROM attempts')).toEqual([{ n: 1 }]);
    // They went together: far fewer commits than commands, none of which failed.
    expect(batches.length).toBeLessThan(100);
    expect(batches.every(({ committed }) => committed)).toBe(true);
  });

  test('tell how busy their connections are', async () => {
    const [load] = loads;
    const idle = [
      { pool: 'reads', size: 5, inUse: 0, waiting: 0 },
      { pool: 'writes', size: 3, inUse: 0, waiting: 0 },
    ];
    expect(load?.()).toEqual(idle);
    const reading = Promise.all(Array.from({ length: 9 }, () => pods[0].countUnsettled()));
    const writing = pods[0].open(sampleOpening('auth_busy'));
    expect(load?.()[0]).toEqual({ pool: 'reads', size: 5, inUse: 5, waiting: 4 });
    await Promise.all([reading, writing]);
    expect(load?.()).toEqual(idle);
  });

  test('one key, a hundred callers: one is opened, and the others are told by which', async () => {
    const openings = Array.from({ length: 100 }, (_, index) =>
      sampleOpening(`auth_n${index}`, { key: 'one-key' }),
    );
    expect(await openAll(openings)).toEqual({ opened: 1, claimed: 99 });
    expect(await rows('SELECT count(*)::integer AS n FROM authorizations')).toEqual([{ n: 1 }]);
  });

  test('the ceiling of a card holds, however many try at once', async () => {
    const limits = [{ name: 'fifteen_a_day', windowMs: 86_400_000, max: 15, sameAmount: false }];
    const scheme: SchemeCheck = { cardKey: 'card-one', limits, nowMs: T0 };
    const openings = Array.from({ length: 120 }, (_, index) => sampleOpening(`auth_n${index}`, { scheme }));
    expect(await openAll(openings)).toEqual({ opened: 15, scheme_stop: 105 });
  });

  test('of many changes of one version one is made, and its history has no gap and no fork', async () => {
    const before = await opened(pods[0], 'auth_one');
    const step = sampleConclusion(before, OUTCOMES.approved);
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, index) => pods[index % 2]?.advance(step)),
    );
    expect(counts(results.map((result) => result?.kind ?? 'none'))).toEqual({ written: 1, stale: 59 });
    const history = await rows(
      `SELECT e.number, e.hash, a.last_hash FROM events AS e JOIN authorizations AS a ON a.sequence = e."authorization"
       ORDER BY e.number`,
    );
    expect(history.map(({ number }) => number)).toEqual([1, 2]);
    expect(history[1]?.['hash']).toBe(history[1]?.['last_hash']);
  });

  test('of many captures under one key one is begun', async () => {
    const before = await concluded(pods[0], 'auth_one');
    const claim = {
      scope: { account: 'acme', merchant: 'acme-eu', operation: 'capture auth_one', key: 'k' },
      bodyFingerprint: 'f',
    };
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        pods[index % 2]?.advance(sampleBegin(before, { amount: 100 }, { claim })),
      ),
    );
    const { written: begun, ...others } = counts(results.map((result) => result?.kind ?? 'none'));
    expect(begun).toBe(1);
    expect(others).toEqual({ claimed: 39 });
  });

  test('what the schema refuses fails alone; those beside it are written', async () => {
    const spoilt = await concluded(pods[0], 'auth_spoilt', OUTCOMES.declined);
    // Behind the product's back: core would never say so.
    const forbidden = sampleStep(spoilt, { ...spoilt, status: 'captured', version: spoilt.version + 1 });
    const results = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, index) => opened(pods[0], `auth_a${index}`)),
      pods[0].advance(forbidden),
      ...Array.from({ length: 20 }, (_, index) => opened(pods[0], `auth_b${index}`)),
    ]);
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(String(failed[0]?.reason)).toMatch(/JournalError: .*may not follow.* \(met by advance\)$/);
    const refused = batches.filter(({ committed }) => !committed);
    expect(refused.length).toBeGreaterThan(0);
    // Those of the batch that was refused first went again, each alone.
    expect(refused[0]?.again).toBe(refused[0]?.commands);
    const alone = batches.filter(({ commands }) => commands === 1).length;
    expect(alone).toBeGreaterThanOrEqual(refused.reduce((sum, { again }) => sum + again, 0));
    expect(batches.every(({ tookMs }) => tookMs > 0 && tookMs < 30_000)).toBe(true);
    expect(await rows("SELECT count(*)::integer AS n FROM authorizations WHERE status = 'pending'")).toEqual([
      { n: 40 },
    ]);
  });

  test('a text that Postgres cannot hold is refused alone, and nothing of it is written', async () => {
    const results = await Promise.allSettled([
      opened(pods[0], 'auth_before'),
      opened(pods[0], 'auth_zero', { request: { reference: 'a\u0000b' } }),
      opened(pods[0], 'auth_half', { request: { reference: 'a\ud800b' } }),
      opened(pods[0], 'auth_after'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(await rows('SELECT id FROM authorizations ORDER BY id')).toEqual([
      { id: 'auth_after' },
      { id: 'auth_before' },
    ]);
  });

  test('hashes are those of every journal, to the byte: emoji, escapes, halves of characters', async () => {
    const before = await opened(pods[0], 'auth_one');
    const words = ['🙂', 'é\u2028"\\', '\u0000', '\ud800', '\t'];
    const step = sampleConclusion(before, OUTCOMES.approved);
    await written(pods[0], { ...step, event: { ...step.event, data: { words, Ключ: '𝒳' } } });
    const events = await rows('SELECT * FROM events ORDER BY number');
    expect(events).toHaveLength(2);
    let previous: string | null = null;
    for (const row of events) {
      const event = {
        number: Number(row['number']),
        atMs: Number(row['at_ms']),
        actor: String(row['actor']),
        kind: String(row['kind']),
        data: String(row['data']),
        answerStatus: row['answer_status'] as number | null,
        answerBody: row['answer_body'] as string | null,
      };
      previous = eventHash(previous, 'auth_one', event);
      expect(row['hash']).toBe(previous);
    }
    expect(JSON.parse(String(events[1]?.['data']))).toMatchObject({ words });
    const history = await pods[1].history('auth_one');
    expect(history[1]?.data).toMatchObject({ words });
  });

  test('both seal: no event twice, none left out', async () => {
    for (let index = 0; index < 20; index += 1) await opened(pods[0], `auth_n${index}`);
    const seals = await Promise.all(Array.from({ length: 8 }, (_, index) => pods[index % 2]?.seal(T0, 3)));
    expect(
      seals
        .filter((seal) => seal !== null)
        .map((seal) => seal?.number)
        .sort(),
    ).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await rows('SELECT max(through_event)::integer AS n FROM seals')).toEqual([{ n: 20 }]);
  });

  test('both purge: each authorization once', async () => {
    for (let index = 0; index < 12; index += 1) await concluded(pods[0], `auth_n${index}`, OUTCOMES.declined);
    const purged = await Promise.all(pods.map((journal) => journal.purge(T0 + 1_000_000, 100)));
    const again = await pods[0].purge(T0 + 1_000_000, 100);
    expect(purged.reduce((sum, count) => sum + count, again)).toBe(11);
    expect(await rows('SELECT count(*)::integer AS n FROM authorizations')).toEqual([{ n: 1 }]);
  });

  test('all make one secret', async () => {
    const secrets = await Promise.all([...pods, ...pods].map((journal) => journal.secret()));
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1);
  });
});

describe('an event that is committed after a later one', () => {
  test('is sealed and told once, in the order of its authorization', async () => {
    const subscription = {
      endpoint: 'orders',
      account: 'acme',
      types: 'all',
      includesAnswered: true,
    } as const;
    await pods[0].makeDeliveries(subscription, T0, 100);
    const work = { step: 0, failures: 0, dueAtMs: T0, lease: null };
    const late = await concluded(pods[0], 'auth_late', OUTCOMES.unknown, { step: { work } });
    await expect(pods[0].seal(T0, 100)).resolves.toMatchObject({ throughEvent: 2 });
    const letGo = await lockWork();
    const writing = written(pods[0], sampleFinding(late, 1, OUTCOMES.declined, { work: null }));
    await eventually('the number of the late event is drawn', async () => {
      const [row] = await rows("SELECT pg_sequence_last_value('events_sequence_seq')::integer AS n");
      return row?.['n'] === 3 ? true : null;
    });
    await concluded(pods[1], 'auth_soon');
    expect(await rows('SELECT count(*)::integer AS n, max(sequence)::integer AS max FROM events')).toEqual([
      { n: 4, max: 5 },
    ]);
    // A number between them is drawn, and its event is not there: nothing may pass by it.
    await expect(pods[0].seal(T0, 100)).resolves.toBeNull();
    await pods[0].makeDeliveries(subscription, T0, 100);
    const early = await rows('SELECT "authorization" FROM deliveries');
    expect(early.every((row) => Number(row['authorization']) === 1)).toBe(true);

    await letGo();
    await writing;
    await pods[0].makeDeliveries(subscription, T0, 100);
    await pods[1].makeDeliveries(subscription, T0, 100);
    await pods[0].seal(T0, 100);
    expect(await rows('SELECT max(through_event)::integer AS n FROM seals')).toEqual([{ n: 5 }]);
    const told = await rows(
      'SELECT "authorization", number, count(*)::integer AS n FROM deliveries GROUP BY 1, 2',
    );
    expect(told.every(({ n }) => n === 1)).toBe(true);
    expect(told.map((row) => Number(row['authorization']))).toEqual(expect.arrayContaining([1, 2]));
  });
});

/** Whoever ends work waits: after the number of its event is drawn, and before it is committed. */
async function lockWork(): Promise<() => Promise<void>> {
  const client = await connectedTo(url);
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM work FOR UPDATE');
  return async () => {
    await client.query('COMMIT');
    await client.end();
  };
}
