import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SchemeCheck } from '../../src/gateway/ports.ts';
import { openWorkerJournal } from '../../src/stores/sqlite/worker-journal.ts';
import { OUTCOMES, sampleConclusion, sampleOpening, T0 } from '../contracts/journal-fixtures.ts';
import { printTable } from './ratio-table.ts';

/**
 * Durable authorizations per second (one opened and one concluded, both acknowledged after the disk has them) for 1,
 * 32 and 256 callers, over single durable writes of a file in the same run.
 */
const AUTHORIZATIONS = 3_000;
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

async function measure(callers: number): Promise<readonly [number, number]> {
  let commits = 0;
  const journal = await openWorkerJournal({
    directory: join(folder, `journal-${callers}`),
    observeBatch: ({ committed }) => {
      if (committed) commits += 1;
    },
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
  return [AUTHORIZATIONS / seconds, commits];
}

try {
  const plain = await durableWritesPerSecond();
  const rows: string[][] = [];
  for (const callers of [1, 32, 256]) {
    const [perSecond, commits] = await measure(callers);
    const writes = perSecond * 2;
    rows.push([
      String(callers),
      perSecond.toFixed(0),
      ((AUTHORIZATIONS * 2) / commits).toFixed(1),
      (writes / plain).toFixed(2),
    ]);
  }
  printTable(
    'Journal',
    ['callers', 'authorizations/s', 'commands per commit', 'durable commands over single durable writes'],
    rows,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
