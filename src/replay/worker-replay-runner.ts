import { Worker } from 'node:worker_threads';
import { ReplayFailed, type ReplayRunner, type ReplayTask, type RunningReplay } from '../gateway/replays.ts';
import type { ReplayReply, ReplayRequest, ReplayWorkerData } from './replay-worker.ts';

/** Memory of one replay, megabytes: it needs a few dozen, and must not take what payments need. */
const MEMORY_MAX_MB = 256;

/** Each replay computes in a thread of its own, so that no payment waits for it. */
export class WorkerReplayRunner implements ReplayRunner {
  readonly #binTables: readonly string[];

  /** @param binTables as `BIN_TABLES` */
  constructor(binTables: readonly string[]) {
    this.#binTables = binTables;
  }

  async begin(task: ReplayTask): ReturnType<ReplayRunner['begin']> {
    const workerData: ReplayWorkerData = { task, binTables: this.#binTables };
    const thread = new ReplayThread(
      new Worker(new URL('./replay-worker.ts', import.meta.url), {
        workerData,
        name: 'replay',
        resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
      }),
    );
    const reply = await thread.first();
    if (reply.kind === 'refused') {
      thread.close();
      return reply;
    }
    return { kind: 'begun', replay: thread };
  }
}

/** One request at a time: the next is sent once the one before was answered. */
class ReplayThread implements RunningReplay {
  readonly #worker: Worker;
  #waiting: { resolve(reply: ReplayReply): void; reject(error: ReplayFailed): void } | null = null;
  #failed: ReplayFailed | null = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (reply: ReplayReply) => {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve(reply);
    });
    worker.on('error', (error) => this.#fail(`its thread failed: ${String(error)}`));
    worker.on('exit', () => this.#fail('its thread ended'));
  }

  #fail(reason: string): void {
    this.#failed ??= new ReplayFailed(reason);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failed);
  }

  /** What it says when it has started. */
  first(): Promise<ReplayReply> {
    return this.#reply(() => {});
  }

  #reply(ask: () => void): Promise<ReplayReply> {
    const failed = this.#failed;
    if (failed !== null) return Promise.reject(failed);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      ask();
    });
  }

  async add(text: string): Promise<void> {
    await this.#reply(() => this.#worker.postMessage(text satisfies ReplayRequest));
  }

  async end(): ReturnType<RunningReplay['end']> {
    const reply = await this.#reply(() => this.#worker.postMessage(null satisfies ReplayRequest));
    if (reply.kind !== 'ended') throw new ReplayFailed('its thread answered something else');
    return reply.end;
  }

  close(): void {
    this.#fail('it was ended');
    // What it would have said at its end nobody waits for.
    void this.#worker.terminate();
  }
}
