import { settled } from '../core/settlement.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { conclusionOf } from './record.ts';

/** Authorizations taken up in one run. */
const BATCH = 200;

/**
 * Takes up what a crashed process left: attempts whose lease is over become unknown, and open authorizations
 * without a lease are finalised from what is recorded, never resumed. Safe to run at any time, in every process,
 * as often as wanted.
 * @returns how many authorizations were taken up
 */
export async function recoverLapsed(
  deps: Pick<GatewayDeps, 'clock' | 'journal' | 'observer' | 'renderAnswer'>,
): Promise<number> {
  const found = await callJournal('lapse', deps, () => deps.journal.lapse(deps.clock.wallMs(), BATCH));
  if (!found.ok) return 0;
  for (const { authorizationId, provider } of found.value.lapsed) {
    deps.observer.alert({
      kind: 'lease_expired',
      detail: `its process left an attempt at ${provider} without an outcome; it is unknown`,
      authorizationId,
    });
  }
  let taken = found.value.lapsed.length;
  for (const authorization of found.value.unconcluded) {
    const after = settled(authorization);
    const written = await callJournal('conclude', deps, () =>
      deps.journal.conclude({
        authorizationId: authorization.id,
        expectedVersion: authorization.version,
        outcome: null,
        ...conclusionOf(after, deps),
        reason: 'lease_expired',
        actor: 'recovery',
        atMs: deps.clock.wallMs(),
      }),
    );
    // Stale: its road or another process concluded it first, which is as good.
    if (!written.ok || written.value.kind === 'stale') continue;
    taken += 1;
    deps.observer.alert({
      kind: 'lease_expired',
      detail: `an authorization was left open by its process and is now ${after.status}`,
      authorizationId: authorization.id,
    });
  }
  return taken;
}
