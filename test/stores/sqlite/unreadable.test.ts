import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Journal } from '../../../src/gateway/ports.ts';
import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import { concluded, OUTCOMES, opened, T0, VALIDITY_MS } from '../../contracts/journal-fixtures.ts';
import { tamperWith } from './sample-journal.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/** One authorization that cannot be read must not keep the others from being found out, undone or given back. */

const IDS = ['auth_one', 'auth_two', 'auth_three', 'auth_four'] as const;
const LATE = T0 + 10 * VALIDITY_MS;

let folder: TemporaryFolder;
let journal: Journal | null = null;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await journal?.close();
  folder.remove();
});

async function reopened(): Promise<Journal> {
  await journal?.close();
  journal = await openWorkerJournal({ directory: folder.path });
  return journal;
}

/** All but the last are damaged, each in its own way. */
async function damage(): Promise<Journal> {
  await journal?.close();
  journal = null;
  const row = (id: string) => `(SELECT sequence FROM authorizations WHERE id = '${id}')`;
  tamperWith(
    join(folder.path, 'journal.sqlite'),
    `UPDATE events SET data = '{"request' WHERE number = 1 AND authorization = ${row('auth_one')}`,
    `DELETE FROM events WHERE number = 1 AND authorization = ${row('auth_two')}`,
    `UPDATE events SET data = '{}' WHERE number = 1 AND authorization = ${row('auth_three')}`,
  );
  return reopened();
}

describe('what cannot be read is left out', () => {
  test('takeWork, also of an outcome that is none', async () => {
    const work = { step: 0, failures: 0, dueAtMs: T0, lease: null };
    const first = await reopened();
    for (const id of [...IDS, 'auth_five']) {
      await concluded(first, id, OUTCOMES.unknown, { step: { work } });
    }
    const later = await damage();
    const lease = { owner: 'pod-1', untilMs: T0 + 60_000 };
    expect((await later.takeWork(T0, 1, lease)).map((item) => item.authorization.id)).toEqual(['auth_four']);
    await later.close();
    tamperWith(
      join(folder.path, 'journal.sqlite'),
      `UPDATE attempts SET outcome = '{"kind":"paid"}' WHERE id = 'att_five_1'`,
    );
    expect(await (await reopened()).takeWork(T0, 10, lease)).toEqual([]);
    expect((await journal?.countWork(T0))?.overdue).toBe(4);
  });

  test('listLapsed', async () => {
    const first = await reopened();
    for (const id of IDS) await opened(first, id);
    const lapsed = await (await damage()).listLapsed(LATE, 1);
    expect(lapsed.map(({ authorization }) => authorization.id)).toEqual(['auth_four']);
  });

  test('listExpired', async () => {
    const first = await reopened();
    for (const id of IDS) await concluded(first, id);
    expect((await (await damage()).listExpired(LATE, 1)).map(({ id }) => id)).toEqual(['auth_four']);
  });

  test('openNotices', async () => {
    const first = await reopened();
    for (const eventId of ['e1', 'e2']) {
      await first.keepNotice('psp', { eventId, type: 't', attemptId: null, data: {} }, T0);
    }
    await first.close();
    tamperWith(join(folder.path, 'journal.sqlite'), "UPDATE notices SET data = '{' WHERE event_id = 'e1'");
    expect((await (await reopened()).openNotices(1)).map(({ eventId }) => eventId)).toEqual(['e2']);
  });
});
