import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Journal, OpeningResult } from '../../../src/gateway/ports.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { concluded, OUTCOMES, opened, sampleOpening, T0 } from '../../contracts/journal-fixtures.ts';
import { eventually, pause } from '../../support/eventually.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { connectedTo, type PostgresServer, startPostgres } from './postgres-server.ts';

// A database that fails at the worst moment: whatever is acknowledged is there, and nothing is there twice.

let server: PostgresServer;
let url: string;

beforeAll(async () => {
  server = await startPostgres('on');
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
});

const open = (address: string, over: Partial<Parameters<typeof openPostgresJournal>[0]> = {}) =>
  openPostgresJournal({ url: address, migrate: 'off', poolSize: 6, clock: systemClock, ...over });

const ids = async (): Promise<string[]> => {
  const rows = await server.query(url, 'SELECT id FROM authorizations ORDER BY sequence');
  return rows.map(({ id }) => String(id));
};

describe('a line that is cut', () => {
  test('while the answer to a commit is on its way: not known to be written, written, and never sent again', async () => {
    const proxy = await CuttingProxy.open(server.port);
    const journal = await open(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    await opened(journal, 'auth_before');
    proxy.cutAnswers(1);
    const names = Array.from({ length: 10 }, (_, index) => `auth_n${index}`);
    const results = await Promise.allSettled(names.map((id) => journal.open(sampleOpening(id))));
    expect(proxy.cuts).toBe(1);
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    expect(lost.length).toBeGreaterThan(0);
    for (const reason of lost)
      expect(reason).toMatch(/^JournalError: not known to be written: .* \(met by open\)$/);
    // Whoever repeats is told that it is there: so it was written, once.
    const again = await Promise.all(names.map((id) => journal.open(sampleOpening(id))));
    expect(again.map(({ kind }) => kind)).toEqual(names.map(() => 'claimed'));
    expect(await ids()).toEqual(['auth_before', ...names]);
    await journal.close();
    await proxy.close();
  });

  test('before anything is sent: not written, at once, and written when it is whole again', async () => {
    const proxy = await CuttingProxy.open(server.port);
    const journal = await open(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    await opened(journal, 'auth_one');
    proxy.setDown(true);
    await expect(journal.ping()).rejects.toThrow(/ \(met by ping\)$/);
    // The connections that were there are gone; new ones are refused.
    const failure = await journal.open(sampleOpening('auth_two')).then(
      () => null,
      (error: unknown) => String(error),
    );
    expect(failure).toMatch(
      /^JournalError: (the database cannot be used|not known to be written).*\(met by open\)$/,
    );
    proxy.setDown(false);
    await journal.ping();
    expect(await journal.open(sampleOpening('auth_two'))).toEqual({ kind: 'opened' });
    expect(await ids()).toEqual(['auth_one', 'auth_two']);
    await journal.close();
    await proxy.close();
  });
});

describe('a server', () => {
  test('that is killed amid load and started again: all that was acknowledged is there, and nothing twice', async () => {
    const pods = [await open(url), await open(url)] as const;
    const acknowledged = new Set<string>();
    const unknown = new Set<string>();
    let isOver = false;
    let count = 0;
    let failed = 0;
    const load = async (journal: Journal) => {
      while (!isOver) {
        count += 1;
        const id = `auth_n${count}`;
        try {
          const { kind } = await journal.open(sampleOpening(id));
          if (kind === 'opened') acknowledged.add(id);
        } catch (error) {
          if (/not known to be written/.test(String(error))) unknown.add(id);
          else failed += 1;
          await pause(20);
        }
      }
    };
    const callers = Array.from({ length: 24 }, (_, index) => load(pods[index % 2 === 0 ? 0 : 1]));
    for (const enough of [300, 600, 900]) {
      await eventually(`${enough} are acknowledged`, () => (acknowledged.size >= enough ? true : null), {
        withinMs: 60_000,
      });
      await server.kill();
      await server.start();
    }
    await eventually('it goes on', () => (acknowledged.size >= 1_100 ? true : null), { withinMs: 60_000 });
    isOver = true;
    await Promise.all(callers);
    const there = new Set(await ids());
    console.info(
      `acknowledged ${acknowledged.size}, not known ${unknown.size}, refused ${failed}, there ${there.size}`,
    );
    expect(unknown.size).toBeGreaterThan(0);
    expect(there.size).toBeLessThanOrEqual(acknowledged.size + unknown.size);
    for (const id of acknowledged) expect(there.has(id), id).toBe(true);
    const doubled = await server.query(
      url,
      `SELECT 1 FROM authorizations AS a WHERE (SELECT count(*) FROM attempts WHERE "authorization" = a.sequence) <> 1
        OR (SELECT count(*) FROM events WHERE "authorization" = a.sequence) <> 1
        OR (SELECT count(*) FROM claims WHERE "authorization" = a.sequence) <> 1`,
    );
    expect(doubled).toEqual([]);
    // Those of which nobody knows are written, or can be: none is half there.
    const again = await Promise.all([...unknown].map((id) => pods[0].open(sampleOpening(id))));
    for (const [index, id] of [...unknown].entries()) {
      const expected: OpeningResult['kind'] = there.has(id) ? 'claimed' : 'opened';
      expect(again[index]?.kind, id).toBe(expected);
    }
    await Promise.all(pods.map((journal) => journal.close()));
  });

  test('that turns into a copy is left: the connections are closed, and what it refused is not written', async () => {
    const journal = await open(url);
    await concluded(journal, 'auth_one');
    const setAll = (setting: string) =>
      server.query(url, `ALTER SYSTEM SET default_transaction_read_only = ${setting}`);
    const reload = () => server.query(url, 'SELECT pg_reload_conf()');
    await setAll('on');
    await reload();
    const refusals = new Set<string>();
    // A session hears of the setting a moment later, and what is there already is found without a write: another one each time.
    const written: string[] = [];
    let tries = 0;
    await eventually('it is noticed', async () => {
      tries += 1;
      const id = `auth_try_${tries}`;
      await journal.open(sampleOpening(id)).then(
        () => written.push(id),
        (error: unknown) => refusals.add(String(error)),
      );
      return [...refusals].some((refusal) => /transactions are read-only/.test(refusal)) ? true : null;
    });
    expect([...refusals][0]).toMatch(
      /^JournalError: cannot execute .* in a read-only transaction \(met by open\)$/,
    );
    await setAll('off');
    await reload();
    expect(await journal.open(sampleOpening('auth_three'))).toEqual({ kind: 'opened' });
    expect(await ids()).toEqual(['auth_one', ...written, 'auth_three']);
    await journal.close();
  });

  test.each(['authorizations', 'attempts', 'claims', 'events', 'work'])(
    'whose %s are locked by somebody takes no probe either, until they are let go',
    async (table) => {
      const journal = await open(url, { times: { lockMs: 200 } });
      await journal.ping();
      const client = await connectedTo(url);
      // As a forgotten LOCK, or an ALTER TABLE that waits with its lock: what only reads goes on.
      await client.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
      if (table !== 'work')
        await expect(journal.open(sampleOpening('auth_one'))).rejects.toThrow(/lock timeout/);
      await expect(journal.ping()).rejects.toThrow(/lock timeout.* \(met by ping\)$/);
      await client.query('ROLLBACK');
      await client.end();
      await journal.ping();
      expect(await journal.open(sampleOpening('auth_two'))).toEqual({ kind: 'opened' });
      await journal.close();
    },
  );

  test('that hangs is not waited for longer than the time-outs', async () => {
    const journal = await open(url, { times: { lockMs: 300, statementMs: 600 } });
    const before = await concluded(journal, 'auth_one', OUTCOMES.unknown);
    const holder = await open(url, { poolSize: 3 });
    const client = await connectedTo(url);
    await client.query('BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
    await expect(journal.open(sampleOpening('auth_two'))).rejects.toThrow(
      /(lock|statement) timeout.* \(met by open\)$/,
    );
    await expect(journal.history(before.id)).rejects.toThrow(/timeout/);
    await client.query('ROLLBACK');
    await client.end();
    expect(await journal.open(sampleOpening('auth_two'))).toEqual({ kind: 'opened' });
    expect(await holder.seal(T0, 10)).toMatchObject({ throughEvent: expect.any(Number) });
    await journal.close();
    await holder.close();
  });
});
