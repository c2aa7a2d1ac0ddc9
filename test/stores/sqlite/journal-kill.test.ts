import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openReadOnly } from '../../../src/stores/sqlite/database-files.ts';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { SqliteView } from '../../../src/stores/sqlite/sqlite-view.ts';
import type { Finding } from '../../../src/stores/verify/finding.ts';
import { type JournalCounts, verifyJournal } from '../../../src/stores/verify/verify-journal.ts';
import { verifyLog } from '../../../src/stores/verify/verify-log.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const SCRIPT = fileURLToPath(new URL('./write-until-killed.ts', import.meta.url));
const ROUNDS = 3;
/** Acknowledged steps after which the writer is killed; others are under way at that moment. */
const STEPS_BEFORE_KILL = 1_500;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** What a writer was told before it was killed. */
interface Acknowledged {
  /** Steps of each road, in their order. */
  readonly roads: ReadonlyMap<string, readonly string[]>;
  readonly seals: readonly string[];
  readonly purged: number;
}

/** Runs the writer, and kills it in mid-stream. */
async function acknowledgedUntilKilled(round: number): Promise<Acknowledged> {
  const child = spawn(process.execPath, [SCRIPT, folder.path, String(round)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let told = '';
  let steps = 0;
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
    steps += chunk.split('\n').length - 1;
    if (steps >= STEPS_BEFORE_KILL) child.kill('SIGKILL');
  });
  const [, signal] = await closed;
  expect(signal, errors).toBe('SIGKILL');
  const roads = new Map<string, string[]>();
  const seals: string[] = [];
  let purged = 0;
  for (const line of told.split('\n').slice(0, -1)) {
    const [step = '', what = ''] = line.split(' ');
    if (step === 'seal') seals.push(what);
    else if (step === 'purged') purged += Number(what);
    else roads.set(what, [...(roads.get(what) ?? []), step]);
  }
  return { roads, seals, purged };
}

/** Looks through what is left, and compares the seals that were told. */
async function verified(seals: readonly string[]): Promise<JournalCounts & { readonly loggedSeals: number }> {
  const findings: Finding[] = [];
  const { database, close } = openReadOnly(join(folder.path, 'journal.sqlite'));
  const logged = seals.map((seal) => {
    const [number, throughEvent, digest = ''] = seal.split(':');
    return {
      kind: 'seal' as const,
      number: Number(number),
      throughEvent: Number(throughEvent),
      digest,
      at: null,
    };
  });
  const view = new SqliteView(database);
  const counts = await verifyJournal(view, (finding) => findings.push(finding));
  const { seals: loggedSeals } = await verifyLog(view, logged, ({ finding }) => findings.push(finding));
  close();
  expect(findings).toEqual([]);
  return { ...counts, loggedSeals };
}

test('after kill -9 amid operations, seals and purges all that was acknowledged is there and sound', async () => {
  const seals: string[] = [];
  let purged = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const acknowledged = await acknowledgedUntilKilled(round);
    seals.push(...acknowledged.seals);
    purged += acknowledged.purged;
    expect(acknowledged.roads.size).toBeGreaterThan(STEPS_BEFORE_KILL / 10);
    expect(acknowledged.seals.length).toBeGreaterThan(5);
    // As it was left, its log beside it.
    const counts = await verified(seals);
    expect(counts.loggedSeals).toBe(seals.length);
    expect(counts.purged).toBeGreaterThanOrEqual(purged * 2);
    const journal = openInProcessJournal(join(folder.path, 'journal.sqlite'));
    let operated = 0;
    for (const [id, steps] of acknowledged.roads) {
      const found = await journal.findAuthorization(id);
      const kinds = (await journal.history(id)).map((event) => event.kind);
      // Declined ones are purged at any time after their end, told or not.
      if (found === null && steps.at(-1) === 'concluded' && kinds.length === 0) continue;
      expect(kinds.slice(0, steps.length), id).toEqual(steps);
      expect(found?.version, id).toBe(kinds.length);
      expect(found?.attempts, id).toHaveLength(kinds.includes('failed_over') ? 2 : 1);
      expect(found?.open, id).toBe(!kinds.includes('concluded'));
      operated += kinds.filter((kind) => kind === 'operation_ended').length;
    }
    expect(operated).toBeGreaterThan(STEPS_BEFORE_KILL / 20);
    await journal.close();
  }
  expect(purged).toBeGreaterThan(10);
  await verified(seals);
}, 60_000);
