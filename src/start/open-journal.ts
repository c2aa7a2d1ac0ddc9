import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../config/environment.ts';
import { redisPlace } from '../config/redis-place.ts';
import { databasePlace } from '../stores/postgres/database-place.ts';
import { openPostgresJournal } from '../stores/postgres/postgres-journal.ts';
import { prepareFolder } from '../stores/sqlite/database-files.ts';
import { openWorkerJournal } from '../stores/sqlite/worker-journal.ts';
import { HeldBackWatch } from '../telemetry/held-back-watch.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Parts } from './parts.ts';
import { clock } from './this-process.ts';

/**
 * On Postgres where there is an address of one, else in a file of this process alone.
 * @throws JournalError when it cannot be used
 */
export async function openJournal(
  settings: Settings,
  log: Log,
  metrics: Metrics,
): Promise<Pick<Parts, 'journal' | 'heldBack' | 'poolLoads'>> {
  const { databaseUrl: url, databaseMigrate: migrate, databasePoolSize: poolSize } = settings;
  const heldBack = new HeldBackWatch(clock, log);
  if (url === null) {
    const journal = await openWorkerJournal({ directory: settings.dataDir });
    return { journal, heldBack, poolLoads: () => [] };
  }
  // What is learned is kept there all the same.
  prepareFolder(settings.dataDir);
  let poolLoads: Parts['poolLoads'] = () => [];
  const journal = await openPostgresJournal({
    url,
    migrate,
    poolSize,
    clock,
    applicationName: `pointsman ${hostname()}`.slice(0, 63),
    onWarning: (problem) => log.warn('database', { problem }),
    onHeldBack: (held) => heldBack.tell(held),
    observeBatch: metrics.database.batch,
    onPools(loads) {
      poolLoads = loads;
    },
  });
  return { journal, heldBack, poolLoads };
}

/** Where the journal is, without the address of a database, which has its password. */
export function journalPlace({ databaseUrl, dataDir }: Settings): string {
  return databaseUrl === null ? `the journal of ${dataDir}` : 'the journal of DATABASE_URL';
}

/** By which it is known where journal and shared state are. */
export type StoreSettings = Pick<Settings, 'databaseUrl' | 'dataDir' | 'redis'>;

/** Which stores this process was given, without user and password. */
export function storePlaces({ databaseUrl, dataDir, redis }: StoreSettings) {
  return {
    journal: databaseUrl === null ? `sqlite ${join(dataDir, 'journal.sqlite')}` : databasePlace(databaseUrl),
    shared_state: redis === null ? null : redisPlace(redis.address),
  };
}
