import { Worker } from 'node:worker_threads';
import type { Clock } from '../gateway/ports.ts';
import type {
  ReadingLimits,
  ReadingOutcome,
  ReadingPlace,
  ReadingReply,
  ReadingTask,
} from './reading-task.ts';
import type { ReadingMessage } from './reading-worker.ts';

/** For a thread to start, milliseconds: it takes some hundred on a machine that has little else to do. */
const START_MS = 10_000;
/**
 * As of the main thread, megabytes: what is nested too deeply for one is so for the other. The runtime keeps a fifth of
 * one for itself.
 */
const STACK_MB = 1.2;

/**
 * One task at a time, each in a thread of its own, which is ended with it: so a task can be given up whatever it is at,
 * and leaves nothing behind.
 */
export class ReadingThread implements ReadingPlace {
  readonly limits: ReadingLimits;
  readonly #clock: Clock;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();
  /** Gives up the task that is done now. */
  #giveUp: () => void = () => {};
  #stopped = false;

  constructor(limits: ReadingLimits, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
  }

  async run<Task extends ReadingTask>(task: Task): Promise<ReadingOutcome<Task>> {
    if (this.#stopped) return { kind: 'stopped' };
    // One of them is done now.
    if (this.#waiting > this.limits.waitingMax) return { kind: 'busy', waiting: this.#waiting };
    this.#waiting += 1;
    const done = this.#last.then(() => this.#inThread(task));
    this.#last = done.finally(() => {
      this.#waiting -= 1;
    });
    return done;
  }

  /** Gives up what is under way and what waits; nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
    this.#giveUp();
  }

  /** Never rejects. */
  async #inThread<Task extends ReadingTask>(task: Task): Promise<ReadingOutcome<Task>> {
    if (this.#stopped) return { kind: 'stopped' };
    const { promise, resolve } = Promise.withResolvers<ReadingOutcome<Task>>();
    this.#giveUp = () => resolve({ kind: 'stopped' });
    const worker = this.#begin(task);
    if (worker === null) return { kind: 'failed', reason: 'no thread could be begun' };
    let at: string | null = null;
    let cancel = this.#clock.after(START_MS, () =>
      resolve({ kind: 'failed', reason: 'its thread did not start' }),
    );
    const onMessage = (message: ReadingMessage) => {
      if (message.kind === 'file') at = message.name;
      if (message.kind === 'done') {
        resolve({ kind: 'done', reply: message.reply as ReadingReply<Task> });
      }
      if (message.kind !== 'begun') return;
      cancel();
      cancel = this.#clock.after(this.limits.timeMs, () =>
        resolve({ kind: 'too_costly', limit: 'time', at }),
      );
    };
    worker.on('message', onMessage);
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      if (isMemory) resolve({ kind: 'too_costly', limit: 'memory', at });
      else resolve({ kind: 'failed', reason: `its thread failed: ${String(error)}` });
    });
    worker.on('exit', () => resolve({ kind: 'failed', reason: 'its thread ended' }));
    const outcome = await promise;
    cancel();
    this.#giveUp = () => {};
    // The next one is begun once this one is gone: never two at the same time.
    await worker.terminate();
    return outcome;
  }

  #begin(task: ReadingTask): Worker | null {
    try {
      return new Worker(new URL('./reading-worker.ts', import.meta.url), {
        workerData: task,
        name: 'rules',
        resourceLimits: {
          maxOldGenerationSizeMb: this.limits.memoryMb,
          stackSizeMb: STACK_MB,
        },
      });
    } catch {
      // Such as where the system gives the process no further thread.
      return null;
    }
  }
}
