import type { Authorization } from '../core/authorization.ts';
import { besideTheOthers } from './beside-the-others.ts';
import { type ChangeRecord, type ChangeResult, changeAuthorization, eventAlone } from './change.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { HeldWork } from './ports.ts';
import { mayBeEnded, WORK_LEASE_MS } from './work-lease.ts';

/** Leases watched at once, at most: those that end last come first, and the others end by themselves. */
const WATCHED_MAX = 10_000;

/**
 * Kind of the event that records that the lease of whoever may have been sending was ended by another process, or ran out
 * before they gave it back.
 */
export const LEASE_ENDED = 'lease_ended';

/**
 * Records that nobody has heard of whoever had this work in hand. The authorization has another version after it, so that
 * nothing that they still want to write by what they read before is written unread.
 */
export function recordLeaseEnded(
  authorization: Authorization,
  owner: string,
  work: NonNullable<ChangeRecord['work']>,
  deps: GatewayDeps,
): Promise<ChangeResult> {
  return changeAuthorization(
    authorization,
    eventAlone,
    { event: { kind: LEASE_ENDED, actor: 'recovery', data: { owner } }, work },
    deps,
  );
}

/**
 * Ends leases on work whose holder is gone: a killed process frees none, and a taking up that was not confirmed leaves one
 * that nobody knows of. A lease ends only once this process has itself seen it, unchanged, for {@link WORK_LEASE_MS} by its own
 * monotonic clock; no wall clock has a say. Its holder sends nothing after that ({@link GatewayDeps.sendLimit}), and what was
 * sent before is found out like everything else: by inquiry first, and repeated only where the provider's keys or its
 * "not found" allow it.
 */
export class LeaseWatch {
  readonly #deps: GatewayDeps;
  /** Since when each lease was seen, monotonic. One that is not listed any more is forgotten. */
  #seen: ReadonlyMap<string, number> = new Map();

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /**
   * Looks at the leases there are. Safe to run at any time, in every process, as often as wanted.
   * @returns how many were ended
   */
  async look(): Promise<number> {
    const { clock, journal } = this.#deps;
    const wallMs = clock.wallMs();
    const beforeMs = clock.monotonicMs();
    const listed = await callJournal('list_held', this.#deps, () =>
      journal.listHeldWork(wallMs, WATCHED_MAX),
    );
    if (!listed.ok) return 0;
    const afterMs = clock.monotonicMs();
    const seen = new Map<string, number>();
    const over: HeldWork[] = [];
    for (const held of listed.value) {
      const { authorizationId, lease } = held;
      if (!mayBeEnded(lease.owner)) continue;
      const sighting = `${authorizationId} ${lease.untilMs} ${lease.owner}`;
      const sinceMs = this.#seen.get(sighting) ?? afterMs;
      seen.set(sighting, sinceMs);
      if (beforeMs - sinceMs >= WORK_LEASE_MS) over.push(held);
    }
    this.#seen = seen;
    let ended = 0;
    for (const held of over) {
      const end = () => endLease(held, this.#deps);
      if (await besideTheOthers(held.authorizationId, end, this.#deps)) ended += 1;
    }
    return ended;
  }
}

/** Takes the work over, then puts it back for whoever comes first, with an event. */
async function endLease(held: HeldWork, deps: GatewayDeps): Promise<boolean> {
  const { authorizationId, lease } = held;
  const nowMs = deps.clock.wallMs();
  const own = { owner: deps.owner, untilMs: nowMs + WORK_LEASE_MS };
  const taken = await callJournal('take_over_work', deps, () => deps.journal.takeOverWork(held, own));
  if (!taken.ok || !taken.value) return false;
  const found = await callJournal('find', deps, () => deps.journal.findAuthorization(authorizationId));
  if (!found.ok || found.value === null) return false;
  const free = { step: 0, failures: 0, dueAtMs: nowMs, lease: null };
  const result = await recordLeaseEnded(found.value, lease.owner, () => free, deps);
  if (result.kind !== 'written') return false;
  deps.observer.alert({
    kind: 'lease_expired',
    detail: `${lease.owner} had work of it in hand and has not been heard of for ${WORK_LEASE_MS / 1_000} s; others look at it now`,
    authorizationId,
  });
  return true;
}
