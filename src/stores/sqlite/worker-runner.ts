import type { Worker } from 'node:worker_threads';
import type { JournalError } from '../../gateway/ports.ts';
import { type CommandRunner, commandFailed } from '../command-runner.ts';
import type { CommandArguments, CommandName, CommandReply } from '../journal-commands.ts';
import type { WorkerRequest } from './journal-worker.ts';
import type { BatchReply, Command } from './sqlite-batch.ts';

export interface WorkerRunnerOptions {
  /** Commands that share one commit, at most. */
  readonly batchMax?: number;
  /** Commands that may wait for the worker; more are refused at once. */
  readonly queueMax?: number;
  /** Told of each batch that came back. Must not throw. */
  readonly observeBatch?: (batch: { readonly commands: number; readonly committed: boolean }) => void;
}

const BATCH_MAX = 512;
const QUEUE_MAX = 10_000;
/** Turns of the event loop for which commands gather, at most. */
const GATHERING_TURNS = 5;
/** Commands that are worth a commit: more would save little. */
const GATHERED_ENOUGH = 64;

interface Waiting {
  readonly command: Command;
  readonly resolve: (value: never) => void;
  readonly reject: (error: JournalError) => void;
}

/**
 * Group commit: commands gather while the worker is busy and go to it as one batch, which it commits once.
 * The busier it is, the larger the batches, the fewer the writes to the disk.
 *
 * A worker that ends unasked is not started again: what it had in hand is not known to be written, and
 * whatever ended it needs a person. Every call fails from then on, `ping` with them, so that the process is
 * taken out and replaced.
 */
export class WorkerRunner implements CommandRunner {
  readonly #worker: Worker;
  readonly #batchMax: number;
  readonly #queueMax: number;
  readonly #observeBatch: NonNullable<WorkerRunnerOptions['observeBatch']>;
  #queue: Waiting[] = [];
  /** The batch that the worker has in hand; empty while it is idle. */
  #sent: Waiting[] = [];
  #scheduled = false;
  #ended: string | null = null;
  #closed: Promise<void> | null = null;
  #whenDrained: () => void = () => {};

  /** @param worker a `journal-worker.ts` that is ready */
  constructor(worker: Worker, options: WorkerRunnerOptions = {}) {
    this.#worker = worker;
    this.#batchMax = options.batchMax ?? BATCH_MAX;
    this.#queueMax = options.queueMax ?? QUEUE_MAX;
    this.#observeBatch = options.observeBatch ?? (() => {});
    worker.on('message', (reply: BatchReply) => this.#receive(reply));
    worker.on('error', (error) => this.#end(`its thread failed: ${String(error)}`));
    worker.on('exit', () => this.#end('its thread ended'));
  }

  run<K extends CommandName>(name: K, args: CommandArguments<K>): Promise<CommandReply<K>> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(commandFailed(name, refusal, { isUnsent: true }));
    return new Promise((resolve, reject) => {
      this.#queue.push({ command: [name, args], resolve: resolve as Waiting['resolve'], reject });
      this.#schedule();
    });
  }

  #refusal(): string | null {
    if (this.#closed !== null) return 'the journal is closed';
    if (this.#ended !== null) return `the journal is gone: ${this.#ended}. Restart the process`;
    if (this.#queue.length < this.#queueMax) return null;
    return `refused, ${this.#queue.length} commands are waiting for the disk already`;
  }

  /** Sends at the end of this turn of the event loop, so that what arrives together is committed together. */
  #schedule(): void {
    if (this.#scheduled || this.#sent.length > 0) return;
    this.#scheduled = true;
    this.#gather(1, GATHERING_TURNS);
  }

  /**
   * A command that comes alone goes at once. While others come too, it is worth a few turns more to have them in the
   * same commit: turns are short while there is little to do, and long while there is much.
   * @param known commands that waited when the turn began
   */
  #gather(known: number, turnsLeft: number): void {
    setImmediate(() => {
      const waiting = this.#queue.length;
      if (waiting > known && waiting < GATHERED_ENOUGH && turnsLeft > 1) {
        this.#gather(waiting, turnsLeft - 1);
        return;
      }
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#sent.length > 0 || this.#queue.length === 0 || this.#ended !== null) return;
    if (this.#queue.length <= this.#batchMax) {
      this.#sent = this.#queue;
      this.#queue = [];
    } else {
      this.#sent = this.#queue.splice(0, this.#batchMax);
    }
    const batch: WorkerRequest = this.#sent.map((waiting) => waiting.command);
    this.#worker.postMessage(batch);
  }

  #receive({ values, failures, committed }: BatchReply): void {
    const answered = this.#sent;
    this.#sent = [];
    if (this.#queue.length > 0) this.#schedule();
    this.#observeBatch({ commands: answered.length, committed });
    for (const [index, waiting] of answered.entries()) {
      const failure = failures?.[index] ?? null;
      if (failure === null) waiting.resolve(values[index] as never);
      else waiting.reject(commandFailed(waiting.command[0], failure));
    }
    if (this.#isDrained()) this.#whenDrained();
  }

  #isDrained(): boolean {
    return this.#sent.length === 0 && this.#queue.length === 0;
  }

  #end(reason: string): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    const lost = [...this.#sent, ...this.#queue];
    this.#sent = [];
    this.#queue = [];
    for (const waiting of lost) {
      waiting.reject(commandFailed(waiting.command[0], `not known to be written: ${reason}`));
    }
    this.#whenDrained();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#ended !== null) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
      if (this.#isDrained()) resolve();
    });
    if (this.#ended !== null) return;
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.postMessage(null satisfies WorkerRequest);
    await exited;
  }
}
