import { isUnsettled } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOperationEnd, type OperationEnd } from '../core/lifecycle.ts';
import { authorizationIdIn, type Operation } from '../core/operation.ts';
import { hasWork } from '../core/settlement.ts';
import { intendedBy } from './answer-time.ts';
import { isTheirs } from './asker.ts';
import { type ChangeResult, changeAuthorization } from './change.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { callJournal } from './journal-calls.ts';
import { mayBeSentUntil } from './judge-repeat.ts';
import { operationLeaseMs } from './operate.ts';
import { type PersonsWord, resolvedBy } from './resolve-by-person.ts';
import { operationSighting } from './sightings.ts';
import { putBack } from './unrecorded.ts';
import { closingHolder, WORK_LEASE_MS } from './work-lease.ts';

/** What a person found out about a capture, void or refund: the provider did it, or it did not and will not. */
export const OPERATION_RESOLUTIONS = ['succeeded', 'failed'] as const;
type OperationResolution = (typeof OPERATION_RESOLUTIONS)[number];

/** `providerReference` is the operation's own id there. */
export interface ResolveOperationCommand extends PersonsWord<OperationResolution> {
  readonly operationId: string;
}

/** Why an operation cannot be closed by a person as things stand. */
export const OPERATION_NOT_OPEN = [
  /** It has ended: there is nothing to be resolved. */
  'ended',
  /** The road of its authorization is not over, and may find it out by itself. */
  'road_open',
  /** A void that waits for the outcome of its attempt, which is what is to be resolved. */
  'waits_for_attempt',
  /** Its call, or the resolver, may be sending it: it could be done just after it was recorded as failed. */
  'may_be_sent',
] as const;
export type OperationNotOpen = (typeof OPERATION_NOT_OPEN)[number];

export type ResolveOperationResult =
  | { readonly kind: 'resolved'; readonly authorization: Authorization }
  | { readonly kind: 'not_found' }
  | {
      readonly kind: 'not_open';
      readonly reason: OperationNotOpen;
      readonly authorization: Authorization;
      /** When to try again; null when waiting changes nothing. */
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: 'journal_unavailable' };

type NotOpen = Pick<Extract<ResolveOperationResult, { kind: 'not_open' }>, 'reason' | 'retryAfterMs'>;

/** How long its work is held while an operation is closed: longer than the clocks of two machines may differ by. */
const CLOSING_MS = 30 * 60_000;
/** When a road that is still open, or what somebody else has just changed, is worth a second look. */
const ROAD_RETRY_MS = 2_000;

/**
 * A person closes a capture, void or refund that its provider cannot tell of. It takes the same way as every other
 * evidence: conditional on the state, in the history with who said so and why. `failed` is taken only while nobody can be
 * sending the operation: not before the lease of the call that began it would be over, nor while somebody may stand still
 * who was about to repeat it or was not heard of since, and under the lease on its work, so that the resolver does not
 * send it meanwhile. A reversal of ours that failed is begun anew under another key. A journal that hangs is waited for as by
 * {@link resolveAttempt}; a lease that lands after the answer keeps others from sending until it ends by itself or the
 * person's repeat has used it.
 */
export async function resolveOperation(
  command: ResolveOperationCommand,
  deps: GatewayDeps,
): Promise<ResolveOperationResult> {
  const authorizationId = authorizationIdIn(command.operationId);
  if (authorizationId === null) return { kind: 'not_found' };
  const untilMs = intendedBy(command);
  const read = () => deps.journal.findAuthorization(authorizationId);
  const found = await callJournal('find', deps, read, null, untilMs);
  if (!found.ok) return { kind: 'journal_unavailable' };
  const authorization = found.value;
  const operation = authorization?.operations.find(({ id }) => id === command.operationId);
  if (authorization === null || operation === undefined || !isTheirs(authorization, command)) {
    return { kind: 'not_found' };
  }
  const before = whyNotOpen(authorization, operation, command.resolution, deps);
  if (before !== null) return { kind: 'not_open', authorization, ...before };

  // The same for a repetition: after the journal failed it finds its own lease.
  const holder = closingHolder(deps.owner, operation.id);
  if (command.resolution === 'failed') {
    const readAll = () => deps.journal.history(authorizationId);
    const history = await callJournal('history', deps, readAll, null, untilMs);
    if (!history.ok) return { kind: 'journal_unavailable' };
    const stillMs = mayBeSentUntil(history.value, operation) - deps.clock.wallMs();
    if (stillMs > 0) return { kind: 'not_open', authorization, reason: 'may_be_sent', retryAfterMs: stillMs };
    const nowMs = deps.clock.wallMs();
    const lease = { owner: holder, untilMs: nowMs + CLOSING_MS };
    // By a clock that is ahead, a lease could seem to be over that is not.
    const hold = () => deps.journal.holdWork(authorizationId, nowMs - CLOSING_MS, lease);
    const held = await callJournal('hold_work', deps, hold, null, untilMs);
    if (!held.ok) return { kind: 'journal_unavailable' };
    if (!held.value) {
      return { kind: 'not_open', authorization, reason: 'may_be_sent', retryAfterMs: WORK_LEASE_MS };
    }
  }
  const attempt = authorization.attempts[operation.attemptNumber - 1];
  const recordedByMs = resolvedBy(command, { provider: attempt?.provider ?? 'none' }, deps);
  const result = await record(authorization, operation, command, recordedByMs, deps);
  // When it failed the lease on it ends by itself: what is parked stays parked.
  if (result.kind === 'failed') return { kind: 'journal_unavailable' };
  if (result.kind === 'unchanged') {
    const after = result.authorization;
    if (command.resolution === 'failed' && hasWork(after)) {
      await putBack(authorizationId, holder, deps.resolverSchedule[0] ?? 0, deps, recordedByMs);
    }
    const known = after.operations[operation.number - 1] ?? operation;
    const reason = whyNotOpen(after, known, command.resolution, deps);
    return {
      kind: 'not_open',
      authorization: after,
      ...(reason ?? { reason: 'may_be_sent', retryAfterMs: ROAD_RETRY_MS }),
    };
  }
  if (attempt !== undefined) deps.sightings.forget(operationSighting(attempt.id, operation.id));
  deps.observer.resolved({
    authorizationId,
    provider: attempt?.provider ?? 'none',
    subject: operation.kind,
    by: 'person',
    result: command.resolution,
    ageMs: Math.max(0, deps.clock.wallMs() - operation.createdAtMs),
  });
  return { kind: 'resolved', authorization: result.authorization };
}

/** Null when it may be closed so. */
function whyNotOpen(
  authorization: Authorization,
  operation: Operation,
  resolution: OperationResolution,
  deps: Pick<GatewayDeps, 'clock' | 'rulesets'>,
): NotOpen | null {
  if (operation.status !== 'pending') return { reason: 'ended', retryAfterMs: null };
  if (authorization.open) return { reason: 'road_open', retryAfterMs: ROAD_RETRY_MS };
  const attempt = authorization.attempts[operation.attemptNumber - 1];
  if (operation.kind === 'void' && isUnsettled(attempt?.outcome ?? null)) {
    return { reason: 'waits_for_attempt', retryAfterMs: null };
  }
  if (resolution === 'succeeded') return null;
  const contract = deps.rulesets.current().providers.get(attempt?.provider ?? '');
  const overAtMs = operation.createdAtMs + operationLeaseMs(contract?.timeoutMs ?? 0);
  const leftMs = overAtMs - deps.clock.wallMs();
  return leftMs > 0 ? { reason: 'may_be_sent', retryAfterMs: leftMs } : null;
}

/**
 * Writes it unless somebody else has found out more meanwhile.
 * @param untilMs monotonic clock until which it is waited for
 */
function record(
  authorization: Authorization,
  operation: Operation,
  command: ResolveOperationCommand,
  untilMs: number,
  deps: GatewayDeps,
): Promise<ChangeResult> {
  const { resolution, evidence } = command;
  const end: OperationEnd = {
    status: resolution,
    code: resolution === 'failed' ? 'closed_by_person' : null,
    providerReference: command.providerReference,
  };
  return changeAuthorization(
    authorization,
    (current) => {
      const known = current.operations[operation.number - 1] ?? operation;
      // Who has changed it since its history was read may be sending it.
      const isOvertaken = resolution === 'failed' && current.version !== authorization.version;
      if (isOvertaken || whyNotOpen(current, known, resolution, deps) !== null) {
        return { authorization: current, remarks: [], changed: false };
      }
      return applyOperationEnd(current, operation.number, end, { nowMs: deps.clock.wallMs() });
    },
    {
      event: {
        kind: 'resolved_by_person',
        actor: command.account,
        data: { operation: operation.id, resolution, evidence, ...end },
      },
      // What is left, a reversal begun anew among it, is nobody's.
      work: (plan) => (plan === null || resolution === 'succeeded' ? plan : { ...plan, lease: null }),
      untilMs,
    },
    deps,
  );
}
