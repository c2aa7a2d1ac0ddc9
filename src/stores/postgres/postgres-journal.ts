import type { Clock, HeldBack, Journal } from '../../gateway/ports.ts';
import { StoredJournal } from '../stored-journal.ts';
import { ConnectionPool, type PoolOptions } from './connection-pool.ts';
import { readDatabaseUrl } from './database-url.ts';
import { ExperimentPhases } from './experiment-phases.ts';
import { checkRights, migrateDatabase } from './migrate-database.ts';
import { NewestTimeline } from './newest-timeline.ts';
import { postgresCommands } from './postgres-commands.ts';
import { type ConnectionSettings, type ConnectionTimes, PostgresConnection } from './postgres-connection.ts';
import { PostgresDatabase } from './postgres-database.ts';
import { PostgresRunner } from './postgres-runner.ts';
import { PostgresWrites, type WriteOptions } from './postgres-writes.ts';

export interface PostgresJournalOptions extends Omit<WriteOptions, 'batchesMax'> {
  /** `DATABASE_URL`. */
  readonly url: string;
  /** `off`: the schema has to be there already. */
  readonly migrate: 'auto' | 'off';
  /** Connections at most, of which writes get two fifths: 3 or more. */
  readonly poolSize: number;
  readonly clock: Clock;
  /** What the server calls us in its list of connections. */
  readonly applicationName?: string;
  /** Told what is odd about the server, once each. Must not throw. */
  readonly onWarning?: (text: string) => void;
  readonly times?: Partial<ConnectionTimes>;
  /** Given, once, what tells how busy the connections are. Must not throw. */
  readonly onPools?: (loads: () => readonly PoolLoad[]) => void;
  /** Told while events are held back from deliveries and seals, again and again; null once they are not. Must not throw. */
  readonly onHeldBack?: (held: HeldBack | null) => void;
}

const TIMES: ConnectionTimes = {
  connectMs: 2_000,
  statementMs: 5_000,
  lockMs: 2_000,
  idleInTransactionMs: 10_000,
};
/** What a migration, or one that waits for it, may take. */
const PATIENT: ConnectionTimes = {
  ...TIMES,
  statementMs: 600_000,
  lockMs: 600_000,
  idleInTransactionMs: 60_000,
};
const WAITING_MAX = 1_000;

/** How busy the connections of one kind are. */
export type PoolLoad = ConnectionPool['load'] & { readonly pool: 'reads' | 'writes' };

/**
 * Opens the journal on Postgres; several processes may use one database at once.
 * @throws JournalError when the address is malformed, no server can be written to safely, or the schema does not fit
 */
export async function openPostgresJournal(options: PostgresJournalOptions): Promise<Journal> {
  const settings = connectionSettings(options);
  const patient = await PostgresConnection.open({ ...settings, times: PATIENT });
  try {
    await migrateDatabase(patient, options.migrate);
    await checkRights(patient);
  } finally {
    await patient.close();
  }
  const batchesMax = Math.max(1, Math.floor(options.poolSize * 0.4));
  const pooled: Omit<PoolOptions, 'size'> = {
    ...settings,
    waitingMax: WAITING_MAX,
    waitMs: settings.times.connectMs + settings.times.statementMs,
  };
  const queries = new PostgresDatabase({ ...pooled, size: Math.max(2, options.poolSize - batchesMax) });
  const writing = new ConnectionPool({ ...pooled, size: batchesMax });
  options.onPools?.(() => [
    { pool: 'reads', ...queries.load },
    { pool: 'writes', ...writing.load },
  ]);
  const writes = new PostgresWrites(writing, new ExperimentPhases(queries), { ...options, batchesMax });
  const commands = postgresCommands(queries, writes, options.clock, options.onHeldBack ?? (() => {}));
  return new StoredJournal(
    new PostgresRunner(commands, async () => {
      await writes.drained();
      await Promise.all([queries.close(), writing.close()]);
    }),
  );
}

/** How to connect for what takes its time and is done once: migrations, verification. */
export function patientSettings(options: Pick<PostgresJournalOptions, 'url' | 'clock'>): ConnectionSettings {
  return { ...connectionSettings(options), times: PATIENT };
}

function connectionSettings({
  url,
  clock,
  applicationName = 'pointsman',
  onWarning = () => {},
  times = {},
}: Pick<
  PostgresJournalOptions,
  'url' | 'clock' | 'applicationName' | 'onWarning' | 'times'
>): ConnectionSettings {
  const told = new Set<string>();
  return {
    address: readDatabaseUrl(url),
    times: { ...TIMES, ...times },
    clock,
    applicationName,
    timelines: new NewestTimeline(),
    onWarning: (text) => {
      if (told.has(text)) return;
      told.add(text);
      onWarning(text);
    },
  };
}
