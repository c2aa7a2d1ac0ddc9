import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Journal } from '../../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { openWorkerJournal, type WorkerJournalOptions } from '../../../src/stores/sqlite/worker-journal.ts';
import { WorkerRunner } from '../../../src/stores/sqlite/worker-runner.ts';
import { StoredJournal } from '../../../src/stores/stored-journal.ts';
import { sampleConclusion, sampleFailOver, sampleOpening } from '../../contracts/journal-fixtures.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

let folder: TemporaryFolder;
const opened: Journal[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
  folder.remove();
});

async function openHere(options: Omit<WorkerJournalOptions, 'directory'> = {}): Promise<Journal> {
  const journal = await openWorkerJournal({ directory: folder.path, ...options });
  opened.push(journal);
  return journal;
}

const JOURNAL_ERROR = { name: 'JournalError' };
const openMany = (journal: Journal, prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => journal.open(sampleOpening(`auth_${prefix}${index}`)));

describe('group commit', () => {
  test('256 at once share one commit, and 256 that come one by one while it is busy share few', async () => {
    let commits = 0;
    const journal = await openHere({
      observeBatch: (batch) => {
        commits += batch.committed ? 1 : 0;
      },
    });
    await Promise.all(openMany(journal, 'a', 256));
    expect(commits).toBe(1);
    await Promise.all(
      Array.from({ length: 256 }, async (_, index) => {
        await journal.advance(sampleConclusion(sampleOpening(`auth_a${index}`).authorization));
        await journal.open(sampleOpening(`auth_b${index}`));
      }),
    );
    expect(commits).toBe(3);
  });

  test('one that comes alone goes at once; while several come, the next turn of the event loop may add to them', async () => {
    const sizes: number[] = [];
    const journal = await openHere({ observeBatch: (batch) => sizes.push(batch.commands) });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const alone = journal.ping();
    await turn();
    await Promise.all([alone, journal.ping()]);
    expect(sizes).toEqual([1, 1]);
    const together = [journal.ping(), journal.ping()];
    await turn();
    together.push(journal.ping());
    await Promise.all(together);
    expect(sizes).toEqual([1, 1, 3]);
  });

  test('commands that keep coming do not keep the first ones waiting', async () => {
    const sizes: number[] = [];
    const journal = await openHere({ observeBatch: (batch) => sizes.push(batch.commands) });
    const all = [journal.ping()];
    for (let count = 0; count < 40; count += 1) {
      all.push(journal.ping());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(all);
    expect(sizes[0]).toBeLessThanOrEqual(6);
  });

  test('a batch is bounded', async () => {
    const sizes: number[] = [];
    const journal = await openHere({ batchMax: 100, observeBatch: (batch) => sizes.push(batch.commands) });
    await Promise.all(openMany(journal, 'a', 250));
    expect(sizes).toEqual([100, 100, 50]);
  });

  test('reading commits nothing', async () => {
    let commits = 0;
    const journal = await openHere({
      observeBatch: (batch) => {
        commits += batch.committed ? 1 : 0;
      },
    });
    await journal.findAuthorization('auth_nobody');
    await journal.hasOpenMoney('nobody');
    expect(commits).toBe(0);
  });

  test('above the bound of the queue calls are refused at once, and the others are not harmed', async () => {
    const journal = await openHere({ queueMax: 100 });
    const results = await Promise.allSettled(openMany(journal, 'a', 150));
    expect(results.slice(0, 100).every((result) => result.status === 'fulfilled')).toBe(true);
    // Never sent: it cannot land later.
    const unsent = { ...JOURNAL_ERROR, isUnsent: true };
    for (const result of results.slice(100)) expect(result).toMatchObject({ reason: unsent });
    await expect(journal.open(sampleOpening('auth_later'))).resolves.toEqual({ kind: 'opened' });
  });
});

/** Both faults leave what was written before, and what can still be read, as it was. */
const BROKEN_STORES = [
  ['a full disk', async () => ['max_page_count = 1']],
  ['a read-only database', async () => ['query_only = ON']],
] as const;

describe.each(BROKEN_STORES)('%s', (_name, pragmas) => {
  test('no write is promised, reads still answer, and nothing is lost', async () => {
    const healthy = await openHere();
    await Promise.all(openMany(healthy, 'a', 20));
    const before = await healthy.findAuthorization('auth_a7');
    await healthy.close();

    const broken = await openHere({ pragmas: await pragmas() });
    const opening = openMany(broken, 'b', 300);
    const changes = [
      broken.advance(sampleFailOver(sampleOpening('auth_a1').authorization)),
      broken.advance(sampleConclusion(sampleOpening('auth_a2').authorization, undefined, BULKY)),
    ];
    const read = broken.findAuthorization('auth_a7');
    const results = await Promise.allSettled(opening);
    expect((await Promise.allSettled(changes))[1]).toMatchObject({
      status: 'rejected',
      reason: JOURNAL_ERROR,
    });
    expect(await read).toEqual(before);
    await broken.close();

    const mended = await openHere();
    expect(await mended.findAuthorization('auth_a7')).toEqual(before);
    expect(await mended.findAuthorization('auth_a2')).toMatchObject({ version: 1, open: true });
    let promised = 0;
    for (const [index, result] of results.entries()) {
      const found = await mended.findAuthorization(`auth_b${index}`);
      expect(found !== null, `auth_b${index}`).toBe(result.status === 'fulfilled');
      if (result.status === 'rejected') expect(result.reason).toMatchObject(JOURNAL_ERROR);
      else promised += 1;
    }
    // A full database may have room for a few in pages that it has already.
    expect(promised).toBeLessThan(100);
    const rejected = results.findIndex((result) => result.status === 'rejected');
    expect(await mended.open(sampleOpening(`auth_b${rejected}`))).toEqual({ kind: 'opened' });
    await expect(mended.ping()).resolves.toBeUndefined();
  });
});
const BULKY = { frozen: { httpStatus: 201, body: 'x'.repeat(200_000) } };

test('a read-only database does not answer a ping', async () => {
  await (await openHere()).close();
  const journal = await openHere({ pragmas: ['query_only = ON'] });
  await expect(journal.ping()).rejects.toMatchObject(JOURNAL_ERROR);
});

describe('one process per folder', () => {
  test('a second journal on the same folder is refused with what to do, and the first goes on', async () => {
    const first = await openHere();
    await first.open(sampleOpening('auth_one'));
    await expect(openWorkerJournal({ directory: folder.path })).rejects.toThrow(
      /journal\.sqlite: in use by another gateway.*stop the other one, or give this one .* DATA_DIR \(now .+\)$/,
    );
    expect(() => openInProcessJournal(join(folder.path, 'journal.sqlite'))).toThrow(/in use/);
    expect(await first.open(sampleOpening('auth_two'))).toEqual({ kind: 'opened' });
  });

  test('a folder that is missing is made', async () => {
    const journal = await openWorkerJournal({ directory: join(folder.path, 'deep', 'er') });
    await journal.ping();
    await journal.close();
  });
});

test('a worker that ends takes every call with it, now and later, and says so', async () => {
  const url = new URL('../../../src/stores/sqlite/journal-worker.ts', import.meta.url);
  const worker = new Worker(url, { workerData: { path: join(folder.path, 'journal.sqlite') } });
  await new Promise((resolve) => worker.once('message', resolve));
  const journal = new StoredJournal(new WorkerRunner(worker));
  await journal.open(sampleOpening('auth_kept'));
  const pending = openMany(journal, 'a', 20);
  const terminated = worker.terminate();
  for (const result of await Promise.allSettled(pending)) {
    expect(result).toMatchObject({ status: 'rejected', reason: JOURNAL_ERROR });
  }
  await terminated;
  await expect(journal.ping()).rejects.toThrow(/its thread ended.*Restart the process/);
  await journal.close();
  const again = await openHere();
  expect(await again.findAuthorization('auth_kept')).not.toBeNull();
});
