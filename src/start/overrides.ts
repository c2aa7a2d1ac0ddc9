import type { ProviderOverride } from '../gateway/ports.ts';
import { Lanes } from '../guards/lanes.ts';
import type { OpenedSharing, Parts } from './parts.ts';
import { tellOthers } from './tell-others.ts';
import { clock } from './this-process.ts';

/** Lanes with the overrides that hold already. */
export async function openLanes({
  journal,
  shared,
  overrideNews,
  metrics,
  log,
}: Pick<Parts, 'journal' | 'overrideNews' | 'metrics' | 'log'> & {
  readonly shared: OpenedSharing | null;
}): Promise<Lanes> {
  const lanes = new Lanes(new Map(), {
    clock,
    ...(shared !== null && { shared: shared.sharing }),
    onTransition: ({ provider, brand, from, to }) => {
      metrics.breakerChanged({ provider, brand, state: to });
      log.warn('breaker', { provider, brand, from, to });
    },
  });
  const overrides = await journal.listOverrides();
  lanes.setOverrides(overrides);
  for (const override of overrideNews.newIn(overrides)) {
    if (isInForce(override)) log.warn('override_in_force', overrideFields(override));
  }
  return lanes;
}

/**
 * Durable first, then in force here, then told to the others: whenever it is saved, also when nobody waits for it any more.
 * @throws JournalError when it could not be saved, or nobody knows whether: what others see there is taken over from them
 */
export async function takeOverride(
  override: ProviderOverride,
  {
    journal,
    lanes,
    overrideNews,
    log,
    shared,
  }: Pick<Parts, 'journal' | 'lanes' | 'overrideNews' | 'log'> & {
    readonly shared: Pick<OpenedSharing, 'state'> | null;
  },
): Promise<void> {
  overrideNews.taking(override);
  try {
    await journal.saveOverride(override);
  } catch (error) {
    if (overrideNews.notTaken(override)) log.warn('override_taken_over', overrideFields(override));
    throw error;
  }
  log.warn('override', overrideFields(override));
  lanes.setOverrides(await journal.listOverrides());
  tellOthers(shared?.state ?? null, 'overrides');
}

/** Not over, and not one that ends another. */
function isInForce({ mode, expiresAtMs }: ProviderOverride): boolean {
  return mode !== 'auto' && (expiresAtMs === null || expiresAtMs > clock.wallMs());
}

/** An override as a line of the log has it. */
export function overrideFields({
  provider,
  brand,
  merchant,
  mode,
  reason,
  author,
  createdAtMs,
  expiresAtMs,
}: ProviderOverride) {
  const expires = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
  const taken = new Date(createdAtMs).toISOString();
  return { provider, brand, merchant, mode, reason, author, taken, expires };
}
