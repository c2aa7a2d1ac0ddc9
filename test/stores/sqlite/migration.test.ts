import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { settle } from '../../../src/core/settlement.ts';
import type { Journal } from '../../../src/gateway/ports.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import {
  OUTCOMES,
  opened,
  sampleBegin,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleOpening,
  sampleScope,
  T0,
  written,
} from '../../contracts/journal-fixtures.ts';
import { FIRST_LEASE_END, type FirstAuthorization, writeFirstDatabase } from './first-schema.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const UNCONFIRMED = {
  ...OUTCOMES.partialStanding,
  reversal: 'unconfirmed',
} as unknown as typeof OUTCOMES.approved;

const FIRST: readonly FirstAuthorization[] = [
  { id: 'auth_open', status: 'pending', open: true, outcomes: [null], negative: [false] },
  {
    id: 'auth_second',
    status: 'pending',
    open: true,
    outcomes: [OUTCOMES.notSent, null],
    negative: [true, false],
  },
  { id: 'auth_pending', status: 'pending', open: false, outcomes: [OUTCOMES.unknown], negative: [false] },
  {
    id: 'auth_approved',
    status: 'approved',
    open: false,
    outcomes: [OUTCOMES.approved],
    negative: [false],
    authorizedAmount: 4999,
    answer: '{"approved":true}',
  },
  { id: 'auth_partial', status: 'reversing', open: false, outcomes: [UNCONFIRMED], negative: [false] },
  {
    id: 'auth_hiding',
    status: 'reversing',
    open: false,
    outcomes: [OUTCOMES.declinedHiding],
    negative: [false],
  },
  {
    id: 'auth_declined',
    status: 'declined',
    open: false,
    outcomes: [OUTCOMES.declined],
    negative: [true],
    answer: '{}',
  },
];

let folder: TemporaryFolder;
let path: string;
let journal: Journal;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'journal.sqlite');
  writeFirstDatabase(path, FIRST);
  journal = openInProcessJournal(path);
});
afterEach(async () => {
  await journal.close();
  folder.remove();
});

const read = async (id: string) => {
  const found = await journal.findAuthorization(id);
  if (found === null) throw new Error(`${id} is not there`);
  return found;
};

test('everything that was there is there, with what was not kept then left open', async () => {
  for (const { id, status, open, outcomes } of FIRST) {
    const found = await read(id);
    expect(found).toMatchObject({
      status,
      open,
      brand: 'unknown',
      scaRegion: false,
      latePolicy: { reverseAfterMs: null },
      captureClosed: false,
      expiresAtMs: null,
    });
    expect(found.attempts.map((attempt) => attempt.outcome?.kind)).toEqual(
      outcomes.map((outcome) => outcome?.kind),
    );
    expect(settle(found).status, id).toBe(status);
    expect(await journal.history(id)).toHaveLength(found.version);
  }
  expect((await read('auth_approved')).answered).toBe(true);
  expect((await read('auth_pending')).answered).toBe(false);
  const claim = await journal.findClaim(sampleScope('auth_approved'));
  expect(claim).toMatchObject({ operationNumber: null, frozen: { body: '{"approved":true}' } });
});

test('what is unsettled is due at once; what was being undone has its operation', async () => {
  const taken = await journal.takeWork(T0 + 1_000, 10, { owner: 'pod-1', untilMs: T0 + 2_000 });
  expect(taken.map(({ authorization, sinceMs }) => [authorization.id, sinceMs])).toEqual([
    ['auth_pending', T0 + 20],
    ['auth_partial', T0 + 20],
    ['auth_hiding', T0 + 20],
  ]);
  const [, partial, hiding] = taken.map(({ authorization }) => authorization);
  expect(partial?.attempts[0]?.outcome).toEqual(OUTCOMES.partialStanding);
  const made = { kind: 'void', status: 'pending', attemptNumber: 1, number: 1 };
  expect(partial?.operations).toMatchObject([
    {
      ...made,
      id: 'void_partial_1',
      purpose: 'partial_approval',
      amount: 1000,
      providerKey: 'key_auth_partial_1_v1',
    },
  ]);
  expect(hiding?.operations).toMatchObject([{ ...made, purpose: 'hidden_approval', amount: 4999 }]);
  expect(await journal.history('auth_partial')).toMatchObject([
    { kind: 'opened' },
    { kind: 'concluded' },
    { kind: 'reversal_begun', actor: 'migration', data: { changes: { operations: partial?.operations } } },
  ]);
  for (const reversing of [partial, hiding]) {
    if (reversing === undefined) throw new Error('nothing was taken up');
    const voided = await written(journal, sampleEnd(reversing, 1, {}, { work: null }));
    expect(['voided', 'declined']).toContain(voided.status);
    expect(await read(reversing.id)).toEqual(voided);
  }
});

test('its leases still hold, and its roads end', async () => {
  expect(await journal.listLapsed(FIRST_LEASE_END - 1, 10)).toEqual([]);
  const lapsed = await journal.listLapsed(FIRST_LEASE_END, 10);
  expect(lapsed.map(({ authorization, owner }) => [authorization.id, owner])).toEqual([
    ['auth_open', 'pod-old'],
    ['auth_second', 'pod-old'],
  ]);
  const open = await read('auth_open');
  const next = await written(journal, sampleFailOver(open, OUTCOMES.rejected));
  expect(await written(journal, sampleConclusion(next))).toMatchObject({ status: 'approved', version: 3 });
  const second = await written(journal, sampleConclusion(await read('auth_second'), OUTCOMES.unknown));
  await written(journal, sampleFinding(second, 2, OUTCOMES.declined));
  expect(await read('auth_second')).toMatchObject({ status: 'declined', answered: true });
});

test('its money is captured and refunded, its payments stay refused, its histories go on', async () => {
  let now = await read('auth_approved');
  now = await written(journal, sampleBegin(now));
  now = await written(journal, sampleEnd(now, 1));
  now = await written(journal, sampleBegin(now, { kind: 'refund', amount: 100 }));
  now = await written(journal, sampleEnd(now, 2));
  expect(await read('auth_approved')).toEqual(now);
  const request = { reference: 'order-auth_approved' };
  expect(await journal.open(sampleOpening('auth_again', { request }))).toMatchObject({
    kind: 'payment_live',
  });
  await opened(journal, 'auth_new');
  expect(await journal.purge(T0 + 1_000_000, 10)).toBe(1);
  expect(await journal.findAuthorization('auth_declined')).toBeNull();
});

test('hashes are owed from here on, and seals begin here', async () => {
  const seal = await journal.seal(T0, 100);
  expect(seal).toBeNull();
  await written(journal, sampleBegin(await read('auth_approved')));
  await opened(journal, 'auth_new');
  expect(await journal.seal(T0, 100)).toMatchObject({ number: 1 });
  await journal.close();
  const database = new DatabaseSync(path);
  const first = database.prepare('SELECT first_event FROM hash_chain').get()?.['first_event'] as number;
  const unhashed = database.prepare('SELECT max(sequence) AS last FROM events WHERE hash IS NULL').get();
  expect(unhashed?.['last']).toBe(first - 1);
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
  database.close();
});

test('is upgraded once', async () => {
  await journal.close();
  journal = openInProcessJournal(path);
  expect((await read('auth_partial')).operations).toHaveLength(1);
});

test('every ruleset that was there had been in force from its registration to the next', async () => {
  const old = join(folder.path, 'rulesets.sqlite');
  writeFirstDatabase(old, []);
  const database = new DatabaseSync(old);
  const insert = database.prepare('INSERT INTO rulesets VALUES (?, ?, ?, ?)');
  // As a damaged journal has them: a number is missing.
  for (const number of [1, 3, 4]) insert.run(number, `h${number}`, '{}', T0 + number);
  database.close();
  const upgraded = openInProcessJournal(old);
  const { data } = await upgraded.listRulesetActivations({ limit: 10 });
  expect(data.map(({ sequence, version, atMs, untilMs }) => [sequence, version, atMs, untilMs])).toEqual([
    [3, 4, T0 + 4, null],
    [2, 3, T0 + 3, T0 + 4],
    [1, 1, T0 + 1, T0 + 3],
  ]);
  expect(await upgraded.activeRuleset()).toMatchObject({
    version: 4,
    cause: 'folder',
    previous: 3,
    leftByPersons: [],
  });
  const back = {
    version: 3,
    cause: 'rollback',
    author: 'acme',
    reason: 'r',
    atMs: T0 + 9,
    expected: 3,
  } as const;
  expect(await upgraded.activateRuleset(back)).toMatchObject({ kind: 'activated', active: { previous: 1 } });
  await upgraded.close();
});
