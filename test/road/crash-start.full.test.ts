import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { type FirstAuthorization, writeFirstDatabase } from '../stores/sqlite/first-schema.ts';
import { pause } from '../support/eventually.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { launchGateway } from '../support/start-gateway.ts';
import { journalWrite } from './crash-campaign/trap.ts';

/** Kill -9 while a start brings an old journal to the newest schema: all of it or nothing, as often as it takes. */

const SEED = Number(process.env['SEED'] ?? 3);
const KILLS = 10;
/** So many that the migration takes a while. */
const AUTHORIZATIONS = 1_500;
/** Time after the first sign of the start in the journal's files within which it is killed. */
const MIGRATION_MS = 120;
const START_MS = 10_000;

const KINDS: readonly Omit<FirstAuthorization, 'id'>[] = [
  {
    status: 'approved',
    open: false,
    outcomes: [{ kind: 'approved', providerReference: 'psp_a', networkTransaction: null }],
    negative: [false],
    authorizedAmount: 4999,
    answer: '{"status":"approved"}',
  },
  {
    status: 'pending',
    open: false,
    outcomes: [{ kind: 'unknown', code: 'timeout', providerReference: null }],
    negative: [false],
  },
  { status: 'pending', open: true, outcomes: [null], negative: [false] },
];

interface State {
  readonly schema: number;
  readonly authorizations: number;
  readonly events: number;
  readonly claims: number;
  readonly answers: number;
  readonly integrity: string;
}

function stateOf(file: string): State {
  const database = new DatabaseSync(file);
  try {
    const one = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
    return {
      schema: one('SELECT max(number) FROM schema_migrations'),
      authorizations: one('SELECT count(*) FROM authorizations'),
      events: one("SELECT count(*) FROM events WHERE actor = 'gateway'"),
      claims: one('SELECT count(*) FROM claims'),
      answers: one('SELECT count(*) FROM events WHERE answer_body IS NOT NULL'),
      integrity: String(Object.values(database.prepare('PRAGMA integrity_check').get() ?? {})[0]),
    };
  } finally {
    database.close();
  }
}

/** Of a copy: the log of the files themselves is the next start's to recover. */
function stateLeft(folder: string, copy: string): State {
  mkdirSync(copy);
  cpSync(folder, copy, { recursive: true });
  return stateOf(join(copy, 'journal.sqlite'));
}

test(`a migration killed ${KILLS} times is whole in the end (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  const idOf = (index: number): string =>
    `auth_${String(index)
      .padStart(21, 'b')
      .replaceAll(/\d/g, (digit) => 'bcdfghjkmn'.charAt(Number(digit)))}`;
  const old = Array.from({ length: AUTHORIZATIONS }, (_, index) => {
    const kind = KINDS[index % KINDS.length];
    if (kind === undefined) throw new Error('there are kinds');
    return { ...kind, id: idOf(index) };
  });
  await using first = launchGateway();
  await first.kill9();
  const schemas: number[] = [];
  const { root, data } = first.folders;
  const pristine = join(root, 'pristine');
  mkdirSync(pristine);
  writeFirstDatabase(join(pristine, 'journal.sqlite'), old);
  const before = stateOf(join(pristine, 'journal.sqlite'));
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Once migrated it is over: then an old one again.
    if (schemas.at(-1) !== before.schema) {
      rmSync(data, { recursive: true, force: true });
      cpSync(pristine, data, { recursive: true });
    }
    const starting = first.restart().catch(() => 'ended while it started');
    await journalWrite(join(data, 'journal.sqlite-wal'), START_MS);
    await pause(random.integer(0, MIGRATION_MS));
    first.signal('SIGKILL');
    await Promise.all([starting, first.ended()]);
    const left = stateLeft(data, join(root, `left-${kill}`));
    schemas.push(left.schema);
    expect({ ...left, schema: before.schema }).toEqual(before);
  }
  console.log(`schemas left by kills: ${schemas}`);
  await first.restart();
  await first.stop();
  const after = stateOf(join(data, 'journal.sqlite'));
  expect(after.schema).toBeGreaterThan(before.schema);
  expect({ ...after, schema: before.schema }).toEqual(before);
  expect(
    schemas.filter((schema) => schema === before.schema).length,
    'killed before the end',
  ).toBeGreaterThan(0);
}, 180_000);
