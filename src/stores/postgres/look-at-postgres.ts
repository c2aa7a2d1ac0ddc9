import type { Clock } from '../../gateway/ports.ts';
import type { Report } from '../verify/finding.ts';
import type { JournalView } from '../verify/journal-view.ts';
import { readMigrations } from './migrate-database.ts';
import { PostgresConnection } from './postgres-connection.ts';
import { PostgresDatabase } from './postgres-database.ts';
import { patientSettings } from './postgres-journal.ts';
import { PostgresReads } from './postgres-reads.ts';
import { PostgresView } from './postgres-view.ts';
import { verifyRows } from './verify-rows.ts';
import { verifySchema } from './verify-schema.ts';

/** How long whoever reads what is exported may pause, milliseconds: meanwhile the server can clean up nothing. */
const READER_MS = 3_600_000;

/** What a tool reads of a journal on Postgres: its rows, and its recorded payments. */
export interface PostgresLook {
  readonly view: JournalView;
  readonly reads: PostgresReads;
}

/**
 * Hands the work one snapshot of a journal on Postgres, beside whoever writes it.
 * @param url as `DATABASE_URL`
 * @throws JournalError saying what is wrong with the address, the server or the role; else what the work rejects with
 */
export async function lookAtPostgres<T>(
  url: string,
  clock: Clock,
  work: (look: PostgresLook) => Promise<T>,
): Promise<T> {
  const patient = patientSettings({ url, clock });
  const times = { ...patient.times, idleInTransactionMs: READER_MS };
  const settings = { ...patient, times, applicationName: 'pointsman-look' };
  const database = new PostgresDatabase({ ...settings, size: 1, waitingMax: 0, waitMs: 0 });
  const checkSchema = async (report: Report) => {
    const connection = await PostgresConnection.open(settings);
    try {
      await verifySchema(connection, readMigrations(), report);
    } finally {
      await connection.close();
    }
  };
  try {
    return await database.snapshot((queries) =>
      work({
        view: new PostgresView(queries, [
          { where: 'the schema', check: checkSchema },
          { where: 'the rows', check: (report) => verifyRows(queries, report) },
        ]),
        reads: new PostgresReads(queries),
      }),
    );
  } finally {
    await database.close();
  }
}
