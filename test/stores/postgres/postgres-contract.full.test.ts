import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../../src/stores/postgres/postgres-journal.ts';
import { journalContract } from '../../contracts/journal-contract.ts';
import { migrated, type PostgresServer, startPostgres } from './postgres-server.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  const url = await server.emptyDatabase();
  await migrated(url, 'auto', { roles: true });
  await server.query(url, "CREATE ROLE pod LOGIN PASSWORD 'secret' IN ROLE pointsman_run");
});
afterAll(() => server.stop());

journalContract('Postgres, as a role that may do no more than it needs', async () => {
  const url = await server.database(true);
  const asPod = url.replace(/\/\/[^@]*@/, '//pod:secret@');
  return {
    open: () => openPostgresJournal({ url: asPod, migrate: 'auto', poolSize: 5, clock: systemClock }),
    dispose: () => server.drop(url),
  };
});
