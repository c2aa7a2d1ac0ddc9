import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Journal, JournalError } from '../../gateway/ports.ts';
import { StoredJournal } from '../stored-journal.ts';
import type { WorkerReady } from './journal-worker.ts';
import type { DatabaseOptions } from './sqlite-database.ts';
import { WorkerRunner, type WorkerRunnerOptions } from './worker-runner.ts';

export interface WorkerJournalOptions extends Omit<DatabaseOptions, 'path'>, WorkerRunnerOptions {
  /** `DATA_DIR`: created when missing; one process at a time. */
  readonly directory: string;
}

/**
 * Opens the embedded journal: `journal.sqlite` in `directory`, served by a worker thread with group commit.
 * @throws JournalError when another process uses the directory, the database is newer than this version, or
 * it cannot be opened
 */
export async function openWorkerJournal(options: WorkerJournalOptions): Promise<Journal> {
  const { directory, pragmas, ...runnerOptions } = options;
  const path = join(directory, 'journal.sqlite');
  const workerData: DatabaseOptions = pragmas === undefined ? { path } : { path, pragmas };
  const worker = new Worker(new URL('./journal-worker.ts', import.meta.url), {
    workerData,
    name: 'journal',
  });
  const ready = await firstMessage(worker);
  if (!ready.ready) throw new JournalError(ready.failure);
  return new StoredJournal(new WorkerRunner(worker, runnerOptions));
}

function firstMessage(worker: Worker): Promise<WorkerReady> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (cause) => {
      reject(new JournalError('the thread of the journal failed while it started', { cause }));
    });
    worker.once('exit', () => reject(new JournalError('the thread of the journal ended while it started')));
  });
}
