import { systemClock } from '../../src/guards/system-clock.ts';
import { lookAtPostgres } from '../../src/stores/postgres/look-at-postgres.ts';
import type { Finding } from '../../src/stores/verify/finding.ts';
import { verifyJournal } from '../../src/stores/verify/verify-journal.ts';

/** What is wrong with the journal in a database. */
export async function findingsIn(url: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  await lookAtPostgres(url, systemClock, ({ view }) =>
    verifyJournal(view, (finding) => findings.push(finding)),
  );
  return findings;
}
