import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Up to the commands that share one commit at most. */
const BATCH_COMMANDS = [1, 2, 4, 8, 16, 32, 64];
/** From a commit on a disk nearby to one that is given up. */
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Connections of one kind to the database, as they are now. */
export interface PoolLoad {
  readonly pool: 'reads' | 'writes';
  /** Most that there may be. */
  readonly size: number;
  readonly inUse: number;
  /** Requests that wait for one. */
  readonly waiting: number;
}

/** What is told of a journal on a database; nothing where it is a file. Methods never throw. */
export interface DatabaseMetrics {
  /** Told before a scrape. */
  pools(loads: readonly PoolLoad[]): void;
  /** A batch of commands came back. */
  batch(batch: {
    readonly commands: number;
    readonly committed: boolean;
    /** From when it was sent, milliseconds. */
    readonly tookMs: number;
    /** Commands of it that are sent once more, each alone. */
    readonly again: number;
  }): void;
}

/** Makes them in a registry. */
export function databaseMetrics(registry: Registry): DatabaseMetrics {
  const registers = [registry];
  const name = (end: string) => `pointsman_database_${end}`;
  const gauge = (end: string, help: string) =>
    new Gauge({ name: name(end), help, labelNames: ['pool'], registers });
  const size = gauge(
    'connections_max',
    'Connections to the database that a process may have, for reads and for writes.',
  );
  const inUse = gauge('connections_in_use', 'Connections to the database that are in use or being opened.');
  const waiting = gauge('connections_waiting', 'Requests that wait for a connection to the database.');
  const commands = new Histogram({
    name: name('batch_commands'),
    help: 'Commands that shared one commit.',
    buckets: BATCH_COMMANDS,
    registers,
  });
  const seconds = new Histogram({
    name: name('commit_seconds'),
    help: 'Time from sending a batch of commands to its commit, or to its failure.',
    buckets: COMMIT_SECONDS,
    registers,
  });
  const failures = new Counter({
    name: name('batch_failures_total'),
    help: 'Batches that were not committed, or not confirmed.',
    registers,
  });
  const again = new Counter({
    name: name('commands_alone_total'),
    help: 'Commands that were sent once more and alone, after the batch that they were in was refused.',
    registers,
  });
  return {
    pools(loads) {
      for (const { pool, ...load } of loads) {
        size.set({ pool }, load.size);
        inUse.set({ pool }, load.inUse);
        waiting.set({ pool }, load.waiting);
      }
    },
    batch(batch) {
      commands.observe(batch.commands);
      seconds.observe(batch.tookMs / 1000);
      if (!batch.committed) failures.inc();
      if (batch.again > 0) again.inc(batch.again);
    },
  };
}
