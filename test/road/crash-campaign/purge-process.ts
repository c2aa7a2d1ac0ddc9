import type { GatewayDeps } from '../../../src/gateway/gateway-deps.ts';
import { purgeHistory, sealHistory } from '../../../src/gateway/keep-history.ts';
import { systemClock } from '../../../src/guards/system-clock.ts';
import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import { SILENT } from '../../support/road-deps.ts';

/**
 * What a gateway does once an hour with what is older than it is kept, on the journal in the folder of the first
 * argument, sixty days from now. A gateway itself would have to run for an hour to come to it.
 */

const DAY_MS = 86_400_000;
const directory = process.argv[2] ?? '';
const journal = await openWorkerJournal({ directory });
const deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer' | 'retentionMs' | 'refundableRetentionMs'> = {
  clock: { ...systemClock, wallMs: () => systemClock.wallMs() + 60 * DAY_MS },
  journal,
  observer: SILENT,
  retentionMs: 30 * DAY_MS,
  refundableRetentionMs: 540 * DAY_MS,
};
process.stdout.write('begins\n');
await sealHistory(deps);
const purged = await purgeHistory(deps);
await sealHistory(deps);
await journal.close();
process.stdout.write(`purged ${purged}\n`);
