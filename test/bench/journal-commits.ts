import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Journal, SchemeCheck } from '../../src/gateway/ports.ts';
import { systemClock } from '../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../src/stores/postgres/postgres-journal.ts';
import { openWorkerJournal } from '../../src/stores/sqlite/worker-journal.ts';
import { OUTCOMES, sampleConclusion, sampleOpening, T0 } from '../contracts/journal-fixtures.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { median, printTable } from './ratio-table.ts';

/**
 * Durable authorizations per second (one opened and one concluded, both acknowledged after the disk has them) for 1,
 * 32 and 256 callers, on SQLite and on a Postgres with fsync on, in turns, over single durable writes of a file in the
 * same run. Both write to the same disk.
 */
const AUTHORIZATIONS = 2_000;
const ROUNDS = 3;

type ObserveBatch = (batch: { readonly commands: number; readonly committed: boolean }) => void;

interface Engine {
  readonly name: string;
  /** Opens an empty journal. */
  readonly open: (observeBatch: ObserveBatch) => Promise<Journal>;
}

const folder = mkdtempSync(join(tmpdir(), 'pointsman-journal-bench-'));

/** Every payment with a card of its own and one ceiling, as a brand has that counts attempts. */
const schemeCheckOf = (id: string): SchemeCheck => ({
  cardKey: hash('sha256', id, 'hex'),
  limits: [{ name: 'visa_30_days', windowMs: 30 * 24 * 60 * 60_000, max: 15, sameAmount: false }],
  nowMs: T0,
});
const NOT_COUNTED = new Map([[1, { counts: false, blockedUntilMs: null, reason: null }]]);

async function durableWritesPerSecond(): Promise<number> {
  const file = await open(join(folder, 'plain'), 'w');
  const page = Buffer.alloc(4_096, 1);
  const startedMs = performance.now();
  for (let write = 0; write < 300; write += 1) {
    await file.write(page);
    await file.datasync();
  }
  const perSecond = 300 / ((performance.now() - startedMs) / 1000);
  await file.close();
  return perSecond;
}

/** @returns authorizations a second, and commands a commit */
async function measure({ open: openJournal }: Engine, callers: number): Promise<readonly [number, number]> {
  let commits = 0;
  const journal = await openJournal(({ committed }) => {
    if (committed) commits += 1;
  });
  let next = 0;
  const caller = async () => {
    while (next < AUTHORIZATIONS) {
      const id = `auth_bench${next++}`;
      const opening = sampleOpening(id, { scheme: schemeCheckOf(id) });
      const opened = await journal.open(opening);
      if (opened.kind !== 'opened') throw new Error(`${id} was not opened: ${opened.kind}`);
      const concluded = await journal.advance(
        sampleConclusion(opening.authorization, OUTCOMES.approved, { outcomeScheme: NOT_COUNTED }),
      );
      if (concluded.kind !== 'written') throw new Error(`${id} was not concluded`);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - startedMs) / 1000;
  await journal.close();
  return [AUTHORIZATIONS / seconds, (AUTHORIZATIONS * 2) / commits];
}

let opened = 0;
const sqlite: Engine = {
  name: 'SQLite',
  open: (observeBatch) => {
    opened += 1;
    return openWorkerJournal({ directory: join(folder, `journal-${opened}`), observeBatch });
  },
};
const onPostgres = (postgres: PostgresServer): Engine => ({
  name: 'Postgres',
  open: async (observeBatch) =>
    openPostgresJournal({
      url: await postgres.database(),
      migrate: 'off',
      poolSize: 10,
      clock: systemClock,
      observeBatch,
    }),
});

const postgres = await startPostgres('on').catch((error: unknown) => {
  console.log(`skipped: the journal on Postgres: no server of its own could be started: ${String(error)}`);
  return null;
});
try {
  const rows: string[][] = [];
  for (const callers of [1, 32, 256]) {
    const engines = postgres === null ? [sqlite] : [sqlite, onPostgres(postgres)];
    const figures = engines.map((): { perSecond: number; perCommit: number; overPlain: number }[] => []);
    for (let round = 0; round < ROUNDS; round += 1) {
      const plain = await durableWritesPerSecond();
      for (const [index, engine] of engines.entries()) {
        const [perSecond, perCommit] = await measure(engine, callers);
        figures[index]?.push({ perSecond, perCommit, overPlain: (perSecond * 2) / plain });
      }
    }
    const sqlitePerSecond = median((figures[0] ?? []).map(({ perSecond }) => perSecond));
    for (const [index, { name }] of engines.entries()) {
      const own = figures[index] ?? [];
      const perSecond = median(own.map((figure) => figure.perSecond));
      rows.push([
        name,
        String(callers),
        perSecond.toFixed(0),
        median(own.map(({ perCommit }) => perCommit)).toFixed(1),
        median(own.map(({ overPlain }) => overPlain)).toFixed(2),
        (perSecond / sqlitePerSecond).toFixed(2),
      ]);
    }
  }
  printTable(
    `Journal, medians of ${ROUNDS} rounds of ${AUTHORIZATIONS} authorizations`,
    [
      'on',
      'callers',
      'authorizations/s',
      'commands per commit',
      'durable commands over single durable writes',
      'x SQLite',
    ],
    rows,
  );
} finally {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
}
