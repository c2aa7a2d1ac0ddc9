import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { Seal } from './ports.ts';

/** Events that one seal covers at most. */
const SEAL_MAX = 10_000;
/** Seals made in one run, at most. */
const SEALS_MAX = 20;
/** Authorizations purged in one transaction: others wait for it. */
const PURGE_BATCH = 100;
/** Batches in one run, at most. */
const PURGES_MAX = 50;
/** Since it was delivered, until an event's delivery is let go of where nothing else is; milliseconds. */
const DELIVERED_KEPT_MS = 30 * 86_400_000;
/** Deliveries let go of in one transaction. */
const DELIVERIES_BATCH = 1_000;

/** Decisions for callers that send themselves are kept so long where nothing else is said: longer than any ceiling counts. */
const DECISIONS_KEPT_MS = 90 * 86_400_000;
/** Decisions let go of, or counted, in one transaction. */
const DECISIONS_BATCH = 1_000;
/** After it expired, until a decision counts as never reported; milliseconds: some report in batches. */
const REPORT_GRACE_MS = 300_000;

/** The newest seal that this process has made, for as long as it lives. */
export interface SealMemory {
  newest: Seal | null;
}

/**
 * Seals what was written since the last seal, and tells each, so that a log elsewhere can vouch for the journal. Numbers only
 * rise: where one comes again, the journal has lost what it had acknowledged, which is alerted.
 * @param memory of this process; other processes' seals are not in it
 */
export async function sealHistory(
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>,
  memory: SealMemory = { newest: null },
): Promise<number> {
  for (let made = 0; made < SEALS_MAX; made += 1) {
    const seal = await callJournal('seal', deps, () => deps.journal.seal(deps.clock.wallMs(), SEAL_MAX));
    if (!seal.ok || seal.value === null) return made;
    deps.observer.sealed(seal.value);
    if (memory.newest !== null && seal.value.number <= memory.newest.number) {
      deps.observer.alert({
        kind: 'journal_went_back',
        detail:
          `seal ${seal.value.number} through event ${seal.value.throughEvent} was made, after seal ${memory.newest.number} ` +
          `through event ${memory.newest.throughEvent}: the database was put back or failed over, and payments that were ` +
          'acknowledged are lost. Stop the gateways and go by docs/lost-commits.md',
        authorizationId: null,
      });
    }
    memory.newest = seal.value;
  }
  return SEALS_MAX;
}

/** Lets go of what is older than it must be kept, in small steps. What is unresolved is never touched. */
export async function purgeHistory(
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer' | 'retentionMs' | 'refundableRetentionMs'>,
): Promise<number> {
  if (deps.retentionMs === null) return 0;
  const nowMs = deps.clock.wallMs();
  const beforeMs = nowMs - deps.retentionMs;
  const refundableBeforeMs = nowMs - Math.max(deps.retentionMs, deps.refundableRetentionMs);
  let purged = 0;
  for (let batch = 0; batch < PURGES_MAX; batch += 1) {
    const count = await callJournal('purge', deps, () =>
      deps.journal.purge(beforeMs, PURGE_BATCH, refundableBeforeMs),
    );
    if (!count.ok || count.value === 0) break;
    purged += count.value;
  }
  if (purged > 0) deps.observer.purged(purged);
  return purged;
}

/**
 * Lets go of what was delivered long ago, in small steps. What is dead stays for a person to have it sent anew, until its
 * authorization goes.
 */
export async function purgeDelivered(
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer' | 'retentionMs'>,
): Promise<number> {
  const beforeMs = deps.clock.wallMs() - (deps.retentionMs ?? DELIVERED_KEPT_MS);
  let purged = 0;
  for (let batch = 0; batch < PURGES_MAX; batch += 1) {
    const count = await callJournal('purge_deliveries', deps, () =>
      deps.journal.purgeDeliveries(beforeMs, DELIVERIES_BATCH),
    );
    if (!count.ok) break;
    purged += count.value;
    if (count.value < DELIVERIES_BATCH) break;
  }
  return purged;
}

/** Lets go of old decisions for callers that send themselves, with their keys, in small steps. */
export async function purgeDecisions(
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer' | 'retentionMs'>,
): Promise<number> {
  const beforeMs = deps.clock.wallMs() - (deps.retentionMs ?? DECISIONS_KEPT_MS);
  return inBatches('purge_decisions', deps, () => deps.journal.purgeDecisions(beforeMs, DECISIONS_BATCH));
}

/** Counts decisions that nobody reported anything of, each once, long enough after they expired. */
export async function countUnreported(
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer'>,
): Promise<number> {
  const beforeMs = deps.clock.wallMs() - REPORT_GRACE_MS;
  const count = await inBatches('count_unreported', deps, () =>
    deps.journal.countUnreported(beforeMs, DECISIONS_BATCH),
  );
  if (count > 0) deps.observer.callerDecisions({ what: 'unreported', count });
  return count;
}

async function inBatches(
  operation: string,
  deps: Pick<GatewayDeps, 'clock' | 'observer'>,
  batch: () => Promise<number>,
): Promise<number> {
  let total = 0;
  for (let turn = 0; turn < PURGES_MAX; turn += 1) {
    const count = await callJournal(operation, deps, batch);
    if (!count.ok) break;
    total += count.value;
    if (count.value < DECISIONS_BATCH) break;
  }
  return total;
}
