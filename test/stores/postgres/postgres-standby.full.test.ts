import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import {
  openPostgresJournal,
  type PostgresJournalOptions,
} from '../../../src/stores/postgres/postgres-journal.ts';
import { concluded, opened, sampleOpening, T0 } from '../../contracts/journal-fixtures.ts';
import { eventually } from '../../support/eventually.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { atHosts, waitForStandby } from './postgres-standby.ts';
import { StandbyPair } from './standby-pair.ts';

// A primary and a real copy that follows it: what may be written to is found, and what a failover keeps and loses.

const NOT_WAITING = /synchronous_standby_names is empty: no commit waits for a copy/;

const open = (url: string, over: Partial<PostgresJournalOptions> = {}) =>
  openPostgresJournal({ url, migrate: 'off', poolSize: 4, clock: systemClock, ...over });

let primary: PostgresServer;
beforeAll(async () => {
  primary = await startPostgres();
});
afterAll(() => primary.stop());

/** Sessions of a journal at one server. */
const sessionsAt = async (url: string): Promise<number> => {
  const sql = "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name = 'pointsman'";
  return Number((await primary.query(url, sql))[0]?.['n']);
};

describe('a copy in recovery', () => {
  let pair: StandbyPair;
  beforeAll(async () => {
    pair = await StandbyPair.start(primary);
  });
  afterAll(() => pair?.[Symbol.asyncDispose]());

  test('alone is refused, and it is said what to name instead', async () => {
    await expect(open(pair.standby.at(pair.url))).rejects.toThrow(
      `the database cannot be used: 127.0.0.1:${pair.standby.port}: it is a copy that cannot be written to: ` +
        'name the primary, or let it be found among several hosts',
    );
  });

  test('named before the primary is passed over, by every connection', async () => {
    const journal = await open(pair.both);
    await Promise.all([journal.ping(), concluded(journal, 'auth_one'), opened(journal, 'auth_two')]);
    expect(await sessionsAt(pair.standby.at(pair.url))).toBe(0);
    expect(await sessionsAt(pair.url)).toBeGreaterThan(1);
    await journal.close();
  });

  test('beside hosts that are away is named with them, each with its reason', async () => {
    await expect(open(atHosts(pair.url, [1, pair.standby.port]))).rejects.toThrow(
      /^the database cannot be used: 127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:\d+: it is a copy that cannot be written to/,
    );
  });

  test.each([
    ['cancelled', 'pg_cancel_backend', /its copies may not have it/],
    ['ended', 'pg_terminate_backend', /terminating connection|closed the connection|Connection terminated/],
  ])('is waited for: a commit that is %s meanwhile is not known to be written', async (how, end, why) => {
    await waitForStandby(primary);
    const told = await toldOfCommit(`auth_${how}`, end);
    expect(told).toMatch(/^JournalError: not known to be written: /);
    expect(told).toMatch(why);
  });

  test('is waited for also where the role or database is set to hear of no warnings', async () => {
    await waitForStandby(primary);
    const name = new URL(pair.url).pathname.slice(1);
    await primary.query(pair.url, `ALTER DATABASE ${name} SET client_min_messages = 'error'`);
    expect(await toldOfCommit('auth_silent', 'pg_cancel_backend')).toMatch(/its copies may not have it/);
  });

  test('is waited for also by the repeat of an event that the copy does not have', async () => {
    await waitForStandby(primary);
    const journal = await open(pair.url);
    const notice = { eventId: 'evt_unreplicated', type: 'paid', attemptId: null, data: {} };
    const keep = () => journal.keepNotice('psp', notice, T0);
    await journal.ping();
    pair.line.setDown(true);
    try {
      for (const _time of ['first', 'repeat']) {
        expect(await toldWhenEnded(keep(), 'pg_cancel_backend')).toMatch(/its copies may not have it/);
      }
    } finally {
      pair.line.setDown(false);
    }
    expect(await keep()).toBe('known');
    await journal.close();
  });

  /** @param end how the session is ended in which a commit waits for a copy that is away */
  async function toldOfCommit(id: string, end: string): Promise<string> {
    const journal = await open(pair.url);
    await journal.ping();
    pair.line.setDown(true);
    try {
      return await toldWhenEnded(journal.open(sampleOpening(id)), end);
    } finally {
      pair.line.setDown(false);
      await journal.close();
    }
  }

  async function toldWhenEnded(writing: Promise<unknown>, end: string): Promise<string> {
    let isTold = false;
    const told = writing
      .then(() => 'confirmed', String)
      .finally(() => {
        isTold = true;
      });
    await eventually('the commit waits', async () => {
      const sql = `SELECT ${end}(pid) AS ended FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
      return isTold || (await primary.query(pair.url, sql)).length > 0 ? true : null;
    });
    return told;
  }
});

describe('a primary that is lost', () => {
  test('while its commits wait for the copy: all that was confirmed is there, and the journal goes on', async () => {
    await using pair = await StandbyPair.start(primary);
    await waitForStandby(primary);
    const warnings: string[] = [];
    const onWarning = (text: string) => warnings.push(text);
    const journal = await open(pair.both, { times: { statementMs: 500 }, onWarning });
    const one = await concluded(journal, 'auth_one');
    const names = Array.from({ length: 20 }, (_, index) => `auth_n${index}`);
    await Promise.all(names.map((id) => opened(journal, id)));
    expect(warnings.filter((text) => NOT_WAITING.test(text))).toEqual([]);
    pair.line.setDown(true);
    // Committed at the primary alone, which therefore does not say so.
    await expect(journal.open(sampleOpening('auth_unconfirmed'))).rejects.toThrow(
      /^not known to be written: the database did not answer in time \(met by open\)$/,
    );
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    expect(await primary.query(pair.url, waiting), 'its session goes on waiting').toHaveLength(1);
    await pair.failOver();
    expect(await journal.findAuthorization('auth_one')).toEqual(one);
    const again = await Promise.all(names.map((id) => journal.open(sampleOpening(id))));
    expect(again.map(({ kind }) => kind)).toEqual(names.map(() => 'claimed'));
    expect(await journal.open(sampleOpening('auth_unconfirmed'))).toEqual({ kind: 'opened' });
    expect(await journal.open(sampleOpening('auth_after'))).toEqual({ kind: 'opened' });
    await journal.close();
    // The copy has none of its own yet.
    expect(warnings.filter((text) => NOT_WAITING.test(text))).toHaveLength(1);
  });

  test('while its commits wait for nobody: that was warned of, and what was confirmed meanwhile is lost', async () => {
    await using pair = await StandbyPair.start(primary);
    const warnings: string[] = [];
    const journal = await open(pair.both, { onWarning: (text) => warnings.push(text) });
    expect(warnings).toContainEqual(expect.stringMatching(NOT_WAITING));
    await opened(journal, 'auth_kept');
    await pair.caughtUp();
    pair.line.setDown(true);
    await opened(journal, 'auth_lost');
    await pair.failOver();
    // As docs/lost-commits.md says: key, payment and id are gone together, and a repeat is a new payment.
    expect((await journal.open(sampleOpening('auth_kept'))).kind).toBe('claimed');
    expect((await journal.open(sampleOpening('auth_lost'))).kind).toBe('opened');
    await journal.close();
  });
});
