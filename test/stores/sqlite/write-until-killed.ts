import { writeSync } from 'node:fs';
import type { Journal } from '../../../src/gateway/ports.ts';
import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import {
  OUTCOMES,
  opened,
  sampleConclusion,
  sampleFailOver,
  T0,
  written,
} from '../../contracts/journal-fixtures.ts';
import { begun, ended } from '../../contracts/sample-history.ts';

const WRITERS = 32;
/** Events that a seal covers: few, so that a seal is under way at any time. */
const SEALED = 40;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Writes a line whole. A reader that is behind fills the pipe: then what is told waits, and so does what is done. */
function tell(step: string, id: string): void {
  let rest = Buffer.from(`${step} ${id}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/**
 * A process that writes roads and what follows them, seals and purges as fast as it can, and tells each acknowledged
 * step on stdout, one `<step> <id>` a line, until it is killed. Run by `journal-kill.test.ts`.
 */
async function writeUntilKilled(directory: string, round: string): Promise<void> {
  const journal = await openWorkerJournal({ directory });
  const writeRoads = async (writer: number) => {
    for (let road = 0; ; road += 1) await writeRoad(journal, `auth_r${round}w${writer}n${road}`, road);
  };
  const writers = Array.from({ length: WRITERS }, (_, writer) => writeRoads(writer));
  await Promise.all([...writers, sealAndPurge(journal)]);
}

async function writeRoad(journal: Journal, id: string, road: number): Promise<void> {
  let now = await opened(journal, id);
  tell('opened', id);
  if (road % 4 === 3) return;
  if (road % 4 === 0) {
    now = await written(journal, sampleFailOver(now, OUTCOMES.notSent));
    tell('failed_over', id);
  }
  // Every eighth is declined, and soon purged.
  now = await written(journal, sampleConclusion(now, road % 8 === 1 ? OUTCOMES.declined : OUTCOMES.approved));
  tell('concluded', id);
  if (now.status !== 'approved') return;
  for (const [kind, amount] of [
    ['capture', 1_000],
    ['refund', 500],
  ] as const) {
    now = await begun(journal, now, kind, amount);
    tell('operation_begun', id);
    now = await ended(journal, now);
    tell('operation_ended', id);
  }
}

async function sealAndPurge(journal: Journal): Promise<void> {
  for (;;) {
    const seal = await journal.seal(T0, SEALED);
    if (seal === null) await journal.ping();
    else tell('seal', `${seal.number}:${seal.throughEvent}:${seal.digest}`);
    const purged = await journal.purge(T0 + 1_000_000, 2);
    if (purged > 0) tell('purged', String(purged));
  }
}

await writeUntilKilled(process.argv[2] ?? '', process.argv[3] ?? '');
