import { type Attempt, type AttemptOutcome, LEASE_EXPIRED } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyExpiry, applyOutcome, type Change } from '../core/lifecycle.ts';
import { NEVER_CONFIRMED, type ProviderSemantics, wasNeverConfirmed } from '../core/resolution.ts';
import { settled } from '../core/settlement.ts';
import { besideTheOthers } from './beside-the-others.ts';
import { changeAuthorization } from './change.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import type { Lapsed } from './ports.ts';

/** Authorizations taken up in one run. */
const BATCH = 200;

/**
 * What is known of an attempt whose lease ended before anybody told its outcome: nothing, unless its provider takes a
 * second step that is not taken before the id of the first is durable, and there is none.
 */
function lapsedOutcome(attempt: Attempt, semantics: ProviderSemantics | undefined): AttemptOutcome {
  if (semantics !== undefined && wasNeverConfirmed(semantics, attempt)) return NEVER_CONFIRMED;
  return { kind: 'unknown', code: LEASE_EXPIRED, providerReference: attempt.preparedReference };
}

/**
 * Takes up what a dead process left: attempts without an outcome become unknown, and open authorizations are finalised
 * from what is recorded, never resumed. Safe to run at any time, in every process, as often as wanted. A lease counts
 * as over only when it also was seen to be over for its whole length by our own monotonic clock: a wall clock that
 * jumps, or one of another machine that is ahead, must not take an attempt from a process that is still sending it.
 * Where nobody else can write the journal, other owners are dead for certain, and only our own roads need that care.
 * @returns how many authorizations were taken up
 */
export async function recoverLapsed(deps: GatewayDeps): Promise<number> {
  const nowMs = deps.clock.wallMs();
  const found = await callJournal('list_lapsed', deps, () => deps.journal.listLapsed(nowMs, BATCH));
  if (!found.ok) return 0;
  let taken = 0;
  for (const lapsed of found.value) {
    const { id } = lapsed.authorization;
    if (await besideTheOthers(id, () => takeUp(lapsed, nowMs, deps), deps)) taken += 1;
  }
  return taken;
}

/** @returns whether it was taken up */
async function takeUp(
  { authorization, owner, leaseMs }: Lapsed,
  nowMs: number,
  deps: GatewayDeps,
): Promise<boolean> {
  const sighting = `lease ${authorization.id} ${authorization.version}`;
  const isDead = deps.soleOwner && owner !== deps.owner;
  if (!isDead && deps.sightings.seenForMs(sighting) < leaseMs) return false;
  const result = await changeAuthorization(
    authorization,
    (current) => closeLapsed(current, nowMs, deps),
    {
      event: { kind: 'lapsed', actor: 'recovery', data: { reason: LEASE_EXPIRED, owner } },
    },
    deps,
  );
  if (result.kind === 'failed') return false;
  deps.sightings.forget(sighting);
  if (result.kind !== 'written') return false;
  deps.observer.alert({
    kind: 'lease_expired',
    detail: `its process left it open; it is now ${result.authorization.status}`,
    authorizationId: authorization.id,
  });
  return true;
}

function closeLapsed(current: Authorization, nowMs: number, deps: Pick<GatewayDeps, 'provider'>): Change {
  if (!current.open) return { authorization: current, remarks: [], changed: false };
  const last = current.attempts.at(-1);
  // Whatever is known of an attempt stands: a lease that ended says less.
  const { authorization, remarks } =
    last === undefined
      ? { authorization: current, remarks: [] }
      : applyOutcome(current, last.number, lapsedOutcome(last, deps.provider(last.provider)?.semantics), {
          nowMs,
          validityMs: 0,
          durationMs: null,
        });
  return { authorization: settled({ ...authorization, open: false }), remarks, changed: true };
}

/**
 * Gives back what was never captured within its validity: an authorization that is neither captured nor reversed costs
 * the cardholder, and the merchant a fee of the scheme. It is `expired` once the provider has confirmed it.
 * @returns how many authorizations were taken up
 */
export async function expireDue(deps: GatewayDeps): Promise<number> {
  const nowMs = deps.clock.wallMs();
  const found = await callJournal('list_expired', deps, () => deps.journal.listExpired(nowMs, BATCH));
  if (!found.ok) return 0;
  let taken = 0;
  for (const authorization of found.value) {
    const data = { expires_at_ms: authorization.expiresAtMs };
    const event = { kind: 'expired', actor: 'recovery', data };
    const expire = () =>
      changeAuthorization(authorization, (current) => applyExpiry(current, { nowMs }), { event }, deps);
    const result = await besideTheOthers(authorization.id, expire, deps);
    if (result?.kind === 'written') taken += 1;
  }
  return taken;
}
