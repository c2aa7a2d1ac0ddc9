import { invariant } from '../../core/invariant.ts';
import { type Clock, JournalError } from '../../gateway/ports.ts';
import { eventHead } from '../event-hash.ts';
import type { CommandReply } from '../journal-commands.ts';
import type { AdvanceCommand, EventValues } from '../write-commands.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { ExperimentPhases } from './experiment-phases.ts';
import { messageOf, type PostgresConnection } from './postgres-connection.ts';
import { PostgresFailure } from './postgres-failure.ts';
import { inLockOrder, WRITE_LOCKS, type WriteCommands, type WriteName } from './write-locks.ts';
import { inWaves, repliesOf } from './write-waves.ts';

export interface WriteOptions {
  /** Commands that share one commit, at most. */
  readonly batchMax?: number;
  /** Batches that may be under way, each on a connection of its own. */
  readonly batchesMax: number;
  /** Commands that may wait; more are refused at once. */
  readonly queueMax?: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Told of each batch that came back. Must not throw. */
  readonly observeBatch?: (batch: ObservedBatch) => void;
}

/** What became of a batch. */
export interface ObservedBatch {
  readonly commands: number;
  readonly committed: boolean;
  /** From when it was sent, milliseconds; 0: it was not. */
  readonly tookMs: number;
  /** Commands of it that are tried once more, each alone. */
  readonly again: number;
}

/** Each takes up to four locks, for which a server has a place for some thousands. */
const BATCH_MAX = 64;
const QUEUE_MAX = 10_000;
/** Turns of the event loop for which commands gather, at most. */
const GATHERING_TURNS = 5;

const WRITE = 'SELECT journal_write_v2($1::bigint[], $2::jsonb)::text AS replies';

/** Deadlock and serialization: with others, not with what is written. */
const TRY_AGAIN = new Set(['40P01', '40001']);

/** Columns that `journal_advance_v2` knows. */
const CHANGEABLE = new Set([
  'open',
  'status',
  'unsettled',
  'holds_payment',
  'authorized_amount',
  'captured_amount',
  'refunded_amount',
  'provider',
  'provider_reference',
  'network_transaction',
  'decline',
  'capture_closed',
  'expires_at_ms',
  'answered',
  'lease_until_ms',
]);

interface Waiting {
  readonly name: WriteName;
  /** JSON. */
  readonly text: string;
  readonly locks: readonly bigint[];
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  /** A batch with it has failed: it goes in a batch of its own, so that a conflict is only that of whoever has it. */
  alone: boolean;
  tries: number;
}

/**
 * Group commit: commands gather, and go to the database as batches, each of which is one statement with one commit. What
 * the server has refused is tried again, each command alone; what it may have done is never sent again.
 */
export class PostgresWrites {
  readonly #pool: ConnectionPool;
  readonly #phases: ExperimentPhases;
  readonly #batchMax: number;
  readonly #batchesMax: number;
  readonly #queueMax: number;
  readonly #clock: WriteOptions['clock'];
  readonly #observeBatch: NonNullable<WriteOptions['observeBatch']>;
  #queue: Waiting[] = [];
  #underWay = 0;
  #scheduled = false;
  #whenDrained: () => void = () => {};

  constructor(pool: ConnectionPool, phases: ExperimentPhases, options: WriteOptions) {
    this.#pool = pool;
    this.#phases = phases;
    this.#batchMax = options.batchMax ?? BATCH_MAX;
    this.#batchesMax = options.batchesMax;
    this.#queueMax = options.queueMax ?? QUEUE_MAX;
    this.#clock = options.clock;
    this.#observeBatch = options.observeBatch ?? (() => {});
  }

  /**
   * Resolves once the command is committed.
   * @throws JournalError when it was not, or when that is not known
   */
  async write<K extends WriteName>(name: K, command: WriteCommands[K]): Promise<CommandReply<K>> {
    const phases = phasesOf(this.#phases, name, command);
    if (phases !== null) await phases;
    if (this.#queue.length >= this.#queueMax) {
      const refusal = `refused, ${this.#queue.length} commands are waiting for the database already`;
      // Nobody has to look for it for hours: there may be many while a database is too slow.
      throw new JournalError(refusal, { isUnsent: true });
    }
    const text = writeText(name, command);
    const locks = WRITE_LOCKS[name](command);
    return new Promise((resolve, reject) => {
      const settling = { resolve: resolve as Waiting['resolve'], reject };
      this.#queue.push({ name, text, locks, ...settling, alone: false, tries: 0 });
      this.#schedule();
    });
  }

  /** Resolves when everything is answered. */
  async drained(): Promise<void> {
    if (this.#queue.length === 0 && this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenDrained = resolve;
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#batchesMax) return;
    this.#scheduled = true;
    this.#gather(1, GATHERING_TURNS);
  }

  /**
   * A command that comes alone goes at once. While others come too, it is worth a few turns more to have them in the
   * same commit: turns are short while there is little to do, and long while there is much.
   */
  #gather(known: number, turnsLeft: number): void {
    setImmediate(() => {
      const waiting = this.#queue.length;
      if (waiting > known && waiting < this.#batchMax && turnsLeft > 1) {
        this.#gather(waiting, turnsLeft - 1);
        return;
      }
      this.#scheduled = false;
      while (this.#queue.length > 0 && this.#underWay < this.#batchesMax) this.#send(this.#nextBatch());
    });
  }

  #nextBatch(): readonly Waiting[] {
    if (this.#queue[0]?.alone === true) return this.#queue.splice(0, 1);
    const end = this.#queue.findIndex(({ alone }) => alone);
    return this.#queue.splice(0, Math.min(this.#batchMax, end < 0 ? this.#queue.length : end));
  }

  #send(batch: readonly Waiting[]): void {
    this.#underWay += 1;
    let sentMs: number | null = null;
    const tookMs = () => (sentMs === null ? 0 : this.#clock.monotonicMs() - sentMs);
    this.#pool
      .use((connection) => {
        sentMs = this.#clock.monotonicMs();
        return ask(connection, batch);
      })
      .then(
        (replies) => this.#answer(batch, replies, tookMs()),
        (error: unknown) => this.#fail(batch, error, tookMs()),
      )
      .finally(() => {
        this.#underWay -= 1;
        if (this.#queue.length > 0) this.#schedule();
        else if (this.#underWay === 0) this.#whenDrained();
      });
  }

  #answer(batch: readonly Waiting[], replies: readonly unknown[], tookMs: number): void {
    this.#observeBatch({ commands: batch.length, committed: true, tookMs, again: 0 });
    for (const [index, waiting] of batch.entries()) waiting.resolve(replies[index] as never);
  }

  #fail(batch: readonly Waiting[], error: unknown, tookMs: number): void {
    const again: Waiting[] = [];
    for (const waiting of batch) {
      if (!isWorthAnother(error, waiting, batch.length)) {
        waiting.reject(failureFor(error));
        continue;
      }
      waiting.alone = true;
      waiting.tries += 1;
      again.push(waiting);
    }
    this.#observeBatch({ commands: batch.length, committed: false, tookMs, again: again.length });
    this.#queue.unshift(...again);
  }
}

async function ask(connection: PostgresConnection, batch: readonly Waiting[]): Promise<readonly unknown[]> {
  const locks = inLockOrder(batch.flatMap((waiting) => waiting.locks)).map(String);
  const { places, waves } = inWaves(batch);
  const { rows } = await connection.query('journal_write_v2', WRITE, [locks, waves]);
  return repliesOf(places, JSON.parse((rows[0] as { readonly replies: string }).replies));
}

/**
 * Only what the server has refused, which it then has not written, is tried again: alone after a batch, and where others are the
 * cause until it was sent three times.
 */
function isWorthAnother(error: unknown, { tries }: Waiting, batchLength: number): boolean {
  if (!(error instanceof PostgresFailure) || error.kind !== 'refused' || error.code === '25006') return false;
  if (batchLength > 1) return true;
  return tries < 2 && error.code !== null && TRY_AGAIN.has(error.code);
}

function failureFor(error: unknown): JournalError {
  if (error instanceof PostgresFailure && error.kind !== 'unknown') return error;
  return new JournalError(`not known to be written: ${messageOf(error)}`, { cause: error });
}

function phasesOf<K extends WriteName>(
  phases: ExperimentPhases,
  name: K,
  command: WriteCommands[K],
): Promise<void> | null {
  if (name === 'open') {
    const { exposures, event } = command as WriteCommands['open'];
    return phases.ensure(exposures, event[0]);
  }
  if (name !== 'openDecision') return null;
  const { exposures, atMs } = command as WriteCommands['openDecision'];
  return phases.ensure(exposures, atMs);
}

/** A command as the functions of the database take it: JSON. */
export function writeText<K extends WriteName>(name: K, command: WriteCommands[K]): string {
  return JSON.stringify(MESSAGES[name](command));
}

const MESSAGES: { [K in WriteName]: (command: WriteCommands[K]) => object } = {
  open: (command) => ({ ...command, head: headOf(command.id, 1, command.event) }),
  advance: ({ columns, values, ...command }) => ({
    ...command,
    changed: changedOf(columns, values),
    head: headOf(command.id, command.version + 1, command.event),
  }),
  openDecision: (command) => command,
  advanceDecision: (command) => command,
};

function changedOf(columns: AdvanceCommand['columns'], values: AdvanceCommand['values']): object {
  const unknown = columns.find((column) => !CHANGEABLE.has(column));
  invariant(unknown === undefined, `the database can change ${unknown ?? 'each column'}`);
  return Object.fromEntries(columns.map((column, index) => [column, values[index]]));
}

function headOf(id: string, number: number, event: EventValues): string {
  const [atMs, actor, kind, data, answerStatus, answerBody] = event;
  return eventHead(id, { number, atMs, actor, kind, data, answerStatus, answerBody });
}
