import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from './database-files.ts';
import { type Command, SqliteBatch } from './sqlite-batch.ts';
import { SqliteCommands } from './sqlite-commands.ts';
import { type DatabaseOptions, openDatabase } from './sqlite-database.ts';

/** First message of the worker: the database is open and locked, or why not. */
export type WorkerReady = { readonly ready: true } | { readonly ready: false; readonly failure: string };

/** To the worker: a batch, or null to close the database and end. */
export type WorkerRequest = readonly Command[] | null;

/** The thread that owns the database, so that nobody else ever waits for the disk. */
function serve(options: DatabaseOptions): void {
  const port = parentPort;
  if (port === null) throw new Error('journal-worker.ts runs as a worker thread only');
  let database: ReturnType<typeof openDatabase>;
  try {
    database = openDatabase(options);
  } catch (error) {
    port.postMessage({ ready: false, failure: messageOf(error) } satisfies WorkerReady);
    return;
  }
  const batches = new SqliteBatch(database, new SqliteCommands(database));
  port.on('message', (request: WorkerRequest) => {
    if (request !== null) return port.postMessage(batches.run(request));
    database.close();
    port.close();
  });
  port.postMessage({ ready: true } satisfies WorkerReady);
}

serve(workerData as DatabaseOptions);
