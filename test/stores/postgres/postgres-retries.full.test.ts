import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Journal } from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import type { ObservedBatch } from '../../../src/stores/postgres/postgres-writes.ts';
import { opened, sampleConclusion, sampleOpening } from '../../contracts/journal-fixtures.ts';
import { eventually } from '../../support/eventually.ts';
import { connectedTo, type PostgresServer, startPostgres } from './postgres-server.ts';

// What the server refuses because of others is tried again by itself, each command alone, and nothing is written twice.

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

/** As much of a batch as is the same on every machine: commands, committed, again. */
type Sent = readonly [commands: number, committed: boolean, again: number];

interface Watched {
  readonly journal: Journal;
  /** Every batch so far, in order. */
  readonly batches: Sent[];
}

/** A journal that has one batch under way at a time, so that their order is certain. */
async function watched(url: string, times: { readonly lockMs?: number; readonly statementMs?: number } = {}) {
  const batches: Sent[] = [];
  const journal = await openPostgresJournal({
    url,
    migrate: 'off',
    poolSize: 3,
    clock: systemClock,
    times,
    observeBatch: ({ commands, committed, again }: ObservedBatch) => {
      batches.push([commands, committed, again]);
    },
  });
  return { journal, batches } satisfies Watched;
}

/** How often each authorization is there, in every table that its opening writes to. */
const COUNTS = `
  SELECT a.id, (SELECT count(*)::integer FROM attempts WHERE "authorization" = a.sequence) AS attempts,
    (SELECT count(*)::integer FROM claims WHERE "authorization" = a.sequence) AS claims,
    (SELECT count(*)::integer FROM events WHERE "authorization" = a.sequence) AS events
  FROM authorizations AS a ORDER BY a.id`;

const ONCE = { attempts: 1, claims: 1, events: 1 };

describe('a command that the server refuses because of others', () => {
  const ALONE_OK: Sent = [1, true, 0];
  const TRIPPED = 'auth_n2';

  /** `trips`: how often it is refused before it goes through. `sent`: each batch. */
  const CASES: readonly {
    readonly what: string;
    readonly commands: readonly string[];
    readonly trips: number;
    readonly sent: readonly Sent[];
    readonly isWritten: boolean;
  }[] = [
    {
      what: 'once, among others: each of them is written alone',
      commands: ['auth_n0', 'auth_n1', TRIPPED, 'auth_n3'],
      trips: 1,
      sent: [[4, false, 4], ALONE_OK, ALONE_OK, ALONE_OK, ALONE_OK],
      isWritten: true,
    },
    {
      what: 'among others, and once more alone: tried a third time',
      commands: ['auth_n0', 'auth_n1', TRIPPED, 'auth_n3'],
      trips: 2,
      sent: [[4, false, 4], ALONE_OK, ALONE_OK, [1, false, 1], ALONE_OK, ALONE_OK],
      isWritten: true,
    },
    {
      what: 'again and again, among others: it fails, its neighbours are written',
      commands: ['auth_n0', 'auth_n1', TRIPPED, 'auth_n3'],
      trips: 3,
      sent: [[4, false, 4], ALONE_OK, ALONE_OK, [1, false, 1], [1, false, 0], ALONE_OK],
      isWritten: false,
    },
    {
      what: 'once, alone: written',
      commands: [TRIPPED],
      trips: 1,
      sent: [[1, false, 1], ALONE_OK],
      isWritten: true,
    },
    {
      what: 'twice, alone: written',
      commands: [TRIPPED],
      trips: 2,
      sent: [[1, false, 1], [1, false, 1], ALONE_OK],
      isWritten: true,
    },
    {
      what: 'again and again, alone: it fails',
      commands: [TRIPPED],
      trips: 3,
      sent: [
        [1, false, 1],
        [1, false, 1],
        [1, false, 0],
      ],
      isWritten: false,
    },
  ];

  /** Refuses the opening of one authorization as often as is said: a sequence does not come back with what is rolled back. */
  const tripping = (state: string, trips: number) => `
    CREATE SEQUENCE trips;
    CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('trips') <= ${trips} THEN RAISE EXCEPTION 'tripped' USING ERRCODE = '${state}'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER trip BEFORE INSERT ON authorizations FOR EACH ROW WHEN (NEW.id = '${TRIPPED}')
      EXECUTE FUNCTION trip()`;

  const openAll = (journal: Journal, ids: readonly string[]) =>
    Promise.all(
      ids.map((id) =>
        journal.open(sampleOpening(id)).then(
          ({ kind }) => kind,
          (error: unknown) => String(error),
        ),
      ),
    );

  describe.each([
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
  ])('as %s', (_name, state) => {
    test.each(CASES)('$what', async ({ commands, trips, sent, isWritten }) => {
      const url = await server.database();
      await server.query(url, tripping(state, trips));
      const { journal, batches } = await watched(url);
      const told = await openAll(journal, commands);
      const failed = isWritten ? 'opened' : 'JournalError: tripped (met by open)';
      expect(told).toEqual(commands.map((id) => (id === TRIPPED ? failed : 'opened')));
      expect(batches).toEqual(sent);
      const there = commands.filter((id) => isWritten || id !== TRIPPED);
      expect(await server.query(url, COUNTS)).toEqual(there.map((id) => ({ id, ...ONCE })));
      // Refused is not written: whoever repeats it, after the trouble, begins it.
      const again = await openAll(journal, commands);
      expect(again).toEqual(commands.map((id) => (there.includes(id) ? 'claimed' : 'opened')));
      await journal.close();
    });
  });

  test.each([
    [
      ['auth_n0', TRIPPED],
      [[2, false, 2], ALONE_OK, [1, false, 0]],
    ],
    [[TRIPPED], [[1, false, 0]]],
  ] as const)('for a reason that is its own is not tried again alone: %j', async (commands, sent) => {
    const url = await server.database();
    await server.query(url, tripping('23514', 9));
    const { journal, batches } = await watched(url);
    expect((await openAll(journal, commands)).at(-1)).toBe('JournalError: tripped (met by open)');
    expect(batches).toEqual(sent);
    await journal.close();
  });
});

describe('a real deadlock with somebody who locks rows behind the gateway', () => {
  /** How long ours waits before it looks whether it waits in a circle; the other never looks. */
  const OURS_LOOKS_MS = 3_000;

  const CASES = [
    {
      what: 'of two changes in one batch: both are written, each alone',
      ids: ['auth_a', 'auth_b'],
      first: "SELECT 1 FROM authorizations WHERE id = 'auth_b' FOR UPDATE",
      sent: [
        [2, false, 2],
        [1, true, 0],
        [1, true, 0],
      ],
    },
    {
      what: 'of one change alone: it is written when the other lets go',
      ids: ['auth_a'],
      first: "SELECT 1 FROM attempts WHERE id = 'att_a_1' FOR UPDATE",
      sent: [
        [1, false, 1],
        [1, true, 0],
      ],
    },
  ] as const;

  test.each(CASES)('$what', async ({ ids, first, sent }) => {
    const url = await server.database();
    const name = url.slice(url.lastIndexOf('/') + 1);
    await server.query(url, `ALTER DATABASE ${name} SET deadlock_timeout = ${OURS_LOOKS_MS}`);
    const { journal, batches } = await watched(url, { lockMs: 20_000, statementMs: 30_000 });
    const before = await Promise.all(ids.map((id) => opened(journal, id)));
    batches.length = 0;
    const other = await connectedTo(url);
    await other.query("SET deadlock_timeout = '1min'");
    await other.query('BEGIN');
    await other.query(first);
    const writing = Promise.all(before.map((each) => journal.advance(sampleConclusion(each))));
    await eventually('ours has one row, and waits for the other', async () => {
      const sql =
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pointsman' AND wait_event_type = 'Lock'";
      return (await server.query(url, sql)).length > 0 ? true : null;
    });
    // Goes through when ours has been given up: nobody else can end the circle.
    await other.query("SELECT 1 FROM authorizations WHERE id = 'auth_a' FOR UPDATE");
    await other.query('COMMIT');
    await other.end();
    // The road is told what it would have been told without it.
    expect(await writing).toEqual(ids.map(() => ({ kind: 'written', version: 2 })));
    expect(batches).toEqual(sent);
    expect(await server.query(url, COUNTS)).toEqual(ids.map((id) => ({ id, ...ONCE, events: 2 })));
    await journal.close();
  });
});
