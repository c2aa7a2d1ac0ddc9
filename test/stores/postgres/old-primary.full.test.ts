import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { opened, sampleOpening } from '../../contracts/journal-fixtures.ts';
import { migrated, type PostgresServer, startPostgres } from './postgres-server.ts';
import { atHosts } from './postgres-standby.ts';
import { StandbyPair } from './standby-pair.ts';

// Two servers that can both be written to: a primary that was taken for dead, and the copy that was promoted in its place. What
// one of them has confirmed since the other does not know: a payment that is asked for at both would be charged twice.

let primary: PostgresServer;
beforeAll(async () => {
  primary = await startPostgres();
  const url = await primary.database();
  await migrated(url, 'auto', { roles: true });
  await primary.query(url, "CREATE ROLE pod LOGIN PASSWORD 'secret' IN ROLE pointsman_run");
});
afterAll(() => primary.stop());

const OLDER = /another was promoted in its place/;

/** As a gateway does, whose address stands there since before: the old primary first. */
function open(pair: StandbyPair, statementMs = 500) {
  const url = atHosts(pair.url, [pair.primary.port, pair.standby.port]);
  return openPostgresJournal({
    url: url.replace(/\/\/[^@]*@/, '//pod:secret@'),
    migrate: 'off',
    poolSize: 4,
    clock: systemClock,
    times: { connectMs: 1_000, statementMs },
  });
}

test('one that comes back is not gone back to, by a process that runs or by one that starts', async () => {
  await using pair = await StandbyPair.start(primary);
  await migrated(pair.url, 'auto', { roles: true });
  const journal = await open(pair);
  await opened(journal, 'auth_before');
  await pair.caughtUp();
  await pair.failOver();
  expect(await journal.open(sampleOpening('auth_since'))).toEqual({ kind: 'opened' });
  await primary.start();
  // So that new connections have to be made.
  const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pointsman'";
  await primary.query(pair.standby.at(pair.url), end);
  const fresh = await open(pair);
  for (const each of [journal, fresh]) {
    expect(await each.open(sampleOpening('auth_since'))).toMatchObject({ kind: 'claimed' });
    expect(await each.findAuthorization('auth_since')).not.toBeNull();
  }
  await pair.standby.kill();
  for (const each of [journal, fresh]) {
    await expect(each.ping()).rejects.toThrow();
    await expect(each.ping()).rejects.toThrow(OLDER);
    await each.close();
  }
});

test('one that stood still is not asked on the connections that were open', async () => {
  await using pair = await StandbyPair.start(primary);
  await migrated(pair.url, 'auto', { roles: true });
  const journal = await open(pair);
  const before = await opened(journal, 'auth_before');
  const askAll = () =>
    Promise.allSettled(Array.from({ length: 6 }, () => journal.findAuthorization('auth_since')));
  await askAll();
  await pair.caughtUp();
  primary.freeze();
  await pair.standby.promote();
  // What was sent to it meanwhile it still carries out, when it wakes: for itself.
  await expect(journal.open(sampleOpening('auth_late'))).rejects.toThrow(/not known to be written/);
  expect(await journal.open(sampleOpening('auth_since'))).toEqual({ kind: 'opened' });
  primary.thaw();
  const found = (await askAll()).flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  expect(found.filter((each) => each === null)).toEqual([]);
  // Once each connection has been found out, all is as ever.
  expect(await journal.findAuthorization('auth_before')).toEqual(before);
  expect((await askAll()).map(({ status }) => status)).toEqual(Array(6).fill('fulfilled'));
  await journal.close();
});

test('one that stood still is not believed either, of what it was asked before', async () => {
  await using pair = await StandbyPair.start(primary);
  await migrated(pair.url, 'auto', { roles: true });
  const journal = await open(pair, 20_000);
  await opened(journal, 'auth_before');
  const findTwice = () => [1, 2].map(() => journal.findAuthorization('auth_since'));
  await Promise.all(findTwice());
  await pair.caughtUp();
  primary.freeze();
  const late = Promise.allSettled([...findTwice(), journal.open(sampleOpening('auth_late'))]);
  await pair.standby.promote();
  const other = await open(pair);
  const since = await opened(other, 'auth_since');
  await other.close();
  // Over a connection of its own to the one that was promoted: the others still wait for their answers.
  expect(await journal.findAuthorization('auth_since')).toEqual(since);
  primary.thaw();
  expect((await late).map((each) => (each.status === 'rejected' ? String(each.reason) : each.value))).toEqual(
    [
      expect.stringMatching(OLDER),
      expect.stringMatching(OLDER),
      expect.stringMatching(/^JournalError: not known to be written: .*another was promoted in its place/),
    ],
  );
  await journal.close();
});
