import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const SCRIPT = fileURLToPath(new URL('./write-until-killed.ts', import.meta.url));
const ROUNDS = 3;
/** Acknowledged steps after which the writer is killed; others are under way at that moment. */
const STEPS_BEFORE_KILL = 1_000;

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** Runs the writer, kills it in mid-stream, and returns the last step it acknowledged of each road. */
async function acknowledgedUntilKilled(round: number): Promise<ReadonlyMap<string, string>> {
  const child = spawn(process.execPath, [SCRIPT, folder.path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let told = '';
  let steps = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
    steps += chunk.split('\n').length - 1;
    if (steps >= STEPS_BEFORE_KILL) child.kill('SIGKILL');
  });
  const [, signal] = await closed;
  expect(signal).toBe('SIGKILL');
  const acknowledged = new Map<string, string>();
  for (const line of told.split('\n').slice(0, -1)) {
    const [step = '', id = ''] = line.split(' ');
    acknowledged.set(id, step);
  }
  return acknowledged;
}

test('after kill -9 acknowledged writes are there, roads are whole, and no lock is left', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const acknowledged = await acknowledgedUntilKilled(round);
    expect(acknowledged.size).toBeGreaterThan(STEPS_BEFORE_KILL / 3);
    const journal = openInProcessJournal(join(folder.path, 'journal.sqlite'));
    for (const [id, step] of acknowledged) {
      const found = await journal.findAuthorization(id);
      const kinds = (await journal.history(id)).map((event) => event.kind);
      expect(kinds, id).toContain(step);
      expect(found?.version, id).toBe(kinds.length);
      expect(found?.attempts, id).toHaveLength(kinds.includes('failed_over') ? 2 : 1);
      expect(found?.open, id).toBe(!kinds.includes('concluded'));
    }
    await journal.close();
  }
});
