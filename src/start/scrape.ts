import type { Gateway } from '../gateway/gateway.ts';
import { JournalError } from '../gateway/ports.ts';
import { settledWithin } from '../gateway/settled-within.ts';
import type { Parts } from './parts.ts';
import { clock } from './this-process.ts';

/** How long a scrape waits for the journal, milliseconds. */
const SCRAPE_WAIT_MS = 2_000;

type Scraped = Pick<Parts, 'journal' | 'metrics' | 'heldBack' | 'poolLoads'> & {
  readonly lanes: Pick<Parts['lanes'], 'snapshot'>;
};

/** What is shown as it is now, and the text for Prometheus. */
export async function scrape(
  { journal, lanes, metrics, heldBack, poolLoads }: Scraped,
  gateway: Pick<Gateway, 'eventEndpoints'>,
) {
  // A scrape must neither fail nor hang with the journal: then it is the journal's own metrics that tell.
  const nowMs = clock.wallMs();
  const counted = Promise.all([
    journal.countUnsettled().then(metrics.unsettledShown, ignoreJournalError),
    journal.countWork(nowMs).then((counts) => metrics.workShown(counts, nowMs), ignoreJournalError),
    journal.oldestUnsealed().then((atMs) => metrics.unsealedShown(atMs, nowMs), ignoreJournalError),
    journal.countDeliveries().then((counts) => metrics.deliveriesShown(counts, nowMs), ignoreJournalError),
  ]);
  await settledWithin(counted, SCRAPE_WAIT_MS, clock);
  metrics.endpointsShown(gateway.eventEndpoints());
  metrics.heldBackShown(heldBack.heldMs());
  metrics.database.pools(poolLoads());
  for (const { provider, lanes: shown } of lanes.snapshot()) {
    for (const { brand, breaker } of shown) metrics.breakerShown({ provider, brand, state: breaker });
  }
  return metrics.render();
}

function ignoreJournalError(error: unknown): void {
  if (!(error instanceof JournalError)) throw error;
}
