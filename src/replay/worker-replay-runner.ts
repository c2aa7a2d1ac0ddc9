import { Worker } from 'node:worker_threads';
import { type TooCostly, tooCostlyError } from '../config/reading-task.ts';
import type { Clock } from '../gateway/ports.ts';
import { ReplayFailed, type ReplayRunner, type ReplayTask, type RunningReplay } from '../gateway/replays.ts';
import type { ReplayCheck, ReplayReply, ReplayRequest, ReplayWorkerData } from './replay-worker.ts';

/** Memory of one replay, megabytes: it needs a few dozen, and must not take what payments need. */
const MEMORY_MAX_MB = 256;
/** For the start of its thread and the check of its rules, milliseconds: few rules take more than one second of it. */
const CHECK_MAX_MS = 10_000;

/** Each replay computes in a thread of its own, so that no payment waits for it. */
export class WorkerReplayRunner implements ReplayRunner {
  readonly #binTables: readonly string[];
  readonly #clock: Clock;

  /** @param binTables as `BIN_TABLES` */
  constructor(binTables: readonly string[], clock: Clock) {
    this.#binTables = binTables;
    this.#clock = clock;
  }

  async begin(task: ReplayTask): ReturnType<ReplayRunner['begin']> {
    const workerData: ReplayWorkerData = { task, binTables: this.#binTables };
    const thread = new ReplayThread(
      new Worker(new URL('./replay-worker.ts', import.meta.url), {
        workerData,
        name: 'replay',
        resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
      }),
      this.#clock,
    );
    const reply = await thread.first();
    switch (reply.kind) {
      case 'too_costly': {
        const limits = { timeMs: CHECK_MAX_MS, memoryMb: MEMORY_MAX_MB };
        return { kind: 'too_costly', findings: [tooCostlyError(reply, limits)] };
      }
      case 'refused':
        thread.close();
        return reply;
      default:
        return { kind: 'begun', replay: thread };
    }
  }
}

type Reply = ReplayReply | TooCostly;

/** One request at a time: the next is sent once the one before was answered. */
class ReplayThread implements RunningReplay {
  readonly #worker: Worker;
  #waiting: { resolve(reply: Reply): void; reject(error: ReplayFailed): void } | null = null;
  #failed: ReplayFailed | null = null;
  /** File of the rules that it looks into; null: none yet. */
  #file: string | null = null;
  /** Until its rules are checked: null afterwards. */
  #endOfCheck: (() => void) | null;

  constructor(worker: Worker, clock: Clock) {
    this.#worker = worker;
    this.#endOfCheck = clock.after(CHECK_MAX_MS, () => this.#giveUp('time'));
    worker.on('message', (message: ReplayReply | ReplayCheck) => this.#heard(message));
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#endOfCheck !== null && error.code === 'ERR_WORKER_OUT_OF_MEMORY') this.#giveUp('memory');
      this.#fail(`its thread failed: ${String(error)}`);
    });
    worker.on('exit', () => this.#fail('its thread ended'));
  }

  #heard(message: ReplayReply | ReplayCheck): void {
    if (message.kind === 'checking') this.#file = message.file;
    else if (message.kind === 'checked') this.#checked();
    else this.#answer(message);
  }

  #checked(): void {
    this.#endOfCheck?.();
    this.#endOfCheck = null;
  }

  /** Its rules need more than a check may. */
  #giveUp(limit: TooCostly['limit']): void {
    this.#answer({ kind: 'too_costly', limit, at: this.#file });
    this.close();
  }

  #answer(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(reply);
  }

  #fail(reason: string): void {
    this.#checked();
    this.#failed ??= new ReplayFailed(reason);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failed);
  }

  /** What it says when it has started. */
  first(): Promise<Reply> {
    return this.#reply(() => {});
  }

  #reply(ask: () => void): Promise<Reply> {
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
