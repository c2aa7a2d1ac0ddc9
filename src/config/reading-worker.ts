import { parentPort, workerData } from 'node:worker_threads';
import { doReadingTask, type ReadingTask } from './reading-task.ts';

/** From the worker: that it begins, each file that it looks into, and what it came to. */
export type ReadingMessage =
  | { readonly kind: 'begun' }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'done'; readonly reply: ReturnType<typeof doReadingTask> };

/** The thread of one task. What it cannot do it dies of, and whoever began it is told. */
function serve(task: ReadingTask): void {
  const port = parentPort;
  if (port === null) throw new Error('reading-worker.ts runs as a worker thread only');
  const tell = (message: ReadingMessage) => port.postMessage(message);
  tell({ kind: 'begun' });
  const reply = doReadingTask(task, (name) => tell({ kind: 'file', name }));
  tell({ kind: 'done', reply });
}

serve(workerData as ReadingTask);
